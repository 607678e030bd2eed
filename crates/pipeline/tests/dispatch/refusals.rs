//! What follows when a carrier says no.

use crate::desk::{Desk, Scripted, rejected};
use std::sync::Arc;
use wayline_core::carrier::ErrorClass;
use wayline_core::consent::ConsentState;
use wayline_core::decision::Reason;
use wayline_core::event::SubmitOutcome;
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::limits;
use wayline_core::message::MessageState;
use wayline_core::time::{Span, Timestamp};

const SENDER: &str =
    "senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: carrier}\n";

/// One message at a gateway that answered so.
async fn answered(outcome: SubmitOutcome) -> (Desk, Arc<Scripted>, WorkspaceId) {
    let mut desk = Desk::open().await;
    let carrier = Scripted::new(5);
    desk.gateway("carrier", &carrier);
    let shop = desk.workspace("shop", SENDER).await;
    desk.people(shop, "offer", 0, 1).await;
    carrier.answer(outcome);
    desk.turn().await;
    (desk, carrier, shop)
}

#[test]
fn a_number_that_cannot_be_texted_is_suppressed_until_the_person_opts_in() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = answered(rejected(ErrorClass::Suppress, "21610")).await;
        assert_eq!(desk.message(shop).await.state, MessageState::Failed);
        assert_eq!(desk.consent(ContactId(1)).await, Some(ConsentState::OptedOut));
        desk.people(shop, "offer", 0, 1).await;
        assert!(desk.turn().await.is_empty());
        assert_eq!(carrier.count(), 1);
        assert_eq!(desk.count(shop, MessageState::Dropped).await, 1);
    });
}

#[test]
fn a_passing_failure_is_tried_again_later_and_later_and_not_for_ever() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = answered(rejected(ErrorClass::Retry, "30003")).await;
        let mut waits = Vec::new();
        loop {
            let message = desk.message(shop).await;
            if message.state != MessageState::Queued {
                break;
            }
            waits.push((message.due_at - desk.now).0);
            desk.now = message.due_at;
            carrier.answer(rejected(ErrorClass::Retry, "30003"));
            if desk.turn().await.is_empty() {
                desk.later(limits::RETRY_WAIT_MAX);
            }
        }
        let message = desk.message(shop).await;
        assert_eq!(message.reason, Reason::TooManyAttempts);
        assert_eq!((carrier.count(), message.attempts), (10, 10));
        assert!((5_000..=7_500).contains(&waits[0]), "{waits:?}");
        let longest = limits::RETRY_WAIT_MAX.0 * 3 / 2;
        assert!(waits.iter().all(|wait| *wait <= longest), "{waits:?}");
    });
}

#[test]
fn one_more_attempt_means_one() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = answered(rejected(ErrorClass::RetryOnce, "30008")).await;
        desk.now = desk.message(shop).await.due_at;
        carrier.answer(rejected(ErrorClass::RetryOnce, "30008"));
        desk.turn().await;
        assert_eq!((desk.message(shop).await.state, carrier.count()), (MessageState::Failed, 2));
    });
}

#[test]
fn asked_to_slow_down_counts_no_attempt_and_slows_the_gateway() {
    pollster::block_on(async {
        let (mut desk, _, shop) = answered(rejected(ErrorClass::Throttle, "0x58")).await;
        let message = desk.message(shop).await;
        assert_eq!((message.state, message.reason), (MessageState::Queued, Reason::RateLimited));
        assert!((1_000..=2_000).contains(&(message.due_at - desk.now).0));
        let now = desk.now;
        assert!(desk.dispatcher.view(now)[0].rate.is_some_and(|rate| rate < 1.0));
    });
}

#[test]
fn however_often_it_was_put_off_it_still_has_all_its_attempts() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = answered(rejected(ErrorClass::Throttle, "0x58")).await;
        let throttled = SubmitOutcome::Retry { after: Span::seconds(1), throttled: true };
        // Ten put off by either form, then ten failures.
        let mut answers = vec![rejected(ErrorClass::Throttle, "0x58"); 4];
        answers.extend(vec![throttled; 5]);
        answers.extend(vec![rejected(ErrorClass::Retry, "30003"); 10]);
        let mut first_wait = None;
        for answer in answers {
            let message = desk.message(shop).await;
            assert_eq!(
                message.state,
                MessageState::Queued,
                "{} of {}",
                message.put_off,
                message.attempts
            );
            desk.now = message.due_at;
            carrier.answer(answer);
            while desk.turn().await.is_empty() {
                desk.later(Span::seconds(1));
            }
            let message = desk.message(shop).await;
            if message.attempts_that_count() == 1 {
                first_wait = Some((message.due_at - desk.now).0);
            }
        }
        let message = desk.message(shop).await;
        let came_to = (message.state, message.reason, message.attempts, message.put_off);
        assert_eq!(came_to, (MessageState::Dropped, Reason::TooManyAttempts, 20, 10));
        assert!(first_wait.is_some_and(|wait| (5_000..=7_500).contains(&wait)), "{first_wait:?}");
    });
}

#[test]
fn one_more_attempt_is_one_after_it_was_put_off_too() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = answered(rejected(ErrorClass::Throttle, "0x58")).await;
        for (state, attempts) in [(MessageState::Queued, 2), (MessageState::Failed, 3)] {
            desk.now = desk.message(shop).await.due_at;
            carrier.answer(rejected(ErrorClass::RetryOnce, "30008"));
            while desk.turn().await.is_empty() {
                desk.later(Span::seconds(1));
            }
            let message = desk.message(shop).await;
            assert_eq!((message.state, message.attempts), (state, attempts));
        }
    });
}

#[test]
fn a_days_allowance_comes_back_at_midnight_pacific() {
    pollster::block_on(async {
        let (desk, _, shop) = answered(rejected(ErrorClass::NextDay, "30023")).await;
        let message = desk.message(shop).await;
        let midnight = Timestamp::parse("2026-06-02T07:00:00Z").expect("an instant");
        assert_eq!(message.reason, Reason::AllowanceUsed);
        assert!((0..=Span::minutes(5).0).contains(&(message.due_at - midnight).0));
    });
}

#[test]
fn what_is_wrong_with_the_message_fails_it_and_says_why() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = answered(rejected(ErrorClass::BadRequest, "21211")).await;
        let message = desk.message(shop).await;
        assert_eq!(
            (message.state, message.error.as_str()),
            (MessageState::Failed, "21211 says the test")
        );
        desk.later(Span::days(1));
        assert!(desk.turn().await.is_empty());
        assert_eq!(carrier.count(), 1);
    });
}

#[test]
fn a_lost_answer_is_never_tried_again() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = answered(SubmitOutcome::Unknown).await;
        assert_eq!(desk.message(shop).await.state, MessageState::Unknown);
        for _ in 0..10 {
            desk.later(Span::hours(1));
            assert!(desk.turn().await.is_empty());
        }
        assert_eq!((carrier.count(), carrier.numbers()), (1, vec!["+12065550000".to_owned()]));
    });
}
