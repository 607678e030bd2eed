//! A gateway that speaks SMPP 3.4: one or more connections to one account.
//!
//! Must never submit a message a second time: what a connection lost is `unknown`.

mod arriving;
mod bind;
mod flight;
mod outgoing;
pub(crate) mod settings;

use super::events::Events;
use super::latency::Latencies;
use super::{Classes, Link, Status};
use crate::run::Stopwatch;
use arriving::Arriving;
use bind::{Ask, BLIP, Bind, State, Task};
use flight::{Attempt, Came, Cargo};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all, ready};
use settings::{Binds, SmppSettings};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use wayline_core::carrier::{CarrierError, ErrorClass};
use wayline_core::event::SubmitOutcome;
use wayline_core::message::Message;
use wayline_core::policy::settings::Sender;
use wayline_core::time::Timestamp;
use wayline_pipeline::gateway::{Gateway, GatewayEvent};
use wayline_smpp::{BadConfig, BindMode, canonical};

/// The gateway.
pub(crate) struct SmppGateway {
    settings: Arc<SmppSettings>,
    binds: Vec<Bind>,
    classes: Classes,
    latencies: Latencies,
    /// Which connection is asked first, so that all are used.
    turn: AtomicUsize,
}

/// What a gateway of this kind is made of.
pub(crate) struct Parts {
    pub(crate) key: String,
    pub(crate) settings: SmppSettings,
    pub(crate) password: String,
    pub(crate) classes: Classes,
    pub(crate) events: Events,
    /// Whether it may connect to private networks.
    pub(crate) private: bool,
}

impl SmppGateway {
    /// Opens its connections, which go on trying by themselves.
    ///
    /// # Errors
    /// Settings that no bind can carry.
    pub(crate) fn open(parts: Parts, runtime: &Handle) -> Result<SmppGateway, BadConfig> {
        let settings = Arc::new(parts.settings);
        let senders = usize::from(settings.connections);
        let mut modes = match settings.binds {
            Binds::Transceiver => vec![BindMode::Transceiver; senders],
            Binds::TransmitterReceiver => vec![BindMode::Transmitter; senders],
        };
        if settings.binds == Binds::TransmitterReceiver {
            modes.push(BindMode::Receiver);
        }
        let mut binds = Vec::with_capacity(modes.len());
        for (place, mode) in modes.into_iter().enumerate() {
            let config = settings.config(mode, &parts.password)?;
            let (asks, inbox) = mpsc::unbounded_channel();
            let state = Arc::new(State::default());
            let task = Task {
                settings: Arc::clone(&settings),
                window: config.window,
                config,
                asks: inbox,
                own: asks.downgrade(),
                state: Arc::clone(&state),
                arriving: Arriving::new(Arc::clone(&settings), &parts.key, place),
                heard: parts.events.clone(),
                classes: parts.classes.clone(),
                private: parts.private,
            };
            let window = task.window;
            runtime.spawn(task.run());
            binds.push(Bind { mode, window, asks, state });
        }
        let (classes, turn) = (parts.classes, AtomicUsize::new(0));
        Ok(SmppGateway { settings, binds, classes, latencies: Latencies::default(), turn })
    }

    fn sending(&self) -> impl Iterator<Item = &Bind> {
        self.binds.iter().filter(|bind| bind.mode != BindMode::Receiver)
    }

    /// The connection with most room, each in turn among equals.
    fn best(&self) -> Option<&Bind> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = self.binds.len();
        let in_turn = (0..count).filter_map(|place| self.binds.get((turn + place) % count));
        in_turn
            .filter(|bind| bind.mode != BindMode::Receiver && bind.is_bound())
            .reduce(|best, bind| if bind.room() > best.room() { bind } else { best })
    }
}

/// What came of a message, and what that means at this gateway.
fn outcome(classes: &Classes, came: Came) -> SubmitOutcome {
    match came {
        Came::Accepted(id) => {
            let gateway_ref = canonical(&id.unwrap_or_default());
            SubmitOutcome::Accepted { gateway_ref }
        }
        Came::Refused(status) => {
            let code = format!("0x{:02X}", status.0);
            let class = classes.of("smpp", &code).unwrap_or(ErrorClass::BadRequest);
            let text = status.name().unwrap_or("unknown status").to_owned();
            let error = CarrierError { class, code, text };
            SubmitOutcome::Rejected { error, retry_after: None }
        }
        Came::Broken { part, of, status } => SubmitOutcome::Refused {
            error: format!("part {part} of {of} was refused ({status}) after others were taken"),
        },
        Came::NotSent => not_sent("the connection closed before it was handed over"),
        Came::Lost => SubmitOutcome::Unknown,
    }
}

