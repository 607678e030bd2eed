//! Changes of one row at a time, each of which keeps the row's orders in step and returns what was there.
//!
//! Setting back what was returned undoes the change: that is how a refused batch leaves no trace. Must
//! never check anything; that is `write.rs`.

use super::before::Before;
use super::model::{Contact, Model, State};
use crate::batch::{
    CallRow, DecisionRow, EnrollmentRow, Identity, LoggedInput, OrphanReceipt, ProfileRow,
};
use crate::rows::{CounterOrder, Lane, generation};
use std::sync::Arc;
use wayline_core::ids::{ContactId, EnrollmentId, JourneyId, MessageId, Seq, WorkspaceId};
use wayline_core::message::{Message, MessageChange, MessageState};
use wayline_core::time::Timestamp;

impl Model {
    /// Inserts a contact, replaces its profile, or takes a new one back.
    pub(super) fn set_profile(
        &mut self,
        id: ContactId,
        profile: Option<Arc<ProfileRow>>,
    ) -> Option<Arc<ProfileRow>> {
        let Some(profile) = profile else {
            let removed = self.contacts.remove(&id)?;
            self.contact_order.remove(&(removed.profile.workspace, id));
            self.unlink_phone(&removed.profile);
            return Some(removed.profile);
        };
        if let Some(contact) = self.contacts.get_mut(&id) {
            let before = std::mem::replace(&mut contact.profile, Arc::clone(&profile));
            if before.phone != profile.phone {
                self.unlink_phone(&before);
                self.link_phone(&profile);
            }
            return Some(before);
        }
        self.contact_order.insert((profile.workspace, id));
        self.link_phone(&profile);
        let state = State { body: Arc::from([].as_slice()), version: 0, wake: None };
        self.contacts.insert(id, Contact { workspace: profile.workspace, profile, state });
        None
    }

    fn link_phone(&mut self, profile: &ProfileRow) {
        if let Some(phone) = &profile.phone {
            self.phones.insert((profile.workspace, phone.clone(), profile.contact));
        }
    }

    fn unlink_phone(&mut self, profile: &ProfileRow) {
        if let Some(phone) = &profile.phone {
            self.phones.remove(&(profile.workspace, phone.clone(), profile.contact));
        }
    }

    /// Replaces the engine state of a contact that exists.
    pub(super) fn set_state(&mut self, id: ContactId, state: State) -> Option<State> {
        let contact = self.contacts.get_mut(&id)?;
        if contact.state.wake != state.wake {
            if let Some(wake) = contact.state.wake {
                self.wakes.remove(&(wake, id));
            }
            if let Some(wake) = state.wake {
                self.wakes.insert((wake, id));
            }
        }
        Some(std::mem::replace(&mut contact.state, state))
    }

    /// Points an identity at a contact, or at none.
    pub(super) fn set_identity(&mut self, identity: &Identity, contact: Option<ContactId>) {
        match contact {
            Some(contact) => self.identities.insert(identity.clone(), contact),
            None => self.identities.remove(identity),
        };
    }

    /// Whether an input was taken.
    pub(super) fn is_remembered(&self, workspace: WorkspaceId, id: u128) -> bool {
        // The latest period first: most repetitions come soon.
        self.remembered.by_period.values().rev().any(|ids| ids.contains(&(workspace, id)))
    }

    /// Remembers an input.
    pub(super) fn remember(&mut self, workspace: WorkspaceId, id: u128, at: Timestamp) {
        let ids = self.remembered.by_period.entry(generation(at)).or_default();
        ids.insert((workspace, id));
    }

    /// Forgets an input.
    pub(super) fn unremember(&mut self, workspace: WorkspaceId, id: u128) {
        let by_period = &mut self.remembered.by_period;
        for ids in by_period.values_mut() {
            ids.remove(&(workspace, id));
        }
        by_period.retain(|_, ids| !ids.is_empty());
    }

    /// Inserts or removes an input of the history.
    pub(super) fn set_input(&mut self, seq: Seq, input: Option<LoggedInput>) {
        match input {
            Some(input) => self.inputs.insert(seq, input),
            None => self.inputs.remove(&seq),
        };
    }

