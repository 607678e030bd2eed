//! What waits to be handed out: the outbox of a workspace by sender and purpose.
//!
//! Must never read another workspace's lanes.

use crate::api::App;
use crate::api::auth::{Read, Tenant};
use crate::api::body::{Listed, PageQuery, Query};
use crate::api::error::{ApiError, Failures};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::str::FromStr;
use std::sync::Arc;
use utoipa::ToSchema;
use wayline_core::ids::WorkspaceId;
use wayline_core::limits::PAGE_ROWS_MAX;
use wayline_core::policy::settings::Purpose;
use wayline_core::time::Timestamp;
use wayline_store::rows::Lane;

/// Messages that wait for the same sender and purpose.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LaneShown {
    /// Sender id.
    sender: String,
    /// What its messages are for.
    purpose: String,
    /// Messages that wait; not counted beyond 1000.
    queued: usize,
    /// Whether there may be more than that.
    more: bool,
    /// When the first of them may go, or could have gone, RFC 3339.
    first_due_at: String,
}

/// The last lane of a page, as its cursor writes it.
struct Place(String, Purpose);

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (sender, purpose) = text.rsplit_once('.').ok_or(())?;
        let all = [Purpose::Marketing, Purpose::Transactional];
        let purpose = all.into_iter().find(|it| it.to_string() == purpose).ok_or(())?;
        Ok(Place(sender.to_owned(), purpose))
    }
}

/// What waits in the outbox, by sender and purpose.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/lanes", tag = "gateways", operation_id = "list_lanes",
    params(("workspace" = String, Path), PageQuery),
    responses((status = 200, description = "By sender and purpose; one in which nothing waits is not there", body = Listed<LaneShown>), Failures))]
pub(crate) async fn list(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Listed<LaneShown>>, ApiError> {
    let (limit, workspace) = (page.limit()?, tenant.id());
    let after = match crate::api::body::after::<Place>(page.after.as_deref())? {
        Some(Place(sender, purpose)) => Some(Lane { workspace, sender, purpose }),
        None => before(workspace),
    };
    let mut found = app.store.lanes_queued(after.as_ref(), limit).await?;
    found.retain(|(lane, _)| lane.workspace == workspace);
    let last = found.last().filter(|_| found.len() >= limit);
    let next = last.map(|(lane, _)| format!("{}.{}", lane.sender, lane.purpose));
    let mut items = Vec::with_capacity(found.len());
    for (lane, first) in found {
        let waiting =
            app.store.messages_due_in_lane(&lane, None, Timestamp::MAX, PAGE_ROWS_MAX).await?;
        items.push(LaneShown {
            sender: lane.sender,
            purpose: lane.purpose.to_string(),
            queued: waiting.len(),
            more: waiting.len() >= PAGE_ROWS_MAX,
            first_due_at: first.to_string(),
        });
    }
    Ok(Json(Listed { items, next }))
}

/// What comes before every lane of a workspace: the end of those of the one before.
fn before(workspace: WorkspaceId) -> Option<Lane> {
    let before = workspace.0.checked_sub(1)?;
    let (sender, purpose) = (char::MAX.to_string(), Purpose::Transactional);
    Some(Lane { workspace: WorkspaceId(before), sender, purpose })
}
