//! Cases of carriers, with their answers written down.
//!
//! Must never rest on the model: what is right stands here.

use super::cases::{kept, refused};
use super::samples::{WS, becomes, gateway, handed_out, message, message_id, workspace};
use crate::batch::{GatewayRow, GatewayStanding, Kept, KeptText, Op, OrphanReceipt};
use crate::rows::{Lane, Retention};
use crate::{Assertion, Store};
use wayline_core::ids::WorkspaceId;
use wayline_core::message::{Message, MessageState};
use wayline_core::policy::settings::Purpose;
use wayline_core::time::Timestamp;

fn ids(rows: &[Message]) -> Vec<u64> {
    rows.iter().map(|row| row.id.enrollment.0).collect()
}

pub(super) async fn lanes(store: &Store) {
    let lane = |workspace, sender: &str, purpose| Lane {
        workspace: WorkspaceId(workspace),
        sender: sender.to_owned(),
        purpose,
    };
    let insert = |n, due, lane: &Lane| {
        let Lane { workspace, sender, purpose } = lane.clone();
        Op::InsertMessage(Box::new(Message { workspace, sender, purpose, ..message(n, 1, due) }))
    };
    let sells = lane(1, "main", Purpose::Marketing);
    let serves = lane(1, "main", Purpose::Transactional);
    let other = lane(1, "number", Purpose::Marketing);
    let theirs = lane(2, "a", Purpose::Marketing);
    assert_eq!(store.lanes_queued(None, 9).await.unwrap(), []);
    let ops = [(1, 20, &sells), (2, 10, &sells), (3, 10, &sells), (4, 90, &serves)];
    kept(store, ops.map(|(n, due, lane)| insert(n, due, lane)).to_vec()).await;
    kept(store, vec![insert(5, 5, &theirs), insert(6, 7, &other)]).await;
    let of = |lane: &Lane, due| (lane.clone(), Timestamp(due));
    let all = [of(&sells, 10), of(&serves, 90), of(&other, 7), of(&theirs, 5)];
    assert_eq!(store.lanes_queued(None, 9).await.unwrap(), all);
    assert_eq!(store.lanes_queued(None, 2).await.unwrap(), all[..2]);
    assert_eq!(store.lanes_queued(Some(&serves), 9).await.unwrap(), all[2..]);
    // A lane that is not there has a place all the same.
    let between = lane(1, "mainly", Purpose::Marketing);
    assert_eq!(store.lanes_queued(Some(&between), 1).await.unwrap(), all[2..3]);

    let due = async |lane: &Lane, now, limit| {
        ids(&store.messages_due_in_lane(lane, None, Timestamp(now), limit).await.unwrap())
    };
    let from = async |due, n, now| {
        let from = Some((Timestamp(due), message_id(n)));
        ids(&store.messages_due_in_lane(&sells, from, Timestamp(now), 9).await.unwrap())
    };
    assert_eq!(from(10, 2, 20).await, [2, 3, 1], "the first is one of them");
    assert_eq!(from(10, 3, 20).await, [3, 1]);
    assert_eq!(from(10, 4, 20).await, [1]);
    assert_eq!(from(10, 4, 19).await, [0; 0]);
    assert_eq!(from(20, 1, 10).await, [0; 0], "the place is later than now");
    assert_eq!(due(&sells, 20, 9).await, [2, 3, 1]);
    assert_eq!(due(&sells, 19, 9).await, [2, 3]);
    assert_eq!(due(&sells, 20, 1).await, [2]);
    assert_eq!(due(&serves, 89, 9).await, [0; 0]);
    assert_eq!(due(&between, 99, 9).await, [0; 0]);

    kept(store, vec![handed_out(2, 30, 1), becomes(3, MessageState::Held)]).await;
    assert_eq!(store.lanes_queued(None, 1).await.unwrap(), [of(&sells, 20)]);
    kept(store, vec![becomes(1, MessageState::Withdrawn)]).await;
    assert_eq!(store.lanes_queued(None, 9).await.unwrap(), all[1..]);
    // Queued again, it is in the lane it was handed out in.
    kept(store, vec![becomes(2, MessageState::Queued)]).await;
    assert_eq!(due(&sells, 20, 9).await, [2]);
}

