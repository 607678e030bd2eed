//! The compiled form of a workspace: what the engine runs.
//!
//! Made by `compile.rs` from parsed definitions, checked before it gets here; it holds no position
//! in any text and nothing that can fail to resolve. Must never be changed while it runs: a new
//! revision is a new [`Program`].

use crate::condition::{Condition, JsonPath, WindowKey, WindowPlan};
use crate::ids::{JourneyId, WorkspaceId};
use crate::journey::body::BodyTemplate;
use crate::policy::quiet::LocalTime;
use crate::policy::settings::{Purpose, Settings};
use crate::template::Template;
use crate::time::{Days, Span};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One workspace, ready to run: settings, live journeys, the versions still in flight, segments.
#[derive(Debug, Clone)]
pub struct Program {
    /// Whose it is.
    pub workspace: WorkspaceId,
    /// `workspace.yaml`.
    pub settings: Settings,
    /// Every version that may still have people in it, and the live ones.
    pub journeys: BTreeMap<(JourneyId, u32), Arc<Journey>>,
    /// The version that new entries get; a journey that is retired has none.
    pub live: BTreeMap<JourneyId, u32>,
    /// Journeys that nobody enters and whose messages are held, until they are resumed.
    pub paused: BTreeSet<JourneyId>,
    /// Segments by their text id.
    pub segments: BTreeMap<String, Condition>,
    /// Every sliding window some condition of this program needs.
    pub windows: BTreeMap<WindowKey, WindowPlan>,
    /// Changes when `windows` changes: a contact with another value is filled from history first.
    pub windows_fingerprint: u64,
    /// Seed of everything drawn at random (waits between, arms): the same seed, the same draw.
    pub seed: u64,
}

impl Program {
    /// The live version of that journey.
    #[must_use]
    pub fn live_version(&self, journey: JourneyId) -> Option<&Arc<Journey>> {
        self.journeys.get(&(journey, *self.live.get(&journey)?))
    }

    /// The live journey of that text id.
    #[must_use]
    pub fn live_by_slug(&self, slug: &str) -> Option<&Arc<Journey>> {
        self.live_journeys().find(|journey| journey.slug == slug)
    }

    /// All live journeys, in the order of their ids.
    pub fn live_journeys(&self) -> impl Iterator<Item = &Arc<Journey>> {
        self.live.iter().filter_map(|(id, version)| self.journeys.get(&(*id, *version)))
    }
}

/// One version of a journey. It never changes once published.
#[derive(Debug, Clone)]
pub struct Journey {
    /// Dense id, given by the store when the slug was first seen.
    pub id: JourneyId,
    /// Text id, as in the definition.
    pub slug: String,
    /// What people call it.
    pub name: String,
    /// 1, 2, 3 …
    pub version: u32,
    /// Default purpose of its messages.
    pub purpose: Purpose,
    /// How people get in.
    pub entry: Entry,
    /// Path of the entry key; `None`: one enrollment per contact.
    pub key: Option<JsonPath>,
    /// What a new entry does while one with the same key is active.
    pub while_active: WhileActive,
    /// What a new entry does after one with the same key has ended.
    pub once_ended: OnceEnded,
    /// Looked at continuously.
    pub exits: Vec<ExitRule>,
    /// What the journey is for.
    pub goal: Option<Goal>,
    /// In order; index 0 is where an enrollment starts. At most `limits::STEPS_MAX`.
    pub steps: Vec<Step>,
}

impl Journey {
    /// Index of the step of that text id.
    #[must_use]
    pub fn step_index(&self, slug: &str) -> Option<u16> {
        self.steps.iter().position(|step| step.slug == slug).map(|index| index as u16)
    }
}

/// How people enter.
#[derive(Debug, Clone)]
pub enum Entry {
    /// On each event of that name whose properties and contact meet the condition.
    Event {
        /// Name of the event.
        event: String,
        /// Extra condition over properties and contact.
        filter: Option<Condition>,
    },
    /// On an inbound message that is this word.
    Keyword {
        /// Upper case.
        words: Vec<String>,
    },
    /// When the contact joins or leaves the segment, also when only time passes.
    Segment {
        /// Text id.
        segment: String,
        /// `true`: on join; `false`: on leave.
        on_join: bool,
    },
    /// At each instant of the schedule, everybody in the segment (or everybody).
    Schedule {
        /// When.
        rule: Recurrence,
        /// Text id; `None`: all contacts.
        segment: Option<String>,
    },
    /// Relative to a date in an attribute.
    Date {
        /// Attribute path.
        attribute: JsonPath,
        /// Added to the date.
        offset: Span,
        /// Local wall time on that day; `None`: the attribute's own instant (midnight for a date).
        at: Option<LocalTime>,
        /// Comes back every year (birthdays).
        yearly: bool,
    },
    /// Only by an API call, by an `enroll` step, or by hand.
    Api,
    /// Only by an `enroll` step of that journey.
    Journey {
        /// Text id.
        journey: String,
    },
}

