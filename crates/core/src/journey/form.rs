//! How a type of the language is read, printed and described: one declaration gives all three.
//!
//! `record!`, `choice!`, `words!` and `scalar!` declare types; the traits here are what they
//! implement. Must never know a particular type, nor stop at the first problem of a file.

pub use super::shape::{SchemaBook, Shape, doc_text};

use super::node::{Key, Node, Value};
use super::problem::{Code, Problem, Severity, Spot, advice};
use crate::limits;
use serde_json::json;

/// Circles reported for one file.
pub const CIRCLES_MAX: usize = 10;

/// Problems found in one file, up to `limits::PROBLEMS_MAX`.
#[derive(Debug)]
pub struct Report {
    file: String,
    problems: Vec<Problem>,
}

impl Report {
    /// Nothing found yet.
    #[must_use]
    pub fn new(file: &str) -> Report {
        Report { file: file.to_owned(), problems: Vec::new() }
    }

    /// One more, unless there are too many already.
    pub fn add(&mut self, severity: Severity, code: Code, at: Spot, message: impl Into<String>) {
        if self.is_full() {
            return;
        }
        self.problems.push(Problem {
            severity,
            code,
            file: self.file.clone(),
            line: at.line,
            column: at.column,
            message: message.into(),
        });
    }

    /// An error.
    pub fn error(&mut self, code: Code, at: Spot, message: impl Into<String>) {
        self.add(Severity::Error, code, at, message);
    }

    /// A warning.
    pub fn warn(&mut self, code: Code, at: Spot, message: impl Into<String>) {
        self.add(Severity::Warning, code, at, message);
    }

    /// A value of another type than `wanted`.
    pub fn wrong(&mut self, node: &Node, wanted: &str) {
        let hint = match (&node.value, wanted.contains("text")) {
            (Value::Number(_) | Value::Bool(_), true) => "; put it in quotes",
            _ => "",
        };
        let message = format!("expected {wanted}, found {}{hint}", node.describe());
        self.error(Code::WrongType, node.at, message);
    }

    /// Whether no more problems are taken.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.problems.len() >= limits::PROBLEMS_MAX
    }

    /// All of them, in the order of the file.
    #[must_use]
    pub fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| (problem.line, problem.column));
        self.problems
    }
}

/// A type of the language: a whole value.
pub trait Form: Sized {
    /// What it is, for messages: `a duration such as 4h`.
    const WHAT: &'static str;

    /// Reads it; every problem goes to the report, and `None` means there was at least one.
    fn decode(node: &Node, report: &mut Report) -> Option<Self>;

    /// The canonical tree: decoding it gives an equal value.
    fn encode(&self) -> Node;

    /// Its JSON Schema.
    fn schema(book: &mut SchemaBook) -> serde_json::Value;
}

