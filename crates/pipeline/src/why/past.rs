//! Reasons not to enter, input by input: the history of a contact lived through once more.
//!
//! Must never take what the engine says of a past input for more than it is: it knows the definitions of now.

use super::PipelineError;
use crate::windows::engagements_of;
use serde_json::Value;
use std::collections::BTreeSet;
use wayline_core::contact::{Contact, Profile, State};
use wayline_core::decision::{Reason, What};
use wayline_core::event::{Input, InputKind, ReplyFrom};
use wayline_core::journey::effects::EnrollmentFact;
use wayline_core::journey::engine::Engine;
use wayline_core::journey::explain::{explain, had_enrollments, relive};
use wayline_core::journey::past::{Past, refill_windows};
use wayline_core::journey::program::{Entry, Journey};
use wayline_core::limits;
use wayline_core::time::Timestamp;
use wayline_store::Store;
use wayline_store::batch::LoggedInput;
use wayline_store::rows::StoredDecision;

/// Pages of a contact's decisions that are read.
const DECISION_PAGES_MAX: usize = 5;

/// What is stored about a contact, as far as it is read.
pub(super) struct Known {
    /// Newest first, of all journeys.
    pub(super) decisions: Vec<StoredDecision>,
    /// In order of entry, of all journeys.
    pub(super) enrollments: Vec<EnrollmentFact>,
    /// There are more decisions.
    pub(super) has_more: bool,
    /// There are more enrollments.
    has_more_enrollments: bool,
}

/// What the history tells.
pub(super) struct Reasons {
    /// Why an input did not enter, when, and the name of the input.
    pub(super) reasons: Vec<(Reason, Timestamp, String)>,
    pub(super) inputs: usize,
    /// The whole history was read.
    pub(super) is_whole: bool,
    pub(super) approximate: bool,
}

impl Known {
    pub(super) async fn read(store: &Store, contact: &Contact) -> Result<Known, PipelineError> {
        let (workspace, id) = (contact.workspace, contact.id);
        let (mut decisions, mut after, mut has_more) = (Vec::new(), None, false);
        for page in 0..=DECISION_PAGES_MAX {
            let limit = if page == DECISION_PAGES_MAX { 1 } else { limits::PAGE_ROWS_MAX };
            let rows = store.decisions(workspace, id, after, limit).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.id);
            has_more = page == DECISION_PAGES_MAX;
            decisions.extend(rows);
        }
        let rows = store.enrollments(workspace, id, None, limits::PAGE_ROWS_MAX).await?;
        let has_more_enrollments = rows.len() == limits::PAGE_ROWS_MAX;
        let enrollments = rows.into_iter().rev().map(|row| EnrollmentFact {
            id: row.id,
            journey: row.journey,
            version: row.version,
            key: row.key,
            entered_at: row.entered_at,
            left: row.left_at.map(|at| (at, row.exit)),
        });
        let enrollments = enrollments.collect();
        Ok(Known { decisions, enrollments, has_more, has_more_enrollments })
    }
}

/// Why inputs did not enter the journey.
pub(super) async fn reasons(
    store: &Store,
    engine: &Engine,
    contact: &Contact,
    journey: &Journey,
    known: &Known,
) -> Result<Reasons, PipelineError> {
    let head = contact.state.last_seq;
    let mut rows = match head {
        Some(_) => {
            store.history(contact.workspace, contact.id, head, limits::WHY_INPUTS_MAX).await?
        }
        None => Vec::new(),
    };
    let is_whole = rows.last().is_none_or(|oldest| oldest.previous.is_none());
    rows.reverse();
    let versions = store.version_heads_of(contact.workspace, &journey.slug).await?;
    let published = versions.iter().map(|version| version.published_at).min();
    let was_updated = known.decisions.iter().any(|it| it.row.decision.what == What::Updated);
    let approximate = !is_whole || was_updated || known.has_more || known.has_more_enrollments;
    let mut life = Life {
        engine,
        journey,
        known,
        contact: if is_whole { unborn(engine, contact, &rows) } else { contact.clone() },
        is_whole,
        past: Vec::new(),
        engagements: engagements_of(engine, &known.decisions),
    };
    let mut reasons = Vec::new();
    for row in &rows {
        let Some(input) = input_of(row) else { continue };
        let considered = life.live(row, &input);
        let entered = known.decisions.iter().map(|it| &it.row.decision).any(|it| {
            it.journey == Some(journey.id)
                && it.at == row.received_at
                && matches!(it.what, What::Entered | What::Restarted | What::NotEntered)
        });
        if entered || !concerns(journey, &input.kind) {
            continue;
        }
        if published.is_some_and(|published| row.received_at < published) {
            reasons.push((Reason::NotLive, row.received_at, "not_published".to_owned()));
            continue;
        }
        let name = if row.name.is_empty() { row.kind.clone() } else { row.name.clone() };
        let each = considered.into_iter();
        reasons.extend(each.map(|reason| (reason, row.received_at, name.clone())));
    }
    Ok(Reasons { reasons, inputs: rows.len(), is_whole, approximate })
}

