//! Journeys over the API: written, published, paused, archived; counted, listed, mended.

use crate::live::{Answer, Live, until};
use crate::program::repository;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

const WORKSPACE: &str = "workspace: acme\ncountry: US\ntime_zone: America/New_York\n";
/// Whoever orders is told when it has left. Told, not sold: no consent and no quiet hours bind it.
const SHIPPED: &str = "\
journey: shipped
purpose: transactional
entry: {event: ordered, key: event.order_id}
steps:
  on_its_way:
    wait_for:
      first:
        - {event: left_house, next: tell}
      timeout: 30d
      otherwise: end
  tell:
    send: {sms: \"Order {{ event.order_id }} is on its way.\"}
";
const BY_HAND: &str = "\
journey: by_hand
purpose: transactional
entry: {api: true}
steps:
  hello: {send: {sms: \"Hello {{ contact.first_name | default: 'you' }}.\"}}
";
const CIRCLE: &str = "\
journey: circle
entry: {event: looped, while_active: parallel, once_ended: always}
steps:
  again: {emit: looped}
";

/// A program with a workspace, and a key that may send.
struct Shop {
    live: Live,
    write: String,
}

impl Shop {
    fn open(journeys: &[(&str, &str)]) -> Shop {
        let live = Live::start();
        let mut files = BTreeMap::from([("workspace.yaml".to_owned(), WORKSPACE.to_owned())]);
        let journeys = journeys.iter().map(|(id, text)| (format!("journeys/{id}.yaml"), *text));
        files.extend(journeys.map(|(file, text)| (file, text.to_owned())));
        live.apply_files("acme", &files);
        let write = live.key("acme", &["write"]);
        Shop { live, write }
    }

    fn get(&self, path: &str) -> Answer {
        self.live.get(&format!("/api/v1/workspaces/acme{path}"))
    }

    fn post(&self, path: &str, body: &Json) -> Answer {
        self.live.post(&format!("/api/v1/workspaces/acme{path}"), body)
    }

    fn send(&self, method: &str, path: &str, body: &Json) -> Answer {
        let path = format!("/api/v1/workspaces/acme{path}");
        self.live.request(method, &path, &self.live.operator, body)
    }

    fn know(&self, user: &str, phone: &str) {
        let body = json!({ "userId": user, "traits": { "phone": phone } });
        self.live.request("POST", "/v1/identify", &self.write, &body).expect(200);
    }

    fn track(&self, user: &str, event: &str, properties: &Json) {
        let body = json!({ "userId": user, "event": event, "properties": properties });
        self.live.request("POST", "/v1/track", &self.write, &body).expect(200);
    }

    /// All rows of a list, page by page.
    fn all(&self, path: &str) -> Vec<Json> {
        let (mut rows, mut after) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}?limit=3{after}")).expect(200);
            rows.extend(page["items"].as_array().expect("items").iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return rows,
            }
        }
    }
}

#[test]
fn a_journey_is_drafted_validated_and_published() {
    let shop = Shop::open(&[]);
    let wrong = SHIPPED.replace("next: tell", "next: tel");
    let kept =
        shop.send("PUT", "/journeys/shipped/draft", &json!({ "text": wrong, "revision": 0 }));
    let kept = kept.expect(200);
    assert_eq!((&kept["revision"], &kept["valid"]), (&json!(1), &json!(false)), "{kept}");
    let late = json!({ "text": SHIPPED, "revision": 0 });
    shop.send("PUT", "/journeys/shipped/draft", &late).expect(409);

    let found = shop.post("/journeys/shipped/validate", &json!({})).expect(200);
    let problem = &found["problems"][0];
    assert_eq!(problem["code"], "unknown_step", "{found}");
    assert_eq!(problem["line"], 8, "{found}");
    let refused = shop.post("/journeys/shipped/publish", &json!({})).expect(422);
    let place = refused["errors"][0]["place"].as_str().expect("a place");
    assert!(place.starts_with("journeys/shipped.yaml:8:"), "{refused}");

    let list = shop.get("/journeys").expect(200);
    assert_eq!(list["items"][0]["status"], "draft", "{list}");
    assert_eq!(shop.all("/drafts").len(), 1);
    let right = json!({ "text": SHIPPED, "revision": 1 });
    assert_eq!(shop.send("PUT", "/journeys/shipped/draft", &right).expect(200)["revision"], 2);
    let published = shop.post("/journeys/shipped/publish", &json!({})).expect(200);
    assert_eq!((&published["version"], &published["changed"]), (&json!(1), &json!(true)));
    shop.get("/journeys/shipped/draft").expect(404);
    let again = shop.post("/journeys/shipped/publish", &json!({ "text": SHIPPED })).expect(200);
    assert_eq!((&again["version"], &again["changed"]), (&json!(1), &json!(false)));
    shop.post("/journeys/shipped/publish", &json!({})).expect(404);

    let second = SHIPPED.replace("is on its way", "has left us");
    let published = shop.post("/journeys/shipped/publish", &json!({ "text": second })).expect(200);
    assert_eq!(published["version"], 2);
    let versions = shop.all("/journeys/shipped/versions");
    let live: Vec<_> = versions.iter().map(|it| (&it["version"], &it["live"])).collect();
    assert_eq!(live, [(&json!(2), &json!(true)), (&json!(1), &json!(false))]);
    let first = shop.get("/journeys/shipped/versions/1").expect(200);
    assert!(first["text"].as_str().expect("a text").contains("on its way"), "{first}");
    shop.get("/journeys/shipped/versions/3").expect(404);
    let diff = shop.get("/journeys/shipped/diff?from=1&to=2").expect(200);
    assert_eq!(diff["differences"].as_array().map(Vec::len), Some(1), "{diff}");
    assert_eq!(diff["differences"][0]["path"], "steps.tell.send.sms", "{diff}");

    let other = SHIPPED.replace("journey: shipped", "journey: other");
    let found = shop.post("/journeys/shipped/validate", &json!({ "text": other })).expect(200);
    assert_eq!(found["problems"][0]["code"], "file_name", "{found}");
}

#[test]
fn what_may_not_run_for_real_people_is_refused() {
    let live = Live::start();
    let text = format!("{WORKSPACE}consent: assumed\nquiet_hours: none\n");
    let body = json!({ "files": { "workspace.yaml": text } });
    let refused = live.request("PUT", "/api/v1/workspaces/acme", &live.operator, &body).expect(422);
    assert_eq!(refused["errors"].as_array().map(Vec::len), Some(2), "{refused}");
    live.get("/api/v1/workspaces/acme").expect(404);
}

#[test]
fn a_pause_lets_nobody_in_and_nothing_out_until_it_ends() {
    let mut shop = Shop::open(&[("shipped", SHIPPED), ("by_hand", BY_HAND)]);
    shop.know("one", "+12125550101");
    shop.know("two", "+12125550102");
    shop.track("one", "ordered", &json!({ "order_id": "A1" }));
    assert_eq!(shop.post("/journeys/shipped/pause", &json!({})).expect(200)["status"], "paused");
    shop.post("/journeys/by_hand/pause", &json!({})).expect(200);

    shop.track("two", "ordered", &json!({ "order_id": "B1" }));
    shop.track("one", "left_house", &json!({}));
    shop.post("/journeys/by_hand/enroll", &json!({ "user_id": "one" })).expect(409);
    assert_eq!(shop.all("/journeys/shipped/enrollments").len(), 1);
    let message = &shop.all("/journeys/shipped/messages")[0];
    let stands = (&message["state"], &message["reason"], &message["contact"]["external_id"]);
    assert_eq!(stands, (&json!("held"), &json!("journey_paused"), &json!("one")));
    // A pause outlives the program.
    shop.live.restart();
    let shown = shop.get("/journeys/shipped").expect(200);
    let counts = (&shown["status"], &shown["counts"]["held"], &shown["counts"]["active"]);
    assert_eq!(counts, (&json!("paused"), &json!(1), &json!(1)), "{shown}");

    assert_eq!(shop.post("/journeys/shipped/resume", &json!({})).expect(200)["status"], "live");
    let id = message["id"].as_str().expect("an id");
    let story = until("the message has left", || {
        let story = shop.get(&format!("/messages/{id}")).expect(200);
        (story["message"]["state"] == "delivered").then_some(story)
    });
    let text = story["message"]["text"].as_str().expect("a text");
    assert_eq!(text, "Order A1 is on its way.");
    let decisions = story["decisions"].as_array().expect("decisions");
    let whats: Vec<_> = decisions.iter().filter_map(|it| it["what"].as_str()).collect();
    assert_eq!(whats, ["held", "released", "sent", "delivered"], "{story}");

    assert_eq!(
        shop.post("/journeys/shipped/archive", &json!({})).expect(200)["status"],
        "archived"
    );
    shop.post("/journeys/shipped/pause", &json!({})).expect(409);
    shop.track("two", "ordered", &json!({ "order_id": "B2" }));
    assert_eq!(shop.all("/journeys/shipped/enrollments").len(), 1);
    let back = shop.post("/journeys/shipped/publish", &json!({ "text": SHIPPED })).expect(200);
    assert_eq!((&back["version"], &back["changed"]), (&json!(2), &json!(true)));
}

#[test]
fn api_calls_enroll_once_under_one_key() {
    let shop = Shop::open(&[("by_hand", BY_HAND), ("shipped", SHIPPED)]);
    shop.know("one", "+12125550101");
    let path = "/api/v1/workspaces/acme/journeys/by_hand/enroll";
    let header = [("Idempotency-Key", "call-1")];
    let body = json!({ "user_id": "one", "properties": { "from": "desk" } });
    let call = || shop.live.request_with("POST", path, &shop.write, &header, &body).expect(200);
    let first = call();
    assert_eq!((&first["entered"], &first["duplicate"]), (&json!(true), &json!(false)));
    assert_eq!(call(), first);
    assert_eq!(shop.all("/journeys/by_hand/enrollments").len(), 1);
    let again = shop.post("/journeys/by_hand/enroll", &json!({ "contact": 1 })).expect(200);
    assert_eq!(again["entered"], false, "it was entered once: {again}");
    shop.post("/journeys/by_hand/enroll", &json!({ "user_id": "nobody" })).expect(404);
    shop.post("/journeys/by_hand/enroll", &json!({})).expect(422);
    let whom = json!({ "user_id": "one" });
    let refused = |journey: &str, status, why: &str| {
        let answer = shop.post(&format!("/journeys/{journey}/enroll"), &whom).expect(status);
        assert!(answer["detail"].as_str().is_some_and(|it| it.contains(why)), "{answer}");
    };
    refused("shipped", 409, "API calls bring nobody");
    refused("unheard_of", 404, "there is no journey");
    shop.post("/journeys/by_hand/pause", &json!({})).expect(200);
    refused("by_hand", 409, "paused");
    shop.post("/journeys/by_hand/resume", &json!({})).expect(200);
    shop.post("/journeys/by_hand/enroll", &whom).expect(200);
    shop.post("/journeys/by_hand/archive", &json!({})).expect(200);
    refused("by_hand", 409, "archived");
}

#[test]
fn a_journey_is_called_what_its_live_version_says() {
    let shop = Shop::open(&[("by_hand", BY_HAND)]);
    let named = |name: &str| format!("name: {name}\n{BY_HAND}");
    let called = || {
        let (one, all) = (shop.get("/journeys/by_hand").expect(200), shop.all("/journeys"));
        assert_eq!(all, std::slice::from_ref(&one));
        one["name"].as_str().expect("a name").to_owned()
    };
    assert_eq!(called(), "by_hand");
    for name in ["By hand", "From the desk"] {
        let text = json!({ "text": named(name) });
        shop.post("/journeys/by_hand/publish", &text).expect(200);
        assert_eq!(called(), name);
    }
    shop.post("/journeys/by_hand/archive", &json!({})).expect(200);
    assert_eq!(called(), "From the desk");
}

#[test]
fn a_journey_that_a_keyword_leads_to_is_not_archived() {
    let live = Live::start();
    live.apply("juniper", &repository("examples/shop"));
    let base = "/api/v1/workspaces/juniper/journeys";
    let refused = live.post(&format!("{base}/welcome/archive"), &json!({})).expect(409);
    assert!(
        refused["errors"][0]["place"].as_str().is_some_and(|it| it.starts_with("workspace.yaml:")),
        "{refused}"
    );
    assert_eq!(live.get(&format!("{base}/welcome")).expect(200)["status"], "live");
    live.post(&format!("{base}/nothing/archive"), &json!({})).expect(404);
}

/// Counts decisions as the counters do.
fn recount(decisions: &[Json]) -> BTreeMap<(String, String, String), i64> {
    let mut counts = BTreeMap::new();
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    for it in decisions.iter().filter(|it| it["what"] != "held" || it["detail"] != "again") {
        let key = (text(&it["step"]), text(&it["variant"]), text(&it["what"]));
        *counts.entry(key).or_default() += 1;
    }
    counts
}

#[test]
fn counters_are_what_a_recount_of_the_decisions_gives() {
    let shop = Shop::open(&[("shipped", SHIPPED)]);
    for number in 1..=8 {
        let user = format!("user-{number}");
        shop.know(&user, &format!("+1212555010{number}"));
        shop.track(&user, "ordered", &json!({ "order_id": number }));
        if number > 3 {
            shop.track(&user, "left_house", &json!({}));
        }
    }
    let counters = until("five are delivered", || {
        let counters = shop.get("/journeys/shipped/counters").expect(200);
        (counters["journey"]["delivered"] == 5).then_some(counters)
    });
    let decisions = shop.all("/journeys/shipped/decisions");
    let counted = recount(&decisions);
    let version = &counters["versions"][0];
    assert_eq!((&version["version"], &counters["journey"]["waiting"]), (&json!(1), &json!(3)));
    let mut seen = 0;
    for step in version["steps"].as_array().expect("steps") {
        for (what, count) in step["counts"].as_object().expect("counts") {
            let name = |part: &Json| part.as_str().unwrap_or_default().to_owned();
            let key = (name(&step["step"]), name(&step["variant"]), what.clone());
            if what != "waiting" && what != "held_now" {
                let expected = counted.get(&key).copied().unwrap_or(0);
                assert_eq!(count.as_i64(), Some(expected), "{key:?}");
                seen += expected;
            }
        }
    }
    assert!(seen > 20, "{counters}");
    let total = |what: &str| -> i64 {
        counted.iter().filter(|((_, _, it), _)| it == what).map(|(_, count)| count).sum()
    };
    for what in ["entered", "exited", "sent", "delivered", "reached", "left"] {
        assert_eq!(counters["journey"][what].as_i64(), Some(total(what)), "{what}");
    }
    let by_hour = shop.all("/journeys/shipped/counters/hourly");
    let hourly = by_hour.iter().filter(|row| row["what"] == "sent");
    let hourly: i64 = hourly.filter_map(|row| row["count"].as_i64()).sum();
    assert_eq!(hourly, total("sent"));
    let waiting = shop.get("/journeys/shipped/enrollments?active=true").expect(200);
    assert_eq!(waiting["items"].as_array().map(Vec::len), Some(3));
    let before = "/journeys/shipped/counters?until=2020-01-01T00:00:00Z";
    assert_eq!(shop.get(before).expect(200)["journey"]["entered"], 0);
}

#[test]
fn dead_letters_are_looked_at_tried_again_and_dropped() {
    let shop = Shop::open(&[("circle", CIRCLE)]);
    shop.track("one", "looped", &json!({}));
    shop.track("two", "looped", &json!({}));
    let letters = shop.all("/dead_letters");
    assert_eq!(letters.len(), 2, "{letters:?}");
    let ids: Vec<u64> = letters.iter().filter_map(|it| it["id"].as_u64()).collect();
    let one = shop.get(&format!("/dead_letters/{}", ids[0])).expect(200);
    let about = (&one["kind"], &one["attempts"], &one["contact"]["external_id"]);
    assert_eq!(about, (&json!("track"), &json!(1), &json!("one")), "{one}");
    assert_eq!(one["input"]["kind"]["Track"]["event"], "looped", "{one}");

    // It fails again: another letter, with one attempt more.
    shop.post(&format!("/dead_letters/{}/retry", ids[0]), &json!({})).expect(204);
    let letters = shop.all("/dead_letters");
    let again = letters.iter().find(|it| it["contact"]["external_id"] == "one").expect("a letter");
    assert_eq!(again["attempts"], 2, "{letters:?}");

    shop.post("/journeys/circle/archive", &json!({})).expect(200);
    let id = again["id"].as_u64().expect("an id");
    shop.post(&format!("/dead_letters/{id}/retry"), &json!({})).expect(204);
    shop.post(&format!("/dead_letters/{id}/retry"), &json!({})).expect(404);
    shop.send("DELETE", &format!("/dead_letters/{}", ids[1]), &Json::Null).expect(204);
    shop.send("DELETE", &format!("/dead_letters/{}", ids[1]), &Json::Null).expect(404);
    assert!(shop.all("/dead_letters").is_empty());
}

#[test]
fn keys_see_their_own_workspace_and_do_what_they_may() {
    let shop = Shop::open(&[("shipped", SHIPPED)]);
    let other = BTreeMap::from([(
        "workspace.yaml".to_owned(),
        WORKSPACE.replace("workspace: acme", "workspace: other"),
    )]);
    shop.live.apply_files("other", &other);
    let read = shop.live.key("acme", &["read"]);
    let stranger = shop.live.key("other", &["read", "manage", "write"]);
    shop.know("one", "+12125550101");
    shop.track("one", "ordered", &json!({ "order_id": "A1" }));
    shop.track("one", "left_house", &json!({}));
    let messages = shop.all("/journeys/shipped/messages");
    let id = messages[0]["id"].as_str().expect("an id");
    let base = "/api/v1/workspaces";
    for path in ["journeys", "journeys/shipped", "journeys/shipped/counters", "dead_letters"] {
        let path = format!("{base}/acme/{path}");
        shop.live.request("GET", &path, &read, &Json::Null).expect(200);
        shop.live.request("GET", &path, &stranger, &Json::Null).expect(404);
    }
    for path in [format!("acme/messages/{id}"), format!("other/messages/{id}")] {
        shop.live.request("GET", &format!("{base}/{path}"), &stranger, &Json::Null).expect(404);
    }
    let publish = format!("{base}/acme/journeys/shipped/publish");
    let body = json!({ "text": SHIPPED });
    shop.live.request("POST", &publish, &read, &body).expect(403);
    shop.live.request("POST", &publish, &stranger, &body).expect(404);
}
