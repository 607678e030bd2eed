//! Cases of the program that serves people, with their answers written down.
//!
//! Must never rest on the model: what is right stands here.

use super::cases::{kept, refused};
use super::samples::{
    JOURNEY, WS, api_key, batch, decision, draft, handed_out, identity, input, message, message_id,
    profile, version, workspace,
};
use crate::batch::{ApiKeyRow, DraftRow, IdempotencyRow, JourneyVersionRow, Op, ProfileRow};
use crate::rows::{
    CounterTotal, DraftHead, Retention, SearchField, StoredJourneyVersion, VersionHead,
};
use crate::{Assertion, Store};
use wayline_core::decision::What;
use wayline_core::ids::{ContactId, JourneyId, WorkspaceId};
use wayline_core::metrics::CounterKey;
use wayline_core::time::Timestamp;

pub(super) async fn api_keys(store: &Store) {
    assert_eq!(store.last_api_key().await.unwrap(), 0);
    let early = refused(store, vec![Op::PutApiKey(api_key(1))]).await;
    assert_eq!(early, Assertion::WorkspaceMissing(WS));
    let operator = ApiKeyRow { workspace: None, ..api_key(2) };
    let put = |row: &ApiKeyRow| Op::PutApiKey(row.clone());
    kept(store, vec![Op::PutWorkspace(workspace(1, "shop")), put(&api_key(1)), put(&operator)])
        .await;
    kept(store, vec![put(&api_key(3))]).await;
    assert_eq!(store.last_api_key().await.unwrap(), 3);
    assert_eq!(store.api_key(1).await.unwrap(), Some(api_key(1)));
    assert_eq!(store.api_key(4).await.unwrap(), None);
    assert_eq!(store.api_keys(Some(WS), None, 9).await.unwrap(), [api_key(1), api_key(3)]);
    assert_eq!(store.api_keys(Some(WS), Some(1), 1).await.unwrap(), [api_key(3)]);
    assert_eq!(store.api_keys(None, None, 9).await.unwrap(), [operator]);
    assert_eq!(store.api_keys(Some(WorkspaceId(2)), None, 9).await.unwrap(), []);

    let revoked = ApiKeyRow { revoked_at: Some(Timestamp(9)), ..api_key(1) };
    kept(store, vec![put(&revoked)]).await;
    assert_eq!(store.api_key(1).await.unwrap(), Some(revoked));
    let moved = refused(store, vec![put(&ApiKeyRow { id: 2, ..api_key(2) })]).await;
    assert_eq!(moved, Assertion::ApiKeyTaken(2));
    let other = refused(store, vec![put(&ApiKeyRow { hash: [8; 32], ..api_key(3) })]).await;
    assert_eq!(other, Assertion::ApiKeyTaken(3));
}

pub(super) async fn repeated_calls(store: &Store) {
    let row = |key: u64, token: &str, at: i64| IdempotencyRow {
        key,
        token: token.to_owned(),
        fingerprint: u128::MAX - 5,
        at: Timestamp(at),
        status: 201,
        body: "{\"id\":7}".to_owned(),
    };
    let put = |key, token, at| Op::PutIdempotency(row(key, token, at));
    kept(store, vec![put(1, "a", 5), put(2, "a", 6), put(1, "b", 7)]).await;
    let again = refused(store, vec![put(1, "c", 8), put(1, "a", 8)]).await;
    assert_eq!(again, Assertion::TokenKnown { key: 1, token: "a".to_owned() });
    assert_eq!(store.idempotency(1, "a").await.unwrap(), Some(row(1, "a", 5)));
    assert_eq!(store.idempotency(1, "c").await.unwrap(), None);
    let retention = Retention { idempotency_before: Some(Timestamp(7)), ..Retention::default() };
    assert_eq!(store.forget(&retention, 1).await.unwrap(), 1);
    assert_eq!(store.idempotency(1, "a").await.unwrap(), None);
    assert_eq!(store.forget(&retention, 9).await.unwrap(), 1);
    assert_eq!(store.forget(&retention, 9).await.unwrap(), 0);
    assert_eq!(store.idempotency(1, "b").await.unwrap(), Some(row(1, "b", 7)));
    kept(store, vec![put(1, "a", 9)]).await;
}

