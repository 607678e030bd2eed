//! Cases with their answers written down, in the order of the operations.
//!
//! Must never rest on the model: what is right stands here.

use super::samples::{
    JOURNEY, WS, accepted, batch, becomes, call, decision, enrollment, handed_out, identity, input,
    message, message_id, profile, state, version, workspace,
};
use crate::batch::{DeadLetterRow, Op, OrphanReceipt, SegmentRow, Sequences, SweepRow};
use crate::rows::Retention;
use crate::{Assertion, Store, StoreError};
use wayline_core::decision::What;
use wayline_core::ids::{ContactId, EnrollmentId, JourneyId, Seq, WorkspaceId};
use wayline_core::limits;
use wayline_core::message::MessageState;
use wayline_core::metrics::CounterKey;
use wayline_core::time::Timestamp;

pub(super) async fn kept(store: &Store, ops: Vec<Op>) {
    store.commit(&batch(ops)).await.expect("the batch is kept");
}

pub(super) async fn refused(store: &Store, ops: Vec<Op>) -> Assertion {
    match store.commit(&batch(ops)).await {
        Err(StoreError::Assertion { what, .. }) => what,
        other => panic!("an assertion should have failed: {other:?}"),
    }
}

pub(super) async fn definitions(store: &Store) {
    assert_eq!(store.sequences().await.unwrap(), Sequences::FIRST);
    assert_eq!(store.run().await.unwrap(), 1);
    let next = Sequences { contact: 5, enrollment: 1, seq: 9 };
    kept(store, vec![Op::SetSequences(next)]).await;
    assert_eq!(store.sequences().await.unwrap(), next);
    let back = Op::SetSequences(Sequences { seq: 8, ..next });
    assert!(matches!(refused(store, vec![back]).await, Assertion::SequencesGoBack { .. }));

    let segment = |definition: &str| SegmentRow {
        workspace: WS,
        slug: "vip".to_owned(),
        definition: definition.to_owned(),
    };
    let early = refused(store, vec![Op::PutSegment(segment("a"))]).await;
    assert_eq!(early, Assertion::WorkspaceMissing(WS));
    let early = refused(store, vec![Op::InsertJourneyVersion(version(4, 1))]).await;
    assert_eq!(early, Assertion::WorkspaceMissing(WS));
    kept(store, vec![Op::PutWorkspace(workspace(1, "shop"))]).await;
    let taken = refused(store, vec![Op::PutWorkspace(workspace(2, "shop"))]).await;
    assert_eq!(taken, Assertion::SlugTaken { slug: "shop".to_owned(), found: WS });
    assert_eq!(store.workspace_by_slug("shop").await.unwrap(), Some(workspace(1, "shop")));
    kept(store, vec![Op::PutSegment(segment("a")), Op::PutSegment(segment("b"))]).await;
    assert_eq!(store.segments(WS).await.unwrap(), [segment("b")]);
    assert_eq!(store.segments(WorkspaceId(2)).await.unwrap(), []);
    kept(store, vec![Op::RemoveSegment { workspace: WS, slug: "vip".to_owned() }]).await;
    assert_eq!(store.segments(WS).await.unwrap(), []);

    let live = |version| Op::SetLiveVersion { workspace: WS, journey: JOURNEY, version };
    kept(store, vec![Op::InsertJourneyVersion(version(4, 1)), live(Some(1))]).await;
    let again = refused(store, vec![Op::InsertJourneyVersion(version(4, 1))]).await;
    assert_eq!(again, Assertion::JourneyVersionExists { journey: JOURNEY, version: 1 });
    let missing = refused(store, vec![live(Some(2))]).await;
    assert_eq!(missing, Assertion::JourneyVersionMissing { journey: JOURNEY, version: 2 });
    kept(store, vec![Op::InsertJourneyVersion(version(4, 2)), live(Some(2))]).await;
    let shown = |rows: Vec<crate::rows::StoredJourneyVersion>| {
        rows.into_iter().map(|row| (row.row.version, row.live)).collect::<Vec<_>>()
    };
    assert_eq!(shown(store.journey_versions(WS).await.unwrap()), [(1, false), (2, true)]);
    kept(store, vec![live(None)]).await;
    assert_eq!(shown(store.journey_versions(WS).await.unwrap()), [(1, false), (2, false)]);
}

