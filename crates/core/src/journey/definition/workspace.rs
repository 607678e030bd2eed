//! Settings of a workspace as people write them.
//!
//! Must never hold a secret: gateways and their keys are configured elsewhere.

use super::scalar::{Country, Duration, Label, Placed, Slug, Text, WallTime, Whole, Word, Zone};
use crate::journey::declare::{record, words};
use crate::journey::form::{Form, Listed, Report, SchemaBook};
use crate::journey::node::{Node, Value};
use crate::policy::settings::{
    ConsentMode, MissingValues, Purpose, SenderKind, UnknownZonePolicy, ZoneChoice,
};
use serde_json::json;

record! {
    /// Settings of one workspace.
    pub struct Workspace: "a workspace" {
        /// Its id.
        workspace: Slug,
        /// What people call it; default: the id.
        name: Option<Label>,
        /// The name that texts begin with; default: the name.
        brand: Option<Label>,
        /// Default region of phone numbers; absent: numbers must be written with + and country code.
        country: Option<Country>,
        /// Where a person's own zone cannot be known and the policy allows it.
        time_zone: Option<Zone>,
        /// When not to send; default 21:00 to 08:00 for marketing.
        quiet_hours: Option<Placed<QuietHours>>,
        /// Messages per rolling window; default one marketing message per 24h.
        caps: Option<Vec<Cap>>,
        /// What a person must have said; default double_opt_in.
        consent: Option<Placed<ConsentMode>>,
        /// Domain of short links.
        link_domain: Option<Label>,
        /// What messages come from; the first is the default.
        senders: Option<Vec<Sender>>,
        /// What carries which messages; where none matches, the gateway of the sender does.
        routes: Option<Vec<Route>>,
        /// Words that enter journeys.
        keywords: Option<Vec<Keyword>>,
        /// Topics people can subscribe to.
        topics: Option<Vec<Topic>>,
        /// What becomes of a message whose text needs a value that is missing; default drop.
        missing_values: Option<MissingValues>,
        /// What people get who text STOP, HELP or START; default nothing: many carriers answer by themselves.
        auto_replies: Option<AutoReplies>,
    }
}

record! {
    /// Texts that go out by themselves, each over `workspace` and `contact`.
    pub struct AutoReplies: "auto-replies" {
        /// Confirms a STOP that changes something; nothing but that.
        stop: Option<Text>,
        /// Answers HELP, also to who has stopped.
        help: Option<Text>,
        /// Answers a START that changes something.
        start: Option<Text>,
    }
}

/// When not to send.
#[derive(Debug, Clone, PartialEq)]
pub enum QuietHours {
    /// At no time (replays and tests).
    None,
    /// In this window.
    Window(Box<QuietWindow>),
}

record! {
    /// A quiet window.
    pub struct QuietWindow: "none or a window" {
        /// From, included; default 21:00.
        from: Option<WallTime>,
        /// To, excluded; default 08:00.
        to: Option<WallTime>,
        /// Whose messages are held; default marketing.
        purposes: Option<Listed<Purpose>>,
        /// Which zones count; default intersect.
        zones: Option<ZoneChoice>,
        /// When none is known; default strictest.
        unknown_zone: Option<UnknownZonePolicy>,
        /// Also the rules of the person's state or country; default true.
        jurisdictions: Option<bool>,
    }
}

impl Form for QuietHours {
    const WHAT: &'static str = "none or a window {from, to}";
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::Text(text) if text == "none" => Some(QuietHours::None),
            Value::Map(_) => {
                QuietWindow::decode(node, report).map(|it| QuietHours::Window(Box::new(it)))
            }
            _ => {
                report.wrong(node, Self::WHAT);
                None
            }
        }
    }
    fn encode(&self) -> Node {
        match self {
            QuietHours::None => Node::text("none"),
            QuietHours::Window(window) => window.encode(),
        }
    }
    fn schema(book: &mut SchemaBook) -> serde_json::Value {
        json!({ "anyOf": [{ "const": "none" }, QuietWindow::schema(book)] })
    }
}

record! {
    /// At most so many messages in a window.
    pub struct Cap: "a cap" {
        /// How many.
        messages: Whole,
        /// Window.
        per: CapWindow,
        /// Only these; default: all.
        purpose: Option<Purpose>,
        /// What becomes of the next one; default hold.
        when_full: Option<WhenFull>,
    }
}

