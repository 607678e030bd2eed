//! Everything a store answers, as text.
//!
//! Must never leave a read out: two stores are the same when they answer the same.

use super::{observe_carriers, observe_live};
use crate::Store;
use crate::batch::{Identity, IdentityKind};
use std::fmt::{Debug, Write};
use wayline_core::ids::{ContactId, EnrollmentId, JourneyId, MessageId, Seq, WorkspaceId};
use wayline_core::time::Timestamp;

/// Ids asked for go from 0 up to this.
pub(super) const IDS: u64 = 9;
const PAGE: usize = 3;

pub(super) struct Seen(String);

impl Seen {
    pub(super) fn add<T: Debug, E: Debug>(&mut self, what: &str, answer: Result<T, E>) {
        let _ = writeln!(self.0, "{what}: {answer:?}");
    }
}

/// All answers of a store whose ids are small.
pub async fn observe(store: &Store) -> String {
    let mut seen = Seen(String::new());
    everywhere(store, &mut seen).await;
    observe_live::everywhere(store, &mut seen).await;
    observe_carriers::everywhere(store, &mut seen).await;
    for workspace in 1..=3 {
        of_workspace(store, &mut seen, WorkspaceId(workspace)).await;
        observe_live::of_workspace(store, &mut seen, WorkspaceId(workspace)).await;
    }
    seen.0
}

async fn everywhere(store: &Store, seen: &mut Seen) {
    seen.add("sequences", store.sequences().await);
    seen.add("workspaces", store.workspaces().await);
    for slug in ["ws-1", "ws-2", "ws-3"] {
        seen.add(slug, store.workspace_by_slug(slug).await);
    }
    let ids: Vec<ContactId> = (0..IDS).map(ContactId).collect();
    seen.add("contacts", store.contacts(&ids).await);
    seen.add("next wake", store.next_wake().await);
    seen.add("next message", store.next_message_due().await);
    seen.add("next call", store.next_call_due().await);
    for now in [0, 20, 1_000] {
        for limit in [PAGE, 100] {
            seen.add("wakes", store.wakes_due(Timestamp(now), limit).await);
            seen.add("messages due", store.messages_due(Timestamp(now), limit).await);
            seen.add("calls due", store.calls_due(Timestamp(now), limit).await);
        }
    }
    for run in 0..4 {
        seen.add("submitting", store.messages_submitting_before_run(run, PAGE).await);
    }
    let messages: Vec<MessageId> = (0..IDS).map(super::samples::message_id).collect();
    seen.add("messages", store.messages(&messages).await);
    for gateway in ["gw", "other"] {
        for gateway_ref in ["r0", "r1"] {
            seen.add("by ref", store.message_by_gateway_ref(gateway, gateway_ref).await);
            seen.add("orphans", store.orphan_receipts(gateway, gateway_ref).await);
        }
    }
    for after in [None, Some(2), Some(5)] {
        seen.add("all decisions", store.decisions_all(after, 5).await);
    }
}

async fn of_workspace(store: &Store, seen: &mut Seen, ws: WorkspaceId) {
    seen.add("segments", store.segments(ws).await);
    seen.add("versions", store.journey_versions(ws).await);
    seen.add("live versions", store.live_versions(ws).await);
    seen.add("sweeps", store.sweeps(ws).await);
    let kinds = [IdentityKind::External, IdentityKind::Anonymous, IdentityKind::Phone];
    let identities: Vec<Identity> = (0..IDS)
        .flat_map(|n| kinds.map(|kind| Identity { workspace: ws, kind, value: format!("v{n}") }))
        .collect();
    seen.add("identities", store.contact_by_identities(&identities).await);
    let ids: Vec<u128> = (0..u128::from(IDS)).collect();
    seen.add("known", store.inputs_known(ws, &ids).await);
    for after in [None, Some(0), Some(2), Some(4)] {
        let contact = after.map(ContactId);
        seen.add("contacts", store.contacts_page(ws, contact, PAGE).await);
        seen.add("letters", store.dead_letters(ws, after.map(Seq), PAGE).await);
    }
    for n in 0..IDS {
        seen.add("phone", store.contacts_by_phone(ws, &format!("+{n}"), PAGE).await);
        seen.add("letter", store.dead_letter(ws, Seq(n)).await);
        of_contact(store, seen, ws, ContactId(n)).await;
    }
    for journey in 0..3 {
        of_journey(store, seen, ws, JourneyId(journey)).await;
    }
}

async fn of_contact(store: &Store, seen: &mut Seen, ws: WorkspaceId, contact: ContactId) {
    seen.add("latest", store.latest_message_to(ws, contact).await);
    for head in [None, Some(Seq(3)), Some(Seq(8)), Some(Seq(20))] {
        seen.add("history", store.history(ws, contact, head, PAGE).await);
    }
    let mut after = None;
    loop {
        let page = store.decisions(ws, contact, after, PAGE).await;
        after = page.as_ref().ok().and_then(|rows| rows.last()).map(|last| last.id);
        seen.add("decisions", page);
        if after.is_none() {
            break;
        }
    }
    for after in [None, Some(5)] {
        let enrollment = after.map(EnrollmentId);
        seen.add("enrollments", store.enrollments(ws, contact, enrollment, PAGE).await);
    }
    let mut after = None;
    loop {
        let page = store.messages_of_contact(ws, contact, after, PAGE).await;
        let last = page.as_ref().ok().and_then(|rows| rows.last());
        after = last.map(|last| (last.intended_at, last.id));
        seen.add("messages", page);
        if after.is_none() {
            break;
        }
    }
}

async fn of_journey(store: &Store, seen: &mut Seen, ws: WorkspaceId, journey: JourneyId) {
    for after in [None, Some(5)] {
        seen.add("decisions", store.decisions_of_journey(ws, journey, after, PAGE).await);
        let message = after.map(super::samples::message_id);
        seen.add("messages", store.messages_of_journey(ws, journey, message, PAGE).await);
        for active in [false, true] {
            let id = after.map(EnrollmentId);
            let rows = store.enrollments_of_journey(ws, journey, active, id, PAGE).await;
            seen.add("enrollments", rows);
        }
    }
    for hours in [(0, i64::MAX), (3_600_000, 7_200_000)] {
        let hours = (Timestamp(hours.0), Timestamp(hours.1));
        let mut after = None;
        loop {
            let page = store.counters(ws, journey, hours, after.as_ref(), PAGE).await;
            after = page.as_ref().ok().and_then(|rows| rows.last()).map(|last| last.key.clone());
            seen.add("counters", page);
            if after.is_none() {
                break;
            }
        }
    }
}
