//! `wayline tail`: a line an event, again and again, until somebody has seen enough.

use crate::live::Live;
use crate::program::{repository, wayline};
use serde_json::json;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

const HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n: hello\n\n";

/// A server that says what a test wants.
struct Server(TcpListener);

impl Server {
    fn new() -> Server {
        Server(TcpListener::bind("127.0.0.1:0").expect("a port"))
    }

    fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().expect("its address"))
    }

    /// Takes a connection; gives it with its first line.
    fn accept(&self) -> (TcpStream, String) {
        let (mut stream, _) = self.0.accept().expect("a connection");
        let mut bytes = vec![0; 8_192];
        let count = stream.read(&mut bytes).expect("a request");
        let asked = String::from_utf8_lossy(&bytes[..count]).into_owned();
        stream.write_all(HEAD.as_bytes()).expect("answer");
        (stream, asked.lines().next().unwrap_or_default().to_owned())
    }
}

fn event(stream: &mut TcpStream, name: &str, data: &str) {
    let text = format!("event: {name}\ndata: {data}\n\n");
    stream.write_all(text.as_bytes()).expect("send an event");
}

struct Tail {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    err: Lines<BufReader<ChildStderr>>,
}

impl Tail {
    fn of(url: &str, key: &str, arguments: &[&str]) -> Tail {
        let mut child = wayline(["tail"].iter().chain(arguments))
            .env("WAYLINE_SERVER", url)
            .env("WAYLINE_KEY", key)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start wayline");
        let out = BufReader::new(child.stdout.take().expect("its output")).lines();
        let err = BufReader::new(child.stderr.take().expect("its errors")).lines();
        Tail { child, out, err }
    }

    fn says(&mut self) -> String {
        self.out.next().expect("another line").expect("a line")
    }

    fn tells(&mut self) -> String {
        self.err.next().expect("another line").expect("a line")
    }

    fn interrupted(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().expect("run kill").success());
        assert_eq!(self.child.wait().expect("it ends").code(), Some(0));
    }
}

#[test]
fn events_are_lines_and_a_lost_connection_comes_back() {
    let server = Server::new();
    let arguments =
        ["shop", "--journey", "winback", "--kinds", "decision,message", "--contact", "#7"];
    let mut tail = Tail::of(&server.url(), "wl_1_x", &arguments);
    let (mut stream, asked) = server.accept();
    assert_eq!(
        asked,
        "GET /api/v1/workspaces/shop/feed?journey=winback&contact=7&kinds=decision%2Cmessage HTTP/1.1"
    );
    assert_eq!(tail.tells(), format!("connected to {}", server.url()));
    let data = r#"{"contact":7,"external_id":"ann","decision":{"at":"2026-03-02T10:00:00Z","what":"sent","reason":"due","journey":"winback","step":"hello"}}"#;
    event(&mut stream, "decision", data);
    assert_eq!(
        tail.says(),
        "2026-03-02T10:00:00Z      decision  ann           sent (due)  winback/hello"
    );
    event(&mut stream, "missed", r#"{"count":12}"#);
    assert_eq!(tail.tells(), "12 events are missing here: they came faster than they were read");

    drop(stream);
    let lost = format!("the connection to {} is lost: it ended the stream", server.url());
    assert_eq!(tail.tells(), lost);
    assert!(tail.tells().contains("trying again in 0.5 s"));
    let (mut stream, _) = server.accept();
    assert!(tail.tells().starts_with("connected"));
    event(&mut stream, "message", r#"{"message":{"id":"m-9","state":"delivered"}}"#);
    assert!(tail.says().ends_with("delivered  id m-9"));
    tail.interrupted();
}

#[test]
fn raw_lines_are_what_the_server_sends_and_a_closed_pipe_ends_it() {
    let server = Server::new();
    let mut tail = Tail::of(&server.url(), "wl_1_x", &["shop", "--format", "json"]);
    let (mut stream, asked) = server.accept();
    assert_eq!(asked, "GET /api/v1/workspaces/shop/feed HTTP/1.1");
    event(&mut stream, "input", "{\"name\":\"order\"}");
    assert_eq!(tail.says(), "{\"name\":\"order\"}");
    drop(tail.out);
    stream.write_all(b": still here\n\n").expect("show that it lives");
    assert_eq!(tail.child.wait().expect("it ends").code(), Some(0));
    let told: Vec<_> = tail.err.map(|line| line.expect("a line")).collect();
    assert_eq!(told, [format!("connected to {}", server.url())]);
}

#[test]
fn a_real_server_is_watched_by_journey_and_by_person() {
    let live = Live::start();
    live.apply("juniper", &repository("examples/shop"));
    let key = live.key("juniper", &["write"]);
    let track = |id: &str, who: &str| {
        let order = json!({"userId": who, "event": "purchase", "messageId": id,
            "properties": {"order_id": id, "item": "beans"}});
        live.request("POST", "/v1/track", &key, &order).expect(200);
    };
    for who in ["ann", "bob"] {
        let profile = json!({"userId": who, "traits": {"phone": "+12125550123", "country": "US"}, "messageId": who});
        live.request("POST", "/v1/identify", &key, &profile).expect(200);
    }
    let arguments =
        ["juniper", "--journey", "order_thanks", "--contact", "ann", "--kinds", "decision"];
    let mut tail = Tail::of(&live.base_url(), &live.operator, &arguments);
    assert!(tail.tells().starts_with("connected"));
    track("o-1", "bob");
    track("o-2", "ann");
    let first = tail.says();
    let words: Vec<_> = first.split_whitespace().collect();
    assert_eq!((words[1], words[2], words[3]), ("decision", "ann", "entered"), "{first}");
    assert!(first.contains("  order_thanks"), "{first}");

    let mut inputs = Tail::of(&live.base_url(), &live.operator, &["juniper", "--kinds", "input"]);
    assert!(inputs.tells().starts_with("connected"));
    track("o-3", "bob");
    assert!(inputs.says().ends_with("input     bob           track purchase"));
    inputs.interrupted();
    tail.interrupted();

    let mut none = Tail::of(&live.base_url(), &live.operator, &["juniper", "--contact", "nobody"]);
    assert!(none.tells().contains("knows no contact nobody"));
    assert_eq!(none.child.wait().expect("it ends").code(), Some(1));
}
