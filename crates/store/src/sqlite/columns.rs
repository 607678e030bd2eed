//! Rows of the file as values, and values as columns.
//!
//! Must never guess: a value this program does not write is an error, not a default.

use crate::batch::{
    CallRow, DeadLetterRow, DecisionRow, EnrollmentRow, LoggedInput, ProfileRow, Wake,
};
use crate::carriers::GatewayStanding;
use crate::rows::StoredDecision;
use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type};
use std::sync::Arc;
use wayline_core::consent::Channel;
use wayline_core::decision::{Decision, Reason, What};
use wayline_core::ids::{ContactId, EnrollmentId, JourneyId, MessageId, Seq, WorkspaceId};
use wayline_core::message::{Message, MessageState};
use wayline_core::policy::settings::Purpose;
use wayline_core::time::Timestamp;

use super::cache::Hot;

/// A number as a column. Ids stay far below the sign; seeds use all bits and come back the same.
pub(super) fn int(n: u64) -> i64 {
    n.cast_signed()
}

/// A column as a number.
pub(super) fn uint(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(index)?.cast_unsigned())
}

/// A column that may be absent as a number.
pub(super) fn uint_or_none(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(index)?.map(i64::cast_unsigned))
}

/// A column as an instant.
pub(super) fn instant(row: &Row<'_>, index: usize) -> rusqlite::Result<Timestamp> {
    row.get(index).map(Timestamp)
}

fn instant_or_none(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(index)?.map(Timestamp))
}

/// A value that this program does not write.
pub(super) fn unreadable(index: usize) -> rusqlite::Error {
    let cause = Box::new(FromSqlError::InvalidType);
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, cause)
}

fn named<T>(
    row: &Row<'_>,
    index: usize,
    from_name: impl Fn(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let name = row.get_ref(index)?.as_str().map_err(|_| unreadable(index))?;
    from_name(name).ok_or_else(|| unreadable(index))
}

/// A column as what was decided.
pub(super) fn what(row: &Row<'_>, index: usize) -> rusqlite::Result<What> {
    named(row, index, What::from_name)
}

/// A column as a gateway's standing.
pub(super) fn standing(row: &Row<'_>, index: usize) -> rusqlite::Result<GatewayStanding> {
    named(row, index, GatewayStanding::from_name)
}

/// A column as a purpose.
pub(super) fn purpose(row: &Row<'_>, index: usize) -> rusqlite::Result<Purpose> {
    named(row, index, |name| of_name(&PURPOSES, name))
}

const CHANNELS: [(Channel, &str); 6] = [
    (Channel::Sms, "sms"),
    (Channel::Mms, "mms"),
    (Channel::Email, "email"),
    (Channel::Whatsapp, "whatsapp"),
    (Channel::Rcs, "rcs"),
    (Channel::Push, "push"),
];
const PURPOSES: [(Purpose, &str); 2] =
    [(Purpose::Marketing, "marketing"), (Purpose::Transactional, "transactional")];

/// The name a channel is stored under.
pub(super) fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "sms",
        Channel::Mms => "mms",
        Channel::Email => "email",
        Channel::Whatsapp => "whatsapp",
        Channel::Rcs => "rcs",
        Channel::Push => "push",
    }
}

/// The name a purpose is stored under.
pub(super) fn purpose_name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Marketing => "marketing",
        Purpose::Transactional => "transactional",
    }
}

fn of_name<T: Copy>(pairs: &[(T, &str)], name: &str) -> Option<T> {
    pairs.iter().find(|(_, known)| *known == name).map(|(value, _)| *value)
}

/// Columns of [`hot`].
pub(super) const HOT: &str = "SELECT c.contact, c.workspace, c.external_id, c.phone, c.email, \
    c.attributes, c.created_at, s.version, s.body, s.wake_due, s.wake_enrollment, s.last_decision \
    FROM contact c LEFT JOIN contact_state s ON s.contact = c.contact";

/// A contact with its state.
pub(super) fn hot(row: &Row<'_>) -> rusqlite::Result<Hot> {
    let profile = ProfileRow {
        contact: ContactId(uint(row, 0)?),
        workspace: WorkspaceId(row.get(1)?),
        external_id: row.get(2)?,
        phone: row.get(3)?,
        email: row.get(4)?,
        attributes: row.get(5)?,
        created_at: instant(row, 6)?,
    };
    let body = row.get_ref(8)?.as_blob_or_null().map_err(|_| unreadable(8))?;
    let wake = match instant_or_none(row, 9)? {
        Some(due) => Some(Wake { due, enrollment: EnrollmentId(uint(row, 10)?) }),
        None => None,
    };
    Ok(Hot {
        profile: Arc::new(profile),
        state: Arc::from(body.unwrap_or_default()),
        version: uint_or_none(row, 7)?.unwrap_or(0),
        wake,
        last_decision: uint_or_none(row, 11)?,
    })
}

/// Columns of [`input`].
pub(super) const INPUT: &str = "SELECT seq, workspace, contact, previous, at, received_at, kind, \
    name, body FROM input";

/// An input of the history.
pub(super) fn input(row: &Row<'_>) -> rusqlite::Result<LoggedInput> {
    Ok(LoggedInput {
        seq: Seq(uint(row, 0)?),
        workspace: WorkspaceId(row.get(1)?),
        contact: ContactId(uint(row, 2)?),
        previous: uint_or_none(row, 3)?.map(Seq),
        at: instant(row, 4)?,
        received_at: instant(row, 5)?,
        kind: row.get(6)?,
        name: row.get(7)?,
        body: row.get(8)?,
    })
}

