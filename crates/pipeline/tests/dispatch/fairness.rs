//! Who goes first.

use crate::desk::{Desk, Scripted, rejected};
use wayline_core::carrier::ErrorClass;
use wayline_core::message::MessageState;
use wayline_core::policy::settings::Purpose;
use wayline_core::time::Span;

const SENDER: &str =
    "senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: carrier}\n";

#[test]
fn a_reminder_goes_before_a_broadcast_that_was_there_first() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let carrier = Scripted::new(10);
        desk.gateway("carrier", &carrier);
        let shop = desk.workspace("shop", SENDER).await;
        desk.people(shop, "offer", 0, 900).await;
        desk.later(Span::minutes(1));
        desk.people(shop, "visit", 1_000, 1_001).await;
        let submitted = desk.turn().await;
        assert_eq!(submitted.len(), 10);
        assert_eq!(submitted[0].purpose, Purpose::Transactional);
        assert!(submitted[1..].iter().all(|message| message.purpose == Purpose::Marketing));
    });
}

#[test]
fn a_flood_of_one_workspace_leaves_the_others_their_share_of_each_turn() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let carrier = Scripted::new(12);
        desk.gateway("carrier", &carrier);
        let flood = desk.workspace("flood", SENDER).await;
        let mut small = Vec::new();
        for n in 0..3 {
            small.push(desk.workspace(&format!("small{n}"), SENDER).await);
        }
        desk.people(flood, "offer", 0, 900).await;
        for workspace in &small {
            desk.people(*workspace, "offer", 0, 9).await;
        }
        for _ in 0..3 {
            let submitted = desk.turn().await;
            for workspace in small.iter().chain([&flood]) {
                let count = submitted.iter().filter(|it| it.workspace == *workspace).count();
                assert_eq!(count, 3, "{workspace:?} in {}", submitted.len());
            }
        }
        // What the others do not need is the flood's.
        assert!(desk.turn().await.iter().all(|message| message.workspace == flood));
        assert_eq!(carrier.count(), 48);
    });
}

#[test]
fn with_less_room_than_workspaces_each_gets_its_turn() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let carrier = Scripted::new(1);
        desk.gateway("carrier", &carrier);
        let mut all = Vec::new();
        for n in 0..5 {
            let workspace = desk.workspace(&format!("w{n}"), SENDER).await;
            desk.people(workspace, "offer", 0, 20).await;
            all.push(workspace);
        }
        let mut turns = Vec::new();
        for _ in 0..5 {
            turns.extend(desk.turn().await.into_iter().map(|message| message.workspace));
        }
        turns.sort_unstable();
        assert_eq!(turns, all);
    });
}

#[test]
fn whoever_finds_the_own_gateway_busy_comes_first_when_it_is_free() {
    const BOTH: &str = "senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: a}\nroutes:\n  - {gateway: a}\n  - {gateway: b}\n";
    const ONE: &str =
        "senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: a}\n";
    pollster::block_on(async {
        let mut shares = Vec::new();
        // Two gateways with places in turn, beginning with each.
        for parity in [0, 1] {
            let mut desk = Desk::open().await;
            let carriers = [Scripted::new(0), Scripted::new(0)];
            desk.gateway("a", &carriers[0]);
            desk.gateway("b", &carriers[1]);
            let flood = desk.workspace("flood", BOTH).await;
            let small = desk.workspace("small", ONE).await;
            desk.people(flood, "offer", 0, 900).await;
            desk.people(small, "offer", 0, 50).await;
            let mut went = 0;
            for turn in 0..40 {
                for (place, carrier) in carriers.iter().enumerate() {
                    let has_room = (turn + parity) % 2 == place;
                    *carrier.room.lock().expect("a lock") = usize::from(has_room);
                }
                let submitted = desk.turn().await;
                went += submitted.iter().filter(|it| it.workspace == small).count();
            }
            shares.push(went);
        }
        // The flood has a turn with each place at b, wherever in its lane that finds a message: a is left to the other.
        assert!(shares.iter().all(|went| *went >= 19), "{shares:?} of 20");
    });
}

#[test]
fn more_lanes_than_one_turn_looks_at_do_not_keep_back_the_one_with_room() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let (full, free) = (Scripted::new(0), Scripted::new(5));
        desk.gateway("full", &full);
        desk.gateway("carrier", &free);
        for n in 0..205 {
            let sender = SENDER.replace("carrier", "full");
            let workspace = desk.workspace(&format!("w{n}"), &sender).await;
            desk.people(workspace, "offer", 0, 1).await;
        }
        let last = desk.workspace("last", SENDER).await;
        desk.people(last, "offer", 0, 1).await;
        let claimed = desk.claimed().await;
        assert!(claimed.submissions.is_empty());
        let next = claimed.next.expect("there is more");
        assert!(next <= desk.now + Span(50), "{next:?}");
        desk.now = next;
        assert_eq!(desk.claim().await.len(), 1);
    });
}

