//! One bind: bytes and instants in, bytes and events out.
//!
//! A session lives from the first byte of the bind to [`Event::Closed`]; a new bind is a new
//! session. Must never answer a request twice or not at all, never say [`Answer::NotSent`] of bytes
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

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use rusmpp_core::pdus::owned::Pdu;

use crate::address::Address;
use crate::config::{BadConfig, BindMode, SessionConfig};
use crate::event::{
    Answer, CloseReason, Counters, DeliveryId, Event, Lost, MessageRef, NoRoom, Token,
};
use crate::field::BadField;
use crate::message::{Replacement, SubmitPart, cancel_pdu, query_pdu};
use crate::status::Status;
use crate::wire::{Framer, encode};
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
    /// answer is [`Lost::Timeout`] and the place in the window is free again: the peer may then
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

    /// Asks what became of a message. The answer is [`Answer::State`].
    ///
    /// # Errors
    /// No room, or a reference that does not fit.
    pub fn query(&mut self, message: &MessageRef, now: Duration) -> Result<Token, RequestError> {
        let pdu = query_pdu(message)?;
        Ok(self.request(Asked::Query, pdu, now)?)
    }

    /// Takes a message back. The answer is [`Answer::Done`] or a refusal.
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

    /// Gives a message that is not delivered yet another text. The answer is [`Answer::Done`] or a
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

/// What the calls above are made of.
impl Session {
    /// The session's own time: that of the caller without the pauses.
    fn enter(&mut self, now: Duration) -> Duration {
        if let Some(since) = self.paused_since.take() {
            self.paused += now.saturating_sub(since);
        }
        now.saturating_sub(self.paused)
    }

    fn leave(&mut self, now: Duration) {
        if let State::Draining { .. } = self.state
            && self.pending.len() == 0
        {
            self.send_unbind(now);
        }
        if self.state == State::Bound && !self.wants_input() {
            self.paused_since = Some(now.saturating_add(self.paused));
        }
    }

    fn request(&mut self, asked: Asked, pdu: Pdu, now: Duration) -> Result<Token, NoRoom> {
        let now = self.enter(now);
        let room = match self.state {
            State::Binding { .. } => Err(NoRoom::NotBound),
            State::Bound if self.pending.len() >= self.config.window => Err(NoRoom::WindowFull),
            State::Bound => Ok(()),
            State::Draining { .. } | State::Unbinding { .. } | State::Closed => {
                Err(NoRoom::Closing)
            }
        };
        let token = room.map(|()| {
            let sequence = self.next_sequence();
            self.tokens += 1;
            let token = Token(self.tokens);
            let deadline = now.saturating_add(self.config.response_timeout);
            self.pending.insert(sequence, token, asked, deadline);
            self.outbox.request(sequence, encode(0, sequence, pdu));
            token
        });
        self.leave(now);
        token
    }

    /// Queues a request that is no message.
    fn ask(&mut self, pdu: Pdu) -> u32 {
        let sequence = self.next_sequence();
        self.outbox.reply(encode(0, sequence, pdu));
        sequence
    }

    fn next_sequence(&mut self) -> u32 {
        loop {
            self.sequence = if self.sequence >= 0x7FFF_FFFF { 1 } else { self.sequence + 1 };
            if self.pending.get(self.sequence).is_none() {
                return self.sequence;
            }
        }
    }

    fn expire(&mut self, now: Duration) {
        let mut unsent = BTreeSet::new();
        while let Some((sequence, request)) = self.pending.expired(now) {
            let token = request.token;
            if request.given_out {
                self.counters.timeouts += 1;
                self.timeouts_in_a_row += 1;
                self.pending.remember(sequence, request);
                self.events
                    .push_back(Event::Answered { token, answer: Answer::Lost(Lost::Timeout) });
            } else {
                unsent.insert(sequence);
                self.events.push_back(Event::Answered { token, answer: Answer::NotSent });
            }
        }
        if !unsent.is_empty() {
            self.outbox.remove(&unsent);
        }
        if self.timeouts_in_a_row >= self.config.response_timeouts_max.max(1) {
            self.close(CloseReason::ResponsesMissing(self.timeouts_in_a_row));
        }
    }

    fn listens(&self) -> bool {
        matches!(self.state, State::Bound | State::Draining { .. })
    }

    /// Is the peer there? Asks, or gives up.
    fn listen(&mut self, now: Duration) {
        if !self.listens() {
            return;
        }
        if now >= self.heard.saturating_add(self.config.inactivity) {
            return self.close(CloseReason::Inactive);
        }
        if now < self.enquire_at {
            return;
        }
        if self.unanswered >= self.config.enquire_link_unanswered_max.max(1) {
            return self.close(CloseReason::Silent(self.unanswered));
        }
        self.unanswered += 1;
        self.enquire_at = now.saturating_add(self.config.enquire_link);
        self.ask(Pdu::EnquireLink);
    }

    fn send_unbind(&mut self, now: Duration) {
        let sequence = self.ask(Pdu::Unbind);
        let deadline = now.saturating_add(self.config.bind_timeout);
        self.state = State::Unbinding { sequence, deadline };
    }

    fn close(&mut self, why: CloseReason) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Closed;
        self.outbox.remove_requests();
        for request in self.pending.drain() {
            let answer =
                if request.given_out { Answer::Lost(Lost::Closed) } else { Answer::NotSent };
            self.events.push_back(Event::Answered { token: request.token, answer });
        }
        self.deliveries.clear();
        self.framer.clear();
        self.half_since = None;
        self.events.push_back(Event::Closed { why });
    }
}
