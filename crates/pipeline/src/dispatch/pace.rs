//! How fast a gateway is given messages: a token bucket whose rate learns from answers that ask to slow down.
//!
//! ```text
//!  rate
//!   │          ╭── plateau at the rate that was refused ──╮          ╱ beyond it, slowly, then faster
//!   │ ─╮    ╭──╯                                          ╰─────────╱
//!   │  ╰────╯ 4 % less
//!   └──────────────────────────────────────────────────────────────────▶ time
//! ```
//! After a throttled answer the rate falls to a little less than what was taken in the second before, and grows
//! back along a cubic curve: fast below the refused rate, hardly at all around it, fast again once it is clear that
//! the limit has moved. So a carrier with a fixed limit is asked for more seldom and by little. Before the first such
//! answer only the configured ceiling counts. Must never let a burst through that a second's rate would not explain.

use std::collections::VecDeque;
use wayline_core::time::{Span, Timestamp};

/// Share of the refused rate that is left after a throttled answer.
const KEPT: f64 = 0.96;
/// Time until the rate is back where it was refused.
const PLATEAU: Span = Span::seconds(8);
/// What was taken is counted over this long.
const MEASURED: Span = Span::seconds(1);
/// The bucket holds what this long brings: rounds of the engine are shorter.
const BURST: f64 = 0.02;
/// … up to this, when the last round took so long.
const BURST_MAX: f64 = 0.2;
/// No learned rate is lower, in parts a second.
const RATE_MIN: f64 = 0.2;

