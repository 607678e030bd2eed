//! Joins the parts of what a person wrote, in whatever order they come.
//!
//! Holds a bounded number of unfinished messages for a bounded time, and hands out each part
//! exactly once: in a whole message, or in an incomplete one when its time is over or its place is
//! needed. Must never join parts of two people, or of two messages of one person that say something
//! else under one number.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::address::Address;
use crate::inbound::{Inbound, Piece};

/// Deliveries of one message above which it is handed out as it is: a carrier that repeats one
/// part for ever must not fill the memory.
const TAGS_MAX: usize = 512;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    from: String,
    to: String,
    reference: u16,
    wide: bool,
    total: u8,
}

#[derive(Debug)]
struct Partial<T> {
    from: Address,
    to: Address,
    since: Duration,
    serial: u64,
    pieces: BTreeMap<u8, Piece>,
    tags: Vec<T>,
}

/// Parts that wait for their others. `T` is whatever the caller wants back with the whole, such as
/// the [`crate::DeliveryId`] of each part: acknowledge them when the whole is durable.
#[derive(Debug)]
pub struct Reassembly<T> {
    partials: BTreeMap<Key, Partial<T>>,
    order: BTreeSet<(Duration, u64, Key)>,
    serials: u64,
    count_max: usize,
    age_max: Duration,
}

/// A message, or what there is of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined<T> {
    /// The person.
    pub from: Address,
    /// Our sender.
    pub to: Address,
    /// The parts that came, in order.
    pub pieces: Vec<Piece>,
    /// The numbers of those that did not come; empty for a whole message.
    pub missing: Vec<u8>,
    /// What was given with each part, repeated ones included.
    pub tags: Vec<T>,
}

impl<T> Joined<T> {
    /// Whether all parts are there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// The bytes to decode, joined as long as the encoding stays the same: a surrogate pair cut in
    /// two by a careless phone is whole again. Not for packed text: there each piece must be
    /// unpacked first.
    #[must_use]
    pub fn runs(&self) -> Vec<(u8, Bytes)> {
        let mut runs: Vec<(u8, BytesMut)> = Vec::new();
        for piece in &self.pieces {
            match runs.last_mut() {
                Some((coding, bytes)) if *coding == piece.data_coding => {
                    bytes.extend_from_slice(&piece.bytes);
                }
                _ => runs.push((piece.data_coding, BytesMut::from(&piece.bytes[..]))),
            }
        }
        runs.into_iter().map(|(coding, bytes)| (coding, bytes.freeze())).collect()
    }
}

impl<T> Reassembly<T> {
    /// At most `count_max` unfinished messages, each for at most `age_max`.
    #[must_use]
    pub fn new(count_max: usize, age_max: Duration) -> Reassembly<T> {
        Reassembly {
            partials: BTreeMap::new(),
            order: BTreeSet::new(),
            serials: 0,
            count_max: count_max.max(1),
            age_max,
        }
    }

    /// Takes one delivery; returns what is ready now: mostly nothing or one message, and more when
    /// an unfinished one has to make room.
    pub fn add(&mut self, inbound: Inbound, tag: T, now: Duration) -> Vec<Joined<T>> {
        let Inbound { from, to, place, piece, .. } = inbound;
        let Some(place) = place else {
            return vec![Joined {
                from,
                to,
                pieces: vec![piece],
                missing: Vec::new(),
                tags: vec![tag],
            }];
        };
        let key = Key {
            from: from.number.clone(),
            to: to.number.clone(),
            reference: place.reference,
            wide: place.wide,
            total: place.total,
        };
        let mut ready = Vec::new();
        // The same number with another text: the person's phone has begun again.
        let other = self.partials.get(&key).is_some_and(|partial| {
            partial.tags.len() >= TAGS_MAX
                || partial.pieces.get(&place.index).is_some_and(|known| *known != piece)
        });
        if other {
            ready.extend(self.take(&key));
        }
        if !self.partials.contains_key(&key) {
            if self.partials.len() >= self.count_max {
                ready.extend(self.oldest());
            }
            self.begin(key.clone(), from, to, now);
        }
        if let Some(partial) = self.partials.get_mut(&key) {
            partial.pieces.insert(place.index, piece);
            partial.tags.push(tag);
            if partial.pieces.len() == usize::from(place.total) {
                ready.extend(self.take(&key));
            }
        }
        ready
    }

    /// Hands out what has waited too long.
    pub fn expire(&mut self, now: Duration) -> Vec<Joined<T>> {
        let mut ready = Vec::new();
        while self.next_timeout().is_some_and(|due| due <= now) {
            ready.extend(self.oldest());
        }
        ready
    }

    /// Hands out everything, whole or not: before the deliveries can no longer be acknowledged.
    pub fn drain(&mut self) -> Vec<Joined<T>> {
        std::iter::from_fn(|| self.oldest()).collect()
    }

    /// The next instant at which [`Reassembly::expire`] has something.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        self.order.first().map(|(since, _, _)| since.saturating_add(self.age_max))
    }

    /// Unfinished messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.partials.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.partials.is_empty()
    }

    fn begin(&mut self, key: Key, from: Address, to: Address, now: Duration) {
        self.serials += 1;
        let serial = self.serials;
        self.order.insert((now, serial, key.clone()));
        let partial =
            Partial { from, to, since: now, serial, pieces: BTreeMap::new(), tags: Vec::new() };
        self.partials.insert(key, partial);
    }

    fn oldest(&mut self) -> Option<Joined<T>> {
        let key = self.order.first()?.2.clone();
        self.take(&key)
    }

    fn take(&mut self, key: &Key) -> Option<Joined<T>> {
        let partial = self.partials.remove(key)?;
        self.order.remove(&(partial.since, partial.serial, key.clone()));
        let missing = (1..=key.total).filter(|index| !partial.pieces.contains_key(index)).collect();
        Some(Joined {
            from: partial.from,
            to: partial.to,
            pieces: partial.pieces.into_values().collect(),
            missing,
            tags: partial.tags,
        })
    }
}

#[cfg(test)]
mod tests;
