//! What carriers tell, on its way to the engine, and the word back that it is durable.
//!
//! Must never say that anything is durable before the engine has committed it: carriers forget what they are told is
//! taken.

use crate::live::Outcome;
use crate::run::Clock;
use std::sync::Arc;
use tokio::sync::mpsc;
use wayline_core::time::Timestamp;
use wayline_pipeline::gateway::GatewayEvent;

/// Says to a carrier that what it told is durable. Dropped unsaid, the carrier tells it again.
pub(crate) struct Taken(Option<Box<dyn FnOnce() + Send>>);

impl Taken {
    /// Who is to be told, and how.
    pub(crate) fn new(tell: impl FnOnce() + Send + 'static) -> Taken {
        Taken(Some(Box::new(tell)))
    }

    /// Tells it.
    pub(crate) fn say(mut self) {
        if let Some(tell) = self.0.take() {
            tell();
        }
    }
}

/// The way from one gateway to the engine.
#[derive(Clone)]
pub(crate) struct Events {
    gateway: Arc<str>,
    outcomes: mpsc::UnboundedSender<Outcome>,
    clock: Arc<Clock>,
}

impl Events {
    pub(crate) fn new(
        gateway: &str,
        outcomes: mpsc::UnboundedSender<Outcome>,
        clock: Arc<Clock>,
    ) -> Events {
        Events { gateway: gateway.into(), outcomes, clock }
    }

    /// Key of the gateway.
    pub(crate) fn gateway(&self) -> &str {
        &self.gateway
    }

    /// Now, by the program's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Hands events to the engine. What waits is bounded by whoever calls: carriers stop telling until they are
    /// answered.
    pub(crate) fn tell(&self, events: Vec<GatewayEvent>, taken: Taken) {
        // The engine has stopped: the carrier is not answered and tells it to the next run.
        let _ = self.outcomes.send(Outcome::Heard(events, taken));
    }

    /// Something changed that may let messages go: a connection came up or went down.
    pub(crate) fn wake(&self) {
        let _ = self.outcomes.send(Outcome::Changed);
    }
}
