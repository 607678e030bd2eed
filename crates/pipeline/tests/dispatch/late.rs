//! Answers that come after they were given up as lost.

use crate::desk::{Desk, Scripted, rejected};
use std::sync::Arc;
use wayline_core::carrier::ErrorClass;
use wayline_core::consent::ConsentState;
use wayline_core::event::{ReceiptStatus, SubmitOutcome};
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::message::{Message, MessageState};
use wayline_core::time::Span;
use wayline_pipeline::gateway::{GatewayEvent, LateAnswer, Receipt};
use wayline_pipeline::tick::Tick;

const SENDER: &str =
    "senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: carrier}\n";

/// A message whose answer was given up.
async fn lost() -> (Desk, Arc<Scripted>, WorkspaceId) {
    let mut desk = Desk::open().await;
    let carrier = Scripted::new(50);
    desk.gateway("carrier", &carrier);
    let shop = desk.workspace("shop", SENDER).await;
    desk.people(shop, "offer", 0, 1).await;
    carrier.answer(SubmitOutcome::Unknown);
    desk.turn().await;
    assert_eq!(desk.message(shop).await.state, MessageState::Unknown);
    desk.later(Span::seconds(70));
    (desk, carrier, shop)
}

fn accepted(id: &str) -> SubmitOutcome {
    SubmitOutcome::Accepted { gateway_ref: id.to_owned() }
}

fn late(desk: &Desk, message: &Message, outcome: SubmitOutcome) -> LateAnswer {
    LateAnswer {
        gateway: message.gateway.clone(),
        message: message.id,
        run: message.run,
        attempt: message.attempts,
        outcome,
        looked_up: None,
        at: desk.now,
    }
}

fn delivered(desk: &Desk, id: &str, to: &str) -> Receipt {
    Receipt {
        gateway: "carrier".to_owned(),
        gateway_ref: id.to_owned(),
        other_refs: Vec::new(),
        to: Some(to.to_owned()),
        message: None,
        status: ReceiptStatus::Delivered,
        error: None,
        at: desk.now,
    }
}

async fn comes(desk: &mut Desk, late: LateAnswer) {
    let (event, tick) = (GatewayEvent::Late(Box::new(late)), Tick::Live(desk.now));
    desk.pipeline.receive(vec![event], tick).await.expect("received");
}

#[test]
fn a_late_answer_names_its_message_and_receipts_find_it() {
    pollster::block_on(async {
        // Its receipt comes after it, or came before.
        for is_before in [false, true] {
            let (mut desk, carrier, shop) = lost().await;
            let message = desk.message(shop).await;
            let receipt = delivered(&desk, "7ea", &message.to);
            if is_before {
                desk.receive(receipt.clone()).await;
                assert_eq!(desk.message(shop).await.state, MessageState::Unknown);
            }
            for _ in 0..2 {
                let late = late(&desk, &message, accepted("7ea"));
                comes(&mut desk, late).await;
            }
            let named = desk.message(shop).await;
            assert_eq!(named.gateway_ref.as_deref(), Some("7ea"));
            if !is_before {
                assert_eq!(named.state, MessageState::Submitted);
                desk.receive(receipt).await;
            }
            assert_eq!(desk.message(shop).await.state, MessageState::Delivered);
            let left = desk.store.orphan_receipts_to("carrier", &message.to, 10).await;
            assert!(left.expect("a read").is_empty());
            desk.later(Span::days(1));
            assert!(desk.turn().await.is_empty());
            assert_eq!(carrier.count(), 1);
        }
    });
}

#[test]
fn a_late_refusal_fails_it_says_why_and_never_sends_it_again() {
    pollster::block_on(async {
        for (class, consent) in
            [(ErrorClass::Retry, None), (ErrorClass::Suppress, Some(ConsentState::OptedOut))]
        {
            let (mut desk, carrier, shop) = lost().await;
            let message = desk.message(shop).await;
            let late = late(&desk, &message, rejected(class, "0x08"));
            comes(&mut desk, late).await;
            let message = desk.message(shop).await;
            let told = (message.state, message.error.as_str());
            assert_eq!(told, (MessageState::Failed, "0x08 says the test"));
            assert_eq!(desk.consent(ContactId(1)).await, consent);
            desk.later(Span::days(1));
            assert!(desk.turn().await.is_empty());
            assert_eq!(carrier.count(), 1);
        }
    });
}

#[test]
fn one_that_comes_before_the_word_that_it_was_lost_counts_as_in_time() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let carrier = Scripted::new(50);
        desk.gateway("carrier", &carrier);
        let shop = desk.workspace("shop", SENDER).await;
        desk.people(shop, "offer", 0, 1).await;
        let submitted = desk.claim().await;
        let late = late(&desk, &submitted[0], accepted("5"));
        comes(&mut desk, late).await;
        desk.answer(submitted, vec![SubmitOutcome::Unknown]).await;
        let message = desk.message(shop).await;
        let told = (message.state, message.gateway_ref.as_deref());
        assert_eq!(told, (MessageState::Submitted, Some("5")));
    });
}

#[test]
fn one_of_another_attempt_run_or_gateway_says_nothing() {
    pollster::block_on(async {
        let (mut desk, _, shop) = lost().await;
        let message = desk.message(shop).await;
        let own = late(&desk, &message, accepted("5"));
        let others = [
            LateAnswer { attempt: own.attempt + 1, ..own.clone() },
            LateAnswer { run: own.run + 1, ..own.clone() },
            LateAnswer { gateway: "other".to_owned(), ..own.clone() },
            LateAnswer { outcome: SubmitOutcome::Unknown, ..own },
        ];
        for other in others {
            comes(&mut desk, other).await;
        }
        assert_eq!(desk.message(shop).await, message);
    });
}
