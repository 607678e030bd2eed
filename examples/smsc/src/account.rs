//! One system_id: its binds, its rate, its counters and what waits for a receiver.
//!
//! Must never send: it says which connection does.

use crate::broken::Misbehaviour;
use crate::figures::{AccountFigures, BindFigures, Counters};
use crate::message::Delivery;
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

/// What a connection is asked to do from outside.
#[derive(Debug)]
pub(crate) enum Errand {
    /// Send this when it is due.
    Deliver(Instant, Delivery),
    /// Send this misbehaviour now.
    Misbehave(Misbehaviour),
    /// Cut the connection.
    Cut,
}

/// What a bind may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Transmitter,
    Receiver,
    Transceiver,
}

impl Kind {
    pub(crate) fn submits(self) -> bool {
        self != Self::Receiver
    }

    pub(crate) fn receives(self) -> bool {
        self != Self::Transmitter
    }

    fn name(self) -> &'static str {
        match self {
            Self::Transmitter => "transmitter",
            Self::Receiver => "receiver",
            Self::Transceiver => "transceiver",
        }
    }
}

/// One bind, as the account and `/control` see it.
#[derive(Debug)]
pub(crate) struct Bind {
    pub(crate) connection: u64,
    pub(crate) kind: Kind,
    pub(crate) errands: UnboundedSender<Errand>,
    pub(crate) in_flight: AtomicU64,
    pub(crate) in_flight_max: AtomicU64,
    pub(crate) unacknowledged: AtomicU64,
}

/// One system_id.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) counters: Counters,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    binds: Vec<std::sync::Arc<Bind>>,
    /// Whose turn it is among the receivers.
    turn: usize,
    waiting: Vec<(Instant, Delivery)>,
    in_flight_max: u64,
    bucket: Option<Bucket>,
    rate: Rate,
    /// Texts per number so far: the n-th text to a number has the n-th dice.
    texts: FxHashMap<u64, u64>,
}

/// A token bucket: one token per submit, filled evenly.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

/// Submits of this second and of the last whole one.
#[derive(Debug, Default)]
struct Rate {
    since: Option<Instant>,
    now: u64,
    before: u64,
}

impl Rate {
    fn turn(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let passed = now.saturating_duration_since(since).as_secs();
        if passed > 0 {
            self.before = if passed == 1 { self.now } else { 0 };
            self.now = 0;
            self.since = Some(since + std::time::Duration::from_secs(passed));
        }
    }
}

impl Account {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a submit and takes a token. False is "throttled".
    pub(crate) fn admit(&self, now: Instant, per_second: u32, burst: u32) -> bool {
        let mut inner = self.lock();
        inner.rate.turn(now);
        inner.rate.now += 1;
        if per_second == 0 {
            inner.bucket = None;
            return true;
        }
        let size = f64::from(if burst == 0 { per_second } else { burst });
        let bucket = inner.bucket.get_or_insert(Bucket { tokens: size, filled: now });
        let passed = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * f64::from(per_second)).min(size);
        bucket.filled = now;
        let admitted = bucket.tokens >= 1.0;
        if admitted {
            bucket.tokens -= 1.0;
        }
        admitted
    }

    /// Which text to this number it is, from 0.
    pub(crate) fn count(&self, number: u64) -> u64 {
        let mut inner = self.lock();
        let count = inner.texts.entry(number).or_default();
        *count += 1;
        *count - 1
    }

    /// Adds a bind, unless there are `max` already. Gives back what waited for a receiver.
    pub(crate) fn bind(
        &self,
        bind: std::sync::Arc<Bind>,
        max: u32,
    ) -> Option<Vec<(Instant, Delivery)>> {
        let mut inner = self.lock();
        if max != 0 && inner.binds.len() >= max as usize {
            return None;
        }
        let receives = bind.kind.receives();
        inner.binds.push(bind);
        Some(if receives { std::mem::take(&mut inner.waiting) } else { Vec::new() })
    }

    /// Removes a bind; what it still had goes to another receiver or waits for one.
    pub(crate) fn unbind(&self, connection: u64, left: Vec<(Instant, Delivery)>) {
        let mut inner = self.lock();
        if let Some(at) = inner.binds.iter().position(|bind| bind.connection == connection) {
            let bind = inner.binds.swap_remove(at);
            let seen = bind.in_flight_max.load(Ordering::Relaxed);
            inner.in_flight_max = inner.in_flight_max.max(seen);
        }
        drop(inner);
        for (due, delivery) in left {
            self.route(due, delivery, None);
        }
    }

    /// Hands a delivery to the next receiver. What is for connection `own` comes back.
    pub(crate) fn route(
        &self,
        due: Instant,
        delivery: Delivery,
        own: Option<u64>,
    ) -> Option<Delivery> {
        let mut inner = self.lock();
        let mut delivery = delivery;
        for _ in 0..inner.binds.len() {
            inner.turn = (inner.turn + 1) % inner.binds.len();
            let bind = &inner.binds[inner.turn];
            if !bind.kind.receives() {
                continue;
            }
            if Some(bind.connection) == own {
                return Some(delivery);
            }
            match bind.errands.send(Errand::Deliver(due, delivery)) {
                Ok(()) => return None,
                Err(back) => match back.0 {
                    Errand::Deliver(_, back) => delivery = back,
                    Errand::Misbehave(_) | Errand::Cut => return None,
                },
            }
        }
        inner.waiting.push((due, delivery));
        None
    }

    /// Whether somebody could receive now.
    pub(crate) fn has_receiver(&self) -> bool {
        self.lock().binds.iter().any(|bind| bind.kind.receives())
    }

    /// How it stands.
    pub(crate) fn read(&self, now: Instant) -> AccountFigures {
        let mut inner = self.lock();
        inner.rate.turn(now);
        let binds: Vec<BindFigures> = inner.binds.iter().map(|bind| bind.read()).collect();
        let busiest = binds.iter().map(|bind| bind.in_flight_max).max().unwrap_or(0);
        AccountFigures {
            figures: self.counters.read(),
            submits_last_second: inner.rate.before,
            in_flight_max: inner.in_flight_max.max(busiest),
            waiting: inner.waiting.len() as u64,
            binds,
        }
    }
}

impl Bind {
    fn read(&self) -> BindFigures {
        BindFigures {
            connection: self.connection,
            kind: self.kind.name(),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            in_flight_max: self.in_flight_max.load(Ordering::Relaxed),
            unacknowledged: self.unacknowledged.load(Ordering::Relaxed),
        }
    }
}
