//! A submit: admitted or refused, given its fate, written to the journal, answered.
//!
//! Must never answer before the journal has the line: the connection writes the journal out first.

use crate::chance::{Dice, number_hash};
use crate::clock;
use crate::fate::{self, Ending, Fate};
use crate::journal::{Line, hex};
use crate::message::{self, Address, Delivery, Receipt};
use crate::session::{Answer, Due, Session, status};
use crate::settings::ReceiptForm;
use bytes::{BufMut as _, Bytes};
use rusmpp::CommandId;
use rusmpp::pdus::SubmitSm;
use rusmpp::tlvs::TlvValue;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// How long a response waits for its receipt on another connection.
const BEFORE_GAP: Duration = Duration::from_millis(20);
/// Text a receipt repeats.
const EXCERPT: usize = 20;

/// Why a submit got no fate: the status of the answer and its name in the journal.
struct Refusal {
    status: u32,
    name: &'static str,
}

impl Session {
    pub(crate) fn submit(&mut self, sequence: u32, pdu: &SubmitSm, now: Instant) {
        let number = number_hash(pdu.destination_addr.as_str());
        let refusal = self.refuse(pdu, now);
        if let Some(refusal) = refusal {
            let dice = Dice::new(self.shared.seed, number, u64::MAX - u64::from(sequence));
            let latency = self.set.latency_ms.at(dice.fraction(crate::chance::Question::Latency));
            self.note(sequence, pdu, "", refusal.name, false);
            let answer =
                Answer { sequence, status: refusal.status, id: String::new(), misbehaves: false };
            self.answer_at(now, latency, answer);
            return;
        }
        let Some(bound) = &self.bound else { return };
        let count = bound.account.count(number);
        let fate = Fate::of(Dice::new(self.shared.seed, number, count), &self.set);
        self.carry_out(sequence, pdu, fate, now);
    }

    /// Whether the submit is turned away before anything happens to it.
    fn refuse(&mut self, pdu: &SubmitSm, now: Instant) -> Option<Refusal> {
        let set = Arc::clone(&self.set);
        let Some(bound) = self.bound.as_ref().filter(|bound| bound.bind.kind.submits()) else {
            self.shared.strangers.submits.one();
            self.shared.strangers.refused.one();
            return Some(Refusal { status: status::WRONG_STATE, name: "refused" });
        };
        let counters = &bound.account.counters;
        counters.submits.one();
        let admitted = bound.account.admit(now, set.throughput_per_second, set.burst);
        let (counter, status, name) = if pdu.destination_addr.as_str().is_empty() {
            (&counters.refused, status::NO_DESTINATION, "refused")
        } else if set.window != 0 && self.in_flight >= u64::from(set.window) {
            (&counters.above_window, set.window_status, "window")
        } else if !admitted {
            (&counters.throttled, status::THROTTLED, "throttled")
        } else {
            return None;
        };
        counter.one();
        Some(Refusal { status, name })
    }

    fn carry_out(&mut self, sequence: u32, pdu: &SubmitSm, fate: Fate, now: Instant) {
        let ended_at = now + fate.latency + fate.receipt_delay;
        let id = fate.went.then(|| self.shared.register(ended_at, fate.ending));
        let written =
            id.map(|id| message::id_in_response(self.set.id_form, id)).unwrap_or_default();
        self.count(fate);
        let (name, status) = match fate.answer {
            fate::Answer::Given => ("ok", status::OK),
            fate::Answer::QueueFull => ("queue_full", status::QUEUE_FULL),
            fate::Answer::Lost => ("lost", status::OK),
            fate::Answer::Dropped => ("dropped", status::OK),
        };
        self.note(sequence, pdu, &written, name, fate.went);
        let before = fate.before && fate.went && fate.receipt && wants_receipt(pdu, fate.ending);
        let answer = Answer { sequence, status, id: written, misbehaves: fate.misbehaves };
        let answered = matches!(fate.answer, fate::Answer::Given | fate::Answer::QueueFull);
        if before {
            let here = self.follow(id, pdu, fate, now);
            let gap = if here { fate.latency } else { fate.latency.max(BEFORE_GAP) };
            if answered {
                self.answer_at(now, gap, answer);
            }
        } else {
            if answered {
                self.answer_at(now, fate.latency, answer);
            }
            self.follow(id, pdu, fate, now);
        }
        if fate.answer == fate::Answer::Dropped {
            self.close();
        }
    }

