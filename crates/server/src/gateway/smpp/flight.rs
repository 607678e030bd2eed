//! Messages on their way through one connection, part by part.
//!
//! The first part goes alone: what a carrier refuses, it refuses there, and nothing of the message has gone. Once it is
//! taken the others follow together; one that is asked to wait is tried again while there is time. Must never report a
//! message as refused of which a part was taken, other than as failed for good.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tokio::sync::oneshot;
use wayline_smpp::{Answer, Session, Status, SubmitPart, Token};

/// How long a part that was asked to wait waits.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How long the parts of one message may take together, from the first on.
const WHOLE_WITHIN: Duration = Duration::from_secs(40);

/// After this long no answer is waited for.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(100);

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// All parts were taken; the carrier's id of the last, which is the one that asked for a receipt.
    Accepted(Option<String>),
    /// Refused before anything was taken.
    Refused(Status),
    /// A later part was refused for good.
    Broken {
        /// Which, from 1.
        part: usize,
        /// Of how many.
        of: usize,
        /// Why.
        status: Status,
    },
    /// It surely did not go.
    NotSent,
    /// Nobody knows.
    Lost,
}

/// A message to submit.
pub(super) struct Cargo {
    pub(super) parts: Vec<SubmitPart>,
    pub(super) reply: oneshot::Sender<Came>,
}

struct Message {
    parts: Vec<SubmitPart>,
    reply: oneshot::Sender<Came>,
    since: Duration,
    /// Parts that are not answered yet.
    open: usize,
    last_id: Option<String>,
}

/// All messages of a connection.
#[derive(Default)]
pub(super) struct Flight {
    messages: BTreeMap<u64, Message>,
    tokens: BTreeMap<Token, (u64, usize)>,
    /// Parts that wait for a place in the window.
    backlog: VecDeque<(u64, usize)>,
    /// Parts that were asked to wait.
    later: BTreeSet<(Duration, u64, usize)>,
    count: u64,
}

/// Whether a refusal says: not now.
fn is_temporary(status: Status) -> bool {
    matches!(status.0, 0x08 | 0x14 | 0x58 | 0x64)
}

impl Flight {
    /// Takes a message in; returns the parts that are settled at once, when it cannot go.
    pub(super) fn take(&mut self, cargo: Cargo, session: &mut Session, now: Duration) -> usize {
        self.count += 1;
        let (id, open) = (self.count, cargo.parts.len());
        let Cargo { parts, reply } = cargo;
        self.messages.insert(id, Message { parts, reply, since: now, open, last_id: None });
        self.backlog.push_back((id, 0));
        self.fill(session, now)
    }

    /// Submits what waits and has a place. Returns the parts that were settled by that.
    pub(super) fn fill(&mut self, session: &mut Session, now: Duration) -> usize {
        while self.later.first().is_some_and(|(due, _, _)| *due <= now) {
            self.backlog.extend(self.later.pop_first().map(|(_, id, part)| (id, part)));
        }
        let mut settled = self.expire(now);
        while let Some((id, part)) = self.backlog.front().copied() {
            let submit = self.messages.get(&id).and_then(|message| message.parts.get(part));
            let Some(submit) = submit else {
                self.backlog.pop_front();
                continue;
            };
            if session.room() == 0 && session.is_bound() {
                break;
            }
            self.backlog.pop_front();
            match session.submit(submit, now) {
                Ok(token) => _ = self.tokens.insert(token, (id, part)),
                Err(_) if part == 0 => settled += self.finish(id, Came::NotSent),
                Err(_) => settled += self.finish(id, Came::Lost),
            }
        }
        settled
    }

    /// An answer came. Returns the parts that are settled by it.
    pub(super) fn answered(&mut self, token: Token, answer: Answer, now: Duration) -> usize {
        let Some((id, part)) = self.tokens.remove(&token) else { return 0 };
        let Some(message) = self.messages.get_mut(&id) else { return 0 };
        let of = message.parts.len();
        match answer {
            Answer::Accepted { message_id } => {
                message.open -= 1;
                if part + 1 == of {
                    message.last_id = message_id;
                }
                if message.open == 0 {
                    let came = Came::Accepted(message.last_id.take());
                    self.finish(id, came);
                } else if part == 0 {
                    self.backlog.extend((1..of).map(|part| (id, part)));
                }
                1
            }
            Answer::Refused { status } if part == 0 => self.finish(id, Came::Refused(status)),
            Answer::Refused { status }
                if is_temporary(status) && now < message.since + WHOLE_WITHIN =>
            {
                self.later.insert((now + AGAIN_AFTER, id, part));
                0
            }
            Answer::Refused { status } => {
                self.finish(id, Came::Broken { part: part + 1, of, status })
            }
            Answer::NotSent if part == 0 => self.finish(id, Came::NotSent),
            _ => self.finish(id, Came::Lost),
        }
    }

    /// Nobody waits for these any more: whatever happened to their parts, their places come free.
    fn expire(&mut self, now: Duration) -> usize {
        let mut settled = 0;
        while let Some((id, message)) = self.messages.first_key_value()
            && now >= message.since + GIVEN_UP_AFTER
        {
            settled += self.finish(*id, Came::Lost);
        }
        settled
    }

    /// Whether nothing is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whoever waits is told; returns the parts that were open.
    fn finish(&mut self, id: u64, came: Came) -> usize {
        let Some(message) = self.messages.remove(&id) else { return 0 };
        // Whoever asked may have gone.
        let _ = message.reply.send(came);
        message.open
    }

    /// The connection is over: what waits has not gone, what was given out is lost.
    pub(super) fn end(&mut self) -> usize {
        let ids: Vec<u64> = self.messages.keys().copied().collect();
        let mut settled = 0;
        for id in ids {
            let untouched = self.backlog.contains(&(id, 0));
            settled += self.finish(id, if untouched { Came::NotSent } else { Came::Lost });
        }
        *self = Flight { count: self.count, ..Flight::default() };
        settled
    }

    /// When something waits for time alone.
    pub(super) fn next_timeout(&self) -> Option<Duration> {
        self.later.first().map(|(due, _, _)| *due)
    }
}
