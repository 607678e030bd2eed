//! One store, whatever it keeps things in.
//!
//! Every method says here, once, what it answers; the backends say how. Must never hold a rule of its own:
//! it only passes on. Methods are async because a backend behind a network waits; these two answer at once.

use crate::batch::{
    ApiKeyRow, Batch, CallRow, DeadLetterRow, DraftRow, EnrollmentRow, GatewayRow, IdempotencyRow,
    Identity, Kept, KeptText, LoggedInput, OrphanReceipt, SegmentRow, Sequences, SweepRow,
    WorkspaceRow,
};
use crate::error::StoreError;
use crate::memory::MemoryStore;
use crate::rows::{
    BackupProgress, ContactRecord, Counter, CounterTotal, DraftHead, DueContact, Lane, Retention,
    SearchField, StoredDecision, StoredJourneyVersion, VersionHead,
};
use crate::sqlite::SqliteStore;
use std::path::Path;
use wayline_core::decision::What;
use wayline_core::ids::{ContactId, EnrollmentId, JourneyId, MessageId, Seq, WorkspaceId};
use wayline_core::message::Message;
use wayline_core::metrics::CounterKey;
use wayline_core::time::Timestamp;

/// Where everything is kept.
#[derive(Debug)]
pub enum Store {
    /// In memory: for tests, simulations and replays.
    Memory(MemoryStore),
    /// In one file: the default.
    Sqlite(SqliteStore),
    /// In memory, failing on demand: for simulations.
    #[cfg(feature = "faults")]
    Faulty(crate::faulty::FaultyStore),
}

impl From<MemoryStore> for Store {
    fn from(store: MemoryStore) -> Self {
        Store::Memory(store)
    }
}

impl From<SqliteStore> for Store {
    fn from(store: SqliteStore) -> Self {
        Store::Sqlite(store)
    }
}

/// Passes methods on to the backend. A page is refused when its limit is beyond `limits::PAGE_ROWS_MAX`;
/// `after` is the last row of the page before, in the order the method names.
macro_rules! pass_on {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $kind:ty),*) -> $answer:ty;)*) => {
        impl Store {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// When the store could not do it: nothing is known then, and nothing was changed.
                #[allow(clippy::too_many_arguments)]
                pub async fn $name(&self, $($arg: $kind),*) -> Result<$answer, StoreError> {
                    match self {
                        Store::Memory(store) => store.$name($($arg),*),
                        Store::Sqlite(store) => store.$name($($arg),*),
                        #[cfg(feature = "faults")]
                        Store::Faulty(store) => store.$name($($arg),*),
                    }
                }
            )*
        }
    };
}

