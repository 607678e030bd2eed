//! Copies of a store that is in use, and the check of a store.
//!
//! A copy is one snapshot: a read transaction is held while its pages are copied, so commits go on and do not
//! make it begin anew. Must never leave a file under the name asked for that is not whole.

use super::open::{connect, io_error};
use super::{Durability, SqliteStore};
use crate::error::StoreError;
use crate::rows::BackupProgress;
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Pages copied between two reports of progress.
const PAGES_PER_STEP: i32 = 2_048;
/// Memory for pages of a connection that reads everything once.
const PAGES_BYTES: usize = 2 * 1024 * 1024;

impl SqliteStore {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let path = &self.inner.path;
        let conn = self.inner.sql("checking", connect(path, Durability::Full, PAGES_BYTES))?;
        check(path, &conn)
    }

    pub(crate) fn backup(
        &self,
        to: &Path,
        progress: &mut (dyn FnMut(BackupProgress) + Send),
    ) -> Result<(), StoreError> {
        let mut part = to.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let written = self.write_copy(&part, progress).and_then(|()| publish(&part, to));
        if written.is_err() {
            // What is left of it is of no use; that it could not be removed changes nothing.
            let _ = std::fs::remove_file(&part);
        }
        written
    }

    fn write_copy(
        &self,
        part: &Path,
        progress: &mut (dyn FnMut(BackupProgress) + Send),
    ) -> Result<(), StoreError> {
        match std::fs::remove_file(part) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(io_error(part, "removing an unfinished backup", error));
            }
            _ => {}
        }
        let inner = &self.inner;
        let source = inner
            .sql("reading for a backup", connect(&inner.path, Durability::Full, PAGES_BYTES))?;
        let on_copy = |error| super::store_error(part, "writing a backup", error);
        let mut copy = Connection::open(part).map_err(on_copy)?;
        // The snapshot begins with the first read.
        let held = source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;");
        inner.sql("reading for a backup", held)?;
        copy_pages(&source, &mut copy, progress).map_err(on_copy)?;
        inner.sql("reading for a backup", source.execute_batch("ROLLBACK"))?;
        check(part, &copy)?;
        copy.close().map_err(|(_, error)| on_copy(error))
    }
}

fn copy_pages(
    source: &Connection,
    copy: &mut Connection,
    progress: &mut (dyn FnMut(BackupProgress) + Send),
) -> rusqlite::Result<()> {
    let backup = Backup::new(source, copy)?;
    loop {
        let step = backup.step(PAGES_PER_STEP)?;
        let now = backup.progress();
        let pages_total = u64::try_from(now.pagecount).unwrap_or(0);
        let left = u64::try_from(now.remaining).unwrap_or(0);
        progress(BackupProgress { pages_done: pages_total.saturating_sub(left), pages_total });
        if matches!(step, StepResult::Done) {
            return Ok(());
        }
    }
}

/// Whether the engine finds the file whole and every reference leads somewhere.
fn check(path: &Path, conn: &Connection) -> Result<(), StoreError> {
    let on_error = |error| super::store_error(path, "checking", error);
    let found: String =
        conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(on_error)?;
    let mut statement = conn.prepare("PRAGMA foreign_key_check").map_err(on_error)?;
    let loose = statement.exists([]).map_err(on_error)?;
    let detail = if loose { "a row refers to one that is not there".to_owned() } else { found };
    if detail == "ok" {
        return Ok(());
    }
    Err(StoreError::Corrupt { path: path.to_owned(), detail })
}

/// Gives the finished copy its name, durably.
fn publish(part: &Path, to: &Path) -> Result<(), StoreError> {
    let io = |action| move |error| io_error(to, action, error);
    File::open(part).and_then(|file| file.sync_all()).map_err(io("syncing a backup"))?;
    std::fs::rename(part, to).map_err(io("naming a backup"))?;
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("syncing a backup's folder"))
}
