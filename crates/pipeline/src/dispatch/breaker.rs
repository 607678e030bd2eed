//! A circuit breaker: a gateway that keeps failing is left alone for a while, then tried with one message.
//!
//! ```text
//!            failures in a row            time is over             it was taken
//!  closed ────────────────────▶ open ────────────────▶ half open ────────────────▶ closed
//!                                 ▲                        │ it failed: twice as long
//!                                 └────────────────────────┘
//! ```
//! Must never open because of what is wrong with a message: only a gateway that cannot be reached, closes its routes or
//! loses its answers.

use wayline_core::time::{Span, Timestamp};

/// Failures in a row that open it.
const FAILURES_MAX: u32 = 5;
/// How long the one that tries is waited for: longer than any submit may take.
const TRIES_FOR: Span = Span::seconds(90);
/// How long it is open the first time …
const OPEN_MIN: Span = Span::seconds(5);
/// … and at most.
const OPEN_MAX: Span = Span::minutes(5);

/// The breaker of one gateway.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    /// Until when, and how long this time.
    open: Option<(Timestamp, Span)>,
    /// Since when the one message that tries is under way.
    trying: Option<Timestamp>,
}

/// What a breaker lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// Everything.
    Closed,
    /// One message, to see.
    HalfOpen,
    /// Nothing until then.
    Open(Timestamp),
}

impl Breaker {
    /// What may pass now.
    #[must_use]
    pub(crate) fn passage(&self, now: Timestamp) -> Passage {
        match self.open {
            None => Passage::Closed,
            Some((until, _)) if now < until => Passage::Open(until),
            // Whoever tries must come back within the longest submit; until then nobody else does.
            Some(_) if self.trying.is_some_and(|since| now < since + TRIES_FOR) => {
                Passage::Open(now + Span::seconds(1))
            }
            Some(_) => Passage::HalfOpen,
        }
    }

    /// A message was handed out.
    pub(crate) fn hand_out(&mut self, now: Timestamp) {
        self.trying = self.open.map(|_| now);
    }

    /// The gateway works.
    pub(crate) fn succeeded(&mut self) {
        *self = Breaker::default();
    }

    /// The gateway failed. Returns whether that opened it.
    pub(crate) fn failed(&mut self, now: Timestamp) -> bool {
        let was_trying = self.trying.take().is_some();
        self.failures = self.failures.saturating_add(1);
        let span = match self.open {
            Some((_, span)) if was_trying => Span((span.0 * 2).min(OPEN_MAX.0)),
            // Others that were under way when it opened.
            Some(_) => return false,
            None if self.failures >= FAILURES_MAX => OPEN_MIN,
            None => return false,
        };
        self.open = Some((now + span, span));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_tries_one_and_closes() {
        let mut breaker = Breaker::default();
        let at = Timestamp;
        (0..4).for_each(|_| assert!(!breaker.failed(at(0))));
        breaker.succeeded();
        (0..4).for_each(|_| assert!(!breaker.failed(at(0))));
        assert!(breaker.failed(at(0)));
        assert_eq!(breaker.passage(at(4_999)), Passage::Open(at(5_000)));
        assert_eq!(breaker.passage(at(5_000)), Passage::HalfOpen);
        breaker.hand_out(at(5_000));
        assert!(matches!(breaker.passage(at(5_000)), Passage::Open(_)));
        assert!(breaker.failed(at(5_100)));
        assert_eq!(breaker.passage(at(15_099)), Passage::Open(at(15_100)));
        assert_eq!(breaker.passage(at(15_100)), Passage::HalfOpen);
        breaker.hand_out(at(15_100));
        breaker.succeeded();
        assert_eq!(breaker.passage(at(15_100)), Passage::Closed);
    }

    #[test]
    fn answers_that_were_under_way_do_not_prolong_it() {
        let mut breaker = Breaker::default();
        (0..5).for_each(|_| _ = breaker.failed(Timestamp(0)));
        (0..50).for_each(|_| assert!(!breaker.failed(Timestamp(10))));
        assert_eq!(breaker.passage(Timestamp(5_000)), Passage::HalfOpen);
    }
}
