//! Reads of people: decisions, enrollments, counters, what waits for somebody.
//!
//! Must never scan what grows with contacts, inputs or messages: each list follows an index or a chain.

use super::SqliteStore;
use super::columns::{self, instant, int, uint_or_none};
use super::read::{first, list};
use super::read_carriers::orphan;
use crate::batch::{DeadLetterRow, EnrollmentRow, OrphanReceipt, SweepRow};
use crate::error::StoreError;
use crate::rows::{Counter, StoredDecision, bounded, step_code};
use rusqlite::{Connection, OptionalExtension, params};
use wayline_core::ids::{ContactId, EnrollmentId, JourneyId, Seq, WorkspaceId};
use wayline_core::metrics::CounterKey;
use wayline_core::time::Timestamp;

type Answer<T> = Result<T, StoreError>;

/// What a descending list goes on below.
fn below(after: Option<u64>) -> i64 {
    after.map_or(i64::MAX, int)
}

impl SqliteStore {
    pub(crate) fn decisions(
        &self,
        workspace: WorkspaceId,
        contact: ContactId,
        after: Option<u64>,
        limit: usize,
    ) -> Answer<Vec<StoredDecision>> {
        let limit = bounded(limit)?;
        self.inner.read("reading decisions", |conn| {
            let mut next = chain_start(conn, workspace, contact, after)?;
            let sql =
                format!("{} WHERE id = ?1 AND workspace = ?2 AND contact = ?3", columns::DECISION);
            let mut statement = conn.prepare_cached(&sql)?;
            let mut rows = Vec::new();
            while rows.len() < limit
                && let Some(id) = next
            {
                let values = params![int(id), workspace.0, int(contact.0)];
                let row = statement
                    .query_row(values, |row| Ok((columns::decision(row)?, uint_or_none(row, 3)?)))
                    .optional()?;
                let Some((row, previous)) = row else { break };
                next = previous.filter(|previous| *previous < id);
                rows.push(row);
            }
            Ok(rows)
        })
    }

    pub(crate) fn decisions_of_journey(
        &self,
        workspace: WorkspaceId,
        journey: JourneyId,
        after: Option<u64>,
        limit: usize,
    ) -> Answer<Vec<StoredDecision>> {
        let limit = bounded(limit)?;
        let sql = format!(
            "{} WHERE workspace = ?1 AND journey = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4",
            columns::DECISION
        );
        self.inner.read("reading decisions", |conn| {
            let values = params![workspace.0, journey.0, below(after), limit as i64];
            list(conn, &sql, values, columns::decision)
        })
    }

