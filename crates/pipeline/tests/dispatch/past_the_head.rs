//! What waits at the head of a lane keeps back nothing behind it that goes another way.

use crate::desk::{Desk, Scripted};
use std::sync::Arc;
use wayline_core::ids::{WorkspaceId, stable_hash};
use wayline_core::message::MessageState;
use wayline_core::time::Span;

/// Numbers of three ranges, one gateway each.
const ROUTED: &str = "senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: a, parts_per_second: 1000}\nroutes:\n  - {gateway: b, prefix: \"+12065551\"}\n  - {gateway: c, prefix: \"+12065552\"}\n";

struct Three {
    desk: Desk,
    gateways: [Arc<Scripted>; 3],
    shop: WorkspaceId,
}

async fn three(rooms: [usize; 3]) -> Three {
    let mut desk = Desk::open().await;
    let gateways = rooms.map(Scripted::new);
    for (key, gateway) in ["a", "b", "c"].into_iter().zip(&gateways) {
        desk.gateway(key, gateway);
    }
    let shop = desk.workspace("shop", ROUTED).await;
    Three { desk, gateways, shop }
}

impl Three {
    fn set_room(&self, gateway: usize, room: usize) {
        *self.gateways[gateway].room.lock().expect("a lock") = room;
    }

    fn counts(&self) -> [usize; 3] {
        [0, 1, 2].map(|n| self.gateways[n].count())
    }

    /// Some turns of dispatch, ten milliseconds apart; no turn may submit more than `limit`.
    async fn turns(&mut self, count: usize) {
        for _ in 0..count {
            self.desk.turn().await;
            self.desk.later(Span(10));
        }
    }
}

/// Whether these numbers ascend.
fn in_order(gateway: &Scripted) -> bool {
    gateway.numbers().is_sorted()
}

#[test]
fn a_full_gateway_at_the_head_of_a_lane_keeps_back_nothing_for_another() {
    pollster::block_on(async {
        let mut it = three([0, 3, 3]).await;
        it.desk.people(it.shop, "offer", 0, 600).await;
        it.desk.people(it.shop, "offer", 1_000, 1_020).await;
        it.desk.later(Span::seconds(2));
        it.turns(60).await;
        assert_eq!(it.counts(), [0, 20, 0]);
        assert!(in_order(&it.gateways[1]));
        // Then the head goes, in order as ever.
        it.set_room(0, 50);
        it.turns(80).await;
        assert_eq!(it.counts(), [600, 20, 0]);
        assert!(in_order(&it.gateways[0]));
        assert_eq!(it.desk.count(it.shop, MessageState::Queued).await, 0);
    });
}

#[test]
fn what_comes_later_goes_at_once_behind_whatever_waits() {
    pollster::block_on(async {
        let mut it = three([0, 5, 5]).await;
        it.desk.people(it.shop, "offer", 0, 500).await;
        it.desk.later(Span::seconds(2));
        it.turns(30).await;
        assert_eq!(it.counts(), [0, 0, 0]);
        for n in 0..20 {
            it.desk.people(it.shop, "offer", 1_000 + n, 1_001 + n).await;
            it.desk.people(it.shop, "offer", 2_000 + n, 2_001 + n).await;
            it.turns(2).await;
            let sent = n as usize + 1;
            assert_eq!(it.counts(), [0, sent, sent], "at {n}");
            it.desk.later(Span::seconds(1));
        }
    });
}

#[test]
fn a_slow_gateway_does_not_slow_a_fast_one_in_the_same_lane() {
    pollster::block_on(async {
        let mut it = three([1, 20, 0]).await;
        // Mixed as a broadcast is: one of each in turn.
        for n in 0..300 {
            it.desk.people(it.shop, "offer", n, n + 1).await;
            it.desk.people(it.shop, "offer", 1_000 + n, 1_001 + n).await;
        }
        it.desk.later(Span::seconds(2));
        for turn in 0..40 {
            it.set_room(0, usize::from(turn % 4 == 0));
            it.turns(1).await;
        }
        let [slow, fast, _] = it.counts();
        assert_eq!((slow, fast), (10, 300));
        assert!(in_order(&it.gateways[0]) && in_order(&it.gateways[1]));
    });
}

