//! Operations that are one row each: messages, enrollments, calls, definitions.
//!
//! Must never gather anything: each is written when it is applied, so that a later one sees it.

use super::columns::{self, channel_name, int, purpose_name};
use super::fault::Fault;
use super::write::Writing;
use crate::batch::{
    CallRow, DeadLetterRow, DecisionRow, EnrollmentRow, JourneyVersionRow, Op, WorkspaceRow,
};
use crate::error::Assertion;
use rusqlite::{OptionalExtension, params};
use wayline_core::ids::{ContactId, JourneyId, MessageId, WorkspaceId};
use wayline_core::message::{Message, MessageChange};

impl Writing<'_> {
    pub(super) fn write_row(&mut self, op: &Op) -> Result<(), Fault> {
        match op {
            Op::PutEnrollment(row) => self.put_enrollment(row),
            Op::InsertMessage(message) => self.insert_message(message),
            Op::ChangeMessage { workspace, id, change } => {
                self.change_message(*workspace, *id, change)
            }
            Op::InsertCall(row) => self.insert_call(row),
            Op::RemoveCall { workspace, id } => {
                let sql = "DELETE FROM call WHERE workspace = ?1 AND enrollment = ?2 \
                    AND step_index = ?3 AND visit = ?4";
                self.run(sql, params![workspace.0, int(id.enrollment.0), id.step, id.visit])?;
                Ok(())
            }
            Op::PutDeadLetter(row) => self.put_dead_letter(row),
            Op::RemoveDeadLetter { workspace, id } => {
                let sql = "DELETE FROM dead_letter WHERE workspace = ?1 AND id = ?2";
                self.run(sql, params![workspace.0, int(id.0)])?;
                Ok(())
            }
            Op::PutOrphanReceipt(row) => {
                self.heads.last_orphan += 1;
                let sql = "INSERT INTO orphan_receipt (id, gateway, gateway_ref, received_at, \
                    receipt, address) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
                let id = int(self.heads.last_orphan);
                let at = row.received_at.0;
                let values =
                    params![id, row.gateway, row.gateway_ref, at, row.receipt, row.address];
                self.run(sql, values)?;
                Ok(())
            }
            Op::RemoveOrphanReceipts { gateway, gateway_ref, address } => {
                let sql = "DELETE FROM orphan_receipt WHERE gateway = ?1 AND gateway_ref = ?2 \
                    AND (?3 = '' OR address = ?3)";
                self.run(sql, params![gateway, gateway_ref, address])?;
                Ok(())
            }
            Op::PutSweep(row) => {
                let sql = "INSERT OR REPLACE INTO sweep (workspace, journey, fire_at, after, done) \
                    VALUES (?1, ?2, ?3, ?4, ?5)";
                let after = row.after.map(|ContactId(id)| int(id));
                let values =
                    params![row.workspace.0, row.journey.0, row.fire_at.0, after, row.done];
                self.run(sql, values)?;
                Ok(())
            }
            _ => self.write_definition(op),
        }
    }

    fn put_enrollment(&self, row: &EnrollmentRow) -> Result<(), Fault> {
        let sql = "INSERT INTO enrollment (id, workspace, contact, journey, version, key, entered_at, \
            left_at, exit) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
            ON CONFLICT (id) DO UPDATE SET version = excluded.version, key = excluded.key, \
            entered_at = excluded.entered_at, left_at = excluded.left_at, exit = excluded.exit \
            WHERE workspace = excluded.workspace AND contact = excluded.contact \
            AND journey = excluded.journey";
        let values = params![
            int(row.id.0),
            row.workspace.0,
            int(row.contact.0),
            row.journey.0,
            row.version,
            row.key,
            row.entered_at.0,
            row.left_at.map(|at| at.0),
            row.exit,
        ];
        if self.run(sql, values)? == 0 {
            return Err(Assertion::EnrollmentElsewhere(row.id).into());
        }
        Ok(())
    }

    fn insert_message(&self, message: &Message) -> Result<(), Fault> {
        let sql = "INSERT INTO message (enrollment, step_index, visit, workspace, contact, journey, \
            version, step, variant, purpose, channel, sender, gateway, address, state, reason, \
            intended_at, due_at, handed_out_at, attempts, run, parts, text, gateway_ref, \
            error, tried, put_off) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, \
            ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27) ON CONFLICT DO NOTHING";
        let values = params![
            int(message.id.enrollment.0),
            message.id.step,
            message.id.visit,
            message.workspace.0,
            int(message.contact.0),
            message.journey.0,
            message.version,
            message.step,
            message.variant,
            purpose_name(message.purpose),
            channel_name(message.channel),
            message.sender,
            message.gateway,
            message.to,
            message.state as u8,
            message.reason.as_str(),
            message.intended_at.0,
            message.due_at.0,
            message.handed_out_at.map(|at| at.0),
            message.attempts,
            int(message.run),
            message.parts,
            message.text,
            message.gateway_ref,
            message.error,
            message.tried.join("\n"),
            message.put_off,
        ];
        if self.run(sql, values)? == 0 {
            return Err(Assertion::MessageExists(message.id).into());
        }
        Ok(())
    }

    fn change_message(
        &self,
        workspace: WorkspaceId,
        id: MessageId,
        change: &MessageChange,
    ) -> Result<(), Fault> {
        let found = self
            .conn
            .prepare_cached(&format!(
                "{} WHERE enrollment = ?1 AND step_index = ?2 AND visit = ?3 AND workspace = ?4",
                columns::MESSAGE
            ))?
            .query_row(
                params![int(id.enrollment.0), id.step, id.visit, workspace.0],
                columns::message,
            )
            .optional()?;
        let mut message = found.ok_or(Assertion::MessageMissing(id))?;
        let (from, to) = (message.state, change.state);
        if !from.may_become(to) {
            return Err(Assertion::MessageTransition { id, from, to }.into());
        }
        message.apply(change);
        let sql = "UPDATE message SET sender = ?4, gateway = ?5, address = ?6, state = ?7, \
            reason = ?8, due_at = ?9, handed_out_at = ?10, attempts = ?11, run = ?12, parts = ?13, \
            text = ?14, gateway_ref = ?15, error = ?16, tried = ?17, put_off = ?18 \
            WHERE enrollment = ?1 AND step_index = ?2 AND visit = ?3";
        let values = params![
            int(id.enrollment.0),
            id.step,
            id.visit,
            message.sender,
            message.gateway,
            message.to,
            message.state as u8,
            message.reason.as_str(),
            message.due_at.0,
            message.handed_out_at.map(|at| at.0),
            message.attempts,
            int(message.run),
            message.parts,
            message.text,
            message.gateway_ref,
            message.error,
            message.tried.join("\n"),
            message.put_off,
        ];
        self.run(sql, values)?;
        Ok(())
    }

    fn insert_call(&self, row: &CallRow) -> Result<(), Fault> {
        let headers = serde_json::to_string(&row.headers)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        let sql = "INSERT INTO call (workspace, enrollment, step_index, visit, contact, due_at, \
            deadline, method, url, headers, body) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING";
        let values = params![
            row.workspace.0,
            int(row.id.enrollment.0),
            row.id.step,
            row.id.visit,
            int(row.contact.0),
            row.due_at.0,
            row.deadline.0,
            row.method,
            row.url,
            headers,
            row.body,
        ];
        if self.run(sql, values)? == 0 {
            return Err(Assertion::CallExists(row.id).into());
        }
        Ok(())
    }

    /// Writes a decision whose contact was checked.
    pub(super) fn insert_decision(
        &self,
        id: u64,
        previous: Option<u64>,
        row: &DecisionRow,
    ) -> Result<(), Fault> {
        let decision = &row.decision;
        let sql = "INSERT INTO decision (id, workspace, contact, previous, at, what, reason, journey, \
            version, enrollment, step, variant, message_enrollment, message_step, message_visit, \
            until, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, \
            ?16, ?17)";
        let values = params![
            int(id),
            row.workspace.0,
            int(row.contact.0),
            previous.map(int),
            decision.at.0,
            decision.what.as_str(),
            decision.reason.as_str(),
            decision.journey.map(|JourneyId(id)| id),
            decision.version,
            decision.enrollment.map(|id| int(id.0)),
            decision.step,
            decision.variant,
            decision.message.map(|id| int(id.enrollment.0)),
            decision.message.map(|id| id.step),
            decision.message.map(|id| id.visit),
            decision.until.map(|at| at.0),
            decision.detail,
        ];
        self.run(sql, values)?;
        Ok(())
    }

    fn put_dead_letter(&self, row: &DeadLetterRow) -> Result<(), Fault> {
        let sql = "INSERT OR REPLACE INTO dead_letter (workspace, id, at, contact, reason, input, \
            attempts) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let contact = row.contact.map(|ContactId(id)| int(id));
        let (id, at) = (int(row.id.0), row.at.0);
        let values = params![row.workspace.0, id, at, contact, row.reason, row.input, row.attempts];
        self.run(sql, values)?;
        Ok(())
    }

    fn write_definition(&self, op: &Op) -> Result<(), Fault> {
        match op {
            Op::PutWorkspace(row) => self.put_workspace(row),
            Op::PutSegment(row) => {
                self.workspace_exists(row.workspace)?;
                let sql = "INSERT OR REPLACE INTO segment (workspace, slug, definition) \
                    VALUES (?1, ?2, ?3)";
                self.run(sql, params![row.workspace.0, row.slug, row.definition])?;
                Ok(())
            }
            Op::RemoveSegment { workspace, slug } => {
                let sql = "DELETE FROM segment WHERE workspace = ?1 AND slug = ?2";
                self.run(sql, params![workspace.0, slug])?;
                Ok(())
            }
            Op::InsertJourneyVersion(row) => self.insert_version(row),
            Op::SetLiveVersion { workspace, journey, version } => {
                self.set_live(*workspace, *journey, *version)
            }
            _ => self.write_live(op),
        }
    }

    fn put_workspace(&self, row: &WorkspaceRow) -> Result<(), Fault> {
        let found: Option<u32> = self
            .conn
            .prepare_cached("SELECT id FROM workspace WHERE slug = ?1 AND id <> ?2")?
            .query_row(params![row.slug, row.id.0], |row| row.get(0))
            .optional()?;
        if let Some(found) = found.map(WorkspaceId) {
            return Err(Assertion::SlugTaken { slug: row.slug.clone(), found }.into());
        }
        let sql = "INSERT INTO workspace (id, slug, revision, definition, seed) \
            VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO UPDATE SET slug = excluded.slug, \
            revision = excluded.revision, definition = excluded.definition, seed = excluded.seed";
        let (revision, seed) = (int(row.revision), int(row.seed));
        self.run(sql, params![row.id.0, row.slug, revision, row.definition, seed])?;
        Ok(())
    }

    pub(super) fn workspace_exists(&self, id: WorkspaceId) -> Result<(), Fault> {
        let sql = "SELECT 1 FROM workspace WHERE id = ?1";
        if self.conn.prepare_cached(sql)?.exists([id.0])? {
            return Ok(());
        }
        Err(Assertion::WorkspaceMissing(id).into())
    }

    fn insert_version(&self, row: &JourneyVersionRow) -> Result<(), Fault> {
        self.workspace_exists(row.workspace)?;
        let sql = "INSERT INTO journey_version (workspace, journey, version, slug, definition, \
            published_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
        let values = params![
            row.workspace.0,
            row.journey.0,
            row.version,
            row.slug,
            row.definition,
            row.published_at.0
        ];
        if self.run(sql, values)? == 0 {
            let (journey, version) = (row.journey, row.version);
            return Err(Assertion::JourneyVersionExists { journey, version }.into());
        }
        Ok(())
    }

    fn set_live(
        &self,
        workspace: WorkspaceId,
        journey: JourneyId,
        version: Option<u32>,
    ) -> Result<(), Fault> {
        let Some(version) = version else {
            let sql = "DELETE FROM journey_live WHERE workspace = ?1 AND journey = ?2";
            self.run(sql, params![workspace.0, journey.0])?;
            return Ok(());
        };
        let sql = "INSERT OR REPLACE INTO journey_live (workspace, journey, version) \
            SELECT workspace, journey, version FROM journey_version \
            WHERE workspace = ?1 AND journey = ?2 AND version = ?3";
        if self.run(sql, params![workspace.0, journey.0, version])? == 0 {
            return Err(Assertion::JourneyVersionMissing { journey, version }.into());
        }
        Ok(())
    }
}
