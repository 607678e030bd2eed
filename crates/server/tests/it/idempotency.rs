//! Creating calls that are repeated: made once, answered twice.

use crate::live::{Answer, Live, shop_as};
use serde_json::{Value as Json, json};
use wayline_core::time::Timestamp;
use wayline_store::rows::Retention;
use wayline_store::{SqliteOptions, SqliteStore, Store};

const CONTACTS: &str = "/api/v1/workspaces/juniper/contacts";
const KEYS: &str = "/api/v1/workspaces/juniper/keys";

fn shop() -> Live {
    let live = Live::start();
    live.apply_files("juniper", &shop_as("juniper"));
    live
}

fn named(live: &Live, path: &str, token: &str, body: &Json) -> Answer {
    live.request_with("POST", path, &live.operator, &[("Idempotency-Key", token)], body)
}

fn is_replay(answer: &Answer) -> bool {
    answer.headers.get("idempotency-replayed").is_some_and(|it| it == "true")
}

#[test]
fn a_repeated_call_gets_the_same_answer_and_another_body_none() {
    let mut live = shop();
    let body = json!({ "external_id": "u-1", "phone": "+12125550123" });
    let first = named(&live, CONTACTS, "t-1", &body);
    let id = first.expect(200)["id"].clone();
    assert!(!is_replay(&first));
    live.kill();
    live.run();
    let again = named(&live, CONTACTS, "t-1", &body);
    assert_eq!(again.expect(200), first.json());
    assert!(is_replay(&again));
    named(&live, CONTACTS, "t-1", &json!({ "external_id": "u-2" })).expect(422);
    assert!(!is_replay(&named(&live, CONTACTS, "t-2", &body)), "another call");
    // A token is the key's own: another key's call of the same name is another call.
    let writer = live.key("juniper", &["write"]);
    let headers = [("Idempotency-Key", "t-1")];
    let other = live.request_with("POST", CONTACTS, &writer, &headers, &body);
    assert!(!is_replay(&other) && other.status == 200);

    let consents = format!("{CONTACTS}/{id}/consents");
    let body = json!({ "channel": "sms", "state": "opted_in", "source": "web_form" });
    let answers = [(); 3].map(|()| named(&live, &consents, "t-3", &body).expect(201));
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let shown = live.get(&consents).expect(200);
    assert_eq!(shown["inputs"].as_array().expect("inputs").len(), 1, "{shown}");
    for wrong in ["", "two words", &"x".repeat(256)] {
        named(&live, CONTACTS, wrong, &json!({ "external_id": "u-1" })).expect(400);
    }
}

/// The store as a crash between a creation and the keeping of its answer leaves it.
fn lose_kept_answers(live: &Live) {
    let path = live.data().join("wayline.db");
    let store = SqliteStore::open(&path, SqliteOptions::default()).expect("the store opens");
    let retention = Retention { idempotency_before: Some(Timestamp::MAX), ..Retention::default() };
    let store = Store::from(store);
    let gone = pollster::block_on(store.forget(&retention, 1_000)).expect("it forgets");
    assert!(gone > 0, "no answer was kept");
}

#[test]
fn what_was_made_before_a_crash_is_not_made_again_when_its_answer_was_lost() {
    let mut live = shop();
    let person = json!({ "phone": "+12125550123", "attributes": { "tier": "gold" } });
    let id = named(&live, CONTACTS, "t-1", &person).expect(200)["id"].clone();
    let consents = format!("{CONTACTS}/{id}/consents");
    let consent = json!({ "channel": "sms", "state": "opted_in", "source": "web_form" });
    let taken = named(&live, &consents, "t-2", &consent).expect(201);
    let timeline = live.get(&format!("{CONTACTS}/{id}/timeline")).expect(200);
    live.kill();
    lose_kept_answers(&live);
    live.run();
    let again = named(&live, CONTACTS, "t-1", &person);
    assert!(!is_replay(&again));
    assert_eq!(again.expect(200)["id"], id);
    assert_eq!(named(&live, &consents, "t-2", &consent).expect(201), taken);
    assert_eq!(live.get(&format!("{CONTACTS}/{id}/timeline")).expect(200), timeline);
    assert!(is_replay(&named(&live, CONTACTS, "t-1", &person)), "it is kept now");
}

