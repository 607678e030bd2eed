//! Applies a batch, operation by operation, and undoes all of it when one is refused.
//!
//! Must never leave half a batch, and must never keep an assertion to itself.

use super::before::Before;
use super::model::{Model, State};
use super::write_live::UndoLive;
use crate::batch::{
    Batch, CallRow, DeadLetterRow, EnrollmentRow, Identity, Op, OrphanReceipt, ProfileRow,
    SegmentRow, Sequences, StateRow, SweepRow, WorkspaceRow,
};
use crate::error::{Assertion, StoreError};
use crate::rows::{CounterOrder, counter_order};
use std::sync::Arc;
use wayline_core::ids::{ContactId, EnrollmentId, JourneyId, MessageId, Seq, WorkspaceId};
use wayline_core::message::MessageChange;

/// What one applied operation replaced.
pub(super) enum Undo {
    Sequences(Sequences),
    Workspace(WorkspaceId, Option<WorkspaceRow>),
    Segment((WorkspaceId, String), Option<SegmentRow>),
    Version((WorkspaceId, JourneyId, u32)),
    LiveVersion((WorkspaceId, JourneyId), Option<u32>),
    Profile(ContactId, Option<Arc<ProfileRow>>),
    State(ContactId, State),
    Identity(Identity),
    Remembered(WorkspaceId, u128),
    Input(Seq),
    Enrollment(EnrollmentId, Option<EnrollmentRow>),
    Message(MessageId),
    Altered(MessageId, Box<Before>),
    Call((WorkspaceId, MessageId), Option<CallRow>),
    Decision(u64),
    Counter((WorkspaceId, JourneyId), Box<CounterOrder>, Option<i64>),
    DeadLetter((WorkspaceId, Seq), Option<DeadLetterRow>),
    OrphanPut(u64),
    OrphansRemoved(Vec<(u64, OrphanReceipt)>),
    Sweep((WorkspaceId, JourneyId), Option<SweepRow>),
    Live(UndoLive),
}

