//! Reads of the program that serves people: keys, drafts, lists of versions, searches, totals.
//!
//! Must never scan what grows with contacts or messages: each list follows an index.

use super::SqliteStore;
use super::columns::{self, instant, int, uint};
use super::read::{NEWEST_FIRST, first, list};
use crate::batch::{ApiKeyRow, DraftRow, IdempotencyRow};
use crate::error::StoreError;
use crate::rows::{
    COUNTER_ROWS_MAX, ContactRecord, CounterTotal, DraftHead, SearchField, Totals, VersionHead,
    bounded, prefix_end,
};
use rusqlite::types::Value;
use rusqlite::{Row, params};
use wayline_core::decision::What;
use wayline_core::ids::{ContactId, JourneyId, MessageId, WorkspaceId};
use wayline_core::message::Message;
use wayline_core::time::Timestamp;

type Answer<T> = Result<T, StoreError>;

const API_KEY: &str =
    "SELECT id, workspace, name, scopes, hash, created_at, revoked_at FROM api_key";

fn api_key(row: &Row<'_>) -> rusqlite::Result<ApiKeyRow> {
    let scopes: String = row.get(3)?;
    Ok(ApiKeyRow {
        id: uint(row, 0)?,
        workspace: row.get::<_, Option<u32>>(1)?.map(WorkspaceId),
        name: row.get(2)?,
        scopes: serde_json::from_str(&scopes).map_err(|_| columns::unreadable(3))?,
        hash: row.get(4)?,
        created_at: instant(row, 5)?,
        revoked_at: row.get::<_, Option<i64>>(6)?.map(Timestamp),
    })
}

const DRAFT: &str = "SELECT workspace, slug, text, updated_at, author, revision FROM draft";

fn draft(row: &Row<'_>) -> rusqlite::Result<DraftRow> {
    Ok(DraftRow {
        workspace: WorkspaceId(row.get(0)?),
        slug: row.get(1)?,
        text: row.get(2)?,
        updated_at: instant(row, 3)?,
        author: row.get(4)?,
        revision: uint(row, 5)?,
    })
}

/// From the index alone: rows hold the texts.
pub(super) const DRAFT_HEADS: &str = "SELECT slug, updated_at, author, revision \
    FROM draft INDEXED BY draft_head WHERE workspace = ?1 AND slug > ?2 ORDER BY slug LIMIT ?3";

/// As [`DRAFT_HEADS`], for versions.
pub(super) const VERSION_HEADS: &str = "SELECT v.journey, v.slug, v.version, l.version IS NOT NULL, v.published_at \
    FROM journey_version v INDEXED BY journey_version_head \
    LEFT JOIN journey_live l USING (workspace, journey, version) WHERE v.workspace = ?1";

fn version_head(row: &Row<'_>) -> rusqlite::Result<VersionHead> {
    Ok(VersionHead {
        journey: JourneyId(row.get(0)?),
        slug: row.get(1)?,
        version: row.get(2)?,
        live: row.get(3)?,
        published_at: instant(row, 4)?,
    })
}

/// Ids by (field, contact) within a range of the field. ?2 and ?3: after this field and contact; ?4: before.
pub(super) fn search_sql(field: SearchField) -> &'static str {
    match field {
        SearchField::ExternalId => {
            "SELECT i.contact FROM identity i CROSS JOIN contact c ON c.contact = i.contact \
             WHERE i.workspace = ?1 AND i.kind = 0 AND i.value >= ?2 \
             AND (i.value, i.contact) > (?2, ?3) AND i.value < ?4 \
             AND c.workspace = ?1 AND c.external_id = i.value ORDER BY i.value LIMIT ?5"
        }
        SearchField::Phone => {
            "SELECT contact FROM contact INDEXED BY contact_by_phone WHERE workspace = ?1 \
             AND (phone, contact) > (?2, ?3) AND phone < ?4 AND phone IS NOT NULL \
             ORDER BY phone, contact LIMIT ?5"
        }
        SearchField::Email => {
            "SELECT contact FROM contact INDEXED BY contact_by_email WHERE workspace = ?1 \
             AND (lower(email), contact) > (?2, ?3) AND lower(email) < ?4 AND email IS NOT NULL \
             ORDER BY lower(email), contact LIMIT ?5"
        }
    }
}

