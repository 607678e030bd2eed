//! Finding a message whose answer was lost among those that a provider lists.
//!
//! Must never take one that may be another message: then none is found.

use super::read;
use wayline_core::carrier::CarrierError;
use wayline_core::event::ReceiptStatus;
use wayline_core::message::Message;
use wayline_core::time::Timestamp;
use wayline_pipeline::gateway::LookedUp;

/// A message as a provider lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// The provider's id.
    pub(super) id: String,
    /// Where it went.
    pub(super) to: String,
    /// Where it came from.
    pub(super) from: String,
    /// What it says.
    pub(super) text: String,
    /// When it was taken.
    pub(super) at: Timestamp,
    /// What became of it; `None`: that is not known.
    pub(super) status: Option<ReceiptStatus>,
    /// What the provider says was wrong.
    pub(super) error: Option<CarrierError>,
}

/// The one message of the list that can be it.
pub(super) fn only(message: &Message, from: &str, listed: Result<Vec<Listed>, String>) -> LookedUp {
    let listed = match listed {
        Ok(listed) => listed,
        Err(why) => return LookedUp::Failed(why),
    };
    let Some((since, until)) = LookedUp::taken_within(message) else { return LookedUp::NotThere };
    let is_it = |it: &Listed| {
        (read::e164(&it.to), read::e164(&it.from)) == (read::e164(&message.to), read::e164(from))
            && it.text == message.text
            && (since..=until).contains(&it.at)
            && !it.id.is_empty()
    };
    let mut found = listed.into_iter().filter(is_it);
    match (found.next(), found.next()) {
        (Some(Listed { id, status: Some(status), error, .. }), None) => LookedUp::Found {
            gateway_ref: id,
            receipt: (status != ReceiptStatus::Accepted).then_some((status, error)),
        },
        _ => LookedUp::NotThere,
    }
}
