//! The session against a small peer made with the codec library.

use super::*;
use crate::event::{Answer, Lost};
use crate::message::Outgoing;
use crate::receipt::{IdBase, Receipt, ReceiptState};
use crate::wire::encode;
use bytes::{Buf, BytesMut};
use rusmpp_core::CommandStatus;
use rusmpp_core::command::owned::Command;
use rusmpp_core::decode::owned::DecodeWithLength;
use rusmpp_core::pdus::owned::{BindTransceiverResp, DeliverSm, Pdu, QuerySmResp, SubmitSmResp};
use rusmpp_core::types::owned::{COctetString, OctetString};
use rusmpp_core::values::{EsmClass, MessageState};

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn config() -> SessionConfig {
    SessionConfig { window: 3, ..SessionConfig::new(BindMode::Transceiver, "acme", "secret") }
}

fn part() -> SubmitPart {
    let (from, to) = (Address::new(3, 0, "12345"), Address::new(1, 1, "4917012345"));
    Outgoing::new(from, to, 0, vec![b"Hello".to_vec()]).submits().unwrap().remove(0)
}

fn id<const MAX: usize>(text: &str) -> COctetString<1, MAX> {
    COctetString::from_string(text.to_owned()).unwrap()
}

/// Everything written so far, as the library reads it.
fn written(session: &mut Session) -> Vec<Command> {
    let mut bytes = BytesMut::new();
    while let Some(more) = session.output() {
        bytes.extend_from_slice(&more);
    }
    let mut commands = Vec::new();
    while !bytes.is_empty() {
        let length = bytes.get_u32() as usize - 4;
        let mut frame = bytes.split_to(length);
        commands.push(Command::decode(&mut frame, length).unwrap().0);
        assert!(frame.is_empty(), "nothing is left over");
    }
    commands
}

fn say(session: &mut Session, status: u32, sequence: u32, pdu: impl Into<Pdu>, now: Duration) {
    session.receive(&encode(status, sequence, pdu.into()), now);
}

fn events(session: &mut Session) -> Vec<Event> {
    std::iter::from_fn(|| session.event()).collect()
}

fn bound_with(config: SessionConfig) -> Session {
    let mut session = Session::new(config, at(0)).unwrap();
    let bind = written(&mut session);
    assert!(matches!(bind[0].pdu(), Some(Pdu::BindTransceiver(_))));
    let pdu = BindTransceiverResp::builder().system_id(id("peer")).build();
    say(&mut session, 0, bind[0].sequence_number(), pdu, at(0));
    assert_eq!(events(&mut session), [Event::Bound { system_id: "peer".into(), version: None }]);
    session
}

fn bound() -> Session {
    bound_with(config())
}

fn accepted(session: &mut Session, sequence: u32, message_id: &str, now: Duration) {
    say(session, 0, sequence, SubmitSmResp::builder().message_id(id(message_id)).build(), now);
}

fn closed(why: CloseReason) -> Event {
    Event::Closed { why }
}

fn answered(token: Token, answer: Answer) -> Event {
    Event::Answered { token, answer }
}

#[test]
fn the_window_fills_and_empties_in_any_order() {
    let mut session = bound();
    assert_eq!(session.room(), 3);
    let tokens: Vec<Token> = (0..3).map(|_| session.submit(&part(), at(1)).unwrap()).collect();
    assert_eq!(session.submit(&part(), at(1)), Err(NoRoom::WindowFull));
    let out = written(&mut session);
    assert_eq!(out.len(), 3);
    accepted(&mut session, out[2].sequence_number(), "00Ff", at(2));
    let message_id = Some("00Ff".to_owned());
    assert_eq!(events(&mut session), [answered(tokens[2], Answer::Accepted { message_id })]);
    assert_eq!((session.room(), session.in_flight()), (1, 2));
    say(&mut session, 0x58, out[0].sequence_number(), SubmitSmResp::default(), at(2));
    let refused = Answer::Refused { status: Status::THROTTLED };
    assert_eq!(events(&mut session), [answered(tokens[0], refused)]);
    // The same answer again, and one that nobody waits for.
    accepted(&mut session, out[0].sequence_number(), "1", at(3));
    accepted(&mut session, 4711, "1", at(3));
    assert_eq!(events(&mut session), []);
    assert_eq!(session.counters().unmatched, 2);
}