    /// Inserts, replaces or removes an enrollment.
    pub(super) fn set_enrollment(
        &mut self,
        id: EnrollmentId,
        row: Option<EnrollmentRow>,
    ) -> Option<EnrollmentRow> {
        let Some(row) = row else {
            let removed = self.enrollments.remove(&id)?;
            self.enrollments_by_contact.remove(&(removed.contact, id));
            self.enrollments_by_journey.remove(&(removed.workspace, removed.journey, id));
            return Some(removed);
        };
        let (workspace, journey, contact) = (row.workspace, row.journey, row.contact);
        let before = self.enrollments.insert(id, row);
        if before.is_none() {
            self.enrollments_by_contact.insert((contact, id));
            self.enrollments_by_journey.insert((workspace, journey, id));
        }
        before
    }

    /// Inserts, replaces or removes a message.
    pub(super) fn set_message(
        &mut self,
        id: MessageId,
        message: Option<Message>,
    ) -> Option<Message> {
        let before = self.messages.remove(&id);
        if let Some(before) = &before {
            self.unorder_message(before, message.is_none());
        }
        if let Some(message) = message {
            self.order_message(&message, before.is_none());
            self.messages.insert(id, message);
        }
        before
    }

    /// Changes a message that exists, in place. Returns how it was.
    pub(super) fn alter_message(
        &mut self,
        id: MessageId,
        change: &MessageChange,
    ) -> Option<Before> {
        let mut message = self.messages.remove(&id)?;
        let is_renamed = change.gateway_ref.is_some() && change.gateway_ref != message.gateway_ref;
        self.unorder_state(&message);
        if is_renamed {
            self.unorder_ref(&message);
        }
        let before = Before::of(&mut message, change);
        self.order_state(&message);
        if is_renamed {
            self.order_ref(&message);
        }
        self.messages.insert(id, message);
        Some(before)
    }

    /// Puts a message back as it was.
    pub(super) fn put_message_back(&mut self, id: MessageId, before: Before) {
        let Some(mut message) = self.messages.remove(&id) else { return };
        self.unorder_message(&message, false);
        before.put_back(&mut message);
        self.order_message(&message, false);
        self.messages.insert(id, message);
    }

    fn order_state(&mut self, message: &Message) {
        let id = message.id;
        match message.state {
            MessageState::Queued => {
                self.messages_due.insert((message.due_at, id));
                let lane = self.messages_by_lane.entry(lane_of(message)).or_default();
                lane.insert((message.due_at, id));
            }
            MessageState::Submitting => drop(self.messages_submitting.insert((message.run, id))),
            MessageState::Unknown => drop(self.messages_unknown.insert(place_of(message))),
            _ => {}
        }
    }

    fn unorder_state(&mut self, message: &Message) {
        let id = message.id;
        match message.state {
            MessageState::Queued => {
                self.messages_due.remove(&(message.due_at, id));
                let lane = lane_of(message);
                if let Some(ids) = self.messages_by_lane.get_mut(&lane) {
                    ids.remove(&(message.due_at, id));
                    if ids.is_empty() {
                        self.messages_by_lane.remove(&lane);
                    }
                }
            }
            MessageState::Submitting => drop(self.messages_submitting.remove(&(message.run, id))),
            MessageState::Unknown => drop(self.messages_unknown.remove(&place_of(message))),
            _ => {}
        }
    }

    fn order_ref(&mut self, message: &Message) {
        let Some(gateway_ref) = &message.gateway_ref else { return };
        match self.messages_by_ref.get_mut(gateway_ref) {
            Some(ids) => drop(ids.insert(message.id)),
            None => {
                self.messages_by_ref.insert(gateway_ref.clone(), [message.id].into());
            }
        }
    }

    fn unorder_ref(&mut self, message: &Message) {
        if let Some(gateway_ref) = &message.gateway_ref
            && let Some(ids) = self.messages_by_ref.get_mut(gateway_ref)
        {
            ids.remove(&message.id);
            if ids.is_empty() {
                self.messages_by_ref.remove(gateway_ref);
            }
        }
    }

    fn order_message(&mut self, message: &Message, is_new: bool) {
        let id = message.id;
        self.order_state(message);
        self.order_ref(message);
        if is_new {
            self.messages_by_contact.insert((message.contact, message.intended_at, id));
            if !self.forgetting {
                self.messages_by_journey.insert((message.workspace, message.journey, id));
                self.messages_by_intent.insert((message.workspace, message.intended_at, id));
            }
        }
    }