pub(super) async fn contacts(store: &Store) {
    let missing = refused(store, vec![Op::PutState(state(1, 0, None))]).await;
    assert_eq!(missing, Assertion::ContactMissing { workspace: WS, contact: ContactId(1) });
    kept(store, vec![Op::PutProfile(profile(1))]).await;
    let found = store.contacts(&[ContactId(2), ContactId(1)]).await.unwrap();
    assert_eq!(found[0], None);
    let record = found[1].clone().unwrap();
    assert_eq!((record.version, record.state.len(), record.wake), (0, 0, None));
    assert_eq!(*record.profile, profile(1));
    // Twice in one batch, each on the version of the one before.
    kept(store, vec![Op::PutState(state(1, 0, None)), Op::PutState(state(1, 1, Some((7, 2))))])
        .await;
    let record = store.contacts(&[ContactId(1)]).await.unwrap()[0].clone().unwrap();
    assert_eq!((record.version, &record.state[..]), (2, [1, 1, 1].as_slice()));
    assert_eq!(record.wake, state(1, 1, Some((7, 2))).wake);
    let stale = refused(store, vec![Op::PutState(state(1, 1, None))]).await;
    let contact = ContactId(1);
    assert_eq!(stale, Assertion::StateVersion { contact, expected: 1, found: 2 });
    let mut elsewhere = profile(1);
    elsewhere.workspace = WorkspaceId(2);
    let elsewhere = refused(store, vec![Op::PutProfile(elsewhere)]).await;
    assert_eq!(elsewhere, Assertion::ContactElsewhere { contact, found: WS });

    kept(store, (2..=9).map(|n| Op::PutProfile(profile(n))).collect()).await;
    let page = store.contacts_page(WS, None, 4).await.unwrap();
    let ids = |page: &[crate::rows::ContactRecord]| {
        page.iter().map(|record| record.profile.contact.0).collect::<Vec<_>>()
    };
    assert_eq!(ids(&page), [1, 2, 3, 4]);
    let page = store.contacts_page(WS, Some(ContactId(7)), 4).await.unwrap();
    assert_eq!(ids(&page), [8, 9]);
    assert!(store.contacts_page(WorkspaceId(2), None, 4).await.unwrap().is_empty());
    let phone = profile(1).phone.unwrap();
    let found = store.contacts_by_phone(WS, &phone, 10).await.unwrap();
    assert_eq!(found, [ContactId(1), ContactId(8)]);
    kept(store, vec![Op::PutProfile(crate::batch::ProfileRow { phone: None, ..profile(1) })]).await;
    assert_eq!(store.contacts_by_phone(WS, &phone, 10).await.unwrap(), [ContactId(8)]);
    assert!(store.contacts_by_phone(WorkspaceId(2), &phone, 10).await.unwrap().is_empty());
}

pub(super) async fn identities_and_inputs(store: &Store) {
    let link = |contact| Op::LinkIdentity(identity("u"), ContactId(contact));
    kept(store, vec![link(1), link(1)]).await;
    kept(store, vec![link(1)]).await;
    let taken = refused(store, vec![link(2)]).await;
    assert_eq!(taken, Assertion::IdentityTaken { identity: identity("u"), found: ContactId(1) });
    let found = store.contact_by_identities(&[identity("x"), identity("u")]).await.unwrap();
    assert_eq!(found, [None, Some(ContactId(1))]);

    let week = limits::DEDUPLICATION.0;
    let remember = |id, at| Op::RememberInput { workspace: WS, id, at: Timestamp(at) };
    kept(store, vec![remember(1, 5), remember(u128::MAX, week + 5)]).await;
    for at in [5, week + 5, week * 9] {
        let known = refused(store, vec![remember(1, at)]).await;
        assert_eq!(known, Assertion::InputKnown { workspace: WS, id: 1 });
    }
    let known = store.inputs_known(WS, &[1, 2, u128::MAX]).await.unwrap();
    assert_eq!(known, [true, false, true]);
    let elsewhere = store.inputs_known(WorkspaceId(2), &[1]).await.unwrap();
    assert_eq!(elsewhere, [false]);
}

