//! Runs a compiled template.
//!
//! Must never do unbounded work: each node pays before it runs, and the result refuses to grow past
//! its limit.

use super::Scope;
use super::ast::{Arm, Block, Branch, Cycle, Expr, Node};
use super::error::{Failure, Why};
use super::filters::{Fault, Meter};
use super::limits::RenderLimits;
use super::loop_state::Loop;
use super::value::Value;
use std::collections::BTreeMap;
use std::mem;
use std::rc::Rc;

/// Why a block ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

/// One rendering.
pub(super) struct Run<'a> {
    pub(super) scope: &'a Scope<'a>,
    pub(super) meter: Meter,
    pub(super) out: String,
    /// Bytes `out` may have: those of the result, or of a text while one is captured.
    out_max: usize,
    /// How many captures are open around what is written.
    captures: usize,
    pub(super) locals: BTreeMap<&'a str, Value<'a>>,
    /// The items of running loops, innermost last.
    pub(super) loop_names: Vec<(&'a str, Value<'a>)>,
    /// The running loops, innermost last.
    pub(super) loops: Vec<Rc<Loop>>,
    pub(super) counters: BTreeMap<&'a str, i128>,
    /// Where each loop name ended, for `offset: continue`.
    pub(super) resume: BTreeMap<&'a str, usize>,
    cycles: BTreeMap<String, usize>,
    /// What `ifchanged` showed last.
    changed: Option<String>,
}

/// Renders a whole template.
pub(super) fn render(
    nodes: &Block,
    scope: &Scope<'_>,
    limits: &RenderLimits,
) -> Result<String, Failure> {
    let mut run = Run {
        scope,
        meter: Meter::new(*limits),
        out: String::with_capacity(192),
        out_max: limits.output_bytes,
        captures: 0,
        locals: BTreeMap::new(),
        loop_names: Vec::new(),
        loops: Vec::new(),
        counters: BTreeMap::new(),
        resume: BTreeMap::new(),
        cycles: BTreeMap::new(),
        changed: None,
    };
    run.block(nodes)?;
    Ok(run.out)
}

impl<'a> Run<'a> {
    /// Pays for the work of a tag.
    pub(super) fn charge(&self, steps: usize, at: u32) -> Result<(), Failure> {
        self.meter.charge(steps).map_err(|fault| Failure::from_fault(at, None, fault))
    }