    fn unorder_message(&mut self, message: &Message, is_gone: bool) {
        let id = message.id;
        self.unorder_state(message);
        self.unorder_ref(message);
        if is_gone {
            self.messages_by_contact.remove(&(message.contact, message.intended_at, id));
            if !self.forgetting {
                self.messages_by_journey.remove(&(message.workspace, message.journey, id));
                self.messages_by_intent.remove(&(message.workspace, message.intended_at, id));
            }
        }
    }

    /// Inserts or removes a call.
    pub(super) fn set_call(
        &mut self,
        key: (WorkspaceId, MessageId),
        row: Option<CallRow>,
    ) -> Option<CallRow> {
        let before = self.calls.remove(&key);
        if let Some(before) = &before {
            self.calls_due.remove(&(before.due_at, key.1, key.0));
        }
        if let Some(row) = row {
            self.calls_due.insert((row.due_at, key.1, key.0));
            self.calls.insert(key, row);
        }
        before
    }

    /// Appends a decision.
    pub(super) fn append_decision(&mut self, row: DecisionRow) {
        self.decision_last += 1;
        let id = self.decision_last;
        self.decisions_by_contact.insert((row.contact, id));
        if let Some(journey) = row.decision.journey {
            self.decisions_by_journey.insert((row.workspace, journey, id));
        }
        self.decisions.insert(id, row);
    }

    /// Removes a decision.
    pub(super) fn remove_decision(&mut self, id: u64) {
        if let Some(row) = self.decisions.remove(&id) {
            self.decisions_by_contact.remove(&(row.contact, id));
            if let Some(journey) = row.decision.journey {
                self.decisions_by_journey.remove(&(row.workspace, journey, id));
            }
        }
    }

    /// Adds to a counter.
    pub(super) fn add(&mut self, scope: (WorkspaceId, JourneyId), key: CounterOrder, delta: i64) {
        *self.counters.entry(scope).or_default().entry(key).or_insert(0) += delta;
    }

    /// Takes back an addition; a counter that it made goes away with it.
    pub(super) fn take_back(
        &mut self,
        scope: (WorkspaceId, JourneyId),
        key: &CounterOrder,
        before: Option<i64>,
    ) {
        let Some(counters) = self.counters.get_mut(&scope) else { return };
        match before {
            Some(value) => {
                if let Some(counter) = counters.get_mut(key) {
                    *counter = value;
                }
            }
            None => drop(counters.remove(key)),
        }
    }

    /// Appends an orphan receipt and returns its place.
    pub(super) fn append_orphan(&mut self, receipt: OrphanReceipt) -> u64 {
        self.orphan_last += 1;
        self.put_orphan_back(self.orphan_last, receipt);
        self.orphan_last
    }

    /// Puts an orphan receipt where it was.
    pub(super) fn put_orphan_back(&mut self, id: u64, receipt: OrphanReceipt) {
        self.orphans_by_ref.insert((receipt.gateway.clone(), receipt.gateway_ref.clone(), id));
        if !receipt.address.is_empty() {
            let to = (receipt.gateway.clone(), receipt.address.clone(), id);
            self.orphans_by_address.insert(to);
        }
        self.orphans.insert(id, receipt);
    }

    /// Removes an orphan receipt.
    pub(super) fn remove_orphan(&mut self, id: u64) -> Option<OrphanReceipt> {
        let receipt = self.orphans.remove(&id)?;
        self.orphans_by_ref.remove(&(receipt.gateway.clone(), receipt.gateway_ref.clone(), id));
        self.orphans_by_address.remove(&(receipt.gateway.clone(), receipt.address.clone(), id));
        Some(receipt)
    }

    /// Places of the orphan receipts of a gateway's message id, in order of arrival.
    pub(super) fn orphans_of(&self, gateway: &str, gateway_ref: &str) -> Vec<u64> {
        let from = (gateway.to_owned(), gateway_ref.to_owned(), 0);
        let to = (gateway.to_owned(), gateway_ref.to_owned(), u64::MAX);
        self.orphans_by_ref.range(from..=to).map(|(_, _, id)| *id).collect()
    }
}

/// The lane a queued message is in.
fn lane_of(message: &Message) -> Lane {
    let (workspace, purpose) = (message.workspace, message.purpose);
    Lane { workspace, sender: message.sender.clone(), purpose }
}

/// Where an unknown message stands among those of its gateway.
fn place_of(message: &Message) -> (String, String, MessageId) {
    (message.gateway.clone(), message.to.clone(), message.id)
}
