//! A carrier that answers a submit too late, played by hand.

use crate::binds::{DELIVER, RESPONSE, bound, read, send};
use crate::gateways::workspace;
use crate::live::{Live, until};
use serde_json::{Value as Json, json};
use std::net::TcpListener;

const SUBMIT: u32 = 0x04;
const JOURNEY: &str = "\
journey: ordered
purpose: transactional
entry: {event: ordered}
steps:
  thanks: {send: {sms: \"Thanks.\"}}
";
/// The receipt of the message that the carrier calls 77.
const RECEIPT: &[u8] =
    b"\0\x01\x0112125550123\0\x01\x0160777\0\x04\0\0\0\0\0\0\0\0\x18id:77 stat:DELIVRD err:0";

fn message(live: &Live) -> Json {
    let page = live.get("/api/v1/workspaces/cafe/journeys/ordered/messages").expect(200);
    page["items"][0].clone()
}

#[test]
fn an_answer_that_comes_after_its_time_names_the_message_for_its_receipt() {
    let carrier = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = carrier.local_addr().expect("its address").port();
    let live = Live::start();
    let gateway = json!({
        "kind": "smpp",
        "settings": {
            "host": "127.0.0.1", "port": port, "system_id": "wayline", "response_seconds": 1,
        },
        "secrets": { "password": "secret" },
    });
    live.request("PUT", "/api/v1/gateways/main", &live.operator, &gateway).expect(200);
    let mut stream = bound(&carrier);
    let mut files = workspace("cafe");
    files.insert("journeys/ordered.yaml".to_owned(), JOURNEY.to_owned());
    live.apply_files("cafe", &files);
    let key = live.key("cafe", &["write"]);
    let person = json!({ "userId": "u-1", "traits": { "phone": "+12125550123" } });
    live.request("POST", "/v1/identify", &key, &person).expect(200);
    let ordered = json!({ "userId": "u-1", "event": "ordered" });
    live.request("POST", "/v1/track", &key, &ordered).expect(200);

    let (command, sequence) = read(&mut stream);
    assert_eq!(command, SUBMIT);
    let state = |wanted: &str| until(wanted, || (message(&live)["state"] == wanted).then_some(()));
    state("unknown");
    send(&mut stream, SUBMIT | RESPONSE, 0, sequence, b"77\0");
    state("submitted");
    send(&mut stream, DELIVER, 0, 1, RECEIPT);
    assert_eq!(read(&mut stream), (DELIVER | RESPONSE, 1));
    state("delivered");
}
