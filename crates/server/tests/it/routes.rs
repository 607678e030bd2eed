//! Who may call what: every route of the API's own description, with no key, a foreign key and a key of too little.

use crate::live::{Live, shop_as, until};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Routes anybody may call.
const OPEN: &[&str] =
    &["GET /health/live", "GET /health/ready", "GET /metrics", "GET /api/v1/openapi.json"];

/// Routes that send events, for a key of a workspace with the scope `write`.
const EVENTS: &[&str] = &[
    "POST /v1/identify",
    "POST /v1/track",
    "POST /v1/page",
    "POST /v1/screen",
    "POST /v1/group",
    "POST /v1/alias",
    "POST /v1/batch",
    "POST /v1/import",
];

/// Routes for operator keys alone.
const OPERATOR: &[&str] = &[
    "GET /api/v1/workspaces",
    "GET /api/v1/keys",
    "POST /api/v1/keys",
    "DELETE /api/v1/keys/{id}",
    "GET /api/v1/gateways",
    "GET /api/v1/gateways/{gateway}",
    "PUT /api/v1/gateways/{gateway}",
    "DELETE /api/v1/gateways/{gateway}",
    "POST /api/v1/gateways/{gateway}/pause",
    "POST /api/v1/gateways/{gateway}/resume",
    "POST /api/v1/gateways/{gateway}/drain",
    "POST /api/v1/gateways/{gateway}/check",
    "GET /api/v1/gateways/{gateway}/unknown",
    "GET /api/v1/gateways/{gateway}/unclaimed",
];

/// Routes for any valid key: what they tell is the same for everybody.
const ANY_KEY: &[&str] = &["GET /api/v1/gateways/kinds"];

// `/callbacks/{scope}/{gateway}` and what is below it are in no description: their forms are the providers', who have
// no key of ours. callbacks.rs tests that only who signs as the gateway's provider is heard.

/// Routes of one workspace (the path after `/api/v1/workspaces/{workspace}`), and the scope each needs.
const WORKSPACE: &[(&str, &str)] = &[
    ("GET ", "read"),
    ("PUT ", "manage"),
    ("POST /plan", "manage"),
    ("GET /export", "read"),
    ("GET /keys", "manage"),
    ("POST /keys", "manage"),
    ("DELETE /keys/{id}", "manage"),
    ("GET /contacts", "read"),
    ("POST /contacts", "write"),
    ("GET /contacts/{contact}", "read"),
    ("GET /contacts/{contact}/timeline", "read"),
    ("GET /contacts/{contact}/enrollments", "read"),
    ("GET /contacts/{contact}/messages", "read"),
    ("GET /contacts/{contact}/decisions", "read"),
    ("GET /contacts/{contact}/why", "read"),
    ("GET /contacts/{contact}/consents", "read"),
    ("POST /contacts/{contact}/consents", "write"),
    ("GET /feed", "read"),
    ("GET /drafts", "read"),
    ("GET /journeys", "read"),
    ("GET /journeys/{journey}", "read"),
    ("GET /journeys/{journey}/versions", "read"),
    ("GET /journeys/{journey}/versions/{version}", "read"),
    ("GET /journeys/{journey}/diff", "read"),
    ("GET /journeys/{journey}/draft", "read"),
    ("PUT /journeys/{journey}/draft", "manage"),
    ("DELETE /journeys/{journey}/draft", "manage"),
    ("POST /journeys/{journey}/validate", "read"),
    ("POST /journeys/{journey}/publish", "manage"),
    ("POST /journeys/{journey}/pause", "manage"),
    ("POST /journeys/{journey}/resume", "manage"),
    ("POST /journeys/{journey}/archive", "manage"),
    ("POST /journeys/{journey}/enroll", "write"),
    ("GET /journeys/{journey}/counters", "read"),
    ("GET /journeys/{journey}/counters/hourly", "read"),
    ("GET /journeys/{journey}/enrollments", "read"),
    ("GET /journeys/{journey}/messages", "read"),
    ("GET /journeys/{journey}/decisions", "read"),
    ("GET /messages/{message}", "read"),
    ("GET /dead_letters", "read"),
    ("GET /dead_letters/{id}", "read"),
    ("DELETE /dead_letters/{id}", "manage"),
    ("POST /dead_letters/{id}/retry", "manage"),
    ("GET /gateways", "read"),
    ("GET /gateways/{gateway}", "read"),
    ("PUT /gateways/{gateway}", "manage"),
    ("DELETE /gateways/{gateway}", "manage"),
    ("POST /gateways/{gateway}/pause", "manage"),
    ("POST /gateways/{gateway}/resume", "manage"),
    ("POST /gateways/{gateway}/drain", "manage"),
    ("POST /gateways/{gateway}/check", "manage"),
    ("POST /gateways/{gateway}/test", "manage"),
    ("GET /gateways/{gateway}/unknown", "read"),
    ("GET /lanes", "read"),
];

