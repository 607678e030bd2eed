//! The embedded store: one file, one writer, a few readers.
//!
//! ```text
//!  commit ─▶ writer: BEGIN IMMEDIATE … COMMIT (write-ahead log, synced) ─▶ cache shows it ─▶ returns
//!  reads  ─▶ cache ─▶ readers, each on the last commit
//!  checkpointer: log ─▶ file, beside the commits
//! ```
//! Must never answer before the log is on the disk, and must never share the file with another process that
//! writes: a lock file beside it keeps others out.

mod backup;
mod cache;
mod checkpoint;
mod columns;
mod facts;
mod fault;
mod migrations;
mod open;
#[cfg(feature = "probe")]
mod probe;
mod read;
mod read_carriers;
mod read_lists;
mod read_live;
mod recognised;
mod retain;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_beside;
#[cfg(test)]
mod tests_carriers;
#[cfg(test)]
mod tests_upgrade;
mod write;
mod write_carriers;
mod write_live;
mod write_rows;

pub use backup::{OnProgress, backup_of, check_of, restore};
pub use facts::{StoreFacts, facts_of};

use crate::batch::Batch;
use crate::error::StoreError;
use cache::Cache;
use checkpoint::Checkpointer;
use fault::{Fault, store_error};
#[cfg(feature = "probe")]
pub use probe::CommitWatcher;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, ThreadId};
use write::{Heads, Writing};

/// How a file is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    /// Bytes of memory for hot contacts and identities.
    pub cache_bytes: usize,
    /// Whether a commit waits for the disk.
    pub durability: Durability,
    /// Connections that read beside the writer, at least 1.
    pub readers: usize,
}

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// What was committed survives a loss of power.
    Full,
    /// It may not: only for files that are thrown away.
    Off,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        SqliteOptions { cache_bytes: 256 * 1024 * 1024, durability: Durability::Full, readers: 2 }
    }
}

/// A store in one file.
#[derive(Debug)]
pub struct SqliteStore {
    // Dropped first: the thread ends before its store does.
    checkpointer: Checkpointer,
    inner: Arc<Inner>,
    #[cfg(feature = "probe")]
    probe: probe::Probe,
}

/// What the store and its checkpoint thread share.
#[derive(Debug)]
struct Inner {
    path: PathBuf,
    writer: Mutex<Writer>,
    readers: Vec<Mutex<Connection>>,
    next_reader: AtomicUsize,
    /// The thread that committed last: the engine's.
    committer: Mutex<Option<ThreadId>>,
    cache: Mutex<Cache>,
    run: u64,
    /// Held as long as the store is open.
    _lock: open::Lock,
}

/// The only connection that writes, and what it knows of the file.
#[derive(Debug)]
struct Writer {
    conn: Connection,
    heads: Heads,
}

impl SqliteStore {
    pub(crate) fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        if batch.ops.is_empty() {
            return Ok(());
        }
        #[cfg(feature = "probe")]
        let _told = self.probe.begin();
        let inner = &*self.inner;
        let mut writer = inner.writer()?;
        *inner.committer()? = Some(thread::current().id());
        let changes_before = writer.conn.total_changes();
        inner.sql("beginning a commit", writer.conn.execute_batch("BEGIN IMMEDIATE"))?;
        let generations = inner.cache()?.generations.clone();
        let mut writing = Writing::new(&writer.conn, &inner.cache, writer.heads, generations);
        writing.heads.last_instant = writing.heads.last_instant.max(batch.last_instant());
        let applied = batch.ops.iter().enumerate().try_for_each(|(index, op)| {
            writing.apply(op).map_err(|fault| inner.fault(index, fault))
        });
        let written = applied
            .and_then(|()| writing.finish().map_err(|fault| inner.fault(batch.ops.len(), fault)))
            .and_then(|written| {
                inner.sql("committing", writer.conn.execute_batch("COMMIT"))?;
                Ok(written)
            });
        let written = match written {
            Ok(written) => written,
            Err(error) => {
                // After some failures the engine has rolled back by itself.
                if !writer.conn.is_autocommit() {
                    inner.sql("rolling back", writer.conn.execute_batch("ROLLBACK"))?;
                }
                return Err(error);
            }
        };
        writer.heads = written.heads;
        written.show(&mut *inner.cache()?);
        self.checkpointer.tell(writer.conn.total_changes() - changes_before);
        Ok(())
    }
}

impl Inner {
    fn writer(&self) -> Result<MutexGuard<'_, Writer>, StoreError> {
        self.writer.lock().map_err(|_| StoreError::Abandoned)
    }

    fn cache(&self) -> Result<MutexGuard<'_, Cache>, StoreError> {
        self.cache.lock().map_err(|_| StoreError::Abandoned)
    }

    /// Reads with one of the readers, each of which sees the last commit.
    fn read<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let turn = self.next_reader.fetch_add(1, Ordering::Relaxed);
        let free = self.readers.iter().find_map(|reader| reader.try_lock().ok());
        let conn = match free {
            Some(conn) => conn,
            None => {
                self.readers[turn % self.readers.len()].lock().map_err(|_| StoreError::Abandoned)?
            }
        };
        self.sql(action, work(&conn))
    }

    fn committer(&self) -> Result<MutexGuard<'_, Option<ThreadId>>, StoreError> {
        self.committer.lock().map_err(|_| StoreError::Abandoned)
    }

    /// As [`Inner::read`], for what the engine asks before each commit: with the writer, whose pages stay in memory,
    /// while those of a reader are dropped with every commit. Whoever else asks reads beside the engine as always.
    fn read_hot<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let is_engine = *self.committer()? == Some(thread::current().id());
        match self.writer.try_lock() {
            // What a rollback that failed left open is nothing to read.
            Ok(writer) if is_engine && writer.conn.is_autocommit() => {
                self.sql(action, work(&writer.conn))
            }
            _ => self.read(action, work),
        }
    }

    fn sql<T>(&self, action: &'static str, result: rusqlite::Result<T>) -> Result<T, StoreError> {
        result.map_err(|source| store_error(&self.path, action, source))
    }

    fn fault(&self, op: usize, fault: Fault) -> StoreError {
        match fault {
            Fault::Refused(what) => what.of(op),
            Fault::Sql(source) => store_error(&self.path, "writing a batch", source),
            Fault::Abandoned => StoreError::Abandoned,
        }
    }
}
