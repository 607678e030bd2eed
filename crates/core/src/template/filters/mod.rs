//! The filters, and what each call may see and use.
//!
//! A filter is a function of its input and arguments. It must never do work it has not paid for
//! with [`Call::charge`], and never make a text or list without asking [`Call`] for it.

mod date;
mod encode;
mod html;
mod list;
mod math;
mod money;
mod select;
mod text;

use super::limits::{BYTES_PER_STEP, RenderLimits};
use super::value::{TooLong, Value, pair};
use crate::time::Timestamp;
use jiff::tz::TimeZone;
use std::borrow::Cow;
use std::cell::Cell;

/// Why a filter or tag gave no value; the caller adds the place.
#[derive(Debug)]
pub(super) enum Fault {
    /// What it was given and what it wants.
    Bad(String),
    Fuel,
    Text,
}

impl From<TooLong> for Fault {
    fn from(_: TooLong) -> Self {
        Fault::Text
    }
}

/// A problem an author can mend.
fn bad<T>(problem: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Bad(problem.into()))
}

/// The steps a rendering has left.
#[derive(Debug)]
pub(super) struct Meter {
    left: Cell<u64>,
    pub(super) limits: RenderLimits,
}

impl Meter {
    pub(super) fn new(limits: RenderLimits) -> Self {
        Meter { left: Cell::new(limits.fuel), limits }
    }

    /// Pays for work before it is done.
    pub(super) fn charge(&self, steps: usize) -> Result<(), Fault> {
        match self.left.get().checked_sub(steps as u64) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(Fault::Fuel),
        }
    }

    pub(super) fn charge_bytes(&self, bytes: usize) -> Result<(), Fault> {
        self.charge(bytes / BYTES_PER_STEP)
    }

    /// Pays for comparing two values. Lists and objects are compared to their depth.
    pub(super) fn charge_comparison(&self, a: &Value<'_>, b: &Value<'_>) -> Result<(), Fault> {
        let deep = |v: &Value<'_>| matches!(v, Value::Array(_) | Value::List(_) | Value::Object(_));
        if deep(a) && deep(b) {
            self.charge_deep(a)?;
            return self.charge_deep(b);
        }
        self.charge_value(a)?;
        self.charge_value(b)
    }

    fn charge_deep(&self, value: &Value<'_>) -> Result<(), Fault> {
        self.charge(1)?;
        match value {
            Value::Array(items) => items.iter().try_for_each(|i| self.charge_deep(&i.into())),
            Value::List(items) => items.iter().try_for_each(|i| self.charge_deep(i)),
            Value::Object(map) => map.iter().try_for_each(|(key, item)| {
                self.charge_bytes(key.len())?;
                self.charge_deep(&item.into())
            }),
            other => self.charge_bytes(other.bytes_and_items().0),
        }
    }

    /// Pays for looking at a value once: the bytes of a text, the items of a list.
    pub(super) fn charge_value(&self, value: &Value<'_>) -> Result<(), Fault> {
        let (bytes, items) = value.bytes_and_items();
        self.charge(bytes / BYTES_PER_STEP + items)
    }
}

type Run = for<'c, 'a> fn(&Call<'c, 'a>, &Value<'a>) -> Result<Value<'a>, Fault>;

/// A filter: its name, how many arguments it takes, and its function.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) name: &'static str,
    least: usize,
    most: usize,
    /// Options given as `name: value`.
    pub(super) named: &'static [&'static str],
    run: Run,
}

impl Filter {
    const fn new(name: &'static str, least: usize, most: usize, run: Run) -> Self {
        Filter { name, least, most, named: &[], run }
    }

    const fn with_options(mut self, named: &'static [&'static str]) -> Self {
        self.named = named;
        self
    }

    /// Whether this is `default`, the one filter that fills in a missing value.
    pub(super) fn fills_in(&self) -> bool {
        self.name == "default"
    }

    /// What is wrong with this number of arguments, if anything.
    pub(super) fn arity_problem(&self, given: usize) -> Option<String> {
        let (name, least, most) = (self.name, self.least, self.most);
        if (least..=most).contains(&given) {
            return None;
        }
        let wanted = match (least, most) {
            (0, 0) => "no argument".to_owned(),
            (1, 1) => "one argument".to_owned(),
            (a, b) if a == b => format!("{a} arguments"),
            (a, b) => format!("{a} to {b} arguments"),
        };
        Some(format!("{name} takes {wanted}, but {given} stand here"))
    }
}

