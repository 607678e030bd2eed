//! Published versions of a journey, and what differs between two texts of it.
//!
//! Must never change anything: a version stays as it was published.

use super::{Known, definition_of, no_journey};
use crate::api::App;
use crate::api::auth::{Read, Tenant};
use crate::api::body::{self, Listed, PageQuery, Path, Query};
use crate::api::error::{ApiError, Failures};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use wayline_core::ids::{JourneyId, WorkspaceId};
use wayline_core::journey::definition::Journey;
use wayline_core::journey::parse::parse_journey;
use wayline_core::journey::plan::journey_differences;
use wayline_store::rows::VersionHead;

/// A published version.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionShown {
    #[schema(minimum = 1)]
    version: u32,
    /// Whether new entries get it.
    live: bool,
    /// RFC 3339.
    published_at: String,
}

/// A published version with its text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionText {
    journey: String,
    #[schema(minimum = 1)]
    version: u32,
    /// Whether new entries get it.
    live: bool,
    /// RFC 3339.
    published_at: String,
    /// The definition in canonical form.
    text: String,
}

fn shown(version: VersionHead) -> VersionShown {
    VersionShown {
        version: version.version,
        live: version.live,
        published_at: version.published_at.to_string(),
    }
}

/// The versions of a journey, newest first.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/journeys/{journey}/versions", tag = "journeys",
    operation_id = "list_journey_versions", params(("workspace" = String, Path), ("journey" = String, Path), PageQuery),
    responses((status = 200, description = "Newest first", body = Listed<VersionShown>), Failures))]
pub(crate) async fn list(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, slug)): Path<(String, String)>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Listed<VersionShown>>, ApiError> {
    let limit = page.limit()?;
    let after: Option<u32> = body::after(page.after.as_deref())?;
    let known = Known::need(&app.store, tenant.id(), &slug).await?;
    let rows = known.versions.into_iter().rev();
    let rows = rows.filter(|it| after.is_none_or(|after| it.version < after)).take(limit);
    Ok(Json(Listed::page(rows.collect(), limit, |it| it.version.to_string(), shown)))
}

/// One version with its text.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/journeys/{journey}/versions/{version}", tag = "journeys",
    operation_id = "get_journey_version",
    params(("workspace" = String, Path), ("journey" = String, Path), ("version" = u32, Path)),
    responses((status = 200, description = "In canonical form", body = VersionText), Failures))]
pub(crate) async fn get(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, slug, version)): Path<(String, String, u32)>,
) -> Result<Json<VersionText>, ApiError> {
    let known = Known::need(&app.store, tenant.id(), &slug).await?;
    let found = app.store.journey_version(tenant.id(), known.id, version).await?;
    let found = found.ok_or_else(|| no_version(&slug, version))?;
    Ok(Json(VersionText {
        journey: slug,
        version,
        live: found.live,
        published_at: found.row.published_at.to_string(),
        text: found.row.definition,
    }))
}

fn no_version(slug: &str, version: u32) -> ApiError {
    ApiError::not_found(format!("the journey {slug} has no version {version}"))
}

/// Which two texts are compared.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DiffQuery {
    /// A version, or `draft`; absent: the version that is live.
    #[param(pattern = "^(draft|[1-9][0-9]{0,9})$", example = "1")]
    from: Option<String>,
    /// A version, or `draft`; absent: the draft.
    #[param(pattern = "^(draft|[1-9][0-9]{0,9})$", example = "2")]
    to: Option<String>,
}

/// One of the two texts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Side {
    /// Null: it is the draft.
    #[schema(minimum = 1)]
    version: Option<u32>,
    text: String,
}

/// One difference.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DifferenceShown {
    /// Where: `entry.where`, `steps.remind.send.sms`.
    path: String,
    /// As it was, in canonical form; null: it is new.
    old: Option<String>,
    /// As it is then; null: it is gone.
    new: Option<String>,
}

/// What differs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Diff {
    from: Side,
    to: Side,
    /// In what the two mean, however they are written.
    differences: Vec<DifferenceShown>,
}

/// What differs between two versions, or a version and the draft.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/journeys/{journey}/diff", tag = "journeys",
    operation_id = "diff_journey", params(("workspace" = String, Path), ("journey" = String, Path), DiffQuery),
    responses((status = 200, description = "Both texts, and the differences", body = Diff), Failures))]
pub(crate) async fn diff(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, slug)): Path<(String, String)>,
    Query(query): Query<DiffQuery>,
) -> Result<Json<Diff>, ApiError> {
    let known = Known::find(&app.store, tenant.id(), &slug).await?;
    let live = known.as_ref().and_then(Known::live).map(|it| it.version.to_string());
    let from = query.from.or(live).ok_or_else(|| {
        ApiError::invalid("no version of this journey is live; say with `from` what to compare")
    })?;
    let to = query.to.unwrap_or_else(|| "draft".to_owned());
    let id = known.map(|known| known.id);
    let (from, old) = side(&app, tenant.id(), &slug, id, &from).await?;
    let (to, new) = side(&app, tenant.id(), &slug, id, &to).await?;
    let differences = journey_differences(&old, &new).into_iter().map(|it| DifferenceShown {
        path: it.path,
        old: it.old,
        new: it.new,
    });
    Ok(Json(Diff { from, to, differences: differences.collect() }))
}

async fn side(
    app: &App,
    workspace: WorkspaceId,
    slug: &str,
    journey: Option<JourneyId>,
    named: &str,
) -> Result<(Side, Journey), ApiError> {
    if named == "draft" {
        let draft = app.store.draft(workspace, slug).await?;
        let text = draft.ok_or_else(|| super::drafts::no_draft(slug))?.text;
        let file = format!("journeys/{slug}.yaml");
        let definition = parse_journey(&file, text.as_bytes())
            .map_err(|problems| ApiError::definitions(&problems))?;
        return Ok((Side { version: None, text }, definition));
    }
    let version: u32 = named.parse().map_err(|_| {
        let named: String = named.chars().take(20).collect();
        ApiError::invalid(format!("{named:?} is neither a version, like 3, nor `draft`"))
    })?;
    let journey = journey.ok_or_else(|| no_journey(slug))?;
    let found = app.store.journey_version(workspace, journey, version).await?;
    let found = found.ok_or_else(|| no_version(slug, version))?;
    let definition = definition_of(&found)?;
    Ok((Side { version: Some(version), text: found.row.definition }, definition))
}
