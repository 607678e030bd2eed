//! The live feed: what happens is seen at once, by those whom it concerns, and a stop does not wait for them.

use crate::live::{Live, now, shop_as, until};
use serde_json::{Value as Json, json};
use std::time::Duration;

const FEED: &str = "/api/v1/workspaces/juniper/feed";

fn shop() -> Live {
    let live = Live::start();
    live.apply_files("juniper", &shop_as("juniper"));
    live.apply_files("other", &shop_as("other"));
    live
}

fn purchase(live: &Live, key: &str, user: &str) {
    let traits = json!({ "userId": user, "traits": { "phone": "+12125550123" } });
    live.request("POST", "/v1/identify", key, &traits).expect(200);
    let body = json!({ "userId": user, "event": "purchase", "properties": { "order_id": "o-1" } });
    live.request("POST", "/v1/track", key, &body).expect(200);
}

#[test]
fn a_watcher_sees_inputs_decisions_and_messages_by_their_names() {
    let live = shop();
    let mut events = live.events(FEED, &live.key("juniper", &["read"]));
    assert_eq!(events.status, 200);
    assert_eq!(events.headers["content-type"], "text/event-stream");
    purchase(&live, &live.key("other", &["write"]), "stranger");
    purchase(&live, &live.key("juniper", &["write"]), "u-1");
    let (mut input, mut decision, mut message) = (false, false, false);
    while !(input && decision && message) {
        let (kind, data) = events.next().expect("another event");
        assert_eq!(data["external_id"], "u-1", "only its own: {data}");
        match kind.as_str() {
            "input" => input |= data["input"]["name"] == "purchase",
            "decision" => {
                let it = &data["decision"];
                decision |= it["journey"] == "order_thanks" && it["step"] == "thanks";
            }
            "message" => message |= data["message"]["journey"] == "order_thanks",
            other => panic!("{other}: {data}"),
        }
    }
}

#[test]
fn a_filter_leaves_out_the_rest() {
    let live = shop();
    let writer = live.key("juniper", &["write"]);
    purchase(&live, &writer, "u-1");
    let page = live.get("/api/v1/workspaces/juniper/contacts?search=u-1").expect(200);
    let id = page["items"][0]["id"].as_u64().expect("an id");
    let query = format!("{FEED}?contact={id}&kinds=input");
    let mut inputs = live.events(&query, &live.operator);
    let mut journey =
        live.events(&format!("{FEED}?journey=order_thanks&kinds=decision,message"), &live.operator);
    purchase(&live, &writer, "u-2");
    purchase(&live, &writer, "u-1");
    for name in ["", "purchase"] {
        let (kind, data) = inputs.next().expect("an event");
        assert_eq!((kind.as_str(), &data["contact"]), ("input", &json!(id)));
        assert_eq!(data["input"]["name"], name);
    }
    // What became of the first text is among them as well.
    loop {
        let (kind, data) = journey.next().expect("an event");
        assert!(["decision", "message"].contains(&kind.as_str()), "{kind}");
        assert_eq!(data[&kind]["journey"], "order_thanks");
        if data["external_id"] == "u-2" {
            break;
        }
    }
    for (query, status) in [("kinds=noise", 422), ("journey=none", 404), ("contact=99", 404)] {
        live.get(&format!("{FEED}?{query}")).expect(status);
    }
}

#[test]
fn a_workspace_has_only_so_many_watchers_and_none_with_a_revoked_key() {
    let live = shop();
    let path = "/api/v1/workspaces/juniper/keys";
    let made = live.post(path, &json!({ "name": "watcher", "scopes": ["read"] })).expect(201);
    let key = made["key"].as_str().expect("a key");
    let mut watched: Vec<_> = (0..64).map(|_| live.events(FEED, key)).collect();
    assert!(watched.iter().all(|events| events.status == 200));
    assert_eq!(live.events(FEED, key).status, 429);
    let another = live.key("juniper", &["read"]);
    assert_eq!(live.events(FEED, &another).status, 429, "with another key, too");
    live.apply_files("other", &crate::live::shop_as("other"));
    let feed = "/api/v1/workspaces/other/feed";
    assert_eq!(live.events(feed, &live.operator).status, 200, "of another workspace");
    drop(watched.pop());
    // The program learns of a closed connection when it has something to send.
    let writer = live.key("juniper", &["write"]);
    watched.push(until("there is room again", || {
        purchase(&live, &writer, "u-1");
        Some(live.events(FEED, key)).filter(|events| events.status == 200)
    }));
    let id = &made["id"];
    live.request("DELETE", &format!("{path}/{id}"), &live.operator, &Json::Null).expect(200);
    purchase(&live, &writer, "u-2");
    let mut last = watched.pop().expect("one");
    while let Some((_, data)) = last.next() {
        assert_ne!(data["external_id"], "u-2", "the key was revoked before");
    }
}

#[test]
fn who_reads_too_slowly_is_told_how_much_was_missed_and_holds_nobody_up() {
    let live = shop();
    let mut events = live.events(&format!("{FEED}?kinds=input"), &live.operator);
    let writer = live.key("juniper", &["write"]);
    // More than the feed keeps and the connection holds together; nobody reads meanwhile.
    let input = json!({
        "type": "track", "userId": "u-1", "event": "noise", "properties": { "note": "x".repeat(800) },
    });
    let batch = json!({ "batch": vec![input; 1_000] });
    for _ in 0..16 {
        assert_eq!(
            live.request("POST", "/v1/batch", &writer, &batch).expect(200)["accepted"],
            1_000
        );
    }
    let mut seen = 0;
    loop {
        let (kind, data) = events.next().expect("another event");
        if kind == "missed" {
            assert!(data["count"].as_u64().expect("a count") > 0);
            break;
        }
        seen += 1;
        assert!(seen < 16_000, "nothing was missed");
    }
}

#[test]
fn a_feed_outlives_the_time_limit_of_requests_and_a_stop_does_not_wait_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("wayline.toml");
    std::fs::write(&settings, "[http]\nrequest_timeout_seconds = 1\nheader_timeout_seconds = 1\n")
        .expect("write settings");
    let mut live = Live::start_with(&["--config", settings.to_str().expect("UTF-8")]);
    live.apply_files("juniper", &shop_as("juniper"));
    let mut events = live.events(FEED, &live.operator);
    let began = now();
    let writer = live.key("juniper", &["write"]);
    let mut users = 0;
    until("more than the limit has passed", || {
        users += 1;
        purchase(&live, &writer, &format!("u-{users}"));
        (began.elapsed() > Duration::from_secs(3)).then_some(())
    });
    let last = format!("u-{users}");
    while events.next().expect("it goes on").1["external_id"] != last.as_str() {}
    let stopping = now();
    live.stop();
    assert!(stopping.elapsed() < Duration::from_secs(9), "{:?}", stopping.elapsed());
    while events.next().is_some() {}
}
