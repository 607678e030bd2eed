//! The one condition tree of entries, branches, segments, exits and waits, compiled.
//!
//! Must never touch anything but what it is given: a contact, an event, an instant. Evaluation is
//! in `evaluate.rs`, sliding windows in `window.rs`.

use crate::policy::quiet::LocalTime;
use crate::time::{Days, Span, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// A dotted path into a JSON value, `event.cart.total` or `contact.first_name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JsonPath(pub Vec<String>);

impl JsonPath {
    /// Splits at dots. Never fails: an empty text is a path to nothing.
    #[must_use]
    pub fn new(dotted: &str) -> Self {
        JsonPath(dotted.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect())
    }

    /// What stands there, if anything does and it is not null. Array elements go by number.
    #[must_use]
    pub fn find<'a>(&self, root: &'a Value) -> Option<&'a Value> {
        JsonPath::find_parts(&self.0, root)
    }

    /// As [`JsonPath::find`], for a part of a path.
    pub(crate) fn find_parts<'a>(parts: &[String], root: &'a Value) -> Option<&'a Value> {
        let mut here = root;
        for part in parts {
            here = match here {
                Value::Object(fields) => fields.get(part)?,
                Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        (!here.is_null()).then_some(here)
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

/// A condition about a contact at an instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Condition {
    /// Every one holds (none: true).
    All(Vec<Condition>),
    /// At least one holds (none: false).
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// An attribute of the contact passes the test.
    Attribute(JsonPath, ValueTest),
    /// A property of the event at hand passes the test.
    Property(JsonPath, ValueTest),
    /// So many occurrences in a window.
    Count {
        /// Which occurrences.
        window: WindowKey,
        /// How far back; `None`: ever.
        within: Option<Span>,
        /// How many.
        test: CountTest,
    },
    /// An aggregate over the occurrences in a window.
    Aggregate {
        /// Which occurrences, with their value.
        window: WindowKey,
        /// How far back; `None`: ever.
        within: Option<Span>,
        /// Of their values.
        function: AggregateFunction,
        /// Its test.
        test: ValueTest,
    },
    /// In that segment (text id).
    Segment(String),
    /// State in another journey (text id).
    Journey(String, JourneyState),
    /// Subscribed to that topic.
    Subscribed(String),
    /// The person's wall clock.
    LocalTime {
        /// From, included.
        from: LocalTime,
        /// To, excluded; may be before `from` (crosses midnight).
        to: LocalTime,
        /// Only on these days; empty: all. A window over midnight belongs to the day it starts on.
        days: Days,
    },
    /// A stable share of all contacts, in percent (0..=100).
    Bucket(u8),
}

/// A test of one value. A missing value passes only `Exists(false)`, `IsNot` and `NotIn`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ValueTest {
    /// Equal; a number equals a text that reads as it.
    Is(Value),
    /// Not equal, or missing.
    IsNot(Value),
    /// Equal to one of these.
    In(Vec<Value>),
    /// Equal to none of these, or missing.
    NotIn(Vec<Value>),
    /// Greater. Numbers as numbers, texts as texts; a mixture never passes.
    Gt(Value),
    /// Greater or equal.
    Gte(Value),
    /// Less.
    Lt(Value),
    /// Less or equal.
    Lte(Value),
    /// A text holds this text, or a list this element.
    Contains(Value),
    /// A text starts so.
    StartsWith(String),
    /// There is a value (`true`) or none (`false`).
    Exists(bool),
    /// An instant before this one.
    Before(Timestamp),
    /// An instant after this one.
    After(Timestamp),
    /// An instant in (now - span, now].
    WithinLast(Span),
    /// An instant in (now, now + span].
    WithinNext(Span),
}

/// How many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CountTest {
    /// n or more.
    AtLeast(u32),
    /// n or fewer.
    AtMost(u32),
    /// n.
    Exactly(u32),
}

impl CountTest {
    /// How many of the last occurrences decide it at any instant.
    #[must_use]
    pub fn depth(self) -> u32 {
        match self {
            CountTest::AtLeast(n) => n.max(1),
            CountTest::AtMost(n) | CountTest::Exactly(n) => n.saturating_add(1),
        }
    }
}

/// What to make of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AggregateFunction {
    /// Total; of nothing: 0.
    Sum,
    /// Mean; of nothing: missing.
    Avg,
    /// Smallest; of nothing: missing.
    Min,
    /// Largest; of nothing: missing.
    Max,
    /// Most recent; of nothing: missing.
    Last,
    /// Oldest; of nothing: missing.
    First,
}

/// A contact's state in a journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum JourneyState {
    /// In it now.
    Active,
    /// Was in it, and is not now.
    Ended,
    /// Was never in it.
    Never,
}

/// Names one kind of occurrence over all definitions: a hash of what is counted, so that equal
/// conditions of several journeys and versions share one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WindowKey(pub u64);

/// What a window counts and how much of it must be remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowPlan {
    /// What is counted.
    pub source: WindowSource,
    /// Path of the value in the event's properties, for aggregates.
    pub value: Option<JsonPath>,
    /// How many of the last occurrences decide every condition on it.
    pub depth: u32,
    /// How far back any condition looks; `None`: for ever.
    pub horizon: Option<Span>,
}

/// What a window counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum WindowSource {
    /// Events of that name whose properties meet the condition (only `Property` leaves).
    Event {
        /// Its name.
        event: String,
        /// Over its properties.
        filter: Option<Box<Condition>>,
    },
    /// What happened to messages of a step.
    Message {
        /// Journey slug; `None`: any journey.
        journey: Option<String>,
        /// Step slug; `None`: any step.
        step: Option<String>,
        /// What happened.
        was: Engagement,
    },
}

impl WindowPlan {
    /// The key of this plan's source and value, whatever its depth and horizon.
    #[must_use]
    pub fn key(&self) -> WindowKey {
        // Canonical: serde_json writes maps of `Value` sorted and the enums in declaration order.
        let text = serde_json::to_string(&(&self.source, &self.value)).unwrap_or_default();
        WindowKey(crate::ids::stable_hash(&[b"window", text.as_bytes()]))
    }

    /// Widens this plan so that it also serves `other`.
    pub fn widen(&mut self, other: &WindowPlan) {
        self.depth = self.depth.max(other.depth);
        self.horizon = match (self.horizon, other.horizon) {
            (Some(a), Some(b)) => Some(a.max(b)),
            _ => None,
        };
    }
}

/// What can happen to a message, as conditions name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Engagement {
    /// Handed to the gateway.
    Sent,
    /// On the handset.
    Delivered,
    /// Did not arrive.
    Failed,
    /// A person clicked.
    Clicked,
    /// A person replied.
    Replied,
    /// The journey's goal was reached after it.
    Converted,
}
