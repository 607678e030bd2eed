//! What providers are asked.

use super::*;

const CALLBACK: &str = "https://wayline.example/hooks/g/m-7-2-1";

fn request(kind: &str, text: &str) -> Request {
    let message = message(text);
    let out = Outgoing {
        message: &message,
        from: "+14155550100",
        sender_kind: SenderKind::LongCode,
        callback_url: Some(CALLBACK),
        validity: Some(Duration::from_secs(3_600)),
        now: now(),
    };
    provider(kind).request(&out).expect("it can be sent")
}

fn body(request: &Request) -> Value {
    match read::header(&request.headers, "content-type") {
        Some("application/x-www-form-urlencoded") => {
            let pairs = read::pairs(&request.body).into_iter();
            Value::Object(pairs.map(|(name, value)| (name, Value::String(value))).collect())
        }
        _ => serde_json::from_slice(&request.body).expect("JSON"),
    }
}

#[test]
fn each_provider_is_asked_in_its_own_form() {
    let text = "Grüße 👋 \"x\" & y=z";
    let cases = [
        (
            "twilio",
            "https://api.twilio.com/2010-04-01/Accounts/AC123/Messages.json",
            json!({"To": "+14155550199", "From": "+14155550100", "Body": text, "StatusCallback": CALLBACK, "ValidityPeriod": "3600"}),
        ),
        (
            "telnyx",
            "https://api.telnyx.com/v2/messages",
            json!({"to": "+14155550199", "from": "+14155550100", "text": text, "webhook_url": CALLBACK, "tags": ["m-7-2-1"]}),
        ),
        (
            "vonage",
            "https://rest.nexmo.com/sms/json",
            json!({"to": "14155550199", "from": "14155550100", "text": text, "type": "unicode", "client-ref": "m-7-2-1",
                "status-report-req": "1", "callback": CALLBACK, "ttl": "3600000"}),
        ),
        (
            "plivo",
            "https://api.plivo.com/v1/Account/MA123/Message/",
            json!({"dst": "+14155550199", "src": "+14155550100", "text": text, "url": CALLBACK, "method": "POST", "message_expiry": 3600}),
        ),
        (
            "sinch",
            "https://us.sms.api.sinch.com/xms/v1/plan1/batches",
            json!({"to": ["14155550199"], "from": "14155550100", "body": text, "delivery_report": "per_recipient",
                "client_reference": "m-7-2-1", "callback_url": format!("{CALLBACK}?secret={SECRET}"),
                "expire_at": "2026-11-25T13:00:00.000Z"}),
        ),
        (
            "infobip",
            "https://x1.api.infobip.com/sms/3/messages",
            json!({"messages": [{"sender": "14155550100", "destinations": [{"to": "14155550199", "messageId": "m-7-2-1"}],
                "content": {"text": text}, "options": {"validityPeriod": {"amount": 60, "timeUnit": "MINUTES"}},
                "webhooks": {"callbackData": "m-7-2-1", "contentType": "application/json",
                    "delivery": {"url": format!("{CALLBACK}?secret={SECRET}"), "intermediateReport": true}}}]}),
        ),
        (
            "bandwidth",
            "https://messaging.bandwidth.com/api/v2/users/900/messages",
            json!({"to": ["+14155550199"], "from": "+14155550100", "text": text, "applicationId": "app", "tag": "m-7-2-1",
                "expiration": "2026-11-25T13:00:00.000Z"}),
        ),
        (
            "messagebird",
            "https://rest.messagebird.com/messages",
            json!({"recipients": ["14155550199"], "originator": "14155550100", "body": text, "datacoding": "auto",
                "reference": "m-7-2-1", "reportUrl": CALLBACK, "validity": 3600}),
        ),
        (
            "aws",
            "https://sms-voice.us-east-1.amazonaws.com/",
            json!({"DestinationPhoneNumber": "+14155550199", "OriginationIdentity": "+14155550100", "MessageBody": text,
                "MessageType": "PROMOTIONAL", "ConfigurationSetName": "set", "TimeToLive": 3600,
                "Context": {"wayline_message": "m-7-2-1"}}),
        ),
    ];
    for (kind, url, expected) in cases {
        let request = request(kind, text);
        assert_eq!((request.method, request.url.as_str()), ("POST", url), "{kind}");
        assert_eq!(body(&request), expected, "{kind}");
        assert!(read::header(&request.headers, "authorization").is_some(), "{kind}");
    }
}

