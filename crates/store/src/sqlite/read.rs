//! Reads of the engine: definitions, contacts, timers, messages.
//!
//! Must never read beside the cache where the cache may know: it is what commits are checked against.

use super::SqliteStore;
use super::columns::{self, instant, int, uint};
use super::write::{find_identity, is_remembered};
use crate::batch::{
    CallRow, Identity, JourneyVersionRow, LoggedInput, SegmentRow, Sequences, Wake, WorkspaceRow,
};
use crate::error::StoreError;
use crate::rows::{ContactRecord, DueContact, StoredJourneyVersion, bounded};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use wayline_core::ids::{ContactId, EnrollmentId, JourneyId, MessageId, Seq, WorkspaceId};
use wayline_core::message::Message;
use wayline_core::time::Timestamp;

type Answer<T> = Result<T, StoreError>;

/// All rows of a cached statement.
pub(super) fn list<T>(
    conn: &Connection,
    sql: &str,
    values: impl Params,
    row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    conn.prepare_cached(sql)?.query_map(values, row)?.collect()
}

/// The first row of a cached statement.
pub(super) fn first<T>(
    conn: &Connection,
    sql: &str,
    values: impl Params,
    row: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    conn.prepare_cached(sql)?.query_row(values, row).optional()
}

fn workspace(row: &Row<'_>) -> rusqlite::Result<WorkspaceRow> {
    Ok(WorkspaceRow {
        id: WorkspaceId(row.get(0)?),
        slug: row.get(1)?,
        revision: uint(row, 2)?,
        definition: row.get(3)?,
        seed: uint(row, 4)?,
    })
}

const WORKSPACE: &str = "SELECT id, slug, revision, definition, seed FROM workspace";

const VERSION: &str = "SELECT v.journey, v.version, v.slug, v.definition, v.published_at, \
    l.version IS NOT NULL FROM journey_version v LEFT JOIN journey_live l \
    USING (workspace, journey, version)";

fn version(workspace: WorkspaceId) -> impl Fn(&Row<'_>) -> rusqlite::Result<StoredJourneyVersion> {
    move |row| {
        let version = JourneyVersionRow {
            workspace,
            journey: JourneyId(row.get(0)?),
            version: row.get(1)?,
            slug: row.get(2)?,
            definition: row.get(3)?,
            published_at: instant(row, 4)?,
        };
        Ok(StoredJourneyVersion { row: version, live: row.get(5)? })
    }
}

/// Definitions.
impl SqliteStore {
    pub(crate) fn sequences(&self) -> Answer<Sequences> {
        Ok(self.inner.writer()?.heads.sequences)
    }

    pub(crate) fn run(&self) -> Answer<u64> {
        Ok(self.inner.run)
    }

    pub(crate) fn workspaces(&self) -> Answer<Vec<WorkspaceRow>> {
        let sql = format!("{WORKSPACE} ORDER BY id");
        self.inner.read("reading workspaces", |conn| list(conn, &sql, [], workspace))
    }

    pub(crate) fn workspace_by_slug(&self, slug: &str) -> Answer<Option<WorkspaceRow>> {
        let sql = format!("{WORKSPACE} WHERE slug = ?1");
        self.inner.read("reading a workspace", |conn| first(conn, &sql, [slug], workspace))
    }

    pub(crate) fn segments(&self, workspace: WorkspaceId) -> Answer<Vec<SegmentRow>> {
        let sql = "SELECT slug, definition FROM segment WHERE workspace = ?1 ORDER BY slug";
        self.inner.read("reading segments", |conn| {
            list(conn, sql, [workspace.0], |row| {
                Ok(SegmentRow { workspace, slug: row.get(0)?, definition: row.get(1)? })
            })
        })
    }

    pub(crate) fn journey_versions(
        &self,
        workspace: WorkspaceId,
    ) -> Answer<Vec<StoredJourneyVersion>> {
        let sql = format!("{VERSION} WHERE v.workspace = ?1 ORDER BY v.journey, v.version");
        self.inner
            .read("reading journeys", |conn| list(conn, &sql, [workspace.0], version(workspace)))
    }

    pub(crate) fn live_versions(
        &self,
        workspace: WorkspaceId,
    ) -> Answer<Vec<StoredJourneyVersion>> {
        // Begins with what is live: whatever else was published is not looked at.
        let sql = "SELECT v.journey, v.version, v.slug, v.definition, v.published_at, 1 \
            FROM journey_live l CROSS JOIN journey_version v USING (workspace, journey, version) \
            WHERE l.workspace = ?1 ORDER BY l.journey";
        self.inner
            .read("reading journeys", |conn| list(conn, sql, [workspace.0], version(workspace)))
    }

