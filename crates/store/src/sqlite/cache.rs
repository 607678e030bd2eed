//! Hot contacts and identities in memory, bounded by bytes.
//!
//! Written through after each commit, filled by reads. Must never hold anything that is not in the file:
//! a read that began before a commit must not bring back what the commit replaced, see [`Cache::changes`].

use super::recognised::Recognised;
use crate::batch::{ProfileRow, Wake};
use crate::rows::ContactRecord;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::hash::Hash;
use std::sync::Arc;
use wayline_core::ids::ContactId;

/// A contact as the file has it.
#[derive(Clone, Debug)]
pub(super) struct Hot {
    pub(super) profile: Arc<ProfileRow>,
    pub(super) state: Arc<[u8]>,
    /// 0: no state yet.
    pub(super) version: u64,
    pub(super) wake: Option<Wake>,
    /// Newest decision about the contact: the head of its chain.
    pub(super) last_decision: Option<u64>,
}

impl Hot {
    pub(super) fn record(&self) -> ContactRecord {
        ContactRecord {
            profile: Arc::clone(&self.profile),
            state: Arc::clone(&self.state),
            version: self.version,
            wake: self.wake,
        }
    }

    fn bytes(&self) -> usize {
        let texts = [&self.profile.external_id, &self.profile.phone, &self.profile.email];
        let texts: usize = texts.iter().filter_map(|text| text.as_ref().map(String::len)).sum();
        // The structures themselves, their allocations and their places in the map.
        400 + texts + self.profile.attributes.len() + self.state.len()
    }
}

/// Everything kept hot.
#[derive(Debug)]
pub(super) struct Cache {
    pub(super) contacts: Bounded<ContactId, Hot>,
    pub(super) identities: Recognised,
    /// Counts commits. A read notes it before it asks the file and keeps the answer only if it is the same.
    pub(super) changes: u64,
    /// Periods that input ids are remembered of.
    pub(super) generations: BTreeSet<i64>,
}

impl Cache {
    /// A quarter is for identities, the rest for contacts.
    pub(super) fn new(bytes: usize, generations: BTreeSet<i64>) -> Self {
        Cache {
            contacts: Bounded::new(bytes / 4 * 3),
            identities: Recognised::new(bytes / 4),
            changes: 0,
            generations,
        }
    }

    pub(super) fn keep_contact(&mut self, id: ContactId, hot: Hot) {
        let bytes = hot.bytes();
        self.contacts.put(id, hot, bytes);
    }
}

/// A map that gives up what was not asked for lately once it holds too many bytes: the clock algorithm.
#[derive(Debug)]
pub(super) struct Bounded<K, V> {
    places: FxHashMap<K, usize>,
    slots: Vec<Option<Slot<K, V>>>,
    free: Vec<usize>,
    hand: usize,
    bytes: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct Slot<K, V> {
    key: K,
    value: V,
    bytes: usize,
    /// Asked for since the hand passed.
    wanted: bool,
}

impl<K: Clone + Eq + Hash, V> Bounded<K, V> {
    fn new(bytes_max: usize) -> Self {
        Bounded {
            places: FxHashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            hand: 0,
            bytes: 0,
            bytes_max,
        }
    }

    /// What is kept under a key.
    pub(super) fn get(&mut self, key: &K) -> Option<&V> {
        let slot = self.slots.get_mut(*self.places.get(key)?)?.as_mut()?;
        slot.wanted = true;
        Some(&slot.value)
    }

    fn put(&mut self, key: K, value: V, bytes: usize) {
        self.remove(&key);
        if bytes > self.bytes_max {
            return;
        }
        while self.bytes + bytes > self.bytes_max {
            self.evict_one();
        }
        // Not wanted yet: what is asked for once makes room for what is asked for again.
        let slot = Some(Slot { key: key.clone(), value, bytes, wanted: false });
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place] = slot;
                place
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        self.places.insert(key, place);
        self.bytes += bytes;
    }

    fn remove(&mut self, key: &K) {
        if let Some(place) = self.places.remove(key) {
            self.vacate(place);
        }
    }

    fn vacate(&mut self, place: usize) {
        if let Some(slot) = self.slots.get_mut(place).and_then(Option::take) {
            self.bytes -= slot.bytes;
            self.free.push(place);
        }
    }

    /// Only called while something is kept, so the hand finds it within two turns.
    fn evict_one(&mut self) {
        loop {
            self.hand = if self.hand + 1 < self.slots.len() { self.hand + 1 } else { 0 };
            match self.slots.get_mut(self.hand) {
                Some(Some(slot)) if slot.wanted => slot.wanted = false,
                Some(Some(slot)) => {
                    let key = slot.key.clone();
                    self.remove(&key);
                    return;
                }
                Some(None) => {}
                None => return,
            }
        }
    }

    /// Bytes held.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::Bounded;

    #[test]
    fn stays_within_its_bytes_and_keeps_what_is_wanted() {
        let mut map = Bounded::new(100);
        for key in 0..10 {
            map.put(key, key, 10);
        }
        map.put(10, 10, 10);
        for key in 11..200 {
            assert!(map.get(&10).is_some(), "10 is asked for all the time");
            map.put(key, key, 10);
            assert!(map.bytes() <= 100);
        }
        map.put(500, 500, 101);
        assert!(map.get(&500).is_none(), "larger than the whole");
    }
}