pub(super) async fn timers(store: &Store) {
    assert_eq!(store.next_wake().await.unwrap(), None);
    let wakes = [(1, (50, 3)), (2, (50, 2)), (3, (40, 9)), (4, (60, 0)), (5, (50, 2))];
    for (contact, wake) in wakes {
        let put = Op::PutState(state(contact, 0, Some(wake)));
        kept(store, vec![Op::PutProfile(profile(contact)), put]).await;
    }
    let due = |rows: Vec<crate::rows::DueContact>| {
        rows.into_iter().map(|due| (due.wake.due.0, due.contact.0)).collect::<Vec<_>>()
    };
    let found = store.wakes_due(Timestamp(50), 10).await.unwrap();
    assert_eq!(found[0].workspace, WS);
    assert_eq!(due(found), [(40, 3), (50, 2), (50, 5), (50, 1)]);
    assert_eq!(due(store.wakes_due(Timestamp(50), 2).await.unwrap()), [(40, 3), (50, 2)]);
    kept(store, vec![Op::PutState(state(3, 1, None))]).await;
    assert_eq!(store.next_wake().await.unwrap(), Some(Timestamp(50)));
}

pub(super) async fn history(store: &Store) {
    for (seq, contact, previous) in [(1, 1, None), (2, 2, None), (3, 1, Some(1)), (7, 1, Some(3))] {
        kept(store, vec![Op::AppendInput(input(seq, contact, previous, 10))]).await;
    }
    let taken = refused(store, vec![Op::AppendInput(input(3, 1, None, 10))]).await;
    assert_eq!(taken, Assertion::SeqTaken(Seq(3)));
    let seqs =
        |rows: &[crate::batch::LoggedInput]| rows.iter().map(|row| row.seq.0).collect::<Vec<_>>();
    let rows = store.history(WS, ContactId(1), Some(Seq(7)), 2).await.unwrap();
    assert_eq!(seqs(&rows), [7, 3]);
    assert_eq!(rows[0], input(7, 1, Some(3), 10));
    let rows = store.history(WS, ContactId(1), rows[1].previous, 2).await.unwrap();
    assert_eq!(seqs(&rows), [1]);
    assert!(store.history(WS, ContactId(1), None, 2).await.unwrap().is_empty());
    assert!(store.history(WS, ContactId(2), Some(Seq(7)), 2).await.unwrap().is_empty());
    assert!(store.history(WorkspaceId(2), ContactId(1), Some(Seq(7)), 2).await.unwrap().is_empty());
}

