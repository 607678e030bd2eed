//! Whether the program lives, whether it takes work, and what it measured.
//!
//! Open to everybody who reaches the address: must never tell anything about a workspace but the ids
//! of its gateways in `/metrics`, which a proxy keeps inside.

use super::App;
use super::error::{ApiError, Failures};
use super::gateways;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// How the program is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`: what is not is a problem.
    pub(crate) status: String,
    /// Which release.
    pub(crate) version: String,
}

fn ok() -> Json<Health> {
    Json(Health { status: "ok".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// Does the process answer?
#[utoipa::path(get, path = "/health/live", tag = "health", security(()),
    responses((status = 200, description = "It does", body = Health)))]
pub(crate) async fn live() -> Json<Health> {
    ok()
}

/// Does it take work: is the engine running, can the store be read, and did its last commit succeed?
#[utoipa::path(get, path = "/health/ready", tag = "health", security(()),
    responses((status = 200, description = "It does", body = Health), Failures))]
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<Json<Health>, ApiError> {
    if *app.stop.borrow() {
        return Err(ApiError::unavailable("wayline is stopping"));
    }
    app.live.perform(|_, _| ()).await?;
    // The reason names a path: it is in the log.
    if app.live.failing().is_some() {
        return Err(ApiError::unavailable(
            "the store takes nothing at the moment; the log says why. It is tried again until it works",
        ));
    }
    app.store.sequences().await?;
    Ok(ok())
}

/// What was measured, in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "health", security(()),
    responses((status = 200, description = "Prometheus text", body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    app.metrics.run_upkeep();
    let text = app.metrics.render() + &gateways::measured(&app);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
