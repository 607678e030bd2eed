//! Forgetting: what retention removes, and what a forgetting store lets go after each batch.
//!
//! Must never remove anything that can still change or that a decision needs.

use super::model::{Model, Remembered};
use super::reads::{MESSAGE_FIRST, MESSAGE_LAST};
use crate::batch::{Batch, Kept, Op};
use crate::rows::{Retention, first_generation_kept};
use wayline_core::ids::{ContactId, MessageId};
use wayline_core::limits;
use wayline_core::message::{Message, MessageState};
use wayline_core::time::Timestamp;

impl Model {
    /// Removes at most `limit` rows that are older than they have to be kept.
    pub(super) fn forget(&mut self, retention: &Retention, limit: usize) -> usize {
        let mut left = limit;
        if let Some(cutoff) = retention.inputs_before {
            while left > 0
                && let Some(entry) = self.inputs.first_entry()
                && entry.get().received_at < cutoff
            {
                entry.remove();
                left -= 1;
            }
        }
        if let Some(cutoff) = retention.decisions_before {
            while left > 0
                && let Some((&id, row)) = self.decisions.first_key_value()
                && row.decision.at < cutoff
            {
                self.remove_decision(id);
                left -= 1;
            }
        }
        if let Some(cutoff) = retention.messages_before {
            left -= self.forget_messages(cutoff, left);
        }
        if let Some(cutoff) = retention.input_ids_before {
            left -= self.remembered.forget(first_generation_kept(cutoff), left);
        }
        if let Some(cutoff) = retention.orphan_receipts_before {
            while left > 0
                && let Some((&id, receipt)) = self.orphans.first_key_value()
                && receipt.received_at < cutoff
            {
                self.remove_orphan(id);
                left -= 1;
            }
        }
        if let Some(cutoff) = retention.idempotency_before {
            while left > 0
                && let Some((at, _, _)) = self.idempotency_by_time.first()
                && *at < cutoff
                && let Some((_, key, token)) = self.idempotency_by_time.pop_first()
            {
                self.idempotency.remove(&(key, token));
                left -= 1;
            }
        }
        if let Some(cutoff) = retention.allowances_before {
            while left > 0
                && let Some(entry) = self.allowances.first_entry()
                && entry.key().0 < cutoff
            {
                entry.remove();
                left -= 1;
            }
        }
        let texts = [
            (Kept::Unanswered, retention.unanswered_before),
            (Kept::Unclaimed, retention.unclaimed_before),
        ];
        for (why, cutoff) in texts {
            left -= cutoff.map_or(0, |cutoff| self.forget_texts(why, cutoff, left));
        }
        limit - left
    }

    fn forget_texts(&mut self, why: Kept, cutoff: Timestamp, limit: usize) -> usize {
        let first = (why, Timestamp::MIN, String::new(), String::new());
        let end = (why, cutoff, String::new(), String::new());
        let old: Vec<_> = self.texts_by_time.range(first..end).take(limit).cloned().collect();
        for (why, _, gateway, key) in &old {
            self.set_text(&(*why, gateway.clone(), key.clone()), None);
        }
        old.len()
    }

    fn forget_messages(&mut self, cutoff: Timestamp, limit: usize) -> usize {
        // Workspace by workspace, each oldest first: the order they are kept in.
        let old = self.messages_by_intent.iter().filter(|(_, at, _)| *at < cutoff);
        let closed =
            old.filter(|(_, _, id)| self.messages.get(id).is_some_and(|m| !m.state.is_open()));
        let ids: Vec<MessageId> = closed.take(limit).map(|(_, _, id)| *id).collect();
        for id in &ids {
            self.set_message(*id, None);
        }
        ids.len()
    }

    /// After a batch of a forgetting store: drops what nothing will ask for again.
    pub(super) fn let_go(&mut self, batch: &Batch) {
        for op in &batch.ops {
            match op {
                Op::RememberInput { at, .. } => {
                    let keep = first_generation_kept(*at - limits::DEDUPLICATION);
                    self.remembered.forget(keep, usize::MAX);
                }
                Op::InsertMessage(message)
                    if is_finished(message.state) || message.handed_out_at.is_some() =>
                {
                    self.let_messages_go(message.contact);
                }
                // What is handed out takes the place of the last message before it.
                Op::ChangeMessage { id, change, .. }
                    if is_finished(change.state) || change.handed_out.is_some() =>
                {
                    if let Some(contact) = self.messages.get(id).map(|message| message.contact) {
                        self.let_messages_go(contact);
                    }
                }
                _ => {}
            }
        }
    }

    fn let_messages_go(&mut self, contact: ContactId) {
        let latest = self.latest_message(contact).map(|message| message.id);
        let ids = self.messages_of(contact).filter(|message| is_finished(message.state));
        let finished: Vec<MessageId> =
            ids.map(|message| message.id).filter(|id| Some(*id) != latest).collect();
        for id in finished {
            self.set_message(id, None);
        }
    }

    /// Messages of a contact, oldest id first.
    pub(super) fn messages_of(&self, contact: ContactId) -> impl Iterator<Item = &Message> {
        self.messages_by_contact
            .range(
                (contact, Timestamp::MIN, MESSAGE_FIRST)..=(contact, Timestamp::MAX, MESSAGE_LAST),
            )
            .filter_map(|(_, _, id)| self.messages.get(id))
    }

    /// The message that was handed out last to a contact.
    pub(super) fn latest_message(&self, contact: ContactId) -> Option<&Message> {
        let handed_out = self.messages_of(contact).filter(|m| m.handed_out_at.is_some());
        handed_out.max_by_key(|message| (message.handed_out_at, message.id))
    }
}

impl Remembered {
    /// Forgets at most `limit` ids of the periods before `keep`, oldest first. Returns how many.
    fn forget(&mut self, keep: i64, limit: usize) -> usize {
        let mut left = limit;
        while left > 0
            && let Some(mut oldest) = self.by_period.first_entry()
            && *oldest.key() < keep
        {
            if left >= oldest.get().len() {
                left -= oldest.remove().len();
            } else {
                while left > 0 && oldest.get_mut().pop_first().is_some() {
                    left -= 1;
                }
            }
        }
        limit - left
    }
}

fn is_finished(state: MessageState) -> bool {
    MessageState::ALL.iter().all(|next| !state.may_become(*next))
}