pub(super) async fn enrollments(store: &Store) {
    for id in 1..=5 {
        kept(store, vec![Op::PutEnrollment(enrollment(id, 1 + id % 2))]).await;
    }
    let mut ended = enrollment(3, 2);
    (ended.left_at, ended.exit) = (Some(Timestamp(70)), "goal".to_owned());
    kept(store, vec![Op::PutEnrollment(ended.clone())]).await;
    let mut elsewhere = enrollment(3, 1);
    elsewhere.exit.clear();
    let moved = refused(store, vec![Op::PutEnrollment(elsewhere)]).await;
    assert_eq!(moved, Assertion::EnrollmentElsewhere(EnrollmentId(3)));
    let ids =
        |rows: &[crate::batch::EnrollmentRow]| rows.iter().map(|row| row.id.0).collect::<Vec<_>>();
    let rows = store.enrollments(WS, ContactId(2), None, 2).await.unwrap();
    assert_eq!(ids(&rows), [5, 3]);
    assert_eq!(rows[1], ended);
    let rows = store.enrollments(WS, ContactId(2), Some(EnrollmentId(3)), 2).await.unwrap();
    assert_eq!(ids(&rows), [1]);
    let rows = store.enrollments_of_journey(WS, JOURNEY, true, None, 10).await.unwrap();
    assert_eq!(ids(&rows), [5, 4, 2, 1]);
    let rows = store.enrollments_of_journey(WS, JOURNEY, false, None, 3).await.unwrap();
    assert_eq!(ids(&rows), [5, 4, 3]);
    assert!(store.enrollments(WorkspaceId(2), ContactId(2), None, 2).await.unwrap().is_empty());
}

pub(super) async fn messages(store: &Store) {
    let insert = |n, due| Op::InsertMessage(Box::new(message(n, 1, due)));
    kept(store, vec![insert(1, 20), insert(2, 10), insert(3, 10), insert(4, 99)]).await;
    let twice = refused(store, vec![insert(2, 10)]).await;
    assert_eq!(twice, Assertion::MessageExists(message_id(2)));
    let missing = refused(store, vec![becomes(9, MessageState::Dropped)]).await;
    assert_eq!(missing, Assertion::MessageMissing(message_id(9)));
    let due = store.messages_due(Timestamp(20), 10).await.unwrap();
    let ids: Vec<u64> = due.iter().map(|message| message.id.enrollment.0).collect();
    assert_eq!(ids, [2, 3, 1]);
    assert_eq!(due[0], message(2, 1, 10));
    assert_eq!(store.next_message_due().await.unwrap(), Some(Timestamp(10)));

    kept(store, vec![handed_out(2, 30, 1), handed_out(3, 31, 2)]).await;
    let lost = store.messages_submitting_before_run(2, 10).await.unwrap();
    assert_eq!(lost.len(), 1);
    assert_eq!((lost[0].id, lost[0].attempts), (message_id(2), 1));
    kept(store, vec![accepted(2, "ref"), accepted(3, "ref")]).await;
    let by_ref = store.message_by_gateway_ref("gw", "ref").await.unwrap().unwrap();
    assert_eq!((by_ref.id, by_ref.text.as_str()), (message_id(3), "Hi 👋"));
    assert_eq!(store.message_by_gateway_ref("other", "ref").await.unwrap(), None);
    kept(store, vec![becomes(2, MessageState::Delivered)]).await;
    let late = refused(store, vec![becomes(2, MessageState::Undelivered)]).await;
    let (from, to) = (MessageState::Delivered, MessageState::Undelivered);
    assert_eq!(late, Assertion::MessageTransition { id: message_id(2), from, to });
    let latest = store.latest_message_to(WS, ContactId(1)).await.unwrap().unwrap();
    assert_eq!(latest.id, message_id(3));
    assert_eq!(store.latest_message_to(WorkspaceId(2), ContactId(1)).await.unwrap(), None);
    let found = store.messages(&[message_id(9), message_id(2)]).await.unwrap();
    assert_eq!(found[0], None);
    assert_eq!(found[1].as_ref().unwrap().state, MessageState::Delivered);
    // Inserted and changed in one batch.
    kept(store, vec![insert(7, 5), becomes(7, MessageState::Held)]).await;
    assert_eq!(store.next_message_due().await.unwrap(), Some(Timestamp(20)));
}

