//! The HTTP side as a client and its webhook see it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod client;

use axum::extract::State;
use axum::http::HeaderMap;
use client::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use wayline_smsc::{Carrier, Delay, Share};

const ACCOUNT: &str = "AC00000000000000000000000000000001";

/// One post that came in: its signature and its fields.
type Post = (String, BTreeMap<String, String>);

/// A webhook: its URL and what is posted to it.
async fn webhook() -> (String, UnboundedReceiver<Post>) {
    async fn take(State(posts): State<UnboundedSender<Post>>, headers: HeaderMap, body: String) {
        let signature = headers["x-twilio-signature"].to_str().unwrap().to_owned();
        let fields = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        posts.send((signature, fields)).unwrap();
    }
    let (sender, posts) = unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/hook", axum::routing::post(take)).with_state(sender);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, posts)
}

async fn next(posts: &mut UnboundedReceiver<Post>) -> Post {
    timeout(GUARD, posts.recv()).await.expect("nothing is posted").unwrap()
}

fn web() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(GUARD).build().unwrap()
}

async fn post(carrier: &Carrier, fields: &[(&str, &str)]) -> reqwest::Result<(u16, Value)> {
    let url = format!("http://{}/2010-04-01/Accounts/{ACCOUNT}/Messages.json", carrier.http_addr());
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let answer = web().post(url).basic_auth(ACCOUNT, Some("secret")).body(body).send().await?;
    Ok((answer.status().as_u16(), answer.json().await?))
}

#[tokio::test]
async fn a_text_is_taken_and_its_status_called_back_with_a_signature() {
    let (url, mut posts) = webhook().await;
    let carrier = carrier(|_| {}).await;
    let fields = [
        ("To", "+491701234567"),
        ("From", "12345"),
        ("Body", "Hi"),
        ("StatusCallback", url.as_str()),
    ];
    let (status, text) = post(&carrier, &fields).await.unwrap();
    assert_eq!(
        (status, &text["status"], &text["to"]),
        (201, &json!("queued"), &json!("+491701234567"))
    );
    let sid = text["sid"].as_str().unwrap();
    assert_eq!((sid.len(), &sid[..2]), (34, "SM"));
    for wanted in ["sent", "delivered"] {
        let (signature, fields) = next(&mut posts).await;
        assert_eq!(
            (fields["MessageStatus"].as_str(), fields["MessageSid"].as_str()),
            (wanted, sid)
        );
        assert_eq!(signature, sign(&url, &fields));
    }
    let url = format!("http://{}{}", carrier.http_addr(), text["uri"].as_str().unwrap());
    let fetched = web().get(url).basic_auth(ACCOUNT, Some("secret")).send().await.unwrap();
    assert_eq!(fetched.json::<Value>().await.unwrap()["status"], json!("delivered"));
}

/// The signature, computed here once more from Twilio's description.
fn sign(url: &str, fields: &BTreeMap<String, String>) -> String {
    use base64::Engine as _;
    use hmac::{KeyInit as _, Mac as _};
    let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(b"secret").unwrap();
    mac.update(url.as_bytes());
    fields.iter().for_each(|(name, value)| mac.update(format!("{name}{value}").as_bytes()));
    base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes())
}

#[tokio::test]
async fn what_is_wrong_is_answered_as_twilio_does() {
    let carrier = carrier(|_| {}).await;
    let cases: [(&[(&str, &str)], u64); 4] = [
        (&[("From", "12345"), ("Body", "x")], 21604),
        (&[("To", "what"), ("From", "12345"), ("Body", "x")], 21211),
        (&[("To", "+491701234567"), ("Body", "x")], 21603),
        (&[("To", "+491701234567"), ("From", "12345")], 21602),
    ];
    for (fields, code) in cases {
        let (status, error) = post(&carrier, fields).await.unwrap();
        assert_eq!((status, error["code"].as_u64()), (400, Some(code)));
    }
    let url = format!("http://{}/2010-04-01/Accounts/{ACCOUNT}/Messages.json", carrier.http_addr());
    let answer = web().post(url).basic_auth(ACCOUNT, Some("wrong")).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.json::<Value>().await.unwrap()["code"], json!(20003));
}

#[tokio::test]
async fn throttled_full_and_dropped() {
    let fields = [("To", "+491701234567"), ("From", "12345"), ("Body", "Hi")];
    let carrier = carrier(|set| (set.throughput_per_second, set.burst) = (1, 1)).await;
    assert_eq!(post(&carrier, &fields).await.unwrap().0, 201);
    let (status, error) = post(&carrier, &fields).await.unwrap();
    assert_eq!((status, &error["code"]), (429, &json!(20429)));
    carrier.set(|set| (set.throughput_per_second, set.queue_full) = (0, Share::ALWAYS));
    assert_eq!(post(&carrier, &fields).await.unwrap().0, 503);
    carrier.set(|set| (set.queue_full, set.dropped) = (Share::NEVER, Share::ALWAYS));
    assert!(post(&carrier, &fields).await.is_err());
    let total = carrier.state().total;
    assert_eq!((total.accepted, total.throttled, total.queue_full, total.dropped), (1, 1, 1, 1));
}

