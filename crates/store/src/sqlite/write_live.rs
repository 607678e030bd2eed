//! Operations of the program that serves people: keys, answers, drafts, pauses.
//!
//! Must never be asked on the way of a message: these are rare.

use super::columns::{int, uint};
use super::fault::Fault;
use super::write::Writing;
use crate::batch::{ApiKeyRow, DraftRow, IdempotencyRow, Op};
use crate::error::Assertion;
use rusqlite::{OptionalExtension, params};
use wayline_core::ids::{JourneyId, WorkspaceId};

impl Writing<'_> {
    pub(super) fn write_live(&self, op: &Op) -> Result<(), Fault> {
        match op {
            Op::PutApiKey(row) => self.put_api_key(row),
            Op::PutIdempotency(row) => self.put_idempotency(row),
            Op::PutDraft(row) => self.put_draft(row),
            Op::RemoveDraft { workspace, slug } => {
                let sql = "DELETE FROM draft WHERE workspace = ?1 AND slug = ?2";
                self.run(sql, params![workspace.0, slug])?;
                Ok(())
            }
            Op::SetPaused { workspace, journey, paused } => {
                self.set_paused(*workspace, *journey, *paused)
            }
            _ => self.write_carriers(op),
        }
    }

    fn put_api_key(&self, row: &ApiKeyRow) -> Result<(), Fault> {
        if let Some(workspace) = row.workspace {
            self.workspace_exists(workspace)?;
        }
        let scopes = serde_json::to_string(&row.scopes)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        let sql = "INSERT INTO api_key (id, workspace, name, scopes, hash, created_at, revoked_at) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET \
            name = excluded.name, scopes = excluded.scopes, created_at = excluded.created_at, \
            revoked_at = excluded.revoked_at \
            WHERE workspace IS excluded.workspace AND hash = excluded.hash";
        let values = params![
            int(row.id),
            row.workspace.map(|WorkspaceId(id)| id),
            row.name,
            scopes,
            row.hash,
            row.created_at.0,
            row.revoked_at.map(|at| at.0),
        ];
        if self.run(sql, values)? == 0 {
            return Err(Assertion::ApiKeyTaken(row.id).into());
        }
        Ok(())
    }

    fn put_idempotency(&self, row: &IdempotencyRow) -> Result<(), Fault> {
        let sql = "INSERT INTO idempotency (key, token, fingerprint, at, status, body) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
        let fingerprint = row.fingerprint.to_be_bytes();
        let (key, at) = (int(row.key), row.at.0);
        let values = params![key, row.token, fingerprint, at, row.status, row.body];
        if self.run(sql, values)? == 0 {
            let token = row.token.clone();
            return Err(Assertion::TokenKnown { key: row.key, token }.into());
        }
        Ok(())
    }

    fn put_draft(&self, row: &DraftRow) -> Result<(), Fault> {
        self.workspace_exists(row.workspace)?;
        let found = self
            .conn
            .prepare_cached("SELECT revision FROM draft WHERE workspace = ?1 AND slug = ?2")?
            .query_row(params![row.workspace.0, row.slug], |row| uint(row, 0))
            .optional()?
            .unwrap_or(0);
        if row.revision.checked_sub(1) != Some(found) {
            let (slug, asked) = (row.slug.clone(), row.revision);
            return Err(Assertion::DraftRevision { slug, asked, found }.into());
        }
        let sql = "INSERT OR REPLACE INTO draft (workspace, slug, text, updated_at, author, \
            revision) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let (at, revision) = (row.updated_at.0, int(row.revision));
        let values = params![row.workspace.0, row.slug, row.text, at, row.author, revision];
        self.run(sql, values)?;
        Ok(())
    }

    fn set_paused(
        &self,
        workspace: WorkspaceId,
        journey: JourneyId,
        paused: bool,
    ) -> Result<(), Fault> {
        let sql = "SELECT 1 FROM journey_version WHERE workspace = ?1 AND journey = ?2";
        if !self.conn.prepare_cached(sql)?.exists(params![workspace.0, journey.0])? {
            return Err(Assertion::JourneyMissing(journey).into());
        }
        let sql = if paused {
            "INSERT OR IGNORE INTO journey_paused (workspace, journey) VALUES (?1, ?2)"
        } else {
            "DELETE FROM journey_paused WHERE workspace = ?1 AND journey = ?2"
        };
        self.run(sql, params![workspace.0, journey.0])?;
        Ok(())
    }
}
