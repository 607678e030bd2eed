//! YAML as a tree that knows where each value stands and in which order keys were written.
//!
//! Must never recurse deeper than `limits::NESTING_MAX`, hold more than
//! `limits::DEFINITION_NODES_MAX` values, or guess: a scalar is a text unless YAML 1.2 says
//! otherwise, so `yes` and `on` are texts.

use super::problem::{Code, Spot, shortened};
use crate::limits;
use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it begins.
    pub at: Spot,
}

/// What a [`Node`] is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number that JSON can hold.
    Number(serde_json::Number),
    /// A text.
    Text(String),
    /// In order.
    List(Vec<Node>),
    /// In the order written; no key twice.
    Map(Vec<(Key, Node)>),
}

/// A key and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its text.
    pub text: String,
    /// Where it begins.
    pub at: Spot,
}

/// Why bytes are no tree, at the first place where they are not.
#[derive(Clone, Debug)]
pub struct NodeError {
    /// Kind.
    pub code: Code,
    /// Where.
    pub at: Spot,
    /// What is wrong.
    pub message: String,
}

impl Node {
    /// A value that stands nowhere: made by a program.
    #[must_use]
    pub fn new(value: Value) -> Node {
        Node { value, at: Spot::default() }
    }

    /// A text that stands nowhere.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Node {
        Node::new(Value::Text(text.into()))
    }

    /// A mapping that stands nowhere.
    #[must_use]
    pub fn map(entries: Vec<(&str, Node)>) -> Node {
        Node::new(Value::Map(
            entries.into_iter().map(|(key, node)| (Key::new(key), node)).collect(),
        ))
    }

    /// What was found, for messages: `the number 20`, `a list`.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(truth) => format!("the truth value {truth}"),
            Value::Number(number) => format!("the number {number}"),
            Value::Text(text) => format!("the text {:?}", shortened(text)),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }

    /// The same as JSON; key order is not kept there.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(truth) => serde_json::Value::Bool(*truth),
            Value::Number(number) => serde_json::Value::Number(number.clone()),
            Value::Text(text) => serde_json::Value::String(text.clone()),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => serde_json::Value::Object(
                entries.iter().map(|(key, node)| (key.text.clone(), node.to_json())).collect(),
            ),
        }
    }

    /// From JSON; stands nowhere.
    #[must_use]
    pub fn from_json(json: &serde_json::Value) -> Node {
        Node::new(match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(truth) => Value::Bool(*truth),
            serde_json::Value::Number(number) => Value::Number(number.clone()),
            serde_json::Value::String(text) => Value::Text(text.clone()),
            serde_json::Value::Array(items) => {
                Value::List(items.iter().map(Node::from_json).collect())
            }
            serde_json::Value::Object(fields) => Value::Map(
                fields.iter().map(|(key, value)| (Key::new(key), Node::from_json(value))).collect(),
            ),
        })
    }

    /// How many values it holds, itself included, and how deep they nest.
    fn extent(&self) -> (usize, usize) {
        let of = |(count, depth): (usize, usize), node: &Node| {
            let (more, below) = node.extent();
            (count + more, depth.max(below + 1))
        };
        match &self.value {
            Value::List(items) => items.iter().fold((1, 1), of),
            Value::Map(entries) => entries.iter().map(|(_, node)| node).fold((1, 1), of),
            _ => (1, 0),
        }
    }
}

impl Key {
    /// A key that stands nowhere.
    #[must_use]
    pub fn new(text: &str) -> Key {
        Key { text: text.to_owned(), at: Spot::default() }
    }
}

/// Reads the one document of `bytes`.
///
/// # Errors
/// At the first place that is no UTF-8, no YAML, a duplicate key, or beyond a limit.
pub fn read(bytes: &[u8]) -> Result<Node, NodeError> {
    if bytes.len() > limits::DEFINITION_BYTES_MAX {
        let message = format!(
            "the file has {} bytes and may have {}; split it",
            bytes.len(),
            limits::DEFINITION_BYTES_MAX
        );
        return Err(NodeError { code: Code::TooLarge, at: Spot::default(), message });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error.valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder::default();
    for next in Parser::new_from_str(text) {
        let (event, span) = next.map_err(|error| syntax(text, &error))?;
        builder.take(event, span)?;
    }
    builder.root.ok_or_else(|| NodeError {
        code: Code::Empty,
        at: Spot::default(),
        message: "the file is empty".to_owned(),
    })
}

fn not_utf8(bytes: &[u8], valid: usize) -> NodeError {
    let before = String::from_utf8_lossy(bytes.get(..valid).unwrap_or_default()).into_owned();
    let line = before.matches('\n').count() as u32 + 1;
    let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count()) as u32 + 1;
    let message = "the file is not UTF-8 from here on; save it as UTF-8".to_owned();
    NodeError { code: Code::NotUtf8, at: Spot { line, column, verbatim: None }, message }
}

