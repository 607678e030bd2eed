//! Conditions: leaves resolved, windows planned.
//!
//! Must never let a filter of counted events look at anything but their properties.

use super::Compiler;
use crate::condition::{
    AggregateFunction, Condition, CountTest, ValueTest, WindowPlan, WindowSource,
};
use crate::journey::definition::condition as written;
use crate::journey::definition::scalar::{Duration, Literal, MessageRef};
use crate::journey::problem::Code;
use crate::limits;
use crate::time::Days;
use jiff::civil::Weekday;

impl Compiler<'_> {
    pub(super) fn condition(&mut self, condition: &written::Condition) -> Option<Condition> {
        use written::Condition as W;
        Some(match condition {
            W::All(all) => Condition::All(self.conditions(all)?),
            W::Any(any) => Condition::Any(self.conditions(any)?),
            W::Not(inner) => Condition::Not(Box::new(self.condition(inner)?)),
            W::Attribute(leaf) => Condition::Attribute(leaf.attribute.path(), test(&leaf.test)),
            W::Property(leaf) => Condition::Property(leaf.property.path(), test(&leaf.test)),
            W::Event(count) => self.event_count(count)?,
            W::Aggregate(aggregate) => self.aggregate(aggregate)?,
            W::Message(message) => self.message(message),
            W::Segment(id) => Condition::Segment(id.text.clone()),
            W::Journey(leaf) => Condition::Journey(leaf.journey.text.clone(), leaf.is),
            W::Subscribed(topic) => Condition::Subscribed(topic.text.clone()),
            W::LocalTime(window) => Condition::LocalTime {
                from: window.from.time(),
                to: window.to.time(),
                days: days(window.days.as_ref().map(|days| days.0.as_slice())),
            },
            W::Bucket(percent) => Condition::Bucket(percent.value.min(100) as u8),
        })
    }

    fn conditions(&mut self, all: &[written::Condition]) -> Option<Vec<Condition>> {
        all.iter().map(|condition| self.condition(condition)).collect()
    }

    fn event_count(&mut self, count: &written::EventCount) -> Option<Condition> {
        let test = count_test(count.count.as_ref());
        let source = WindowSource::Event {
            event: count.event.text.clone(),
            filter: self.filter(count.filter.as_deref())?,
        };
        let within = count.within.as_ref().map(Duration::span);
        let window = WindowPlan { source, value: None, depth: test.depth(), horizon: within };
        Some(Condition::Count { window: self.window(window), within, test })
    }

    fn aggregate(&mut self, leaf: &written::AggregateTest) -> Option<Condition> {
        use written::Aggregate as A;
        let (function, values) = match &leaf.of {
            A::Sum(values) => (AggregateFunction::Sum, values),
            A::Avg(values) => (AggregateFunction::Avg, values),
            A::Min(values) => (AggregateFunction::Min, values),
            A::Max(values) => (AggregateFunction::Max, values),
            A::Last(values) => (AggregateFunction::Last, values),
            A::First(values) => (AggregateFunction::First, values),
        };
        let source = WindowSource::Event {
            event: values.event.text.clone(),
            filter: self.filter(values.filter.as_deref())?,
        };
        let depth = match function {
            AggregateFunction::Last => 1,
            _ => limits::AGGREGATE_VALUES_MAX as u32,
        };
        let within = leaf.within.as_ref().map(Duration::span);
        let value = Some(values.property.path());
        let window = self.window(WindowPlan { source, value, depth, horizon: within });
        Some(Condition::Aggregate { window, within, function, test: test(&leaf.test) })
    }

    fn message(&mut self, leaf: &written::MessageTest) -> Condition {
        let (journey, step) = self.message_ref(&leaf.message);
        let test = count_test(leaf.count.as_ref());
        let within = leaf.within.as_ref().map(Duration::span);
        let source = WindowSource::Message { journey, step, was: leaf.was };
        let window = WindowPlan { source, value: None, depth: test.depth(), horizon: within };
        Condition::Count { window: self.window(window), within, test }
    }

    fn message_ref(&self, reference: &MessageRef) -> (Option<String>, Option<String>) {
        let named = |text: &str| (text != "any").then(|| text.to_owned());
        match reference.text.split_once('.') {
            Some((journey, step)) => (named(journey), named(step)),
            // `any` alone is any message of any journey.
            None if reference.text == "any" => (None, None),
            None => (self.slug.map(str::to_owned), named(&reference.text)),
        }
    }

    fn window(&mut self, plan: WindowPlan) -> crate::condition::WindowKey {
        let key = plan.key();
        match self.windows.get_mut(&key) {
            Some(known) => known.widen(&plan),
            None => {
                self.windows.insert(key, plan);
            }
        }
        key
    }

    /// `Some(None)`: there is none, which is fine.
    #[allow(clippy::option_option, reason = "the outer one says whether it compiled")]
    fn filter(&mut self, filter: Option<&written::Condition>) -> Option<Option<Box<Condition>>> {
        match filter {
            Some(filter) => self.over_properties(filter).map(|it| Some(Box::new(it))),
            None => Some(None),
        }
    }

    fn over_properties(&mut self, filter: &written::Condition) -> Option<Condition> {
        use written::Condition as W;
        let many = |compiler: &mut Self, all: &[W]| {
            all.iter().map(|inner| compiler.over_properties(inner)).collect::<Option<Vec<_>>>()
        };
        Some(match filter {
            W::All(all) => Condition::All(many(self, all)?),
            W::Any(any) => Condition::Any(many(self, any)?),
            W::Not(inner) => Condition::Not(Box::new(self.over_properties(inner)?)),
            W::Property(leaf) => Condition::Property(leaf.property.path(), test(&leaf.test)),
            _ => {
                let message = "a where inside an event condition looks at properties only";
                self.report.error(Code::Conflict, Default::default(), message);
                return None;
            }
        })
    }
}