#[test]
fn answers_of_other_shapes() {
    let mut session = bound();
    let tokens: Vec<Token> = (0..3).map(|_| session.submit(&part(), at(1)).unwrap()).collect();
    let out: Vec<u32> = written(&mut session).iter().map(Command::sequence_number).collect();
    // An error without a body, an id without its end, no id at all.
    let frame = |status: u32, sequence: u32, body: &[u8]| {
        let length = 16 + u32::try_from(body.len()).unwrap();
        let head = [length, 0x8000_0004, status, sequence].map(u32::to_be_bytes).concat();
        [&head, body].concat()
    };
    session.receive(&frame(0x0B, out[0], b""), at(2));
    session.receive(&frame(0, out[1], b"42"), at(2));
    session.receive(&frame(0, out[2], b"\0"), at(2));
    assert_eq!(
        events(&mut session),
        [
            answered(tokens[0], Answer::Refused { status: Status(0x0B) }),
            answered(tokens[1], Answer::Accepted { message_id: Some("42".into()) }),
            answered(tokens[2], Answer::Accepted { message_id: None }),
        ]
    );
    // The response of another command is no answer; neither is one to what was not given out.
    let token = session.submit(&part(), at(3)).unwrap();
    accepted(&mut session, out[2] + 1, "1", at(3));
    assert_eq!(events(&mut session), []);
    let sequence = written(&mut session)[0].sequence_number();
    say(&mut session, 0, sequence, Pdu::CancelSmResp, at(3));
    assert_eq!(events(&mut session), []);
    accepted(&mut session, sequence, "7", at(3));
    assert_eq!(
        events(&mut session)[0],
        answered(token, Answer::Accepted { message_id: Some("7".into()) })
    );
}

#[test]
fn nacks_with_and_without_a_sequence() {
    let mut session = bound();
    let token = session.submit(&part(), at(1)).unwrap();
    let sequence = session.sequence;
    say(&mut session, 2, sequence, Pdu::GenericNack, at(1));
    assert_eq!(events(&mut session), [], "it was not given out yet");
    written(&mut session);
    say(&mut session, 3, 0, Pdu::GenericNack, at(1));
    say(&mut session, 3, 99, Pdu::GenericNack, at(1));
    assert_eq!((events(&mut session).len(), session.counters().nacks), (0, 3));
    say(&mut session, 2, sequence, Pdu::GenericNack, at(1));
    let status = Status::INVALID_COMMAND_LENGTH;
    assert_eq!(events(&mut session), [answered(token, Answer::Refused { status })]);
    assert_eq!(written(&mut session), [], "a nack is never answered");
}

#[test]
fn a_timeout_frees_the_place_and_the_late_answer_is_told() {
    let mut session = bound();
    let token = session.submit(&part(), at(0)).unwrap();
    let sequence = written(&mut session)[0].sequence_number();
    let unsent = session.submit(&part(), at(0)).unwrap();
    say(&mut session, 0, 1, Pdu::EnquireLink, at(59));
    assert_eq!(session.next_timeout(), Some(at(60)));
    session.tick(at(60));
    assert_eq!(
        events(&mut session),
        [answered(token, Answer::Lost(Lost::Timeout)), answered(unsent, Answer::NotSent)]
    );
    assert_eq!(session.room(), 3);
    assert_eq!(
        written(&mut session).len(),
        1,
        "only the enquire_link_resp: what was not sent stays so"
    );
    accepted(&mut session, sequence, "9", at(61));
    let answer = Answer::Accepted { message_id: Some("9".into()) };
    assert_eq!(events(&mut session), [Event::Late { token, answer }]);
    accepted(&mut session, sequence, "9", at(61));
    assert_eq!(events(&mut session), [], "told once");
}

#[test]
fn timeouts_in_a_row_close() {
    let mut session = bound();
    let tokens: Vec<Token> = (0..3).map(|_| session.submit(&part(), at(0)).unwrap()).collect();
    written(&mut session);
    say(&mut session, 0, 1, Pdu::EnquireLink, at(59));
    session.tick(at(60));
    let mut expected: Vec<Event> =
        tokens.iter().map(|&token| answered(token, Answer::Lost(Lost::Timeout))).collect();
    expected.push(closed(CloseReason::ResponsesMissing(3)));
    assert_eq!(events(&mut session), expected);
    assert_eq!(session.submit(&part(), at(61)), Err(NoRoom::Closing));
    assert_eq!(session.next_timeout(), None);
}

