//! Rows that several resources show: messages, decisions, enrollments, with text ids instead of numbers.
//!
//! Must never show a row of another workspace: whoever calls has read it for this one.

use super::App;
use super::error::ApiError;
use super::journeys::Names;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::limits::PAGE_ROWS_MAX;
use wayline_core::message::Message;
use wayline_store::StoreError;
use wayline_store::batch::EnrollmentRow;
use wayline_store::rows::StoredDecision;

/// A person, as rows name one.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ContactRef {
    #[schema(minimum = 1)]
    pub(crate) id: u64,
    /// The business's own id; null: none is known.
    pub(crate) external_id: Option<String>,
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessageShown {
    #[schema(example = "m-1-0-1")]
    id: String,
    contact: ContactRef,
    /// Text id of the journey it is from.
    journey: String,
    /// Version of the journey.
    #[schema(minimum = 1)]
    version: u32,
    /// Text id of the step.
    step: String,
    /// Arm of the last experiment passed; empty: none.
    variant: String,
    /// held, queued, submitting, submitted, delivered, undelivered, failed, expired, unknown, withdrawn, dropped.
    #[schema(example = "delivered")]
    state: String,
    /// Why it stands there.
    #[schema(example = "receipt")]
    reason: String,
    /// marketing or transactional.
    purpose: String,
    #[schema(example = "sms")]
    channel: String,
    /// Sender id.
    sender: String,
    /// Gateway id.
    gateway: String,
    /// Address, E.164 for sms; empty while the person has none.
    to: String,
    /// As handed out; empty before.
    text: String,
    /// Parts of the text; 0 before.
    parts: u32,
    /// When the step was reached, RFC 3339.
    intended_at: String,
    /// From when on it may go, or be asked about again, RFC 3339.
    due_at: String,
    /// When it was handed to the gateway, the last time, RFC 3339.
    handed_out_at: Option<String>,
    /// How often it was handed out.
    attempts: u32,
    /// The gateway's own id for it.
    gateway_ref: Option<String>,
}

/// A decision.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DecisionShown {
    /// Its place in the order of all decisions.
    #[schema(minimum = 1)]
    id: u64,
    contact: ContactRef,
    /// RFC 3339.
    at: String,
    /// What was decided or what happened.
    #[schema(example = "held")]
    what: String,
    /// Why.
    #[schema(example = "quiet_hours")]
    reason: String,
    /// Text id of the journey; null: about the contact itself.
    journey: Option<String>,
    /// Version of the journey; null without one.
    #[schema(minimum = 1)]
    version: Option<u32>,
    /// In which enrollment.
    #[schema(minimum = 1)]
    enrollment: Option<u64>,
    /// Text id of the step.
    step: Option<String>,
    /// Arm of the last experiment passed; empty: none.
    variant: String,
    /// About which message.
    message: Option<String>,
    /// Until when (held, waiting), RFC 3339.
    until: Option<String>,
    /// Name of the exit, the arm, the event; empty: nothing to add.
    detail: String,
}

/// An enrollment: one contact in one journey, once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EnrollmentShown {
    #[schema(minimum = 1)]
    id: u64,
    contact: ContactRef,
    /// Text id of the journey.
    journey: String,
    /// Version of the journey.
    #[schema(minimum = 1)]
    version: u32,
    /// Entry key; empty: none.
    key: String,
    /// RFC 3339.
    entered_at: String,
    /// RFC 3339; null: it is active.
    left_at: Option<String>,
    /// Name under which it ended; empty: it is active.
    exit: String,
}

/// Contacts by id, as rows name them.
pub(crate) struct People(BTreeMap<ContactId, ContactRef>);

impl People {
    /// Those who are wanted.
    pub(crate) async fn load(
        app: &App,
        workspace: WorkspaceId,
        wanted: impl IntoIterator<Item = ContactId>,
    ) -> Result<People, StoreError> {
        let ids: Vec<ContactId> = wanted.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let mut known = BTreeMap::new();
        for ids in ids.chunks(PAGE_ROWS_MAX) {
            let found = app.store.contacts(ids).await?;
            for (id, record) in ids.iter().zip(found) {
                let mine = record.filter(|record| record.profile.workspace == workspace);
                let external_id = mine.and_then(|record| record.profile.external_id.clone());
                known.insert(*id, ContactRef { id: id.0, external_id });
            }
        }
        Ok(People(known))
    }

