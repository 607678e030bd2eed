//! One contact: who it is, where it stands, and what there is about it, list by list.
//!
//! Must never show a contact of another workspace: for who asks, there is none of that id.

use super::App;
use super::auth::{Read, Tenant};
use super::body::{self, Listed, PageQuery, Path, Query};
use super::error::{ApiError, Failures};
use super::shown::{self, DecisionItem, EnrollmentItem, MessageItem, Standing};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::str::FromStr;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use wayline_core::consent::ConsentNow;
use wayline_core::contact::State as ContactState;
use wayline_core::ids::{ContactId, EnrollmentId, MessageId, WorkspaceId};
use wayline_core::time::Timestamp;
use wayline_pipeline::PipelineError;
use wayline_pipeline::why::{Why, why as explain};
use wayline_store::rows::ContactRecord;

/// A contact.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ContactShown {
    /// Its number here.
    id: u64,
    /// The business's own id of the person.
    external_id: Option<String>,
    /// E.164.
    phone: Option<String>,
    email: Option<String>,
    /// What else the business knows.
    attributes: Value,
    /// When first heard of, RFC 3339.
    created_at: String,
    /// What the person allows now.
    consents: Vec<ConsentShown>,
    /// Where the person stands in journeys.
    enrollments: Vec<Standing>,
    /// When something happens by itself the next time, RFC 3339.
    next_wake: Option<String>,
}

/// Consent on one channel, or on one topic of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ConsentShown {
    /// `sms`.
    channel: String,
    /// Null: the channel as a whole.
    topic: Option<String>,
    /// `opted_in`, `opted_out` or `pending`.
    state: String,
    /// RFC 3339.
    since: String,
}

/// A consent of now.
pub(crate) fn consent(now: &ConsentNow) -> ConsentShown {
    ConsentShown {
        channel: now.channel.to_string(),
        topic: now.topic.clone(),
        state: now.state.to_string(),
        since: now.since.to_string(),
    }
}

/// The contact of that id, when it belongs to the workspace.
pub(crate) async fn find(
    app: &App,
    workspace: WorkspaceId,
    id: u64,
) -> Result<ContactRecord, ApiError> {
    let found = match i64::try_from(id) {
        Ok(_) => app.store.contacts(&[ContactId(id)]).await?.into_iter().next().flatten(),
        // No id is so large, and SQL keeps none.
        Err(_) => None,
    };
    let found = found.filter(|record| record.profile.workspace == workspace);
    found.ok_or_else(|| ApiError::not_found(format!("there is no contact {id} in this workspace")))
}

/// What the engine knows about a contact.
pub(crate) fn state(record: &ContactRecord) -> Result<ContactState, ApiError> {
    if record.version == 0 {
        return Ok(ContactState::default());
    }
    ContactState::decode(record.profile.contact, &record.state).map_err(|error| {
        tracing::error!(%error, "a contact cannot be read");
        ApiError::internal("the state of this contact cannot be read; the log says why")
    })
}

/// One contact, with its consents and where it stands.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/contacts/{contact}", tag = "contacts", operation_id = "get_contact",
    params(("workspace" = String, Path), ("contact" = u64, Path)),
    responses((status = 200, description = "It", body = ContactShown), Failures))]
pub(crate) async fn get(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, u64)>,
) -> Result<Json<ContactShown>, ApiError> {
    let record = find(&app, tenant.id(), id).await?;
    let names = app.names.of(&app, &tenant.row).await?;
    let state = state(&record)?;
    let profile = &record.profile;
    Ok(Json(ContactShown {
        id,
        external_id: profile.external_id.clone(),
        phone: profile.phone.clone(),
        email: profile.email.clone(),
        attributes: serde_json::from_str(&profile.attributes).unwrap_or(Value::Null),
        created_at: profile.created_at.to_string(),
        consents: state.consents.iter().map(consent).collect(),
        enrollments: state.enrollments.iter().map(|it| shown::standing(it, &names)).collect(),
        next_wake: record.wake.map(|wake| wake.due.to_string()),
    }))
}

/// Enrollments of a contact, active and ended.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/contacts/{contact}/enrollments", tag = "contacts",
    operation_id = "list_contact_enrollments", params(("workspace" = String, Path), ("contact" = u64, Path), PageQuery),
    responses((status = 200, description = "Newest first", body = Listed<EnrollmentItem>), Failures))]
