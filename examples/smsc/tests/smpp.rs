//! The SMPP side as a client sees it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod client;

use client::*;
use std::time::Duration;
use tokio::time::timeout;
use wayline_smsc::{Carrier, Delay, IdForm, ReceiptForm, Settings, Share, State};

async fn until(carrier: &Carrier, wanted: impl Fn(&State) -> bool) -> State {
    timeout(GUARD, carrier.until(wanted)).await.expect("the state never came")
}

fn share(value: f64) -> Share {
    Share::try_from(value).unwrap()
}

#[tokio::test]
async fn binds_and_refuses() {
    let carrier = carrier(|set| set.binds_max = 1).await;
    let mut first = Client::bound(carrier.smpp_addr(), BIND_TRANSCEIVER).await;
    let again = first.bind(BIND_TRANSCEIVER, "wayline", "secret").await;
    assert_eq!(again.status, 0x05);
    for (system_id, password, status) in
        [("nobody", "secret", 0x0F), ("wayline", "wrong", 0x0E), ("wayline", "secret", 0x0D)]
    {
        let mut other = Client::connect(carrier.smpp_addr()).await;
        let answer = other.bind(BIND_TRANSMITTER, system_id, password).await;
        assert_eq!(
            (answer.id, answer.status, answer.body.len()),
            (BIND_TRANSMITTER | RESP, status, 0)
        );
    }
    first.ask(ENQUIRE_LINK, b"").await;
    assert_eq!(first.next().await.unwrap().id, ENQUIRE_LINK | RESP);
    first.ask(UNBIND, b"").await;
    assert_eq!(first.next().await.unwrap().id, UNBIND | RESP);
    assert_eq!(first.next().await, None);
    until(&carrier, |state| state.binds == 0).await;
    carrier.stop().await;
}

#[tokio::test]
async fn a_submit_is_answered_and_its_receipt_acknowledged() {
    let carrier = carrier(|_| {}).await;
    let mut client = Client::bound(carrier.smpp_addr(), BIND_TRANSCEIVER).await;
    let sequence = client.submit("491701234567", "Your table is ready").await;
    let answer = client.next().await.unwrap();
    assert_eq!((answer.id, answer.status, answer.sequence), (SUBMIT_SM | RESP, 0, sequence));
    assert_eq!(answer.text(), "1000000001");
    let receipt = client.next().await.unwrap();
    assert_eq!(receipt.id, DELIVER_SM);
    assert_eq!(receipt.short_message().0, 4);
    assert_eq!(receipt.addresses(), ("491701234567".to_owned(), "12345".to_owned()));
    let text = receipt.receipt();
    assert!(text.starts_with("id:1000000001 sub:001 dlvrd:001 submit date:"), "{text}");
    assert!(text.ends_with(" stat:DELIVRD err:000 text:Your table is ready"), "{text}");
    client.acknowledge(&receipt).await;
    let state = until(&carrier, |state| state.total.receipts_acknowledged == 1).await;
    assert_eq!((state.total.accepted, state.total.answered), (1, 1));
    assert_eq!(state.accounts["wayline"].binds[0].kind, "transceiver");

    let query = client.ask(QUERY_SM, b"1000000001\0\0\0\0").await;
    let answer = client.next().await.unwrap();
    assert_eq!((answer.sequence, answer.status), (query, 0));
    assert_eq!(answer.body, b"1000000001\0\0\x02\0");
}

#[tokio::test]
async fn a_submit_without_a_bind_or_on_a_receiver_is_refused() {
    let carrier = carrier(|_| {}).await;
    let mut client = Client::connect(carrier.smpp_addr()).await;
    client.submit("491701234567", "x").await;
    assert_eq!(client.next().await.unwrap().status, 0x04);
    client.bind(BIND_RECEIVER, "wayline", "secret").await;
    client.submit("491701234567", "x").await;
    assert_eq!(client.next().await.unwrap().status, 0x04);
}

