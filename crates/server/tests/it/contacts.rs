//! Contacts over the API: created, found, looked at from every side, and never by another workspace.

use crate::live::{Live, shop_as, until};
use serde_json::{Value as Json, json};

const CONTACTS: &str = "/api/v1/workspaces/juniper/contacts";

fn shop() -> Live {
    let live = Live::start();
    live.apply_files("juniper", &shop_as("juniper"));
    live.apply_files("other", &shop_as("other"));
    live
}

fn create(live: &Live, body: &Json) -> u64 {
    live.post(CONTACTS, body).expect(200)["id"].as_u64().expect("an id")
}

/// A person who bought something and got a text.
fn buyer(live: &Live) -> u64 {
    let body = json!({
        "external_id": "u-1", "phone": "(212) 555-0123", "email": "Ann@Example.com",
        "attributes": { "first_name": "Ann", "timezone": "America/New_York" },
    });
    let id = create(live, &body);
    let consent = json!({ "channel": "sms", "state": "opted_in", "source": "web_form" });
    let taken = live.post(&format!("{CONTACTS}/{id}/consents"), &consent).expect(201);
    assert_eq!(taken["consent"]["state"], "opted_in", "{taken}");
    let key = live.key("juniper", &["write"]);
    let purchase = json!({
        "userId": "u-1", "event": "purchase", "properties": { "order_id": "o-1", "item": "Sumatra" },
    });
    live.request("POST", "/v1/track", &key, &purchase).expect(200);
    until("the text is sent", || {
        let page = live.get(&format!("{CONTACTS}/{id}/messages")).expect(200);
        page["items"].as_array()?.first().filter(|it| !it["handed_out_at"].is_null()).cloned()
    });
    id
}

fn all(live: &Live, path: &str, limit: usize) -> Vec<Json> {
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let page = live.get(&format!("{path}?limit={limit}{after}")).expect(200);
        items.extend(page["items"].as_array().expect("items").iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return items,
        }
    }
}

#[test]
fn a_contact_is_shown_with_all_there_is_about_it() {
    let live = shop();
    let id = buyer(&live);
    let path = format!("{CONTACTS}/{id}");
    let contact = live.get(&path).expect(200);
    assert_eq!(contact["external_id"], "u-1");
    assert_eq!(contact["phone"], "+12125550123");
    assert_eq!(contact["attributes"]["first_name"], "Ann");
    assert_eq!(contact["consents"][0]["state"], "opted_in");
    let standing = &contact["enrollments"][0];
    assert_eq!(standing["journey"], "order_thanks", "{contact}");
    let moved = until("it waits", || {
        let contact = live.get(&path).expect(200);
        (contact["enrollments"][0]["step"] == "drink_it").then_some(contact)
    });
    assert_eq!(moved["enrollments"][0]["position"], "waiting");
    assert_eq!(moved["enrollments"][0]["until"], moved["next_wake"]);

    let enrollments = all(&live, &format!("{path}/enrollments"), 50);
    assert!(enrollments.iter().any(|it| it["journey"] == "order_thanks" && it["key"] == "o-1"));
    let decisions = all(&live, &format!("{path}/decisions"), 3);
    assert!(decisions.iter().any(|it| it["what"] == "sent" && it["step"] == "thanks"));
    let messages = all(&live, &format!("{path}/messages"), 1);
    assert!(messages[0]["text"].as_str().expect("a text").contains("thanks for order o-1"));

    let why = live.get(&format!("{path}/why?journey=order_thanks")).expect(200);
    assert_eq!(why["standing"][0]["step"], "drink_it", "{why}");
    live.get(&format!("{path}/why?journey=none")).expect(404);
}

