//! Who replies by itself to a STOP, HELP or START: from which sender, and to which of several contacts with one number.
//!
//! Must never make two contacts with one number get two replies to one text.

use crate::addressee::same_number;
use crate::advance::{Pipeline, PipelineError};
use crate::gateway::{Destination, Inbound};
use std::borrow::Cow;
use wayline_core::carrier::gateway_id;
use wayline_core::consent::{Channel, ConsentState};
use wayline_core::contact::State;
use wayline_core::event::{Input, InputKind, ReplyFrom};
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::keyword::{AutoReply, Keyword, classify};
use wayline_core::policy::settings::Settings;

impl Pipeline {
    /// The sender that replies to a text: the one it went to, where that is known.
    pub(crate) fn reply_from(&self, workspace: WorkspaceId, inbound: &Inbound) -> ReplyFrom {
        let sender = self.settings(workspace).and_then(|it| written_to(it, inbound));
        sender.map_or(ReplyFrom::Last, ReplyFrom::Sender)
    }

    /// Of several contacts who hear a text the one who is replied to: the first for whom it changes something. `None`:
    /// it need not be told.
    pub(crate) async fn replied_to(
        &self,
        workspace: WorkspaceId,
        text: &str,
        listeners: &[ContactId],
    ) -> Result<Option<ContactId>, PipelineError> {
        let word = self.settings(workspace).and_then(|settings| replied(settings, text));
        let after = match word {
            Some(AutoReply::Stop) if listeners.len() > 1 => ConsentState::OptedOut,
            Some(AutoReply::Start) if listeners.len() > 1 => ConsentState::OptedIn,
            _ => return Ok(None),
        };
        let records = self.store.contacts(listeners).await?;
        for (contact, record) in listeners.iter().zip(records) {
            // One that cannot be read is set aside later, and gets no reply.
            let Some(record) = record else { continue };
            let consent = match State::decode(*contact, &record.state) {
                Ok(state) => state.consent(Channel::Sms, None),
                Err(_) if record.version == 0 => None,
                Err(_) => continue,
            };
            if consent != Some(after) {
                return Ok(Some(*contact));
            }
        }
        Ok(listeners.first().copied())
    }

    fn settings(&self, workspace: WorkspaceId) -> Option<&Settings> {
        self.engine(workspace).map(|engine| &engine.program.settings)
    }
}

/// The input as one of its listeners gets it: all but one are silent, where one is named.
pub(crate) fn for_one(input: &Input, contact: ContactId, replied_to: Option<ContactId>) -> Input {
    let mut input = Cow::Borrowed(input);
    if replied_to.is_some_and(|id| id != contact)
        && let InputKind::Inbound { reply_from, .. } = &mut input.to_mut().kind
    {
        *reply_from = ReplyFrom::Nobody;
    }
    input.into_owned()
}

/// The word of a text that the workspace replies to.
fn replied(settings: &Settings, text: &str) -> Option<AutoReply> {
    let word = match classify(text, settings, std::iter::empty()) {
        Keyword::Stop => AutoReply::Stop,
        Keyword::Help => AutoReply::Help,
        Keyword::Start { .. } => AutoReply::Start,
        Keyword::Own { .. } | Keyword::Other => return None,
    };
    settings.auto_replies.of(word).map(|_| word)
}

/// The sender a text went to, by its number; of several with one number the one of that gateway.
fn written_to(settings: &Settings, inbound: &Inbound) -> Option<String> {
    let Destination::Sender { gateway, number } = &inbound.destination else { return None };
    let own = || settings.senders.iter().filter(|sender| same_number(&sender.number, number));
    let by_gateway = own().find(|sender| sender.gateway == gateway_id(gateway));
    by_gateway.or_else(|| own().next()).map(|sender| sender.id.clone())
}
