//! What comes from a carrier over SMPP: receipts, and texts of people joined from their parts.
//!
//! Must never answer for a delivery by itself, other than one that the engine has and whose answer got lost with the
//! connection.

use super::bind::Ask;
use super::settings::{DefaultAlphabet, SmppSettings};
use crate::gateway::events::{Events, Taken};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use wayline_core::carrier::{CarrierError, ErrorClass};
use wayline_core::event::ReceiptStatus;
use wayline_core::ids::stable_hash;
use wayline_core::text::{self, Alphabet};
use wayline_core::time::Timestamp;
use wayline_pipeline::gateway::{Destination, GatewayEvent, Inbound, Receipt};
use wayline_smpp::{
    Coding, Delivery, DeliveryId, Joined, Reassembly, Receipt as SmppReceipt, ReceiptState,
};

/// Texts whose parts have not all come, and how long they are waited for: less than carriers wait for an answer.
const PARTIALS_MAX: usize = 50;
const PARTS_WITHIN: Duration = Duration::from_secs(45);
/// Deliveries of a connection that broke, remembered because the carrier sends them again.
const REMEMBERED_MAX: usize = 1_000;

/// Hands over what was heard, and tells the time.
pub(super) type Heard = Events;

/// Deliveries of one connection.
pub(super) struct Arriving {
    settings: Arc<SmppSettings>,
    gateway: String,
    generation: u64,
    partials: Reassembly<DeliveryId>,
    ready: Vec<(GatewayOf, Vec<DeliveryId>)>,
    /// What the engine has and the carrier may not know of: the deliveries, by id, and by what they say.
    handed_over: BTreeMap<DeliveryId, u64>,
    repeated: VecDeque<u64>,
}

/// What was heard, but for the instant.
enum GatewayOf {
    Receipt(Box<SmppReceipt>),
    Text { from: String, to: String, text: String },
}

impl Arriving {
    pub(super) fn new(settings: Arc<SmppSettings>, gateway: &str) -> Arriving {
        Arriving {
            settings,
            gateway: gateway.to_owned(),
            generation: 0,
            partials: Reassembly::new(PARTIALS_MAX, PARTS_WITHIN),
            ready: Vec::new(),
            handed_over: BTreeMap::new(),
            repeated: VecDeque::new(),
        }
    }

    /// A new connection: parts that wait will come again, and so may what was not answered.
    pub(super) fn begin(&mut self) -> u64 {
        self.generation += 1;
        self.partials = Reassembly::new(PARTIALS_MAX, PARTS_WITHIN);
        self.ready.clear();
        self.repeated.extend(std::mem::take(&mut self.handed_over).into_values());
        while self.repeated.len() > REMEMBERED_MAX {
            self.repeated.pop_front();
        }
        self.generation
    }

    /// Takes one delivery in. `true`: the engine has it already, it may be answered at once.
    pub(super) fn take(&mut self, id: DeliveryId, delivery: Delivery, now: Duration) -> bool {
        let print = fingerprint(&delivery);
        if let Some(place) = self.repeated.iter().position(|known| *known == print) {
            self.repeated.remove(place);
            return true;
        }
        self.handed_over.insert(id, print);
        if let Some(receipt) = SmppReceipt::read(&delivery, self.settings.id_base()) {
            self.ready.push((GatewayOf::Receipt(Box::new(receipt)), vec![id]));
            return false;
        }
        let inbound = wayline_smpp::Inbound::read(&delivery);
        for joined in self.partials.add(inbound, id, now) {
            self.joined(joined);
        }
        false
    }

    /// Texts that have waited for their parts too long go as they are.
    pub(super) fn expire(&mut self, now: Duration) {
        for joined in self.partials.expire(now) {
            tracing::warn!(
                gateway = %self.gateway, missing = ?joined.missing,
                "parts of a text from a person did not come; it is taken without them"
            );
            self.joined(joined);
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Duration> {
        self.partials.next_timeout()
    }

    fn joined(&mut self, joined: Joined<DeliveryId>) {
        let text = self.decoded(&joined);
        let from = number(&joined.from.number);
        let to = joined.to.number.clone();
        self.ready.push((GatewayOf::Text { from, to, text }, joined.tags));
    }

    fn decoded(&self, joined: &Joined<DeliveryId>) -> String {
        let usual = match self.settings.default_alphabet {
            DefaultAlphabet::Gsm7 => Alphabet::Gsm7,
            DefaultAlphabet::Latin1 => Alphabet::Latin1,
        };
        let decode = |(data_coding, bytes): (u8, bytes::Bytes)| match Coding::of(data_coding) {
            Coding::Default => text::decode(&bytes, usual),
            Coding::Ascii | Coding::Latin1 => text::decode(&bytes, Alphabet::Latin1),
            Coding::Utf16 => text::decode(&bytes, Alphabet::Utf16),
            // Nothing that could be read.
            _ => String::new(),
        };
        joined.runs().into_iter().map(decode).collect()
    }

    /// Gives the engine what is ready; its answer to the carrier comes when that is durable.
    pub(super) fn hand_over(
        &mut self,
        heard: &Heard,
        generation: u64,
        own: &mpsc::WeakUnboundedSender<Ask>,
    ) {
        if self.ready.is_empty() {
            return;
        }
        let now = heard.now();
        let (mut events, mut ids) = (Vec::with_capacity(self.ready.len()), Vec::new());
        for (what, of) in std::mem::take(&mut self.ready) {
            events.push(self.event(what, now));
            ids.extend(of);
        }
        let own = own.clone();
        let taken = Taken::new(move || {
            // The connection has ended for good: the carrier tells it to the next one.
            if let Some(own) = own.upgrade() {
                let _ = own.send(Ask::Taken(generation, ids));
            }
        });
        heard.tell(events, taken);
    }

    /// The carrier was told that these are taken.
    pub(super) fn told(&mut self, ids: &[DeliveryId]) {
        for id in ids {
            self.handed_over.remove(id);
        }
    }

    fn event(&self, what: GatewayOf, at: Timestamp) -> GatewayEvent {
        match what {
            GatewayOf::Receipt(receipt) => GatewayEvent::Receipt(self.receipt(*receipt, at)),
            GatewayOf::Text { from, to, text } => GatewayEvent::Inbound(Inbound {
                destination: Destination::Sender { gateway: self.gateway.clone(), number: to },
                id: None,
                from,
                text,
                media: Vec::new(),
                at,
            }),
        }
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

/// A person's number as we write numbers; what is none stays as it is.
fn number(written: &str) -> String {
    let digits = written.strip_prefix('+').unwrap_or(written);
    let digits = digits.strip_prefix("00").unwrap_or(digits);
    let is_number = digits.len() >= 7 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { format!("+{digits}") } else { written.to_owned() }
}

/// What a delivery says, whatever number it is given on the connection.
fn fingerprint(delivery: &Delivery) -> u64 {
    stable_hash(&[
        delivery.source.number.as_bytes(),
        delivery.destination.number.as_bytes(),
        &[delivery.esm_class, delivery.data_coding],
        &delivery.text,
    ])
}