    pub(crate) fn journey_version(
        &self,
        workspace: WorkspaceId,
        journey: JourneyId,
        number: u32,
    ) -> Answer<Option<StoredJourneyVersion>> {
        let sql = format!("{VERSION} WHERE v.workspace = ?1 AND v.journey = ?2 AND v.version = ?3");
        self.inner.read("reading a journey", |conn| {
            first(conn, &sql, params![workspace.0, journey.0, number], version(workspace))
        })
    }
}

/// Contacts and inputs.
impl SqliteStore {
    pub(crate) fn contact_by_identities(
        &self,
        identities: &[Identity],
    ) -> Answer<Vec<Option<ContactId>>> {
        let (mut found, changes) = {
            let cache = self.inner.cache()?;
            let kept = identities.iter().map(|id| cache.identities.get(id));
            (kept.collect::<Vec<_>>(), cache.changes)
        };
        if found.iter().all(Option::is_some) {
            return Ok(found);
        }
        let missing: Vec<usize> = (0..found.len()).filter(|at| found[*at].is_none()).collect();
        let read = self.inner.read_hot("reading identities", |conn| {
            let read = missing.iter().map(|at| find_identity(conn, &identities[*at]));
            read.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let mut cache = self.inner.cache()?;
        for (at, contact) in missing.into_iter().zip(read) {
            found[at] = contact;
            if let Some(contact) = contact.filter(|_| cache.changes == changes) {
                cache.identities.put(&identities[at], contact);
            }
        }
        Ok(found)
    }

    pub(crate) fn contacts(&self, ids: &[ContactId]) -> Answer<Vec<Option<ContactRecord>>> {
        let (mut found, changes) = {
            let mut cache = self.inner.cache()?;
            let kept = ids.iter().map(|id| cache.contacts.get(id).map(super::cache::Hot::record));
            (kept.collect::<Vec<_>>(), cache.changes)
        };
        if found.iter().all(Option::is_some) {
            return Ok(found);
        }
        let missing: Vec<usize> = (0..found.len()).filter(|at| found[*at].is_none()).collect();
        let sql = format!("{} WHERE c.contact = ?1", columns::HOT);
        let read = self.inner.read_hot("reading contacts", |conn| {
            let mut statement = conn.prepare_cached(&sql)?;
            let read = missing
                .iter()
                .map(|at| statement.query_row([int(ids[*at].0)], columns::hot).optional());
            read.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let mut cache = self.inner.cache()?;
        for (at, hot) in missing.into_iter().zip(read) {
            let Some(hot) = hot else { continue };
            found[at] = Some(hot.record());
            if cache.changes == changes {
                cache.keep_contact(ids[at], hot);
            }
        }
        Ok(found)
    }

    pub(crate) fn contacts_by_phone(
        &self,
        workspace: WorkspaceId,
        phone: &str,
        limit: usize,
    ) -> Answer<Vec<ContactId>> {
        let limit = bounded(limit)?;
        let sql = "SELECT contact FROM contact WHERE workspace = ?1 AND phone = ?2 \
            ORDER BY contact LIMIT ?3";
        self.inner.read_hot("looking up a number", |conn| {
            let values = params![workspace.0, phone, limit as i64];
            list(conn, sql, values, |row| uint(row, 0).map(ContactId))
        })
    }

    pub(crate) fn contacts_page(
        &self,
        workspace: WorkspaceId,
        after: Option<ContactId>,
        limit: usize,
    ) -> Answer<Vec<ContactRecord>> {
        let limit = bounded(limit)?;
        let sql = format!(
            "{} WHERE c.workspace = ?1 AND c.contact > ?2 ORDER BY c.contact LIMIT ?3",
            columns::HOT
        );
        let after = after.map_or(-1, |ContactId(id)| int(id));
        self.inner.read("reading contacts", |conn| {
            let values = params![workspace.0, after, limit as i64];
            list(conn, &sql, values, |row| columns::hot(row).map(|hot| hot.record()))
        })
    }

    pub(crate) fn inputs_known(&self, workspace: WorkspaceId, ids: &[u128]) -> Answer<Vec<bool>> {
        let generations = self.inner.cache()?.generations.clone();
        self.inner.read_hot("looking for repeated inputs", |conn| {
            let known = |id: &u128| {
                for period in generations.iter().rev() {
                    if is_remembered(conn, *period, workspace, *id)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            };
            ids.iter().map(known).collect()
        })
    }

    pub(crate) fn wakes_due(&self, until: Timestamp, limit: usize) -> Answer<Vec<DueContact>> {
        let limit = bounded(limit)?;
        let sql = "SELECT s.wake_due, s.wake_enrollment, s.contact, c.workspace \
            FROM contact_state s INDEXED BY contact_state_wake CROSS JOIN contact c USING (contact) \
            WHERE s.wake_due <= ?1 \
            ORDER BY s.wake_due, s.wake_enrollment, s.contact LIMIT ?2";
        self.inner.read_hot("reading timers", |conn| {
            list(conn, sql, params![until.0, limit as i64], |row| {
                let wake = Wake { due: instant(row, 0)?, enrollment: EnrollmentId(uint(row, 1)?) };
                let (contact, workspace) = (ContactId(uint(row, 2)?), WorkspaceId(row.get(3)?));
                Ok(DueContact { wake, contact, workspace })
            })
        })
    }

    pub(crate) fn next_wake(&self) -> Answer<Option<Timestamp>> {
        self.earliest(
            "SELECT wake_due FROM contact_state WHERE wake_due IS NOT NULL \
            ORDER BY wake_due LIMIT 1",
        )
    }

    fn earliest(&self, sql: &str) -> Answer<Option<Timestamp>> {
        self.inner.read_hot("reading timers", |conn| first(conn, sql, [], |row| instant(row, 0)))
    }

    pub(crate) fn history(
        &self,
        workspace: WorkspaceId,
        contact: ContactId,
        head: Option<Seq>,
        limit: usize,
    ) -> Answer<Vec<LoggedInput>> {
        let limit = bounded(limit)?;
        let sql = format!("{} WHERE seq = ?1 AND workspace = ?2 AND contact = ?3", columns::INPUT);
        self.inner.read("reading a history", |conn| {
            let mut statement = conn.prepare_cached(&sql)?;
            let mut rows = Vec::new();
            let mut next = head;
            while rows.len() < limit
                && let Some(seq) = next
            {
                let values = params![int(seq.0), workspace.0, int(contact.0)];
                let row = statement.query_row(values, columns::input).optional()?;
                let Some(row) = row else { break };
                // A link that does not go back would lead round in a circle.
                next = row.previous.filter(|previous| *previous < row.seq);
                rows.push(row);
            }
            Ok(rows)
        })
    }
}

/// Messages and calls.
impl SqliteStore {
    pub(crate) fn messages_due(&self, now: Timestamp, limit: usize) -> Answer<Vec<Message>> {
        let rest = "WHERE state = 1 AND due_at <= ?1 \
            ORDER BY due_at, enrollment, step_index, visit LIMIT ?2";
        let values = params![now.0, bounded(limit)? as i64];
        self.message_list_hot(rest, values)
    }

    pub(super) fn message_list(&self, rest: &str, values: impl Params) -> Answer<Vec<Message>> {
        let sql = format!("{} {rest}", columns::MESSAGE);
        self.inner.read("reading messages", |conn| list(conn, &sql, values, columns::message))
    }

    /// As [`SqliteStore::message_list`], for what the engine asks before each commit.
    pub(super) fn message_list_hot(&self, rest: &str, values: impl Params) -> Answer<Vec<Message>> {
        let sql = format!("{} {rest}", columns::MESSAGE);
        self.inner.read_hot("reading messages", |conn| list(conn, &sql, values, columns::message))
    }

    pub(crate) fn next_message_due(&self) -> Answer<Option<Timestamp>> {
        self.earliest("SELECT due_at FROM message WHERE state = 1 ORDER BY due_at LIMIT 1")
    }

    pub(crate) fn messages(&self, ids: &[MessageId]) -> Answer<Vec<Option<Message>>> {
        let sql = format!(
            "{} WHERE enrollment = ?1 AND step_index = ?2 AND visit = ?3",
            columns::MESSAGE
        );
        self.inner.read_hot("reading messages", |conn| {
            let mut statement = conn.prepare_cached(&sql)?;
            let read = ids.iter().map(|id| {
                let values = params![int(id.enrollment.0), id.step, id.visit];
                statement.query_row(values, columns::message).optional()
            });
            read.collect()
        })
    }

    pub(crate) fn message_by_gateway_ref(
        &self,
        gateway: &str,
        gateway_ref: &str,
    ) -> Answer<Option<Message>> {
        let rest = "WHERE gateway_ref = ?1 AND gateway = ?2 ORDER BY handed_out_at DESC, \
            enrollment DESC, step_index DESC, visit DESC LIMIT 1";
        Ok(self.message_list_hot(rest, params![gateway_ref, gateway])?.pop())
    }

    pub(crate) fn latest_message_to(
        &self,
        workspace: WorkspaceId,
        contact: ContactId,
    ) -> Answer<Option<Message>> {
        let rest = "WHERE contact = ?1 AND workspace = ?2 AND handed_out_at IS NOT NULL \
            ORDER BY handed_out_at DESC, enrollment DESC, step_index DESC, visit DESC LIMIT 1";
        Ok(self.message_list_hot(rest, params![int(contact.0), workspace.0])?.pop())
    }

    pub(crate) fn messages_submitting_before_run(
        &self,
        run: u64,
        limit: usize,
    ) -> Answer<Vec<Message>> {
        let rest = "WHERE state = 2 AND run < ?1 \
            ORDER BY run, enrollment, step_index, visit LIMIT ?2";
        let values = params![int(run), bounded(limit)? as i64];
        self.message_list(rest, values)
    }

    pub(crate) fn messages_of_contact(
        &self,
        workspace: WorkspaceId,
        contact: ContactId,
        after: Option<(Timestamp, MessageId)>,
        limit: usize,
    ) -> Answer<Vec<Message>> {
        let limit = bounded(limit)? as i64;
        let Some((at, id)) = after else {
            let rest = format!("{OF_CONTACT} {NEWEST_FIRST} LIMIT ?3");
            return self.message_list(&rest, params![int(contact.0), workspace.0, limit]);
        };
        let rest = format!(
            "{OF_CONTACT} AND (intended_at, enrollment, step_index, visit) < (?3, ?4, ?5, ?6) \
             {NEWEST_FIRST} LIMIT ?7"
        );
        let (enrollment, step, visit) = (int(id.enrollment.0), id.step, id.visit);
        let contact = int(contact.0);
        self.message_list(
            &rest,
            params![contact, workspace.0, at.0, enrollment, step, visit, limit],
        )
    }

    pub(crate) fn messages_of_journey(
        &self,
        workspace: WorkspaceId,
        journey: JourneyId,
        after: Option<MessageId>,
        limit: usize,
    ) -> Answer<Vec<Message>> {
        let rest = "WHERE workspace = ?1 AND journey = ?2 \
            AND (enrollment, step_index, visit) < (?3, ?4, ?5) \
            ORDER BY enrollment DESC, step_index DESC, visit DESC LIMIT ?6";
        let (enrollment, step, visit) = before_message(after);
        let limit = bounded(limit)? as i64;
        self.message_list(rest, params![workspace.0, journey.0, enrollment, step, visit, limit])
    }

    pub(crate) fn calls_due(&self, now: Timestamp, limit: usize) -> Answer<Vec<CallRow>> {
        let limit = bounded(limit)?;
        let sql = format!(
            "{} WHERE due_at <= ?1 ORDER BY due_at, enrollment, step_index, visit, workspace LIMIT ?2",
            columns::CALL
        );
        self.inner.read_hot("reading calls", |conn| {
            list(conn, &sql, params![now.0, limit as i64], columns::call)
        })
    }

    pub(crate) fn next_call_due(&self) -> Answer<Option<Timestamp>> {
        self.earliest("SELECT due_at FROM call ORDER BY due_at LIMIT 1")
    }
}

/// The index is named: the one of the workspace has the same order, and everybody's messages.
pub(super) const OF_CONTACT: &str =
    "INDEXED BY message_by_contact WHERE contact = ?1 AND workspace = ?2";

/// The order of messages by instant.
pub(super) const NEWEST_FIRST: &str =
    "ORDER BY intended_at DESC, enrollment DESC, step_index DESC, visit DESC";

fn before_message(after: Option<MessageId>) -> (i64, i64, i64) {
    after.map_or((i64::MAX, 0, 0), |id| {
        (int(id.enrollment.0), i64::from(id.step), i64::from(id.visit))
    })
}
