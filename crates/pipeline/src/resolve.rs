//! What is known later than it should be: receipts that came before the answer that names their message, and receipts
//! of messages whose answer was lost.
//!
//! A receipt whose id nobody knows is kept. When the answer comes, it is found by its id. When the answer is lost for
//! good, the message is `unknown`, and the receipt is found by gateway and number, if exactly one of each is left.
//! Must never take a receipt for a message while another one to the same number may still be named by an answer.

use crate::advance::{Pipeline, PipelineError};
use crate::gateway::Receipt;
use crate::receive::{address_of, receipt_work, went_to};
use crate::tick::Tick;
use crate::turn::Work;
use std::collections::BTreeSet;
use wayline_core::ids::MessageId;
use wayline_core::message::Message;
use wayline_core::time::{Span, Timestamp};
use wayline_store::batch::{Op, OrphanReceipt};

/// Receipts of one number that are looked at.
pub(crate) const RECEIPTS_MAX: usize = 200;
/// A receipt nobody knows waits this long for an answer that names it: longer than any submit may take.
pub(crate) const ANSWERS_COME_WITHIN: Span = Span::seconds(90);

/// What a look at a page of `unknown` messages came to.
#[derive(Debug, Default)]
pub struct Resolved {
    /// Where to go on; `None`: that was the last page.
    pub next: Option<(String, MessageId)>,
    /// How many were resolved.
    pub count: usize,
    /// Those that no answer comes for any more and no receipt names: only the carrier can tell, where it can be asked.
    pub left: Vec<Message>,
}

impl Pipeline {
    /// Receipts that came before the answer that names their message, to be taken right after it.
    pub(crate) async fn orphans(
        &self,
        message: &Message,
        gateway_ref: &str,
        tick: Tick,
        ops: &mut Vec<Op>,
    ) -> Result<Vec<Work>, PipelineError> {
        let waiting = self.store.orphan_receipts(&message.gateway, gateway_ref).await?;
        let fits = |receipt: &Receipt| went_to(message, receipt);
        Ok(take(message, waiting.iter().filter_map(read).filter(fits), tick, ops))
    }

    /// The receipts of a message whose answer was lost for good, when they can only be its own: nothing else that
    /// went to this number by this gateway is without an id, and all receipts left name one id.
    pub(crate) async fn orphans_of_unknown(
        &self,
        message: &Message,
        tick: Tick,
        ops: &mut Vec<Op>,
    ) -> Result<Vec<Work>, PipelineError> {
        if message.to.is_empty() {
            return Ok(Vec::new());
        }
        let waiting =
            self.store.orphan_receipts_to(&message.gateway, &message.to, RECEIPTS_MAX).await?;
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        let unnamed = self.store.messages_unknown_to(&message.gateway, &message.to, 2).await?;
        if unnamed.iter().any(|it| it.id != message.id) {
            return Ok(Vec::new());
        }
        let after = message.handed_out_at.unwrap_or(message.due_at);
        let settled = tick.until() - ANSWERS_COME_WITHIN;
        let receipts: Vec<Receipt> = waiting
            .iter()
            .filter(|row| row.received_at >= after && row.received_at <= settled)
            .filter_map(read)
            .filter(|receipt| receipt.message.is_none_or(|id| id == message.id))
            .collect();
        let ids: BTreeSet<&str> = receipts.iter().map(|it| it.gateway_ref.as_str()).collect();
        if ids.len() > 1 {
            return Ok(Vec::new());
        }
        Ok(take(message, receipts.into_iter(), tick, ops))
    }

    /// Looks once more at what is `unknown`, a page of a gateway's at a time: receipts that came after the answer was
    /// given up.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn resolve(
        &mut self,
        gateway: &str,
        after: Option<(String, MessageId)>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Resolved, PipelineError> {
        let page = self
            .store
            .messages_unknown(gateway, after.as_ref().map(|(to, id)| (to.as_str(), *id)), limit)
            .await?;
        let next = page.last().filter(|_| page.len() == limit);
        let next = next.map(|message| (message.to.clone(), message.id));
        let tick = Tick::Live(now);
        let mut resolved = Resolved { next, ..Resolved::default() };
        for message in page {
            let is_settled = message.handed_out_at.is_none_or(|at| at + ANSWERS_COME_WITHIN <= now);
            if !is_settled {
                continue;
            }
            let mut ops = Vec::new();
            let works = self.orphans_of_unknown(&message, tick, &mut ops).await?;
            if works.is_empty() {
                resolved.left.push(message);
            } else {
                resolved.count += 1;
                self.work_with(works, ops).await?;
            }
        }
        Ok(resolved)
    }
}

pub(crate) fn read(row: &OrphanReceipt) -> Option<Receipt> {
    serde_json::from_str(&row.receipt).ok()
}

/// The work of each receipt, and the rows they were kept in, gone.
pub(crate) fn take(
    message: &Message,
    receipts: impl Iterator<Item = Receipt>,
    tick: Tick,
    ops: &mut Vec<Op>,
) -> Vec<Work> {
    let (mut works, mut seen): (Vec<Work>, BTreeSet<String>) = (Vec::new(), BTreeSet::new());
    let mut last: Option<Receipt> = None;
    for receipt in receipts {
        for gateway_ref in std::iter::once(&receipt.gateway_ref).chain(&receipt.other_refs) {
            if seen.insert(gateway_ref.clone()) {
                let (gateway, gateway_ref) = (receipt.gateway.clone(), gateway_ref.clone());
                let address = address_of(&receipt);
                ops.push(Op::RemoveOrphanReceipts { gateway, gateway_ref, address });
            }
        }
        // Kept once for each form of its id.
        if last.as_ref() != Some(&receipt) {
            works.push(receipt_work(message.clone(), &receipt, tick.at(receipt.at)));
        }
        last = Some(receipt);
    }
    works
}
