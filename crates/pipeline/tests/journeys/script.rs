//! Reads `.journey` files.
//!
//! Must never judge what happens: it only says what is written.

use wayline_core::time::{Span, Timestamp};

/// A file.
pub(crate) struct Script {
    /// Everything before the first scenario, as it stands; its definitions serve all scenarios.
    pub(crate) head: String,
    pub(crate) scenarios: Vec<Scenario>,
}

/// One story, from definitions to effects.
pub(crate) struct Scenario {
    pub(crate) title: String,
    /// As it stands, up to and with `---`.
    pub(crate) head: String,
    pub(crate) definitions: Vec<Definition>,
    pub(crate) pieces: Pieces,
}

pub(crate) struct Pieces(pub(crate) Vec<Piece>);

/// A part of a timeline.
pub(crate) enum Piece {
    /// Comments and empty lines.
    Text(String),
    Input(Input),
}

/// One line of input, with the definitions below it when it publishes.
pub(crate) struct Input {
    /// As it stands, with its line end.
    pub(crate) text: String,
    pub(crate) at: Timestamp,
    pub(crate) words: Vec<String>,
    pub(crate) definitions: Vec<Definition>,
}

/// `workspace`, `journey`, `segment` or `retire`, its id and its YAML.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) yaml: String,
}

impl Pieces {
    pub(crate) fn first_instant(&self) -> Timestamp {
        let inputs = self.0.iter().filter_map(|piece| match piece {
            Piece::Input(input) => Some(input.at),
            Piece::Text(_) => None,
        });
        inputs.min().expect("a scenario has an input")
    }
}

pub(crate) fn parse(name: &str, text: &str) -> Script {
    let mut parts = text.split_inclusive('\n').peekable();
    let mut head = String::new();
    while let Some(line) = parts.next_if(|line| !line.starts_with("=== ")) {
        head.push_str(line);
    }
    let shared = definitions(head.lines());
    let mut scenarios = Vec::new();
    while let Some(first) = parts.next() {
        let title = first.trim_start_matches('=').trim().to_owned();
        let mut own = first.to_owned();
        for line in parts.by_ref() {
            own.push_str(line);
            if line.trim_end() == "---" {
                break;
            }
        }
        let mut all = shared.clone();
        all.extend(definitions(own.lines().skip(1)));
        let mut lines = Vec::new();
        while let Some(line) = parts.next_if(|line| !line.starts_with("=== ")) {
            lines.push(line);
        }
        let pieces = timeline(name, &title, &lines);
        scenarios.push(Scenario { title, head: own, definitions: all, pieces });
    }
    Script { head, scenarios }
}

/// `kind id: |` and the indented lines below.
fn definitions<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Definition> {
    let mut found: Vec<Definition> = Vec::new();
    for line in lines {
        let line = line.trim_end();
        if let Some(head) = line.trim_start().strip_suffix(": |")
            && !line.starts_with("      ")
            && ["workspace", "journey ", "segment "].iter().any(|kind| head.starts_with(kind))
        {
            let (kind, id) = head.split_once(' ').unwrap_or((head, ""));
            found.push(Definition {
                kind: kind.to_owned(),
                id: id.to_owned(),
                yaml: String::new(),
            });
        } else if let Some(id) = line.trim_start().strip_prefix("retire ") {
            found.push(Definition { kind: "retire".into(), id: id.into(), yaml: String::new() });
        } else if line.starts_with(' ')
            && let Some(last) = found.last_mut()
        {
            last.yaml.push_str(line);
            last.yaml.push('\n');
        }
    }
    for definition in &mut found {
        definition.yaml = outdented(&definition.yaml);
    }
    found
}

fn outdented(yaml: &str) -> String {
    let full = || yaml.lines().filter(|line| !line.trim().is_empty());
    let indent = full().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    yaml.lines().map(|line| format!("{}\n", line.get(indent..).unwrap_or_default())).collect()
}

fn timeline(name: &str, title: &str, lines: &[&str]) -> Pieces {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut clock = None;
    for line in lines {
        if line.starts_with("=> ") {
            continue;
        }
        if line.trim().is_empty() || line.starts_with('#') {
            pieces.push(Piece::Text((*line).to_owned()));
            continue;
        }
        if line.starts_with(' ') {
            if let Some(Piece::Input(input)) = pieces.last_mut() {
                input.text.push_str(line);
                input.definitions = definitions(input.text.lines().skip(1));
            }
            continue;
        }
        let mut words = words(line.trim_end());
        let time = words.remove(0);
        let at = instant(&time, clock)
            .unwrap_or_else(|| panic!("{name}: {title}: {time:?} is no time, in {line:?}"));
        clock = Some(at);
        let input = Input { text: (*line).to_owned(), at, words, definitions: Vec::new() };
        pieces.push(Piece::Input(input));
    }
    Pieces(pieces)
}

/// `2026-03-01T10:00Z`, with seconds where needed, or `+4h` after the line before.
pub(crate) fn instant(text: &str, clock: Option<Timestamp>) -> Option<Timestamp> {
    if let Some(more) = text.strip_prefix('+') {
        return Some(clock? + span(more)?);
    }
    let full = match text.strip_suffix('Z') {
        Some(minutes) if minutes.len() == 16 => format!("{minutes}:00Z"),
        _ => text.to_owned(),
    };
    Timestamp::parse(&full).ok()
}

/// `1h30m`.
pub(crate) fn span(text: &str) -> Option<Span> {
    let (mut total, mut rest) = (0, text);
    while !rest.is_empty() {
        let digits = rest.chars().take_while(char::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let letters = after.chars().take_while(char::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(letters);
        let size = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total += number.parse::<i64>().ok()? * size;
        rest = after;
    }
    Some(Span(total))
}

/// Splits at spaces outside quotes and brackets.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut depth, mut quoted) = (Vec::new(), String::new(), 0, false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            '{' | '[' if !quoted => depth += 1,
            '}' | ']' if !quoted => depth -= 1,
            ' ' if !quoted && depth == 0 => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            _ => {}
        }
        word.push(c);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}
