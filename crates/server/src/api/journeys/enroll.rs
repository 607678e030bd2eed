//! Bringing one person into a journey by an API call.
//!
//! Must never enter anybody by itself: the call is an input like any other, and the engine decides.

use super::no_journey;
use crate::api::App;
use crate::api::auth::{Tenant, Write};
use crate::api::body::Path;
use crate::api::contact;
use crate::api::error::{ApiError, Failures};
use crate::api::idempotency::{Creating, IdempotencyHeader};
use crate::api::rows::ContactRef;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use utoipa::ToSchema;
use wayline_core::decision::What;
use wayline_core::event::{Input, InputKind};
use wayline_core::ids::{ContactId, JourneyId, WorkspaceId};
use wayline_core::journey::program::{Entry, Program};
use wayline_core::limits::{INPUT_BYTES_MAX, INPUT_NESTING_MAX, KEY_CHARS_MAX};
use wayline_pipeline::Accepted;
use wayline_store::batch::{Identity, IdentityKind};
use wayline_store::rows::ContactRecord;

/// Whom to enroll: `user_id` or `contact`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEnrollment {
    /// The business's own id of the person.
    #[schema(min_length = 1, max_length = 256)]
    user_id: Option<String>,
    /// Id of the contact.
    #[schema(minimum = 1, maximum = 9223372036854775807_i64)]
    contact: Option<u64>,
    /// Entry key: an order, an appointment; absent or empty: none.
    #[serde(default)]
    #[schema(max_length = 256)]
    key: String,
    /// What an entry event would carry.
    properties: Option<Map<String, Value>>,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Enrolled {
    contact: ContactRef,
    /// Whether this call was taken before and its answer was lost: nothing was done now.
    duplicate: bool,
    /// Whether an enrollment began or began again by this call.
    entered: bool,
    /// That enrollment; null: none. `why` of the contact tells the reason.
    #[schema(minimum = 1)]
    enrollment: Option<u64>,
}

/// Brings a person into a journey with `entry: {api: true}`.
#[utoipa::path(post, path = "/api/v1/workspaces/{workspace}/journeys/{journey}/enroll", tag = "journeys",
    operation_id = "enroll", params(("workspace" = String, Path), ("journey" = String, Path), IdempotencyHeader),
    request_body = NewEnrollment, responses((status = 200, description = "Taken and decided", body = Enrolled), Failures))]
pub(crate) async fn enroll(
    tenant: Tenant<Write>,
    State(app): State<Arc<App>>,
    Path((_, slug)): Path<(String, String)>,
    Creating { body: new, creation }: Creating<NewEnrollment>,
) -> Result<Response, ApiError> {
    let workspace = tenant.id();
    check(&new)?;
    let record = person(&app, workspace, &new).await?;
    let (id, input_id) = (record.profile.contact, creation.input_id());
    let before = app.store.decisions(workspace, id, None, 1).await?;
    let kind = InputKind::Enroll {
        journey: slug.clone(),
        key: new.key,
        properties: new.properties.map_or(Value::Null, Value::Object),
    };
    let taken = app.live.perform(move |pipeline, now| {
        let engine = pipeline.engine(workspace).ok_or_else(|| no_journey(&slug))?;
        let journey = admits(&engine.program, &slug)?;
        let input = Input { at: now, kind };
        let taken = pollster::block_on(pipeline.accept_for(workspace, id, input_id, input, now))?;
        Ok::<_, ApiError>((journey, taken))
    });
    let (journey, taken) = taken.await??;
    let duplicate = taken == Accepted::Duplicate;
    let last = before.first().map_or(0, |row| row.id);
    let enrollment = match duplicate {
        true => None,
        false => entered(&app, workspace, id, journey, last).await?,
    };
    let contact = ContactRef { id: id.0, external_id: record.profile.external_id.clone() };
    let entered = enrollment.is_some();
    let answer = Enrolled { contact, duplicate, entered, enrollment };
    creation.answered(&app, StatusCode::OK, &answer).await
}

fn check(new: &NewEnrollment) -> Result<(), ApiError> {
    if new.key.chars().count() > KEY_CHARS_MAX {
        return Err(ApiError::invalid(format!("key has at most {KEY_CHARS_MAX} characters")));
    }
    let Some(properties) = &new.properties else { return Ok(()) };
    if !properties.values().all(|value| is_flat_enough(value, INPUT_NESTING_MAX - 1)) {
        return Err(ApiError::invalid(format!(
            "properties are nested deeper than {INPUT_NESTING_MAX} levels; flatten them"
        )));
    }
    let bytes = serde_json::to_vec(properties).map_or(usize::MAX, |text| text.len());
    if bytes > INPUT_BYTES_MAX {
        return Err(ApiError::too_large(format!(
            "properties have at most {INPUT_BYTES_MAX} bytes; send less with each call"
        )));
    }
    Ok(())
}

/// JSON itself is read to a bounded depth, so this ends.
fn is_flat_enough(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => {
            levels > 0 && items.iter().all(|item| is_flat_enough(item, levels - 1))
        }
        Value::Object(fields) => {
            levels > 0 && fields.values().all(|field| is_flat_enough(field, levels - 1))
        }
        _ => true,
    }
}

/// The journey, when API calls may bring people into it now. From what runs: nothing is read or parsed.
fn admits(program: &Program, slug: &str) -> Result<JourneyId, ApiError> {
    let Some(live) = program.live_by_slug(slug) else {
        return Err(match program.journeys.values().any(|it| it.slug == slug) {
            true => ApiError::conflict("this journey is archived: nobody enters it any more"),
            false => no_journey(slug),
        });
    };
    if !matches!(live.entry, Entry::Api) {
        return Err(ApiError::conflict(
            "API calls bring nobody into this journey; they do when it says `entry: {api: true}`",
        ));
    }
    if program.paused.contains(&live.id) {
        return Err(ApiError::conflict("this journey is paused; resume it, then send it again"));
    }
    Ok(live.id)
}

/// The person who is meant.
async fn person(
    app: &App,
    workspace: WorkspaceId,
    new: &NewEnrollment,
) -> Result<ContactRecord, ApiError> {
    let id = match (&new.user_id, new.contact) {
        (Some(user), None) => {
            let kind = IdentityKind::External;
            let identity = Identity { workspace, kind, value: user.clone() };
            let found = app.store.contact_by_identities(&[identity]).await?;
            let found = found.into_iter().next().flatten();
            found.ok_or_else(|| {
                ApiError::not_found("nobody has this user_id; send an identify first")
            })?
        }
        (None, Some(id)) => ContactId(id),
        _ => return Err(ApiError::invalid("say who it is: either user_id or contact")),
    };
    contact::find(app, workspace, id.0).await
}

/// Decisions of one call that are looked at for its enrollment.
const DECISIONS_LOOKED_AT: usize = 100;

/// The enrollment that began by what was decided after `last`.
async fn entered(
    app: &App,
    workspace: WorkspaceId,
    contact: ContactId,
    journey: JourneyId,
    last: u64,
) -> Result<Option<u64>, ApiError> {
    let rows = app.store.decisions(workspace, contact, None, DECISIONS_LOOKED_AT).await?;
    let new = rows.into_iter().take_while(|row| row.id > last).map(|row| row.row.decision);
    let mine = new.filter(|it| it.journey == Some(journey));
    let mut began = mine.filter(|it| matches!(it.what, What::Entered | What::Restarted));
    Ok(began.next().and_then(|it| it.enrollment).map(|id| id.0))
}
