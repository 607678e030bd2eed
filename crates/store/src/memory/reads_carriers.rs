//! Reads of carriers: lanes, what is unknown, orphans by address, gateways, allowances, texts that are kept.
//!
//! Must never change anything.

use super::MemoryStore;
use super::reads::{MESSAGE_FIRST, MESSAGE_LAST};
use crate::batch::{GatewayRow, Kept, KeptText, OrphanReceipt};
use crate::error::StoreError;
use crate::rows::{Lane, bounded};
use std::ops::Bound;
use wayline_core::ids::{MessageId, WorkspaceId};
use wayline_core::message::Message;
use wayline_core::time::Timestamp;

type Answer<T> = Result<T, StoreError>;

impl MemoryStore {
    pub(crate) fn lanes_queued(
        &self,
        after: Option<&Lane>,
        limit: usize,
    ) -> Answer<Vec<(Lane, Timestamp)>> {
        let model = self.lock()?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let lanes = model.messages_by_lane.range::<Lane, _>((from, Bound::Unbounded));
        let lanes = lanes.filter_map(|(lane, ids)| Some((lane.clone(), ids.first()?.0)));
        Ok(lanes.take(bounded(limit)?).collect())
    }

    pub(crate) fn messages_due_in_lane(
        &self,
        lane: &Lane,
        from: Option<(Timestamp, MessageId)>,
        now: Timestamp,
        limit: usize,
    ) -> Answer<Vec<Message>> {
        let model = self.lock()?;
        let limit = bounded(limit)?;
        let Some(ids) = model.messages_by_lane.get(lane) else { return Ok(Vec::new()) };
        let (first, last) = (from.unwrap_or((Timestamp::MIN, MESSAGE_FIRST)), (now, MESSAGE_LAST));
        if first > last {
            return Ok(Vec::new());
        }
        let due = ids.range(first..=last).take(limit);
        Ok(due.filter_map(|(_, id)| model.messages.get(id).cloned()).collect())
    }

    pub(crate) fn messages_unknown_to(
        &self,
        gateway: &str,
        address: &str,
        limit: usize,
    ) -> Answer<Vec<Message>> {
        let model = self.lock()?;
        let place = |id| (gateway.to_owned(), address.to_owned(), id);
        let places = model.messages_unknown.range(place(MESSAGE_FIRST)..=place(MESSAGE_LAST));
        let ids = places.take(bounded(limit)?).map(|(_, _, id)| id);
        Ok(ids.filter_map(|id| model.messages.get(id).cloned()).collect())
    }

    pub(crate) fn messages_unknown(
        &self,
        gateway: &str,
        after: Option<(&str, MessageId)>,
        limit: usize,
    ) -> Answer<Vec<Message>> {
        let model = self.lock()?;
        let first = Bound::Included((gateway.to_owned(), String::new(), MESSAGE_FIRST));
        let from = after.map_or(first, |(address, id)| {
            Bound::Excluded((gateway.to_owned(), address.to_owned(), id))
        });
        let places = model.messages_unknown.range((from, Bound::Unbounded));
        let ids = places.take_while(|(of, _, _)| of == gateway).take(bounded(limit)?);
        Ok(ids.filter_map(|(_, _, id)| model.messages.get(id).cloned()).collect())
    }

    pub(crate) fn orphan_receipts_to(
        &self,
        gateway: &str,
        address: &str,
        limit: usize,
    ) -> Answer<Vec<OrphanReceipt>> {
        let model = self.lock()?;
        let place = |id| (gateway.to_owned(), address.to_owned(), id);
        let places = model.orphans_by_address.range(place(0)..=place(u64::MAX));
        let ids = places.take(bounded(limit)?).map(|(_, _, id)| id);
        Ok(ids.filter_map(|id| model.orphans.get(id).cloned()).collect())
    }

    pub(crate) fn gateway(
        &self,
        workspace: Option<WorkspaceId>,
        id: &str,
    ) -> Answer<Option<GatewayRow>> {
        Ok(self.lock()?.gateways.get(&(workspace, id.to_owned())).cloned())
    }

    pub(crate) fn gateways(
        &self,
        workspace: Option<WorkspaceId>,
        after: Option<&str>,
        limit: usize,
    ) -> Answer<Vec<GatewayRow>> {
        let first = Bound::Included((workspace, String::new()));
        let from = after.map_or(first, |id| Bound::Excluded((workspace, id.to_owned())));
        let model = self.lock()?;
        let rows = model.gateways.range((from, Bound::Unbounded)).map(|(_, row)| row);
        let rows = rows.take_while(|row| row.workspace == workspace);
        Ok(rows.take(bounded(limit)?).cloned().collect())
    }

    pub(crate) fn gateways_all(
        &self,
        after: Option<(Option<WorkspaceId>, &str)>,
        limit: usize,
    ) -> Answer<Vec<GatewayRow>> {
        let from = after.map_or(Bound::Unbounded, |(workspace, id)| {
            Bound::Excluded((workspace, id.to_owned()))
        });
        let model = self.lock()?;
        let rows = model.gateways.range((from, Bound::Unbounded)).map(|(_, row)| row);
        Ok(rows.take(bounded(limit)?).cloned().collect())
    }

    pub(crate) fn allowance(&self, scope: &str, period: Timestamp) -> Answer<u64> {
        Ok(self.lock()?.allowances.get(&(period, scope.to_owned())).copied().unwrap_or(0))
    }

    pub(crate) fn texts_like(
        &self,
        why: Kept,
        gateway: &str,
        prefix: &str,
        limit: usize,
    ) -> Answer<Vec<KeptText>> {
        let model = self.lock()?;
        let rows = model.texts.range((why, gateway.to_owned(), prefix.to_owned())..);
        let alike = rows.map(|(_, row)| row).take_while(|row| {
            row.why == why && row.gateway == gateway && row.key.starts_with(prefix)
        });
        Ok(alike.take(bounded(limit)?).cloned().collect())
    }

    pub(crate) fn texts_of(
        &self,
        why: Kept,
        gateway: &str,
        after: Option<(Timestamp, &str)>,
        limit: usize,
    ) -> Answer<Vec<KeptText>> {
        let model = self.lock()?;
        let first = (why, gateway.to_owned(), String::new());
        let rows = model.texts.range(first..).map(|(_, row)| row);
        let of = rows.take_while(|row| row.why == why && row.gateway == gateway);
        let mut rows: Vec<&KeptText> =
            of.filter(|row| after.is_none_or(|after| (row.came_at, &*row.key) > after)).collect();
        rows.sort_by(|a, b| (a.came_at, &a.key).cmp(&(b.came_at, &b.key)));
        Ok(rows.into_iter().take(bounded(limit)?).cloned().collect())
    }

    pub(crate) fn texts_before(
        &self,
        why: Kept,
        before: Timestamp,
        limit: usize,
    ) -> Answer<Vec<KeptText>> {
        let model = self.lock()?;
        let first = (why, Timestamp::MIN, String::new(), String::new());
        let old = model.texts_by_time.range(first..(why, before, String::new(), String::new()));
        let keys = old
            .take(bounded(limit)?)
            .map(|(why, _, gateway, key)| (*why, gateway.clone(), key.clone()));
        Ok(keys.filter_map(|key| model.texts.get(&key).cloned()).collect())
    }

    pub(crate) fn texts_count(&self, why: Kept, gateway: &str) -> Answer<u64> {
        let model = self.lock()?;
        let rows = model.texts.range((why, gateway.to_owned(), String::new())..);
        Ok(rows.take_while(|((kept, of, _), _)| *kept == why && of == gateway).count() as u64)
    }
}
