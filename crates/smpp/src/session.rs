//! One bind: bytes and instants in, bytes and events out.
//!
//! A session lives from the first byte of the bind to [`Event::Closed`]; a new bind is a new
//! session. Must never answer a request twice or not at all, never say [`crate::Answer::NotSent`] of bytes
//! that were given out, never tell the peer that a delivery is taken before the caller says so,
//! and never hold more memory than its settings allow, whatever the peer sends.
//!
//! ```text
//!   new ──> binding ──bind_resp──> bound ──unbind()──> draining ──nothing in flight──> unbinding
//!              │                     │                                                    │
//!              └──refused, timeout───┴──peer unbinds, connection ends, broken PDU ────────┴──> closed
//! ```

mod inbox;
mod outbox;
mod pending;
mod work;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use crate::address::Address;
use crate::config::{BadConfig, BindMode, SessionConfig};
use crate::event::{CloseReason, Counters, DeliveryId, Event, MessageRef, NoRoom, Token};
use crate::field::BadField;
use crate::message::{Replacement, SubmitPart, cancel_pdu, query_pdu};
use crate::status::Status;
use crate::wire::Framer;
use outbox::Outbox;
use pending::{Asked, Pending};

/// Unwritten answers to the peer above which no more input is wanted.
const REPLIES_PAUSE: usize = 64 * 1024;
/// Unwritten answers to the peer at which the session closes.
const REPLIES_MAX: usize = 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Binding {
        sequence: u32,
        deadline: Duration,
    },
    Bound,
    /// No new requests; unbinds when the last one is answered.
    Draining {
        deadline: Duration,
    },
    Unbinding {
        sequence: u32,
        deadline: Duration,
    },
    Closed,
}

/// Which response a delivery gets.
#[derive(Clone, Copy, Debug)]
enum DeliveryKind {
    Deliver,
    Data,
}

/// One bind. See the documentation of the crate for how it is driven.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    state: State,
    framer: Framer,
    outbox: Outbox,
    pending: Pending,
    deliveries: BTreeMap<DeliveryId, (u32, DeliveryKind)>,
    events: VecDeque<Event>,
    counters: Counters,
    sequence: u32,
    tokens: u64,
    arrivals: u64,
    /// When the last whole PDU came.
    heard: Duration,
    half_since: Option<Duration>,
    enquire_at: Duration,
    unanswered: u32,
    timeouts_in_a_row: u32,
    /// Since when no input is wanted. Time stands still meanwhile: an answer may lie unread.
    paused_since: Option<Duration>,
    paused: Duration,
}

/// Why a query, cancel or replace was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not now.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// Not ever.
    #[error(transparent)]
    Field(#[from] BadField),
}

impl Session {
    /// A session whose bind is ready to be written.
    ///
    /// # Errors
    /// Settings that no bind can carry.
    pub fn new(config: SessionConfig, now: Duration) -> Result<Session, BadConfig> {
        let bind = config.bind()?;
        let mut session = Session {
            state: State::Closed,
            framer: Framer::default(),
            outbox: Outbox::default(),
            pending: Pending::default(),
            deliveries: BTreeMap::new(),
            events: VecDeque::new(),
            counters: Counters::default(),
            sequence: 0,
            tokens: 0,
            arrivals: 0,
            heard: now,
            half_since: None,
            enquire_at: now.saturating_add(config.enquire_link),
            unanswered: 0,
            timeouts_in_a_row: 0,
            paused_since: None,
            paused: Duration::ZERO,
            config,
        };
        let sequence = session.ask(bind);
        let deadline = now.saturating_add(session.config.bind_timeout);
        session.state = State::Binding { sequence, deadline };
        Ok(session)
    }

    /// Bytes from the peer, cut anywhere. Call it only while [`Session::wants_input`].
    pub fn receive(&mut self, bytes: &[u8], now: Duration) {
        let now = self.enter(now);
        if self.state == State::Closed {
            return;
        }
        self.framer.push(bytes);
        let mut whole = 0;
        while self.state != State::Closed {
            match self.framer.frame(self.config.pdu_bytes_max) {
                Ok(Some(frame)) => {
                    whole += 1;
                    self.handle(frame, now);
                }
                Ok(None) => break,
                Err(length) => self.close(CloseReason::BadLength(length)),
            }
            if self.outbox.replies() > REPLIES_MAX {
                self.close(CloseReason::Flooded);
            }
        }
        self.half_since = match self.half_since {
            _ if !self.framer.half() => None,
            Some(since) if whole == 0 => Some(since),
            _ => Some(now),
        };
        self.leave(now);
    }

    /// The peer closed the connection, or it broke.
    pub fn ended(&mut self, now: Duration) {
        self.enter(now);
        match self.state {
            State::Unbinding { .. } => self.close(CloseReason::Unbound),
            _ if self.framer.half() => self.close(CloseReason::EndedInside),
            _ => self.close(CloseReason::Ended),
        }
    }

    /// Queues one part of a message. Its one answer comes as [`Event::Answered`].
    ///
    /// The response timeout runs from here. When it is over and the bytes were given out, the
    /// answer is [`crate::Lost::Timeout`] and the place in the window is free again: the peer may then
    /// have one request more in hand than the window says.
    ///
    /// # Errors
    /// No room; nothing was queued.
    pub fn submit(&mut self, part: &SubmitPart, now: Duration) -> Result<Token, NoRoom> {
        if self.config.mode == BindMode::Receiver {
            return Err(NoRoom::ReceiverOnly);
        }
        self.request(Asked::Submit, part.pdu().clone(), now)
    }

