//! A carrier refuses a message for now and tells by a receipt that it took it all the same: it never goes again.

use crate::desk::{Desk, Scripted, rejected};
use std::sync::Arc;
use wayline_core::carrier::ErrorClass;
use wayline_core::contact::State;
use wayline_core::decision::What;
use wayline_core::event::{ReceiptStatus, SubmitOutcome};
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::limits;
use wayline_core::message::{Message, MessageState};
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::gateway::{GatewayEvent, Receipt};
use wayline_pipeline::tick::Tick;

const SENDER: &str =
    "senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: carrier}\n";

/// A message that was refused once and waits to go again.
async fn refused() -> (Desk, Arc<Scripted>, WorkspaceId) {
    let mut desk = Desk::open().await;
    let carrier = Scripted::new(50);
    desk.gateway("carrier", &carrier);
    let shop = desk.workspace("shop", SENDER).await;
    desk.people(shop, "offer", 0, 1).await;
    carrier.answer(rejected(ErrorClass::Retry, "0x08"));
    desk.turn().await;
    let message = desk.message(shop).await;
    assert_eq!((message.state, message.attempts), (MessageState::Queued, 1));
    desk.later(Span::seconds(1));
    (desk, carrier, shop)
}

/// A receipt that repeats our own id.
fn about(message: &Message, status: ReceiptStatus, at: Timestamp) -> Receipt {
    Receipt {
        gateway: "carrier".to_owned(),
        gateway_ref: "77".to_owned(),
        other_refs: Vec::new(),
        to: Some(message.to.clone()),
        message: Some(message.id),
        status,
        error: None,
        at,
    }
}

/// A receipt that names the number alone.
fn to_the_number(message: &Message, status: ReceiptStatus, at: Timestamp) -> Receipt {
    Receipt { message: None, ..about(message, status, at) }
}

async fn state_of(desk: &Desk, contact: ContactId) -> State {
    let record = desk.store.contacts(&[contact]).await.expect("rows").remove(0).expect("a person");
    State::decode(contact, &record.state).expect("a state")
}

/// Days later still nothing has gone but the one.
async fn goes_no_more(desk: &mut Desk, carrier: &Scripted) {
    for _ in 0..5 {
        desk.later(Span::hours(10));
        assert!(desk.turn().await.is_empty());
    }
    assert_eq!(carrier.count(), 1);
}

#[test]
fn whatever_a_receipt_says_of_it_it_goes_no_more_and_its_person_goes_on() {
    pollster::block_on(async {
        for (status, state) in [
            (ReceiptStatus::Accepted, MessageState::Submitted),
            (ReceiptStatus::Delivered, MessageState::Delivered),
            (ReceiptStatus::Undelivered, MessageState::Undelivered),
            (ReceiptStatus::Expired, MessageState::Expired),
        ] {
            let (mut desk, carrier, shop) = refused().await;
            let (before, at) = (desk.message(shop).await, desk.now);
            assert!(state_of(&desk, before.contact).await.sends.is_empty(), "it counts for no cap");
            desk.receive(about(&before, status, at)).await;
            let message = desk.message(shop).await;
            assert_eq!((message.state, message.gateway_ref.as_deref()), (state, Some("77")));
            let person = state_of(&desk, message.contact).await;
            assert!(person.enrollments.is_empty(), "{status:?}: the journey has ended");
            let counted: Vec<_> = person.sends.iter().map(|it| (it.message, Some(it.at))).collect();
            assert_eq!(
                counted,
                [(message.id, before.handed_out_at)],
                "{status:?}: it counts again"
            );
            goes_no_more(&mut desk, &carrier).await;
        }
    });
}

#[test]
fn two_receipts_at_once_count_it_once() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = refused().await;
        let (message, at) = (desk.message(shop).await, desk.now);
        let all = [ReceiptStatus::Accepted, ReceiptStatus::Delivered, ReceiptStatus::Delivered];
        let events = all.map(|status| GatewayEvent::Receipt(about(&message, status, at)));
        desk.pipeline.receive(events.into(), Tick::Live(at)).await.expect("received");
        assert_eq!(desk.message(shop).await.state, MessageState::Delivered);
        assert_eq!(state_of(&desk, message.contact).await.sends.len(), 1);
        let decisions = desk.store.decisions(shop, message.contact, None, 50).await;
        let decisions = decisions.expect("decisions");
        let sent = decisions.iter().filter(|it| it.row.decision.what == What::Sent).count();
        assert_eq!(sent, 1);
        goes_no_more(&mut desk, &carrier).await;
    });
}