impl SqliteStore {
    pub(crate) fn api_key(&self, id: u64) -> Answer<Option<ApiKeyRow>> {
        let sql = format!("{API_KEY} WHERE id = ?1");
        self.inner.read("reading an API key", |conn| first(conn, &sql, [int(id)], api_key))
    }

    pub(crate) fn api_keys(
        &self,
        workspace: Option<WorkspaceId>,
        after: Option<u64>,
        limit: usize,
    ) -> Answer<Vec<ApiKeyRow>> {
        let limit = bounded(limit)?;
        let sql = format!("{API_KEY} WHERE workspace IS ?1 AND id > ?2 ORDER BY id LIMIT ?3");
        let (workspace, after) = (workspace.map(|WorkspaceId(id)| id), after.map_or(-1, int));
        self.inner.read("reading API keys", |conn| {
            list(conn, &sql, params![workspace, after, limit as i64], api_key)
        })
    }

    pub(crate) fn last_api_key(&self) -> Answer<u64> {
        let sql = "SELECT id FROM api_key ORDER BY id DESC LIMIT 1";
        let last =
            self.inner.read("reading API keys", |conn| first(conn, sql, [], |row| uint(row, 0)))?;
        Ok(last.unwrap_or(0))
    }

    pub(crate) fn idempotency(&self, key: u64, token: &str) -> Answer<Option<IdempotencyRow>> {
        let sql = "SELECT fingerprint, at, status, body FROM idempotency \
            WHERE key = ?1 AND token = ?2";
        self.inner.read("looking for a repeated call", |conn| {
            first(conn, sql, params![int(key), token], |row| {
                Ok(IdempotencyRow {
                    key,
                    token: token.to_owned(),
                    fingerprint: u128::from_be_bytes(row.get(0)?),
                    at: instant(row, 1)?,
                    status: row.get(2)?,
                    body: row.get(3)?,
                })
            })
        })
    }

    pub(crate) fn draft(&self, workspace: WorkspaceId, slug: &str) -> Answer<Option<DraftRow>> {
        let sql = format!("{DRAFT} WHERE workspace = ?1 AND slug = ?2");
        self.inner
            .read("reading a draft", |conn| first(conn, &sql, params![workspace.0, slug], draft))
    }

    pub(crate) fn draft_heads(
        &self,
        workspace: WorkspaceId,
        after: Option<&str>,
        limit: usize,
    ) -> Answer<Vec<DraftHead>> {
        let limit = bounded(limit)? as i64;
        // Nothing comes before the empty text, and no slug is empty.
        let values = params![workspace.0, after.unwrap_or_default(), limit];
        self.inner.read("reading drafts", |conn| {
            list(conn, DRAFT_HEADS, values, |row| {
                Ok(DraftHead {
                    slug: row.get(0)?,
                    updated_at: instant(row, 1)?,
                    author: row.get(2)?,
                    revision: uint(row, 3)?,
                })
            })
        })
    }

    pub(crate) fn version_heads(&self, workspace: WorkspaceId) -> Answer<Vec<VersionHead>> {
        let sql = format!("{VERSION_HEADS} ORDER BY v.slug, v.version");
        self.inner.read("reading versions", |conn| list(conn, &sql, [workspace.0], version_head))
    }

    pub(crate) fn version_heads_of(
        &self,
        workspace: WorkspaceId,
        slug: &str,
    ) -> Answer<Vec<VersionHead>> {
        let sql = format!("{VERSION_HEADS} AND v.slug = ?2 ORDER BY v.version");
        self.inner.read("reading versions", |conn| {
            list(conn, &sql, params![workspace.0, slug], version_head)
        })
    }