/// Columns of [`enrollment`].
pub(super) const ENROLLMENT: &str = "SELECT id, workspace, contact, journey, version, key, \
    entered_at, left_at, exit FROM enrollment";

/// An enrollment.
pub(super) fn enrollment(row: &Row<'_>) -> rusqlite::Result<EnrollmentRow> {
    Ok(EnrollmentRow {
        id: EnrollmentId(uint(row, 0)?),
        workspace: WorkspaceId(row.get(1)?),
        contact: ContactId(uint(row, 2)?),
        journey: JourneyId(row.get(3)?),
        version: row.get(4)?,
        key: row.get(5)?,
        entered_at: instant(row, 6)?,
        left_at: instant_or_none(row, 7)?,
        exit: row.get(8)?,
    })
}

fn message_id(row: &Row<'_>, first: usize) -> rusqlite::Result<MessageId> {
    let enrollment = EnrollmentId(uint(row, first)?);
    Ok(MessageId { enrollment, step: row.get(first + 1)?, visit: row.get(first + 2)? })
}

/// Columns of [`message`].
pub(super) const MESSAGE: &str = "SELECT enrollment, step_index, visit, workspace, contact, \
    journey, version, step, variant, purpose, channel, sender, gateway, address, state, reason, \
    intended_at, due_at, handed_out_at, attempts, run, parts, text, gateway_ref, error, \
    tried, put_off FROM message";

/// A message.
pub(super) fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        id: message_id(row, 0)?,
        workspace: WorkspaceId(row.get(3)?),
        contact: ContactId(uint(row, 4)?),
        journey: JourneyId(row.get(5)?),
        version: row.get(6)?,
        step: row.get(7)?,
        variant: row.get(8)?,
        purpose: purpose(row, 9)?,
        channel: named(row, 10, |name| of_name(&CHANNELS, name))?,
        sender: row.get(11)?,
        gateway: row.get(12)?,
        to: row.get(13)?,
        state: MessageState::from_code(row.get(14)?).ok_or_else(|| unreadable(14))?,
        reason: named(row, 15, Reason::from_name)?,
        intended_at: instant(row, 16)?,
        due_at: instant(row, 17)?,
        handed_out_at: instant_or_none(row, 18)?,
        attempts: row.get(19)?,
        run: uint(row, 20)?,
        parts: row.get(21)?,
        text: row.get(22)?,
        gateway_ref: row.get(23)?,
        error: row.get(24)?,
        tried: row.get::<_, String>(25)?.lines().map(str::to_owned).collect(),
        put_off: row.get(26)?,
    })
}

/// Columns of [`call`].
pub(super) const CALL: &str = "SELECT enrollment, step_index, visit, workspace, contact, due_at, \
    deadline, method, url, headers, body FROM call";

/// A call.
pub(super) fn call(row: &Row<'_>) -> rusqlite::Result<CallRow> {
    let headers: String = row.get(9)?;
    Ok(CallRow {
        id: message_id(row, 0)?,
        workspace: WorkspaceId(row.get(3)?),
        contact: ContactId(uint(row, 4)?),
        due_at: instant(row, 5)?,
        deadline: instant(row, 6)?,
        method: row.get(7)?,
        url: row.get(8)?,
        headers: serde_json::from_str(&headers).map_err(|_| unreadable(9))?,
        body: row.get(10)?,
    })
}

/// Columns of [`decision`].
pub(super) const DECISION: &str = "SELECT id, workspace, contact, previous, at, what, reason, \
    journey, version, enrollment, step, variant, message_enrollment, message_step, message_visit, \
    until, detail FROM decision";

/// A decision.
pub(super) fn decision(row: &Row<'_>) -> rusqlite::Result<StoredDecision> {
    let message = match uint_or_none(row, 12)? {
        Some(_) => Some(message_id(row, 12)?),
        None => None,
    };
    let decision = Decision {
        at: instant(row, 4)?,
        what: what(row, 5)?,
        reason: named(row, 6, Reason::from_name)?,
        journey: row.get::<_, Option<u32>>(7)?.map(JourneyId),
        version: row.get(8)?,
        enrollment: uint_or_none(row, 9)?.map(EnrollmentId),
        step: row.get(10)?,
        variant: row.get(11)?,
        message,
        until: instant_or_none(row, 15)?,
        detail: row.get(16)?,
    };
    let (workspace, contact) = (WorkspaceId(row.get(1)?), ContactId(uint(row, 2)?));
    Ok(StoredDecision { id: uint(row, 0)?, row: DecisionRow { workspace, contact, decision } })
}

/// Columns of [`dead_letter`].
pub(super) const DEAD_LETTER: &str =
    "SELECT workspace, id, at, contact, reason, input, attempts FROM dead_letter";

/// A dead letter.
pub(super) fn dead_letter(row: &Row<'_>) -> rusqlite::Result<DeadLetterRow> {
    Ok(DeadLetterRow {
        workspace: WorkspaceId(row.get(0)?),
        id: Seq(uint(row, 1)?),
        at: instant(row, 2)?,
        contact: uint_or_none(row, 3)?.map(ContactId),
        reason: row.get(4)?,
        input: row.get(5)?,
        attempts: row.get(6)?,
    })
}
