//! Events, profiles and consents in the shape of Segment's SDKs, under `/v1`.
//!
//! An answer of 200 means: durable, and decided. Must never refuse a batch for one wrong item: the others are
//! taken, and each wrong one is named.

use super::App;
use super::auth::Events;
use super::body::{self, Whole};
use super::error::{ApiError, Failures, Wrong};
use super::limits::ERRORS_MAX;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;
use utoipa::ToSchema;
use wayline_core::limits::BATCH_INPUTS_MAX;
use wayline_pipeline::Accepted;
use wayline_pipeline::ingest::{self, Arrival, Refusal};

/// What was taken.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Taken {
    /// True: whatever is not in `refused` is durable.
    pub(crate) success: bool,
    /// New inputs.
    pub(crate) accepted: usize,
    /// Inputs whose `messageId` was taken before: nothing was done.
    pub(crate) duplicates: usize,
    /// Items that were not taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) refused: Vec<Refused>,
}

/// An item that was not taken.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Refused {
    /// Its place in the batch, from 0.
    pub(crate) index: usize,
    /// What is wrong and what to do.
    pub(crate) detail: String,
}

/// One message: `userId` or `anonymousId`, and what its kind needs. Fields that decide nothing are ignored.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "describes what `ingest` reads")]
pub(crate) struct SegmentMessage {
    /// identify, track, page, screen, group, alias, consent; only in a batch.
    r#type: Option<String>,
    /// The business's own id of the person.
    user_id: Option<String>,
    /// The id of a device.
    anonymous_id: Option<String>,
    /// For telling repetitions.
    message_id: Option<String>,
    /// When it happened, RFC 3339; absent: now.
    timestamp: Option<String>,
    /// Name of the event (track).
    event: Option<String>,
    /// What else there is to say (track, page, screen).
    properties: Option<serde_json::Map<String, serde_json::Value>>,
    /// Attributes (identify, group).
    traits: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Several messages.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "describes `Batch`")]
pub(crate) struct SegmentBatch {
    /// At most 1000, each with its `type`.
    #[schema(max_items = 1000)]
    batch: Vec<SegmentMessage>,
}

/// A batch, its items not read yet.
#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    batch: Vec<&'a RawValue>,
}

macro_rules! message_route {
    ($(#[$doc:meta])* $name:ident, $path:literal) => {
        $(#[$doc])*
        #[utoipa::path(post, path = $path, tag = "events", request_body = SegmentMessage,
            responses((status = 200, description = "Durable", body = Taken), Failures))]
        pub(crate) async fn $name(
            State(app): State<Arc<App>>,
            events: Events,
        ) -> Result<Json<Taken>, ApiError> {
            one(&app, stringify!($name), events).await
        }
    };
}

message_route!(
    /// Says who somebody is.
    identify, "/v1/identify"
);
message_route!(
    /// Says what somebody did.
    track, "/v1/track"
);
message_route!(
    /// Says which page somebody saw: an event `page`.
    page, "/v1/page"
);
message_route!(
    /// Says which screen somebody saw: an event `screen`.
    screen, "/v1/screen"
);
message_route!(
    /// Says to which group somebody belongs.
    group, "/v1/group"
);
message_route!(
    /// Says under which id somebody was known before.
    alias, "/v1/alias"
);

async fn one(app: &App, kind: &str, events: Events) -> Result<Json<Taken>, ApiError> {
    let Events { workspace, body } = events;
    let arrival = ingest::read_as(workspace, kind, &body, Some(app.clock.now()));
    let arrival = arrival.map_err(|refusal| refused(&refusal))?;
    take(app, vec![arrival], body, Vec::new()).await
}

fn refused(refusal: &Refusal) -> ApiError {
    metrics::counter!("wayline_inputs_total", "outcome" => "refused").increment(1);
    match refusal {
        Refusal::TooLarge { .. } => ApiError::too_large(refusal.to_string()),
        _ => ApiError::malformed(refusal.to_string()),
    }
}

/// Takes several messages; those that are wrong are named, the others are taken.
#[utoipa::path(post, path = "/v1/batch", tag = "events", request_body = SegmentBatch,
    responses((status = 200, description = "Whatever is not in `refused` is durable", body = Taken), Failures))]
pub(crate) async fn batch(
    State(app): State<Arc<App>>,
    Events { workspace, body }: Events,
) -> Result<Json<Taken>, ApiError> {
    let Batch { batch } = body::parse(&body)?;
    if batch.len() > BATCH_INPUTS_MAX {
        let detail =
            format!("{} items, a batch has at most {BATCH_INPUTS_MAX}; send several", batch.len());
        return Err(ApiError::too_large(detail));
    }
    let now = app.clock.now();
    let (mut arrivals, mut refusals) = (Vec::with_capacity(batch.len()), Vec::new());
    for (index, item) in batch.iter().enumerate() {
        match ingest::read(workspace, item.get().as_bytes(), Some(now)) {
            Ok(arrival) => arrivals.push(arrival),
            Err(refusal) => refusals.push(Refused { index, detail: refusal.to_string() }),
        }
    }
    metrics::counter!("wayline_inputs_total", "outcome" => "refused")
        .increment(refusals.len() as u64);
    if arrivals.is_empty() && !refusals.is_empty() {
        let wrong = refusals.into_iter().take(ERRORS_MAX);
        return Err(ApiError::malformed("every item of the batch is wrong, nothing was taken")
            .with(
                wrong.map(|it| Wrong { place: format!("batch[{}]", it.index), detail: it.detail }),
            ));
    }
    take(&app, arrivals, body, refusals).await
}

/// As `/v1/batch`, under the name that some SDKs use for history.
#[utoipa::path(post, path = "/v1/import", tag = "events", request_body = SegmentBatch,
    responses((status = 200, description = "Whatever is not in `refused` is durable", body = Taken), Failures))]
pub(crate) async fn import(
    state: State<Arc<App>>,
    events: Events,
) -> Result<Json<Taken>, ApiError> {
    batch(state, events).await
}

async fn take(
    app: &App,
    arrivals: Vec<Arrival>,
    body: Whole,
    refused: Vec<Refused>,
) -> Result<Json<Taken>, ApiError> {
    let answers = app.live.accept(arrivals, Some(body.room)).await?;
    let accepted = answers.iter().filter(|answer| matches!(answer, Accepted::Taken(_))).count();
    let duplicates = answers.len() - accepted;
    metrics::counter!("wayline_inputs_total", "outcome" => "accepted").increment(accepted as u64);
    metrics::counter!("wayline_inputs_total", "outcome" => "duplicate")
        .increment(duplicates as u64);
    Ok(Json(Taken { success: true, accepted, duplicates, refused }))
}
