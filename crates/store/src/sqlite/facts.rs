//! What a store says of itself, also while another process serves it.
//!
//! Must never change the file: no run begins, no schema is brought up to date.

use super::columns::{instant, uint};
use super::migrations;
use super::open::{beside, schema};
use crate::error::StoreError;
use rusqlite::OptionalExtension;
use std::path::Path;
use wayline_core::time::Timestamp;

/// What a store says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFacts {
    /// Its schema.
    pub schema: u32,
    /// The newest schema this program reads.
    pub supported: u32,
    /// How often it was started.
    pub run: u64,
    /// The newest instant anything in it was decided at; `None`: nothing was.
    pub last_instant: Option<Timestamp>,
}

/// Reads what the store at `path` says of itself, also while another process serves it.
///
/// # Errors
/// When there is no such store, it is damaged or of a newer release, or the disk fails.
pub fn facts_of(path: &Path) -> Result<StoreFacts, StoreError> {
    let conn = beside(path)?;
    schema(path, &conn)?;
    let read = || {
        let meta = "SELECT value FROM meta WHERE name = ?1";
        Ok(StoreFacts {
            schema: migrations::version(&conn)?,
            supported: migrations::SUPPORTED,
            run: conn.query_row(meta, ["run"], |row| uint(row, 0))?,
            last_instant: conn
                .query_row(meta, ["last_instant"], |row| instant(row, 0))
                .optional()?,
        })
    };
    read().map_err(|source| super::store_error(path, "reading what it says of itself", source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{SqliteOptions, SqliteStore};

    #[test]
    fn facts_are_read_beside_a_running_program_and_change_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("wayline.db");
        let none = facts_of(&path).expect_err("no store");
        assert!(!path.exists(), "{none}");
        let store = SqliteStore::open(&path, SqliteOptions::default()).expect("open");
        let facts = facts_of(&path).expect("read");
        assert_eq!((facts.run, facts.last_instant), (1, None));
        assert_eq!(facts.schema, facts.supported);
        drop(store);
        assert_eq!(facts_of(&path).expect("read again"), facts);
    }
}
