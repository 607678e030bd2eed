//! API keys: made, listed, revoked. The secret is shown once; only its hash is kept.
//!
//! Must never return or log a secret a second time, and never let a key give another one more than it has.

use super::App;
use super::auth::{Manage, Operator, Scope, Tenant, new_secret};
use super::body::{Listed, PageQuery, Path, Query};
use super::error::{ApiError, Failures};
use super::idempotency::{Creating, IdempotencyHeader};
use super::limits::API_KEYS_MAX;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use wayline_core::ids::WorkspaceId;
use wayline_core::limits::NAME_CHARS_MAX;
use wayline_store::batch::{ApiKeyRow, Batch, Op};

/// A key that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    /// What it is for, so that people know which one to revoke.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// What it may do; an operator key may do everything and needs none.
    #[serde(default)]
    #[schema(max_items = 10)]
    scopes: Vec<Scope>,
}

/// A key as it can be shown: without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Key {
    id: u64,
    name: String,
    scopes: Vec<String>,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339; null: it is valid.
    revoked_at: Option<String>,
}

/// A new key, with its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedKey {
    id: u64,
    name: String,
    scopes: Vec<String>,
    /// The whole key. It is shown this once: in an answer that is given again (`Idempotency-Replayed`) it is null.
    /// Who lost it revokes the key and makes another one.
    key: Option<String>,
}

fn shown(row: ApiKeyRow) -> Key {
    Key {
        id: row.id,
        name: row.name,
        scopes: row.scopes,
        created_at: row.created_at.to_string(),
        revoked_at: row.revoked_at.map(|at| at.to_string()),
    }
}

/// The keys of a workspace.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/keys", tag = "keys", operation_id = "list_keys", params(("workspace" = String, Path), PageQuery),
    responses((status = 200, description = "By id", body = Listed<Key>), Failures))]
pub(crate) async fn list(
    tenant: Tenant<Manage>,
    State(app): State<Arc<App>>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Listed<Key>>, ApiError> {
    listed(&app, Some(tenant.id()), &page).await
}

/// The operator keys.
#[utoipa::path(get, path = "/api/v1/keys", tag = "keys", operation_id = "list_operator_keys", params(PageQuery),
    responses((status = 200, description = "By id", body = Listed<Key>), Failures))]
pub(crate) async fn list_operator(
    _: Operator,
    State(app): State<Arc<App>>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Listed<Key>>, ApiError> {
    listed(&app, None, &page).await
}

async fn listed(
    app: &App,
    owner: Option<WorkspaceId>,
    page: &PageQuery,
) -> Result<Json<Listed<Key>>, ApiError> {
    let limit = page.limit()?;
    let rows = app.store.api_keys(owner, page.after_number()?, limit).await?;
    Ok(Json(Listed::page(rows, limit, |row| row.id.to_string(), shown)))
}

/// Makes a key of a workspace. Its secret is in the answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/workspaces/{workspace}/keys", tag = "keys", operation_id = "create_key", params(("workspace" = String, Path), IdempotencyHeader),
    request_body = NewKey, responses((status = 201, description = "Made", body = CreatedKey), Failures))]
pub(crate) async fn create(
    tenant: Tenant<Manage>,
    State(app): State<Arc<App>>,
    new: Creating<NewKey>,
) -> Result<Response, ApiError> {
    if new.body.scopes.is_empty() {
        return Err(ApiError::invalid(
            "scopes is empty; a key without scopes can do nothing, name write, read or manage",
        ));
    }
    made(&app, Some(tenant.id()), new).await
}

/// Makes an operator key. Its secret is in the answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/keys", tag = "keys", operation_id = "create_operator_key", params(IdempotencyHeader),
    request_body = NewKey, responses((status = 201, description = "Made", body = CreatedKey), Failures))]
pub(crate) async fn create_operator(
    _: Operator,
    State(app): State<Arc<App>>,
    new: Creating<NewKey>,
) -> Result<Response, ApiError> {
    made(&app, None, new).await
}

