//! Claims, and again for places that come free meanwhile: a carrier that waits for us is lost time.
//!
//! Must never submit what is not committed as `submitting`, and must never let inputs wait for claim after claim.

use super::{Stages, THINGS_PER_TURN};
use crate::live::Inbox;
use wayline_core::evaluate::earliest;
use wayline_core::time::Timestamp;
use wayline_pipeline::PipelineError;
use wayline_pipeline::dispatch::Claimed;
use wayline_pipeline::tick::Tick;

/// Claims in a row for places that come free: answers that came are stored between them.
const REFILLS_IN_A_ROW: usize = 8;
/// Messages at gateways at one time.
const SUBMITS_IN_FLIGHT_MAX: usize = 2_000;

impl Stages {
    /// Hands out what can go, and what can go into places that come free meanwhile. Returns what it did.
    pub(super) async fn hand_out(
        &mut self,
        inbox: &mut Inbox,
        now: &impl Fn() -> Timestamp,
    ) -> Result<Claimed, PipelineError> {
        inbox.gather();
        self.gather(inbox, now());
        let claimed = self.claim(Tick::Live(now())).await?;
        let Some(more) = self.refill(inbox, now).await? else { return Ok(claimed) };
        let looked_at = claimed.looked_at + more.looked_at;
        Ok(Claimed { looked_at, next: earliest(claimed.next, more.next), ..more })
    }

    /// Fills places that came free while a commit was in flight: a carrier that waits for us is lost time, and its
    /// answers can wait for a commit of many. `None`: none came free.
    pub(super) async fn refill(
        &mut self,
        inbox: &mut Inbox,
        now: &impl Fn() -> Timestamp,
    ) -> Result<Option<Claimed>, PipelineError> {
        let mut last = None;
        let mut looked_at = 0;
        for count in 0..REFILLS_IN_A_ROW {
            inbox.gather();
            let is_free = self.gather(inbox, now());
            // A STOP may be among what waits: it does not wait for claim after claim.
            let others_wait = !inbox.waiting.is_empty() || !self.received.is_empty();
            let is_others_turn = count > 0 && others_wait;
            if !is_free || is_others_turn || self.answers.len() >= THINGS_PER_TURN {
                break;
            }
            let claimed = self.claim(Tick::Live(now())).await?;
            looked_at += claimed.looked_at;
            last = Some(Claimed { looked_at, ..claimed });
        }
        Ok(last)
    }

    /// Hands out messages that are due and can go, as many as there is room for.
    async fn claim(&mut self, tick: Tick) -> Result<Claimed, PipelineError> {
        let under_way = self.submits_in_flight + self.answers.len();
        let room = SUBMITS_IN_FLIGHT_MAX.saturating_sub(under_way).min(THINGS_PER_TURN);
        // A copy, which costs nothing: a change of gateways must not wait for a commit.
        let gateways = self.outside.gateways().clone();
        let (pipeline, dispatcher) = (&mut self.pipeline, &mut self.dispatcher);
        let mut claimed = pipeline.claim_by_lanes(dispatcher, &gateways, tick, room).await?;
        let submissions: Vec<_> = std::mem::take(&mut claimed.submissions)
            .into_iter()
            .map(|message| {
                let from = self.pipeline.sender_of(&message).cloned();
                (message, from)
            })
            .collect();
        let submitted = submissions.len();
        let now = tick.until();
        let answered = self.outside.submit(submissions, now);
        self.submits_in_flight += submitted - answered.len();
        for (message, outcome) in &answered {
            self.dispatcher.heard(message, outcome, now);
        }
        self.answers.extend(answered);
        Ok(claimed)
    }
}
