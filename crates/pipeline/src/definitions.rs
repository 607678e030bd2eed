//! Definitions: a workspace as text goes into the store, and comes out of it compiled.
//!
//! Must never change a published version: a changed journey is a new version, and those in flight finish theirs.

use crate::advance::{Pipeline, PipelineError};
use crate::schedule::{REFRESH, refresh_row};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wayline_core::ids::{JourneyId, WorkspaceId};
use wayline_core::journey::compile::compile;
use wayline_core::journey::definition::{Journey, Segment, Workspace};
use wayline_core::journey::engine::Engine;
use wayline_core::journey::parse::{parse_journey, parse_segment, parse_workspace};
use wayline_core::journey::print::print;
use wayline_core::journey::problem::Problem;
use wayline_core::journey::program::Program;
use wayline_core::journey::validate;
use wayline_core::time::Timestamp;
use wayline_store::Store;
use wayline_store::batch::{Batch, JourneyVersionRow, Op, SegmentRow, WorkspaceRow};
use wayline_store::rows::StoredJourneyVersion;

/// The definitions of one workspace, parsed and validated.
#[derive(Clone, Debug)]
pub struct Definitions {
    /// `workspace.yaml`.
    pub workspace: Workspace,
    /// `segments/*.yaml`.
    pub segments: Vec<Segment>,
    /// `journeys/*.yaml`.
    pub journeys: Vec<Journey>,
}

/// What must not be live: good in a replay or a test, and refused where real people get texts. Whoever publishes for
/// real people asks first; [`Pipeline::publish`] takes it.
#[must_use]
pub fn live_problems(definitions: &Definitions) -> Vec<Problem> {
    validate::live_problems("workspace.yaml", &definitions.workspace)
}

/// What publishing did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Journeys that got a new version: slug and version.
    pub versions: Vec<(String, u32)>,
    /// Journeys that nobody enters any more.
    pub retired: Vec<String>,
}

/// A workspace about to change, and what its batch does not say.
pub(crate) struct Change<'a> {
    pub(crate) row: &'a WorkspaceRow,
    pub(crate) segments: &'a [SegmentRow],
    /// The versions before the batch.
    pub(crate) before: &'a [StoredJourneyVersion],
    /// The paused journeys after it.
    pub(crate) paused: BTreeSet<JourneyId>,
}

impl Pipeline {
    /// Publishes definitions: journeys whose text changed get a new version, journeys that are gone are retired
    /// (those in them finish), segments and settings are replaced. Nothing changes when any does not compile.
    ///
    /// # Errors
    /// When they do not compile, or the store failed.
    pub async fn publish(
        &mut self,
        definitions: &Definitions,
        seed: u64,
        now: Timestamp,
    ) -> Result<Published, PipelineError> {
        let slug = definitions.workspace.workspace.text.clone();
        let stored = self.store.workspace_by_slug(&slug).await?;
        let workspace = match &stored {
            Some(row) => row.id,
            None => {
                // One above the highest: a number between that is free again was somebody's once.
                let all = self.store.workspaces().await?;
                WorkspaceId(all.iter().map(|row| row.id.0).max().unwrap_or(0) + 1)
            }
        };
        let before = self.store.journey_versions(workspace).await?;
        let mut batch = Batch::default();
        batch.ops.push(Op::PutWorkspace(WorkspaceRow {
            id: workspace,
            slug: slug.clone(),
            revision: stored.as_ref().map_or(1, |row| row.revision + 1),
            definition: print(&definitions.workspace),
            seed: stored.as_ref().map_or(seed, |row| row.seed),
        }));
        self.replace_segments(workspace, definitions, &mut batch).await?;
        let mut published = Published { workspace, versions: Vec::new(), retired: Vec::new() };
        plan_journeys(workspace, definitions, &before, now, &mut batch, &mut published);
        let row = WorkspaceRow {
            id: workspace,
            slug,
            revision: 0,
            definition: print(&definitions.workspace),
            seed: stored.as_ref().map_or(seed, |row| row.seed),
        };
        let segments: Vec<SegmentRow> =
            definitions.segments.iter().map(|segment| segment_row(workspace, segment)).collect();
        let mut paused = self.paused(workspace).await?;
        let was_paused = paused.len();
        // Those in a retired journey finish: a pause would keep them from it.
        for version in before.iter().filter(|it| published.retired.contains(&it.row.slug)) {
            if paused.remove(&version.row.journey) {
                batch.ops.push(set_paused(workspace, version.row.journey, false));
            }
        }
        let look_again = paused.len() < was_paused;
        let change = Change { row: &row, segments: &segments, before: &before, paused };
        self.install(change, batch, look_again, now).await?;
        Ok(published)
    }

