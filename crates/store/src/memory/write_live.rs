//! Operations of the program that serves people: keys, answers, drafts, pauses.
//!
//! Must never be asked on the way of a message: these are rare.

use super::model::Model;
use super::write::put_back;
use super::write_carriers::UndoCarriers;
use crate::batch::{ApiKeyRow, DraftRow, IdempotencyRow, Op};
use crate::error::Assertion;
use wayline_core::ids::{JourneyId, WorkspaceId};

/// What one applied operation replaced.
pub(super) enum UndoLive {
    ApiKey(u64, Option<ApiKeyRow>),
    Idempotency(u64, String),
    Draft((WorkspaceId, String), Option<DraftRow>),
    /// Whether the journey was paused.
    Paused((WorkspaceId, JourneyId), bool),
    Carriers(UndoCarriers),
}

impl Model {
    pub(super) fn apply_live(&mut self, op: &Op) -> Result<UndoLive, Assertion> {
        Ok(match op {
            Op::PutApiKey(row) => self.put_api_key(row)?,
            Op::PutIdempotency(row) => self.put_idempotency(row)?,
            Op::PutDraft(row) => self.put_draft(row)?,
            Op::RemoveDraft { workspace, slug } => {
                let key = (*workspace, slug.clone());
                let before = self.drafts.remove(&key);
                UndoLive::Draft(key, before)
            }
            Op::SetPaused { workspace, journey, paused } => {
                let key = (*workspace, *journey);
                let versions = (key.0, key.1, 0)..=(key.0, key.1, u32::MAX);
                if self.versions.range(versions).next().is_none() {
                    return Err(Assertion::JourneyMissing(*journey));
                }
                UndoLive::Paused(key, self.set_paused(key, *paused))
            }
            _ => UndoLive::Carriers(self.apply_carriers(op)?),
        })
    }

    fn put_api_key(&mut self, row: &ApiKeyRow) -> Result<UndoLive, Assertion> {
        if let Some(workspace) = row.workspace {
            self.workspace_exists(workspace)?;
        }
        if let Some(found) = self.api_keys.get(&row.id)
            && (found.workspace, found.hash) != (row.workspace, row.hash)
        {
            return Err(Assertion::ApiKeyTaken(row.id));
        }
        Ok(UndoLive::ApiKey(row.id, self.api_keys.insert(row.id, row.clone())))
    }

    fn put_idempotency(&mut self, row: &IdempotencyRow) -> Result<UndoLive, Assertion> {
        let key = (row.key, row.token.clone());
        if self.idempotency.contains_key(&key) {
            return Err(Assertion::TokenKnown { key: key.0, token: key.1 });
        }
        self.idempotency_by_time.insert((row.at, row.key, row.token.clone()));
        self.idempotency.insert(key, row.clone());
        Ok(UndoLive::Idempotency(row.key, row.token.clone()))
    }

    fn put_draft(&mut self, row: &DraftRow) -> Result<UndoLive, Assertion> {
        self.workspace_exists(row.workspace)?;
        let key = (row.workspace, row.slug.clone());
        let found = self.drafts.get(&key).map_or(0, |found| found.revision);
        if row.revision.checked_sub(1) != Some(found) {
            let (slug, asked) = (row.slug.clone(), row.revision);
            return Err(Assertion::DraftRevision { slug, asked, found });
        }
        let before = self.drafts.insert(key.clone(), row.clone());
        Ok(UndoLive::Draft(key, before))
    }

    /// Pauses a journey or not, and says whether it was paused.
    fn set_paused(&mut self, key: (WorkspaceId, JourneyId), paused: bool) -> bool {
        if paused { !self.paused.insert(key) } else { self.paused.remove(&key) }
    }

    pub(super) fn take_back_live(&mut self, step: UndoLive) {
        match step {
            UndoLive::ApiKey(id, before) => put_back(&mut self.api_keys, id, before),
            UndoLive::Idempotency(key, token) => {
                if let Some(row) = self.idempotency.remove(&(key, token)) {
                    self.idempotency_by_time.remove(&(row.at, row.key, row.token));
                }
            }
            UndoLive::Draft(key, before) => put_back(&mut self.drafts, key, before),
            UndoLive::Paused(key, before) => drop(self.set_paused(key, before)),
            UndoLive::Carriers(step) => self.take_back_carriers(step),
        }
    }
}