fn syntax(text: &str, error: &ScanError) -> NodeError {
    let at = Spot {
        line: error.marker().line() as u32,
        column: error.marker().col() as u32 + 1,
        verbatim: None,
    };
    let line = text.lines().nth((at.line as usize).saturating_sub(1)).unwrap_or("");
    let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
    let hint = if indent.contains('\t') {
        "; YAML is indented with spaces, and this line begins with a tab"
    } else if line.contains("{{") && !line.contains(['"', '\'']) {
        "; put texts with {{ … }} in quotes"
    } else {
        ""
    };
    NodeError { code: Code::Syntax, at, message: format!("not YAML: {}{hint}", error.info()) }
}

/// A collection that is being filled.
enum Open {
    List {
        items: Vec<Node>,
        at: Spot,
        anchor: usize,
    },
    Map {
        entries: Vec<(Key, Node)>,
        seen: BTreeSet<String>,
        key: Option<Key>,
        at: Spot,
        anchor: usize,
    },
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), NodeError> {
        let mut at = Spot {
            line: span.start.line() as u32,
            column: span.start.col() as u32 + 1,
            verbatim: None,
        };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                at.verbatim = verbatim(&text, style, span);
                let forced = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                // A key is always a text, whatever it looks like.
                if self.wants_key() {
                    return self.key(text, at);
                }
                let value = match style {
                    ScalarStyle::Plain if !forced => plain(&text, at)?,
                    _ => Value::Text(text.into_owned()),
                };
                self.put(Node { value, at }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.enter(Open::List { items: Vec::new(), at, anchor }, at)
            }
            Event::MappingStart(_, anchor, _) => {
                let (entries, seen) = (Vec::new(), BTreeSet::new());
                self.enter(Open::Map { entries, seen, key: None, at, anchor }, at)
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave(),
            Event::Alias(id) => self.alias(id, at),
            Event::DocumentStart(..) if self.root.is_some() => Err(NodeError {
                code: Code::Syntax,
                at,
                message: "a second document begins here; write one definition a file".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Map { key: None, .. }))
    }

    fn key(&mut self, text: Cow<'_, str>, at: Spot) -> Result<(), NodeError> {
        let Some(Open::Map { seen, key, .. }) = self.open.last_mut() else { return Ok(()) };
        let bad = |code, message| Err(NodeError { code, at, message });
        if text.chars().count() > limits::MAP_KEY_CHARS_MAX || text.chars().any(char::is_control) {
            let message = format!(
                "the key {:?} is too long or holds control characters; at most {} characters",
                shortened(&text),
                limits::MAP_KEY_CHARS_MAX
            );
            return bad(Code::BadName, message);
        }
        if text == "<<" {
            let message = "merge keys (<<) are not part of the language; write the keys out";
            return bad(Code::Syntax, message.to_owned());
        }
        if !seen.insert(text.clone().into_owned()) {
            let message =
                format!("the key {:?} stands twice in this mapping; keep one", shortened(&text));
            return bad(Code::DuplicateKey, message);
        }
        *key = Some(Key { text: text.into_owned(), at });
        Ok(())
    }

    fn enter(&mut self, collection: Open, at: Spot) -> Result<(), NodeError> {
        if self.wants_key() {
            let message = "a key must be a text, and this one is a collection; quote texts that \
                           begin with { or ["
                .to_owned();
            return Err(NodeError { code: Code::Syntax, at, message });
        }
        if self.open.len() >= limits::NESTING_MAX {
            let message = format!("nested deeper than {} levels", limits::NESTING_MAX);
            return Err(NodeError { code: Code::TooDeep, at, message });
        }
        self.open.push(collection);
        Ok(())
    }

    fn leave(&mut self) -> Result<(), NodeError> {
        match self.open.pop() {
            Some(Open::List { items, at, anchor }) => {
                self.put(Node { value: Value::List(items), at }, anchor)
            }
            Some(Open::Map { entries, at, anchor, .. }) => {
                self.put(Node { value: Value::Map(entries), at }, anchor)
            }
            None => Ok(()),
        }
    }

    fn alias(&mut self, id: usize, at: Spot) -> Result<(), NodeError> {
        let Some(node) = self.anchors.get(&id).cloned() else {
            let message = "this alias stands inside the value it names".to_owned();
            return Err(NodeError { code: Code::Syntax, at, message });
        };
        if self.wants_key() {
            let message = "a key must be written out, not an alias".to_owned();
            return Err(NodeError { code: Code::Syntax, at, message });
        }
        let (count, depth) = node.extent();
        if self.open.len() + depth > limits::NESTING_MAX {
            let message = format!("nested deeper than {} levels", limits::NESTING_MAX);
            return Err(NodeError { code: Code::TooDeep, at, message });
        }
        self.nodes += count - 1;
        self.put(Node { value: node.value, at }, 0)
    }

    fn put(&mut self, node: Node, anchor: usize) -> Result<(), NodeError> {
        self.nodes += 1;
        if self.nodes > limits::DEFINITION_NODES_MAX {
            let message = format!(
                "the file holds more than {} values, aliases written out; split it",
                limits::DEFINITION_NODES_MAX
            );
            return Err(NodeError { code: Code::TooLarge, at: node.at, message });
        }
        if anchor != 0 {
            self.nodes += node.extent().0;
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => {
                if let Some(key) = key.take() {
                    entries.push((key, node));
                }
            }
        }
        Ok(())
    }
}

