//! How far something is, for people who watch.
//!
//! Must never write to standard output, and must never show anything when standard error is not a
//! terminal: logs are no place for moving lines.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal};

const TEMPLATE: &str = "{msg} {wide_bar} {percent}% {pos}/{len} {prefix}, {eta} left";

/// A line that moves.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// `what` is being done, in steps of `unit`.
    pub(crate) fn new(what: &'static str, unit: &'static str) -> Progress {
        let target = if io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        // A template that does not parse costs the looks, not the work.
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        Progress { bar: bar.with_message(what).with_prefix(unit) }
    }

    /// So much of so much is done.
    pub(crate) fn show(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        // Also when the work failed: the error stands on a line of its own then.
        self.bar.finish_and_clear();
    }
}
