//! How JSON values compare in conditions.
//!
//! Must never guess: a comparison of things that cannot be compared is false.

use crate::condition::ValueTest;
use crate::time::{Span, Timestamp};
use jiff::civil;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::cmp::Ordering;

/// The answer of a test, and until when it stays without a change of the value.
pub(crate) type Timed = (bool, Option<Timestamp>);

/// Whether a value (`None`: missing) passes the test at `now`; dates without a zone are read in `zone`.
pub(crate) fn passes(
    test: &ValueTest,
    value: Option<&Value>,
    now: Timestamp,
    zone: &TimeZone,
) -> Timed {
    let instant = || value.and_then(|value| instant_of(value, zone));
    let holds = match test {
        ValueTest::Is(other) => value.is_some_and(|value| equal(value, other)),
        ValueTest::IsNot(other) => !value.is_some_and(|value| equal(value, other)),
        ValueTest::In(others) => {
            value.is_some_and(|value| others.iter().any(|other| equal(value, other)))
        }
        ValueTest::NotIn(others) => {
            !value.is_some_and(|value| others.iter().any(|other| equal(value, other)))
        }
        ValueTest::Gt(other) => ordered(value, other).is_some_and(Ordering::is_gt),
        ValueTest::Gte(other) => ordered(value, other).is_some_and(Ordering::is_ge),
        ValueTest::Lt(other) => ordered(value, other).is_some_and(Ordering::is_lt),
        ValueTest::Lte(other) => ordered(value, other).is_some_and(Ordering::is_le),
        ValueTest::Contains(other) => value.is_some_and(|value| contains(value, other)),
        ValueTest::StartsWith(start) => {
            value.and_then(Value::as_str).is_some_and(|text| text.starts_with(start.as_str()))
        }
        ValueTest::Exists(wanted) => value.is_some() == *wanted,
        ValueTest::Before(other) => instant().is_some_and(|at| at < *other),
        ValueTest::After(other) => instant().is_some_and(|at| at > *other),
        ValueTest::WithinLast(span) => {
            return instant().map_or((false, None), |at| between(at, at + *span, now));
        }
        ValueTest::WithinNext(span) => {
            return instant().map_or((false, None), |at| between(at - *span, at, now));
        }
    };
    (holds, None)
}

/// True in [from, to).
fn between(from: Timestamp, to: Timestamp, now: Timestamp) -> Timed {
    if now < from {
        (false, Some(from))
    } else if now < to {
        (true, Some(to))
    } else {
        (false, None)
    }
}

/// The number a value is or reads as.
pub(crate) fn number_of(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

fn equal(a: &Value, b: &Value) -> bool {
    if a == b {
        return true;
    }
    match (a, b) {
        (Value::String(_) | Value::Number(_), Value::Number(_))
        | (Value::Number(_), Value::String(_)) => {
            number_of(a).is_some_and(|a| number_of(b) == Some(a))
        }
        (Value::Bool(bool), Value::String(text)) | (Value::String(text), Value::Bool(bool)) => {
            *text == bool.to_string()
        }
        _ => false,
    }
}

fn ordered(value: Option<&Value>, other: &Value) -> Option<Ordering> {
    let value = value?;
    if let (Some(a), Some(b)) = (number_of(value), number_of(other)) {
        return a.partial_cmp(&b);
    }
    match (value, other) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn contains(value: &Value, other: &Value) -> bool {
    match (value, other) {
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        (Value::Array(items), _) => items.iter().any(|item| equal(item, other)),
        _ => false,
    }
}

/// The instant a value is: RFC 3339; a local date-time or date (midnight), read in `zone`; or Unix time in
/// seconds (milliseconds from 100,000,000,000 on).
pub(crate) fn instant_of(value: &Value, zone: &TimeZone) -> Option<Timestamp> {
    let at = match value {
        Value::String(text) => {
            let text = text.trim();
            if let Ok(at) = Timestamp::parse(text) {
                return Some(at);
            }
            if text.len() > 40 {
                return None;
            }
            let local = text
                .parse::<civil::DateTime>()
                .or_else(|_| {
                    text.parse::<civil::Date>()
                        .map(|date| date.to_datetime(civil::Time::midnight()))
                })
                .ok()?;
            Timestamp::from_jiff(zone.to_timestamp(local).ok()?)
        }
        Value::Number(number) => {
            let number = number.as_f64()?;
            let milliseconds = if number.abs() >= 1e11 { number } else { number * 1_000.0 };
            // Beyond the years we handle the cast saturates and the range check below refuses it.
            Timestamp(milliseconds as i64)
        }
        _ => return None,
    };
    (Timestamp::MIN..=Timestamp::MAX).contains(&at).then_some(at)
}

/// `now + span` where it stays inside the years we handle.
pub(crate) fn shifted(at: Timestamp, span: Span) -> Option<Timestamp> {
    let shifted = at + span;
    (Timestamp::MIN..=Timestamp::MAX).contains(&shifted).then_some(shifted)
}