/// A recurrence rule (RFC 5545, the subset that `validate.rs` admits), in the workspace's zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    /// As written, for display.
    pub text: String,
    /// Unit of the interval.
    pub frequency: Frequency,
    /// Every how many units, at least 1.
    pub interval: u32,
    /// Only on these weekdays; empty: all (weekly: the weekday of the first instant).
    pub weekdays: Days,
    /// Only on these days of the month (1..=31, or -1 for the last); empty: all.
    pub month_days: Vec<i8>,
    /// Only in these months (1..=12); empty: all.
    pub months: Vec<i8>,
    /// Wall times of the day, sorted; for `Hourly` only the minutes count.
    pub times: Vec<LocalTime>,
}

/// Unit of a [`Recurrence`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frequency {
    /// Every n hours.
    Hourly,
    /// Every n days.
    Daily,
    /// Every n weeks.
    Weekly,
    /// Every n months.
    Monthly,
    /// Every n years.
    Yearly,
}

/// A new entry while one with the same key is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhileActive {
    /// Nothing happens.
    Ignore,
    /// The active one starts again at its first step, with the new event.
    Restart,
    /// A further one runs beside it.
    Parallel,
}

/// A new entry after one with the same key has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnceEnded {
    /// Never again.
    Never,
    /// Any time.
    Always,
    /// When at least this much time has passed since the last one ended.
    After(Span),
}

/// Leave the journey when this happens, whatever the enrollment waits for.
#[derive(Debug, Clone)]
pub struct ExitRule {
    /// What happens.
    pub trigger: Trigger,
    /// Name of this exit in reports.
    pub name: String,
}

/// Something that happens to a contact.
#[derive(Debug, Clone)]
pub enum Trigger {
    /// An event of that name, with a condition over its properties and the contact.
    Event {
        /// Name of the event.
        event: String,
        /// Extra condition.
        filter: Option<Condition>,
    },
    /// A condition has become true (or, for a segment, the contact has joined or left it).
    Condition(Condition),
}

/// What the journey is for.
#[derive(Debug, Clone)]
pub struct Goal {
    /// The event that reaches it.
    pub event: String,
    /// Extra condition.
    pub filter: Option<Condition>,
    /// Counted from the last message of the enrollment, or from its entry while none was sent.
    pub within: Span,
    /// Number it is worth.
    pub value: Option<JsonPath>,
    /// Reaching it ends the enrollment (default).
    pub ends: bool,
}

/// One step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Text id.
    pub slug: String,
    /// What it does.
    pub action: Action,
    /// Where it goes then (steps that choose hold their own).
    pub next: Next,
}

/// Where an enrollment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// To the step with this index.
    Step(u16),
    /// The journey is completed.
    End,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// One message.
    Send(Box<Send>),
    /// Time passes.
    Wait(Wait),
    /// The first of several things.
    WaitFor(Box<WaitFor>),
    /// First condition that holds.
    Branch {
        /// Tried in order.
        arms: Vec<(Condition, Next)>,
        /// When none holds.
        otherwise: Next,
    },
    /// A stable draw.
    Experiment {
        /// In order; the weights need not add up to 100.
        arms: Vec<Arm>,
    },
    /// Changes of the contact, in order.
    Update(Vec<Change>),
    /// An event.
    Emit {
        /// Its name.
        event: String,
        /// Its properties.
        properties: Vec<(String, Expr)>,
    },
    /// A webhook with an answer.
    Call(Box<Call>),
    /// Into another journey.
    Enroll {
        /// Text id.
        journey: String,
    },
    /// To a person.
    HandOff {
        /// Which team; `None`: whoever is free.
        team: Option<String>,
        /// What the agent should know.
        note: Option<Template>,
    },
    /// Leave with a reason.
    Exit {
        /// Name of this exit in reports.
        reason: String,
    },
}

/// A `send` step.
#[derive(Debug, Clone)]
pub struct Send {
    /// The text; a language's own text wins over it.
    pub text: Template,
    /// By lower-case language (`es`, `pt-br`).
    pub translations: BTreeMap<String, Template>,
    /// Id of the sender; `None`: the workspace's first.
    pub sender: Option<String>,
    /// At that instant or later it is dropped.
    pub not_after: Option<NotAfter>,
    /// Coupon pool; `coupon.code` is its code for this message.
    pub coupon: Option<String>,
    /// Where it goes when the message was dropped; `None`: on, as if sent.
    pub if_suppressed: Option<Next>,
    /// Overrides the journey's.
    pub purpose: Option<Purpose>,
}

