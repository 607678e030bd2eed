//! By which gateway.

use crate::desk::{Desk, Scripted, rejected};
use wayline_core::carrier::ErrorClass;
use wayline_core::decision::Reason;
use wayline_core::message::MessageState;
use wayline_core::time::Span;
use wayline_pipeline::gateway::{Connection, Shared};
use wayline_store::batch::GatewayStanding;

const TWO: &str = "senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: first}\nroutes:\n  - {gateway: first, priority: 1}\n  - {gateway: second, priority: 2}\n";

#[test]
fn a_closed_route_gives_way_to_the_next_and_the_last_one_fails_the_message() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let (first, second) = (Scripted::new(5), Scripted::new(5));
        desk.gateway("first", &first);
        desk.gateway("second", &second);
        let shop = desk.workspace("shop", TWO).await;
        desk.people(shop, "offer", 0, 1).await;
        first.answer(rejected(ErrorClass::StopRoute, "30007"));
        desk.turn().await;
        let message = desk.message(shop).await;
        assert_eq!((message.state, message.reason), (MessageState::Queued, Reason::RouteClosed));
        assert_eq!(
            (message.tried.as_slice(), message.error.as_str()),
            (&["first".to_owned()][..], "30007 says the test")
        );
        second.answer(rejected(ErrorClass::StopRoute, "30034"));
        desk.turn().await;
        let message = desk.message(shop).await;
        assert_eq!((first.count(), second.count()), (1, 1));
        assert_eq!(
            (message.state, message.error.as_str()),
            (MessageState::Failed, "30034 says the test")
        );
    });
}

#[test]
fn a_gateway_that_is_down_or_paused_is_passed_by_and_a_busy_one_is_waited_for() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let (first, second) = (Scripted::new(5), Scripted::new(5));
        desk.gateway("first", &first);
        desk.gateway("second", &second);
        let shop = desk.workspace("shop", TWO).await;
        desk.people(shop, "offer", 0, 1).await;
        *first.room.lock().expect("a lock") = 0;
        assert!(desk.turn().await.is_empty(), "the dearer route is for when there is no other");
        *first.is_down.lock().expect("a lock") = true;
        assert_eq!(desk.turn().await[0].gateway, "second");
        *first.is_down.lock().expect("a lock") = false;
        *first.room.lock().expect("a lock") = 5;
        let paused =
            Connection { standing: GatewayStanding::Paused, ..Connection::free(first.clone()) };
        desk.gateways.set("first", paused);
        desk.people(shop, "offer", 1, 2).await;
        assert_eq!(desk.turn().await[0].gateway, "second");
    });
}

#[test]
fn routes_go_by_country_prefix_purpose_and_kind() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let all = ["us", "seattle", "service", "own"].map(|id| (id, Scripted::new(50)));
        for (id, gateway) in &all {
            desk.gateway(id, gateway);
        }
        let shop = desk
            .workspace("shop", "senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: own}\nroutes:\n  - {gateway: service, purpose: transactional, priority: 1}\n  - {gateway: seattle, prefix: \"+12065550\", priority: 2}\n  - {gateway: us, country: US, sender_kind: ten_dlc}\n  - {gateway: own, country: CA, priority: 0}\n")
            .await;
        desk.people(shop, "visit", 1, 2).await;
        desk.people(shop, "offer", 2, 3).await;
        desk.people(shop, "offer", 7_000, 7_001).await;
        let submitted = desk.turn().await;
        let mut ways: Vec<(&str, &str)> =
            submitted.iter().map(|it| (it.to.as_str(), it.gateway.as_str())).collect();
        ways.sort_unstable();
        let expected =
            [("+12065550001", "service"), ("+12065550002", "seattle"), ("+12065557000", "us")];
        assert_eq!(ways, expected);
    });
}

#[test]
fn routes_of_one_priority_share_by_weight_and_always_alike_for_one_message() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let (first, second) = (Scripted::new(1_000), Scripted::new(1_000));
        desk.gateway("first", &first);
        desk.gateway("second", &second);
        let shop = desk
            .workspace("shop", "senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: first}\nroutes:\n  - {gateway: first, weight: 3}\n  - {gateway: second, weight: 1}\n")
            .await;
        desk.people(shop, "offer", 0, 800).await;
        while !desk.turn().await.is_empty() {}
        assert_eq!(first.count() + second.count(), 800);
        assert!((160..=240).contains(&second.count()), "{}", second.count());
    });
}

#[test]
fn a_workspace_uses_its_own_gateway_before_the_operators_and_no_other_ones() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let (own, shared, foreign) = (Scripted::new(5), Scripted::new(5), Scripted::new(5));
        desk.gateway("shop/main", &own);
        desk.gateway("main", &shared);
        desk.gateways.set(
            "private",
            Connection {
                shared: Shared::Only(vec!["other".to_owned()]),
                ..Connection::free(foreign.clone())
            },
        );
        let with = |gateway: &str| {
            format!(
                "senders:\n  - {{id: main, number: \"+12025550100\", kind: ten_dlc, gateway: {gateway}}}\n"
            )
        };
        let shop = desk.workspace("shop", &with("main")).await;
        let cafe = desk.workspace("cafe", &with("main")).await;
        let bar = desk.workspace("bar", &with("private")).await;
        for workspace in [shop, cafe, bar] {
            desk.people(workspace, "offer", 0, 1).await;
        }
        desk.turn().await;
        assert_eq!((own.count(), shared.count(), foreign.count()), (1, 1, 0));
        let message = desk.message(bar).await;
        assert_eq!(
            (message.state, message.reason),
            (MessageState::Queued, Reason::GatewayUnavailable)
        );
        assert_eq!(message.due_at, desk.now + Span::minutes(1));
    });
}
