//! Conditions: bounds, references, and leaves in places where they mean nothing.
//!
//! Must never evaluate a condition.

use super::Checker;
use crate::journey::definition::condition::{
    Aggregate, Condition, Count, EventValues, MessageTest, Test,
};
use crate::journey::definition::scalar::{Literal, Slug};
use crate::journey::definition::step::Action;
use crate::journey::node::Value;
use crate::journey::problem::{Code, Spot, advice};
use crate::limits;

/// Where a condition stands; unknown for an empty `all` or `any`.
pub(super) fn spot(condition: &Condition) -> Spot {
    match condition {
        Condition::All(all) | Condition::Any(all) => all.first().map_or(Spot::default(), spot),
        Condition::Not(inner) => spot(inner),
        Condition::Attribute(leaf) => leaf.at,
        Condition::Property(leaf) => leaf.at,
        Condition::Event(leaf) => leaf.at,
        Condition::Aggregate(leaf) => leaf.at,
        Condition::Message(leaf) => leaf.at,
        Condition::Segment(id) | Condition::Subscribed(id) => id.at,
        Condition::Journey(leaf) => leaf.at,
        Condition::LocalTime(window) => window.at,
        Condition::Bucket(percent) => percent.at,
    }
}

/// Ids of the segments a condition asks for.
pub(super) fn segments_named<'c>(condition: &'c Condition, into: &mut Vec<&'c Slug>) {
    match condition {
        Condition::All(all) | Condition::Any(all) => {
            for inner in all {
                segments_named(inner, into);
            }
        }
        Condition::Not(inner) => segments_named(inner, into),
        Condition::Segment(id) => into.push(id),
        _ => {}
    }
}

