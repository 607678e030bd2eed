//! What a person has allowed, per channel and topic.
//!
//! Must never forget a revocation: stopped stays stopped until the person opts in again.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A way to reach a person.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Text message.
    Sms,
    /// Text message with media.
    Mms,
    /// E-mail.
    Email,
    /// WhatsApp.
    Whatsapp,
    /// Rich communication services.
    Rcs,
    /// App notification.
    Push,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Channel::Sms => "sms",
            Channel::Mms => "mms",
            Channel::Email => "email",
            Channel::Whatsapp => "whatsapp",
            Channel::Rcs => "rcs",
            Channel::Push => "push",
        })
    }
}

/// Where a person stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentState {
    /// Asked once, waiting for the confirmation (double opt-in).
    Pending,
    /// Yes, with evidence.
    OptedIn,
    /// No.
    OptedOut,
}

impl fmt::Display for ConsentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ConsentState::Pending => "pending",
            ConsentState::OptedIn => "opted_in",
            ConsentState::OptedOut => "opted_out",
        })
    }
}

/// The current answer on one channel, or on one topic of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentNow {
    /// Channel.
    pub channel: Channel,
    /// `None`: the channel as a whole.
    pub topic: Option<String>,
    /// The answer.
    pub state: ConsentState,
    /// Since when.
    pub since: Timestamp,
}
