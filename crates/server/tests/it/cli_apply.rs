//! `wayline apply` and `wayline export` against a running server.

use crate::live::{Live, folder_of};
use crate::program::{Said, copy_folder, edit, repository, run, wayline};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// A command with the server and its operator key in the environment.
pub(crate) fn with<A: AsRef<OsStr>>(live: &Live, arguments: impl IntoIterator<Item = A>) -> Said {
    with_key(live, &live.operator, arguments)
}

/// As [`with`], with this key.
pub(crate) fn with_key<A: AsRef<OsStr>>(
    live: &Live,
    key: &str,
    arguments: impl IntoIterator<Item = A>,
) -> Said {
    let mut command = wayline(arguments);
    command.env("WAYLINE_SERVER", live.base_url()).env("WAYLINE_KEY", key);
    crate::program::finish(command)
}

/// Publishes a folder; it must go well.
pub(crate) fn apply(live: &Live, folder: &Path) -> Said {
    let said = with(live, [OsStr::new("apply"), folder.as_os_str(), OsStr::new("--yes")]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    said
}

fn plan(live: &Live, folder: &Path) -> String {
    let said = with(live, [OsStr::new("apply"), folder.as_os_str(), OsStr::new("--dry-run")]);
    assert_eq!(said.code, 0, "{}", said.err);
    said.out
}

fn export(live: &Live, to: &Path, more: &[&str]) -> Said {
    let first = [OsStr::new("export"), OsStr::new("juniper"), to.as_os_str()];
    with(live, first.into_iter().chain(more.iter().map(OsStr::new)))
}

#[test]
fn what_is_applied_can_be_exported_and_changes_nothing_when_applied_again() {
    let (live, folder) = (Live::start(), tempfile::tempdir().expect("a folder"));
    let shop = folder.path().join("shop");
    copy_folder(&repository("examples/shop"), &shop);

    let planned = plan(&live, &shop);
    assert!(planned.starts_with("Workspace juniper is new on http://127.0.0.1:"), "{planned}");
    assert!(planned.contains("+ journey winback"), "{planned}");
    assert_eq!(live.get("/api/v1/workspaces/juniper").status, 404, "a look changes nothing");

    let said = apply(&live, &shop);
    assert!(said.out.contains("juniper is at revision 1 now."), "{}", said.out);
    assert!(said.lines().contains(&"  published winback, version 1"), "{}", said.out);
    assert_eq!(plan(&live, &shop), "Nothing would change.\n");
    assert_eq!(apply(&live, &shop).out, "Nothing would change.\n");

    let copy = folder.path().join("copy");
    let said = export(&live, &copy, &[]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(plan(&live, &copy), "Nothing would change.\n");
    let canonical = run([OsStr::new("validate"), OsStr::new("--write"), copy.as_os_str()]);
    assert_eq!((canonical.code, canonical.err.as_str()), (0, ""), "it is canonical already");

    edit(&copy.join("journeys/abandoned_cart.yaml"), "wait: 4h", "wait: 3h");
    fs::remove_file(copy.join("journeys/order_thanks.yaml")).expect("remove");
    let said = apply(&live, &copy);
    for line in [
        "~ journey abandoned_cart",
        "- journey order_thanks",
        "juniper is at revision 2 now.",
        "  published abandoned_cart, version 2",
        "  retired order_thanks: nobody enters any more, those in it finish",
    ] {
        assert!(said.lines().contains(&line), "{line:?} is not in\n{}", said.out);
    }
}

#[test]
fn an_export_overwrites_nothing_unless_it_is_told_to() {
    let (live, folder) = (Live::start(), tempfile::tempdir().expect("a folder"));
    live.apply("juniper", &repository("examples/shop"));
    let to = folder.path().join("to");
    fs::create_dir_all(to.join("journeys")).expect("make");
    fs::write(to.join("workspace.yaml"), "mine").expect("write");
    fs::write(to.join("journeys/mine.yaml"), "mine").expect("write");
    let said = export(&live, &to, &[]);
    assert!(said.code == 1 && said.err.contains("is not empty"), "{}", said.err);
    assert_eq!(fs::read(to.join("workspace.yaml")).expect("read"), b"mine");

    let said = export(&live, &to, &["--force"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("mine.yaml is not on the server; it stays"), "{}", said.err);
    assert_eq!(said.out, format!("7 files of juniper are in {}\n", to.display()));
    let files = folder_of(&to);
    assert_eq!(files.len(), 8);
    assert_eq!(files["journeys/mine.yaml"], "mine");
    assert!(files["workspace.yaml"].starts_with("workspace: juniper"));
}

#[test]
fn nothing_is_applied_that_is_wrong_or_that_nobody_agreed_to() {
    let (live, folder) = (Live::start(), tempfile::tempdir().expect("a folder"));
    let shop = folder.path().join("shop");
    copy_folder(&repository("examples/shop"), &shop);
    let said = with(&live, [OsStr::new("apply"), shop.as_os_str()]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("--yes") && said.err.contains("nothing was changed"), "{}", said.err);
    assert!(said.out.contains("+ journey winback"), "what would change is shown");

    edit(&shop.join("journeys/winback.yaml"), "steps:", "stepps:");
    let said = with(&live, [OsStr::new("apply"), shop.as_os_str(), OsStr::new("--yes")]);
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    assert!(
        said.err.contains("winback.yaml") && said.err.contains("[unknown_key]"),
        "{}",
        said.err
    );
    assert_eq!(live.get("/api/v1/workspaces/juniper").status, 404);
}

#[test]
fn a_key_of_a_workspace_applies_its_own_and_no_other() {
    let (live, folder) = (Live::start(), tempfile::tempdir().expect("a folder"));
    live.apply("juniper", &repository("examples/shop"));
    let key = live.key("juniper", &["read", "manage"]);
    let shop = folder.path().join("shop");
    copy_folder(&repository("examples/shop"), &shop);
    edit(&shop.join("journeys/abandoned_cart.yaml"), "wait: 4h", "wait: 3h");
    let apply = |folder: &Path| {
        with_key(&live, &key, [OsStr::new("apply"), folder.as_os_str(), OsStr::new("--yes")])
    };
    let said = apply(&shop);
    assert_eq!(said.code, 0, "{}", said.err);
    edit(&shop.join("workspace.yaml"), "workspace: juniper", "workspace: other");
    let said = apply(&shop);
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{}", said.err);
    assert!(said.err.starts_with("error: the server refuses (40"), "{}", said.err);
    assert!(!said.err.contains(&key), "the key is not shown");
}
