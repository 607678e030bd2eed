//! "Why?" and "why not?" for one contact and one journey: what was decided, where they stand, and for everything they
//! did without entering, what the engine says about it.
//!
//! Reads only. Must never read more than its limits, and never present as certain what rests on the state of now.

mod past;

use crate::advance::{Pipeline, PipelineError};
use crate::turn::contact_of;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::Arc;
use wayline_core::contact::{Contact, Enrollment, Position};
use wayline_core::decision::{Reason, What};
use wayline_core::event::{Input, InputKind};
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::journey::engine::Engine;
use wayline_core::journey::explain::explain;
use wayline_core::journey::program::{Entry, Journey};
use wayline_core::limits;
use wayline_core::time::Timestamp;
use wayline_store::Store;
use wayline_store::rows::StoredDecision;

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Why {
    /// Text id of the journey.
    pub journey: String,
    /// Whether people enter it now.
    pub status: Status,
    /// The version that new entries get; `None`: there is none.
    pub version: Option<u32>,
    /// The active enrollments, and what each waits for.
    pub standing: Vec<Stands>,
    /// When a date will bring the contact in.
    #[serde(serialize_with = "instant_or_none")]
    pub enters_at: Option<Timestamp>,
    /// What happened, oldest first: stored decisions one by one, and one line for each reason not to enter.
    pub explanations: Vec<Explanation>,
    /// How many inputs of the contact's history were looked at, the newest ones.
    pub inputs: usize,
    /// There are more inputs or decisions than were looked at.
    pub has_more: bool,
    /// The reasons not to enter rest, in part, on the contact as it is now, not as it was then.
    pub approximate: bool,
}

/// Whether people enter a journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// They do.
    Live,
    /// Not until it is resumed.
    Paused,
    /// Not any more.
    Archived,
}

/// Where an enrollment stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stands {
    /// Which enrollment.
    pub enrollment: u64,
    /// The version it finishes.
    pub version: u32,
    /// Entry key; empty: none.
    pub key: String,
    /// When it began.
    #[serde(serialize_with = "instant")]
    pub entered_at: Timestamp,
    /// Text id of the step it is on.
    pub step: String,
    /// Since when.
    #[serde(serialize_with = "instant")]
    pub reached_at: Timestamp,
    /// What it waits for there: `waiting`, `awaiting`, `held`, `queued`, `submitting` or `calling`.
    pub position: &'static str,
    /// Until when; `None`: not by the clock.
    #[serde(serialize_with = "instant_or_none")]
    pub until: Option<Timestamp>,
    /// What holds its message.
    pub reason: Option<Reason>,
    /// The message it has on its way.
    pub message: Option<String>,
    /// Arm of the last experiment passed; empty: none.
    pub variant: String,
}

/// One thing that was, or was not, decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// When; of several alike, the latest.
    #[serde(serialize_with = "instant")]
    pub at: Timestamp,
    /// What.
    pub what: What,
    /// Why.
    pub reason: Reason,
    /// How often; 1 for what is stored.
    pub times: usize,
    /// In which enrollment.
    pub enrollment: Option<u64>,
    /// In which version; 0: none.
    pub version: u32,
    /// Text id of the step.
    pub step: Option<String>,
    /// About which message.
    pub message: Option<String>,
    /// Until when.
    #[serde(serialize_with = "instant_or_none")]
    pub until: Option<Timestamp>,
    /// Name of the exit, the arm, the event; empty: nothing to add.
    pub detail: String,
    /// Whether it is a stored decision. What is not was computed for this answer.
    pub stored: bool,
}

fn instant<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(at)
}

fn instant_or_none<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => to.collect_str(at),
        None => to.serialize_none(),
    }
}

impl Pipeline {
    /// Why a contact is where it is in a journey, or why it never entered.
    ///
    /// Reasons not to enter are computed by living the contact's history again, with the definitions of now, and with
    /// the enrollments it had at each input. When the history is longer than `limits::WHY_INPUTS_MAX`, or steps
    /// changed the profile meanwhile, they rest on the contact as it is now, in part: `approximate`.
    ///
    /// # Errors
    /// When there is no such workspace, contact or journey, or the store failed.
    pub async fn why(
        &self,
        workspace: WorkspaceId,
        contact: ContactId,
        journey: &str,
        now: Timestamp,
    ) -> Result<Why, PipelineError> {
        let engine = self.engines.get(&workspace).cloned();
        let engine = engine.ok_or(PipelineError::NoWorkspace { workspace })?;
        why(&self.store, &engine, contact, journey, now).await
    }
}

