//! What only a file can do: outlive the process, fill up, break, be copied.

use super::{Durability, SqliteOptions, SqliteStore};
use crate::batch::{Batch, Op};
use crate::conformance::samples::{batch, decision, input, profile, state};
use crate::conformance::{self, observe};
use crate::{Store, StoreError};
use std::path::Path;
use wayline_core::ids::{ContactId, Seq};
use wayline_core::time::Timestamp;

pub(super) const FAST: SqliteOptions =
    SqliteOptions { cache_bytes: 1024 * 1024, durability: Durability::Off, readers: 2 };

pub(super) fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, FAST).expect("the store opens")
}

/// The batch of one input: the `n`-th, of contact 1.
pub(super) fn step(n: u64) -> Batch {
    let mut ops = vec![Op::PutProfile(profile(1)), Op::PutState(state(1, n - 1, None))];
    ops.push(Op::AppendInput(input(n, 1, (n > 1).then(|| n - 1), n as i64)));
    ops.push(Op::AppendDecision(decision(1, None, n as i64)));
    ops.push(Op::RememberInput { workspace: profile(1).workspace, id: n.into(), at: Timestamp(1) });
    batch(ops)
}

/// How many whole steps a store has; fails when one is there in part.
pub(super) fn whole_steps(store: &SqliteStore) -> u64 {
    store.check().expect("it is whole");
    let Some(record) = store.contacts(&[ContactId(1)]).unwrap()[0].clone() else { return 0 };
    let n = record.version;
    let ws = profile(1).workspace;
    let inputs = store.history(ws, ContactId(1), Some(Seq(n)), 1_000).unwrap();
    let decisions = store.decisions(ws, ContactId(1), None, 1_000).unwrap();
    assert_eq!((inputs.len() as u64, decisions.len() as u64), (n, n));
    assert_eq!(store.inputs_known(ws, &[n.into(), (n + 1).into()]).unwrap(), [true, false]);
    n
}

#[test]
fn answers_as_every_backend_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    pollster::block_on(conformance::run(|| {
        count += 1;
        open(&folder.path().join(format!("{count}.db"))).into()
    }));
}

#[test]
fn answers_the_same_without_a_cache() {
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    pollster::block_on(conformance::run(|| {
        count += 1;
        let path = folder.path().join(format!("{count}.db"));
        // Room for about two contacts: everything is evicted all the time.
        let options = SqliteOptions { cache_bytes: 1_200, ..FAST };
        SqliteStore::open(&path, options).unwrap().into()
    }));
}

#[test]
fn keeps_everything_when_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path);
    for n in 1..=20 {
        store.commit(&step(n)).unwrap();
    }
    let store = Store::from(store);
    let before = pollster::block_on(observe(&store));
    assert_eq!(pollster::block_on(store.run()).unwrap(), 1);
    drop(store);
    let store = open(&path);
    assert_eq!(store.run().unwrap(), 2);
    assert_eq!(whole_steps(&store), 20);
    assert_eq!(pollster::block_on(observe(&store.into())), before);
}

/// As if the machine lost power: the files as they were at some instant, the log cut off anywhere.
#[test]
fn opens_to_a_whole_prefix_after_a_loss_of_power() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path);
    for n in 1..=30 {
        store.commit(&step(n)).unwrap();
    }
    let log = std::fs::read(folder.path().join("store.db-wal")).unwrap();
    let mut last = 0;
    for tenth in 0..=10 {
        let copy = tempfile::tempdir().unwrap();
        let path_of_copy = copy.path().join("store.db");
        std::fs::copy(&path, &path_of_copy).unwrap();
        let cut = log.len() * tenth / 10;
        std::fs::write(copy.path().join("store.db-wal"), &log[..cut]).unwrap();
        let n = whole_steps(&open(&path_of_copy));
        assert!(n >= last, "a longer log has no less in it");
        last = n;
    }
    assert_eq!(last, 30);
}

