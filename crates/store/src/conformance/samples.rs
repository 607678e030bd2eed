//! Small rows to build batches from.
//!
//! Must never be used by the program.

use crate::batch::{
    ApiKeyRow, Batch, CallRow, DecisionRow, DraftRow, EnrollmentRow, GatewayRow, GatewayStanding,
    Identity, IdentityKind, JourneyVersionRow, LoggedInput, Op, ProfileRow, StateRow, Wake,
    WorkspaceRow,
};
use wayline_core::consent::Channel;
use wayline_core::decision::{Decision, Reason, What};
use wayline_core::ids::{ContactId, EnrollmentId, JourneyId, MessageId, Seq, WorkspaceId};
use wayline_core::message::{HandedOut, Message, MessageChange, MessageState};
use wayline_core::policy::settings::Purpose;
use wayline_core::time::Timestamp;

/// The workspace of every row that does not say another.
pub const WS: WorkspaceId = WorkspaceId(1);
/// The journey of every row that does not say another.
pub const JOURNEY: JourneyId = JourneyId(4);

/// When periods of allowances begin.
pub const PERIODS: [Timestamp; 3] = [Timestamp(0), Timestamp(10), Timestamp(20)];

/// Operations as a batch.
#[must_use]
pub fn batch(ops: Vec<Op>) -> Batch {
    Batch { ops }
}

/// A workspace.
#[must_use]
pub fn workspace(id: u32, slug: &str) -> WorkspaceRow {
    let definition = format!("name: {slug}");
    WorkspaceRow {
        id: WorkspaceId(id),
        slug: slug.to_owned(),
        revision: 1,
        definition,
        seed: u64::MAX - u64::from(id),
    }
}

/// A version of a journey.
#[must_use]
pub fn version(journey: u32, version: u32) -> JourneyVersionRow {
    JourneyVersionRow {
        workspace: WS,
        journey: JourneyId(journey),
        slug: format!("journey-{journey}"),
        version,
        definition: format!("version {version}"),
        published_at: Timestamp(1_000),
    }
}

/// A profile.
#[must_use]
pub fn profile(contact: u64) -> ProfileRow {
    ProfileRow {
        workspace: WS,
        contact: ContactId(contact),
        external_id: Some(format!("user-{contact}")),
        phone: Some(format!("+1206555{:04}", contact % 7)),
        email: None,
        attributes: r#"{"name":"Zoë"}"#.to_owned(),
        created_at: Timestamp(5),
    }
}

/// A state.
#[must_use]
pub fn state(contact: u64, expected_version: u64, wake: Option<(i64, u64)>) -> StateRow {
    let wake = wake.map(|(due, id)| Wake { due: Timestamp(due), enrollment: EnrollmentId(id) });
    let body = vec![1, contact as u8, expected_version as u8];
    StateRow { workspace: WS, contact: ContactId(contact), expected_version, body, wake }
}

/// An identity.
#[must_use]
pub fn identity(value: &str) -> Identity {
    Identity { workspace: WS, kind: IdentityKind::External, value: value.to_owned() }
}

/// An input of the history.
#[must_use]
pub fn input(seq: u64, contact: u64, previous: Option<u64>, at: i64) -> LoggedInput {
    LoggedInput {
        seq: Seq(seq),
        workspace: WS,
        contact: ContactId(contact),
        previous: previous.map(Seq),
        at: Timestamp(at),
        received_at: Timestamp(at + 1),
        kind: "track".to_owned(),
        name: "purchase".to_owned(),
        body: "{}".to_owned(),
    }
}

/// An active enrollment.
#[must_use]
pub fn enrollment(id: u64, contact: u64) -> EnrollmentRow {
    EnrollmentRow {
        workspace: WS,
        id: EnrollmentId(id),
        contact: ContactId(contact),
        journey: JOURNEY,
        version: 1,
        key: String::new(),
        entered_at: Timestamp(9),
        left_at: None,
        exit: String::new(),
    }
}

/// Id of a message.
#[must_use]
pub fn message_id(enrollment: u64) -> MessageId {
    MessageId { enrollment: EnrollmentId(enrollment), step: 2, visit: 3 }
}

