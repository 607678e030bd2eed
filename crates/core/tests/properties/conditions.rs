//! `Question::ask`: an answer does not change before its `until` without an input.

use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use wayline_core::condition::{
    AggregateFunction, Condition, CountTest, JsonPath, ValueTest, WindowPlan, WindowSource,
};
use wayline_core::contact::{Contact, Profile, State};
use wayline_core::evaluate::Question;
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::journey::compile::compile;
use wayline_core::journey::parse::parse_workspace;
use wayline_core::journey::program::Program;
use wayline_core::policy::quiet::LocalTime;
use wayline_core::time::{Days, Span, Timestamp};
use wayline_core::window::Window;

const ZONES: [&str; 4] =
    ["America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Tokyo"];
/// 2026-10-30, three days in which clocks are moved.
const START: i64 = 1_793_318_400_000;
const LENGTH: i64 = 4 * 86_400_000;

fn plan(values: bool) -> WindowPlan {
    WindowPlan {
        source: WindowSource::Event { event: "order".into(), filter: None },
        value: values.then(|| JsonPath::new("value")),
        depth: 6,
        horizon: None,
    }
}

fn counts() -> impl Strategy<Value = CountTest> {
    prop_oneof![
        (0_u32..5).prop_map(CountTest::AtLeast),
        (0_u32..5).prop_map(CountTest::AtMost),
        (0_u32..5).prop_map(CountTest::Exactly),
    ]
}

fn functions() -> impl Strategy<Value = AggregateFunction> {
    use AggregateFunction::{Avg, First, Last, Max, Min, Sum};
    prop::sample::select(vec![Sum, Avg, Min, Max, Last, First])
}

fn leaves() -> impl Strategy<Value = Condition> {
    let within = || prop::option::of((1_i64..LENGTH / 2).prop_map(Span));
    let date = || JsonPath::new("date");
    prop_oneof![
        (within(), counts()).prop_map(|(within, test)| Condition::Count {
            window: plan(false).key(),
            within,
            test
        }),
        (within(), functions(), 0_i64..30).prop_map(|(within, function, n)| {
            let test = ValueTest::Gte(json!(n));
            Condition::Aggregate { window: plan(true).key(), within, function, test }
        }),
        (1_i64..LENGTH).prop_map(move |span| {
            Condition::Attribute(date(), ValueTest::WithinLast(Span(span)))
        }),
        (1_i64..LENGTH).prop_map(move |span| {
            Condition::Attribute(date(), ValueTest::WithinNext(Span(span)))
        }),
        (0_u16..1_440, 0_u16..1_440, 0_u8..128).prop_map(|(from, to, days)| {
            let time = |minutes| LocalTime::from_minutes(minutes).expect("it is one");
            Condition::LocalTime { from: time(from), to: time(to), days: Days(days) }
        }),
        Just(Condition::Segment("keen".to_owned())),
        (0_u8..=100).prop_map(Condition::Bucket),
        Just(Condition::Attribute(JsonPath::new("nothing"), ValueTest::Exists(false))),
    ]
}

fn conditions() -> impl Strategy<Value = Condition> {
    leaves().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Condition::All),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Condition::Any),
            inner.prop_map(|inner| Condition::Not(Box::new(inner))),
        ]
    })
}

fn program() -> Program {
    let text = "workspace: acme\ncountry: US\ntime_zone: America/New_York\nconsent: assumed\n";
    let workspace = parse_workspace("workspace.yaml", text.as_bytes()).expect("it parses");
    let mut program = compile(&workspace, &[], &[], 1, WorkspaceId(1)).expect("it compiles");
    let plans = [plan(false), plan(true)];
    program.windows = plans.into_iter().map(|plan| (plan.key(), plan)).collect::<BTreeMap<_, _>>();
    let test = CountTest::AtLeast(2);
    let keen = Condition::Count { window: plan(false).key(), within: Some(Span::hours(20)), test };
    program.segments.insert("keen".to_owned(), keen);
    program
}

fn contact(orders: &[(i64, i64)], date: i64, zone: usize, now: Timestamp) -> Contact {
    let mut state = State::new(7, 0);
    for with_values in [false, true] {
        let plan = plan(with_values);
        let mut window = Window::default();
        for (at, value) in orders {
            window.record(&plan, Timestamp(START + at).min(now), Some(*value as f64), now);
        }
        state.windows.push((plan.key(), window));
    }
    state.windows.sort_by_key(|(key, _)| *key);
    let mut profile = Profile::default();
    let attributes: [(&str, Value); 2] =
        [("date", json!(Timestamp(START + date).to_string())), ("timezone", json!(ZONES[zone]))];
    for (name, value) in attributes {
        profile.attributes.insert(name.to_owned(), value);
    }
    Contact { workspace: WorkspaceId(1), id: ContactId(1), profile, state }
}

proptest! {
    #![proptest_config(crate::cases(1_000))]
    #[test]
    fn an_answer_stays_until_it_says_it_may_change(
        condition in conditions(),
        orders in prop::collection::vec((0..LENGTH / 2, 0_i64..20), 0..8),
        date in 0..LENGTH,
        zone in 0..ZONES.len(),
        now in 0..LENGTH,
        samples in prop::collection::vec(0.0_f64..1.0, 12),
    ) {
        let program = program();
        let now = Timestamp(START + now);
        let contact = contact(&orders, date, zone, now);
        let ask = |now| Question { program: &program, contact: &contact, properties: None, now }.ask(&condition);
        let answer = ask(now);
        if let Some(until) = answer.until {
            prop_assert!(until > now, "{until} is not after {now}");
        }
        let end = answer.until.unwrap_or(now + Span(3 * LENGTH));
        let last = Timestamp(end.0 - 1);
        let between = samples.iter().map(|sample| now + Span(((last - now).0 as f64 * sample) as i64));
        for at in between.chain([last]) {
            prop_assert_eq!(ask(at).holds, answer.holds, "it changed at {}, before {}", at, end);
        }
    }

    /// Who looks again whenever an answer may change has seen every change, to the millisecond.
    #[test]
    fn looking_again_at_until_sees_every_change(
        condition in conditions(),
        orders in prop::collection::vec((0..LENGTH / 2, 0_i64..20), 0..8),
        date in 0..LENGTH,
        zone in 0..ZONES.len(),
    ) {
        let program = program();
        let mut now = Timestamp(START + LENGTH / 2);
        let contact = contact(&orders, date, zone, now);
        let ask = |now| Question { program: &program, contact: &contact, properties: None, now }.ask(&condition);
        let mut answer = ask(now);
        for _ in 0..400 {
            let Some(until) = answer.until.filter(|until| *until < Timestamp(START + 2 * LENGTH))
            else { break };
            prop_assert!(until > now);
            prop_assert_eq!(ask(Timestamp(until.0 - 1)).holds, answer.holds);
            now = until;
            answer = ask(now);
        }
    }
}
