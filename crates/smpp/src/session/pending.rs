//! Requests that wait for their answer.
//!
//! Must never hold a request that was answered, nor lose one that was not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::event::Token;

/// Timed-out requests of which a late answer is still understood.
const LATE_MAX: usize = 10_000;

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Submit,
    Query,
    Cancel,
    Replace,
}

impl Asked {
    /// The command of its response.
    pub(super) fn response(self) -> u32 {
        match self {
            Asked::Query => 0x8000_0003,
            Asked::Submit => 0x8000_0004,
            Asked::Replace => 0x8000_0007,
            Asked::Cancel => 0x8000_0008,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) token: Token,
    pub(super) asked: Asked,
    pub(super) given_out: bool,
    deadline: Duration,
}

#[derive(Debug, Default)]
pub(super) struct Pending {
    requests: BTreeMap<u32, Request>,
    deadlines: BTreeSet<(Duration, u32)>,
    late: BTreeMap<u32, (Token, Asked)>,
    late_order: VecDeque<u32>,
}

impl Pending {
    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    pub(super) fn insert(&mut self, sequence: u32, token: Token, asked: Asked, deadline: Duration) {
        self.requests.insert(sequence, Request { token, asked, given_out: false, deadline });
        self.deadlines.insert((deadline, sequence));
    }

    pub(super) fn given_out(&mut self, sequence: u32) {
        if let Some(request) = self.requests.get_mut(&sequence) {
            request.given_out = true;
        }
    }

    pub(super) fn get(&self, sequence: u32) -> Option<&Request> {
        self.requests.get(&sequence)
    }

    pub(super) fn remove(&mut self, sequence: u32) -> Option<Request> {
        let request = self.requests.remove(&sequence)?;
        self.deadlines.remove(&(request.deadline, sequence));
        Some(request)
    }

    /// The earliest deadline.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Takes out one request whose time is over.
    pub(super) fn expired(&mut self, now: Duration) -> Option<(u32, Request)> {
        let (deadline, sequence) = *self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        self.remove(sequence).map(|request| (sequence, request))
    }

    /// Takes out everything, in the order in which it was asked.
    pub(super) fn drain(&mut self) -> Vec<Request> {
        self.deadlines.clear();
        let mut all: Vec<_> = std::mem::take(&mut self.requests).into_values().collect();
        all.sort_by_key(|request| request.token);
        all
    }

    /// Remembers a request that was given out and timed out.
    pub(super) fn remember(&mut self, sequence: u32, request: Request) {
        while self.late_order.len() >= LATE_MAX
            && let Some(oldest) = self.late_order.pop_front()
        {
            self.late.remove(&oldest);
        }
        self.late.insert(sequence, (request.token, request.asked));
        self.late_order.push_back(sequence);
    }

    /// A late answer: to which request? Each is told once.
    pub(super) fn late(
        &mut self,
        sequence: u32,
        asked: impl Fn(Asked) -> bool,
    ) -> Option<(Token, Asked)> {
        let (token, known) = *self.late.get(&sequence)?;
        if !asked(known) {
            return None;
        }
        self.late.remove(&sequence);
        Some((token, known))
    }
}
