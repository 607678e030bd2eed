//! Input of any shape: no panic, no runaway, and texts that survive a print.

use proptest::prelude::*;
use wayline_core::journey::definition::{Journey, Segment, Workspace};
use wayline_core::journey::node::{self, Key, Node, Value};
use wayline_core::journey::parse::{decode, parse};
use wayline_core::journey::print::{print, print_node};
use wayline_core::journey::problem::Code;
use wayline_core::journey::validate::{Scope, validate_journey, validate_segment};
use wayline_core::limits;

const NASTY: [&str; 42] = [
    "",
    " ",
    " a",
    "a ",
    "a  b",
    "yes",
    "No",
    "on",
    "null",
    "~",
    "0x1",
    "0o7",
    "1e3",
    "1_000",
    "12:30:45",
    "18:30",
    "2026-11-23",
    "01",
    "+1",
    "-1",
    ".5",
    "-",
    "- a",
    "?",
    ": ",
    "a: b",
    "a #b",
    "#",
    "&a",
    "*a",
    "!x",
    "%x",
    "@",
    "`",
    "{{ a }}",
    "[",
    "'",
    "\"",
    "\\",
    "a\nb\n",
    "\t",
    "true",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(NASTY.to_vec()).prop_map(str::to_owned),
        any::<String>(),
        "[ -~]{0,30}",
        "[a-z0-9 .:_#-]{0,12}",
        "(.|\n){0,20}",
    ]
}

fn key() -> impl Strategy<Value = String> {
    text().prop_map(|text| {
        let key: String = text.chars().filter(|c| !c.is_control()).take(50).collect();
        if key == "<<" { "_".to_owned() } else { key }
    })
}

