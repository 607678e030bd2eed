//! Whether callbacks are taken from the right ones only. Signatures here were computed by other programs.

use super::*;

fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Everything that is signed in one callback, to be changed bit by bit.
struct Signed {
    kind: &'static str,
    url: &'static str,
    headers: Vec<(String, String)>,
    body: String,
    at: Timestamp,
}

impl Signed {
    fn verdict(&self) -> Result<Vec<GatewayEvent>, CallbackError> {
        let callback = Callback {
            method: "POST",
            url: self.url,
            path_tail: "m-7-2-1",
            query: self.url.split_once('?').map_or("", |(_, query)| query),
            headers: &self.headers,
            body: self.body.as_bytes(),
        };
        provider(self.kind).callback("g", &callback, self.at)
    }

    fn is_forbidden(&self) -> bool {
        self.verdict() == Err(CallbackError::Forbidden)
    }

    /// Right as it is, and wrong with anything changed.
    fn holds(mut self, header: &str, is_over_body: bool) {
        let events = self.verdict().unwrap_or_else(|error| panic!("{}: {error}", self.kind));
        match events.as_slice() {
            [GatewayEvent::Receipt(receipt)] => {
                assert_eq!(receipt.message, Some(message("").id), "{}", self.kind);
            }
            other => panic!("{}: {other:?}", self.kind),
        }
        let right = self.headers.clone();
        self.headers.retain(|(name, _)| name != header);
        assert!(self.is_forbidden(), "{}: no signature", self.kind);
        for wrong in ["", "x", "AAAA", "====", "a.b.c", "\u{20ac}"] {
            self.headers = right.clone();
            for (name, value) in &mut self.headers {
                if name == header {
                    *value = wrong.to_owned();
                }
            }
            assert!(self.is_forbidden(), "{}: {wrong:?}", self.kind);
        }
        self.headers = right;
        if is_over_body {
            let body = self.body.clone();
            self.body.push_str("&x=y");
            assert!(self.is_forbidden(), "{}: another body", self.kind);
            self.body = body;
        }
    }
}

fn twilio(url: &'static str) -> Signed {
    Signed {
        kind: "twilio",
        url,
        headers: headers(&[("X-Twilio-Signature", "gp5shQk30g5VhVffGPjEHNSNclU=")]),
        body: "ErrorCode=30005&MessageSid=SM0123&MessageStatus=undelivered&To=%2B14155550199\
            &From=%2B14155550100&AccountSid=AC123"
            .to_owned(),
        at: now(),
    }
}

#[test]
fn twilio_s_documented_example() {
    let (settings, mut secrets) = inputs("twilio");
    secrets.insert("auth_token".to_owned(), "12345".to_owned());
    let provider = HttpProvider::new("twilio", settings, &secrets, BTreeMap::new()).expect("right");
    let headers = headers(&[("x-twilio-signature", "0/KCTR6DLpKmkAf8muzZqo1nDgQ=")]);
    let body = b"CallSid=CA1234567890ABCDE&Caller=%2B12349013030&Digits=1234&From=%2B12349013030&To=%2B18005551212";
    let callback = |url: &'static str| Callback {
        method: "POST",
        url,
        path_tail: "",
        query: "foo=1&bar=2",
        headers: &headers,
        body,
    };
    // It is a call, not a message; that this is what is complained of says that the signature fits.
    let right =
        provider.callback("g", &callback("https://mycompany.com/myapp.php?foo=1&bar=2"), now());
    assert!(matches!(right, Err(CallbackError::Malformed { .. })), "{right:?}");
    let wrong =
        provider.callback("g", &callback("https://mycompany.com/myapp.php?foo=1&bar=3"), now());
    assert_eq!(wrong, Err(CallbackError::Forbidden));
}

#[test]
fn twilio_signs_url_and_parameters() {
    twilio("https://wayline.example/hooks/twilio/m-7-2-1").holds("X-Twilio-Signature", true);
    // With its standard port written out it is the same address.
    assert!(twilio("https://wayline.example:443/hooks/twilio/m-7-2-1").verdict().is_ok());
    for url in [
        "https://wayline.example:444/hooks/twilio/m-7-2-1",
        "http://wayline.example/hooks/twilio/m-7-2-1",
        "https://wayline.example/hooks/twilio/m-7-2-2",
        "https://wayline.example/hooks/twilio/m-7-2-1?x=1",
    ] {
        assert!(twilio(url).is_forbidden(), "{url}");
    }
}

