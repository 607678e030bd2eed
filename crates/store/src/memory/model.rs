//! What the memory store holds: rows in maps, and the orders in which they are read.
//!
//! Point lookups are hash maps with a fixed hasher, so that two runs iterate alike; what is read in an
//! order is in an ordered set beside them. Must never be changed but through `tables.rs`, which keeps
//! rows and orders together.

use crate::batch::{
    ApiKeyRow, CallRow, DeadLetterRow, DecisionRow, DraftRow, EnrollmentRow, GatewayRow,
    IdempotencyRow, Identity, JourneyVersionRow, Kept, KeptText, LoggedInput, OrphanReceipt,
    ProfileRow, SegmentRow, Sequences, SweepRow, Wake, WorkspaceRow,
};
use crate::rows::{CounterOrder, Lane};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wayline_core::ids::{ContactId, EnrollmentId, JourneyId, MessageId, Seq, WorkspaceId};
use wayline_core::message::Message;
use wayline_core::time::Timestamp;

/// Everything in the store.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) forgetting: bool,
    pub(super) run: u64,
    pub(super) sequences: Sequences,
    pub(super) workspaces: BTreeMap<WorkspaceId, WorkspaceRow>,
    pub(super) segments: BTreeMap<(WorkspaceId, String), SegmentRow>,
    pub(super) versions: BTreeMap<(WorkspaceId, JourneyId, u32), JourneyVersionRow>,
    pub(super) live: BTreeMap<(WorkspaceId, JourneyId), u32>,

    pub(super) contacts: FxHashMap<ContactId, Contact>,
    pub(super) contact_order: BTreeSet<(WorkspaceId, ContactId)>,
    pub(super) phones: BTreeSet<(WorkspaceId, String, ContactId)>,
    pub(super) wakes: BTreeSet<(Wake, ContactId)>,
    pub(super) identities: FxHashMap<Identity, ContactId>,
    pub(super) remembered: Remembered,

    pub(super) inputs: BTreeMap<Seq, LoggedInput>,
    pub(super) enrollments: FxHashMap<EnrollmentId, EnrollmentRow>,
    pub(super) enrollments_by_contact: BTreeSet<(ContactId, EnrollmentId)>,
    pub(super) enrollments_by_journey: BTreeSet<(WorkspaceId, JourneyId, EnrollmentId)>,

    pub(super) messages: FxHashMap<MessageId, Message>,
    pub(super) messages_due: BTreeSet<(Timestamp, MessageId)>,
    /// Never an empty lane.
    pub(super) messages_by_lane: BTreeMap<Lane, BTreeSet<(Timestamp, MessageId)>>,
    /// By gateway and address.
    pub(super) messages_unknown: BTreeSet<(String, String, MessageId)>,
    pub(super) messages_submitting: BTreeSet<(u64, MessageId)>,
    pub(super) messages_by_ref: FxHashMap<String, BTreeSet<MessageId>>,
    pub(super) messages_by_contact: BTreeSet<(ContactId, Timestamp, MessageId)>,
    pub(super) messages_by_journey: BTreeSet<(WorkspaceId, JourneyId, MessageId)>,
    pub(super) messages_by_intent: BTreeSet<(WorkspaceId, Timestamp, MessageId)>,

    pub(super) calls: BTreeMap<(WorkspaceId, MessageId), CallRow>,
    pub(super) calls_due: BTreeSet<(Timestamp, MessageId, WorkspaceId)>,

    pub(super) decision_last: u64,
    pub(super) decisions: BTreeMap<u64, DecisionRow>,
    pub(super) decisions_by_contact: BTreeSet<(ContactId, u64)>,
    pub(super) decisions_by_journey: BTreeSet<(WorkspaceId, JourneyId, u64)>,
    pub(super) counters: BTreeMap<(WorkspaceId, JourneyId), BTreeMap<CounterOrder, i64>>,

    pub(super) dead_letters: BTreeMap<(WorkspaceId, Seq), DeadLetterRow>,
    pub(super) orphan_last: u64,
    pub(super) orphans: BTreeMap<u64, OrphanReceipt>,
    pub(super) orphans_by_ref: BTreeSet<(String, String, u64)>,
    /// Only those whose address is known.
    pub(super) orphans_by_address: BTreeSet<(String, String, u64)>,
    pub(super) sweeps: BTreeMap<(WorkspaceId, JourneyId), SweepRow>,

    pub(super) api_keys: BTreeMap<u64, ApiKeyRow>,
    pub(super) idempotency: BTreeMap<(u64, String), IdempotencyRow>,
    pub(super) idempotency_by_time: BTreeSet<(Timestamp, u64, String)>,
    pub(super) drafts: BTreeMap<(WorkspaceId, String), DraftRow>,
    pub(super) paused: BTreeSet<(WorkspaceId, JourneyId)>,
    pub(super) gateways: BTreeMap<(Option<WorkspaceId>, String), GatewayRow>,
    /// By period first, in the order in which they are forgotten.
    pub(super) allowances: BTreeMap<(Timestamp, String), u64>,
    pub(super) texts: BTreeMap<(Kept, String, String), KeptText>,
    pub(super) texts_by_time: BTreeSet<(Kept, Timestamp, String, String)>,
    /// The latest instant of anything that was kept.
    pub(super) last_instant: Option<Timestamp>,
}

/// A contact: profile and engine state in one place, because they are read together.
#[derive(Debug)]
pub(super) struct Contact {
    /// As in the profile, which is elsewhere in memory.
    pub(super) workspace: WorkspaceId,
    pub(super) profile: Arc<ProfileRow>,
    pub(super) state: State,
}

/// Engine state of a contact.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) body: Arc<[u8]>,
    /// 0: none yet.
    pub(super) version: u64,
    pub(super) wake: Option<Wake>,
}

/// Ids of inputs that were taken.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// By period of `limits::DEDUPLICATION`, in the order in which they are forgotten.
    pub(super) by_period: BTreeMap<i64, BTreeSet<(WorkspaceId, u128)>>,
}

impl Model {
    pub(super) fn new(forgetting: bool) -> Self {
        Model { forgetting, run: 1, sequences: Sequences::FIRST, ..Model::default() }
    }

    /// A contact in a workspace.
    pub(super) fn contact(&self, workspace: WorkspaceId, id: ContactId) -> Option<&Contact> {
        self.contacts.get(&id).filter(|contact| contact.workspace == workspace)
    }
}
