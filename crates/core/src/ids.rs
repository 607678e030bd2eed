//! Identifiers. One type per thing, so that one can never be passed for another.
//!
//! Must never be drawn at random: the store hands out dense numbers in commit order, and ids of
//! effects derive from (enrollment, step, visit), so that doing a thing again does nothing.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

macro_rules! dense_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

dense_id!(
    /// A client business; every row it owns carries it.
    WorkspaceId(u32)
);
dense_id!(
    /// A person in one workspace.
    ContactId(u64)
);
dense_id!(
    /// A journey, all versions of it. Its text id is the *slug*.
    JourneyId(u32)
);
dense_id!(
    /// A contact in a journey. Handed out in order of entry, so it also orders simultaneous work.
    EnrollmentId(u64)
);
dense_id!(
    /// Place of an accepted input in the order of acceptance over the whole store.
    Seq(u64)
);

/// From here on the numbers are no enrollments': auto-replies name their messages with them. The store keeps ids as
/// signed numbers, so there is as much room above as below.
const NOBODYS_ENROLLMENTS: u64 = 1 << 62;

impl EnrollmentId {
    /// A number that no enrollment ever has, the same for the same hash.
    #[must_use]
    pub fn of_nobody(hash: u64) -> EnrollmentId {
        EnrollmentId(NOBODYS_ENROLLMENTS | (hash >> 2))
    }
}

impl JourneyId {
    /// The journey of a message that belongs to none: an auto-reply. The store hands out ids from 1.
    pub const NONE: JourneyId = JourneyId(0);
}

/// A message to a person: the step visit that intends it. The same visit always names the same message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId {
    /// The enrollment that sends it.
    pub enrollment: EnrollmentId,
    /// Index of the `send` step in the version the enrollment was in.
    pub step: u16,
    /// How many steps the enrollment had reached by then, this one included.
    pub visit: u32,
}

impl fmt::Display for MessageId {
    /// `m-<enrollment>-<step>-<visit>`, the form of API and exports.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m-{}-{}-{}", self.enrollment, self.step, self.visit)
    }
}

/// A text that is no message id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a message id; it looks like m-12-0-1")]
pub struct NotAMessageId {
    /// What was given, shortened.
    pub text: String,
}

impl FromStr for MessageId {
    type Err = NotAMessageId;
    fn from_str(text: &str) -> Result<Self, NotAMessageId> {
        let bad = || NotAMessageId { text: text.chars().take(60).collect() };
        let mut fields = text.strip_prefix("m-").ok_or_else(bad)?.split('-');
        let mut field = || fields.next().ok_or_else(bad);
        let enrollment = EnrollmentId(field()?.parse().map_err(|_| bad())?);
        let step = field()?.parse().map_err(|_| bad())?;
        let visit = field()?.parse().map_err(|_| bad())?;
        if fields.next().is_some() {
            return Err(bad());
        }
        Ok(MessageId { enrollment, step, visit })
    }
}

/// A stable 64-bit hash of `parts`, the only source of "randomness" in the core.
///
/// BLAKE3 over the length-prefixed parts, so `["ab","c"]` and `["a","bc"]` differ.
#[must_use]
pub fn stable_hash(parts: &[&[u8]]) -> u64 {
    let wide = stable_hash_wide(parts);
    (wide >> 64) as u64
}

/// As [`stable_hash`], 128 bits: wide enough to stand for the hashed thing itself.
#[must_use]
pub fn stable_hash_wide(parts: &[&[u8]]) -> u128 {
    // Nearly everything hashed is a few short texts: put together first, that is one pass.
    let mut short = [0; 256];
    let mut room = short.as_mut_slice();
    for part in parts {
        let length = (part.len() as u64).to_le_bytes();
        let Some((head, rest)) = room.split_at_mut_checked(length.len() + part.len()) else {
            return hash_of_long(parts);
        };
        let (front, back) = head.split_at_mut(length.len());
        front.copy_from_slice(&length);
        back.copy_from_slice(part);
        room = rest;
    }
    let unused = room.len();
    first_half(&blake3::hash(&short[..short.len() - unused]))
}

fn hash_of_long(parts: &[&[u8]]) -> u128 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    first_half(&hasher.finalize())
}

fn first_half(hash: &blake3::Hash) -> u128 {
    let bytes = hash.as_bytes().iter().take(16);
    bytes.fold(0, |number, byte| (number << 8) | u128::from(*byte))
}
