//! What comes from a carrier over SMPP: receipts, and texts of people joined from their parts.
//!
//! Must never answer for a delivery by itself, other than one that the engine has made durable and whose answer got lost
//! with the connection.

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
    /// What each delivery says that the engine does not have yet.
    taken: BTreeMap<DeliveryId, u64>,
    /// What the engine has and the carrier may not know of: the deliveries, by id, and by what they say.
    handed_over: BTreeMap<DeliveryId, u64>,
    /// What the engine got over connections that broke, and the carrier will tell again.
    repeated: VecDeque<Repeated>,
}

/// A delivery that the engine got over a connection that broke before the carrier was answered.
struct Repeated {
    generation: u64,
    id: DeliveryId,
    print: u64,
    /// Whether the engine has said that it is durable.
    is_durable: bool,
    /// The delivery in which it came again, over the connection there is now.
    again: Option<DeliveryId>,
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
            taken: BTreeMap::new(),
            handed_over: BTreeMap::new(),
            repeated: VecDeque::new(),
        }
    }

    /// Which connection there is, or will be next.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// The connection has ended: parts that wait will come again, and so may what was not answered.
    pub(super) fn ended(&mut self) {
        let generation = self.generation;
        self.generation += 1;
        self.partials = Reassembly::new(PARTIALS_MAX, PARTS_WITHIN);
        self.ready.clear();
        self.taken.clear();
        self.repeated.iter_mut().for_each(|known| known.again = None);
        let open = std::mem::take(&mut self.handed_over).into_iter();
        self.repeated.extend(open.map(|(id, print)| Repeated {
            generation,
            id,
            print,
            is_durable: false,
            again: None,
        }));
        while self.repeated.len() > REMEMBERED_MAX {
            self.repeated.pop_front();
        }
    }

    /// Takes one delivery in. `true`: it came before and is durable, it may be answered at once.
    pub(super) fn take(&mut self, id: DeliveryId, delivery: Delivery, now: Duration) -> bool {
        let print = fingerprint(&delivery);
        let known = self.repeated.iter_mut().find(|it| it.print == print && it.again.is_none());
        if let Some(known) = known {
            known.again = Some(id);
            let is_durable = known.is_durable;
            self.repeated.retain(|known| !(known.is_durable && known.again.is_some()));
            return is_durable;
        }
        self.taken.insert(id, print);
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

    /// These are durable. Returns those the carrier can be told so now: what came over a connection that is no more
    /// it hears when it tells it again.
    pub(super) fn durable(&mut self, generation: u64, ids: Vec<DeliveryId>) -> Vec<DeliveryId> {
        if generation == self.generation {
            for id in &ids {
                self.handed_over.remove(id);
            }
            return ids;
        }
        let mut again = Vec::new();
        for known in &mut self.repeated {
            if known.generation == generation && ids.contains(&known.id) {
                known.is_durable = true;
                again.extend(known.again);
            }
        }
        self.repeated.retain(|known| !(known.is_durable && known.again.is_some()));
        again
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
            for id in &of {
                self.handed_over.extend(self.taken.remove(id).map(|print| (*id, print)));
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::Outcome;
    use crate::run::Clock;
    use serde_json::json;
    use wayline_smpp::{Address, Tlvs};

    struct Desk {
        arriving: Arriving,
        heard: Heard,
        told: mpsc::UnboundedReceiver<Outcome>,
        asks: mpsc::UnboundedSender<Ask>,
        inbox: mpsc::UnboundedReceiver<Ask>,
    }

    impl Desk {
        fn new() -> Desk {
            let settings = json!({ "host": "h", "system_id": "s" });
            let settings = Arc::new(serde_json::from_value(settings).unwrap());
            let (outcomes, told) = mpsc::unbounded_channel();
            let (asks, inbox) = mpsc::unbounded_channel();
            let heard = Events::new("g", outcomes, Arc::new(Clock::start(1, None)));
            Desk { arriving: Arriving::new(settings, "g"), heard, told, asks, inbox }
        }

        /// Takes a delivery; whether it is answered at once.
        fn take(&mut self, id: u64, delivery: &Delivery) -> bool {
            let at_once = self.arriving.take(id.into(), delivery.clone(), Duration::ZERO);
            let generation = self.arriving.generation();
            self.arriving.hand_over(&self.heard, generation, &self.asks.downgrade());
            at_once
        }

        /// What the engine has been told, and the way to say that it is durable.
        fn engine(&mut self) -> Option<(Vec<GatewayEvent>, Taken)> {
            match self.told.try_recv().ok()? {
                Outcome::Heard(events, taken) => Some((events, taken)),
                _ => None,
            }
        }

        /// What the carrier is answered after the engine has spoken.
        fn answered(&mut self) -> Vec<DeliveryId> {
            match self.inbox.try_recv().unwrap() {
                Ask::Taken(of, ids) => self.arriving.durable(of, ids),
                _ => Vec::new(),
            }
        }
    }

    fn delivery(esm_class: u8, text: &[u8]) -> Delivery {
        Delivery {
            service_type: String::new(),
            source: Address::new(1, 1, "491701234567"),
            destination: Address::new(0, 0, "12345"),
            esm_class,
            protocol_id: 0,
            priority: 0,
            data_coding: 0,
            text: bytes::Bytes::copy_from_slice(text),
            tlvs: Tlvs::default(),
        }
    }

    #[test]
    fn a_part_that_waited_when_the_connection_broke_is_taken_when_it_comes_again() {
        let mut desk = Desk::new();
        let first = delivery(0x40, &[5, 0, 3, 7, 2, 1, b'a']);
        let second = delivery(0x40, &[5, 0, 3, 7, 2, 2, b'b']);
        assert!(!desk.take(0, &first));
        desk.arriving.ended();
        assert!(!desk.take(0, &first), "nobody has it, so nobody may answer for it");
        assert!(!desk.take(1, &second));
        let (events, _taken) = desk.engine().unwrap();
        let GatewayEvent::Inbound(text) = &events[0] else { panic!("{events:?}") };
        assert_eq!(text.text, "ab");
    }

    #[test]
    fn what_comes_again_is_answered_when_it_is_durable_and_taken_once() {
        let mut desk = Desk::new();
        let text = delivery(0, b"hello");
        assert!(!desk.take(4, &text));
        let (_, taken) = desk.engine().unwrap();
        desk.arriving.ended();
        assert!(!desk.take(0, &text), "the engine may still lose it");
        assert!(desk.engine().is_none(), "it is not taken twice");
        taken.say();
        assert_eq!(desk.answered(), [DeliveryId::from(0)]);
        // The same words once more are a text of their own.
        assert!(!desk.take(1, &text));
        assert!(desk.engine().is_some());
    }

    #[test]
    fn what_became_durable_between_two_connections_is_answered_at_once() {
        let mut desk = Desk::new();
        let text = delivery(0, b"hello");
        assert!(!desk.take(4, &text));
        let (_, taken) = desk.engine().unwrap();
        desk.arriving.ended();
        taken.say();
        assert!(desk.answered().is_empty());
        assert!(desk.take(0, &text));
    }
}
