//! Reads of carriers: lanes, what is unknown, orphans by address, gateways, allowances, texts that are kept.
//!
//! Must never read past what waits for something else: each read begins where its answer does.

use super::SqliteStore;
use super::columns::{self, instant, int, uint};
use super::read::{first, list};
use crate::batch::{GatewayRow, Kept, KeptText, OrphanReceipt};
use crate::error::StoreError;
use crate::rows::{Lane, bounded};
use rusqlite::{OptionalExtension, Row, params};
use wayline_core::ids::{MessageId, WorkspaceId};
use wayline_core::message::Message;
use wayline_core::time::Timestamp;

type Answer<T> = Result<T, StoreError>;

/// The first message of the first lane after one. The instant is the last there is: without it the engine would
/// begin at the first message of that lane and read all of them.
pub(super) const NEXT_LANE: &str = "SELECT workspace, sender, purpose, due_at \
    FROM message INDEXED BY message_lane \
    WHERE state = 1 AND (workspace, sender, purpose, due_at) > (?1, ?2, ?3, ?4) \
    ORDER BY workspace, sender, purpose, due_at LIMIT 1";

pub(super) const DUE_IN_LANE: &str = "INDEXED BY message_lane \
    WHERE state = 1 AND workspace = ?1 AND sender = ?2 AND purpose = ?3 AND due_at <= ?4 \
    AND (due_at, enrollment, step_index, visit) >= (?6, ?7, ?8, ?9) \
    ORDER BY due_at, enrollment, step_index, visit LIMIT ?5";

pub(super) const UNKNOWN_TO: &str = "INDEXED BY message_unknown \
    WHERE state = 8 AND gateway = ?1 AND address = ?2 \
    ORDER BY enrollment, step_index, visit LIMIT ?3";

pub(super) const UNKNOWN: &str = "INDEXED BY message_unknown \
    WHERE state = 8 AND gateway = ?1 AND (address, enrollment, step_index, visit) > (?2, ?3, ?4, ?5) \
    ORDER BY address, enrollment, step_index, visit LIMIT ?6";

pub(super) const ORPHANS_TO: &str = "SELECT gateway, gateway_ref, received_at, receipt, address \
    FROM orphan_receipt INDEXED BY orphan_receipt_by_address \
    WHERE gateway = ?1 AND address = ?2 AND address <> '' ORDER BY id LIMIT ?3";

/// The end is given, so that the engine stops where the beginning is another.
pub(super) const TEXTS_LIKE: &str = "SELECT why, gateway, key, came_at, body FROM kept_text \
    WHERE why = ?1 AND gateway = ?2 AND key >= ?3 AND key < ?3 || char(1114111) \
    ORDER BY key LIMIT ?4";

pub(super) const TEXTS_OF: &str = "SELECT why, gateway, key, came_at, body \
    FROM kept_text INDEXED BY kept_text_of_gateway \
    WHERE why = ?1 AND gateway = ?2 AND (came_at, key) > (?3, ?4) ORDER BY came_at, key LIMIT ?5";

pub(super) const TEXTS_BEFORE: &str = "SELECT why, gateway, key, came_at, body \
    FROM kept_text INDEXED BY kept_text_by_time \
    WHERE why = ?1 AND came_at < ?2 ORDER BY came_at, gateway, key LIMIT ?3";

pub(super) const TEXTS_COUNT: &str = "SELECT count(*) FROM kept_text \
    INDEXED BY kept_text_of_gateway WHERE why = ?1 AND gateway = ?2";

const GATEWAY: &str = "SELECT workspace, id, kind, settings, secrets, standing, revision, \
    updated_at FROM gateway INDEXED BY gateway_by_id";

/// An orphan receipt.
pub(super) fn orphan(row: &Row<'_>) -> rusqlite::Result<OrphanReceipt> {
    Ok(OrphanReceipt {
        gateway: row.get(0)?,
        gateway_ref: row.get(1)?,
        received_at: instant(row, 2)?,
        receipt: row.get(3)?,
        address: row.get(4)?,
    })
}

