//! A message to a person: its states and what may follow what.
//!
//! ```text
//!            ┌────────────┐  policy or rate   ┌────────┐
//!  intent ──▶│   queued   │◀────────────────▶ │  held  │
//!            └─────┬──────┘                   └───┬────┘
//!      claim in one│commit                        │ exit, restart, STOP: withdrawn
//!                  ▼                              │ policy, limits:     dropped
//!            ┌────────────┐ throttled, retryable  ▼
//!            │ submitting │─────────────▶ queued  (withdrawn | dropped are ends)
//!            └─────┬──────┘                  └──▶ submitted … expired  (by receipt only: it was taken after all)
//!    ┌─────────────┼──────────────┐ answer lost, or we died: unknown
//!    ▼             ▼              ▼
//! submitted     failed         unknown ──▶ submitted … failed   (by receipt or query only)
//!    ├──▶ delivered   (end; a late contrary receipt changes nothing)
//!    ├──▶ undelivered (end)
//!    └──▶ expired     (end)
//! ```
//! Must never let a message go back from an end, nor from `unknown` to `queued`.

use crate::consent::Channel;
use crate::decision::Reason;
use crate::ids::{ContactId, JourneyId, MessageId, WorkspaceId};
use crate::keyword::AutoReply;
use crate::policy::settings::Purpose;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum MessageState {
    /// May not go yet; its enrollment stays on the step.
    Held = 0,
    /// In the outbox, may be claimed from `due_at` on.
    Queued = 1,
    /// Claimed and handed to the gateway; the answer is not known yet.
    Submitting = 2,
    /// The gateway took it.
    Submitted = 3,
    /// On the handset.
    Delivered = 4,
    /// The carrier gave up.
    Undelivered = 5,
    /// Refused for good.
    Failed = 6,
    /// Its validity ended at the carrier.
    Expired = 7,
    /// Handed over, and nobody knows. Never repeated blindly.
    Unknown = 8,
    /// Taken back by us before it was handed over: exit, restart, STOP.
    Withdrawn = 9,
    /// Not sent, with a reason.
    Dropped = 10,
}

impl MessageState {
    /// All states, in order of their codes.
    pub const ALL: [MessageState; 11] = [
        MessageState::Held,
        MessageState::Queued,
        MessageState::Submitting,
        MessageState::Submitted,
        MessageState::Delivered,
        MessageState::Undelivered,
        MessageState::Failed,
        MessageState::Expired,
        MessageState::Unknown,
        MessageState::Withdrawn,
        MessageState::Dropped,
    ];

    /// Whether a message may go from this state to `next` (the drawing above).
    #[must_use]
    pub fn may_become(self, next: MessageState) -> bool {
        use MessageState::{
            Delivered, Dropped, Expired, Failed, Held, Queued, Submitted, Submitting, Undelivered,
            Unknown, Withdrawn,
        };
        match self {
            // What waits may have been handed out before, and a receipt say that it was taken after all.
            Held => matches!(
                next,
                Held | Queued | Withdrawn | Dropped | Submitted | Delivered | Undelivered | Expired
            ),
            Queued => matches!(next, Submitting) || Held.may_become(next),
            Submitting => matches!(
                next,
                Queued | Submitted | Failed | Unknown | Delivered | Undelivered | Expired | Dropped
            ),
            Unknown => matches!(next, Submitted | Failed | Delivered | Undelivered | Expired),
            // To itself: its gateway's own id became known.
            Submitted => matches!(next, Submitted | Delivered | Undelivered | Expired | Failed),
            Delivered | Undelivered | Failed | Expired | Withdrawn | Dropped => false,
        }
    }

    /// Whether anything can still happen to it on our side (held, queued or in the gateway's hands).
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, MessageState::Held | MessageState::Queued | MessageState::Submitting)
    }

    /// Whether it waits for being handed out, for the first time or once more.
    #[must_use]
    pub fn waits(self) -> bool {
        matches!(self, MessageState::Held | MessageState::Queued)
    }

    /// From its code in the store.
    #[must_use]
    pub fn from_code(code: u8) -> Option<MessageState> {
        MessageState::ALL.get(usize::from(code)).copied()
    }
}

impl fmt::Display for MessageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MessageState::Held => "held",
            MessageState::Queued => "queued",
            MessageState::Submitting => "submitting",
            MessageState::Submitted => "submitted",
            MessageState::Delivered => "delivered",
            MessageState::Undelivered => "undelivered",
            MessageState::Failed => "failed",
            MessageState::Expired => "expired",
            MessageState::Unknown => "unknown",
            MessageState::Withdrawn => "withdrawn",
            MessageState::Dropped => "dropped",
        })
    }
}