#[test]
fn plivo_signs_url_and_nonce_and_in_v3_the_parameters() {
    let url = "https://wayline.example/hooks/plivo/m-7-2-1";
    let body = "ErrorCode=000&From=%2B14155550100&MessageUUID=db3ce55a-7f1d-11e1-8ea7-1231380bc196\
        &Status=delivered&To=%2B14155550199";
    let nonce = "05429567804466091622";
    let v2 = ("X-Plivo-Signature-V2", "tWF/hEO7qPnGJe9bAQgyjT0xgcvmQSetCVJ8UyjZENI=");
    let v3 = ("X-Plivo-Signature-V3", "KqjI5/unHqlvHs1qqzm4lFRibXdAYLtoyRuADf6AZI8=");
    let signed = |pairs: &[(&str, &str)]| Signed {
        kind: "plivo",
        url,
        headers: headers(pairs),
        body: body.to_owned(),
        at: now(),
    };
    signed(&[v2, ("X-Plivo-Signature-V2-Nonce", nonce)]).holds("X-Plivo-Signature-V2", false);
    signed(&[v3, ("X-Plivo-Signature-V3-Nonce", nonce)]).holds("X-Plivo-Signature-V3", true);
    // A wrong V3 is not saved by a right V2.
    let both = [v2, ("X-Plivo-Signature-V2-Nonce", nonce), ("X-Plivo-Signature-V3", "AAAA")];
    assert!(signed(&both).is_forbidden());
    // Two tokens while one replaces the other.
    let two = ("X-Plivo-Signature-V2", "AAAA,tWF/hEO7qPnGJe9bAQgyjT0xgcvmQSetCVJ8UyjZENI=");
    assert!(signed(&[two, ("X-Plivo-Signature-V2-Nonce", nonce)]).verdict().is_ok());
}

#[test]
fn telnyx_signs_instant_and_body() {
    let signed = |at: i64| {
        Signed {
        kind: "telnyx",
        url: "https://wayline.example/hooks/telnyx/other",
        headers: headers(&[
            ("telnyx-timestamp", "1575927134"),
            ("telnyx-signature-ed25519", "wQpcQQ5MBg6DMi68XTm79IUquoCmX3BgMwQUs57mnb5HBswR7I/Rab1NYRlm4ET92pOinkUHXVnPMumgXeywBg=="),
        ]),
        body: concat!(
            r#"{"data":{"event_type":"message.finalized","id":"4ee8c3a6","occurred_at":"2019-12-09T21:32:14.148+00:00","#,
            r#""payload":{"completed_at":"2019-12-09T21:32:14.148+00:00","direction":"outbound","errors":[],"#,
            r#""from":{"phone_number":"+13125550100"},"id":"834f3d53-8a3c-4aa0-a733-7f2d682a72df","tags":["m-7-2-1"],"#,
            r#""text":"Hi","to":[{"phone_number":"+13125550199","status":"delivered"}],"type":"SMS"},"#,
            r#""record_type":"event"},"meta":{"attempt":1}}"#
        )
        .to_owned(),
        at: Timestamp(at * 1_000),
    }
    };
    signed(1_575_927_134).holds("telnyx-signature-ed25519", true);
    assert!(signed(1_575_927_134 + 299).verdict().is_ok());
    assert!(signed(1_575_927_134 + 301).is_forbidden(), "a recording");
    assert!(signed(1_575_927_134 - 301).is_forbidden(), "from the future");
}

