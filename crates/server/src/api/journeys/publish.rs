//! From a text to what runs: validated, published, paused, resumed, archived.
//!
//! Must never publish what has an error, alone or together with the rest of the workspace, nor what may not run
//! for real people.

use super::{JourneyShown, Known, no_journey, show};
use crate::api::App;
use crate::api::auth::{Manage, Read, Tenant};
use crate::api::body::{JsonBody, Path};
use crate::api::error::{ApiError, Failures, wrong};
use crate::api::workspaces::{Folder, stored};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use wayline_core::ids::WorkspaceId;
use wayline_core::journey::definition::Journey;
use wayline_core::journey::problem::{Code, Problem, Severity};
use wayline_core::journey::validate;
use wayline_core::journey::workspace::{WORKSPACE_FILE, load};
use wayline_core::limits::PROBLEMS_MAX;
use wayline_core::time::Timestamp;
use wayline_pipeline::{Pipeline, PipelineError};
use wayline_store::batch::{Batch, DraftRow, Op, WorkspaceRow};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FindingSeverity {
    /// It cannot be published.
    Error,
    /// It can, and probably does not do what was meant.
    Warning,
}

/// One finding, with its place.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Finding {
    severity: FindingSeverity,
    /// The kind of problem: programs may compare it.
    #[schema(example = "unknown_key")]
    code: String,
    #[schema(example = "journeys/abandoned_cart.yaml")]
    file: String,
    /// From 1; 0: the whole file.
    line: u32,
    /// In characters, from 1; 0: the whole file.
    column: u32,
    /// What happened, to what, and what to do.
    message: String,
}

impl Finding {
    pub(super) fn is_error(&self) -> bool {
        self.severity == FindingSeverity::Error
    }
}

impl From<Problem> for Finding {
    fn from(problem: Problem) -> Self {
        let severity = match problem.severity {
            Severity::Error => FindingSeverity::Error,
            Severity::Warning => FindingSeverity::Warning,
        };
        Finding {
            severity,
            code: problem.code.to_string(),
            file: problem.file,
            line: problem.line,
            column: problem.column,
            message: problem.message,
        }
    }
}

/// A text together with the rest of the workspace.
struct Judged {
    problems: Vec<Problem>,
    /// The journey, when nothing is wrong.
    journey: Option<Journey>,
}

/// Judges a text as the definition of a journey, within the workspace as it is now.
async fn judge(
    app: &App,
    workspace: &WorkspaceRow,
    slug: &str,
    text: &str,
) -> Result<Judged, ApiError> {
    let mine = format!("journeys/{slug}.yaml");
    let mut folder = stored(app, workspace).await?;
    folder.files.insert(mine.clone(), text.to_owned());
    let files = folder.files.iter().map(|(name, text)| (name.as_str(), text.as_bytes()));
    let (mut problems, loaded) = match load(files) {
        Ok(mut loaded) => (std::mem::take(&mut loaded.warnings), Some(loaded)),
        Err(problems) => (problems, None),
    };
    // What the others may mean otherwise was said when they were published.
    problems.retain(|problem| problem.file == mine || problem.severity == Severity::Error);
    for problem in problems.iter_mut().filter(|it| it.code == Code::FileName) {
        problem.severity = Severity::Error;
        problem.message = format!(
            "this is the journey {slug} and the text holds another id; write `journey: {slug}`"
        );
    }
    let mut journey = None;
    if let Some(loaded) = loaded {
        problems.extend(validate::live_problems(WORKSPACE_FILE, &loaded.workspace));
        journey = loaded.journeys.into_iter().find(|it| it.file == mine).map(|it| it.definition);
        problems.extend(journey.iter().flat_map(|it| validate::publishable(&mine, it)));
    }
    problems.truncate(PROBLEMS_MAX);
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        journey = None;
    }
    Ok(Judged { problems, journey })
}

/// What is wrong with a text, or may be meant otherwise.
pub(super) async fn findings(
    app: &App,
    workspace: &WorkspaceRow,
    slug: &str,
    text: &str,
) -> Result<Vec<Finding>, ApiError> {
    let judged = judge(app, workspace, slug, text).await?;
    Ok(judged.problems.into_iter().map(Finding::from).collect())
}

