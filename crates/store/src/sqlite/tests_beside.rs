//! What is done with a store beside the program that serves it: copies, checks; and the way back from a copy.

use super::tests::{FAST, open, step, whole_steps};
use super::{SqliteStore, backup_of, check_of, migrations, read, read_live, restore};
use crate::StoreError;
use crate::rows::SearchField;
use rusqlite::Connection;
use std::path::Path;

fn no_progress(_: crate::rows::BackupProgress) {}

fn names(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_served_store_is_copied_and_checked_without_a_lock() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("store.db"), folder.path().join("copy.db"));
    let store = open(&path);
    for n in 1..=50 {
        store.commit(&step(n)).unwrap();
    }
    check_of(&path).unwrap();
    let mut n = 50;
    let mut progress = |_| {
        n += 1;
        store.commit(&step(n)).unwrap();
    };
    backup_of(&path, &to, &mut progress).unwrap();
    assert!(n > 50);
    assert_eq!(whole_steps(&store), n, "the store went on");
    drop(store);
    let copy = open(&to);
    assert_eq!(whole_steps(&copy), 50);
    assert_eq!(copy.run().unwrap(), 2, "only opening begins a run");
}

#[test]
fn nothing_is_left_beside_a_store_nobody_serves() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path);
    store.commit(&step(1)).unwrap();
    drop(store);
    check_of(&path).unwrap();
    backup_of(&path, &folder.path().join("copy.db"), &mut no_progress).unwrap();
    assert_eq!(names(folder.path()), ["copy.db", "store.db", "store.db.lock"]);
}

#[test]
fn what_is_no_store_is_neither_copied_nor_checked_nor_made() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("store.db"), folder.path().join("copy.db"));
    let error = backup_of(&path, &to, &mut no_progress).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    std::fs::write(&path, "").unwrap();
    let error = check_of(&path).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    std::fs::write(&path, "this is no store".repeat(500)).unwrap();
    let error = restore(&path, &to, &mut no_progress).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert_eq!(names(folder.path()), ["store.db"]);
}

#[test]
fn a_copy_is_restored_once_and_never_over_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("store.db"), folder.path().join("copy.db"));
    let store = open(&path);
    store.commit(&step(1)).unwrap();
    backup_of(&path, &copy, &mut no_progress).unwrap();

    let error = restore(&copy, &path, &mut no_progress).unwrap_err();
    assert!(matches!(error, StoreError::Exists { .. }), "{error}");
    // Somebody removed the file under the program.
    std::fs::remove_file(&path).unwrap();
    let error = restore(&copy, &path, &mut no_progress).unwrap_err();
    assert!(matches!(error, StoreError::Exists { .. }), "its log is there: {error}");
    std::fs::remove_file(folder.path().join("store.db-wal")).unwrap();
    let error = restore(&copy, &path, &mut no_progress).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    drop(store);

    let new = folder.path().join("new.db");
    restore(&copy, &new, &mut no_progress).unwrap();
    let restored = open(&new);
    assert_eq!(whole_steps(&restored), 1);
    assert!(copy.exists());
    let error = restore(&copy, &new, &mut no_progress).unwrap_err();
    assert!(matches!(error, StoreError::Exists { .. }), "{error}");
}

#[test]
fn a_damaged_or_newer_copy_is_not_restored() {
    let folder = tempfile::tempdir().unwrap();
    let (copy, to) = (folder.path().join("copy.db"), folder.path().join("store.db"));
    let store = open(&copy);
    for n in 1..=200 {
        store.commit(&step(n)).unwrap();
    }
    drop(store);
    let whole = std::fs::read(&copy).unwrap();
    let mut torn = whole.clone();
    let middle = torn.len() / 2;
    torn[middle..].fill(0xA5);
    std::fs::write(&copy, torn).unwrap();
    let error = restore(&copy, &to, &mut no_progress).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");

    std::fs::write(&copy, whole).unwrap();
    let conn = Connection::open(&copy).unwrap();
    let newer = migrations::SUPPORTED + 1;
    conn.execute("INSERT INTO schema_version VALUES (?1)", [newer]).unwrap();
    drop(conn);
    let error = restore(&copy, &to, &mut no_progress).unwrap_err();
    assert!(matches!(error, StoreError::TooNew { .. }), "{error}");
    let error = backup_of(&copy, &to, &mut no_progress).unwrap_err();
    assert!(matches!(error, StoreError::TooNew { .. }), "{error}");
    assert!(!to.exists());
}

/// A search that scanned would be fast enough for a test and too slow for a million people.
#[test]
fn searches_and_lists_go_by_their_index() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    drop(SqliteStore::open(&path, FAST).unwrap());
    let conn = Connection::open(&path).unwrap();
    let plan = |sql: &str| {
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let values = vec![rusqlite::types::Null; statement.parameter_count()];
        let lines = statement
            .query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(3))
            .unwrap();
        lines.map(|line| line.unwrap()).collect::<Vec<_>>().join("\n")
    };
    for field in [SearchField::ExternalId, SearchField::Phone, SearchField::Email] {
        let found = plan(read_live::search_sql(field));
        assert!(found.starts_with("SEARCH") && !found.contains("SCAN"), "{field:?}: {found}");
        assert!(!found.contains("TEMP B-TREE"), "{field:?}: {found}");
        assert!(found.contains('>') && found.contains('<'), "{field:?}: {found}");
    }
    let versions = format!("{} ORDER BY v.slug, v.version", read_live::VERSION_HEADS);
    let version = format!("{} AND v.slug = ?2 ORDER BY v.version", read_live::VERSION_HEADS);
    for list in [read_live::DRAFT_HEADS, &versions, &version] {
        let found = plan(list);
        assert!(found.contains("USING COVERING INDEX"), "{found}");
        assert!(!found.contains("SCAN") && !found.contains("TEMP B-TREE"), "{found}");
    }
    let rest = "AND (intended_at, enrollment, step_index, visit) < (?3, ?4, ?5, ?6)";
    let found = plan(&format!(
        "SELECT text FROM message {} {rest} {}",
        read::OF_CONTACT,
        read::NEWEST_FIRST
    ));
    assert!(found.contains("message_by_contact (contact=? AND (intended_at,"), "{found}");
    assert!(!found.contains("TEMP B-TREE"), "{found}");
}
