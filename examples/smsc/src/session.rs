//! One SMPP connection without its socket: PDUs in, octets out, things due.
//!
//! Must never block and never spawn: all that is due later stands in one ordered map.

use crate::account::{Account, Bind, Errand, Kind};
use crate::broken::{Afterwards, Misbehaviour, header};
use crate::fate::Ending;
use crate::message::{self, Delivery};
use crate::settings::Behaviour;
use crate::shared::Shared;
use bytes::{Buf as _, BytesMut};
use rusmpp::decode::DecodeWithLength as _;
use rusmpp::pdus::{
    BindReceiverResp, BindTransceiverResp, BindTransmitterResp, QuerySm, QuerySmResp,
};
use rusmpp::types::{COctetString, EmptyOrFullCOctetString};
use rusmpp::values::{InterfaceVersion, MessageState};
use rusmpp::{Command, CommandId, CommandStatus, Pdu};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

/// Above this many unsent octets the session takes and sends nothing more.
const UNSENT_MAX: usize = 1 << 20;
/// The longest PDU that is read.
const PDU_MAX: usize = 1 << 17;

/// Values of command_status that are answered here.
pub(crate) mod status {
    pub(crate) const OK: u32 = 0x00;
    pub(crate) const BAD_LENGTH: u32 = 0x02;
    pub(crate) const UNKNOWN_COMMAND: u32 = 0x03;
    pub(crate) const WRONG_STATE: u32 = 0x04;
    pub(crate) const ALREADY_BOUND: u32 = 0x05;
    pub(crate) const NO_DESTINATION: u32 = 0x0B;
    pub(crate) const BIND_FAILED: u32 = 0x0D;
    pub(crate) const BAD_PASSWORD: u32 = 0x0E;
    pub(crate) const BAD_SYSTEM_ID: u32 = 0x0F;
    pub(crate) const CANCEL_FAILED: u32 = 0x11;
    pub(crate) const REPLACE_FAILED: u32 = 0x13;
    pub(crate) const QUEUE_FULL: u32 = 0x14;
    pub(crate) const THROTTLED: u32 = 0x58;
    pub(crate) const RECEIVER_BUSY: u32 = 0x64;
    pub(crate) const QUERY_FAILED: u32 = 0x67;
}

/// A response to a submit, when its time has come.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) sequence: u32,
    pub(crate) status: u32,
    /// The id as it is written; empty without one.
    pub(crate) id: String,
    pub(crate) misbehaves: bool,
}

/// What stands in the map of due things.
#[derive(Debug)]
pub(crate) enum Due {
    Answer(Answer),
    Deliver(Delivery),
    Enquire,
}

/// Who is bound.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) system_id: String,
    pub(crate) account: Arc<Account>,
    pub(crate) bind: Arc<Bind>,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) shared: Arc<Shared>,
    pub(crate) connection: u64,
    pub(crate) set: Arc<Behaviour>,
    pub(crate) bound: Option<Bound>,
    pub(crate) out: BytesMut,
    pub(crate) journal: Vec<u8>,
    pub(crate) in_flight: u64,
    errands: UnboundedSender<Errand>,
    due: BTreeMap<(Instant, u64), Due>,
    /// Keeps things of the same instant in the order in which they were scheduled.
    order: u64,
    ready: VecDeque<Delivery>,
    unacknowledged: BTreeMap<u32, Delivery>,
    sequence: u32,
    silent: bool,
    closing: bool,
}

impl Session {
    pub(crate) fn new(
        shared: Arc<Shared>,
        connection: u64,
        errands: UnboundedSender<Errand>,
    ) -> Self {
        Self {
            set: shared.behaviour(),
            shared,
            connection,
            bound: None,
            out: BytesMut::with_capacity(1 << 16),
            journal: Vec::new(),
            in_flight: 0,
            errands,
            due: BTreeMap::new(),
            order: 0,
            ready: VecDeque::new(),
            unacknowledged: BTreeMap::new(),
            sequence: 0,
            silent: false,
            closing: false,
        }
    }

    /// Whether the connection ends once the octets are out.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }

    /// Ends the connection once the octets are out.
    pub(crate) fn close(&mut self) {
        self.closing = true;
    }

    /// Whether more may be read: not while the other side does not take what we send.
    pub(crate) fn has_room(&self) -> bool {
        self.out.len() < UNSENT_MAX
    }

