//! Messages on their way through one connection, part by part.
//!
//! The first part goes alone: what a carrier refuses, it refuses there, and nothing of the message has gone. Once it is
//! taken the others follow together; one that is asked to wait is tried again while there is time. Must never report a
//! message as refused of which a part was taken, other than as failed for good.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tokio::sync::oneshot;
use wayline_core::ids::MessageId;
use wayline_smpp::{Answer, Session, Status, SubmitPart, Token};

/// How long a part that was asked to wait waits.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How long the parts of one message may take together, from the first on.
const WHOLE_WITHIN: Duration = Duration::from_secs(40);

/// After this long no answer is waited for.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(100);

/// Parts whose answer is lost and may still come; of more the oldest are forgotten.
const OWED_MAX: usize = 10_000;

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

/// Which attempt at which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) message: MessageId,
    pub(super) run: u64,
    pub(super) number: u32,
}

/// A message to submit.
pub(super) struct Cargo {
    pub(super) of: Attempt,
    pub(super) parts: Vec<SubmitPart>,
    pub(super) reply: oneshot::Sender<Came>,
}

/// An answer that is lost and may still come.
struct Owed {
    of: Attempt,
    /// Which part, from 1, of how many.
    part: (usize, usize),
    /// Whether all other parts were taken, and the id of the last of them.
    others: Option<Option<String>>,
}

struct Message {
    of: Attempt,
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
    owed: BTreeMap<Token, Owed>,
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
        let Cargo { of, parts, reply } = cargo;
        self.messages.insert(id, Message { of, parts, reply, since: now, open, last_id: None });
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
            _ => {
                let others = (message.open == 1).then(|| message.last_id.clone());
                self.owed.insert(token, Owed { of: message.of, part: (part + 1, of), others });
                if self.owed.len() > OWED_MAX {
                    self.owed.pop_first();
                }
                self.finish(id, Came::Lost)
            }
        }
    }

    /// An answer came that was given up. What it says of its message; `None`: nothing of the whole of it.
    pub(super) fn late(&mut self, token: Token, answer: Answer) -> Option<(Attempt, Came)> {
        let Owed { of: attempt, part: (part, of), others } = self.owed.remove(&token)?;
        let came = match answer {
            Answer::Accepted { message_id } => {
                let last = others?;
                Came::Accepted(if part == of { message_id } else { last })
            }
            Answer::Refused { status } if part == 1 => Came::Refused(status),
            Answer::Refused { status } => Came::Broken { part, of, status },
            _ => return None,
        };
        Some((attempt, came))
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

#[cfg(test)]
mod tests {
    use super::*;
    use wayline_core::ids::EnrollmentId;
    use wayline_smpp::{Address, Lost, Outgoing};

    const NOW: Duration = Duration::ZERO;

    fn attempt() -> Attempt {
        let message = MessageId { enrollment: EnrollmentId(7), step: 1, visit: 1 };
        Attempt { message, run: 2, number: 3 }
    }

    fn accepted(id: &str) -> Answer {
        Answer::Accepted { message_id: Some(id.to_owned()) }
    }

    /// A message of so many parts, all of them given out but those that wait for the first.
    fn flight(of: usize) -> (Flight, oneshot::Receiver<Came>) {
        let address = || Address::new(1, 1, "12025550100");
        let text = vec![b"hey".to_vec(); of];
        let parts = Outgoing::new(address(), address(), 0, text).submits().expect("a message");
        let (reply, came) = oneshot::channel();
        let mut flight = Flight::default();
        let (of, open, last_id) = (attempt(), parts.len(), None);
        let tokens = (0..open).map(|part| (Token::from(part as u64 + 1), (1, part)));
        flight.tokens.extend(tokens);
        flight.messages.insert(1, Message { of, parts, reply, since: NOW, open, last_id });
        (flight, came)
    }

    fn answer(flight: &mut Flight, part: u64, answer: Answer) {
        flight.answered(Token::from(part), answer, NOW);
    }

    fn lost(flight: &mut Flight, part: u64) {
        answer(flight, part, Answer::Lost(Lost::Timeout));
    }

    #[test]
    fn a_late_answer_says_what_came_of_a_message_of_one_part() {
        let refused = Answer::Refused { status: Status(0x0B) };
        let cases = [
            (accepted("77"), Came::Accepted(Some("77".to_owned()))),
            (refused, Came::Refused(Status(0x0B))),
        ];
        for (late, expected) in cases {
            let (mut flight, mut came) = flight(1);
            lost(&mut flight, 1);
            assert_eq!(came.try_recv(), Ok(Came::Lost));
            assert_eq!(flight.late(Token::from(1), late.clone()), Some((attempt(), expected)));
            assert_eq!(flight.late(Token::from(1), late), None, "it is told once");
        }
    }

    #[test]
    fn of_several_parts_it_says_so_when_all_others_were_taken() {
        for (late, id) in [(3, "c"), (2, "last")] {
            let (mut flight, _came) = flight(3);
            for part in (1..=3).filter(|part| *part != late) {
                answer(&mut flight, part, accepted(if part == 3 { "last" } else { "a" }));
            }
            lost(&mut flight, late);
            let told = flight.late(Token::from(late), accepted("c"));
            assert_eq!(told, Some((attempt(), Came::Accepted(Some(id.to_owned())))));
        }
    }

    #[test]
    fn of_a_message_that_never_went_whole_it_says_nothing_but_a_refusal() {
        let (mut flight, _came) = flight(2);
        lost(&mut flight, 1);
        lost(&mut flight, 2);
        assert_eq!(flight.late(Token::from(1), accepted("a")), None);
        assert_eq!(flight.late(Token::from(2), accepted("b")), None);
        let (mut flight, _came) = self::flight(2);
        lost(&mut flight, 1);
        let refused = Answer::Refused { status: Status(0x14) };
        let told = flight.late(Token::from(1), refused);
        assert_eq!(told, Some((attempt(), Came::Refused(Status(0x14)))));
    }
}
