//! A peer that does whatever it likes: random bytes, random cuts, broken and repeated PDUs (of case 8 of ten).
//!
//! `SMPP_FUZZ_CASES=100000 cargo test -p wayline-smpp --release --test hostile` searches for long.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use proptest::prelude::*;
use rusmpp_core::CommandStatus;
use rusmpp_core::command::owned::Command;
use rusmpp_core::decode::owned::DecodeWithLength;
use rusmpp_core::encode::Length;
use rusmpp_core::encode::owned::Encode;
use rusmpp_core::pdus::owned::{
    BindTransceiverResp, DataSm, DeliverSm, Pdu, QuerySmResp, SubmitSmResp,
};
use rusmpp_core::tlvs::owned::MessageDeliveryRequestTlvValue as Tlv;
use rusmpp_core::tlvs::owned::MessageSubmissionRequestTlvValue as DataTlv;
use rusmpp_core::types::owned::{AnyOctetString, COctetString, OctetString};
use rusmpp_core::values::EsmClass;
use rusmpp_core::values::owned::MessagePayload;
use wayline_smpp::{
    Address, Answer, BindMode, DeliveryId, Event, IdBase, Inbound, MessageRef, Outgoing, Receipt,
    Session, SessionConfig, Status, Token,
};

const DELIVERIES_MAX: usize = 8;
const WINDOW: usize = 5;

fn cases(usual: u32) -> u32 {
    // The one place where a test asks its environment: how long to search.
    cases_asked_for().unwrap_or(usual)
}

#[expect(clippy::disallowed_methods, reason = "a setting of the test run, not of the program")]
fn cases_asked_for() -> Option<u32> {
    std::env::var("SMPP_FUZZ_CASES").ok()?.parse().ok()
}

/// What the peer does next.
#[derive(Clone, Debug)]
enum Step {
    /// Answers the request number so and so of those it has read (or one it has not).
    Answer {
        which: usize,
        status: u32,
        kind: u8,
    },
    Deliver {
        esm_class: u8,
        text: Vec<u8>,
        data: bool,
    },
    Ask {
        unbind: bool,
    },
    Outbind,
    /// A PDU with any command and body and a true length.
    Any {
        command: u32,
        status: u32,
        sequence: u32,
        body: Vec<u8>,
    },
    Bytes(Vec<u8>),
    /// We: submit, query, take bytes, acknowledge, unbind, wait.
    Submit,
    Query,
    Write,
    Acknowledge {
        which: usize,
    },
    Unbind,
    Wait {
        seconds: u64,
    },
    End,
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = |most| prop::collection::vec(any::<u8>(), 0..most);
    prop_oneof![
        8 => (0usize..8, prop::sample::select(vec![0u32, 0, 0, 8, 0x58, 0x401]), 0u8..6)
            .prop_map(|(which, status, kind)| Step::Answer { which, status, kind }),
        4 => (any::<u8>(), bytes(40), any::<bool>())
            .prop_map(|(esm_class, text, data)| Step::Deliver { esm_class, text, data }),
        2 => prop::bool::weighted(0.05).prop_map(|unbind| Step::Ask { unbind }),
        1 => Just(Step::Outbind),
        3 => (
            prop::sample::select(vec![
                1u32, 4, 5, 6, 0x15, 0x103, 0x77, 0x8000_0000, 0x8000_0003, 0x8000_0004,
                0x8000_0005, 0x8000_0009, 0x8000_0015, 0x8000_0103, 0xFFFF_FFFF,
            ]),
            prop::sample::select(vec![0u32, 2, 3, 0x58]), 0u32..12, bytes(60),
        ).prop_map(|(command, status, sequence, body)| Step::Any { command, status, sequence, body }),
        1 => bytes(12).prop_map(Step::Bytes),
        8 => Just(Step::Submit),
        1 => Just(Step::Query),
        8 => Just(Step::Write),
        3 => (0usize..8).prop_map(|which| Step::Acknowledge { which }),
        1 => prop::bool::weighted(0.1).prop_map(|yes| if yes { Step::Unbind } else { Step::Write }),
        3 => (0u64..40).prop_map(|seconds| Step::Wait { seconds }),
        1 => prop::bool::weighted(0.1).prop_map(|yes| if yes { Step::End } else { Step::Write }),
    ]
}

fn pdu(status: u32, sequence: u32, pdu: impl Into<Pdu>) -> Vec<u8> {
    let command = Command::new(CommandStatus::from(status), sequence, pdu);
    let mut bytes = BytesMut::new();
    bytes.extend_from_slice(&u32::try_from(4 + command.length()).unwrap().to_be_bytes());
    command.encode(&mut bytes);
    bytes.to_vec()
}

