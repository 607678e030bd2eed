//! What is counted, and what `GET /control` shows of it.
//!
//! Must never steer anything: a figure is written by the work and read by people and tests.

use crate::settings::Behaviour;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! figures {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// The counters of one system_id while it runs.
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: Counter),* }

        /// The counters at one moment.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct Figures { $($(#[$doc])* pub $name: u64),* }

        impl Counters {
            /// The counters as they are now.
            pub(crate) fn read(&self) -> Figures {
                Figures { $($name: self.$name.0.load(Ordering::Relaxed)),* }
            }
        }

        impl Figures {
            /// Adds the counters of another system_id.
            pub(crate) fn add(&mut self, other: &Self) { $(self.$name += other.$name;)* }
        }
    };
}

figures! {
    /// Submits of any outcome.
    submits,
    /// Submits that got an id (whether or not the response was sent).
    accepted,
    /// Responses sent, of any status.
    answered,
    /// Submits above the throughput: ESME_RTHROTTLED, HTTP 429.
    throttled,
    /// Submits above the window.
    above_window,
    /// Submits answered with ESME_RMSGQFUL, HTTP 503.
    queue_full,
    /// Submits refused for what they are: wrong state, no destination.
    refused,
    /// Submits never answered.
    lost,
    /// Submits after which the connection was cut.
    dropped,
    /// Of the lost and the dropped: how many went out all the same.
    lost_went,
    /// Receipts sent, duplicates and repeats included.
    receipts_sent,
    /// Receipts acknowledged.
    receipts_acknowledged,
    /// Receipts and texts answered with an error.
    deliveries_refused,
    /// Parts of texts of people sent.
    inbound_sent,
    /// Parts of texts of people acknowledged.
    inbound_acknowledged,
    /// Texts delivered to phones.
    delivered,
    /// Texts that did not reach their phone.
    undelivered,
    /// People who replied.
    replied,
    /// People who wrote STOP.
    stopped,
    /// PDUs that could not be read.
    malformed,
    /// Binds and requests refused for their credentials.
    logins_refused,
    /// Misbehaviours sent.
    misbehaved,
    /// Posts to callback and inbound URLs that failed or were refused.
    posts_failed,
}

/// One counter. Relaxed: figures are read beside the work, they order nothing.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// One bind at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct BindFigures {
    /// Number of the connection, from 1.
    pub connection: u64,
    /// `transmitter`, `receiver` or `transceiver`.
    pub kind: &'static str,
    /// Submits that wait for a response.
    pub in_flight: u64,
    /// The most that ever waited at once.
    pub in_flight_max: u64,
    /// Receipts and texts that wait for an acknowledgement.
    pub unacknowledged: u64,
}

/// One system_id (or HTTP account) at one moment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AccountFigures {
    /// What was counted.
    #[serde(flatten)]
    pub figures: Figures,
    /// Submits in the last whole second.
    pub submits_last_second: u64,
    /// The most submits that waited at once on one bind.
    pub in_flight_max: u64,
    /// Receipts and texts that wait for a receiver to bind.
    pub waiting: u64,
    /// Binds now.
    pub binds: Vec<BindFigures>,
}

/// All that `GET /control` shows.
#[derive(Clone, Debug, Serialize)]
pub struct State {
    /// The seed of every decision.
    pub seed: u64,
    /// Open SMPP connections, bound or not.
    pub connections: u64,
    /// Sum over every system_id.
    pub total: Figures,
    /// Submits in the last whole second.
    pub submits_last_second: u64,
    /// Binds now.
    pub binds: u64,
    /// Each system_id and HTTP account.
    pub accounts: BTreeMap<String, AccountFigures>,
    /// The settings in force.
    pub settings: Behaviour,
}
