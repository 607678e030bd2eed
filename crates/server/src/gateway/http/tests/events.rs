//! What callbacks tell: receipts of each status, and texts from people.

use super::*;
use ReceiptStatus::{Accepted, Delivered, Expired, Failed, Undelivered};
use ring::hmac;
use wayline_core::event::{Media, ReceiptStatus};
use wayline_pipeline::gateway::{Destination, Inbound, Receipt};

/// A callback of a provider, signed as it signs.
pub(super) fn events(kind: &str, body: &str) -> Result<Vec<GatewayEvent>, CallbackError> {
    let url = "https://wayline.example/hooks/g";
    let encode = |bytes: &[u8]| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(bytes)
    };
    let mac = |algorithm, key: &str, text: &str| {
        let tag = hmac::sign(&hmac::Key::new(algorithm, key.as_bytes()), text.as_bytes());
        tag.as_ref().to_vec()
    };
    let mut fields = read::pairs(body.as_bytes());
    fields.sort();
    let joined: String = fields.iter().map(|(name, value)| format!("{name}{value}")).collect();
    let mut posted = body.to_owned();
    let headers = match kind {
        "twilio" => {
            let text = format!("{url}{joined}");
            let tag = mac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, "twilio-token", &text);
            vec![read::named("x-twilio-signature", encode(&tag))]
        }
        "plivo" => {
            let tag = mac(hmac::HMAC_SHA256, "plivo-token", &format!("{url}1"));
            let nonce = read::named("x-plivo-signature-v2-nonce", "1");
            vec![read::named("x-plivo-signature-v2", encode(&tag)), nonce]
        }
        "telnyx" => {
            let seed: Vec<u8> = (0..32).collect();
            let pair = ring::signature::Ed25519KeyPair::from_seed_unchecked(&seed).expect("a key");
            let stamp = (now().0 / 1_000).to_string();
            let tag = pair.sign(format!("{stamp}|{body}").as_bytes());
            let stamp = read::named("telnyx-timestamp", stamp);
            vec![read::named("telnyx-signature-ed25519", encode(tag.as_ref())), stamp]
        }
        "vonage" => {
            fields.push(("timestamp".to_owned(), (now().0 / 1_000).to_string()));
            fields.sort();
            let text: String =
                fields.iter().map(|(name, value)| format!("&{name}={value}")).collect();
            let tag = mac(hmac::HMAC_SHA256, "vonage-signing", &text);
            let tag: String = tag.iter().map(|byte| format!("{byte:02X}")).collect();
            fields.push(("sig".to_owned(), tag));
            let mut form = form_urlencoded::Serializer::new(String::new());
            posted = form.extend_pairs(fields).finish();
            Vec::new()
        }
        "messagebird" => vec![read::named("messagebird-signature-jwt", jwt(url, body))],
        _ => return provider(kind).callback("g", &with_secret(body.as_bytes()), now()),
    };
    let callback = Callback {
        method: "POST",
        url,
        path_tail: "",
        query: "",
        headers: &headers,
        body: posted.as_bytes(),
    };
    provider(kind).callback("g", &callback, now())
}

/// A token as MessageBird makes them.
fn jwt(url: &str, body: &str) -> String {
    use base64::Engine as _;
    let coder = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let seconds = now().0 / 1_000;
    let claims = json!({
        "iss": "MessageBird", "nbf": seconds, "exp": seconds + 60,
        "url_hash": verify::sha256_hex(url.as_bytes()),
        "payload_hash": verify::sha256_hex(body.as_bytes()),
    });
    let code = |value: Value| coder.encode(value.to_string());
    let text = format!("{}.{}", code(json!({"alg": "HS256"})), code(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, BIRD_KEY.as_bytes());
    let tag = coder.encode(hmac::sign(&key, text.as_bytes()));
    format!("{text}.{tag}")
}

fn receipt(kind: &str, body: &str) -> Receipt {
    match events(kind, body).as_deref() {
        Ok([GatewayEvent::Receipt(receipt)]) => receipt.clone(),
        other => panic!("{kind} {body}: {other:?}"),
    }
}

fn inbound(kind: &str, body: &str) -> Inbound {
    match events(kind, body).as_deref() {
        Ok([GatewayEvent::Inbound(inbound)]) => inbound.clone(),
        other => panic!("{kind} {body}: {other:?}"),
    }
}

/// A provider, its receipt with `*` for the status, and the statuses it knows.
type Shape = (&'static str, &'static str, &'static [(&'static str, ReceiptStatus)]);

