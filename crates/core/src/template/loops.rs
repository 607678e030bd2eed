//! Runs `for` and `tablerow`.
//!
//! Must never copy a list to walk it: ranges and data are read item by item, each round paid for.

use super::ast::{Expr, For, Offset};
use super::error::Failure;
use super::filters::{Fault, loop_item};
use super::loop_state::Loop;
use super::render::{Flow, Run};
use super::value::{Value, pair};
use std::cell::Cell;
use std::rc::Rc;

/// The part of a list a loop walks: items `start..end`, perhaps from the end.
struct Walk<'a> {
    source: Value<'a>,
    start: usize,
    end: usize,
    reversed: bool,
}

impl<'a> Walk<'a> {
    fn length(&self) -> usize {
        self.end - self.start
    }

    fn item(&self, round: usize) -> Value<'a> {
        loop_item(
            &self.source,
            if self.reversed { self.end - 1 - round } else { self.start + round },
        )
    }
}

impl<'a> Run<'a> {
    pub(super) fn repeat(&mut self, head: &'a For) -> Result<Flow, Failure> {
        let walk = self.walk(head)?;
        if walk.length() == 0 {
            return self.block(&head.otherwise);
        }
        let state = self.enter(head, walk.length(), None);
        self.loop_names.push(("forloop", Value::Loop(Rc::clone(&state))));
        self.loop_names.push((&head.variable, Value::Nil));
        for round in 0..walk.length() {
            self.charge(1, head.at)?;
            state.index.set(round);
            if let Some((_, item)) = self.loop_names.last_mut() {
                *item = walk.item(round);
            }
            if self.block(&head.body)? == Flow::Break {
                break;
            }
        }
        self.leave();
        Ok(Flow::Next)
    }

    pub(super) fn table(&mut self, head: &'a For) -> Result<(), Failure> {
        let walk = self.walk(head)?;
        let length = walk.length();
        let columns = match &head.columns {
            Some(expr) => self.setting(expr, head.at)?.unwrap_or(length),
            None => length,
        };
        let columns = columns.max(1);
        let state = self.enter(head, length, Some(columns));
        self.loop_names.push(("tablerowloop", Value::Loop(Rc::clone(&state))));
        self.loop_names.push((&head.variable, Value::Nil));
        self.push("<tr class=\"row1\">\n", head.at)?;
        for round in 0..length {
            self.charge(1, head.at)?;
            state.index.set(round);
            if let Some((_, item)) = self.loop_names.last_mut() {
                *item = walk.item(round);
            }
            let column = round % columns;
            if column == 0 && round > 0 {
                self.push(&format!("<tr class=\"row{}\">", round / columns + 1), head.at)?;
            }
            self.push(&format!("<td class=\"col{}\">", column + 1), head.at)?;
            let flow = self.block(&head.body)?;
            self.push("</td>", head.at)?;
            if flow == Flow::Break {
                break;
            }
            if column + 1 == columns && round + 1 < length {
                self.push("</tr>\n", head.at)?;
            }
        }
        self.push("</tr>\n", head.at)?;
        self.leave();
        Ok(())
    }

    fn enter(&mut self, head: &For, length: usize, columns: Option<usize>) -> Rc<Loop> {
        let parent = if columns.is_none() { self.loops.last().cloned() } else { None };
        let name = Rc::from(&*head.name);
        let state = Rc::new(Loop { name, length, index: Cell::new(0), parent, columns });
        // Only `for` loops are parents of others.
        if columns.is_none() {
            self.loops.push(Rc::clone(&state));
        }
        state
    }

    fn leave(&mut self) {
        self.loop_names.pop();
        if let Some(("forloop", _)) = self.loop_names.pop() {
            self.loops.pop();
        }
    }

    /// Which items a loop walks; keeps where it ends for `offset: continue`.
    fn walk(&mut self, head: &'a For) -> Result<Walk<'a>, Failure> {
        let mut source = self.value(&head.source);
        if let Value::Object(map) = source {
            // Pairs are made once: finding the n-th key of an object walks it from its start.
            self.charge(map.len(), head.at)?;
            source = Value::list(map.iter().map(pair).collect());
        }
        let size = match &source {
            Value::Text(_) | Value::Made(_) => usize::from(!source.is_empty()),
            other => other.size().unwrap_or(0),
        };
        let start = match &head.offset {
            None => 0,
            Some(Offset::Continue) => self.resume.get(&*head.name).copied().unwrap_or(0),
            Some(Offset::At(expr)) => self.setting(expr, head.at)?.unwrap_or(0),
        };
        let start = start.min(size);
        let limit = match &head.limit {
            Some(expr) => self.setting(expr, head.at)?.unwrap_or(usize::MAX),
            None => usize::MAX,
        };
        let end = start.saturating_add(limit).min(size);
        self.resume.insert(&head.name, end);
        Ok(Walk { source, start, end, reversed: head.reversed })
    }

    /// A count such as a limit: a number, also as text; below zero is zero. `None` when missing.
    fn setting(&self, expr: &'a Expr, at: u32) -> Result<Option<usize>, Failure> {
        let value = self.value(expr);
        let whole = match (&value, value.as_number()) {
            (Value::Nil, _) => return Ok(None),
            (_, Some(number)) => Some(number.truncated()),
            _ => value.to_whole(),
        };
        match whole {
            Some(n) => Ok(Some(usize::try_from(n.max(0)).unwrap_or(usize::MAX))),
            None => {
                let problem = format!("{expr} has to be a whole number, but is {}", value.kind());
                Err(Failure::from_fault(at, None, Fault::Bad(problem)))
            }
        }
    }
}
