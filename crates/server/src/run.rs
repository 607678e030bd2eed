//! The only place that reads a clock or waits.
//!
//! Must never decide anything: it hands instants to those who do.

#![allow(clippy::disallowed_methods, reason = "the one place where time comes into the program")]

use std::time::{Duration, Instant};

/// Real time since it was made: for progress and summaries, never for decisions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