async fn made(
    app: &Arc<App>,
    owner: Option<WorkspaceId>,
    Creating { body: new, creation }: Creating<NewKey>,
) -> Result<Response, ApiError> {
    if new.name.trim().is_empty() || new.name.chars().count() > NAME_CHARS_MAX {
        return Err(ApiError::invalid(format!(
            "name has 1 to {NAME_CHARS_MAX} characters; say what the key is for"
        )));
    }
    let NewKey { name, mut scopes } = new;
    scopes.sort_unstable();
    scopes.dedup();
    let known = Arc::clone(app);
    // In the engine's thread: two at once would take the same id.
    let made = app.live.perform(move |pipeline, now| {
        let store = pipeline.store();
        if known.keys.valid_of(owner) >= API_KEYS_MAX {
            return Err(too_many(owner));
        }
        let id = pollster::block_on(store.last_api_key())? + 1;
        let (key, hash) = new_secret(id).map_err(|error| {
            ApiError::internal(format!("the operating system gives no randomness: {error}"))
        })?;
        let scopes: Vec<String> = scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
        let row = ApiKeyRow {
            id,
            workspace: owner,
            name: name.clone(),
            scopes: scopes.clone(),
            hash,
            created_at: now,
            revoked_at: None,
        };
        let mut answer = CreatedKey { id, name, scopes, key: None };
        let mut ops = vec![Op::PutApiKey(row.clone())];
        ops.extend(creation.keep(now, StatusCode::CREATED, &answer)?);
        pollster::block_on(store.commit(&Batch { ops }))?;
        // Here, and not where it is waited for: whoever asked may have gone, and the key is good.
        known.keys.put(row);
        answer.key = Some(key);
        // A twin may look for the kept answer from now on.
        drop(creation);
        Ok::<_, ApiError>(answer)
    });
    Ok((StatusCode::CREATED, Json(made.await??)).into_response())
}

fn too_many(owner: Option<WorkspaceId>) -> ApiError {
    let whose = if owner.is_some() { "this workspace has" } else { "there are" };
    let kind = if owner.is_some() { "valid keys" } else { "valid operator keys" };
    ApiError::conflict(format!(
        "{whose} {API_KEYS_MAX} {kind}, as many as there may be; revoke those that nobody uses, then send it again"
    ))
}

/// Revokes a key of a workspace, at once and for good.
#[utoipa::path(delete, path = "/api/v1/workspaces/{workspace}/keys/{id}", tag = "keys", operation_id = "revoke_key",
    params(("workspace" = String, Path), ("id" = u64, Path)),
    responses((status = 200, description = "Revoked", body = Key), Failures))]
pub(crate) async fn revoke(
    tenant: Tenant<Manage>,
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, u64)>,
) -> Result<Json<Key>, ApiError> {
    revoked(&app, Some(tenant.id()), id).await
}

/// Revokes an operator key, at once and for good.
#[utoipa::path(delete, path = "/api/v1/keys/{id}", tag = "keys", operation_id = "revoke_operator_key",
    params(("id" = u64, Path)), responses((status = 200, description = "Revoked", body = Key), Failures))]
pub(crate) async fn revoke_operator(
    operator: Operator,
    State(app): State<Arc<App>>,
    Path(id): Path<u64>,
) -> Result<Json<Key>, ApiError> {
    if operator.key.id == id {
        return Err(ApiError::conflict(
            "this is the key you are using; revoke it with another one",
        ));
    }
    revoked(&app, None, id).await
}

async fn revoked(
    app: &Arc<App>,
    owner: Option<WorkspaceId>,
    id: u64,
) -> Result<Json<Key>, ApiError> {
    let known = Arc::clone(app);
    let done = app.live.perform(move |pipeline, now| {
        pollster::block_on(async {
            let store = pipeline.store();
            let found = store.api_key(id).await?.filter(|row| row.workspace == owner);
            let mut row =
                found.ok_or_else(|| ApiError::not_found(format!("there is no key {id} here")))?;
            row.revoked_at.get_or_insert(now);
            store.commit(&Batch { ops: vec![Op::PutApiKey(row.clone())] }).await?;
            // Here and not by the request: whoever asked may have gone, and the key must be known to be none.
            known.keys.put(row.clone());
            Ok::<_, ApiError>(row)
        })
    });
    Ok(Json(shown(done.await??)))
}