const SHAPES: &[Shape] = &[
    (
        "twilio",
        "MessageSid=SM1&To=%2B14155550199&MessageStatus=*",
        &[
            ("queued", Accepted),
            ("sending", Accepted),
            ("sent", Accepted),
            ("delivered", Delivered),
            ("read", Delivered),
            ("undelivered&ErrorCode=30005", Undelivered),
            ("failed&ErrorCode=30007", Failed),
            ("failed&ErrorCode=30036", Expired),
            ("canceled", Failed),
        ],
    ),
    (
        "telnyx",
        r#"{"data":{"event_type":"message.finalized","payload":{"id":"SM1","tags":["m-7-2-1"],"to":[{"phone_number":"+14155550199","status":"*"}]}}}"#,
        &[
            ("sent", Accepted),
            ("delivery_unconfirmed", Accepted),
            ("delivered", Delivered),
            ("delivery_failed", Undelivered),
            ("sending_failed", Failed),
            ("expired", Expired),
        ],
    ),
    (
        "vonage",
        "msisdn=14155550199&to=ACME&messageId=SM1&client-ref=m-7-2-1&status=*",
        &[
            ("accepted", Accepted),
            ("buffered", Accepted),
            ("unknown", Accepted),
            ("delivered", Delivered),
            ("failed", Undelivered),
            ("expired", Expired),
            ("rejected", Failed),
        ],
    ),
    (
        "plivo",
        "MessageUUID=SM1&From=ACME&To=14155550199&Status=*",
        &[
            ("queued", Accepted),
            ("sent", Accepted),
            ("delivered", Delivered),
            ("undelivered", Undelivered),
            ("failed", Failed),
            ("rejected", Failed),
            ("failed&ErrorCode=420", Expired),
        ],
    ),
    (
        "sinch",
        r#"{"type":"recipient_delivery_report_sms","batch_id":"SM1","recipient":"14155550199","client_reference":"m-7-2-1","code":0,"status":"*"}"#,
        &[
            ("Queued", Accepted),
            ("Dispatched", Accepted),
            ("Delivered", Delivered),
            ("Failed", Undelivered),
            ("Expired", Expired),
            ("Rejected", Failed),
            ("Aborted", Failed),
            ("Unknown", Accepted),
        ],
    ),
    (
        "infobip",
        r#"{"results":[{"messageId":"SM1","to":"14155550199","callbackData":"m-7-2-1","status":{"groupName":"*","name":"X"}}]}"#,
        &[
            ("PENDING", Accepted),
            ("DELIVERED", Delivered),
            ("UNDELIVERABLE", Undelivered),
            ("EXPIRED", Expired),
            ("REJECTED", Failed),
        ],
    ),
    (
        "bandwidth",
        r#"[{"type":"*","to":"+14155550199","message":{"id":"SM1","tag":"m-7-2-1"}}]"#,
        &[
            ("message-sending", Accepted),
            ("message-delivered", Delivered),
            ("message-failed\",\"errorCode\":\"4720", Undelivered),
            ("message-failed\",\"errorCode\":\"4470", Failed),
            ("message-failed\",\"errorCode\":\"4360", Expired),
            ("message-failed\",\"errorCode\":\"9902", Accepted),
        ],
    ),
    (
        "messagebird",
        "id=SM1&reference=m-7-2-1&recipient=14155550199&status=*",
        &[
            ("scheduled", Accepted),
            ("sent", Accepted),
            ("buffered", Accepted),
            ("delivered", Delivered),
            ("expired", Expired),
            ("delivery_failed", Undelivered),
        ],
    ),
    (
        "aws",
        r#"{"eventType":"TEXT_*","messageId":"SM1","destinationPhoneNumber":"+14155550199","context":{"wayline_message":"m-7-2-1"}}"#,
        &[
            ("PENDING", Accepted),
            ("SUCCESSFUL", Accepted),
            ("UNKNOWN", Accepted),
            ("DELIVERED", Delivered),
            ("UNREACHABLE", Undelivered),
            ("CARRIER_BLOCKED", Undelivered),
            ("BLOCKED", Failed),
            ("INVALID", Failed),
            ("TTL_EXPIRED", Expired),
        ],
    ),
];

