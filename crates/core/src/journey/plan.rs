//! What would change between two states of a workspace folder.
//!
//! Must never change anything, and never call a mere difference in writing a change: definitions
//! are compared, not texts.

use super::definition::Journey;
use super::form::Form;
use super::node::{Node, Value};
use super::print::print_node;
use super::workspace::LoadedWorkspace;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What would change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Settings of `workspace.yaml`.
    pub settings: Vec<Difference>,
    /// Journeys.
    pub journeys: Vec<Item>,
    /// Segments.
    pub segments: Vec<Item>,
}

/// A journey or a segment that is added, changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// What happens to it.
    pub change: Change,
    /// What differs, when it is changed.
    pub differences: Vec<Difference>,
}

/// What happens to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new.
    Added,
    /// It differs.
    Changed,
    /// It is gone.
    Removed,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Where: `entry.where`, `steps.remind.send.sms`.
    pub path: String,
    /// As it was, in canonical form; absent when it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// As it would be; absent when it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}

impl Plan {
    /// Whether nothing would change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.settings.is_empty() && self.journeys.is_empty() && self.segments.is_empty()
    }
}

/// Compares two folders.
#[must_use]
pub fn plan(old: &LoadedWorkspace, new: &LoadedWorkspace) -> Plan {
    let mut settings = Vec::new();
    compare("", &old.workspace.encode(), &new.workspace.encode(), &mut settings);
    let journeys = |side: &LoadedWorkspace| -> BTreeMap<String, Node> {
        side.journey_definitions().map(|it| (it.journey.text.clone(), it.encode())).collect()
    };
    let segments = |side: &LoadedWorkspace| -> BTreeMap<String, Node> {
        side.segment_definitions().map(|it| (it.segment.text.clone(), it.encode())).collect()
    };
    Plan {
        settings,
        journeys: items(&journeys(old), &journeys(new)),
        segments: items(&segments(old), &segments(new)),
    }
}

/// What differs between two versions of a journey.
#[must_use]
pub fn journey_differences(old: &Journey, new: &Journey) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare("", &old.encode(), &new.encode(), &mut differences);
    differences
}

fn items(old: &BTreeMap<String, Node>, new: &BTreeMap<String, Node>) -> Vec<Item> {
    let ids: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let item = |id: &String| {
        let mut differences = Vec::new();
        let change = match (old.get(id), new.get(id)) {
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            (Some(old), Some(new)) => {
                compare("", old, new, &mut differences);
                Change::Changed
            }
        };
        let same = change == Change::Changed && differences.is_empty();
        (!same).then(|| Item { id: id.clone(), change, differences })
    };
    ids.into_iter().filter_map(item).collect()
}

fn compare(path: &str, old: &Node, new: &Node, into: &mut Vec<Difference>) {
    if old == new {
        return;
    }
    let (Value::Map(before), Value::Map(after)) = (&old.value, &new.value) else {
        into.push(Difference {
            path: path.to_owned(),
            old: Some(shown(old)),
            new: Some(shown(new)),
        });
        return;
    };
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let index = |entries: &[(super::node::Key, Node)]| -> BTreeMap<String, usize> {
        entries.iter().enumerate().map(|(index, (key, _))| (key.text.clone(), index)).collect()
    };
    let (old_index, new_index) = (index(before), index(after));
    for (key, value) in before {
        match new_index.get(&key.text) {
            Some(other) => compare(&below(&key.text), value, &after[*other].1, into),
            None => {
                into.push(Difference { path: below(&key.text), old: Some(shown(value)), new: None })
            }
        }
    }
    for (key, value) in after {
        if !old_index.contains_key(&key.text) {
            into.push(Difference { path: below(&key.text), old: None, new: Some(shown(value)) });
        }
    }
    // The order of steps decides where a step without a next goes.
    let order = |entries: &[(super::node::Key, Node)], other: &BTreeMap<String, usize>| {
        let kept = entries.iter().filter(|(key, _)| other.contains_key(&key.text));
        kept.map(|(key, _)| key.text.clone()).collect::<Vec<_>>()
    };
    let (was, is) = (order(before, &new_index), order(after, &old_index));
    if was != is {
        into.push(Difference {
            path: format!("{} (order)", if path.is_empty() { "keys" } else { path }),
            old: Some(was.join(", ")),
            new: Some(is.join(", ")),
        });
    }
}

fn shown(node: &Node) -> String {
    print_node(node).trim_end().to_owned()
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "Nothing would change.");
        }
        if !self.settings.is_empty() {
            writeln!(f, "~ settings")?;
            differences(f, &self.settings)?;
        }
        for (what, items) in [("journey", &self.journeys), ("segment", &self.segments)] {
            for item in items {
                let sign = match item.change {
                    Change::Added => '+',
                    Change::Changed => '~',
                    Change::Removed => '-',
                };
                writeln!(f, "{sign} {what} {}", item.id)?;
                differences(f, &item.differences)?;
            }
        }
        let count = |change| {
            self.journeys.iter().chain(&self.segments).filter(|item| item.change == change).count()
        };
        writeln!(
            f,
            "\n{} to add, {} to change, {} to remove; {} settings differ.",
            count(Change::Added),
            count(Change::Changed),
            count(Change::Removed),
            self.settings.len()
        )
    }
}

fn differences(f: &mut fmt::Formatter<'_>, all: &[Difference]) -> fmt::Result {
    for difference in all {
        writeln!(f, "    {}", difference.path)?;
        for (sign, text) in [('-', &difference.old), ('+', &difference.new)] {
            for line in text.iter().flat_map(|text| text.lines()) {
                writeln!(f, "      {sign} {line}")?;
            }
        }
    }
    Ok(())
}