#[tokio::test]
async fn ids_and_receipts_come_in_every_form() {
    let carrier = carrier(|_| {}).await;
    let mut client = Client::bound(carrier.smpp_addr(), BIND_TRANSCEIVER).await;
    let forms = [
        (IdForm::Decimal, "1000000001", "1000000001"),
        (IdForm::Hex, "3b9aca02", "3b9aca02"),
        (IdForm::DecimalThenHex, "1000000003", "3b9aca03"),
        (IdForm::HexThenDecimal, "3b9aca04", "1000000004"),
        (IdForm::LeadingZeros, "1000000005", "00000000001000000005"),
        (IdForm::UpperHex, "3b9aca06", "3B9ACA06"),
        (IdForm::PaddedHexThenDecimal, "3B9ACA07", "1000000007"),
    ];
    for (form, response, receipt) in forms {
        carrier.set(|set| set.id_form = form);
        client.submit("491701234567", "x").await;
        assert_eq!(client.next().await.unwrap().text(), response);
        let frame = client.next().await.unwrap();
        assert!(frame.receipt().starts_with(&format!("id:{receipt} sub")), "{frame:?}");
        client.acknowledge(&frame).await;
    }
    carrier.set(|set| {
        set.id_form = IdForm::Decimal;
        set.undelivered = Share::ALWAYS;
    });
    for form in
        [ReceiptForm::Missing, ReceiptForm::Reordered, ReceiptForm::Tlv, ReceiptForm::DataSm]
    {
        carrier.set(|set| set.receipt_form = form);
        client.submit("491701234567", "x").await;
        let id = client.next().await.unwrap().text();
        let frame = client.next().await.unwrap();
        let tlv = [b"\0\x1e\0\x0b", id.as_bytes(), b"\0\x04\x27\0\x01\x05\x04\x23\0\x03\x03\0\x1b"]
            .concat();
        match form {
            ReceiptForm::Missing => assert_eq!(frame.receipt(), format!("id:{id} stat:UNDELIV")),
            ReceiptForm::Reordered => {
                assert!(frame.receipt().starts_with("STAT:UNDELIV ERR:027 DLVRD:000 "));
                assert!(frame.receipt().ends_with(&format!(" ID:{id}")));
            }
            ReceiptForm::Tlv => {
                assert_eq!((frame.id, frame.receipt().as_str()), (DELIVER_SM, ""));
                assert!(frame.body.ends_with(&tlv), "{frame:?}");
            }
            _ => {
                assert_eq!(frame.id, DATA_SM);
                assert!(frame.body.ends_with(&tlv), "{frame:?}");
            }
        }
        client.acknowledge(&frame).await;
    }
    until(&carrier, |state| state.total.receipts_acknowledged == 11).await;
}

#[tokio::test]
async fn a_receipt_may_come_first_and_twice() {
    let carrier = carrier(|set| {
        set.receipt_before_response = Share::ALWAYS;
        set.duplicate_receipts = Share::ALWAYS;
        set.latency_ms = Delay::between(5, 10);
    })
    .await;
    let mut client = Client::bound(carrier.smpp_addr(), BIND_TRANSCEIVER).await;
    client.submit("491701234567", "x").await;
    let frames = [client.next().await, client.next().await, client.next().await];
    let ids: Vec<u32> = frames.iter().flatten().map(|frame| frame.id).collect();
    assert_eq!(ids, [DELIVER_SM, DELIVER_SM, SUBMIT_SM | RESP]);
}

#[tokio::test]
async fn above_the_throughput_is_throttled() {
    let carrier = carrier(|set| {
        set.throughput_per_second = 1;
        set.burst = 3;
    })
    .await;
    let mut client = Client::bound(carrier.smpp_addr(), BIND_TRANSMITTER).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        client.submit("491701234567", "x").await;
        statuses.push(client.next().await.unwrap().status);
    }
    assert_eq!(statuses, [0, 0, 0, 0x58, 0x58]);
    assert_eq!(carrier.state().total.throttled, 2);
}

#[tokio::test]
async fn above_the_window_is_refused() {
    let carrier = carrier(|set| {
        set.window = 2;
        set.latency_ms = Delay::between(200, 200);
    })
    .await;
    let mut client = Client::bound(carrier.smpp_addr(), BIND_TRANSMITTER).await;
    let many: Vec<u8> = (10..13)
        .flat_map(|n| frame(SUBMIT_SM, 0, n, &submit_body("491701234567", "x", 0)))
        .collect();
    client.raw(&many).await;
    let mut answers = Vec::new();
    for _ in 0..3 {
        let answer = client.next().await.unwrap();
        answers.push((answer.sequence, answer.status));
    }
    assert_eq!(answers, [(10, 0), (11, 0), (12, 0x58)]);
    let state = carrier.state();
    assert_eq!((state.total.above_window, state.accounts["wayline"].in_flight_max), (1, 3));
}