/// As [`Pipeline::why`], for who has the definitions: it reads much, so the live program does it beside the stages.
///
/// # Errors
/// As [`Pipeline::why`].
pub async fn why(
    store: &Store,
    engine: &Arc<Engine>,
    contact: ContactId,
    journey: &str,
    now: Timestamp,
) -> Result<Why, PipelineError> {
    let workspace = engine.program.workspace;
    let record = store.contacts(&[contact]).await?.into_iter().next().flatten();
    let record = record
        .filter(|record| record.profile.workspace == workspace)
        .ok_or(PipelineError::NoContact { contact })?;
    let contact = contact_of(contact, &record).map_err(PipelineError::Damaged)?;
    let program = &engine.program;
    let journey = program.newest_by_slug(journey).cloned().ok_or_else(|| {
        let (workspace, journey) = (program.settings.slug.clone(), journey.to_owned());
        PipelineError::NoJourney { workspace, journey }
    })?;
    let known = past::Known::read(store, &contact).await?;
    let is_own = |it: &&StoredDecision| it.row.decision.journey == Some(journey.id);
    let own: Vec<&StoredDecision> = known.decisions.iter().filter(is_own).collect();
    let mut explanations: Vec<Explanation> = own
        .iter()
        .take(limits::WHY_DECISIONS_MAX)
        .rev()
        .map(|stored| stored_explanation(engine, stored))
        .collect();
    let past = past::reasons(store, engine, &contact, &journey, &known).await?;
    let mut reasons = past.reasons;
    if let Some(reason) = schedule_objects(engine, &contact, &journey, now) {
        reasons.push((reason, now, String::new()));
    }
    explanations.extend(summary(&journey, reasons));
    explanations.sort_by_key(|it| it.at);
    let is_live = program.live_version(journey.id).is_some();
    Ok(Why {
        status: match (program.paused.contains(&journey.id), is_live) {
            (true, _) => Status::Paused,
            (false, true) => Status::Live,
            (false, false) => Status::Archived,
        },
        version: is_live.then_some(journey.version),
        standing: standing(engine, &contact, &journey),
        enters_at: contact
            .state
            .dates
            .iter()
            .filter(|date| date.journey == journey.id && is_live)
            .map(|date| date.due)
            .min(),
        explanations,
        inputs: past.inputs,
        has_more: !past.is_whole || known.has_more || own.len() > limits::WHY_DECISIONS_MAX,
        approximate: past.approximate,
        journey: journey.slug.clone(),
    })
}

/// Where the active enrollments of the journey stand.
fn standing(engine: &Engine, contact: &Contact, journey: &Journey) -> Vec<Stands> {
    let enrollments = contact.state.enrollments.iter();
    enrollments.filter(|it| it.journey == journey.id).map(|it| stands(engine, it)).collect()
}

fn stands(engine: &Engine, it: &Enrollment) -> Stands {
    let (position, until, reason) = match it.position {
        Position::Waiting { until } => ("waiting", Some(until), None),
        Position::Awaiting { until } => ("awaiting", Some(until), None),
        Position::Holding { until, reason } => ("held", Some(until), Some(reason)),
        Position::Queued => ("queued", None, None),
        Position::Submitting => ("submitting", None, None),
        Position::Calling { until } => ("calling", Some(until), None),
        Position::Moving => ("moving", None, None),
    };
    let has_message =
        matches!(it.position, Position::Holding { .. } | Position::Queued | Position::Submitting);
    let id = wayline_core::ids::MessageId { enrollment: it.id, step: it.step, visit: it.visits };
    Stands {
        enrollment: it.id.0,
        version: it.version,
        key: it.key.clone(),
        entered_at: it.entered_at,
        step: step_name(engine, it.journey, it.version, it.step),
        reached_at: it.reached_at,
        position,
        until: until.filter(|until| *until < Timestamp::MAX),
        reason,
        message: has_message.then(|| id.to_string()),
        variant: it.variant.clone(),
    }
}

/// Text id of a step; its number when its version is gone.
fn step_name(
    engine: &Engine,
    journey: wayline_core::ids::JourneyId,
    version: u32,
    step: u16,
) -> String {
    let journey = engine.program.journeys.get(&(journey, version));
    let found = journey.and_then(|journey| journey.steps.get(usize::from(step)));
    found.map_or_else(|| step.to_string(), |step| step.slug.clone())
}

fn stored_explanation(engine: &Engine, stored: &StoredDecision) -> Explanation {
    let it = &stored.row.decision;
    let step = it.journey.zip(it.step);
    Explanation {
        at: it.at,
        what: it.what,
        reason: it.reason,
        times: 1,
        enrollment: it.enrollment.map(|id| id.0),
        version: it.version,
        step: step.map(|(journey, step)| step_name(engine, journey, it.version, step)),
        message: it.message.map(|id| id.to_string()),
        until: it.until.filter(|until| *until < Timestamp::MAX),
        detail: it.detail.clone(),
        stored: true,
    }
}

/// One line for each reason: how often, and the latest.
fn summary(journey: &Arc<Journey>, reasons: Vec<(Reason, Timestamp, String)>) -> Vec<Explanation> {
    let mut lines: BTreeMap<Reason, Explanation> = BTreeMap::new();
    for (reason, at, detail) in reasons {
        let line = lines.entry(reason).or_insert_with(|| Explanation {
            at,
            what: What::NotEntered,
            reason,
            times: 0,
            enrollment: None,
            version: journey.version,
            step: None,
            message: None,
            until: None,
            detail: String::new(),
            stored: false,
        });
        line.times += 1;
        if at >= line.at {
            (line.at, line.detail) = (at, detail);
        }
    }
    lines.into_values().collect()
}

/// What a schedule would find if it came round now: its rounds are no inputs of the history.
fn schedule_objects(
    engine: &Engine,
    contact: &Contact,
    journey: &Journey,
    now: Timestamp,
) -> Option<Reason> {
    if !matches!(journey.entry, Entry::Schedule { .. }) {
        return None;
    }
    if engine.program.live_version(journey.id).is_none() {
        return Some(Reason::NotLive);
    }
    let kind = InputKind::Scheduled { journey: journey.slug.clone() };
    let effects = explain(engine, contact, &Input { at: now, kind }, now).ok()?;
    let considered = effects.considered.iter();
    considered.filter(|it| it.journey == Some(journey.id)).map(|it| it.reason).next()
}
