//! Consent of a contact: what the person allows now, the evidence for it, and new entries.
//!
//! Must never change consent otherwise than by an input: each change has its evidence in the history.

use super::App;
use super::auth::{Read, Tenant, Write};
use super::body::Path;
use super::contact::{ConsentShown, consent, find, state};
use super::error::{ApiError, Failures};
use super::idempotency::{Creating, IdempotencyHeader};
use super::limits::EVIDENCE_ROWS_MAX;
use super::shown::{self, DecisionItem, InputItem};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use utoipa::ToSchema;
use wayline_core::consent::{Channel, ConsentState};
use wayline_core::decision::What;
use wayline_core::event::{Input, InputKind};
use wayline_core::ids::{ContactId, Seq, WorkspaceId};
use wayline_core::limits::{NAME_CHARS_MAX, PAGE_ROWS_MAX};
use wayline_core::time::Timestamp;
use wayline_pipeline::Accepted;
use wayline_store::batch::LoggedInput;
use wayline_store::rows::StoredDecision;

/// Consent of a contact, with its evidence.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Consents {
    /// What the person allows now.
    now: Vec<ConsentShown>,
    /// What was said and written about consent, newest first: entries, and texts of the person that changed it.
    inputs: Vec<InputItem>,
    /// What became of it, newest first.
    decisions: Vec<DecisionItem>,
    /// The history is longer than what was looked through: there may be older evidence.
    has_more: bool,
}

/// An entry of consent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewConsent {
    /// `sms`, `mms`, `email`, `whatsapp`, `rcs` or `push`.
    #[schema(value_type = String, example = "sms")]
    channel: Channel,
    /// A topic of the workspace; absent: the channel as a whole.
    topic: Option<String>,
    /// `opted_in`, `opted_out` or `pending`.
    #[schema(value_type = String, example = "opted_in")]
    state: ConsentState,
    /// Where the person said so: it is the evidence.
    #[schema(min_length = 1, max_length = 200, example = "web_form")]
    source: String,
}

/// An entry that was taken.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConsentTaken {
    /// About whom.
    contact: u64,
    /// What stands on this channel or topic after it; null: nothing.
    consent: Option<ConsentShown>,
}

/// Consent now, and the evidence for it.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/contacts/{contact}/consents", tag = "contacts",
    operation_id = "get_contact_consents", params(("workspace" = String, Path), ("contact" = u64, Path)),
    responses((status = 200, description = "Now, inputs and decisions", body = Consents), Failures))]
pub(crate) async fn get(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, u64)>,
) -> Result<Json<Consents>, ApiError> {
    let record = find(&app, tenant.id(), id).await?;
    let state = state(&record)?;
    let names = app.names.of(&app, &tenant.row).await?;
    let (decisions, more_decisions) = decisions(&app, tenant.id(), ContactId(id)).await?;
    let decided: BTreeSet<Timestamp> = decisions.iter().map(|it| it.row.decision.at).collect();
    let (inputs, more_inputs) =
        inputs(&app, tenant.id(), ContactId(id), state.last_seq, &decided).await?;
    Ok(Json(Consents {
        now: state.consents.iter().map(consent).collect(),
        inputs: inputs.iter().map(shown::input).collect(),
        decisions: decisions.iter().map(|it| shown::decision(&it.row.decision, &names)).collect(),
        has_more: more_decisions || more_inputs,
    }))
}

async fn decisions(
    app: &App,
    workspace: WorkspaceId,
    contact: ContactId,
) -> Result<(Vec<StoredDecision>, bool), ApiError> {
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..EVIDENCE_ROWS_MAX / PAGE_ROWS_MAX {
        let page = app.store.decisions(workspace, contact, after, PAGE_ROWS_MAX).await?;
        after = page.last().map(|row| row.id);
        let is_last = page.len() < PAGE_ROWS_MAX;
        found.extend(page.into_iter().filter(|row| row.row.decision.what == What::Consent));
        if is_last {
            return Ok((found, false));
        }
    }
    Ok((found, true))
}

/// Entries of consent, and texts of the person at whose instant consent changed.
async fn inputs(
    app: &App,
    workspace: WorkspaceId,
    contact: ContactId,
    mut head: Option<Seq>,
    decided: &BTreeSet<Timestamp>,
) -> Result<(Vec<LoggedInput>, bool), ApiError> {
    let mut found = Vec::new();
    for _ in 0..EVIDENCE_ROWS_MAX / PAGE_ROWS_MAX {
        let page = app.store.history(workspace, contact, head, PAGE_ROWS_MAX).await?;
        head = page.last().and_then(|row| row.previous);
        let is_last = page.len() < PAGE_ROWS_MAX || head.is_none();
        found.extend(page.into_iter().filter(|row| match row.kind.as_str() {
            "consent" => true,
            "inbound" => decided.contains(&row.received_at) || decided.contains(&row.at),
            _ => false,
        }));
        if is_last {
            return Ok((found, false));
        }
    }
    Ok((found, true))
}

/// Enters what a person said about consent.
#[utoipa::path(post, path = "/api/v1/workspaces/{workspace}/contacts/{contact}/consents", tag = "contacts",
    operation_id = "record_consent", params(("workspace" = String, Path), ("contact" = u64, Path), IdempotencyHeader),
    request_body = NewConsent, responses((status = 201, description = "Taken, durable", body = ConsentTaken), Failures))]
pub(crate) async fn record(
    tenant: Tenant<Write>,
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, u64)>,
    Creating { body: new, creation }: Creating<NewConsent>,
) -> Result<Response, ApiError> {
    find(&app, tenant.id(), id).await?;
    check(&app, &tenant, &new).await?;
    let (workspace, contact, input_id) = (tenant.id(), ContactId(id), creation.input_id());
    let (channel, topic, said) = (new.channel, new.topic.clone(), new.state);
    let kind = InputKind::Consent {
        channel: new.channel,
        topic: new.topic,
        state: new.state,
        source: new.source,
    };
    let taken = app.live.perform(move |pipeline, now| {
        let input = Input { at: now, kind };
        pollster::block_on(pipeline.accept_for(workspace, contact, input_id, input, now))
    });
    let duplicate = taken.await?? == Accepted::Duplicate;
    let state = state(&find(&app, workspace, id).await?)?;
    let mut consents = state.consents.iter();
    let stands = consents.find(|now| now.channel == channel && now.topic == topic);
    // Taken before, by a call whose answer is not kept. It is not done again, so "taken" is true only while it stands.
    if duplicate && stands.is_none_or(|now| now.state != said) {
        return Err(ApiError::conflict(
            "this call was taken before, and consent has changed since; send it under another Idempotency-Key if the person said so again",
        ));
    }
    let answer = ConsentTaken { contact: id, consent: stands.map(consent) };
    creation.answered(&app, StatusCode::CREATED, &answer).await
}

async fn check(app: &App, tenant: &Tenant<Write>, new: &NewConsent) -> Result<(), ApiError> {
    if new.source.trim().is_empty() || new.source.chars().count() > NAME_CHARS_MAX {
        return Err(ApiError::invalid(format!(
            "source has 1 to {NAME_CHARS_MAX} characters; say where the person said so, like web_form"
        )));
    }
    let Some(topic) = &new.topic else { return Ok(()) };
    let names = app.names.of(app, &tenant.row).await?;
    if names.0.program.settings.topics.contains(topic) {
        return Ok(());
    }
    let topic: String = topic.chars().take(60).collect();
    Err(ApiError::invalid(format!(
        "topic is {topic:?}; workspace.yaml has no such topic, leave it out to mean the whole channel"
    )))
}