/// A text, or the draft.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JourneyText {
    /// The definition; absent: the draft is taken.
    #[serde(default)]
    text: Option<String>,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Validated {
    /// Whether it could be published.
    valid: bool,
    problems: Vec<Finding>,
}

/// What publishing did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Published {
    journey: String,
    /// The version that is live.
    #[schema(minimum = 1)]
    version: u32,
    /// Whether it is new; false: this very definition is live already.
    changed: bool,
    /// What may be meant otherwise.
    warnings: Vec<Finding>,
}

/// The text to judge, and the draft when it is that one's.
async fn text_of(
    app: &App,
    workspace: WorkspaceId,
    slug: &str,
    given: JourneyText,
) -> Result<(String, Option<DraftRow>), ApiError> {
    let draft = app.store.draft(workspace, slug).await?;
    match given.text {
        Some(text) => {
            let same = draft.filter(|draft| draft.text == text);
            Ok((text, same))
        }
        None => {
            let draft = draft.ok_or_else(|| super::drafts::no_draft(slug))?;
            Ok((draft.text.clone(), Some(draft)))
        }
    }
}

/// Checks a text, or the draft, together with the other definitions. Changes nothing.
#[utoipa::path(post, path = "/api/v1/workspaces/{workspace}/journeys/{journey}/validate", tag = "journeys",
    operation_id = "validate_journey", params(("workspace" = String, Path), ("journey" = String, Path)),
    request_body = JourneyText, responses((status = 200, description = "What was found", body = Validated), Failures))]
pub(crate) async fn validate_text(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, slug)): Path<(String, String)>,
    JsonBody(given): JsonBody<JourneyText>,
) -> Result<Json<Validated>, ApiError> {
    let (text, _) = text_of(&app, tenant.id(), &slug, given).await?;
    let problems = findings(&app, &tenant.row, &slug, &text).await?;
    let valid = problems.iter().all(|finding| !finding.is_error());
    Ok(Json(Validated { valid, problems }))
}

/// Makes a text, or the draft, what runs: a new version when it differs from the one that is live. The draft that was
/// published goes away. A paused journey stays paused, an archived one is live again.
#[utoipa::path(post, path = "/api/v1/workspaces/{workspace}/journeys/{journey}/publish", tag = "journeys",
    operation_id = "publish_journey", params(("workspace" = String, Path), ("journey" = String, Path)),
    request_body = JourneyText, responses((status = 200, description = "It is live", body = Published), Failures))]
pub(crate) async fn publish(
    tenant: Tenant<Manage>,
    State(app): State<Arc<App>>,
    Path((_, slug)): Path<(String, String)>,
    JsonBody(given): JsonBody<JourneyText>,
) -> Result<Json<Published>, ApiError> {
    let (text, draft) = text_of(&app, tenant.id(), &slug, given).await?;
    let Judged { problems, journey } = judge(&app, &tenant.row, &slug, &text).await?;
    let journey = journey.ok_or_else(|| ApiError::definitions(&problems))?;
    let workspace = tenant.id();
    let published = app.live.perform(move |pipeline, now| {
        pollster::block_on(publish_now(pipeline, workspace, journey, draft, now))
    });
    let (version, changed) = published.await??;
    // The workspace's revision counts changes of the whole folder, so nobody else would ask again.
    app.names.again(&app, workspace, tenant.row.revision).await?;
    let warnings = problems.into_iter().map(Finding::from).collect();
    Ok(Json(Published { journey: slug, version, changed, warnings }))
}

async fn publish_now(
    pipeline: &mut Pipeline,
    workspace: WorkspaceId,
    journey: Journey,
    draft: Option<DraftRow>,
    now: Timestamp,
) -> Result<(u32, bool), ApiError> {
    let slug = journey.journey.text.clone();
    let found = pipeline.store().draft(workspace, &slug).await?;
    let is_same = draft.is_some() && draft == found;
    if draft.is_some() && !is_same {
        return Err(ApiError::conflict(
            "the draft was changed while it was to be published; read it and publish it again",
        ));
    }
    let new = pipeline.publish_journey(workspace, &journey, now).await?;
    let store = pipeline.store();
    if is_same {
        store
            .commit(&Batch { ops: vec![Op::RemoveDraft { workspace, slug: slug.clone() }] })
            .await?;
    }
    if let Some(version) = new {
        return Ok((version, true));
    }
    let known = Known::need(store, workspace, &slug).await?;
    let live = known.live().ok_or_else(|| no_journey(&slug))?;
    Ok((live.version, false))
}