#[tokio::test]
async fn a_lost_text_is_never_answered_but_may_be_called_back() {
    let (url, mut posts) = webhook().await;
    let carrier = carrier(|set| (set.lost, set.lost_went) = (Share::ALWAYS, Share::ALWAYS)).await;
    let fields = [
        ("To", "+491701234567"),
        ("From", "12345"),
        ("Body", "Hi"),
        ("StatusCallback", url.as_str()),
    ];
    let called_back = async {
        next(&mut posts).await;
        next(&mut posts).await.1["MessageStatus"].clone()
    };
    tokio::select! {
        answer = post(&carrier, &fields) => panic!("{answer:?}"),
        status = called_back => assert_eq!(status, "delivered"),
    }
    assert_eq!(carrier.state().total.lost_went, 1);
}

#[tokio::test]
async fn people_answer_to_the_inbound_url() {
    let (url, mut posts) = webhook().await;
    let carrier = carrier(|set| {
        set.people = true;
        set.stops = Share::ALWAYS;
        set.reply_delay_ms = Delay::between(0, 1);
        set.inbound_url = url.clone();
    })
    .await;
    let fields = [("To", "+491701234567"), ("From", "12345"), ("Body", "Hi")];
    post(&carrier, &fields).await.unwrap();
    let (signature, fields) = next(&mut posts).await;
    assert_eq!((fields["Body"].as_str(), fields["From"].as_str()), ("STOP", "+491701234567"));
    assert_eq!(signature, sign(&url, &fields));
}

#[tokio::test]
async fn control_reads_changes_writes_and_cuts() {
    let carrier = carrier(|_| {}).await;
    let control = |path: &str| format!("http://{}/control{path}", carrier.http_addr());
    let mut client = Client::bound(carrier.smpp_addr(), BIND_TRANSCEIVER).await;

    let state: Value = web().get(control("")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&state["binds"], &state["settings"]["window"]), (&json!(1), &json!(0)));

    let change = json!({ "window": 7, "latency_ms": "10..80", "id_form": "hex" });
    let changed = web().put(control("")).json(&change).send().await.unwrap();
    assert_eq!(changed.json::<Value>().await.unwrap()["latency_ms"], json!("10..80"));
    assert_eq!(carrier.state().settings.window, 7);
    let wrong = web().put(control("")).json(&json!({ "windw": 7 })).send().await.unwrap();
    assert_eq!(wrong.status(), 400);
    assert!(wrong.text().await.unwrap().contains("windw"));

    let person = json!({ "from": "+491701234567", "to": "12345", "text": "Hello" });
    let written = web().post(control("/inbound")).json(&person).send().await.unwrap();
    assert_eq!(written.json::<Value>().await.unwrap(), json!({ "way": "smpp", "parts": 1 }));
    assert_eq!(client.next().await.unwrap().short_message().2, b"Hello");

    let what = json!({ "what": "nack-without-sequence" });
    web().post(control("/misbehave")).json(&what).send().await.unwrap();
    assert_eq!(client.next().await.unwrap().id, RESP);

    let cut = web().post(control("/drop")).send().await.unwrap();
    assert_eq!(cut.json::<Value>().await.unwrap(), json!({ "cut": 1 }));
    assert_eq!(client.next().await, None);
}

#[tokio::test]
async fn what_was_sent_to_a_number_is_listed_the_newest_first() {
    let carrier = carrier(|set| set.lost_went = Share::ALWAYS).await;
    let text = |to, body| [("To", to), ("From", "+12025550100"), ("Body", body)];
    for (to, body) in [("+491707654321", "no"), ("+491701234567", "one"), ("+491701234567", "two")]
    {
        let _ = post(&carrier, &text(to, body)).await.unwrap();
    }
    // An answer that is lost on its way.
    carrier.set(|set| set.dropped = Share::ALWAYS);
    assert!(post(&carrier, &text("+491701234567", "three")).await.is_err());
    carrier.until(|state| state.total.delivered == 4).await;
    let base =
        format!("http://{}/2010-04-01/Accounts/{ACCOUNT}/Messages.json", carrier.http_addr());
    let get = async |query: &str, secret: &str| -> Value {
        let url = format!("{base}?{query}");
        let answer = web().get(url).basic_auth(ACCOUNT, Some(secret)).send().await.unwrap();
        answer.json().await.unwrap()
    };
    let bodies = |answer: &Value| -> Vec<String> {
        let messages = answer["messages"].as_array().unwrap();
        messages.iter().map(|it| it["body"].as_str().unwrap().to_owned()).collect()
    };
    let to = "To=%2B491701234567&From=%2B12025550100";
    let all = get(to, "secret").await;
    assert_eq!(bodies(&all), ["three", "two", "one"]);
    assert_eq!(all["next_page_uri"], Value::Null);
    assert_eq!(all["messages"][0]["status"], "delivered");
    let page = get(&format!("{to}&PageSize=2&DateSent%3E=2000-01-01"), "secret").await;
    assert_eq!(bodies(&page), ["three", "two"]);
    assert!(page["next_page_uri"].is_string());
    for none in ["To=%2B49170", "From=1", "DateSent%3E=9999-01-01"] {
        assert_eq!(get(none, "secret").await["messages"], json!([]));
    }
    assert_eq!(get(to, "wrong").await["code"], 20003);
}
