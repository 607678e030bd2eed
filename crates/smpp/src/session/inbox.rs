//! What each PDU of the peer means.
//!
//! Must never answer a response: two sides that nack each other's nacks do not stop.

use std::time::Duration;

use bytes::Bytes;
use rusmpp_core::pdus::owned::{DataSmResp, DeliverSmResp, Pdu};

use super::pending::Asked;
use super::{DeliveryKind, Session, State};
use crate::delivery::Delivery;
use crate::event::{Answer, CloseReason, DeliveryId, Event};
use crate::receipt::ReceiptState;
use crate::status::Status;
use crate::wire::{Fields, Frame, encode, tag};

const GENERIC_NACK: u32 = 0x8000_0000;
const RESPONSE: u32 = 0x8000_0000;
const BIND_RECEIVER_RESP: u32 = 0x8000_0001;
const BIND_TRANSMITTER_RESP: u32 = 0x8000_0002;
const BIND_TRANSCEIVER_RESP: u32 = 0x8000_0009;
const UNBIND: u32 = 0x06;
const UNBIND_RESP: u32 = 0x8000_0006;
const ENQUIRE_LINK: u32 = 0x15;
const ENQUIRE_LINK_RESP: u32 = 0x8000_0015;
const DELIVER_SM: u32 = 0x05;
const DATA_SM: u32 = 0x103;
const OUTBIND: u32 = 0x0B;
const ALERT_NOTIFICATION: u32 = 0x102;

/// A longer message id is no id. The standard has room for 64 characters.
const MESSAGE_ID_MAX: usize = 255;

impl Session {
    pub(super) fn handle(&mut self, frame: Frame, now: Duration) {
        self.counters.received += 1;
        self.heard = now;
        self.unanswered = 0;
        self.enquire_at = now.saturating_add(self.config.enquire_link);
        match frame.command {
            GENERIC_NACK => self.nacked(frame),
            BIND_RECEIVER_RESP | BIND_TRANSMITTER_RESP | BIND_TRANSCEIVER_RESP => {
                self.bind_answered(frame);
            }
            ENQUIRE_LINK => {
                self.outbox.reply(encode(0, frame.sequence, Pdu::EnquireLinkResp));
            }
            // That it came is all it says.
            ENQUIRE_LINK_RESP => {}
            UNBIND => {
                self.outbox.reply(encode(0, frame.sequence, Pdu::UnbindResp));
                // Both may unbind at once.
                self.close(match self.state {
                    State::Unbinding { .. } => CloseReason::Unbound,
                    _ => CloseReason::PeerUnbound,
                });
            }
            UNBIND_RESP => self.unbind_answered(&frame),
            DELIVER_SM => self.delivered(frame, DeliveryKind::Deliver),
            DATA_SM => self.delivered(frame, DeliveryKind::Data),
            OUTBIND | ALERT_NOTIFICATION => self.counters.ignored += 1,
            response if response & RESPONSE != 0 => self.answered(frame),
            _ => {
                self.counters.unknown += 1;
                self.nack(frame.sequence, Status::INVALID_COMMAND_ID);
            }
        }
    }

    fn nack(&mut self, sequence: u32, status: Status) {
        self.outbox.reply(encode(status.0, sequence, Pdu::GenericNack));
    }

    fn bind_answered(&mut self, frame: Frame) {
        let State::Binding { sequence, .. } = self.state else {
            self.counters.unmatched += 1;
            return;
        };
        if frame.sequence != sequence {
            self.counters.unmatched += 1;
            return;
        }
        if frame.status != 0 {
            return self.close(CloseReason::BindRefused(Status(frame.status)));
        }
        let expected = match self.config.mode {
            crate::BindMode::Transmitter => BIND_TRANSMITTER_RESP,
            crate::BindMode::Receiver => BIND_RECEIVER_RESP,
            crate::BindMode::Transceiver => BIND_TRANSCEIVER_RESP,
        };
        if frame.command != expected {
            return self.close(CloseReason::BindConfused(frame.command));
        }
        let mut fields = Fields::new(frame.body);
        let system_id = fields.text_or_rest();
        let version = fields.tlvs().byte(tag::SC_INTERFACE_VERSION);
        self.state = State::Bound;
        self.events.push_back(Event::Bound { system_id, version });
    }

    fn unbind_answered(&mut self, frame: &Frame) {
        match self.state {
            State::Unbinding { sequence, .. } if sequence == frame.sequence => {
                self.close(CloseReason::Unbound);
            }
            _ => self.counters.unmatched += 1,
        }
    }