#[test]
fn a_text_of_the_small_alphabet_goes_as_text() {
    assert_eq!(body(&request("vonage", "Price: 5 € [x]"))["type"], "text");
}

#[test]
fn credentials_are_as_documented() {
    let cases = [
        ("twilio", "Basic QUMxMjM6dHdpbGlvLXRva2Vu"),
        ("telnyx", "Bearer KEYtelnyx"),
        ("vonage", "Basic YWJjZDEyMzQ6dm9uYWdlLXNlY3JldA=="),
        ("plivo", "Basic TUExMjM6cGxpdm8tdG9rZW4="),
        ("sinch", "Bearer sinch-token"),
        ("infobip", "App infobip-key"),
        ("bandwidth", "Basic dXNlcjpiYW5kd2lkdGgtcGFzc3dvcmQ="),
        ("messagebird", "AccessKey bird-key"),
    ];
    for (kind, expected) in cases {
        for request in [request(kind, "Hi"), provider(kind).check(now()).expect("a check")] {
            assert_eq!(read::header(&request.headers, "authorization"), Some(expected), "{kind}");
        }
    }
    let aws = request("aws", "Hi");
    let authorization = read::header(&aws.headers, "authorization").expect("signed");
    let start = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261125/us-east-1/sms-voice/aws4_request, \
        SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=";
    assert!(authorization.starts_with(start), "{authorization}");
    assert_eq!(read::header(&aws.headers, "x-amz-date"), Some("20261125T120000Z"));
}

#[test]
fn nothing_shows_a_secret() {
    for provider in providers() {
        let (_, secrets) = inputs(provider.kind().name);
        let message = message("private words");
        let out = Outgoing {
            message: &message,
            from: "+14155550100",
            sender_kind: SenderKind::LongCode,
            callback_url: Some(CALLBACK),
            validity: None,
            now: now(),
        };
        let request = provider.request(&out).expect("it can be sent");
        let shown = format!("{provider:?} {request:?} {:?}", provider.check(now()));
        for (name, secret) in secrets {
            assert!(!shown.contains(&secret), "{name} of {}: {shown}", provider.kind().name);
        }
        assert!(!format!("{request:?}").contains("private"), "{request:?}");
    }
}

#[test]
fn each_attempt_has_its_own_id_at_infobip() {
    let message = Message { attempts: 3, ..message("Hi") };
    let out = Outgoing {
        message: &message,
        from: "ACME",
        sender_kind: SenderKind::Alphanumeric,
        callback_url: None,
        validity: None,
        now: now(),
    };
    let body = body(&provider("infobip").request(&out).expect("it can be sent"));
    assert_eq!(read::at(&body, "/messages/0/destinations/0/messageId"), "m-7-2-1.3");
    assert_eq!(read::at(&body, "/messages/0/webhooks/callbackData"), "m-7-2-1");
    let report = br#"{"results":[{"messageId":"m-7-2-1.3","status":{"groupName":"DELIVERED"}}]}"#;
    let events = provider("infobip").callback("g", &with_secret(report), now()).expect("right");
    let [GatewayEvent::Receipt(receipt)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((receipt.gateway_ref.as_str(), receipt.message), ("m-7-2-1.3", Some(message.id)));
}

#[test]
fn a_name_needs_a_profile_at_telnyx() {
    let message = message("Hi");
    let out = Outgoing {
        message: &message,
        from: "ACME",
        sender_kind: SenderKind::Alphanumeric,
        callback_url: None,
        validity: None,
        now: now(),
    };
    assert!(provider("telnyx").request(&out).is_err());
    let body = body(&provider("vonage").request(&out).expect("names are fine"));
    assert_eq!(body["from"], "ACME");
    assert_eq!(body.get("callback"), None);
}

#[test]
fn the_callback_url_ends_with_our_id() {
    assert_eq!(callback_url("https://wayline.example/hooks/g/", &message("")), CALLBACK);
}
