//! What a carrier connection looks like from here.
//!
//! Must never be asked to send anything that is not committed as `submitting`, and must never be asked twice
//! for the same attempt.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use wayline_core::carrier::CarrierError;
use wayline_core::event::{Media, ReceiptStatus, SubmitOutcome};
use wayline_core::ids::{MessageId, WorkspaceId};
use wayline_core::message::Message;
use wayline_core::time::Timestamp;

/// A configured connection to a carrier.
pub trait Gateway: Send + Sync {
    /// Hands a message over and says what came of it. A lost answer is [`SubmitOutcome::Unknown`].
    fn submit<'a>(&'a self, message: &'a Message, now: Timestamp) -> BoxFuture<'a, SubmitOutcome>;

    /// What has come from the carrier up to now, in order. Each thing is told once.
    fn poll(&self, now: Timestamp) -> Vec<GatewayEvent>;

    /// When there may be something to poll again, as far as the gateway knows.
    fn next_event(&self) -> Option<Timestamp>;
}

/// What comes from a carrier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GatewayEvent {
    /// What became of a message.
    Receipt(Receipt),
    /// A person wrote.
    Inbound(Inbound),
}

impl GatewayEvent {
    /// When it happened, by the carrier's clock.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            GatewayEvent::Receipt(receipt) => receipt.at,
            GatewayEvent::Inbound(inbound) => inbound.at,
        }
    }
}

/// What a carrier says became of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Gateway id.
    pub gateway: String,
    /// The gateway's own message id.
    pub gateway_ref: String,
    /// Other forms its id may have been given in when the message was taken: hexadecimal for decimal, and back.
    #[serde(default)]
    pub other_refs: Vec<String>,
    /// The number it went to, as the carrier writes it: tells messages apart whose ids look alike, and finds the
    /// one whose answer was lost.
    #[serde(default)]
    pub to: Option<String>,
    /// Our id of it, where the carrier gives that back: tells what became of a message whose answer was lost.
    #[serde(default)]
    pub message: Option<MessageId>,
    /// What became of it.
    pub status: ReceiptStatus,
    /// Why it did not arrive, where the carrier says so.
    #[serde(default)]
    pub error: Option<CarrierError>,
    /// When, by the carrier's clock.
    pub at: Timestamp,
}

/// A text from a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    /// Where it went.
    pub destination: Destination,
    /// The carrier's id of it, for telling repetitions; `None`: it gives none.
    pub id: Option<String>,
    /// E.164.
    pub from: String,
    /// The text.
    pub text: String,
    /// Pictures and the like, by reference.
    #[serde(default)]
    pub media: Vec<Media>,
    /// When, by the carrier's clock.
    pub at: Timestamp,
}

impl Inbound {
    /// A text that is known to be for a workspace: from the API, a simulation, a replay.
    #[must_use]
    pub fn to_workspace(
        workspace: WorkspaceId,
        id: Option<String>,
        from: String,
        text: String,
        at: Timestamp,
    ) -> Inbound {
        let destination = Destination::Workspace(workspace);
        Inbound { destination, id, from, text, media: Vec::new(), at }
    }
}

/// Where a text from a person went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Destination {
    /// To this workspace.
    Workspace(WorkspaceId),
    /// To a number of a gateway: whose sender it is, the settings of the workspaces tell.
    Sender {
        /// Gateway id.
        gateway: String,
        /// The number, short code or name, as the carrier writes it.
        number: String,
    },
}

/// All configured gateways, by id.
#[derive(Clone, Default)]
pub struct Gateways {
    by_id: BTreeMap<String, Arc<dyn Gateway>>,
}

impl Gateways {
    /// One gateway, for every id: the sandbox of replays and simulations.
    #[must_use]
    pub fn only(gateway: Arc<dyn Gateway>) -> Gateways {
        Gateways { by_id: BTreeMap::from([(String::new(), gateway)]) }
    }

    /// Adds a gateway.
    #[must_use]
    pub fn with(mut self, id: &str, gateway: Arc<dyn Gateway>) -> Gateways {
        self.by_id.insert(id.to_owned(), gateway);
        self
    }

    /// The gateway of that id, else the one that serves every id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<dyn Gateway>> {
        self.by_id.get(id).or_else(|| self.by_id.get(""))
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Gateway>> {
        self.by_id.values()
    }
}
