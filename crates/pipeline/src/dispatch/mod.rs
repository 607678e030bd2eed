//! Dispatch: claims queued messages, asks the policy again and records the attempt in one commit, hands them to
//! their gateways, and stores what the gateways say.
//!
//! Must never submit what is not committed as `submitting`, and must never submit that twice: when the answer
//! is lost, the message is `unknown` until a receipt or a query tells.

mod allowances;
mod breaker;
mod choose;
mod flow;
mod lanes;
mod late;
mod pace;
mod places;
mod told;

pub use flow::FlowView;
pub use lanes::{Claimed, Dispatcher};

use crate::advance::{Pipeline, PipelineError};
use crate::apart::{at_the_end, nothing};
use crate::gateway::Gateways;
use crate::tick::Tick;
use crate::turn::Work;
use futures_util::future::join_all;
use wayline_core::event::{Input, InputKind, SubmitOutcome, Via};
use wayline_core::limits;
use wayline_core::message::Message;
use wayline_core::time::Timestamp;

impl Pipeline {
    /// Hands out at most `limit` messages that are due. Returns how many it looked at.
    ///
    /// # Errors
    /// When the store failed. What was handed out and could not be answered for becomes `unknown` at the
    /// next start.
    pub async fn dispatch(
        &mut self,
        gateways: &Gateways,
        tick: Tick,
        limit: usize,
    ) -> Result<usize, PipelineError> {
        let (claimed, submissions) = self.claim(tick, limit).await?;
        let outcomes = submit(gateways, &submissions, tick).await;
        self.answer(submissions, outcomes, tick).await?;
        Ok(claimed)
    }

    /// First half of [`Pipeline::dispatch`]: the claim. The messages returned are committed as `submitting` and
    /// must now be submitted once.
    ///
    /// # Errors
    /// When the store failed; nothing is claimed then.
    pub async fn claim(
        &mut self,
        tick: Tick,
        limit: usize,
    ) -> Result<(usize, Vec<Message>), PipelineError> {
        let due = self.store.messages_due(tick.until(), limit.min(limits::PAGE_ROWS_MAX)).await?;
        let claimed = due.len();
        let run = self.run;
        let works = due
            .into_iter()
            .map(|message| {
                let now = tick.at(message.due_at);
                about(message, now, |message| InputKind::HandOut { message, run, via: Via::Sender })
            })
            .collect();
        let done = self.work_apart(works, nothing).await?;
        Ok((claimed, done.submissions))
    }

    /// Second half of [`Pipeline::dispatch`]: stores what the gateways said.
    ///
    /// # Errors
    /// When the store failed; the messages stay `submitting`.
    pub async fn answer(
        &mut self,
        submissions: Vec<Message>,
        outcomes: Vec<SubmitOutcome>,
        tick: Tick,
    ) -> Result<(), PipelineError> {
        let (mut works, mut ops) = (Vec::new(), Vec::new());
        // While the gateway took its time, a receipt may have said more than its answer will.
        let ids: Vec<_> = submissions.iter().map(|message| message.id).collect();
        let mut current = Vec::with_capacity(ids.len());
        for page in ids.chunks(limits::PAGE_ROWS_MAX) {
            current.extend(self.store.messages(page).await?);
        }
        for ((message, submitted), outcome) in current.into_iter().zip(&submissions).zip(outcomes) {
            let Some(message) = message else { continue };
            // An answer that is stored once more says nothing of the attempt after it.
            if (message.run, message.attempts) != (submitted.run, submitted.attempts) {
                continue;
            }
            // Receipts that came before this answer are taken in its own commit: were it a later one, the
            // program could die in between, and nobody would look for them again.
            let early = match &outcome {
                SubmitOutcome::Accepted { gateway_ref } => {
                    self.orphans(&message, gateway_ref, tick, &mut ops).await?
                }
                _ => Vec::new(),
            };
            let now = tick.at(handed_out_at(&message));
            works.push(about(message, now, |message| InputKind::Answered { message, outcome }));
            works.extend(early);
        }
        let ops = at_the_end(works.len(), ops);
        self.work_apart(works, ops).await?;
        Ok(())
    }

    /// Stores what a gateway said to one message, at an instant of its own.
    ///
    /// # Errors
    /// When the store failed; the message stays `submitting`.
    pub async fn answer_at(
        &mut self,
        message: Message,
        outcome: SubmitOutcome,
        now: Timestamp,
    ) -> Result<(), PipelineError> {
        self.answer(vec![message], vec![outcome], Tick::Live(now)).await
    }

    /// What an earlier run handed out without storing the answer: `unknown`, never repeated. Call it once
    /// after the start. Returns how many there were.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn recover(&mut self, now: Timestamp) -> Result<usize, PipelineError> {
        let mut count = 0;
        loop {
            let limit = limits::BATCH_INPUTS_MAX;
            let lost = self.store.messages_submitting_before_run(self.run, limit).await?;
            if lost.is_empty() {
                return Ok(count);
            }
            count += lost.len();
            let works = lost
                .into_iter()
                .map(|message| {
                    let outcome = SubmitOutcome::Unknown;
                    about(message, now, |message| InputKind::Answered { message, outcome })
                })
                .collect();
            self.work_apart(works, nothing).await?;
        }
    }
}

/// Submits all of them at once; the answers in their order.
async fn submit(gateways: &Gateways, messages: &[Message], tick: Tick) -> Vec<SubmitOutcome> {
    join_all(messages.iter().map(|message| async move {
        match gateways.get(&message.gateway) {
            Some(gateway) => gateway.submit(message, tick.at(handed_out_at(message))).await,
            None => SubmitOutcome::Retry { after: limits::NO_GATEWAY_WAIT, throttled: false },
        }
    }))
    .await
}

pub(crate) fn handed_out_at(message: &Message) -> Timestamp {
    message.handed_out_at.unwrap_or(message.due_at)
}

/// An input about a message.
pub(crate) fn about(
    message: impl Into<Box<Message>>,
    now: Timestamp,
    kind: impl FnOnce(Box<Message>) -> InputKind,
) -> Work {
    let message = message.into();
    Work {
        workspace: message.workspace,
        contact: message.contact,
        input_id: None,
        logged: false,
        input: Input { at: now, kind: kind(message) },
        now,
    }
}
