//! What comes from a carrier over SMPP: receipts, and texts of people, whole or in parts.
//!
//! Every delivery goes to the engine, which joins parts and knows what is told again; the carrier is answered when it is
//! durable there. Must never answer for a delivery by itself, and must never call one answered before the answer has
//! been written to the connection.

use super::bind::Ask;
use super::settings::{DefaultAlphabet, SmppSettings};
use crate::gateway::events::{Events, Taken};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use wayline_core::carrier::{CarrierError, ErrorClass};
use wayline_core::event::ReceiptStatus;
use wayline_core::ids::{stable_hash, stable_hash_wide};
use wayline_core::text::{self, Alphabet};
use wayline_core::time::Timestamp;
use wayline_pipeline::gateway::{
    ConnectionEvent, Delivery as Told, Destination, GatewayEvent, Inbound, Part, Receipt,
};
use wayline_smpp::{
    Address, Coding, Delivery, DeliveryId, Place, Receipt as SmppReceipt, ReceiptState, tag,
};

/// Parameters that tell one delivery from another. Others (when it was sent on, how many wait) may differ each time it
/// is told.
const TELLING: [u16; 5] = [
    tag::USER_MESSAGE_REFERENCE,
    tag::SAR_MSG_REF_NUM,
    tag::SAR_TOTAL_SEGMENTS,
    tag::SAR_SEGMENT_SEQNUM,
    tag::RECEIPTED_MESSAGE_ID,
];

/// Hands over what was heard, and tells the time.
pub(super) type Heard = Events;

/// Deliveries of one connection after the other.
pub(super) struct Arriving {
    settings: Arc<SmppSettings>,
    gateway: String,
    /// Which of the gateway's connections this is.
    place: usize,
    /// How often it was opened.
    generation: u64,
    connection: u64,
    since: Timestamp,
    /// Texts so far.
    count: u64,
    ready: Vec<(DeliveryId, GatewayEvent)>,
    /// Texts that are not answered, by print and number.
    open: BTreeMap<DeliveryId, (u128, u64)>,
    /// Those whose answer is on its way to the connection.
    answering: Vec<(u128, u64)>,
}

impl Arriving {
    pub(super) fn new(settings: Arc<SmppSettings>, gateway: &str, place: usize) -> Arriving {
        Arriving {
            settings,
            gateway: gateway.to_owned(),
            place,
            generation: 0,
            connection: 0,
            since: Timestamp::MIN,
            count: 0,
            ready: Vec::new(),
            open: BTreeMap::new(),
            answering: Vec::new(),
        }
    }

    /// A connection begins. Returns which one it is.
    pub(super) fn begins(&mut self, now: Timestamp) -> u64 {
        self.generation += 1;
        self.since = now;
        let numbers = [self.place as u64, self.generation, now.0.cast_unsigned()];
        let [place, generation, now] = numbers.map(u64::to_be_bytes);
        self.connection = stable_hash(&[self.gateway.as_bytes(), &place, &generation, &now]);
        self.generation
    }

    /// The connection has ended: what was not answered comes again over another one.
    pub(super) fn ended(&mut self, heard: &Heard) {
        self.ready.clear();
        self.open.clear();
        self.answering.clear();
        let (gateway, connection) = (self.gateway.clone(), self.connection);
        let ended = ConnectionEvent::Ended { gateway, connection };
        heard.tell(vec![GatewayEvent::Connection(ended)], Taken::new(|| {}));
    }

    /// Takes one delivery in.
    pub(super) fn take(&mut self, id: DeliveryId, delivery: &Delivery, now: Timestamp) {
        let event = match SmppReceipt::read(delivery, self.settings.id_base()) {
            Some(receipt) => GatewayEvent::Receipt(self.receipt(receipt, now)),
            None => GatewayEvent::Delivery(Box::new(self.text(id, delivery, now))),
        };
        self.ready.push((id, event));
    }

    fn text(&mut self, id: DeliveryId, delivery: &Delivery, at: Timestamp) -> Told {
        let read = wayline_smpp::Inbound::read(delivery);
        let (print, number) = (fingerprint(delivery), self.count);
        self.count += 1;
        self.open.insert(id, (print, number));
        let (alphabet, bytes) = match self.alphabet(read.piece.data_coding) {
            Some(alphabet) => (alphabet, &*read.piece.bytes),
            // Nothing that could be read.
            None => (Alphabet::Latin1, &[][..]),
        };
        let part = read.place.map(|place| part(place, alphabet, bytes));
        let text = if part.is_some() { String::new() } else { text::decode(bytes, alphabet) };
        let number_of_ours = read.to.number;
        let destination =
            Destination::Sender { gateway: self.gateway.clone(), number: number_of_ours };
        Told {
            gateway: self.gateway.clone(),
            inbound: Inbound {
                destination,
                id: None,
                from: self::number(&read.from),
                text,
                media: Vec::new(),
                at,
            },
            connection: self.connection,
            number,
            since: self.since,
            print,
            part,
        }
    }

