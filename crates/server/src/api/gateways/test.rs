//! Sends one text through a gateway, to see whether it arrives.
//!
//! Must never text somebody who opted out, must never be a way around the policy for more than one text a second,
//! and stores nothing: the text belongs to no journey.

use super::change::SANDBOX;
use super::no_gateway;
use crate::api::App;
use crate::api::auth::{Manage, Tenant};
use crate::api::body::{JsonBody, Path};
use crate::api::contact;
use crate::api::error::{ApiError, Failures};
use crate::api::limits::{TEST_PARTS_MAX, TESTS_PER_SECOND_MAX};
use crate::run;
use axum::Json;
use axum::extract::State;
use futures_util::FutureExt;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use serde::{Deserialize, Serialize};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use utoipa::ToSchema;
use wayline_core::carrier::ErrorClass;
use wayline_core::consent::{Channel, ConsentState};
use wayline_core::decision::Reason;
use wayline_core::event::SubmitOutcome;
use wayline_core::ids::{ContactId, EnrollmentId, JourneyId, MessageId, WorkspaceId};
use wayline_core::limits::PAGE_ROWS_MAX;
use wayline_core::message::{Message, MessageState};
use wayline_core::policy::settings::{Purpose, Sender};
use wayline_core::time::Timestamp;
use wayline_core::{phone, text};
use wayline_pipeline::gateway::Gateway;

/// How long the carrier may take: less than a request may.
const ANSWER_WITHIN: Duration = Duration::from_secs(25);

/// Who tested how lately, by workspace.
pub(crate) struct Tests(DefaultKeyedRateLimiter<WorkspaceId>);

impl Default for Tests {
    fn default() -> Self {
        Tests(RateLimiter::keyed(Quota::per_second(TESTS_PER_SECOND_MAX)))
    }
}

/// A text to send.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTest {
    /// To which number, E.164.
    #[schema(max_length = 64, example = "+12125550123")]
    to: String,
    /// Id of a sender of the workspace.
    #[schema(max_length = 64)]
    sender: String,
    /// The text, at most three parts.
    #[schema(min_length = 1, max_length = 1600)]
    text: String,
}

/// What the carrier answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tested {
    /// `accepted`, `refused`, `retry` (it did not take it; later it may) or `unknown` (it did not answer).
    outcome: &'static str,
    /// The carrier's own id of the text.
    gateway_ref: Option<String>,
    /// What it said was wrong.
    error: Option<String>,
}

/// Sends one text through a gateway that the workspace may use, at once: its own, else the operator's. The text goes
/// past journeys, consent and quiet hours, so send it to yourself; a number that is opted out is refused.
#[utoipa::path(post, path = "/api/v1/workspaces/{workspace}/gateways/{gateway}/test", tag = "gateways",
    operation_id = "test_gateway", params(("workspace" = String, Path), ("gateway" = String, Path)),
    request_body = NewTest, responses((status = 200, description = "What the carrier answered", body = Tested), Failures))]
pub(crate) async fn send(
    tenant: Tenant<Manage>,
    State(app): State<Arc<App>>,
    Path((_, id)): Path<(String, String)>,
    JsonBody(new): JsonBody<NewTest>,
) -> Result<Json<Tested>, ApiError> {
    let names = app.names.of(&app, &tenant.row).await?;
    let (key, gateway) = usable(&app, &tenant.row.slug, &id)?;
    let settings = &names.0.program.settings;
    let sender = settings.senders.iter().find(|sender| sender.id == new.sender);
    let sender = sender.cloned().ok_or_else(|| {
        let known: Vec<&str> = settings.senders.iter().map(|sender| sender.id.as_str()).collect();
        ApiError::invalid(format!(
            "this workspace has no such sender; its senders are {}",
            known.join(", ")
        ))
    })?;
    let to = phone::reachable(&new.to, None)
        .map_err(|error| ApiError::invalid(format!("to: {error}; write it like +12125550123")))?;
    refuse_opted_out(&app, tenant.id(), &to).await?;
    let message = message(tenant.id(), key, to, new, app.clock.now())?;
    if app.tests.0.check_key(&tenant.id()).is_err() {
        return Err(ApiError::too_many("a workspace may send one test a second; wait", 1));
    }
    if gateway.room() == 0 {
        return Err(ApiError::conflict(
            "the gateway has no place free: it is not connected, or its window is full; its status says which",
        ));
    }
    tracing::info!(gateway = %message.gateway, sender = %message.sender, "a test is sent");
    let answer = submit(gateway, message, sender, app.clock.now()).await;
    Ok(Json(tested(answer)))
}

