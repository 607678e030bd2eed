//! Effects of an input as operations of the batch.
//!
//! Must never leave anything out: what a decision led to is stored with it, or not at all.

use super::{About, Turn};
use crate::history::history_entry;
use wayline_core::event::{Input, InputKind};
use wayline_core::ids::{MessageId, Seq, WorkspaceId};
use wayline_core::journey::effects::{CallEffect, Effects, MessageEffect};
use wayline_core::message::{Message, MessageState};
use wayline_core::metrics::counter_of;
use wayline_core::time::Timestamp;
use wayline_store::batch::{CallRow, DeadLetterRow, DecisionRow, EnrollmentRow, LoggedInput, Op};

impl Turn<'_> {
    pub(super) fn log(&mut self, about: About, input: &Input, seq: Seq) {
        if !about.logged {
            return;
        }
        let (name, body) = history_entry(&input.kind);
        let kind = input.kind.name();
        self.append(about, seq, input.at, kind, name, body);
    }

    fn append(
        &mut self,
        about: About,
        seq: Seq,
        at: Timestamp,
        kind: &str,
        name: String,
        body: String,
    ) {
        let Some(slot) = self.slot_mut(about.contact) else { return };
        slot.state_changed = true;
        let previous = slot.contact.state.last_seq.replace(seq);
        self.ops.push(Op::AppendInput(LoggedInput {
            seq,
            workspace: about.workspace,
            contact: about.contact,
            previous,
            at,
            received_at: about.now,
            kind: kind.to_owned(),
            name,
            body,
        }));
    }

    /// Turns effects into operations.
    pub(super) fn keep(&mut self, about: About, input: &Input, effects: Effects) {
        let workspace = about.workspace;
        for event in effects.events {
            let seq = Seq(self.sequences.seq);
            self.sequences.seq += 1;
            let body = event.properties.to_string();
            self.append(about, seq, event.at, "emitted", event.event, body);
        }
        for fact in effects.enrollments {
            let (left_at, exit) = match fact.left {
                Some((at, exit)) => (Some(at), exit),
                None => (None, String::new()),
            };
            self.ops.push(Op::PutEnrollment(EnrollmentRow {
                workspace,
                id: fact.id,
                contact: about.contact,
                journey: fact.journey,
                version: fact.version,
                key: fact.key,
                entered_at: fact.entered_at,
                left_at,
                exit,
            }));
        }
        for effect in effects.messages {
            self.keep_message(workspace, input, effect);
        }
        for effect in effects.calls {
            self.ops.push(match effect {
                CallEffect::Make(call) => Op::InsertCall(CallRow {
                    workspace,
                    id: call.id,
                    contact: about.contact,
                    due_at: about.now,
                    deadline: call.deadline,
                    method: call.method,
                    url: call.url,
                    headers: call.headers,
                    body: call.body,
                }),
                CallEffect::Forget(id) => Op::RemoveCall { workspace, id },
            });
        }
        for decision in effects.decisions {
            if let Some(key) = counter_of(&decision) {
                *self.counters.entry((workspace, key)).or_insert(0) += 1;
            }
            let row = DecisionRow { workspace, contact: about.contact, decision };
            self.ops.push(Op::AppendDecision(row));
        }
        self.submissions.extend(effects.submissions);
    }

    fn keep_message(&mut self, workspace: WorkspaceId, input: &Input, effect: MessageEffect) {
        match effect {
            // No input can refer to a message that is not stored yet.
            MessageEffect::Insert(message) => self.ops.push(Op::InsertMessage(message)),
            MessageEffect::Change(id, change) => {
                if self.owned != Some(id)
                    && !self.messages.contains_key(&id)
                    && let Some(message) = referred(&input.kind).filter(|it| it.id == id)
                {
                    self.messages.insert(id, message.clone());
                }
                match self.messages.get_mut(&id) {
                    Some(message) => message.apply(&change),
                    None if self.owned == Some(id) => {}
                    None => self.unseen.entry(id).or_default().push((*change).clone()),
                }
                self.ops.push(Op::ChangeMessage { workspace, id, change });
            }
        }
    }

    /// Messages that this turn made or changed and that are in the outbox now: the new ones themselves, and the ids
    /// of those that were stored before.
    pub(crate) fn outbox(&mut self) -> (Vec<Box<Message>>, Vec<MessageId>) {
        let (mut made, mut stored) = (Vec::new(), Vec::new());
        for op in &self.ops {
            match op {
                Op::InsertMessage(message) if message.state.is_open() => {
                    made.push(message.clone());
                }
                Op::ChangeMessage { id, change, .. } if change.state == MessageState::Queued => {
                    stored.push(*id);
                }
                _ => {}
            }
        }
        for message in &mut made {
            self.bring_up(message);
        }
        stored.retain(|id| self.unseen.contains_key(id));
        stored.sort_unstable();
        stored.dedup();
        (made, stored)
    }

    /// Keeps an input that failed, whole, with its reason.
    pub(super) fn bury(&mut self, about: About, input: &Input, seq: Seq, reason: String) {
        self.dead += 1;
        let input = serde_json::to_string(input).unwrap_or_default();
        self.ops.push(Op::PutDeadLetter(DeadLetterRow {
            workspace: about.workspace,
            id: seq,
            at: about.now,
            contact: Some(about.contact),
            reason,
            input,
            attempts: self.attempts,
        }));
    }
}

/// The message an input is about, taken out of it.
pub(super) fn owned(kind: InputKind) -> Option<Box<Message>> {
    match kind {
        InputKind::Clicked { message }
        | InputKind::Receipt { message, .. }
        | InputKind::HandOut { message, .. }
        | InputKind::Answered { message, .. } => Some(message),
        _ => None,
    }
}

/// The message an input is about.
pub(super) fn referred(kind: &InputKind) -> Option<&Message> {
    match kind {
        InputKind::Clicked { message }
        | InputKind::Receipt { message, .. }
        | InputKind::HandOut { message, .. }
        | InputKind::Answered { message, .. } => Some(message),
        _ => None,
    }
}