    pub(super) fn block(&mut self, nodes: &'a [Node]) -> Result<Flow, Failure> {
        let mut at = 0;
        for node in nodes {
            let flow = self.node(node, &mut at)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    /// `at` is the place of the last node that has one, for plain text that passes a limit.
    fn node(&mut self, node: &'a Node, at: &mut u32) -> Result<Flow, Failure> {
        self.charge(1, *at)?;
        match node {
            Node::Text(text) | Node::Raw(text) => self.push(text, *at)?,
            Node::Output(output) => {
                *at = output.at;
                let value = self.shown(output)?;
                self.show(&value, output.at)?;
            }
            Node::Assign { name, value } => {
                *at = value.at;
                let value = self.assigned(value)?;
                self.locals.insert(name, value);
            }
            Node::Capture { name, body, at } => {
                let (text, flow) = self.capture(body)?;
                self.meter
                    .charge_bytes(text.len())
                    .map_err(|fault| Failure::from_fault(*at, None, fault))?;
                self.locals.insert(name, Value::made(text));
                return Ok(flow);
            }
            Node::If(branches) => return self.branches(branches),
            Node::Case { subject, arms, at } => return self.case(subject, arms, *at),
            Node::For(head) => return self.repeat(head),
            Node::TableRow(head) => self.table(head)?,
            Node::Cycle(cycle) => self.cycle(cycle)?,
            Node::Count { name, up, at } => self.count(name, *up, *at)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
            Node::IfChanged { body, at } => return self.if_changed(body, *at),
        }
        Ok(Flow::Next)
    }

    /// Appends text to the result.
    pub(super) fn push(&mut self, text: &str, at: u32) -> Result<(), Failure> {
        let fits = self.out.len() + text.len() <= self.out_max;
        if !fits {
            return Err(Failure {
                at,
                why: if self.captures > 0 { Why::Text } else { Why::Output },
            });
        }
        self.meter
            .charge_bytes(text.len())
            .map_err(|fault| Failure::from_fault(at, None, fault))?;
        self.out.push_str(text);
        Ok(())
    }

    /// Appends a value to the result.
    pub(super) fn show(&mut self, value: &Value<'a>, at: u32) -> Result<(), Failure> {
        let (_, items) = value.bytes_and_items();
        self.charge(items, at)?;
        match value.show(self.meter.limits.string_bytes) {
            Ok(text) => self.push(&text, at),
            Err(_) => Err(Failure::from_fault(at, None, Fault::Text)),
        }
    }

    /// What a block shows, kept away from the result.
    fn capture(&mut self, body: &'a Block) -> Result<(String, Flow), Failure> {
        let outer = mem::take(&mut self.out);
        let outer_max = mem::replace(&mut self.out_max, self.meter.limits.string_bytes);
        self.captures += 1;
        let flow = self.block(body)?;
        self.captures -= 1;
        self.out_max = outer_max;
        Ok((mem::replace(&mut self.out, outer), flow))
    }

    fn branches(&mut self, branches: &'a [Branch]) -> Result<Flow, Failure> {
        for branch in branches {
            self.charge(1, branch.at)?;
            let taken = match &branch.test {
                Some(test) => self.holds(test)? == branch.wanted,
                None => true,
            };
            if taken {
                return self.block(&branch.body);
            }
        }
        Ok(Flow::Next)
    }

    /// Every arm whose value matches, once per match; `else` arms while none has matched yet.
    fn case(&mut self, subject: &'a Expr, arms: &'a [Arm], at: u32) -> Result<Flow, Failure> {
        let subject = self.value(subject);
        let mut matched = false;
        for arm in arms {
            let times = match &arm.values {
                Some(values) => {
                    let mut times = 0;
                    for value in values {
                        let value = self.value(value);
                        self.meter
                            .charge_comparison(&value, &subject)
                            .map_err(|fault| Failure::from_fault(at, None, fault))?;
                        times += usize::from(value.equals(&subject));
                    }
                    times
                }
                None => usize::from(!matched),
            };
            matched |= arm.values.is_some() && times > 0;
            for _ in 0..times {
                let flow = self.block(&arm.body)?;
                if flow != Flow::Next {
                    return Ok(flow);
                }
            }
        }
        Ok(Flow::Next)
    }

    fn cycle(&mut self, cycle: &'a Cycle) -> Result<(), Failure> {
        let key = match &cycle.group {
            Some(group) => {
                let group = self.value(group);
                let shown = group.show(self.meter.limits.string_bytes);
                // The prefix keeps named groups apart from lists of items.
                shown.map(|name| format!("group {name}"))
            }
            None => Ok(cycle.key.to_string()),
        };
        let key = key.map_err(|fault| Failure::from_fault(cycle.at, None, fault.into()))?;
        self.charge(1 + key.len() / super::limits::BYTES_PER_STEP, cycle.at)?;
        let round = self.cycles.entry(key).or_insert(0);
        let place = *round;
        *round = if place + 1 >= cycle.items.len() { 0 } else { place + 1 };
        match cycle.items.get(place) {
            Some(item) => {
                let value = self.value(item);
                if value.is_nil() && self.scope.missing == super::MissingPolicy::Refuse {
                    return Err(Failure { at: cycle.at, why: Why::Missing(item.to_string()) });
                }
                self.show(&value, cycle.at)
            }
            // A group that was longer the last time has nothing at this place.
            None => Ok(()),
        }
    }

    fn count(&mut self, name: &'a str, up: bool, at: u32) -> Result<(), Failure> {
        let counter = self.counters.entry(name).or_insert(0);
        let shown = if up { *counter } else { counter.saturating_sub(1) };
        *counter = if up { counter.saturating_add(1) } else { shown };
        self.push(&shown.to_string(), at)
    }

    fn if_changed(&mut self, body: &'a Block, at: u32) -> Result<Flow, Failure> {
        let (text, flow) = self.capture(body)?;
        if self.changed.as_deref() != Some(text.as_str()) {
            self.push(&text, at)?;
            self.changed = Some(text);
        }
        Ok(flow)
    }
}
