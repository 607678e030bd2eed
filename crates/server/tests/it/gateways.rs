//! Gateways over the API: secrets that never come back, whose they are, and how they stand.

use crate::live::{Live, until};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// No word of any answer or log.
const SECRET: &str = "hunter2correcthorse";
const TENANT: &str = "/api/v1/workspaces/cafe/gateways";
const OPERATOR: &str = "/api/v1/gateways";

/// A workspace whose one sender goes through the gateway `main`.
pub(crate) fn workspace(slug: &str) -> BTreeMap<String, String> {
    let text = format!(
        "workspace: {slug}\nbrand: Cafe\ncountry: US\ntime_zone: America/New_York\n\
         quiet_hours: {{from: \"21:00\", to: \"08:00\", purposes: [marketing], unknown_zone: workspace}}\n\
         consent: single_opt_in\n\
         senders: [{{id: main, number: \"60777\", kind: short_code, gateway: main}}]\n"
    );
    BTreeMap::from([("workspace.yaml".to_owned(), text)])
}

/// A gateway that reaches nobody: nobody listens on that port.
fn twilio() -> Json {
    json!({
        "kind": "twilio",
        "settings": { "account_sid": "AC1", "base_url": "http://127.0.0.1:9" },
        "secrets": { "auth_token": SECRET },
    })
}

fn started() -> Live {
    let live = Live::start();
    live.apply_files("cafe", &workspace("cafe"));
    live
}

fn put(live: &Live, path: &str, body: &Json) -> crate::live::Answer {
    live.request("PUT", path, &live.operator, body)
}

#[test]
fn a_secret_never_comes_back() {
    let mut live = started();
    let main = format!("{TENANT}/main");
    let made = put(&live, &main, &twilio()).expect(200);
    assert_eq!(made["secrets"], json!(["auth_token"]));
    assert_eq!((&made["key"], &made["revision"]), (&json!("cafe/main"), &json!(1)));
    assert_eq!((&made["standing"], &made["problem"]), (&json!("active"), &Json::Null));
    // One that is refused does not show up either.
    let mut wrong = twilio();
    wrong["secrets"] = json!({ "auth_tokens": SECRET });
    let refused = put(&live, &main, &wrong);
    refused.expect(422);
    let check = live.post(&format!("{main}/check"), &Json::Null);
    assert_eq!(check.expect(200)["ok"], false);
    let paths =
        [TENANT, &main, "/api/v1/workspaces/cafe/export", "/metrics", "/api/v1/gateways/kinds"];
    let mut said: Vec<String> = paths.map(|path| live.get(path).body).to_vec();
    said.extend([made.to_string(), refused.body, check.body, live.stop()]);
    for text in said {
        assert!(!text.contains(SECRET), "{text}");
    }
    for entry in std::fs::read_dir(live.data()).expect("read the data folder") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("read a file");
        let shows = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!shows, "{} holds it", path.display());
    }
    // The next start opens it with what was sealed.
    live.run();
    let again = live.get(&main).expect(200);
    assert_eq!((&again["problem"], &again["secrets"]), (&Json::Null, &json!(["auth_token"])));
    assert_eq!(again["status"]["connection"]["up"], true);
}

#[test]
fn a_gateway_that_cannot_be_is_refused_with_its_field() {
    let live = started();
    let kinds = live.get("/api/v1/gateways/kinds").expect(200);
    let kinds = kinds["kinds"].as_array().expect("kinds").clone();
    assert_eq!(kinds.len(), 11);
    for kind in kinds {
        let name = kind["kind"].as_str().expect("a name");
        let secrets: serde_json::Map<_, _> = kind["secrets"]
            .as_array()
            .expect("secrets")
            .iter()
            .filter(|secret| secret["required"] == true)
            .map(|secret| (secret["name"].as_str().expect("a name").to_owned(), json!("x")))
            .collect();
        let body = json!({ "kind": name, "settings": { "no_such": 1 }, "secrets": secrets });
        let refused = put(&live, &format!("{TENANT}/g"), &body).expect(422);
        assert!(refused["detail"].as_str().expect("words").contains("no_such"), "{refused}");
        assert_eq!(refused["errors"][0]["place"], "settings.no_such", "{refused}");
        live.get(&format!("{TENANT}/g")).expect(404);
    }
    let with = |change: &dyn Fn(&mut Json)| {
        let mut body = twilio();
        change(&mut body);
        body
    };
    for (id, body) in [
        ("sandbox", twilio()),
        ("Main", twilio()),
        ("m-1", twilio()),
        ("main", with(&|it| it["kind"] = json!("pigeon"))),
        ("main", with(&|it| it["secrets"] = json!({}))),
        ("main", with(&|it| it["parts_per_second"] = json!(0))),
        ("main", with(&|it| it["requests_at_once"] = json!(0))),
        ("main", with(&|it| it["error_classes"] = json!({ "1": "whatever" }))),
        ("main", with(&|it| it["shared_with"] = json!(["cafe"]))),
        ("main", with(&|it| it["settings"] = json!("text"))),
        ("main", with(&|it| it["more"] = json!(1))),
    ] {
        put(&live, &format!("{TENANT}/{id}"), &body).expect(422);
    }
    let large = with(&|it| it["settings"]["base_url"] = json!("x".repeat(70_000)));
    put(&live, &format!("{TENANT}/main"), &large).expect(413);
    assert_eq!(live.get(TENANT).expect(200)["items"], json!([]));
}

