//! Gateways: set up, looked at, paused, drained and removed, by the operator or by a workspace for itself.
//!
//! Must never return a secret, and must never show or change a gateway of another workspace.

pub(crate) mod ask;
mod change;
pub(crate) mod kinds;
pub(crate) mod lanes;
mod measure;
mod shown;
pub(crate) mod test;
pub(crate) mod unclaimed;
pub(crate) mod unknown;

pub(crate) use measure::measured;

use super::App;
use super::auth::{Manage, Operator, Read, Tenant};
use super::body::{JsonBody, Listed, PageQuery, Path, Query};
use super::error::{ApiError, Failures};
use crate::gateway::key_of;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use change::NewGateway;
use shown::GatewayShown;
use std::sync::Arc;
use wayline_core::ids::WorkspaceId;
use wayline_core::limits::SLUG_CHARS_MAX;
use wayline_store::batch::{GatewayRow, GatewayStanding, WorkspaceRow};

/// Whose gateways.
#[derive(Clone)]
pub(super) struct Owner(Option<WorkspaceRow>);

impl Owner {
    /// Those of whoever runs the program.
    const OPERATOR: Owner = Owner(None);

    fn of<S>(tenant: &Tenant<S>) -> Owner {
        Owner(Some(tenant.row.clone()))
    }

    fn id(&self) -> Option<WorkspaceId> {
        self.0.as_ref().map(|row| row.id)
    }

    fn slug(&self) -> Option<&str> {
        self.0.as_ref().map(|row| row.slug.as_str())
    }

    fn key(&self, id: &str) -> String {
        key_of(self.slug(), id)
    }

    /// One of them.
    async fn gateway(&self, app: &App, id: &str) -> Result<GatewayRow, ApiError> {
        let found = app.store.gateway(self.id(), id).await?;
        found.ok_or_else(|| no_gateway(id))
    }
}

/// 404 for a gateway.
fn no_gateway(id: &str) -> ApiError {
    let id: String = id.chars().take(SLUG_CHARS_MAX).collect();
    ApiError::not_found(format!("there is no gateway {id:?} here"))
}

/// The operator's gateways.
#[utoipa::path(get, path = "/api/v1/gateways", tag = "gateways", operation_id = "list_operator_gateways",
    params(PageQuery), responses((status = 200, description = "By id", body = Listed<GatewayShown>), Failures))]
pub(crate) async fn list_operator(
    _: Operator,
    State(app): State<Arc<App>>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Listed<GatewayShown>>, ApiError> {
    listed(&app, &Owner::OPERATOR, &page).await
}

/// The gateways of a workspace. Those of the operator that it may use too are not among them.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/gateways", tag = "gateways", operation_id = "list_gateways",
    params(("workspace" = String, Path), PageQuery),
    responses((status = 200, description = "By id", body = Listed<GatewayShown>), Failures))]
pub(crate) async fn list(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Listed<GatewayShown>>, ApiError> {
    listed(&app, &Owner::of(&tenant), &page).await
}

async fn listed(
    app: &App,
    owner: &Owner,
    page: &PageQuery,
) -> Result<Json<Listed<GatewayShown>>, ApiError> {
    let (limit, after) = (page.limit()?, page.after_text()?);
    let rows = app.store.gateways(owner.id(), after.as_deref(), limit).await?;
    let next = rows.last().filter(|_| rows.len() >= limit).map(|row| row.id.clone());
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(shown::gateway(app, owner, row).await?);
    }
    Ok(Json(Listed { items, next }))
}

/// A gateway of the operator.
#[utoipa::path(get, path = "/api/v1/gateways/{gateway}", tag = "gateways", operation_id = "get_operator_gateway",
    params(("gateway" = String, Path)),
    responses((status = 200, description = "It, and how it stands", body = GatewayShown), Failures))]
pub(crate) async fn get_operator(
    _: Operator,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<GatewayShown>, ApiError> {
    let row = Owner::OPERATOR.gateway(&app, &id).await?;
    shown::gateway(&app, &Owner::OPERATOR, &row).await.map(Json)
}

/// A gateway of a workspace.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/gateways/{gateway}", tag = "gateways", operation_id = "get_gateway",
    params(("workspace" = String, Path), ("gateway" = String, Path)),
    responses((status = 200, description = "It, and how it stands", body = GatewayShown), Failures))]
pub(crate) async fn get(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, String)>,
) -> Result<Json<GatewayShown>, ApiError> {
    let owner = Owner::of(&tenant);
    let row = owner.gateway(&app, &id).await?;
    shown::gateway(&app, &owner, &row).await.map(Json)
}

