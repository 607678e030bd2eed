//! One journey at a time: published, paused, resumed, archived.
//!
//! Must never change another journey, nor keep anything that does not compile.

use crate::advance::{Pipeline, PipelineError};
use crate::definitions::{Change, next_journey, plan_journey, set_paused};
use std::collections::BTreeSet;
use wayline_core::ids::{JourneyId, WorkspaceId};
use wayline_core::journey::definition::Journey;
use wayline_core::time::Timestamp;
use wayline_store::batch::{Batch, Op, SegmentRow, WorkspaceRow};
use wayline_store::rows::StoredJourneyVersion;

/// A workspace as it is kept.
struct Kept {
    row: WorkspaceRow,
    segments: Vec<SegmentRow>,
    versions: Vec<StoredJourneyVersion>,
    paused: BTreeSet<JourneyId>,
}

impl Pipeline {
    /// Publishes one journey and leaves the others as they are. Returns its version when that is new; `None`: its
    /// text is what is live already. A paused journey stays paused; one that was archived is live again.
    ///
    /// # Errors
    /// When there is no such workspace, the workspace would not compile, or the store failed.
    pub async fn publish_journey(
        &mut self,
        workspace: WorkspaceId,
        definition: &Journey,
        now: Timestamp,
    ) -> Result<Option<u32>, PipelineError> {
        let kept = self.kept(workspace).await?;
        let mut batch = Batch::default();
        let mut next_id = next_journey(&kept.versions);
        let planned =
            plan_journey(workspace, definition, &kept.versions, &mut next_id, now, &mut batch);
        let Some((_, version)) = planned else { return Ok(None) };
        self.change(kept, batch, false, now).await?;
        Ok(Some(version))
    }

    /// Pauses a journey: nobody enters it, and none of its messages is handed out. Those in it wait and move on, and
    /// exits, goals, restarts, `not_after` and STOP take effect as ever. Returns whether it was not paused before.
    ///
    /// # Errors
    /// When there is no such workspace or journey, or the store failed.
    pub async fn pause(
        &mut self,
        workspace: WorkspaceId,
        journey: &str,
        now: Timestamp,
    ) -> Result<bool, PipelineError> {
        self.set_paused(workspace, journey, true, now).await
    }

    /// Ends a pause: people enter again, and everybody is looked at once more, so that what the pause held is asked
    /// about at once. Whoever would have entered meanwhile does not enter now. Returns whether it was paused.
    ///
    /// # Errors
    /// As [`Pipeline::pause`].
    pub async fn resume(
        &mut self,
        workspace: WorkspaceId,
        journey: &str,
        now: Timestamp,
    ) -> Result<bool, PipelineError> {
        self.set_paused(workspace, journey, false, now).await
    }

    /// Archives a journey: nobody enters it any more, those in it finish. Also ends a pause, or they never could.
    /// Returns whether it was live or paused before.
    ///
    /// # Errors
    /// As [`Pipeline::pause`], and when another journey or a keyword still refers to it.
    pub async fn archive(
        &mut self,
        workspace: WorkspaceId,
        journey: &str,
        now: Timestamp,
    ) -> Result<bool, PipelineError> {
        let mut kept = self.kept(workspace).await?;
        let id = kept.journey(journey)?;
        let is_live = kept.versions.iter().any(|it| it.row.journey == id && it.live);
        let mut batch = Batch::default();
        if is_live {
            batch.ops.push(Op::SetLiveVersion { workspace, journey: id, version: None });
        }
        let was_paused = kept.paused.remove(&id);
        if was_paused {
            batch.ops.push(set_paused(workspace, id, false));
        }
        if is_live || was_paused {
            self.change(kept, batch, was_paused, now).await?;
        }
        Ok(is_live || was_paused)
    }

    async fn set_paused(
        &mut self,
        workspace: WorkspaceId,
        journey: &str,
        paused: bool,
        now: Timestamp,
    ) -> Result<bool, PipelineError> {
        let mut kept = self.kept(workspace).await?;
        let id = kept.journey(journey)?;
        let changed = if paused { kept.paused.insert(id) } else { kept.paused.remove(&id) };
        if changed {
            let batch = Batch { ops: vec![set_paused(workspace, id, paused)] };
            self.change(kept, batch, !paused, now).await?;
        }
        Ok(changed)
    }

    async fn kept(&self, workspace: WorkspaceId) -> Result<Kept, PipelineError> {
        let rows = self.store.workspaces().await?;
        let row = rows.into_iter().find(|row| row.id == workspace);
        Ok(Kept {
            row: row.ok_or(PipelineError::NoWorkspace { workspace })?,
            segments: self.store.segments(workspace).await?,
            versions: self.store.journey_versions(workspace).await?,
            paused: self.paused(workspace).await?,
        })
    }

    async fn change(
        &mut self,
        kept: Kept,
        batch: Batch,
        look_again: bool,
        now: Timestamp,
    ) -> Result<(), PipelineError> {
        let Kept { row, segments, versions, paused } = &kept;
        let paused = paused.clone();
        let change = Change { row, segments, before: versions, paused };
        self.install(change, batch, look_again, now).await
    }
}

impl Kept {
    fn journey(&self, slug: &str) -> Result<JourneyId, PipelineError> {
        let found = self.versions.iter().find(|version| version.row.slug == slug);
        found.map(|version| version.row.journey).ok_or_else(|| PipelineError::NoJourney {
            workspace: self.row.slug.clone(),
            journey: slug.to_owned(),
        })
    }
}
