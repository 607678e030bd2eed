//! What waits goes another way once settings or gateways say so.

use crate::desk::{Desk, Scripted};
use wayline_core::message::MessageState;
use wayline_core::time::Span;

const BY_A: &str = "senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: a, parts_per_second: 1000}\nroutes:\n  - {gateway: b, prefix: \"+12065551\"}\n";
const BY_B: &str = "senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: b, parts_per_second: 1000}\n";

#[test]
fn what_waited_for_a_full_gateway_goes_in_order_by_the_one_that_settings_name_now() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let carriers = [Scripted::new(0), Scripted::new(0)];
        desk.gateway("a", &carriers[0]);
        desk.gateway("b", &carriers[1]);
        let shop = desk.workspace("shop", BY_A).await;
        desk.people(shop, "offer", 0, 400).await;
        desk.people(shop, "offer", 1_000, 1_010).await;
        desk.later(Span::seconds(2));
        // Both are remembered, b far behind.
        for _ in 0..8 {
            *carriers[1].room.lock().expect("a lock") = 1;
            desk.turn().await;
            desk.later(Span(10));
        }
        let went = carriers[1].count();
        assert!((1..=8).contains(&went), "{went}");
        desk.workspace("shop", BY_B).await;
        *carriers[1].room.lock().expect("a lock") = 20;
        desk.later(Span::seconds(1));
        let submitted = desk.turn().await;
        assert_eq!((submitted.len(), submitted[0].to.as_str()), (20, "+12065550000"));
        for _ in 0..40 {
            desk.later(Span(20));
            desk.turn().await;
        }
        assert_eq!((carriers[0].count(), carriers[1].count()), (0, 410));
        assert!(carriers[1].numbers()[went..].is_sorted());
        assert_eq!(desk.count(shop, MessageState::Queued).await, 0);
    });
}

#[test]
fn a_gateway_that_is_added_takes_at_once_what_waits_for_another() {
    const BOTH: &str = "senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: a, parts_per_second: 1000}\nroutes:\n  - {gateway: x}\n";
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let (a, other, x) = (Scripted::new(0), Scripted::new(5), Scripted::new(10));
        desk.gateway("a", &a);
        desk.gateway("other", &other);
        let shop = desk.workspace("shop", BOTH).await;
        desk.people(shop, "offer", 0, 300).await;
        desk.later(Span::seconds(2));
        for _ in 0..10 {
            assert!(desk.turn().await.is_empty());
            desk.later(Span(100));
        }
        desk.gateway("x", &x);
        for _ in 0..4 {
            desk.turn().await;
            desk.later(Span(20));
        }
        let numbers = x.numbers();
        assert!(numbers.len() > 30 && numbers.is_sorted(), "{numbers:?}");
        assert_eq!(numbers[0], "+12065550000");
    });
}