fn kept_text(row: &Row<'_>) -> rusqlite::Result<KeptText> {
    let name: String = row.get(0)?;
    let why = Kept::from_name(&name).ok_or_else(|| {
        let what = format!("{name:?} is no reason to keep a text").into();
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, what)
    })?;
    let (gateway, key, body) = (row.get(1)?, row.get(2)?, row.get(4)?);
    Ok(KeptText { why, gateway, key, came_at: instant(row, 3)?, body })
}

fn gateway(row: &Row<'_>) -> rusqlite::Result<GatewayRow> {
    Ok(GatewayRow {
        workspace: row.get::<_, Option<u32>>(0)?.map(WorkspaceId),
        id: row.get(1)?,
        kind: row.get(2)?,
        settings: row.get(3)?,
        secrets: row.get(4)?,
        standing: columns::standing(row, 5)?,
        revision: uint(row, 6)?,
        updated_at: instant(row, 7)?,
    })
}

/// Whose a gateway is, as its index has it.
fn owner(workspace: Option<WorkspaceId>) -> i64 {
    workspace.map_or(-1, |WorkspaceId(id)| i64::from(id))
}

impl SqliteStore {
    pub(crate) fn lanes_queued(
        &self,
        after: Option<&Lane>,
        limit: usize,
    ) -> Answer<Vec<(Lane, Timestamp)>> {
        let limit = bounded(limit)?;
        self.inner.read_hot("reading lanes", |conn| {
            let mut statement = conn.prepare_cached(NEXT_LANE)?;
            let mut found: Vec<(Lane, Timestamp)> = Vec::new();
            while found.len() < limit {
                let last = found.last().map(|(lane, _)| lane).or(after);
                let (workspace, sender, purpose) = match last {
                    Some(lane) => (
                        i64::from(lane.workspace.0),
                        lane.sender.as_str(),
                        columns::purpose_name(lane.purpose),
                    ),
                    None => (-1, "", ""),
                };
                let next =
                    statement.query_row(params![workspace, sender, purpose, i64::MAX], |row| {
                        let lane = Lane {
                            workspace: WorkspaceId(row.get(0)?),
                            sender: row.get(1)?,
                            purpose: columns::purpose(row, 2)?,
                        };
                        Ok((lane, instant(row, 3)?))
                    });
                let Some(next) = next.optional()? else { break };
                found.push(next);
            }
            Ok(found)
        })
    }

    pub(crate) fn messages_due_in_lane(
        &self,
        lane: &Lane,
        from: Option<(Timestamp, MessageId)>,
        now: Timestamp,
        limit: usize,
    ) -> Answer<Vec<Message>> {
        let purpose = columns::purpose_name(lane.purpose);
        let limit = bounded(limit)? as i64;
        let (due, enrollment, step, visit) = from.map_or((i64::MIN, 0, 0, 0), |(due, id)| {
            (due.0, int(id.enrollment.0), id.step, id.visit)
        });
        let lane = (lane.workspace.0, &lane.sender);
        let values = params![lane.0, lane.1, purpose, now.0, limit, due, enrollment, step, visit];
        self.message_list_hot(DUE_IN_LANE, values)
    }

    pub(crate) fn messages_unknown_to(
        &self,
        gateway: &str,
        address: &str,
        limit: usize,
    ) -> Answer<Vec<Message>> {
        self.message_list_hot(UNKNOWN_TO, params![gateway, address, bounded(limit)? as i64])
    }

    pub(crate) fn messages_unknown(
        &self,
        gateway: &str,
        after: Option<(&str, MessageId)>,
        limit: usize,
    ) -> Answer<Vec<Message>> {
        let (address, enrollment, step, visit) = after.map_or(("", -1, 0, 0), |(address, id)| {
            (address, int(id.enrollment.0), id.step, id.visit)
        });
        let limit = bounded(limit)? as i64;
        self.message_list_hot(UNKNOWN, params![gateway, address, enrollment, step, visit, limit])
    }

