//! Reading what providers write: headers, forms, JSON, instants, numbers.
//!
//! Must never fail on what a stranger sends: what is not there is empty.

use super::{Callback, CallbackError};
use base64::Engine as _;
use serde_json::Value;
use wayline_core::ids::MessageId;
use wayline_core::time::Timestamp;

/// The first header of that name, whatever its case.
pub(super) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// Pairs of a form or a query, decoded, in order.
pub(super) fn pairs(bytes: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(bytes).into_owned().collect()
}

/// The first value of that name; empty: none.
pub(super) fn value<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs.iter().find(|(given, _)| given == name).map_or("", |(_, value)| value.as_str())
}

/// The body of an answer as JSON; null: it is none.
pub(super) fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or(Value::Null)
}

/// The body of a callback as JSON.
pub(super) fn callback_json(callback: &Callback<'_>) -> Result<Value, CallbackError> {
    serde_json::from_slice(callback.body).map_err(|error| malformed(format!("no JSON: {error}")))
}

/// Parameters of a callback however they come: as JSON object, form or query.
pub(super) fn parameters(callback: &Callback<'_>) -> Vec<(String, String)> {
    let body = callback.body.trim_ascii();
    if body.is_empty() {
        return pairs(callback.query.as_bytes());
    }
    if body.first() != Some(&b'{') {
        return pairs(body);
    }
    let Value::Object(map) = json(body) else { return Vec::new() };
    map.iter().map(|(name, value)| (name.clone(), plain(value))).collect()
}

/// A value as text: a text, number or truth as written; empty: anything else.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

/// The text at a JSON pointer; empty: nothing there.
pub(super) fn at(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).map(plain).unwrap_or_default()
}

/// The list at a JSON pointer; empty: none there.
pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Unreadable, and why.
pub(super) fn malformed(what: impl Into<String>) -> CallbackError {
    CallbackError::Malformed { what: what.into() }
}

/// Our message id: as the provider gives it back, else from the path we were called at.
pub(super) fn our_id(echoed: &str, callback: &Callback<'_>) -> Option<MessageId> {
    let from_path = || callback.path_tail.split('/').find_map(|part| part.parse().ok());
    echoed.parse().ok().or_else(from_path)
}

/// A text if there is one.
pub(super) fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// A number as E.164: providers that leave the `+` out get it back; short codes and names stay.
pub(super) fn e164(number: &str) -> String {
    let digits = number.len() >= 8 && number.bytes().all(|byte| byte.is_ascii_digit());
    if digits { format!("+{number}") } else { number.to_owned() }
}

/// A number without its `+`.
pub(super) fn digits(number: &str) -> &str {
    number.strip_prefix('+').unwrap_or(number)
}

/// An instant in any of the forms providers use; `now` when it is none.
///
/// RFC 3339, the same with a space for the `T`, with `+0000`, without an offset (UTC), as fourteen digits, as
/// seconds or milliseconds since 1970.
pub(super) fn instant(text: &str, now: Timestamp) -> Timestamp {
    let text = text.trim();
    if let Ok(at) = Timestamp::parse(text) {
        return at;
    }
    if text.len() == 14 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        let (day, clock) =
            ((part(0, 4), part(4, 6), part(6, 8)), (part(8, 10), part(10, 12), part(12, 14)));
        let written = format!("{}-{}-{}T{}:{}:{}Z", day.0, day.1, day.2, clock.0, clock.1, clock.2);
        return Timestamp::parse(&written).unwrap_or(now);
    }
    if let Ok(number) = text.parse::<i64>() {
        let millis = if number < 100_000_000_000 { number.saturating_mul(1_000) } else { number };
        let at = Timestamp(millis);
        return if at > Timestamp::MIN && at <= Timestamp::MAX { at } else { now };
    }
    Timestamp::parse(&rfc3339(text)).unwrap_or(now)
}

/// `2020-01-01 12:00:00 +0000` and its like as RFC 3339.
fn rfc3339(text: &str) -> String {
    let (Some(date), Some(rest)) = (text.get(..10), text.get(11..)) else { return String::new() };
    let rest = rest.replace(' ', "");
    let (clock, offset) = match rest.rfind(['+', '-']) {
        Some(at) => rest.split_at(at),
        None => (rest.as_str(), "Z"),
    };
    let offset = match (offset.get(..3), offset.get(3..)) {
        (Some(hours), Some(minutes)) if minutes.len() == 2 => format!("{hours}:{minutes}"),
        _ => offset.to_owned(),
    };
    format!("{date}T{clock}{offset}")
}

/// `Basic` credentials.
pub(super) fn basic(user: &str, password: &str) -> (String, String) {
    let both = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    ("authorization".to_owned(), format!("Basic {both}"))
}

/// One header.
pub(super) fn named(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

/// A body of JSON.
pub(super) fn json_type() -> (String, String) {
    named("content-type", "application/json")
}