    /// Asks what became of a message. The answer is [`crate::Answer::State`].
    ///
    /// # Errors
    /// No room, or a reference that does not fit.
    pub fn query(&mut self, message: &MessageRef, now: Duration) -> Result<Token, RequestError> {
        let pdu = query_pdu(message)?;
        Ok(self.request(Asked::Query, pdu, now)?)
    }

    /// Takes a message back. The answer is [`crate::Answer::Done`] or a refusal.
    ///
    /// # Errors
    /// No room, or a field that does not fit.
    pub fn cancel(
        &mut self,
        message: &MessageRef,
        destination: &Address,
        now: Duration,
    ) -> Result<Token, RequestError> {
        let pdu = cancel_pdu(message, destination)?;
        Ok(self.request(Asked::Cancel, pdu, now)?)
    }

    /// Gives a message that is not delivered yet another text. The answer is [`crate::Answer::Done`] or a
    /// refusal.
    ///
    /// # Errors
    /// No room, or a field that does not fit.
    pub fn replace(
        &mut self,
        message: &MessageRef,
        replacement: &Replacement,
        now: Duration,
    ) -> Result<Token, RequestError> {
        let pdu = replacement.pdu(message)?;
        Ok(self.request(Asked::Replace, pdu, now)?)
    }

    /// Ends the bind: no new requests, then an unbind once those in flight are answered. Deliveries
    /// should be acknowledged first; the peer sends again what was not.
    pub fn unbind(&mut self, now: Duration) {
        let now = self.enter(now);
        match self.state {
            State::Binding { .. } => self.close(CloseReason::Unbound),
            State::Bound => {
                let deadline = now.saturating_add(self.config.response_timeout);
                self.state = State::Draining { deadline };
            }
            State::Draining { .. } | State::Unbinding { .. } | State::Closed => {}
        }
        self.leave(now);
    }

    /// Tells the peer that a delivery is taken (or not): say so only when it is durable. `false`
    /// when nobody waits for it, because the session is over or it was said before.
    pub fn acknowledge(&mut self, id: DeliveryId, status: Status, now: Duration) -> bool {
        let now = self.enter(now);
        let waiting = self.deliveries.remove(&id);
        if let Some((sequence, kind)) = waiting {
            self.answer_delivery(sequence, kind, status);
        }
        self.leave(now);
        waiting.is_some()
    }

    /// Bytes to write now, in order. What was given here counts as sent. Goes on to give what is
    /// left after [`Event::Closed`].
    pub fn output(&mut self) -> Option<Bytes> {
        let pending = &mut self.pending;
        self.outbox.take(|sequence| pending.given_out(sequence))
    }

    /// Whether [`Session::output`] has something.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// What happened, oldest first.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Does what is due. Call it at [`Session::next_timeout`], and as often as you like.
    pub fn tick(&mut self, now: Duration) {
        let now = self.enter(now);
        match self.state {
            State::Closed => return,
            State::Binding { deadline, .. } if now >= deadline => {
                self.close(CloseReason::BindTimeout);
            }
            State::Unbinding { deadline, .. } if now >= deadline => {
                self.close(CloseReason::Unbound);
            }
            _ => {}
        }
        if self.half_since.is_some_and(|since| now >= since.saturating_add(self.config.pdu_timeout))
        {
            self.close(CloseReason::HalfPdu);
        }
        self.expire(now);
        self.listen(now);
        if let State::Draining { deadline } = self.state
            && now >= deadline
        {
            self.send_unbind(now);
        }
        self.leave(now);
    }

    /// The next instant at which [`Session::tick`] has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        if self.paused_since.is_some() {
            return None;
        }
        let state = match self.state {
            State::Closed => return None,
            State::Binding { deadline, .. }
            | State::Draining { deadline }
            | State::Unbinding { deadline, .. } => Some(deadline),
            State::Bound => None,
        };
        let half = self.half_since.map(|since| since.saturating_add(self.config.pdu_timeout));
        let bound = self.listens();
        let silence = bound.then(|| self.heard.saturating_add(self.config.inactivity));
        let enquire = bound.then_some(self.enquire_at);
        [state, half, silence, enquire, self.pending.deadline()]
            .into_iter()
            .flatten()
            .filter(|due| *due != Duration::MAX)
            .min()
            .map(|due| due.saturating_add(self.paused))
    }

    /// Whether [`Session::receive`] may be called: not while too many deliveries wait for their
    /// acknowledgement, or too many answers for being written. Leave the bytes in the connection
    /// then; the peer will notice. Timeouts stand still meanwhile.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        self.state != State::Closed
            && self.deliveries.len() < self.config.deliveries_max
            && self.outbox.replies() <= REPLIES_PAUSE
    }

    /// How many requests could be queued now.
    #[must_use]
    pub fn room(&self) -> usize {
        match self.state {
            State::Bound => self.config.window.saturating_sub(self.pending.len()),
            _ => 0,
        }
    }

    /// Requests without an answer.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.pending.len()
    }

    /// Deliveries without an acknowledgement.
    #[must_use]
    pub fn deliveries_waiting(&self) -> usize {
        self.deliveries.len()
    }

    /// Whether the peer has taken the bind and it is not ending.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.state == State::Bound
    }

    /// Whether the session is over; [`Event::Closed`] may still wait in [`Session::event`].
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Numbers for metrics.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }
}

#[cfg(test)]
mod tests;
