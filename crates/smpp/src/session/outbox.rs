//! Bytes that wait to be written, and which request they carry.
//!
//! Must never forget whether a request was given out: on that rests whether it surely did not go.

use std::collections::{BTreeSet, VecDeque};

use bytes::{Bytes, BytesMut};

/// About how much one write gets.
const WRITE_BYTES: usize = 32 * 1024;

#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: VecDeque<(Option<u32>, Bytes)>,
    /// Bytes of answers to the peer's requests in the queue: what a flood would grow.
    replies: usize,
}

impl Outbox {
    /// A request of ours, by its sequence number.
    pub(super) fn request(&mut self, sequence: u32, bytes: Bytes) {
        self.queue.push_back((Some(sequence), bytes));
    }

    /// An answer to the peer, or a question that nobody waits for.
    pub(super) fn reply(&mut self, bytes: Bytes) {
        self.replies += bytes.len();
        self.queue.push_back((None, bytes));
    }

    pub(super) fn replies(&self) -> usize {
        self.replies
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// What to write next; `given` hears of each request in it.
    pub(super) fn take(&mut self, mut given: impl FnMut(u32)) -> Option<Bytes> {
        let first = self.pop(&mut given)?;
        let fits = |length: usize, next: &Bytes| length + next.len() <= WRITE_BYTES;
        if !self.queue.front().is_some_and(|(_, next)| fits(first.len(), next)) {
            return Some(first);
        }
        let mut joined = BytesMut::with_capacity(first.len() * 4);
        joined.extend_from_slice(&first);
        while self.queue.front().is_some_and(|(_, next)| fits(joined.len(), next)) {
            let Some(next) = self.pop(&mut given) else { break };
            joined.extend_from_slice(&next);
        }
        Some(joined.freeze())
    }

    fn pop(&mut self, given: &mut impl FnMut(u32)) -> Option<Bytes> {
        let (sequence, bytes) = self.queue.pop_front()?;
        match sequence {
            Some(sequence) => given(sequence),
            None => self.replies -= bytes.len(),
        }
        Some(bytes)
    }

    /// Takes back requests that were not given out.
    pub(super) fn remove(&mut self, sequences: &BTreeSet<u32>) {
        self.queue.retain(|(known, _)| !known.is_some_and(|known| sequences.contains(&known)));
    }

    /// Takes back all requests that were not given out.
    pub(super) fn remove_requests(&mut self) {
        self.queue.retain(|(sequence, _)| sequence.is_none());
    }
}
