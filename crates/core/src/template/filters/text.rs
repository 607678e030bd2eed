//! Filters that turn a text into a text.
//!
//! Must never count bytes where an author counts characters.

use super::{Call, Fault, Filter, bad};
use crate::template::value::Value;

pub(super) static FILTERS: &[Filter] = &[
    Filter::new("append", 1, 1, append),
    Filter::new("capitalize", 0, 0, capitalize),
    Filter::new("default", 0, 1, default).with_options(&["allow_false"]),
    Filter::new("downcase", 0, 0, |c, v| c.made(c.text(v)?.to_lowercase())),
    Filter::new("lstrip", 0, 0, |c, v| c.made(c.text(v)?.trim_start())),
    Filter::new("prepend", 1, 1, prepend),
    Filter::new("remove", 1, 1, |c, v| replace_all(c, v, "")),
    Filter::new("remove_first", 1, 1, |c, v| replace_one(c, v, "", |text, part| text.find(part))),
    Filter::new("remove_last", 1, 1, |c, v| replace_one(c, v, "", |text, part| text.rfind(part))),
    Filter::new("replace", 1, 2, |c, v| replace_all(c, v, &c.text(c.arg(1))?)),
    Filter::new("replace_first", 1, 2, |c, v| {
        replace_one(c, v, &c.text(c.arg(1))?, |text, part| text.find(part))
    }),
    Filter::new("replace_last", 2, 2, |c, v| {
        replace_one(c, v, &c.text(c.arg(1))?, |text, part| text.rfind(part))
    }),
    Filter::new("rstrip", 0, 0, |c, v| c.made(c.text(v)?.trim_end())),
    Filter::new("size", 0, 0, size),
    Filter::new("slice", 1, 2, slice),
    Filter::new("split", 1, 1, split),
    Filter::new("strip", 0, 0, |c, v| c.made(c.text(v)?.trim())),
    Filter::new("strip_newlines", 0, 0, |c, v| c.made(c.text(v)?.replace(['\r', '\n'], ""))),
    Filter::new("titlecase", 0, 0, titlecase),
    Filter::new("truncate", 0, 2, truncate),
    Filter::new("truncatewords", 0, 2, truncatewords),
    Filter::new("upcase", 0, 0, |c, v| c.made(c.text(v)?.to_uppercase())),
];

fn append<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    let (first, second) = (call.text(input)?, call.text(call.arg(0))?);
    call.room_for(first.len() + second.len())?;
    call.made([first, second].concat())
}

fn prepend<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    let (first, second) = (call.text(call.arg(0))?, call.text(input)?);
    call.room_for(first.len() + second.len())?;
    call.made([first, second].concat())
}

/// The first letter large, the rest small.
fn upper_first(word: &str) -> String {
    let mut letters = word.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters.flat_map(char::to_lowercase)).collect(),
        None => String::new(),
    }
}

fn capitalize<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    call.made(upper_first(&call.text(input)?))
}

/// `mary-ann o'NEIL` becomes `Mary-Ann O'neil`: each word after a space or hyphen.
fn titlecase<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    let text = call.text(input)?;
    let words = text.split_inclusive([' ', '-', '\n', '\t']).map(upper_first);
    call.made(words.collect::<String>())
}

/// The argument when the input is missing, false, or has nothing in it.
fn default<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    let keep_false = call.option("allow_false").is_true();
    let lacks = match input {
        Value::Nil | Value::Blank => true,
        Value::Bool(false) => !keep_false,
        other => other.is_empty(),
    };
    Ok(if lacks { call.arg(0).clone() } else { input.clone() })
}

fn replace_all<'a>(call: &Call<'_, 'a>, input: &Value<'a>, by: &str) -> Result<Value<'a>, Fault> {
    let (text, from) = (call.text(input)?, call.text(call.arg(0))?);
    // Worked out first: a long replacement of each letter could ask for gigabytes.
    let times = text.matches(from.as_ref()).count();
    let removed = times.saturating_mul(from.len());
    let length = (text.len() - removed).saturating_add(times.saturating_mul(by.len()));
    call.room_for(length)?;
    call.made(text.replace(from.as_ref(), by))
}

