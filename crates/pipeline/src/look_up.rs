//! When a carrier is asked what became of a message whose answer was lost.
//!
//! ```text
//!  handed out ── 90 s ── asked ── 10 min ── asked ── 2 h ── asked ── 24 h: no more
//! ```
//! In memory only: a new run asks again. Must never ask while an answer may still come, and must never hold more than a
//! bounded number of messages.

use crate::resolve::ANSWERS_COME_WITHIN;
use std::collections::BTreeMap;
use wayline_core::ids::MessageId;
use wayline_core::message::Message;
use wayline_core::time::{Span, Timestamp};

/// How long after it was handed out a message is asked for, each time.
const ASKED_AFTER: [Span; 3] = [ANSWERS_COME_WITHIN, Span::minutes(10), Span::hours(2)];
/// What is older is asked for no more.
const ASKED_WITHIN: Span = Span::hours(24);
/// What one gateway is asked at one time.
const UNDER_WAY_MAX: usize = 4;
/// Messages of one gateway that wait for being asked for, the oldest; the others are seen again.
const WAITING_MAX: usize = 250;
/// Messages of which is known how often they were asked for. While they are as many, nothing new is asked for.
const ASKED_MAX: usize = 100_000;

/// In the order in which they are asked for: the oldest first.
type Place = (Timestamp, MessageId);

/// What is to be asked, what is being asked, and what was.
#[derive(Debug, Default)]
pub struct LookUps {
    /// How many of the times in [`ASKED_AFTER`] have been.
    asked: BTreeMap<Place, usize>,
    /// By gateway.
    waiting: BTreeMap<String, BTreeMap<Place, Message>>,
    /// By gateway.
    under_way: BTreeMap<String, usize>,
}

impl LookUps {
    /// Takes in a message that is `unknown`: it waits for being asked for, if it is time.
    pub fn note(&mut self, message: Message, now: Timestamp) {
        self.forget(now);
        let Some(place) = place(&message) else { return };
        let times = times(place, now);
        let asked = self.asked.get(&place).copied();
        let is_full = asked.is_none() && self.asked.len() >= ASKED_MAX;
        if is_full || times <= asked.unwrap_or(0) {
            return;
        }
        let waiting = self.waiting.entry(message.gateway.clone()).or_default();
        waiting.insert(place, message);
        if waiting.len() > WAITING_MAX {
            waiting.pop_last();
        }
    }

    /// The next message to ask a gateway for, where one has room; [`LookUps::done`] gives the room back.
    pub fn next(&mut self, now: Timestamp) -> Option<Message> {
        let under_way = &self.under_way;
        let has_room = |gateway: &str| under_way.get(gateway).is_none_or(|it| *it < UNDER_WAY_MAX);
        loop {
            let (gateway, waiting) =
                self.waiting.iter_mut().find(|(gateway, _)| has_room(gateway))?;
            let Some((place, message)) = waiting.pop_first() else {
                let gateway = gateway.clone();
                self.waiting.remove(&gateway);
                continue;
            };
            let times = times(place, now);
            if times > 0 {
                self.asked.insert(place, times);
                *self.under_way.entry(message.gateway.clone()).or_default() += 1;
                return Some(message);
            }
        }
    }

    /// A gateway has answered, or could not be asked.
    pub fn done(&mut self, gateway: &str) {
        if let Some(under_way) = self.under_way.get_mut(gateway) {
            *under_way = under_way.saturating_sub(1);
            if *under_way == 0 {
                self.under_way.remove(gateway);
            }
        }
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some(first) = self.asked.first_entry()
            && first.key().0 + ASKED_WITHIN < now
        {
            first.remove();
        }
    }
}

fn place(message: &Message) -> Option<Place> {
    message.handed_out_at.map(|at| (at, message.id))
}

/// How many of the times at which it is asked for have come; 0 also when it is too old.
fn times((handed_out_at, _): Place, now: Timestamp) -> usize {
    if handed_out_at + ASKED_WITHIN < now {
        return 0;
    }
    ASKED_AFTER.iter().filter(|after| handed_out_at + **after <= now).count()
}
