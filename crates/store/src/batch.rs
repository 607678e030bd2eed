//! Writes are data: a [`Batch`] of operations, committed whole or not at all.
//!
//! The only way to write. A backend applies the operations in order, checks the assertions they carry, and
//! either keeps all of them durably or none. Must never hold logic: what to write is decided above.

pub use crate::carriers::{GatewayRow, GatewayStanding, Kept, KeptText};
use serde::{Deserialize, Serialize};
use wayline_core::decision::Decision;
use wayline_core::ids::{ContactId, EnrollmentId, JourneyId, MessageId, Seq, WorkspaceId};
use wayline_core::message::{Message, MessageChange};
use wayline_core::metrics::CounterKey;
use wayline_core::time::Timestamp;

/// Operations that change together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Applied in order.
    pub ops: Vec<Op>,
}

/// One operation. Those with an assertion say so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Op {
    /// The next ids to hand out. Asserts that none goes back.
    SetSequences(Sequences),
    /// Inserts or replaces a workspace's definition. Asserts that no other has its slug.
    PutWorkspace(WorkspaceRow),
    /// Inserts or replaces a segment's definition. Asserts that the workspace exists.
    PutSegment(SegmentRow),
    /// Removes a segment.
    RemoveSegment {
        /// Whose.
        workspace: WorkspaceId,
        /// Text id.
        slug: String,
    },
    /// Inserts a version of a journey. Asserts that the workspace exists and that this version is new: versions
    /// never change.
    InsertJourneyVersion(JourneyVersionRow),
    /// Makes a version the one that new entries get; `None`: nobody enters. Asserts that the version exists.
    SetLiveVersion {
        /// Whose.
        workspace: WorkspaceId,
        /// Which.
        journey: JourneyId,
        /// Version.
        version: Option<u32>,
    },
    /// Inserts or replaces a contact's profile. Asserts that the contact stays in its workspace.
    PutProfile(ProfileRow),
    /// Inserts or replaces the engine's state of a contact. Asserts that the contact has a profile in this workspace
    /// (put before, or earlier in the same batch), and the version found before.
    PutState(StateRow),
    /// Points an identity at a contact. Asserts that it points at no other one.
    LinkIdentity(Identity, ContactId),
    /// Remembers that an input was taken. Asserts that it was not.
    RememberInput {
        /// Whose.
        workspace: WorkspaceId,
        /// Hash of its message id.
        id: u128,
        /// When it was taken.
        at: Timestamp,
    },
    /// Appends to the history. Asserts that its place is free.
    AppendInput(LoggedInput),
    /// Inserts an enrollment, or replaces it when it restarted or ended. Asserts (workspace, journey, contact) of the id.
    PutEnrollment(EnrollmentRow),
    /// Inserts a message. Asserts that its id is new.
    InsertMessage(Box<Message>),
    /// Changes a message. Asserts that it exists and that its state may become the new one.
    ChangeMessage {
        /// Whose.
        workspace: WorkspaceId,
        /// Which.
        id: MessageId,
        /// How.
        change: Box<MessageChange>,
    },
    /// Inserts a webhook call to be made. Asserts that its id is new.
    InsertCall(CallRow),
    /// Removes a webhook call that was answered or given up. Nothing happens when it is gone.
    RemoveCall {
        /// Whose.
        workspace: WorkspaceId,
        /// Which.
        id: MessageId,
    },
    /// Appends a decision. Asserts that the contact has a profile in this workspace.
    AppendDecision(DecisionRow),
    /// Adds to a counter.
    AddCounter {
        /// Whose.
        workspace: WorkspaceId,
        /// Which.
        key: CounterKey,
        /// How much.
        delta: i64,
    },
    /// Keeps an input that could not be handled, with the reason. Replaces one of the same id.
    PutDeadLetter(DeadLetterRow),
    /// Removes a dead letter. Nothing happens when it is gone.
    RemoveDeadLetter {
        /// Whose.
        workspace: WorkspaceId,
        /// Which.
        id: Seq,
    },
    /// Keeps a receipt whose message is not known yet.
    PutOrphanReceipt(OrphanReceipt),
    /// Removes orphan receipts of a gateway's message id.
    RemoveOrphanReceipts {
        /// Gateway id.
        gateway: String,
        /// The gateway's own message id.
        gateway_ref: String,
        /// Only those with this address; empty: all of the id.
        address: String,
    },
    /// Keeps how far a scheduled entry has come; `next` is the contact to go on after, `None`: finished.
    PutSweep(SweepRow),
    /// Inserts or replaces an API key. Asserts that its workspace exists, and that a key of this id has the same
    /// workspace and hash.
    PutApiKey(ApiKeyRow),
    /// Remembers the answer to a creating call. Asserts that the key has none under this token.
    PutIdempotency(IdempotencyRow),
    /// Inserts or replaces a draft. Asserts that the workspace exists, and that the revision before is there.
    PutDraft(DraftRow),
    /// Removes a draft. Nothing happens when it is gone.
    RemoveDraft {
        /// Whose.
        workspace: WorkspaceId,
        /// Text id of the journey.
        slug: String,
    },
    /// Pauses a journey or lets it go on. Asserts that the journey has a version.
    SetPaused {
        /// Whose.
        workspace: WorkspaceId,
        /// Which.
        journey: JourneyId,
        /// Whether it is paused from now on.
        paused: bool,
    },
    /// Inserts or replaces a gateway. Asserts that its workspace exists, and that the revision before is there.
    PutGateway(GatewayRow),
    /// Removes a gateway. Nothing happens when it is gone.
    RemoveGateway {
        /// Whose; `None`: the operator's.
        workspace: Option<WorkspaceId>,
        /// Text id.
        id: String,
    },
    /// Adds to what was used of an allowance.
    UseAllowance {
        /// What it is an allowance of.
        scope: String,
        /// When its period began.
        period: Timestamp,
        /// How much.
        parts: u64,
    },
    /// Keeps a text of a person, or a part of one. Replaces one of the same key.
    KeepText(KeptText),
    /// Keeps a text no longer, by why it was kept, gateway and key. Nothing happens when it is gone.
    RemoveText(Kept, String, String),
}

