//! Reads of the program that serves people: keys, drafts, searches, totals.
//!
//! A search goes over all contacts of the workspace: nothing is ordered for it, because replays would pay for
//! it. Must never change anything.

use super::MemoryStore;
use super::reads::{MESSAGE_FIRST, MESSAGE_LAST, record};
use crate::batch::{
    ApiKeyRow, DraftRow, IdempotencyRow, Identity, IdentityKind, JourneyVersionRow,
};
use crate::error::StoreError;
use crate::rows::{
    COUNTER_ROWS_MAX, ContactRecord, CounterTotal, DraftHead, SearchField, Totals, VersionHead,
    bounded,
};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use wayline_core::decision::What;
use wayline_core::ids::{ContactId, JourneyId, MessageId, WorkspaceId};
use wayline_core::message::Message;
use wayline_core::time::Timestamp;

type Answer<T> = Result<T, StoreError>;

impl MemoryStore {
    pub(crate) fn api_key(&self, id: u64) -> Answer<Option<ApiKeyRow>> {
        Ok(self.lock()?.api_keys.get(&id).cloned())
    }

    pub(crate) fn api_keys(
        &self,
        workspace: Option<WorkspaceId>,
        after: Option<u64>,
        limit: usize,
    ) -> Answer<Vec<ApiKeyRow>> {
        let model = self.lock()?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = model.api_keys.range((from, Bound::Unbounded)).map(|(_, row)| row);
        let rows = rows.filter(|row| row.workspace == workspace);
        Ok(rows.take(bounded(limit)?).cloned().collect())
    }

    pub(crate) fn last_api_key(&self) -> Answer<u64> {
        Ok(self.lock()?.api_keys.last_key_value().map_or(0, |(id, _)| *id))
    }

    pub(crate) fn idempotency(&self, key: u64, token: &str) -> Answer<Option<IdempotencyRow>> {
        Ok(self.lock()?.idempotency.get(&(key, token.to_owned())).cloned())
    }

    pub(crate) fn draft(&self, workspace: WorkspaceId, slug: &str) -> Answer<Option<DraftRow>> {
        Ok(self.lock()?.drafts.get(&(workspace, slug.to_owned())).cloned())
    }

    pub(crate) fn draft_heads(
        &self,
        workspace: WorkspaceId,
        after: Option<&str>,
        limit: usize,
    ) -> Answer<Vec<DraftHead>> {
        let model = self.lock()?;
        let from = after.map_or(Bound::Included((workspace, String::new())), |after| {
            Bound::Excluded((workspace, after.to_owned()))
        });
        let rows = model.drafts.range((from, Bound::Unbounded));
        let rows = rows.take_while(|((of, _), _)| *of == workspace).take(bounded(limit)?);
        let head = |row: &DraftRow| DraftHead {
            slug: row.slug.clone(),
            updated_at: row.updated_at,
            author: row.author.clone(),
            revision: row.revision,
        };
        Ok(rows.map(|(_, row)| head(row)).collect())
    }

    pub(crate) fn version_heads(&self, workspace: WorkspaceId) -> Answer<Vec<VersionHead>> {
        let model = self.lock()?;
        let to = (workspace, JourneyId(u32::MAX), u32::MAX);
        let rows = model.versions.range((workspace, JourneyId(0), 0)..=to).map(|(_, row)| row);
        let head = |row: &JourneyVersionRow| VersionHead {
            journey: row.journey,
            slug: row.slug.clone(),
            version: row.version,
            live: model.live.get(&(workspace, row.journey)) == Some(&row.version),
            published_at: row.published_at,
        };
        let mut heads: Vec<VersionHead> = rows.map(head).collect();
        heads.sort_by(|a, b| (&a.slug, a.version).cmp(&(&b.slug, b.version)));
        Ok(heads)
    }

    pub(crate) fn version_heads_of(
        &self,
        workspace: WorkspaceId,
        slug: &str,
    ) -> Answer<Vec<VersionHead>> {
        let mut heads = self.version_heads(workspace)?;
        heads.retain(|head| head.slug == slug);
        Ok(heads)
    }

