//! Filters over lists. A single value counts as a list of one, a missing one as an empty list.
//!
//! Must never touch an item it has not paid for: lists are where a template can do most work.

use super::select::property;
use super::{Call, Fault, Filter, bad};
use crate::template::number::{Number, Sum};
use crate::template::value::Value;
use std::cmp::Ordering;
use std::collections::BTreeSet;

pub(super) static FILTERS: &[Filter] = &[
    Filter::new("compact", 0, 1, compact),
    Filter::new("concat", 1, 1, concat),
    Filter::new("first", 0, 0, |_, v| Ok(v.first())),
    Filter::new("join", 0, 1, join),
    Filter::new("last", 0, 0, |_, v| Ok(v.last())),
    Filter::new("map", 1, 1, map),
    Filter::new("reverse", 0, 0, |c, v| {
        let mut items = c.items(v)?;
        items.reverse();
        Ok(Value::list(items))
    }),
    Filter::new("sort", 0, 1, |c, v| sort(c, v, false)),
    Filter::new("sort_natural", 0, 1, |c, v| sort(c, v, true)),
    Filter::new("sum", 0, 1, sum),
    Filter::new("uniq", 0, 1, uniq),
];

/// The item itself, or its property when the filter names one.
fn key<'a>(call: &Call<'_, 'a>, item: &Value<'a>) -> Result<Value<'a>, Fault> {
    match call.arg(0) {
        Value::Nil => Ok(item.clone()),
        name => Ok(property(call, item, name)?.unwrap_or(Value::Nil)),
    }
}

fn compact<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    let mut kept = Vec::new();
    for item in call.items(input)? {
        if !key(call, &item)?.is_nil() {
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}

fn concat<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    let more = call.arg(0);
    if !matches!(more, Value::Array(_) | Value::List(_) | Value::Range(..)) {
        return bad(format!("wants a list to add, got {}", more.kind()));
    }
    let mut items = call.items(input)?;
    match more {
        Value::Range(..) => items.extend(call.items(more)?),
        more => {
            let size = more.size().unwrap_or(0);
            call.meter.charge(size)?;
            items.extend((0..size).map(|i| super::loop_item(more, i)));
        }
    }
    Ok(Value::list(items))
}

fn join<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    let separator = match call.args.first() {
        Some(separator) => call.text(separator)?,
        None => " ".into(),
    };
    let mut out = String::new();
    for (i, item) in call.items(input)?.iter().enumerate() {
        let text = call.text(item)?;
        call.room_for(out.len() + separator.len() + text.len())?;
        if i > 0 {
            out.push_str(&separator);
        }
        out.push_str(&text);
    }
    call.made(out)
}

fn map<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    let items = call.items(input)?;
    let mapped = items.iter().map(|item| match item {
        Value::Object(_) | Value::Loop(_) => Ok(item.at(call.arg(0))),
        other => bad(format!("wants a list of objects, but one item is {}", other.kind())),
    });
    Ok(Value::list(mapped.collect::<Result<_, _>>()?))
}

/// In rising order, what is missing last. `natural` does not tell large from small letters.
fn sort<'a>(call: &Call<'_, 'a>, input: &Value<'a>, natural: bool) -> Result<Value<'a>, Fault> {
    let mut keyed = Vec::new();
    for item in call.items(input)? {
        let mut by = key(call, &item)?;
        if natural && !by.is_nil() {
            by = call.made(call.text(&by)?.to_lowercase())?;
        }
        keyed.push((by, item));
    }
    let count = keyed.len();
    call.meter.charge(count * (usize::BITS - count.leading_zeros()) as usize)?;
    let mut clash = None;
    keyed.sort_by(|(a, _), (b, _)| match (a.is_nil(), b.is_nil()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => match a.order(b) {
            Ok(Some(order)) => order,
            _ => {
                clash.get_or_insert((a.kind(), b.kind()));
                Ordering::Equal
            }
        },
    });
    match clash {
        Some((a, b)) => bad(format!("cannot order {a} and {b}")),
        None => Ok(Value::list(keyed.into_iter().map(|(_, item)| item).collect())),
    }
}

fn sum<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    let mut total = Number::Int(0);
    for item in call.items(input)? {
        let number = key(call, &item)?.to_number();
        match total.sum(Sum::Plus, number) {
            Some(sum) => total = sum,
            None => return bad("the sum is too large"),
        }
    }
    Ok(total.into())
}

/// The first of each kind, in their order.
fn uniq<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    let mut seen = BTreeSet::new();
    let mut kept = Vec::new();
    for item in call.items(input)? {
        let by = key(call, &item)?;
        // The kind keeps the number 1 apart from the text '1'.
        if seen.insert((by.kind(), call.text(&by)?.into_owned())) {
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}
