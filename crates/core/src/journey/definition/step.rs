//! Steps as people write them.
//!
//! Must never run anything: `compile` makes of them what the engine runs.

pub use super::branch::{Branch, Case};

use super::condition::AttributeTest;
use super::entry::{EventMatch, SegmentChange};
use super::scalar::{
    Duration, EventName, Label, Literal, Next, Offset, Path, Pointer, Reply, Slug, Text, Until,
    Whole, ZoneOf,
};
use crate::journey::declare::{choice, record, words};
use crate::journey::form::{Entries, Form, Listed, Report, SchemaBook};
use crate::journey::node::{Node, Value};
use crate::policy::settings::Purpose;
use jiff::civil::Weekday;
use serde_json::json;

record! {
    /// One step: what it does, and where it goes then.
    pub struct Step: "a step" {
        /// What it does.
        [flat] action: Action,
        /// Where it goes then; default: to the step written below.
        next: Option<Next>,
    }
}

choice! {
    /// What a step does.
    pub enum Action: "a step" {
        /// One message.
        value "send" Send(Box<Send>),
        /// Time passes.
        value "wait" Wait(Box<Wait>),
        /// The first of several things, or a timeout.
        value "wait_for" WaitFor(Box<WaitFor>),
        /// The first condition that holds.
        record "branch" Branch(Branch),
        /// A stable draw.
        value "experiment" Experiment(Experiment),
        /// Changes of the contact.
        value "update" Update(Box<Update>),
        /// An event.
        value "emit" Emit(Emit),
        /// A webhook with an answer.
        value "call" Call(Box<Call>),
        /// Into another journey.
        value "enroll" Enroll(Enroll),
        /// To a person.
        value "hand_off" HandOff(HandOff),
        /// Leave with a reason.
        value "exit" Exit(Exit),
    }
}

record! {
    /// One message.
    pub struct Send: "a send step" {
        /// Channel and content.
        [flat] body: Body,
        /// Texts by language; the contact's own wins.
        translations: Option<Entries<Text>>,
        /// Which sender; default: the workspace's first.
        sender: Option<Slug>,
        /// At that instant or later it is dropped.
        not_after: Option<NotAfter>,
        /// Coupon pool: `{{ coupon.code }}` is the code of this message.
        coupon: Option<Slug>,
        /// Default: the journey's.
        purpose: Option<Purpose>,
        /// Where it goes when the message was dropped: continue (default) or a step.
        if_suppressed: Option<Next>,
    }
}

choice! {
    /// Channel and content of a message.
    pub enum Body: "a send step" {
        /// A text message.
        value "sms" Sms(Text),
        /// A text message with media.
        value "mms" Mms(Mms),
        /// An e-mail.
        value "email" Email(Email),
        /// A WhatsApp message.
        value "whatsapp" Whatsapp(Whatsapp),
        /// An RCS message.
        value "rcs" Rcs(Mms),
        /// A push notification.
        value "push" Push(Push),
        /// Content of the library.
        value "content" Content(Slug),
    }
}

record! {
    /// Text and media.
    pub struct Mms: "a text with media" short "text" {
        /// The text.
        text: Text,
        /// Addresses of pictures.
        media: Option<Listed<Text>>,
    }
}

record! {
    /// An e-mail.
    pub struct Email: "an e-mail" {
        /// Its subject.
        subject: Text,
        /// As plain text.
        text: Option<Text>,
        /// As HTML.
        html: Option<Text>,
    }
}

record! {
    /// A WhatsApp message.
    pub struct Whatsapp: "a WhatsApp message" short "text" {
        /// The text.
        text: Text,
        /// Name of the approved template.
        template: Option<Label>,
    }
}

record! {
    /// A push notification.
    pub struct Push: "a push notification" short "text" {
        /// The text.
        text: Text,
        /// Its title.
        title: Option<Text>,
        /// What it opens.
        link: Option<Text>,
    }
}

/// The end of a message's life.
#[derive(Debug, Clone, PartialEq)]
pub enum NotAfter {
    /// Since the step was reached.
    Elapsed(Duration),
    /// Relative to an instant.
    Until(NotAfterUntil),
}

record! {
    /// Relative to an instant.
    pub struct NotAfterUntil: "a duration or {until: event.starts_at}" {
        /// The instant.
        until: Until,
        /// Added to it.
        offset: Option<Offset>,
    }
}

impl Form for NotAfter {
    const WHAT: &'static str = "a duration or {until: event.starts_at}";
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::Map(_) => NotAfterUntil::decode(node, report).map(NotAfter::Until),
            _ => Duration::decode(node, report).map(NotAfter::Elapsed),
        }
    }
    fn encode(&self) -> Node {
        match self {
            NotAfter::Elapsed(span) => span.encode(),
            NotAfter::Until(until) => until.encode(),
        }
    }
    fn schema(book: &mut SchemaBook) -> serde_json::Value {
        json!({ "anyOf": [Duration::schema(book), NotAfterUntil::schema(book)] })
    }
}

/// Time passes.
#[derive(Debug, Clone, PartialEq)]
pub enum Wait {
    /// So much.
    For(Duration),
    /// Until something.
    Until(WaitUntil),
}

choice! {
    /// The longer forms of a wait.
    pub enum WaitUntil: "a wait" {
        /// Until an instant or a time of day.
        record "until" Until(UntilInstant),
        /// A stable draw between two lengths.
        value "between" Between(Vec<Offset>),
        /// The person's best hour within so much time.
        value "best_time" BestTime(Duration),
    }
}