#[test]
fn the_timeline_has_everything_once_and_newest_first_whatever_the_pages() {
    let live = shop();
    let id = buyer(&live);
    let path = format!("{CONTACTS}/{id}/timeline");
    // The receipt of the text comes some time later.
    let whole = until("the text has arrived", || {
        let whole = all(&live, &path, 1_000);
        let arrived = |it: &Json| {
            ["delivered", "undelivered", "failed"]
                .iter()
                .any(|state| it["message"]["state"] == *state)
        };
        whole.iter().any(arrived).then_some(whole)
    });
    for kind in ["input", "decision", "message"] {
        assert!(whole.iter().any(|it| it["kind"] == kind && it[kind].is_object()), "{kind}");
    }
    let instants: Vec<&str> = whole.iter().map(|it| it["at"].as_str().expect("at")).collect();
    assert!(instants.is_sorted_by(|a, b| a >= b), "{instants:?}");
    for limit in [1, 2, 3, 7] {
        assert_eq!(all(&live, &path, limit), whole, "pages of {limit}");
    }
    let inputs = whole.iter().filter(|it| it["kind"] == "input").count();
    let decisions = all(&live, &format!("{CONTACTS}/{id}/decisions"), 1_000).len();
    let list = format!("{CONTACTS}/{id}/messages");
    let messages = all(&live, &list, 1_000);
    assert_eq!(all(&live, &list, 1), messages);
    live.get(&format!("{list}?after=1-2-3")).expect(422);
    let messages = messages.len();
    assert_eq!(whole.len(), inputs + decisions + messages);
    assert!(inputs >= 3, "identify, consent, purchase: {inputs}");
    live.get(&format!("{path}?after=nonsense")).expect(422);
}