#[test]
fn binds_that_fail() {
    let start = || {
        let mut session = Session::new(config(), at(0)).unwrap();
        assert_eq!(session.submit(&part(), at(0)), Err(NoRoom::NotBound));
        written(&mut session);
        session
    };
    let mut session = start();
    say(&mut session, 0x0E, 1, BindTransceiverResp::default(), at(1));
    assert_eq!(events(&mut session), [closed(CloseReason::BindRefused(Status(0x0E)))]);
    let mut session = start();
    say(&mut session, 3, 0, Pdu::GenericNack, at(1));
    assert_eq!(events(&mut session), [closed(CloseReason::BindRefused(Status(3)))]);
    let mut session = start();
    say(&mut session, 0, 9, BindTransceiverResp::default(), at(1));
    accepted(&mut session, 1, "1", at(1));
    say(&mut session, 0, 5, DeliverSm::default(), at(1));
    assert_eq!(events(&mut session), []);
    let refused = written(&mut session).remove(0);
    assert_eq!(refused.status(), CommandStatus::EsmeRinvbndsts, "nothing arrives before the bind");
    assert_eq!(session.next_timeout(), Some(at(10)));
    session.tick(at(10));
    assert_eq!(events(&mut session), [closed(CloseReason::BindTimeout)]);
    let mut session = start();
    let other = rusmpp_core::pdus::owned::BindReceiverResp::default();
    say(&mut session, 0, 1, other, at(1));
    assert_eq!(events(&mut session), [closed(CloseReason::BindConfused(0x8000_0001))]);
    let receiver = SessionConfig { mode: BindMode::Receiver, ..config() };
    let mut session = Session::new(receiver, at(0)).unwrap();
    assert_eq!(session.submit(&part(), at(0)), Err(NoRoom::ReceiverOnly));
}

#[test]
fn unbinding_waits_for_what_is_in_flight() {
    let mut session = bound();
    let token = session.submit(&part(), at(0)).unwrap();
    let sequence = written(&mut session)[0].sequence_number();
    session.unbind(at(1));
    assert_eq!(session.submit(&part(), at(1)), Err(NoRoom::Closing));
    assert_eq!(written(&mut session), []);
    accepted(&mut session, sequence, "1", at(2));
    let unbind = written(&mut session).remove(0);
    assert_eq!(unbind.pdu(), Some(&Pdu::Unbind));
    say(&mut session, 0, unbind.sequence_number(), Pdu::UnbindResp, at(3));
    let answer = Answer::Accepted { message_id: Some("1".into()) };
    assert_eq!(events(&mut session), [answered(token, answer), closed(CloseReason::Unbound)]);
    // No answer to the unbind is as good.
    let mut session = bound();
    session.unbind(at(1));
    written(&mut session);
    assert_eq!(session.next_timeout(), Some(at(11)));
    session.tick(at(11));
    assert_eq!(events(&mut session), [closed(CloseReason::Unbound)]);
}

#[test]
fn the_peer_unbinds_or_goes_away() {
    let mut session = bound();
    let sent = session.submit(&part(), at(0)).unwrap();
    written(&mut session);
    let unsent = session.submit(&part(), at(0)).unwrap();
    say(&mut session, 0, 77, Pdu::Unbind, at(1));
    assert_eq!(
        events(&mut session),
        [
            answered(sent, Answer::Lost(Lost::Closed)),
            answered(unsent, Answer::NotSent),
            closed(CloseReason::PeerUnbound)
        ]
    );
    let left = written(&mut session);
    assert_eq!(left.len(), 1, "the answer still goes, the message does not");
    assert_eq!((left[0].pdu(), left[0].sequence_number()), (Some(&Pdu::UnbindResp), 77));

    let mut session = bound();
    session.ended(at(1));
    session.ended(at(2));
    assert_eq!(events(&mut session), [closed(CloseReason::Ended)]);
    let mut session = bound();
    session.receive(&[0, 0, 0, 16, 0], at(1));
    session.ended(at(1));
    assert_eq!(events(&mut session), [closed(CloseReason::EndedInside)]);
}