pub(super) async fn unknown(store: &Store) {
    for n in [3, 1, 2] {
        let insert = Op::InsertMessage(Box::new(message(n, 1, 10)));
        kept(store, vec![insert, handed_out(n, 20, 1), becomes(n, MessageState::Unknown)]).await;
    }
    let elsewhere = Message {
        gateway: "other".to_owned(),
        to: "+1".to_owned(),
        state: MessageState::Unknown,
        ..message(9, 1, 10)
    };
    let earlier = Message { gateway: "gw".to_owned(), ..elsewhere.clone() };
    let earlier = Message { id: message_id(8), ..earlier };
    let insert = |row: &Message| Op::InsertMessage(Box::new(row.clone()));
    kept(store, vec![insert(&elsewhere), insert(&earlier)]).await;
    let to = "+12065550100";
    let found = store.messages_unknown_to("gw", to, 9).await.unwrap();
    assert_eq!(ids(&found), [1, 2, 3]);
    assert_eq!(ids(&store.messages_unknown_to("gw", to, 2).await.unwrap()), [1, 2]);
    assert_eq!(store.messages_unknown_to("other", to, 9).await.unwrap(), []);
    assert_eq!(store.messages_unknown_to("other", "+1", 9).await.unwrap(), [elsewhere]);
    let page = store.messages_unknown("gw", None, 2).await.unwrap();
    assert_eq!(ids(&page), [8, 1]);
    let page = store.messages_unknown("gw", Some((to, message_id(1))), 9).await.unwrap();
    assert_eq!(ids(&page), [2, 3]);
    kept(store, vec![becomes(1, MessageState::Delivered)]).await;
    assert_eq!(ids(&store.messages_unknown_to("gw", to, 9).await.unwrap()), [2, 3]);
}

pub(super) async fn orphans(store: &Store) {
    let receipt = |gateway_ref: &str, address: &str| OrphanReceipt {
        gateway: "gw".to_owned(),
        gateway_ref: gateway_ref.to_owned(),
        address: address.to_owned(),
        received_at: Timestamp(1),
        receipt: "{}".to_owned(),
    };
    let put = |gateway_ref, address| Op::PutOrphanReceipt(receipt(gateway_ref, address));
    kept(store, vec![put("b", "+1"), put("a", "+1"), put("c", ""), put("b", "+2")]).await;
    let to = async |address, limit| store.orphan_receipts_to("gw", address, limit).await.unwrap();
    assert_eq!(to("+1", 9).await, [receipt("b", "+1"), receipt("a", "+1")]);
    assert_eq!(to("+1", 1).await, [receipt("b", "+1")]);
    assert_eq!(to("", 9).await, []);
    assert_eq!(store.orphan_receipts_to("other", "+1", 9).await.unwrap(), []);
    let (gateway, gateway_ref) = ("gw".to_owned(), "b".to_owned());
    kept(store, vec![Op::RemoveOrphanReceipts { gateway, gateway_ref, address: String::new() }])
        .await;
    assert_eq!(to("+1", 9).await, [receipt("a", "+1")]);
    assert_eq!(to("+2", 9).await, []);
    let cutoff = Some(Timestamp(2));
    let retention = Retention { orphan_receipts_before: cutoff, ..Retention::default() };
    assert_eq!(store.forget(&retention, 9).await.unwrap(), 2);
    assert_eq!(to("+1", 9).await, []);
}

pub(super) async fn gateways(store: &Store) {
    let put = |row: &GatewayRow| Op::PutGateway(row.clone());
    let early = refused(store, vec![put(&gateway("a", 1))]).await;
    assert_eq!(early, Assertion::WorkspaceMissing(WS));
    // The same name in two places is two gateways.
    let shared = GatewayRow { workspace: None, ..gateway("a", 1) };
    let theirs = GatewayRow { workspace: Some(WorkspaceId(2)), ..gateway("a", 1) };
    let workspaces = [workspace(1, "shop"), workspace(2, "spa")].map(Op::PutWorkspace);
    kept(store, workspaces.to_vec()).await;
    let (b, a) = (gateway("b", 1), gateway("a", 1));
    kept(store, vec![put(&theirs), put(&b), put(&a), put(&shared)]).await;
    for asked in [0, 1, 3] {
        let stale = refused(store, vec![put(&gateway("a", asked))]).await;
        assert_eq!(stale, Assertion::GatewayRevision { id: "a".to_owned(), asked, found: 1 });
    }
    let paused = GatewayRow {
        standing: GatewayStanding::Paused,
        secrets: Vec::new(),
        updated_at: Timestamp(9),
        ..gateway("a", 2)
    };
    kept(store, vec![put(&paused)]).await;
    assert_eq!(store.gateway(Some(WS), "a").await.unwrap(), Some(paused.clone()));
    assert_eq!(store.gateway(None, "a").await.unwrap(), Some(shared.clone()));
    assert_eq!(store.gateway(None, "b").await.unwrap(), None);
    let all = [shared, paused, b, theirs];
    assert_eq!(store.gateways(Some(WS), None, 9).await.unwrap(), all[1..3]);
    assert_eq!(store.gateways(Some(WS), Some("a"), 9).await.unwrap(), all[2..3]);
    assert_eq!(store.gateways(None, None, 9).await.unwrap(), all[..1]);
    assert_eq!(store.gateways_all(None, 9).await.unwrap(), all);
    assert_eq!(store.gateways_all(None, 2).await.unwrap(), all[..2]);
    assert_eq!(store.gateways_all(Some((None, "a")), 9).await.unwrap(), all[1..]);
    assert_eq!(store.gateways_all(Some((Some(WS), "b")), 9).await.unwrap(), all[3..]);

    let remove = |workspace| Op::RemoveGateway { workspace, id: "a".to_owned() };
    kept(store, vec![remove(None), remove(None)]).await;
    assert_eq!(store.gateway(None, "a").await.unwrap(), None);
    assert_eq!(store.gateways_all(None, 9).await.unwrap(), all[1..]);
    kept(store, vec![put(&all[0])]).await;
    store.check().await.unwrap();
}