#[tokio::test]
async fn a_full_queue_says_so() {
    let carrier = carrier(|set| set.queue_full = Share::ALWAYS).await;
    let mut client = Client::bound(carrier.smpp_addr(), BIND_TRANSCEIVER).await;
    client.submit("491701234567", "x").await;
    assert_eq!(client.next().await.unwrap().status, 0x14);
    assert_eq!(carrier.state().total.accepted, 0);
}

#[tokio::test]
async fn a_lost_submit_is_not_answered_but_may_have_gone() {
    let carrier = carrier(|set| {
        set.lost = Share::ALWAYS;
        set.lost_went = Share::ALWAYS;
    })
    .await;
    let mut client = Client::bound(carrier.smpp_addr(), BIND_TRANSCEIVER).await;
    client.submit("491701234567", "x").await;
    let receipt = client.next().await.unwrap();
    assert_eq!(receipt.id, DELIVER_SM);
    let total = carrier.state().total;
    assert_eq!((total.lost, total.lost_went, total.answered), (1, 1, 0));
}

#[tokio::test]
async fn after_a_cut_the_receipt_waits_for_the_next_bind() {
    let carrier = carrier(|set| {
        set.dropped = Share::ALWAYS;
        set.lost_went = Share::ALWAYS;
    })
    .await;
    let mut client = Client::bound(carrier.smpp_addr(), BIND_TRANSMITTER).await;
    client.submit("491701234567", "x").await;
    assert_eq!(client.next().await, None);
    until(&carrier, |state| state.accounts["wayline"].waiting == 1).await;
    let mut receiver = Client::bound(carrier.smpp_addr(), BIND_RECEIVER).await;
    let receipt = receiver.next().await.unwrap();
    assert!(receipt.receipt().contains("stat:DELIVRD"));
    // Without an acknowledgement it comes again.
    drop(receiver);
    let mut receiver = Client::bound(carrier.smpp_addr(), BIND_TRANSCEIVER).await;
    assert_eq!(receiver.next().await.unwrap().receipt(), receipt.receipt());
}

#[tokio::test]
async fn shares_depend_on_the_seed_alone() {
    let mut rounds = Vec::new();
    for _ in 0..2 {
        let carrier = carrier(|set| {
            set.queue_full = share(0.3);
            set.no_receipt = Share::ALWAYS;
        })
        .await;
        let mut client = Client::bound(carrier.smpp_addr(), BIND_TRANSCEIVER).await;
        let mut full = Vec::new();
        for n in 0..50 {
            client.submit(&format!("4917012345{n:02}"), "x").await;
            full.push(client.next().await.unwrap().status == 0x14);
        }
        assert!((5..25).contains(&full.iter().filter(|full| **full).count()));
        rounds.push(full);
    }
    assert_eq!(rounds[0], rounds[1]);
}

#[tokio::test]
async fn people_reply_stop_or_say_nothing() {
    let carrier = carrier(|set| {
        set.people = true;
        set.stops = Share::ALWAYS;
        set.replies = Share::NEVER;
        set.no_receipt = Share::ALWAYS;
        set.reply_delay_ms = Delay::between(1, 5);
    })
    .await;
    let mut client = Client::bound(carrier.smpp_addr(), BIND_TRANSCEIVER).await;
    client.submit("491701234567", "Sale").await;
    assert_eq!(client.next().await.unwrap().id, SUBMIT_SM | RESP);
    let text = client.next().await.unwrap();
    assert_eq!(text.short_message(), (0, 0, b"STOP".to_vec()));
    assert_eq!(text.addresses(), ("491701234567".to_owned(), "12345".to_owned()));
    client.acknowledge(&text).await;
    carrier.set(|set| {
        set.stops = Share::NEVER;
        set.replies = Share::ALWAYS;
        set.reply_texts = vec!["Größe 👍".to_owned()];
    });
    client.submit("491701234567", "Sale").await;
    client.next().await.unwrap();
    let (class, coding, text) = client.next().await.unwrap().short_message();
    let units: Vec<u16> =
        text.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    assert_eq!((class, coding, String::from_utf16(&units).unwrap().as_str()), (0, 8, "Größe 👍"));
    let state = until(&carrier, |state| state.total.inbound_acknowledged == 1).await;
    assert_eq!((state.total.stopped, state.total.replied, state.total.inbound_sent), (1, 1, 2));
}

