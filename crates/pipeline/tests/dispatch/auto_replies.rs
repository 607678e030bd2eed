//! What goes out by itself: before a broadcast, by the next route, and never later than it may.

use crate::desk::{Desk, Scripted, rejected};
use wayline_core::carrier::ErrorClass;
use wayline_core::consent::ConsentState;
use wayline_core::decision::Reason;
use wayline_core::ids::WorkspaceId;
use wayline_core::message::{Message, MessageState};
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::gateway::{Destination, GatewayEvent, Inbound};
use wayline_pipeline::tick::Tick;

const REPLY: &str = "auto_replies: {stop: Bye.}\n";
const OWN: &str =
    "senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: carrier}\n";
/// The dearer route sends from another number; only messages from the first sender take it.
const TWO: &str = "senders:\n  - {id: other, number: \"60777\", kind: short_code, gateway: last}\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: own}\nroutes:\n  - {gateway: first, sender: other, sender_kind: ten_dlc, priority: 1}\n";

/// Person number `n` says stop to the number of `main`.
async fn stop(desk: &mut Desk, n: u32) {
    let at = desk.now;
    says(desk, n, "STOP", at).await;
}

/// Person number `n` wrote to the number of `main` at an instant.
async fn says(desk: &mut Desk, n: u32, text: &str, at: Timestamp) {
    let inbound = Inbound {
        destination: Destination::Sender {
            gateway: "shop/carrier".to_owned(),
            number: "+12025550100".to_owned(),
        },
        id: Some(format!("{n}/{}", desk.now.0)),
        from: format!("+1206555{n:04}"),
        text: text.to_owned(),
        media: Vec::new(),
        at,
    };
    let events = vec![GatewayEvent::Inbound(inbound)];
    desk.pipeline.receive(events, Tick::Live(desk.now)).await.expect("received");
}

async fn replies(desk: &Desk, workspace: WorkspaceId) -> Vec<Message> {
    let all = desk.store.messages_of_workspace(workspace, None, 1_000).await.expect("messages");
    all.into_iter().filter(|message| message.auto_reply().is_some()).collect()
}

#[test]
fn a_confirmation_does_not_wait_behind_a_broadcast() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let carrier = Scripted::new(1);
        desk.gateway("shop/carrier", &carrier);
        let shop = desk.workspace("shop", &format!("{OWN}{REPLY}")).await;
        desk.people(shop, "offer", 0, 600).await;
        desk.later(Span::seconds(1));
        stop(&mut desk, 599).await;
        let submitted = desk.turn().await;
        let told: Vec<&str> = submitted.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(told, ["Bye."]);
        assert_eq!(submitted[0].to, "+12065550599");
    });
}

#[test]
fn a_route_that_is_closed_gives_way_to_the_sender_the_person_wrote_to() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let (first, own, last) = (Scripted::new(5), Scripted::new(5), Scripted::new(5));
        desk.gateway("first", &first);
        desk.gateway("own", &own);
        desk.gateway("last", &last);
        // Their own connection brings the text, whichever senders they have.
        let shop = desk.workspace("shop", &format!("{TWO}{REPLY}")).await;
        desk.people(shop, "nothing", 0, 1).await;
        first.answer(rejected(ErrorClass::StopRoute, "30007"));
        stop(&mut desk, 0).await;
        assert_eq!(desk.turn().await[0].sender, "other", "the route says so");
        let queued = replies(&desk, shop).await.remove(0);
        assert_eq!((queued.state, queued.reason), (MessageState::Queued, Reason::RouteClosed));
        assert_eq!(desk.turn().await[0].sender, "main");
        assert_eq!((first.count(), own.count(), last.count()), (1, 1, 0));
        assert_eq!(replies(&desk, shop).await[0].state, MessageState::Submitted);
    });
}

