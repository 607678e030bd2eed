//! The life of a message, drawn a second time.
//!
//! Must never be derived from the drawing in the core: two drawings that agree are worth more than one.

use wayline_core::message::MessageState::{
    self, Delivered, Dropped, Expired, Failed, Held, Queued, Submitted, Submitting, Undelivered,
    Unknown, Withdrawn,
};

/// Whether a message may go from one state to another.
pub(crate) fn may_become(from: MessageState, to: MessageState) -> bool {
    let before_handover = [Held, Queued, Withdrawn, Dropped];
    let by_receipt = [Delivered, Undelivered, Expired, Failed];
    // A carrier that refused it may have taken it all the same; that it was refused is known.
    let taken_after_all = [Submitted, Delivered, Undelivered, Expired];
    match from {
        Held => before_handover.contains(&to) || taken_after_all.contains(&to),
        Queued => {
            before_handover.contains(&to) || taken_after_all.contains(&to) || to == Submitting
        }
        Submitting => {
            by_receipt.contains(&to) || [Queued, Submitted, Unknown, Dropped].contains(&to)
        }
        Unknown => by_receipt.contains(&to) || to == Submitted,
        Submitted => by_receipt.contains(&to),
        Delivered | Undelivered | Failed | Expired | Withdrawn | Dropped => false,
    }
}
