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
use wayline_core::policy::settings::Sender;
use wayline_core::text::Alphabet;
use wayline_core::time::{Span, Timestamp};
use wayline_store::batch::GatewayStanding;

/// A configured connection to a carrier.
pub trait Gateway: Send + Sync {
    /// Hands a message over and says what came of it. A lost answer is [`SubmitOutcome::Unknown`].
    fn submit<'a>(&'a self, message: &'a Message, now: Timestamp) -> BoxFuture<'a, SubmitOutcome>;

    /// As [`Gateway::submit`], from this sender of the workspace: what the carrier is to show as where it comes from.
    fn submit_from<'a>(
        &'a self,
        message: &'a Message,
        from: Option<&'a Sender>,
        now: Timestamp,
    ) -> BoxFuture<'a, SubmitOutcome> {
        let _ = from;
        self.submit(message, now)
    }

    /// Whether it can be asked at all what became of a message whose answer was lost.
    fn looks_up(&self) -> bool {
        false
    }

    /// Asks the carrier what became of a message whose answer was lost, without sending anything. `None`: it cannot be
    /// asked for this one.
    fn look_up<'a>(
        &'a self,
        message: &'a Message,
        from: Option<&'a Sender>,
    ) -> Option<BoxFuture<'a, LookedUp>> {
        let _ = (message, from);
        None
    }

    /// What has come from the carrier up to now, in order. Each thing is told once.
    fn poll(&self, now: Timestamp) -> Vec<GatewayEvent>;

    /// When there may be something to poll again, as far as the gateway knows.
    fn next_event(&self) -> Option<Timestamp>;

    /// How many messages it can submit at once now, none of them waiting: the free places of its window.
    fn room(&self) -> usize {
        usize::MAX
    }

    /// Whether it is connected, or was until a moment ago. Messages for one that is not take another route.
    fn is_up(&self) -> bool {
        true
    }
}

/// What a carrier says when it is asked for a message whose answer was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookedUp {
    /// It has exactly one that can be it: the same number, sender and text, taken when ours was handed out.
    Found {
        /// The carrier's id of it.
        gateway_ref: String,
        /// What became of it; `None`: it is on its way.
        receipt: Option<(ReceiptStatus, Option<CarrierError>)>,
    },
    /// It has none, or several and nobody can tell which one. The message stays `unknown`.
    NotThere,
    /// It could not be asked, or its answer not be read: why.
    Failed(String),
}

impl LookedUp {
    /// How long before it was handed out a message may have been taken: carriers count whole seconds.
    const BEFORE: Span = Span::seconds(2);
    /// How long after it: a submit takes no longer.
    const AFTER: Span = Span::minutes(2);

    /// From when to when the carrier took the message, if it did; `None`: it was not handed out.
    #[must_use]
    pub fn taken_within(message: &Message) -> Option<(Timestamp, Timestamp)> {
        let at = message.handed_out_at?;
        Some((at - LookedUp::BEFORE, at + LookedUp::AFTER))
    }

    /// What it tells of a message; nothing, when it was not found.
    #[must_use]
    pub fn told(self, message: &Message, at: Timestamp) -> Option<GatewayEvent> {
        let LookedUp::Found { gateway_ref, receipt } = self else { return None };
        Some(GatewayEvent::Late(Box::new(LateAnswer {
            gateway: message.gateway.clone(),
            message: message.id,
            run: message.run,
            attempt: message.attempts,
            outcome: SubmitOutcome::Accepted { gateway_ref },
            looked_up: Some(receipt.unwrap_or((ReceiptStatus::Accepted, None))),
            at,
        })))
    }
}

/// Which workspaces may use a gateway of the operator's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shared {
    /// All.
    #[default]
    All,
    /// Those with these slugs.
    Only(Vec<String>),
}

impl Shared {
    pub(crate) fn includes(&self, slug: &str) -> bool {
        match self {
            Shared::All => true,
            Shared::Only(slugs) => slugs.iter().any(|it| it == slug),
        }
    }
}

/// A gateway and how it is used.
#[derive(Clone)]
pub struct Connection {
    /// The gateway.
    pub gateway: Arc<dyn Gateway>,
    /// Whether it is used.
    pub standing: GatewayStanding,
    /// By whom, when it is the operator's.
    pub shared: Shared,
    /// Parts a second it is given at most.
    pub parts_per_second: Option<f64>,
    /// Whether the rates of senders and campaigns bind what goes through it: not where nothing reaches a carrier.
    pub is_real: bool,
}

impl Connection {
    /// One that takes whatever it is given: for what reaches nobody.
    #[must_use]
    pub fn free(gateway: Arc<dyn Gateway>) -> Connection {
        Connection {
            gateway,
            standing: GatewayStanding::Active,
            shared: Shared::All,
            parts_per_second: None,
            is_real: false,
        }
    }
}

/// What comes from a carrier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GatewayEvent {
    /// What it says to a submit after all.
    Late(Box<LateAnswer>),
    /// What became of a message.
    Receipt(Receipt),
    /// A person wrote.
    Inbound(Inbound),
    /// As `Inbound`, by a carrier that gives texts no id; or a part of what they wrote.
    Delivery(Box<Delivery>),
    /// A connection that deliveries come over.
    Connection(ConnectionEvent),
}

