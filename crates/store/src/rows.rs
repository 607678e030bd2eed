//! What reads answer with, where it is more than a row of a batch.
//!
//! Must never hold a rule: these are values.

use crate::batch::{DecisionRow, JourneyVersionRow, ProfileRow, Wake};
use crate::error::StoreError;
use std::collections::BTreeMap;
use std::sync::Arc;
use wayline_core::decision::What;
use wayline_core::ids::{ContactId, JourneyId, WorkspaceId};
use wayline_core::limits;
use wayline_core::metrics::CounterKey;
use wayline_core::policy::settings::Purpose;
use wayline_core::time::Timestamp;

/// A contact as the engine needs it. Cheap to clone: hot contacts are handed out thousands of times a second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactRecord {
    /// Profile.
    pub profile: Arc<ProfileRow>,
    /// Engine state as it was put; empty when `version` is 0.
    pub state: Arc<[u8]>,
    /// Version of the state, the `expected_version` of the next put; 0: there is none yet.
    pub version: u64,
    /// When to look at it again.
    pub wake: Option<Wake>,
}

/// A contact whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueContact {
    /// When, and for whose sake.
    pub wake: Wake,
    /// Who.
    pub contact: ContactId,
    /// Whose.
    pub workspace: WorkspaceId,
}

/// Queued messages that wait for the same thing: a sender of a workspace, for one purpose. Ordered by workspace,
/// then sender, then the name of the purpose.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Sender id, as the message has it.
    pub sender: String,
    /// What its messages are for.
    pub purpose: Purpose,
}

/// A version of a journey, and whether new entries get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredJourneyVersion {
    /// The version.
    pub row: JourneyVersionRow,
    /// Whether it is the one that new entries get.
    pub live: bool,
}

/// A version of a journey without its definition, which may be long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionHead {
    /// Dense id; the same for all versions of a slug.
    pub journey: JourneyId,
    /// Text id.
    pub slug: String,
    /// 1, 2, 3 …
    pub version: u32,
    /// Whether it is the one that new entries get.
    pub live: bool,
    /// When.
    pub published_at: Timestamp,
}

/// A draft without its text, which may be long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftHead {
    /// Text id of the journey.
    pub slug: String,
    /// When it was typed.
    pub updated_at: Timestamp,
    /// Who typed it.
    pub author: String,
    /// 1, 2, 3 …
    pub revision: u64,
}

/// A decision and its place in the order of all decisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDecision {
    /// Its place: from 1, growing, never used twice. What the next page goes on after.
    pub id: u64,
    /// The decision.
    pub row: DecisionRow,
}

/// A counter and what it counts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Which.
    pub key: CounterKey,
    /// How many.
    pub value: i64,
}

/// Which contacts are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SearchField {
    /// By the business's own id.
    ExternalId,
    /// By E.164 number.
    Phone,
    /// By address, in lower case (ASCII only).
    Email,
}

impl SearchField {
    /// The value a contact is ordered by, and what the next page goes on after.
    #[must_use]
    pub fn of(self, profile: &ProfileRow) -> Option<String> {
        match self {
            SearchField::ExternalId => profile.external_id.clone(),
            SearchField::Phone => profile.phone.clone(),
            SearchField::Email => profile.email.as_ref().map(|email| email.to_ascii_lowercase()),
        }
    }

    /// A prefix as it is compared.
    pub(crate) fn normal(self, prefix: &str) -> String {
        match self {
            SearchField::Email => prefix.to_ascii_lowercase(),
            SearchField::ExternalId | SearchField::Phone => prefix.to_owned(),
        }
    }
}

/// What a counter counts to over a range of hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterTotal {
    /// Version of the journey.
    pub version: u32,
    /// Step index; `None`: the journey as a whole.
    pub step: Option<u16>,
    /// Arm of the last experiment passed; empty: none.
    pub variant: String,
    /// What is counted.
    pub what: What,
    /// How many.
    pub value: i64,
}

/// What to forget: everything of a kind from before its instant; `None` keeps all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Inputs received before. Goes by the order of acceptance and stops at the first that is young enough.
    pub inputs_before: Option<Timestamp>,
    /// Decisions made before. Goes by their order and stops at the first that is young enough.
    pub decisions_before: Option<Timestamp>,
    /// Messages intended before that are neither held, queued nor in a gateway's hands.
    pub messages_before: Option<Timestamp>,
    /// Remembered input ids: whole periods of `limits::DEDUPLICATION` that ended before.
    pub input_ids_before: Option<Timestamp>,
    /// Orphan receipts received before. Goes by arrival and stops at the first that is young enough.
    pub orphan_receipts_before: Option<Timestamp>,
    /// Answers to creating calls of the API that were given before.
    pub idempotency_before: Option<Timestamp>,
    /// Allowances whose period began before.
    pub allowances_before: Option<Timestamp>,
    /// Texts kept because the carrier was not answered, that came before. Parts are never forgotten: who joins them
    /// removes them.
    pub unanswered_before: Option<Timestamp>,
    /// Texts to a sender nobody has, that came before.
    pub unclaimed_before: Option<Timestamp>,
}

