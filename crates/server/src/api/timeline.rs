//! Everything about a contact in one list: what happened, what was decided, what was sent; newest first.
//!
//! ```text
//!  inputs ────┐
//!  decisions ─┼─▶ the newest of the three heads, again and again ─▶ page · cursor: where each of the three stands
//!  messages ──┘
//! ```
//! Must never show a thing twice or leave one out over the pages, whatever is added in front meanwhile.

use super::App;
use super::auth::{Read, Tenant};
use super::body::{Listed, PageQuery, Path, Query};
use super::contact::{find, state};
use super::error::{ApiError, Failures};
use super::names::Named;
use super::shown::{self, DecisionItem, InputItem, MessageItem};
use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use wayline_core::ids::{ContactId, MessageId, Seq, WorkspaceId};
use wayline_core::message::Message;
use wayline_core::time::Timestamp;
use wayline_store::batch::LoggedInput;
use wayline_store::rows::StoredDecision;

/// One thing; the field named by `kind` says more.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TimelineItem {
    /// Its place in time, RFC 3339: when an input was taken, a decision made, a message intended.
    at: String,
    /// `input`, `decision` or `message`.
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<InputItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<DecisionItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<MessageItem>,
}

/// Where each of the three lists goes on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Cursor {
    /// The next input.
    input: Option<Seq>,
    /// The decision shown last.
    decision: Option<u64>,
    /// The message shown last.
    message: Option<(Timestamp, MessageId)>,
}

impl Cursor {
    fn read(text: &str) -> Option<Cursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    fn written(self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&self).unwrap_or_default())
    }
}

/// What happened to a contact, what was decided about it and what was sent to it.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/contacts/{contact}/timeline", tag = "contacts",
    operation_id = "get_contact_timeline", params(("workspace" = String, Path), ("contact" = u64, Path), PageQuery),
    responses((status = 200, description = "Newest first", body = Listed<TimelineItem>), Failures))]
pub(crate) async fn get(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, u64)>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Listed<TimelineItem>>, ApiError> {
    let limit = page.limit()?;
    let record = find(&app, tenant.id(), id).await?;
    let cursor = match &page.after {
        None => Cursor { input: state(&record)?.last_seq, decision: None, message: None },
        Some(text) => Cursor::read(text)
            .ok_or_else(|| ApiError::invalid("after is not the `next` of a page of this list"))?,
    };
    let lists = Lists::read(&app, tenant.id(), ContactId(id), cursor, limit).await?;
    let names = app.names.of(&app, &tenant.row).await?;
    let (items, cursor) = merge(lists, cursor, limit, &names);
    let next = (items.len() == limit).then(|| cursor.written());
    Ok(Json(Listed { items, next }))
}

/// The next rows of each list, newest first.
struct Lists {
    inputs: Vec<LoggedInput>,
    decisions: Vec<StoredDecision>,
    messages: Vec<Message>,
}

impl Lists {
    async fn read(
        app: &App,
        workspace: WorkspaceId,
        contact: ContactId,
        cursor: Cursor,
        limit: usize,
    ) -> Result<Lists, ApiError> {
        let store = &app.store;
        let inputs = match cursor.input {
            Some(head) => store.history(workspace, contact, Some(head), limit).await?,
            None => Vec::new(),
        };
        let decisions = store.decisions(workspace, contact, cursor.decision, limit).await?;
        let messages = store.messages_of_contact(workspace, contact, cursor.message, limit).await?;
        Ok(Lists { inputs, decisions, messages })
    }
}

fn place(message: &Message) -> (Timestamp, MessageId) {
    (message.intended_at, message.id)
}

/// The newest things of the three lists, and where each list goes on after them. Of things of one instant what
/// follows comes first: the message, the decision that intended it, the input that led to it.
fn merge(
    lists: Lists,
    mut cursor: Cursor,
    limit: usize,
    names: &Named,
) -> (Vec<TimelineItem>, Cursor) {
    let mut inputs = lists.inputs.into_iter().peekable();
    let mut decisions = lists.decisions.into_iter().peekable();
    let mut messages = lists.messages.into_iter().peekable();
    let mut items = Vec::with_capacity(limit);
    while items.len() < limit {
        let input = inputs.peek().map(|it| (it.received_at, 0));
        let decision = decisions.peek().map(|it| (it.row.decision.at, 1));
        let message = messages.peek().map(|it| (it.intended_at, 2));
        let Some((at, which)) = [input, decision, message].into_iter().flatten().max() else {
            break;
        };
        let mut item = TimelineItem {
            at: at.to_string(),
            kind: ["input", "decision", "message"][which],
            input: None,
            decision: None,
            message: None,
        };
        match which {
            0 => {
                let Some(row) = inputs.next() else { break };
                cursor.input = row.previous;
                item.input = Some(shown::input(&row));
            }
            1 => {
                let Some(row) = decisions.next() else { break };
                cursor.decision = Some(row.id);
                item.decision = Some(shown::decision(&row.row.decision, names));
            }
            _ => {
                let Some(row) = messages.next() else { break };
                cursor.message = Some(place(&row));
                item.message = Some(shown::message(&row, names));
            }
        }
        items.push(item);
    }
    (items, cursor)
}
