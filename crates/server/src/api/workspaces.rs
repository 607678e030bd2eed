//! Workspaces: listed, planned, applied and exported as a folder of definitions.
//!
//! Must never change anything when one definition is wrong, and never take what may not run live.

use super::App;
use super::auth::{Caller, Manage, Operator, Read, Tenant};
use super::body::{JsonBody, Listed, PageQuery, Path, Query};
use super::error::{ApiError, Failures};
use super::limits::FILES_MAX;
use crate::run;
use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use wayline_core::journey::plan::{Plan, plan as difference};
use wayline_core::journey::workspace::{LoadedWorkspace, load};
use wayline_pipeline::definitions::{Definitions, live_problems};
use wayline_store::batch::WorkspaceRow;

/// A workspace.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkspaceShown {
    /// Its text id.
    workspace: String,
    /// Counts changes of its definitions.
    revision: u64,
}

fn shown(row: WorkspaceRow) -> WorkspaceShown {
    WorkspaceShown { workspace: row.slug, revision: row.revision }
}

/// A folder of definitions: `workspace.yaml`, `journeys/*.yaml`, `segments/*.yaml`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Folder {
    /// Texts by file name.
    pub(crate) files: BTreeMap<String, String>,
}

/// What applying did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Applied {
    workspace: String,
    revision: u64,
    /// Journeys that got a new version.
    published: Vec<PublishedVersion>,
    /// Journeys that nobody enters any more; those in them finish.
    retired: Vec<String>,
    /// What may be meant otherwise.
    warnings: Vec<String>,
}

/// A new version.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublishedVersion {
    journey: String,
    version: u32,
}

/// All workspaces.
#[utoipa::path(get, path = "/api/v1/workspaces", tag = "workspaces", operation_id = "list_workspaces", params(PageQuery),
    responses((status = 200, description = "By id", body = Listed<WorkspaceShown>), Failures))]
pub(crate) async fn list(
    _: Operator,
    State(app): State<Arc<App>>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Listed<WorkspaceShown>>, ApiError> {
    let (limit, after) = (page.limit()?, page.after_number()?);
    let rows = app.store.workspaces().await?.into_iter();
    let rows = rows.filter(|row| after.is_none_or(|after| u64::from(row.id.0) > after)).take(limit);
    Ok(Json(Listed::page(rows.collect(), limit, |row| row.id.to_string(), shown)))
}

/// One workspace.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}", tag = "workspaces", operation_id = "get_workspace",
    params(("workspace" = String, Path)), responses((status = 200, description = "It", body = WorkspaceShown), Failures))]
pub(crate) async fn get(tenant: Tenant<Read>) -> Json<WorkspaceShown> {
    Json(shown(tenant.row))
}

/// Who may change a workspace that may not be there yet: an operator, or its own key with `manage`.
pub(crate) struct Changer(Option<WorkspaceRow>);

impl FromRequestParts<Arc<App>> for Changer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Changer, ApiError> {
        // Only looked at here: one of the two that follow admits it, so that a request counts once.
        let key = Caller::known(parts, app)?;
        if key.workspace.is_some() {
            return Ok(Changer(Some(Tenant::<Manage>::from_request_parts(parts, app).await?.row)));
        }
        Operator::from_request_parts(parts, app).await?;
        let Path(slug) = Path::<String>::from_request_parts(parts, app).await?;
        Ok(Changer(app.store.workspace_by_slug(&slug).await?))
    }
}

/// What would change if these files were applied.
#[utoipa::path(post, path = "/api/v1/workspaces/{workspace}/plan", tag = "workspaces", operation_id = "plan_workspace", params(("workspace" = String, Path)),
    request_body = Folder, responses((status = 200, description = "The differences", body = serde_json::Value), Failures))]
