//! Facts fold into counters: one definition of what each counter counts.
//!
//! Must never count anything that is not a stored decision, so that a recount always agrees.

use crate::decision::{Decision, HELD_AGAIN, Reason, What};
use crate::ids::JourneyId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Which counter. One row per journey, version, step, variant, what and UTC hour.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CounterKey {
    /// Journey.
    pub journey: JourneyId,
    /// Its version.
    pub version: u32,
    /// Step index; `None`: the journey as a whole.
    pub step: Option<u16>,
    /// Arm of the last experiment passed; empty: none.
    pub variant: String,
    /// What is counted.
    pub what: What,
    /// Start of the UTC hour.
    pub hour: Timestamp,
}

/// What an enrollment on a step stands there for, as counters tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// For an instant, for something to happen, or for a webhook.
    Waiting,
    /// Its message is held.
    Held,
}

/// What one of this counter does to the number of those who stand on its step now, summed over all hours:
/// waiting = reached + called - answered - left, held = held - released. Those on a step who are neither have
/// their message in the outbox or at its gateway: entered - exited, less all who wait or are held. (That sum is of
/// the journey over all versions: a restart may move an enrollment to another one.)
#[must_use]
pub fn standing(what: What) -> Option<(Standing, i64)> {
    match what {
        What::Reached | What::Called => Some((Standing::Waiting, 1)),
        What::Left | What::Answered => Some((Standing::Waiting, -1)),
        What::Held => Some((Standing::Held, 1)),
        What::Released => Some((Standing::Held, -1)),
        _ => None,
    }
}

/// The counter a decision adds one to, if any.
///
/// `held` counts the times a message became held: that a held one is asked about and stays is decided, and not
/// counted. `released` counts the times one was held no longer, `dropped` and `withdrawn` all that were, held or not.
/// A call that could not even be made is answered (`template_failed`) and was never called: not counted.
#[must_use]
pub fn counter_of(decision: &Decision) -> Option<CounterKey> {
    let journey = decision.journey?;
    let again = decision.what == What::Held && decision.detail == HELD_AGAIN;
    let never_made = decision.what == What::Answered && decision.reason == Reason::TemplateFailed;
    if again || never_made {
        return None;
    }
    let counted = matches!(
        decision.what,
        What::Entered
            | What::Restarted
            | What::Reached
            | What::Left
            | What::Held
            | What::Released
            | What::Called
            | What::Answered
            | What::Sent
            | What::Dropped
            | What::Withdrawn
            | What::Failed
            | What::Unknown
            | What::Delivered
            | What::Clicked
            | What::Replied
            | What::Converted
            | What::Exited
    );
    counted.then(|| CounterKey {
        journey,
        version: decision.version,
        step: decision.step,
        variant: decision.variant.clone(),
        what: decision.what,
        hour: decision.at.hour(),
    })
}
