//! Who waits for a gateway that is down is asked about, so that nobody waits who is too late.

use crate::desk::{Desk, Scripted};
use wayline_core::decision::Reason;
use wayline_core::ids::WorkspaceId;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::gateway::Connection;
use wayline_store::batch::GatewayStanding;

const SENDER: &str =
    "senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: carrier}\n";
const SOON: &str =
    "journey: offer\nentry: {event: offer}\nsteps:\n  tell: {send: {sms: Offer, not_after: 30m}}\n";

/// Comes again whenever it is told to, until the only message is too late. Returns when that is, and after how many
/// turns.
async fn until_too_late(desk: &mut Desk, shop: WorkspaceId) -> (Timestamp, usize) {
    for turn in 0..5_000 {
        let claimed = desk.claimed().await;
        assert!(claimed.submissions.is_empty());
        if desk.message(shop).await.reason == Reason::TooLate {
            return (desk.now, turn);
        }
        desk.now = claimed.next.expect("somebody waits").max(desk.now + Span(1));
    }
    panic!("it waits for ever");
}

async fn is_soon_too_late(mut desk: Desk) {
    let shop = desk.workspace_with("shop", SENDER, SOON).await;
    desk.people(shop, "offer", 0, 1).await;
    let until = desk.now + Span::minutes(30);
    let (at, turns) = until_too_late(&mut desk, shop).await;
    assert!(at >= until - Span::seconds(62) && at <= until + Span::seconds(62), "{at:?}");
    assert!(turns < 2_000, "once a second is enough: {turns}");
    // With nobody left to ask about nobody asks.
    desk.later(Span::seconds(2));
    assert_eq!(desk.claimed().await.next, None);
}

#[test]
fn with_the_only_gateway_down_a_message_is_dropped_when_it_is_too_late() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let carrier = Scripted::new(0);
        *carrier.is_down.lock().expect("a lock") = true;
        desk.gateway("carrier", &carrier);
        is_soon_too_late(desk).await;
    });
}

#[test]
fn with_the_only_gateway_paused_or_with_none_as_well() {
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let carrier = Scripted::new(5);
        let standing = GatewayStanding::Paused;
        desk.gateways.set("carrier", Connection { standing, ..Connection::free(carrier) });
        is_soon_too_late(desk).await;
        is_soon_too_late(Desk::open().await).await;
    });
}

#[test]
fn asking_takes_no_place_of_what_goes() {
    const OTHER: &str =
        "senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: other}\n";
    pollster::block_on(async {
        let mut desk = Desk::open().await;
        let (down, other) = (Scripted::new(0), Scripted::new(0));
        *down.is_down.lock().expect("a lock") = true;
        desk.gateway("carrier", &down);
        desk.gateway("other", &other);
        let shop = desk.workspace_with("shop", SENDER, SOON).await;
        let cafe = desk.workspace("cafe", OTHER).await;
        desk.people(shop, "offer", 0, 50).await;
        desk.people(cafe, "offer", 0, 50).await;
        desk.later(Span::seconds(20));
        *other.room.lock().expect("a lock") = 3;
        let claimed = desk.claimed().await;
        assert_eq!(claimed.submissions.len(), 3);
        assert_eq!(claimed.looked_at, 53, "and all the others were asked about");
        assert!(desk.claimed().await.looked_at <= 3, "once");
    });
}