#[test]
fn a_slow_sender_does_not_slow_another_one_of_the_same_gateway() {
    const SENDERS: &str = "senders:\n  - {id: slow, number: \"+12025550100\", kind: ten_dlc, gateway: a, parts_per_second: 1}\n  - {id: fast, number: \"+12025550101\", kind: ten_dlc, gateway: a, parts_per_second: 1000}\nroutes:\n  - {gateway: a, prefix: \"+12065551\", sender: fast}\n";
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let carrier = Scripted::new(50);
        desk.gateway("a", &carrier);
        let shop = desk.workspace("shop", SENDERS).await;
        desk.people(shop, "offer", 0, 300).await;
        desk.people(shop, "offer", 1_000, 1_020).await;
        desk.later(Span::seconds(2));
        for _ in 0..40 {
            desk.turn().await;
            desk.later(Span(20));
        }
        let numbers = carrier.numbers();
        let of_fast = numbers.iter().filter(|to| to.starts_with("+12065551")).count();
        assert_eq!(of_fast, 20, "{numbers:?}");
        assert!(numbers.len() <= 22);
    });
}

#[test]
fn what_is_far_behind_what_waits_is_found_soon() {
    pollster::block_on(async {
        let mut it = three([0, 0, 0]).await;
        it.desk.people(it.shop, "offer", 1_000, 1_001).await;
        it.desk.people(it.shop, "offer", 3_000, 7_000).await;
        it.desk.people(it.shop, "offer", 1_001, 1_010).await;
        it.desk.later(Span::seconds(2));
        // Somebody has room, so that the lane is looked at to its end.
        it.set_room(2, 5);
        it.turns(20).await;
        assert_eq!(it.counts(), [0, 0, 0]);
        it.set_room(1, 20);
        let mut claims = 0;
        while it.counts()[1] < 10 {
            let claimed = it.desk.claimed().await;
            let next = claimed.next.expect("there is more");
            // Whoever was given something asks again at once.
            if claimed.looked_at == 0 {
                assert!(next <= it.desk.now + Span(50), "after {claims}");
                it.desk.now = next;
            }
            it.desk.submit(claimed.submissions).await;
            claims += 1;
            assert!(claims < 10, "{:?}", it.counts());
        }
        assert!(in_order(&it.gateways[1]));
    });
}

#[test]
fn however_places_come_and_go_each_gateway_gets_its_own_in_order_and_all_of_it() {
    pollster::block_on(async {
        for seed in 0_u64..6 {
            let draw = |what: &[u8], n: u64, below: u64| {
                stable_hash(&[what, &seed.to_le_bytes(), &n.to_le_bytes()]) % below
            };
            let mut it = three([0, 0, 0]).await;
            let mut next = [0_u32, 1_000, 2_000];
            for turn in 0..150 {
                // People come in bursts, most of them to the first gateway.
                if turn < 60 {
                    for n in 0..6 {
                        let which = draw(b"who", turn * 10 + n, 8).saturating_sub(5) as usize;
                        let burst = draw(b"burst", turn * 10 + n, 4) as u32;
                        it.desk.people(it.shop, "offer", next[which], next[which] + burst).await;
                        next[which] += burst;
                        it.desk.later(Span(3));
                    }
                }
                for gateway in 0..3 {
                    let room = draw(b"room", turn * 10 + gateway, 6).saturating_sub(2);
                    it.set_room(gateway as usize, room as usize);
                    let is_down = draw(b"down", turn / 9 * 10 + gateway, 5) == 0;
                    *it.gateways[gateway as usize].is_down.lock().expect("a lock") = is_down;
                }
                it.turns(1).await;
            }
            for gateway in 0..3 {
                it.set_room(gateway, 50);
                *it.gateways[gateway].is_down.lock().expect("a lock") = false;
            }
            it.desk.later(Span::minutes(1));
            it.turns(200).await;
            let all = next.map(|n| n as usize % 1_000);
            // A range has a gateway of its own and, while that is down, the sender's.
            assert_eq!(it.counts().iter().sum::<usize>(), all.iter().sum::<usize>(), "seed {seed}");
            assert_eq!(it.desk.count(it.shop, MessageState::Queued).await, 0, "seed {seed}");
            for (gateway, range) in it.gateways.iter().zip(["+12065550", "+12065551", "+12065552"])
            {
                let own = gateway.numbers().into_iter().filter(|to| to.starts_with(range));
                assert!(own.collect::<Vec<_>>().is_sorted(), "seed {seed}");
            }
        }
    });
}