#[test]
fn receipts_of_each_status() {
    for &(kind, shape, statuses) in SHAPES {
        for (written, status) in statuses {
            let receipt = receipt(kind, &shape.replace('*', written));
            assert_eq!(receipt.status, *status, "{kind} {written}");
            assert_eq!(receipt.gateway_ref, "SM1", "{kind}");
            assert_eq!(receipt.gateway, "g");
            let to = receipt.to.unwrap_or_default();
            assert_eq!(to.trim_start_matches('+'), "14155550199", "{kind}");
            if !matches!(kind, "twilio" | "plivo") {
                assert_eq!(receipt.message, Some(message("").id), "{kind}");
            }
        }
        assert!(
            events(kind, &shape.replace('*', "odd")).is_ok_and(|events| {
                // AWS adds kinds of failures; Bandwidth kinds of events.
                kind == "aws" || kind == "bandwidth" && events.is_empty()
            }) || matches!(
                events(kind, &shape.replace('*', "odd")),
                Err(CallbackError::Malformed { .. })
            ),
            "{kind}"
        );
    }
}

/// A provider, a receipt, its code with the class, and the instant it names.
type Report = (&'static str, &'static str, &'static str, ErrorClass, Option<&'static str>);

const REPORTS: &[Report] = &[
    (
        "twilio",
        "MessageSid=SM1&To=%2B1&MessageStatus=undelivered&ErrorCode=30005",
        "30005",
        ErrorClass::Suppress,
        None,
    ),
    (
        "telnyx",
        r#"{"data":{"event_type":"message.finalized","occurred_at":"2026-11-25T11:00:00.5+00:00","payload":{"id":"SM1","to":[{"status":"delivery_failed"}],"errors":[{"code":"40008","title":"Undeliverable"}]}}}"#,
        "40008",
        ErrorClass::RetryOnce,
        Some("2026-11-25T11:00:00.500Z"),
    ),
    (
        "vonage",
        "msisdn=1&to=2&messageId=SM1&status=failed&err-code=3&message-timestamp=2026-11-25+11%3A00%3A00+%2B0000",
        "err-3",
        ErrorClass::Suppress,
        Some("2026-11-25T11:00:00Z"),
    ),
    (
        "plivo",
        "MessageUUID=SM1&From=1&To=2&Status=undelivered&ErrorCode=80&DeliveryReportTime=2026-11-25+11%3A00%3A00",
        "80",
        ErrorClass::Retry,
        Some("2026-11-25T11:00:00Z"),
    ),
    (
        "sinch",
        r#"{"type":"recipient_delivery_report_sms","batch_id":"SM1","recipient":"1","code":404,"status":"Failed","at":"2026-11-25T11:00:01Z","operator_status_at":"2026-11-25T11:00:00Z"}"#,
        "404",
        ErrorClass::Retry,
        Some("2026-11-25T11:00:00Z"),
    ),
    (
        "infobip",
        r#"{"results":[{"messageId":"SM1","doneAt":"2026-11-25T12:00:00.000+0100","status":{"groupName":"UNDELIVERABLE","name":"UNDELIVERABLE_NOT_DELIVERED"},"error":{"id":1,"name":"EC_UNKNOWN_SUBSCRIBER","description":"Unknown"}}]}"#,
        "EC_UNKNOWN_SUBSCRIBER",
        ErrorClass::Suppress,
        Some("2026-11-25T11:00:00Z"),
    ),
    (
        "infobip",
        r#"{"results":[{"messageId":"SM1","status":{"groupName":"REJECTED","name":"REJECTED_DND"},"error":{"id":0,"name":"NO_ERROR"}}]}"#,
        "REJECTED_DND",
        ErrorClass::Suppress,
        None,
    ),
    (
        "bandwidth",
        r#"[{"type":"message-failed","time":"2026-11-25T11:00:00Z","errorCode":4770,"description":"spam","message":{"id":"SM1"}}]"#,
        "4770",
        ErrorClass::StopRoute,
        Some("2026-11-25T11:00:00Z"),
    ),
    (
        "messagebird",
        "id=SM1&recipient=1&status=delivery_failed&statusErrorCode=1&statusDatetime=2026-11-25T11%3A00%3A00%2B00%3A00",
        "status-1",
        ErrorClass::Suppress,
        Some("2026-11-25T11:00:00Z"),
    ),
    (
        "aws",
        r#"{"eventType":"TEXT_CARRIER_BLOCKED","messageId":"SM1","eventTimestamp":1764068400000,"messageStatusDescription":"blocked"}"#,
        "TEXT_CARRIER_BLOCKED",
        ErrorClass::StopRoute,
        Some("2025-11-25T11:00:00Z"),
    ),
    // Nobody knows this one.
    (
        "twilio",
        "MessageSid=SM1&To=%2B1&MessageStatus=failed&ErrorCode=99999",
        "99999",
        ErrorClass::BadRequest,
        None,
    ),
];