/// One call of a filter.
pub(super) struct Call<'c, 'a> {
    pub(super) args: &'c [Value<'a>],
    pub(super) named: &'c [(&'static str, Value<'a>)],
    pub(super) meter: &'c Meter,
    pub(super) now: Timestamp,
    pub(super) zone: &'c TimeZone,
}

impl<'a> Call<'_, 'a> {
    pub(super) fn run(&self, filter: &Filter, input: &Value<'a>) -> Result<Value<'a>, Fault> {
        self.meter.charge(1)?;
        (filter.run)(self, input)
    }

    /// The argument at this place, `nil` when there is none.
    fn arg(&self, place: usize) -> &Value<'a> {
        self.args.get(place).unwrap_or(&Value::Nil)
    }

    fn option(&self, name: &str) -> &Value<'a> {
        self.named.iter().find(|(n, _)| *n == name).map_or(&Value::Nil, |(_, value)| value)
    }

    /// A value as text; pays for reading it.
    fn text<'v>(&self, value: &'v Value<'a>) -> Result<Cow<'v, str>, Fault> {
        self.meter.charge(value.bytes_and_items().1)?;
        let text = value.show(self.meter.limits.string_bytes)?;
        self.meter.charge_bytes(text.len())?;
        Ok(text)
    }

    /// A whole number, also from a text.
    fn whole(&self, value: &Value<'a>) -> Result<i128, Fault> {
        match value.to_whole() {
            Some(n) => Ok(n),
            None => bad(format!("wants a whole number, got {}", value.kind())),
        }
    }

    /// A new text; pays for writing it.
    fn made(&self, text: impl AsRef<str>) -> Result<Value<'a>, Fault> {
        let text = text.as_ref();
        self.room_for(text.len())?;
        self.meter.charge_bytes(text.len())?;
        Ok(Value::made(text))
    }

    /// Whether a text may have so many bytes. Asked before growing one in a loop.
    fn room_for(&self, bytes: usize) -> Result<(), Fault> {
        if bytes > self.meter.limits.string_bytes { Err(Fault::Text) } else { Ok(()) }
    }

    /// The items a list filter works on: lists flattened, anything else a list of one, nothing none.
    fn items(&self, input: &Value<'a>) -> Result<Vec<Value<'a>>, Fault> {
        let mut items = Vec::new();
        match input {
            Value::Nil | Value::Blank | Value::Empty => {}
            other => self.flatten(other, &mut items)?,
        }
        Ok(items)
    }

    fn flatten(&self, value: &Value<'a>, into: &mut Vec<Value<'a>>) -> Result<(), Fault> {
        self.meter.charge(1 + value.bytes_and_items().1)?;
        match value {
            Value::Array(list) => list.iter().try_for_each(|i| self.flatten(&i.into(), into)),
            Value::List(list) => list.iter().try_for_each(|i| self.flatten(i, into)),
            Value::Range(a, b) => {
                into.extend((*a..=*b).map(|n| Value::Int(n.into())));
                Ok(())
            }
            other => {
                into.push(other.clone());
                Ok(())
            }
        }
    }
}

/// What a loop goes over, in order. Texts are one item, what cannot be looped over is none.
pub(super) fn loop_item<'a>(source: &Value<'a>, place: usize) -> Value<'a> {
    match source {
        Value::Object(map) => map.iter().nth(place).map_or(Value::Nil, pair),
        Value::Text(_) | Value::Made(_) => source.clone(),
        other => other.at(&Value::Int(place as i128)),
    }
}

fn all() -> impl Iterator<Item = &'static Filter> {
    [
        text::FILTERS,
        html::FILTERS,
        encode::FILTERS,
        math::FILTERS,
        money::FILTERS,
        list::FILTERS,
        select::FILTERS,
        date::FILTERS,
    ]
    .into_iter()
    .flatten()
}

/// The filter of that name, or what to tell the author.
pub(super) fn find(name: &str) -> Result<&'static Filter, String> {
    all().find(|f| f.name == name).ok_or_else(|| match nearest(name, all().map(|f| f.name)) {
        Some(near) => format!("there is no filter {name:?}; did you mean {near:?}?"),
        None => format!("there is no filter {name:?}"),
    })
}

/// The known word a mistyped one most likely means.
pub(super) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    if word.len() > 40 {
        return None;
    }
    known
        .map(|k| (strsim::damerau_levenshtein(word, k), k))
        .filter(|(distance, k)| *distance <= 1 + k.len() / 4)
        .min()
        .map(|(_, k)| k)
}

/// The names of all filters.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    all().map(|f| f.name)
}