#[test]
fn vonage_signs_its_parameters() {
    let fields = json!({
        "msisdn": "447700900001", "to": "AcmeInc", "network-code": "12345", "messageId": "0A0000001234567B",
        "price": "0.03330000", "status": "delivered", "scts": "2001011400", "err-code": "0",
        "api-key": "abcd1234", "client-ref": "m-7-2-1", "message-timestamp": "2020-01-01 12:00:00 +0000",
        "timestamp": "1577880000", "nonce": "a=b&c",
        "sig": "21bd6fdbc2455892b58bef29bbbc76af0a609cf64059284889916ada6fe2f0a8",
    });
    let at = Timestamp::parse("2020-01-01T12:00:00Z").expect("an instant");
    let verdict = |fields: &Value, at: Timestamp| {
        let body = fields.to_string();
        let callback = Callback { body: body.as_bytes(), ..with_secret(b"") };
        provider("vonage").callback("g", &callback, at)
    };
    let events = verdict(&fields, at).expect("it is signed");
    let [GatewayEvent::Receipt(receipt)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(receipt.message, Some(message("").id));
    assert_eq!(receipt.at, at);
    for name in fields.as_object().expect("a map").keys() {
        let mut changed = fields.clone();
        changed[name] = json!("1577880001");
        assert_eq!(verdict(&changed, at), Err(CallbackError::Forbidden), "{name}");
    }
    let later = at + wayline_core::time::Span::minutes(6);
    assert_eq!(verdict(&fields, later), Err(CallbackError::Forbidden));
    // The same as a form, and as a query.
    let pairs = fields.as_object().expect("a map").iter();
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(pairs.map(|(name, value)| (name, value.as_str().unwrap_or_default())));
    let form = form.finish();
    let posted = Callback { body: form.as_bytes(), ..with_secret(b"") };
    assert!(provider("vonage").callback("g", &posted, at).is_ok());
    let got = Callback { method: "GET", query: &form, ..with_secret(b"") };
    assert!(provider("vonage").callback("g", &got, at).is_ok());
}

/// `signature_jwt/testdata/reference.json` of MessageBird's Go library.
#[test]
fn messagebird_s_published_example() {
    let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJNZXNzYWdlQmlyZCIsIm5iZiI6MTYyNTQ3OTIwMCwiZXhwIjoxNjI1NDc5MjYwLCJqdGkiOiI5M2U1NTAwNi1hMGU4LTQ1MjYtYTE5MC1mYTVmZjAwZWExMTYiLCJ1cmxfaGFzaCI6IjQxZjA1ZjBkZGQwYTIyYWIyMDlhYzQ2ZjQ3YzQ1NzJkOWNlZmEyNTdlZDc0YjI0MDA0YmFlNzUzZWNlNmMyNjAiLCJwYXlsb2FkX2hhc2giOiJkZmZkNjAyMWJiMmJkNWIwYWY2NzYyOTA4MDllYzNhNTMxOTFkZDgxYzdmNzBhNGIyODY4OGEzNjIxODI5ODZmIn0._H--TOuYFLpeEH39-rg5E3IHVkjHozBcaKVWPRC5m9I";
    let verdict = |token: &str, url: &str, body: &[u8], at: i64| {
        let headers = headers(&[("MessageBird-Signature-JWT", token)]);
        let callback = Callback {
            method: "POST",
            url,
            path_tail: "",
            query: "bar=1&foo=2",
            headers: &headers,
            body,
        };
        provider("messagebird").callback("g", &callback, Timestamp(at * 1_000))
    };
    let (url, body, at) =
        ("https://example.com/path?bar=1&foo=2", &b"Hello, World!"[..], 1_625_479_230);
    // It is no receipt; that this is what is complained of says that the signature fits.
    let right = verdict(token, url, body, at);
    assert!(matches!(right, Err(CallbackError::Malformed { .. })), "{right:?}");
    let (signed, _) = token.rsplit_once('.').expect("a JWT");
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", signed.split_once('.').expect("claims").1);
    for (token, url, body, at) in [
        ("", url, body, at),
        (&format!("{signed}."), url, body, at),
        (&unsigned, url, body, at),
        (token, "https://example.com/path?bar=9&foo=2", body, at),
        (token, url, &b"Hello, World?"[..], at),
        (token, url, &b""[..], at),
        (token, url, body, 1_700_000_000),
        (token, url, body, 1_600_000_000),
    ] {
        assert_eq!(verdict(token, url, body, at), Err(CallbackError::Forbidden), "{token} {url}");
    }
}

#[test]
fn messagebird_s_unsigned_receipts_need_the_secret() {
    let receipt =
        "secret=a-long-secret&id=B1&reference=m-7-2-1&recipient=14155550199&status=delivered";
    let signed = headers(&[("MessageBird-Signature-JWT", "a.b.c")]);
    let (settings, mut secrets) = inputs("messagebird");
    let call = |secrets: &Secrets, headers: &[(String, String)]| {
        let provider = HttpProvider::new("messagebird", settings.clone(), secrets, BTreeMap::new());
        let callback = Callback { method: "GET", query: receipt, headers, ..with_secret(b"") };
        provider.expect("right").callback("g", &callback, now())
    };
    assert_eq!(call(&secrets, &[]), Err(CallbackError::Forbidden));
    secrets.insert("callback_secret".to_owned(), SECRET.to_owned());
    assert_eq!(call(&secrets, &[]).map(|events| events.len()), Ok(1));
    // A wrong signature is not saved by a right secret.
    assert_eq!(call(&secrets, &signed), Err(CallbackError::Forbidden));
}

#[test]
fn who_signs_nothing_must_know_the_secret() {
    let basic = headers(&[("Authorization", "Basic dXNlcjphLWxvbmctc2VjcmV0")]);
    let wrong = headers(&[("Authorization", "Basic dXNlcjpvdGhlcg==")]);
    for kind in ["sinch", "infobip", "bandwidth", "aws", "generic"] {
        let provider = provider(kind);
        let verdict = |query, path_tail, headers| {
            let callback = Callback { query, path_tail, headers, ..with_secret(b"[]") };
            provider.callback("g", &callback, now()) != Err(CallbackError::Forbidden)
        };
        assert!(verdict("secret=a-long-secret", "", &[]), "{kind}");
        assert!(verdict("", "a-long-secret/m-7-2-1", &[]), "{kind}");
        assert!(verdict("", "", basic.as_slice()), "{kind}");
        assert!(!verdict("", "", &[]), "{kind}");
        assert!(!verdict("secret=", "", &[]), "{kind}");
        assert!(!verdict("secret=a-long-secre", "a-long", &[]), "{kind}");
        assert!(!verdict("", "", wrong.as_slice()), "{kind}");
    }
}
