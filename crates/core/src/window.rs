//! Exact sliding windows: what a contact must remember so that a condition over the past is always right.
//!
//! A condition such as "at least 3 purchases in 90 days" needs only the third most recent time, which also
//! gives the instant at which the answer will change by itself. Must never hold more than the plan asks for.

use crate::condition::{AggregateFunction, CountTest, WindowPlan};
use crate::limits;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// The last occurrences of one kind, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// When they happened, ascending.
    times: Vec<Timestamp>,
    /// Their values, one each, when the plan has a value; else empty.
    values: Vec<f64>,
    /// Occurrences older than those kept, for aggregates over all time.
    folded: Option<Folded>,
}

/// Aggregate of occurrences that are not kept one by one any more.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Folded {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
    first: f64,
    last: f64,
}

impl Window {
    /// Takes in an occurrence, in its place by time, and forgets what the plan does not need at `now`.
    pub fn record(&mut self, plan: &WindowPlan, at: Timestamp, value: Option<f64>, now: Timestamp) {
        let place = self.times.partition_point(|time| *time <= at);
        if plan.value.is_some() {
            // An occurrence without a readable number is no value: it must not pull down a mean.
            let Some(value) = value else { return };
            self.values.insert(place, value);
        }
        self.times.insert(place, at);
        self.trim(plan, now);
    }

    fn trim(&mut self, plan: &WindowPlan, now: Timestamp) {
        if let Some(horizon) = plan.horizon {
            let gone = self.times.partition_point(|time| *time <= now - horizon);
            self.times.drain(..gone);
            self.values.drain(..gone.min(self.values.len()));
        }
        let keep =
            if plan.value.is_some() { limits::AGGREGATE_VALUES_MAX } else { plan.depth as usize };
        while self.times.len() > keep {
            self.times.remove(0);
            if !self.values.is_empty() {
                let value = self.values.remove(0);
                Folded::take(&mut self.folded, value);
            }
        }
    }

    /// Occurrences in (now - within, now]; as far as the plan's depth reaches.
    #[must_use]
    pub fn count(&self, within: Option<Span>, now: Timestamp) -> usize {
        self.range(within, now).len()
    }

    fn range(&self, within: Option<Span>, now: Timestamp) -> std::ops::Range<usize> {
        let to = self.times.partition_point(|time| *time <= now);
        let from = within.map_or(0, |span| self.times.partition_point(|time| *time <= now - span));
        from.min(to)..to
    }

    /// Whether the count passes the test, and until when that is sure to stay so without a new occurrence.
    #[must_use]
    pub fn test(
        &self,
        test: CountTest,
        within: Option<Span>,
        now: Timestamp,
    ) -> (bool, Option<Timestamp>) {
        let range = self.range(within, now);
        let count = range.len();
        // The nth most recent leaves the window at its time + span, exactly.
        let leaves = |nth: usize| {
            let index = range.end.checked_sub(nth)?;
            Some(*self.times.get(index)? + within?)
        };
        match test {
            CountTest::AtLeast(n) => {
                let n = n as usize;
                let holds = count >= n;
                (holds, if holds && n > 0 { leaves(n) } else { None })
            }
            CountTest::AtMost(n) => {
                let n = n as usize;
                let holds = count <= n;
                (holds, if holds { None } else { leaves(n + 1) })
            }
            CountTest::Exactly(n) => {
                let n = n as usize;
                let until = match count.cmp(&n) {
                    std::cmp::Ordering::Less => None,
                    std::cmp::Ordering::Equal if n == 0 => None,
                    std::cmp::Ordering::Equal => leaves(n),
                    std::cmp::Ordering::Greater => leaves(n + 1),
                };
                (count == n, until)
            }
        }
    }

