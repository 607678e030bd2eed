//! `wayline doctor`: good folders, broken ones, and a server that is well.

use crate::live::Live;
use crate::program::{Said, run};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

fn doctor(data: &Path, more: &[&str]) -> Said {
    let first = [OsStr::new("doctor"), OsStr::new("--data"), data.as_os_str()];
    run(first.into_iter().chain(more.iter().map(OsStr::new)))
}

/// How something is: the first word of its first line.
fn level<'a>(said: &'a Said, about: &str) -> &'a str {
    let found = said.out.lines().find(|line| line.split_whitespace().nth(1) == Some(about));
    let found = found.unwrap_or_else(|| panic!("nothing about {about} in\n{}", said.out));
    found.split_whitespace().next().unwrap_or_default()
}

#[test]
fn a_running_server_is_in_order() {
    let live = Live::start();
    let said = doctor(live.data(), &["--server", &live.base_url()]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    for about in ["settings", "data", "schema", "clock", "store", "server", "ready"] {
        assert_eq!(level(&said, about), "ok", "{}", said.out);
    }
    for about in ["space", "fsync", "files"] {
        assert_ne!(level(&said, about), "problem", "{}", said.out);
    }
    let quick = doctor(live.data(), &["--quick", "--format", "json", "--server", &live.base_url()]);
    assert_eq!(quick.code, 0, "{}", quick.out);
    for line in quick.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert!(line["level"].is_string() && line["about"].is_string(), "{line}");
        assert!(line["about"] != "store" || line["level"] == "warning", "it was not read: {line}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let said = doctor(&data, &[]);
    assert_eq!(level(&said, "data"), "warning", "{}", said.out);
    assert_eq!(level(&said, "store"), "ok", "{}", said.out);
    assert!(fs::read_dir(folder.path()).expect("list").next().is_none(), "nothing is made");
}

#[test]
fn what_is_broken_is_a_problem_and_the_rest_is_still_looked_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, settings) = (folder.path().join("data"), folder.path().join("wayline.toml"));
    fs::create_dir(&data).expect("make");
    fs::write(data.join("wayline.db"), "a letter ".repeat(1_000)).expect("write");
    fs::write(&settings, "sped = 2\n").expect("write");
    let settings = settings.display().to_string();
    let said = doctor(&data, &["--config", &settings, "--server", "http://127.0.0.1:1"]);
    assert_eq!(said.code, 1, "{}", said.out);
    for about in ["settings", "store", "server"] {
        assert_eq!(level(&said, about), "problem", "{}", said.out);
    }
    assert_eq!(level(&said, "data"), "ok", "{}", said.out);
    assert!(
        said.out.contains("sped") && said.out.contains("restore the last backup"),
        "{}",
        said.out
    );
    assert!(
        said.lines().last().is_some_and(|line| line.starts_with("problems: 3")),
        "{}",
        said.out
    );

    let file = folder.path().join("file");
    fs::write(&file, "").expect("write");
    let said = doctor(&file, &[]);
    assert!(said.code == 1 && level(&said, "data") == "problem", "{}", said.out);
}

#[test]
fn a_damaged_store_is_found() {
    let mut live = Live::start();
    live.stop();
    let path = live.data().join("wayline.db");
    let mut bytes = fs::read(&path).expect("read");
    // Page 1 holds the schema; the pages behind it hold rows and indexes.
    let pages = bytes.len() / 4_096;
    for page in 2..pages {
        bytes[page * 4_096..page * 4_096 + 64].fill(0xa5);
    }
    fs::write(&path, bytes).expect("write");
    let said = doctor(live.data(), &["--server", "http://127.0.0.1:1"]);
    assert_eq!((said.code, level(&said, "store")), (1, "problem"), "{}", said.out);
}
