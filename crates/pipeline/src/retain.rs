//! Retention and dead letters: what is old enough goes, what failed can be tried again.
//!
//! Must never remove anything that still has something to do.

use crate::advance::{Pipeline, PipelineError};
use crate::delivered::UNANSWERED_KEPT;
use crate::turn::Work;
use crate::unclaimed::UNCLAIMED_KEPT;
use wayline_core::event::{Input, InputKind};
use wayline_core::ids::{Seq, WorkspaceId};
use wayline_core::limits;
use wayline_core::time::{Span, Timestamp};
use wayline_store::batch::Op;
use wayline_store::rows::Retention;

/// How long things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Inputs and decisions.
    pub history: Span,
    /// Finished messages.
    pub messages: Span,
}

impl Pipeline {
    /// Removes at most `limit` rows that are old enough. Returns how many; call again until it is 0.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn retain(
        &mut self,
        keep: Keep,
        now: Timestamp,
        limit: usize,
    ) -> Result<usize, PipelineError> {
        let retention = Retention {
            inputs_before: Some(now - keep.history),
            decisions_before: Some(now - keep.history),
            messages_before: Some(now - keep.messages),
            input_ids_before: Some(now - limits::DEDUPLICATION),
            orphan_receipts_before: Some(now - limits::DEDUPLICATION),
            idempotency_before: Some(now - limits::REPEATABLE),
            allowances_before: Some(now - limits::ALLOWANCES_KEPT),
            unanswered_before: Some(now - UNANSWERED_KEPT),
            unclaimed_before: Some(now - UNCLAIMED_KEPT),
        };
        Ok(self.store.forget(&retention, limit).await?)
    }

    /// Removes at most `limit` message ids that are old enough, and nothing else. Returns how many; call again
    /// until it is 0.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn forget_input_ids(
        &mut self,
        now: Timestamp,
        limit: usize,
    ) -> Result<usize, PipelineError> {
        let input_ids_before = Some(now - limits::DEDUPLICATION);
        let retention = Retention { input_ids_before, ..Retention::default() };
        Ok(self.store.forget(&retention, limit).await?)
    }

    /// Tries a dead letter again. `false`: there is none of that id. An input of our own (a timer, an answer) is
    /// only removed: what it was for has ended, and its message has moved on.
    ///
    /// # Errors
    /// When the store failed. When the input fails again it is a new dead letter with its new reason and
    /// one attempt more.
    pub async fn retry_dead_letter(
        &mut self,
        workspace: WorkspaceId,
        id: Seq,
        now: Timestamp,
    ) -> Result<bool, PipelineError> {
        let Some(letter) = self.store.dead_letter(workspace, id).await? else { return Ok(false) };
        let mut input: Input = serde_json::from_str(&letter.input).map_err(|error| {
            PipelineError::Damaged(format!("dead letter {id} cannot be read ({error}); drop it"))
        })?;
        let logged = input.kind.is_from_outside();
        let is_current = self.bring_up_to_date(&mut input.kind).await?;
        let works = letter.contact.filter(|_| is_current).map(|contact| Work {
            workspace,
            contact,
            input_id: None,
            logged,
            input,
            now,
        });
        let gone = Op::RemoveDeadLetter { workspace, id };
        let attempts = letter.attempts.saturating_add(1);
        self.work_on(works.as_slice(), &[gone], attempts).await?;
        Ok(true)
    }

    /// Gives an input the message it is about as it is now. `false`: there is nothing left to do.
    async fn bring_up_to_date(&self, kind: &mut InputKind) -> Result<bool, PipelineError> {
        match kind {
            InputKind::Timer
            | InputKind::HandOut { .. }
            | InputKind::Answered { .. }
            | InputKind::CallAnswered { .. } => Ok(false),
            InputKind::Clicked { message } | InputKind::Receipt { message, .. } => {
                let found = self.store.messages(&[message.id]).await?.into_iter().next().flatten();
                let Some(found) = found else { return Ok(false) };
                **message = found;
                Ok(true)
            }
            _ => Ok(true),
        }
    }

    /// Removes a dead letter for good.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn drop_dead_letter(
        &mut self,
        workspace: WorkspaceId,
        id: Seq,
    ) -> Result<(), PipelineError> {
        self.work_with(Vec::new(), vec![Op::RemoveDeadLetter { workspace, id }]).await?;
        Ok(())
    }
}