    /// Compiles a workspace as the batch will leave it, and only then keeps the batch: what does not compile changes
    /// nothing. Everybody is looked at once more when time could bring them something else than before, or when
    /// `look_again` says so.
    pub(crate) async fn install(
        &mut self,
        change: Change<'_>,
        mut batch: Batch,
        look_again: bool,
        now: Timestamp,
    ) -> Result<(), PipelineError> {
        let workspace = change.row.id;
        let after = versions_after(change.before, &batch);
        let mut program = compile_rows(change.row, change.segments, &after)?;
        program.paused = change.paused;
        let engine = Engine::new(program);
        let before = self.engines.get(&workspace).map(|engine| engine.fingerprint);
        let changed = before.is_some_and(|before| before != engine.fingerprint);
        let refresh = (changed || look_again).then(|| refresh_row(workspace, now));
        batch.ops.extend(refresh.clone().map(Op::PutSweep));
        self.store.commit(&batch).await?;
        self.engines.insert(workspace, Arc::new(engine));
        if let Some(row) = refresh {
            self.refreshes.insert(workspace, row);
        }
        Ok(())
    }

    /// The paused journeys of a workspace.
    pub(crate) async fn paused(
        &self,
        workspace: WorkspaceId,
    ) -> Result<BTreeSet<JourneyId>, PipelineError> {
        match self.engines.get(&workspace) {
            Some(engine) => Ok(engine.program.paused.clone()),
            None => paused_journeys(&self.store, workspace).await,
        }
    }

    async fn replace_segments(
        &self,
        workspace: WorkspaceId,
        definitions: &Definitions,
        batch: &mut Batch,
    ) -> Result<(), PipelineError> {
        for row in self.store.segments(workspace).await? {
            if definitions.segments.iter().all(|segment| segment.segment.text != row.slug) {
                batch.ops.push(Op::RemoveSegment { workspace, slug: row.slug });
            }
        }
        for segment in &definitions.segments {
            batch.ops.push(Op::PutSegment(segment_row(workspace, segment)));
        }
        Ok(())
    }

    /// Compiles every workspace of the store anew.
    ///
    /// # Errors
    /// When the store failed, or a stored definition does not compile any more.
    pub async fn reload(&mut self) -> Result<(), PipelineError> {
        let mut engines = BTreeMap::new();
        for row in self.store.workspaces().await? {
            let program = stored_program(&self.store, &row).await?;
            engines.insert(row.id, Arc::new(Engine::new(program)));
            let sweeps = self.store.sweeps(row.id).await?;
            let refresh = sweeps.into_iter().find(|sweep| sweep.journey == REFRESH && !sweep.done);
            self.refreshes.extend(refresh.map(|sweep| (row.id, sweep)));
        }
        self.engines = engines;
        Ok(())
    }
}

fn segment_row(workspace: WorkspaceId, segment: &Segment) -> SegmentRow {
    SegmentRow { workspace, slug: segment.segment.text.clone(), definition: print(segment) }
}

/// New versions for changed texts; what is gone is retired.
fn plan_journeys(
    workspace: WorkspaceId,
    definitions: &Definitions,
    before: &[StoredJourneyVersion],
    now: Timestamp,
    batch: &mut Batch,
    published: &mut Published,
) {
    let mut next_id = next_journey(before);
    for journey in &definitions.journeys {
        let planned = plan_journey(workspace, journey, before, &mut next_id, now, batch);
        published.versions.extend(planned);
    }
    for live in before.iter().filter(|version| version.live) {
        if definitions.journeys.iter().all(|journey| journey.journey.text != live.row.slug) {
            let journey = live.row.journey;
            batch.ops.push(Op::SetLiveVersion { workspace, journey, version: None });
            published.retired.push(live.row.slug.clone());
        }
    }
}