    fn alphabet(&self, data_coding: u8) -> Option<Alphabet> {
        match Coding::of(data_coding) {
            Coding::Default => Some(match self.settings.default_alphabet {
                DefaultAlphabet::Gsm7 => Alphabet::Gsm7,
                DefaultAlphabet::Latin1 => Alphabet::Latin1,
            }),
            Coding::Ascii | Coding::Latin1 => Some(Alphabet::Latin1),
            Coding::Utf16 => Some(Alphabet::Utf16),
            _ => None,
        }
    }

    /// These are durable. Returns those the carrier can be told so now: what came over a connection that is no more
    /// it hears when it tells it again.
    pub(super) fn durable(&mut self, generation: u64, ids: Vec<DeliveryId>) -> Vec<DeliveryId> {
        if generation != self.generation {
            return Vec::new();
        }
        self.answering.extend(ids.iter().filter_map(|id| self.open.remove(id)));
        ids
    }

    /// All answers so far have been written to the connection.
    pub(super) fn written(&mut self, heard: &Heard) {
        if !self.answering.is_empty() {
            let (gateway, connection) = (self.gateway.clone(), self.connection);
            let deliveries = std::mem::take(&mut self.answering);
            let answered = ConnectionEvent::Answered { gateway, connection, deliveries };
            heard.tell(vec![GatewayEvent::Connection(answered)], Taken::new(|| {}));
        }
    }

    /// Gives the engine what is ready; its answer to the carrier comes when that is durable.
    pub(super) fn hand_over(&mut self, heard: &Heard, own: &mpsc::WeakUnboundedSender<Ask>) {
        if self.ready.is_empty() {
            return;
        }
        let generation = self.generation;
        let (ids, events) = std::mem::take(&mut self.ready).into_iter().unzip();
        let own = own.clone();
        let taken = Taken::new(move || {
            // The connection has ended for good: the carrier tells it to the next one.
            if let Some(own) = own.upgrade() {
                let _ = own.send(Ask::Taken(generation, ids));
            }
        });
        heard.tell(events, taken);
    }

    fn receipt(&self, receipt: SmppReceipt, at: Timestamp) -> Receipt {
        let mut ids = receipt.ids.into_iter();
        let status = status(&receipt.state);
        let failed = !matches!(status, ReceiptStatus::Accepted | ReceiptStatus::Delivered);
        let code = receipt.error.unwrap_or_default();
        let error = failed.then(|| CarrierError {
            // What a carrier's own codes mean its table says; without one nothing follows from them.
            class: ErrorClass::BadRequest,
            code: if code.trim_matches('0').is_empty() { String::new() } else { code },
            text: format!("the carrier's receipt says {:?}", receipt.state).to_lowercase(),
        });
        Receipt {
            gateway: self.gateway.clone(),
            gateway_ref: ids.next().unwrap_or_default(),
            other_refs: ids.collect(),
            to: Some(receipt.from.number),
            message: None,
            status,
            error,
            at,
        }
    }
}

fn status(state: &ReceiptState) -> ReceiptStatus {
    match state {
        ReceiptState::Delivered => ReceiptStatus::Delivered,
        ReceiptState::Expired => ReceiptStatus::Expired,
        ReceiptState::Rejected => ReceiptStatus::Failed,
        ReceiptState::Scheduled
        | ReceiptState::Enroute
        | ReceiptState::Accepted
        | ReceiptState::Unknown => ReceiptStatus::Accepted,
        ReceiptState::Deleted
        | ReceiptState::Undeliverable
        | ReceiptState::Skipped
        | ReceiptState::Other(_) => ReceiptStatus::Undelivered,
    }
}

/// A person's number as we write numbers, as far as the carrier says that it is whole; one of its country alone stays
/// as it is, and the workspace's country completes it.
fn number(address: &Address) -> String {
    const NATIONAL: u8 = 2;
    let written = address.number.as_str();
    let digits =
        written.strip_prefix('+').or_else(|| written.strip_prefix("00")).unwrap_or(written);
    let is_number = digits.len() >= 7 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_whole = digits.len() < written.len() || address.ton != NATIONAL;
    if is_number && is_whole { format!("+{digits}") } else { written.to_owned() }
}

fn part(place: Place, alphabet: Alphabet, bytes: &[u8]) -> Part {
    let Place { reference, wide, total, index } = place;
    Part { reference, wide, total, index, alphabet, bytes: bytes.to_vec() }
}

/// What a delivery says, whatever number it is given on the connection.
fn fingerprint(delivery: &Delivery) -> u128 {
    let kind = [delivery.esm_class, delivery.data_coding];
    let mut said: Vec<&[u8]> = vec![
        delivery.source.number.as_bytes(),
        delivery.destination.number.as_bytes(),
        &kind,
        &delivery.text,
    ];
    said.extend(TELLING.iter().map(|tag| delivery.tlvs.get(*tag).map_or(&[][..], |it| &**it)));
    stable_hash_wide(&said)
}

#[cfg(test)]
mod tests;