    fn count(&self, fate: Fate) {
        let Some(bound) = &self.bound else { return };
        let counters = &bound.account.counters;
        match fate.answer {
            fate::Answer::Given => {}
            fate::Answer::QueueFull => counters.queue_full.one(),
            fate::Answer::Lost => counters.lost.one(),
            fate::Answer::Dropped => counters.dropped.one(),
        }
        if fate.went {
            counters.accepted.one();
            match fate.ending {
                Ending::Delivered => counters.delivered.one(),
                Ending::Undelivered => counters.undelivered.one(),
            }
            if fate.answer != fate::Answer::Given {
                counters.lost_went.one();
            }
        }
    }

    /// Answers now or later, and keeps count of what is in flight.
    fn answer_at(&mut self, now: Instant, latency: Duration, answer: Answer) {
        self.in_flight += 1;
        if let Some(bound) = &self.bound {
            bound.bind.in_flight.store(self.in_flight, Ordering::Relaxed);
            bound.bind.in_flight_max.fetch_max(self.in_flight, Ordering::Relaxed);
        }
        if latency.is_zero() {
            self.answer(&answer);
        } else {
            self.schedule(now + latency, Due::Answer(answer));
        }
    }

    /// Receipt and reply of a text that went. Returns whether the receipt takes this connection.
    fn follow(&mut self, id: Option<u64>, pdu: &SubmitSm, fate: Fate, now: Instant) -> bool {
        let (Some(id), Some(bound)) = (id, &self.bound) else { return true };
        let account = Arc::clone(&bound.account);
        let phone = Address {
            ton: pdu.dest_addr_ton,
            npi: pdu.dest_addr_npi,
            digits: pdu.destination_addr.clone(),
        };
        let sender = Address {
            ton: pdu.source_addr_ton,
            npi: pdu.source_addr_npi,
            digits: pdu.source_addr.clone(),
        };
        let ended_at = now + fate.latency + fate.receipt_delay;
        if !is_later_part(pdu)
            && let Some(text) = fate.reaction.text(&self.set)
        {
            match fate.reaction {
                fate::Reaction::Stop => account.counters.stopped.one(),
                _ => account.counters.replied.one(),
            }
            let at = ended_at + fate.reply_delay;
            for part in message::parts(&phone, &sender, &text, id as u8) {
                self.hand_on(at, now, Delivery::Text(part));
            }
        }
        let mut here = true;
        if fate.receipt && wants_receipt(pdu, fate.ending) {
            let excerpt = excerpt(pdu, self.set.receipt_form);
            let receipt = Receipt { id, from: phone, to: sender, ending: fate.ending, excerpt };
            let at = if fate.before { now } else { ended_at };
            if fate.duplicate {
                self.hand_on(at, now, Delivery::Receipt(receipt.clone()));
            }
            here = self.hand_on(at, now, Delivery::Receipt(receipt));
        }
        here
    }

    /// Gives a delivery to the receiver whose turn it is. Returns whether that is this connection.
    fn hand_on(&mut self, at: Instant, now: Instant, delivery: Delivery) -> bool {
        let Some(bound) = &self.bound else { return false };
        match bound.account.route(at, delivery, Some(self.connection)) {
            None => false,
            Some(delivery) if at <= now => {
                self.deliver(delivery);
                true
            }
            Some(delivery) => {
                self.schedule(at, Due::Deliver(delivery));
                true
            }
        }
    }