impl Checker<'_> {
    /// `has_event`: an event is at hand whose properties can be tested.
    pub(super) fn condition(&mut self, condition: &Condition, has_event: bool) {
        let mut leaves = 0;
        self.tree(condition, has_event, &mut leaves);
        if leaves > limits::CONDITION_LEAVES_MAX {
            let most = limits::CONDITION_LEAVES_MAX;
            let message = format!("this condition has {leaves} leaves and may have {most}");
            self.report.error(Code::TooLarge, spot(condition), message);
        }
    }

    fn tree(&mut self, condition: &Condition, has_event: bool, leaves: &mut usize) {
        *leaves += 1;
        match condition {
            Condition::All(all) | Condition::Any(all) => {
                *leaves -= 1;
                for inner in all {
                    self.tree(inner, has_event, leaves);
                }
            }
            Condition::Not(inner) => {
                *leaves -= 1;
                self.tree(inner, has_event, leaves);
            }
            Condition::Attribute(leaf) => self.test(&leaf.test, leaf.at),
            Condition::Property(leaf) => {
                if !has_event {
                    let message = "there is no event at hand here whose property could be \
                                   tested; use {event: …, where: …} or an attribute";
                    self.report.error(Code::Conflict, leaf.at, message);
                }
                self.test(&leaf.test, leaf.at);
            }
            Condition::Event(leaf) => {
                self.count(leaf.count.as_ref());
                self.filter(leaf.filter.as_deref(), leaves);
            }
            Condition::Aggregate(leaf) => {
                let (Aggregate::Sum(of)
                | Aggregate::Avg(of)
                | Aggregate::Min(of)
                | Aggregate::Max(of)
                | Aggregate::Last(of)
                | Aggregate::First(of)) = &leaf.of;
                let EventValues { filter, .. } = of;
                self.filter(filter.as_deref(), leaves);
                self.test(&leaf.test, leaf.at);
            }
            Condition::Message(leaf) => {
                self.count(leaf.count.as_ref());
                self.message(leaf);
            }
            Condition::Segment(id) => self.segment_ref(id),
            Condition::Journey(leaf) => self.journey_ref(&leaf.journey.text, leaf.journey.at),
            Condition::Subscribed(topic) => self.topic_ref(topic),
            Condition::LocalTime(window) => {
                if window.from.time() == window.to.time() {
                    let message = "this window is empty: from and to are the same";
                    self.report.error(Code::Empty, window.to.at, message);
                }
            }
            Condition::Bucket(percent) => match percent.value {
                1..100 => {}
                0 | 100 => {
                    let message = format!("a bucket of {} is nobody or everybody", percent.value);
                    self.report.warn(Code::PointlessCondition, percent.at, message);
                }
                _ => {
                    let message = "a bucket goes from 0 to 100 (percent)";
                    self.report.error(Code::BadNumber, percent.at, message);
                }
            },
        }
    }

    fn filter(&mut self, filter: Option<&Condition>, leaves: &mut usize) {
        let Some(filter) = filter else { return };
        match filter {
            Condition::All(all) | Condition::Any(all) => {
                for inner in all {
                    self.filter(Some(inner), leaves);
                }
            }
            Condition::Not(inner) => self.filter(Some(inner), leaves),
            Condition::Property(leaf) => {
                *leaves += 1;
                self.test(&leaf.test, leaf.at);
            }
            other => {
                let message = "a where inside an event condition looks at the event's properties \
                               only; put the rest beside it with all";
                self.report.error(Code::Conflict, spot(other), message);
            }
        }
    }

    fn count(&mut self, count: Option<&Count>) {
        let Some(Count::AtLeast(n) | Count::AtMost(n) | Count::Exactly(n)) = count else { return };
        if n.value > limits::COUNT_MAX {
            let message = format!("a count goes to {}, and this is {}", limits::COUNT_MAX, n.value);
            self.report.error(Code::BadNumber, n.at, message);
        } else if n.value == 0 && matches!(count, Some(Count::AtLeast(_))) {
            let message = "at_least 0 is always true; for never write `none: true`";
            self.report.warn(Code::PointlessCondition, n.at, message);
        }
    }

    fn test(&mut self, test: &Test, at: Spot) {
        match test {
            Test::Is(value) | Test::IsNot(value) => match &value.0.value {
                Value::Null => {
                    let message = "nothing is not a value; write `exists: false`";
                    self.report.error(Code::WrongType, value.0.at, message);
                }
                Value::List(_) | Value::Map(_) => {
                    let message = "is compares with one value; for several use `in: [a, b]`";
                    self.report.error(Code::WrongType, value.0.at, message);
                }
                _ => {}
            },
            Test::In(values) | Test::NotIn(values) => {
                if values.is_empty() {
                    let message = "this list is empty; name at least one value";
                    self.report.error(Code::Empty, at, message);
                }
                for value in values {
                    self.single(value);
                }
            }
            Test::Gt(value) | Test::Gte(value) | Test::Lt(value) | Test::Lte(value)
                if !matches!(value.0.value, Value::Number(_) | Value::Text(_)) =>
            {
                let found = value.0.describe();
                let message = format!("expected a number or a text to compare with, found {found}");
                self.report.error(Code::WrongType, value.0.at, message);
            }
            Test::Contains(value) => self.single(value),
            _ => {}
        }
    }

    fn single(&mut self, value: &Literal) {
        if matches!(value.0.value, Value::Null | Value::List(_) | Value::Map(_)) {
            let message = format!("expected one value, found {}", value.0.describe());
            self.report.error(Code::WrongType, value.0.at, message);
        }
    }

    fn message(&mut self, leaf: &MessageTest) {
        let reference = &leaf.message;
        let scope = self.scope;
        let (journey, step) = match reference.text.split_once('.') {
            Some(("any", _)) => return,
            Some((slug, step)) => {
                self.journey_ref(slug, reference.at);
                let known = scope.journeys.as_ref().and_then(|all| all.get(slug).copied());
                let own = self.journey.filter(|journey| journey.journey.text == slug);
                (known.or(own), step)
            }
            None if reference.text == "any" => return,
            None => {
                if self.journey.is_none() {
                    let message = format!(
                        "a segment has no steps of its own; write journey.{}, or any",
                        reference.text
                    );
                    self.report.error(Code::UnknownStep, reference.at, message);
                    return;
                }
                (self.journey, reference.as_str())
            }
        };
        let Some(journey) = journey else { return };
        if step != "any" {
            self.send_step(journey, step, reference.at);
        }
    }

    /// The step must be there and send something.
    fn send_step(&mut self, journey: &crate::journey::definition::Journey, step: &str, at: Spot) {
        let own = self.journey.is_some_and(|own| std::ptr::eq(own, journey));
        let found = if own {
            self.steps.get(step).and_then(|index| journey.steps.0.get(*index))
        } else {
            journey.steps.0.iter().find(|(key, _)| key.text == step)
        };
        match found {
            Some((_, found)) if matches!(found.action, Action::Send(_)) => {}
            found => self.not_a_send(journey, step, found.is_some(), at),
        }
    }

    pub(super) fn not_a_send(
        &mut self,
        journey: &crate::journey::definition::Journey,
        step: &str,
        exists: bool,
        at: Spot,
    ) {
        if self.report.is_full() {
            return;
        }
        let sends = |(_, step): &&(_, crate::journey::definition::Step)| {
            matches!(step.action, Action::Send(_))
        };
        let names: Vec<&str> =
            journey.steps.0.iter().filter(sends).map(|(key, _)| key.text.as_str()).collect();
        let hint = advice(step, names.iter().copied());
        if exists {
            let message = format!("the step {step:?} sends nothing{hint}");
            self.report.error(Code::NotASend, at, message);
        } else {
            let message = format!("there is no step {step:?} that sends{hint}");
            self.report.error(Code::UnknownStep, at, message);
        }
    }
}