    /// One of them.
    pub(crate) fn of(&self, id: ContactId) -> ContactRef {
        self.0.get(&id).cloned().unwrap_or(ContactRef { id: id.0, external_id: None })
    }
}

/// Messages as they are shown.
pub(crate) async fn messages(
    app: &App,
    workspace: WorkspaceId,
    rows: Vec<Message>,
) -> Result<Vec<MessageShown>, ApiError> {
    let names = Names::load(&app.store, workspace, &BTreeSet::new()).await?;
    let people = People::load(app, workspace, rows.iter().map(|row| row.contact)).await?;
    let shown = |row: Message| MessageShown {
        id: row.id.to_string(),
        contact: people.of(row.contact),
        journey: names.journey(row.journey).unwrap_or_else(|| row.journey.to_string()),
        version: row.version,
        step: row.step,
        variant: row.variant,
        state: row.state.to_string(),
        reason: row.reason.to_string(),
        purpose: row.purpose.to_string(),
        channel: row.channel.to_string(),
        sender: row.sender,
        gateway: row.gateway,
        to: row.to,
        text: row.text,
        parts: row.parts,
        intended_at: row.intended_at.to_string(),
        due_at: row.due_at.to_string(),
        handed_out_at: row.handed_out_at.map(|at| at.to_string()),
        attempts: row.attempts,
        gateway_ref: row.gateway_ref,
    };
    Ok(rows.into_iter().map(shown).collect())
}

/// Decisions as they are shown.
pub(crate) async fn decisions(
    app: &App,
    workspace: WorkspaceId,
    rows: Vec<StoredDecision>,
) -> Result<Vec<DecisionShown>, ApiError> {
    let wanted = rows.iter().filter_map(|row| {
        let it = &row.row.decision;
        it.step.and(it.journey).map(|journey| (journey, it.version))
    });
    let names = Names::load(&app.store, workspace, &wanted.collect()).await?;
    let people = People::load(app, workspace, rows.iter().map(|row| row.row.contact)).await?;
    let shown = |row: StoredDecision| {
        let it = row.row.decision;
        let step = it.journey.zip(it.step).map(|(journey, step)| {
            names.step(journey, it.version, step).unwrap_or_else(|| step.to_string())
        });
        DecisionShown {
            id: row.id,
            contact: people.of(row.row.contact),
            at: it.at.to_string(),
            what: it.what.to_string(),
            reason: it.reason.to_string(),
            journey: it.journey.map(|id| names.journey(id).unwrap_or_else(|| id.to_string())),
            version: it.journey.map(|_| it.version),
            enrollment: it.enrollment.map(|id| id.0),
            step,
            variant: it.variant,
            message: it.message.map(|id| id.to_string()),
            until: it.until.map(|until| until.to_string()),
            detail: it.detail,
        }
    };
    Ok(rows.into_iter().map(shown).collect())
}

/// Enrollments as they are shown.
pub(crate) async fn enrollments(
    app: &App,
    workspace: WorkspaceId,
    rows: Vec<EnrollmentRow>,
) -> Result<Vec<EnrollmentShown>, ApiError> {
    let names = Names::load(&app.store, workspace, &BTreeSet::new()).await?;
    let people = People::load(app, workspace, rows.iter().map(|row| row.contact)).await?;
    let shown = |row: EnrollmentRow| EnrollmentShown {
        id: row.id.0,
        contact: people.of(row.contact),
        journey: names.journey(row.journey).unwrap_or_else(|| row.journey.to_string()),
        version: row.version,
        key: row.key,
        entered_at: row.entered_at.to_string(),
        left_at: row.left_at.map(|at| at.to_string()),
        exit: row.exit,
    };
    Ok(rows.into_iter().map(shown).collect())
}