/// Columns before the text, when the file holds it as it is, on one line.
fn verbatim(text: &str, style: ScalarStyle, span: Span) -> Option<u8> {
    let quote = match style {
        ScalarStyle::Plain => 0,
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => 1,
        ScalarStyle::Literal | ScalarStyle::Folded => return None,
    };
    let written = span.end.index().saturating_sub(span.start.index());
    let same = written == text.chars().count() + 2 * usize::from(quote);
    (same && span.start.line() == span.end.line()).then_some(quote)
}

/// What a plain scalar is by the core schema of YAML 1.2.
fn plain(text: &str, at: Spot) -> Result<Value, NodeError> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    if !looks_like_number(text) {
        return Ok(Value::Text(text.to_owned()));
    }
    match number(text) {
        Some(number) => Ok(Value::Number(number)),
        None => Err(NodeError {
            code: Code::BadNumber,
            at,
            message: format!(
                "{} is a number to YAML, but not one that can be kept exactly (leading zero, too \
                 large, or no finite value); put it in quotes if it is a text",
                shortened(text)
            ),
        }),
    }
}

/// Whether YAML 1.2 reads this plain scalar as a number.
#[must_use]
pub(crate) fn looks_like_number(text: &str) -> bool {
    let digits = |s: &str, ok: fn(char) -> bool| !s.is_empty() && s.chars().all(ok);
    if let Some(hex) = text.strip_prefix("0x") {
        return digits(hex, |c| c.is_ascii_hexdigit());
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return digits(octal, |c| ('0'..='7').contains(&c));
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let exponent_is_fine = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        digits(exponent, |c| c.is_ascii_digit())
    });
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    exponent_is_fine
        && !(whole.is_empty() && part.is_empty())
        && whole.chars().chain(part.chars()).all(|c| c.is_ascii_digit())
}

fn number(text: &str) -> Option<serde_json::Number> {
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(Into::into);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8).ok().map(Into::into);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let second = unsigned.chars().nth(1);
    if unsigned.starts_with('0') && second.is_some_and(|c| c.is_ascii_digit()) {
        return None;
    }
    if unsigned.chars().all(|c| c.is_ascii_digit()) {
        let plain = text.strip_prefix('+').unwrap_or(text);
        return match plain.parse::<i64>() {
            Ok(number) => Some(number.into()),
            Err(_) => plain.parse::<u64>().ok().map(Into::into),
        };
    }
    text.parse::<f64>().ok().and_then(serde_json::Number::from_f64)
}
