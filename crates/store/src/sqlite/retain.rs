//! Forgetting: removes what is older than it has to be kept, a bounded piece at a time.
//!
//! Must never remove more than it was allowed to: a long transaction would hold up every commit.

use super::columns::uint;
use super::{Inner, SqliteStore, open};
use crate::batch::Kept;
use crate::error::StoreError;
use crate::rows::{Retention, first_generation_kept};
use rusqlite::{Connection, params};

impl SqliteStore {
    pub(crate) fn forget(&self, retention: &Retention, limit: usize) -> Result<usize, StoreError> {
        let inner: &Inner = &self.inner;
        let mut writer = inner.writer()?;
        let action = "forgetting";
        let transaction = inner.sql(action, writer.conn.transaction())?;
        let removed = inner.sql(action, remove(&transaction, retention, limit))?;
        let generations = inner.sql(action, open::generations(&transaction))?;
        inner.sql(action, transaction.commit())?;
        inner.cache()?.generations = generations;
        self.checkpointer.tell(removed as u64);
        Ok(removed)
    }
}

fn remove(conn: &Connection, retention: &Retention, limit: usize) -> rusqlite::Result<usize> {
    let mut left = limit;
    if let Some(cutoff) = retention.inputs_before {
        left -= remove_oldest(conn, ("input", "seq", "received_at"), cutoff.0, left)?;
    }
    if let Some(cutoff) = retention.decisions_before {
        left -= remove_oldest(conn, ("decision", "id", "at"), cutoff.0, left)?;
    }
    if let Some(cutoff) = retention.messages_before {
        left -= remove_messages(conn, cutoff.0, left)?;
    }
    if let Some(cutoff) = retention.input_ids_before {
        let sql = "DELETE FROM input_id WHERE (generation, workspace, id) IN (\
            SELECT generation, workspace, id FROM input_id WHERE generation < ?1 \
            ORDER BY generation, workspace, id LIMIT ?2)";
        let keep = first_generation_kept(cutoff);
        left -= conn.prepare_cached(sql)?.execute(params![keep, left as i64])?;
    }
    if let Some(cutoff) = retention.orphan_receipts_before {
        left -= remove_oldest(conn, ("orphan_receipt", "id", "received_at"), cutoff.0, left)?;
    }
    if let Some(cutoff) = retention.idempotency_before {
        let sql = "DELETE FROM idempotency WHERE rowid IN (\
            SELECT rowid FROM idempotency INDEXED BY idempotency_by_time WHERE at < ?1 \
            ORDER BY at, key, token LIMIT ?2)";
        left -= conn.prepare_cached(sql)?.execute(params![cutoff.0, left as i64])?;
    }
    if let Some(cutoff) = retention.allowances_before {
        let sql = "DELETE FROM allowance WHERE (period, scope) IN (\
            SELECT period, scope FROM allowance WHERE period < ?1 ORDER BY period, scope LIMIT ?2)";
        left -= conn.prepare_cached(sql)?.execute(params![cutoff.0, left as i64])?;
    }
    let texts = [
        (Kept::Unanswered, retention.unanswered_before),
        (Kept::Unclaimed, retention.unclaimed_before),
    ];
    for (why, cutoff) in texts {
        let Some(cutoff) = cutoff else { continue };
        let sql = "DELETE FROM kept_text WHERE (why, gateway, key) IN (\
            SELECT why, gateway, key FROM kept_text INDEXED BY kept_text_by_time \
            WHERE why = ?1 AND came_at < ?2 ORDER BY came_at, gateway, key LIMIT ?3)";
        left -= conn.prepare_cached(sql)?.execute(params![why.as_str(), cutoff.0, left as i64])?;
    }
    Ok(limit - left)
}

/// Removes closed messages workspace by workspace, each oldest first: the order of their index.
fn remove_messages(conn: &Connection, cutoff: i64, limit: usize) -> rusqlite::Result<usize> {
    let mut next = conn.prepare_cached(
        "SELECT min(workspace) FROM message INDEXED BY message_by_intent WHERE workspace > ?1",
    )?;
    let sql = "DELETE FROM message WHERE (enrollment, step_index, visit) IN (\
        SELECT enrollment, step_index, visit FROM message INDEXED BY message_by_intent \
        WHERE workspace = ?1 AND intended_at < ?2 AND state NOT IN (0, 1, 2) \
        ORDER BY intended_at, enrollment, step_index, visit LIMIT ?3)";
    let mut delete = conn.prepare_cached(sql)?;
    let (mut left, mut last) = (limit, -1_i64);
    while left > 0
        && let Some(workspace) = next.query_row([last], |row| row.get::<_, Option<i64>>(0))?
    {
        left -= delete.execute(params![workspace, cutoff, left as i64])?;
        last = workspace;
    }
    Ok(limit - left)
}

/// Removes rows from the first on as long as they are old. Only the front goes, so a chain that leads there
/// ends where it is cut, and what is left is never unreachable.
fn remove_oldest(
    conn: &Connection,
    (table, key, time): (&str, &str, &str),
    cutoff: i64,
    limit: usize,
) -> rusqlite::Result<usize> {
    let sql = format!("SELECT {key}, {time} FROM {table} ORDER BY {key} LIMIT ?1");
    let mut last = None;
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query([limit as i64])?;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? >= cutoff {
            break;
        }
        last = Some(uint(row, 0)?.cast_signed());
    }
    drop(rows);
    let Some(last) = last else { return Ok(0) };
    conn.prepare_cached(&format!("DELETE FROM {table} WHERE {key} <= ?1"))?.execute([last])
}
