//! The gateway that is described by its settings.

use super::*;
use wayline_core::event::ReceiptStatus;

/// A made-up provider.
pub(super) fn settings() -> Value {
    json!({
        "url": "https://sms.example/v1/{{from_digits}}/send?key={{token}}",
        "headers": { "X-Trace": "{{message}}" },
        "body": r#"{"to":"{{to_digits}}","text":"{{text}}","cb":"{{callback}}","ttl":"{{validity_seconds}}"}"#,
        "answer": { "id": "/messages/0/id", "status": "/result", "ok": ["ok"], "error_code": "/code", "error_text": "/message" },
        "callback": {
            "list": "/events",
            "receipt": { "id": "/id", "message": "/ref", "to": "/to", "status": "/state", "delivered": ["DELIVRD"],
                "undelivered": ["UNDELIV"], "failed": ["REJECTD"], "expired": ["EXPIRED"], "accepted": ["ENROUTE"],
                "error_code": "/err", "at": "/at" },
            "inbound": { "id": "/id", "from": "/src", "to": "/dst", "text": "/text", "media": "/media" },
        },
        "check_url": "https://sms.example/v1/account?key={{token}}",
    })
}

fn made(change: impl Fn(&mut Value)) -> Result<HttpProvider, SettingsError> {
    let (mut settings, secrets) = inputs("generic");
    change(&mut settings);
    HttpProvider::new("generic", settings, &secrets, BTreeMap::new())
}

fn request(provider: &HttpProvider, text: &str) -> Request {
    let message = message(text);
    let out = Outgoing {
        message: &message,
        from: "+14155550100",
        sender_kind: SenderKind::LongCode,
        callback_url: Some("https://wayline.example/hooks/g/m-7-2-1"),
        validity: Some(Duration::from_secs(60)),
        now: now(),
    };
    provider.request(&out).expect("it can be sent")
}