pub(super) async fn message_lists(store: &Store) {
    for n in 1..=6 {
        kept(store, vec![Op::InsertMessage(Box::new(message(n, n % 2, 10)))]).await;
    }
    let ids = |rows: Vec<wayline_core::message::Message>| {
        rows.into_iter().map(|row| row.id.enrollment.0).collect::<Vec<_>>()
    };
    let of_contact = async |after, limit| {
        let rows = store.messages_of_contact(WS, ContactId(1), after, limit).await.unwrap();
        rows.into_iter().map(|row| (row.intended_at, row.id)).collect::<Vec<_>>()
    };
    // By instant: an old enrollment may send last.
    kept(store, vec![Op::InsertMessage(Box::new(message(0, 1, 30)))]).await;
    let row = |n, at| (Timestamp(at), message_id(n));
    let page = of_contact(None, 2).await;
    assert_eq!(page, [row(0, 29), row(5, 9)]);
    assert_eq!(of_contact(page.last().copied(), 1).await, [row(3, 9)]);
    assert_eq!(of_contact(Some(row(3, 9)), 9).await, [row(1, 9)]);
    assert_eq!(of_contact(Some(row(1, 9)), 9).await, []);
    let after = Some(message_id(3));
    assert_eq!(ids(store.messages_of_journey(WS, JOURNEY, None, 2).await.unwrap()), [6, 5]);
    let rows = store.messages_of_journey(WS, JOURNEY, after, 9).await.unwrap();
    assert_eq!(ids(rows), [2, 1, 0]);
    assert!(store.messages_of_journey(WS, JourneyId(1), None, 9).await.unwrap().is_empty());
}

pub(super) async fn calls(store: &Store) {
    kept(store, vec![Op::InsertCall(call(2, 20)), Op::InsertCall(call(1, 30))]).await;
    let twice = refused(store, vec![Op::InsertCall(call(2, 20))]).await;
    assert_eq!(twice, Assertion::CallExists(message_id(2)));
    assert_eq!(store.calls_due(Timestamp(20), 9).await.unwrap(), [call(2, 20)]);
    let remove = Op::RemoveCall { workspace: WS, id: message_id(2) };
    kept(store, vec![remove.clone(), remove]).await;
    assert_eq!(store.next_call_due().await.unwrap(), Some(Timestamp(30)));
}

pub(super) async fn decisions(store: &Store) {
    let missing = refused(store, vec![Op::AppendDecision(decision(1, None, 1))]).await;
    assert_eq!(missing, Assertion::ContactMissing { workspace: WS, contact: ContactId(1) });
    kept(store, vec![Op::PutProfile(profile(1)), Op::PutProfile(profile(2))]).await;
    for at in 1..=6 {
        let journey = (at != 2).then_some(JOURNEY);
        let row = decision(1 + u64::from(at > 4), journey, at);
        kept(store, vec![Op::AppendDecision(row)]).await;
    }
    let ids =
        |rows: &[crate::rows::StoredDecision]| rows.iter().map(|row| row.id).collect::<Vec<_>>();
    let rows = store.decisions(WS, ContactId(1), None, 3).await.unwrap();
    assert_eq!(ids(&rows), [4, 3, 2]);
    assert_eq!(rows[0].row, decision(1, Some(JOURNEY), 4));
    assert_eq!(ids(&store.decisions(WS, ContactId(1), Some(2), 3).await.unwrap()), [1]);
    let rows = store.decisions_of_journey(WS, JOURNEY, None, 3).await.unwrap();
    assert_eq!(ids(&rows), [6, 5, 4]);
    let rows = store.decisions_of_journey(WS, JOURNEY, Some(4), 3).await.unwrap();
    assert_eq!(ids(&rows), [3, 1]);
    assert_eq!(ids(&store.decisions_all(Some(4), 9).await.unwrap()), [5, 6]);
    assert!(store.decisions(WorkspaceId(2), ContactId(1), None, 3).await.unwrap().is_empty());
}

