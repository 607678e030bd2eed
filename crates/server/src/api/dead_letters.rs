//! Dead letters: inputs that could not be handled, looked at, tried again or dropped.
//!
//! Must never lose one by accident: it goes when it was handled, or when somebody drops it by name.

use super::App;
use super::auth::{Manage, Read, Tenant};
use super::body::{self, Listed, PageQuery, Path, Query};
use super::error::{ApiError, Failures};
use super::rows::{ContactRef, People};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use wayline_core::event::Input;
use wayline_core::ids::{Seq, WorkspaceId};
use wayline_store::Store;
use wayline_store::batch::DeadLetterRow;

/// A dead letter in a list: without its input.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetterShown {
    #[schema(minimum = 0)]
    id: u64,
    /// When it failed, RFC 3339.
    at: String,
    /// Whose input it is; null: nobody's yet.
    contact: Option<ContactRef>,
    /// What failed.
    reason: String,
    /// How often it was tried.
    attempts: u32,
    /// What kind of input: track, identify, inbound, …; null: it cannot be read.
    #[schema(example = "track")]
    kind: Option<String>,
}

/// A dead letter with its input.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetterWhole {
    #[serde(flatten)]
    letter: DeadLetterShown,
    /// The input as it is kept.
    input: serde_json::Value,
}

fn shown(row: &DeadLetterRow, people: &People) -> DeadLetterShown {
    let input = serde_json::from_str::<Input>(&row.input).ok();
    DeadLetterShown {
        id: row.id.0,
        at: row.at.to_string(),
        contact: row.contact.map(|contact| people.of(contact)),
        reason: row.reason.clone(),
        attempts: row.attempts,
        kind: input.map(|input| input.kind.name().to_owned()),
    }
}

fn none(id: u64) -> ApiError {
    ApiError::not_found(format!(
        "there is no dead letter {id} in this workspace; it may have been tried again or dropped"
    ))
}

async fn find(store: &Store, workspace: WorkspaceId, id: u64) -> Result<DeadLetterRow, ApiError> {
    // SQL keeps whole numbers with a sign.
    if i64::try_from(id).is_err() {
        return Err(none(id));
    }
    store.dead_letter(workspace, Seq(id)).await?.ok_or_else(|| none(id))
}

/// Inputs that could not be handled.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/dead_letters", tag = "messages", operation_id = "list_dead_letters",
    params(("workspace" = String, Path), PageQuery),
    responses((status = 200, description = "Oldest first", body = Listed<DeadLetterShown>), Failures))]
pub(crate) async fn list(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Listed<DeadLetterShown>>, ApiError> {
    let (limit, workspace) = (page.limit()?, tenant.id());
    let after = body::after_id(page.after.as_deref())?.map(Seq);
    let rows = app.store.dead_letters(workspace, after, limit).await?;
    let people = People::load(&app, workspace, rows.iter().filter_map(|row| row.contact)).await?;
    Ok(Json(Listed::page(rows, limit, |row| row.id.to_string(), |row| shown(&row, &people))))
}

/// One of them, with its input.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/dead_letters/{id}", tag = "messages",
    operation_id = "get_dead_letter", params(("workspace" = String, Path), ("id" = u64, Path)),
    responses((status = 200, description = "With its input", body = DeadLetterWhole), Failures))]
pub(crate) async fn get(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, u64)>,
) -> Result<Json<DeadLetterWhole>, ApiError> {
    let row = find(&app.store, tenant.id(), id).await?;
    let people = People::load(&app, tenant.id(), row.contact).await?;
    let input = serde_json::from_str(&row.input);
    let input = input.unwrap_or_else(|_| serde_json::Value::String(row.input.clone()));
    Ok(Json(DeadLetterWhole { letter: shown(&row, &people), input }))
}

/// Tries it again. What fails again is a new dead letter with one attempt more.
#[utoipa::path(post, path = "/api/v1/workspaces/{workspace}/dead_letters/{id}/retry", tag = "messages",
    operation_id = "retry_dead_letter", params(("workspace" = String, Path), ("id" = u64, Path)),
    responses((status = 204, description = "Tried"), Failures))]
pub(crate) async fn retry(
    tenant: Tenant<Manage>,
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, u64)>,
) -> Result<StatusCode, ApiError> {
    let workspace = tenant.id();
    let done = app.live.perform(move |pipeline, now| {
        pollster::block_on(async {
            let row = find(pipeline.store(), workspace, id).await?;
            if serde_json::from_str::<Input>(&row.input).is_err() {
                return Err(ApiError::conflict(
                    "this dead letter cannot be read, so it cannot be tried again; drop it",
                ));
            }
            pipeline.retry_dead_letter(workspace, row.id, now).await?;
            Ok(StatusCode::NO_CONTENT)
        })
    });
    done.await?
}

/// Drops it for good.
#[utoipa::path(delete, path = "/api/v1/workspaces/{workspace}/dead_letters/{id}", tag = "messages",
    operation_id = "drop_dead_letter", params(("workspace" = String, Path), ("id" = u64, Path)),
    responses((status = 204, description = "Gone"), Failures))]
pub(crate) async fn delete(
    tenant: Tenant<Manage>,
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, u64)>,
) -> Result<StatusCode, ApiError> {
    let workspace = tenant.id();
    let done = app.live.perform(move |pipeline, _| {
        pollster::block_on(async {
            let row = find(pipeline.store(), workspace, id).await?;
            pipeline.drop_dead_letter(workspace, row.id).await?;
            Ok(StatusCode::NO_CONTENT)
        })
    });
    done.await?
}