#[test]
fn a_full_disk_loses_nothing_and_passes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store.db"));
    let limit = |pages: i64| {
        let writer = store.inner.writer().unwrap();
        writer.conn.pragma_update(None, "max_page_count", pages).unwrap();
    };
    store.commit(&step(1)).unwrap();
    limit(1);
    let mut n = 2;
    let error = loop {
        match store.commit(&step(n)) {
            Ok(()) => n += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
    assert_eq!(whole_steps(&store), n - 1);
    limit(1_000_000);
    store.commit(&step(n)).unwrap();
    assert_eq!(whole_steps(&store), n);
}

#[test]
fn a_store_that_may_not_be_written_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store.db"));
    store.commit(&step(1)).unwrap();
    let read_only = |on: bool| {
        let writer = store.inner.writer().unwrap();
        writer.conn.pragma_update(None, "query_only", on).unwrap();
    };
    read_only(true);
    let error = store.commit(&step(2)).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
    assert_eq!(whole_steps(&store), 1);
    read_only(false);
    store.commit(&step(2)).unwrap();
}

#[test]
fn a_damaged_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    std::fs::write(&path, "this is no store, it is a letter to a friend".repeat(200)).unwrap();
    let error = SqliteStore::open(&path, FAST).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");

    let path = folder.path().join("torn.db");
    let store = open(&path);
    for n in 1..=200 {
        store.commit(&step(n)).unwrap();
    }
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xA5);
    std::fs::write(&path, bytes).unwrap();
    let found = SqliteStore::open(&path, FAST).and_then(|store| store.check());
    assert!(matches!(found, Err(StoreError::Corrupt { .. })), "{found:?}");
}

#[test]
fn a_second_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path);
    let error = SqliteStore::open(&path, FAST).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    drop(store);
    open(&path);
}

#[test]
fn a_newer_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path);
    store
        .inner
        .writer()
        .unwrap()
        .conn
        .execute("INSERT INTO schema_version VALUES (?1)", [super::migrations::SUPPORTED + 1])
        .unwrap();
    drop(store);
    let error = SqliteStore::open(&path, FAST).unwrap_err();
    assert!(matches!(error, StoreError::TooNew { .. }), "{error}");
}

/// The dump of a store that a program with schema 1 wrote must open for ever.
#[test]
fn a_file_of_schema_1_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute_batch(include_str!("fixture_v1.sql")).unwrap();
    drop(conn);
    let store = open(&path);
    assert_eq!(whole_steps(&store), 3);
    assert_eq!(store.run().unwrap(), 2);
    store.commit(&step(4)).unwrap();
    assert_eq!(whole_steps(&store), 4);
}

#[test]
fn steps_of_the_schema_run_once_and_in_order() {
    use super::migrations::migrate;
    let mut conn = rusqlite::Connection::open_in_memory().unwrap();
    let steps = ["CREATE TABLE a (n INTEGER) STRICT", "INSERT INTO a VALUES (1)", "broken"];
    assert_eq!(migrate(&mut conn, &steps[..1]), Ok(Ok(())));
    assert_eq!(migrate(&mut conn, &steps[..2]), Ok(Ok(())));
    assert_eq!(migrate(&mut conn, &steps[..2]), Ok(Ok(())));
    assert!(migrate(&mut conn, &steps).is_err());
    let rows: i64 = conn.query_row("SELECT count(*) FROM a", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1);
    assert_eq!(migrate(&mut conn, &steps[..1]), Ok(Err(2)));
}

#[test]
fn a_backup_made_during_commits_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store.db"));
    for n in 1..=50 {
        store.commit(&step(n)).unwrap();
    }
    let to = folder.path().join("copy.db");
    let mut n = 50;
    let mut reports = 0;
    let mut progress = |_| {
        reports += 1;
        for _ in 0..20 {
            n += 1;
            store.commit(&step(n)).unwrap();
        }
        assert!(!to.exists(), "it appears when it is whole");
    };
    store.backup(&to, &mut progress).unwrap();
    assert!(reports > 0);
    assert_eq!(whole_steps(&open(&to)), 50);
    assert_eq!(whole_steps(&store), n);
    let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().contains(".part")));
}

#[test]
fn the_log_is_begun_anew_under_steady_load() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path);
    for round in 0..60 {
        let mut ops = Vec::new();
        for n in 0..1_000 {
            let contact = 1 + round * 1_000 + n;
            ops.extend([Op::PutProfile(profile(contact)), Op::PutState(state(contact, 0, None))]);
            ops.push(Op::AppendInput(input(contact, contact, None, 1)));
        }
        store.commit(&batch(ops)).unwrap();
    }
    let log = std::fs::metadata(folder.path().join("store.db-wal")).unwrap().len();
    assert!(log < 400 * 1024 * 1024, "{log} bytes of log");
    store.check().unwrap();
}