fn test(test: &written::Test) -> ValueTest {
    use written::Test as T;
    let json = |literal: &Literal| literal.0.to_json();
    let all = |literals: &[Literal]| literals.iter().map(json).collect();
    match test {
        T::Is(value) => ValueTest::Is(json(value)),
        T::IsNot(value) => ValueTest::IsNot(json(value)),
        T::In(values) => ValueTest::In(all(values)),
        T::NotIn(values) => ValueTest::NotIn(all(values)),
        T::Gt(value) => ValueTest::Gt(json(value)),
        T::Gte(value) => ValueTest::Gte(json(value)),
        T::Lt(value) => ValueTest::Lt(json(value)),
        T::Lte(value) => ValueTest::Lte(json(value)),
        T::Contains(value) => ValueTest::Contains(json(value)),
        T::StartsWith(text) => ValueTest::StartsWith(text.text.clone()),
        T::Exists(exists) => ValueTest::Exists(*exists),
        T::Before(at) => ValueTest::Before(at.timestamp()),
        T::After(at) => ValueTest::After(at.timestamp()),
        T::WithinLast(span) => ValueTest::WithinLast(span.span()),
        T::WithinNext(span) => ValueTest::WithinNext(span.span()),
    }
}

fn count_test(count: Option<&written::Count>) -> CountTest {
    use written::Count as C;
    match count {
        None | Some(C::None(false)) => CountTest::AtLeast(1),
        Some(C::None(true)) => CountTest::AtMost(0),
        Some(C::AtLeast(n)) => CountTest::AtLeast(n.value),
        Some(C::AtMost(n)) => CountTest::AtMost(n.value),
        Some(C::Exactly(n)) => CountTest::Exactly(n.value),
    }
}

/// The set of days; none means every day.
pub(super) fn days(days: Option<&[Weekday]>) -> Days {
    days.unwrap_or_default().iter().fold(Days::default(), |all, day| all.with(*day))
}