/// Refuses to take a journey away to which others, or keywords, still lead: what is left would not be valid, and
/// nothing could be published any more.
async fn nothing_leads_to(app: &App, workspace: &WorkspaceRow, slug: &str) -> Result<(), ApiError> {
    let mut folder = stored(app, workspace).await?;
    let check = |folder: &Folder| {
        load(folder.files.iter().map(|(name, text)| (name.as_str(), text.as_bytes()))).err()
    };
    // What is wrong already is nothing that this changes.
    if check(&folder).is_some() || folder.files.remove(&format!("journeys/{slug}.yaml")).is_none() {
        return Ok(());
    }
    match check(&folder) {
        None => Ok(()),
        Some(problems) => Err(ApiError::conflict(format!(
            "something still leads to the journey {slug}; change that first"
        ))
        .with(wrong(&problems))),
    }
}

/// What may be done to a published journey.
#[derive(Clone, Copy)]
enum Step {
    Pause,
    Resume,
    Archive,
}

async fn take(
    app: &App,
    tenant: &Tenant<Manage>,
    slug: String,
    step: Step,
) -> Result<Json<JourneyShown>, ApiError> {
    let workspace = tenant.id();
    if matches!(step, Step::Archive) {
        nothing_leads_to(app, &tenant.row, &slug).await?;
    }
    let named = slug.clone();
    let done = app.live.perform(move |pipeline, now| {
        pollster::block_on(async {
            let known = Known::need(pipeline.store(), workspace, &named).await?;
            if known.live().is_none() && !matches!(step, Step::Archive) {
                return Err(ApiError::conflict(
                    "this journey is archived; publish it to make it live again",
                ));
            }
            let done = match step {
                Step::Pause => pipeline.pause(workspace, &named, now).await,
                Step::Resume => pipeline.resume(workspace, &named, now).await,
                Step::Archive => pipeline.archive(workspace, &named, now).await,
            };
            match done {
                Ok(_) => Ok(()),
                // Only archiving can break anything: another journey or a keyword still leads here.
                Err(error @ PipelineError::Definitions { .. }) => {
                    Err(ApiError::conflict(error.to_string()))
                }
                Err(error) => Err(error.into()),
            }
        })
    });
    done.await??;
    Ok(Json(show(app, &tenant.row, &slug).await?))
}

macro_rules! step_route {
    ($(#[$doc:meta])* $name:ident, $path:literal, $id:literal, $step:expr) => {
        $(#[$doc])*
        #[utoipa::path(post, path = $path, tag = "journeys", operation_id = $id,
            params(("workspace" = String, Path), ("journey" = String, Path)),
            responses((status = 200, description = "As it is now", body = JourneyShown), Failures))]
        pub(crate) async fn $name(
            tenant: Tenant<Manage>,
            State(app): State<Arc<App>>,
            Path((_, slug)): Path<(String, String)>,
        ) -> Result<Json<JourneyShown>, ApiError> {
            take(&app, &tenant, slug, $step).await
        }
    };
}

step_route!(
    /// Pauses a journey: nobody enters and its messages are held; those in it wait and move on. Nothing happens when it
    /// is paused already.
    pause, "/api/v1/workspaces/{workspace}/journeys/{journey}/pause", "pause_journey", Step::Pause
);
step_route!(
    /// Ends a pause: people enter again and held messages are asked about at once.
    resume, "/api/v1/workspaces/{workspace}/journeys/{journey}/resume", "resume_journey", Step::Resume
);
step_route!(
    /// Archives a journey: nobody enters any more, those in it finish.
    archive, "/api/v1/workspaces/{workspace}/journeys/{journey}/archive", "archive_journey", Step::Archive
);
