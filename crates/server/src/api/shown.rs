//! Inputs, decisions, messages and enrollments as people read them: text ids instead of numbers, RFC 3339.
//!
//! Must never leave out why something was decided.

use super::names::Named;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use wayline_core::contact::{Enrollment, Position};
use wayline_core::decision::Decision;
use wayline_core::message::Message;
use wayline_store::batch::{EnrollmentRow, LoggedInput};

/// Something that happened to a contact.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct InputItem {
    /// Its place in the order of acceptance.
    pub(crate) seq: u64,
    /// When it happened, RFC 3339.
    pub(crate) at: String,
    /// When it was taken, RFC 3339.
    pub(crate) received_at: String,
    /// `identify`, `track`, `consent`, `inbound`, `click`, `enroll`, `emitted`.
    pub(crate) kind: String,
    /// Name of the event, or of the journey; empty for other kinds.
    pub(crate) name: String,
    /// What came with it.
    pub(crate) body: Value,
}

/// Something that was decided.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct DecisionItem {
    /// RFC 3339.
    pub(crate) at: String,
    /// What: docs/manual/reasons.md has all of them.
    pub(crate) what: &'static str,
    /// Why: docs/manual/reasons.md has all of them.
    pub(crate) reason: &'static str,
    /// In which journey; null: about the contact itself.
    pub(crate) journey: Option<String>,
    /// Its version; 0 without a journey.
    pub(crate) version: u32,
    /// In which enrollment.
    pub(crate) enrollment: Option<u64>,
    /// At which step.
    pub(crate) step: Option<String>,
    /// Arm of the last experiment passed; empty: none.
    pub(crate) variant: String,
    /// About which message.
    pub(crate) message: Option<String>,
    /// Until when (held, waiting), RFC 3339.
    pub(crate) until: Option<String>,
    /// Name of the exit, the arm, the event; empty: nothing to add.
    pub(crate) detail: String,
}

/// A message to a contact.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct MessageItem {
    /// Like `m-12-0-1`.
    pub(crate) id: String,
    /// From which journey; empty: none, it is an auto-reply.
    pub(crate) journey: String,
    /// Its version; 0: none.
    pub(crate) version: u32,
    /// From which step; of an auto-reply `stop`, `help` or `start`: what it answers.
    pub(crate) step: String,
    /// Arm of the last experiment passed; empty: none.
    pub(crate) variant: String,
    /// What it is for.
    #[schema(value_type = String)]
    pub(crate) purpose: Value,
    /// How: `sms`.
    pub(crate) channel: String,
    /// Sender.
    pub(crate) sender: String,
    /// Gateway.
    pub(crate) gateway: String,
    /// Address; empty while there is none.
    pub(crate) to: String,
    /// Where it stands.
    pub(crate) state: String,
    /// Why it stands there.
    pub(crate) reason: &'static str,
    /// When the step was reached, RFC 3339.
    pub(crate) intended_at: String,
    /// From when on it may go, or is looked at again, RFC 3339.
    pub(crate) due_at: String,
    /// When it was handed to the gateway, the last time, RFC 3339.
    pub(crate) handed_out_at: Option<String>,
    /// How often.
    pub(crate) attempts: u32,
    /// Parts of the text; 0 before it was handed out.
    pub(crate) parts: u32,
    /// The text as handed out; empty before.
    pub(crate) text: String,
    /// The gateway's own id for it.
    pub(crate) gateway_ref: Option<String>,
    /// What a carrier last said was wrong; empty: nothing.
    pub(crate) error: String,
    /// Gateways that refused it so that another route may take it, in order.
    pub(crate) tried: Vec<String>,
}

/// A contact in a journey, now or before.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct EnrollmentItem {
    /// Which.
    pub(crate) id: u64,
    /// Journey.
    pub(crate) journey: String,
    /// The version it finishes.
    pub(crate) version: u32,
    /// Entry key; empty: none.
    pub(crate) key: String,
    /// RFC 3339.
    pub(crate) entered_at: String,
    /// RFC 3339; null: it is active.
    pub(crate) left_at: Option<String>,
    /// Name of the exit; empty while active.
    pub(crate) exit: String,
}