#[test]
fn failures_are_tried_again_until_it_is_too_late() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let carrier = Scripted::new(5);
        desk.gateway("shop/carrier", &carrier);
        let shop = desk.workspace("shop", &format!("{OWN}{REPLY}")).await;
        desk.people(shop, "nothing", 0, 1).await;
        stop(&mut desk, 0).await;
        let end = desk.now + Span::minutes(5);
        while replies(&desk, shop).await[0].state == MessageState::Queued {
            desk.now = replies(&desk, shop).await[0].due_at;
            carrier.answer(rejected(ErrorClass::Retry, "30003"));
            desk.turn().await;
        }
        let dropped = replies(&desk, shop).await.remove(0);
        assert_eq!((dropped.state, dropped.reason), (MessageState::Dropped, Reason::TooLate));
        assert!((5..10).contains(&carrier.count()), "{}", carrier.count());
        let seen = carrier.seen.lock().expect("a lock");
        assert!(seen.iter().all(|it| it.handed_out_at.is_some_and(|at| at < end)), "{seen:#?}");
    });
}

#[test]
fn a_gateway_that_was_down_for_too_long_gets_none() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let carrier = Scripted::new(5);
        desk.gateway("shop/carrier", &carrier);
        let shop = desk.workspace("shop", &format!("{OWN}{REPLY}")).await;
        desk.people(shop, "nothing", 0, 2).await;
        *carrier.is_down.lock().expect("a lock") = true;
        stop(&mut desk, 0).await;
        desk.later(Span::minutes(4));
        stop(&mut desk, 1).await;
        assert!(desk.turn().await.is_empty());
        desk.later(Span::minutes(1));
        *carrier.is_down.lock().expect("a lock") = false;
        desk.dispatcher.unblock();
        // The first was asked about while the gateway was down, and waits for its next turn.
        desk.turn().await;
        desk.later(Span::seconds(20));
        desk.turn().await;
        assert_eq!(carrier.numbers(), ["+12065550001"]);
        let mut ends: Vec<_> =
            replies(&desk, shop).await.iter().map(|it| (it.to.clone(), it.reason)).collect();
        ends.sort();
        let told = [
            ("+12065550000".to_owned(), Reason::TooLate),
            ("+12065550001".to_owned(), Reason::GatewayAccepted),
        ];
        assert_eq!(ends, told);
    });
}

#[test]
fn the_five_minutes_count_from_when_the_text_was_written() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let shop = desk.workspace("shop", &format!("{OWN}{REPLY}")).await;
        desk.people(shop, "nothing", 0, 3).await;
        let now = desk.now;
        let ago = |span: Span| Timestamp(now.0 - span.0);
        says(&mut desk, 0, "STOP", ago(Span::minutes(5))).await;
        assert_eq!(replies(&desk, shop).await, []);
        says(&mut desk, 1, "STOP", ago(Span::minutes(4))).await;
        // A carrier whose clock is ahead.
        says(&mut desk, 2, "STOP", now + Span::hours(1)).await;
        let dated = replies(&desk, shop).await.into_iter().map(|it| (it.to, it.intended_at));
        let mut dated: Vec<_> = dated.collect();
        dated.sort();
        let told =
            [("+12065550001".to_owned(), ago(Span::minutes(4))), ("+12065550002".to_owned(), now)];
        assert_eq!(dated, told);
    });
}

#[test]
fn a_carrier_that_refuses_the_confirmation_stops_nobody_who_has_come_back() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let carrier = Scripted::new(5);
        desk.gateway("shop/carrier", &carrier);
        let shop = desk.workspace("shop", &format!("{OWN}{REPLY}")).await;
        desk.people(shop, "nothing", 0, 1).await;
        stop(&mut desk, 0).await;
        let claimed = desk.claim().await;
        assert_eq!(claimed.len(), 1);
        let contact = claimed[0].contact;
        assert_eq!(desk.consent(contact).await, Some(ConsentState::OptedOut));
        desk.later(Span::seconds(1));
        let at = desk.now;
        says(&mut desk, 0, "START", at).await;
        desk.answer(claimed, vec![rejected(ErrorClass::Suppress, "21610")]).await;
        assert_eq!(replies(&desk, shop).await[0].state, MessageState::Failed);
        assert_eq!(desk.consent(contact).await, Some(ConsentState::OptedIn));
    });
}
