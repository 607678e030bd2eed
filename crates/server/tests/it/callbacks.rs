//! Providers call back: a text goes out over HTTP, its receipt and a reply come in, and nobody else is heard.

use crate::gateways::workspace;
use crate::live::{Live, PATIENCE, until};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value as Json, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use wayline_smsc::{Carrier, Delay, Settings, Share};

pub(crate) const JOURNEY: &str = "\
journey: liked
purpose: transactional
entry: {event: ordered}
steps:
  ask: {send: {sms: \"Do you like it?\"}}
  hear:
    wait_for:
      first:
        - {replied: any, like: yes, next: thanks}
      timeout: 3h
      otherwise: end
  thanks: {send: {sms: \"Good to hear.\"}}
";
const PERSON: &str = "+12125550123";

/// A server that knows where it is, the carrier, and what both need to run.
pub(crate) struct World {
    pub(crate) live: Live,
    pub(crate) carrier: Carrier,
    address: String,
    _folder: tempfile::TempDir,
    // Last: what is above stops on it.
    _runtime: tokio::runtime::Runtime,
}

pub(crate) fn world(change: impl FnOnce(&mut Settings)) -> World {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("threads");
    let mut settings = Settings::default();
    settings.behaviour.auth_token = "secret".to_owned();
    change(&mut settings);
    let carrier = runtime.block_on(Carrier::start(settings)).expect("a carrier");
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("its address").to_string();
    drop(free);
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("wayline.toml");
    let text = format!(
        "[http]\npublic_url = \"http://{address}\"\n[webhooks]\nprivate_addresses = true\n"
    );
    std::fs::write(&config, text).expect("write");
    let live = Live::start_at(&address, &["--config", config.to_str().expect("a path")]);
    let mut files = workspace("cafe");
    files.insert("journeys/liked.yaml".to_owned(), JOURNEY.to_owned());
    live.apply_files("cafe", &files);
    let gateway = json!({
        "kind": "twilio",
        "settings": {
            "account_sid": carrier_account(),
            "base_url": format!("http://{}", carrier.http_addr()),
        },
        "secrets": { "auth_token": "secret" },
    });
    let path = "/api/v1/workspaces/cafe/gateways/main";
    let made = live.request("PUT", path, &live.operator, &gateway).expect(200);
    let url = made["callback_url"].as_str().expect("a URL").to_owned();
    assert_eq!(url, format!("http://{address}/callbacks/cafe/main"));
    carrier.set(|it| it.inbound_url.clone_from(&url));
    World { live, carrier, address, _folder: folder, _runtime: runtime }
}

fn carrier_account() -> String {
    Settings::default().behaviour.account_sid
}

impl World {
    pub(crate) fn order(&self) {
        let key = self.live.key("cafe", &["write"]);
        let person = json!({ "userId": "u-1", "traits": { "phone": PERSON } });
        self.live.request("POST", "/v1/identify", &key, &person).expect(200);
        let track = json!({ "userId": "u-1", "event": "ordered" });
        self.live.request("POST", "/v1/track", &key, &track).expect(200);
    }

    /// Messages of the journey, oldest first.
    fn messages(&self) -> Vec<Json> {
        let page = self.live.get("/api/v1/workspaces/cafe/journeys/liked/messages").expect(200);
        let mut items = page["items"].as_array().expect("items").clone();
        items.reverse();
        items
    }

    /// Posts a form as a provider does; its status.
    fn call(&self, path: &str, form: &[(&str, &str)], signature: &str) -> u16 {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut stream = TcpStream::connect(&self.address).expect("connect");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let (host, length) = (&self.address, body.len());
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nX-Twilio-Signature: {signature}\r\n\r\n"
        );
        stream.write_all((head + &body).as_bytes()).expect("send");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status")
    }

    /// As Twilio signs: HMAC-SHA1 over the URL and the sorted parameters.
    fn sign(&self, path: &str, form: &[(&str, &str)], secret: &str) -> String {
        let mut sorted = form.to_vec();
        sorted.sort_unstable();
        let pairs: String = sorted.iter().map(|(name, value)| format!("{name}{value}")).collect();
        let text = format!("http://{}{path}{pairs}", self.address);
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
        STANDARD.encode(hmac::sign(&key, text.as_bytes()))
    }
}

#[test]
fn a_text_goes_out_its_receipt_and_the_reply_come_back() {
    let world = world(|settings| {
        let behaviour = &mut settings.behaviour;
        behaviour.people = true;
        behaviour.replies = Share::ALWAYS;
        behaviour.stops = Share::default();
        behaviour.reply_delay_ms = Delay::default();
        behaviour.reply_texts = vec!["yes".to_owned()];
    });
    world.order();
    // The second message is what the reply led to.
    let messages = until("both texts have arrived", || {
        let messages = world.messages();
        let arrived = messages.iter().filter(|it| it["state"] == "delivered").count();
        (arrived == 2).then_some(messages)
    });
    assert_eq!((&messages[0]["step"], &messages[1]["step"]), (&json!("ask"), &json!("thanks")));
    for message in &messages {
        assert_eq!(message["gateway"], "cafe/main", "{message}");
        assert_eq!((&message["error"], &message["tried"]), (&json!(""), &json!([])));
    }
    let gateway = until("the flow is shown", || {
        let gateway = world.live.get("/api/v1/workspaces/cafe/gateways/main").expect(200);
        (gateway["status"]["flow"]["accepted"] == 2).then_some(gateway)
    });
    assert!(gateway["status"]["connection"]["latency"]["p50_ms"].is_number(), "{gateway}");
    let metrics = world.live.get("/metrics").body;
    for line in ["wayline_gateway_accepted_total{gateway=\"cafe/main\"} 2", "quantile=\"0.99\"} "] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    assert_eq!(world.carrier.state().total.accepted, 2);
}

#[test]
fn only_who_signs_as_the_provider_is_heard() {
    let world = world(|settings| settings.behaviour.no_receipt = Share::ALWAYS);
    world.order();
    let message = until("the text is with the carrier", || {
        world.messages().into_iter().find(|it| it["state"] == "submitted")
    });
    let (id, sid) = (message["id"].as_str().expect("an id"), &message["gateway_ref"]);
    let sid = sid.as_str().expect("the carrier's id");
    let receipt = format!("/callbacks/cafe/main/{id}");
    let form = [("MessageSid", sid), ("MessageStatus", "delivered"), ("To", PERSON)];
    let stop = "/callbacks/cafe/main";
    let text = [("MessageSid", "SM1"), ("From", PERSON), ("To", "60777"), ("Body", "STOP")];
    for (path, form) in [(receipt.as_str(), &form[..]), (stop, &text[..])] {
        assert_eq!(world.call(path, form, ""), 403);
        assert_eq!(world.call(path, form, "AAAA"), 403);
        assert_eq!(world.call(path, form, &world.sign(path, form, "another")), 403);
        // Signed, but for another place.
        assert_eq!(
            world.call(path, form, &world.sign("/callbacks/cafe/other", form, "secret")),
            403
        );
        // Signed, and changed afterwards.
        let mut changed = form.to_vec();
        changed.push(("ErrorCode", "30007"));
        assert_eq!(world.call(path, &changed, &world.sign(path, form, "secret")), 403);
    }
    for nowhere in ["/callbacks/cafe/other", "/callbacks/-/main", "/callbacks/bar/main"] {
        assert_eq!(world.call(nowhere, &text, &world.sign(nowhere, &text, "secret")), 404);
    }
    // Nothing of it was stored.
    let contacts = world.live.get("/api/v1/workspaces/cafe/contacts").expect(200);
    let contact = format!("/api/v1/workspaces/cafe/contacts/{}", contacts["items"][0]["id"]);
    let timeline = world.live.get(&format!("{contact}/timeline")).expect(200).to_string();
    assert!(!timeline.contains("STOP") && !timeline.contains("opted_out"), "{timeline}");
    assert_eq!(world.messages()[0]["state"], "submitted");
    // What is signed is stored before it is answered.
    assert_eq!(world.call(&receipt, &form, &world.sign(&receipt, &form, "secret")), 200);
    assert_eq!(world.messages()[0]["state"], "delivered");
    assert_eq!(world.call(stop, &text, &world.sign(stop, &text, "secret")), 200);
    let consents = world.live.get(&format!("{contact}/consents")).expect(200).to_string();
    assert!(consents.contains("opted_out"), "{consents}");
    let large = "x".repeat(300_000);
    assert_eq!(world.call(stop, &[("Body", &large)], ""), 413);
}

#[test]
fn a_lost_answer_is_listed_and_a_test_is_answered_at_once() {
    let world = world(|settings| {
        settings.behaviour.dropped = Share::ALWAYS;
        settings.behaviour.no_receipt = Share::ALWAYS;
    });
    world.order();
    let main = "/api/v1/workspaces/cafe/gateways/main";
    let page = until("its answer is lost", || {
        let page = world.live.get(&format!("{main}/unknown?limit=1")).expect(200);
        page["items"].get(0).is_some().then_some(page)
    });
    let item = &page["items"][0];
    assert_eq!((&item["workspace"], &item["state"]), (&json!("cafe"), &json!("unknown")));
    assert_eq!((&item["to"], &item["contact"]["external_id"]), (&json!(PERSON), &json!("u-1")));
    let next = page["next"].as_str().expect("a full page has a next one");
    let rest = world.live.get(&format!("{main}/unknown?limit=1&after={next}")).expect(200);
    assert_eq!(rest["items"], json!([]));
    for strange in ["m-99-0-1", "x", "m-18446744073709551615-0-1"] {
        world.live.get(&format!("{main}/unknown?after={strange}")).expect(422);
    }
    let test = json!({ "to": "+12125550199", "sender": "main", "text": "Does it work?" });
    let lost = world.live.post(&format!("{main}/test"), &test).expect(200);
    assert_eq!(lost["outcome"], "unknown", "{lost}");
    world.carrier.set(|it| it.dropped = Share::default());
    let answer = until("the next test may be sent", || {
        let answer = world.live.post(&format!("{main}/test"), &test);
        (answer.status != 429).then(|| answer.expect(200))
    });
    assert_eq!(answer["outcome"], "accepted", "{answer}");
    assert!(answer["gateway_ref"].as_str().is_some_and(|it| it.starts_with("SM")), "{answer}");
    assert_eq!(world.messages().len(), 1, "a test is no message of a journey");
    assert_eq!(world.live.post(&format!("{main}/check"), &Json::Null).expect(200)["ok"], false);
}

#[test]
fn the_operators_gateways_are_called_back_under_a_dash() {
    let world = world(|_| {});
    let gateway = json!({
        "kind": "twilio", "settings": { "account_sid": "AC1" }, "secrets": { "auth_token": "theirs" },
    });
    let made = world.live.request("PUT", "/api/v1/gateways/op", &world.live.operator, &gateway);
    let url = format!("http://{}/callbacks/-/op", world.address);
    assert_eq!(made.expect(200)["callback_url"], url);
    let path = "/callbacks/-/op?a=b";
    let form = [("MessageSid", "SM1"), ("MessageStatus", "delivered")];
    assert_eq!(world.call(path, &form, &world.sign(path, &form, "secret")), 403);
    assert_eq!(world.call(path, &form, &world.sign(path, &form, "theirs")), 200);
}
