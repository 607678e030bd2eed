//! What an input leads to: plain data, to be committed together with the contact's new state.
//!
//! Must never be carried out before it is committed.

use crate::decision::Decision;
use crate::ids::{EnrollmentId, JourneyId, MessageId};
use crate::message::{Message, MessageChange};
use crate::time::Timestamp;
use serde_json::Value;

/// Everything one input led to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// To be stored, in order.
    pub decisions: Vec<Decision>,
    /// Decisions that changed nothing; collected only for an explanation.
    pub considered: Vec<Decision>,
    /// Messages made and changed, in order.
    pub messages: Vec<MessageEffect>,
    /// Webhooks to call, and calls nobody waits for any more.
    pub calls: Vec<CallEffect>,
    /// Enrollments that began, began again or ended, in order.
    pub enrollments: Vec<EnrollmentFact>,
    /// Events for the contact's history.
    pub events: Vec<EmittedEvent>,
    /// Messages to hand to their gateways once this is committed.
    pub submissions: Vec<Message>,
    /// Whether the profile changed.
    pub profile_changed: bool,
    /// Nothing of the state changed but its clock: a receipt for a journey the contact has left.
    pub state_untouched: bool,
}

/// A message made or changed.
#[derive(Clone, Debug, PartialEq)]
pub enum MessageEffect {
    /// A new intent.
    Insert(Box<Message>),
    /// A change of one.
    Change(MessageId, Box<MessageChange>),
}

/// A webhook call made or no longer wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum CallEffect {
    /// To be made.
    Make(Box<WebhookCall>),
    /// Answered, given up or no longer wanted.
    Forget(MessageId),
}

/// A webhook to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookCall {
    /// Which step visit.
    pub id: MessageId,
    /// An answer later than this is an error.
    pub deadline: Timestamp,
    /// Method.
    pub method: String,
    /// URL.
    pub url: String,
    /// In order.
    pub headers: Vec<(String, String)>,
    /// JSON; empty: none.
    pub body: String,
}

/// An enrollment as people look it up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrollmentFact {
    /// Which.
    pub id: EnrollmentId,
    /// Journey.
    pub journey: JourneyId,
    /// Version.
    pub version: u32,
    /// Entry key; empty: none.
    pub key: String,
    /// Since.
    pub entered_at: Timestamp,
    /// Until and name of the exit; `None`: active.
    pub left: Option<(Timestamp, String)>,
}

/// An event a step emitted.
#[derive(Clone, Debug, PartialEq)]
pub struct EmittedEvent {
    /// When.
    pub at: Timestamp,
    /// Its name.
    pub event: String,
    /// A JSON object.
    pub properties: Value,
}
