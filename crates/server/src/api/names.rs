//! Text ids of journeys and steps: the store knows them by numbers, people do not.
//!
//! Must never answer from definitions older than those a request was made with.

use super::App;
use super::error::ApiError;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use wayline_core::ids::{JourneyId, WorkspaceId};
use wayline_core::journey::engine::Engine;
use wayline_store::batch::WorkspaceRow;

/// Compiled definitions by workspace, each with the revision it was asked for at.
#[derive(Default)]
pub(crate) struct Names {
    engines: RwLock<BTreeMap<WorkspaceId, (u64, Arc<Engine>)>>,
}

/// The definitions of one workspace.
#[derive(Clone)]
pub(crate) struct Named(pub(crate) Arc<Engine>);

impl Names {
    /// The definitions of a workspace as of this row, or newer.
    pub(crate) async fn of(&self, app: &App, row: &WorkspaceRow) -> Result<Named, ApiError> {
        if let Some(known) = self.known(row) {
            return Ok(known);
        }
        self.again(app, row.id, row.revision).await
    }

    fn known(&self, row: &WorkspaceRow) -> Option<Named> {
        let engines = self.engines.read().unwrap_or_else(PoisonError::into_inner);
        let (revision, engine) = engines.get(&row.id)?;
        (*revision >= row.revision).then(|| Named(Arc::clone(engine)))
    }

    /// The definitions of now, where those known lack something.
    pub(crate) async fn again(
        &self,
        app: &App,
        workspace: WorkspaceId,
        revision: u64,
    ) -> Result<Named, ApiError> {
        let asked = app.live.perform(move |pipeline, _| pipeline.engine(workspace).cloned());
        let engine = asked.await?.ok_or_else(|| {
            ApiError::internal("the definitions of this workspace are not compiled")
        })?;
        let mut engines = self.engines.write().unwrap_or_else(PoisonError::into_inner);
        engines.insert(workspace, (revision, Arc::clone(&engine)));
        Ok(Named(engine))
    }
}

impl Named {
    /// Text id of a journey; its number when it is not known; empty: none.
    pub(crate) fn journey(&self, journey: JourneyId) -> String {
        if journey == JourneyId::NONE {
            return String::new();
        }
        let mut versions = self.0.program.journeys.range((journey, 0)..=(journey, u32::MAX));
        let found = versions.next_back().map(|(_, journey)| journey.slug.clone());
        found.unwrap_or_else(|| journey.to_string())
    }

    /// What people call a version of a journey; `None`: it is not known.
    pub(crate) fn title(&self, journey: JourneyId, version: u32) -> Option<&str> {
        self.0.program.journeys.get(&(journey, version)).map(|journey| journey.name.as_str())
    }

    /// The number of a journey.
    pub(crate) fn journey_of(&self, slug: &str) -> Option<JourneyId> {
        let mut journeys = self.0.program.journeys.values();
        journeys.find(|journey| journey.slug == slug).map(|journey| journey.id)
    }

    /// Text id of a step; its number when it is not known.
    pub(crate) fn step(&self, journey: JourneyId, version: u32, step: u16) -> String {
        let journey = self.0.program.journeys.get(&(journey, version));
        let found = journey.and_then(|journey| journey.steps.get(usize::from(step)));
        found.map_or_else(|| step.to_string(), |step| step.slug.clone())
    }

    /// Whether a version of a journey is known.
    pub(crate) fn knows(&self, journey: JourneyId, version: u32) -> bool {
        self.0.program.journeys.contains_key(&(journey, version))
    }

    /// Default country of phone numbers.
    pub(crate) fn country(&self) -> &str {
        &self.0.program.settings.country
    }
}
