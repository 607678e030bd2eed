//! The clock of this program: dates for people and milliseconds for journals.
//!
//! Must never be asked what to do: decisions come from the seed, the clock only says when.
#![allow(clippy::disallowed_methods, reason = "a carrier answers in real time")]

use jiff::Timestamp;
use tokio::time::Instant;

/// Now, as a calendar knows it.
pub(crate) fn today() -> Timestamp {
    Timestamp::now()
}

/// Now, for waiting.
pub(crate) fn now() -> Instant {
    Instant::now()
}