/// A queued message.
#[must_use]
pub fn message(enrollment: u64, contact: u64, due: i64) -> Message {
    Message {
        id: message_id(enrollment),
        workspace: WS,
        contact: ContactId(contact),
        journey: JOURNEY,
        version: 1,
        step: "hello".to_owned(),
        variant: String::new(),
        purpose: Purpose::Marketing,
        channel: Channel::Sms,
        sender: "main".to_owned(),
        gateway: "gw".to_owned(),
        to: String::new(),
        state: MessageState::Queued,
        reason: Reason::EntryMatched,
        intended_at: Timestamp(due - 1),
        due_at: Timestamp(due),
        handed_out_at: None,
        attempts: 0,
        run: 0,
        parts: 0,
        text: String::new(),
        gateway_ref: None,
        error: String::new(),
        tried: Vec::new(),
        put_off: 0,
    }
}

/// A change of state only.
#[must_use]
pub fn becomes(enrollment: u64, state: MessageState) -> Op {
    let change = MessageChange::to(state, Reason::Receipt);
    Op::ChangeMessage { workspace: WS, id: message_id(enrollment), change: Box::new(change) }
}

/// The change that hands a message out.
#[must_use]
pub fn handed_out(enrollment: u64, at: i64, run: u64) -> Op {
    let handed_out = HandedOut {
        at: Timestamp(at),
        run,
        attempt: 1,
        to: "+12065550100".to_owned(),
        sender: "main".to_owned(),
        gateway: "gw".to_owned(),
        text: "Hi 👋".to_owned(),
        parts: 1,
    };
    let change = MessageChange {
        handed_out: Some(handed_out),
        ..MessageChange::to(MessageState::Submitting, Reason::StepDone)
    };
    Op::ChangeMessage { workspace: WS, id: message_id(enrollment), change: Box::new(change) }
}

/// The change that stores the gateway's answer.
#[must_use]
pub fn accepted(enrollment: u64, gateway_ref: &str) -> Op {
    let change = MessageChange {
        gateway_ref: Some(gateway_ref.to_owned()),
        ..MessageChange::to(MessageState::Submitted, Reason::GatewayAccepted)
    };
    Op::ChangeMessage { workspace: WS, id: message_id(enrollment), change: Box::new(change) }
}

/// A call.
#[must_use]
pub fn call(enrollment: u64, due: i64) -> CallRow {
    CallRow {
        workspace: WS,
        id: message_id(enrollment),
        contact: ContactId(1),
        due_at: Timestamp(due),
        deadline: Timestamp(due + 10),
        method: "POST".to_owned(),
        url: "https://example.com/".to_owned(),
        headers: vec![("b".to_owned(), "1".to_owned()), ("a".to_owned(), "\"2\"".to_owned())],
        body: String::new(),
    }
}

/// A decision.
#[must_use]
pub fn decision(contact: u64, journey: Option<JourneyId>, at: i64) -> DecisionRow {
    let decision = Decision {
        at: Timestamp(at),
        what: What::Reached,
        reason: Reason::StepDone,
        journey,
        version: 1,
        enrollment: journey.map(|_| EnrollmentId(7)),
        step: Some(3),
        variant: String::new(),
        message: (at % 2 == 0).then_some(message_id(7)),
        until: None,
        detail: "x".to_owned(),
    };
    DecisionRow { workspace: WS, contact: ContactId(contact), decision }
}

/// An API key of the workspace.
#[must_use]
pub fn api_key(id: u64) -> ApiKeyRow {
    ApiKeyRow {
        id,
        workspace: Some(WS),
        name: format!("key {id}"),
        scopes: vec!["read".to_owned(), "\"write\"".to_owned()],
        hash: [7; 32],
        created_at: Timestamp(3),
        revoked_at: None,
    }
}

/// A draft.
#[must_use]
pub fn draft(slug: &str, revision: u64) -> DraftRow {
    DraftRow {
        workspace: WS,
        slug: slug.to_owned(),
        text: format!("steps: {revision} ["),
        updated_at: Timestamp(4),
        author: "ada".to_owned(),
        revision,
    }
}

/// A gateway of the workspace.
#[must_use]
pub fn gateway(id: &str, revision: u64) -> GatewayRow {
    GatewayRow {
        workspace: Some(WS),
        id: id.to_owned(),
        kind: "smpp".to_owned(),
        settings: r#"{"host":"smsc.example.com"}"#.to_owned(),
        secrets: vec![0, 255, 7],
        standing: GatewayStanding::Active,
        revision,
        updated_at: Timestamp(6),
    }
}
