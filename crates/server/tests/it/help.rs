//! Help and version: what a newcomer sees first.

use crate::program::{repository, run};
use std::collections::BTreeMap;

#[test]
fn help_names_every_command_and_shows_how_to_begin() {
    let help = run(["--help"]);
    assert_eq!(help.code, 0);
    for command in [
        "validate", "plan", "replay", "inspect", "serve", "apply", "export", "tail", "stats",
        "keys", "gateways", "backup", "restore", "doctor", "version", "help",
    ] {
        let is_listed = help.lines().iter().any(|line| line.trim_start().starts_with(command));
        assert!(is_listed, "{command} is not in:\n{}", help.out);
    }
    assert!(help.out.contains("Examples:") && help.out.contains("Exit codes"), "{}", help.out);
    for command in [
        "validate", "plan", "replay", "inspect", "serve", "apply", "export", "tail", "stats",
        "keys", "gateways", "backup", "restore", "doctor",
    ] {
        let own = run([command, "--help"]);
        assert_eq!(own.code, 0, "{}", own.err);
        assert!(own.out.contains("Usage: wayline"), "{}", own.out);
        assert!(
            ["inspect", "replay"].contains(&command) || own.out.contains("Example"),
            "{}",
            own.out
        );
    }
    for what in ["text", "number", "template"] {
        let own = run(["inspect", what, "--help"]);
        assert!(own.out.contains("Example:"), "{}", own.out);
        assert!(run(["inspect", "--help"]).out.contains(what));
    }
}

#[test]
fn a_command_line_without_sense_is_refused_with_code_2() {
    for arguments in [
        &[][..],
        &["validte"],
        &["validate"],
        &["validate", "--schema", "journey", "x"],
        &["validate", "--drop-comments", "x"],
        &["plan", "one"],
        &["backup", "--store", "wayline.db", "to"],
        &["inspect", "weather"],
        &["apply"],
        &["apply", "x", "--yes", "--dry-run"],
        &["export", "shop"],
        &["tail", "shop", "--kinds", "weather"],
        &["stats", "shop", "--watch", "0"],
        &["keys", "list"],
        &["keys", "list", "--operator", "--workspace", "shop"],
        &["keys", "create", "--workspace", "shop", "no scopes"],
        &["keys", "create", "--workspace", "shop", "--scopes", "everything", "x"],
        &["keys", "create", "--workspace", "shop", "--scopes", "read", "--data", "x", "x"],
        &["gateways"],
        &["gateways", "put"],
        &["gateways", "test", "main", "--to", "+12125550123", "--sender", "main", "--text", "Hi"],
        &["gateways", "list", "shop", "--watch", "0"],
        &["restore", "copy.db"],
        &["replay", "--workspace", "x"],
    ] {
        let said = run(arguments);
        assert_eq!(said.code, 2, "{arguments:?}: {}", said.err);
        assert!(said.out.is_empty() && !said.err.is_empty());
    }
    let near = run(["validte"]);
    assert!(near.err.contains("validate"), "{}", near.err);
    let store = run(["backup", "--store", "wayline.db", "to"]);
    assert!(store.err.contains("sqlite:wayline.db"), "{}", store.err);
}

#[test]
fn version_in_short_and_with_what_it_can_do() {
    let release = concat!("wayline ", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(["--version"]).lines(), [release]);
    let version = run(["version"]);
    assert_eq!(version.lines()[0], release);
    assert!(version.out.contains("stores") && version.out.contains("sqlite"), "{}", version.out);
}

/// The command of a line of the manual: `keys create` is one.
fn command_of(line: &str) -> Vec<&str> {
    let words: Vec<_> = line.split_whitespace().skip(1).collect();
    let count =
        if matches!(words.first(), Some(&("keys" | "inspect" | "gateways"))) { 2 } else { 1 };
    words.into_iter().take(count).collect()
}

fn options_of(line: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '-';
    line.split(move |c| !is_part(c)).filter(|word| word.starts_with("--") && word.len() > 2)
}

#[test]
fn the_manual_names_every_option_and_none_that_is_not_there() {
    let manual = repository("docs/manual/command-line.md");
    let manual = std::fs::read_to_string(manual).expect("read the manual");
    let mut told: BTreeMap<Vec<&str>, String> = BTreeMap::new();
    for line in manual.lines().filter(|line| line.starts_with("wayline ")) {
        // What follows may be any of several commands.
        if !line.contains('|') || !command_of(line).last().is_some_and(|it| it.contains('|')) {
            told.entry(command_of(line)).or_default().push_str(line);
        }
    }
    assert!(told.len() > 10, "{told:?}");
    for (command, lines) in told {
        let help = run(command.iter().copied().chain(["--help"]));
        assert_eq!(help.code, 0, "{command:?}: {}", help.err);
        let arguments = help.out.split("Options:").nth(1).unwrap_or_default();
        let (arguments, _) = arguments.split_once("\nExample").unwrap_or((arguments, ""));
        let defined: Vec<_> = arguments
            .lines()
            .filter(|line| line.trim_start().starts_with('-'))
            .flat_map(|line| options_of(line).take(1))
            .collect();
        for option in options_of(&lines) {
            assert!(defined.contains(&option), "{command:?} has no {option}: {defined:?}");
        }
        // These are told once for all commands that have them.
        let everywhere = ["--help", "--server", "--key", "--key-file"];
        for option in defined.into_iter().filter(|option| !everywhere.contains(option)) {
            let is_told = options_of(&lines).any(|told| told == option)
                || manual.contains(&format!("`{option}"));
            assert!(is_told, "the manual does not name {option} of {command:?}");
        }
    }
}
