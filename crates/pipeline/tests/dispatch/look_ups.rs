//! Messages whose answer was lost, and carriers that can be asked for them.

use crate::desk::{Desk, Scripted};
use std::sync::Arc;
use wayline_core::event::{ReceiptStatus, SubmitOutcome};
use wayline_core::ids::WorkspaceId;
use wayline_core::message::{Message, MessageState};
use wayline_core::time::Span;
use wayline_pipeline::gateway::LookedUp;
use wayline_pipeline::look_up::LookUps;
use wayline_pipeline::tick::Tick;

const SENDER: &str =
    "senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: carrier}\n";

/// So many people, each with a message whose answer was lost.
async fn lost(people: u32) -> (Desk, Arc<Scripted>, WorkspaceId) {
    let mut desk = Desk::open().await;
    let carrier = Scripted::new(50);
    desk.gateway("carrier", &carrier);
    let shop = desk.workspace("shop", SENDER).await;
    lose(&mut desk, &carrier, shop, people).await;
    (desk, carrier, shop)
}

async fn lose(desk: &mut Desk, carrier: &Scripted, shop: WorkspaceId, people: u32) {
    desk.people(shop, "offer", 0, people).await;
    for _ in 0..people {
        carrier.answer(SubmitOutcome::Unknown);
    }
    desk.turn().await;
}

/// A look at what is unknown, and those that are to be asked for now.
async fn asked(desk: &mut Desk, look_ups: &mut LookUps) -> Vec<Message> {
    let looked = desk.pipeline.resolve("carrier", None, 100, desk.now).await.expect("a look");
    for message in looked.left {
        look_ups.note(message, desk.now);
    }
    std::iter::from_fn(|| look_ups.next(desk.now)).collect()
}

async fn comes(desk: &mut Desk, message: &Message, answer: LookedUp) {
    if let Some(event) = answer.told(message, desk.now) {
        desk.pipeline.receive(vec![event], Tick::Live(desk.now)).await.expect("received");
    }
}

fn found(id: &str, status: Option<ReceiptStatus>) -> LookedUp {
    let receipt = status.map(|status| (status, None));
    LookedUp::Found { gateway_ref: id.to_owned(), receipt }
}

#[test]
fn each_is_asked_for_three_times_and_never_sent_again() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = lost(1).await;
        let mut look_ups = LookUps::default();
        let began = desk.now;
        let mut times = Vec::new();
        while desk.now < began + Span::hours(30) {
            for message in asked(&mut desk, &mut look_ups).await {
                times.push((desk.now - began).0 / 1_000);
                comes(&mut desk, &message, LookedUp::NotThere).await;
                look_ups.done(&message.gateway);
            }
            assert!(desk.turn().await.is_empty());
            desk.later(Span::seconds(30));
        }
        assert_eq!(times, [90, 600, 7_200]);
        assert_eq!(desk.message(shop).await.state, MessageState::Unknown);
        assert_eq!(carrier.count(), 1);
        // Nothing is known of what an earlier run asked; what is too old is asked for no more.
        assert!(asked(&mut desk, &mut LookUps::default()).await.is_empty());
    });
}

#[test]
fn few_are_asked_for_at_once_the_oldest_first() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = lost(3).await;
        desk.later(Span::seconds(10));
        lose(&mut desk, &carrier, shop, 3).await;
        desk.later(Span::seconds(100));
        let mut look_ups = LookUps::default();
        let first = asked(&mut desk, &mut look_ups).await;
        assert_eq!(first.len(), 4);
        assert!(first.is_sorted_by_key(|message| message.handed_out_at));
        assert!(asked(&mut desk, &mut look_ups).await.is_empty(), "all places are taken");
        look_ups.done("carrier");
        let more = asked(&mut desk, &mut look_ups).await;
        assert_eq!(more.len(), 1);
        assert!(more[0].handed_out_at >= first[3].handed_out_at);
        // A new run asks again, once for all times that have been.
        desk.later(Span::hours(3));
        let mut look_ups = LookUps::default();
        assert_eq!(asked(&mut desk, &mut look_ups).await.len(), 4);
        for _ in 0..4 {
            look_ups.done("carrier");
        }
        assert_eq!(asked(&mut desk, &mut look_ups).await.len(), 2);
    });
}

#[test]
fn what_is_found_names_the_message_and_tells_its_end() {
    pollster::block_on(async {
        for (status, state) in [
            (None, MessageState::Submitted),
            (Some(ReceiptStatus::Delivered), MessageState::Delivered),
            (Some(ReceiptStatus::Undelivered), MessageState::Undelivered),
            (Some(ReceiptStatus::Failed), MessageState::Failed),
            (Some(ReceiptStatus::Expired), MessageState::Expired),
        ] {
            let (mut desk, carrier, shop) = lost(1).await;
            desk.later(Span::seconds(100));
            let message = asked(&mut desk, &mut LookUps::default()).await.remove(0);
            for _ in 0..2 {
                comes(&mut desk, &message, found("SM1", status)).await;
            }
            let told = desk.message(shop).await;
            assert_eq!((told.state, told.gateway_ref.as_deref()), (state, Some("SM1")));
            desk.later(Span::days(1));
            assert!(desk.turn().await.is_empty());
            assert_eq!(carrier.count(), 1);
        }
    });
}

#[test]
fn what_may_be_another_message_is_not_taken() {
    pollster::block_on(async {
        // The carrier's id is that of a message whose answer came.
        let (mut desk, carrier, shop) = lost(1).await;
        let message = desk.message(shop).await;
        carrier.answer(SubmitOutcome::Accepted { gateway_ref: "SM1".to_owned() });
        desk.people(shop, "offer", 0, 1).await;
        desk.turn().await;
        desk.later(Span::seconds(100));
        comes(&mut desk, &message, found("SM1", Some(ReceiptStatus::Delivered))).await;
        assert_eq!(desk.count(shop, MessageState::Unknown).await, 1);
        assert_eq!(desk.count(shop, MessageState::Submitted).await, 1);
        comes(&mut desk, &message, found("SM2", Some(ReceiptStatus::Delivered))).await;
        assert_eq!(desk.count(shop, MessageState::Delivered).await, 1);

        // Two of the same words are without an answer, and one went.
        let (mut desk, carrier, shop) = lost(1).await;
        lose(&mut desk, &carrier, shop, 1).await;
        desk.later(Span::seconds(100));
        for message in asked(&mut desk, &mut LookUps::default()).await {
            comes(&mut desk, &message, found("SM1", None)).await;
        }
        assert_eq!(desk.count(shop, MessageState::Unknown).await, 2);
    });
}

#[test]
fn what_a_receipt_resolved_meanwhile_stays_as_it_is() {
    pollster::block_on(async {
        let (mut desk, _, shop) = lost(1).await;
        desk.later(Span::seconds(100));
        let message = asked(&mut desk, &mut LookUps::default()).await.remove(0);
        comes(&mut desk, &message, found("SM1", Some(ReceiptStatus::Delivered))).await;
        comes(&mut desk, &message, found("SM2", Some(ReceiptStatus::Failed))).await;
        let told = desk.message(shop).await;
        assert_eq!(
            (told.state, told.gateway_ref.as_deref()),
            (MessageState::Delivered, Some("SM1"))
        );
    });
}
