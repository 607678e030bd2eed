//! The sandbox gateway: a carrier that exists only here, with settable delay, failure and receipts.
//!
//! What it does to a message is a hash of its seed, the message and the attempt: the same every time. Must
//! never reach anything outside the process.

use crate::gateway::{Gateway, GatewayEvent, Receipt};
use futures_util::future::{BoxFuture, FutureExt, ready};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use wayline_core::event::{ReceiptStatus, SubmitOutcome};
use wayline_core::ids::stable_hash;
use wayline_core::message::Message;
use wayline_core::time::{Span, Timestamp};

/// How the sandbox behaves. Shares are in 0..=1; they are tried in the order they stand here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Behaviour {
    /// Answers that are lost: the message may have gone or not.
    pub timeout: f64,
    /// Submits that are asked to come again later.
    pub throttle: f64,
    /// How much later.
    pub throttle_for: Span,
    /// Submits that are refused for good.
    pub refuse: f64,
    /// Accepted messages that do not arrive.
    pub undelivered: f64,
    /// Receipts come between so long and so long after the submit; `None`: no receipts.
    pub receipt_after: Option<(Span, Span)>,
}

impl Default for Behaviour {
    /// Takes everything and delivers at once.
    fn default() -> Self {
        Behaviour {
            timeout: 0.0,
            throttle: 0.0,
            throttle_for: Span::seconds(1),
            refuse: 0.0,
            undelivered: 0.0,
            receipt_after: Some((Span::ZERO, Span::ZERO)),
        }
    }
}

/// The sandbox.
pub struct Sandbox {
    id: String,
    seed: u64,
    behaviour: Behaviour,
    coming: Mutex<Coming>,
}

/// Receipts on their way.
#[derive(Default)]
struct Coming {
    by_time: BTreeMap<(Timestamp, u64), GatewayEvent>,
    /// How many there ever were: orders those of one instant.
    count: u64,
}

impl Sandbox {
    /// A sandbox under a gateway id.
    #[must_use]
    pub fn new(id: &str, seed: u64, behaviour: Behaviour) -> Sandbox {
        Sandbox { id: id.to_owned(), seed, behaviour, coming: Mutex::default() }
    }

    /// A draw in [0, 1) for one attempt of a message.
    fn draw(&self, what: &str, message: &Message) -> f64 {
        let hash = stable_hash(&[
            what.as_bytes(),
            &self.seed.to_le_bytes(),
            message.id.to_string().as_bytes(),
            &message.attempts.to_le_bytes(),
        ]);
        (hash >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// What it says to a message, and the receipt that will come of it; asked again, it says the same.
    #[must_use]
    pub fn answer(&self, message: &Message, now: Timestamp) -> (SubmitOutcome, Option<Receipt>) {
        let behaviour = &self.behaviour;
        let gateway_ref = format!("{}:{}:{}", self.id, message.id, message.attempts);
        let trouble = behaviour.timeout + behaviour.throttle + behaviour.refuse;
        let mut place = if trouble > 0.0 { self.draw("outcome", message) } else { 0.0 };
        let mut falls_into = |share: f64| {
            let inside = place < share;
            place -= share;
            inside
        };
        if falls_into(behaviour.timeout) {
            // Every second lost answer stands for a message that did go.
            let went = self.draw("lost", message) < 0.5;
            let receipt = if went { self.receipt(message, gateway_ref, now) } else { None };
            return (SubmitOutcome::Unknown, receipt);
        }
        if falls_into(behaviour.throttle) {
            let after = behaviour.throttle_for;
            return (SubmitOutcome::Retry { after, throttled: true }, None);
        }
        if falls_into(behaviour.refuse) {
            let error = "refused by the sandbox".to_owned();
            return (SubmitOutcome::Refused { error }, None);
        }
        let receipt = self.receipt(message, gateway_ref.clone(), now);
        (SubmitOutcome::Accepted { gateway_ref }, receipt)
    }

    /// The receipt of a message that went. Draws only what can come out in more than one way.
    fn receipt(&self, message: &Message, gateway_ref: String, now: Timestamp) -> Option<Receipt> {
        let (from, to) = self.behaviour.receipt_after?;
        let lost = self.behaviour.undelivered;
        let status = if lost > 0.0 && self.draw("delivered", message) < lost {
            ReceiptStatus::Undelivered
        } else {
            ReceiptStatus::Delivered
        };
        let width = (to.0 - from.0).max(0);
        let place = if width > 0 { self.draw("receipt", message) } else { 0.0 };
        let at = now + from + Span((place * width as f64) as i64);
        let gateway = message.gateway.clone();
        Some(Receipt {
            gateway,
            gateway_ref,
            other_refs: Vec::new(),
            to: Some(message.to.clone()),
            message: Some(message.id),
            status,
            error: None,
            at,
        })
    }

    /// A receipt is on its way.
    pub fn expect(&self, receipt: Receipt) {
        let mut coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        coming.count += 1;
        let key = (receipt.at, coming.count);
        coming.by_time.insert(key, GatewayEvent::Receipt(receipt));
    }
}

impl Gateway for Sandbox {
    fn submit<'a>(&'a self, message: &'a Message, now: Timestamp) -> BoxFuture<'a, SubmitOutcome> {
        let (outcome, receipt) = self.answer(message, now);
        receipt.into_iter().for_each(|receipt| self.expect(receipt));
        ready(outcome).boxed()
    }

    fn poll(&self, now: Timestamp) -> Vec<GatewayEvent> {
        let mut coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        let later = coming.by_time.split_off(&(Timestamp(now.0 + 1), 0));
        std::mem::replace(&mut coming.by_time, later).into_values().collect()
    }

    fn next_event(&self) -> Option<Timestamp> {
        let coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        coming.by_time.keys().next().map(|(at, _)| *at)
    }
}
