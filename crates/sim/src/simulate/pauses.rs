//! Operators who pause journeys and resume them, in some worlds.
//!
//! Must never say that a journey is paused before the pipeline has said so.

use super::Simulation;
use crate::carrier::lock;
use crate::faults::Sabotage;
use crate::people::Happening;
use crate::random::Random;
use wayline_core::ids::{JourneyId, WorkspaceId};
use wayline_core::time::Span;

/// Tries of an operator whose store fails.
const TRIES_MAX: usize = 100;

impl Simulation {
    /// Pauses on the agenda. Drawn apart from the rest: a world without them is what it was.
    pub(super) fn plan_pauses(&mut self) {
        let mut draw = Random::new(self.scenario.seed).fork("pauses");
        for workspace in 0..self.scenario.workspaces.len() {
            if !draw.per_mille(400) {
                continue;
            }
            for _ in 0..draw.between(1, 4) {
                let whole = self.scenario.end - self.scenario.start;
                let at = self.scenario.start + draw.span(Span::ZERO, whole);
                let pick = draw.below(1_000);
                self.expect(at, Happening::Pause { workspace, pick, over: false });
                // Some are never resumed.
                if draw.per_mille(800) {
                    let end = at + draw.span(Span::minutes(5), Span::days(4));
                    self.expect(end, Happening::Pause { workspace, pick, over: true });
                }
            }
        }
    }

    pub(super) async fn pause(&mut self, workspace: usize, pick: usize, over: bool) {
        let workspace = WorkspaceId(workspace as u32 + 1);
        if over {
            for (id, slug) in self.paused(workspace) {
                self.set_paused(workspace, id, &slug, false).await;
            }
            return;
        }
        let journeys = self.journeys(workspace);
        let Some((id, slug)) = journeys.get(pick % journeys.len().max(1)) else { return };
        if self.sabotage == Some(Sabotage::ForgetPauses) {
            lock(&self.chronicle).paused.insert((workspace, *id));
            return;
        }
        self.set_paused(workspace, *id, slug, true).await;
    }

    /// The operator tries until it is done: whether a failed try was kept nobody knows.
    async fn set_paused(
        &mut self,
        workspace: WorkspaceId,
        id: JourneyId,
        slug: &str,
        paused: bool,
    ) {
        for _ in 0..TRIES_MAX {
            let now = self.now;
            let Some(pipeline) = &mut self.pipeline else { return };
            let result = if paused {
                pipeline.pause(workspace, slug, now).await
            } else {
                pipeline.resume(workspace, slug, now).await
            };
            // Noted before the program may die of it: what was said holds from then on.
            if result.is_ok() {
                let known = &mut lock(&self.chronicle).paused;
                if paused {
                    known.insert((workspace, id));
                } else {
                    known.remove(&(workspace, id));
                }
            }
            if self.survive(result).await.is_some() || self.is_hopeless() {
                return;
            }
        }
    }

    /// The journeys of a workspace, published in any version.
    fn journeys(&self, workspace: WorkspaceId) -> Vec<(JourneyId, String)> {
        let chronicle = lock(&self.chronicle);
        let mut found: Vec<(JourneyId, String)> = chronicle
            .journeys
            .iter()
            .filter(|((of, ..), _)| *of == workspace)
            .map(|((_, id, _), journey)| (*id, journey.journey.text.clone()))
            .collect();
        found.dedup();
        found
    }

    fn paused(&self, workspace: WorkspaceId) -> Vec<(JourneyId, String)> {
        let mut journeys = self.journeys(workspace);
        let paused = lock(&self.chronicle).paused.clone();
        journeys.retain(|(id, _)| paused.contains(&(workspace, *id)));
        journeys
    }
}
