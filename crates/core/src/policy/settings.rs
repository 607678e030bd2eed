//! Settings of a workspace as the engine uses them.
//!
//! Must never hold a secret: gateways and their keys are configured elsewhere.

use crate::keyword::AutoReply;
use crate::policy::quiet::QuietWindow;
use crate::policy::route::Route;
use crate::template::Template;
use crate::time::Span;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a message is for; law and people treat the two differently.
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
pub enum Purpose {
    /// Sells.
    Marketing,
    /// Serves something the person asked for.
    Transactional,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Purpose::Marketing => "marketing",
            Purpose::Transactional => "transactional",
        })
    }
}

/// `workspace.yaml`, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Text id.
    pub slug: String,
    /// What people call it.
    pub name: String,
    /// The name that texts begin with.
    pub brand: String,
    /// ISO 3166 country, default region of phone numbers; empty: none.
    pub country: String,
    /// Used where a person's own zone cannot be known and the policy allows it.
    pub zone: TimeZone,
    /// When not to send.
    pub quiet: QuietPolicy,
    /// All of them apply.
    pub caps: Vec<Cap>,
    /// What a person must have said.
    pub consent: ConsentMode,
    /// The first is the default.
    pub senders: Vec<Sender>,
    /// What carries which messages; none that matches: the gateway of the sender.
    pub routes: Vec<Route>,
    /// Words that enter journeys: (upper-case word, journey slug).
    pub keywords: Vec<(String, String)>,
    /// Topics people can subscribe to.
    pub topics: Vec<String>,
    /// Domain of short links.
    pub link_domain: Option<String>,
    /// What becomes of a message whose text needs a value that is missing.
    pub missing_values: MissingValues,
    /// What people get who text STOP, HELP or START.
    pub auto_replies: AutoReplies,
}

/// Texts that go out by themselves; `None`: nothing does, because the carrier or a journey sees to it.
#[derive(Debug, Clone, Default)]
pub struct AutoReplies {
    /// Confirms a STOP.
    pub stop: Option<Template>,
    /// Answers HELP.
    pub help: Option<Template>,
    /// Answers a START.
    pub start: Option<Template>,
}

impl AutoReplies {
    /// The text for a word.
    #[must_use]
    pub fn of(&self, word: AutoReply) -> Option<&Template> {
        match word {
            AutoReply::Stop => self.stop.as_ref(),
            AutoReply::Help => self.help.as_ref(),
            AutoReply::Start => self.start.as_ref(),
        }
    }
}

/// When not to send.
#[derive(Debug, Clone)]
pub struct QuietPolicy {
    /// `None`: no window (replays and tests only).
    pub window: Option<QuietWindow>,
    /// Whose messages are held.
    pub purposes: Vec<Purpose>,
    /// Which zones count.
    pub zones: ZoneChoice,
    /// What to do when none is known.
    pub unknown_zone: UnknownZonePolicy,
    /// Also apply the rules of the person's state or country.
    pub jurisdictions: bool,
}

/// Which of a person's zones must be outside quiet hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ZoneChoice {
    /// Every plausible one: profile, number, address.
    Intersect,
    /// The profile's alone, where it has one.
    Profile,
}

/// What to do when no zone of a person is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownZonePolicy {
    /// Allowed only when it is allowed in every zone the number's prefix admits; a number that admits none is
    /// not texted.
    Strictest,
    /// Take the workspace's zone.
    Workspace,
}

/// At most so many messages in a rolling window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cap {
    /// At least 1.
    pub messages: u32,
    /// Window.
    pub per: CapWindow,
    /// Counts and holds only these; `None`: all.
    pub purpose: Option<Purpose>,
    /// Hold (`true`) or drop.
    pub hold: bool,
}

/// Window of a cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapWindow {
    /// A send at t is in the window of t2 when t2 - span < t <= t2.
    Rolling(Span),
    /// The calendar day in the person's zone.
    LocalDay,
}

/// What a person must have said before a marketing message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsentMode {
    /// Opted in and confirmed: a keyword is the first half, and `pending` until the confirmation.
    DoubleOptIn,
    /// Opted in.
    SingleOptIn,
    /// Assumed unless revoked; replays and tests only, refused when live.
    Assumed,
}

/// What a message comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// Text id.
    pub id: String,
    /// Number, short code or name.
    pub number: String,
    /// Kind.
    pub kind: SenderKind,
    /// Gateway id.
    pub gateway: String,
    /// What it is registered as, for senders that must be.
    pub registration: Registration,
    /// Parts a second it may send at most; `None`: what `rules/rates.yaml` says of its kind.
    pub parts_per_second: Option<u32>,
}

/// What a sender is registered as with the carriers of the United States.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registration {
    /// Id of the brand.
    pub brand: Option<String>,
    /// Id of the campaign.
    pub campaign: Option<String>,
    /// AT&T's message class of the campaign.
    pub class: Option<String>,
    /// Trust score of the brand, 0 to 100.
    pub score: Option<u32>,
}

/// Kind of sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SenderKind {
    /// Five or six digits.
    ShortCode,
    /// A US long code registered with a campaign.
    TenDlc,
    /// An ordinary number.
    LongCode,
    /// A toll-free number.
    TollFree,
    /// A name; cannot be answered.
    Alphanumeric,
}

/// What becomes of a message whose text needs a value that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingValues {
    /// Dropped with its reason (default).
    Drop,
    /// Held for review, until the profile has the value or the message is too late.
    Hold,
}