pub(super) async fn drafts(store: &Store) {
    let put = |slug: &str, revision| Op::PutDraft(draft(slug, revision));
    let early = refused(store, vec![put("a", 1)]).await;
    assert_eq!(early, Assertion::WorkspaceMissing(WS));
    kept(store, vec![Op::PutWorkspace(workspace(1, "shop")), put("b", 1), put("a", 1)]).await;
    for asked in [0, 1, 3] {
        let slug = "a".to_owned();
        let stale = refused(store, vec![put("a", asked)]).await;
        assert_eq!(stale, Assertion::DraftRevision { slug, asked, found: 1 });
    }
    kept(store, vec![put("a", 2), put("a", 3), put("c", 1)]).await;
    assert_eq!(store.draft(WS, "a").await.unwrap(), Some(draft("a", 3)));
    let head = |slug: &str, revision| {
        let DraftRow { slug, updated_at, author, revision, .. } = draft(slug, revision);
        DraftHead { slug, updated_at, author, revision }
    };
    assert_eq!(store.draft_heads(WS, None, 2).await.unwrap(), [head("a", 3), head("b", 1)]);
    assert_eq!(store.draft_heads(WS, Some("b"), 2).await.unwrap(), [head("c", 1)]);
    assert_eq!(store.draft_heads(WorkspaceId(2), None, 2).await.unwrap(), []);
    let remove = || Op::RemoveDraft { workspace: WS, slug: "a".to_owned() };
    kept(store, vec![remove(), remove()]).await;
    assert_eq!(store.draft(WS, "a").await.unwrap(), None);
    kept(store, vec![put("a", 1)]).await;
}

pub(super) async fn versions(store: &Store) {
    // The order of text ids is not that of numbers.
    let row = |journey: u32, number: u32| JourneyVersionRow {
        slug: format!("j{}", 9 - journey),
        ..version(journey, number)
    };
    let head = |journey, number, live| {
        let JourneyVersionRow { journey, slug, version, published_at, .. } = row(journey, number);
        VersionHead { journey, slug, version, live, published_at }
    };
    let stored = |journey, number, live| StoredJourneyVersion { row: row(journey, number), live };
    let live = |journey, version| Op::SetLiveVersion {
        workspace: WS,
        journey: JourneyId(journey),
        version,
    };
    let rows = [(2, 1), (2, 2), (4, 1), (4, 2), (3, 1)];
    let mut ops = vec![Op::PutWorkspace(workspace(1, "shop"))];
    ops.extend(rows.map(|(journey, number)| Op::InsertJourneyVersion(row(journey, number))));
    ops.extend([live(2, Some(1)), live(4, Some(2))]);
    kept(store, ops).await;
    let of_four = [head(4, 1, false), head(4, 2, true)];
    let rest = vec![head(3, 1, false), head(2, 1, true), head(2, 2, false)];
    let all = [of_four.to_vec(), rest].concat();
    assert_eq!(store.version_heads(WS).await.unwrap(), all);
    assert_eq!(store.version_heads(WorkspaceId(2)).await.unwrap(), []);
    assert_eq!(store.version_heads_of(WS, "j5").await.unwrap(), of_four);
    assert_eq!(store.version_heads_of(WS, "j").await.unwrap(), []);
    assert_eq!(store.version_heads_of(WorkspaceId(2), "j5").await.unwrap(), []);
    let now = [stored(2, 1, true), stored(4, 2, true)];
    assert_eq!(store.live_versions(WS).await.unwrap(), now);
    assert_eq!(store.live_versions(WorkspaceId(2)).await.unwrap(), []);
    let one = async |journey, number| {
        store.journey_version(WS, JourneyId(journey), number).await.unwrap()
    };
    assert_eq!(one(4, 1).await, Some(stored(4, 1, false)));
    assert_eq!(one(4, 2).await, Some(stored(4, 2, true)));
    assert_eq!(one(4, 3).await, None);
    assert_eq!(one(5, 1).await, None);
    kept(store, vec![live(2, None), live(4, Some(1))]).await;
    assert_eq!(store.live_versions(WS).await.unwrap(), [stored(4, 1, true)]);
    assert_eq!(
        store.version_heads_of(WS, "j5").await.unwrap(),
        [head(4, 1, true), head(4, 2, false)]
    );
}

