//! Facts fold into counters: one definition of what each counter counts.
//!
//! Must never count anything that is not a stored decision, so that a recount always agrees.

use crate::decision::{Decision, What};
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

/// The counter a decision adds one to, if any. Waiting at a step = reached - left.
#[must_use]
pub fn counter_of(decision: &Decision) -> Option<CounterKey> {
    let journey = decision.journey?;
    let counted = matches!(
        decision.what,
        What::Entered
            | What::Restarted
            | What::Reached
            | What::Left
            | What::Held
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