#[test]
fn receipts_carry_class_and_instant_of_the_carrier() {
    for &(kind, body, code, class, at) in REPORTS {
        let receipt = receipt(kind, body);
        let error = receipt.error.expect("an error");
        assert_eq!((error.code.as_str(), error.class), (code, class), "{kind}");
        let at = at.map_or(now(), |at| Timestamp::parse(at).expect("an instant"));
        assert_eq!(receipt.at, at, "{kind}");
    }
    assert_eq!(receipt("twilio", "MessageSid=SM1&To=%2B1&MessageStatus=delivered").error, None);
    let good = "MessageUUID=SM1&From=1&To=2&Status=delivered&ErrorCode=000";
    assert_eq!(receipt("plivo", good).error, None);
}

#[test]
fn texts_from_people() {
    let text = "Grüße 👋";
    let encoded = "Gr%C3%BC%C3%9Fe%20%F0%9F%91%8B";
    let cases = [
        ("twilio", format!("MessageSid=I1&SmsStatus=received&From=%2B14155550199&To=%2B14155550100&Body={encoded}&NumMedia=0")),
        ("telnyx", format!(r#"{{"data":{{"event_type":"message.received","payload":{{"id":"I1","from":{{"phone_number":"+14155550199"}},"to":[{{"phone_number":"+14155550100"}}],"text":"{text}","media":[]}}}}}}"#)),
        ("vonage", format!("msisdn=14155550199&to=14155550100&messageId=I1&text={encoded}&type=unicode&keyword=X")),
        ("plivo", format!("MessageUUID=I1&From=14155550199&To=14155550100&Text={encoded}&Type=sms")),
        ("sinch", format!(r#"{{"type":"mo_text","id":"I1","from":"14155550199","to":"14155550100","body":"{text}"}}"#)),
        ("infobip", format!(r#"{{"results":[{{"messageId":"I1","from":"14155550199","to":"14155550100","text":"{text}","cleanText":"x"}}],"messageCount":1}}"#)),
        ("bandwidth", format!(r#"[{{"type":"message-received","to":"+14155550100","message":{{"id":"I1","from":"+14155550199","to":["+14155550100"],"text":"{text}"}}}}]"#)),
        ("messagebird", format!("id=I1&recipient=14155550100&originator=14155550199&body={encoded}")),
        ("aws", json!({"Type": "Notification", "Message": json!({"originationNumber": "+14155550199", "destinationNumber": "+14155550100", "messageKeyword": "K", "messageBody": text, "inboundMessageId": "I1"}).to_string()}).to_string()),
    ];
    for (kind, body) in cases {
        let inbound = inbound(kind, &body);
        assert_eq!(inbound.text, text, "{kind}");
        assert_eq!(inbound.from, "+14155550199", "{kind}");
        assert_eq!(inbound.id.as_deref(), Some("I1"), "{kind}");
        assert_eq!(inbound.media, [], "{kind}");
        assert_eq!(inbound.at, now(), "{kind}");
        let Destination::Sender { gateway, number } = inbound.destination else { panic!("{kind}") };
        assert_eq!(
            (gateway.as_str(), number.trim_start_matches('+')),
            ("g", "14155550100"),
            "{kind}"
        );
    }
}

#[test]
fn pictures_come_as_references() {
    let typed = |url: &str, content_type: &str| Media {
        url: url.to_owned(),
        content_type: content_type.to_owned(),
    };
    let cases = [
        (
            "twilio",
            "MessageSid=I1&From=%2B1&To=%2B2&Body=&NumMedia=2&MediaUrl0=https%3A%2F%2Fx%2Fa&MediaContentType0=image%2Fjpeg&MediaUrl1=https%3A%2F%2Fx%2Fb&MediaContentType1=image%2Fpng",
            vec![typed("https://x/a", "image/jpeg"), typed("https://x/b", "image/png")],
        ),
        (
            "telnyx",
            r#"{"data":{"event_type":"message.received","payload":{"id":"I1","from":{"phone_number":"+1"},"to":[{"phone_number":"+2"}],"text":"","media":[{"url":"https://x/a","content_type":"image/jpeg"}]}}}"#,
            vec![typed("https://x/a", "image/jpeg")],
        ),
        (
            "plivo",
            "MessageUUID=I1&From=1&To=2&Type=mms&Media0=https%3A%2F%2Fx%2Fa",
            vec![typed("https://x/a", "")],
        ),
        (
            "sinch",
            r#"{"type":"mo_media","id":"I1","from":"1","to":"2","body":{"subject":"s","message":"m","media":[{"url":"https://x/a","content_type":"image/jpeg","status":"Uploaded"}]}}"#,
            vec![typed("https://x/a", "image/jpeg")],
        ),
        (
            "bandwidth",
            r#"[{"type":"message-received","to":"+2","message":{"id":"I1","from":"+1","text":"","media":["https://x/a"]}}]"#,
            vec![typed("https://x/a", "")],
        ),
        (
            "messagebird",
            r#"{"id":"I1","recipient":"1","originator":"2","mediaURLs":["https://x/a"],"createdDatetime":"20230727004929","mms":true}"#,
            vec![typed("https://x/a", "")],
        ),
        // A count nobody believes.
        ("twilio", "MessageSid=I1&From=%2B1&To=%2B2&Body=x&NumMedia=4000000000", vec![]),
    ];
    for (kind, body, media) in cases {
        assert_eq!(inbound(kind, body).media, media, "{kind}");
    }
}

#[test]
fn instants_in_every_form() {
    let at = Timestamp::parse("2023-07-27T00:49:29Z").expect("an instant");
    for text in [
        "2023-07-27T00:49:29Z",
        "2023-07-27T02:49:29+02:00",
        "2023-07-27T02:49:29.000+0200",
        "2023-07-27 00:49:29",
        "2023-07-27 00:49:29 +0000",
        "2023-07-26 19:49:29 -0500",
        "20230727004929",
        "1690418969",
        "1690418969000",
    ] {
        assert_eq!(read::instant(text, now()), at, "{text}");
    }
    for text in [
        "",
        "soon",
        "0",
        "-5",
        "99999999999999",
        "2023-07-27",
        "2023-13-27 00:00:00",
        "9223372036854775807",
    ] {
        assert_eq!(read::instant(text, now()), now(), "{text}");
    }
}

#[test]
fn amazon_s_envelope_is_opened() {
    let event = json!({"eventType": "TEXT_DELIVERED", "messageId": "SM1"}).to_string();
    let envelope = json!({"Type": "Notification", "Message": event}).to_string();
    assert_eq!(receipt("aws", &envelope).status, ReceiptStatus::Delivered);
    let url = "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=1";
    let confirm = |url: &str| {
        events("aws", &json!({"Type": "SubscriptionConfirmation", "SubscribeURL": url}).to_string())
    };
    assert_eq!(confirm(url), Err(CallbackError::Confirm { url: url.to_owned() }));
    for url in [
        "https://sns.evil.example/",
        "http://sns.us-east-1.amazonaws.com/",
        "https://sns.x@evil.amazonaws.com.example/",
        "",
    ] {
        assert!(matches!(confirm(url), Err(CallbackError::Malformed { .. })), "{url}");
    }
}

#[test]
fn one_callback_may_tell_several_things() {
    let one = r#"{"type":"message-delivered","to":"+1","message":{"id":"SM1"}}"#;
    let events = events("bandwidth", &format!("[{one},{one},{one}]")).expect("a list");
    assert_eq!(events.len(), 3);
}

#[test]
fn only_twilio_wants_a_body_back() {
    for provider in providers() {
        let answer = provider.callback_answer();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body.contains("<Response>"), provider.kind().name == "twilio");
    }
}