#[test]
fn silence_is_asked_and_then_ends_the_session() {
    let mut session = bound();
    assert_eq!(session.next_timeout(), Some(at(30)));
    session.tick(at(30));
    let asked = written(&mut session).remove(0);
    assert_eq!(asked.pdu(), Some(&Pdu::EnquireLink));
    say(&mut session, 0, asked.sequence_number(), Pdu::EnquireLinkResp, at(31));
    assert_eq!(session.next_timeout(), Some(at(61)));
    for now in [61, 91] {
        session.tick(at(now));
        assert_eq!(written(&mut session).len(), 1);
    }
    session.tick(at(121));
    assert_eq!(events(&mut session), [closed(CloseReason::Silent(2))]);

    let quiet = SessionConfig { enquire_link: Duration::MAX, ..config() };
    let mut session = bound_with(quiet);
    assert_eq!(session.next_timeout(), Some(at(300)));
    session.tick(at(300));
    assert_eq!(events(&mut session), [closed(CloseReason::Inactive)]);

    // Questions of the peer are answered with its own number.
    let mut session = bound();
    say(&mut session, 0, 0xFFFF_FFFF, Pdu::EnquireLink, at(1));
    assert_eq!(written(&mut session)[0].sequence_number(), 0xFFFF_FFFF);
}

#[test]
fn broken_pdus() {
    for length in [0u32, 15, 64 * 1024 + 1, u32::MAX] {
        let mut session = bound();
        session.receive(&length.to_be_bytes(), at(1));
        assert_eq!(events(&mut session), [closed(CloseReason::BadLength(length))]);
    }
    // A PDU byte by byte is fine; one that stops is not.
    let mut session = bound();
    for byte in encode(0, 5, Pdu::EnquireLink) {
        session.receive(&[byte], at(1));
    }
    assert_eq!(written(&mut session).len(), 1);
    session.receive(&[0], at(2));
    session.receive(&[0], at(11));
    assert_eq!(session.next_timeout(), Some(at(12)));
    session.tick(at(12));
    assert_eq!(events(&mut session), [closed(CloseReason::HalfPdu)]);
    // Commands that a client does not know, and a delivery without a body.
    let mut session = bound();
    for (command, sequence) in [(0x77u32, 8), (0x04, 9), (0x05, 10), (0x0B, 11), (0x8000_0099, 12)]
    {
        let head = [16, command, 0, sequence].map(u32::to_be_bytes).concat();
        session.receive(&head, at(1));
    }
    let out = written(&mut session);
    let nacks: Vec<_> =
        out.iter().map(|nack| (nack.sequence_number(), u32::from(nack.status()))).collect();
    assert_eq!(nacks, [(8, 3), (9, 3), (10, 2)]);
    let counters = session.counters();
    assert_eq!(
        (counters.unknown, counters.malformed, counters.ignored, counters.unmatched),
        (2, 1, 1, 1)
    );
}

fn receipt(message_id: &str) -> DeliverSm {
    let text = format!("id:{message_id} stat:DELIVRD err:000");
    DeliverSm::builder()
        .esm_class(EsmClass::from(4))
        .short_message(OctetString::from_string(text).unwrap())
        .build()
}

#[test]
fn a_receipt_before_the_response_and_its_acknowledgement_only_when_said() {
    let mut session = bound();
    let token = session.submit(&part(), at(0)).unwrap();
    let sequence = written(&mut session)[0].sequence_number();
    say(&mut session, 0, 500, receipt("00FF"), at(1));
    accepted(&mut session, sequence, "ff", at(1));
    let all = events(&mut session);
    let Event::Arrived { id, delivery } = &all[0] else { panic!("{all:?}") };
    let receipt = Receipt::read(delivery, IdBase::Same).unwrap();
    assert_eq!((receipt.ids, receipt.state), (vec!["ff".to_owned()], ReceiptState::Delivered));
    assert_eq!(all[1], answered(token, Answer::Accepted { message_id: Some("ff".into()) }));
    assert_eq!(written(&mut session), []);
    assert!(session.acknowledge(*id, Status::OK, at(2)));
    assert!(!session.acknowledge(*id, Status::OK, at(2)), "once");
    let out = written(&mut session).remove(0);
    assert_eq!(out.sequence_number(), 500);
    assert!(matches!(out.pdu(), Some(Pdu::DeliverSmResp(_))));
}

