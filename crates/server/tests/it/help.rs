//! Help and version: what a newcomer sees first.

use crate::program::run;

#[test]
fn help_names_every_command_and_shows_how_to_begin() {
    let help = run(["--help"]);
    assert_eq!(help.code, 0);
    for command in [
        "validate", "plan", "replay", "inspect", "serve", "apply", "export", "tail", "stats",
        "keys", "backup", "restore", "doctor", "version", "help",
    ] {
        let is_listed = help.lines().iter().any(|line| line.trim_start().starts_with(command));
        assert!(is_listed, "{command} is not in:\n{}", help.out);
    }
    assert!(help.out.contains("Examples:") && help.out.contains("Exit codes"), "{}", help.out);
    for command in [
        "validate", "plan", "replay", "inspect", "serve", "apply", "export", "tail", "stats",
        "keys", "backup", "restore", "doctor",
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