    /// The aggregate over (now - within, now], and until when it is sure to stay. `None`: there is no value.
    #[must_use]
    pub fn aggregate(
        &self,
        function: AggregateFunction,
        within: Option<Span>,
        now: Timestamp,
    ) -> (Option<f64>, Option<Timestamp>) {
        let range = self.range(within, now);
        let until = within.and_then(|span| Some(*self.times.get(range.start)? + span));
        let until = if range.is_empty() { None } else { until };
        let values = self.values.get(range).unwrap_or_default();
        let folded = if within.is_none() { self.folded } else { None };
        let count = values.len() as u64 + folded.map_or(0, |all| all.count);
        let sum = values.iter().sum::<f64>() + folded.map_or(0.0, |all| all.sum);
        let result = match function {
            AggregateFunction::Sum => Some(sum),
            AggregateFunction::Avg => (count > 0).then(|| sum / count as f64),
            AggregateFunction::Min => {
                values.iter().copied().chain(folded.map(|all| all.min)).reduce(f64::min)
            }
            AggregateFunction::Max => {
                values.iter().copied().chain(folded.map(|all| all.max)).reduce(f64::max)
            }
            AggregateFunction::Last => values.last().copied().or(folded.map(|all| all.last)),
            AggregateFunction::First => folded.map(|all| all.first).or(values.first().copied()),
        };
        (result, until)
    }
}

impl Folded {
    fn take(folded: &mut Option<Folded>, value: f64) {
        *folded = Some(match *folded {
            None => {
                Folded { count: 1, sum: value, min: value, max: value, first: value, last: value }
            }
            Some(all) => Folded {
                count: all.count + 1,
                sum: all.sum + value,
                min: all.min.min(value),
                max: all.max.max(value),
                first: all.first,
                last: value,
            },
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::{JsonPath, WindowSource};

    fn plan(depth: u32, horizon: Option<i64>, value: bool) -> WindowPlan {
        WindowPlan {
            source: WindowSource::Event { event: "purchase".into(), filter: None },
            value: value.then(|| JsonPath::new("value")),
            depth,
            horizon: horizon.map(Span),
        }
    }

    /// Every answer equals a recount over all occurrences, at every instant; and it changes by itself
    /// exactly at the instant the window names.
    #[test]
    fn agrees_with_a_recount() {
        let mut state = 7_u64;
        let mut draw = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % n
        };
        for _ in 0..500 {
            let within = 1 + draw(30) as i64;
            let tests = [CountTest::AtLeast(3), CountTest::AtMost(2), CountTest::Exactly(2)];
            let plan = plan(3, Some(within), false);
            let (mut window, mut all, mut now) = (Window::default(), Vec::new(), 0);
            for _ in 0..40 {
                now += draw(6) as i64;
                let late = now - draw(3) as i64;
                window.record(&plan, Timestamp(late), None, Timestamp(now));
                all.push(late);
                for test in tests {
                    let truth = |at: i64| {
                        let n =
                            all.iter().filter(|t| **t > at - within && **t <= at).count() as u32;
                        match test {
                            CountTest::AtLeast(k) => n >= k,
                            CountTest::AtMost(k) => n <= k,
                            CountTest::Exactly(k) => n == k,
                        }
                    };
                    let (holds, until) = window.test(test, Some(Span(within)), Timestamp(now));
                    assert_eq!(holds, truth(now), "{test:?} at {now} in {all:?}");
                    let change = (now + 1..now + 70).find(|at| truth(*at) != holds);
                    match (change, until) {
                        (Some(change), Some(until)) => assert!(until.0 <= change),
                        (Some(change), None) => {
                            panic!("{test:?} changes at {change} unseen: {all:?}")
                        }
                        (None, _) => {}
                    }
                }
            }
        }
    }

    #[test]
    fn folds_what_it_cannot_keep() {
        let plan = plan(1, None, true);
        let mut window = Window::default();
        for n in 1..=1_000_i64 {
            window.record(&plan, Timestamp(n), Some(n as f64), Timestamp(n));
        }
        let ask = |function| window.aggregate(function, None, Timestamp(2_000)).0;
        assert_eq!(ask(AggregateFunction::Sum), Some(500_500.0));
        assert_eq!(ask(AggregateFunction::Min), Some(1.0));
        assert_eq!(ask(AggregateFunction::First), Some(1.0));
        assert_eq!(ask(AggregateFunction::Last), Some(1_000.0));
        assert!(window.times.len() <= limits::AGGREGATE_VALUES_MAX);
    }
}