/// A message as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Which step visit intends it.
    pub id: MessageId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// To whom.
    pub contact: ContactId,
    /// From which journey; [`JourneyId::NONE`]: an auto-reply.
    pub journey: JourneyId,
    /// Its version.
    pub version: u32,
    /// Text id of the step; of an auto-reply the word it answers.
    pub step: String,
    /// Arm of the last experiment the enrollment passed; empty: none.
    pub variant: String,
    /// What it is for.
    pub purpose: Purpose,
    /// How.
    pub channel: Channel,
    /// Sender id.
    pub sender: String,
    /// Gateway id.
    pub gateway: String,
    /// Address, E.164 for sms; empty while the person has none.
    pub to: String,
    /// Where it stands.
    pub state: MessageState,
    /// Why it stands there.
    pub reason: Reason,
    /// When the step was reached.
    pub intended_at: Timestamp,
    /// From when on it may be claimed (queued) or looked at again (held).
    pub due_at: Timestamp,
    /// When it was handed to the gateway, the last time.
    pub handed_out_at: Option<Timestamp>,
    /// How often it was handed to a gateway.
    pub attempts: u32,
    /// Which run of the program handed it out, see [`Message::handed_out_at`]. A `submitting` message of an
    /// earlier run is `unknown`: that run died before it stored the answer.
    pub run: u64,
    /// Parts of the text as rendered; 0 before.
    pub parts: u32,
    /// The text as handed out; empty before.
    pub text: String,
    /// The gateway's own id for it.
    pub gateway_ref: Option<String>,
    /// What a carrier last said was wrong; empty: nothing.
    #[serde(default)]
    pub error: String,
    /// Gateways that refused it so that another route may take it, in order.
    #[serde(default)]
    pub tried: Vec<String>,
    /// How many of its attempts a carrier put off: being asked to slow down is none towards
    /// [`ATTEMPTS_MAX`](crate::limits::ATTEMPTS_MAX).
    #[serde(default)]
    pub put_off: u32,
}

/// A change of a message. `None` leaves a field as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageChange {
    /// New state.
    pub state: MessageState,
    /// Why.
    pub reason: Reason,
    /// New due instant.
    pub due_at: Option<Timestamp>,
    /// What was handed out, when it was.
    pub handed_out: Option<HandedOut>,
    /// The gateway's own id.
    pub gateway_ref: Option<String>,
    /// What a carrier said was wrong.
    pub error: Option<String>,
    /// A gateway that refused it so that another route may take it.
    pub tried: Option<String>,
    /// Whether a carrier put this attempt off: it is none that counts.
    #[serde(default)]
    pub put_off: bool,
}

impl MessageChange {
    /// A change of state alone.
    #[must_use]
    pub fn to(state: MessageState, reason: Reason) -> MessageChange {
        MessageChange {
            state,
            reason,
            due_at: None,
            handed_out: None,
            gateway_ref: None,
            error: None,
            tried: None,
            put_off: false,
        }
    }
}

/// What was handed to a gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedOut {
    /// When.
    pub at: Timestamp,
    /// By which run of the program.
    pub run: u64,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Address.
    pub to: String,
    /// Sender id.
    pub sender: String,
    /// Gateway id.
    pub gateway: String,
    /// Text.
    pub text: String,
    /// Its parts.
    pub parts: u32,
}

impl Message {
    /// How often it was tried in earnest: handed out and not put off.
    #[must_use]
    pub fn attempts_that_count(&self) -> u32 {
        self.attempts.saturating_sub(self.put_off)
    }

    /// The word it answers, if it is an auto-reply: such a message is of no journey.
    #[must_use]
    pub fn auto_reply(&self) -> Option<AutoReply> {
        if self.journey == JourneyId::NONE { AutoReply::from_name(&self.step) } else { None }
    }

    /// Applies a change. Whether it is allowed is [`MessageState::may_become`].
    pub fn apply(&mut self, change: &MessageChange) {
        self.state = change.state;
        self.reason = change.reason;
        if let Some(due_at) = change.due_at {
            self.due_at = due_at;
        }
        if let Some(handed_out) = &change.handed_out {
            self.handed_out_at = Some(handed_out.at);
            self.run = handed_out.run;
            self.attempts = handed_out.attempt;
            self.to.clone_from(&handed_out.to);
            self.sender.clone_from(&handed_out.sender);
            self.gateway.clone_from(&handed_out.gateway);
            self.text.clone_from(&handed_out.text);
            self.parts = handed_out.parts;
        }
        if change.gateway_ref.is_some() {
            self.gateway_ref.clone_from(&change.gateway_ref);
        }
        if let Some(error) = &change.error {
            self.error.clone_from(error);
        }
        if let Some(gateway) = &change.tried
            && !self.tried.contains(gateway)
        {
            self.tried.push(gateway.clone());
        }
        self.put_off += u32::from(change.put_off);
    }
}
