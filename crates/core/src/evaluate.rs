//! Answers conditions about a contact, and says until when an answer holds by itself.
//!
//! Must never have an effect: asking twice is asking once.

use crate::condition::{Condition, CountTest, JourneyState, JsonPath, WindowKey};
use crate::consent::{Channel, ConsentState};
use crate::contact::Contact;
use crate::ids::stable_hash;
use crate::journey::program::Program;
use crate::limits;
use crate::policy::quiet::LocalTime;
use crate::time::{Days, Span, Timestamp};
use crate::value;
use crate::window::Window;
use jiff::civil;
use jiff::tz::TimeZone;
use serde_json::Value;

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether the condition holds.
    pub holds: bool,
    /// The earliest instant at which the answer may change without any input; `None`: never.
    pub until: Option<Timestamp>,
}

/// What a condition is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Definitions.
    pub program: &'a Program,
    /// The person.
    pub contact: &'a Contact,
    /// Properties of the event at hand; `None`: there is none.
    pub properties: Option<&'a Value>,
    /// The instant.
    pub now: Timestamp,
}

impl Question<'_> {
    /// Answers.
    #[must_use]
    pub fn ask(&self, condition: &Condition) -> Answer {
        self.ask_at_depth(condition, 0)
    }

    /// Whether the condition holds; an absent one does.
    #[must_use]
    pub fn holds(&self, condition: Option<&Condition>) -> bool {
        condition.is_none_or(|condition| self.ask(condition).holds)
    }

    fn ask_at_depth(&self, condition: &Condition, depth: usize) -> Answer {
        // Definitions are checked for depth and for circles of segments before they get here; this bound
        // keeps a wrong one from ending the process.
        if depth > limits::NESTING_MAX * 2 {
            return Answer { holds: false, until: None };
        }
        let each = |condition: &Condition| self.ask_at_depth(condition, depth + 1);
        let (holds, until) = match condition {
            Condition::All(parts) => combine(parts.iter().map(each), true),
            Condition::Any(parts) => combine(parts.iter().map(each), false),
            Condition::Not(inner) => {
                let answer = each(inner);
                (!answer.holds, answer.until)
            }
            Condition::Attribute(path, test) => {
                let found = attribute(self.contact, path);
                value::passes(test, found.as_deref(), self.now, &self.zone())
            }
            Condition::Property(path, test) => {
                let found = self.properties.and_then(|root| path.find(root));
                value::passes(test, found, self.now, &self.zone())
            }
            Condition::Count { window, within, test } => match self.window(*window) {
                Some(window) => window.test(*test, *within, self.now),
                None => (counts_none(*test), None),
            },
            Condition::Aggregate { window, within, function, test } => {
                let (found, until) = self.window(*window).map_or_else(
                    || Window::default().aggregate(*function, *within, self.now),
                    |window| window.aggregate(*function, *within, self.now),
                );
                let found = found.and_then(serde_json::Number::from_f64).map(Value::Number);
                let (holds, may_change) =
                    value::passes(test, found.as_ref(), self.now, &TimeZone::UTC);
                (holds, earliest(until, may_change))
            }
            Condition::Segment(slug) => match self.program.segments.get(slug) {
                Some(segment) => {
                    let answer = each(segment);
                    (answer.holds, answer.until)
                }
                None => (false, None),
            },
            Condition::Journey(slug, state) => (self.journey_state(slug) == *state, None),
            Condition::Subscribed(topic) => (self.subscribed(topic), None),
            Condition::LocalTime { from, to, days } => {
                local_time(*from, *to, *days, self.now, &self.zone())
            }
            Condition::Bucket(percent) => {
                let salt = self.contact.state.salt.to_le_bytes();
                (stable_hash(&[b"bucket", &salt]) % 100 < u64::from(*percent), None)
            }
        };
        Answer { holds, until }
    }

    fn zone(&self) -> TimeZone {
        self.contact.zone_or(&self.program.settings.zone)
    }

    fn window(&self, key: WindowKey) -> Option<&Window> {
        let windows = &self.contact.state.windows;
        let place = windows.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        windows.get(place).map(|(_, window)| window)
    }

    fn journey_state(&self, slug: &str) -> JourneyState {
        let is = |id| {
            self.program.journeys.iter().any(|((journey, _), it)| *journey == id && it.slug == slug)
        };
        let state = &self.contact.state;
        if state.enrollments.iter().any(|enrollment| is(enrollment.journey)) {
            JourneyState::Active
        } else if state.ended.iter().any(|ended| is(ended.journey)) {
            JourneyState::Ended
        } else {
            JourneyState::Never
        }
    }

    fn subscribed(&self, topic: &str) -> bool {
        let state = &self.contact.state;
        state.consent(Channel::Sms, None) != Some(ConsentState::OptedOut)
            && state.consent(Channel::Sms, Some(topic)) == Some(ConsentState::OptedIn)
    }
}

fn counts_none(test: CountTest) -> bool {
    match test {
        CountTest::AtLeast(n) | CountTest::Exactly(n) => n == 0,
        CountTest::AtMost(_) => true,
    }
}