pub(crate) async fn enrollments(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, u64)>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Listed<EnrollmentItem>>, ApiError> {
    let (limit, after) = (page.limit()?, page.after_number()?.map(EnrollmentId));
    find(&app, tenant.id(), id).await?;
    let names = app.names.of(&app, &tenant.row).await?;
    let rows = app.store.enrollments(tenant.id(), ContactId(id), after, limit).await?;
    Ok(Json(Listed::page(
        rows,
        limit,
        |row| row.id.to_string(),
        |row| shown::enrollment(row, &names),
    )))
}

/// A place in the list of messages, as a text: when it was intended, and its id.
struct Place(Timestamp, MessageId);

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Place, ()> {
        let (at, id) = text.split_once('.').ok_or(())?;
        let id: MessageId = id.parse().map_err(|_| ())?;
        // SQL keeps whole numbers with a sign.
        i64::try_from(id.enrollment.0).map_err(|_| ())?;
        Ok(Place(Timestamp(at.parse().map_err(|_| ())?), id))
    }
}

/// Messages of a contact.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/contacts/{contact}/messages", tag = "contacts",
    operation_id = "list_contact_messages", params(("workspace" = String, Path), ("contact" = u64, Path), PageQuery),
    responses((status = 200, description = "Newest first", body = Listed<MessageItem>), Failures))]
pub(crate) async fn messages(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, u64)>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Listed<MessageItem>>, ApiError> {
    let (limit, after) = (page.limit()?, body::after::<Place>(page.after.as_deref())?);
    find(&app, tenant.id(), id).await?;
    let names = app.names.of(&app, &tenant.row).await?;
    let after = after.map(|Place(at, id)| (at, id));
    let rows = app.store.messages_of_contact(tenant.id(), ContactId(id), after, limit).await?;
    Ok(Json(Listed::page(
        rows,
        limit,
        |row| format!("{}.{}", row.intended_at.0, row.id),
        |row| shown::message(&row, &names),
    )))
}

/// Decisions about a contact.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/contacts/{contact}/decisions", tag = "contacts",
    operation_id = "list_contact_decisions", params(("workspace" = String, Path), ("contact" = u64, Path), PageQuery),
    responses((status = 200, description = "Newest first", body = Listed<DecisionItem>), Failures))]
pub(crate) async fn decisions(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, u64)>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Listed<DecisionItem>>, ApiError> {
    let (limit, after) = (page.limit()?, page.after_number()?);
    find(&app, tenant.id(), id).await?;
    let names = app.names.of(&app, &tenant.row).await?;
    let rows = app.store.decisions(tenant.id(), ContactId(id), after, limit).await?;
    Ok(Json(Listed::page(
        rows,
        limit,
        |row| row.id.to_string(),
        |row| shown::decision(&row.row.decision, &names),
    )))
}

/// Which journey is asked about.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WhyQuery {
    /// Text id of the journey.
    journey: String,
}

/// Why a contact is where it is in a journey, or why it never entered it.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/contacts/{contact}/why", tag = "contacts",
    operation_id = "why_contact", params(("workspace" = String, Path), ("contact" = u64, Path), WhyQuery),
    responses((status = 200, description = "Where it stands, and what was decided, oldest first", body = serde_json::Value), Failures))]
pub(crate) async fn why(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, u64)>,
    Query(WhyQuery { journey }): Query<WhyQuery>,
) -> Result<Json<Why>, ApiError> {
    find(&app, tenant.id(), id).await?;
    let workspace = tenant.id();
    let engine = app.live.perform(move |pipeline, _| pipeline.engine(workspace).cloned()).await?;
    let engine = engine.ok_or_else(|| ApiError::not_found("this workspace has no definitions"))?;
    // It reads much: beside the stages, and few at a time.
    let place = Arc::clone(&app.whys).acquire_owned().await;
    let (store, now) = (Arc::clone(&app.store), app.clock.now());
    let asked = tokio::task::spawn_blocking(move || {
        let _place = place;
        pollster::block_on(explain(&store, &engine, ContactId(id), &journey, now))
    });
    match asked.await.map_err(|_| ApiError::internal("the explanation failed; the log says how"))? {
        Ok(why) => Ok(Json(why)),
        Err(error @ (PipelineError::NoContact { .. } | PipelineError::NoJourney { .. })) => {
            Err(ApiError::not_found(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}
