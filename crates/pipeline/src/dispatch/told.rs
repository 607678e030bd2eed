//! What carriers have told of a message that is about to be handed out once more.
//!
//! A carrier that refused a message may have taken it all the same, and tell so by a receipt. One that repeats our id is
//! found by that ([`Pipeline::message_of`]); one that gives an id of its own names a message nobody knows, and only the
//! number says which. Must never take a receipt that may be another message's: then the message goes once more.

use crate::advance::{Pipeline, PipelineError};
use crate::apart::at_the_end;
use crate::receive::went_to;
use crate::resolve::{ANSWERS_COME_WITHIN, RECEIPTS_MAX, read, take};
use crate::tick::Tick;
use std::collections::BTreeSet;
use wayline_core::carrier::gateway_id;
use wayline_core::decision::Reason;
use wayline_core::event::{ReceiptStatus, Via};
use wayline_core::message::{Message, MessageState};

/// Messages of one person among which another one is looked for that a receipt may be about.
const OTHERS_MAX: usize = 20;
/// People with one number whose messages are looked through; with more of them nothing is guessed.
const SAME_NUMBER_MAX: usize = 10;

impl Pipeline {
    /// The chosen ones that still are to be handed out. What a receipt says was sent goes no more; what one may yet turn
    /// out to be about waits until that is known.
    pub(super) async fn not_told_of(
        &mut self,
        chosen: Vec<(Message, Via)>,
        tick: Tick,
    ) -> Result<Vec<(Message, Via)>, PipelineError> {
        let mut left = Vec::with_capacity(chosen.len());
        for (message, via) in chosen {
            let is_again = message.attempts > 0 && matches!(via, Via::Route { .. } | Via::Sender);
            if !is_again || message.to.is_empty() {
                left.push((message, via));
                continue;
            }
            if let Some(via) = self.unless_told(&message, via, tick).await? {
                left.push((message, via));
            }
        }
        Ok(left)
    }

    /// Where the message may go; `None`: it went the last time, and this is kept now.
    async fn unless_told(
        &mut self,
        message: &Message,
        via: Via,
        tick: Tick,
    ) -> Result<Option<Via>, PipelineError> {
        let (gateway, to) = (&message.gateway, &message.to);
        let rows = self.store.orphan_receipts_to(gateway, to, RECEIPTS_MAX).await?;
        let after = message.handed_out_at.unwrap_or(message.due_at);
        let mut last = after;
        let mut receipts = Vec::new();
        for row in rows.iter().filter(|row| row.received_at >= after) {
            let Some(receipt) = read(row) else { continue };
            let is_own = receipt.message.is_none_or(|id| id == message.id);
            // That it was refused is known.
            if is_own && receipt.status != ReceiptStatus::Failed && went_to(message, &receipt) {
                last = last.max(row.received_at);
                receipts.push(receipt);
            }
        }
        let ids: BTreeSet<&str> = receipts.iter().map(|it| it.gateway_ref.as_str()).collect();
        if ids.len() != 1 || self.may_be_of_another(message).await? {
            return Ok(Some(via));
        }
        let known_at = last + ANSWERS_COME_WITHIN;
        if known_at > tick.until() {
            let reason = Reason::GatewayUnavailable;
            return Ok(Some(Via::Later { until: known_at, reason }));
        }
        let mut ops = Vec::new();
        let works = take(message, receipts.into_iter(), tick, &mut ops);
        let ops = at_the_end(works.len(), ops);
        self.work_apart(works, ops).await?;
        Ok(None)
    }

    /// Whether something else went to this number by this gateway of which a receipt is still to come.
    async fn may_be_of_another(&self, message: &Message) -> Result<bool, PipelineError> {
        let (gateway, to) = (&message.gateway, &message.to);
        let unknown = self.store.messages_unknown_to(gateway, to, 1).await?;
        if !unknown.is_empty() {
            return Ok(true);
        }
        // Others may have the number as well, in any workspace that sends by this gateway.
        let mut people = BTreeSet::from([(message.workspace, message.contact)]);
        let id = gateway_id(gateway);
        for (workspace, engine) in &self.engines {
            let settings = &engine.program.settings;
            let is_named = settings.senders.iter().any(|it| it.gateway == id)
                || settings.routes.iter().any(|it| it.gateway == id);
            if is_named || *workspace == message.workspace {
                let found = self.store.contacts_by_phone(*workspace, to, SAME_NUMBER_MAX).await?;
                people.extend(found.into_iter().map(|contact| (*workspace, contact)));
            }
            if people.len() > SAME_NUMBER_MAX {
                return Ok(true);
            }
        }
        let is_open = |state| matches!(state, MessageState::Submitting | MessageState::Submitted);
        let is_like = |it: &Message| it.id != message.id && it.gateway == *gateway && it.to == *to;
        let may_be = |it: &Message| {
            is_like(it) && (is_open(it.state) || it.attempts > 0 && it.state.waits())
        };
        for (workspace, contact) in people {
            let others =
                self.store.messages_of_contact(workspace, contact, None, OTHERS_MAX).await?;
            if others.iter().any(may_be) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