#[test]
fn values_stand_where_the_settings_say_and_cannot_break_out() {
    let text = "\"}, {\"to\": \"+1\\ 👋\n& <b>";
    let asked = request(&provider("generic"), text);
    assert_eq!(asked.url, "https://sms.example/v1/14155550100/send?key=generic-token");
    assert_eq!(read::header(&asked.headers, "x-trace"), Some("m-7-2-1"));
    let body: Value = serde_json::from_slice(&asked.body).expect("JSON");
    assert_eq!(
        body,
        json!({"to": "14155550199", "text": text, "ttl": "60",
        "cb": "https://wayline.example/hooks/g/m-7-2-1?secret=a-long-secret"})
    );
    let form = made(|settings| {
        settings["format"] = json!("form");
        settings["body"] = json!("to={{to}}&text={{text}}");
    });
    let asked = request(&form.expect("right"), text);
    assert_eq!(read::value(&read::pairs(&asked.body), "text"), text);
    let xml = made(|settings| {
        settings["format"] = json!("xml");
        settings["body"] = json!("<m to='{{to}}'>{{text}}</m>");
    });
    let asked =
        String::from_utf8(request(&xml.expect("right"), "<&\"'>\u{1}").body).expect("UTF-8");
    assert_eq!(asked, "<m to='+14155550199'>&lt;&amp;&quot;&apos;&gt;</m>");
    let get = made(|settings| {
        settings["method"] = json!("GET");
        settings["url"] = json!("https://sms.example/send?text={{text}}");
    });
    let asked = request(&get.expect("right"), "a b&c=d/ü");
    assert_eq!(asked.url, "https://sms.example/send?text=a%20b%26c%3Dd%2F%C3%BC");
    assert_eq!((asked.method, asked.body.len()), ("GET", 0));
    let header = made(|settings| settings["headers"] = json!({"x-text": "{{text}}"}));
    let asked = request(&header.expect("right"), "a\r\nx-evil: 1");
    assert_eq!(read::header(&asked.headers, "x-text"), Some("ax-evil: 1"));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let cases: [(&str, Value, &str); 8] = [
        ("url", json!("https://{{to}}.example/"), "https://host/"),
        ("url", json!("https://sms.example"), "https://host/"),
        ("url", json!("sms.example/send"), "https://host/"),
        ("body", json!("{{words}}"), "words"),
        ("body", json!("{{text"), "}}"),
        ("headers", json!({"a b": "x"}), "headers"),
        ("answer", json!({"id": "messages"}), "/messages"),
        ("method", json!("PUT"), "PUT"),
    ];
    for (name, value, expected) in cases {
        let error = made(|settings| settings[name] = value.clone()).map(|_| ());
        let said = error.expect_err(name).to_string();
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_callback_is_read_as_the_settings_say() {
    let body = json!({"events": [
        {"id": "SM1", "ref": "m-7-2-1", "to": "14155550199", "state": "delivrd", "at": "2026-11-25 11:00:00"},
        {"id": "SM2", "to": "14155550199", "state": "REJECTD", "err": "E9"},
        {"id": "I1", "src": "14155550199", "dst": "12345", "text": "Hi", "media": ["https://x/a"]},
    ]});
    let body = body.to_string();
    let events = provider("generic").callback("g", &with_secret(body.as_bytes()), now());
    let events = events.expect("it is right");
    let [GatewayEvent::Receipt(one), GatewayEvent::Receipt(two), GatewayEvent::Inbound(text)] =
        events.as_slice()
    else {
        panic!("{events:?}")
    };
    assert_eq!((one.status, one.message), (ReceiptStatus::Delivered, Some(message("").id)));
    assert_eq!(one.at.to_string(), "2026-11-25T11:00:00.000Z");
    assert_eq!(two.status, ReceiptStatus::Failed);
    assert_eq!(two.error.as_ref().map(|error| error.code.as_str()), Some("E9"));
    assert_eq!((text.from.as_str(), text.text.as_str()), ("+14155550199", "Hi"));
    assert_eq!(text.media.len(), 1);
    // A status nobody knows, and a receipt of no message.
    for odd in
        [&br#"{"events":[{"id":"SM1","state":"NEW"}]}"#[..], br#"{"events":[{"state":"DELIVRD"}]}"#]
    {
        let odd = provider("generic").callback("g", &with_secret(odd), now());
        assert!(matches!(odd, Err(CallbackError::Malformed { .. })), "{odd:?}");
    }
}

#[test]
fn forms_and_queries_are_read_too() {
    let flat = made(|settings| settings["callback"]["list"] = json!("")).expect("right");
    let form = with_secret(b"id=SM1&state=UNDELIV&to=1");
    assert_eq!(flat.callback("g", &form, now()).map(|events| events.len()), Ok(1));
    let query = "secret=a-long-secret&id=SM1&state=EXPIRED";
    let query = Callback { method: "GET", query, ..with_secret(b"") };
    assert_eq!(flat.callback("g", &query, now()).map(|events| events.len()), Ok(1));
}

#[test]
fn a_signature_over_the_body() {
    let (mut settings, secrets) = inputs("generic");
    settings["callback"]["verify"] = json!({"hmac_sha256": "X-Sig"});
    let signing = HttpProvider::new("generic", settings, &secrets, BTreeMap::new()).expect("right");
    // printf '{"events":[]}' | openssl dgst -sha256 -hmac a-long-secret
    let hex = "bb38fc24f52f242536078ca493876a4e06861c70c0c5d887d95bff8f4529fe4c";
    let base64 = "uzj8JPUvJCU2B4ykk4dqTgaGHHDAxdiH2Vv/j0Up/kw=";
    let verdict = |value: &str, body: &'static [u8]| {
        let headers = [read::named("x-sig", value)];
        signing.callback("g", &Callback { headers: &headers, ..with_secret(body) }, now())
    };
    for value in [hex, base64, &format!("sha256={hex}")] {
        assert_eq!(verdict(value, b"{\"events\":[]}"), Ok(vec![]), "{value}");
        assert_eq!(verdict(value, b"{\"events\":[1]}"), Err(CallbackError::Forbidden), "{value}");
    }
    // The secret in the URL is not enough then.
    assert_eq!(verdict("", b"{\"events\":[]}"), Err(CallbackError::Forbidden));
}

#[test]
fn without_a_secret_no_callback_is_taken() {
    let (settings, mut secrets) = inputs("generic");
    secrets.remove("callback_secret");
    let open = HttpProvider::new("generic", settings, &secrets, BTreeMap::new()).expect("right");
    for query in ["", "secret="] {
        let callback = Callback { query, ..with_secret(b"{\"events\":[]}") };
        assert_eq!(open.callback("g", &callback, now()), Err(CallbackError::Forbidden));
    }
}

#[test]
fn the_whole_answer_may_be_the_id() {
    let plain = made(|settings| settings["answer"] = json!({"text_id": true})).expect("right");
    let taken = SubmitOutcome::Accepted { gateway_ref: "abc-1".to_owned() };
    assert_eq!(plain.answer(&answer(200, b" abc-1\n")), taken);
    assert_eq!(plain.answer(&answer(200, b"")), SubmitOutcome::Unknown);
    assert_eq!(plain.answer(&answer(200, &[b'x'; 50_000])), SubmitOutcome::Unknown);
    let refused = plain.answer(&answer(400, b"bad number"));
    assert!(matches!(refused, SubmitOutcome::Rejected { .. }), "{refused:?}");
}
