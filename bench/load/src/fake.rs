//! A server that takes everything and texts at once, for tests.

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Starts one; its address. It ends with the test's process. Every event of `refused` is refused.
pub(crate) fn start(refused: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let users = Arc::new(Mutex::new(Vec::new()));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let users = Arc::clone(&users);
            thread::spawn(move || serve(stream, &users, refused));
        }
    });
    address
}

fn serve(mut stream: TcpStream, users: &Mutex<Vec<String>>, refused: &str) {
    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
    loop {
        let (mut first, mut length) = (String::new(), 0);
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a head");
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim().parse().expect("a length");
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body");
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let path = first.split(' ').nth(1).expect("a path");
        let answer = answer(path, &body, users, refused).to_string();
        let length = answer.len();
        // In one piece: small ones wait for each other on the way.
        let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{answer}");
        stream.write_all(whole.as_bytes()).expect("sent");
    }
}

fn answer(path: &str, body: &Value, users: &Mutex<Vec<String>>, refused: &str) -> Value {
    let mut users = users.lock().expect("the users");
    if let Some((_, after)) = path.split_once("/messages?limit=1000") {
        let from: usize =
            after.strip_prefix("&after=").map_or(0, |it| it.parse().expect("a place"));
        let page: Vec<Value> = users[from..].iter().take(300).map(|user| {
            json!({ "contact": { "id": "1", "external_id": user }, "intended_at": "2099-12-31T23:59:59.990Z", "handed_out_at": "2100-01-01T00:00:00.000Z" })
        }).collect();
        let next = from + page.len();
        let next = if next < users.len() { json!(next.to_string()) } else { Value::Null };
        return json!({ "items": page, "next": next });
    }
    let one = [body.clone()];
    let messages = body["batch"].as_array().map_or(one.as_slice(), Vec::as_slice);
    let mut out = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        if message["event"] == refused {
            out.push(json!({ "index": index, "detail": "no" }));
        } else if message["event"] == "go" {
            users.push(message["userId"].as_str().expect("a user").to_owned());
        }
    }
    json!({ "success": true, "accepted": messages.len() - out.len(), "duplicates": 0, "refused": out })
}

mod tests {
    use crate::api::Api;
    use crate::batches;
    use crate::people::{Distribution, People};
    use crate::single::{self, Arrivals, Plan};
    use std::time::Duration;
    use wayline_core::time::Span;

    #[test]
    fn batches_are_counted_with_what_was_refused() {
        let address = super::start("purchase");
        let people = People::new(100, Distribution::Uniform, 0.9);
        let bodies: Vec<_> =
            batches::prepare("k", &people, 100, 1, 0).into_iter().take(20).collect();
        let out = batches::run(&address, &bodies, 3, Duration::from_secs(60)).expect("a run");
        assert_eq!((out.accepted + out.refused, out.failed, out.latencies.count()), (2_000, 0, 20));
        assert!((120..290).contains(&out.refused), "{}", out.refused);
        assert!(out.failure.is_some());
    }

    #[test]
    fn contacts_are_created_whole() {
        let api = Api::new(&super::start(""), "k");
        let out = batches::preload(&api, "k", 5, 1_111, 2).expect("a preload");
        assert_eq!((out.accepted, out.failed), (2 * 1_106, 0));
    }

    #[test]
    fn single_events_are_matched_to_their_texts() {
        let address = super::start("");
        let event = "go".to_owned();
        let (rate, time, arrivals) = (50_000.0, Duration::from_millis(10), Arrivals::Fixed);
        let plan = Plan { rate, time, connections: 4, arrivals, event, first: 7, seed: 1 };
        let sent = single::run(&address, "k", &plan);
        assert_eq!((sent.went.len(), sent.failed), (500, 0));
        let messages = Api::new(&address, "k").messages("load", "now", 500).expect("messages");
        let out = single::to_submit(&sent, &messages, Span::ZERO);
        assert_eq!((out.missing, out.from_intended.count()), (0, 500));
    }

    #[test]
    fn a_server_that_is_not_there_is_a_failure_in_words() {
        let api = Api::new("http://127.0.0.1:1/", "k");
        let error = api.messages("load", "now", 500).expect_err("nobody listens");
        assert!(error.to_string().contains("127.0.0.1:1; start the server"), "{error}");
    }
}
