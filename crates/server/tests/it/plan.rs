//! `wayline plan`: what would change between two folders.

use crate::program::{copy_folder, edit, repository, run};
use serde_json::{Value as Json, json};
use std::fs;
use std::path::PathBuf;

/// Two copies of the example shop, the second one edited.
fn copies() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    copy_folder(&repository("examples/shop"), &old);
    copy_folder(&repository("examples/shop"), &new);
    edit(&new.join("journeys/abandoned_cart.yaml"), "wait: 4h", "wait: 3h");
    edit(&new.join("workspace.yaml"), "workspace:", "# a comment is no change\nworkspace:");
    fs::remove_file(new.join("journeys/order_thanks.yaml")).expect("remove");
    let added = "journey: extra\nentry: {api: true}\nsteps:\n  a: {wait: 1h}\n";
    fs::write(new.join("journeys/extra.yaml"), added).expect("write");
    (folder, old, new)
}

#[test]
fn differences_for_people_and_for_programs() {
    let (_folder, old, new) = copies();
    let plan = |arguments: &[&str]| {
        let paths = [old.as_os_str(), new.as_os_str()];
        let first = std::iter::once("plan").chain(arguments.iter().copied()).map(Into::into);
        run(first.chain(paths.iter().map(|&path| path.to_owned())))
    };
    let said = plan(&[]);
    assert_eq!(said.code, 0, "{}", said.err);
    for line in [
        "~ journey abandoned_cart",
        "    steps.let_them_shop.wait",
        "      - 4h",
        "      + 3h",
        "+ journey extra",
        "- journey order_thanks",
        "1 to add, 1 to change, 1 to remove; 0 settings differ.",
    ] {
        assert!(said.lines().contains(&line), "{line:?} is not in\n{}", said.out);
    }
    let said = plan(&["--format", "json"]);
    assert_eq!((said.code, said.lines().len()), (0, 1));
    let found: Json = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(
        found["journeys"],
        json!([
            {"id": "abandoned_cart", "change": "changed", "differences": [
                {"path": "steps.let_them_shop.wait", "old": "4h", "new": "3h"}]},
            {"id": "extra", "change": "added", "differences": []},
            {"id": "order_thanks", "change": "removed", "differences": []},
        ])
    );
    assert_eq!(found["settings"], json!([]));
}

#[test]
fn a_folder_is_the_same_as_itself() {
    let (_folder, old, _) = copies();
    let said = run(["plan".into(), old.clone().into_os_string(), old.into_os_string()]);
    assert_eq!((said.code, said.out.as_str()), (0, "Nothing would change.\n"));
}

#[test]
fn wrong_folders_are_refused_with_all_their_errors() {
    let (_folder, old, new) = copies();
    edit(&old.join("journeys/winback.yaml"), "steps:", "stepps:");
    edit(&new.join("journeys/welcome.yaml"), "steps:", "stepps:");
    let said = run(["plan".into(), old.into_os_string(), new.clone().into_os_string()]);
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    assert!(said.err.contains("winback.yaml") && said.err.contains("welcome.yaml"), "{}", said.err);
    let none = run(["plan".into(), new.clone().into_os_string(), new.join("no").into_os_string()]);
    assert!(none.code == 1 && none.err.contains("does not exist"), "{}", none.err);
}
