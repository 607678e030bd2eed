//! Texts of people to senders that no workspace has: whoever runs the gateway pays for those numbers.
//!
//! Must never show them to a workspace: nobody knows whose they are.

use super::Owner;
use crate::api::App;
use crate::api::auth::Operator;
use crate::api::body::{Listed, PageQuery, Path, Query};
use crate::api::error::{ApiError, Failures};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use wayline_core::time::Timestamp;
use wayline_pipeline::gateway::Inbound;
use wayline_store::batch::{Kept, KeptText};

/// A text that belongs to nobody.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnclaimedText {
    id: String,
    /// The person's number.
    from: String,
    /// The number, short code or name it went to, as the carrier writes it.
    to: String,
    /// What it says.
    text: String,
    /// Where pictures and the like are.
    media: Vec<String>,
    /// RFC 3339.
    received_at: String,
}

/// Texts of people that came by an operator's gateway to a sender that no workspace has. The newest 1,000 are kept, for
/// 30 days. A STOP among them revokes nothing, because nobody was revoked.
#[utoipa::path(get, path = "/api/v1/gateways/{gateway}/unclaimed", tag = "gateways", operation_id = "list_operator_gateway_unclaimed",
    params(("gateway" = String, Path), PageQuery),
    responses((status = 200, description = "Oldest first", body = Listed<UnclaimedText>), Failures))]
pub(crate) async fn list_operator(
    _: Operator,
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Listed<UnclaimedText>>, ApiError> {
    let (limit, after) = (page.limit()?, page.after_text()?);
    Owner::OPERATOR.gateway(&app, &id).await?;
    let key = Owner::OPERATOR.key(&id);
    let last = match &after {
        Some(after) => Some(came_at(&app, &key, after).await?),
        None => None,
    };
    let after = last.zip(after.as_deref());
    let rows = app.store.texts_of(Kept::Unclaimed, &key, after, limit).await?;
    Ok(Json(Listed::page(rows, limit, |row| row.key.clone(), |row| shown(&row))))
}

/// When the text came that a page goes on after.
async fn came_at(app: &App, gateway: &str, key: &str) -> Result<Timestamp, ApiError> {
    let found = app.store.texts_like(Kept::Unclaimed, gateway, key, 1).await?;
    let found = found.into_iter().find(|row| row.key == key);
    let found = found.ok_or_else(|| {
        ApiError::invalid(
            "after is not the `next` of a page of this list, or that text was forgotten",
        )
    })?;
    Ok(found.came_at)
}

fn shown(row: &KeptText) -> UnclaimedText {
    let inbound: Option<Inbound> = serde_json::from_str(&row.body).ok();
    let (from, to, text, media) = inbound.map_or_else(Default::default, |it| {
        let to = it.destination.number().to_owned();
        (it.from, to, it.text, it.media)
    });
    let media = media.into_iter().map(|media| media.url).collect();
    UnclaimedText {
        id: row.key.clone(),
        from,
        to,
        text,
        media,
        received_at: row.came_at.to_string(),
    }
}
