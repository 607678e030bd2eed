//! Opens a file: lock, settings, schema, run.
//!
//! Must never open what it cannot keep whole: a file of a newer release, a damaged one, one that another
//! process has open.

use super::cache::Cache;
use super::checkpoint::Checkpointer;
use super::columns::{instant, uint};
use super::fault::store_error;
use super::write::Heads;
use super::{Durability, Inner, SqliteOptions, SqliteStore, Writer, migrations};
use crate::batch::Sequences;
use crate::error::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

/// Bytes of a page, see docs/decisions/0003-sqlite-settings.md.
const PAGE_BYTES: u32 = 4_096;
/// Memory for pages of the writer and of each reader.
const WRITER_PAGES_BYTES: usize = 32 * 1024 * 1024;
const READER_PAGES_BYTES: usize = 8 * 1024 * 1024;
/// Statements kept prepared per connection: more than there are.
const STATEMENTS: usize = 200;
/// How long to wait for another program that holds the file for a moment (a copy, a database browser).
const BUSY_MILLISECONDS: u64 = 5_000;

impl SqliteStore {
    /// Opens a store, making it when there is none, and begins the next run.
    ///
    /// # Errors
    /// When another process has it open, when it is damaged or of a newer release, or when the disk fails.
    pub fn open(path: &Path, options: SqliteOptions) -> Result<SqliteStore, StoreError> {
        let lock = lock(path)?;
        let sql = |action, source| store_error(path, action, source);
        let mut conn = connect(path, options.durability, WRITER_PAGES_BYTES)
            .map_err(|source| sql("opening", source))?;
        migrations::migrate(&mut conn, migrations::STEPS)
            .map_err(|source| sql("bringing the schema up to date", source))?
            .map_err(|found| StoreError::TooNew {
                path: path.to_owned(),
                found,
                supported: migrations::SUPPORTED,
            })?;
        let run = begin_run(&conn).map_err(|source| sql("beginning a run", source))?;
        let heads = heads(&conn).map_err(|source| sql("reading the sequences", source))?;
        let generations =
            generations(&conn).map_err(|source| sql("reading remembered inputs", source))?;
        let mut readers = Vec::new();
        for _ in 0..options.readers.max(1) {
            let reader = connect(path, options.durability, READER_PAGES_BYTES)
                .and_then(|reader| reader.pragma_update(None, "query_only", true).map(|()| reader))
                .map_err(|source| sql("opening a reader", source))?;
            readers.push(Mutex::new(reader));
        }
        let checkpoints = connect(path, options.durability, READER_PAGES_BYTES)
            .map_err(|source| sql("opening a connection for checkpoints", source))?;
        let inner = Arc::new(Inner {
            path: path.to_owned(),
            writer: Mutex::new(Writer { conn, heads }),
            readers,
            next_reader: AtomicUsize::new(0),
            committer: Mutex::default(),
            cache: Mutex::new(Cache::new(options.cache_bytes, generations)),
            run,
            _lock: lock,
        });
        let checkpointer = Checkpointer::start(Arc::clone(&inner), checkpoints)
            .map_err(|source| io_error(path, "starting the checkpoint thread", source))?;
        Ok(SqliteStore {
            checkpointer,
            inner,
            #[cfg(feature = "probe")]
            probe: super::probe::Probe::default(),
        })
    }
}

/// Keeps other processes out until it is dropped.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    /// Closing alone would not do: a process being started meanwhile holds a copy of the open file for a moment.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// Keeps other processes, and other stores of this one, away from the file as long as it is held.
pub(super) fn lock(path: &Path) -> Result<Lock, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name)
        .map_err(|source| io_error(&name, "making the lock file", source))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io_error(&name, "locking", source)),
    }
}

/// The file system's error as the store's.
pub(super) fn io_error(path: &Path, action: &'static str, source: std::io::Error) -> StoreError {
    let path = path.to_owned();
    match source.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            StoreError::ReadOnly { path, source: Box::new(source) }
        }
        _ => StoreError::Io { path, action, source },
    }
}

/// A connection with the settings all of them share.
pub(super) fn connect(
    path: &Path,
    durability: Durability,
    pages_bytes: usize,
) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(std::time::Duration::from_millis(BUSY_MILLISECONDS))?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    // Else the engine looks at bound values while it plans, a `LIMIT ?` among them, and plans anew whenever one is bound.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Only a new file takes its page size; it must come before the log.
    conn.pragma_update(None, "page_size", PAGE_BYTES)?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Off => "OFF",
    };
    conn.pragma_update(None, "synchronous", synchronous)?;
    conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    // Negative: KiB instead of pages.
    let kib = i64::try_from(pages_bytes / 1024).unwrap_or(i64::MAX);
    conn.pragma_update(None, "cache_size", -kib)?;
    Ok(conn)
}

/// A connection that only reads, beside whoever serves the file: it makes nothing and waits for nobody's lock.
pub(super) fn beside(path: &Path) -> Result<Connection, StoreError> {
    // The engine would say only that it cannot open it.
    std::fs::metadata(path).map_err(|source| io_error(path, "opening", source))?;
    // The log of a running program cannot be read without its index, which readers write to: so not read-only,
    // where the file system lets us.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(std::time::Duration::from_millis(BUSY_MILLISECONDS))?;
        conn.pragma_update(None, "query_only", true)?;
        Ok(conn)
    };
    open().map_err(|source| store_error(path, "opening beside another program", source))
}

/// Refuses a file without a schema, or with one of a newer release. An older one is fine: nothing is changed.
pub(super) fn schema(path: &Path, conn: &Connection) -> Result<(), StoreError> {
    let path = path.to_owned();
    let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'";
    let found = conn
        .prepare(sql)
        .and_then(|mut statement| statement.exists([]))
        .and_then(|is| if is { migrations::version(conn) } else { Ok(0) });
    let found = found.map_err(|source| store_error(&path, "reading the schema", source))?;
    let supported = migrations::SUPPORTED;
    match found {
        0 => Err(StoreError::Corrupt { path, detail: "it has no schema".to_owned() }),
        found if found > supported => Err(StoreError::TooNew { path, found, supported }),
        _ => Ok(()),
    }
}

fn begin_run(conn: &Connection) -> rusqlite::Result<u64> {
    conn.query_row(
        "UPDATE meta SET value = value + 1 WHERE name = 'run' RETURNING value",
        [],
        |row| uint(row, 0),
    )
}

fn heads(conn: &Connection) -> rusqlite::Result<Heads> {
    let value = |name: &str| {
        conn.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| uint(row, 0))
    };
    Ok(Heads {
        sequences: Sequences {
            contact: value("next_contact")?,
            enrollment: value("next_enrollment")?,
            seq: value("next_seq")?,
        },
        last_decision: value("last_decision")?,
        last_orphan: value("last_orphan")?,
        last_instant: conn
            .query_row("SELECT value FROM meta WHERE name = 'last_instant'", [], |row| {
                instant(row, 0)
            })
            .optional()?,
    })
}

/// Periods of which input ids are remembered: hops from one to the next, never over their rows.
pub(super) fn generations(conn: &Connection) -> rusqlite::Result<BTreeSet<i64>> {
    let mut found = BTreeSet::new();
    let mut statement =
        conn.prepare_cached("SELECT min(generation) FROM input_id WHERE generation > ?1")?;
    let mut last = i64::MIN;
    while let Some(next) = statement.query_row([last], |row| row.get::<_, Option<i64>>(0))? {
        found.insert(next);
        last = next;
    }
    Ok(found)
}
