//! Typed reads of the memory store.
//!
//! Must never change anything.

use super::MemoryStore;
use super::model::{Contact, Model};
use crate::batch::{
    CallRow, DeadLetterRow, EnrollmentRow, Identity, LoggedInput, OrphanReceipt, SegmentRow,
    Sequences, SweepRow, Wake, WorkspaceRow,
};
use crate::error::StoreError;
use crate::rows::{
    ContactRecord, Counter, DueContact, StoredDecision, StoredJourneyVersion, bounded,
    counter_order,
};
use std::ops::Bound;
use std::sync::Arc;
use wayline_core::decision::What;
use wayline_core::ids::{ContactId, EnrollmentId, JourneyId, MessageId, Seq, WorkspaceId};
use wayline_core::message::Message;
use wayline_core::metrics::CounterKey;
use wayline_core::time::Timestamp;

type Answer<T> = Result<T, StoreError>;

/// Before every message.
pub(super) const MESSAGE_FIRST: MessageId =
    MessageId { enrollment: EnrollmentId(0), step: 0, visit: 0 };
/// After every message.
pub(super) const MESSAGE_LAST: MessageId =
    MessageId { enrollment: EnrollmentId(u64::MAX), step: u16::MAX, visit: u32::MAX };

pub(super) fn record(contact: &Contact) -> ContactRecord {
    ContactRecord {
        profile: Arc::clone(&contact.profile),
        state: Arc::clone(&contact.state.body),
        version: contact.state.version,
        wake: contact.state.wake,
    }
}

impl Model {
    fn decision(&self, id: u64) -> Option<StoredDecision> {
        self.decisions.get(&id).map(|row| StoredDecision { id, row: row.clone() })
    }
}

/// Definitions, contacts and inputs.
impl MemoryStore {
    pub(crate) fn sequences(&self) -> Answer<Sequences> {
        Ok(self.lock()?.sequences)
    }

    pub(crate) fn run(&self) -> Answer<u64> {
        Ok(self.lock()?.run)
    }

    pub(crate) fn workspaces(&self) -> Answer<Vec<WorkspaceRow>> {
        Ok(self.lock()?.workspaces.values().cloned().collect())
    }

    pub(crate) fn workspace_by_slug(&self, slug: &str) -> Answer<Option<WorkspaceRow>> {
        Ok(self.lock()?.workspaces.values().find(|row| row.slug == slug).cloned())
    }

    pub(crate) fn segments(&self, workspace: WorkspaceId) -> Answer<Vec<SegmentRow>> {
        let model = self.lock()?;
        let rows = model.segments.range((workspace, String::new())..);
        let rows = rows.take_while(|((of, _), _)| *of == workspace);
        Ok(rows.map(|(_, row)| row.clone()).collect())
    }

    pub(crate) fn journey_versions(
        &self,
        workspace: WorkspaceId,
    ) -> Answer<Vec<StoredJourneyVersion>> {
        let model = self.lock()?;
        let to = (workspace, JourneyId(u32::MAX), u32::MAX);
        let rows = model.versions.range((workspace, JourneyId(0), 0)..=to);
        let stored = rows.map(|((_, journey, version), row)| StoredJourneyVersion {
            row: row.clone(),
            live: model.live.get(&(workspace, *journey)) == Some(version),
        });
        Ok(stored.collect())
    }

    pub(crate) fn live_versions(
        &self,
        workspace: WorkspaceId,
    ) -> Answer<Vec<StoredJourneyVersion>> {
        let mut versions = self.journey_versions(workspace)?;
        versions.retain(|version| version.live);
        Ok(versions)
    }

    pub(crate) fn journey_version(
        &self,
        workspace: WorkspaceId,
        journey: JourneyId,
        version: u32,
    ) -> Answer<Option<StoredJourneyVersion>> {
        let model = self.lock()?;
        let row = model.versions.get(&(workspace, journey, version)).cloned();
        let live = model.live.get(&(workspace, journey)) == Some(&version);
        Ok(row.map(|row| StoredJourneyVersion { row, live }))
    }

    pub(crate) fn contact_by_identities(
        &self,
        identities: &[Identity],
    ) -> Answer<Vec<Option<ContactId>>> {
        let model = self.lock()?;
        Ok(identities.iter().map(|identity| model.identities.get(identity).copied()).collect())
    }