impl Model {
    /// Keeps all of the batch or none of it.
    pub(super) fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let mut undo = Vec::with_capacity(batch.ops.len());
        for (index, op) in batch.ops.iter().enumerate() {
            if let Err(what) = self.apply(op, &mut undo) {
                while let Some(step) = undo.pop() {
                    self.take_back_step(step);
                }
                return Err(what.of(index));
            }
        }
        self.last_instant = self.last_instant.max(batch.last_instant());
        if self.forgetting {
            self.let_go(batch);
        }
        Ok(())
    }

    fn apply(&mut self, op: &Op, undo: &mut Vec<Undo>) -> Result<(), Assertion> {
        let step = match op {
            Op::PutProfile(row) => self.put_profile(row)?,
            Op::PutState(row) => self.put_state(row)?,
            Op::LinkIdentity(identity, contact) => match self.identities.get(identity) {
                Some(found) if found == contact => return Ok(()),
                Some(found) => {
                    return Err(Assertion::IdentityTaken {
                        identity: identity.clone(),
                        found: *found,
                    });
                }
                None => {
                    self.set_identity(identity, Some(*contact));
                    Undo::Identity(identity.clone())
                }
            },
            Op::RememberInput { workspace, id, at } => {
                if self.is_remembered(*workspace, *id) {
                    return Err(Assertion::InputKnown { workspace: *workspace, id: *id });
                }
                self.remember(*workspace, *id, *at);
                Undo::Remembered(*workspace, *id)
            }
            Op::AppendInput(_) | Op::AppendDecision(_) | Op::AddCounter { .. } => {
                return self.apply_append(op, undo);
            }
            // For people to look up, and for nothing else.
            Op::PutEnrollment(_) if self.forgetting => return Ok(()),
            Op::PutEnrollment(row) => self.put_enrollment(row)?,
            Op::InsertMessage(message) => {
                if self.messages.contains_key(&message.id) {
                    return Err(Assertion::MessageExists(message.id));
                }
                self.set_message(message.id, Some((**message).clone()));
                Undo::Message(message.id)
            }
            Op::ChangeMessage { workspace, id, change } => {
                self.change_message(*workspace, *id, change)?
            }
            _ => return self.apply_rare(op, undo),
        };
        undo.push(step);
        Ok(())
    }

    fn apply_append(&mut self, op: &Op, undo: &mut Vec<Undo>) -> Result<(), Assertion> {
        match op {
            Op::AppendInput(input) => {
                if self.inputs.contains_key(&input.seq) {
                    return Err(Assertion::SeqTaken(input.seq));
                }
                if !self.forgetting {
                    self.set_input(input.seq, Some(input.clone()));
                    undo.push(Undo::Input(input.seq));
                }
            }
            Op::AppendDecision(row) => {
                if self.contact(row.workspace, row.contact).is_none() {
                    let (workspace, contact) = (row.workspace, row.contact);
                    return Err(Assertion::ContactMissing { workspace, contact });
                }
                if !self.forgetting {
                    self.append_decision(row.clone());
                    undo.push(Undo::Decision(self.decision_last));
                }
            }
            Op::AddCounter { workspace, key, delta } => {
                let scope = (*workspace, key.journey);
                let order = counter_order(key);
                let before = self.counters.get(&scope).and_then(|of| of.get(&order)).copied();
                self.add(scope, order.clone(), *delta);
                undo.push(Undo::Counter(scope, Box::new(order), before));
            }
            _ => {}
        }
        Ok(())
    }

    fn put_profile(&mut self, row: &ProfileRow) -> Result<Undo, Assertion> {
        if let Some(found) = self.contacts.get(&row.contact)
            && found.profile.workspace != row.workspace
        {
            let found = found.profile.workspace;
            return Err(Assertion::ContactElsewhere { contact: row.contact, found });
        }
        let before = self.set_profile(row.contact, Some(Arc::new(row.clone())));
        Ok(Undo::Profile(row.contact, before))
    }

    fn put_state(&mut self, row: &StateRow) -> Result<Undo, Assertion> {
        let (workspace, contact, expected) = (row.workspace, row.contact, row.expected_version);
        let missing = Assertion::ContactMissing { workspace, contact };
        let found = match self.contact(workspace, contact) {
            Some(found) => found.state.version,
            None => return Err(missing),
        };
        if found != expected {
            return Err(Assertion::StateVersion { contact, expected, found });
        }
        let body = Arc::from(row.body.as_slice());
        let state = State { body, version: expected + 1, wake: row.wake };
        self.set_state(contact, state).map(|before| Undo::State(contact, before)).ok_or(missing)
    }

    fn put_enrollment(&mut self, row: &EnrollmentRow) -> Result<Undo, Assertion> {
        if let Some(found) = self.enrollments.get(&row.id)
            && (found.workspace, found.journey, found.contact)
                != (row.workspace, row.journey, row.contact)
        {
            return Err(Assertion::EnrollmentElsewhere(row.id));
        }
        Ok(Undo::Enrollment(row.id, self.set_enrollment(row.id, Some(row.clone()))))
    }

    fn change_message(
        &mut self,
        workspace: WorkspaceId,
        id: MessageId,
        change: &MessageChange,
    ) -> Result<Undo, Assertion> {
        let Some(found) = self.messages.get(&id).filter(|found| found.workspace == workspace)
        else {
            return Err(Assertion::MessageMissing(id));
        };
        let (from, to) = (found.state, change.state);
        if !from.may_become(to) {
            return Err(Assertion::MessageTransition { id, from, to });
        }
        let missing = Assertion::MessageMissing(id);
        let before = self.alter_message(id, change).ok_or(missing)?;
        Ok(Undo::Altered(id, Box::new(before)))
    }

    fn apply_rare(&mut self, op: &Op, undo: &mut Vec<Undo>) -> Result<(), Assertion> {
        let step = match op {
            Op::SetSequences(asked) => {
                let found = self.sequences;
                if asked.goes_back_from(found) {
                    return Err(Assertion::SequencesGoBack { found, asked: *asked });
                }
                self.sequences = *asked;
                Undo::Sequences(found)
            }
            Op::InsertCall(row) => {
                let key = (row.workspace, row.id);
                if self.calls.contains_key(&key) {
                    return Err(Assertion::CallExists(row.id));
                }
                Undo::Call(key, self.set_call(key, Some(row.clone())))
            }
            Op::RemoveCall { workspace, id } => {
                let key = (*workspace, *id);
                Undo::Call(key, self.set_call(key, None))
            }
            Op::PutDeadLetter(row) => {
                let key = (row.workspace, row.id);
                Undo::DeadLetter(key, self.dead_letters.insert(key, row.clone()))
            }
            Op::RemoveDeadLetter { workspace, id } => {
                let key = (*workspace, *id);
                Undo::DeadLetter(key, self.dead_letters.remove(&key))
            }
            Op::PutOrphanReceipt(receipt) => Undo::OrphanPut(self.append_orphan(receipt.clone())),
            Op::RemoveOrphanReceipts { gateway, gateway_ref, address } => {
                let places = self.orphans_of(gateway, gateway_ref);
                let fits = |id: &u64| {
                    let of = self.orphans.get(id).map(|row| row.address.as_str());
                    address.is_empty() || of == Some(address)
                };
                let places: Vec<u64> = places.into_iter().filter(fits).collect();
                let removed = places
                    .into_iter()
                    .filter_map(|id| self.remove_orphan(id).map(|receipt| (id, receipt)));
                Undo::OrphansRemoved(removed.collect())
            }
            Op::PutSweep(row) => {
                let key = (row.workspace, row.journey);
                Undo::Sweep(key, self.sweeps.insert(key, row.clone()))
            }
            _ => self.apply_definition(op)?,
        };
        undo.push(step);
        Ok(())
    }

    fn apply_definition(&mut self, op: &Op) -> Result<Undo, Assertion> {
        Ok(match op {
            Op::PutWorkspace(row) => {
                let mut others = self.workspaces.values().filter(|other| other.id != row.id);
                if let Some(other) = others.find(|other| other.slug == row.slug) {
                    return Err(Assertion::SlugTaken { slug: row.slug.clone(), found: other.id });
                }
                Undo::Workspace(row.id, self.workspaces.insert(row.id, row.clone()))
            }
            Op::PutSegment(row) => {
                self.workspace_exists(row.workspace)?;
                let key = (row.workspace, row.slug.clone());
                Undo::Segment(key.clone(), self.segments.insert(key, row.clone()))
            }
            Op::RemoveSegment { workspace, slug } => {
                let key = (*workspace, slug.clone());
                let before = self.segments.remove(&key);
                Undo::Segment(key, before)
            }
            Op::InsertJourneyVersion(row) => {
                self.workspace_exists(row.workspace)?;
                let (journey, version) = (row.journey, row.version);
                let key = (row.workspace, journey, version);
                if self.versions.contains_key(&key) {
                    return Err(Assertion::JourneyVersionExists { journey, version });
                }
                self.versions.insert(key, row.clone());
                Undo::Version(key)
            }
            Op::SetLiveVersion { workspace, journey, version } => {
                let key = (*workspace, *journey);
                let before = match *version {
                    Some(version) if !self.versions.contains_key(&(key.0, key.1, version)) => {
                        let journey = *journey;
                        return Err(Assertion::JourneyVersionMissing { journey, version });
                    }
                    Some(version) => self.live.insert(key, version),
                    None => self.live.remove(&key),
                };
                Undo::LiveVersion(key, before)
            }
            _ => return self.apply_live(op).map(Undo::Live),
        })
    }

    pub(super) fn workspace_exists(&self, id: WorkspaceId) -> Result<(), Assertion> {
        if self.workspaces.contains_key(&id) {
            Ok(())
        } else {
            Err(Assertion::WorkspaceMissing(id))
        }
    }

    fn take_back_step(&mut self, step: Undo) {
        match step {
            Undo::Sequences(before) => self.sequences = before,
            Undo::Workspace(key, before) => put_back(&mut self.workspaces, key, before),
            Undo::Segment(key, before) => put_back(&mut self.segments, key, before),
            Undo::Version(key) => drop(self.versions.remove(&key)),
            Undo::LiveVersion(key, before) => put_back(&mut self.live, key, before),
            Undo::Profile(id, before) => drop(self.set_profile(id, before)),
            Undo::State(id, before) => drop(self.set_state(id, before)),
            Undo::Identity(identity) => self.set_identity(&identity, None),
            Undo::Remembered(workspace, id) => self.unremember(workspace, id),
            Undo::Input(seq) => self.set_input(seq, None),
            Undo::Enrollment(id, before) => drop(self.set_enrollment(id, before)),
            Undo::Message(id) => drop(self.set_message(id, None)),
            Undo::Altered(id, before) => self.put_message_back(id, *before),
            Undo::Call(key, before) => drop(self.set_call(key, before)),
            Undo::Decision(id) => {
                self.remove_decision(id);
                self.decision_last = id - 1;
            }
            Undo::Counter(scope, key, before) => self.take_back(scope, &key, before),
            Undo::DeadLetter(key, before) => put_back(&mut self.dead_letters, key, before),
            Undo::OrphanPut(id) => {
                self.remove_orphan(id);
                self.orphan_last = id - 1;
            }
            Undo::OrphansRemoved(removed) => {
                for (id, receipt) in removed {
                    self.put_orphan_back(id, receipt);
                }
            }
            Undo::Sweep(key, before) => put_back(&mut self.sweeps, key, before),
            Undo::Live(step) => self.take_back_live(step),
        }
    }
}

pub(super) fn put_back<K: Ord, V>(
    map: &mut std::collections::BTreeMap<K, V>,
    key: K,
    before: Option<V>,
) {
    match before {
        Some(row) => map.insert(key, row),
        None => map.remove(&key),
    };
}
