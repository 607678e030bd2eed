//! `wayline keys`: made, used, listed, revoked; and the way back when the last one is lost.

use crate::cli_apply::{with, with_key};
use crate::live::Live;
use crate::program::{repository, run, wayline};
use std::ffi::OsStr;
use std::fs;

#[test]
fn a_key_works_from_its_making_to_its_end() {
    let live = Live::start();
    live.apply("juniper", &repository("examples/shop"));
    let made = with(
        &live,
        ["keys", "create", "--workspace", "juniper", "--scopes", "read,manage", "Ann's"],
    );
    assert_eq!(made.code, 0, "{}", made.err);
    let key = made.out.trim();
    assert!(made.lines().len() == 1 && key.starts_with("wl_"), "the key and nothing else");
    assert!(made.err.contains("shown this once") && !made.err.contains(key), "{}", made.err);

    let list = ["keys", "list", "--workspace", "juniper"];
    let listed = with_key(&live, key, list);
    assert_eq!(listed.code, 0, "{}", listed.err);
    assert!(listed.lines()[0].starts_with("id  name"), "{}", listed.out);
    let line = listed.lines()[1];
    assert!(line.contains("Ann's") && line.contains("manage") && line.ends_with('-'), "{line}");
    assert!(!listed.out.contains(key), "secrets are not listed");

    let id = key.split('_').nth(1).expect("an id");
    let revoked = with(&live, ["keys", "revoke", "--workspace", "juniper", id]);
    assert_eq!(revoked.out, format!("key {id} (Ann's) is revoked: it is refused from now on\n"));
    let refused = with_key(&live, key, list);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert!(refused.err.starts_with("error: the server refuses (401): "), "{}", refused.err);
    assert!(refused.err.contains("what to do: name a valid key"), "{}", refused.err);
    let listed = with(&live, list.into_iter().chain(["--format", "json"]));
    let row: serde_json::Value = serde_json::from_str(listed.lines()[0]).expect("JSON");
    assert!(row["revoked_at"].is_string(), "{row}");
}

#[test]
fn a_lost_operator_key_is_replaced_while_the_server_is_stopped() {
    let mut live = Live::start();
    let data = live.data().to_owned();
    let create = || {
        let first = ["keys", "create", "--operator", "found again", "--data"].map(OsStr::new);
        run(first.into_iter().chain([data.as_os_str()]))
    };
    let busy = create();
    assert!(busy.code == 1 && busy.err.contains("stop that one first"), "{}", busy.err);
    live.stop();
    let made = create();
    assert_eq!(made.code, 0, "{}", made.err);
    live.run();
    let listed = with_key(&live, made.out.trim(), ["keys", "list", "--operator"]);
    assert!(listed.out.contains("found again"), "{}{}", listed.out, listed.err);
    let none = run(["keys", "create", "--operator", "x", "--data", "not-there"]);
    assert!(none.code == 1 && none.err.contains("there is no store"), "{}", none.err);
}

#[test]
fn a_key_may_stand_in_a_file_which_goes_before_the_environment() {
    let (live, folder) = (Live::start(), tempfile::tempdir().expect("a folder"));
    let file = folder.path().join("key.txt");
    fs::write(&file, format!("{}\n", live.operator)).expect("write");
    let list = |file: &OsStr| {
        let server = live.base_url();
        let first =
            ["keys", "list", "--operator", "--server", &server, "--key-file"].map(OsStr::new);
        let mut command = wayline(first.into_iter().chain([file]));
        command.env("WAYLINE_KEY", "wl_1_wrong");
        crate::program::finish(command)
    };
    let said = list(file.as_os_str());
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("first start"), "{}", said.out);
    let said = list(OsStr::new("not-there.txt"));
    assert!(said.code == 1 && said.err.contains("not-there.txt"), "{}", said.err);
}