#[test]
fn a_receipt_in_a_data_sm_is_answered_in_kind() {
    let mut session = bound();
    // service type, two addresses, esm_class, registered, coding; then the id and the state.
    let body = b"\0\x01\x014917012345\0\x03\x0012345\0\x04\0\0\0\x1E\0\x0300A\x04\x27\0\x01\x02";
    let length = u32::try_from(16 + body.len()).unwrap();
    let head = [length, 0x103, 0, 0x8000_0001].map(u32::to_be_bytes).concat();
    session.receive(&[&head[..], body].concat(), at(1));
    let all = events(&mut session);
    let Event::Arrived { id, delivery } = &all[0] else { panic!("{all:?}") };
    let receipt = Receipt::read(delivery, IdBase::ResponseHex).unwrap();
    assert_eq!((receipt.ids, receipt.state), (vec!["a".to_owned()], ReceiptState::Delivered));
    assert_eq!((receipt.from.number.as_str(), receipt.to.number.as_str()), ("4917012345", "12345"));
    session.acknowledge(*id, Status::TEMPORARY, at(1));
    let out = written(&mut session).remove(0);
    assert!(matches!(out.pdu(), Some(Pdu::DataSmResp(_))));
    assert_eq!((out.sequence_number(), out.status()), (0x8000_0001, CommandStatus::EsmeRxTAppn));
}

#[test]
fn too_many_deliveries_stop_the_reading_and_the_clock() {
    let mut session = bound_with(SessionConfig { deliveries_max: 2, ..config() });
    session.submit(&part(), at(0)).unwrap();
    written(&mut session);
    for sequence in 0..6 {
        say(&mut session, 0, sequence, receipt("1"), at(1));
    }
    assert!(!session.wants_input());
    assert_eq!((session.deliveries_waiting(), session.counters().put_off), (4, 2));
    let put_off = written(&mut session);
    assert!(put_off.iter().all(|out| out.status() == CommandStatus::EsmeRxTAppn));
    assert_eq!(session.next_timeout(), None);
    session.tick(at(1000));
    let arrived: Vec<DeliveryId> = events(&mut session)
        .into_iter()
        .map(|event| match event {
            Event::Arrived { id, .. } => id,
            other => panic!("{other:?}"),
        })
        .collect();
    for id in arrived {
        session.acknowledge(id, Status::OK, at(2000));
    }
    assert!(session.wants_input());
    assert_eq!(session.next_timeout(), Some(at(2000) + 29 * SECOND + SECOND));
}

#[test]
fn a_flood_of_questions_ends_the_session() {
    let mut session = bound();
    let flood = encode(0, 1, Pdu::EnquireLink).repeat(5_000);
    session.receive(&flood, at(1));
    assert!(!session.wants_input());
    for _ in 0..20 {
        session.receive(&flood, at(1));
    }
    assert_eq!(events(&mut session), [closed(CloseReason::Flooded)]);
}

#[test]
fn query_cancel_and_replace() {
    let mut session = bound();
    let message = MessageRef { message_id: "00Ff".into(), source: Address::new(3, 0, "12345") };
    let query = session.query(&message, at(1)).unwrap();
    let cancel = session.cancel(&message, &Address::default(), at(1)).unwrap();
    let replacement = Replacement { text: b"other".to_vec(), validity: None, receipt: true };
    let replace = session.replace(&message, &replacement, at(1)).unwrap();
    let out = written(&mut session);
    assert!(matches!(out[0].pdu(), Some(Pdu::QuerySm(pdu)) if pdu.message_id.as_str() == "00Ff"));
    assert!(matches!(out[1].pdu(), Some(Pdu::CancelSm(_))));
    assert!(matches!(out[2].pdu(), Some(Pdu::ReplaceSm(_))));
    let state =
        QuerySmResp::builder().message_id(id("00Ff")).message_state(MessageState::Expired).build();
    say(&mut session, 0, out[0].sequence_number(), state, at(2));
    say(&mut session, 0, out[1].sequence_number(), Pdu::CancelSmResp, at(2));
    say(&mut session, 0x13, out[2].sequence_number(), Pdu::ReplaceSmResp, at(2));
    let state = Answer::State { state: ReceiptState::Expired, final_at: String::new(), error: 0 };
    assert_eq!(
        events(&mut session),
        [
            answered(query, state),
            answered(cancel, Answer::Done),
            answered(replace, Answer::Refused { status: Status(0x13) })
        ]
    );
    let bad = MessageRef { message_id: "ü".into(), ..message };
    assert!(matches!(session.query(&bad, at(3)), Err(RequestError::Field(_))));
}

#[test]
fn sequence_numbers_go_round() {
    let mut session = bound();
    session.sequence = 0x7FFF_FFFE;
    session.submit(&part(), at(1)).unwrap();
    session.submit(&part(), at(1)).unwrap();
    let out: Vec<u32> = written(&mut session).iter().map(Command::sequence_number).collect();
    assert_eq!(out, [0x7FFF_FFFF, 1]);
}
