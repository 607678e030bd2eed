//! What the engine says, in the words of the store.
//!
//! Must never lose what went wrong, and must never let a failed read pass for an empty one.

use crate::error::{Assertion, StoreError};
use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use std::path::Path;

/// Why an operation did not happen.
pub(super) enum Fault {
    /// The batch expects something that is not so.
    Refused(Assertion),
    /// The engine failed.
    Sql(rusqlite::Error),
    /// A thread died while it held what this one needs.
    Abandoned,
}

impl From<rusqlite::Error> for Fault {
    fn from(source: rusqlite::Error) -> Self {
        Fault::Sql(source)
    }
}

impl From<Assertion> for Fault {
    fn from(what: Assertion) -> Self {
        Fault::Refused(what)
    }
}

/// The engine's error as the store's.
pub(super) fn store_error(
    path: &Path,
    action: &'static str,
    source: rusqlite::Error,
) -> StoreError {
    let path = path.to_owned();
    let extended = source.sqlite_error().map(|error| error.extended_code);
    match source.sqlite_error_code() {
        // The index of the log could not grow: the engine has no better word for a disk without room.
        _ if extended == Some(SQLITE_IOERR_SHMSIZE) => StoreError::DiskFull { path, source },
        Some(ErrorCode::DiskFull) => StoreError::DiskFull { path, source },
        // The engine cannot open what stands there: the file, or the log beside it that it has to make.
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            StoreError::ReadOnly { path, source: Box::new(source) }
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Corrupt { path, detail: source.to_string() }
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::Busy { path, source }
        }
        Some(_) => StoreError::Engine { path, action, source },
        // Not from the engine: a value in the file is not one this program writes.
        None => StoreError::Corrupt { path, detail: source.to_string() },
    }
}