pub(super) async fn allowances(store: &Store) {
    let add = |scope: &str, period, parts| Op::UseAllowance {
        scope: scope.to_owned(),
        period: Timestamp(period),
        parts,
    };
    let used = async |scope, period| store.allowance(scope, Timestamp(period)).await.unwrap();
    assert_eq!(used("brand", 10).await, 0);
    kept(store, vec![add("brand", 10, 3), add("brand", 20, 1), add("brand", 10, 4)]).await;
    kept(store, vec![add("other", 10, 9), add("brand", 10, 1)]).await;
    assert_eq!((used("brand", 10).await, used("brand", 20).await), (8, 1));
    assert_eq!(used("other", 20).await, 0);
    let retention = Retention { allowances_before: Some(Timestamp(20)), ..Retention::default() };
    assert_eq!(store.forget(&retention, 1).await.unwrap(), 1);
    assert_eq!((used("brand", 10).await, used("other", 10).await), (0, 9));
    assert_eq!(store.forget(&retention, 9).await.unwrap(), 1);
    assert_eq!(store.forget(&retention, 9).await.unwrap(), 0);
    assert_eq!((used("other", 10).await, used("brand", 20).await), (0, 1));
}

pub(super) async fn texts(store: &Store) {
    let text = |why, gateway: &str, key: &str, came_at| KeptText {
        why,
        gateway: gateway.to_owned(),
        key: key.to_owned(),
        came_at: Timestamp(came_at),
        body: format!("{{\"of\":\"{key}\"}}"),
    };
    let part = |gateway: &str, key: &str, came_at| text(Kept::Part, gateway, key, came_at);
    let keep = |row: &KeptText| Op::KeepText(row.clone());
    let (a2, a1, ab) = (part("gw", "a/2", 10), part("gw", "a/1", 30), part("gw", "ab/1", 20));
    let theirs = part("other", "a/1", 15);
    let open = text(Kept::Unanswered, "gw", "a/1", 5);
    kept(store, vec![keep(&a2), keep(&a1), keep(&ab), keep(&theirs), keep(&open)]).await;
    let like =
        async |prefix, limit| store.texts_like(Kept::Part, "gw", prefix, limit).await.unwrap();
    assert_eq!(like("a/", 9).await, [a1.clone(), a2.clone()]);
    assert_eq!(like("a/", 1).await, std::slice::from_ref(&a1));
    assert_eq!(like("", 9).await, [a1.clone(), a2.clone(), ab.clone()]);
    assert_eq!(like("b", 9).await, []);
    let of = async |after, limit| store.texts_of(Kept::Part, "gw", after, limit).await.unwrap();
    assert_eq!(of(None, 9).await, [a2.clone(), ab.clone(), a1.clone()]);
    assert_eq!(of(Some((Timestamp(10), "a/2")), 1).await, std::slice::from_ref(&ab));
    let before = async |why, at| store.texts_before(why, Timestamp(at), 9).await.unwrap();
    assert_eq!(before(Kept::Part, 20).await, [a2.clone(), theirs.clone()]);
    assert_eq!(before(Kept::Unanswered, 5).await, []);
    assert_eq!(before(Kept::Unanswered, 6).await, std::slice::from_ref(&open));
    assert_eq!(store.texts_count(Kept::Part, "gw").await.unwrap(), 3);
    assert_eq!(store.texts_count(Kept::Unclaimed, "gw").await.unwrap(), 0);

    // Kept once more, it is the new one.
    let again = KeptText { body: "{}".to_owned(), ..part("gw", "a/1", 5) };
    kept(store, vec![keep(&again)]).await;
    assert_eq!(of(None, 9).await, [again, a2, ab]);
    let remove = || Op::RemoveText(Kept::Part, "gw".to_owned(), "a/1".to_owned());
    kept(store, vec![remove(), remove()]).await;
    assert_eq!(store.texts_count(Kept::Part, "gw").await.unwrap(), 2);
    assert_eq!(before(Kept::Unanswered, 6).await, [open]);
    let cutoff = Some(Timestamp(6));
    let retention = Retention { unclaimed_before: cutoff, ..Retention::default() };
    assert_eq!(store.forget(&retention, 9).await.unwrap(), 0);
    let retention = Retention { unanswered_before: cutoff, ..Retention::default() };
    assert_eq!(store.forget(&retention, 9).await.unwrap(), 1);
    assert_eq!(before(Kept::Unanswered, 99).await, []);
    assert_eq!(before(Kept::Part, 99).await.len(), 3);
}