/// The pace of one gateway, or of whatever else has a rate.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// Parts a second, as configured.
    ceiling: Option<f64>,
    learned: Option<Learned>,
    tokens: f64,
    filled_at: Timestamp,
    /// When parts were taken by the carrier, and how many, over [`MEASURED`].
    taken: VecDeque<(Timestamp, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Learned {
    /// The rate that was too high.
    refused: f64,
    /// When it was found to be.
    at: Timestamp,
}

impl Pace {
    /// At most `ceiling` parts a second; `None`: as fast as answers allow.
    #[must_use]
    pub(crate) fn new(ceiling: Option<f64>, now: Timestamp) -> Pace {
        Pace { ceiling, learned: None, tokens: 1.0, filled_at: now, taken: VecDeque::new() }
    }

    /// Changes the ceiling; what was learned stays.
    pub(crate) fn set_ceiling(&mut self, ceiling: Option<f64>) {
        self.ceiling = ceiling;
    }

    /// Parts a second that may be handed out now; `None`: any number.
    #[must_use]
    pub(crate) fn rate(&self, now: Timestamp) -> Option<f64> {
        let learned = self.learned.map(|learned| {
            let since = (now - learned.at).0.max(0) as f64 / PLATEAU.0 as f64;
            (learned.refused * (1.0 + (1.0 - KEPT) * (since - 1.0).powi(3))).max(RATE_MIN)
        });
        match (self.ceiling, learned) {
            (Some(ceiling), Some(learned)) => Some(ceiling.min(learned)),
            (ceiling, learned) => ceiling.or(learned),
        }
    }

    /// Messages that may be handed out now.
    pub(crate) fn room(&mut self, now: Timestamp) -> usize {
        self.fill(now);
        match self.rate(now) {
            None => usize::MAX,
            Some(_) if self.tokens >= 1.0 => self.tokens as usize,
            Some(_) => 0,
        }
    }

    /// When there is room again; `None`: there is now.
    #[must_use]
    pub(crate) fn opens_at(&self, now: Timestamp) -> Option<Timestamp> {
        let rate = self.rate(now)?;
        let missing = 1.0 - self.tokens;
        (missing > 0.0).then(|| now + Span((missing / rate * 1_000.0).ceil() as i64))
    }

    /// So many parts were handed out.
    pub(crate) fn hand_out(&mut self, parts: f64) {
        if self.ceiling.is_some() || self.learned.is_some() {
            self.tokens -= parts;
        }
    }

    /// The carrier took so many parts.
    pub(crate) fn accepted(&mut self, parts: u32, now: Timestamp) {
        match self.taken.back_mut() {
            Some((at, count)) if *at == now => *count += parts,
            _ => self.taken.push_back((now, parts)),
        }
        self.measure(now);
    }

    /// The carrier asked to slow down about something that was handed out at `handed_out_at`.
    pub(crate) fn throttled(&mut self, handed_out_at: Timestamp, now: Timestamp) {
        // What was on its way when the rate fell says nothing about the new one.
        if self.learned.is_some_and(|learned| handed_out_at < learned.at) {
            return;
        }
        let measured = f64::from(self.measure(now)).max(RATE_MIN);
        let refused = match self.rate(now).filter(|_| self.learned.is_some()) {
            // Measuring a second is too coarse to correct a rate that is about right.
            Some(rate) if measured > rate * 0.7 => rate,
            // One quiet second says little: no refusal takes more than half.
            Some(rate) => measured.max(rate / 2.0),
            None => measured.max(1.0),
        };
        self.learned = Some(Learned { refused, at: now });
        self.tokens = self.tokens.min(0.0);
        self.filled_at = now;
    }

    /// Parts that were taken in the last second.
    pub(crate) fn measure(&mut self, now: Timestamp) -> u32 {
        while self.taken.front().is_some_and(|(at, _)| *at + MEASURED <= now) {
            self.taken.pop_front();
        }
        self.taken.iter().map(|(_, parts)| parts).sum()
    }

    fn fill(&mut self, now: Timestamp) {
        let passed = (now - self.filled_at).0;
        if passed <= 0 {
            return;
        }
        self.filled_at = now;
        if let Some(rate) = self.rate(now) {
            // Rounds may be longer than that when there is much to do.
            let seconds = (passed as f64 / 1_000.0).clamp(BURST, BURST_MAX);
            let most = (rate * seconds).max(1.0);
            self.tokens = (self.tokens + rate * passed as f64 / 1_000.0).min(most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A carrier that takes `cap` a second by a token bucket of one second, and answers after `latency`.
    struct Capped {
        cap: f64,
        tokens: f64,
        at: i64,
    }

    impl Capped {
        fn takes(&mut self, now: i64) -> bool {
            self.tokens = (self.tokens + self.cap * (now - self.at) as f64 / 1_000.0).min(self.cap);
            self.at = now;
            let takes = self.tokens >= 1.0;
            if takes {
                self.tokens -= 1.0;
            }
            takes
        }
    }

    /// Drives a pace against a carrier for some seconds; (taken, throttled) after the first ten.
    fn drive(pace: &mut Pace, carrier: &mut Capped, from: i64, seconds: i64) -> (u32, u32) {
        let (mut taken, mut throttled) = (0, 0);
        for now in from..from + seconds * 1_000 {
            let at = Timestamp(now);
            for _ in 0..pace.room(at).min(10) {
                pace.hand_out(1.0);
                let late = now >= from + 10_000;
                if carrier.takes(now) {
                    pace.accepted(1, at);
                    taken += u32::from(late);
                } else {
                    pace.throttled(at, at);
                    throttled += u32::from(late);
                }
            }
        }
        (taken, throttled)
    }

    /// Of case 6 of ten: the pace alone; with the dispatcher in tests/dispatch/speed.rs.
    #[test]
    fn case_6_a_carrier_capped_at_20_a_second_is_used_and_seldom_asked_for_more() {
        let mut pace = Pace::new(None, Timestamp(0));
        let mut carrier = Capped { cap: 20.0, tokens: 20.0, at: 0 };
        let (taken, throttled) = drive(&mut pace, &mut carrier, 0, 130);
        let per_second = f64::from(taken) / 120.0;
        assert!(per_second >= 19.0, "{per_second} a second");
        let share = f64::from(throttled) / f64::from(taken + throttled);
        assert!(share < 0.02, "{throttled} of {taken} throttled");
    }

    #[test]
    fn a_limit_that_moves_is_followed_both_ways() {
        let mut pace = Pace::new(None, Timestamp(0));
        let mut carrier = Capped { cap: 100.0, tokens: 100.0, at: 0 };
        drive(&mut pace, &mut carrier, 0, 30);
        carrier.cap = 10.0;
        let (taken, _) = drive(&mut pace, &mut carrier, 30_000, 40);
        assert!(f64::from(taken) / 30.0 >= 9.0, "{taken} in 30 s");
        carrier.cap = 100.0;
        drive(&mut pace, &mut carrier, 70_000, 40);
        let (taken, _) = drive(&mut pace, &mut carrier, 110_000, 30);
        assert!(f64::from(taken) / 20.0 >= 80.0, "{taken} in 20 s");
    }

    #[test]
    fn a_ceiling_is_never_passed_and_spreads_evenly() {
        let mut pace = Pace::new(Some(50.0), Timestamp(0));
        let mut carrier = Capped { cap: 1e6, tokens: 1e6, at: 0 };
        let (taken, throttled) = drive(&mut pace, &mut carrier, 0, 20);
        assert_eq!(throttled, 0);
        assert!((490..=505).contains(&taken), "{taken} in 10 s");
    }

    #[test]
    fn without_a_ceiling_and_before_any_answer_there_is_no_limit() {
        let mut pace = Pace::new(None, Timestamp(0));
        assert_eq!((pace.room(Timestamp(1)), pace.opens_at(Timestamp(1))), (usize::MAX, None));
    }

    #[test]
    fn what_was_on_its_way_when_the_rate_fell_does_not_lower_it_again() {
        let mut pace = Pace::new(None, Timestamp(0));
        (0..100).for_each(|at| pace.accepted(1, Timestamp(at)));
        pace.throttled(Timestamp(100), Timestamp(120));
        let rate = pace.rate(Timestamp(120));
        pace.throttled(Timestamp(110), Timestamp(130));
        assert_eq!(pace.rate(Timestamp(120)), rate);
    }
}
