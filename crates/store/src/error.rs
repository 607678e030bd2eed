//! What can go wrong when something is kept or read, and what to do about it.
//!
//! Must never be turned into an empty answer: a store that could not read does not know.

use crate::batch::{Identity, Sequences};
use std::path::PathBuf;
use wayline_core::ids::{ContactId, EnrollmentId, JourneyId, MessageId, Seq, WorkspaceId};
use wayline_core::message::MessageState;

/// A store that could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The batch expects something that is not so. Nothing of it was kept.
    #[error(
        "operation {op} of the batch was refused, nothing of it is kept: {what}; read again and decide again"
    )]
    Assertion {
        /// Index of the operation in the batch.
        op: usize,
        /// What is not so.
        what: Assertion,
    },
    /// More rows were asked for than one page has.
    #[error("{limit} rows were asked for and a page has at most {max}; ask for pages")]
    LimitTooLarge {
        /// What was asked for.
        limit: usize,
        /// The most.
        max: usize,
    },
    /// A sum would go over more rows than one call reads.
    #[error("more than {max} counter rows would have to be added up; ask for a shorter time")]
    TooManyRows {
        /// The most.
        max: usize,
    },
    /// A file is there already, and nothing is overwritten.
    #[error("{path} exists already; move it away or name another file")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// No room. Nothing of the batch was kept; the store goes on when there is room again.
    #[error(
        "{path}: the disk is full, nothing of the batch is kept; free some space, then try again"
    )]
    DiskFull {
        /// The store.
        path: PathBuf,
        /// What the engine said.
        #[source]
        source: rusqlite::Error,
    },
    /// The file or its folder may not be written.
    #[error(
        "{path} cannot be written; give the user who runs wayline write permission on the file and its folder"
    )]
    ReadOnly {
        /// The store.
        path: PathBuf,
        /// What the engine said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file is damaged or is no store.
    #[error(
        "{path} is damaged or is not a wayline store ({detail}); stop, keep the file, and restore the last backup"
    )]
    Corrupt {
        /// The store.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// A newer release wrote it.
    #[error(
        "{path} has schema {found} and this program reads schemas up to {supported}; run the newer release, or restore a backup from before the upgrade"
    )]
    TooNew {
        /// The store.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema this program reads.
        supported: u32,
    },
    /// Another process has it open.
    #[error("{path} is open in another wayline process; stop that one first")]
    Locked {
        /// The store.
        path: PathBuf,
    },
    /// Another connection holds it longer than expected. Nothing of the batch was kept.
    #[error(
        "{path} is held by another program (a copy, a database browser?); close it, then try again"
    )]
    Busy {
        /// The store.
        path: PathBuf,
        /// What the engine said.
        #[source]
        source: rusqlite::Error,
    },
    /// The file system failed.
    #[error("{path}: {action} failed; look at the cause, at the disk and at its log")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The engine failed in a way that has no name here.
    #[error(
        "{path}: {action} failed; this is a bug of wayline or of the machine, keep the file and report it"
    )]
    Engine {
        /// The store.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// What the engine said.
        #[source]
        source: rusqlite::Error,
    },
    /// This backend cannot do that.
    #[error("a {backend} store cannot {action}; use a sqlite store")]
    Unsupported {
        /// Which backend.
        backend: &'static str,
        /// What was asked for.
        action: &'static str,
    },
    /// A thread died while it held the store, so what it was doing is not known to be whole.
    #[error(
        "the store was left by a thread that died; start the program again, committed work is safe"
    )]
    Abandoned,
}