/// Some keys of a mapping.
pub trait Fragment: Sized {
    /// Takes its keys.
    fn take(fields: &mut Fields<'_>, report: &mut Report) -> Option<Self>;

    /// Adds its keys, in their fixed order.
    fn put(&self, entries: &mut Vec<(Key, Node)>);

    /// All keys it may have.
    fn keys(into: &mut Vec<&'static str>);

    /// Adds its properties to a schema.
    fn shape(book: &mut SchemaBook, shape: &mut Shape);
}

/// The value of one key: a `T` must be there, an `Option<T>` may.
pub trait Field: Sized {
    /// Whether the key must be there.
    const REQUIRED: bool;
    /// Reads it from the mapping.
    fn take(key: &'static str, fields: &mut Fields<'_>, report: &mut Report) -> Option<Self>;
    /// What it is when its key is not there; `None` when it must be.
    fn absent() -> Option<Self>;
    /// `None`: the key is not printed.
    fn node(&self) -> Option<Node>;
    /// Schema of the value.
    fn value_schema(book: &mut SchemaBook) -> serde_json::Value;
}

impl<T: Form> Field for T {
    const REQUIRED: bool = true;
    fn take(key: &'static str, fields: &mut Fields<'_>, report: &mut Report) -> Option<Self> {
        match fields.get(key) {
            Some(node) => T::decode(node, report),
            None => {
                let message = format!("{} needs {key:?}: {}", fields.what, T::WHAT);
                fields.missing(Code::MissingKey, message, report);
                None
            }
        }
    }
    fn absent() -> Option<Self> {
        None
    }
    fn node(&self) -> Option<Node> {
        Some(self.encode())
    }
    fn value_schema(book: &mut SchemaBook) -> serde_json::Value {
        T::schema(book)
    }
}

impl<T: Form> Field for Option<T> {
    const REQUIRED: bool = false;
    fn take(key: &'static str, fields: &mut Fields<'_>, report: &mut Report) -> Option<Self> {
        match fields.get(key) {
            Some(node) => T::decode(node, report).map(Some),
            None => Some(None),
        }
    }
    fn absent() -> Option<Self> {
        Some(None)
    }
    fn node(&self) -> Option<Node> {
        self.as_ref().map(Form::encode)
    }
    fn value_schema(book: &mut SchemaBook) -> serde_json::Value {
        T::schema(book)
    }
}

/// A mapping that is being read: which keys were taken, which would have been.
#[derive(Debug)]
pub struct Fields<'n> {
    entries: &'n [(Key, Node)],
    used: Vec<bool>,
    /// Keys that were looked for.
    known: Vec<&'static str>,
    /// Keys that would be looked for had another key been chosen.
    noted: Vec<&'static str>,
    /// A choice failed: what stands beside it cannot be judged.
    is_unclear: bool,
    chosen: Option<&'static str>,
    what: &'static str,
    at: Spot,
}

impl<'n> Fields<'n> {
    /// Opens a mapping; anything else is a problem.
    pub fn open(node: &'n Node, what: &'static str, report: &mut Report) -> Option<Fields<'n>> {
        let Value::Map(entries) = &node.value else {
            report.wrong(node, what);
            return None;
        };
        let used = vec![false; entries.len()];
        let (known, noted) = (Vec::new(), Vec::new());
        let at = node.at;
        Some(Fields { entries, used, known, noted, is_unclear: false, chosen: None, what, at })
    }

    /// Where the mapping begins.
    #[must_use]
    pub fn at(&self) -> Spot {
        self.at
    }

