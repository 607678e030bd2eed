//! A person in a workspace: profile, and the engine's state of them.
//!
//! The state is one compact value with a version byte in front: a program reads what an older release wrote
//! (the test `state_compatibility` holds it to that). Must never hold anything that grows without a limit
//! from `limits.rs`.

use crate::condition::WindowKey;
use crate::consent::{Channel, ConsentNow, ConsentState};
use crate::decision::Reason;
use crate::ids::{ContactId, EnrollmentId, JourneyId, MessageId, Seq, WorkspaceId};
use crate::keyword::AutoReply;
use crate::policy::settings::Purpose;
use crate::time::Timestamp;
use crate::window::Window;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;

/// A person, loaded for the time of one batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Who.
    pub id: ContactId,
    /// What the business knows.
    pub profile: Profile,
    /// What the engine knows.
    pub state: State,
}

/// What the business knows about a person.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// The business's own id (`userId`).
    pub external_id: Option<String>,
    /// E.164.
    pub phone: Option<String>,
    /// As given.
    pub email: Option<String>,
    /// Everything else, by name.
    pub attributes: Map<String, Value>,
    /// When first heard of.
    pub created_at: Timestamp,
}

/// What the engine knows about a person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Stands for the person in every draw; made once from the first identity, so that it survives a merge.
    pub salt: u64,
    /// The latest instant anything was decided at. Time never moves back behind it.
    pub clock: Timestamp,
    /// The latest input in the history.
    pub last_seq: Option<Seq>,
    /// The windows this state was filled for, see `Program::windows_fingerprint`.
    pub windows_fingerprint: u64,
    /// The definitions its memberships and dates were learned for, see `Engine::fingerprint`.
    pub definitions: u64,
    /// Consent now. Few: one per channel and topic.
    pub consents: Vec<ConsentNow>,
    /// Sliding windows, sorted by key.
    pub windows: Vec<(WindowKey, Window)>,
    /// Active enrollments, in order of entry.
    pub enrollments: Vec<Enrollment>,
    /// Ended (journey, key) pairs, as far as `once_ended` and conditions need them.
    pub ended: Vec<Ended>,
    /// Ended enrollments whose goal can still be reached.
    pub goals: Vec<GoalWatch>,
    /// Messages that count for caps, oldest first.
    pub sends: Vec<SendMark>,
    /// The last message handed out: what a reply is a reply to.
    pub latest: Option<LatestMessage>,
    /// Segments whose joins and leaves something waits for, and whether the person is in.
    pub memberships: Vec<(String, bool)>,
    /// Dates that will enter journeys.
    pub dates: Vec<DateDue>,
    /// When a condition that something waits for may change by itself.
    pub recheck_at: Option<Timestamp>,
    /// How many inputs of the person fell into each UTC hour of the day; empty unless a journey waits for the best time.
    pub hours: Vec<u16>,
    /// Auto-replies under way, oldest first, and the last HELP while it keeps the next one from being answered. Stays
    /// the last field: where it is empty nothing is written for it, and such a state is one of version 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auto_replies: Vec<AutoReplyMark>,
    /// No part of what is stored.
    #[serde(skip)]
    pub entry_read: EntryRead,
}

/// The entry event of an enrollment, read from its text: kept for a turn, because reading it again and again costs
/// more than most decisions. Equal to any other: it says nothing that the state does not say.
#[derive(Clone, Debug, Default)]
pub struct EntryRead(pub(crate) Option<(EnrollmentId, Arc<Value>)>);

impl PartialEq for EntryRead {
    fn eq(&self, _other: &EntryRead) -> bool {
        true
    }
}

/// A contact in a journey, now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Enrollment {
    /// Which.
    pub id: EnrollmentId,
    /// Journey.
    pub journey: JourneyId,
    /// The version it finishes.
    pub version: u32,
    /// Entry key; empty: none.
    pub key: String,
    /// When it began.
    pub entered_at: Timestamp,
    /// Properties of the entry event as JSON; empty: none.
    pub event: String,
    /// Steps reached so far. Names messages: see [`MessageId`].
    pub visits: u32,
    /// The step it is on.
    pub step: u16,
    /// When that step was reached.
    pub reached_at: Timestamp,
    /// What it waits for there.
    pub position: Position,
    /// Arm of the last experiment passed; empty: none.
    pub variant: String,
    /// The last messages handed out or dropped, oldest first.
    pub sent: Vec<SentMark>,
    /// Whether the goal was reached.
    pub converted: bool,
}