record! {
    /// Until an instant or a time of day.
    pub struct UntilInstant: "a wait" {
        /// Which one.
        until: Until,
        /// Added to an instant.
        offset: Option<Offset>,
        /// Where it goes when the instant is at or before now: continue (default), end or a step.
        if_past: Option<Next>,
        /// For a time of day: only on these days.
        days: Option<Listed<Weekday>>,
        /// For a time of day: whose wall clock; default contact.
        zone: Option<ZoneOf>,
    }
}

impl Form for Wait {
    const WHAT: &'static str = "a duration such as 4h, or {until: …}, {between: …}, {best_time: …}";
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::Map(_) => WaitUntil::decode(node, report).map(Wait::Until),
            Value::Text(_) | Value::Number(_) => Duration::decode(node, report).map(Wait::For),
            _ => {
                report.wrong(node, Self::WHAT);
                None
            }
        }
    }
    fn encode(&self) -> Node {
        match self {
            Wait::For(span) => span.encode(),
            Wait::Until(until) => until.encode(),
        }
    }
    fn schema(book: &mut SchemaBook) -> serde_json::Value {
        json!({ "anyOf": [Duration::schema(book), WaitUntil::schema(book)] })
    }
}

record! {
    /// The first of several things, or a timeout.
    pub struct WaitFor: "a wait_for step" {
        /// The first that happens wins.
        first: Vec<WaitArm>,
        /// The timeout starts again on this event.
        restart_on: Option<EventName>,
        /// How long.
        timeout: Duration,
        /// Where it goes after the timeout.
        otherwise: Next,
    }
}

record! {
    /// One thing to wait for.
    pub struct WaitArm: "an arm of wait_for" {
        /// What.
        [flat] on: Awaited,
        /// Where it goes then; default: as the step's own `next`.
        next: Option<Next>,
    }
}

choice! {
    /// What an arm waits for.
    pub enum Awaited: "an arm of wait_for" {
        /// An event.
        record "event" Event(EventMatch),
        /// A click in the message of that step.
        value "clicked" Clicked(Slug),
        /// A reply to the message of that step, or to any.
        record "replied" Replied(Replied),
        /// The message of that step arrived.
        value "delivered" Delivered(Slug),
        /// The message of that step did not arrive.
        value "failed" Failed(Slug),
        /// In the segment (or, with `on: leave`, no longer in it).
        value "segment" Segment(SegmentChange),
        /// A test of an attribute.
        record "attribute" Attribute(AttributeTest),
    }
}

record! {
    /// A reply.
    pub struct Replied: "an arm of wait_for" {
        /// To the message of which step; `any`: to any message of this enrollment.
        replied: Slug,
        /// Only one of these words.
        like: Option<Listed<Reply>>,
    }
}

record! {
    /// A stable draw.
    pub struct Experiment: "an experiment step" {
        /// In order; their weights need not add up to 100.
        arms: Vec<ExperimentArm>,
        /// How people are shared out; default fixed.
        by: Option<Allocation>,
    }
}

record! {
    /// One arm of an experiment.
    pub struct ExperimentArm: "an arm of an experiment" {
        /// Its name in reports.
        name: Label,
        /// Its share of the total weight.
        weight: Whole,
        /// Where it goes; a holdout goes nowhere.
        next: Option<Next>,
        /// Gets nothing and stays in the comparison.
        holdout: Option<bool>,
    }
}

/// How an experiment shares people out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocation {
    /// By the weights.
    Fixed,
    /// More and more to what works.
    Thompson,
}

words!(Allocation, "Allocation": "a way to share people out" {
    "fixed" = Allocation::Fixed,
    "thompson" = Allocation::Thompson,
});

record! {
    /// Changes of the contact, made in this order.
    pub struct Update: "an update step" {
        /// Attributes to set; a text with `{{ … }}` is rendered.
        set: Option<Entries<Literal>>,
        /// Attributes to remove.
        unset: Option<Listed<Path>>,
        /// Numbers to add to attributes.
        add: Option<Entries<Literal>>,
        /// Tags to add.
        tag: Option<Listed<Label>>,
        /// Tags to take away.
        untag: Option<Listed<Label>>,
        /// Topics to subscribe to.
        subscribe: Option<Listed<Slug>>,
        /// Topics to unsubscribe from.
        unsubscribe: Option<Listed<Slug>>,
    }
}

record! {
    /// An event.
    pub struct Emit: "an emit step" short "event" {
        /// Its name.
        event: EventName,
        /// Its properties; a text with `{{ … }}` is rendered.
        properties: Option<Entries<Literal>>,
    }
}

record! {
    /// A webhook with an answer.
    pub struct Call: "a call step" {
        /// Where to.
        url: Text,
        /// Default POST.
        method: Option<Method>,
        /// In order.
        headers: Option<Entries<Text>>,
        /// JSON; texts with `{{ … }}` in it are rendered.
        body: Option<Literal>,
        /// How long an answer may take; default 10s.
        timeout: Option<Duration>,
        /// Attributes to set from the answer, by JSON pointer.
        save: Option<Entries<Pointer>>,
        /// Where it goes on an error; default: on.
        on_error: Option<Next>,
    }
}

/// Method of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Asks.
    Get,
    /// Sends.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

words!(Method, "Method": "a method" {
    "GET" = Method::Get,
    "POST" = Method::Post,
    "PUT" = Method::Put,
    "PATCH" = Method::Patch,
    "DELETE" = Method::Delete,
});

record! {
    /// Into another journey.
    pub struct Enroll: "an enroll step" short "journey" {
        /// Which one.
        journey: Slug,
    }
}

record! {
    /// To a person.
    pub struct HandOff: "a hand_off step" short "team" {
        /// Which team; default: whoever is free.
        team: Option<Label>,
        /// What the agent should know.
        note: Option<Text>,
    }
}

record! {
    /// Leave with a reason.
    pub struct Exit: "an exit step" short "reason" {
        /// Name of this exit in reports.
        reason: Label,
    }
}