pub(super) async fn pauses(store: &Store) {
    let set =
        |journey, paused| Op::SetPaused { workspace: WS, journey: JourneyId(journey), paused };
    assert_eq!(refused(store, vec![set(4, true)]).await, Assertion::JourneyMissing(JOURNEY));
    let versions = [4, 2, 3].map(|journey| Op::InsertJourneyVersion(version(journey, 1)));
    kept(store, [vec![Op::PutWorkspace(workspace(1, "shop"))], versions.to_vec()].concat()).await;
    kept(store, vec![set(4, true), set(2, true), set(2, true), set(3, false)]).await;
    assert_eq!(store.paused_journeys(WS).await.unwrap(), [JourneyId(2), JOURNEY]);
    assert_eq!(store.paused_journeys(WorkspaceId(2)).await.unwrap(), []);
    kept(store, vec![set(2, false)]).await;
    assert_eq!(store.paused_journeys(WS).await.unwrap(), [JOURNEY]);
}

pub(super) async fn search(store: &Store) {
    let people = [
        (1, "a_1", "+331", Some("Zoe@x.example")),
        (2, "a%1", "+332", Some("zOe@x.example")),
        (3, "ab1", "+4", Some("zo%e@x.example")),
        (4, "A_1", "+331", None),
    ];
    for (contact, id, phone, email) in people {
        let row = ProfileRow {
            external_id: Some(id.to_owned()),
            phone: Some(phone.to_owned()),
            email: email.map(str::to_owned),
            ..profile(contact)
        };
        let link = Op::LinkIdentity(identity(id), ContactId(contact));
        kept(store, vec![Op::PutProfile(row), link]).await;
    }
    // An identity that is not the id of the profile, and an id that is nobody's identity.
    let unlinked = ProfileRow { external_id: Some("a_2".to_owned()), ..profile(5) };
    let ops = vec![Op::LinkIdentity(identity("a_x"), ContactId(1)), Op::PutProfile(unlinked)];
    kept(store, ops).await;
    let find = async |field, prefix: &str, after, limit| {
        let found = store.contacts_search(WS, field, prefix, after, limit).await.unwrap();
        found.iter().map(|record| record.profile.contact.0).collect::<Vec<_>>()
    };
    assert_eq!(find(SearchField::ExternalId, "a", None, 9).await, [2, 1, 3]);
    assert_eq!(find(SearchField::ExternalId, "a_", None, 9).await, [1]);
    assert_eq!(find(SearchField::ExternalId, "a%", None, 9).await, [2]);
    assert_eq!(find(SearchField::ExternalId, "", None, 2).await, [4, 2]);
    let after = Some(("a%1", ContactId(2)));
    assert_eq!(find(SearchField::ExternalId, "a", after, 9).await, [1, 3]);
    assert_eq!(find(SearchField::Phone, "+33", None, 9).await, [1, 4, 2]);
    assert_eq!(find(SearchField::Phone, "+33", Some(("+331", ContactId(1))), 1).await, [4]);
    assert_eq!(find(SearchField::Email, "ZOE@", None, 9).await, [1, 2]);
    assert_eq!(find(SearchField::Email, "zo", None, 9).await, [3, 1, 2]);
    let after = Some(("zoe@x.example", ContactId(1)));
    assert_eq!(find(SearchField::Email, "zo", after, 9).await, [2]);
    assert_eq!(find(SearchField::Email, "zo%", None, 9).await, [3]);
    let elsewhere = store.contacts_search(WorkspaceId(2), SearchField::Phone, "", None, 9).await;
    assert!(elsewhere.unwrap().is_empty());
    // The index follows a change of the address alone.
    let moved = ProfileRow { email: Some("new@x.example".to_owned()), ..profile(3) };
    kept(store, vec![Op::PutProfile(moved)]).await;
    assert_eq!(find(SearchField::Email, "zo%", None, 9).await, Vec::<u64>::new());
    assert_eq!(find(SearchField::Email, "NEW", None, 9).await, [3]);
}

