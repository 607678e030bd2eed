//! The clock of this program: dates for people and milliseconds for journals.
//!
//! Must never be asked what to do: decisions come from the seed, the clock only says when.
#![allow(clippy::disallowed_methods, reason = "a carrier answers in real time")]

use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// How much later than asked tokio's timers may fire: they count whole milliseconds, rounded up twice.
const ROUGH: Duration = Duration::from_millis(3);

/// Now, as a calendar knows it.
pub(crate) fn today() -> Timestamp {
    Timestamp::now()
}

/// Now, for waiting.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits until then, to a fraction of a millisecond: a carrier that is 50 ms away must not be 52 ms away. A timer of the
/// operating system is exact and dear, so only the end of a wait takes one.
pub(crate) async fn sleep_until(at: Instant) {
    if let Some(rough) = at.checked_sub(ROUGH)
        && rough > now()
    {
        tokio::time::sleep_until(rough).await;
    }
    async_io::Timer::at(at.into_std()).await;
}