/// What a batch expected and was not so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Assertion {
    /// Sequences only grow.
    #[error("sequences would go back from {found:?} to {asked:?}")]
    SequencesGoBack {
        /// Stored.
        found: Sequences,
        /// In the batch.
        asked: Sequences,
    },
    /// Another workspace has this slug.
    #[error("the slug {slug:?} belongs to workspace {found}")]
    SlugTaken {
        /// Text id.
        slug: String,
        /// Whose it is.
        found: WorkspaceId,
    },
    /// There is no such workspace.
    #[error("workspace {0} does not exist")]
    WorkspaceMissing(WorkspaceId),
    /// Versions of a journey never change.
    #[error("version {version} of journey {journey} exists already")]
    JourneyVersionExists {
        /// Journey.
        journey: JourneyId,
        /// Version.
        version: u32,
    },
    /// Only a version that exists can be live.
    #[error("journey {journey} has no version {version}")]
    JourneyVersionMissing {
        /// Journey.
        journey: JourneyId,
        /// Version.
        version: u32,
    },
    /// The contact has no profile in this workspace: a profile comes first.
    #[error("contact {contact} has no profile in workspace {workspace}")]
    ContactMissing {
        /// Whose.
        workspace: WorkspaceId,
        /// Who.
        contact: ContactId,
    },
    /// A contact never changes its workspace.
    #[error("contact {contact} belongs to workspace {found}")]
    ContactElsewhere {
        /// Who.
        contact: ContactId,
        /// Whose it is.
        found: WorkspaceId,
    },
    /// The state was changed meanwhile.
    #[error("the state of contact {contact} has version {found}, not {expected}")]
    StateVersion {
        /// Who.
        contact: ContactId,
        /// In the batch.
        expected: u64,
        /// Stored; 0: none.
        found: u64,
    },
    /// The identity belongs to another contact.
    #[error("{identity:?} points at contact {found}")]
    IdentityTaken {
        /// Identity.
        identity: Identity,
        /// Whose it is.
        found: ContactId,
    },
    /// The input was taken before.
    #[error("input {id:032x} of workspace {workspace} was taken before")]
    InputKnown {
        /// Whose.
        workspace: WorkspaceId,
        /// Hash of its message id.
        id: u128,
    },
    /// The place in the history is taken.
    #[error("the history has an input {0} already")]
    SeqTaken(Seq),
    /// An enrollment never changes its workspace, journey or contact.
    #[error("enrollment {0} belongs to another workspace, journey or contact")]
    EnrollmentElsewhere(EnrollmentId),
    /// The message was intended before.
    #[error("message {0} exists already")]
    MessageExists(MessageId),
    /// There is no such message in this workspace.
    #[error("message {0} does not exist in this workspace")]
    MessageMissing(MessageId),
    /// A message may not go this way.
    #[error("message {id} is {from} and cannot become {to}")]
    MessageTransition {
        /// Which.
        id: MessageId,
        /// Stored.
        from: MessageState,
        /// In the batch.
        to: MessageState,
    },
    /// The call is waiting already.
    #[error("call {0} exists already")]
    CallExists(MessageId),
    /// An API key never becomes another one.
    #[error("API key {0} belongs to another workspace or has another secret")]
    ApiKeyTaken(u64),
    /// The call was answered before.
    #[error("API key {key} has an answer under the token {token:?} already")]
    TokenKnown {
        /// Id of the API key.
        key: u64,
        /// The client's own name of the call.
        token: String,
    },
    /// Somebody else changed the draft meanwhile.
    #[error("the draft {slug:?} has revision {found}, so the next one is not {asked}")]
    DraftRevision {
        /// Text id of the journey.
        slug: String,
        /// In the batch.
        asked: u64,
        /// Stored; 0: none.
        found: u64,
    },
    /// Somebody else changed the gateway meanwhile.
    #[error("the gateway {id:?} has revision {found}, so the next one is not {asked}")]
    GatewayRevision {
        /// Text id.
        id: String,
        /// In the batch.
        asked: u64,
        /// Stored; 0: none.
        found: u64,
    },
    /// Only a journey that exists can be paused.
    #[error("journey {0} does not exist in this workspace")]
    JourneyMissing(JourneyId),
}

impl Assertion {
    /// As the error of the operation `op` of a batch.
    #[must_use]
    pub(crate) fn of(self, op: usize) -> StoreError {
        StoreError::Assertion { op, what: self }
    }
}
