//! Filters that pick items by a property: `where`, `reject`, `has`, `find`, `find_index`.
//!
//! Must never call a list picked when an item has no properties: as in Liquid, the answer is then
//! nothing at all, and a number asked for a property by name is an error.

use super::{Call, Fault, Filter, bad};
use crate::template::value::Value;

pub(super) static FILTERS: &[Filter] = &[
    Filter::new("find", 1, 2, |c, v| {
        let items = c.items(v)?;
        let place = first_match(c, &items)?;
        Ok(place.flatten().and_then(|i| items.get(i).cloned()).unwrap_or(Value::Nil))
    }),
    Filter::new("find_index", 1, 2, |c, v| {
        let place = first_match(c, &c.items(v)?)?;
        Ok(place.flatten().map_or(Value::Nil, |i| Value::Int(i as i128)))
    }),
    Filter::new("has", 1, 2, |c, v| {
        let place = first_match(c, &c.items(v)?)?;
        Ok(place.map_or(Value::Nil, |found| Value::Bool(found.is_some())))
    }),
    Filter::new("reject", 1, 2, |c, v| keep(c, v, false)),
    Filter::new("where", 1, 2, |c, v| keep(c, v, true)),
];

/// What `item[name]` gives. `None` for an item that has no properties at all.
pub(super) fn property<'a>(
    call: &Call<'_, 'a>,
    item: &Value<'a>,
    name: &Value<'a>,
) -> Result<Option<Value<'a>>, Fault> {
    call.meter.charge(1)?;
    Ok(match (item, item.as_text()) {
        (Value::Object(_) | Value::Loop(_), _) => Some(item.at(name)),
        (_, Some(text)) => {
            call.meter.charge_bytes(text.len())?;
            let holds = name.is_nil() || item.contains(name);
            Some(if holds { name_or_blank(name) } else { Value::Nil })
        }
        (Value::Int(number), _) => match name {
            // A number's "property" is one of its bits in Liquid; always there, so always true.
            Value::Int(bit) => Some(Value::Int(number >> (*bit).clamp(0, 127) & 1)),
            _ => return bad(format!("a list item is a number and has no property {}", show(name))),
        },
        _ => None,
    })
}

fn name_or_blank<'a>(name: &Value<'a>) -> Value<'a> {
    if name.is_nil() { Value::Text("") } else { name.clone() }
}

fn show(name: &Value<'_>) -> String {
    match name.show(40) {
        Ok(name) => format!("{name:?}"),
        Err(_) => name.kind().to_owned(),
    }
}

/// Whether an item is meant: its property equals the second argument, or is true without one.
fn matches<'a>(call: &Call<'_, 'a>, item: &Value<'a>) -> Result<Option<bool>, Fault> {
    let wanted = call.arg(1);
    let Some(value) = property(call, item, call.arg(0))? else { return Ok(None) };
    if wanted.is_nil() {
        return Ok(Some(value.is_true()));
    }
    call.meter.charge_comparison(&value, wanted)?;
    Ok(Some(value.equals(wanted)))
}

/// The place of the first item meant; `None` when an item without properties came before it.
fn first_match<'a>(
    call: &Call<'_, 'a>,
    items: &[Value<'a>],
) -> Result<Option<Option<usize>>, Fault> {
    for (place, item) in items.iter().enumerate() {
        match matches(call, item)? {
            None => return Ok(None),
            Some(true) => return Ok(Some(Some(place))),
            Some(false) => {}
        }
    }
    Ok(Some(None))
}

fn keep<'a>(call: &Call<'_, 'a>, input: &Value<'a>, wanted: bool) -> Result<Value<'a>, Fault> {
    let mut kept = Vec::new();
    for item in call.items(input)? {
        match matches(call, &item)? {
            None => return Ok(Value::Nil),
            Some(is) if is == wanted => kept.push(item),
            Some(_) => {}
        }
    }
    Ok(Value::list(kept))
}
