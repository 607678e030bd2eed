//! Bad input against the running program: each gets a clear 4xx, nothing panics, memory stays bounded, and nobody
//! else notices.

use crate::live::{Answer, Live, PATIENCE, until};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

const WORKSPACE: &str = "workspace: acme\nname: Acme\nbrand: Acme\ncountry: US\n\
    time_zone: America/New_York\nconsent: single_opt_in\n\
    senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: sandbox}\n";

/// A server with a workspace, and a key that may write into it.
fn server() -> (Live, String) {
    let live = Live::start();
    let files = BTreeMap::from([("workspace.yaml".to_owned(), WORKSPACE.to_owned())]);
    live.apply_files("acme", &files);
    let key = live.key("acme", &["write"]);
    (live, key)
}

/// Sends bytes as they are and reads what comes back until the connection closes or the status is there.
fn raw(live: &Live, bytes: &[u8]) -> String {
    let mut stream = connect(live);
    // The server may answer and close before everything is sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn connect(live: &Live) -> TcpStream {
    let address = live.base_url().trim_start_matches("http://").to_owned();
    let stream = TcpStream::connect(address).expect("connect");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    stream
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

fn post(key: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\
         Content-Length: {}\r\n{headers}\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("pack");
    encoder.finish().expect("pack")
}

/// It still takes what is right, and remembers nothing of what was wrong.
fn still_works(live: &Live, key: &str) {
    live.request("GET", "/health/ready", "", &Json::Null).expect(200);
    let event = json!({"userId": "good", "event": "seen"});
    assert_eq!(live.request("POST", "/v1/track", key, &event).expect(200)["accepted"], 1);
    assert!(!live.log().contains("panicked"), "{}", live.log());
}

/// Resident memory of the program, in MiB.
fn resident_mib(live: &Live) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", live.id())).expect("its status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") / 1024
}

