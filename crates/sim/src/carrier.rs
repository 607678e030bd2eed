//! The carrier of a simulation: records every submit, loses answers, and lets people react.
//!
//! What it does to a message is a hash of the seed, the message and the attempt. Must never know what the
//! engine thinks about a message.

use crate::chronicle::{Came, Chronicle, Submit};
use crate::faults::Sabotage;
use crate::random::Random;
use crate::scenario::CarrierPlan;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wayline_core::event::{ReceiptStatus, SubmitOutcome};
use wayline_core::ids::{MessageId, stable_hash};
use wayline_core::message::Message;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::calls::Caller;
use wayline_pipeline::gateway::{Gateway, GatewayEvent, Inbound, Receipt};
use wayline_store::batch::CallRow;

/// What people and carrier send.
#[derive(Clone, Debug)]
pub enum Sent {
    /// A receipt or a text.
    Event(GatewayEvent),
    /// A click.
    Click(MessageId),
}

/// The carrier, the people behind it, and the web servers that are called.
pub struct Carrier {
    seed: u64,
    plan: CarrierPlan,
    sabotage: Option<Sabotage>,
    chronicle: Arc<Mutex<Chronicle>>,
    coming: Mutex<BTreeMap<(Timestamp, u64), Sent>>,
}

/// A lock that a dead thread cannot keep.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Carrier {
    /// A carrier that writes into a chronicle.
    #[must_use]
    pub fn new(
        seed: u64,
        plan: CarrierPlan,
        sabotage: Option<Sabotage>,
        chronicle: Arc<Mutex<Chronicle>>,
    ) -> Carrier {
        Carrier { seed, plan, sabotage, chronicle, coming: Mutex::default() }
    }

    /// What has come up to an instant, in order.
    #[must_use]
    pub fn take(&self, until: Timestamp) -> Vec<(Timestamp, Sent)> {
        let mut coming = lock(&self.coming);
        let later = coming.split_off(&(Timestamp(until.0 + 1), 0));
        std::mem::replace(&mut *coming, later).into_iter().map(|((at, _), it)| (at, it)).collect()
    }

    /// When the next thing comes.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        lock(&self.coming).keys().next().map(|(at, _)| *at)
    }

    /// Something will come.
    pub fn expect(&self, at: Timestamp, sent: Sent) {
        let mut coming = lock(&self.coming);
        let mut place = 1;
        while coming.contains_key(&(at, place)) {
            place += 1;
        }
        coming.insert((at, place), sent);
    }

    fn draws(&self, message: &Message) -> Random {
        let id = message.id.to_string();
        let seed = self.seed.to_le_bytes();
        Random::new(stable_hash(&[&seed, id.as_bytes(), &message.attempts.to_le_bytes()]))
    }

    fn decide(&self, message: &Message, now: Timestamp) -> SubmitOutcome {
        let mut draw = self.draws(message);
        let gateway_ref = format!("{}/{}", message.id, message.attempts);
        let plan = &self.plan;
        if draw.per_mille(plan.stray) {
            let status = ReceiptStatus::Delivered;
            self.receipt(message, "nobody", status, now + Span::minutes(1));
        }
        let (outcome, came) = if draw.per_mille(plan.timeout) {
            if draw.flip() {
                self.deliver(message, &gateway_ref, now, &mut draw);
            }
            (SubmitOutcome::Unknown, Came::Lost)
        } else if draw.per_mille(plan.throttle) {
            // A carrier that has long been busy would never let a text through that has five minutes.
            let is_short = message.text.contains(crate::compose::REPLY);
            let most = if is_short { Span::minutes(3) } else { Span::minutes(90) };
            let after = draw.span(Span::seconds(1), most);
            (SubmitOutcome::Retry { after, throttled: draw.flip() }, Came::Again)
        } else if draw.per_mille(plan.refuse) {
            (SubmitOutcome::Refused { error: "refused".to_owned() }, Came::Refused)
        } else {
            self.deliver(message, &gateway_ref, now, &mut draw);
            (SubmitOutcome::Accepted { gateway_ref }, Came::Taken)
        };
        self.record(message, now, came);
        outcome
    }

    fn record(&self, message: &Message, now: Timestamp, came: Came) {
        let mut chronicle = lock(&self.chronicle);
        let times = if self.sabotage == Some(Sabotage::SubmitTwice) { 2 } else { 1 };
        for _ in 0..times {
            let at = match self.sabotage {
                Some(Sabotage::SubmitAtNight) => now + Span::hours(11),
                Some(Sabotage::SubmitLate) => now + Span::days(2),
                _ => now,
            };
            let submit = Submit { message: message.clone(), at, came };
            chronicle.order += 1;
            chronicle.hash(format!("{} {} {at} {came:?}", message.id, message.attempts).as_bytes());
            let contact = message.contact;
            chronicle.tell(contact, || {
                format!(
                    "SUBMIT {} to {} at {at}: {came:?} {:?}",
                    message.id, message.to, message.text
                )
            });
            for (invariant, what) in crate::checks::at_submit(&chronicle, &submit) {
                chronicle.violate(invariant, Some(contact), what);
            }
            chronicle.submits.entry(contact).or_default().push(submit);
        }
    }

    /// It arrives, or does not, and whoever gets it reacts.
    fn deliver(&self, message: &Message, gateway_ref: &str, now: Timestamp, draw: &mut Random) {
        let plan = &self.plan;
        let early = draw.per_mille(plan.early);
        let after =
            if early { Span::ZERO } else { draw.span(Span::seconds(1), plan.receipt_after) };
        let at = now + after;
        let is_lost = draw.per_mille(plan.undelivered);
        let failures = [ReceiptStatus::Undelivered, ReceiptStatus::Expired, ReceiptStatus::Failed];
        let status = if is_lost { draw.one_of(failures) } else { ReceiptStatus::Delivered };
        if draw.per_mille(200) {
            self.receipt(message, gateway_ref, ReceiptStatus::Accepted, at);
        }
        self.receipt(message, gateway_ref, status, at);
        if draw.per_mille(plan.twice) {
            let other = draw.one_of([status, ReceiptStatus::Undelivered]);
            self.receipt(message, gateway_ref, other, at + draw.span(Span::ZERO, Span::hours(30)));
        }
        if is_lost {
            return;
        }
        let soon = at + draw.span(Span::ZERO, Span::hours(20));
        if draw.per_mille(plan.click) {
            self.expect(soon, Sent::Click(message.id));
        }
        if draw.per_mille(plan.reply) {
            let text = if draw.per_mille(plan.stop) {
                draw.one_of(["STOP", "stop.", "Unsubscribe", "STOP ALL"])
            } else {
                draw.one_of(["yes", "ok", "START", "Thanks!", "HELP", "JOIN", "J0WORD"])
            };
            self.text(message.workspace, &message.to, text, soon);
        }
    }

    /// Somebody texts.
    pub fn text(
        &self,
        workspace: wayline_core::ids::WorkspaceId,
        from: &str,
        text: &str,
        at: Timestamp,
    ) {
        let id = Some(format!("{}{from}{text}", at.0));
        let (from, text) = (from.to_owned(), text.to_owned());
        let inbound = Inbound::to_workspace(workspace, id, from, text, at);
        self.expect(at, Sent::Event(GatewayEvent::Inbound(inbound)));
    }

    fn receipt(&self, message: &Message, of: &str, status: ReceiptStatus, at: Timestamp) {
        // Some carriers repeat our own id, in all worlds alike.
        let repeats = self.seed.is_multiple_of(3) && of != "nobody";
        let receipt = Receipt {
            gateway: message.gateway.clone(),
            gateway_ref: of.to_owned(),
            message: repeats.then_some(message.id),
            other_refs: Vec::new(),
            to: None,
            error: None,
            status,
            at,
        };
        self.expect(at, Sent::Event(GatewayEvent::Receipt(receipt)));
    }
}

impl Gateway for Carrier {
    fn submit<'a>(
        &'a self,
        message: &'a Message,
        now: Timestamp,
    ) -> std::pin::Pin<Box<dyn Future<Output = SubmitOutcome> + Send + 'a>> {
        let outcome = self.decide(message, now);
        Box::pin(std::future::ready(outcome))
    }

    /// The simulation takes what comes by itself, to delay and to repeat it.
    fn poll(&self, _now: Timestamp) -> Vec<GatewayEvent> {
        Vec::new()
    }

    fn next_event(&self) -> Option<Timestamp> {
        self.next()
    }
}

impl Caller for Carrier {
    fn call<'a>(
        &'a self,
        call: &'a CallRow,
        _now: Timestamp,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<serde_json::Value, String>> + Send + 'a>>
    {
        let id = call.id.to_string();
        let mut draw =
            Random::new(stable_hash(&[b"call", &self.seed.to_le_bytes(), id.as_bytes()]));
        let answer = if draw.per_mille(self.plan.call_fails) {
            Err("the shop is closed".to_owned())
        } else {
            Ok(serde_json::json!({ "tier": draw.one_of(crate::compose::TIERS) }))
        };
        Box::pin(std::future::ready(answer))
    }
}