#[test]
fn that_it_was_refused_or_what_another_gateway_says_changes_nothing() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = refused().await;
        let (message, at) = (desk.message(shop).await, desk.now);
        desk.receive(about(&message, ReceiptStatus::Failed, at)).await;
        let other = about(&message, ReceiptStatus::Delivered, at);
        desk.receive(Receipt { gateway: "other".to_owned(), ..other }).await;
        assert_eq!(desk.message(shop).await.state, MessageState::Queued);
        desk.later(limits::RETRY_WAIT_MAX);
        assert_eq!((desk.turn().await.len(), carrier.count()), (1, 2));
    });
}

#[test]
fn nobody_can_tell_of_a_message_that_was_never_handed_out() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = refused().await;
        *carrier.room.lock().expect("a lock") = 0;
        desk.people(shop, "offer", 1, 2).await;
        let all = desk.store.messages_of_workspace(shop, None, 10).await.expect("messages");
        let fresh = all.iter().find(|it| it.attempts == 0).expect("a fresh one");
        let mut told = about(fresh, ReceiptStatus::Delivered, desk.now);
        told.gateway.clone_from(&fresh.gateway);
        desk.receive(told).await;
        assert_eq!(desk.count(shop, MessageState::Queued).await, 2);
    });
}

#[test]
fn a_message_that_is_held_after_its_first_attempt_is_released_by_its_receipt() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = refused().await;
        desk.pause(shop, "offer").await;
        desk.later(Span::minutes(5));
        assert!(desk.turn().await.is_empty());
        let message = desk.message(shop).await;
        assert_eq!((message.state, message.attempts), (MessageState::Held, 1));
        let at = desk.now;
        desk.receive(about(&message, ReceiptStatus::Delivered, at)).await;
        assert_eq!(desk.message(shop).await.state, MessageState::Delivered);
        assert!(state_of(&desk, message.contact).await.enrollments.is_empty());
        let decisions = desk.store.decisions(shop, message.contact, None, 50).await;
        let decisions = decisions.expect("decisions");
        let count = |what| decisions.iter().filter(|it| it.row.decision.what == what).count();
        assert_eq!((count(What::Held), count(What::Released)), (1, 1));
        goes_no_more(&mut desk, &carrier).await;
    });
}

#[test]
fn a_receipt_that_names_the_number_alone_ends_it_once_it_can_be_nobody_elses() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = refused().await;
        let (message, at) = (desk.message(shop).await, desk.now);
        desk.receive(to_the_number(&message, ReceiptStatus::Delivered, at)).await;
        assert_eq!(
            desk.message(shop).await.state,
            MessageState::Queued,
            "its answer may still come"
        );
        desk.later(Span::seconds(10));
        assert!(desk.turn().await.is_empty());
        let waiting = desk.message(shop).await;
        assert_eq!((waiting.state, waiting.due_at), (MessageState::Queued, at + Span::seconds(90)));
        desk.now = waiting.due_at;
        assert!(desk.turn().await.is_empty());
        let message = desk.message(shop).await;
        let told = (message.state, message.gateway_ref.as_deref());
        assert_eq!(told, (MessageState::Delivered, Some("77")));
        let left = desk.store.orphan_receipts_to("carrier", &message.to, 10).await;
        assert!(left.expect("a read").is_empty());
        goes_no_more(&mut desk, &carrier).await;
    });
}

#[test]
fn with_another_message_to_the_number_under_way_nothing_is_guessed() {
    pollster::block_on(async {
        let (mut desk, carrier, shop) = refused().await;
        let message = desk.message(shop).await;
        desk.people(shop, "visit", 0, 1).await;
        carrier.answer(SubmitOutcome::Accepted { gateway_ref: "5".to_owned() });
        assert_eq!(desk.turn().await.len(), 1);
        let at = desk.now;
        desk.receive(to_the_number(&message, ReceiptStatus::Delivered, at)).await;
        desk.later(limits::RETRY_WAIT_MAX);
        let again = desk.turn().await;
        assert_eq!((again.len(), again[0].id), (1, message.id));
        assert_eq!(carrier.count(), 3);
    });
}

#[test]
fn with_a_message_to_somebody_else_of_that_number_under_way_nothing_is_guessed() {
    pollster::block_on(async {
        for is_elsewhere in [false, true] {
            let (mut desk, carrier, shop) = refused().await;
            let message = desk.message(shop).await;
            let of = if is_elsewhere { desk.workspace("cafe", SENDER).await } else { shop };
            desk.namesake(of, "visit", 0).await;
            carrier.answer(SubmitOutcome::Accepted { gateway_ref: "5".to_owned() });
            assert_eq!(desk.turn().await.len(), 1);
            let at = desk.now;
            desk.receive(to_the_number(&message, ReceiptStatus::Delivered, at)).await;
            desk.later(limits::RETRY_WAIT_MAX);
            let again = desk.turn().await;
            assert_eq!((again.len(), again[0].id), (1, message.id), "{is_elsewhere}");
        }
    });
}
