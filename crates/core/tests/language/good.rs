//! Files that are right: they parse, validate, print stably and compile.

use crate::{expect, folder};
use wayline_core::ids::{JourneyId, WorkspaceId};
use wayline_core::journey::compile::compile;
use wayline_core::journey::definition::{Journey, Segment, Workspace};
use wayline_core::journey::form::Form;
use wayline_core::journey::parse::parse;
use wayline_core::journey::print::print;
use wayline_core::journey::problem::{Code, Problem};
use wayline_core::journey::program::{Action, Next, NotAfter, Program};
use wayline_core::policy::settings::ConsentMode;
use wayline_core::time::Span;

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

fn read<T: Form + PartialEq + std::fmt::Debug>(name: &str) -> T {
    let bytes = std::fs::read(folder("good").join(name)).unwrap();
    let parsed: T = parse(name, &bytes).unwrap_or_else(|problems| panic!("{}", listed(&problems)));
    let printed = print(&parsed);
    let again: T = parse(name, printed.as_bytes())
        .unwrap_or_else(|problems| panic!("{printed}\n{}", listed(&problems)));
    assert_eq!(parsed, again, "{printed}");
    assert_eq!(printed, print(&again));
    expect(&folder("good").join(name).with_extension("printed"), &printed);
    parsed
}

fn program() -> Program {
    let workspace: Workspace = read("workspace.yaml");
    let segment: Segment = read("vip.yaml");
    let (cart, everything, welcome): (Journey, Journey, Journey) =
        (read("abandoned_cart.yaml"), read("everything.yaml"), read("welcome.yaml"));
    let journeys = [
        (JourneyId(1), 1, true, &cart),
        (JourneyId(2), 3, true, &everything),
        (JourneyId(3), 1, true, &welcome),
    ];
    compile(&workspace, &[&segment], &journeys, 7, WorkspaceId(1))
        .unwrap_or_else(|problems| panic!("{}", listed(&problems)))
}

#[test]
fn the_examples_of_the_contract_run() {
    let program = program();
    let cart = program.live_by_slug("abandoned_cart").unwrap();
    assert_eq!(cart.steps.len(), 7);
    assert_eq!(cart.steps[2].slug, "watch");
    let Action::WaitFor(wait) = &cart.steps[2].action else { panic!("watch is a wait_for") };
    assert_eq!(wait.first[0].1, Next::Step(6));
    assert_eq!(wait.otherwise, Next::Step(3));
    assert_eq!(program.settings.senders[0].id, "main");
    assert_eq!(program.settings.keywords, [("JOIN".to_owned(), "welcome".to_owned())]);
    let Action::Send(remind) = &cart.steps[1].action else { panic!("remind sends") };
    assert!(matches!(remind.not_after, Some(NotAfter::Elapsed(span)) if span == Span::hours(48)));
    let Action::Experiment { arms } = &cart.steps[3].action else { panic!("offer draws") };
    assert_eq!((arms[2].holdout, arms[2].next), (true, Next::End));
    assert_eq!(cart.steps[6].next, Next::End);
    assert_eq!(cart.key.as_ref().unwrap().to_string(), "event.cart_id");
    assert_eq!(cart.exits[0].name, "purchased");
}

#[test]
fn what_is_absent_is_the_strict_default() {
    let plain: Workspace = parse("w", b"{workspace: acme, country: US, time_zone: UTC}").unwrap();
    let settings = compile(&plain, &[], &[], 0, WorkspaceId(1)).unwrap().settings;
    assert_eq!(settings.quiet.window.unwrap().from().minutes(), 21 * 60);
    assert!(settings.quiet.jurisdictions);
    assert_eq!(
        (settings.caps.len(), settings.caps[0].messages, settings.caps[0].hold),
        (1, 1, true)
    );
    assert_eq!(settings.consent, ConsentMode::DoubleOptIn);
    assert_eq!(settings.senders[0].id, "sandbox");
    assert_eq!((settings.name.as_str(), settings.brand.as_str()), ("acme", "acme"));
    let open: &[u8] = b"{workspace: acme, country: US, quiet_hours: none, caps: []}";
    let open: Workspace = parse("w", open).unwrap();
    let program = compile(&open, &[], &[], 0, WorkspaceId(1)).unwrap();
    assert!(program.settings.quiet.window.is_none() && program.settings.caps.is_empty());
    assert_eq!(program.windows_fingerprint, 0);
}

#[test]
fn only_live_journeys_hold_a_keyword() {
    let workspace: Workspace = parse("w", b"{workspace: a, country: US, time_zone: UTC}").unwrap();
    let with = |id: &str| -> Journey {
        let text = format!("{{journey: {id}, entry: {{keyword: go}}, steps: {{a: {{wait: 1h}}}}}}");
        parse(id, text.as_bytes()).unwrap()
    };
    let (one, two) = (with("one"), with("two"));
    let paused = [(JourneyId(1), 1, false, &one), (JourneyId(2), 1, true, &two)];
    let program = compile(&workspace, &[], &paused, 0, WorkspaceId(1)).unwrap();
    assert_eq!(program.settings.keywords, [("GO".to_owned(), "two".to_owned())]);
    let both = [(JourneyId(1), 1, true, &one), (JourneyId(2), 1, true, &two)];
    let problems = compile(&workspace, &[], &both, 0, WorkspaceId(1)).unwrap_err();
    assert_eq!(problems[0].code, Code::DuplicateKeyword);
}

#[test]
fn windows_are_shared_and_their_fingerprint_is_stable() {
    let (one, two) = (program(), program());
    assert_eq!(one.windows_fingerprint, two.windows_fingerprint);
    assert_ne!(one.windows_fingerprint, 0);
    // `{message: first, …}` in the journey and `{message: everything.first, …}` outside are one.
    assert_eq!(one.windows.len(), 6, "{:#?}", one.windows);
}
