//! `forloop` and `tablerowloop`: what a loop tells its body.
//!
//! Must never outlive its rendering.

use super::value::Value;
use std::cell::Cell;
use std::rc::Rc;

/// The state of one running loop. All counts are of rounds.
#[derive(Debug)]
pub(super) struct Loop {
    pub(super) name: Rc<str>,
    pub(super) length: usize,
    /// The round, from 0.
    pub(super) index: Cell<usize>,
    pub(super) parent: Option<Rc<Loop>>,
    /// Columns of a `tablerow`.
    pub(super) columns: Option<usize>,
}

impl Loop {
    pub(super) fn property<'a>(&self, name: &str) -> Value<'a> {
        let index = self.index.get();
        let count = |n: usize| Value::Int(n as i128);
        let last = index + 1 == self.length;
        match name {
            "length" => count(self.length),
            "index" => count(index + 1),
            "index0" => count(index),
            "rindex" => count(self.length.saturating_sub(index)),
            "rindex0" => count(self.length.saturating_sub(index + 1)),
            "first" => Value::Bool(index == 0),
            "last" => Value::Bool(last),
            _ => match self.columns {
                Some(columns) => table_property(name, index, columns),
                None => match name {
                    "name" => Value::Made(Rc::clone(&self.name)),
                    "parentloop" => self.parent.clone().map_or(Value::Nil, Value::Loop),
                    _ => Value::Nil,
                },
            },
        }
    }
}

fn table_property<'a>(name: &str, index: usize, columns: usize) -> Value<'a> {
    let columns = columns.max(1);
    let column = index % columns;
    match name {
        "col" => Value::Int(column as i128 + 1),
        "col0" => Value::Int(column as i128),
        "col_first" => Value::Bool(column == 0),
        "col_last" => Value::Bool(column + 1 == columns),
        "row" => Value::Int((index / columns) as i128 + 1),
        _ => Value::Nil,
    }
}
