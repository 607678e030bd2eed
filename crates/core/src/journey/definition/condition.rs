//! Conditions as people write them.
//!
//! Must never evaluate anything: `condition.rs` of the core does, from the compiled form.

use super::scalar::{
    Duration, EventName, Instant, Label, Literal, MessageRef, Path, Slug, WallTime, Whole,
};
use crate::condition::{Engagement, JourneyState};
use crate::journey::declare::{choice, record, words};
use crate::journey::form::Listed;
use jiff::civil::Weekday;

choice! {
    /// A condition about a contact.
    pub enum Condition: "a condition" {
        /// Every one of these holds.
        value "all" All(Vec<Condition>),
        /// At least one of these holds.
        value "any" Any(Vec<Condition>),
        /// This does not hold.
        value "not" Not(Box<Condition>),
        /// A test of an attribute of the contact.
        record "attribute" Attribute(AttributeTest),
        /// A test of a property of the event at hand.
        record "property" Property(PropertyTest),
        /// How often an event happened.
        record "event" Event(EventCount),
        /// A test of the sum, mean, smallest, largest, last or first value of events.
        record "sum" | "avg" | "min" | "max" | "last" | "first" Aggregate(AggregateTest),
        /// What happened to messages.
        record "message" Message(MessageTest),
        /// In that segment.
        value "segment" Segment(Slug),
        /// State in another journey.
        record "journey" Journey(JourneyTest),
        /// Subscribed to that topic.
        value "subscribed" Subscribed(Slug),
        /// The clock on the person's wall.
        value "local_time" LocalTime(LocalWindow),
        /// A stable share of all contacts, in percent.
        value "bucket" Bucket(Whole),
    }
}

record! {
    /// A test of an attribute of the contact.
    pub struct AttributeTest: "an attribute condition" {
        /// Which attribute.
        attribute: Path,
        /// The test.
        [flat] test: Test,
    }
}

record! {
    /// A test of a property of the event at hand.
    pub struct PropertyTest: "a property condition" {
        /// Which property.
        property: Path,
        /// The test.
        [flat] test: Test,
    }
}

choice! {
    /// A test of one value.
    pub enum Test: "a test" {
        /// Equal.
        value "is" Is(Literal),
        /// Not equal, or missing.
        value "is_not" IsNot(Literal),
        /// Equal to one of these.
        value "in" In(Vec<Literal>),
        /// Equal to none of these, or missing.
        value "not_in" NotIn(Vec<Literal>),
        /// Greater.
        value "gt" Gt(Literal),
        /// Greater or equal.
        value "gte" Gte(Literal),
        /// Less.
        value "lt" Lt(Literal),
        /// Less or equal.
        value "lte" Lte(Literal),
        /// A text holds this text, or a list this element.
        value "contains" Contains(Literal),
        /// A text begins with this.
        value "starts_with" StartsWith(Label),
        /// There is a value, or none.
        value "exists" Exists(bool),
        /// An instant before this one.
        value "before" Before(Instant),
        /// An instant after this one.
        value "after" After(Instant),
        /// An instant in the last so much time.
        value "within_last" WithinLast(Duration),
        /// An instant in the next so much time.
        value "within_next" WithinNext(Duration),
    }
}

record! {
    /// How often an event happened.
    pub struct EventCount: "an event condition" {
        /// Which event.
        event: EventName,
        /// How often; default at_least 1.
        [flat] count: Option<Count>,
        /// How far back; default: ever.
        within: Option<Duration>,
        /// Only events whose properties meet this.
        filter as "where": Option<Box<Condition>>,
    }
}

choice! {
    /// How often.
    pub enum Count: "a count" {
        /// So often or more.
        value "at_least" AtLeast(Whole),
        /// So often or less.
        value "at_most" AtMost(Whole),
        /// Exactly so often.
        value "exactly" Exactly(Whole),
        /// Never.
        value "none" None(bool),
    }
}

record! {
    /// A test of an aggregate over events.
    pub struct AggregateTest: "an aggregate condition" {
        /// Of which values.
        [flat] of: Aggregate,
        /// The test.
        [flat] test: Test,
        /// How far back; default: ever.
        within: Option<Duration>,
    }
}

choice! {
    /// What to make of the values of events.
    pub enum Aggregate: "an aggregate" {
        /// Their total.
        value "sum" Sum(EventValues),
        /// Their mean.
        value "avg" Avg(EventValues),
        /// The smallest.
        value "min" Min(EventValues),
        /// The largest.
        value "max" Max(EventValues),
        /// The most recent.
        value "last" Last(EventValues),
        /// The oldest.
        value "first" First(EventValues),
    }
}

record! {
    /// A property of all events of a name.
    pub struct EventValues: "the values of an event" {
        /// Which event.
        event: EventName,
        /// Which property.
        property: Path,
        /// Only events whose properties meet this.
        filter as "where": Option<Box<Condition>>,
    }
}

record! {
    /// What happened to messages.
    pub struct MessageTest: "a message condition" {
        /// Which messages.
        message: MessageRef,
        /// What happened.
        was: Engagement,
        /// How often; default at_least 1.
        [flat] count: Option<Count>,
        /// How far back; default: ever.
        within: Option<Duration>,
    }
}

record! {
    /// State in a journey.
    pub struct JourneyTest: "a journey condition" {
        /// Which journey.
        journey: Slug,
        /// The state.
        is: JourneyState,
    }
}

record! {
    /// A window on the person's wall clock.
    pub struct LocalWindow: "a window of local time" {
        /// From, included.
        from: WallTime,
        /// To, excluded; before `from`: over midnight.
        to: WallTime,
        /// Only on these days.
        days: Option<Listed<Weekday>>,
    }
}

words!(Engagement, "Engagement": "something that happens to a message" {
    "sent" = Engagement::Sent,
    "delivered" = Engagement::Delivered,
    "failed" = Engagement::Failed,
    "clicked" = Engagement::Clicked,
    "replied" = Engagement::Replied,
    "converted" = Engagement::Converted,
});

words!(JourneyState, "JourneyState": "a state in a journey" {
    "active" = JourneyState::Active,
    "ended" = JourneyState::Ended,
    "never" = JourneyState::Never,
});

words!(Weekday, "Weekday": "a day of the week" {
    "mon" = Weekday::Monday,
    "tue" = Weekday::Tuesday,
    "wed" = Weekday::Wednesday,
    "thu" = Weekday::Thursday,
    "fri" = Weekday::Friday,
    "sat" = Weekday::Saturday,
    "sun" = Weekday::Sunday,
});
