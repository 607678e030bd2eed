//! Whose identities are, in memory: 24 bytes each, so that a million people fit into 48 MiB.
//!
//! An identity stands there as a hash of 128 bits (BLAKE3: nobody can make two that are the same). Each has one
//! bucket of four; a full bucket gives up one of them. Must never hold anything that is not in the file.

use crate::batch::Identity;
use wayline_core::ids::{ContactId, stable_hash_wide};

/// Places of a bucket.
const WAYS: usize = 4;
/// Buckets to begin with.
const BUCKETS_MIN: usize = 256;
/// A contact that no contact is: the place is free.
const FREE: u64 = u64::MAX;

type Bucket = [(Key, u64); WAYS];
/// Two halves, because a `u128` would be padded.
type Key = [u64; 2];

/// Identities and their contacts.
#[derive(Debug)]
pub(super) struct Recognised {
    buckets: Vec<Bucket>,
    used: usize,
    /// A power of two; 0: nothing is kept.
    buckets_max: usize,
}

impl Recognised {
    pub(super) fn new(bytes_max: usize) -> Self {
        let most = bytes_max / size_of::<Bucket>();
        // The largest power of two within the bytes.
        let buckets_max = if most == 0 { 0 } else { 1 << most.ilog2() };
        Recognised {
            buckets: vec![[([0; 2], FREE); WAYS]; buckets_max.min(BUCKETS_MIN)],
            used: 0,
            buckets_max,
        }
    }

    pub(super) fn get(&self, identity: &Identity) -> Option<ContactId> {
        let key = key(identity);
        let bucket = self.buckets.get(place(key, self.buckets.len())?)?;
        let found = bucket.iter().find(|(other, contact)| *other == key && *contact != FREE)?;
        Some(ContactId(found.1))
    }

    pub(super) fn put(&mut self, identity: &Identity, contact: ContactId) {
        let full = self.used * 4 >= self.buckets.len() * WAYS * 3;
        if full && self.buckets.len() < self.buckets_max {
            self.grow();
        }
        self.keep(key(identity), contact.0);
    }

    fn keep(&mut self, key: Key, contact: u64) {
        let Some(place) = place(key, self.buckets.len()) else { return };
        let Some(bucket) = self.buckets.get_mut(place) else { return };
        // Which one goes when all are taken is as good as drawn.
        let last = key[1] as usize % WAYS;
        let same = bucket.iter().position(|(other, old)| *other == key && *old != FREE);
        let free = bucket.iter().position(|(_, old)| *old == FREE);
        self.used += usize::from(same.is_none() && free.is_some());
        if let Some(slot) = bucket.get_mut(same.or(free).unwrap_or(last)) {
            *slot = (key, contact);
        }
    }

    fn grow(&mut self) {
        let larger = vec![[([0; 2], FREE); WAYS]; self.buckets.len() * 2];
        let smaller = std::mem::replace(&mut self.buckets, larger);
        self.used = 0;
        for (key, contact) in smaller.into_iter().flatten().filter(|(_, old)| *old != FREE) {
            self.keep(key, contact);
        }
    }
}

fn key(identity: &Identity) -> Key {
    let workspace = identity.workspace.0.to_le_bytes();
    let hash = stable_hash_wide(&[&workspace, &[identity.kind as u8], identity.value.as_bytes()]);
    [hash as u64, (hash >> 64) as u64]
}

/// `None`: there are no buckets.
fn place(key: Key, buckets: usize) -> Option<usize> {
    (key[0] as usize).checked_rem(buckets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::IdentityKind;
    use wayline_core::ids::WorkspaceId;

    fn identity(number: u64) -> Identity {
        let (workspace, kind) = (WorkspaceId(1), IdentityKind::External);
        Identity { workspace, kind, value: number.to_string() }
    }

    #[test]
    fn never_answers_with_another_contact_and_stays_within_its_bytes() {
        let mut known = Recognised::new(1 << 20);
        for number in 0..100_000 {
            known.put(&identity(number), ContactId(number));
            known.put(&identity(number), ContactId(number));
        }
        let kept: Vec<u64> =
            (0..100_000).filter(|number| known.get(&identity(*number)).is_some()).collect();
        assert!(
            kept.iter().all(|number| known.get(&identity(*number)) == Some(ContactId(*number)))
        );
        assert!(known.buckets.len() * size_of::<Bucket>() <= 1 << 20);
        assert!(kept.len() > 20_000 && kept.len() <= known.buckets.len() * WAYS, "{}", kept.len());
        assert_eq!(kept.len(), known.used);
        assert_eq!(known.get(&identity(100_000)), None);
    }

    #[test]
    fn keeps_nothing_without_bytes() {
        let mut known = Recognised::new(0);
        known.put(&identity(1), ContactId(1));
        assert_eq!(known.get(&identity(1)), None);
    }
}