pub(crate) async fn plan(
    Changer(row): Changer,
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    JsonBody(folder): JsonBody<Folder>,
) -> Result<Json<Plan>, ApiError> {
    let new = read(&slug, &folder)?;
    let old = match row {
        Some(row) => read(&slug, &stored(&app, &row).await?)?,
        // Against nothing: the same workspace without journeys and segments.
        None => LoadedWorkspace { journeys: Vec::new(), segments: Vec::new(), ..new.clone() },
    };
    Ok(Json(difference(&old, &new)))
}

/// Makes these files what runs: journeys whose text changed get a new version, those that are gone are retired.
#[utoipa::path(put, path = "/api/v1/workspaces/{workspace}", tag = "workspaces", operation_id = "apply_workspace",
    params(("workspace" = String, Path)), request_body = Folder,
    responses((status = 200, description = "Applied", body = Applied), Failures))]
pub(crate) async fn apply(
    _: Changer,
    State(app): State<Arc<App>>,
    Path(slug): Path<String>,
    JsonBody(folder): JsonBody<Folder>,
) -> Result<Json<Applied>, ApiError> {
    let loaded = read(&slug, &folder)?;
    let warnings = loaded.warnings.iter().map(ToString::to_string).collect();
    let definitions = Definitions {
        workspace: loaded.workspace,
        segments: loaded.segments.into_iter().map(|it| it.definition).collect(),
        journeys: loaded.journeys.into_iter().map(|it| it.definition).collect(),
    };
    let refused = live_problems(&definitions);
    if !refused.is_empty() {
        return Err(ApiError::definitions(&refused));
    }
    let seed = run::random::<8>().map(u64::from_le_bytes);
    let seed = seed.map_err(|error| {
        ApiError::internal(format!("the operating system gives no randomness: {error}"))
    })?;
    let published = app.live.perform(move |pipeline, now| {
        pollster::block_on(async {
            // SQL keeps whole numbers with a sign.
            let published = pipeline.publish(&definitions, seed >> 1, now).await?;
            let row = pipeline.store().workspace_by_slug(&slug).await?;
            Ok::<_, ApiError>((published, row.map_or(0, |row| row.revision), slug))
        })
    });
    let (published, revision, workspace) = published.await??;
    let versions = published.versions.into_iter();
    Ok(Json(Applied {
        workspace,
        revision,
        published: versions
            .map(|(journey, version)| PublishedVersion { journey, version })
            .collect(),
        retired: published.retired,
        warnings,
    }))
}

/// The definitions that run, as files.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/export", tag = "workspaces", operation_id = "export_workspace", params(("workspace" = String, Path)),
    responses((status = 200, description = "In canonical form", body = Folder), Failures))]
pub(crate) async fn export(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
) -> Result<Json<Folder>, ApiError> {
    Ok(Json(stored(&app, &tenant.row).await?))
}

/// The definitions of now.
pub(crate) async fn stored(app: &App, row: &WorkspaceRow) -> Result<Folder, ApiError> {
    let mut files = BTreeMap::from([("workspace.yaml".to_owned(), row.definition.clone())]);
    for segment in app.store.segments(row.id).await? {
        files.insert(format!("segments/{}.yaml", segment.slug), segment.definition);
    }
    for version in app.store.live_versions(row.id).await? {
        files.insert(format!("journeys/{}.yaml", version.row.slug), version.row.definition);
    }
    Ok(Folder { files })
}

/// The files as definitions that fit together and are those of this workspace.
fn read(slug: &str, folder: &Folder) -> Result<LoadedWorkspace, ApiError> {
    if folder.files.len() > FILES_MAX {
        return Err(ApiError::too_large(format!("a workspace has at most {FILES_MAX} files")));
    }
    let files = folder.files.iter().map(|(name, text)| (name.as_str(), text.as_bytes()));
    let loaded = load(files).map_err(|problems| ApiError::definitions(&problems))?;
    let named = &loaded.workspace.workspace.text;
    if named != slug {
        return Err(ApiError::invalid(format!(
            "workspace.yaml says `workspace: {named}` and the path says {slug}; they must be the same"
        )));
    }
    Ok(loaded)
}
