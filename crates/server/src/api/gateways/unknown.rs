//! Messages whose answer was lost at a gateway: nobody knows whether they went, and they are never sent again blindly.
//!
//! Must never show a workspace the messages of another one.

use super::Owner;
use crate::api::App;
use crate::api::auth::{Operator, Read, Tenant};
use crate::api::body::{Listed, PageQuery, Path, Query, after};
use crate::api::error::{ApiError, Failures};
use crate::api::rows::{self, MessageRow};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use wayline_core::ids::{MessageId, WorkspaceId};
use wayline_core::message::Message;

/// A message whose answer was lost, and in which workspace.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnknownMessage {
    workspace: String,
    #[serde(flatten)]
    message: MessageRow,
}

/// Messages that an operator's gateway took or not, nobody knows.
#[utoipa::path(get, path = "/api/v1/gateways/{gateway}/unknown", tag = "gateways", operation_id = "list_operator_gateway_unknown",
    params(("gateway" = String, Path), PageQuery),
    responses((status = 200, description = "By number", body = Listed<UnknownMessage>), Failures))]
pub(crate) async fn list_operator(
    _: Operator,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Listed<UnknownMessage>>, ApiError> {
    listed(&app, &Owner::OPERATOR, &id, &page).await
}

/// Messages that a workspace's gateway took or not, nobody knows.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/gateways/{gateway}/unknown", tag = "gateways",
    operation_id = "list_gateway_unknown", params(("workspace" = String, Path), ("gateway" = String, Path), PageQuery),
    responses((status = 200, description = "By number", body = Listed<UnknownMessage>), Failures))]
pub(crate) async fn list(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, String)>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Listed<UnknownMessage>>, ApiError> {
    listed(&app, &Owner::of(&tenant), &id, &page).await
}

async fn listed(
    app: &App,
    owner: &Owner,
    id: &str,
    page: &PageQuery,
) -> Result<Json<Listed<UnknownMessage>>, ApiError> {
    let limit = page.limit()?;
    owner.gateway(app, id).await?;
    let key = owner.key(id);
    let last = last(app, &key, page).await?;
    let last = last.as_ref().map(|message| (message.to.as_str(), message.id));
    let mut found = app.store.messages_unknown(&key, last, limit).await?;
    let next = found.last().filter(|_| found.len() >= limit).map(|it| it.id.to_string());
    found.retain(|message| owner.id().is_none_or(|mine| mine == message.workspace));
    Ok(Json(Listed { items: shown(app, found).await?, next }))
}

/// The message a page goes on after.
async fn last(app: &App, key: &str, page: &PageQuery) -> Result<Option<Message>, ApiError> {
    let Some(id) = after::<MessageId>(page.after.as_deref())? else { return Ok(None) };
    let is_id = i64::try_from(id.enrollment.0).is_ok();
    let found = match is_id {
        true => app.store.messages(&[id]).await?.into_iter().next().flatten(),
        false => None,
    };
    match found.filter(|message| message.gateway == key) {
        Some(message) => Ok(Some(message)),
        None => Err(ApiError::invalid("after is not the `next` of a page of this list")),
    }
}

/// Messages of whichever workspaces, in their order.
async fn shown(app: &App, found: Vec<Message>) -> Result<Vec<UnknownMessage>, ApiError> {
    let order: Vec<MessageId> = found.iter().map(|message| message.id).collect();
    let mut by_workspace: BTreeMap<WorkspaceId, Vec<Message>> = BTreeMap::new();
    for message in found {
        by_workspace.entry(message.workspace).or_default().push(message);
    }
    if by_workspace.is_empty() {
        return Ok(Vec::new());
    }
    let mut items = BTreeMap::new();
    for row in app.store.workspaces().await? {
        let Some(messages) = by_workspace.remove(&row.id) else { continue };
        let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
        let shown = rows::messages(app, &row, messages).await?;
        for (id, message) in ids.into_iter().zip(shown) {
            items.insert(id, UnknownMessage { workspace: row.slug.clone(), message });
        }
    }
    Ok(order.iter().filter_map(|id| items.remove(id)).collect())
}