    pub(crate) fn contacts(&self, ids: &[ContactId]) -> Answer<Vec<Option<ContactRecord>>> {
        let model = self.lock()?;
        Ok(ids.iter().map(|id| model.contacts.get(id).map(record)).collect())
    }

    pub(crate) fn contacts_by_phone(
        &self,
        workspace: WorkspaceId,
        phone: &str,
        limit: usize,
    ) -> Answer<Vec<ContactId>> {
        let model = self.lock()?;
        let from = (workspace, phone.to_owned(), ContactId(0));
        let to = (workspace, phone.to_owned(), ContactId(u64::MAX));
        let found = model.phones.range(from..=to).take(bounded(limit)?);
        Ok(found.map(|(_, _, contact)| *contact).collect())
    }

    pub(crate) fn contacts_page(
        &self,
        workspace: WorkspaceId,
        after: Option<ContactId>,
        limit: usize,
    ) -> Answer<Vec<ContactRecord>> {
        let model = self.lock()?;
        let from = after.map_or(Bound::Included((workspace, ContactId(0))), |after| {
            Bound::Excluded((workspace, after))
        });
        let to = Bound::Included((workspace, ContactId(u64::MAX)));
        let ids = model.contact_order.range((from, to)).take(bounded(limit)?);
        Ok(ids.filter_map(|(_, id)| model.contacts.get(id).map(record)).collect())
    }

    pub(crate) fn inputs_known(&self, workspace: WorkspaceId, ids: &[u128]) -> Answer<Vec<bool>> {
        let model = self.lock()?;
        Ok(ids.iter().map(|id| model.is_remembered(workspace, *id)).collect())
    }

    pub(crate) fn wakes_due(&self, until: Timestamp, limit: usize) -> Answer<Vec<DueContact>> {
        let model = self.lock()?;
        let last = Wake { due: until, enrollment: EnrollmentId(u64::MAX) };
        let due = model.wakes.range(..=(last, ContactId(u64::MAX))).take(bounded(limit)?);
        let due = due.filter_map(|(wake, contact)| {
            let workspace = model.contacts.get(contact)?.profile.workspace;
            Some(DueContact { wake: *wake, contact: *contact, workspace })
        });
        Ok(due.collect())
    }

    pub(crate) fn next_wake(&self) -> Answer<Option<Timestamp>> {
        Ok(self.lock()?.wakes.first().map(|(wake, _)| wake.due))
    }

    pub(crate) fn history(
        &self,
        workspace: WorkspaceId,
        contact: ContactId,
        head: Option<Seq>,
        limit: usize,
    ) -> Answer<Vec<LoggedInput>> {
        let model = self.lock()?;
        let limit = bounded(limit)?;
        let mut rows: Vec<LoggedInput> = Vec::new();
        let mut next = head;
        while rows.len() < limit
            && let Some(row) = next.and_then(|seq| model.inputs.get(&seq))
            && (row.workspace, row.contact) == (workspace, contact)
        {
            // A link that does not go back would lead round in a circle.
            next = row.previous.filter(|previous| *previous < row.seq);
            rows.push(row.clone());
        }
        Ok(rows)
    }
}

/// Messages and calls.
impl MemoryStore {
    pub(crate) fn messages_due(&self, now: Timestamp, limit: usize) -> Answer<Vec<Message>> {
        let model = self.lock()?;
        let due = model.messages_due.range(..=(now, MESSAGE_LAST)).take(bounded(limit)?);
        Ok(due.filter_map(|(_, id)| model.messages.get(id).cloned()).collect())
    }

    pub(crate) fn next_message_due(&self) -> Answer<Option<Timestamp>> {
        Ok(self.lock()?.messages_due.first().map(|(due, _)| *due))
    }

    pub(crate) fn messages(&self, ids: &[MessageId]) -> Answer<Vec<Option<Message>>> {
        let model = self.lock()?;
        Ok(ids.iter().map(|id| model.messages.get(id).cloned()).collect())
    }

    pub(crate) fn message_by_gateway_ref(
        &self,
        gateway: &str,
        gateway_ref: &str,
    ) -> Answer<Option<Message>> {
        let model = self.lock()?;
        let ids = model.messages_by_ref.get(gateway_ref).into_iter().flatten();
        let found = ids.filter_map(|id| model.messages.get(id)).filter(|m| m.gateway == gateway);
        Ok(found.max_by_key(|message| (message.handed_out_at, message.id)).cloned())
    }