/// Whoever orders, and whoever an API call names, is texted at once.
const ORDERED: &str = "\
journey: ordered
purpose: transactional
entry: {event: ordered}
steps:
  thanks: {send: {sms: \"Thank you.\"}}
";
const BY_HAND: &str = "\
journey: by_hand
purpose: transactional
entry: {api: true}
steps:
  hello: {send: {sms: \"Hello.\"}}
";
/// Nobody's event can be handled here: each leads to the next, without end.
const CIRCLE: &str = "\
journey: circle
entry: {event: looped, while_active: parallel, once_ended: always}
steps:
  again: {emit: looped}
";

const BELOW: &str = "/api/v1/workspaces/{workspace}";
const SCOPES: [&str; 3] = ["read", "write", "manage"];

/// All routes that are described: method and path.
fn described(live: &Live) -> Vec<(String, String)> {
    let document = live.request("GET", "/api/v1/openapi.json", "", &Json::Null).expect(200);
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            if ["get", "put", "post", "delete", "patch"].contains(&method.as_str()) {
                routes.push((method.to_uppercase(), path.clone()));
            }
        }
    }
    routes
}

/// A path with its variable parts filled in: things that are there in workspace B.
fn filled(path: &str, contact: u64, key: u64) -> String {
    path.replace("{workspace}", "b")
        .replace("{contact}", &contact.to_string())
        .replace("{id}", &key.to_string())
        .replace("{gateway}", "main")
        .replace("{journey}", "welcome")
        .replace("{version}", "1")
        .replace("{message}", "m-1-0-1")
}

/// Everything of workspace B that a call could change.
fn state_of_b(live: &Live, contact: u64) -> Vec<Json> {
    let lists =
        ["", "/export", "/keys", "/contacts"].map(|below| format!("/api/v1/workspaces/b{below}"));
    let about = ["", "/timeline", "/consents"]
        .map(|below| format!("/api/v1/workspaces/b/contacts/{contact}{below}"));
    let mut all: Vec<Json> =
        lists.iter().chain(&about).map(|path| live.get(path).expect(200)).collect();
    all.push(live.get("/api/v1/keys").expect(200));
    all
}

#[test]
fn every_route_has_a_rule_and_every_rule_a_route() {
    let live = Live::start();
    let found: BTreeSet<String> =
        described(&live).iter().map(|(method, path)| format!("{method} {path}")).collect();
    let plain =
        OPEN.iter().chain(EVENTS).chain(OPERATOR).chain(ANY_KEY).map(|&route| route.to_owned());
    let below = WORKSPACE.iter().map(|(route, _)| {
        let (method, path) = route.split_once(' ').expect("a method and a path");
        format!("{method} {BELOW}{path}")
    });
    let ruled: BTreeSet<String> = plain.chain(below).collect();
    let without: Vec<_> = found.difference(&ruled).collect();
    let gone: Vec<_> = ruled.difference(&found).collect();
    assert!(without.is_empty(), "say in routes.rs who may call {without:?}");
    assert!(gone.is_empty(), "routes.rs has rules for routes that are not there: {gone:?}");
}

#[test]
fn nobody_does_what_their_key_may_not() {
    let live = Live::start();
    for workspace in ["a", "b"] {
        live.apply_files(workspace, &shop_as(workspace));
    }
    let foreign = live.key("a", &SCOPES);
    let keys = "/api/v1/workspaces/b/keys";
    let mine = live.post(keys, &json!({ "name": "b", "scopes": SCOPES })).expect(201);
    let scoped = SCOPES.map(|scope| {
        let others: Vec<&str> = SCOPES.into_iter().filter(|other| *other != scope).collect();
        (scope, live.key("b", &others))
    });
    let person = json!({ "external_id": "u-1", "phone": "+12125550123" });
    let made = live.post("/api/v1/workspaces/b/contacts", &person).expect(200);
    let (contact, key) = (made["id"].as_u64().expect("an id"), mine["id"].as_u64().expect("an id"));
    let before = state_of_b(&live, contact);
    for (method, path) in described(&live) {
        let route = format!("{method} {path}");
        let filled = filled(&path, contact, key);
        let status = |key: &str| live.request(&method, &filled, key, &json!({})).status;
        if OPEN.contains(&route.as_str()) {
            assert_eq!(status(""), 200, "{route} is open");
            continue;
        }
        assert_eq!(status(""), 401, "{route} without a key");
        assert_eq!(status("wl_1_0123"), 401, "{route} with a key that is none");
        let lacking = |scope: &str| {
            let found = scoped.iter().find(|(lacks, _)| *lacks == scope);
            found.map(|(_, key)| key.as_str()).expect("a key")
        };
        if EVENTS.contains(&route.as_str()) {
            assert_eq!(status(lacking("write")), 403, "{route} without its scope");
            assert_eq!(status(&live.operator), 403, "{route} by an operator");
        } else if ANY_KEY.contains(&route.as_str()) {
            assert_eq!(status(&foreign), 200, "{route} with any key");
        } else if OPERATOR.contains(&route.as_str()) {
            assert_eq!(status(&foreign), 403, "{route} with a key of a workspace");
        } else {
            let below = route.replacen(BELOW, "", 1);
            let rule = WORKSPACE.iter().find(|(route, _)| *route == below);
            let (_, scope) = rule.unwrap_or_else(|| panic!("{route} has no rule"));
            assert_eq!(status(&foreign), 404, "{route} with a key of another workspace");
            assert_eq!(status(lacking(scope)), 403, "{route} without the scope {scope}");
        }
    }
    assert_eq!(state_of_b(&live, contact), before, "something in workspace b was changed");
}

/// What there is in workspace B, by its ids.
struct ThingsOfB {
    contact: u64,
    key: u64,
    letter: u64,
    message: String,
}

fn things_of_b(live: &Live) -> ThingsOfB {
    let below = |path: &str| format!("/api/v1/workspaces/b{path}");
    let made = live.post(&below("/keys"), &json!({ "name": "b", "scopes": SCOPES })).expect(201);
    let secret = made["key"].as_str().expect("a key");
    let person = json!({ "external_id": "u-1", "phone": "+12125550123" });
    let contact = live.post(&below("/contacts"), &person).expect(200)["id"].as_u64();
    let contact = contact.expect("an id");
    for event in ["looped", "ordered"] {
        let track = json!({ "userId": "u-1", "event": event });
        live.request("POST", "/v1/track", secret, &track).expect(200);
    }
    let letters = live.get(&below("/dead_letters")).expect(200);
    // Once its receipt is there nothing changes any more by itself.
    let message = until("the text has arrived", || {
        let page = live.get(&below(&format!("/contacts/{contact}/messages"))).expect(200);
        let last = ["delivered", "undelivered", "failed"];
        let arrived = last.iter().any(|state| page["items"][0]["state"] == *state);
        arrived.then(|| page["items"][0]["id"].as_str().map(str::to_owned)).flatten()
    });
    let letter = letters["items"][0]["id"].as_u64().expect("a dead letter");
    ThingsOfB { contact, key: made["id"].as_u64().expect("an id"), letter, message }
}

#[test]
fn the_ids_of_another_workspace_name_nothing_below_ones_own_path() {
    let live = Live::start();
    for workspace in ["a", "b"] {
        let mut files = shop_as(workspace);
        for (name, text) in [("ordered", ORDERED), ("by_hand", BY_HAND), ("circle", CIRCLE)] {
            files.insert(format!("journeys/{name}.yaml"), text.to_owned());
        }
        live.apply_files(workspace, &files);
    }
    let mine = live.key("a", &SCOPES);
    let theirs = things_of_b(&live);
    let (contact, letter) = (theirs.contact, format!("/dead_letters/{}", theirs.letter));
    let whole = |live: &Live| {
        let letter = live.get(&format!("/api/v1/workspaces/b{letter}")).expect(200);
        (state_of_b(live, contact), letter)
    };
    let before = whole(&live);
    let consent = json!({ "channel": "sms", "state": "opted_out", "source": "x" });
    let mut asked = 0;
    for (method, path) in described(&live) {
        let Some(below) = path.strip_prefix(BELOW) else { continue };
        let id = if below.starts_with("/keys") { theirs.key } else { theirs.letter };
        let filled = below
            .replace("{contact}", &contact.to_string())
            .replace("{id}", &id.to_string())
            .replace("{message}", &theirs.message);
        // A journey is named by its text id, which both workspaces may have.
        if filled == below || filled.contains('{') {
            continue;
        }
        let query = if below.ends_with("/why") { "?journey=ordered" } else { "" };
        let path = format!("/api/v1/workspaces/a{filled}{query}");
        for key in [&mine, &live.operator] {
            let answer = live.request(&method, &path, key, &consent);
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.body);
        }
        asked += 1;
    }
    assert!(asked >= 13, "only {asked} routes name something by its id");
    let enroll = "/api/v1/workspaces/a/journeys/by_hand/enroll";
    live.request("POST", enroll, &mine, &json!({ "contact": contact })).expect(404);
    live.request("POST", enroll, &mine, &json!({ "user_id": "u-1" })).expect(404);
    assert_eq!(whole(&live), before, "something in workspace b was changed");
}

#[test]
fn a_request_that_changes_a_workspace_counts_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("wayline.toml");
    std::fs::write(&config, "[http]\nrequests_per_second_max = 1\nrequests_at_once_max = 2\n")
        .expect("write");
    let live = Live::start_with(&["--config", config.to_str().expect("a path")]);
    let files = shop_as("a");
    live.apply_files("a", &files);
    let key = live.key("a", &["manage"]);
    for _ in 0..2 {
        let body = json!({ "files": files });
        live.request("POST", "/api/v1/workspaces/a/plan", &key, &body).expect(200);
    }
}
