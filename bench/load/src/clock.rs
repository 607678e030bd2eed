//! The only place of the load generator that reads the clock or waits.

#![allow(clippy::disallowed_methods, reason = "a load generator measures real time")]

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use wayline_core::time::Timestamp;

/// Measures from when it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    start: Instant,
    /// The same instant on the wall, to compare with what a server wrote down.
    wall: Timestamp,
}

impl Stopwatch {
    pub(crate) fn start() -> Stopwatch {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Stopwatch { start: Instant::now(), wall: Timestamp(wall.as_millis() as i64) }
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.start.elapsed()
    }

    /// Waits until it shows that much; at once when it does already.
    pub(crate) fn wait_until(self, shown: Duration) {
        pause(shown.saturating_sub(self.elapsed()));
    }

    /// The instant at which it showed that much.
    pub(crate) fn wall(self, shown: Duration) -> Timestamp {
        Timestamp(self.wall.0 + shown.as_millis() as i64)
    }
}

/// Waits.
pub(crate) fn pause(time: Duration) {
    if !time.is_zero() {
        thread::sleep(time);
    }
}
