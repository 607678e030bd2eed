//! What happens to one text: decided once, from the dice and the settings.
//!
//! Must never look at a clock or a connection: the same dice and settings give the same fate.

use crate::chance::{Dice, Question};
use crate::settings::Behaviour;
use std::time::Duration;

/// How a text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Delivered,
    Undelivered,
}

/// What the sender hears after a submit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A response with an id.
    Given,
    /// ESME_RMSGQFUL.
    QueueFull,
    /// Nothing, and the connection stays.
    Lost,
    /// Nothing, and the connection is cut.
    Dropped,
}

/// What a person does with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    Nothing,
    Stop,
    /// The number picks one of the texts.
    Reply(u64),
}

/// All that happens to one text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fate {
    pub(crate) answer: Answer,
    /// Whether the text leaves for the phone.
    pub(crate) went: bool,
    pub(crate) ending: Ending,
    pub(crate) receipt: bool,
    pub(crate) duplicate: bool,
    pub(crate) before: bool,
    pub(crate) latency: Duration,
    pub(crate) receipt_delay: Duration,
    pub(crate) reaction: Reaction,
    pub(crate) reply_delay: Duration,
    pub(crate) misbehaves: bool,
}

impl Fate {
    /// Rolls the dice of one text.
    pub(crate) fn of(dice: Dice, set: &Behaviour) -> Self {
        let yes = |question, share: crate::settings::Share| dice.yes(question, share.fraction());
        let answer = if yes(Question::QueueFull, set.queue_full) {
            Answer::QueueFull
        } else if yes(Question::Dropped, set.dropped) {
            Answer::Dropped
        } else if yes(Question::Lost, set.lost) {
            Answer::Lost
        } else {
            Answer::Given
        };
        let went = match answer {
            Answer::Given => true,
            Answer::QueueFull => false,
            Answer::Lost | Answer::Dropped => yes(Question::LostWent, set.lost_went),
        };
        let ending = if yes(Question::Undelivered, set.undelivered) {
            Ending::Undelivered
        } else {
            Ending::Delivered
        };
        Self {
            answer,
            went,
            ending,
            receipt: !yes(Question::Receipt, set.no_receipt),
            duplicate: yes(Question::Duplicate, set.duplicate_receipts),
            before: yes(Question::Before, set.receipt_before_response),
            latency: set.latency_ms.at(dice.fraction(Question::Latency)),
            receipt_delay: set.receipt_delay_ms.at(dice.fraction(Question::ReceiptDelay)),
            reaction: reaction(dice, set, went && ending == Ending::Delivered),
            reply_delay: set.reply_delay_ms.at(dice.fraction(Question::ReplyDelay)),
            misbehaves: yes(Question::Misbehave, set.on_submit_share),
        }
    }
}

/// STOP and replies share one die: together they are never more than everybody.
fn reaction(dice: Dice, set: &Behaviour, read: bool) -> Reaction {
    let fraction = dice.fraction(Question::Reply);
    if !set.people || !read {
        Reaction::Nothing
    } else if fraction < set.stops.fraction() {
        Reaction::Stop
    } else if fraction < set.stops.fraction() + set.replies.fraction() {
        Reaction::Reply(dice.roll(Question::ReplyText))
    } else {
        Reaction::Nothing
    }
}

impl Reaction {
    /// What the person writes, if anything.
    pub(crate) fn text(self, set: &Behaviour) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Stop => Some("STOP".to_owned()),
            Self::Reply(roll) => {
                let count = set.reply_texts.len() as u64;
                let index = roll.checked_rem(count)? as usize;
                set.reply_texts.get(index).cloned()
            }
        }
    }
}
