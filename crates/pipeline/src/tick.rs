//! The instant of decisions in a turn.
//!
//! Must never be read from a clock: whoever drives the stages says it.

use wayline_core::time::Timestamp;

/// When things that are due are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// The live program: whatever is due by now is decided now, late or not.
    Live(Timestamp),
    /// A virtual clock: everything due up to this instant is decided at the very instant it was due.
    Virtual(Timestamp),
}

impl Tick {
    /// Up to when things are due, included.
    #[must_use]
    pub fn until(self) -> Timestamp {
        match self {
            Tick::Live(now) | Tick::Virtual(now) => now,
        }
    }

    /// The instant at which a thing due at `due` is decided.
    #[must_use]
    pub fn at(self, due: Timestamp) -> Timestamp {
        match self {
            Tick::Live(now) => now,
            Tick::Virtual(until) => due.min(until),
        }
    }
}
