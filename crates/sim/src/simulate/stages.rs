//! The stages of a turn, and what happens when one fails or the program dies.
//!
//! Must never go on with a pipeline that does not know what was kept.

use super::{ROUNDS_MAX, Simulation};
use crate::carrier::lock;
use crate::checks::{self, Invariant};
use wayline_core::event::SubmitOutcome;
use wayline_core::message::Message;
use wayline_pipeline::gateway::Gateway;
use wayline_pipeline::tick::Tick;
use wayline_pipeline::{Pipeline, PipelineError};
use wayline_store::{Store, StoreError};

impl Simulation {
    /// All stages, in any order on a live clock, until nothing is due or the turn is over.
    pub(super) async fn stages(&mut self) {
        let is_calm = self.scenario.is_virtual || !*lock(&self.armed);
        let rounds = if is_calm { ROUNDS_MAX } else { self.draw.between(1, 6) };
        for _ in 0..rounds {
            let limit = if is_calm { 1_000 } else { self.draw.one_of([1, 3, 50]) };
            let first = if is_calm { 0 } else { self.draw.below(4) };
            let mut done = 0;
            for stage in 0..4 {
                done += self.stage((first + stage) % 4, limit).await;
            }
            if done == 0 || self.is_hopeless() {
                return;
            }
        }
        if is_calm {
            let what = format!("at {} there is no end of things due", self.now);
            self.violate(Invariant::Liveness, what);
        }
    }

    async fn stage(&mut self, which: usize, limit: usize) -> usize {
        let tick = self.tick();
        let carrier = self.carrier.clone();
        if which == 2 {
            return self.dispatch(limit).await;
        }
        let Some(pipeline) = &mut self.pipeline else { return 0 };
        let result = match which {
            0 => pipeline.schedule(tick).await,
            1 => pipeline.wake(tick, limit).await,
            _ => pipeline.call(carrier.as_ref(), tick, limit).await,
        };
        // What failed is tried again in the next round.
        self.survive(result).await.unwrap_or(1)
    }

    async fn dispatch(&mut self, limit: usize) -> usize {
        let tick = self.tick();
        let Some(pipeline) = &mut self.pipeline else { return 0 };
        if self.draw.flip() {
            let result = pipeline.dispatch(&self.gateways, tick, limit).await;
            return self.survive(result).await.unwrap_or(1);
        }
        // Half of the worlds hand out as the live program does, lane by lane.
        let result = if self.seed.is_multiple_of(2) {
            let mut dispatcher = Dispatcher::default();
            let claimed =
                pipeline.claim_by_lanes(&mut dispatcher, &self.gateways, tick, limit).await;
            claimed.map(|claimed| (claimed.looked_at, claimed.submissions))
        } else {
            pipeline.claim(tick, limit).await
        };
        let run = self.crashes;
        let Some((claimed, submissions)) = self.survive(result).await else { return 1 };
        if self.crashes != run {
            return 1;
        }
        let mut outcomes = Vec::with_capacity(submissions.len());
        for message in &submissions {
            let at = tick.at(message.handed_out_at.unwrap_or(message.due_at));
            outcomes.push(self.carrier.submit(message, at).await);
            if self.draw.per_mille(self.scenario.faults.crash) {
                self.reopen().await;
                return 1;
            }
        }
        // Receipts overtake the answer.
        if !submissions.is_empty() && self.draw.flip() {
            for (at, sent) in self.carrier.take(self.now) {
                self.take_sent(at, sent).await;
            }
        }
        if self.crashes == run {
            self.answer(submissions, outcomes, tick).await;
        }
        claimed
    }

    async fn answer(
        &mut self,
        submissions: Vec<Message>,
        outcomes: Vec<SubmitOutcome>,
        tick: Tick,
    ) {
        let Some(pipeline) = &mut self.pipeline else { return };
        let result = pipeline.answer(submissions, outcomes, tick).await;
        let crashes = self.crashes;
        if self.survive(result).await.is_none() && self.crashes == crashes {
            // Who cannot store an answer must not go on as if there were none.
            self.reopen().await;
        }
    }

    /// Takes the result of an operation: injected failures are survived, and now and then the program dies.
    pub(super) async fn survive<T>(&mut self, result: Result<T, PipelineError>) -> Option<T> {
        match result {
            Ok(value) => {
                if self.draw.per_mille(self.scenario.faults.crash) {
                    self.reopen().await;
                }
                Some(value)
            }
            Err(PipelineError::Store(StoreError::Io { action, .. })) if *lock(&self.armed) => {
                // Nothing was kept: it may go on. Otherwise nobody knows, and it starts again.
                if action != "writing" || self.draw.flip() {
                    self.reopen().await;
                }
                None
            }
            Err(error) => {
                self.violate(Invariant::NoErrors, error.to_string());
                None
            }
        }
    }

    /// The program dies and starts again.
    pub(super) async fn reopen(&mut self) {
        if self.pipeline.take().is_some() {
            self.crashes += 1;
            if self.draw.per_mille(100) {
                self.look(false).await;
            }
        }
        if let Store::Faulty(store) = self.store.as_ref()
            && let Err(error) = store.begin_run()
        {
            self.violate(Invariant::NoErrors, error.to_string());
        }
        match Pipeline::open(self.store.clone()).await {
            Ok(mut pipeline) => {
                let mut result = pipeline.recover(self.now).await;
                let mut tries = 0;
                while result.is_err() && tries < 50 {
                    tries += 1;
                    if let Ok(again) = Pipeline::open(self.store.clone()).await {
                        pipeline = again;
                    }
                    result = pipeline.recover(self.now).await;
                }
                if let Err(error) = result {
                    self.violate(Invariant::NoErrors, error.to_string());
                }
                self.pipeline = Some(pipeline);
            }
            Err(error) => self.violate(Invariant::NoErrors, error.to_string()),
        }
    }

    /// Looks at the store as it lies there.
    pub(super) async fn look(&self, is_drained: bool) {
        let parallel = lock(&self.chronicle).parallel.clone();
        match checks::at_rest(&self.store, &parallel, is_drained.then_some(self.now)).await {
            Ok(found) => lock(&self.chronicle).violations.extend(found),
            Err(error) => self.violate(Invariant::NoErrors, error.to_string()),
        }
    }
}