pub(super) async fn messages(store: &Store) {
    let insert = |n: u64, due| Op::InsertMessage(Box::new(message(n, n, due)));
    kept(store, vec![insert(1, 30), insert(2, 10), insert(3, 30)]).await;
    let page = store.messages_of_workspace(WS, None, 2).await.unwrap();
    assert_eq!(page.iter().map(|row| row.id).collect::<Vec<_>>(), [3, 1].map(message_id));
    let after = page.last().map(|row| (row.intended_at, row.id));
    let page = store.messages_of_workspace(WS, after, 2).await.unwrap();
    assert_eq!(page.iter().map(|row| row.id).collect::<Vec<_>>(), [message_id(2)]);
    assert!(store.messages_of_workspace(WorkspaceId(2), None, 2).await.unwrap().is_empty());
}

pub(super) async fn totals(store: &Store) {
    let add = |journey, hour: i64, step, what, delta| Op::AddCounter {
        workspace: WS,
        key: CounterKey {
            journey: JourneyId(journey),
            version: 1,
            step,
            variant: String::new(),
            what,
            hour: Timestamp(hour),
        },
        delta,
    };
    let mut ops = vec![add(4, 0, None, What::Entered, 2), add(4, 10, None, What::Entered, 3)];
    ops.extend([add(4, 10, Some(1), What::Sent, 4), add(4, 20, Some(2), What::Sent, 8)]);
    ops.push(add(5, 0, Some(0), What::Reached, 1));
    kept(store, ops).await;
    kept(store, vec![add(4, 20, None, What::Entered, 16)]).await;
    let total =
        |step, what, value| CounterTotal { version: 1, step, variant: String::new(), what, value };
    let hours = (Timestamp(10), Timestamp(21));
    let found = store.counter_totals(WS, JOURNEY, hours).await.unwrap();
    let sent = [total(Some(1), What::Sent, 4), total(Some(2), What::Sent, 8)];
    assert_eq!(found, [vec![total(None, What::Entered, 19)], sent.to_vec()].concat());
    assert!(store.counter_totals(WorkspaceId(2), JOURNEY, hours).await.unwrap().is_empty());
    let found = store.journey_totals(WS).await.unwrap();
    let other = (JourneyId(5), What::Reached, 1);
    assert_eq!(found, [(JOURNEY, What::Entered, 21), (JOURNEY, What::Sent, 12), other]);
    // What is refused counts nowhere.
    let row = message(1, 1, 5);
    kept(store, vec![Op::InsertMessage(Box::new(row.clone()))]).await;
    let ops = vec![add(4, 0, None, What::Entered, 1), Op::InsertMessage(Box::new(row))];
    assert_eq!(refused(store, ops).await, Assertion::MessageExists(message_id(1)));
    assert_eq!(store.journey_totals(WS).await.unwrap(), found);
}

pub(super) async fn last_instant(store: &Store) {
    let last = async || store.last_instant().await.unwrap().map(|at| at.0);
    assert_eq!(last().await, None);
    kept(store, vec![Op::PutProfile(profile(1))]).await;
    assert_eq!(last().await, None);
    kept(store, vec![Op::AppendInput(input(1, 1, None, 40))]).await;
    assert_eq!(last().await, Some(41));
    kept(store, vec![Op::AppendDecision(decision(1, None, 30))]).await;
    assert_eq!(last().await, Some(41));
    kept(store, vec![Op::AppendDecision(decision(1, None, 50))]).await;
    kept(store, vec![Op::InsertMessage(Box::new(message(1, 1, 61))), handed_out(1, 70, 1)]).await;
    assert_eq!(last().await, Some(70));
    let late = vec![
        Op::AppendDecision(decision(1, None, 90)),
        Op::PutProfile(ProfileRow { workspace: WorkspaceId(2), ..profile(1) }),
    ];
    store.commit(&batch(late)).await.unwrap_err();
    assert_eq!(last().await, Some(70));
    let cutoff = Some(Timestamp(1_000));
    let retention =
        Retention { inputs_before: cutoff, decisions_before: cutoff, ..Retention::default() };
    store.forget(&retention, 9).await.unwrap();
    assert_eq!(last().await, Some(70));
}
