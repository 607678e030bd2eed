//! Whatever a stranger sends, nothing panics, and nothing is taken for a yes that is none.

use super::*;
use proptest::prelude::*;

/// Bytes that look like something now and then.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let shaped = prop_oneof![
        Just("{\"data\":{\"payload\":{\"id\":1,\"to\":{}}}}".to_owned()),
        Just("[[[[{\"type\":\"message-failed\",\"errorCode\":[]}]]]]".to_owned()),
        Just("{\"messages\":[{\"status\":null}]}".to_owned()),
        Just("{\"results\":[{\"status\":{\"groupName\":1}}]}".to_owned()),
        Just("{\"Type\":\"Notification\",\"Message\":\"{\"}".to_owned()),
        Just("{\"events\":{}}".to_owned()),
        "[{}\\[\\]\":,a-z0-9&=%+€]{0,200}",
        "(MessageSid|From|To|id|sig|status)=(%[0-9A-F]{0,2}|[a-z+€]){0,9}&{0,2}",
    ];
    prop_oneof![shaped.prop_map(String::into_bytes), prop::collection::vec(any::<u8>(), 0..300)]
}

proptest! {
    #[test]
    fn answers(status in 0_u16..1_000, body in bytes(), pause in "[ -~]{0,12}") {
        let headers = [("retry-after".to_owned(), pause)];
        for provider in providers() {
            let answer = Answer { status, headers: &headers, body: &body };
            let outcome = provider.answer(&answer);
            if !(200..300).contains(&status) {
                let is_taken = matches!(outcome, SubmitOutcome::Accepted { .. });
                prop_assert!(!is_taken, "{} {status}", provider.kind().name);
            }
            let _ = provider.check_answer(&answer);
        }
    }

    #[test]
    fn callbacks(body in bytes(), query in "[ -~€]{0,60}", tail in "[a-z0-9/%-]{0,30}", value in "[ -~]{0,80}") {
        let names = ["x-twilio-signature", "telnyx-signature-ed25519", "telnyx-timestamp",
            "x-plivo-signature-v2", "x-plivo-signature-v3", "messagebird-signature-jwt", "authorization"];
        let headers: Vec<(String, String)> =
            names.iter().map(|name| ((*name).to_owned(), value.clone())).collect();
        for provider in providers() {
            let stranger = Callback { method: "POST", url: &query, path_tail: &tail, query: &query, headers: &headers, body: &body };
            let verdict = provider.callback("g", &stranger, now());
            prop_assert_eq!(verdict, Err(CallbackError::Forbidden));
            // With the secret the body is read, for those who have only that.
            let _ = provider.callback("g", &with_secret(&body), now());
        }
    }

    #[test]
    fn instants(text in "[0-9T:. +Zé-]{0,40}") {
        let _ = read::instant(&text, now());
    }

    #[test]
    fn texts(text in any::<String>(), from in any::<String>()) {
        for provider in providers() {
            let message = message(&text);
            let out = Outgoing {
                message: &message,
                from: &from,
                sender_kind: SenderKind::LongCode,
                callback_url: Some("https://wayline.example/hooks/g/m-7-2-1"),
                validity: Some(Duration::MAX),
                now: now(),
            };
            let request = provider.request(&out);
            let request = request.map_err(|error| TestCaseError::fail(error.line()))?;
            let is_clean = |(name, value): &(String, String)| !format!("{name}{value}").contains(['\r', '\n']);
            prop_assert!(request.headers.iter().all(is_clean));
            prop_assert!(request.url.is_ascii());
        }
    }
}

#[test]
fn deep_and_long_bodies() {
    let deep = "[".repeat(100_000);
    let long = format!("{{\"id\":\"{}\"}}", "x".repeat(50_000));
    for provider in providers() {
        for body in [deep.as_bytes(), long.as_bytes()] {
            let _ = provider.answer(&answer(400, body));
            let _ = provider.callback("g", &with_secret(body), now());
        }
        assert_eq!(provider.answer(&answer(200, deep.as_bytes())), SubmitOutcome::Unknown);
    }
}
