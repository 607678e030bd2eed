//! Who is and was in a journey, what was sent and what was decided, newest first.
//!
//! Must never read more than a page.

use super::Known;
use crate::api::App;
use crate::api::auth::{Read, Tenant};
use crate::api::body::{self, Listed, PageQuery, Path, Query};
use crate::api::error::{ApiError, Failures};
use crate::api::rows::{self, DecisionRow, EnrollmentOf, MessageRow};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;
use wayline_core::ids::{EnrollmentId, MessageId};

/// Which enrollments, and which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EnrollmentsQuery {
    /// Only those that have not ended.
    #[serde(default)]
    active: bool,
    /// The `next` of the page before; absent: the first page.
    after: Option<String>,
    /// Rows, 1 to 1000; absent: 50.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// The `next` of a page whose last row is `last`, when there may be more.
fn next<T>(found: &[T], limit: usize, cursor: impl FnOnce(&T) -> String) -> Option<String> {
    found.last().filter(|_| found.len() >= limit).map(cursor)
}

/// Who is or was in it.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/journeys/{journey}/enrollments", tag = "journeys",
    operation_id = "list_journey_enrollments",
    params(("workspace" = String, Path), ("journey" = String, Path), EnrollmentsQuery),
    responses((status = 200, description = "Newest first", body = Listed<EnrollmentOf>), Failures))]
pub(crate) async fn enrollments(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, slug)): Path<(String, String)>,
    Query(query): Query<EnrollmentsQuery>,
) -> Result<Json<Listed<EnrollmentOf>>, ApiError> {
    let (limit, workspace) = (body::limit(query.limit)?, tenant.id());
    let after = body::after_id(query.after.as_deref())?.map(EnrollmentId);
    let known = Known::need(&app.store, workspace, &slug).await?;
    let store = &app.store;
    let found =
        store.enrollments_of_journey(workspace, known.id, query.active, after, limit).await?;
    let next = next(&found, limit, |row| row.id.to_string());
    let items = rows::enrollments(&app, &tenant.row, found).await?;
    Ok(Json(Listed { items, next }))
}

/// Its messages, whatever became of them.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/journeys/{journey}/messages", tag = "journeys",
    operation_id = "list_journey_messages", params(("workspace" = String, Path), ("journey" = String, Path), PageQuery),
    responses((status = 200, description = "Newest first", body = Listed<MessageRow>), Failures))]
pub(crate) async fn messages(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, slug)): Path<(String, String)>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Listed<MessageRow>>, ApiError> {
    let (limit, workspace) = (page.limit()?, tenant.id());
    let after: Option<MessageId> = body::after(page.after.as_deref())?;
    // SQL keeps whole numbers with a sign: nothing has a higher id.
    let after = after.filter(|id| i64::try_from(id.enrollment.0).is_ok());
    let known = Known::need(&app.store, workspace, &slug).await?;
    let found = app.store.messages_of_journey(workspace, known.id, after, limit).await?;
    let next = next(&found, limit, |row| row.id.to_string());
    let items = rows::messages(&app, &tenant.row, found).await?;
    Ok(Json(Listed { items, next }))
}

/// What was decided in it.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/journeys/{journey}/decisions", tag = "journeys",
    operation_id = "list_journey_decisions", params(("workspace" = String, Path), ("journey" = String, Path), PageQuery),
    responses((status = 200, description = "Newest first", body = Listed<DecisionRow>), Failures))]
pub(crate) async fn decisions(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, slug)): Path<(String, String)>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Listed<DecisionRow>>, ApiError> {
    let (limit, workspace) = (page.limit()?, tenant.id());
    let known = Known::need(&app.store, workspace, &slug).await?;
    let after = body::after_id(page.after.as_deref())?;
    let found = app.store.decisions_of_journey(workspace, known.id, after, limit).await?;
    let next = next(&found, limit, |row| row.id.to_string());
    let items = rows::decisions(&app, &tenant.row, found).await?;
    Ok(Json(Listed { items, next }))
}