/// The gateway that a workspace calls so.
fn usable(app: &App, slug: &str, id: &str) -> Result<(String, Arc<dyn Gateway>), ApiError> {
    if id == SANDBOX {
        return Err(ApiError::conflict("the sandbox reaches nobody; there is nothing to test"));
    }
    let gateways = app.registry.gateways();
    let gateways = gateways.read().unwrap_or_else(PoisonError::into_inner);
    let key = gateways.key_for(slug, id).ok_or_else(|| no_gateway(id))?;
    let found = gateways.get(&key).cloned().ok_or_else(|| no_gateway(id))?;
    Ok((key, found))
}

/// Nobody who said stop is texted, not even to try something.
async fn refuse_opted_out(app: &App, workspace: WorkspaceId, to: &str) -> Result<(), ApiError> {
    let ids = app.store.contacts_by_phone(workspace, to, PAGE_ROWS_MAX).await?;
    for record in app.store.contacts(&ids).await?.iter().flatten() {
        let said = contact::state(record)?.consent(Channel::Sms, None);
        if said == Some(ConsentState::OptedOut) {
            return Err(ApiError::conflict(format!(
                "the contact {} has this number and is opted out of sms; nothing was sent",
                record.profile.contact.0
            )));
        }
    }
    Ok(())
}

/// The text as a message that no journey intends and nobody stores.
fn message(
    workspace: WorkspaceId,
    gateway: String,
    to: String,
    new: NewTest,
    now: Timestamp,
) -> Result<Message, ApiError> {
    let (_, parts) = text::parts(&new.text);
    if new.text.trim().is_empty() || parts > TEST_PARTS_MAX {
        return Err(ApiError::invalid(format!("text has 1 to {TEST_PARTS_MAX} parts")));
    }
    // No enrollment has this number; the instant makes it another message each time.
    let visit = u32::try_from(now.0.rem_euclid(i64::from(u32::MAX))).unwrap_or(0);
    Ok(Message {
        id: MessageId { enrollment: EnrollmentId(0), step: 0, visit },
        workspace,
        contact: ContactId(0),
        journey: JourneyId(0),
        version: 0,
        step: String::new(),
        variant: String::new(),
        purpose: Purpose::Transactional,
        channel: Channel::Sms,
        sender: new.sender,
        gateway,
        to,
        state: MessageState::Submitting,
        reason: Reason::Allowed,
        intended_at: now,
        due_at: now,
        handed_out_at: Some(now),
        attempts: 1,
        run: 0,
        parts: u32::try_from(parts).unwrap_or(u32::MAX),
        text: new.text,
        gateway_ref: None,
        error: String::new(),
        tried: Vec::new(),
        put_off: 0,
    })
}

/// In a task of its own: a request that ends early must not leave a submit half done.
async fn submit(
    gateway: Arc<dyn Gateway>,
    message: Message,
    from: Sender,
    now: Timestamp,
) -> SubmitOutcome {
    let work = tokio::spawn(async move {
        let submit = gateway.submit_from(&message, Some(&from), now);
        AssertUnwindSafe(submit).catch_unwind().await
    });
    match run::within(ANSWER_WITHIN, work).await {
        Some(Ok(Ok(outcome))) => outcome,
        _ => SubmitOutcome::Unknown,
    }
}

fn tested(answer: SubmitOutcome) -> Tested {
    let (outcome, gateway_ref, error) = match answer {
        SubmitOutcome::Accepted { gateway_ref } => ("accepted", Some(gateway_ref), None),
        SubmitOutcome::Refused { error } => ("refused", None, Some(error)),
        SubmitOutcome::Retry { throttled: true, .. } => {
            ("retry", None, Some("it asks to send slower".to_owned()))
        }
        SubmitOutcome::Retry { .. } => ("retry", None, Some("it could not be reached".to_owned())),
        SubmitOutcome::Rejected { error, .. } => {
            let passes = [ErrorClass::Retry, ErrorClass::RetryOnce, ErrorClass::Throttle];
            let outcome = if passes.contains(&error.class) { "retry" } else { "refused" };
            (outcome, None, Some(error.line()))
        }
        SubmitOutcome::Unknown => ("unknown", None, None),
    };
    Tested { outcome, gateway_ref, error }
}
