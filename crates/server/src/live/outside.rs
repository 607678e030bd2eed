//! What leaves the program: messages to gateways, calls to webhooks. Each runs by itself and answers later.
//!
//! Must never submit anything that was not claimed, and must answer exactly once for whatever it was given.

use crate::gateway::Taken;
use crate::run;
use futures_util::FutureExt;
use serde_json::Value;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use wayline_core::evaluate::earliest;
use wayline_core::event::SubmitOutcome;
use wayline_core::limits;
use wayline_core::message::Message;
use wayline_core::policy::settings::Sender;
use wayline_core::time::Timestamp;
use wayline_pipeline::calls::Caller;
use wayline_pipeline::gateway::{Gateway, GatewayEvent, Gateways, LookedUp};
use wayline_store::batch::CallRow;

/// How long a gateway may take to answer; its message is `unknown` then.
const SUBMIT_TIME_MAX: Duration = Duration::from_secs(60);

/// What came back from outside.
pub(crate) enum Outcome {
    /// A gateway answered.
    Submitted(Box<Message>, SubmitOutcome),
    /// A webhook answered, or did not.
    Called(Box<CallRow>, Result<Value, String>),
    /// A carrier was asked for a message whose answer was lost.
    LookedUp(Box<Message>, LookedUp),
    /// A carrier told something; who says when it is durable.
    Heard(Vec<GatewayEvent>, Taken),
    /// Gateways came, went, or have room again: what waits for them may go.
    Changed,
}

/// Gateways and webhooks.
pub(crate) struct Outside {
    runtime: Handle,
    gateways: Arc<RwLock<Gateways>>,
    caller: Arc<dyn Caller>,
    outcomes: mpsc::UnboundedSender<Outcome>,
}

impl Outside {
    pub(crate) fn new(
        runtime: Handle,
        gateways: Arc<RwLock<Gateways>>,
        caller: Arc<dyn Caller>,
        outcomes: mpsc::UnboundedSender<Outcome>,
    ) -> Outside {
        Outside { runtime, gateways, caller, outcomes }
    }

    /// The gateways as they are now.
    pub(crate) fn gateways(&self) -> RwLockReadGuard<'_, Gateways> {
        self.gateways.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands messages to their gateways, from the senders given with them. Each submit has begun when this returns, so
    /// that nothing committed later (a STOP) comes before it; those a gateway answers at once are returned, the others
    /// answer for themselves.
    pub(crate) fn submit(
        &self,
        messages: Vec<(Message, Option<Sender>)>,
        now: Timestamp,
    ) -> Vec<(Message, SubmitOutcome)> {
        // Connections that a submit opens belong to the runtime that goes on with it.
        let _context = self.runtime.enter();
        let mut answered = Vec::new();
        for (message, from) in messages {
            let gateway = self.gateways().get(&message.gateway).cloned();
            let mut under_way = submit(gateway, message, from, now).boxed();
            if let Some(answer) = (&mut under_way).now_or_never() {
                answered.push(answer);
                continue;
            }
            let outcomes = self.outcomes.clone();
            self.runtime.spawn(async move {
                let (message, outcome) = under_way.await;
                // The engine has stopped: the next start makes it unknown.
                let _ = outcomes.send(Outcome::Submitted(Box::new(message), outcome));
            });
        }
        answered
    }

    /// Asks a message's gateway what became of it. Returns false, and answers nothing, when it cannot be asked.
    pub(crate) fn look_up(&self, message: Message, from: Option<Sender>) -> bool {
        let Some(gateway) = self.gateways().get(&message.gateway).cloned() else { return false };
        if gateway.look_up(&message, from.as_ref()).is_none() {
            return false;
        }
        let outcomes = self.outcomes.clone();
        self.runtime.spawn(async move {
            let answer = look_up(&*gateway, &message, from.as_ref()).await;
            // The engine has stopped: the next run asks again.
            let _ = outcomes.send(Outcome::LookedUp(Box::new(message), answer));
        });
        true
    }

    /// Calls a webhook.
    pub(crate) fn call(&self, call: CallRow, now: Timestamp) {
        let (caller, outcomes) = (Arc::clone(&self.caller), self.outcomes.clone());
        self.runtime.spawn(async move {
            let made = AssertUnwindSafe(caller.call(&call, now)).catch_unwind().await;
            let answer = made.unwrap_or_else(|_| Err("the call failed by a bug".to_owned()));
            let _ = outcomes.send(Outcome::Called(Box::new(call), answer));
        });
    }

    /// What has come from carriers by now.
    pub(crate) fn poll(&self, now: Timestamp) -> Vec<GatewayEvent> {
        self.gateways().iter().flat_map(|(_, it)| it.gateway.poll(now)).collect()
    }

    /// When there may be something to poll again.
    pub(crate) fn next_event(&self) -> Option<Timestamp> {
        let gateways = self.gateways();
        gateways.iter().fold(None, |next, (_, it)| earliest(next, it.gateway.next_event()))
    }
}

async fn look_up(gateway: &dyn Gateway, message: &Message, from: Option<&Sender>) -> LookedUp {
    let cannot = || LookedUp::Failed("it cannot be asked for this message".to_owned());
    let Some(asked) = gateway.look_up(message, from) else { return cannot() };
    match run::within(SUBMIT_TIME_MAX, AssertUnwindSafe(asked).catch_unwind()).await {
        Some(Ok(answer)) => answer,
        Some(Err(_)) => LookedUp::Failed("the gateway failed by a bug".to_owned()),
        None => LookedUp::Failed("it does not answer".to_owned()),
    }
}

async fn submit(
    gateway: Option<Arc<dyn Gateway>>,
    message: Message,
    from: Option<Sender>,
    now: Timestamp,
) -> (Message, SubmitOutcome) {
    let outcome = match gateway {
        Some(gateway) => {
            // A gateway that fails or never answers: nobody knows whether the message went.
            let submit = gateway.submit_from(&message, from.as_ref(), now);
            let submit = AssertUnwindSafe(submit).catch_unwind();
            match run::within(SUBMIT_TIME_MAX, submit).await {
                Some(Ok(outcome)) => outcome,
                Some(Err(_)) => {
                    tracing::error!(gateway = %message.gateway, message = %message.id, "a gateway failed by a bug");
                    SubmitOutcome::Unknown
                }
                None => SubmitOutcome::Unknown,
            }
        }
        None => SubmitOutcome::Retry { after: limits::NO_GATEWAY_WAIT, throttled: false },
    };
    let kind = match outcome {
        SubmitOutcome::Accepted { .. } => "accepted",
        SubmitOutcome::Refused { .. } => "refused",
        SubmitOutcome::Retry { .. } => "retry",
        SubmitOutcome::Rejected { .. } => "rejected",
        SubmitOutcome::Unknown => "unknown",
    };
    metrics::counter!("wayline_submits_total", "outcome" => kind).increment(1);
    (message, outcome)
}
