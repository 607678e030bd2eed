//! A branch as people write it: its cases, and what happens when none holds.
//!
//! Must never refuse one of its three spellings: they all mean the same, and print as one.

use super::condition::Condition;
use super::scalar::Next;
use crate::journey::declare::record;
use crate::journey::form::{Fields, Form, Fragment, Report, SchemaBook, Shape};
use crate::journey::node::{Key, Node, Value};
use crate::journey::problem::{Code, Spot};
use serde_json::json;

/// The first condition that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// Tried in order.
    pub cases: Vec<Case>,
    /// When none holds; default: as the step's own `next`.
    pub otherwise: Option<Next>,
    /// Where it stands.
    pub at: Spot,
}

record! {
    /// One case of a branch.
    pub struct Case: "a case of branch" {
        /// The condition.
        when: Condition,
        /// Where it goes when it holds.
        next: Next,
    }
}

record! {
    /// The last element of a branch, when none of the cases holds.
    pub struct Else: "the otherwise of a branch" {
        /// Where it goes.
        otherwise: Next,
    }
}

record! {
    /// A branch with its cases under a key of their own.
    pub struct LongBranch: "a branch" {
        /// Tried in order.
        first: Vec<Case>,
        /// When none holds.
        otherwise: Option<Next>,
    }
}

impl Fragment for Branch {
    /// `otherwise` may stand beside `branch`, or as the last element of its list; the first is
    /// canonical.
    fn take(fields: &mut Fields<'_>, report: &mut Report) -> Option<Self> {
        let at = fields.at();
        let node = fields.get("branch")?;
        let beside = fields.get("otherwise").map(|node| Next::decode(node, report));
        let (cases, within) = match &node.value {
            Value::List(items) => read_cases(items, report)?,
            Value::Map(_) => {
                let long = LongBranch::decode(node, report)?;
                (long.first, long.otherwise)
            }
            _ => {
                report.wrong(node, "a list of {when, next}");
                return None;
            }
        };
        let beside = match beside {
            Some(read) => Some(read?),
            None => None,
        };
        if let (Some(beside), Some(_)) = (&beside, &within) {
            let message = "this branch has two otherwise; keep one";
            report.error(Code::Conflict, beside.at, message);
            return None;
        }
        Some(Branch { cases, otherwise: beside.or(within), at })
    }
    fn put(&self, entries: &mut Vec<(Key, Node)>) {
        entries.push((Key::new("branch"), self.cases.encode()));
        if let Some(next) = &self.otherwise {
            entries.push((Key::new("otherwise"), next.encode()));
        }
    }
    fn keys(into: &mut Vec<&'static str>) {
        into.extend(["branch", "otherwise"]);
    }
    fn shape(book: &mut SchemaBook, shape: &mut Shape) {
        let (case, last) = (Case::schema(book), Else::schema(book));
        let list = json!({ "type": "array", "items": { "anyOf": [case, last] } });
        let any = json!({ "anyOf": [list, LongBranch::schema(book)] });
        shape.property("branch", "The first condition that holds.", true, any);
        let next = Next::schema(book);
        shape.property("otherwise", "Where it goes when no case holds.", false, next);
    }
}

fn read_cases(items: &[Node], report: &mut Report) -> Option<(Vec<Case>, Option<Next>)> {
    let is_else = |node: &Node| {
        matches!(&node.value, Value::Map(entries)
            if entries.iter().any(|(key, _)| key.text == "otherwise"))
    };
    let (cases, last) = match items.split_last() {
        Some((last, cases)) if is_else(last) => (cases, Some(last)),
        _ => (items, None),
    };
    let cases: Vec<Option<Case>> = cases.iter().map(|node| Case::decode(node, report)).collect();
    let last = match last {
        Some(node) => Some(Else::decode(node, report)?.otherwise),
        None => None,
    };
    Some((cases.into_iter().collect::<Option<Vec<_>>>()?, last))
}
