//! A value while a template is rendered: borrowed from the data wherever possible.
//!
//! Cloning one is always cheap. Must never change the data it was given, and must never recurse
//! over anything a template itself can nest.

use super::loop_state::Loop;
use super::number::{Number, show_float};
use serde_json::{Map, Value as Json};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::io::{self, Write};
use std::rc::Rc;

/// A value; `'a` is the life of the data and the compiled template.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Nil,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(&'a str),
    /// Text made while rendering.
    Made(Rc<str>),
    Array(&'a [Json]),
    Object(&'a Map<String, Json>),
    /// A list made while rendering.
    List(Rc<Vec<Value<'a>>>),
    /// Whole numbers from the first to the second, both included.
    Range(i64, i64),
    Loop(Rc<Loop>),
    Blank,
    Empty,
}

/// A value takes more bytes to show than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

/// Text that refuses to grow past a limit.
struct Capped {
    text: Vec<u8>,
    max: usize,
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.text.len() + bytes.len() > self.max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why two values have no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoOrder;

impl<'a> From<&'a Json> for Value<'a> {
    fn from(json: &'a Json) -> Self {
        match json {
            Json::Null => Value::Nil,
            Json::Bool(b) => Value::Bool(*b),
            Json::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(i), _) => Value::Int(i.into()),
                (None, Some(u)) => Value::Int(u.into()),
                (None, None) => Value::Float(n.as_f64().unwrap_or(0.0)),
            },
            Json::String(s) => Value::Text(s),
            Json::Array(items) => Value::Array(items),
            Json::Object(map) => Value::Object(map),
        }
    }
}

impl From<Number> for Value<'_> {
    fn from(number: Number) -> Self {
        match number {
            Number::Int(n) => Value::Int(n),
            Number::Float(x) => Value::Float(x),
        }
    }
}

impl<'a> Value<'a> {
    /// Text made while rendering.
    pub(super) fn made(text: impl Into<Rc<str>>) -> Self {
        Value::Made(text.into())
    }

    /// A list made while rendering.
    pub(super) fn list(items: Vec<Value<'a>>) -> Self {
        Value::List(Rc::new(items))
    }

    pub(super) fn is_nil(&self) -> bool {
        matches!(self, Value::Nil)
    }

    /// Everything but `nil` and `false`.
    pub(super) fn is_true(&self) -> bool {
        !matches!(self, Value::Nil | Value::Bool(false))
    }

