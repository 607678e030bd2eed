//! One contact that cannot be read must not stop everybody: a page that fails because of one of its items is worked
//! on in halves, down to that item, which is set aside.
//!
//! Must never set anything aside because the store as a whole failed: then the page stays as it is, and is tried
//! again.

use crate::advance::{Done, Pipeline, PipelineError};
use crate::turn::{Committable, Work};
use std::ops::Range;
use wayline_core::decision::Reason;
use wayline_core::event::{InputKind, SubmitOutcome};
use wayline_core::ids::{ContactId, MessageId, Seq};
use wayline_core::limits;
use wayline_core::message::{MessageChange, MessageState};
use wayline_core::time::Timestamp;
use wayline_store::StoreError;
use wayline_store::batch::{Batch, DeadLetterRow, Op, StateRow, Wake};

impl PipelineError {
    /// Whether it may be about one item of a page, while the others would go on.
    pub(crate) fn concerns_one(&self) -> bool {
        match self {
            PipelineError::Damaged(_) => true,
            PipelineError::Store(error) => matches!(error, StoreError::Assertion { .. }),
            _ => false,
        }
    }
}

impl Pipeline {
    /// What was set aside since this was last asked, for people to read: each line says whom it is about and why.
    /// Beyond [`limits::SET_ASIDE_TOLD_MAX`] lines nothing is added.
    pub fn take_set_aside(&mut self) -> Vec<String> {
        std::mem::take(&mut self.set_aside)
    }

    /// As [`Pipeline::work_with`], for things that have nothing to do with each other; `ops` are the operations that
    /// belong to the first so many of them being done.
    pub(crate) async fn work_apart(
        &mut self,
        works: Vec<Work>,
        ops: impl Fn(usize) -> Vec<Op>,
    ) -> Result<Done, PipelineError> {
        let mut done = Done::default();
        // What is still to do, the next last.
        let mut parts: Vec<Range<usize>> = std::iter::once(0..works.len()).collect();
        while let Some(part) = parts.pop() {
            let failed = match self.work_on_part(&works, part.clone(), &ops(part.end)).await {
                Ok(more) => {
                    done.submissions.extend(more.submissions);
                    continue;
                }
                Err(error) if !error.concerns_one() => Err(error),
                Err(_) if part.len() > 1 => {
                    let middle = part.start + part.len() / 2;
                    parts.extend([middle..part.end, part.start..middle]);
                    continue;
                }
                Err(error) => match works.get(part.start) {
                    Some(work) => self.put_aside(work, &error, ops(part.end)).await,
                    None => Err(error),
                },
            };
            match failed {
                // What is claimed already must be submitted; the rest is still due.
                Err(_) if !done.submissions.is_empty() => return Ok(done),
                other => other?,
            }
        }
        Ok(done)
    }

    async fn work_on_part(
        &mut self,
        works: &[Work],
        part: Range<usize>,
        ops: &[Op],
    ) -> Result<Done, PipelineError> {
        if part.len() == works.len() {
            return self.work_on(works, ops, 1).await;
        }
        let works = self.with_messages_of_now(works.get(part).unwrap_or_default()).await?;
        self.work_on(&works, ops, 1).await
    }

    /// The same things, about their messages as the parts before have left them.
    async fn with_messages_of_now(&self, works: &[Work]) -> Result<Vec<Work>, PipelineError> {
        let mut works = works.to_vec();
        for message in works.iter_mut().filter_map(|work| work.input.kind.message_mut()) {
            let found = self.store.messages(&[message.id]).await?.into_iter().next().flatten();
            if let Some(found) = found {
                *message = found;
            }
        }
        Ok(works)
    }

    /// Sees to it that an item does not come again every round, and tells it. What time brings is tried again later;
    /// what somebody else told us is kept as a dead letter.
    pub(crate) async fn put_aside(
        &mut self,
        work: &Work,
        error: &PipelineError,
        mut ops: Vec<Op>,
    ) -> Result<(), PipelineError> {
        let later = work.now + limits::SET_ASIDE;
        let mut sequences = self.sequences;
        let mut dead = 0;
        match &work.input.kind {
            InputKind::Timer => ops.extend(self.later_wake(work, later).await?),
            InputKind::HandOut { message, .. } => {
                let queued = MessageState::Queued;
                ops.extend(self.changed(message.id, queued, queued, Some(later)).await?);
            }
            // Nothing is known of it but that it was handed over once; that alone is kept.
            InputKind::Answered { message, outcome: SubmitOutcome::Unknown } => {
                let (from, to) = (MessageState::Submitting, MessageState::Unknown);
                ops.extend(self.changed(message.id, from, to, None).await?);
            }
            InputKind::Scheduled { .. } => {}
            kind => {
                if let InputKind::CallAnswered { call, .. } = kind {
                    ops.push(Op::RemoveCall { workspace: work.workspace, id: *call });
                }
                dead = 1;
                ops.push(Op::PutDeadLetter(DeadLetterRow {
                    workspace: work.workspace,
                    id: Seq(sequences.seq),
                    at: work.now,
                    contact: Some(work.contact),
                    reason: error.to_string(),
                    input: serde_json::to_string(&work.input).unwrap_or_default(),
                    attempts: 1,
                }));
                sequences.seq += 1;
                ops.push(Op::SetSequences(sequences));
            }
        }
        self.hot.take(work.contact);
        let (contacts, submissions) = (Vec::new(), Vec::new());
        let batch = Batch { ops };
        self.commit(Committable { batch, sequences, contacts, submissions, dead }).await?;
        self.tell_aside(work.contact, work.input.kind.name(), error);
        Ok(())
    }

    fn tell_aside(&mut self, contact: ContactId, kind: &str, error: &PipelineError) {
        if self.set_aside.len() < limits::SET_ASIDE_TOLD_MAX {
            self.set_aside.push(format!(
                "contact {contact} is set aside ({kind}): {error}; the others go on, restore or erase this one"
            ));
        }
    }

    /// The same state with a later wake, if its time has come.
    async fn later_wake(&self, work: &Work, later: Timestamp) -> Result<Option<Op>, PipelineError> {
        let record = self.store.contacts(&[work.contact]).await?.into_iter().next().flatten();
        Ok(record.and_then(|record| {
            let wake = record.wake.filter(|wake| wake.due <= work.now)?;
            Some(Op::PutState(StateRow {
                workspace: record.profile.workspace,
                contact: work.contact,
                expected_version: record.version,
                body: record.state.to_vec(),
                wake: Some(Wake { due: later, ..wake }),
            }))
        }))
    }

    /// The change of a message that is still in the state it is thought to be in.
    async fn changed(
        &self,
        id: MessageId,
        from: MessageState,
        to: MessageState,
        due_at: Option<Timestamp>,
    ) -> Result<Option<Op>, PipelineError> {
        let found = self.store.messages(&[id]).await?.into_iter().next().flatten();
        Ok(found.filter(|message| message.state == from).map(|message| {
            let is_unknown = to == MessageState::Unknown;
            let reason = if is_unknown { Reason::AnswerLost } else { message.reason };
            let change = MessageChange { due_at, ..MessageChange::to(to, reason) };
            Op::ChangeMessage { workspace: message.workspace, id, change: Box::new(change) }
        }))
    }
}

/// The operations of a whole page of so many works, for the end of it.
pub(crate) fn at_the_end(works: usize, ops: Vec<Op>) -> impl Fn(usize) -> Vec<Op> {
    move |done| if done == works { ops.clone() } else { Vec::new() }
}

/// For pages without operations of their own.
pub(crate) fn nothing(_: usize) -> Vec<Op> {
    Vec::new()
}