    pub(crate) fn paused_journeys(&self, workspace: WorkspaceId) -> Answer<Vec<JourneyId>> {
        let sql = "SELECT journey FROM journey_paused WHERE workspace = ?1 ORDER BY journey";
        self.inner.read("reading paused journeys", |conn| {
            list(conn, sql, [workspace.0], |row| row.get(0).map(JourneyId))
        })
    }

    pub(crate) fn contacts_search(
        &self,
        workspace: WorkspaceId,
        field: SearchField,
        prefix: &str,
        after: Option<(&str, ContactId)>,
        limit: usize,
    ) -> Answer<Vec<ContactRecord>> {
        let limit = bounded(limit)? as i64;
        let prefix = field.normal(prefix);
        // A range, not a pattern: nothing in a prefix means anything but itself.
        let (from, contact) = match after {
            Some((value, contact)) if value >= prefix.as_str() => (value, int(contact.0)),
            _ => (prefix.as_str(), -1),
        };
        // Blobs come after all texts.
        let until = prefix_end(&prefix).map_or(Value::Blob(Vec::new()), Value::Text);
        let by_id = format!("{} WHERE c.contact = ?1", columns::HOT);
        self.inner.read("searching contacts", |conn| {
            let values = params![workspace.0, from, contact, until, limit];
            let ids = list(conn, search_sql(field), values, |row| uint(row, 0))?;
            let mut statement = conn.prepare_cached(&by_id)?;
            let read = ids.into_iter().map(|id| {
                statement.query_row([int(id)], |row| columns::hot(row).map(|hot| hot.record()))
            });
            read.collect()
        })
    }

    pub(crate) fn messages_of_workspace(
        &self,
        workspace: WorkspaceId,
        after: Option<(Timestamp, MessageId)>,
        limit: usize,
    ) -> Answer<Vec<Message>> {
        let limit = bounded(limit)? as i64;
        let Some((at, id)) = after else {
            let rest = format!("WHERE workspace = ?1 {NEWEST_FIRST} LIMIT ?2");
            return self.message_list(&rest, params![workspace.0, limit]);
        };
        let rest = format!(
            "WHERE workspace = ?1 AND (intended_at, enrollment, step_index, visit) \
             < (?2, ?3, ?4, ?5) {NEWEST_FIRST} LIMIT ?6"
        );
        let (enrollment, step, visit) = (int(id.enrollment.0), id.step, id.visit);
        self.message_list(&rest, params![workspace.0, at.0, enrollment, step, visit, limit])
    }

    pub(crate) fn counter_totals(
        &self,
        workspace: WorkspaceId,
        journey: JourneyId,
        (from, until): (Timestamp, Timestamp),
    ) -> Answer<Vec<CounterTotal>> {
        let sql = "SELECT version, step, variant, what, value FROM counter \
            WHERE workspace = ?1 AND journey = ?2 AND hour >= ?3 AND hour < ?4";
        let mut totals = Totals::new(COUNTER_ROWS_MAX);
        let all = self.inner.read("adding up counters", |conn| {
            let mut statement = conn.prepare_cached(sql)?;
            let mut rows = statement.query(params![workspace.0, journey.0, from.0, until.0])?;
            while let Some(row) = rows.next()? {
                let key = (row.get(0)?, row.get(1)?, row.get(2)?, columns::what(row, 3)?);
                if !totals.add(key, row.get(4)?) {
                    return Ok(false);
                }
            }
            Ok(true)
        })?;
        if all { Ok(totals.finish()) } else { Err(totals.too_many()) }
    }

    pub(crate) fn journey_totals(
        &self,
        workspace: WorkspaceId,
    ) -> Answer<Vec<(JourneyId, What, i64)>> {
        let sql = "SELECT journey, what, value FROM journey_total WHERE workspace = ?1 \
            ORDER BY journey, what";
        self.inner.read("reading totals", |conn| {
            list(conn, sql, [workspace.0], |row| {
                Ok((JourneyId(row.get(0)?), columns::what(row, 1)?, row.get(2)?))
            })
        })
    }

    pub(crate) fn last_instant(&self) -> Answer<Option<Timestamp>> {
        Ok(self.inner.writer()?.heads.last_instant)
    }
}
