//! The people of the demo (`examples/demo`): who comes, what they do at which hour, how they answer a text.
//!
//! Everything is a hash of a seed and an instant, so a town that is resumed goes on as one that never stopped.
//! Must never remember what it told, and never read a clock.

mod life;
mod person;
mod react;
#[cfg(test)]
mod tests;

pub use react::Reaction;

use serde_json::{Value, json};
use std::collections::VecDeque;
use wayline_core::time::{Span, Timestamp};

/// People who are there when the town is founded.
pub const FOUNDERS: u64 = 200;
/// Most people there ever are.
pub const PEOPLE_MAX: u64 = 5_000;
/// The longest stretch that one call of [`Town::next`] tells: what it answers stays bounded.
pub const TURN: Span = Span::hours(3);

/// New people by hour of the day, UTC: few while America sleeps. 60 a day.
const ARRIVALS: [u64; 24] =
    [4, 4, 3, 2, 1, 1, 0, 0, 0, 0, 1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 3, 4, 4];
/// Nothing that begins in an hour goes on longer than so many hours after it.
const HOURS_OPEN: i64 = 3;

/// Something that people of the town do.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// What the business's own systems send: a message in the shape of Segment's.
    Line(Value),
    /// Somebody texts the business.
    Text {
        /// The business's id of the person.
        user_id: String,
        /// Their number.
        from: String,
        /// What they write.
        text: String,
    },
}

impl Happening {
    /// As a line of a recorded history.
    #[must_use]
    pub fn into_line(self, at: Timestamp) -> Value {
        match self {
            Happening::Line(line) => line,
            Happening::Text { user_id, text, .. } => json!({
                "type": "inbound",
                "userId": user_id,
                "messageId": format!("text-{user_id}-{}", at.0),
                "timestamp": at.to_string(),
                "text": text,
            }),
        }
    }
}

/// The people, and how far their lives have been told.
#[derive(Clone, Debug)]
pub struct Town {
    seed: u64,
    founded: Timestamp,
    /// Told up to and including this instant.
    told: Timestamp,
    /// The next hour to be made up, counted from 1970.
    hour: i64,
    /// Made up, not yet told; by time.
    open: VecDeque<(Timestamp, Happening)>,
}

impl Town {
    /// A town that begins at that instant, with [`FOUNDERS`] people.
    #[must_use]
    pub fn new(seed: u64, founded: Timestamp) -> Town {
        Town::resume(seed, founded, Timestamp(founded.0 - 1))
    }

    /// The same town, told up to and including `from` before.
    #[must_use]
    pub fn resume(seed: u64, founded: Timestamp, from: Timestamp) -> Town {
        let hour = (hour_of(from) - HOURS_OPEN).max(hour_of(founded));
        Town { seed, founded, told: from, hour, open: VecDeque::new() }
    }

    /// What happened since the last call, up to and including `now`, by time; at most [`TURN`] of it.
    /// [`Town::told`] says how far it went.
    pub fn next(&mut self, now: Timestamp) -> Vec<(Timestamp, Happening)> {
        let until = now.min(self.told + TURN);
        while self.hour <= hour_of(until) {
            self.make_up_hour();
        }
        let count = self.open.partition_point(|(at, _)| *at <= until);
        self.told = self.told.max(until);
        self.open.drain(..count).collect()
    }

    /// The last instant told.
    #[must_use]
    pub fn told(&self) -> Timestamp {
        self.told
    }

    /// When to ask again: the next happening that is known, or the hour after which nothing is.
    #[must_use]
    pub fn due(&self) -> Timestamp {
        let unknown = Timestamp(self.hour * Span::hours(1).0);
        self.open.front().map_or(unknown, |(at, _)| (*at).min(unknown))
    }

    /// How many people there are at an instant.
    #[must_use]
    pub fn people(&self, at: Timestamp) -> u64 {
        self.people_before_hour(hour_of(at) + 1)
    }

    fn people_before_hour(&self, hour: i64) -> u64 {
        // Those of the founding hour itself are the founders.
        let first = hour_of(self.founded) + 1;
        let hours = (hour - first).max(0);
        let whole: u64 = ARRIVALS.iter().sum::<u64>() * (hours / 24) as u64;
        let rest: u64 = (0..hours % 24).map(|place| arrivals(first + place)).sum();
        (FOUNDERS + whole + rest).min(PEOPLE_MAX)
    }

    fn make_up_hour(&mut self) {
        let mut made = life::hour(self, self.hour);
        self.hour += 1;
        made.retain(|(at, _)| *at > self.told);
        self.open.extend(made);
        // What was open from the hours before runs into this one. Equal instants keep their order.
        self.open.make_contiguous().sort_by_key(|(at, _)| *at);
    }
}

fn hour_of(at: Timestamp) -> i64 {
    at.0.div_euclid(Span::hours(1).0)
}

fn arrivals(hour: i64) -> u64 {
    ARRIVALS[hour.rem_euclid(24) as usize]
}