pub(super) async fn counters(store: &Store) {
    let key = |step, hour| CounterKey {
        journey: JOURNEY,
        version: 1,
        step,
        variant: String::new(),
        what: What::Sent,
        hour: Timestamp(hour),
    };
    let add = |key, delta| Op::AddCounter { workspace: WS, key, delta };
    kept(store, vec![add(key(Some(1), 0), 2), add(key(None, 0), 1), add(key(Some(1), 0), 3)]).await;
    kept(store, vec![add(key(Some(1), 0), -1), add(key(None, 3_600_000), 9)]).await;
    let all = (Timestamp(0), Timestamp(i64::MAX));
    let rows = store.counters(WS, JOURNEY, all, None, 2).await.unwrap();
    let values: Vec<_> = rows.iter().map(|row| (row.key.step, row.value)).collect();
    assert_eq!(values, [(None, 1), (Some(1), 4)]);
    let rows = store.counters(WS, JOURNEY, all, Some(&rows[1].key), 2).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0].key, rows[0].value), (&key(None, 3_600_000), 9));
    let first = (Timestamp(0), Timestamp(3_600_000));
    assert_eq!(store.counters(WS, JOURNEY, first, None, 9).await.unwrap().len(), 2);
    assert!(store.counters(WorkspaceId(2), JOURNEY, all, None, 9).await.unwrap().is_empty());
}

pub(super) async fn letters_receipts_sweeps(store: &Store) {
    let letter = |id, attempts| DeadLetterRow {
        workspace: WS,
        id: Seq(id),
        at: Timestamp(1),
        contact: None,
        reason: "why".to_owned(),
        input: "{}".to_owned(),
        attempts,
    };
    kept(store, vec![Op::PutDeadLetter(letter(2, 1)), Op::PutDeadLetter(letter(1, 1))]).await;
    kept(store, vec![Op::PutDeadLetter(letter(2, 2))]).await;
    assert_eq!(store.dead_letters(WS, None, 9).await.unwrap(), [letter(1, 1), letter(2, 2)]);
    assert_eq!(store.dead_letters(WS, Some(Seq(1)), 9).await.unwrap(), [letter(2, 2)]);
    let remove = Op::RemoveDeadLetter { workspace: WS, id: Seq(2) };
    kept(store, vec![remove.clone(), remove]).await;
    assert_eq!(store.dead_letter(WS, Seq(2)).await.unwrap(), None);
    assert_eq!(store.dead_letter(WS, Seq(1)).await.unwrap(), Some(letter(1, 1)));

    let receipt = |text: &str| OrphanReceipt {
        gateway: "gw".to_owned(),
        gateway_ref: "r".to_owned(),
        address: String::new(),
        received_at: Timestamp(1),
        receipt: text.to_owned(),
    };
    let (b, a) = (Op::PutOrphanReceipt(receipt("b")), Op::PutOrphanReceipt(receipt("a")));
    kept(store, vec![b, a]).await;
    assert_eq!(store.orphan_receipts("gw", "r").await.unwrap(), [receipt("b"), receipt("a")]);
    assert!(store.orphan_receipts("g", "wr").await.unwrap().is_empty());
    let (gateway, gateway_ref) = ("gw".to_owned(), "r".to_owned());
    kept(store, vec![Op::RemoveOrphanReceipts { gateway, gateway_ref, address: String::new() }])
        .await;
    assert!(store.orphan_receipts("gw", "r").await.unwrap().is_empty());

    let sweep = |after| SweepRow {
        workspace: WS,
        journey: JOURNEY,
        fire_at: Timestamp(3),
        after,
        done: false,
    };
    kept(store, vec![Op::PutSweep(sweep(None)), Op::PutSweep(sweep(Some(ContactId(4))))]).await;
    assert_eq!(store.sweeps(WS).await.unwrap(), [sweep(Some(ContactId(4)))]);
}

