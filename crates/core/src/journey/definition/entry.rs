//! How people get into a journey, out of it, and what it is for.
//!
//! Must never say what happens inside: that is in `step`.

use super::condition::Condition;
use super::scalar::{
    Duration, EventName, Label, Offset, Path, RootPath, Rule, Slug, WallTime, Word,
};
use crate::journey::declare::{choice, record, words};
use crate::journey::form::{Form, Listed, Report, SchemaBook};
use crate::journey::node::{Node, Value};
use crate::journey::program::WhileActive;
use serde_json::json;

record! {
    /// How people get in.
    pub struct Entry: "an entry" {
        /// By what.
        [flat] by: EntryBy,
        /// Only when this holds.
        filter as "where": Option<Condition>,
        /// One enrollment per contact and value of this path; default: one per contact.
        key: Option<RootPath>,
        /// A new entry while one with the same key is active; default ignore.
        while_active: Option<WhileActive>,
        /// A new entry after one with the same key has ended; default never.
        once_ended: Option<OnceEnded>,
    }
}

choice! {
    /// What brings people in.
    pub enum EntryBy: "an entry" {
        /// An event.
        value "event" Event(EventName),
        /// A word that people text.
        value "keyword" Keyword(Listed<Word>),
        /// Joining or leaving a segment.
        value "segment" Segment(SegmentChange),
        /// A calendar.
        value "schedule" Schedule(Schedule),
        /// A date of the contact.
        value "date" Date(DateEntry),
        /// A call of the API, or by hand.
        value "api" Api(bool),
        /// An `enroll` step of that journey.
        value "journey" Journey(Slug),
    }
}

record! {
    /// Joining or leaving a segment.
    pub struct SegmentChange: "a segment" short "id" {
        /// Which segment.
        id: Slug,
        /// Joining (default) or leaving it.
        on: Option<JoinOrLeave>,
    }
}

/// Joining or leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinOrLeave {
    /// Joining.
    Join,
    /// Leaving.
    Leave,
}

words!(JoinOrLeave, "JoinOrLeave": "join or leave" {
    "join" = JoinOrLeave::Join,
    "leave" = JoinOrLeave::Leave,
});

record! {
    /// Everybody in a segment, again and again.
    pub struct Schedule: "a schedule" {
        /// When, in the workspace's time zone.
        rrule: Rule,
        /// Who; default: all contacts.
        segment: Option<Slug>,
    }
}

record! {
    /// Relative to a date of the contact.
    pub struct DateEntry: "a date entry" {
        /// Which attribute holds the date.
        attribute: Path,
        /// Added to it: `-7d` is a week before.
        offset: Option<Offset>,
        /// Time of that day in the person's zone; default: the attribute's own time.
        at_time as "at": Option<WallTime>,
        /// Every year again (birthdays).
        yearly: Option<bool>,
    }
}

words!(WhileActive, "WhileActive": "a rule for a further entry" {
    "ignore" = WhileActive::Ignore,
    "restart" = WhileActive::Restart,
    "parallel" = WhileActive::Parallel,
});

/// A new entry after an earlier one has ended.
#[derive(Debug, Clone, PartialEq)]
pub enum OnceEnded {
    /// Not allowed.
    Never,
    /// Allowed at any time.
    Always,
    /// Allowed after so much time.
    After(Duration),
}

record! {
    /// After so much time.
    pub struct After: "never, always or {after: 7d}" {
        /// How much.
        after: Duration,
    }
}

impl Form for OnceEnded {
    const WHAT: &'static str = "never, always or {after: 7d}";
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::Text(text) if text == "never" => Some(OnceEnded::Never),
            Value::Text(text) if text == "always" => Some(OnceEnded::Always),
            Value::Map(_) => After::decode(node, report).map(|it| OnceEnded::After(it.after)),
            _ => {
                report.wrong(node, Self::WHAT);
                None
            }
        }
    }
    fn encode(&self) -> Node {
        match self {
            OnceEnded::Never => Node::text("never"),
            OnceEnded::Always => Node::text("always"),
            OnceEnded::After(span) => Node::map(vec![("after", span.encode())]),
        }
    }
    fn schema(book: &mut SchemaBook) -> serde_json::Value {
        json!({ "anyOf": [{ "enum": ["never", "always"] }, After::schema(book)] })
    }
}

record! {
    /// Leave the journey when this happens, whatever the enrollment waits for.
    pub struct ExitRule: "an exit" {
        /// What happens.
        [flat] by: ExitBy,
        /// Name of this exit in reports; default: the event or the segment.
        name as "as": Option<Label>,
    }
}

choice! {
    /// What takes people out.
    pub enum ExitBy: "an exit" {
        /// An event.
        record "event" Event(EventMatch),
        /// Joining or leaving a segment.
        value "segment" Segment(SegmentChange),
        /// A condition that has become true.
        value "when" When(Condition),
    }
}

record! {
    /// An event that meets a condition.
    pub struct EventMatch: "an event" {
        /// Its name.
        event: EventName,
        /// Over its properties and the contact.
        filter as "where": Option<Condition>,
    }
}

record! {
    /// What the journey is for.
    pub struct Goal: "a goal" {
        /// The event that reaches it.
        event: EventName,
        /// Over its properties and the contact.
        filter as "where": Option<Condition>,
        /// Counted from the last message, or from the entry while there was none.
        within: Duration,
        /// What it is worth: a number in the event.
        value: Option<RootPath>,
        /// Reaching it ends the enrollment; default true.
        ends: Option<bool>,
    }
}