/// What an enrollment waits for. Every enrollment waits for something, or it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Position {
    /// `wait`.
    Waiting {
        /// Until then.
        until: Timestamp,
    },
    /// `wait_for`.
    Awaiting {
        /// The timeout.
        until: Timestamp,
    },
    /// `send`: the message may not go yet.
    Holding {
        /// Looked at again then.
        until: Timestamp,
        /// Why.
        reason: Reason,
    },
    /// `send`: the message is in the outbox.
    Queued,
    /// `send`: the message is at the gateway, whose answer is awaited.
    Submitting,
    /// `call`: the answer is awaited.
    Calling {
        /// Until then.
        until: Timestamp,
    },
    /// Between two steps, while an input is handled; never stored.
    Moving,
}

impl Enrollment {
    /// The last message it handed out.
    #[must_use]
    pub fn last_sent(&self) -> Option<&SentMark> {
        self.sent.iter().rev().find(|mark| mark.handed_out)
    }

    /// Begins again in a version: what happened to messages before no longer counts for its waits. Steps of
    /// another version have other numbers, so its messages are forgotten then.
    pub(crate) fn begin_again(&mut self, version: u32) {
        if self.version != version {
            self.sent.clear();
        }
        self.version = version;
        for mark in &mut self.sent {
            (mark.delivered, mark.failed, mark.clicked, mark.reply) = (false, false, false, None);
        }
    }
}

impl Position {
    /// When time alone moves it.
    #[must_use]
    pub fn due(self) -> Option<Timestamp> {
        match self {
            Position::Waiting { until }
            | Position::Awaiting { until }
            | Position::Holding { until, .. }
            | Position::Calling { until } => Some(until),
            Position::Queued | Position::Submitting | Position::Moving => None,
        }
    }
}

/// The last message handed out to a person, whether its enrollment is still active or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestMessage {
    /// Which.
    pub message: MessageId,
    /// Journey.
    pub journey: JourneyId,
    /// Version.
    pub version: u32,
    /// Arm.
    pub variant: String,
}

/// A message of an enrollment, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentMark {
    /// `send` step.
    pub step: u16,
    /// Its visit.
    pub visit: u32,
    /// When it was handed out, or dropped.
    pub at: Timestamp,
    /// `false`: it was dropped, which counts as failed and as nothing else.
    pub handed_out: bool,
    /// A receipt said it arrived.
    pub delivered: bool,
    /// It did not arrive, or was not sent.
    pub failed: bool,
    /// A person clicked.
    pub clicked: bool,
    /// The last reply, as `keyword::normalize` leaves it, shortened; `None`: no reply.
    pub reply: Option<String>,
}

/// An auto-reply, as far as later texts need to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoReplyMark {
    /// What it answers.
    pub word: AutoReply,
    /// Which message.
    pub message: MessageId,
    /// When it was decided.
    pub at: Timestamp,
    /// Where it is.
    pub stage: AutoReplyStage,
}

/// Where an auto-reply is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AutoReplyStage {
    /// In the outbox.
    Queued,
    /// At the gateway, whose answer is awaited.
    Submitting,
    /// Sent, or nobody knows.
    Done,
}

/// An enrollment that has ended, as far as later entries need to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Journey.
    pub journey: JourneyId,
    /// Hash of the key; 0 when keys do not matter.
    pub key: u64,
    /// When the last one ended.
    pub at: Timestamp,
}

/// An ended enrollment whose goal can still be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoalWatch {
    /// Which.
    pub enrollment: EnrollmentId,
    /// Journey.
    pub journey: JourneyId,
    /// Version.
    pub version: u32,
    /// Arm.
    pub variant: String,
    /// Step of its last message.
    pub step: Option<u16>,
    /// Counted from here, excluded.
    pub from: Timestamp,
    /// To here, included.
    pub until: Timestamp,
}

/// A message that counts for caps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendMark {
    /// When it was handed out.
    pub at: Timestamp,
    /// What it was for.
    pub purpose: Purpose,
    /// Which.
    pub message: MessageId,
}

/// A date that will enter a journey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DateDue {
    /// Which.
    pub journey: JourneyId,
    /// When.
    pub due: Timestamp,
    /// The date as it stands in the attribute: changes when the attribute does.
    pub value: String,
}

/// Version byte of an encoded [`State`].
const STATE_VERSION: u8 = 2;
/// As before there were auto-replies, and of every state without one: an older release reads it too.
const WITHOUT_AUTO_REPLIES: u8 = 1;