/// The session, and what must be true of it.
struct World {
    session: Session,
    now: Duration,
    /// Given out, by sequence number as the peer sees it.
    seen: Vec<(u32, u32)>,
    open: BTreeSet<Token>,
    written: BytesMut,
    answers: BTreeMap<Token, Answer>,
    deliveries: Vec<DeliveryId>,
    closed: bool,
}

impl World {
    fn new() -> World {
        let config = SessionConfig {
            window: WINDOW,
            deliveries_max: DELIVERIES_MAX,
            pdu_bytes_max: 4096,
            ..SessionConfig::new(BindMode::Transceiver, "acme", "secret")
        };
        let mut world = World {
            session: Session::new(config, Duration::ZERO).unwrap(),
            now: Duration::ZERO,
            seen: Vec::new(),
            open: BTreeSet::new(),
            written: BytesMut::new(),
            answers: BTreeMap::new(),
            deliveries: Vec::new(),
            closed: false,
        };
        world.write();
        let bound = pdu(0, 1, BindTransceiverResp::default());
        world.session.receive(&bound, world.now);
        world.look();
        world
    }

    /// Reads what is written as the library does: nothing of ours may be malformed.
    fn write(&mut self) {
        while let Some(bytes) = self.session.output() {
            self.written.extend_from_slice(&bytes);
        }
        while self.written.len() >= 4 {
            let length = self.written.get_u32() as usize - 4;
            let mut frame = self.written.split_to(length);
            let (command, _) = Command::decode(&mut frame, length).expect("ours are well formed");
            assert!(frame.is_empty());
            self.seen.push((u32::from(command.id()), command.sequence_number()));
        }
    }

    fn look(&mut self) {
        while let Some(event) = self.session.event() {
            assert!(!self.closed, "nothing comes after the end: {event:?}");
            match event {
                Event::Answered { token, answer } => {
                    assert!(self.open.remove(&token), "answered once, and only what was asked");
                    self.answers.insert(token, answer);
                }
                Event::Late { token, .. } => {
                    assert!(matches!(self.answers.get(&token), Some(Answer::Lost(_))));
                }
                Event::Arrived { id, delivery } => {
                    self.deliveries.push(id);
                    let _ = Receipt::read(&delivery, IdBase::Any);
                    let _ = Inbound::read(&delivery);
                }
                Event::Closed { .. } => self.closed = true,
                Event::Bound { .. } => {}
            }
        }
        assert_eq!(self.session.is_closed(), self.closed);
        assert_eq!(self.session.in_flight(), self.open.len());
        assert!(self.open.len() <= WINDOW);
        assert!(self.session.deliveries_waiting() <= 2 * DELIVERIES_MAX);
        if let Some(due) = self.session.next_timeout() {
            assert!(due > self.now || !self.closed);
        }
    }

    fn peer_says(&mut self, step: &Step) -> Vec<u8> {
        match step {
            Step::Answer { which, status, kind } => {
                let (command, sequence) =
                    self.seen.get(*which % self.seen.len().max(1)).copied().unwrap_or((4, 9));
                match (kind, command) {
                    (0, _) => pdu(*status, sequence, Pdu::GenericNack),
                    (_, 3) => pdu(*status, sequence, QuerySmResp::default()),
                    (_, 6) => pdu(*status, sequence, Pdu::UnbindResp),
                    (_, 0x15) => pdu(*status, sequence, Pdu::EnquireLinkResp),
                    _ => {
                        let id = COctetString::from_string("0Fa".to_owned()).unwrap();
                        pdu(*status, sequence, SubmitSmResp::builder().message_id(id).build())
                    }
                }
            }
            Step::Deliver { esm_class, text, data: false } => {
                let text = OctetString::from_slice(text).unwrap();
                let esm_class = EsmClass::from(*esm_class);
                pdu(0, 7, DeliverSm::builder().esm_class(esm_class).short_message(text).build())
            }
            Step::Deliver { text, .. } => {
                let payload = MessagePayload::new(AnyOctetString::from_slice(text));
                let data = DataSm::builder().push_tlv(DataTlv::MessagePayload(payload)).build();
                pdu(0, 8, data)
            }
            Step::Ask { unbind: true } => pdu(0, 3, Pdu::Unbind),
            Step::Ask { unbind: false } => pdu(0, 4, Pdu::EnquireLink),
            Step::Outbind => pdu(0, 5, rusmpp_core::pdus::owned::Outbind::default()),
            Step::Any { command, status, sequence, body } => {
                let length = u32::try_from(16 + body.len()).unwrap();
                let mut bytes =
                    [length, *command, *status, *sequence].map(u32::to_be_bytes).concat();
                bytes.extend_from_slice(body);
                bytes
            }
            Step::Bytes(bytes) => bytes.clone(),
            _ => Vec::new(),
        }
    }