    pub(crate) fn paused_journeys(&self, workspace: WorkspaceId) -> Answer<Vec<JourneyId>> {
        let model = self.lock()?;
        let to = (workspace, JourneyId(u32::MAX));
        let found = model.paused.range((workspace, JourneyId(0))..=to);
        Ok(found.map(|(_, journey)| *journey).collect())
    }

    pub(crate) fn contacts_search(
        &self,
        workspace: WorkspaceId,
        field: SearchField,
        prefix: &str,
        after: Option<(&str, ContactId)>,
        limit: usize,
    ) -> Answer<Vec<ContactRecord>> {
        let model = self.lock()?;
        let limit = bounded(limit)?;
        let prefix = field.normal(prefix);
        let all = (workspace, ContactId(0))..=(workspace, ContactId(u64::MAX));
        let mut found = BTreeSet::new();
        for (_, id) in model.contact_order.range(all) {
            let Some(contact) = model.contacts.get(id) else { continue };
            let Some(value) = field.of(&contact.profile) else { continue };
            if !value.starts_with(&prefix) || after.is_some_and(|after| (&*value, *id) <= after) {
                continue;
            }
            if field == SearchField::ExternalId {
                let (kind, value) = (IdentityKind::External, value.clone());
                let identity = Identity { workspace, kind, value };
                if model.identities.get(&identity) != Some(id) {
                    continue;
                }
            }
            found.insert((value, *id));
            if found.len() > limit {
                found.pop_last();
            }
        }
        let ids = found.into_iter().map(|(_, id)| id);
        Ok(ids.filter_map(|id| model.contacts.get(&id).map(record)).collect())
    }

    pub(crate) fn messages_of_workspace(
        &self,
        workspace: WorkspaceId,
        after: Option<(Timestamp, MessageId)>,
        limit: usize,
    ) -> Answer<Vec<Message>> {
        let model = self.lock()?;
        let last = Bound::Included((workspace, Timestamp(i64::MAX), MESSAGE_LAST));
        let to = after.map_or(last, |(at, id)| Bound::Excluded((workspace, at, id)));
        let from = Bound::Included((workspace, Timestamp(i64::MIN), MESSAGE_FIRST));
        let ids = model.messages_by_intent.range((from, to)).rev().take(bounded(limit)?);
        Ok(ids.filter_map(|(_, _, id)| model.messages.get(id).cloned()).collect())
    }

    pub(crate) fn counter_totals(
        &self,
        workspace: WorkspaceId,
        journey: JourneyId,
        (from, until): (Timestamp, Timestamp),
    ) -> Answer<Vec<CounterTotal>> {
        let model = self.lock()?;
        let mut totals = Totals::new(COUNTER_ROWS_MAX);
        let of_journey = model.counters.get(&(workspace, journey));
        let rows = of_journey.map(|rows| rows.range((from, 0, i32::MIN, String::new(), "")..));
        let rows = rows.into_iter().flatten().take_while(|(key, _)| key.0 < until);
        for ((_, version, step, variant, what), value) in rows {
            let Some(what) = What::from_name(what) else { continue };
            if !totals.add((*version, *step, variant.clone(), what), *value) {
                return Err(totals.too_many());
            }
        }
        Ok(totals.finish())
    }

    /// Counts anew each time, and so is what other backends are compared with.
    pub(crate) fn journey_totals(
        &self,
        workspace: WorkspaceId,
    ) -> Answer<Vec<(JourneyId, What, i64)>> {
        let model = self.lock()?;
        let journeys = (workspace, JourneyId(0))..=(workspace, JourneyId(u32::MAX));
        let mut sums: BTreeMap<(JourneyId, &str), i64> = BTreeMap::new();
        for ((_, journey), counters) in model.counters.range(journeys) {
            for ((_, _, _, _, what), value) in counters {
                *sums.entry((*journey, what)).or_insert(0) += value;
            }
        }
        let sums = sums
            .into_iter()
            .filter_map(|((journey, what), value)| Some((journey, What::from_name(what)?, value)));
        Ok(sums.collect())
    }

    pub(crate) fn last_instant(&self) -> Answer<Option<Timestamp>> {
        Ok(self.lock()?.last_instant)
    }
}
