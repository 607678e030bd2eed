//! What answers to a submit mean.

use super::*;
use wayline_core::time::Span;

fn accepted(kind: &str, status: u16, body: &str) -> String {
    match provider(kind).answer(&answer(status, body.as_bytes())) {
        SubmitOutcome::Accepted { gateway_ref } => gateway_ref,
        other => panic!("{kind}: {other:?}"),
    }
}

fn rejected(kind: &str, status: u16, body: &str) -> CarrierError {
    match provider(kind).answer(&answer(status, body.as_bytes())) {
        SubmitOutcome::Rejected { error, .. } => error,
        other => panic!("{kind} {status}: {other:?}"),
    }
}

#[test]
fn a_taken_message_has_the_provider_s_id() {
    let cases = [
        (
            "twilio",
            201,
            r#"{"account_sid":"AC123","sid":"SM1","status":"queued","error_code":null,"error_message":null}"#,
            "SM1",
        ),
        (
            "telnyx",
            200,
            r#"{"data":{"record_type":"message","id":"40385f64","to":[{"phone_number":"+14155550199","status":"queued"}],"errors":[]}}"#,
            "40385f64",
        ),
        (
            "vonage",
            200,
            r#"{"message-count":"1","messages":[{"to":"14155550199","message-id":"0C000000217B7F02","status":"0","remaining-balance":"15.5","network":"23410"}]}"#,
            "0C000000217B7F02",
        ),
        // Two parts, one taken: it may arrive.
        (
            "vonage",
            200,
            r#"{"message-count":"2","messages":[{"status":"5","error-text":"x"},{"message-id":"0D","status":"0"}]}"#,
            "0D",
        ),
        (
            "plivo",
            202,
            r#"{"api_id":"b91b8736","message":"message(s) queued","message_uuid":["138ee55f"]}"#,
            "138ee55f",
        ),
        (
            "sinch",
            201,
            r#"{"id":"01FC66621","to":["14155550199"],"from":"14155550100","canceled":false,"body":"Hi"}"#,
            "01FC66621",
        ),
        (
            "infobip",
            200,
            r#"{"bulkId":"b","messages":[{"messageId":"m-7-2-1","status":{"groupId":1,"groupName":"PENDING","id":26,"name":"PENDING_ACCEPTED","description":"accepted"},"destination":"14155550199"}]}"#,
            "m-7-2-1",
        ),
        (
            "bandwidth",
            202,
            r#"{"id":"14762070468292kw2fuqty55yp2b2","time":"2016-09-14T18:20:16Z","to":["+14155550199"],"tag":"m-7-2-1"}"#,
            "14762070468292kw2fuqty55yp2b2",
        ),
        (
            "messagebird",
            201,
            r#"{"id":"e8077d80","recipients":{"totalCount":1,"items":[{"recipient":14155550199,"status":"sent"}]}}"#,
            "e8077d80",
        ),
        ("aws", 200, r#"{"MessageId":"862a8790"}"#, "862a8790"),
        ("generic", 200, r#"{"result":"ok","messages":[{"id":42}]}"#, "42"),
    ];
    for (kind, status, body, id) in cases {
        assert_eq!(accepted(kind, status, body), id, "{kind}");
    }
}

#[test]
fn a_yes_with_a_no_inside_is_a_no() {
    let cases = [
        (
            "twilio",
            201,
            r#"{"sid":"SM1","status":"failed","error_code":30007,"error_message":"filtered"}"#,
            ErrorClass::StopRoute,
            "30007",
        ),
        (
            "telnyx",
            200,
            r#"{"data":{"id":"4","to":[],"errors":[{"code":"40012","title":"Invalid destination","detail":"no"}]}}"#,
            ErrorClass::Suppress,
            "40012",
        ),
        (
            "vonage",
            200,
            r#"{"message-count":"1","messages":[{"status":"1","error-text":"Throughput Rate Exceeded"}]}"#,
            ErrorClass::Throttle,
            "1",
        ),
        (
            "vonage",
            200,
            r#"{"message-count":"1","messages":[{"status":"4","error-text":"Bad Credentials"}]}"#,
            ErrorClass::StopRoute,
            "4",
        ),
        (
            "infobip",
            200,
            r#"{"messages":[{"messageId":"x","status":{"groupId":5,"groupName":"REJECTED","id":12,"name":"REJECTED_NOT_ENOUGH_CREDITS","description":"Not enough credits"}}]}"#,
            ErrorClass::StopRoute,
            "REJECTED_NOT_ENOUGH_CREDITS",
        ),
        ("plivo", 202, r#"{"api_id":"a","error":"no"}"#, ErrorClass::BadRequest, ""),
        (
            "messagebird",
            200,
            r#"{"errors":[{"code":25,"description":"Not enough balance","parameter":null}]}"#,
            ErrorClass::StopRoute,
            "api-25",
        ),
        ("generic", 200, r#"{"result":"failed","code":"E7"}"#, ErrorClass::BadRequest, "E7"),
    ];
    for (kind, status, body, class, code) in cases {
        let error = rejected(kind, status, body);
        assert_eq!((error.class, error.code.as_str()), (class, code), "{kind}");
    }
}

/// Refusals as documented, and their classes.
const REFUSALS: &[(&str, u16, &str, ErrorClass)] = &[
    (
        "twilio",
        400,
        r#"{"code":21610,"message":"Attempt to send to unsubscribed recipient","more_info":"https://www.twilio.com/docs/errors/21610","status":400}"#,
        ErrorClass::Suppress,
    ),
    (
        "twilio",
        400,
        r#"{"code":21211,"message":"Invalid 'To' Phone Number","status":400}"#,
        ErrorClass::BadRequest,
    ),
    (
        "twilio",
        429,
        r#"{"code":20429,"message":"Too Many Requests","status":429}"#,
        ErrorClass::Throttle,
    ),
    (
        "twilio",
        401,
        r#"{"code":20003,"message":"Authenticate","status":401}"#,
        ErrorClass::StopRoute,
    ),
    ("twilio", 400, r#"{"code":21611,"message":"queue","status":400}"#, ErrorClass::Retry),
    ("twilio", 400, r#"{"code":30023,"message":"daily cap","status":400}"#, ErrorClass::NextDay),
    ("twilio", 400, r#"{"code":30008,"message":"unknown","status":400}"#, ErrorClass::RetryOnce),
    // An opt-out comes with 403 here, which is not about the secrets.
    (
        "telnyx",
        403,
        r#"{"errors":[{"code":"40300","title":"Blocked due to STOP message","detail":"existing block rule"}]}"#,
        ErrorClass::Suppress,
    ),
    (
        "telnyx",
        401,
        r#"{"errors":[{"code":"10009","title":"Authentication failed"}]}"#,
        ErrorClass::StopRoute,
    ),
    (
        "telnyx",
        422,
        r#"{"errors":[{"code":"40310","title":"Invalid 'to'"}]}"#,
        ErrorClass::BadRequest,
    ),
    (
        "telnyx",
        429,
        r#"{"errors":[{"code":"40016","title":"T-Mobile limit"}]}"#,
        ErrorClass::NextDay,
    ),
    (
        "vonage",
        401,
        r#"{"error-code":"401","error-code-label":"authentication failed"}"#,
        ErrorClass::StopRoute,
    ),
    ("plivo", 400, r#"{"api_id":"a","error":"dst parameter not present"}"#, ErrorClass::BadRequest),
    ("plivo", 401, "Could not verify your access level for that URL.", ErrorClass::StopRoute),
    ("sinch", 403, r#"{"code":"forbidden","text":"no"}"#, ErrorClass::StopRoute),
    (
        "sinch",
        400,
        r#"{"code":"syntax_invalid_parameter_format","text":"The format of field 'to' is invalid."}"#,
        ErrorClass::BadRequest,
    ),
    (
        "infobip",
        401,
        r#"{"requestError":{"serviceException":{"messageId":"UNAUTHORIZED","text":"Invalid login details"}}}"#,
        ErrorClass::StopRoute,
    ),
    (
        "infobip",
        400,
        r#"{"errorCode":"E400","description":"Request cannot be processed.","action":"Check the syntax"}"#,
        ErrorClass::BadRequest,
    ),
    (
        "bandwidth",
        400,
        r#"{"type":"request-validation","description":"no","fieldErrors":[{"fieldName":"from","description":"'+1invalid' must be valid"}]}"#,
        ErrorClass::BadRequest,
    ),
    (
        "bandwidth",
        401,
        r#"{"type":"unauthorized","description":"Authentication Failed"}"#,
        ErrorClass::StopRoute,
    ),
    (
        "messagebird",
        422,
        r#"{"errors":[{"code":9,"description":"no (correct) recipients found","parameter":"recipients"}]}"#,
        ErrorClass::BadRequest,
    ),
    (
        "messagebird",
        401,
        r#"{"errors":[{"code":2,"description":"incorrect access_key","parameter":"access_key"}]}"#,
        ErrorClass::StopRoute,
    ),
    (
        "aws",
        400,
        r#"{"__type":"com.amazonaws.pinpointsmsvoicev2#ConflictException","Message":"opted out","Reason":"DESTINATION_PHONE_NUMBER_OPTED_OUT"}"#,
        ErrorClass::Suppress,
    ),
    (
        "aws",
        400,
        r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#,
        ErrorClass::Throttle,
    ),
    (
        "aws",
        400,
        r#"{"__type":"UnrecognizedClientException","message":"The security token is invalid"}"#,
        ErrorClass::StopRoute,
    ),
    ("generic", 400, r#"{"code":"E1","message":"no"}"#, ErrorClass::BadRequest),
];

#[test]
fn refusals_have_the_class_of_their_code() {
    for &(kind, status, body, class) in REFUSALS {
        let error = rejected(kind, status, body);
        assert_eq!(error.class, class, "{kind} {status} {error:?}");
        assert!(!error.text.is_empty(), "{kind} {status}");
    }
}

#[test]
fn the_status_decides_where_the_body_says_nothing() {
    for provider in providers() {
        for body in [&b""[..], b"<html>", b"{}", b"[]", b"null", b"{\"a\":", "\u{fffd}".as_bytes()]
        {
            let class = |status: u16| match provider.answer(&answer(status, body)) {
                SubmitOutcome::Rejected { error, .. } => Some(error.class),
                SubmitOutcome::Unknown => None,
                other => panic!("{other:?}"),
            };
            let kind = provider.kind().name;
            // The last three may follow a message that was taken.
            for status in [200, 201, 202, 204, 100, 500, 502, 503, 504, 599, 302, 303, 408] {
                assert_eq!(class(status), None, "{kind} {status} {body:?}");
            }
            for status in [301, 307, 308, 401, 402, 403, 404] {
                assert_eq!(class(status), Some(ErrorClass::StopRoute), "{kind} {status}");
            }
            assert_eq!(class(429), Some(ErrorClass::Throttle), "{kind}");
            assert_eq!(class(422), Some(ErrorClass::BadRequest), "{kind}");
        }
    }
}

#[test]
fn a_pause_that_is_asked_for_is_kept() {
    let header = |value: &str| [("Retry-After".to_owned(), value.to_owned())];
    let cases = [
        (429, "7", ErrorClass::Throttle, Some(Span::seconds(7))),
        (503, "120", ErrorClass::Retry, Some(Span::seconds(120))),
        (429, "99999999999", ErrorClass::Throttle, Some(Span::days(1))),
        (429, "Wed, 21 Oct 2026 07:28:00 GMT", ErrorClass::Throttle, None),
        (429, "-5", ErrorClass::Throttle, None),
    ];
    for (status, value, class, pause) in cases {
        let headers = header(value);
        let answer = Answer { status, headers: &headers, body: b"" };
        match provider("twilio").answer(&answer) {
            SubmitOutcome::Rejected { error, retry_after } => {
                assert_eq!((error.class, retry_after), (class, pause), "{status} {value}");
            }
            other => panic!("{other:?}"),
        }
    }
    // A date cannot be read here, so 503 with one stays unknown.
    let headers = header("Wed, 21 Oct 2026 07:28:00 GMT");
    let answer = Answer { status: 503, headers: &headers, body: b"" };
    assert_eq!(provider("twilio").answer(&answer), SubmitOutcome::Unknown);
}

#[test]
fn a_redirect_is_refused_even_if_it_says_taken() {
    let outcome = provider("twilio").answer(&answer(307, br#"{"sid":"SM1","code":21610}"#));
    let SubmitOutcome::Rejected { error, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.class, ErrorClass::StopRoute);
    assert!(error.text.contains("redirect"), "{}", error.text);
}

#[test]
fn long_answers_are_read_and_shortened() {
    let body = format!(r#"{{"code":30007,"message":"{}"}}"#, "€\\u0007".repeat(10_000));
    let error = rejected("twilio", 400, &body);
    assert_eq!(error.class, ErrorClass::StopRoute);
    assert_eq!(error.text, "€".repeat(300));
    let body = format!(r#"{{"sid":"SM1","status":"queued","padding":"{}"}}"#, "x".repeat(50_000));
    assert_eq!(accepted("twilio", 201, &body), "SM1");
}

#[test]
fn a_gateway_may_see_a_code_in_its_own_way() {
    let (settings, secrets) = inputs("twilio");
    let classes = BTreeMap::from([("30007".to_owned(), ErrorClass::Retry)]);
    let provider = HttpProvider::new("twilio", settings, &secrets, classes).expect("right");
    let outcome = provider.answer(&answer(400, br#"{"code":30007,"message":"filtered"}"#));
    let SubmitOutcome::Rejected { error, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.class, ErrorClass::Retry);
}

#[test]
fn a_check_says_whether_the_secrets_are_right() {
    for provider in providers() {
        let kind = provider.kind().name;
        assert!(provider.check_answer(&answer(200, b"{}")).is_ok(), "{kind}");
        let error = provider.check_answer(&answer(401, b"")).expect_err("wrong secrets");
        assert_eq!(error.class, ErrorClass::StopRoute, "{kind}");
        let error = provider.check_answer(&answer(500, b"")).expect_err("not now");
        assert_eq!(error.class, ErrorClass::Retry, "{kind}");
        assert!(provider.check_answer(&answer(302, b"")).is_err(), "{kind}");
    }
    let suspended = answer(200, br#"{"sid":"AC123","status":"suspended"}"#);
    assert!(provider("twilio").check_answer(&suspended).is_err());
}