/// The next ids to hand out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequences {
    /// Next contact.
    pub contact: u64,
    /// Next enrollment.
    pub enrollment: u64,
    /// Next input.
    pub seq: u64,
}

/// A workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceRow {
    /// Dense id.
    pub id: WorkspaceId,
    /// Text id, unique.
    pub slug: String,
    /// Counts changes of its definitions: a new one makes the engine compile again.
    pub revision: u64,
    /// Canonical `workspace.yaml`.
    pub definition: String,
    /// Seed of everything drawn at random.
    pub seed: u64,
}

/// A segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRow {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Text id.
    pub slug: String,
    /// Canonical text.
    pub definition: String,
}

/// A version of a journey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JourneyVersionRow {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Dense id; the same for all versions of a slug.
    pub journey: JourneyId,
    /// Text id.
    pub slug: String,
    /// 1, 2, 3 …
    pub version: u32,
    /// Canonical text.
    pub definition: String,
    /// When.
    pub published_at: Timestamp,
}

/// What people search a contact by, and its attributes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileRow {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Who.
    pub contact: ContactId,
    /// The business's own id of the person (`userId`).
    pub external_id: Option<String>,
    /// E.164.
    pub phone: Option<String>,
    /// As given.
    pub email: Option<String>,
    /// A JSON object.
    pub attributes: String,
    /// When first heard of.
    pub created_at: Timestamp,
}

/// The engine's state of a contact: one compact, versioned value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateRow {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Who.
    pub contact: ContactId,
    /// The version that must be there now; 0: none must be there. The row gets this plus one.
    pub expected_version: u64,
    /// As `wayline_core::contact` encodes it.
    pub body: Vec<u8>,
    /// The earliest instant at which something happens by itself; `None`: nothing will.
    pub wake: Option<Wake>,
}

/// When to look at a contact again, and for whose sake: the enrollment orders simultaneous work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wake {
    /// When.
    pub due: Timestamp,
    /// The enrollment it is for; 0 when it is for the contact itself.
    pub enrollment: EnrollmentId,
}

/// One way to recognise a person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Kind.
    pub kind: IdentityKind,
    /// Value.
    pub value: String,
}

/// Kind of an [`Identity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum IdentityKind {
    /// The business's own id (`userId`).
    External = 0,
    /// A visitor before they were known (`anonymousId`).
    Anonymous = 1,
    /// A phone number that wrote to us and belonged to nobody.
    Phone = 2,
}

/// An accepted input in the history of its contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedInput {
    /// Place in the order of acceptance.
    pub seq: Seq,
    /// Whose.
    pub workspace: WorkspaceId,
    /// Who.
    pub contact: ContactId,
    /// The contact's input before this one: history is read by following it back.
    pub previous: Option<Seq>,
    /// When it happened.
    pub at: Timestamp,
    /// When we took it.
    pub received_at: Timestamp,
    /// `identify`, `track`, `consent`, `inbound`, `click`, `receipt`, …
    pub kind: String,
    /// Name of the event; empty for other kinds.
    pub name: String,
    /// JSON.
    pub body: String,
}