fn tree() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|n| Value::Number(n.into())),
        any::<u64>().prop_map(|n| Value::Number(n.into())),
        any::<f64>()
            .prop_map(|n| { serde_json::Number::from_f64(n).map_or(Value::Null, Value::Number) }),
        text().prop_map(Value::Text),
    ];
    leaf.prop_map(Node::new).prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6)
                .prop_map(|items| Node::new(Value::List(items))),
            proptest::collection::vec((key(), inner), 0..6).prop_map(|entries| {
                let mut seen = std::collections::BTreeSet::new();
                let entries = entries
                    .into_iter()
                    .filter(|(key, _)| seen.insert(key.clone()))
                    .map(|(key, value)| (Key::new(&key), value));
                Node::new(Value::Map(entries.collect()))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_tree_survives_its_print(tree in tree()) {
        let printed = print_node(&tree);
        let again = node::read(printed.as_bytes()).map_err(|error| {
            TestCaseError::fail(format!("{error:?}\n{printed}"))
        })?;
        prop_assert_eq!(&again, &tree, "{}", printed);
        prop_assert_eq!(print_node(&again), printed);
    }

    #[test]
    fn every_journey_survives_its_print(
        sms in text(), name in "[^\\p{Cc}]{1,40}", values in proptest::collection::vec((key(), tree()), 0..5),
        days in proptest::sample::subsequence(vec!["mon", "tue", "sun"], 0..3),
        minutes in 1_i64..100_000, word in text(),
    ) {
        let mut seen = std::collections::BTreeSet::new();
        let values = values.into_iter().filter(|(key, _)| seen.insert(key.clone()));
        let set = values.map(|(key, value)| (Key::new(&key), value)).collect();
        let when = Node::map(vec![("attribute", Node::text("a.b")), ("is", Node::text(word))]);
        let case = Node::map(vec![("when", when), ("next", Node::text("end"))]);
        let days = days.into_iter().map(Node::text).collect();
        let steps = Node::map(vec![
            ("say", Node::map(vec![("send", Node::map(vec![("sms", Node::text(sms))]))])),
            ("wait", Node::map(vec![("wait", Node::text(format!("{minutes}m")))])),
            ("clock", Node::map(vec![("wait", Node::map(vec![
                ("until", Node::text("18:30")), ("days", Node::new(Value::List(days))),
            ]))])),
            ("split", Node::map(vec![("branch", Node::new(Value::List(vec![case])))])),
            ("set", Node::map(vec![("update", Node::map(vec![
                ("set", Node::new(Value::Map(set))),
            ]))])),
        ]);
        let tree = Node::map(vec![
            ("journey", Node::text("j")),
            ("name", Node::text(name)),
            ("entry", Node::map(vec![("event", Node::text("yes"))])),
            ("steps", steps),
        ]);
        let Ok(journey) = decode::<Journey>("j.yaml", &tree) else { return Ok(()) };
        let printed = print(&journey);
        let again: Journey = parse("j.yaml", printed.as_bytes()).map_err(|problems| {
            TestCaseError::fail(format!("{problems:?}\n{printed}"))
        })?;
        prop_assert_eq!(&again, &journey);
        prop_assert_eq!(print(&again), printed);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse::<Journey>("x", &bytes);
        let _ = parse::<Segment>("x", &bytes);
        let _ = parse::<Workspace>("x", &bytes);
    }

    #[test]
    fn damaged_files_never_panic(at in 0_usize..4_000, with in "[ -~\n]{0,6}", cut in 0_usize..40) {
        let good = include_str!("good/everything.yaml");
        let start = at.min(good.len());
        let end = (start + cut).min(good.len());
        let damaged = [&good.as_bytes()[..start], with.as_bytes(), &good.as_bytes()[end..]].concat();
        if let Ok(journey) = parse::<Journey>("x", &damaged) {
            let _ = validate_journey("x", &journey, &Scope::alone());
        }
    }
}

#[test]
fn ten_thousand_steps_are_read_and_checked() {
    let mut text = String::from("journey: long\nentry: {event: start}\nsteps:\n");
    for index in 0..limits::STEPS_MAX / 4 {
        let back = index / 2;
        text += &format!(
            "  s{index}: {{send: {{sms: \"Hi {{{{ contact.first_name }}}}\"}}}}\n  \
             w{index}: {{wait: 1h}}\n  \
             f{index}: {{wait_for: {{first: [{{clicked: s{back}, next: b{index}}}], timeout: 1d, otherwise: b{index}}}}}\n  \
             b{index}: {{branch: [{{when: {{message: s{index}, was: clicked}}, next: w{back}}}]}}\n"
        );
    }
    // A quadratic step would take many minutes: the runner ends tests that take so long.
    let journey: Journey = parse("long.yaml", text.as_bytes()).unwrap();
    let problems = validate_journey("long.yaml", &journey, &Scope::alone());
    assert!(problems.is_empty(), "{:?}", problems.first());
    assert_eq!(journey.steps.0.len(), limits::STEPS_MAX);
}

#[test]
fn one_step_more_than_allowed_is_refused() {
    let mut text = String::from("journey: long\nentry: {event: start}\nsteps:\n");
    for index in 0..=limits::STEPS_MAX {
        text += &format!("  w{index}: {{wait: 1h}}\n");
    }
    let journey: Journey = parse("long.yaml", text.as_bytes()).unwrap();
    let problems = validate_journey("long.yaml", &journey, &Scope::alone());
    assert_eq!(problems[0].code, Code::TooLarge);
}

#[test]
fn bombs_are_refused_early() {
    let big = vec![b' '; limits::DEFINITION_BYTES_MAX + 1];
    assert_eq!(node::read(&big).unwrap_err().code, Code::TooLarge);
    for open in ["[", "{a: ", "- ", "a:\n "] {
        let deep = open.repeat(100_000);
        assert!(node::read(deep.as_bytes()).is_err());
    }
    let mut aliases = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..40 {
        let before = level - 1;
        aliases +=
            &format!("a{level}: &a{level} [*a{before}, *a{before}, *a{before}, *a{before}]\n");
    }
    assert_eq!(node::read(aliases.as_bytes()).unwrap_err().code, Code::TooLarge);
}

#[test]
fn a_flood_of_problems_is_cut() {
    let flood: String = (0..5_000).map(|index| format!("unknown{index}: 1\n")).collect();
    let problems = parse::<Journey>("x", flood.as_bytes()).unwrap_err();
    assert_eq!(problems.len(), limits::PROBLEMS_MAX);
}

#[test]
fn a_condition_as_deep_as_allowed_is_read_checked_and_printed() {
    let levels = limits::NESTING_MAX - 2;
    let (open, close) = ("{not: ".repeat(levels), "}".repeat(levels));
    let text = format!("segment: deep\nwhen: {open}{{segment: vip}}{close}\n");
    let segment: Segment = parse("deep.yaml", text.as_bytes()).unwrap();
    let problems = validate_segment("deep.yaml", &segment, &Scope::alone());
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(parse::<Segment>("deep.yaml", print(&segment).as_bytes()).unwrap(), segment);
}
