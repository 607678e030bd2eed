//! What happens to a contact: the inputs of the engine.
//!
//! An input carries everything its decision needs. Must never carry a clock's reading other than when the
//! thing happened; the instant of the decision is an argument of its own.

use crate::carrier::CarrierError;
use crate::consent::{Channel, ConsentState};
use crate::decision::Reason;
use crate::ids::MessageId;
use crate::message::Message;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Something that happened to one contact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// When it happened. Later than the decision's instant counts as that instant.
    pub at: Timestamp,
    /// What.
    pub kind: InputKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum InputKind {
    /// The business says who the person is. `null` removes an attribute.
    Identify {
        /// Attributes by name; `phone`, `email` also have places of their own.
        traits: Map<String, Value>,
    },
    /// The person did something.
    Track {
        /// Name of the event.
        event: String,
        /// A JSON object, or null.
        properties: Value,
    },
    /// Consent was given or revoked outside a conversation.
    Consent {
        /// Channel.
        channel: Channel,
        /// `None`: the channel as a whole.
        topic: Option<String>,
        /// The answer.
        state: ConsentState,
        /// Where it comes from (`import`, `web_form`, …).
        source: String,
    },
    /// The person wrote to us.
    Inbound {
        /// What.
        text: String,
        /// Pictures and the like that came with it, by reference.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        media: Vec<Media>,
        /// One of too many of a machine that answers ours: it is kept, and unless it is a revocation nothing follows.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        muted: bool,
        /// Who replies by itself, where the workspace does.
        #[serde(default, skip_serializing_if = "ReplyFrom::is_last")]
        reply_from: ReplyFrom,
    },
    /// A person clicked in a message.
    Clicked {
        /// Which.
        message: Box<Message>,
    },
    /// A carrier says what became of a message.
    Receipt {
        /// Which.
        message: Box<Message>,
        /// What became of it.
        status: ReceiptStatus,
        /// Why it did not arrive, where the carrier says so.
        #[serde(default)]
        error: Option<CarrierError>,
        /// The gateway's own id for the message: new where the answer that should have named it was lost.
        #[serde(default)]
        gateway_ref: Option<String>,
    },
    /// A queued message may be handed to its gateway.
    HandOut {
        /// Which.
        message: Box<Message>,
        /// Which run of the program does it.
        run: u64,
        /// What carries it.
        #[serde(default)]
        via: Via,
    },
    /// The gateway answered, or did not.
    Answered {
        /// Which.
        message: Box<Message>,
        /// The answer.
        outcome: SubmitOutcome,
    },
    /// A webhook answered, or did not.
    CallAnswered {
        /// Which.
        call: MessageId,
        /// The answer as JSON, or what went wrong.
        answer: Result<Value, String>,
    },
    /// Enter a journey by API or by hand.
    Enroll {
        /// Text id.
        journey: String,
        /// Entry key; empty: none.
        key: String,
        /// What an entry event would carry.
        properties: Value,
    },
    /// A schedule came round for this contact.
    Scheduled {
        /// Text id of the journey.
        journey: String,
    },
    /// Time passed.
    Timer,
}

impl InputKind {
    /// Whether it came from outside: it belongs into the contact's history.
    #[must_use]
    pub fn is_from_outside(&self) -> bool {
        match self {
            InputKind::Identify { .. }
            | InputKind::Track { .. }
            | InputKind::Consent { .. }
            | InputKind::Inbound { .. }
            | InputKind::Clicked { .. }
            | InputKind::Enroll { .. } => true,
            InputKind::Receipt { .. }
            | InputKind::HandOut { .. }
            | InputKind::Answered { .. }
            | InputKind::CallAnswered { .. }
            | InputKind::Scheduled { .. }
            | InputKind::Timer => false,
        }
    }

    /// The message it is about.
    #[must_use]
    pub fn message_mut(&mut self) -> Option<&mut Message> {
        match self {
            InputKind::Clicked { message }
            | InputKind::Receipt { message, .. }
            | InputKind::HandOut { message, .. }
            | InputKind::Answered { message, .. } => Some(message),
            _ => None,
        }
    }

    /// Its name in the history.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            InputKind::Identify { .. } => "identify",
            InputKind::Track { .. } => "track",
            InputKind::Consent { .. } => "consent",
            InputKind::Inbound { .. } => "inbound",
            InputKind::Clicked { .. } => "click",
            InputKind::Receipt { .. } => "receipt",
            InputKind::HandOut { .. } => "hand_out",
            InputKind::Answered { .. } => "answered",
            InputKind::CallAnswered { .. } => "call_answered",
            InputKind::Enroll { .. } => "enroll",
            InputKind::Scheduled { .. } => "scheduled",
            InputKind::Timer => "timer",
        }
    }
}

/// Something that came with a text, kept where the carrier keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// Where it is.
    pub url: String,
    /// What it is, as a media type; empty: the carrier does not say.
    #[serde(default)]
    pub content_type: String,
}

/// Who replies to a text by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyFrom {
    /// The sender that the person's last message was to come from; the workspace's first, if there was none.
    #[default]
    Last,
    /// The sender of this id: the person wrote to it.
    Sender(String),
    /// Nobody: another contact with this number gets the reply.
    Nobody,
}

impl ReplyFrom {
    /// Whether it is the default, which is left out where inputs are kept.
    #[must_use]
    pub fn is_last(&self) -> bool {
        *self == ReplyFrom::Last
    }
}

/// What carries a message that is handed out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// The gateway its sender names.
    #[default]
    Sender,
    /// This gateway, from this sender: a route chose them.
    Route {
        /// Key of the gateway.
        gateway: String,
        /// Sender id.
        sender: String,
    },
    /// Nothing now: what should carry it is not configured, or its allowance is used up.
    Later {
        /// When it may be claimed again.
        until: Timestamp,
        /// Why.
        reason: Reason,
    },
    /// Nothing: no route takes it.
    Nothing,
}

/// What a carrier says became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptStatus {
    /// On its way. Also tells that an `unknown` submit did arrive.
    Accepted,
    /// On the handset.
    Delivered,
    /// Given up.
    Undelivered,
    /// Its validity ended.
    Expired,
    /// Refused.
    Failed,
}

/// What a gateway says to a submit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SubmitOutcome {
    /// It took the message.
    Accepted {
        /// Its own id for it.
        gateway_ref: String,
    },
    /// It refused it for good.
    Refused {
        /// What it said.
        error: String,
    },
    /// It surely did not take it; try again.
    Retry {
        /// Not before this much time has passed.
        after: Span,
        /// It asked to slow down (else: it was not reachable).
        throttled: bool,
    },
    /// It surely did not take it and said why; what follows is decided by the class of the error.
    Rejected {
        /// What it said.
        error: CarrierError,
        /// How long it wants to be left alone; `None`: it did not say.
        retry_after: Option<Span>,
    },
    /// Nobody knows whether it took it.
    Unknown,
}