fn replace_one<'a>(
    call: &Call<'_, 'a>,
    input: &Value<'a>,
    by: &str,
    find: for<'t, 'p> fn(&'t str, &'p str) -> Option<usize>,
) -> Result<Value<'a>, Fault> {
    let (text, from) = (call.text(input)?, call.text(call.arg(0))?);
    let Some(at) = find(&text, &from) else { return call.made(text) };
    call.room_for(text.len() - from.len() + by.len())?;
    call.made([&text[..at], by, &text[at + from.len()..]].concat())
}

fn size<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    call.meter.charge_bytes(input.bytes_and_items().0)?;
    Ok(Value::Int(input.size().unwrap_or(0) as i128))
}

/// Characters of a text or items of a list, from a place (negative: from the end) and so many.
fn slice<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    let start = call.whole(call.arg(0))?;
    let count = if call.arg(1).is_nil() { 1 } else { call.whole(call.arg(1))? };
    let window = |length: usize| {
        let start = if start < 0 { start.saturating_add(length as i128) } else { start };
        match usize::try_from(start) {
            Ok(start) if start <= length => (start, usize::try_from(count).unwrap_or(0)),
            _ => (0, 0),
        }
    };
    if matches!(input, Value::Array(_) | Value::List(_) | Value::Range(..)) {
        let (skip, take) = window(input.size().unwrap_or(0));
        call.meter.charge(take.min(input.size().unwrap_or(0)))?;
        let end = skip.saturating_add(take).min(input.size().unwrap_or(0));
        return Ok(Value::list((skip..end).map(|i| super::loop_item(input, i)).collect()));
    }
    let text = call.text(input)?;
    let (skip, take) = window(text.chars().count());
    call.made(text.chars().skip(skip).take(take).collect::<String>())
}

/// Parts between separators. A space means any white space; nothing means single characters.
fn split<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    let (text, separator) = (call.text(input)?, call.text(call.arg(0))?);
    let mut parts: Vec<&str> = match separator.as_ref() {
        " " => text.split_whitespace().collect(),
        "" => text.split("").filter(|part| !part.is_empty()).collect(),
        separator => text.split(separator).collect(),
    };
    while parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    call.meter.charge(parts.len())?;
    Ok(Value::list(parts.into_iter().map(Value::made).collect()))
}

fn length_argument(call: &Call<'_, '_>, usual: i128) -> Result<usize, Fault> {
    if call.args.is_empty() {
        return Ok(usual as usize);
    }
    match call.arg(0) {
        Value::Nil => bad("wants a whole number for the length, got nothing"),
        length => Ok(usize::try_from(call.whole(length)?).unwrap_or(0)),
    }
}

fn ending<'v, 'a>(call: &'v Call<'_, 'a>) -> Result<std::borrow::Cow<'v, str>, Fault> {
    match call.args.get(1) {
        Some(ending) => call.text(ending),
        None => Ok("...".into()),
    }
}

/// At most so many characters, the ending included.
fn truncate<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    let length = length_argument(call, 50)?;
    let (text, ending) = (call.text(input)?, ending(call)?);
    if text.chars().count() <= length {
        return call.made(text);
    }
    let kept = length.saturating_sub(ending.chars().count());
    call.made(text.chars().take(kept).chain(ending.chars()).collect::<String>())
}

/// At most so many words (at least one).
fn truncatewords<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    let count = length_argument(call, 15)?.max(1);
    let (text, ending) = (call.text(input)?, ending(call)?);
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.get(..count) {
        Some(kept) if kept.len() < words.len() => call.made(kept.join(" ") + &ending),
        _ => call.made(text),
    }
}