/// Window of a cap.
#[derive(Debug, Clone, PartialEq)]
pub enum CapWindow {
    /// Rolling.
    Rolling(Duration),
    /// The calendar day in the person's zone.
    Day,
}

impl Form for CapWindow {
    const WHAT: &'static str = "a duration or day";
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::Text(text) if text == "day" => Some(CapWindow::Day),
            _ => Duration::decode(node, report).map(CapWindow::Rolling),
        }
    }
    fn encode(&self) -> Node {
        match self {
            CapWindow::Rolling(span) => span.encode(),
            CapWindow::Day => Node::text("day"),
        }
    }
    fn schema(book: &mut SchemaBook) -> serde_json::Value {
        json!({ "anyOf": [{ "const": "day" }, Duration::schema(book)] })
    }
}

/// What becomes of a message over a cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// Until a place is free.
    Hold,
    /// It is not sent.
    Drop,
}

words!(WhenFull, "WhenFull": "hold or drop" {
    "hold" = WhenFull::Hold,
    "drop" = WhenFull::Drop,
});

record! {
    /// What a message comes from.
    pub struct Sender: "a sender" {
        /// Its id.
        id: Slug,
        /// Number, short code or name, in quotes.
        number: Label,
        /// Its kind.
        kind: SenderKind,
        /// Which gateway carries it.
        gateway: Label,
        /// Parts a second it may send at most; default: what is usual for its kind.
        parts_per_second: Option<Whole>,
        /// Id of the brand it is registered for.
        brand: Option<Label>,
        /// Id of the campaign it is registered for.
        campaign: Option<Label>,
        /// Message class of the campaign at AT&T.
        class: Option<Label>,
        /// Trust score of the brand, 0 to 100.
        score: Option<Whole>,
    }
}

record! {
    /// A rule that picks a gateway.
    pub struct Route: "a route" {
        /// Which gateway carries what matches.
        gateway: Label,
        /// Sent from this sender instead.
        sender: Option<Slug>,
        /// Only numbers of this country.
        country: Option<Country>,
        /// Only numbers that begin so, in quotes: "+1907".
        prefix: Option<Label>,
        /// Only these messages.
        purpose: Option<Purpose>,
        /// Only from senders of this kind.
        sender_kind: Option<SenderKind>,
        /// Lower goes first; default 10.
        priority: Option<Whole>,
        /// Share among routes of one priority; 0: only when no other is left; default 1.
        weight: Option<Whole>,
        /// What a part costs, in millionths of the account's currency.
        cost_micros: Option<Whole>,
    }
}

record! {
    /// A word that enters a journey.
    pub struct Keyword: "a keyword" {
        /// What people text.
        word: Word,
        /// Where it leads.
        journey: Slug,
    }
}

record! {
    /// A topic people can subscribe to.
    pub struct Topic: "a topic" short "id" {
        /// Its id.
        id: Slug,
        /// What people call it.
        name: Option<Label>,
    }
}

words!(Purpose, "Purpose": "a purpose" {
    "marketing" = Purpose::Marketing,
    "transactional" = Purpose::Transactional,
});

words!(ZoneChoice, "ZoneChoice": "a choice of zones" {
    "intersect" = ZoneChoice::Intersect,
    "profile" = ZoneChoice::Profile,
});

words!(UnknownZonePolicy, "UnknownZonePolicy": "a rule for unknown zones" {
    "strictest" = UnknownZonePolicy::Strictest,
    "workspace" = UnknownZonePolicy::Workspace,
});

words!(ConsentMode, "ConsentMode": "a kind of consent" {
    "double_opt_in" = ConsentMode::DoubleOptIn,
    "single_opt_in" = ConsentMode::SingleOptIn,
    "assumed" = ConsentMode::Assumed,
});

words!(SenderKind, "SenderKind": "a kind of sender" {
    "short_code" = SenderKind::ShortCode,
    "ten_dlc" = SenderKind::TenDlc,
    "long_code" = SenderKind::LongCode,
    "toll_free" = SenderKind::TollFree,
    "alphanumeric" = SenderKind::Alphanumeric,
});

words!(MissingValues, "MissingValues": "a rule for missing values" {
    "drop" = MissingValues::Drop,
    "hold" = MissingValues::Hold,
});