#[test]
fn large_packed_and_broken_bodies_are_refused() {
    let (live, key) = server();
    let ten_mb = vec![b'x'; 10 * 1024 * 1024];
    let bomb = gzip(&vec![b' '; 300 * 1024 * 1024]);
    assert!(bomb.len() < 1024 * 1024, "it passes as it is sent");
    let packed = gzip(br#"{"batch":[]}"#);
    let torn = &packed[..packed.len() - 6];
    let cases: [(&str, Vec<u8>, u16); 9] = [
        ("10 MB", post(&key, "", &ten_mb), 413),
        ("a bomb", post(&key, "Content-Encoding: gzip\r\n", &bomb), 413),
        ("torn gzip", post(&key, "Content-Encoding: gzip\r\n", torn), 400),
        ("no gzip", post(&key, "Content-Encoding: gzip\r\n", b"{\"batch\":[]}"), 400),
        ("brotli", post(&key, "Content-Encoding: br\r\n", b"x"), 415),
        ("no JSON", post(&key, "", b"{\"batch\":[}"), 400),
        ("no UTF-8", post(&key, "", b"{\"batch\":[\"\xff\xfe\"]}"), 400),
        ("no batch", post(&key, "", b"{}"), 422),
        ("twice the same", post(&key, "", b"{\"batch\":[],\"batch\":[]}"), 422),
    ];
    for (what, request, expected) in cases {
        let answer = raw(&live, &request);
        assert_eq!(status(&answer), expected, "{what}: {answer}");
        assert!(answer.contains("application/problem+json"), "{what}: {answer}");
    }
    // Chunks are counted as they come: no length is needed to see that it is too much.
    let mut chunked = format!(
        "POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for _ in 0..160 {
        chunked.extend_from_slice(b"10000\r\n");
        chunked.extend_from_slice(&[b' '; 65_536]);
        chunked.extend_from_slice(b"\r\n");
    }
    assert_eq!(status(&raw(&live, &chunked)), 413);
    let nested = format!("{{\"batch\":[{}{}]}}", "[".repeat(50_000), "]".repeat(50_000));
    assert!((400..500).contains(&status(&raw(&live, &post(&key, "", nested.as_bytes())))));
    assert!(resident_mib(&live) < 300, "{} MiB", resident_mib(&live));
    still_works(&live, &key);
}

#[test]
fn of_many_items_the_wrong_ones_are_named_and_the_others_kept() {
    let (live, key) = server();
    let mut batch: Vec<Json> = (0..300)
        .map(|i| json!({"type": "track", "userId": format!("u{i}"), "event": "seen", "messageId": format!("m{i}")}))
        .collect();
    batch[7] = json!({"type": "track", "userId": "u7"});
    batch[150] = json!("hello");
    batch[299] = json!({"type": "identify", "userId": "x".repeat(70_000)});
    let taken = live.request("POST", "/v1/batch", &key, &json!({"batch": batch})).expect(200);
    assert_eq!(taken["accepted"], 297);
    let wrong: Vec<u64> = taken["refused"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| it["index"].as_u64().expect("a place"))
        .collect();
    assert_eq!(wrong, [7, 150, 299], "{taken}");
    let again = live.request("POST", "/v1/batch", &key, &json!({"batch": batch})).expect(200);
    assert_eq!((&again["accepted"], &again["duplicates"]), (&json!(0), &json!(297)));
    let too_many: Vec<&Json> = std::iter::repeat_n(&batch[0], 1_001).collect();
    live.request("POST", "/v1/batch", &key, &json!({"batch": too_many})).expect(413);
    still_works(&live, &key);
}

#[test]
fn smuggled_headers_and_crooked_paths_lead_nowhere() {
    let (live, key) = server();
    let head = format!("Host: x\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n");
    let inner = "GET /api/v1/keys HTTP/1.1\r\nHost: x\r\n\r\n";
    let cases = [
        format!(
            "POST /v1/batch HTTP/1.1\r\n{head}Content-Length: 4\r\nContent-Length: 60\r\n\r\n{inner}"
        ),
        format!(
            "POST /v1/batch HTTP/1.1\r\n{head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{inner}"
        ),
        format!(
            "POST /v1/batch HTTP/1.1\r\n{head}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{inner}"
        ),
        format!("POST /v1/batch HTTP/1.1\r\n{head}Content-Length: -1\r\n\r\n"),
        format!("POST /v1/batch HTTP/1.1\r\n{head}Content-Length: 99999999999999999999\r\n\r\n"),
        format!("GET /v1/../api/v1/keys HTTP/1.1\r\n{head}\r\n"),
        format!("GET //api/v1/keys HTTP/1.1\r\n{head}\r\n"),
        format!("GET /api/v1/workspaces/..%2facme/keys HTTP/1.1\r\n{head}\r\n"),
        format!("GET /api/v1/workspaces/acme%00/keys HTTP/1.1\r\n{head}\r\n"),
        format!("GET /api/v1/workspaces/%ff%fe/keys HTTP/1.1\r\n{head}\r\n"),
        format!("GET /api/v1/workspaces/acme/keys\x01 HTTP/1.1\r\n{head}\r\n"),
        format!("GET / HTTP/9.9\r\n{head}\r\n"),
        format!("{}\r\n\r\n", "A".repeat(600_000)),
        format!("GET /health/live HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(600_000)),
        format!("GET /health/live HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(500)),
    ];
    for request in cases {
        let answer = raw(&live, request.as_bytes());
        let shown = &request[..request.len().min(120)];
        assert!((400..500).contains(&status(&answer)) || answer.is_empty(), "{shown}: {answer}");
        assert!(!answer.contains("\"items\""), "{shown}: {answer}");
    }
    still_works(&live, &key);
}

#[test]
fn invented_methods_leave_nothing_behind() {
    let (live, key) = server();
    let requests: String =
        (0..2_000).map(|i| format!("METHOD{i} /v1/track HTTP/1.1\r\nHost: x\r\n\r\n")).collect();
    let last = "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    raw(&live, format!("{requests}{last}").as_bytes());
    let metrics = live.get("/metrics").body;
    assert!(metrics.contains("method=\"other\""), "they are counted");
    assert!(!metrics.contains("METHOD"), "and not by name");
    still_works(&live, &key);
}

#[test]
fn a_key_in_the_body_is_as_good_as_in_the_head() {
    let (live, key) = server();
    let event = json!({"userId": "u", "event": "seen", "writeKey": key});
    live.request("POST", "/v1/track", "", &event).expect(200);
    let batch =
        json!({"writeKey": key, "batch": [{"type": "track", "userId": "u", "event": "seen"}]});
    live.request("POST", "/v1/batch", "", &batch).expect(200);
    for wrong in [json!({}), json!({"writeKey": 7}), json!({"writeKey": "wl_1_x"}), json!([])] {
        live.request("POST", "/v1/batch", "", &wrong).expect(401);
    }
    let read = live.key("acme", &["read"]);
    live.request("POST", "/v1/batch", "", &json!({"writeKey": read, "batch": []})).expect(403);
    still_works(&live, &key);
}

#[test]
fn keys_that_are_none_open_nothing() {
    let (live, key) = server();
    let (id, secret) = key.rsplit_once('_').expect("a key");
    let mut other = secret.to_owned();
    other.replace_range(0..1, if secret.starts_with('0') { "1" } else { "0" });
    for wrong in [
        String::new(),
        "x".to_owned(),
        id.to_owned(),
        format!("{id}_"),
        format!("{id}_{other}"),
        format!("{id}_{secret}0"),
        format!("wl_99999999999999999999_{secret}"),
        format!("wl_77_{secret}"),
        format!("WL_2_{secret}"),
    ] {
        let answer: Answer = live.request("POST", "/v1/track", &wrong, &json!({}));
        assert_eq!(answer.status, 401, "{wrong:?}: {}", answer.body);
        assert!(answer.headers.contains_key("www-authenticate"), "{wrong:?}");
        assert!(!answer.body.contains(secret), "a secret must not come back");
    }
    assert!(!live.log().contains(secret), "a secret must not be logged");
    still_works(&live, &key);
}

#[test]
fn silent_and_slow_connections_are_closed_and_stop_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("wayline.toml");
    std::fs::write(&config, "[http]\nheader_timeout_seconds = 1\nrequest_timeout_seconds = 1\n")
        .expect("write");
    let live = Live::start_with(&["--config", config.to_str().expect("a path")]);
    let files = BTreeMap::from([("workspace.yaml".to_owned(), WORKSPACE.to_owned())]);
    live.apply_files("acme", &files);
    let key = live.key("acme", &["write"]);
    // 1,000 that say nothing, and one that says half of its body.
    let silent: Vec<TcpStream> = (0..1_000).map(|_| connect(&live)).collect();
    let mut slow = connect(&live);
    let head = format!(
        "POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: 100\r\n\r\n{{\"ba"
    );
    slow.write_all(head.as_bytes()).expect("send");
    still_works(&live, &key);
    let mut answer = [0; 64];
    let read = slow.read(&mut answer).expect("an answer");
    assert!(answer[..read].starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
    for mut stream in silent {
        let mut end = Vec::new();
        let _ = stream.read_to_end(&mut end);
        assert!(end.is_empty() || end.starts_with(b"HTTP/1.1 408 "), "closed, with nothing to say");
    }
    still_works(&live, &key);
}

#[test]
fn many_event_names_and_changing_types_stay_bounded() {
    let (live, key) = server();
    let before = resident_mib(&live);
    let names = 40_000;
    for first in (0..names).step_by(1_000) {
        let batch: Vec<Json> = (first..first + 1_000)
            .map(|i| json!({"type": "track", "userId": format!("u{}", i % 50), "event": format!("event {i}"),
                "properties": {format!("p{i}"): i}}))
            .collect();
        live.request("POST", "/v1/batch", &key, &json!({"batch": batch})).expect(200);
    }
    let after = resident_mib(&live);
    assert!(after < before + 100, "{before} MiB before, {after} MiB after {names} names");
    // An attribute is whatever was said last.
    for value in
        [json!(7), json!("seven"), json!([7]), json!({"a": {"b": 7}}), json!(true), json!(null)]
    {
        let traits = json!({"userId": "u1", "traits": {"lucky": value}});
        live.request("POST", "/v1/identify", &key, &traits).expect(200);
    }
    let attributes: serde_json::Map<String, Json> =
        (0..5_000).map(|i| (format!("a{i}"), json!(i))).collect();
    let flood =
        live.request("POST", "/v1/identify", &key, &json!({"userId": "u1", "traits": attributes}));
    assert!(flood.status == 200 || (400..500).contains(&flood.status), "{}", flood.body);
    // What cannot be handled is a dead letter, not a loss.
    let read = live.key("acme", &["read"]);
    let contact = until("the contact is there", || {
        let path = "/api/v1/workspaces/acme/contacts?search=u1&field=external_id";
        let found = live.request("GET", path, &read, &Json::Null);
        (found.status == 200).then(|| found.json()["items"][0].clone()).filter(|it| !it.is_null())
    });
    assert_eq!(contact["external_id"], "u1");
    still_works(&live, &key);
}
