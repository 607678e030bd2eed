//! Numbers that said stop: a revocation belongs to the number, whoever is said to have it next.
//!
//! Must never give consent, and must never outlive what its new owner says later.

use crate::advance::{Pipeline, PipelineError};
use crate::ingest::Arrival;
use crate::receive::SHARED_NUMBER_MAX;
use crate::turn::{Turn, Work};
use std::collections::BTreeMap;
use wayline_core::consent::{Channel, ConsentNow, ConsentState};
use wayline_core::contact::State;
use wayline_core::event::{Input, InputKind};
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::phone;
use wayline_core::time::Timestamp;

/// Numbers, and since when they are stopped.
pub(crate) type Stopped = BTreeMap<(WorkspaceId, String), Timestamp>;

impl Pipeline {
    /// Which of the numbers that profiles bring are stopped.
    pub(crate) async fn stopped_numbers(
        &self,
        arrivals: &[(Arrival, Timestamp)],
        fresh: &[bool],
    ) -> Result<Stopped, PipelineError> {
        let mut stopped = Stopped::new();
        for ((arrival, _), _) in arrivals.iter().zip(fresh).filter(|(_, fresh)| **fresh) {
            let InputKind::Identify { traits } = &arrival.input.kind else { continue };
            let Some(text) = traits.get("phone").and_then(serde_json::Value::as_str) else {
                continue;
            };
            let workspace = arrival.workspace;
            let Some(engine) = self.engine(workspace) else { continue };
            let country = &engine.program.settings.country;
            let Ok(number) = phone::reachable(text, Some(country)) else { continue };
            let owners =
                self.store.contacts_by_phone(workspace, &number, SHARED_NUMBER_MAX).await?;
            let records = self.store.contacts(&owners).await?;
            for (owner, record) in owners.into_iter().zip(records) {
                let Some(record) = record.filter(|record| record.version > 0) else { continue };
                let state = State::decode(owner, &record.state)
                    .map_err(|error| PipelineError::Damaged(error.to_string()))?;
                if let Some(since) = texts(&state).filter(|it| is_out(it)).map(|it| it.since) {
                    let key = (workspace, number.clone());
                    let known = stopped.entry(key).or_insert(since);
                    *known = since.max(*known);
                }
            }
        }
        Ok(stopped)
    }
}

/// The revocation that a contact takes over with its number, unless it has said something since.
pub(crate) fn stopped_by_number(
    turn: &Turn<'_>,
    stopped: &Stopped,
    contact: ContactId,
    now: Timestamp,
) -> Option<Work> {
    if stopped.is_empty() {
        return None;
    }
    let owner = turn.contact(contact)?;
    let workspace = owner.workspace;
    let since = *stopped.get(&(workspace, owner.profile.phone.clone()?))?;
    if texts(&owner.state).is_some_and(|it| is_out(it) || it.since > since) {
        return None;
    }
    let kind = InputKind::Consent {
        channel: Channel::Sms,
        topic: None,
        state: ConsentState::OptedOut,
        source: "this number said stop".to_owned(),
    };
    let input = Input { at: since, kind };
    Some(Work { workspace, contact, input_id: None, logged: true, input, now })
}

fn texts(state: &State) -> Option<&ConsentNow> {
    state.consents.iter().find(|it| it.channel == Channel::Sms && it.topic.is_none())
}

fn is_out(consent: &ConsentNow) -> bool {
    consent.state == ConsentState::OptedOut
}
