//! Files that are right: they parse, validate, print stably and compile.

use crate::{expect, folder};
use wayline_core::ids::{JourneyId, WorkspaceId};
use wayline_core::journey::compile::compile;
use wayline_core::journey::definition::{Journey, Segment, Workspace};
use wayline_core::journey::form::Form;
use wayline_core::journey::parse::parse;
use wayline_core::journey::print::print;
use wayline_core::journey::problem::Problem;
use wayline_core::journey::program::{Action, Next, Program};

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
    expect(&folder("good").join("program.txt"), &format!("{program:#?}\n"));
}

#[test]
fn windows_are_shared_and_their_fingerprint_is_stable() {
    let (one, two) = (program(), program());
    assert_eq!(one.windows_fingerprint, two.windows_fingerprint);
    assert_ne!(one.windows_fingerprint, 0);
    // `{message: first, …}` in the journey and `{message: everything.first, …}` outside are one.
    assert_eq!(one.windows.len(), 6, "{:#?}", one.windows);
}
