//! Connections to carriers over SMPP: what an operator is told of one that ended, and how they end with the program.

use crate::live::{Live, PATIENCE, until};
use serde_json::{Value as Json, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

const BIND_TRANSCEIVER: u32 = 0x09;
pub(crate) const DELIVER: u32 = 0x05;
const UNBIND: u32 = 0x06;
const ENQUIRE_LINK: u32 = 0x15;
pub(crate) const RESPONSE: u32 = 0x8000_0000;
const ESME_RBINDFAIL: u32 = 0x0D;

/// A carrier that a test plays by hand, and a program that binds to it.
fn bound_to_a_carrier() -> (Live, TcpListener) {
    let carrier = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = carrier.local_addr().expect("its address").port();
    let live = Live::start();
    let gateway = json!({
        "kind": "smpp",
        "settings": { "host": "127.0.0.1", "port": port, "system_id": "wayline" },
        "secrets": { "password": "secret" },
    });
    live.request("PUT", "/api/v1/gateways/main", &live.operator, &gateway).expect(200);
    (live, carrier)
}

fn accepted(carrier: &TcpListener) -> TcpStream {
    let (stream, _) = carrier.accept().expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// Reads one PDU: command and sequence.
pub(crate) fn read(stream: &mut TcpStream) -> (u32, u32) {
    let mut head = [0; 16];
    stream.read_exact(&mut head).expect("a PDU");
    let [length, command, _, sequence] =
        [0, 4, 8, 12].map(|at| u32::from_be_bytes(head[at..at + 4].try_into().expect("4 bytes")));
    let mut body = vec![0; length as usize - 16];
    stream.read_exact(&mut body).expect("its body");
    (command, sequence)
}

fn pdu(command: u32, status: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + body.len()).expect("short");
    let head = [length, command, status, sequence].map(u32::to_be_bytes).concat();
    [&head, body].concat()
}

pub(crate) fn send(stream: &mut TcpStream, command: u32, status: u32, sequence: u32, body: &[u8]) {
    stream.write_all(&pdu(command, status, sequence, body)).expect("write");
}

pub(crate) fn bound(carrier: &TcpListener) -> TcpStream {
    let mut stream = accepted(carrier);
    let (command, sequence) = read(&mut stream);
    assert_eq!(command, BIND_TRANSCEIVER);
    send(&mut stream, command | RESPONSE, 0, sequence, b"carrier\0");
    stream
}

fn connection(live: &Live) -> Json {
    let gateway = live.request("GET", "/api/v1/gateways/main", &live.operator, &Json::Null);
    gateway.expect(200)["status"]["connection"].clone()
}

#[test]
fn a_refused_bind_is_told_with_its_reason() {
    let (live, carrier) = bound_to_a_carrier();
    let mut stream = accepted(&carrier);
    let (command, sequence) = read(&mut stream);
    send(&mut stream, command | RESPONSE, ESME_RBINDFAIL, sequence, b"");
    let told =
        until("it is told", || connection(&live)["last_problem"].as_str().map(str::to_owned));
    assert!(told.contains("refuses the bind: 0x0000000d ESME_RBINDFAIL"), "{told}");
}

#[test]
fn a_bind_that_the_carrier_ends_is_told_with_its_reason() {
    let (live, carrier) = bound_to_a_carrier();
    let mut stream = bound(&carrier);
    send(&mut stream, UNBIND, 0, 1, b"");
    let told =
        until("it is told", || connection(&live)["last_problem"].as_str().map(str::to_owned));
    assert_eq!(told, "the carrier ended the bind");
}

#[test]
fn a_stop_waits_for_the_answer_to_the_unbind() {
    let (mut live, carrier) = bound_to_a_carrier();
    let mut stream = bound(&carrier);
    until("it is bound", || (connection(&live)["connections_up"] == 1).then_some(()));
    let played = std::thread::spawn(move || {
        let (unbind, sequence) = read(&mut stream);
        assert_eq!(unbind, UNBIND);
        // Whoever does not wait is gone by now.
        send(&mut stream, ENQUIRE_LINK, 0, 1, b"");
        assert_eq!(read(&mut stream), (ENQUIRE_LINK | RESPONSE, 1));
        send(&mut stream, unbind | RESPONSE, 0, sequence, b"");
        assert_eq!(stream.read(&mut [0; 1]).expect("an end in order"), 0);
    });
    live.stop();
    played.join().expect("the carrier is asked, answers and is left in order");
}

/// A text of a person to our number.
const TEXT: &[u8] = b"\0\x01\x0112125550123\0\x01\x0160777\0\0\0\0\0\0\0\0\0\0\x03hey";

#[test]
fn a_text_that_comes_again_on_each_connection_is_taken_once() {
    let (live, carrier) = bound_to_a_carrier();
    live.apply_files("cafe", &crate::gateways::workspace("cafe"));
    for connection in 1..=2 {
        let mut stream = bound(&carrier);
        // It goes before it can be told that the text is taken.
        let both = [pdu(DELIVER, 0, connection, TEXT), pdu(UNBIND, 0, 10, b"")].concat();
        stream.write_all(&both).expect("write");
        while read(&mut stream) != (UNBIND | RESPONSE, 10) {}
    }
    let mut stream = bound(&carrier);
    send(&mut stream, DELIVER, 0, 3, TEXT);
    assert_eq!(read(&mut stream), (DELIVER | RESPONSE, 3));
    assert_eq!(texts_of_the_person(&live), 1);
    // The same words once more, on the same connection: the person has said them again.
    send(&mut stream, DELIVER, 0, 4, TEXT);
    assert_eq!(read(&mut stream), (DELIVER | RESPONSE, 4));
    assert_eq!(texts_of_the_person(&live), 2);
}

fn texts_of_the_person(live: &Live) -> usize {
    let contacts = live.get("/api/v1/workspaces/cafe/contacts").expect(200);
    let id = contacts["items"][0]["id"].as_u64().expect("a contact");
    let timeline = live.get(&format!("/api/v1/workspaces/cafe/contacts/{id}/timeline")).expect(200);
    let items = timeline["items"].as_array().expect("items").clone();
    items.iter().filter(|item| item["input"]["kind"] == "inbound").count()
}

/// The second and the first part of one text.
const SECOND: &[u8] =
    b"\0\x01\x0112125550123\0\x01\x0160777\0\x40\0\0\0\0\0\0\0\0\x09\x05\0\x03\x07\x02\x02yes";
const FIRST: &[u8] =
    b"\0\x01\x0112125550123\0\x01\x0160777\0\x40\0\0\0\0\0\0\0\0\x09\x05\0\x03\x07\x02\x01oh ";
/// A text of a person to a number that no workspace has.
const NOBODYS: &[u8] = b"\0\x01\x0112125550123\0\x01\x0160778\0\0\0\0\0\0\0\0\0\0\x04STOP";

#[test]
fn what_was_taken_when_the_program_died_is_neither_lost_nor_taken_twice() {
    let (mut live, carrier) = bound_to_a_carrier();
    live.apply_files("cafe", &crate::gateways::workspace("cafe"));
    let mut stream = bound(&carrier);
    send(&mut stream, DELIVER, 0, 1, SECOND);
    assert_eq!(read(&mut stream), (DELIVER | RESPONSE, 1), "it waits for no other part");
    // It goes before it can be told that the text is taken.
    let both = [pdu(DELIVER, 0, 2, TEXT), pdu(UNBIND, 0, 10, b"")].concat();
    stream.write_all(&both).expect("write");
    while read(&mut stream) != (UNBIND | RESPONSE, 10) {}
    until("it is taken", || (people(&live) == 1 && texts_of_the_person(&live) == 1).then_some(()));
    live.kill();
    drop(stream);
    // It may have connected once more before it died.
    carrier.set_nonblocking(true).expect("a setting");
    while carrier.accept().is_ok() {}
    carrier.set_nonblocking(false).expect("a setting");
    live.run();
    let mut stream = bound(&carrier);
    send(&mut stream, DELIVER, 0, 1, TEXT);
    assert_eq!(read(&mut stream), (DELIVER | RESPONSE, 1));
    assert_eq!(texts_of_the_person(&live), 1, "it is the one from before");
    send(&mut stream, DELIVER, 0, 2, FIRST);
    assert_eq!(read(&mut stream), (DELIVER | RESPONSE, 2));
    assert_eq!(texts_of_the_person(&live), 2);
    let timeline = live.get("/api/v1/workspaces/cafe/contacts/1/timeline").expect(200);
    assert!(timeline.to_string().contains("oh yes"), "{timeline}");
}

fn people(live: &Live) -> usize {
    let contacts = live.get("/api/v1/workspaces/cafe/contacts").expect(200);
    contacts["items"].as_array().expect("items").len()
}

#[test]
fn a_text_that_belongs_to_nobody_is_listed_for_the_operator() {
    let (live, carrier) = bound_to_a_carrier();
    live.apply_files("cafe", &crate::gateways::workspace("cafe"));
    let none = crate::cli_apply::with(&live, ["gateways", "unclaimed", "main"]);
    assert!(none.out.contains("belongs to somebody"), "{}{}", none.out, none.err);
    let mut stream = bound(&carrier);
    for sequence in 1..=2 {
        send(&mut stream, DELIVER, 0, sequence, NOBODYS);
        assert_eq!(read(&mut stream), (DELIVER | RESPONSE, sequence));
    }
    let get = |path: &str| live.request("GET", path, &live.operator, &Json::Null);
    let path = "/api/v1/gateways/main/unclaimed";
    let first = get(&format!("{path}?limit=1")).expect(200);
    let text = &first["items"][0];
    assert_eq!((&text["from"], &text["to"]), (&json!("+12125550123"), &json!("60778")));
    assert_eq!((&text["text"], &text["media"]), (&json!("STOP"), &json!([])));
    let next = first["next"].as_str().expect("there is another");
    let second = get(&format!("{path}?limit=1&after={next}")).expect(200);
    assert_ne!(second["items"][0]["id"], text["id"]);
    get(&format!("{path}?after=x")).expect(422);
    assert_eq!(get("/api/v1/gateways/main").expect(200)["status"]["unclaimed"], 2);
    assert_eq!(people(&live), 0);
    let list = crate::cli_apply::with(&live, ["gateways", "unclaimed", "main"]);
    assert!(list.lines()[1].ends_with("60778  STOP"), "{}", list.out);
    assert!(live.log().contains("belongs to no workspace"), "{}", live.log());
}
