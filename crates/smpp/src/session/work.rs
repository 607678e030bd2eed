//! What the calls of a session are made of: time, requests, timeouts, the end.
//!
//! Must never be called with the caller's time: [`Session::enter`] makes the session's own of it.

use std::collections::BTreeSet;
use std::time::Duration;

use rusmpp_core::pdus::owned::Pdu;

use super::pending::Asked;
use super::{Session, State};
use crate::event::{Answer, CloseReason, Event, Lost, NoRoom, Token};
use crate::wire::encode;

impl Session {
    /// The session's own time: that of the caller without the pauses.
    pub(super) fn enter(&mut self, now: Duration) -> Duration {
        if let Some(since) = self.paused_since.take() {
            self.paused += now.saturating_sub(since);
        }
        now.saturating_sub(self.paused)
    }

    pub(super) fn leave(&mut self, now: Duration) {
        if let State::Draining { .. } = self.state
            && self.pending.len() == 0
        {
            self.send_unbind(now);
        }
        if self.state == State::Bound && !self.wants_input() {
            self.paused_since = Some(now.saturating_add(self.paused));
        }
    }

    pub(super) fn request(
        &mut self,
        asked: Asked,
        pdu: Pdu,
        now: Duration,
    ) -> Result<Token, NoRoom> {
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
    pub(super) fn ask(&mut self, pdu: Pdu) -> u32 {
        let sequence = self.next_sequence();
        self.outbox.reply(encode(0, sequence, pdu));
        sequence
    }

    pub(super) fn next_sequence(&mut self) -> u32 {
        loop {
            self.sequence = if self.sequence >= 0x7FFF_FFFF { 1 } else { self.sequence + 1 };
            if self.pending.get(self.sequence).is_none() {
                return self.sequence;
            }
        }
    }

    pub(super) fn expire(&mut self, now: Duration) {
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

    pub(super) fn listens(&self) -> bool {
        matches!(self.state, State::Bound | State::Draining { .. })
    }

    /// Is the peer there? Asks, or gives up.
    pub(super) fn listen(&mut self, now: Duration) {
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

    pub(super) fn send_unbind(&mut self, now: Duration) {
        let sequence = self.ask(Pdu::Unbind);
        let deadline = now.saturating_add(self.config.bind_timeout);
        self.state = State::Unbinding { sequence, deadline };
    }

    pub(super) fn close(&mut self, why: CloseReason) {
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