    /// Takes the value of that key.
    pub fn get(&mut self, key: &'static str) -> Option<&'n Node> {
        self.known.push(key);
        let index = self.entries.iter().position(|(found, _)| found.text == key)?;
        if let Some(used) = self.used.get_mut(index) {
            *used = true;
        }
        self.entries.get(index).map(|(_, node)| node)
    }

    /// Notes keys that would be known in another place of this mapping.
    pub fn note(&mut self, keys: &[&'static str]) {
        self.noted.extend_from_slice(keys);
    }

    /// Says that this key decides which others may stand beside it.
    pub fn choose(&mut self, key: &'static str) {
        self.chosen = self.chosen.or(Some(key));
    }

    /// Of these keys, the ones that are there, in the order of the file.
    #[must_use]
    pub fn present(&self, keys: &[&'static str]) -> Vec<(&'static str, Spot)> {
        let found = |key: &Key| keys.iter().find(|k| **k == key.text).map(|k| (*k, key.at));
        self.entries.iter().filter_map(|(key, _)| found(key)).collect()
    }

    /// Something is missing: told at the start of the mapping.
    pub fn missing(&self, code: Code, message: String, report: &mut Report) {
        report.error(code, self.at, message);
    }

    /// Exactly one of `keys`; a near miss among the unknown keys is told instead.
    pub fn one_of(
        &mut self,
        keys: &[&'static str],
        what: &str,
        report: &mut Report,
    ) -> Option<&'static str> {
        let present = self.present(keys);
        match present.as_slice() {
            // The others would be wrong beside it: nothing to advise.
            [_] => self.note(keys),
            _ => self.known.extend_from_slice(keys),
        }
        self.is_unclear |= present.len() != 1;
        match present.as_slice() {
            [(only, _)] => {
                self.choose(only);
                Some(only)
            }
            // A misspelt one is told when the mapping is closed.
            [] if self.has_near_miss(keys) => None,
            [] => {
                let message = format!("{what} needs one of: {}", keys.join(", "));
                self.missing(Code::MissingKey, message, report);
                None
            }
            [(first, _), (second, at), ..] => {
                let message =
                    format!("{what} has {first:?} and {second:?}; it can have one of them");
                report.error(Code::Conflict, *at, message);
                for (index, (key, _)) in self.entries.iter().enumerate() {
                    if keys.contains(&key.text.as_str()) {
                        self.used[index] = true;
                    }
                }
                None
            }
        }
    }

    fn has_near_miss(&self, keys: &[&'static str]) -> bool {
        let known = |key: &str| self.known.contains(&key) || self.noted.contains(&key);
        let mut unknown = self.entries.iter().filter(|(key, _)| !known(&key.text)).take(100);
        unknown.any(|(key, _)| super::problem::nearest(&key.text, keys.iter().copied()).is_some())
    }

    /// Ends reading: keys that nobody took are problems.
    pub fn close(self, report: &mut Report) -> Option<()> {
        let mut fine = true;
        for ((key, _), used) in self.entries.iter().zip(&self.used) {
            if *used {
                continue;
            }
            fine = false;
            if report.is_full() {
                break;
            }
            let mut known = self.known.iter().chain(&self.noted);
            if let Some(known) = known.find(|known| **known == key.text) {
                if self.is_unclear {
                    continue;
                }
                let beside = self.chosen.map_or(String::new(), |c| format!(" with {c:?}"));
                let message = format!("{known:?} does not go{beside} in {}", self.what);
                report.error(Code::MisplacedKey, key.at, message);
            } else {
                let hint = advice(&key.text, self.known.iter().copied());
                let message = format!(
                    "unknown key {:?} in {}{hint}",
                    super::problem::shortened(&key.text),
                    self.what
                );
                report.error(Code::UnknownKey, key.at, message);
            }
        }
        fine.then_some(())
    }
}

impl<T: Form> Form for Box<T> {
    const WHAT: &'static str = T::WHAT;
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        T::decode(node, report).map(Box::new)
    }
    fn encode(&self) -> Node {
        self.as_ref().encode()
    }
    fn schema(book: &mut SchemaBook) -> serde_json::Value {
        T::schema(book)
    }
}

impl<T: Form> Form for Vec<T> {
    const WHAT: &'static str = "a list";
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let Value::List(items) = &node.value else {
            report.wrong(node, "a list");
            return None;
        };
        // Every element is read, so that every problem is told.
        let read: Vec<Option<T>> = items.iter().map(|item| T::decode(item, report)).collect();
        read.into_iter().collect()
    }
    fn encode(&self) -> Node {
        Node::new(Value::List(self.iter().map(Form::encode).collect()))
    }
    fn schema(book: &mut SchemaBook) -> serde_json::Value {
        json!({ "type": "array", "items": T::schema(book) })
    }
}

impl Form for bool {
    const WHAT: &'static str = "true or false";
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::Bool(truth) => Some(*truth),
            _ => {
                report.wrong(node, "true or false");
                None
            }
        }
    }
    fn encode(&self) -> Node {
        Node::new(Value::Bool(*self))
    }
    fn schema(_: &mut SchemaBook) -> serde_json::Value {
        json!({ "type": "boolean" })
    }
}

/// One value or a list of them; printed as a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed<T>(pub Vec<T>);

impl<T: Form> Form for Listed<T> {
    const WHAT: &'static str = "one value or a list";
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        match &node.value {
            Value::List(_) => Vec::decode(node, report).map(Listed),
            _ => T::decode(node, report).map(|one| Listed(vec![one])),
        }
    }
    fn encode(&self) -> Node {
        self.0.encode()
    }
    fn schema(book: &mut SchemaBook) -> serde_json::Value {
        let one = T::schema(book);
        json!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

/// A mapping whose keys people choose, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Entries<T>(pub Vec<(Key, T)>);

impl<T: Form> Form for Entries<T> {
    const WHAT: &'static str = "a mapping";
    fn decode(node: &Node, report: &mut Report) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            report.wrong(node, "a mapping");
            return None;
        };
        let read: Vec<Option<(Key, T)>> = entries
            .iter()
            .map(|(key, value)| T::decode(value, report).map(|value| (key.clone(), value)))
            .collect();
        read.into_iter().collect::<Option<Vec<_>>>().map(Entries)
    }
    fn encode(&self) -> Node {
        Node::new(Value::Map(
            self.0.iter().map(|(key, value)| (key.clone(), value.encode())).collect(),
        ))
    }
    fn schema(book: &mut SchemaBook) -> serde_json::Value {
        json!({ "type": "object", "additionalProperties": T::schema(book) })
    }
}
