//! Drafts: a journey as somebody types it, kept even while it is wrong.
//!
//! Must never lose what somebody else typed meanwhile: a write names the revision it saw.

use super::publish::{Finding, findings};
use crate::api::App;
use crate::api::auth::{Manage, Read, Tenant};
use crate::api::body::{JsonBody, Listed, PageQuery, Path, Query};
use crate::api::error::{ApiError, Failures};
use crate::api::limits::DRAFTS_MAX;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use wayline_core::ids::WorkspaceId;
use wayline_core::limits::{DEFINITION_BYTES_MAX, SLUG_CHARS_MAX};
use wayline_store::Store;
use wayline_store::batch::{Batch, DraftRow, Op};
use wayline_store::rows::DraftHead;

/// A text to keep.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DraftText {
    /// As typed.
    #[schema(
        example = "journey: hello\nentry: {event: signed_up}\nsteps:\n  hi: {send: {sms: Hi}}\n"
    )]
    text: String,
    /// The revision it is based on; 0: there was no draft.
    #[schema(maximum = 9007199254740990_i64)]
    revision: u64,
}

/// A draft.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DraftShown {
    journey: String,
    /// As typed.
    text: String,
    /// Grows with every change.
    #[schema(minimum = 1)]
    revision: u64,
    /// RFC 3339.
    updated_at: String,
    /// Name of the API key that typed it.
    author: String,
}

/// A draft in a list: without its text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DraftListed {
    journey: String,
    #[schema(minimum = 1)]
    revision: u64,
    /// RFC 3339.
    updated_at: String,
    /// Name of the API key that typed it.
    author: String,
}

/// What was kept.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DraftKept {
    journey: String,
    /// The new revision.
    #[schema(minimum = 1)]
    revision: u64,
    /// RFC 3339.
    updated_at: String,
    /// Whether it could be published.
    valid: bool,
    /// What is wrong, or may be meant otherwise.
    problems: Vec<Finding>,
}

/// The highest revision there may be: what JSON readers of all kinds read exactly.
const REVISION_MAX: u64 = (1 << 53) - 1;

/// 404 for a draft.
pub(super) fn no_draft(slug: &str) -> ApiError {
    let slug: String = slug.chars().take(SLUG_CHARS_MAX).collect();
    ApiError::not_found(format!("the journey {slug:?} has no draft"))
}

fn shown(row: DraftRow) -> DraftShown {
    DraftShown {
        journey: row.slug,
        text: row.text,
        revision: row.revision,
        updated_at: row.updated_at.to_string(),
        author: row.author,
    }
}

fn listed(row: DraftHead) -> DraftListed {
    DraftListed {
        journey: row.slug,
        revision: row.revision,
        updated_at: row.updated_at.to_string(),
        author: row.author,
    }
}

/// Whether a text may be the id of a journey.
fn check_slug(slug: &str) -> Result<(), ApiError> {
    let mut bytes = slug.bytes();
    let begins = bytes.next().is_some_and(|first| first.is_ascii_lowercase());
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if begins && bytes.all(good) && slug.len() <= SLUG_CHARS_MAX {
        return Ok(());
    }
    Err(ApiError::not_found(format!(
        "no journey can have this id; ids are [a-z][a-z0-9_]*, at most {SLUG_CHARS_MAX} characters"
    )))
}

/// Drafts of a workspace.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/drafts", tag = "journeys", operation_id = "list_drafts",
    params(("workspace" = String, Path), PageQuery),
    responses((status = 200, description = "By journey", body = Listed<DraftListed>), Failures))]
pub(crate) async fn list(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Listed<DraftListed>>, ApiError> {
    let (limit, after) = (page.limit()?, page.after_text()?);
    let rows = app.store.draft_heads(tenant.id(), after.as_deref(), limit).await?;
    Ok(Json(Listed::page(rows, limit, |row| row.slug.clone(), listed)))
}

/// The draft of a journey.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/journeys/{journey}/draft", tag = "journeys",
    operation_id = "get_draft", params(("workspace" = String, Path), ("journey" = String, Path)),
    responses((status = 200, description = "As typed", body = DraftShown), Failures))]