/// The end of a message's life.
#[derive(Debug, Clone)]
pub enum NotAfter {
    /// Since the step was reached.
    Elapsed(Span),
    /// Relative to an instant; when that cannot be read the message is dropped.
    Until {
        /// Where the instant stands.
        instant: Expr,
        /// Added to it.
        offset: Span,
    },
}

/// A `wait` step.
#[derive(Debug, Clone)]
pub enum Wait {
    /// Elapsed time.
    For(Span),
    /// Until an instant.
    Until {
        /// Where the instant stands.
        instant: Expr,
        /// Added to it.
        offset: Span,
        /// At or before now, or when it cannot be read.
        if_past: Next,
    },
    /// Until the next such wall time, strictly after now.
    UntilLocal {
        /// The time of day.
        at: LocalTime,
        /// Only on these days; empty: all.
        days: Days,
        /// Whose wall.
        zone: ZoneOf,
    },
    /// A stable draw from [from, to], whole milliseconds.
    Between(Span, Span),
    /// Until the person's most active hour within so much time.
    BestTime(Span),
}

/// Whose wall time.
#[derive(Debug, Clone)]
pub enum ZoneOf {
    /// The person's (profile, number), else the workspace's.
    Contact,
    /// The workspace's.
    Workspace,
    /// This one.
    Named(jiff::tz::TimeZone),
}

/// A `wait_for` step.
#[derive(Debug, Clone)]
pub struct WaitFor {
    /// The first that happens wins; at one instant, the first written.
    pub first: Vec<(Awaited, Next)>,
    /// The timeout starts again on this event.
    pub restart_on: Option<String>,
    /// How long.
    pub timeout: Span,
    /// After the timeout.
    pub otherwise: Next,
}

/// What a `wait_for` arm waits for. `step` is the index of a `send` step: its latest message counts,
/// also what happened to it before this step was reached.
#[derive(Debug, Clone)]
pub enum Awaited {
    /// An event after the step was reached.
    Event {
        /// Its name.
        event: String,
        /// Extra condition.
        filter: Option<Condition>,
    },
    /// A person's click in that message.
    Clicked {
        /// Index of the `send` step.
        step: u16,
    },
    /// A reply after that message.
    Replied {
        /// Index of the `send` step; `None`: to any message of this enrollment.
        step: Option<u16>,
        /// Lower-case words, one of which the reply must be; empty: any reply.
        like: Vec<String>,
    },
    /// The carrier says it arrived.
    Delivered {
        /// Index of the `send` step.
        step: u16,
    },
    /// It did not arrive, or was dropped.
    Failed {
        /// Index of the `send` step.
        step: u16,
    },
    /// A condition (segment, attribute) holds, now or later.
    Condition(Condition),
}

/// One arm of an experiment.
#[derive(Debug, Clone)]
pub struct Arm {
    /// Its name; the variant of what follows.
    pub name: String,
    /// Its share of the total weight.
    pub weight: u32,
    /// Kept in the comparison, gets nothing.
    pub holdout: bool,
    /// Where it goes.
    pub next: Next,
}

/// A change of the contact.
#[derive(Debug, Clone)]
pub enum Change {
    /// Set an attribute.
    Set(JsonPath, Expr),
    /// Remove an attribute.
    Unset(JsonPath),
    /// Add to a number (absent: 0).
    Add(JsonPath, Expr),
    /// Add to the list `tags`.
    Tag(String),
    /// Take from the list `tags`.
    Untag(String),
    /// Subscribe to a topic.
    Subscribe(String),
    /// Unsubscribe from a topic.
    Unsubscribe(String),
}

/// A value computed when it is needed.
#[derive(Debug, Clone)]
pub enum Expr {
    /// This.
    Literal(serde_json::Value),
    /// What stands there: `event.…`, `contact.…`, `workspace.…`.
    Path(JsonPath),
    /// Rendered text.
    Template(Template),
}

/// A `call` step.
#[derive(Debug, Clone)]
pub struct Call {
    /// Where to.
    pub url: Template,
    /// `GET`, `POST`, `PUT`, `PATCH`, `DELETE`.
    pub method: String,
    /// In order.
    pub headers: Vec<(String, Template)>,
    /// JSON, rendered text by text; `None`: no body.
    pub body: Option<BodyTemplate>,
    /// How long an answer may take.
    pub timeout: Span,
    /// Attribute ← JSON pointer into the answer.
    pub save: Vec<(JsonPath, String)>,
    /// Where it goes on an error; `None`: on.
    pub on_error: Option<Next>,
}