#[test]
fn what_was_made_before_and_does_not_stand_any_more_is_not_said_to_be_taken() {
    let mut live = shop();
    let (unnamed, named_by_id) = (
        json!({ "phone": "+12125550123", "attributes": { "tier": "gold" } }),
        json!({ "external_id": "u-2", "attributes": { "tier": "gold" } }),
    );
    let id = named(&live, CONTACTS, "t-1", &unnamed).expect(200)["id"].clone();
    named(&live, CONTACTS, "t-2", &named_by_id).expect(200);
    let consents = format!("{CONTACTS}/{id}/consents");
    let said = |state: &str| json!({ "channel": "sms", "state": state, "source": "web_form" });
    named(&live, &consents, "t-3", &said("opted_in")).expect(201);
    // The person stops, and the profiles change; then the answers are forgotten, and their inputs are not yet.
    named(&live, &consents, "t-4", &said("opted_out")).expect(201);
    let changed = json!({ "phone": "+12125550123", "attributes": { "tier": null } });
    named(&live, CONTACTS, "t-5", &changed).expect(200);
    let changed = json!({ "external_id": "u-2", "attributes": { "tier": "silver" } });
    named(&live, CONTACTS, "t-6", &changed).expect(200);
    live.kill();
    lose_kept_answers(&live);
    live.run();
    let refused = named(&live, &consents, "t-3", &said("opted_in"));
    assert!(refused.expect(409)["detail"].as_str().expect("a detail").contains("Idempotency-Key"));
    named(&live, CONTACTS, "t-1", &unnamed).expect(409);
    named(&live, CONTACTS, "t-2", &named_by_id).expect(409);
    named(&live, CONTACTS, "t-6", &changed).expect(200);
    // Under another name it is another call.
    let taken = named(&live, &consents, "t-7", &said("opted_in")).expect(201);
    assert_eq!(taken["consent"]["state"], "opted_in");
    named(&live, CONTACTS, "t-8", &unnamed).expect(200);
}

#[test]
fn a_failed_call_is_not_kept() {
    let live = shop();
    named(&live, CONTACTS, "t-1", &json!({ "phone": "call me" })).expect(422);
    let mended = named(&live, CONTACTS, "t-1", &json!({ "phone": "+12125550123" }));
    mended.expect(200);
    assert!(!is_replay(&mended));
}

#[test]
fn a_repeated_key_is_made_once_and_its_secret_is_not_told_again() {
    let mut live = shop();
    let body = json!({ "name": "shop system", "scopes": ["write"] });
    let first = named(&live, KEYS, "k-1", &body);
    let made = first.expect(201);
    let secret = made["key"].as_str().expect("a key").to_owned();
    let again = named(&live, KEYS, "k-1", &body);
    let replayed = again.expect(201);
    assert!(is_replay(&again));
    assert_eq!((&replayed["id"], &replayed["key"]), (&made["id"], &Json::Null));
    let keys = live.get(KEYS).expect(200);
    assert_eq!(keys["items"].as_array().expect("keys").len(), 1, "{keys}");
    live.stop();
    let hidden = secret.rsplit('_').next().expect("a secret").as_bytes().to_vec();
    for entry in std::fs::read_dir(live.data()).expect("the folder") {
        let bytes = std::fs::read(entry.expect("an entry").path()).expect("a file");
        assert!(!bytes.windows(hidden.len()).any(|it| it == hidden), "the secret is in the store");
    }
    live.run();
    assert!(is_replay(&named(&live, KEYS, "k-1", &body)));
}

#[test]
fn twins_at_one_time_make_one_thing() {
    let live = shop();
    let body = json!({ "name": "twin", "scopes": ["read"] });
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let calls: Vec<_> =
            (0..8).map(|_| scope.spawn(|| named(&live, KEYS, "k-1", &body))).collect();
        calls.into_iter().map(|call| call.join().expect("an answer")).collect()
    });
    let made = answers.iter().filter(|it| it.status == 201 && !is_replay(it)).count();
    assert_eq!(made, 1);
    assert!(answers.iter().all(|it| [201, 409].contains(&it.status)));
    let keys = live.get(KEYS).expect(200);
    assert_eq!(keys["items"].as_array().expect("keys").len(), 1, "{keys}");
}