    pub(crate) fn orphan_receipts_to(
        &self,
        gateway: &str,
        address: &str,
        limit: usize,
    ) -> Answer<Vec<OrphanReceipt>> {
        let limit = bounded(limit)? as i64;
        self.inner.read_hot("reading receipts", |conn| {
            list(conn, ORPHANS_TO, params![gateway, address, limit], orphan)
        })
    }

    pub(crate) fn gateway(
        &self,
        workspace: Option<WorkspaceId>,
        id: &str,
    ) -> Answer<Option<GatewayRow>> {
        let sql = format!("{GATEWAY} WHERE ifnull(workspace, -1) = ?1 AND id = ?2");
        self.inner.read("reading a gateway", |conn| {
            first(conn, &sql, params![owner(workspace), id], gateway)
        })
    }

    pub(crate) fn gateways(
        &self,
        workspace: Option<WorkspaceId>,
        after: Option<&str>,
        limit: usize,
    ) -> Answer<Vec<GatewayRow>> {
        let limit = bounded(limit)? as i64;
        // No text is before the empty one, which may itself be an id.
        let is_after = if after.is_some() { ">" } else { ">=" };
        let sql = format!(
            "{GATEWAY} WHERE ifnull(workspace, -1) = ?1 AND id {is_after} ?2 ORDER BY id LIMIT ?3"
        );
        self.inner.read("reading gateways", |conn| {
            list(conn, &sql, params![owner(workspace), after.unwrap_or(""), limit], gateway)
        })
    }

    pub(crate) fn gateways_all(
        &self,
        after: Option<(Option<WorkspaceId>, &str)>,
        limit: usize,
    ) -> Answer<Vec<GatewayRow>> {
        let limit = bounded(limit)? as i64;
        let (of, id) = after.map_or((-2, ""), |(workspace, id)| (owner(workspace), id));
        let sql = format!(
            "{GATEWAY} WHERE (ifnull(workspace, -1), id) > (?1, ?2) \
             ORDER BY ifnull(workspace, -1), id LIMIT ?3"
        );
        self.inner
            .read("reading gateways", |conn| list(conn, &sql, params![of, id, limit], gateway))
    }

    pub(crate) fn allowance(&self, scope: &str, period: Timestamp) -> Answer<u64> {
        let sql = "SELECT used FROM allowance WHERE period = ?1 AND scope = ?2";
        let used = self.inner.read_hot("reading an allowance", |conn| {
            first(conn, sql, params![period.0, scope], |row| uint(row, 0))
        })?;
        Ok(used.unwrap_or(0))
    }

    pub(crate) fn texts_like(
        &self,
        why: Kept,
        gateway: &str,
        prefix: &str,
        limit: usize,
    ) -> Answer<Vec<KeptText>> {
        let limit = bounded(limit)? as i64;
        self.inner.read("reading texts that are kept", |conn| {
            list(conn, TEXTS_LIKE, params![why.as_str(), gateway, prefix, limit], kept_text)
        })
    }

    pub(crate) fn texts_of(
        &self,
        why: Kept,
        gateway: &str,
        after: Option<(Timestamp, &str)>,
        limit: usize,
    ) -> Answer<Vec<KeptText>> {
        let limit = bounded(limit)? as i64;
        let (at, key) = after.map_or((i64::MIN, ""), |(at, key)| (at.0, key));
        self.inner.read("reading texts that are kept", |conn| {
            list(conn, TEXTS_OF, params![why.as_str(), gateway, at, key, limit], kept_text)
        })
    }

    pub(crate) fn texts_before(
        &self,
        why: Kept,
        before: Timestamp,
        limit: usize,
    ) -> Answer<Vec<KeptText>> {
        let limit = bounded(limit)? as i64;
        self.inner.read("reading texts that are kept", |conn| {
            list(conn, TEXTS_BEFORE, params![why.as_str(), before.0, limit], kept_text)
        })
    }

    pub(crate) fn texts_count(&self, why: Kept, gateway: &str) -> Answer<u64> {
        let count = self.inner.read("counting texts that are kept", |conn| {
            first(conn, TEXTS_COUNT, params![why.as_str(), gateway], |row| uint(row, 0))
        })?;
        Ok(count.unwrap_or(0))
    }
}