/// One operation of each kind, then one that is refused: nothing may be left of any.
pub(super) async fn all_or_nothing(store: &Store) {
    kept(store, vec![Op::PutWorkspace(workspace(1, "ws-1")), Op::PutProfile(profile(1))]).await;
    kept(store, vec![Op::PutState(state(1, 0, Some((5, 5))))]).await;
    kept(store, vec![Op::InsertMessage(Box::new(message(1, 1, 5)))]).await;
    let before = super::observe(store).await;
    let key = wayline_core::metrics::counter_of(&decision(1, Some(JOURNEY), 1).decision).unwrap();
    let ops = vec![
        Op::SetSequences(Sequences { contact: 9, enrollment: 9, seq: 9 }),
        Op::PutWorkspace(workspace(2, "ws-2")),
        Op::InsertJourneyVersion(version(1, 1)),
        Op::PutProfile(profile(2)),
        Op::PutState(state(1, 1, Some((1, 1)))),
        Op::LinkIdentity(identity("v1"), ContactId(1)),
        Op::RememberInput { workspace: WS, id: 1, at: Timestamp(1) },
        Op::AppendInput(input(3, 1, None, 1)),
        Op::PutEnrollment(enrollment(1, 1)),
        Op::InsertMessage(Box::new(message(2, 1, 1))),
        handed_out(1, 6, 1),
        Op::InsertCall(call(1, 1)),
        Op::AppendDecision(decision(1, Some(JOURNEY), 1)),
        Op::AddCounter { workspace: WS, key, delta: 1 },
        Op::PutGateway(super::samples::gateway("g0", 1)),
        Op::UseAllowance { scope: "a0".to_owned(), period: Timestamp(0), parts: 2 },
        Op::PutState(state(1, 1, None)),
    ];
    let last = ops.len() - 1;
    let refusal = store.commit(&batch(ops.clone())).await;
    assert!(
        matches!(refusal, Err(StoreError::Assertion { op, what: Assertion::StateVersion { .. } }) if op == last)
    );
    assert_eq!(super::observe(store).await, before);
    kept(store, ops[..last].to_vec()).await;
    assert_ne!(super::observe(store).await, before);
}

pub(super) async fn limits(store: &Store) {
    let too_many = limits::PAGE_ROWS_MAX + 1;
    let answer = store.contacts_page(WS, None, too_many).await;
    assert!(matches!(answer, Err(StoreError::LimitTooLarge { .. })));
    assert!(store.wakes_due(Timestamp(0), limits::PAGE_ROWS_MAX).await.unwrap().is_empty());
}

pub(super) async fn retention(store: &Store) {
    for (seq, at) in [(1, 10), (2, 11), (3, 50), (4, 12)] {
        let previous = (seq > 1).then(|| seq - 1);
        kept(store, vec![Op::AppendInput(input(seq, 1, previous, at))]).await;
    }
    for (n, due) in [(1, 10), (2, 10), (3, 50)] {
        kept(store, vec![Op::InsertMessage(Box::new(message(n, 1, due)))]).await;
    }
    kept(store, vec![becomes(2, MessageState::Dropped)]).await;
    let week = limits::DEDUPLICATION.0;
    for (id, at) in [(1, 5), (2, week + 5)] {
        let at = Timestamp(at);
        kept(store, vec![Op::RememberInput { workspace: WS, id, at }]).await;
    }
    let old = Some(Timestamp(20));
    let retention = Retention {
        inputs_before: old,
        messages_before: old,
        input_ids_before: Some(Timestamp(week + 1)),
        ..Retention::default()
    };
    assert_eq!(store.forget(&retention, 1).await.unwrap(), 1);
    assert_eq!(store.forget(&retention, 100).await.unwrap(), 3);
    assert_eq!(store.forget(&retention, 100).await.unwrap(), 0);
    let rows = store.history(WS, ContactId(1), Some(Seq(4)), 9).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.seq.0).collect::<Vec<_>>(), [4, 3]);
    let left = store.messages(&[message_id(1), message_id(2), message_id(3)]).await.unwrap();
    assert_eq!(left.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(store.inputs_known(WS, &[1, 2]).await.unwrap(), [false, true]);
    kept(store, vec![Op::RememberInput { workspace: WS, id: 1, at: Timestamp(week + 9) }]).await;
}
