//! Copies of a store that is in use, the check of a store, and the way back from a copy.
//!
//! A copy is one snapshot: a read transaction is held while its pages are copied, so commits go on and do not
//! make it begin anew. Must never leave a file under the name asked for that is not whole, and must never
//! overwrite one.

use super::open::{beside, connect, io_error, lock, schema};
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

/// Told how far a copy has come.
pub type OnProgress<'a> = &'a mut (dyn FnMut(BackupProgress) + Send);

impl SqliteStore {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let path = &self.inner.path;
        let conn = self.inner.sql("checking", connect(path, Durability::Full, PAGES_BYTES))?;
        check(path, &conn)
    }

    pub(crate) fn backup(&self, to: &Path, progress: OnProgress<'_>) -> Result<(), StoreError> {
        let from = &self.inner.path;
        let source = connect(from, Durability::Full, PAGES_BYTES);
        let source = self.inner.sql("reading for a backup", source)?;
        copy_whole((from, &source), to, progress)
    }
}

/// Writes a whole, checked copy of the store at `path` to `to`, also while another process serves it: the store
/// is not locked, no run begins, and a schema of an older release stays as it is.
///
/// # Errors
/// When there is no such store, it is damaged or of a newer release, `to` exists, or a disk fails.
pub fn backup_of(path: &Path, to: &Path, progress: OnProgress<'_>) -> Result<(), StoreError> {
    refuse_existing(to)?;
    let source = beside(path)?;
    schema(path, &source)?;
    copy_whole((path, &source), to, progress)
}

/// Whether everything in the store at `path` can be read and fits together, also while another process serves it.
///
/// # Errors
/// When there is no such store, it is damaged or of a newer release, or the disk fails.
pub fn check_of(path: &Path) -> Result<(), StoreError> {
    let conn = beside(path)?;
    schema(path, &conn)?;
    check(path, &conn)
}

/// Makes the store `to` out of the copy `from`, which is checked first and stays as it is.
///
/// # Errors
/// When `from` is no store, damaged or of a newer release; when `to` exists, also in part, or is open; or when a
/// disk fails. `to` is not there then.
pub fn restore(from: &Path, to: &Path, progress: OnProgress<'_>) -> Result<(), StoreError> {
    refuse_existing(to)?;
    // The log of a store that was here would be taken for the new one's.
    for part in ["-wal", "-journal"] {
        refuse_existing(&beside_of(to, part))?;
    }
    let source = beside(from)?;
    schema(from, &source)?;
    check(from, &source)?;
    let _lock = lock(to)?;
    copy_whole((from, &source), to, progress)
}

fn beside_of(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn refuse_existing(path: &Path) -> Result<(), StoreError> {
    match path.symlink_metadata() {
        Ok(_) => Err(StoreError::Exists { path: path.to_owned() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_error(path, "looking whether it exists", error)),
    }
}

/// Copies a store under another name first, and gives the copy its own once it is whole.
fn copy_whole(
    source: (&Path, &Connection),
    to: &Path,
    progress: OnProgress<'_>,
) -> Result<(), StoreError> {
    let part = beside_of(to, ".part");
    let written = write_copy(source, &part, progress).and_then(|()| publish(&part, to));
    if written.is_err() {
        // What is left of it is of no use; that it could not be removed changes nothing.
        let _ = std::fs::remove_file(&part);
    }
    written
}

fn write_copy(
    (from, source): (&Path, &Connection),
    part: &Path,
    progress: OnProgress<'_>,
) -> Result<(), StoreError> {
    match std::fs::remove_file(part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(io_error(part, "removing an unfinished copy", error));
        }
        _ => {}
    }
    let on_read = |error| super::store_error(from, "reading for a copy", error);
    let on_copy = |error| super::store_error(part, "writing a copy", error);
    // Made by us first: a copy holds what the store holds, and is nobody else's.
    private(part).map_err(|error| io_error(part, "making a backup", error))?;
    let mut copy = Connection::open(part).map_err(on_copy)?;
    // The snapshot begins with the first read.
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;").map_err(on_read)?;
    copy_pages(source, &mut copy, progress).map_err(on_copy)?;
    source.execute_batch("ROLLBACK").map_err(on_read)?;
    check(part, &copy)?;
    copy.close().map_err(|(_, error)| on_copy(error))
}

fn copy_pages(
    source: &Connection,
    copy: &mut Connection,
    progress: OnProgress<'_>,
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

/// An empty file that only its owner can read.
fn private(path: &Path) -> std::io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ())
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
    File::open(part).and_then(|file| file.sync_all()).map_err(io("syncing a copy"))?;
    std::fs::rename(part, to).map_err(io("naming a copy"))?;
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("syncing a copy's folder"))
}