/// The contact before its first input.
fn unborn(engine: &Engine, contact: &Contact, rows: &[LoggedInput]) -> Contact {
    let external_id = contact.profile.external_id.clone();
    let created_at = rows.first().map_or(contact.profile.created_at, |row| row.received_at);
    Contact {
        workspace: contact.workspace,
        id: contact.id,
        profile: Profile { external_id, created_at, ..Profile::default() },
        state: State::new(contact.state.salt, engine.program.windows_fingerprint),
    }
}

/// A contact that lives its history again.
struct Life<'a> {
    engine: &'a Engine,
    journey: &'a Journey,
    known: &'a Known,
    contact: Contact,
    is_whole: bool,
    /// What its windows count, so far.
    past: Vec<Past>,
    /// What happened to its messages, over all time.
    engagements: Vec<Past>,
}

impl Life<'_> {
    /// Lives one input; the reasons for which it does not enter the journey, each once.
    fn live(&mut self, row: &LoggedInput, input: &Input) -> BTreeSet<Reason> {
        let at = row.received_at;
        had_enrollments(self.engine, &mut self.contact, &self.known.enrollments, at);
        let effects = if self.is_whole {
            self.fill_windows(at);
            let before = self.contact.clone();
            let lived = relive(self.engine, &mut self.contact, input, at);
            if lived.is_err() {
                self.contact = before;
            }
            lived
        } else {
            explain(self.engine, &self.contact, input, at)
        };
        if let InputKind::Track { event, properties } = &input.kind {
            let (name, properties) = (event.clone(), properties.clone());
            self.past.push(Past::Event { at: row.at, name, properties });
        }
        let considered = effects.map(|effects| effects.considered).unwrap_or_default();
        let own = considered.iter().filter(|it| it.journey == Some(self.journey.id));
        own.map(|it| it.reason).collect()
    }

    fn fill_windows(&mut self, at: Timestamp) {
        if self.engine.program.windows.is_empty() {
            return;
        }
        let mut past = self.past.clone();
        past.extend(self.engagements.iter().filter(|it| it.at() < at).cloned());
        past.sort_by_key(Past::at);
        self.contact.state.clock = self.contact.state.clock.max(at);
        refill_windows(self.engine, &mut self.contact, &past);
    }
}

/// Whether an input of that kind could enter the journey.
fn concerns(journey: &Journey, kind: &InputKind) -> bool {
    match (&journey.entry, kind) {
        (Entry::Event { .. }, InputKind::Track { .. })
        | (Entry::Keyword { .. }, InputKind::Inbound { .. })
        | (Entry::Date { .. }, InputKind::Identify { .. })
        | (Entry::Segment { .. }, _) => true,
        (_, InputKind::Enroll { journey: slug, .. }) => *slug == journey.slug,
        // A word of the workspace's settings may lead anywhere.
        (_, InputKind::Inbound { .. }) => true,
        _ => false,
    }
}

/// An input as it stands in the history; `None`: one that enters nothing by itself.
fn input_of(row: &LoggedInput) -> Option<Input> {
    let body: Value = serde_json::from_str(&row.body).unwrap_or_default();
    let kind = match row.kind.as_str() {
        "identify" => InputKind::Identify { traits: body.as_object().cloned()? },
        "track" | "emitted" => InputKind::Track { event: row.name.clone(), properties: body },
        "inbound" => InputKind::Inbound {
            text: body["text"].as_str()?.to_owned(),
            media: Vec::new(),
            muted: body["muted"].as_bool().unwrap_or_default(),
            // What went out by itself is told by the stored decisions.
            reply_from: ReplyFrom::Nobody,
        },
        "enroll" => InputKind::Enroll {
            journey: row.name.clone(),
            key: body["key"].as_str().unwrap_or_default().to_owned(),
            properties: body["properties"].clone(),
        },
        "consent" => InputKind::Consent {
            channel: serde_json::from_value(body["channel"].clone()).ok()?,
            topic: body["topic"].as_str().map(str::to_owned),
            state: serde_json::from_value(body["state"].clone()).ok()?,
            source: body["source"].as_str().unwrap_or_default().to_owned(),
        },
        _ => return None,
    };
    Some(Input { at: row.at, kind })
}
