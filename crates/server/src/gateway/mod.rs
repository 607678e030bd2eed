//! Connections to carriers as the live program runs them.
//!
//! ```text
//!  engine ── submit ──▶ SmppGateway · WebGateway ──▶ carrier
//!    ▲                        │ receipts, texts
//!    └── Outcome::Heard ◀─────┘ ── durable ──▶ the carrier is told that it is taken
//! ```
//! Must never decide what becomes of a message: a gateway says what the carrier said, the engine decides.

pub(crate) mod errors;
mod events;
pub(crate) mod http;
mod latency;
mod registry;
mod secrets;
mod smpp;
mod tls;
mod web;

pub(crate) use events::Taken;
pub(crate) use latency::Percentiles;
pub(crate) use registry::{Registry, RegistryError, Setup, Surroundings, key_of};
pub(crate) use secrets::{Safe, SecretError};

use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use wayline_core::carrier::ErrorClass;
use wayline_core::time::Timestamp;

/// How a gateway's connection stands.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    /// Whether messages wait for it rather than take another route.
    pub(crate) is_up: bool,
    /// Connections it keeps; 0: it opens them as needed.
    pub(crate) connections: usize,
    /// Those that are bound.
    pub(crate) connections_up: usize,
    /// Submits that may be unanswered at once.
    pub(crate) window: usize,
    /// Those that are.
    pub(crate) in_flight: usize,
    /// How long the last answers took.
    pub(crate) latency: Option<Percentiles>,
    /// When it last bound, or last took a message.
    pub(crate) last_up_at: Option<Timestamp>,
    /// When it is tried again.
    pub(crate) next_try_at: Option<Timestamp>,
    /// What last went wrong.
    pub(crate) last_problem: Option<String>,
    /// How the other side calls itself.
    pub(crate) peer: Option<String>,
}

/// A gateway as its operator sees it.
pub(crate) trait Link: Send + Sync {
    /// How it stands.
    fn status(&self) -> Status;

    /// Asks the other side, without sending anything to anybody. What it says, or what is wrong.
    fn check(&self) -> BoxFuture<'_, Result<String, String>>;

    /// Ends its connections in order; what is under way is still answered. They end whether or not anybody waits for
    /// what is returned, which resolves when they have.
    fn close(&self) -> BoxFuture<'static, ()>;
}

/// What codes mean at one gateway: its own view first, then the table's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Classes(pub(crate) BTreeMap<String, ErrorClass>);

impl Classes {
    /// The class of a code; `None`: nobody knows it.
    pub(crate) fn of(&self, kind: &str, code: &str) -> Option<ErrorClass> {
        errors::class(kind, code, &self.0)
    }
}
