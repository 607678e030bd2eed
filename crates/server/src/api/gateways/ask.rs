//! Asks a carrier whether it knows us, without sending anything to anybody.
//!
//! Must never send a message.

use super::Owner;
use crate::api::App;
use crate::api::auth::{Manage, Operator, Tenant};
use crate::api::body::Path;
use crate::api::error::{ApiError, Failures};
use crate::run;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// How long a carrier may take: less than a request may.
const CHECK_WITHIN: Duration = Duration::from_secs(20);

/// What a carrier said.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Checked {
    /// Whether it knows the account.
    ok: bool,
    /// What it said, or what is wrong.
    said: String,
}

/// Asks the carrier of an operator's gateway whether it knows the account. Nothing is sent to anybody.
#[utoipa::path(post, path = "/api/v1/gateways/{gateway}/check", tag = "gateways", operation_id = "check_operator_gateway",
    params(("gateway" = String, Path)),
    responses((status = 200, description = "What it said", body = Checked), Failures))]
pub(crate) async fn check_operator(
    _: Operator,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Checked>, ApiError> {
    checked(&app, &Owner::OPERATOR, &id).await
}

/// Asks the carrier of a workspace's gateway whether it knows the account. Nothing is sent to anybody.
#[utoipa::path(post, path = "/api/v1/workspaces/{workspace}/gateways/{gateway}/check", tag = "gateways",
    operation_id = "check_gateway", params(("workspace" = String, Path), ("gateway" = String, Path)),
    responses((status = 200, description = "What it said", body = Checked), Failures))]
pub(crate) async fn check(
    tenant: Tenant<Manage>,
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, String)>,
) -> Result<Json<Checked>, ApiError> {
    checked(&app, &Owner::of(&tenant), &id).await
}

async fn checked(app: &App, owner: &Owner, id: &str) -> Result<Json<Checked>, ApiError> {
    owner.gateway(app, id).await?;
    let Some(link) = app.registry.link(&owner.key(id)) else {
        let said = "the gateway does not run; its problem says why".to_owned();
        return Ok(Json(Checked { ok: false, said }));
    };
    let said = match run::within(CHECK_WITHIN, link.check()).await {
        Some(said) => said,
        None => Err(format!("it did not answer within {} s", CHECK_WITHIN.as_secs())),
    };
    let ok = said.is_ok();
    Ok(Json(Checked { ok, said: said.unwrap_or_else(|wrong| wrong) }))
}