/// The id of the next journey that is new.
pub(crate) fn next_journey(before: &[StoredJourneyVersion]) -> JourneyId {
    JourneyId(before.iter().map(|version| version.row.journey.0).max().unwrap_or(0) + 1)
}

/// A new version when the text changed or the journey is not live; its slug and version then.
pub(crate) fn plan_journey(
    workspace: WorkspaceId,
    journey: &Journey,
    before: &[StoredJourneyVersion],
    next_id: &mut JourneyId,
    now: Timestamp,
    batch: &mut Batch,
) -> Option<(String, u32)> {
    let slug = journey.journey.text.clone();
    let definition = print(journey);
    let versions = before.iter().filter(|version| version.row.slug == slug);
    let last = versions.max_by_key(|version| version.row.version);
    if last.is_some_and(|last| last.live && last.row.definition == definition) {
        return None;
    }
    let id = last.map_or(*next_id, |last| last.row.journey);
    if last.is_none() {
        next_id.0 += 1;
    }
    let version = last.map_or(1, |last| last.row.version + 1);
    batch.ops.push(Op::InsertJourneyVersion(JourneyVersionRow {
        workspace,
        journey: id,
        slug: slug.clone(),
        version,
        definition,
        published_at: now,
    }));
    batch.ops.push(Op::SetLiveVersion { workspace, journey: id, version: Some(version) });
    Some((slug, version))
}

/// The versions there will be once the batch is committed.
fn versions_after(before: &[StoredJourneyVersion], batch: &Batch) -> Vec<StoredJourneyVersion> {
    let mut after = before.to_vec();
    for op in &batch.ops {
        match op {
            Op::InsertJourneyVersion(row) => {
                after.push(StoredJourneyVersion { row: row.clone(), live: false });
            }
            Op::SetLiveVersion { journey, version, .. } => {
                for stored in after.iter_mut().filter(|stored| stored.row.journey == *journey) {
                    stored.live = Some(stored.row.version) == *version;
                }
            }
            _ => {}
        }
    }
    after
}

async fn stored_program(store: &Store, row: &WorkspaceRow) -> Result<Program, PipelineError> {
    let segments = store.segments(row.id).await?;
    let versions = store.journey_versions(row.id).await?;
    let mut program = compile_rows(row, &segments, &versions)?;
    program.paused = paused_journeys(store, row.id).await?;
    Ok(program)
}

/// The paused journeys as the store keeps them.
async fn paused_journeys(
    store: &Store,
    workspace: WorkspaceId,
) -> Result<BTreeSet<JourneyId>, PipelineError> {
    Ok(store.paused_journeys(workspace).await?.into_iter().collect())
}

/// The operation that keeps whether a journey is paused.
pub(crate) fn set_paused(workspace: WorkspaceId, journey: JourneyId, paused: bool) -> Op {
    Op::SetPaused { workspace, journey, paused }
}

fn compile_rows(
    row: &WorkspaceRow,
    segments: &[SegmentRow],
    versions: &[StoredJourneyVersion],
) -> Result<Program, PipelineError> {
    let failed = |problems: Vec<Problem>| PipelineError::Definitions {
        workspace: row.slug.clone(),
        problems: problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"),
    };
    let workspace = parse_workspace("workspace.yaml", row.definition.as_bytes()).map_err(failed)?;
    let mut parsed_segments = Vec::with_capacity(segments.len());
    for segment in segments {
        let file = format!("segments/{}.yaml", segment.slug);
        parsed_segments.push(parse_segment(&file, segment.definition.as_bytes()).map_err(failed)?);
    }
    let mut parsed = Vec::with_capacity(versions.len());
    for version in versions {
        let file = format!("journeys/{}.yaml", version.row.slug);
        parsed.push(parse_journey(&file, version.row.definition.as_bytes()).map_err(failed)?);
    }
    let journeys: Vec<_> = versions
        .iter()
        .zip(&parsed)
        .map(|(stored, parsed)| (stored.row.journey, stored.row.version, stored.live, parsed))
        .collect();
    let segments: Vec<&Segment> = parsed_segments.iter().collect();
    compile(&workspace, &segments, &journeys, row.seed, row.id).map_err(failed)
}