/// Makes a gateway of the operator, or replaces it. Secrets that are not named stay as they are.
#[utoipa::path(put, path = "/api/v1/gateways/{gateway}", tag = "gateways", operation_id = "put_operator_gateway",
    params(("gateway" = String, Path)), request_body = NewGateway,
    responses((status = 200, description = "Kept and opened", body = GatewayShown), Failures))]
pub(crate) async fn put_operator(
    _: Operator,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    JsonBody(new): JsonBody<NewGateway>,
) -> Result<Json<GatewayShown>, ApiError> {
    change::put(&app, Owner::OPERATOR, id, new).await.map(Json)
}

/// Makes a gateway of a workspace, or replaces it. Secrets that are not named stay as they are.
#[utoipa::path(put, path = "/api/v1/workspaces/{workspace}/gateways/{gateway}", tag = "gateways", operation_id = "put_gateway",
    params(("workspace" = String, Path), ("gateway" = String, Path)), request_body = NewGateway,
    responses((status = 200, description = "Kept and opened", body = GatewayShown), Failures))]
pub(crate) async fn put(
    tenant: Tenant<Manage>,
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, String)>,
    JsonBody(new): JsonBody<NewGateway>,
) -> Result<Json<GatewayShown>, ApiError> {
    change::put(&app, Owner::of(&tenant), id, new).await.map(Json)
}

/// Removes a gateway of the operator. Its messages wait, or take another route.
#[utoipa::path(delete, path = "/api/v1/gateways/{gateway}", tag = "gateways", operation_id = "delete_operator_gateway",
    params(("gateway" = String, Path)), responses((status = 204, description = "Gone"), Failures))]
pub(crate) async fn delete_operator(
    _: Operator,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    change::delete(&app, Owner::OPERATOR, id).await
}

/// Removes a gateway of a workspace. Its messages wait, or take another route.
#[utoipa::path(delete, path = "/api/v1/workspaces/{workspace}/gateways/{gateway}", tag = "gateways", operation_id = "delete_gateway",
    params(("workspace" = String, Path), ("gateway" = String, Path)),
    responses((status = 204, description = "Gone"), Failures))]
pub(crate) async fn delete(
    tenant: Tenant<Manage>,
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    change::delete(&app, Owner::of(&tenant), id).await
}

/// The two handlers, operator's and workspace's, of something that is done to a gateway without a body.
macro_rules! standing {
    ($operator:ident, $tenant:ident, $word:literal, $id:literal, $standing:expr, $about:literal) => {
        #[doc = $about]
        #[doc = "The operator's."]
        #[utoipa::path(post, path = concat!("/api/v1/gateways/{gateway}/", $word), tag = "gateways",
            operation_id = concat!($word, "_operator_gateway"), params(("gateway" = String, Path)),
            responses((status = 200, description = "It stands so", body = GatewayShown), Failures))]
        pub(crate) async fn $operator(
            _: Operator,
            State(app): State<Arc<App>>,
            Path(id): Path<String>,
        ) -> Result<Json<GatewayShown>, ApiError> {
            change::stand(&app, Owner::OPERATOR, id, $standing).await.map(Json)
        }

        #[doc = $about]
        #[doc = "A workspace's."]
        #[utoipa::path(post, path = concat!("/api/v1/workspaces/{workspace}/gateways/{gateway}/", $word),
            tag = "gateways", operation_id = $id,
            params(("workspace" = String, Path), ("gateway" = String, Path)),
            responses((status = 200, description = "It stands so", body = GatewayShown), Failures))]
        pub(crate) async fn $tenant(
            tenant: Tenant<Manage>,
            State(app): State<Arc<App>>,
            Path((_, id)): Path<(String, String)>,
        ) -> Result<Json<GatewayShown>, ApiError> {
            change::stand(&app, Owner::of(&tenant), id, $standing).await.map(Json)
        }
    };
}

standing!(
    pause_operator,
    pause,
    "pause",
    "pause_gateway",
    GatewayStanding::Paused,
    "Pauses a gateway: it gets no messages until it is resumed; receipts and texts are still taken."
);
standing!(
    resume_operator,
    resume,
    "resume",
    "resume_gateway",
    GatewayStanding::Active,
    "Lets a gateway take messages again."
);
standing!(
    drain_operator,
    drain,
    "drain",
    "drain_gateway",
    GatewayStanding::Draining,
    "Drains a gateway before it is removed: no new messages; what it has is finished, receipts are taken."
);