impl GatewayEvent {
    /// When it happened, by the carrier's clock.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            GatewayEvent::Late(late) => late.at,
            GatewayEvent::Receipt(receipt) => receipt.at,
            GatewayEvent::Inbound(inbound) => inbound.at,
            GatewayEvent::Delivery(delivery) => delivery.inbound.at,
            // Nothing is decided by it.
            GatewayEvent::Connection(_) => Timestamp::MIN,
        }
    }
}

/// The answer to a submit, come after it was given up as lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateAnswer {
    /// Key of the gateway.
    pub gateway: String,
    /// Which message.
    pub message: MessageId,
    /// The run that handed it out.
    pub run: u64,
    /// In which attempt.
    pub attempt: u32,
    /// What it says.
    pub outcome: SubmitOutcome,
    /// What became of it, when this is no answer but was looked up. It is taken only while nothing else names the
    /// message, and nobody else has that id.
    #[serde(default)]
    pub looked_up: Option<(ReceiptStatus, Option<CarrierError>)>,
    /// When it came.
    pub at: Timestamp,
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

/// A text, or a part of one, as it was delivered by a carrier that gives texts no id, and tells again what it got no
/// answer to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Key of the gateway.
    pub gateway: String,
    /// The text; of a part without its words.
    pub inbound: Inbound,
    /// The connection it came over. Never the same for two, also of two runs.
    pub connection: u64,
    /// Which one of that connection.
    pub number: u64,
    /// When the connection began.
    pub since: Timestamp,
    /// What it says, as a number: the same when it is told again.
    pub print: u128,
    /// Which part of what.
    pub part: Option<Part>,
}

/// A part of a longer text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The same for all parts of a text, and for other texts of that person later.
    pub reference: u16,
    /// Whether the reference has 16 bits: 5 and 0005 are two texts.
    pub wide: bool,
    /// How many parts there are.
    pub total: u8,
    /// Which one this is, from 1.
    pub index: u8,
    /// How its bytes are read.
    pub alphabet: Alphabet,
    /// What it says. Not decoded, because phones cut characters in two.
    pub bytes: Vec<u8>,
}

/// What becomes of a connection that deliveries come over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectionEvent {
    /// The answers to these deliveries were written to it: the carrier does not tell them again.
    Answered {
        /// Key of the gateway.
        gateway: String,
        /// Which.
        connection: u64,
        /// By print and number.
        deliveries: Vec<(u128, u64)>,
    },
    /// It has ended: what was not answered may come again over another one.
    Ended {
        /// Key of the gateway.
        gateway: String,
        /// Which.
        connection: u64,
    },
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

impl Destination {
    /// The number, as the carrier writes it; empty: it is for a workspace.
    #[must_use]
    pub fn number(&self) -> &str {
        match self {
            Destination::Workspace(_) => "",
            Destination::Sender { number, .. } => number,
        }
    }
}

/// All configured gateways, by key: `workspace/id`, or the id alone for the operator's. A clone shares them until one of
/// the two is changed.
#[derive(Clone, Default)]
pub struct Gateways {
    by_key: Arc<BTreeMap<String, Connection>>,
}

impl Gateways {
    /// One gateway, for every id: the sandbox of replays and simulations.
    #[must_use]
    pub fn only(gateway: Arc<dyn Gateway>) -> Gateways {
        Gateways { by_key: Arc::new(BTreeMap::from([(String::new(), Connection::free(gateway))])) }
    }

    /// Adds a gateway that reaches nobody.
    #[must_use]
    pub fn with(mut self, key: &str, gateway: Arc<dyn Gateway>) -> Gateways {
        self.set(key, Connection::free(gateway));
        self
    }

    /// Adds or replaces a gateway.
    pub fn set(&mut self, key: &str, connection: Connection) {
        Arc::make_mut(&mut self.by_key).insert(key.to_owned(), connection);
    }

    /// Takes a gateway away.
    pub fn remove(&mut self, key: &str) -> Option<Connection> {
        Arc::make_mut(&mut self.by_key).remove(key)
    }

    /// The gateway of that key, else the one that serves every id.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Arc<dyn Gateway>> {
        self.connection(key).map(|connection| &connection.gateway)
    }

    /// As [`Gateways::get`], with how it is used.
    #[must_use]
    pub fn connection(&self, key: &str) -> Option<&Connection> {
        self.by_key.get(key).or_else(|| self.by_key.get(""))
    }

    /// The key of the gateway that a workspace calls so: its own, else the operator's where it may use that, else
    /// the one that serves every id.
    #[must_use]
    pub fn key_for(&self, slug: &str, id: &str) -> Option<String> {
        let own = format!("{slug}/{id}");
        if self.by_key.contains_key(&own) {
            return Some(own);
        }
        match self.by_key.get(id) {
            Some(connection) if connection.shared.includes(slug) => Some(id.to_owned()),
            Some(_) => None,
            None => self.by_key.contains_key("").then(|| id.to_owned()),
        }
    }

    /// All of them, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Connection)> {
        self.by_key.iter()
    }
}
