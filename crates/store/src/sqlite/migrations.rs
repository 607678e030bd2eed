//! Brings the schema of a file up to the one this program writes.
//!
//! A list of steps, each run once, in its own transaction, with the version it leads to. Steps are only ever
//! added: expand, fill in the background, contract a release later. Must never open a newer schema.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

/// Step `n` leads to schema `n + 1`.
pub(super) const STEPS: &[&str] = &[
    include_str!("schema_v1.sql"),
    include_str!("schema_v2.sql"),
    include_str!("schema_v3.sql"),
    include_str!("schema_v4.sql"),
    include_str!("schema_v5.sql"),
    include_str!("schema_v6.sql"),
];

/// The schema this program writes.
pub(super) const SUPPORTED: u32 = STEPS.len() as u32;

/// Runs the steps that are missing; the answer is the schema found when it is too new, and then nothing ran.
pub(super) fn migrate(conn: &mut Connection, steps: &[&str]) -> rusqlite::Result<Result<(), u32>> {
    conn.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL PRIMARY KEY) STRICT",
    )?;
    let found = version(conn)?;
    if found as usize > steps.len() {
        return Ok(Err(found));
    }
    for (index, step) in steps.iter().enumerate().skip(found as usize) {
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.execute("INSERT INTO schema_version VALUES (?1)", [index as i64 + 1])?;
        transaction.commit()?;
    }
    Ok(Ok(()))
}

/// The schema of a file; 0: it is empty.
pub(super) fn version(conn: &Connection) -> rusqlite::Result<u32> {
    let newest = conn.query_row("SELECT max(version) FROM schema_version", [], |row| row.get(0));
    Ok(newest.optional()?.flatten().unwrap_or(0))
}