    /// When `pump` is to be called next.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn schedule(&mut self, at: Instant, due: Due) {
        self.order += 1;
        self.due.insert((at, self.order), due);
    }

    /// Takes every whole PDU out of what was read.
    pub(crate) fn read(&mut self, inbox: &mut BytesMut, now: Instant) {
        self.set = self.shared.behaviour();
        while inbox.len() >= 16 && !self.closing && self.has_room() {
            let length = u32::from_be_bytes([inbox[0], inbox[1], inbox[2], inbox[3]]) as usize;
            if !(16..=PDU_MAX).contains(&length) {
                let sequence = u32::from_be_bytes([inbox[12], inbox[13], inbox[14], inbox[15]]);
                self.nack(sequence, status::BAD_LENGTH);
                self.closing = true;
                return;
            }
            if inbox.len() < length {
                return;
            }
            let mut frame = inbox.split_to(length);
            frame.advance(4);
            let sequence = u32::from_be_bytes([frame[8], frame[9], frame[10], frame[11]]);
            match Command::decode(&mut frame, length - 4) {
                Ok((command, _)) => self.command(command, now),
                Err(_) => self.nack(sequence, status::BAD_LENGTH),
            }
        }
    }

    fn nack(&mut self, sequence: u32, status: u32) {
        self.shared.strangers.malformed.one();
        self.put_header(CommandId::GenericNack, status, sequence);
    }

    fn put_header(&mut self, id: CommandId, status: u32, sequence: u32) {
        if !self.silent {
            header(&mut self.out, id.into(), status, sequence);
        }
    }

    fn command(&mut self, command: Command, now: Instant) {
        let (id, sequence, status) = (command.id(), command.sequence_number(), command.status());
        match command.pdu() {
            Some(Pdu::SubmitSm(pdu)) => self.submit(sequence, pdu, now),
            Some(Pdu::BindTransmitter(pdu)) => {
                self.bind(
                    Kind::Transmitter,
                    pdu.system_id.as_str(),
                    pdu.password.as_str(),
                    sequence,
                    now,
                );
            }
            Some(Pdu::BindReceiver(pdu)) => {
                self.bind(
                    Kind::Receiver,
                    pdu.system_id.as_str(),
                    pdu.password.as_str(),
                    sequence,
                    now,
                );
            }
            Some(Pdu::BindTransceiver(pdu)) => {
                self.bind(
                    Kind::Transceiver,
                    pdu.system_id.as_str(),
                    pdu.password.as_str(),
                    sequence,
                    now,
                );
            }
            Some(Pdu::QuerySm(pdu)) => self.query(sequence, pdu, now),
            _ => self.plain(id, sequence, status.into(), now),
        }
    }

    /// Commands whose body does not matter.
    fn plain(&mut self, id: CommandId, sequence: u32, status: u32, now: Instant) {
        match id {
            CommandId::EnquireLink => {
                self.put_header(CommandId::EnquireLinkResp, status::OK, sequence)
            }
            CommandId::Unbind => {
                self.put_header(CommandId::UnbindResp, status::OK, sequence);
                self.closing = true;
            }
            // The network has taken every message at once: there is nothing to take back.
            CommandId::CancelSm => {
                self.put_header(CommandId::CancelSmResp, status::CANCEL_FAILED, sequence);
            }
            CommandId::ReplaceSm => {
                self.put_header(CommandId::ReplaceSmResp, status::REPLACE_FAILED, sequence);
            }
            CommandId::DeliverSmResp | CommandId::DataSmResp => {
                self.acknowledged(sequence, status, now)
            }
            CommandId::GenericNack => {
                let status = if status == status::OK { status::UNKNOWN_COMMAND } else { status };
                self.acknowledged(sequence, status, now);
            }
            CommandId::UnbindResp | CommandId::EnquireLinkResp => {}
            _ => self.nack(sequence, status::UNKNOWN_COMMAND),
        }
    }

    fn bind(&mut self, kind: Kind, system_id: &str, password: &str, sequence: u32, now: Instant) {
        let set = Arc::clone(&self.set);
        let fits = |given: &str, wanted: &str| wanted == "*" || given == wanted;
        let result = if self.bound.is_some() {
            status::ALREADY_BOUND
        } else if set.on_bind == Some(Misbehaviour::BindRefused) {
            status::BIND_FAILED
        } else if !fits(system_id, &set.system_id) {
            status::BAD_SYSTEM_ID
        } else if !fits(password, &set.password) {
            status::BAD_PASSWORD
        } else if set.on_bind == Some(Misbehaviour::BindUnanswered) {
            self.misbehave(Misbehaviour::BindUnanswered, sequence);
            return;
        } else {
            self.enter(kind, system_id)
        };
        if result != status::OK {
            self.shared.strangers.logins_refused.one();
        }
        self.put_bind_answer(kind, result, sequence);
        let early: Vec<_> = std::mem::take(&mut self.ready).into();
        for delivery in early {
            self.deliver(delivery);
        }
        if result == status::OK {
            if set.enquire_ms > 0 {
                self.schedule(now + Duration::from_millis(set.enquire_ms), Due::Enquire);
            }
            if let Some(misbehaviour) = set.on_bind {
                self.misbehave(misbehaviour, sequence);
            }
        }
    }

    /// Takes a place among the binds of the account, and what waited for a receiver.
    fn enter(&mut self, kind: Kind, system_id: &str) -> u32 {
        let account = self.shared.account(system_id);
        let bind = Arc::new(Bind {
            connection: self.connection,
            kind,
            errands: self.errands.clone(),
            in_flight: AtomicU64::new(0),
            in_flight_max: AtomicU64::new(0),
            unacknowledged: AtomicU64::new(0),
        });
        let Some(waiting) = account.bind(Arc::clone(&bind), self.set.binds_max) else {
            return status::BIND_FAILED;
        };
        for (at, delivery) in waiting {
            self.schedule(at, Due::Deliver(delivery));
        }
        self.bound = Some(Bound { system_id: system_id.to_owned(), account, bind });
        status::OK
    }

    fn put_bind_answer(&mut self, kind: Kind, result: u32, sequence: u32) {
        let answered = match (self.set.on_bind, kind) {
            (Some(Misbehaviour::BindWrongAnswer), Kind::Transmitter) => Kind::Receiver,
            (Some(Misbehaviour::BindWrongAnswer), _) => Kind::Transmitter,
            _ => kind,
        };
        let name = || COctetString::from_static_slice(b"wayline-smsc\0").unwrap_or_default();
        let version = Some(InterfaceVersion::from(0x34));
        let pdu: Pdu = match answered {
            Kind::Transmitter => BindTransmitterResp::new(name(), version).into(),
            Kind::Receiver => BindReceiverResp::new(name(), version).into(),
            Kind::Transceiver => BindTransceiverResp::new(name(), version).into(),
        };
        if result != status::OK {
            // 3.4, section 4.1: a refused bind is answered with the header alone.
            self.put_header(pdu.command_id(), result, sequence);
        } else if !self.silent {
            message::write(&mut self.out, CommandStatus::EsmeRok, sequence, pdu);
        }
    }

    fn query(&mut self, sequence: u32, pdu: &QuerySm, now: Instant) {
        let known = message::id_from_query(self.set.id_form, pdu.message_id.as_str())
            .and_then(|id| self.shared.message(id, now));
        let Some(ending) = known.filter(|_| self.bound.is_some()) else {
            self.put_header(CommandId::QuerySmResp, status::QUERY_FAILED, sequence);
            return;
        };
        let state = match ending {
            None => MessageState::Enroute,
            Some(Ending::Delivered) => MessageState::Delivered,
            Some(Ending::Undelivered) => MessageState::Undeliverable,
        };
        let date = EmptyOrFullCOctetString::default();
        let answer = QuerySmResp::new(pdu.message_id.clone(), date, state, 0);
        if !self.silent {
            message::write(&mut self.out, CommandStatus::EsmeRok, sequence, answer);
        }
    }

    /// Sends what is due.
    pub(crate) fn pump(&mut self, now: Instant) {
        while self.has_room() && !self.closing {
            match self.due.first_entry() {
                Some(entry) if entry.key().0 <= now => match entry.remove() {
                    Due::Answer(answer) => self.answer(&answer),
                    Due::Deliver(delivery) => self.deliver(delivery),
                    Due::Enquire => self.enquire(now),
                },
                _ => break,
            }
        }
        while self.may_deliver() {
            let Some(delivery) = self.ready.pop_front() else { break };
            self.send(delivery);
        }
        if let Some(bound) = &self.bound {
            let count = self.unacknowledged.len() as u64;
            bound.bind.unacknowledged.store(count, Ordering::Relaxed);
        }
    }

    fn enquire(&mut self, now: Instant) {
        let sequence = self.next_sequence();
        self.put_header(CommandId::EnquireLink, status::OK, sequence);
        if self.set.enquire_ms > 0 {
            self.schedule(now + Duration::from_millis(self.set.enquire_ms), Due::Enquire);
        }
    }

    /// Does an errand of another connection or of `/control`.
    pub(crate) fn errand(&mut self, errand: Errand) {
        match errand {
            Errand::Deliver(at, delivery) => self.schedule(at, Due::Deliver(delivery)),
            Errand::Misbehave(misbehaviour) => self.misbehave(misbehaviour, 0),
            Errand::Cut => self.closing = true,
        }
    }

    pub(crate) fn next_sequence(&mut self) -> u32 {
        self.sequence = if self.sequence >= 0x7FFF_FFFF { 1 } else { self.sequence + 1 };
        self.sequence
    }

    fn may_deliver(&self) -> bool {
        let window = self.set.deliver_window as usize;
        let fits = window == 0 || self.unacknowledged.len() < window;
        fits && self.has_room() && !self.silent && !self.closing && self.bound.is_some()
    }

    /// Sends a receipt or text now, or as soon as the window lets it.
    pub(crate) fn deliver(&mut self, delivery: Delivery) {
        if self.ready.is_empty() && self.may_deliver() {
            self.send(delivery);
        } else {
            self.ready.push_back(delivery);
        }
    }

    fn send(&mut self, delivery: Delivery) {
        let sequence = self.next_sequence();
        let forms = (self.set.id_form, self.set.receipt_form);
        if !delivery.write(&mut self.out, sequence, forms) {
            return;
        }
        if let Some(bound) = &self.bound {
            match delivery {
                Delivery::Receipt(_) => bound.account.counters.receipts_sent.one(),
                Delivery::Text(_) => bound.account.counters.inbound_sent.one(),
            }
        }
        self.unacknowledged.insert(sequence, delivery);
    }

    fn acknowledged(&mut self, sequence: u32, status: u32, now: Instant) {
        let Some(delivery) = self.unacknowledged.remove(&sequence) else { return };
        let Some(bound) = &self.bound else { return };
        match (status, &delivery) {
            (status::OK, Delivery::Receipt(_)) => {
                bound.account.counters.receipts_acknowledged.one()
            }
            (status::OK, Delivery::Text(_)) => bound.account.counters.inbound_acknowledged.one(),
            _ => bound.account.counters.deliveries_refused.one(),
        }
        // "Later" is asked again after a second; any other refusal is final.
        let later = [status::RECEIVER_BUSY, status::THROTTLED, status::QUEUE_FULL];
        if later.contains(&status) {
            self.schedule(now + Duration::from_secs(1), Due::Deliver(delivery));
        }
    }

    /// Writes the response to a submit.
    pub(crate) fn answer(&mut self, answer: &Answer) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let misbehaviour = self.set.on_submit.filter(|_| answer.misbehaves);
        if let Some(bound) = &self.bound {
            bound.bind.in_flight.store(self.in_flight, Ordering::Relaxed);
        }
        if !self.silent && !misbehaviour.is_some_and(Misbehaviour::replaces_response) {
            self.put_submit_answer(answer);
        }
        if let Some(misbehaviour) = misbehaviour {
            self.misbehave(misbehaviour, answer.sequence);
        }
    }

    pub(crate) fn misbehave(&mut self, misbehaviour: Misbehaviour, sequence: u32) {
        if self.silent {
            return;
        }
        let own = self.next_sequence();
        self.shared.strangers.misbehaved.one();
        match misbehaviour.write(&mut self.out, sequence, own) {
            Afterwards::GoOn => {}
            Afterwards::Silent => self.silent = true,
            Afterwards::Cut => self.closing = true,
        }
    }

    /// What was never sent, or never acknowledged: another receiver gets it.
    pub(crate) fn end(mut self, now: Instant) {
        let mut left: Vec<(Instant, Delivery)> = Vec::new();
        left.extend(std::mem::take(&mut self.unacknowledged).into_values().map(|it| (now, it)));
        left.extend(std::mem::take(&mut self.ready).into_iter().map(|it| (now, it)));
        for ((at, _), due) in std::mem::take(&mut self.due) {
            if let Due::Deliver(delivery) = due {
                left.push((at, delivery));
            }
        }
        if let Some(bound) = self.bound.take() {
            bound.account.unbind(self.connection, left);
        }
        self.shared.disconnected(self.connection);
    }
}
