//! `wayline backup`: a copy is a store, and nothing is overwritten.

use crate::program::run;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use wayline_core::ids::WorkspaceId;
use wayline_store::batch::{Batch, Op, WorkspaceRow};
use wayline_store::{SqliteOptions, SqliteStore, Store};

fn open(path: &Path) -> Store {
    SqliteStore::open(path, SqliteOptions::default()).expect("open a store").into()
}

fn arguments(from: &Path, to: &Path) -> [OsString; 4] {
    let mut store = OsString::from("sqlite:");
    store.push(from);
    ["backup".into(), "--store".into(), store, to.into()]
}

/// A store with one workspace.
fn fill(path: &Path) {
    let row = WorkspaceRow {
        id: WorkspaceId(1),
        slug: "acme".to_owned(),
        revision: 1,
        definition: "workspace: acme\n".to_owned(),
        seed: 7,
    };
    let batch = Batch { ops: vec![Op::PutWorkspace(row)] };
    pollster::block_on(open(path).commit(&batch)).expect("commit");
}

#[test]
fn a_copy_holds_what_the_store_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (folder.path().join("live.db"), folder.path().join("copy.db"));
    fill(&from);
    let said = run(arguments(&from, &to));
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(said.out.contains("checked"), "{}", said.out);
    let copy = open(&to);
    let found = pollster::block_on(copy.workspaces()).expect("read");
    assert_eq!(found.iter().map(|row| row.slug.as_str()).collect::<Vec<_>>(), ["acme"]);
    pollster::block_on(copy.check()).expect("it is whole");
}

#[test]
fn a_store_that_is_being_served_is_copied_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (folder.path().join("live.db"), folder.path().join("copy.db"));
    fill(&from);
    let held = open(&from);
    let said = run(arguments(&from, &to));
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert_eq!(pollster::block_on(held.run()).expect("read"), 2, "no run began");
    drop(held);
    assert_eq!(pollster::block_on(open(&to).workspaces()).expect("read").len(), 1);
}

#[test]
fn what_cannot_be_copied_is_told_and_nothing_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (folder.path().join("live.db"), folder.path().join("copy.db"));
    let none = run(arguments(&from, &to));
    assert!(none.code == 1 && none.err.contains("there is no store"), "{}", none.err);
    assert!(fs::read_dir(folder.path()).expect("read").next().is_none(), "nothing is made");

    fill(&from);
    fs::write(&to, "mine").expect("write");
    let exists = run(arguments(&from, &to));
    assert!(exists.code == 1 && exists.err.contains("exists already"), "{}", exists.err);
    assert_eq!(fs::read(&to).expect("read"), b"mine");

    let lost = run(arguments(&from, &folder.path().join("no/where.db")));
    assert!(lost.code == 1 && lost.err.contains("could not be written"), "{}", lost.err);

    let damaged = run(arguments(&to, &folder.path().join("third.db")));
    assert!(damaged.code == 1 && damaged.err.starts_with("error: "), "{}", damaged.err);
    assert!(!folder.path().join("third.db").exists());
}
