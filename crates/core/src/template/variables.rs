//! Lists the data a template takes.
//!
//! Must never evaluate anything: what counts is what is written.

use super::ast::{Block, Condition, Expr, Filtered, For, Node, Offset, Path, Root, Step};
use std::collections::BTreeSet;
use std::fmt::Write as _;

struct Finder<'t> {
    found: BTreeSet<String>,
    /// Names the template has given itself up to here.
    own: Vec<&'t str>,
}

/// The paths of a template, sorted, each once.
pub(super) fn list(nodes: &Block) -> Vec<String> {
    let mut finder = Finder { found: BTreeSet::new(), own: Vec::new() };
    finder.block(nodes);
    finder.found.into_iter().collect()
}

impl<'t> Finder<'t> {
    fn block(&mut self, nodes: &'t Block) {
        for node in nodes {
            self.node(node);
        }
    }

    fn node(&mut self, node: &'t Node) {
        match node {
            Node::Text(_) | Node::Raw(_) | Node::Break | Node::Continue => {}
            Node::Output(output) => self.filtered(output),
            Node::Assign { name, value } => {
                self.filtered(value);
                self.own.push(name);
            }
            Node::Capture { name, body, .. } => {
                self.block(body);
                self.own.push(name);
            }
            Node::If(branches) => {
                for branch in branches {
                    branch.test.iter().for_each(|test| self.condition(test));
                    self.block(&branch.body);
                }
            }
            Node::Case { subject, arms, .. } => {
                self.expr(subject);
                for arm in arms {
                    arm.values.iter().flatten().for_each(|value| self.expr(value));
                    self.block(&arm.body);
                }
            }
            Node::For(head) => self.repeat(head, "forloop"),
            Node::TableRow(head) => self.repeat(head, "tablerowloop"),
            Node::Cycle(cycle) => {
                cycle.group.iter().chain(&cycle.items).for_each(|expr| self.expr(expr));
            }
            Node::Count { name, .. } => self.own.push(name),
            Node::IfChanged { body, .. } => self.block(body),
        }
    }

    fn repeat(&mut self, head: &'t For, state: &'static str) {
        self.expr(&head.source);
        head.limit.iter().chain(&head.columns).for_each(|expr| self.expr(expr));
        if let Some(Offset::At(expr)) = &head.offset {
            self.expr(expr);
        }
        let before = self.own.len();
        self.own.extend([state, &head.variable]);
        self.block(&head.body);
        // The item and the state end with the loop; what its body assigned stays.
        self.own.drain(before..before + 2);
        self.block(&head.otherwise);
    }

    fn condition(&mut self, condition: &Condition) {
        for (test, _) in &condition.tests {
            self.expr(&test.left);
            test.right.iter().for_each(|(_, right)| self.expr(right));
        }
    }

    fn filtered(&mut self, filtered: &Filtered) {
        filtered.base.iter().for_each(|base| self.expr(base));
        for call in &filtered.filters {
            call.args.iter().for_each(|arg| self.expr(arg));
            call.named.iter().for_each(|(_, arg)| self.expr(arg));
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Range(ends) => {
                self.expr(&ends.0);
                self.expr(&ends.1);
            }
            Expr::Path(path) => self.path(path),
            _ => {}
        }
    }

    fn path(&mut self, path: &Path) {
        for step in &path.steps {
            if let Step::Index(index) = step {
                self.expr(index);
            }
        }
        let mut text = match &path.root {
            Root::Name(name) => name.to_string(),
            Root::Computed(Expr::Text(name)) => name.to_string(),
            Root::Computed(expr) => return self.expr(expr),
        };
        if self.own.iter().any(|own| **own == text) {
            return;
        }
        for step in &path.steps {
            let _ = match step {
                Step::Name(name) if matches!(&**name, "size" | "first" | "last") => break,
                Step::Name(name) => write!(text, ".{name}"),
                Step::Index(Expr::Text(name)) => write!(text, ".{name}"),
                Step::Index(Expr::Int(n)) => write!(text, "[{n}]"),
                Step::Index(_) => break,
            };
        }
        self.found.insert(text);
    }
}