    pub(crate) fn decisions_all(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> Answer<Vec<StoredDecision>> {
        let limit = bounded(limit)?;
        let sql = format!("{} WHERE id > ?1 ORDER BY id LIMIT ?2", columns::DECISION);
        self.inner.read("reading decisions", |conn| {
            let values = params![after.map_or(0, int), limit as i64];
            list(conn, &sql, values, columns::decision)
        })
    }

    pub(crate) fn enrollments(
        &self,
        workspace: WorkspaceId,
        contact: ContactId,
        after: Option<EnrollmentId>,
        limit: usize,
    ) -> Answer<Vec<EnrollmentRow>> {
        let limit = bounded(limit)?;
        let sql = format!(
            "{} WHERE contact = ?1 AND workspace = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4",
            columns::ENROLLMENT
        );
        let below = below(after.map(|id| id.0));
        self.inner.read("reading enrollments", |conn| {
            let values = params![int(contact.0), workspace.0, below, limit as i64];
            list(conn, &sql, values, columns::enrollment)
        })
    }

    pub(crate) fn enrollments_of_journey(
        &self,
        workspace: WorkspaceId,
        journey: JourneyId,
        active_only: bool,
        after: Option<EnrollmentId>,
        limit: usize,
    ) -> Answer<Vec<EnrollmentRow>> {
        let limit = bounded(limit)?;
        let active = if active_only { "AND left_at IS NULL" } else { "" };
        let sql = format!(
            "{} WHERE workspace = ?1 AND journey = ?2 AND id < ?3 {active} ORDER BY id DESC LIMIT ?4",
            columns::ENROLLMENT
        );
        let below = below(after.map(|id| id.0));
        self.inner.read("reading enrollments", |conn| {
            let values = params![workspace.0, journey.0, below, limit as i64];
            list(conn, &sql, values, columns::enrollment)
        })
    }

    pub(crate) fn counters(
        &self,
        workspace: WorkspaceId,
        journey: JourneyId,
        (from, until): (Timestamp, Timestamp),
        after: Option<&CounterKey>,
        limit: usize,
    ) -> Answer<Vec<Counter>> {
        let limit = bounded(limit)?;
        let sql = "SELECT hour, version, step, variant, what, value FROM counter \
            WHERE workspace = ?1 AND journey = ?2 AND hour >= ?3 AND hour < ?4 \
            AND (hour, version, step, variant, what) > (?5, ?6, ?7, ?8, ?9) \
            ORDER BY hour, version, step, variant, what LIMIT ?10";
        let (hour, version, step, variant, what) = after.map_or((i64::MIN, 0, -1, "", ""), |key| {
            (key.hour.0, key.version, step_code(key.step), key.variant.as_str(), key.what.as_str())
        });
        self.inner.read("reading counters", |conn| {
            let values = params![
                workspace.0,
                journey.0,
                from.0,
                until.0,
                hour,
                version,
                step,
                variant,
                what,
                limit as i64
            ];
            list(conn, sql, values, |row| {
                let key = CounterKey {
                    journey,
                    hour: instant(row, 0)?,
                    version: row.get(1)?,
                    step: u16::try_from(row.get::<_, i32>(2)?).ok(),
                    variant: row.get(3)?,
                    what: columns::what(row, 4)?,
                };
                Ok(Counter { key, value: row.get(5)? })
            })
        })
    }

    pub(crate) fn dead_letters(
        &self,
        workspace: WorkspaceId,
        after: Option<Seq>,
        limit: usize,
    ) -> Answer<Vec<DeadLetterRow>> {
        let limit = bounded(limit)?;
        let sql = format!(
            "{} WHERE workspace = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
            columns::DEAD_LETTER
        );
        let after = after.map_or(-1, |Seq(seq)| int(seq));
        self.inner.read("reading dead letters", |conn| {
            list(conn, &sql, params![workspace.0, after, limit as i64], columns::dead_letter)
        })
    }

    pub(crate) fn dead_letter(
        &self,
        workspace: WorkspaceId,
        id: Seq,
    ) -> Answer<Option<DeadLetterRow>> {
        let sql = format!("{} WHERE workspace = ?1 AND id = ?2", columns::DEAD_LETTER);
        self.inner.read("reading a dead letter", |conn| {
            first(conn, &sql, params![workspace.0, int(id.0)], columns::dead_letter)
        })
    }

    pub(crate) fn orphan_receipts(
        &self,
        gateway: &str,
        gateway_ref: &str,
    ) -> Answer<Vec<OrphanReceipt>> {
        let sql = "SELECT gateway, gateway_ref, received_at, receipt, address FROM orphan_receipt \
            WHERE gateway = ?1 AND gateway_ref = ?2 ORDER BY id";
        self.inner
            .read_hot("reading receipts", |conn| list(conn, sql, [gateway, gateway_ref], orphan))
    }

    pub(crate) fn sweeps(&self, workspace: WorkspaceId) -> Answer<Vec<SweepRow>> {
        let sql = "SELECT journey, fire_at, after, done FROM sweep WHERE workspace = ?1 \
            ORDER BY journey";
        self.inner.read("reading sweeps", |conn| {
            list(conn, sql, [workspace.0], |row| {
                Ok(SweepRow {
                    workspace,
                    journey: JourneyId(row.get(0)?),
                    fire_at: instant(row, 1)?,
                    after: uint_or_none(row, 2)?.map(ContactId),
                    done: row.get(3)?,
                })
            })
        })
    }
}

/// Where a page of a contact's decisions begins: at the newest, or at the one before `after`.
fn chain_start(
    conn: &Connection,
    workspace: WorkspaceId,
    contact: ContactId,
    after: Option<u64>,
) -> rusqlite::Result<Option<u64>> {
    let found = match after {
        None => {
            let sql = "SELECT s.last_decision FROM contact_state s JOIN contact c USING (contact) \
                WHERE c.contact = ?1 AND c.workspace = ?2";
            first(conn, sql, params![int(contact.0), workspace.0], |row| uint_or_none(row, 0))?
        }
        Some(after) => {
            let sql = "SELECT previous FROM decision \
                WHERE id = ?1 AND workspace = ?2 AND contact = ?3";
            let values = params![int(after), workspace.0, int(contact.0)];
            first(conn, sql, values, |row| uint_or_none(row, 0))?
        }
    };
    Ok(found.flatten())
}