/// Where a contact stands in a journey.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Standing {
    /// Which enrollment.
    pub(crate) id: u64,
    /// Journey.
    pub(crate) journey: String,
    /// The version it finishes.
    pub(crate) version: u32,
    /// Entry key; empty: none.
    pub(crate) key: String,
    /// RFC 3339.
    pub(crate) entered_at: String,
    /// The step it is on.
    pub(crate) step: String,
    /// Since when, RFC 3339.
    pub(crate) reached_at: String,
    /// `waiting`, `awaiting`, `held`, `queued`, `submitting` or `calling`.
    pub(crate) position: &'static str,
    /// Until when, RFC 3339; null: not by the clock.
    pub(crate) until: Option<String>,
    /// What holds its message.
    pub(crate) reason: Option<&'static str>,
    /// Arm of the last experiment passed; empty: none.
    pub(crate) variant: String,
    /// Whether its goal was reached.
    pub(crate) converted: bool,
}

/// An input.
pub(crate) fn input(row: &LoggedInput) -> InputItem {
    InputItem {
        seq: row.seq.0,
        at: row.at.to_string(),
        received_at: row.received_at.to_string(),
        kind: row.kind.clone(),
        name: row.name.clone(),
        body: serde_json::from_str(&row.body).unwrap_or(Value::Null),
    }
}

/// A decision.
pub(crate) fn decision(it: &Decision, names: &Named) -> DecisionItem {
    let step = it.journey.zip(it.step);
    DecisionItem {
        at: it.at.to_string(),
        what: it.what.as_str(),
        reason: it.reason.as_str(),
        journey: it.journey.map(|journey| names.journey(journey)),
        version: it.version,
        enrollment: it.enrollment.map(|id| id.0),
        step: step.map(|(journey, step)| names.step(journey, it.version, step)),
        variant: it.variant.clone(),
        message: it.message.map(|id| id.to_string()),
        until: it.until.map(|until| until.to_string()),
        detail: it.detail.clone(),
    }
}

/// A message.
pub(crate) fn message(it: &Message, names: &Named) -> MessageItem {
    MessageItem {
        id: it.id.to_string(),
        journey: names.journey(it.journey),
        version: it.version,
        step: it.step.clone(),
        variant: it.variant.clone(),
        purpose: serde_json::to_value(it.purpose).unwrap_or(Value::Null),
        channel: it.channel.to_string(),
        sender: it.sender.clone(),
        gateway: it.gateway.clone(),
        to: it.to.clone(),
        state: it.state.to_string(),
        reason: it.reason.as_str(),
        intended_at: it.intended_at.to_string(),
        due_at: it.due_at.to_string(),
        handed_out_at: it.handed_out_at.map(|at| at.to_string()),
        attempts: it.attempts,
        parts: it.parts,
        text: it.text.clone(),
        gateway_ref: it.gateway_ref.clone(),
        error: it.error.clone(),
        tried: it.tried.clone(),
    }
}

/// An enrollment as it is looked up.
pub(crate) fn enrollment(row: EnrollmentRow, names: &Named) -> EnrollmentItem {
    EnrollmentItem {
        id: row.id.0,
        journey: names.journey(row.journey),
        version: row.version,
        key: row.key,
        entered_at: row.entered_at.to_string(),
        left_at: row.left_at.map(|at| at.to_string()),
        exit: row.exit,
    }
}

/// An active enrollment.
pub(crate) fn standing(it: &Enrollment, names: &Named) -> Standing {
    let (position, reason) = match it.position {
        Position::Waiting { .. } => ("waiting", None),
        Position::Awaiting { .. } => ("awaiting", None),
        Position::Holding { reason, .. } => ("held", Some(reason.as_str())),
        Position::Queued => ("queued", None),
        Position::Submitting => ("submitting", None),
        Position::Calling { .. } => ("calling", None),
        Position::Moving => ("moving", None),
    };
    Standing {
        id: it.id.0,
        journey: names.journey(it.journey),
        version: it.version,
        key: it.key.clone(),
        entered_at: it.entered_at.to_string(),
        step: names.step(it.journey, it.version, it.step),
        reached_at: it.reached_at.to_string(),
        position,
        until: it.position.due().map(|until| until.to_string()),
        reason,
        variant: it.variant.clone(),
        converted: it.converted,
    }
}