    pub(crate) fn latest_message_to(
        &self,
        workspace: WorkspaceId,
        contact: ContactId,
    ) -> Answer<Option<Message>> {
        let model = self.lock()?;
        let found = model.latest_message(contact);
        Ok(found.filter(|message| message.workspace == workspace).cloned())
    }

    pub(crate) fn messages_submitting_before_run(
        &self,
        run: u64,
        limit: usize,
    ) -> Answer<Vec<Message>> {
        let model = self.lock()?;
        let found = model.messages_submitting.range(..(run, MESSAGE_FIRST)).take(bounded(limit)?);
        Ok(found.filter_map(|(_, id)| model.messages.get(id).cloned()).collect())
    }

    pub(crate) fn messages_of_contact(
        &self,
        workspace: WorkspaceId,
        contact: ContactId,
        after: Option<(Timestamp, MessageId)>,
        limit: usize,
    ) -> Answer<Vec<Message>> {
        let model = self.lock()?;
        let last = Bound::Included((contact, Timestamp(i64::MAX), MESSAGE_LAST));
        let to = after.map_or(last, |(at, id)| Bound::Excluded((contact, at, id)));
        let from = Bound::Included((contact, Timestamp(i64::MIN), MESSAGE_FIRST));
        let ids = model.messages_by_contact.range((from, to));
        let found = ids.rev().filter_map(|(_, _, id)| model.messages.get(id));
        let found = found.filter(|message| message.workspace == workspace);
        Ok(found.take(bounded(limit)?).cloned().collect())
    }

    pub(crate) fn messages_of_journey(
        &self,
        workspace: WorkspaceId,
        journey: JourneyId,
        after: Option<MessageId>,
        limit: usize,
    ) -> Answer<Vec<Message>> {
        let model = self.lock()?;
        let to = after.map_or(Bound::Included((workspace, journey, MESSAGE_LAST)), |after| {
            Bound::Excluded((workspace, journey, after))
        });
        let from = Bound::Included((workspace, journey, MESSAGE_FIRST));
        let ids = model.messages_by_journey.range((from, to)).rev().take(bounded(limit)?);
        Ok(ids.filter_map(|(_, _, id)| model.messages.get(id).cloned()).collect())
    }

    pub(crate) fn calls_due(&self, now: Timestamp, limit: usize) -> Answer<Vec<CallRow>> {
        let model = self.lock()?;
        let to = (now, MESSAGE_LAST, WorkspaceId(u32::MAX));
        let due = model.calls_due.range(..=to).take(bounded(limit)?);
        Ok(due.filter_map(|(_, id, ws)| model.calls.get(&(*ws, *id)).cloned()).collect())
    }

    pub(crate) fn next_call_due(&self) -> Answer<Option<Timestamp>> {
        Ok(self.lock()?.calls_due.first().map(|(due, _, _)| *due))
    }
}

/// Decisions, enrollments, counters and what waits for people.
impl MemoryStore {
    pub(crate) fn decisions(
        &self,
        workspace: WorkspaceId,
        contact: ContactId,
        after: Option<u64>,
        limit: usize,
    ) -> Answer<Vec<StoredDecision>> {
        let model = self.lock()?;
        let limit = bounded(limit)?;
        if model.contact(workspace, contact).is_none() {
            return Ok(Vec::new());
        }
        let ids = model
            .decisions_by_contact
            .range((contact, 0)..(contact, after.unwrap_or(u64::MAX)))
            .rev()
            .take(limit);
        Ok(ids.filter_map(|(_, id)| model.decision(*id)).collect())
    }

    pub(crate) fn decisions_of_journey(
        &self,
        workspace: WorkspaceId,
        journey: JourneyId,
        after: Option<u64>,
        limit: usize,
    ) -> Answer<Vec<StoredDecision>> {
        let model = self.lock()?;
        let to = (workspace, journey, after.unwrap_or(u64::MAX));
        let ids = model.decisions_by_journey.range((workspace, journey, 0)..to).rev();
        let ids = ids.take(bounded(limit)?);
        Ok(ids.filter_map(|(_, _, id)| model.decision(*id)).collect())
    }