pass_on! {
    /// Keeps all operations of the batch or none. Durable when it returns.
    fn commit(batch: &Batch) -> ();

    /// The next ids to hand out.
    fn sequences() -> Sequences;
    /// Which run of the program this is: opening a store begins the next one, durably. From 1.
    fn run() -> u64;
    /// All workspaces, by id.
    fn workspaces() -> Vec<WorkspaceRow>;
    /// The workspace with this text id.
    fn workspace_by_slug(slug: &str) -> Option<WorkspaceRow>;
    /// All segments of a workspace, by slug.
    fn segments(workspace: WorkspaceId) -> Vec<SegmentRow>;
    /// All versions of all journeys of a workspace, by journey and version.
    fn journey_versions(workspace: WorkspaceId) -> Vec<StoredJourneyVersion>;
    /// The versions that new entries get, by journey.
    fn live_versions(workspace: WorkspaceId) -> Vec<StoredJourneyVersion>;
    /// One version of a journey.
    fn journey_version(workspace: WorkspaceId, journey: JourneyId, version: u32) -> Option<StoredJourneyVersion>;
    /// All versions of all journeys of a workspace without their definitions, by (slug, version). Reads no
    /// definition.
    fn version_heads(workspace: WorkspaceId) -> Vec<VersionHead>;
    /// As `version_heads`, of the journey with this text id alone.
    fn version_heads_of(workspace: WorkspaceId, slug: &str) -> Vec<VersionHead>;

    /// Whose the identities are, in their order.
    fn contact_by_identities(identities: &[Identity]) -> Vec<Option<ContactId>>;
    /// Contacts in the order of `ids`; `None`: there is none. Ids are unique over workspaces, each record
    /// says whose it is, and who asks on behalf of a workspace compares that.
    fn contacts(ids: &[ContactId]) -> Vec<Option<ContactRecord>>;
    /// Contacts whose profile has this number, by id.
    fn contacts_by_phone(workspace: WorkspaceId, phone: &str, limit: usize) -> Vec<ContactId>;
    /// Contacts of a workspace, by id.
    fn contacts_page(workspace: WorkspaceId, after: Option<ContactId>, limit: usize) -> Vec<ContactRecord>;
    /// Which of the inputs were taken before, in their order.
    fn inputs_known(workspace: WorkspaceId, ids: &[u128]) -> Vec<bool>;
    /// Contacts whose time has come by `until`, over all workspaces, by (due, enrollment, contact).
    fn wakes_due(until: Timestamp, limit: usize) -> Vec<DueContact>;
    /// When the next contact's time comes.
    fn next_wake() -> Option<Timestamp>;
    /// Inputs of a contact, newest first, from `head` back along `previous`. It ends where retention removed
    /// the rest. The next page begins at the `previous` of the last row.
    fn history(workspace: WorkspaceId, contact: ContactId, head: Option<Seq>, limit: usize) -> Vec<LoggedInput>;

    /// Queued messages that may be claimed, over all workspaces, by (due, id).
    fn messages_due(now: Timestamp, limit: usize) -> Vec<Message>;
    /// When the next queued message may be claimed.
    fn next_message_due() -> Option<Timestamp>;
    /// Lanes in which a message is queued, in their order, each with the instant its first message is due. A
    /// message is in the lane of the sender and purpose it has now. Reads one row for each lane, however many
    /// messages wait in it.
    fn lanes_queued(after: Option<&Lane>, limit: usize) -> Vec<(Lane, Timestamp)>;
    /// Queued messages of a lane that may be claimed, by (due, id), from such a place on. Reads no other lane.
    fn messages_due_in_lane(lane: &Lane, from: Option<(Timestamp, MessageId)>, now: Timestamp, limit: usize) -> Vec<Message>;
    /// Messages to an address that a gateway took or not, nobody knows, by id.
    fn messages_unknown_to(gateway: &str, address: &str, limit: usize) -> Vec<Message>;
    /// All messages of a gateway that are unknown, by (address, id).
    fn messages_unknown(gateway: &str, after: Option<(&str, MessageId)>, limit: usize) -> Vec<Message>;
    /// Messages in the order of `ids`; `None`: there is none. Each says whose it is.
    fn messages(ids: &[MessageId]) -> Vec<Option<Message>>;
    /// The message a gateway calls so; the one handed out last, when the gateway used the id again.
    fn message_by_gateway_ref(gateway: &str, gateway_ref: &str) -> Option<Message>;
    /// The message handed out last to a contact, whatever became of it: what a reply refers to.
    fn latest_message_to(workspace: WorkspaceId, contact: ContactId) -> Option<Message>;
    /// Messages that an earlier run handed out without storing the answer, by (run, id).
    fn messages_submitting_before_run(run: u64, limit: usize) -> Vec<Message>;
    /// Messages of a contact, by (intended, id), newest first.
    fn messages_of_contact(workspace: WorkspaceId, contact: ContactId, after: Option<(Timestamp, MessageId)>, limit: usize) -> Vec<Message>;
    /// Messages of a journey, newest id first.
    fn messages_of_journey(workspace: WorkspaceId, journey: JourneyId, after: Option<MessageId>, limit: usize) -> Vec<Message>;
    /// Calls that may be made, over all workspaces, by (due, id).
    fn calls_due(now: Timestamp, limit: usize) -> Vec<CallRow>;
    /// When the next call may be made.
    fn next_call_due() -> Option<Timestamp>;

    /// Decisions about a contact, newest first.
    fn decisions(workspace: WorkspaceId, contact: ContactId, after: Option<u64>, limit: usize) -> Vec<StoredDecision>;
    /// Decisions of a journey, newest first.
    fn decisions_of_journey(workspace: WorkspaceId, journey: JourneyId, after: Option<u64>, limit: usize) -> Vec<StoredDecision>;
    /// All decisions of all workspaces, oldest first: for a recount or an export.
    fn decisions_all(after: Option<u64>, limit: usize) -> Vec<StoredDecision>;
    /// Enrollments of a contact, newest first.
    fn enrollments(workspace: WorkspaceId, contact: ContactId, after: Option<EnrollmentId>, limit: usize) -> Vec<EnrollmentRow>;
    /// Enrollments of a journey, newest first.
    fn enrollments_of_journey(workspace: WorkspaceId, journey: JourneyId, active_only: bool, after: Option<EnrollmentId>, limit: usize) -> Vec<EnrollmentRow>;
    /// Counters of a journey whose hour is in `from..until`, by (hour, version, step, variant, what).
    fn counters(workspace: WorkspaceId, journey: JourneyId, hours: (Timestamp, Timestamp), after: Option<&CounterKey>, limit: usize) -> Vec<Counter>;

    /// Inputs of a workspace that could not be handled, oldest first.
    fn dead_letters(workspace: WorkspaceId, after: Option<Seq>, limit: usize) -> Vec<DeadLetterRow>;
    /// One of them.
    fn dead_letter(workspace: WorkspaceId, id: Seq) -> Option<DeadLetterRow>;
    /// Receipts that came before their message was known, in order of arrival.
    fn orphan_receipts(gateway: &str, gateway_ref: &str) -> Vec<OrphanReceipt>;
    /// As `orphan_receipts`, of messages to an address. Those whose address is not known are never found so.
    fn orphan_receipts_to(gateway: &str, address: &str, limit: usize) -> Vec<OrphanReceipt>;
    /// Scheduled entries of a workspace, by journey.
    fn sweeps(workspace: WorkspaceId) -> Vec<SweepRow>;

    /// An API key.
    fn api_key(id: u64) -> Option<ApiKeyRow>;
    /// API keys of a workspace, or with `None` those of the operator, by id.
    fn api_keys(workspace: Option<WorkspaceId>, after: Option<u64>, limit: usize) -> Vec<ApiKeyRow>;
    /// The highest id an API key ever had; 0: there was none. The next key gets one more.
    fn last_api_key() -> u64;
    /// The answer an API key was given under a token of its own.
    fn idempotency(key: u64, token: &str) -> Option<IdempotencyRow>;
    /// The draft of a journey.
    fn draft(workspace: WorkspaceId, slug: &str) -> Option<DraftRow>;
    /// Drafts of a workspace without their texts, by slug. Reads no text.
    fn draft_heads(workspace: WorkspaceId, after: Option<&str>, limit: usize) -> Vec<DraftHead>;
    /// Journeys of a workspace that are paused, by id.
    fn paused_journeys(workspace: WorkspaceId) -> Vec<JourneyId>;
    /// Contacts whose field begins with `prefix`, by (field, contact); the next page goes on after
    /// `field.of(profile)` of the last one and its id. An address is compared in lower case (ASCII only). An
    /// external id is found when it is also an identity of its contact.
    fn contacts_search(workspace: WorkspaceId, field: SearchField, prefix: &str, after: Option<(&str, ContactId)>, limit: usize) -> Vec<ContactRecord>;
    /// Messages of a workspace, by (intended, id), newest first.
    fn messages_of_workspace(workspace: WorkspaceId, after: Option<(Timestamp, MessageId)>, limit: usize) -> Vec<Message>;
    /// What the counters of a journey count to over the hours in `from..until`, by (version, step, variant,
    /// what). Reads each counter row of those hours once; refused when they are too many.
    fn counter_totals(workspace: WorkspaceId, journey: JourneyId, hours: (Timestamp, Timestamp)) -> Vec<CounterTotal>;
    /// What all counters of each journey of a workspace count to since ever, over all versions, steps and
    /// variants, by (journey, what). Each counted decision is in one of them. One small row for each answer is
    /// read, so it may be asked every second.
    fn journey_totals(workspace: WorkspaceId) -> Vec<(JourneyId, What, i64)>;
    /// The latest instant of anything that was received, decided, intended or handed out, whatever was forgotten
    /// since: where a virtual clock goes on.
    fn last_instant() -> Option<Timestamp>;

    /// A gateway of a workspace, or with `None` one of the operator's: never one for the other.
    fn gateway(workspace: Option<WorkspaceId>, id: &str) -> Option<GatewayRow>;
    /// Gateways of a workspace, or with `None` the operator's, by id.
    fn gateways(workspace: Option<WorkspaceId>, after: Option<&str>, limit: usize) -> Vec<GatewayRow>;
    /// All gateways: the operator's first, then by (workspace, id). For the start.
    fn gateways_all(after: Option<(Option<WorkspaceId>, &str)>, limit: usize) -> Vec<GatewayRow>;
    /// How much of an allowance was used in the period that began then; 0: nothing.
    fn allowance(scope: &str, period: Timestamp) -> u64;
    /// Texts of a gateway that are kept under keys that begin so, by key.
    fn texts_like(why: Kept, gateway: &str, prefix: &str, limit: usize) -> Vec<KeptText>;
    /// Texts of a gateway that are kept, by (came, key).
    fn texts_of(why: Kept, gateway: &str, after: Option<(Timestamp, &str)>, limit: usize) -> Vec<KeptText>;
    /// Texts of all gateways that are kept since before an instant, by (came, gateway, key).
    fn texts_before(why: Kept, before: Timestamp, limit: usize) -> Vec<KeptText>;
    /// How many texts of a gateway are kept. Reads the index of them all: for kinds that have a bound.
    fn texts_count(why: Kept, gateway: &str) -> u64;

    /// Removes at most `limit` rows that are older than they have to be kept, and says how many. Call it
    /// again until it says 0.
    fn forget(retention: &Retention, limit: usize) -> usize;
    /// Whether everything that is kept can be read and fits together.
    fn check() -> ();
    /// Writes a whole, checked copy to `to` while commits go on. `to` appears when the copy is complete.
    fn backup(to: &Path, progress: &mut (dyn FnMut(BackupProgress) + Send)) -> ();
}