#[test]
fn contacts_are_found_by_the_beginning_of_what_they_are_known_by() {
    let live = shop();
    for (number, id) in ["u-1", "u-2", "u-3", "ann"].iter().enumerate() {
        let body = json!({
            "external_id": id, "phone": format!("+1212555010{number}"), "email": format!("{id}@x.example"),
        });
        create(&live, &body);
    }
    let ids = |query: &str| -> Vec<String> {
        let page = live.get(&format!("{CONTACTS}?{query}")).expect(200);
        let items = page["items"].as_array().expect("items").clone();
        items.iter().map(|it| it["external_id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(ids(""), ["u-1", "u-2", "u-3", "ann"]);
    assert_eq!(ids("search=u-&field=external_id"), ["u-1", "u-2", "u-3"]);
    assert_eq!(ids("search=ANN@&field=email"), ["ann"]);
    assert_eq!(ids("search=(212)%20555-0101&field=phone"), ["u-2"]);
    assert_eq!(ids("search=212%20555&field=phone"), ["u-1", "u-2", "u-3", "ann"]);
    // By id and by address: each once.
    assert_eq!(ids("search=u-"), ["u-1", "u-2", "u-3"]);
    assert_eq!(ids("search=nobody"), [""; 0]);
    let paths = [CONTACTS.to_owned(), format!("{CONTACTS}?search=u-")];
    for (path, count) in paths.iter().zip([4, 3]) {
        let (mut found, mut after) = (0, String::new());
        loop {
            let join = if path.contains('?') { '&' } else { '?' };
            let page = live.get(&format!("{path}{join}limit=1{after}")).expect(200);
            found += page["items"].as_array().expect("items").len();
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(found, count, "{path}");
    }
    live.get(&format!("{CONTACTS}?field=shoe_size&search=4")).expect(400);
}

#[test]
fn a_search_that_passes_over_many_ends_early_and_goes_on() {
    let live = shop();
    let key = live.key("juniper", &["write"]);
    // Known by their addresses: what the first field finds, the last finds again.
    let batch: Vec<Json> = (0..600)
        .map(|number| format!("p{number:03}@x.example"))
        .map(|id| json!({ "type": "identify", "userId": id, "traits": { "email": id } }))
        .collect();
    live.request("POST", "/v1/batch", &key, &json!({ "batch": batch })).expect(200);
    for (limit, expected) in [(500, vec![500, 100, 0]), (1_000, vec![600])] {
        let (mut sizes, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("{CONTACTS}?search=p&limit={limit}{after}");
            let page = live.get(&path).expect(200);
            sizes.push(page["items"].as_array().expect("items").len());
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(sizes, expected, "pages of {limit}");
    }
}

#[test]
fn a_cursor_that_no_page_has_is_refused() {
    let live = shop();
    let id = create(&live, &json!({ "external_id": "u-1", "phone": "+12125550123" }));
    // {"field":"external_id","value":"u","contact":18446744073709551615}
    let search =
        "eyJmaWVsZCI6ImV4dGVybmFsX2lkIiwidmFsdWUiOiJ1IiwiY29udGFjdCI6MTg0NDY3NDQwNzM3MDk1NTE2MTV9";
    for path in [
        format!("{CONTACTS}?after=18446744073709551615"),
        format!("{CONTACTS}?search=u&after={search}"),
        format!("{CONTACTS}/{id}/messages?after=m-18446744073709551615-0-1"),
    ] {
        live.get(&path).expect(422);
    }
    let long = json!({ "external_id": "u-1", "attributes": "x".repeat(60_000) });
    let told = live.post(CONTACTS, &long).expect(422)["detail"].as_str().map(str::to_owned);
    let told = told.expect("a detail");
    assert!(told.contains("expected a map at line 1 column") && told.len() < 300, "{told}");
}

#[test]
fn a_contact_is_created_once_and_changed_after() {
    let live = shop();
    let first = create(&live, &json!({ "phone": "212 555 0123" }));
    let again = create(&live, &json!({ "phone": "+12125550123", "attributes": { "size": "m" } }));
    assert_eq!(first, again);
    let contact = live.get(&format!("{CONTACTS}/{first}")).expect(200);
    assert_eq!(contact["attributes"]["size"], "m");
    let known = create(&live, &json!({ "external_id": "u-7", "phone": "+12125550124" }));
    assert_eq!(create(&live, &json!({ "phone": "+12125550124" })), known, "known by its number");
    let twin = create(&live, &json!({ "external_id": "u-8", "phone": "+12125550124" }));
    assert_ne!(twin, known);
    live.post(CONTACTS, &json!({ "phone": "+12125550124" })).expect(409);
    live.post(CONTACTS, &json!({ "phone": "call me" })).expect(422);
    live.post(CONTACTS, &json!({ "email": "x@example.com" })).expect(422);
    live.post(CONTACTS, &json!({ "external_id": "u", "attributes": { "phone": "1" } })).expect(422);
}

#[test]
fn consents_are_shown_with_their_evidence() {
    let live = shop();
    let id = create(&live, &json!({ "external_id": "u-1", "phone": "+12125550123" }));
    let path = format!("{CONTACTS}/{id}/consents");
    for state in ["opted_in", "opted_out"] {
        let body = json!({ "channel": "sms", "state": state, "source": "call_centre" });
        live.post(&path, &body).expect(201);
    }
    let shown = live.get(&path).expect(200);
    assert_eq!(shown["now"][0]["state"], "opted_out", "{shown}");
    let states: Vec<&Json> =
        shown["inputs"].as_array().expect("inputs").iter().map(|it| &it["body"]["state"]).collect();
    assert_eq!(states, ["opted_out", "opted_in"]);
    assert_eq!(shown["inputs"][0]["body"]["source"], "call_centre");
    assert_eq!(shown["decisions"].as_array().expect("decisions").len(), 2, "{shown}");
    let wrong = json!({ "channel": "sms", "topic": "shoes", "state": "opted_in", "source": "x" });
    live.post(&path, &wrong).expect(422);
    live.post(&path, &json!({ "channel": "sms", "state": "opted_in", "source": " " })).expect(422);
}

#[test]
fn a_contact_of_another_workspace_is_not_there() {
    let live = shop();
    let id = create(&live, &json!({ "external_id": "u-1", "phone": "+12125550123" }));
    let foreign = live.key("other", &["read", "write", "manage"]);
    let (below, consent) = (
        [
            "",
            "/timeline",
            "/enrollments",
            "/messages",
            "/decisions",
            "/consents",
            "/why?journey=welcome",
        ],
        json!({ "channel": "sms", "state": "opted_out", "source": "x" }),
    );
    for workspace in ["juniper", "other"] {
        let path = format!("/api/v1/workspaces/{workspace}/contacts/{id}");
        for below in below {
            live.request("GET", &format!("{path}{below}"), &foreign, &Json::Null).expect(404);
        }
        live.request("POST", &format!("{path}/consents"), &foreign, &consent).expect(404);
    }
    let mine =
        live.request("GET", "/api/v1/workspaces/other/contacts?search=u-1", &foreign, &Json::Null);
    assert_eq!(mine.expect(200)["items"], json!([]));
    let shown = live.get(&format!("{CONTACTS}/{id}/consents")).expect(200);
    assert_eq!(shown["now"], json!([]));
    for id in ["0", "18446744073709551615", "99999999999999999999", "x"] {
        live.get(&format!("{CONTACTS}/{id}")).expect(404);
    }
}