/// A contact in a journey, as people look it up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrollmentRow {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Which.
    pub id: EnrollmentId,
    /// Who.
    pub contact: ContactId,
    /// Journey.
    pub journey: JourneyId,
    /// Version.
    pub version: u32,
    /// Entry key; empty: none.
    pub key: String,
    /// Since.
    pub entered_at: Timestamp,
    /// Until; `None`: active.
    pub left_at: Option<Timestamp>,
    /// Name of the exit; empty while active.
    pub exit: String,
}

/// A webhook to call, outside every decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRow {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Which step visit.
    pub id: MessageId,
    /// About whom.
    pub contact: ContactId,
    /// May be made from then on.
    pub due_at: Timestamp,
    /// An answer later than this is an error.
    pub deadline: Timestamp,
    /// Method.
    pub method: String,
    /// URL.
    pub url: String,
    /// In order.
    pub headers: Vec<(String, String)>,
    /// JSON; empty: none.
    pub body: String,
}

/// A stored decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRow {
    /// Whose.
    pub workspace: WorkspaceId,
    /// About whom.
    pub contact: ContactId,
    /// What and why.
    pub decision: Decision,
}

/// An input that could not be handled. It never blocks others, and can be retried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterRow {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Its place in the order of acceptance.
    pub id: Seq,
    /// When it was put here.
    pub at: Timestamp,
    /// Who, when that was known.
    pub contact: Option<ContactId>,
    /// What went wrong and what to do.
    pub reason: String,
    /// The input as JSON, whole.
    pub input: String,
    /// How often it was tried.
    pub attempts: u32,
}

/// A receipt that came before the answer to its submit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrphanReceipt {
    /// Gateway id.
    pub gateway: String,
    /// The gateway's own message id.
    pub gateway_ref: String,
    /// The address its message went to; empty: not known.
    pub address: String,
    /// When it came.
    pub received_at: Timestamp,
    /// The receipt as JSON.
    pub receipt: String,
}

/// Progress of a scheduled entry through its audience.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepRow {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Which journey.
    pub journey: JourneyId,
    /// The instant of the schedule that is being worked on, or was last.
    pub fire_at: Timestamp,
    /// Go on after this contact; `None`: all are done.
    pub after: Option<ContactId>,
    /// Whether all contacts are done.
    pub done: bool,
}

/// A key that calls of the API are made with. It is never removed: a revoked one still explains old entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyRow {
    /// Dense id, given by who makes the key: `Store::last_api_key` plus one.
    pub id: u64,
    /// Whose; `None`: the operator's, good for all workspaces.
    pub workspace: Option<WorkspaceId>,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// BLAKE3 of the secret, which is not kept.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it is good for nothing; `None`: it is good.
    pub revoked_at: Option<Timestamp>,
}

/// The answer to a creating call of the API, to be given again when the call is repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRow {
    /// Id of the API key that made the call.
    pub key: u64,
    /// The client's own name of the call (`Idempotency-Key`).
    pub token: String,
    /// Hash of method, path and body: another one under the same token is another call.
    pub fingerprint: u128,
    /// When it was answered.
    pub at: Timestamp,
    /// HTTP status.
    pub status: u16,
    /// Body of the answer.
    pub body: String,
}

/// A journey somebody is writing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftRow {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Text id of the journey.
    pub slug: String,
    /// As typed: it need not be valid.
    pub text: String,
    /// When it was typed.
    pub updated_at: Timestamp,
    /// Who typed it.
    pub author: String,
    /// 1, 2, 3 …; a put asserts that the one before is there, 1 that there is none.
    pub revision: u64,
}

impl Sequences {
    /// What a store that never kept anything hands out.
    pub const FIRST: Sequences = Sequences { contact: 1, enrollment: 1, seq: 1 };

    /// Whether any of them is lower than in `found`.
    #[must_use]
    pub fn goes_back_from(&self, found: Sequences) -> bool {
        self.contact < found.contact || self.enrollment < found.enrollment || self.seq < found.seq
    }
}

impl Batch {
    /// The latest instant at which anything in it was received, decided, intended or handed out.
    pub(crate) fn last_instant(&self) -> Option<Timestamp> {
        let instants = self.ops.iter().filter_map(|op| match op {
            Op::AppendInput(input) => Some(input.received_at),
            Op::AppendDecision(row) => Some(row.decision.at),
            Op::InsertMessage(message) => Some(message.intended_at),
            Op::ChangeMessage { change, .. } => change.handed_out.as_ref().map(|out| out.at),
            Op::PutDeadLetter(row) => Some(row.at),
            _ => None,
        });
        instants.max()
    }
}
