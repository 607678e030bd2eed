//! Receipts in any order, in any form of their id, and of messages whose answer was lost (case 5 of ten).

use crate::desk::{Desk, Scripted};
use std::sync::Arc;
use wayline_core::carrier::{CarrierError, ErrorClass};
use wayline_core::consent::ConsentState;
use wayline_core::event::{ReceiptStatus, SubmitOutcome};
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::message::MessageState;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::gateway::Receipt;
use wayline_pipeline::tick::Tick;

const SENDER: &str =
    "senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: carrier}\n";

async fn desk() -> (Desk, Arc<Scripted>, WorkspaceId) {
    let mut desk = Desk::open().await;
    let carrier = Scripted::new(50);
    desk.gateway("carrier", &carrier);
    let shop = desk.workspace("shop", SENDER).await;
    (desk, carrier, shop)
}

fn receipt(ids: &[&str], to: &str, status: ReceiptStatus, at: Timestamp) -> Receipt {
    let mut ids = ids.iter().map(|id| (*id).to_owned());
    Receipt {
        gateway: "carrier".to_owned(),
        gateway_ref: ids.next().unwrap_or_default(),
        other_refs: ids.collect(),
        to: Some(to.to_owned()),
        message: None,
        status,
        error: None,
        at,
    }
}

fn accepted(id: &str) -> SubmitOutcome {
    SubmitOutcome::Accepted { gateway_ref: id.to_owned() }
}

#[test]
fn case_5_a_receipt_before_its_response_in_another_base_is_kept_over_a_start_and_found() {
    pollster::block_on(async {
        let (mut desk, _, shop) = desk().await;
        desk.people(shop, "offer", 0, 1).await;
        let tick = Tick::Live(desk.now);
        let (pipeline, dispatcher) = (&mut desk.pipeline, &mut desk.dispatcher);
        let claimed = pipeline.claim_by_lanes(dispatcher, &desk.gateways, tick, 10).await;
        let submitted = claimed.expect("a turn").submissions;
        // Decimal in the receipt, with zeros before it cut; hexadecimal in the answer that comes later.
        let at = desk.now;
        desk.receive(receipt(
            &["2026", "7ea", "8230"],
            "12065550000",
            ReceiptStatus::Delivered,
            at,
        ))
        .await;
        assert_eq!(desk.message(shop).await.state, MessageState::Submitting);
        let mut pipeline =
            wayline_pipeline::Pipeline::open(desk.store.clone()).await.expect("it opens again");
        pipeline.answer(submitted, vec![accepted("7ea")], tick).await.expect("answered");
        desk.pipeline = pipeline;
        assert_eq!(desk.message(shop).await.state, MessageState::Delivered);
        let left = desk.store.orphan_receipts_to("carrier", "+12065550000", 10).await;
        assert!(left.expect("a read").is_empty());
    });
}

#[test]
fn an_id_that_means_two_messages_is_told_by_the_number() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = desk().await;
        desk.people(shop, "offer", 0, 2).await;
        carrier.answer(accepted("26"));
        carrier.answer(accepted("1a"));
        let submitted = desk.turn().await;
        // "26" is the decimal of the second one's id, and the first one's own.
        let at = desk.now;
        desk.receive(receipt(&["26", "1a"], &submitted[1].to, ReceiptStatus::Delivered, at)).await;
        let states =
            desk.store.messages(&[submitted[0].id, submitted[1].id]).await.expect("messages");
        let states: Vec<_> = states.into_iter().flatten().map(|message| message.state).collect();
        assert_eq!(states, [MessageState::Submitted, MessageState::Delivered]);
    });
}

#[test]
fn a_receipt_tells_what_became_of_a_lost_answer_by_the_number_alone() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = desk().await;
        desk.people(shop, "offer", 0, 1).await;
        carrier.answer(SubmitOutcome::Unknown);
        desk.turn().await;
        desk.later(Span::seconds(100));
        let at = desk.now;
        desk.receive(receipt(&["77"], "12065550000", ReceiptStatus::Delivered, at)).await;
        assert_eq!(
            desk.message(shop).await.state,
            MessageState::Unknown,
            "not before it is looked at"
        );
        let early = desk.pipeline.resolve("carrier", None, 100, at).await.expect("a look");
        assert_eq!(early.count, 0, "an answer that names it may still come");
        desk.later(Span::seconds(91));
        let at = desk.now;
        let resolved = desk.pipeline.resolve("carrier", None, 100, at).await.expect("resolved");
        assert_eq!(resolved.count, 1);
        let message = desk.message(shop).await;
        assert_eq!(
            (message.state, message.gateway_ref.as_deref()),
            (MessageState::Delivered, Some("77"))
        );
    });
}

#[test]
fn with_two_lost_answers_to_one_number_nothing_is_guessed() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = desk().await;
        for _ in 0..2 {
            desk.people(shop, "offer", 0, 1).await;
            carrier.answer(SubmitOutcome::Unknown);
            desk.turn().await;
        }
        desk.later(Span::seconds(100));
        let at = desk.now;
        desk.receive(receipt(&["77"], "12065550000", ReceiptStatus::Delivered, at)).await;
        let resolved = desk.pipeline.resolve("carrier", None, 100, at).await.expect("a look");
        assert_eq!(resolved.count, 0);
        assert_eq!(desk.count(shop, MessageState::Unknown).await, 2);
    });
}

#[test]
fn receipts_twice_late_and_contrary_change_an_end_no_more() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = desk().await;
        desk.people(shop, "offer", 0, 1).await;
        carrier.answer(accepted("9"));
        desk.turn().await;
        let at = desk.now;
        for status in [
            ReceiptStatus::Accepted,
            ReceiptStatus::Delivered,
            ReceiptStatus::Delivered,
            ReceiptStatus::Undelivered,
            ReceiptStatus::Accepted,
        ] {
            desk.receive(receipt(&["9"], "+12065550000", status, at)).await;
        }
        assert_eq!(desk.message(shop).await.state, MessageState::Delivered);
    });
}

#[test]
fn a_receipt_of_somebody_elses_message_changes_nothing_and_is_kept() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = desk().await;
        desk.people(shop, "offer", 0, 1).await;
        carrier.answer(accepted("9"));
        desk.turn().await;
        let at = desk.now;
        desk.receive(receipt(&["9"], "+447700900123", ReceiptStatus::Undelivered, at)).await;
        assert_eq!(desk.message(shop).await.state, MessageState::Submitted);
        let kept = desk.store.orphan_receipts("carrier", "9").await.expect("a read");
        assert_eq!(kept.len(), 1);
    });
}

#[test]
fn a_receipt_that_says_the_number_is_no_mobile_suppresses_it() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = desk().await;
        desk.people(shop, "offer", 0, 1).await;
        carrier.answer(accepted("9"));
        desk.turn().await;
        let (class, code, text) = (ErrorClass::Suppress, "30006".to_owned(), "landline".to_owned());
        let mut told = receipt(&["9"], "+12065550000", ReceiptStatus::Undelivered, desk.now);
        told.error = Some(CarrierError { class, code, text });
        desk.receive(told).await;
        let message = desk.message(shop).await;
        assert_eq!(
            (message.state, message.error.as_str()),
            (MessageState::Undelivered, "30006 landline")
        );
        assert_eq!(desk.consent(ContactId(1)).await, Some(ConsentState::OptedOut));
    });
}