    /// A nack with a sequence of ours is the answer to that request: it was surely not taken.
    fn nacked(&mut self, frame: Frame) {
        let status = Status(frame.status);
        match self.state {
            State::Binding { sequence, .. } if [sequence, 0].contains(&frame.sequence) => {
                return self.close(CloseReason::BindRefused(status));
            }
            // It does not know the command; it will not answer otherwise.
            State::Unbinding { sequence, .. } if sequence == frame.sequence => {
                return self.close(CloseReason::Unbound);
            }
            _ => {}
        }
        let answer = Answer::Refused { status };
        // A sequence that was never given out is a guess.
        if let Some(token) = self
            .pending
            .get(frame.sequence)
            .filter(|known| known.given_out)
            .map(|known| known.token)
        {
            self.pending.remove(frame.sequence);
            self.timeouts_in_a_row = 0;
            self.events.push_back(Event::Answered { token, answer });
        } else if let Some((token, _)) = self.pending.late(frame.sequence, |_| true) {
            self.events.push_back(Event::Late { token, answer });
        } else {
            self.counters.nacks += 1;
        }
    }

    fn answered(&mut self, frame: Frame) {
        let fits = |asked: Asked| asked.response() == frame.command;
        match self.pending.get(frame.sequence) {
            Some(request) if fits(request.asked) && request.given_out => {
                let (token, asked) = (request.token, request.asked);
                self.pending.remove(frame.sequence);
                self.timeouts_in_a_row = 0;
                let answer = self.answer(asked, frame.status, frame.body);
                self.events.push_back(Event::Answered { token, answer });
            }
            // Of another command, or to something that was never given out.
            Some(_) => self.counters.unmatched += 1,
            None => match self.pending.late(frame.sequence, fits) {
                Some((token, asked)) => {
                    self.timeouts_in_a_row = 0;
                    let answer = self.answer(asked, frame.status, frame.body);
                    self.events.push_back(Event::Late { token, answer });
                }
                None => self.counters.unmatched += 1,
            },
        }
    }

    fn answer(&mut self, asked: Asked, status: u32, body: Bytes) -> Answer {
        if status != 0 {
            // With an error a body is allowed and means nothing.
            return Answer::Refused { status: Status(status) };
        }
        let mut fields = Fields::new(body);
        match asked {
            Asked::Submit => {
                let message_id = fields.text_or_rest();
                if message_id.len() > MESSAGE_ID_MAX {
                    self.counters.malformed += 1;
                    return Answer::Accepted { message_id: None };
                }
                let message_id = message_id.trim();
                Answer::Accepted {
                    message_id: (!message_id.is_empty()).then(|| message_id.to_owned()),
                }
            }
            Asked::Query => {
                let mut read = || {
                    fields.text()?;
                    let final_at = fields.text()?;
                    Some((final_at, fields.byte()?, fields.byte().unwrap_or(0)))
                };
                let (final_at, state, error) = read().unwrap_or_else(|| {
                    self.counters.malformed += 1;
                    (String::new(), 7, 0)
                });
                Answer::State { state: ReceiptState::of_code(state), final_at, error }
            }
            Asked::Cancel | Asked::Replace => Answer::Done,
        }
    }

    fn delivered(&mut self, frame: Frame, kind: DeliveryKind) {
        if !matches!(self.state, State::Bound | State::Draining { .. } | State::Unbinding { .. }) {
            self.counters.unmatched += 1;
            return self.answer_delivery(frame.sequence, kind, Status::INVALID_BIND_STATE);
        }
        // The caller reads on although no input is wanted: one more read is taken, then no more.
        if self.deliveries.len() >= self.config.deliveries_max.saturating_mul(2) {
            self.counters.put_off += 1;
            return self.answer_delivery(frame.sequence, kind, Status::TEMPORARY);
        }
        let delivery = match kind {
            DeliveryKind::Deliver => Delivery::read_deliver(frame.body),
            DeliveryKind::Data => Delivery::read_data(frame.body),
        };
        let Some(delivery) = delivery else {
            self.counters.malformed += 1;
            return self.nack(frame.sequence, Status::INVALID_COMMAND_LENGTH);
        };
        self.arrivals += 1;
        let id = DeliveryId(self.arrivals);
        self.deliveries.insert(id, (frame.sequence, kind));
        self.events.push_back(Event::Arrived { id, delivery });
    }

    pub(super) fn answer_delivery(&mut self, sequence: u32, kind: DeliveryKind, status: Status) {
        let pdu: Pdu = match kind {
            DeliveryKind::Deliver => DeliverSmResp::default().into(),
            DeliveryKind::Data => DataSmResp::default().into(),
        };
        self.outbox.reply(encode(status.0, sequence, pdu));
    }
}