/// `all` (`every`) or `any`. The answer may change when any part's may; the earliest is a safe bound.
fn combine(parts: impl Iterator<Item = Answer>, every: bool) -> (bool, Option<Timestamp>) {
    let (mut holds, mut until) = (every, None);
    for answer in parts {
        holds = if every { holds && answer.holds } else { holds || answer.holds };
        until = earliest(until, answer.until);
    }
    (holds, until)
}

/// The earlier of two optional instants.
pub fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

/// An attribute of the contact, with those that have a place of their own.
pub(crate) fn attribute<'a>(
    contact: &'a Contact,
    path: &JsonPath,
) -> Option<std::borrow::Cow<'a, Value>> {
    use std::borrow::Cow;
    let (first, rest) = path.0.split_first()?;
    let own = |text: &Option<String>| text.clone().map(|text| Cow::Owned(Value::String(text)));
    match (first.as_str(), rest.is_empty()) {
        ("phone", true) => own(&contact.profile.phone),
        ("email", true) => own(&contact.profile.email),
        ("id" | "user_id", true) => own(&contact.profile.external_id),
        _ => {
            let root = contact.profile.attributes.get(first)?;
            JsonPath::find_parts(rest, root).map(Cow::Borrowed)
        }
    }
}

/// Whether the wall clock is in [from, to) on one of the days, and the next instant that may change it.
fn local_time(
    from: LocalTime,
    to: LocalTime,
    days: Days,
    now: Timestamp,
    zone: &TimeZone,
) -> (bool, Option<Timestamp>) {
    let local = zone.to_datetime(now.to_jiff());
    let minute = local.hour() as u16 * 60 + local.minute() as u16;
    let yesterday = local.date().yesterday().unwrap_or(local.date());
    let inside = if from < to {
        minute >= from.minutes() && minute < to.minutes() && days.contains(local.weekday())
    } else {
        (minute >= from.minutes() && days.contains(local.weekday()))
            || (minute < to.minutes() && days.contains(yesterday.weekday()))
    };
    // The wall runs with the instant until the clock is next moved: look again there.
    let (day, since_midnight) = (Span::days(1).0, milliseconds_of_day(local.time()));
    let ahead = [from, to, LocalTime::START].into_iter().map(|at| {
        let wait = i64::from(at.minutes()) * 60_000 - since_midnight;
        now + Span(if wait > 0 { wait } else { wait + day })
    });
    let moved = zone.following(now.to_jiff()).next();
    let moved = moved.map(|moved| Timestamp::from_jiff(moved.timestamp())).filter(|at| *at > now);
    (inside, ahead.chain(moved).min())
}

fn milliseconds_of_day(time: civil::Time) -> i64 {
    let seconds =
        i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    seconds * 1_000 + i64::from(time.millisecond())
}

/// The first instant strictly after `now` at which the wall shows `at` on one of the days. A wall time
/// that a gap skips happens when the gap ends; one that a fold repeats, the first time.
pub(crate) fn next_local(
    at: LocalTime,
    days: Days,
    now: Timestamp,
    zone: &TimeZone,
) -> Option<Timestamp> {
    let time = wall_time(at)?;
    let mut date = zone.to_datetime(now.to_jiff()).date();
    // Nine days: a whole week and a day the zone may skip altogether (Samoa, 2011-12-30).
    for _ in 0..9 {
        if days.contains(date.weekday()) {
            let instant = first_instant(date.to_datetime(time), zone)?;
            if instant > now {
                return Some(instant);
            }
        }
        date = date.tomorrow().ok()?;
    }
    None
}

/// The instant a wall time names: the first of two in a fold, the end of the gap when it is skipped.
pub(crate) fn first_instant(local: civil::DateTime, zone: &TimeZone) -> Option<Timestamp> {
    use jiff::tz::AmbiguousOffset;
    let ambiguous = zone.to_ambiguous_timestamp(local);
    match ambiguous.offset() {
        AmbiguousOffset::Gap { after, .. } => {
            // In the gap, the offset that comes after it names an instant before the gap: the change itself
            // is the next transition from there.
            let before_gap = after.to_timestamp(local).ok()?;
            let change = zone.following(before_gap).next()?;
            Some(Timestamp::from_jiff(change.timestamp()))
        }
        _ => Some(Timestamp::from_jiff(ambiguous.earlier().ok()?)),
    }
}

/// The wall time as the calendar knows it; the end of the day is the start of the next.
pub(crate) fn wall_time(at: LocalTime) -> Option<civil::Time> {
    civil::Time::new((at.minutes() / 60 % 24) as i8, (at.minutes() % 60) as i8, 0, 0).ok()
}

/// The later of the two instants a wall time names in a fold; else as [`first_instant`].
pub(crate) fn last_instant(local: civil::DateTime, zone: &TimeZone) -> Option<Timestamp> {
    Some(Timestamp::from_jiff(zone.to_ambiguous_timestamp(local).later().ok()?))
}
