//! Messages whose answer was lost, looked up at their provider.

use super::*;
use wayline_core::event::ReceiptStatus;
use wayline_core::time::Span;

const FROM: &str = "+14155550100";

fn lost() -> Message {
    Message { handed_out_at: Some(now()), state: MessageState::Unknown, ..message("Hi & bye") }
}

/// A message as Twilio lists it; `at`: seconds after ours was handed out.
fn listed(sid: &str, at: i64, change: Value) -> Value {
    let created = (now() + Span::seconds(at)).to_jiff().to_zoned_datetime(jiff::tz::TimeZone::UTC);
    let mut message = json!({
        "account_sid": "AC123", "api_version": "2010-04-01", "body": "Hi & bye",
        "date_created": jiff::fmt::rfc2822::to_string(&created).expect("a date"),
        "date_sent": "Wed, 25 Nov 2026 12:00:01 +0000", "date_updated": "Wed, 25 Nov 2026 12:00:02 +0000",
        "direction": "outbound-api", "error_code": null, "error_message": null, "from": FROM,
        "messaging_service_sid": null, "num_media": "0", "num_segments": "1", "price": null,
        "price_unit": "USD", "sid": sid, "status": "sent", "to": "+14155550199",
    });
    let Value::Object(change) = change else { panic!("{change}") };
    for (name, value) in change {
        message[name] = value;
    }
    message
}

fn looked_up(messages: &[Value]) -> LookedUp {
    let page = json!({ "messages": messages, "next_page_uri": null, "page": 0, "page_size": 20 });
    provider("twilio").looked_up(&lost(), FROM, &answer(200, page.to_string().as_bytes()))
}

fn found(sid: &str, receipt: Option<(ReceiptStatus, Option<CarrierError>)>) -> LookedUp {
    LookedUp::Found { gateway_ref: sid.to_owned(), receipt }
}

#[test]
fn twilio_is_asked_for_what_went_to_the_number_since_that_day() {
    let midnight = Timestamp::parse("2026-11-25T00:00:01Z").expect("an instant");
    for (at, day) in [(now(), "2026-11-25"), (midnight, "2026-11-24")] {
        let message = Message { handed_out_at: Some(at), ..lost() };
        let request = provider("twilio").look_up(&message, FROM).expect("it can be asked");
        assert_eq!((request.method, request.body.as_slice()), ("GET", &b""[..]));
        let (url, query) = request.url.split_once('?').expect("a query");
        assert_eq!(url, "https://api.twilio.com/2010-04-01/Accounts/AC123/Messages.json");
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let wanted =
            [("To", "+14155550199"), ("From", FROM), ("DateSent>", day), ("PageSize", "20")];
        assert_eq!(read::pairs(query.as_bytes()), wanted.map(own));
        assert!(query.contains("To=%2B1") && query.contains("DateSent%3E=2026"), "{query}");
        assert!(read::header(&request.headers, "authorization").is_some());
    }
    let never = Message { handed_out_at: None, ..lost() };
    assert!(provider("twilio").look_up(&never, FROM).is_none());
}

#[test]
fn only_twilio_is_asked() {
    for provider in providers() {
        let can = provider.kind().name == "twilio";
        assert_eq!(provider.looks_up(), can);
        assert_eq!(provider.look_up(&lost(), FROM).is_some(), can);
    }
}

#[test]
fn the_one_of_the_same_words_at_that_time_is_it_and_its_status_is_its_receipt() {
    let others = [
        listed("SM2", 1, json!({ "body": "Another" })),
        listed("SM3", 1, json!({ "to": "+14155550198" })),
        listed("SM4", 1, json!({ "from": "+14155550101" })),
        listed("SM5", -3, json!({})),
        listed("SM6", 121, json!({})),
    ];
    for (status, code, wanted) in [
        ("queued", None, None),
        ("sent", None, None),
        ("delivered", None, Some(ReceiptStatus::Delivered)),
        ("undelivered", Some(30003), Some(ReceiptStatus::Undelivered)),
        ("failed", Some(30007), Some(ReceiptStatus::Failed)),
        ("failed", Some(30036), Some(ReceiptStatus::Expired)),
    ] {
        for at in [-2, 0, 120] {
            let own = listed("SM1", at, json!({ "status": status, "error_code": code }));
            let mut all = others.to_vec();
            all.insert(2, own);
            let LookedUp::Found { gateway_ref, receipt } = looked_up(&all) else {
                panic!("{status} at {at}");
            };
            assert_eq!(gateway_ref, "SM1");
            assert_eq!(receipt.as_ref().map(|it| it.0), wanted, "{status}");
            let said = receipt.and_then(|it| it.1).map(|error| error.code);
            assert_eq!(said, code.map(|code| code.to_string()));
        }
    }
    assert_eq!(looked_up(&others), LookedUp::NotThere);
    assert_eq!(looked_up(&[]), LookedUp::NotThere);
}

#[test]
fn nothing_is_guessed() {
    let two = [listed("SM1", 1, json!({})), listed("SM2", 30, json!({}))];
    assert_eq!(looked_up(&two), LookedUp::NotThere);
    assert_eq!(looked_up(&two[..1]), found("SM1", None));
    for status in ["received", "", "a new one"] {
        assert_eq!(looked_up(&[listed("SM1", 1, json!({ "status": status }))]), LookedUp::NotThere);
    }
    assert_eq!(looked_up(&[listed("", 1, json!({}))]), LookedUp::NotThere);
    let failed = [
        (200, json!({ "messages": two[..1], "next_page_uri": "/2010-04-01/…?Page=1" }).to_string()),
        (200, json!({ "messages": [{ "sid": "SM1" }] }).to_string()),
        (
            200,
            json!({ "messages": [listed("SM1", 1, json!({ "date_created": "soon" }))] })
                .to_string(),
        ),
        (200, "<html>".to_owned()),
        (200, "{}".to_owned()),
        (401, json!({ "code": 20003, "message": "Authenticate", "status": 401 }).to_string()),
        (302, String::new()),
        (500, String::new()),
    ];
    for (status, body) in failed {
        let looked = provider("twilio").looked_up(&lost(), FROM, &answer(status, body.as_bytes()));
        let LookedUp::Failed(why) = looked else { panic!("{status} {body}: {looked:?}") };
        assert!(!why.is_empty() && !why.contains("twilio-token"), "{why}");
    }
}