#[test]
fn no_more_is_claimed_than_can_be_submitted_at_once() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let carrier = Scripted::new(0);
        desk.gateway("carrier", &carrier);
        let shop = desk.workspace("shop", SENDER).await;
        desk.people(shop, "offer", 0, 5).await;
        assert!(desk.turn().await.is_empty());
        assert_eq!(desk.count(shop, MessageState::Queued).await, 5);
        *carrier.room.lock().expect("a lock") = 2;
        assert_eq!(desk.turn().await.len(), 2);
    });
}

#[test]
fn a_sender_goes_no_faster_than_its_kind_or_its_settings_allow() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let carrier = Scripted::new(100);
        desk.gateway("carrier", &carrier);
        let slow = "senders:\n  - {id: main, number: \"+12025550100\", kind: long_code, gateway: carrier}\n";
        let named = "senders:\n  - {id: main, number: \"+12025550101\", kind: ten_dlc, gateway: carrier, parts_per_second: 10}\n";
        let (slow, named) =
            (desk.workspace("slow", slow).await, desk.workspace("named", named).await);
        desk.people(slow, "offer", 0, 100).await;
        desk.people(named, "offer", 0, 100).await;
        let (mut of_slow, mut of_named) = (0, 0);
        for _ in 0..100 {
            let submitted = desk.turn().await;
            of_slow += submitted.iter().filter(|it| it.workspace == slow).count();
            of_named += submitted.iter().filter(|it| it.workspace == named).count();
            desk.later(Span(50));
        }
        assert!((4..=6).contains(&of_slow), "{of_slow} in 5 s");
        assert!((48..=52).contains(&of_named), "{of_named} in 5 s");
    });
}

#[test]
fn a_brand_that_has_used_up_the_carriers_day_goes_on_at_midnight_pacific_also_after_a_start() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let carrier = Scripted::new(250);
        desk.gateway("carrier", &carrier);
        let sender = "senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: carrier, brand: B1}\n";
        let shop = desk.workspace("shop", sender).await;
        // 2,000 parts a day at T-Mobile; four tenths of numbers count: 5,000 messages.
        let (day, next) = wayline_core::policy::rates::carrier_day(desk.now);
        let used = wayline_store::batch::Op::UseAllowance {
            scope: "brand/B1/t-mobile".to_owned(),
            period: day,
            parts: 199_900,
        };
        let batch = wayline_store::batch::Batch { ops: vec![used] };
        desk.store.commit(&batch).await.expect("kept");
        desk.people(shop, "offer", 0, 20).await;
        assert_eq!(desk.turn().await.len(), 2, "what is left of the day");
        let waiting = desk.store.messages_of_workspace(shop, None, 100).await.expect("messages");
        let held: Vec<_> = waiting.iter().filter(|it| it.state == MessageState::Queued).collect();
        assert_eq!(held.len(), 18);
        assert!(held.iter().all(|it| it.due_at == next));
        assert_eq!(held[0].reason.to_string(), "allowance_used");
        desk.now = next;
        assert_eq!(desk.turn().await.len(), 18);
        let (today, _) = wayline_core::policy::rates::carrier_day(next);
        assert_eq!(desk.store.allowance("brand/B1/t-mobile", today).await.expect("a read"), 720);
    });
}

#[test]
fn a_gateway_that_fails_is_left_alone_and_then_tried_with_one_message() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let carrier = Scripted::new(5);
        desk.gateway("carrier", &carrier);
        let shop = desk.workspace("shop", SENDER).await;
        desk.people(shop, "offer", 0, 50).await;
        (0..6).for_each(|_| carrier.answer(rejected(ErrorClass::Retry, "503")));
        assert_eq!(desk.turn().await.len(), 5);
        assert!(desk.turn().await.is_empty(), "five failures in a row");
        desk.later(Span::seconds(5));
        assert_eq!(desk.turn().await.len(), 1, "one to see");
        assert!(desk.turn().await.is_empty(), "it failed as well");
        desk.later(Span::seconds(10));
        assert_eq!(desk.turn().await.len(), 1);
        assert_eq!(desk.turn().await.len(), 5, "it works again");
    });
}