#[test]
fn what_is_replaced_keeps_its_secrets_and_a_stale_revision_is_refused() {
    let live = started();
    let main = format!("{TENANT}/main");
    put(&live, &main, &twilio()).expect(200);
    let again = json!({
        "kind": "twilio", "parts_per_second": 5.0,
        "settings": { "account_sid": "AC2", "base_url": "http://127.0.0.1:9" },
        "error_classes": { "30007": "suppress" }, "revision": 1,
    });
    let changed = put(&live, &main, &again).expect(200);
    assert_eq!((&changed["revision"], &changed["secrets"]), (&json!(2), &json!(["auth_token"])));
    assert_eq!(changed["error_classes"], json!({ "30007": "suppress" }));
    put(&live, &main, &again).expect(409);
    let mut gone = again.clone();
    gone["revision"] = json!(2);
    gone["secrets"] = json!({ "auth_token": null });
    put(&live, &main, &gone).expect(422);
    // Another kind has other secrets: none is carried over.
    let telnyx = json!({ "kind": "telnyx", "settings": {} });
    put(&live, &main, &telnyx).expect(422);
    let fresh = json!({ "kind": "twilio", "settings": {}, "revision": 7 });
    put(&live, &format!("{TENANT}/other"), &fresh).expect(409);
    // Who does not know the secrets cannot have them sent elsewhere.
    let mut elsewhere = twilio();
    elsewhere["settings"]["base_url"] = json!("https://elsewhere.example");
    let with_secrets = elsewhere.clone();
    elsewhere["secrets"] = json!({});
    let refused = put(&live, &main, &elsewhere).expect(422);
    assert_eq!(refused["errors"][0]["place"], "settings.base_url");
    assert_eq!(live.get(&main).expect(200)["settings"], again["settings"]);
    put(&live, &main, &with_secrets).expect(200);
}

#[test]
fn a_gateway_belongs_to_its_workspace() {
    let live = started();
    live.apply_files("bar", &workspace("bar"));
    put(&live, &format!("{TENANT}/main"), &twilio()).expect(200);
    put(&live, &format!("{OPERATOR}/shared"), &twilio()).expect(200);
    let key = live.key("bar", &["read", "write", "manage"]);
    let theirs = "/api/v1/workspaces/bar/gateways";
    let test = json!({ "to": "+12125550123", "sender": "main", "text": "Hi" });
    for id in ["main", "shared"] {
        for (method, below) in [
            ("GET", ""),
            ("DELETE", ""),
            ("POST", "/pause"),
            ("POST", "/resume"),
            ("POST", "/drain"),
            ("POST", "/check"),
            ("GET", "/unknown"),
        ] {
            let path = format!("{theirs}/{id}{below}");
            assert_eq!(
                live.request(method, &path, &key, &json!({})).status,
                404,
                "{method} {path}"
            );
        }
    }
    live.request("POST", &format!("{theirs}/main/test"), &key, &test).expect(404);
    live.request("GET", &format!("{TENANT}/main"), &key, &Json::Null).expect(404);
    live.request("GET", &format!("{OPERATOR}/shared"), &key, &Json::Null).expect(403);
    assert_eq!(live.request("GET", theirs, &key, &Json::Null).expect(200)["items"], json!([]));
    let mine = live.get(&format!("{TENANT}/main")).expect(200);
    assert_eq!((&mine["standing"], &mine["revision"]), (&json!("active"), &json!(1)));
}

#[test]
fn the_operator_says_who_may_use_a_gateway() {
    let live = started();
    live.apply_files("bar", &workspace("bar"));
    let mut shared = twilio();
    shared["shared_with"] = json!(["cafe"]);
    let made = put(&live, &format!("{OPERATOR}/main"), &shared).expect(200);
    assert_eq!((&made["key"], &made["shared_with"]), (&json!("main"), &json!(["cafe"])));
    let test = json!({ "to": "+12125550123", "sender": "main", "text": "Hi" });
    let answer = live.post(&format!("{TENANT}/main/test"), &test).expect(200);
    assert_eq!(answer["outcome"], "retry", "nobody listens there: {answer}");
    live.post("/api/v1/workspaces/bar/gateways/main/test", &test).expect(404);
}

