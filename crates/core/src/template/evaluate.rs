//! Works out expressions, filters and conditions against the data.
//!
//! Must never write to the result: that is `render`'s.

use super::MissingPolicy;
use super::ast::{
    Comparison, Condition, Expr, FilterCall, Filtered, Join, Operator, Path, Root, Step,
};
use super::error::{Failure, Why};
use super::filters::{Call, Fault};
use super::render::Run;
use super::value::Value;
use std::cmp::Ordering;

impl<'a> Run<'a> {
    /// The value of an expression.
    pub(super) fn value(&self, expr: &'a Expr) -> Value<'a> {
        match expr {
            Expr::Nil => Value::Nil,
            Expr::Bool(b) => Value::Bool(*b),
            Expr::Int(n) => Value::Int(*n),
            Expr::Float(x) => Value::Float(*x),
            Expr::Text(text) => Value::Text(text),
            Expr::Blank => Value::Blank,
            Expr::Empty => Value::Empty,
            Expr::Range(ends) => Value::Range(self.range_end(&ends.0), self.range_end(&ends.1)),
            Expr::Path(path) => self.path(path),
        }
    }

    fn range_end(&self, expr: &'a Expr) -> i64 {
        let whole = self.value(expr).to_number().truncated();
        // One short of the limits, so that the length of any range is a number.
        whole.clamp(i128::from(i64::MIN) + 1, i128::from(i64::MAX) - 1) as i64
    }

    fn path(&self, path: &'a Path) -> Value<'a> {
        let mut value = match &path.root {
            Root::Name(name) => self.lookup(name),
            Root::Computed(expr) => match self.value(expr).as_text() {
                Some(name) => self.lookup(name),
                None => Value::Nil,
            },
        };
        for step in &path.steps {
            value = match step {
                Step::Name(name) => value.property(name),
                Step::Index(expr) => value.at(&self.value(expr)),
            };
        }
        value
    }

    /// A name: the item of a running loop, a value the template made, the data, a counter.
    fn lookup(&self, name: &str) -> Value<'a> {
        if let Some((_, value)) = self.loop_names.iter().rev().find(|(n, _)| *n == name) {
            return value.clone();
        }
        if let Some(value) = self.locals.get(name) {
            return value.clone();
        }
        if let Some((_, json)) = self.scope.roots.iter().find(|(n, _)| *n == name) {
            return Value::from(*json);
        }
        self.counters.get(name).map_or(Value::Nil, |n| Value::Int(*n))
    }

    /// The value of an output after its filters, refused when it leaves a hole.
    pub(super) fn shown(&self, filtered: &'a Filtered) -> Result<Value<'a>, Failure> {
        let Some(base) = &filtered.base else { return Ok(Value::Text("")) };
        let value = self.value(base);
        let refuse = self.scope.missing == MissingPolicy::Refuse;
        let filled = filtered.filters.iter().any(|f| f.filter.fills_in());
        if refuse && value.is_nil() && !filled {
            return Err(missing(base, filtered.at));
        }
        let result = self.filter(value, &filtered.filters, refuse)?;
        if refuse && result.is_nil() {
            return Err(missing(base, filtered.at));
        }
        Ok(result)
    }

    /// The value `assign` keeps. Under `Refuse`, a text made out of nothing is still nothing: else
    /// `assign name = contact.name | upcase` would smuggle a hole past the next output.
    pub(super) fn assigned(&self, filtered: &'a Filtered) -> Result<Value<'a>, Failure> {
        let base = filtered.base.as_ref().map_or(Value::Nil, |base| self.value(base));
        let was_missing = base.is_nil();
        let result = self.filter(base, &filtered.filters, false)?;
        let filled = filtered.filters.iter().any(|f| f.filter.fills_in());
        let refuse = self.scope.missing == MissingPolicy::Refuse;
        if refuse && was_missing && !filled && result.as_text().is_some() {
            return Ok(Value::Nil);
        }
        Ok(result)
    }

    fn filter(
        &self,
        mut value: Value<'a>,
        calls: &'a [FilterCall],
        refuse: bool,
    ) -> Result<Value<'a>, Failure> {
        for call in calls {
            let mut args = Vec::with_capacity(call.args.len());
            for expr in &call.args {
                let arg = self.value(expr);
                let is_path = matches!(expr, Expr::Path(_));
                if refuse && is_path && arg.is_nil() && !call.filter.fills_in() {
                    return Err(missing(expr, call.at));
                }
                args.push(arg);
            }
            let named: Vec<_> = call.named.iter().map(|(n, expr)| (*n, self.value(expr))).collect();
            let context = Call {
                args: &args,
                named: &named,
                meter: &self.meter,
                now: self.scope.now,
                zone: &self.scope.zone,
            };
            value = context
                .run(call.filter, &value)
                .map_err(|fault| Failure::from_fault(call.at, Some(call.filter.name), fault))?;
        }
        Ok(value)
    }

    /// Whether a condition holds; grouped from the right.
    pub(super) fn holds(&self, condition: &'a Condition) -> Result<bool, Failure> {
        let mut result = false;
        for (test, join) in &condition.tests {
            result = self.compares(test)?;
            match (join, result) {
                (Join::And, false) | (Join::Or, true) => return Ok(result),
                _ => {}
            }
        }
        Ok(result)
    }

    fn compares(&self, test: &'a Comparison) -> Result<bool, Failure> {
        let fault = |fault| Failure::from_fault(test.at, None, fault);
        self.meter.charge(1).map_err(fault)?;
        let left = self.value(&test.left);
        let Some((operator, right)) = &test.right else { return Ok(left.is_true()) };
        let right = self.value(right);
        self.meter.charge_comparison(&left, &right).map_err(fault)?;
        let order = |wanted: fn(Ordering) -> bool| match left.order(&right) {
            Ok(order) => Ok(order.is_some_and(wanted)),
            Err(_) => {
                let problem =
                    format!("cannot order {} and {}; make both numbers", left.kind(), right.kind());
                Err(fault(Fault::Bad(problem)))
            }
        };
        match operator {
            Operator::Equal => Ok(left.equals(&right)),
            Operator::NotEqual => Ok(!left.equals(&right)),
            Operator::Contains => Ok(left.contains(&right)),
            Operator::Less => order(Ordering::is_lt),
            Operator::LessOrEqual => order(Ordering::is_le),
            Operator::Greater => order(Ordering::is_gt),
            Operator::GreaterOrEqual => order(Ordering::is_ge),
        }
    }
}

fn missing(expr: &Expr, at: u32) -> Failure {
    Failure { at, why: Why::Missing(expr.to_string()) }
}