    fn we_do(&mut self, step: &Step) {
        match step {
            Step::Submit => {
                let to = Address::new(1, 1, "4917012345");
                let message = Outgoing::new(Address::new(3, 0, "123"), to, 0, vec![b"Hi".to_vec()]);
                let part = message.submits().unwrap().remove(0);
                let room = self.session.room();
                let taken = self.session.submit(&part, self.now);
                assert_eq!(taken.is_ok(), room > 0);
                self.open.extend(taken);
            }
            Step::Query => {
                let message =
                    MessageRef { message_id: "1".into(), source: Address::new(3, 0, "123") };
                self.open.extend(self.session.query(&message, self.now));
            }
            Step::Write => self.write(),
            Step::Acknowledge { which } if !self.deliveries.is_empty() => {
                let id = self.deliveries.swap_remove(which % self.deliveries.len());
                let waits = !self.session.is_closed();
                assert_eq!(self.session.acknowledge(id, Status::OK, self.now), waits);
            }
            Step::Unbind => self.session.unbind(self.now),
            Step::Wait { seconds } => {
                self.now += Duration::from_secs(*seconds);
                self.session.tick(self.now);
            }
            Step::End => self.session.ended(self.now),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(400)))]

    #[test]
    fn each_request_has_exactly_one_answer_whatever_the_peer_does(
        steps in prop::collection::vec((step(), 1usize..80, any::<prop::sample::Index>(), any::<u8>(),
            prop::bool::weighted(0.05)), 0..120),
    ) {
        let mut world = World::new();
        for (step, cut, place, byte, mutate) in steps {
            let mut said = world.peer_says(&step);
            if mutate && !said.is_empty() {
                *place.get_mut(&mut said) = byte;
            }
            for piece in said.chunks(cut) {
                world.session.receive(piece, world.now);
            }
            world.we_do(&step);
            world.look();
        }
        // Whatever happened: the end answers everything.
        world.session.ended(world.now);
        world.look();
        prop_assert!(world.closed && world.open.is_empty());
        world.write();
        prop_assert!(world.session.next_timeout().is_none());
        // What surely did not go was never seen by the peer.
        let submits = world.seen.iter().filter(|(command, _)| [3, 4].contains(command)).count();
        let gone = world.answers.values().filter(|answer| **answer != Answer::NotSent).count();
        prop_assert_eq!(submits, gone);
    }

    #[test]
    fn random_bytes_end_in_a_reason(
        bytes in prop::collection::vec(any::<u8>(), 0..3_000), cut in 1usize..200,
    ) {
        let mut world = World::new();
        world.we_do(&Step::Submit);
        world.write();
        for piece in bytes.chunks(cut) {
            world.session.receive(piece, world.now);
            world.look();
        }
        world.now += Duration::from_secs(400);
        for _ in 0..10 {
            world.session.tick(world.now);
            world.write();
            world.now += Duration::from_secs(400);
        }
        world.look();
        prop_assert!(world.closed || !world.session.wants_input());
    }

    /// What the library reads, we read alike.
    #[test]
    fn a_delivery_reads_as_the_library_reads_it(
        source in "[0-9A-Za-z]{0,20}", destination in "[0-9]{0,20}", esm_class in any::<u8>(),
        data_coding in any::<u8>(), text in prop::collection::vec(any::<u8>(), 0..250),
        payload in prop::collection::vec(any::<u8>(), 0..500),
    ) {
        let text_given = !text.is_empty();
        let theirs = DeliverSm::builder()
            .source_addr(COctetString::from_string(source.clone()).unwrap())
            .destination_addr(COctetString::from_string(destination.clone()).unwrap())
            .esm_class(EsmClass::from(esm_class))
            .data_coding(data_coding.into())
            .short_message(OctetString::from_slice(&text).unwrap())
            .push_tlv(Tlv::MessagePayload(MessagePayload::new(AnyOctetString::from_slice(&payload))))
            .build();
        let mut world = World::new();
        world.session.receive(&pdu(0, 9, theirs), world.now);
        let Some(Event::Arrived { delivery, .. }) = world.session.event() else {
            return Err(TestCaseError::fail("nothing arrived"));
        };
        prop_assert_eq!(delivery.source.number.clone(), source);
        prop_assert_eq!(delivery.destination.number.clone(), destination);
        prop_assert_eq!((delivery.esm_class, delivery.data_coding), (esm_class, data_coding));
        let expected = if text_given { Bytes::from(text) } else { Bytes::from(payload) };
        prop_assert_eq!(delivery.text.clone(), expected);
        let _ = Inbound::read(&delivery);
    }
}