    /// By hand, because this is the hot path and the body is one string.
    pub(crate) fn put_submit_answer(&mut self, answer: &Answer) {
        let length = if answer.status == status::OK { 17 + answer.id.len() } else { 16 };
        self.out.put_u32(length as u32);
        self.out.put_u32(CommandId::SubmitSmResp.into());
        self.out.put_u32(answer.status);
        self.out.put_u32(answer.sequence);
        if answer.status == status::OK {
            self.out.put_slice(answer.id.as_bytes());
            self.out.put_u8(0);
        }
        let counters = match &self.bound {
            Some(bound) => &bound.account.counters,
            None => &self.shared.strangers,
        };
        counters.answered.one();
    }

    /// A line for the journal.
    fn note(&mut self, sequence: u32, pdu: &SubmitSm, id: &str, answer: &'static str, went: bool) {
        if !self.shared.journal.is_open() {
            return;
        }
        let mut payload = None;
        let mut sar = [None; 3];
        for tlv in pdu.tlvs() {
            match tlv.value() {
                Some(TlvValue::MessagePayload(value)) => {
                    payload = Some(hex(value.value.clone().into_bytes().as_ref()));
                }
                Some(TlvValue::SarMsgRefNum(value)) => sar[0] = Some(*value),
                Some(TlvValue::SarTotalSegments(value)) => sar[1] = Some(u16::from(*value)),
                Some(TlvValue::SarSegmentSeqnum(value)) => sar[2] = Some(u16::from(*value)),
                _ => {}
            }
        }
        let line = Line {
            time_ms: clock::today().as_millisecond(),
            way: "smpp",
            system_id: self.bound.as_ref().map_or("", |bound| &bound.system_id),
            connection: self.connection,
            sequence,
            source: pdu.source_addr.as_str(),
            destination: pdu.destination_addr.as_str(),
            esm_class: pdu.esm_class.into(),
            data_coding: pdu.data_coding.into(),
            registered_delivery: pdu.registered_delivery.into(),
            message: hex(pdu.short_message().clone().into_bytes().as_ref()),
            payload,
            sar: match sar {
                [Some(reference), Some(total), Some(number)] => Some([reference, total, number]),
                _ => None,
            },
            message_id: id,
            answer,
            went,
        };
        line.write(&mut self.journal);
    }
}

/// Whether the sender asked for a receipt of this ending (bits 1 and 0 of registered_delivery).
fn wants_receipt(pdu: &SubmitSm, ending: Ending) -> bool {
    match u8::from(pdu.registered_delivery) & 3 {
        1 => true,
        2 => ending == Ending::Undelivered,
        3 => ending == Ending::Delivered,
        _ => false,
    }
}

/// The beginning of the text, where it can be read without an alphabet.
fn excerpt(pdu: &SubmitSm, form: ReceiptForm) -> Bytes {
    let plain = matches!(u8::from(pdu.data_coding), 0 | 1 | 3);
    if !plain || has_header(pdu) || !matches!(form, ReceiptForm::Standard | ReceiptForm::Both) {
        return Bytes::new();
    }
    let mut text = pdu.short_message().clone().into_bytes();
    text.truncate(EXCERPT);
    text
}

fn has_header(pdu: &SubmitSm) -> bool {
    u8::from(pdu.esm_class) & 0x40 != 0
}

/// A person answers a text of several parts once: at its first part.
fn is_later_part(pdu: &SubmitSm) -> bool {
    let segment = pdu.tlvs().iter().find_map(|tlv| match tlv.value() {
        Some(TlvValue::SarSegmentSeqnum(number)) => Some(*number),
        _ => None,
    });
    if let Some(number) = segment {
        return number > 1;
    }
    let text = pdu.short_message().clone().into_bytes();
    match text.as_ref() {
        [_, 0, 3, _, _, number, ..] | [_, 8, 4, _, _, _, number, ..] if has_header(pdu) => {
            *number > 1
        }
        _ => false,
    }
}