/// Why stored state cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Written by a newer release.
    #[error(
        "the state of contact {contact} has version {found}, this program reads up to {STATE_VERSION}; run the release that wrote it, or a newer one"
    )]
    TooNew {
        /// Whose.
        contact: ContactId,
        /// Version byte.
        found: u8,
    },
    /// Damaged.
    #[error(
        "the state of contact {contact} cannot be read ({why}); restore the store from a backup"
    )]
    Damaged {
        /// Whose.
        contact: ContactId,
        /// What the decoder says.
        why: String,
    },
}

impl State {
    /// As the store keeps it.
    ///
    /// # Errors
    /// When the encoder fails, which no value of this type makes it do.
    pub fn encode(&self, contact: ContactId) -> Result<Vec<u8>, StateError> {
        let texts = |it: &Enrollment| it.key.len() + it.event.len() + it.variant.len();
        let enrollments: usize = self.enrollments.iter().map(|it| 96 + texts(it)).sum();
        let rest = self.ended.len() * 20 + self.sends.len() * 24 + self.windows.len() * 64;
        let mut bytes = Vec::with_capacity(160 + enrollments + rest);
        bytes.push(if self.auto_replies.is_empty() { WITHOUT_AUTO_REPLIES } else { STATE_VERSION });
        postcard::to_extend(self, bytes)
            .map_err(|error| StateError::Damaged { contact, why: error.to_string() })
    }

    /// From what the store keeps.
    ///
    /// # Errors
    /// When it was written by a newer release, or is damaged.
    pub fn decode(contact: ContactId, bytes: &[u8]) -> Result<State, StateError> {
        let damaged = |why: String| StateError::Damaged { contact, why };
        let (version, body) = bytes.split_first().ok_or_else(|| damaged("it is empty".into()))?;
        match *version {
            STATE_VERSION => postcard::from_bytes(body).map_err(|error| damaged(error.to_string())),
            // An empty list is one byte: its length.
            WITHOUT_AUTO_REPLIES => postcard::from_bytes(&[body, &[0]].concat())
                .map_err(|error| damaged(error.to_string())),
            found if found > STATE_VERSION => Err(StateError::TooNew { contact, found }),
            found => Err(damaged(format!("there never was a version {found}"))),
        }
    }

    /// The state of somebody never heard of before.
    #[must_use]
    pub fn new(salt: u64, windows_fingerprint: u64) -> State {
        State { salt, windows_fingerprint, ..State::default() }
    }

    /// The person's answer for a channel, or for a topic on it.
    #[must_use]
    pub fn consent(&self, channel: Channel, topic: Option<&str>) -> Option<ConsentState> {
        self.consents
            .iter()
            .find(|now| now.channel == channel && now.topic.as_deref() == topic)
            .map(|now| now.state)
    }

    /// The enrollment of that id, while it is active.
    #[must_use]
    pub fn enrollment(&self, id: EnrollmentId) -> Option<&Enrollment> {
        self.enrollments.iter().find(|enrollment| enrollment.id == id)
    }

    /// The earliest instant at which something happens by itself, and the enrollment it is for
    /// (0: for the contact).
    #[must_use]
    pub fn wake(&self) -> Option<(Timestamp, EnrollmentId)> {
        let steps = self
            .enrollments
            .iter()
            .filter_map(|enrollment| Some((enrollment.position.due()?, enrollment.id)));
        let dates = self.dates.iter().map(|date| (date.due, EnrollmentId(0)));
        let recheck = self.recheck_at.map(|at| (at, EnrollmentId(0)));
        steps.chain(dates).chain(recheck).filter(|(due, _)| *due < Timestamp::MAX).min()
    }
}

impl Contact {
    /// The zone the profile names, when it names one that exists.
    #[must_use]
    pub fn profile_zone(&self) -> Option<TimeZone> {
        ["timezone", "time_zone"]
            .iter()
            .find_map(|name| self.profile.attributes.get(*name)?.as_str())
            .and_then(|name| crate::zone::zone(name).ok())
    }

    /// The zone of the person's wall clock: profile, else the number's if it has exactly one, else `fallback`.
    #[must_use]
    pub fn zone_or(&self, fallback: &TimeZone) -> TimeZone {
        if let Some(zone) = self.profile_zone() {
            return zone;
        }
        let numbers = self.profile.phone.as_deref().map(crate::phone::zones).unwrap_or_default();
        match numbers {
            [only] => crate::zone::zone(only).unwrap_or_else(|_| fallback.clone()),
            _ => fallback.clone(),
        }
    }

    /// The person's language, lower case (`es`, `pt-br`), from `language` or `locale`.
    #[must_use]
    pub fn language(&self) -> Option<String> {
        ["language", "locale"]
            .iter()
            .find_map(|name| self.profile.attributes.get(*name)?.as_str())
            .map(|text| text.replace('_', "-").to_ascii_lowercase())
    }
}