#[test]
fn a_test_is_refused_where_it_would_do_harm() {
    let live = started();
    put(&live, &format!("{TENANT}/main"), &twilio()).expect(200);
    let test = |to: &str, sender: &str, text: &str| {
        let body = json!({ "to": to, "sender": sender, "text": text });
        live.post(&format!("{TENANT}/main/test"), &body)
    };
    test("12", "main", "Hi").expect(422);
    test("+12125550123", "nobody", "Hi").expect(422);
    test("+12125550123", "main", " ").expect(422);
    test("+12125550123", "main", &"x".repeat(500)).expect(422);
    let person = json!({ "external_id": "u-1", "phone": "+12125550123" });
    let made = live.post("/api/v1/workspaces/cafe/contacts", &person).expect(200);
    let said = json!({ "channel": "sms", "state": "opted_out", "source": "call" });
    let consents = format!("/api/v1/workspaces/cafe/contacts/{}/consents", made["id"]);
    live.post(&consents, &said).expect(201);
    test("+12125550123", "main", "Hi").expect(409);
    live.post(&format!("{TENANT}/sandbox/test"), &json!({ "to": "+1", "sender": "", "text": "" }))
        .expect(409);
    // The second within a second; a slow machine may need more of them.
    until("a test is one too many", || {
        let answer = test("+12125550124", "main", "Hi");
        (answer.status == 429).then(|| assert!(answer.headers.contains_key("retry-after")))
    });
}

const ORDERED: &str = "\
journey: ordered
purpose: transactional
entry: {event: ordered, once_ended: always, while_active: parallel}
steps:
  thanks: {send: {sms: \"Thank you.\"}}
";

#[test]
fn what_is_paused_keeps_its_messages_and_what_is_removed_is_gone() {
    let live = started();
    let mut files = workspace("cafe");
    files.insert("journeys/ordered.yaml".to_owned(), ORDERED.to_owned());
    live.apply_files("cafe", &files);
    let main = format!("{TENANT}/main");
    put(&live, &main, &twilio()).expect(200);
    for (word, standing) in [("drain", "draining"), ("resume", "active"), ("pause", "paused")] {
        let stands = live.post(&format!("{main}/{word}"), &Json::Null).expect(200);
        assert_eq!(stands["standing"], standing);
        // Twice is once, and whoever calls back is still heard.
        let again = live.post(&format!("{main}/{word}"), &Json::Null).expect(200);
        assert_eq!(again["revision"], stands["revision"]);
        let forged = live.request("POST", "/callbacks/cafe/main", "", &json!({}));
        assert_eq!(forged.status, 403, "{}", forged.body);
    }
    let key = live.key("cafe", &["write"]);
    let person = json!({ "userId": "u-1", "traits": { "phone": "+12125550123" } });
    live.request("POST", "/v1/identify", &key, &person).expect(200);
    let track = json!({ "userId": "u-1", "event": "ordered" });
    live.request("POST", "/v1/track", &key, &track).expect(200);
    let lane = until("it waits in its lane", || {
        let lanes = live.get("/api/v1/workspaces/cafe/lanes?limit=1").expect(200);
        lanes["items"].get(0).cloned()
    });
    assert_eq!((&lane["sender"], &lane["purpose"]), (&json!("main"), &json!("transactional")));
    assert_eq!((&lane["queued"], &lane["more"]), (&json!(1), &json!(false)));
    let page = live.get("/api/v1/workspaces/cafe/lanes?limit=1").expect(200);
    let next = page["next"].as_str().expect("a full page has a next one");
    let next = live.get(&format!("/api/v1/workspaces/cafe/lanes?limit=1&after={next}")).expect(200);
    assert_eq!((&next["items"], &next["next"]), (&json!([]), &Json::Null));
    let metrics = live.get("/metrics").body;
    assert!(metrics.contains("wayline_gateway_up{gateway=\"cafe/main\"} 1"), "{metrics}");
    assert_eq!(live.request("DELETE", &main, &live.operator, &Json::Null).status, 204);
    live.get(&main).expect(404);
    assert!(!live.get("/metrics").body.contains("cafe/main"));
    live.request("POST", "/callbacks/cafe/main", "", &json!({})).expect(404);
}

#[test]
fn a_workspace_has_so_many_gateways_and_no_more() {
    let live = started();
    for n in 0..100 {
        put(&live, &format!("{TENANT}/g{n}"), &twilio()).expect(200);
    }
    let refused = put(&live, &format!("{TENANT}/one_more"), &twilio());
    assert!((400..500).contains(&refused.status), "{}", refused.body);
    assert!(refused.body.contains("100"), "{}", refused.body);
    // One that is there may still be changed.
    put(&live, &format!("{TENANT}/g7"), &twilio()).expect(200);
}
