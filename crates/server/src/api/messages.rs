//! One message and everything that was decided about it.
//!
//! Must never show a message of another workspace.

use super::App;
use super::auth::{Read, Tenant};
use super::body::Path;
use super::error::{ApiError, Failures};
use super::rows::{self, DecisionRow, MessageRow};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use wayline_core::ids::{ContactId, MessageId, WorkspaceId};
use wayline_core::limits::PAGE_ROWS_MAX;
use wayline_core::message::Message;
use wayline_store::rows::StoredDecision;
use wayline_store::{Store, StoreError};

/// Pages of the contact's decisions that are looked through.
const PAGES_MAX: usize = 10;

/// A message with its story.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessageStory {
    message: MessageRow,
    /// What was decided about it, oldest first.
    decisions: Vec<DecisionRow>,
    /// Whether older decisions were not looked at: the contact has very many.
    more: bool,
}

/// One message, and what was decided about it.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/messages/{message}", tag = "messages", operation_id = "get_message",
    params(("workspace" = String, Path), ("message" = String, Path)),
    responses((status = 200, description = "It, and its story", body = MessageStory), Failures))]
pub(crate) async fn get(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, String)>,
) -> Result<Json<MessageStory>, ApiError> {
    let workspace = tenant.id();
    let parsed: MessageId = id.parse().map_err(|error| ApiError::not_found(format!("{error}")))?;
    let missing = || ApiError::not_found(format!("there is no message {parsed} in this workspace"));
    if i64::try_from(parsed.enrollment.0).is_err() {
        return Err(missing());
    }
    let found = app.store.messages(&[parsed]).await?.into_iter().next().flatten();
    let message = found.filter(|it| it.workspace == workspace).ok_or_else(missing)?;
    let (about, more) = decisions_about(&app.store, workspace, &message).await?;
    let decisions = rows::decisions(&app, &tenant.row, about).await?;
    let mut shown = rows::messages(&app, &tenant.row, vec![message]).await?;
    let message = shown.pop().ok_or_else(missing)?;
    Ok(Json(MessageStory { message, decisions, more }))
}

/// Decisions about a message, oldest first, and whether some may be missing.
async fn decisions_about(
    store: &Store,
    workspace: WorkspaceId,
    message: &Message,
) -> Result<(Vec<StoredDecision>, bool), StoreError> {
    let contact: ContactId = message.contact;
    let (mut about, mut after) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let page = store.decisions(workspace, contact, after, PAGE_ROWS_MAX).await?;
        let full = page.len() == PAGE_ROWS_MAX;
        let last = page.last().map(|row| (row.id, row.row.decision.at));
        about.extend(page.into_iter().filter(|row| row.row.decision.message == Some(message.id)));
        after = last.map(|(id, _)| id);
        // Nothing is decided about a message before it is intended.
        if !full || last.is_none_or(|(_, at)| at < message.intended_at) {
            about.reverse();
            return Ok((about, false));
        }
    }
    about.reverse();
    Ok((about, true))
}