/// How far a backup has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupProgress {
    /// Pages copied.
    pub pages_done: u64,
    /// Pages in all.
    pub pages_total: u64,
}

/// The order of counters within a journey: by hour first, so that a range of time is a range of rows.
pub(crate) type CounterOrder = (Timestamp, u32, i32, String, &'static str);

/// Where a counter stands in [`CounterOrder`]. The journey as a whole comes before its steps.
pub(crate) fn counter_order(key: &CounterKey) -> CounterOrder {
    (key.hour, key.version, step_code(key.step), key.variant.clone(), key.what.as_str())
}

/// Counter rows one call adds up at most: a few hundred milliseconds of reading.
pub(crate) const COUNTER_ROWS_MAX: usize = 500_000;

/// Adds up counters over hours, as many as it may.
pub(crate) struct Totals {
    rows_left: usize,
    rows_max: usize,
    sums: BTreeMap<(u32, i32, String, &'static str), i64>,
}

impl Totals {
    pub(crate) fn new(rows_max: usize) -> Totals {
        Totals { rows_left: rows_max, rows_max, sums: BTreeMap::new() }
    }

    /// Adds one row; `false`: it was one too many.
    pub(crate) fn add(
        &mut self,
        (version, step, variant, what): (u32, i32, String, What),
        value: i64,
    ) -> bool {
        let Some(left) = self.rows_left.checked_sub(1) else { return false };
        self.rows_left = left;
        *self.sums.entry((version, step, variant, what.as_str())).or_insert(0) += value;
        true
    }

    /// The error of one too many.
    pub(crate) fn too_many(&self) -> StoreError {
        StoreError::TooManyRows { max: self.rows_max }
    }

    /// The sums, by (version, step, variant, what).
    pub(crate) fn finish(self) -> Vec<CounterTotal> {
        let sums = self.sums.into_iter().filter_map(|((version, step, variant, what), value)| {
            let (step, what) = (u16::try_from(step).ok(), What::from_name(what)?);
            Some(CounterTotal { version, step, variant, what, value })
        });
        sums.collect()
    }
}

/// The first text after all those that begin with `prefix`; `None`: there is none.
pub(crate) fn prefix_end(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // A range of characters steps over the gap of the surrogates.
        if let Some(next) = (last..=char::MAX).nth(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

/// A step as a number; -1: none.
pub(crate) fn step_code(step: Option<u16>) -> i32 {
    step.map_or(-1, i32::from)
}

/// The period of `limits::DEDUPLICATION` an instant is in: input ids are forgotten by whole periods.
pub(crate) fn generation(at: Timestamp) -> i64 {
    at.0.div_euclid(limits::DEDUPLICATION.0)
}

/// The first period that is not wholly before `cutoff`.
pub(crate) fn first_generation_kept(cutoff: Timestamp) -> i64 {
    generation(cutoff)
}

/// Refuses a page larger than pages are.
pub(crate) fn bounded(limit: usize) -> Result<usize, StoreError> {
    if limit > limits::PAGE_ROWS_MAX {
        return Err(StoreError::LimitTooLarge { limit, max: limits::PAGE_ROWS_MAX });
    }
    Ok(limit)
}

#[cfg(test)]
mod tests {
    use super::{Totals, prefix_end};
    use wayline_core::decision::What;

    #[test]
    fn the_end_of_a_prefix_is_the_next_text_that_does_not_begin_with_it() {
        assert_eq!(prefix_end("ab").as_deref(), Some("ac"));
        assert_eq!(prefix_end("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(prefix_end("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(prefix_end("\u{10ffff}"), None);
        assert_eq!(prefix_end(""), None);
    }

    #[test]
    fn totals_stop_at_their_bound() {
        let mut totals = Totals::new(2);
        let key = |step| (1, step, String::new(), What::Sent);
        assert!(totals.add(key(-1), 3) && totals.add(key(-1), 4));
        assert!(!totals.add(key(0), 1));
        assert!(totals.too_many().to_string().contains("more than 2"));
        let sums = totals.finish();
        assert_eq!(sums.iter().map(|sum| (sum.step, sum.value)).collect::<Vec<_>>(), [(None, 7)]);
    }
}