#[tokio::test]
async fn a_long_text_of_a_person_comes_in_parts() {
    let carrier = carrier(|_| {}).await;
    assert_eq!(carrier.inbound("+491701234567", "12345", "nobody is there", None), 0);
    let mut client = Client::bound(carrier.smpp_addr(), BIND_RECEIVER).await;
    let text = "abcdefghij".repeat(31);
    assert_eq!(carrier.inbound("+491701234567", "12345", &text, None), 3);
    let mut whole = Vec::new();
    for number in 1..=3 {
        let (class, coding, part) = client.next().await.unwrap().short_message();
        assert_eq!(
            (class, coding, &part[..3], &part[4..6]),
            (0x40, 0, &[5, 0, 3][..], &[3, number][..])
        );
        whole.extend_from_slice(&part[6..]);
    }
    assert_eq!(whole, text.as_bytes());
}

#[tokio::test]
async fn every_submit_is_in_the_journal_before_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.ndjson");
    let settings = Settings { journal: Some(path.clone()), ..Settings::default() };
    let carrier = Carrier::start(settings).await.unwrap();
    let mut client = Client::bound(carrier.smpp_addr(), BIND_TRANSMITTER).await;
    let mut body = submit_body("491701234567", "Hi", 1);
    body.extend_from_slice(b"\x02\x0c\0\x02\x12\x34\x02\x0e\0\x01\x02\x02\x0f\0\x01\x01");
    let sequence = client.ask(SUBMIT_SM, &body).await;
    client.next().await.unwrap();
    let written = std::fs::read_to_string(&path).unwrap();
    let mut line: serde_json::Value = serde_json::from_str(written.trim()).unwrap();
    assert!(line["time_ms"].take().is_number());
    let expected = serde_json::json!({
        "time_ms": null, "way": "smpp", "system_id": "wayline", "connection": 1, "sequence": sequence,
        "source": "12345", "destination": "491701234567", "esm_class": 0, "data_coding": 0,
        "registered_delivery": 1, "message": "4869", "sar": [0x1234, 2, 1],
        "message_id": "1000000001", "answer": "ok", "went": true,
    });
    assert_eq!(line, expected);
}

#[tokio::test]
async fn connections_are_cut_on_demand_and_ports_are_free_after_a_stop() {
    let carrier = carrier(|_| {}).await;
    let address = carrier.smpp_addr();
    let mut client = Client::bound(address, BIND_TRANSCEIVER).await;
    assert_eq!(carrier.drop_connections(), 1);
    assert_eq!(client.next().await, None);
    let mut client = Client::bound(address, BIND_TRANSCEIVER).await;
    timeout(Duration::from_secs(5), carrier.stop()).await.unwrap();
    assert_eq!(client.next().await, None);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn what_is_no_pdu_is_refused_and_the_carrier_lives() {
    let carrier = carrier(|_| {}).await;
    let mut client = Client::bound(carrier.smpp_addr(), BIND_TRANSCEIVER).await;
    client.send(0xFFFE, 0, 77, b"what").await;
    let nack = client.next().await.unwrap();
    assert_eq!((nack.id, nack.status, nack.sequence), (RESP, 0x03, 77));
    client.send(SUBMIT_SM, 0, 78, b"cut").await;
    let nack = client.next().await.unwrap();
    assert_eq!((nack.id, nack.status, nack.sequence), (RESP, 0x02, 78));
    client.raw(b"GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(client.next().await.unwrap().id, RESP);
    assert_eq!(client.next().await, None);
    Client::bound(carrier.smpp_addr(), BIND_TRANSCEIVER).await;
    assert_eq!(carrier.state().total.malformed, 3);
}