    pub(crate) fn decisions_all(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> Answer<Vec<StoredDecision>> {
        let model = self.lock()?;
        let rows = model.decisions.range((Bound::Excluded(after.unwrap_or(0)), Bound::Unbounded));
        let rows = rows.take(bounded(limit)?);
        Ok(rows.map(|(id, row)| StoredDecision { id: *id, row: row.clone() }).collect())
    }

    pub(crate) fn enrollments(
        &self,
        workspace: WorkspaceId,
        contact: ContactId,
        after: Option<EnrollmentId>,
        limit: usize,
    ) -> Answer<Vec<EnrollmentRow>> {
        let model = self.lock()?;
        let to = (contact, after.unwrap_or(EnrollmentId(u64::MAX)));
        let ids = model.enrollments_by_contact.range((contact, EnrollmentId(0))..to).rev();
        let rows = ids.filter_map(|(_, id)| model.enrollments.get(id));
        let rows = rows.filter(|row| row.workspace == workspace).take(bounded(limit)?);
        Ok(rows.cloned().collect())
    }

    pub(crate) fn enrollments_of_journey(
        &self,
        workspace: WorkspaceId,
        journey: JourneyId,
        active_only: bool,
        after: Option<EnrollmentId>,
        limit: usize,
    ) -> Answer<Vec<EnrollmentRow>> {
        let model = self.lock()?;
        let from = (workspace, journey, EnrollmentId(0));
        let to = (workspace, journey, after.unwrap_or(EnrollmentId(u64::MAX)));
        let ids = model.enrollments_by_journey.range(from..to).rev();
        let rows = ids.filter_map(|(_, _, id)| model.enrollments.get(id));
        let rows = rows.filter(|row| !active_only || row.left_at.is_none());
        Ok(rows.take(bounded(limit)?).cloned().collect())
    }

    pub(crate) fn counters(
        &self,
        workspace: WorkspaceId,
        journey: JourneyId,
        (from, until): (Timestamp, Timestamp),
        after: Option<&CounterKey>,
        limit: usize,
    ) -> Answer<Vec<Counter>> {
        let model = self.lock()?;
        let limit = bounded(limit)?;
        let Some(of_journey) = model.counters.get(&(workspace, journey)) else {
            return Ok(Vec::new());
        };
        let start = Bound::Included((from, 0, i32::MIN, String::new(), ""));
        let start = after.map_or(start, |after| Bound::Excluded(counter_order(after)));
        let rows = of_journey.range((start, Bound::Unbounded));
        let rows = rows.skip_while(|(key, _)| key.0 < from).take_while(|(key, _)| key.0 < until);
        let found = rows.take(limit).filter_map(|(key, value)| {
            let (hour, version, step, variant, what) = key.clone();
            let (step, what) = (u16::try_from(step).ok(), What::from_name(what)?);
            let key = CounterKey { journey, version, step, variant, what, hour };
            Some(Counter { key, value: *value })
        });
        Ok(found.collect())
    }

    pub(crate) fn dead_letters(
        &self,
        workspace: WorkspaceId,
        after: Option<Seq>,
        limit: usize,
    ) -> Answer<Vec<DeadLetterRow>> {
        let model = self.lock()?;
        let from = after.map_or(Bound::Included((workspace, Seq(0))), |after| {
            Bound::Excluded((workspace, after))
        });
        let to = Bound::Included((workspace, Seq(u64::MAX)));
        let rows = model.dead_letters.range((from, to)).take(bounded(limit)?);
        Ok(rows.map(|(_, row)| row.clone()).collect())
    }

    pub(crate) fn dead_letter(
        &self,
        workspace: WorkspaceId,
        id: Seq,
    ) -> Answer<Option<DeadLetterRow>> {
        Ok(self.lock()?.dead_letters.get(&(workspace, id)).cloned())
    }

    pub(crate) fn orphan_receipts(
        &self,
        gateway: &str,
        gateway_ref: &str,
    ) -> Answer<Vec<OrphanReceipt>> {
        let model = self.lock()?;
        let places = model.orphans_of(gateway, gateway_ref);
        Ok(places.iter().filter_map(|id| model.orphans.get(id).cloned()).collect())
    }

    pub(crate) fn sweeps(&self, workspace: WorkspaceId) -> Answer<Vec<SweepRow>> {
        let model = self.lock()?;
        let to = (workspace, JourneyId(u32::MAX));
        let rows = model.sweeps.range((workspace, JourneyId(0))..=to);
        Ok(rows.map(|(_, row)| row.clone()).collect())
    }
}
