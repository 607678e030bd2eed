//! The canonical text of a definition: what a canvas saves and what a diff compares.
//!
//! `print(parse(print(x))) == print(x)`, byte for byte. Known keys stand in a fixed order, steps and
//! the keys people choose in theirs. Must never change what a definition says.

use super::form::Form;
use super::node::{Node, Value, looks_like_number};
use std::fmt::Write;

/// Columns a value in flow form may fill, indentation and key included.
const WIDTH: usize = 100;

/// The canonical text.
#[must_use]
pub fn print<T: Form>(definition: &T) -> String {
    print_node(&definition.encode())
}

/// The canonical text of a tree.
#[must_use]
pub fn print_node(node: &Node) -> String {
    let mut out = String::new();
    match &node.value {
        Value::Map(entries) if !entries.is_empty() => block_map(node, 0, 0, &mut out),
        Value::List(items) if !items.is_empty() => block_list(items, 0, &mut out),
        _ => {
            flow(node, &mut out);
            out.push('\n');
        }
    }
    out
}

/// `depth` counts mappings from the root: the root and `steps` are always in block form.
fn block_map(node: &Node, indent: usize, depth: usize, out: &mut String) {
    let Value::Map(entries) = &node.value else { return };
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 || depth != LIST_ITEM {
            pad(indent, out);
        }
        let mut name = String::new();
        scalar_text(&key.text, true, &mut name);
        out.push_str(&name);
        out.push(':');
        let is_steps = indent == 0 && key.text == "steps";
        let is_step = depth == STEPS;
        let below = if is_steps { STEPS } else { 0 };
        if !(is_steps || is_step) || is_empty(value) || !is_collection(value) {
            let room = WIDTH.saturating_sub(indent + name.chars().count() + 2);
            if let Some(short) = fits(value, room) {
                out.push(' ');
                out.push_str(&short);
                out.push('\n');
                continue;
            }
        }
        out.push('\n');
        match &value.value {
            Value::List(items) => block_list(items, indent + 2, out),
            _ => block_map(value, indent + 2, below, out),
        }
    }
}

/// Marks of `block_map`: the mapping of steps; a mapping whose first key follows a dash.
const STEPS: usize = 1;
const LIST_ITEM: usize = 2;

fn block_list(items: &[Node], indent: usize, out: &mut String) {
    for item in items {
        pad(indent, out);
        out.push('-');
        out.push(' ');
        match fits(item, WIDTH.saturating_sub(indent + 2)) {
            Some(short) => {
                out.push_str(&short);
                out.push('\n');
            }
            None => match &item.value {
                Value::Map(_) => block_map(item, indent + 2, LIST_ITEM, out),
                Value::List(items) => {
                    // A list in a list begins on its own line, which keeps dashes apart.
                    out.pop();
                    out.push('\n');
                    block_list(items, indent + 2, out);
                }
                _ => {}
            },
        }
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn is_collection(node: &Node) -> bool {
    matches!(node.value, Value::Map(_) | Value::List(_))
}

fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Map(entries) => entries.is_empty(),
        Value::List(items) => items.is_empty(),
        _ => false,
    }
}

/// The flow form, when it is the one to use: always for scalars, for collections when they fit
/// and hold no list of mappings.
fn fits(node: &Node, room: usize) -> Option<String> {
    if let Value::List(items) = &node.value
        && items.iter().any(|item| matches!(&item.value, Value::Map(e) if !e.is_empty()))
    {
        return None;
    }
    if is_collection(node) && (holds_list_of_maps(node) || weight(node, room) > room) {
        return None;
    }
    let mut text = String::new();
    flow(node, &mut text);
    (!is_collection(node) || text.chars().count() <= room).then_some(text)
}

fn holds_list_of_maps(node: &Node) -> bool {
    match &node.value {
        Value::List(items) => {
            items.iter().any(|item| matches!(item.value, Value::Map(_)) || holds_list_of_maps(item))
        }
        Value::Map(entries) => entries.iter().any(|(_, value)| holds_list_of_maps(value)),
        _ => false,
    }
}

/// A lower bound of the length of the flow form, cheap for what is far too long.
fn weight(node: &Node, room: usize) -> usize {
    let mut total = 2;
    match &node.value {
        Value::Text(text) => return text.len() / 4,
        Value::List(items) => {
            for item in items {
                total += 2 + weight(item, room);
                if total > room {
                    break;
                }
            }
        }
        Value::Map(entries) => {
            for (key, value) in entries {
                total += 2 + key.text.len() / 4 + weight(value, room);
                if total > room {
                    break;
                }
            }
        }
        _ => {}
    }
    total.saturating_sub(2)
}

fn flow(node: &Node, out: &mut String) {
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => {
            let _ = write!(out, "{truth}");
        }
        Value::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Text(text) => scalar_text(text, false, out),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                flow(item, out);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                scalar_text(&key.text, true, out);
                out.push_str(": ");
                flow(value, out);
            }
            out.push('}');
        }
    }
}

/// A text, bare where every YAML reader takes it as a text, in double quotes else.
fn scalar_text(text: &str, is_key: bool, out: &mut String) {
    if is_plain(text, is_key) {
        out.push_str(text);
    } else {
        quoted(text, out);
    }
}

fn is_plain(text: &str, is_key: bool) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return false };
    let second = chars.next();
    let starts_well = first.is_ascii_alphanumeric()
        || first == '_'
        || (first == '-' && second.is_some_and(|c| c.is_ascii_digit()));
    let spaced = !text.ends_with(' ') && !text.contains("  ");
    starts_well
        && spaced
        && text.len() <= 80
        && text.chars().all(|c| inner(c) || c == ' ')
        && !looks_like_number(text)
        && !is_date_like(text)
        && (is_key && is_known_odd_key(text) || !is_yaml_word(text))
}

/// Keys of the language that old readers would take for truth values.
fn is_known_odd_key(text: &str) -> bool {
    text == "on"
}

fn is_date_like(text: &str) -> bool {
    // Readers of YAML 1.1 make dates and sums of seconds of these.
    text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '-' | '.' | '_' | ' ' | 'T' | 'Z'))
}

fn is_yaml_word(text: &str) -> bool {
    const WORDS: [&str; 12] =
        ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf", "~"];
    let lower = text.to_ascii_lowercase();
    WORDS.contains(&lower.as_str())
        || text.starts_with("0x")
        || text.starts_with("0o")
        || text.starts_with("0b")
}

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if needs_escape(c) => {
                let code = c as u32;
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn needs_escape(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' | '\u{85}')
        // Invisible, and able to change what a reader sees.
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