pub(crate) async fn get(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, slug)): Path<(String, String)>,
) -> Result<Json<DraftShown>, ApiError> {
    let row = app.store.draft(tenant.id(), &slug).await?;
    Ok(Json(shown(row.ok_or_else(|| no_draft(&slug))?)))
}

/// Keeps a draft as typed, also when it is wrong. Answers 409 when somebody else changed it meanwhile.
#[utoipa::path(put, path = "/api/v1/workspaces/{workspace}/journeys/{journey}/draft", tag = "journeys",
    operation_id = "put_draft", params(("workspace" = String, Path), ("journey" = String, Path)),
    request_body = DraftText, responses((status = 200, description = "Kept", body = DraftKept), Failures))]
pub(crate) async fn put(
    tenant: Tenant<Manage>,
    State(app): State<Arc<App>>,
    Path((_, slug)): Path<(String, String)>,
    JsonBody(draft): JsonBody<DraftText>,
) -> Result<Json<DraftKept>, ApiError> {
    check_slug(&slug)?;
    if draft.text.len() > DEFINITION_BYTES_MAX {
        return Err(ApiError::too_large(format!(
            "a definition has at most {DEFINITION_BYTES_MAX} bytes"
        )));
    }
    if draft.revision >= REVISION_MAX {
        return Err(ApiError::invalid("revision is that of the draft you read, or 0"));
    }
    let findings = findings(&app, &tenant.row, &slug, &draft.text).await?;
    let (workspace, author) = (tenant.id(), tenant.key.name.clone());
    let kept = app.live.perform(move |pipeline, now| {
        pollster::block_on(async {
            let store = pipeline.store();
            let found = store.draft(workspace, &slug).await?.map_or(0, |row| row.revision);
            if found != draft.revision {
                return Err(changed(draft.revision, found));
            }
            if found == 0 {
                has_room(store, workspace).await?;
            }
            let row = DraftRow {
                workspace,
                slug,
                text: draft.text,
                updated_at: now,
                author,
                revision: found + 1,
            };
            store.commit(&Batch { ops: vec![Op::PutDraft(row.clone())] }).await?;
            Ok(row)
        })
    });
    let row = kept.await??;
    Ok(Json(DraftKept {
        journey: row.slug,
        revision: row.revision,
        updated_at: row.updated_at.to_string(),
        valid: findings.iter().all(|finding| !finding.is_error()),
        problems: findings,
    }))
}

/// Refuses one draft more than a workspace may have. Only in the engine's thread: two at once would both fit.
async fn has_room(store: &Store, workspace: WorkspaceId) -> Result<(), ApiError> {
    if store.draft_heads(workspace, None, DRAFTS_MAX).await?.len() < DRAFTS_MAX {
        return Ok(());
    }
    Err(ApiError::conflict(format!(
        "this workspace has {DRAFTS_MAX} drafts, as many as it may have; publish one or throw one away, then send it again"
    )))
}

fn changed(seen: u64, found: u64) -> ApiError {
    ApiError::conflict(match found {
        0 => format!(
            "the draft of revision {seen} is gone: it was published or thrown away; send revision 0 to begin another"
        ),
        found => format!(
            "the draft is at revision {found} and your text is based on {seen}; read it, put both together, send it again"
        ),
    })
}

/// Throws a draft away.
#[utoipa::path(delete, path = "/api/v1/workspaces/{workspace}/journeys/{journey}/draft", tag = "journeys",
    operation_id = "delete_draft", params(("workspace" = String, Path), ("journey" = String, Path)),
    responses((status = 204, description = "Gone"), Failures))]
pub(crate) async fn delete(
    tenant: Tenant<Manage>,
    State(app): State<Arc<App>>,
    Path((_, slug)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let workspace = tenant.id();
    let done = app.live.perform(move |pipeline, _| {
        pollster::block_on(async {
            let store = pipeline.store();
            if store.draft(workspace, &slug).await?.is_none() {
                return Err(no_draft(&slug));
            }
            store.commit(&Batch { ops: vec![Op::RemoveDraft { workspace, slug }] }).await?;
            Ok(StatusCode::NO_CONTENT)
        })
    });
    done.await?
}