    /// The text, when it is one.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(t) => Some(t),
            Value::Made(t) => Some(t),
            _ => None,
        }
    }

    /// The number, when it is one.
    pub(super) fn as_number(&self) -> Option<Number> {
        match self {
            Value::Int(n) => Some(Number::Int(*n)),
            Value::Float(x) => Some(Number::Float(*x)),
            _ => None,
        }
    }

    /// A number as Liquid's arithmetic takes it: texts are read, anything else is 0.
    pub(super) fn to_number(&self) -> Number {
        match (self.as_number(), self.as_text()) {
            (Some(n), _) => n,
            (None, Some(text)) => Number::from_text(text),
            _ => Number::Int(0),
        }
    }

    /// A whole number, or `None` for what is not one, even as text.
    pub(super) fn to_whole(&self) -> Option<i128> {
        match (self, self.as_text()) {
            (Value::Int(n), _) => Some(*n),
            (_, Some(text)) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// How many there are: characters, items or keys. `None` for what has no size.
    pub(super) fn size(&self) -> Option<usize> {
        match self {
            Value::Text(t) => Some(t.chars().count()),
            Value::Made(t) => Some(t.chars().count()),
            Value::Array(items) => Some(items.len()),
            Value::Object(map) => Some(map.len()),
            Value::List(items) => Some(items.len()),
            Value::Range(a, b) => Some(range_size(*a, *b)),
            _ => None,
        }
    }

    /// What touching it costs, in items or bytes; texts count by bytes.
    pub(super) fn bytes_and_items(&self) -> (usize, usize) {
        match self {
            Value::Text(t) => (t.len(), 0),
            Value::Made(t) => (t.len(), 0),
            Value::Array(items) => (0, items.len()),
            Value::Object(map) => (0, map.len()),
            Value::List(items) => (0, items.len()),
            Value::Range(a, b) => (0, range_size(*a, *b)),
            _ => (0, 0),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Value::Empty => true,
            Value::Text(t) => t.is_empty(),
            Value::Made(t) => t.is_empty(),
            other => other.bytes_and_items() == (0, 0) && other.size().is_some(),
        }
    }

    pub(super) fn is_blank(&self) -> bool {
        match (self, self.as_text()) {
            (Value::Nil | Value::Bool(false) | Value::Blank, _) => true,
            (Value::Empty, _) => false,
            (_, Some(text)) => text.trim().is_empty(),
            (other, None) => other.is_empty(),
        }
    }

    /// What `value.name` gives: a key first, then `size`, `first` and `last`.
    pub(super) fn property(&self, name: &str) -> Value<'a> {
        match self {
            Value::Object(map) => match (map.get(name), name) {
                (Some(json), _) => json.into(),
                (None, "size") => Value::Int(map.len() as i128),
                (None, "first") => self.first(),
                _ => Value::Nil,
            },
            Value::Loop(state) => state.property(name),
            _ => match name {
                "size" => self.size().map_or(Value::Nil, |n| Value::Int(n as i128)),
                "first" => self.first(),
                "last" => self.last(),
                _ => Value::Nil,
            },
        }
    }

    /// What `value[index]` gives. Lists count from 0, or from the end with a negative index.
    pub(super) fn at(&self, index: &Value<'a>) -> Value<'a> {
        if let (Some(key), Value::Object(map)) = (index.as_text(), self) {
            return map.get(key).map_or(Value::Nil, Value::from);
        }
        match (index, self) {
            (Value::Int(n), Value::Object(map)) => {
                map.get(&n.to_string()).map_or(Value::Nil, Value::from)
            }
            (Value::Int(n), _) => self.item(*n),
            (_, Value::Loop(state)) => index.as_text().map_or(Value::Nil, |n| state.property(n)),
            _ => Value::Nil,
        }
    }

    fn item(&self, index: i128) -> Value<'a> {
        let length = match self {
            Value::Array(items) => items.len(),
            Value::List(items) => items.len(),
            Value::Range(a, b) => range_size(*a, *b),
            _ => return Value::Nil,
        } as i128;
        let place = if index < 0 { length.saturating_add(index) } else { index };
        let Ok(place) = usize::try_from(place) else { return Value::Nil };
        match self {
            Value::Array(items) => items.get(place).map_or(Value::Nil, Value::from),
            Value::List(items) => items.get(place).cloned().unwrap_or(Value::Nil),
            Value::Range(a, _) if (place as i128) < length => {
                Value::Int(i128::from(*a) + place as i128)
            }
            _ => Value::Nil,
        }
    }

    /// The first item, the first pair of an object, the first character of a text.
    pub(super) fn first(&self) -> Value<'a> {
        match (self, self.as_text()) {
            (Value::Object(map), _) => map.iter().next().map_or(Value::Nil, pair),
            (_, Some(text)) => {
                text.chars().next().map_or(Value::Nil, |c| Value::made(c.to_string()))
            }
            _ => self.item(0),
        }
    }

    /// The last item, or the last character of a text.
    pub(super) fn last(&self) -> Value<'a> {
        match self.as_text() {
            Some(text) => {
                text.chars().next_back().map_or(Value::Nil, |c| Value::made(c.to_string()))
            }
            None => self.item(-1),
        }
    }

    /// As it is shown, when that needs no copying together: anything but lists and objects.
    fn show_plain(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Value::Nil | Value::Blank | Value::Empty => Cow::Borrowed(""),
            Value::Bool(b) => Cow::Borrowed(if *b { "true" } else { "false" }),
            Value::Int(n) => Cow::Owned(n.to_string()),
            Value::Float(x) => show_float(*x),
            Value::Text(t) => Cow::Borrowed(t),
            Value::Made(t) => Cow::Borrowed(t),
            Value::Range(a, b) => Cow::Owned(format!("{a}..{b}")),
            Value::Loop(_) => Cow::Borrowed("forloop"),
            Value::Array(_) | Value::List(_) | Value::Object(_) => return None,
        })
    }

    /// As it is shown: lists are run together, objects are JSON.
    ///
    /// # Errors
    /// When that would have to copy more than `max` bytes together.
    pub(super) fn show(&self, max: usize) -> Result<Cow<'_, str>, TooLong> {
        if let Some(plain) = self.show_plain() {
            return Ok(plain);
        }
        let mut out = Capped { text: Vec::new(), max };
        self.write_to(&mut out)?;
        Ok(Cow::Owned(String::from_utf8(out.text).unwrap_or_default()))
    }

    fn write_to(&self, out: &mut Capped) -> Result<(), TooLong> {
        match (self, self.show_plain()) {
            (_, Some(plain)) => out.write_all(plain.as_bytes()).map_err(|_| TooLong),
            (Value::Array(items), _) => {
                items.iter().try_for_each(|item| Value::from(item).write_to(out))
            }
            (Value::List(items), _) => items.iter().try_for_each(|item| item.write_to(out)),
            (Value::Object(map), _) => serde_json::to_writer(out, map).map_err(|_| TooLong),
            _ => Ok(()),
        }
    }

    /// Whether two values are equal as Liquid sees it: 1 is 1.0 but never '1' or true.
    pub(super) fn equals(&self, other: &Value<'a>) -> bool {
        if let (Some(a), Some(b)) = (self.as_number(), other.as_number()) {
            return a.compare(b) == Ordering::Equal;
        }
        if let (Some(a), Some(b)) = (self.as_text(), other.as_text()) {
            return a == b;
        }
        match (self, other) {
            (Value::Nil, Value::Nil)
            | (Value::Empty, Value::Empty)
            | (Value::Blank, Value::Blank) => true,
            (Value::Empty, Value::Blank) | (Value::Blank, Value::Empty) => false,
            (Value::Empty, v) | (v, Value::Empty) => v.is_empty(),
            (Value::Blank, v) | (v, Value::Blank) => v.is_blank(),
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Range(a, b), Value::Range(c, d)) => (a, b) == (c, d),
            (Value::Object(a), Value::Object(b)) => a == b,
            (Value::Array(a), Value::Array(b)) => a == b,
            (Value::List(_) | Value::Array(_), Value::List(_) | Value::Array(_)) => {
                self.size() == other.size()
                    && (0..self.size().unwrap_or(0) as i128)
                        .all(|i| self.item(i).equals(&other.item(i)))
            }
            _ => false,
        }
    }

    /// The order of two numbers or two texts. `Ok(None)` for what is never less or greater, such
    /// as a missing value; an error for a number beside a text, which is a slip of the author.
    pub(super) fn order(&self, other: &Value<'a>) -> Result<Option<Ordering>, NoOrder> {
        match ((self.as_number(), self.as_text()), (other.as_number(), other.as_text())) {
            ((Some(a), _), (Some(b), _)) => Ok(Some(a.compare(b))),
            ((_, Some(a)), (_, Some(b))) => Ok(Some(a.cmp(b))),
            ((Some(_), _), (_, Some(_))) | ((_, Some(_)), (Some(_), _)) => Err(NoOrder),
            _ => Ok(None),
        }
    }

    /// Whether a text holds a text, a list an item or an object a key.
    pub(super) fn contains(&self, wanted: &Value<'a>) -> bool {
        if !wanted.is_true() {
            return false;
        }
        if let Some(text) = self.as_text() {
            return wanted.show_plain().is_some_and(|part| text.contains(part.as_ref()));
        }
        match self {
            Value::Array(items) => items.iter().any(|i| Value::from(i).equals(wanted)),
            Value::List(items) => items.iter().any(|i| i.equals(wanted)),
            Value::Object(map) => wanted.as_text().is_some_and(|key| map.contains_key(key)),
            Value::Range(a, b) => match wanted {
                Value::Int(n) => (i128::from(*a)..=i128::from(*b)).contains(n),
                _ => false,
            },
            _ => false,
        }
    }

    /// What kind of thing it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Nil => "nothing",
            Value::Bool(_) => "true or false",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) | Value::Made(_) => "a text",
            Value::Array(_) | Value::List(_) | Value::Range(..) => "a list",
            Value::Object(_) => "an object",
            Value::Loop(_) => "a loop",
            Value::Blank | Value::Empty => "blank",
        }
    }
}

/// `[key, value]`, as loops over an object see it.
pub(super) fn pair<'a>((key, value): (&'a String, &'a Json)) -> Value<'a> {
    Value::list(vec![Value::Text(key), value.into()])
}

pub(super) fn range_size(a: i64, b: i64) -> usize {
    usize::try_from(i128::from(b) - i128::from(a) + 1).unwrap_or(0)
}