/// It surely did not go: again, later.
fn not_sent(why: &str) -> SubmitOutcome {
    let (class, code, text) = (ErrorClass::Retry, String::new(), why.to_owned());
    SubmitOutcome::Rejected { error: CarrierError { class, code, text }, retry_after: None }
}

impl Gateway for SmppGateway {
    fn submit<'a>(&'a self, message: &'a Message, now: Timestamp) -> BoxFuture<'a, SubmitOutcome> {
        self.submit_from(message, None, now)
    }

    fn submit_from<'a>(
        &'a self,
        message: &'a Message,
        from: Option<&'a Sender>,
        _now: Timestamp,
    ) -> BoxFuture<'a, SubmitOutcome> {
        let submits = match outgoing::submits(&self.settings, message, from) {
            Ok(submits) => submits,
            Err(error) => {
                let outcome = SubmitOutcome::Rejected { error, retry_after: None };
                return ready(outcome).boxed();
            }
        };
        let Some(bind) = self.best() else {
            return ready(not_sent("the gateway is not connected")).boxed();
        };
        let (reply, came) = oneshot::channel();
        let parts = submits.len();
        let (run, number) = (message.run, message.attempts);
        let of = Attempt { message: message.id, run, number };
        bind.state.open.fetch_add(parts, Ordering::AcqRel);
        let asked = bind.asks.send(Ask::Submit(Cargo { of, parts: submits, reply }));
        if asked.is_err() {
            bind.state.open.fetch_sub(parts, Ordering::AcqRel);
            return ready(not_sent("the gateway is closing")).boxed();
        }
        let took = Stopwatch::start();
        async move {
            // A connection that goes away without a word leaves the question open.
            let came = came.await.unwrap_or(Came::Lost);
            if !matches!(came, Came::Lost | Came::NotSent) {
                self.latencies.add(took.elapsed());
            }
            outcome(&self.classes, came)
        }
        .boxed()
    }

    fn poll(&self, _now: Timestamp) -> Vec<GatewayEvent> {
        Vec::new()
    }

    fn next_event(&self) -> Option<Timestamp> {
        None
    }

    fn room(&self) -> usize {
        self.sending().filter(|bind| bind.is_bound()).map(Bind::room).sum()
    }

    fn is_up(&self) -> bool {
        self.sending().any(|bind| bind.is_bound() || bind.state.down_for() < BLIP)
    }
}

impl Link for SmppGateway {
    fn status(&self) -> Status {
        let bound = self.binds.iter().filter(|bind| bind.is_bound()).count();
        let states: Vec<bind::BindStatus> =
            self.binds.iter().map(|bind| bind.state.status().clone()).collect();
        Status {
            is_up: self.is_up(),
            connections: self.binds.len(),
            connections_up: bound,
            window: self.sending().map(|bind| bind.window).sum(),
            in_flight: self.sending().map(|bind| bind.state.open.load(Ordering::Acquire)).sum(),
            latency: self.latencies.percentiles(),
            last_up_at: states.iter().filter_map(|state| state.bound_at).max(),
            next_try_at: states.iter().filter_map(|state| state.next_try_at).min(),
            last_problem: states.iter().find_map(|state| state.last_end.clone()),
            peer: states.into_iter().map(|state| state.system_id).find(|id| !id.is_empty()),
        }
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        let status = self.status();
        let checked = if status.connections_up == status.connections {
            let peer = status.peer.unwrap_or_default();
            Ok(format!(
                "{} of {} connections are bound to {peer:?}",
                status.connections_up, status.connections
            ))
        } else {
            let why = status.last_problem.unwrap_or_else(|| "it is connecting".to_owned());
            Err(format!(
                "{} of {} connections are bound: {why}",
                status.connections_up, status.connections
            ))
        };
        ready(checked).boxed()
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        let mut ends = Vec::with_capacity(self.binds.len());
        for bind in &self.binds {
            let _ = bind.asks.send(Ask::Unbind);
            let asks = bind.asks.clone();
            ends.push(async move { asks.closed().await });
        }
        join_all(ends).map(|_| ()).boxed()
    }
}
