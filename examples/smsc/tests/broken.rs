//! The golden list: what each misbehaviour sends, octet for octet.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod client;

use client::*;
use wayline_smsc::Misbehaviour;

/// The body of a deliver_sm up to esm_class.
const HEAD: &[u8] = b"\0\x01\x01491700000000\0\x01\x0112345\0";

fn deliver(class: u8, length: u8, rest: &[u8]) -> Vec<u8> {
    let mut body = HEAD.to_vec();
    body.extend_from_slice(&[class, 0, 0, 0, 0, 0, 0, 0, 0, length]);
    body.extend_from_slice(rest);
    body
}

fn header(length: u32, id: u32, status: u32, sequence: u32) -> Vec<u8> {
    [length, id, status, sequence].iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// The octets after the response to the submit of sequence 2 (the carrier's own sequence is 1).
fn golden(what: Misbehaviour) -> Vec<u8> {
    match what {
        Misbehaviour::WrongLength => frame(DELIVER_SM, 0, 1, &deliver(0, 200, b"hello")),
        Misbehaviour::ShortLength => header(4, DELIVER_SM, 0, 1),
        Misbehaviour::UnknownCommand => header(16, 0xFFFE, 0, 1),
        Misbehaviour::NackWithoutSequence => header(16, RESP, 2, 0),
        Misbehaviour::UnaskedResponse => frame(SUBMIT_SM | RESP, 0, 0x7FFF_FFF0, b"4711\0"),
        Misbehaviour::DoubleResponse => frame(SUBMIT_SM | RESP, 0, 2, b"4712\0"),
        Misbehaviour::ForeignReceipt => {
            let text = b"id:999999999999 sub:001 dlvrd:001 submit date:2601010000 \
                done date:2601010000 stat:DELIVRD err:000 text:not yours";
            frame(DELIVER_SM, 0, 1, &deliver(4, text.len() as u8, text))
        }
        Misbehaviour::EmptyReceipt => frame(DELIVER_SM, 0, 1, &deliver(4, 5, b"hello")),
        Misbehaviour::Garbage => {
            b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n".to_vec()
        }
        Misbehaviour::Half => frame(DELIVER_SM, 0, 1, &deliver(0, 5, b"hello"))[..24].to_vec(),
        Misbehaviour::Huge => [header(0x7FFF_FFFF, DELIVER_SM, 0, 1), vec![0; 65_536]].concat(),
        Misbehaviour::LargePayload => {
            let payload = [b"\x04\x24\xea\x60".as_slice(), &[b'x'; 60_000]].concat();
            frame(DELIVER_SM, 0, 1, &deliver(0, 0, &payload))
        }
        Misbehaviour::Unbind => header(16, UNBIND, 0, 1),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn each_misbehaviour_sends_its_octets_after_the_response() {
    use Misbehaviour as M;
    let all = [
        M::WrongLength,
        M::ShortLength,
        M::UnknownCommand,
        M::NackWithoutSequence,
        M::UnaskedResponse,
        M::DoubleResponse,
        M::ForeignReceipt,
        M::EmptyReceipt,
        M::Garbage,
        M::Half,
        M::Huge,
        M::LargePayload,
        M::Unbind,
    ];
    let carrier = carrier(|_| {}).await;
    for what in all {
        carrier.set(|set| set.on_submit = Some(what));
        let mut client = Client::bound(carrier.smpp_addr(), BIND_TRANSMITTER).await;
        client.submit("491701234567", "x").await;
        assert_eq!(client.next().await.unwrap().id, SUBMIT_SM | RESP, "{what:?}");
        let golden = golden(what);
        assert_eq!(client.octets(golden.len()).await.unwrap(), golden, "{what:?}");
    }
    assert_eq!(carrier.state().total.misbehaved, 13);
}

#[tokio::test]
async fn a_nack_takes_the_place_of_the_response() {
    let carrier = carrier(|set| set.on_submit = Some(Misbehaviour::Nack)).await;
    let mut client = Client::bound(carrier.smpp_addr(), BIND_TRANSMITTER).await;
    let sequence = client.submit("491701234567", "x").await;
    let nack = client.next().await.unwrap();
    assert_eq!((nack.id, nack.status, nack.sequence), (RESP, 3, sequence));
}

#[tokio::test]
async fn a_cut_comes_after_the_response() {
    let carrier = carrier(|set| set.on_submit = Some(Misbehaviour::Cut)).await;
    let mut client = Client::bound(carrier.smpp_addr(), BIND_TRANSMITTER).await;
    client.submit("491701234567", "x").await;
    assert_eq!(client.next().await.unwrap().id, SUBMIT_SM | RESP);
    assert_eq!(client.next().await, None);
}

#[tokio::test]
async fn silence_answers_nothing_more() {
    for what in [Misbehaviour::Silence, Misbehaviour::Half] {
        let carrier = carrier(|set| set.on_submit = Some(what)).await;
        let mut client = Client::bound(carrier.smpp_addr(), BIND_TRANSMITTER).await;
        client.submit("491701234567", "x").await;
        assert_eq!(client.next().await.unwrap().id, SUBMIT_SM | RESP);
        if what == Misbehaviour::Half {
            client.octets(24).await.unwrap();
        }
        client.ask(ENQUIRE_LINK, b"").await;
        client.submit("491701234567", "still taken").await;
        let taken = carrier.until(|state| state.total.accepted == 2);
        tokio::time::timeout(GUARD, taken).await.unwrap();
        // The end of the stream is the first thing that comes.
        carrier.drop_connections();
        assert_eq!(client.next().await, None);
    }
}

#[tokio::test]
async fn a_bind_may_go_wrong() {
    let carrier = carrier(|set| set.on_bind = Some(Misbehaviour::BindRefused)).await;
    let mut client = Client::connect(carrier.smpp_addr()).await;
    assert_eq!(client.bind(BIND_TRANSCEIVER, "wayline", "secret").await.status, 0x0D);

    carrier.set(|set| set.on_bind = Some(Misbehaviour::BindWrongAnswer));
    let mut client = Client::connect(carrier.smpp_addr()).await;
    let answer = client.bind(BIND_TRANSCEIVER, "wayline", "secret").await;
    assert_eq!((answer.id, answer.status), (BIND_TRANSMITTER | RESP, 0));

    carrier.set(|set| set.on_bind = Some(Misbehaviour::Unbind));
    let mut client = Client::bound(carrier.smpp_addr(), BIND_TRANSCEIVER).await;
    assert_eq!(client.next().await.unwrap().id, UNBIND);

    carrier.set(|set| set.on_bind = Some(Misbehaviour::BindUnanswered));
    let mut client = Client::connect(carrier.smpp_addr()).await;
    client.ask_bind(BIND_TRANSCEIVER, "wayline", "secret").await;
    let silent = carrier.until(|state| state.total.misbehaved == 3);
    tokio::time::timeout(GUARD, silent).await.unwrap();
    carrier.drop_connections();
    assert_eq!(client.next().await, None);
}

#[tokio::test]
async fn it_also_misbehaves_at_once() {
    let carrier = carrier(|_| {}).await;
    let mut client = Client::bound(carrier.smpp_addr(), BIND_TRANSCEIVER).await;
    assert_eq!(carrier.misbehave(Misbehaviour::ForeignReceipt), 1);
    let receipt = client.next().await.unwrap();
    assert!(receipt.receipt().starts_with("id:999999999999 "));
}
