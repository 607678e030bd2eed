//! How much of what a carrier takes is used: cases 6 and 7 of ten (docs/operations/ten-cases.md), on a virtual clock.

use crate::desk::{Desk, Scripted, rejected};
use std::collections::VecDeque;
use std::sync::Arc;
use wayline_core::carrier::ErrorClass;
use wayline_core::event::SubmitOutcome;
use wayline_core::message::{Message, MessageState};
use wayline_core::time::{Span, Timestamp};

const SENDER: &str = "senders:\n  - {id: main, number: \"12025\", kind: short_code, gateway: carrier, parts_per_second: 1000}\n";
/// Places of the carrier's window.
const WINDOW: usize = 10;

/// A carrier that answers late, and a desk that looks at it in rounds.
struct Line {
    desk: Desk,
    gateway: Arc<Scripted>,
    answers_after: Span,
    /// Answers under way, the next first.
    coming: VecDeque<(Timestamp, Message, SubmitOutcome)>,
    /// When something was submitted, and whether it was taken.
    submits: Vec<(Timestamp, bool)>,
}

impl Line {
    async fn open(people: u32, answers_after: Span) -> Line {
        let mut desk = Desk::open().await;
        let gateway = Scripted::new(WINDOW);
        desk.gateway("carrier", &gateway);
        let shop = desk.workspace("shop", SENDER).await;
        desk.people(shop, "offer", 0, people).await;
        Line { desk, gateway, answers_after, coming: VecDeque::new(), submits: Vec::new() }
    }

    /// One round at the desk's instant: answers are stored, then the free places of `window` are filled.
    async fn round(&mut self, window: usize, mut carrier: impl FnMut(Timestamp) -> SubmitOutcome) {
        let now = self.desk.now;
        let (mut messages, mut outcomes) = (Vec::new(), Vec::new());
        while self.coming.front().is_some_and(|(at, ..)| *at <= now) {
            let Some((_, message, outcome)) = self.coming.pop_front() else { break };
            messages.push(message);
            outcomes.push(outcome);
        }
        self.desk.answer(messages, outcomes).await;
        *self.gateway.room.lock().expect("a lock") = window - self.coming.len();
        for message in self.desk.claim().await {
            let outcome = carrier(now);
            let is_taken = matches!(outcome, SubmitOutcome::Accepted { .. });
            self.submits.push((now, is_taken));
            self.coming.push_back((now + self.answers_after, message, outcome));
        }
        assert!(self.coming.len() <= window, "{} in a window of {window}", self.coming.len());
    }

    /// Submits between two instants: (taken, refused).
    fn between(&self, from: Timestamp, to: Timestamp) -> (usize, usize) {
        let inside = self.submits.iter().filter(|(at, _)| (from..to).contains(at));
        let (taken, refused) = inside.partition::<Vec<&(Timestamp, bool)>, _>(|(_, taken)| *taken);
        (taken.len(), refused.len())
    }
}

fn accepted(now: Timestamp) -> SubmitOutcome {
    SubmitOutcome::Accepted { gateway_ref: now.0.to_string() }
}

/// Case 7 of ten: a carrier that answers after 50 ms is given at least 95 % of what its window allows.
#[test]
fn case_7_a_slow_carrier_is_used_as_far_as_its_window_allows() {
    pollster::block_on(async {
        let answers_after = Span(50);
        let mut line = Line::open(1_200, answers_after).await;
        // A round takes two milliseconds, as a commit does. Places open one after the other, so that answers do not all
        // come together later.
        let (round, warm) = (Span(2), Span::seconds(1));
        let start = line.desk.now;
        let (from, to) = (start + warm, start + warm + Span::seconds(4));
        while line.desk.now < to {
            let open = 1 + (line.desk.now - start).0.unsigned_abs() as usize / 6;
            let window = open.min(WINDOW);
            line.round(window, accepted).await;
            assert_eq!(line.coming.len(), window, "a place stays free at {}", line.desk.now);
            line.desk.later(round);
        }
        let most = WINDOW as f64 * 1_000.0 / answers_after.0 as f64;
        let per_second = line.between(from, to).0 as f64 / 4.0;
        assert!(per_second >= 0.95 * most, "{per_second} of {most} a second");
        assert!(per_second <= most, "{per_second} of {most} a second");
    });
}

/// Case 6 of ten: a carrier that throttles above 20 a second is given at least 19, and nothing is lost by being put off.
#[test]
fn case_6_a_carrier_that_throttles_above_20_a_second_takes_at_least_19() {
    pollster::block_on(async {
        let mut line = Line::open(1_300, Span(20)).await;
        let (mut tokens, mut filled_at) = (20.0_f64, line.desk.now);
        let start = line.desk.now;
        let (from, to) = (start + Span::seconds(10), start + Span::seconds(60));
        while line.desk.now < to {
            let now = line.desk.now;
            tokens = (tokens + 20.0 * (now - filled_at).0 as f64 / 1_000.0).min(20.0);
            filled_at = now;
            line.round(WINDOW, |now| {
                if tokens < 1.0 {
                    return rejected(ErrorClass::Throttle, "0x58");
                }
                tokens -= 1.0;
                accepted(now)
            })
            .await;
            line.desk.later(Span(10));
        }
        let (taken, throttled) = line.between(from, to);
        let per_second = taken as f64 / 50.0;
        assert!(per_second >= 19.0, "{per_second} a second, {throttled} throttled");
        assert!(throttled * 20 <= taken, "{throttled} throttled of {taken}");
        let shop = line.desk.store.workspace_by_slug("shop").await.expect("a read");
        let shop = shop.expect("it is there").id;
        assert_eq!(line.desk.count(shop, MessageState::Dropped).await, 0);
    });
}
