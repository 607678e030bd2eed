//! A virtual clock over the production pipeline: it jumps from input to timer to message to receipt.
//!
//! Every thing is decided at the very instant it happens or is due. Where the world answers at once, things of
//! different people are done in batches: nothing that happens to one can reach another before the batch ends.
//! Must never decide anything itself, and must never let time go back for anybody.

use crate::world::{Reaction, World};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wayline_core::evaluate::earliest;
use wayline_core::event::{ReceiptStatus, SubmitOutcome};
use wayline_core::ids::MessageId;
use wayline_core::journey::program::Entry;
use wayline_core::limits;
use wayline_core::message::Message;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::at_once::Round;
use wayline_pipeline::gateway::{Gateway, GatewayEvent, Inbound};
use wayline_pipeline::ingest::Arrival;
use wayline_pipeline::sandbox::Sandbox;
use wayline_pipeline::tick::Tick;
use wayline_pipeline::{Accepted, Pipeline, PipelineError};
use wayline_store::batch::CallRow;

/// Inputs gathered before they are run.
const WINDOW: usize = 500;
/// Things of one kind done in one turn.
const TURN: usize = 1_000;

/// The clock and the world around a pipeline.
pub struct Drive {
    pipeline: Pipeline,
    gateway: Arc<Sandbox>,
    world: Option<World>,
    seed: u64,
    pending: Vec<(Arrival, Timestamp)>,
    agenda: BTreeMap<(Timestamp, u64), Coming>,
    /// How many things were ever put on the agenda: orders those of one instant.
    coming: u64,
    calls_in_flight: BTreeSet<MessageId>,
    /// Whether nothing of the world takes time and nobody is looked at by a schedule.
    instant: bool,
    /// How many inputs to try to run in one turn.
    stride: usize,
    /// From when on message ids are to be forgotten again.
    forget_at: Timestamp,
    /// The latest input; `None`: there was none yet.
    last_input: Option<Timestamp>,
    /// Inputs taken.
    pub taken: u64,
    /// Inputs whose message id was known.
    pub duplicates: u64,
}

/// Something the world will do.
enum Coming {
    Answer(Box<Message>, SubmitOutcome),
    Call(Box<CallRow>, Result<Value, String>),
    Reaction(Box<Message>, Reaction),
}

impl Drive {
    /// A drive over a pipeline whose gateways are all the sandbox. Without a world, people never react and the
    /// carrier delivers at once.
    #[must_use]
    pub fn new(pipeline: Pipeline, world: Option<World>, seed: u64) -> Drive {
        let behaviour = world.as_ref().map(World::behaviour).unwrap_or_default();
        let mut drive = Drive {
            gateway: Arc::new(Sandbox::new("sandbox", seed, behaviour)),
            instant: false,
            pipeline,
            world,
            seed,
            pending: Vec::with_capacity(WINDOW),
            agenda: BTreeMap::new(),
            coming: 0,
            calls_in_flight: BTreeSet::new(),
            stride: WINDOW,
            forget_at: Timestamp::MIN,
            last_input: None,
            taken: 0,
            duplicates: 0,
        };
        drive.instant = drive.world.is_none() && !drive.has_schedules();
        drive
    }

    /// The pipeline underneath.
    #[must_use]
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    fn has_schedules(&self) -> bool {
        self.pipeline.engines().any(|engine| {
            engine
                .program
                .live_journeys()
                .any(|journey| matches!(journey.entry, Entry::Schedule { .. }))
        })
    }

    /// Whether something may come again for ever: a schedule, a yearly date, a condition over the clock.
    fn renews_itself(&self) -> bool {
        self.has_schedules() || self.pipeline.engines().any(|engine| engine.renews_itself())
    }

    /// Takes an input. Inputs must come in the order of their time.
    ///
    /// # Errors
    /// When the pipeline fails.
    pub async fn feed(&mut self, arrival: Arrival) -> Result<(), PipelineError> {
        let at = arrival.input.at;
        if self.last_input.is_none() {
            // Schedules count from where the clock starts.
            while self.pipeline.schedule(Tick::Virtual(at)).await? > 0 {}
        }
        self.last_input = Some(at);
        self.pending.push((arrival, at));
        if self.pending.len() >= WINDOW { self.flush().await } else { Ok(()) }
    }

    /// Runs on until nothing is due up to `until`, included; without it, until nothing is left to do. A
    /// journey that goes on for ever (a schedule, a yearly date) is followed for a year after the last input.
    ///
    /// # Errors
    /// When the pipeline fails.
    pub async fn finish(&mut self, until: Option<Timestamp>) -> Result<(), PipelineError> {
        self.flush().await?;
        let Some(last) = self.last_input else { return Ok(()) };
        let end = if self.renews_itself() { last + FOLLOWED } else { Timestamp::MAX };
        self.run_to(until.unwrap_or(end)).await
    }

    async fn flush(&mut self) -> Result<(), PipelineError> {
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        while let Some((_, at)) = rest.first() {
            self.run_to(Timestamp(at.0 - 1)).await?;
            // Every store forgets ids of messages at the same instants, whatever is run together.
            let forgotten = self.forget(*at).await?;
            // What is due after an input may concern the same person as the next: never look beyond it.
            let together = match self.next().await?.filter(|_| !self.instant) {
                Some(next) => rest.partition_point(|(_, at)| *at <= next).max(1),
                None => rest.len(),
            };
            let together = rest[..together].partition_point(|(_, at)| *at < forgotten).max(1);
            let together = together.min(self.stride);
            let answers = self.pipeline.accept_in_turn(&rest[..together]).await?;
            let done = answers.len().max(1);
            // Contacts loaded for inputs that must wait are loaded again: look about as far as one gets.
            self.stride = if done < self.stride { (done * 2).max(4) } else { self.stride * 2 };
            self.stride = self.stride.min(WINDOW);
            for answer in answers {
                match answer {
                    Accepted::Taken(_) => self.taken += 1,
                    Accepted::Duplicate => self.duplicates += 1,
                }
            }
            rest = &rest[done..];
        }
        self.pending = pending;
        self.pending.clear();
        Ok(())
    }

    /// Forgets message ids that are old enough at `at`. Returns the instant from which on more are.
    async fn forget(&mut self, at: Timestamp) -> Result<Timestamp, PipelineError> {
        if at >= self.forget_at {
            while self.pipeline.forget_input_ids(at, limits::PAGE_ROWS_MAX).await? > 0 {}
            let period = at.0.div_euclid(limits::DEDUPLICATION.0) + 1;
            self.forget_at = Timestamp(period * limits::DEDUPLICATION.0);
        }
        Ok(self.forget_at)
    }

    /// The instant of the next thing to do.
    async fn next(&self) -> Result<Option<Timestamp>, PipelineError> {
        let calls = self.calls(Timestamp::MAX, self.calls_in_flight.len() + 1).await?;
        let next = earliest(self.pipeline.next_due_but_calls().await?, self.gateway.next_event());
        let next = earliest(next, self.agenda.keys().next().map(|(at, _)| *at));
        Ok(earliest(next, calls.first().map(|call| call.due_at)))
    }

    /// Calls that are due and not under way.
    async fn calls(&self, until: Timestamp, limit: usize) -> Result<Vec<CallRow>, PipelineError> {
        let due = self.pipeline.calls_due(until, limit).await?;
        Ok(due.into_iter().filter(|call| !self.calls_in_flight.contains(&call.id)).collect())
    }

    /// Does everything due up to `until`, included.
    async fn run_to(&mut self, until: Timestamp) -> Result<(), PipelineError> {
        while let Some(next) = self.next().await?.filter(|next| *next <= until) {
            // A message or a call on its way comes before the next timer of its person.
            let to =
                if self.instant && !self.is_anything_on_its_way().await? { until } else { next };
            self.turn(to).await?;
        }
        Ok(())
    }

    async fn is_anything_on_its_way(&self) -> Result<bool, PipelineError> {
        let store = self.pipeline.store();
        Ok(store.next_message_due().await?.is_some() || store.next_call_due().await?.is_some())
    }

    /// One round of every stage. What people and carriers did by now comes before what is due now.
    async fn turn(&mut self, to: Timestamp) -> Result<(), PipelineError> {
        let tick = Tick::Virtual(to);
        self.hear(to).await?;
        self.come(to).await?;
        self.pipeline.schedule(tick).await?;
        let mut timers = TURN;
        if !self.instant {
            self.pipeline.wake(tick, TURN).await?;
        }
        loop {
            let dispatched = if self.instant {
                let round = Round { timers: std::mem::take(&mut timers), messages: TURN };
                self.pipeline.round_at_once(tick, round, &self.gateway).await?
            } else {
                self.dispatch(tick).await?
            };
            let called = self.call(to).await?;
            let came = self.hear(to).await?;
            if dispatched + called + came + self.come(to).await? == 0 {
                return Ok(());
            }
        }
    }

    /// Takes what came from the carrier. Returns how much that was.
    async fn hear(&mut self, to: Timestamp) -> Result<usize, PipelineError> {
        let events = self.gateway.poll(to);
        let count = events.len();
        self.expect_reactions(&events).await?;
        self.pipeline.receive(events, Tick::Virtual(to)).await?;
        Ok(count)
    }

    async fn dispatch(&mut self, tick: Tick) -> Result<usize, PipelineError> {
        let (claimed, submissions) = self.pipeline.claim(tick, TURN).await?;
        let delay = self.world.as_ref().map_or(Span::ZERO, |world| world.carrier.submit_delay);
        let mut outcomes = Vec::with_capacity(submissions.len());
        for message in &submissions {
            let at = message.handed_out_at.unwrap_or(message.due_at);
            outcomes.push(self.gateway.submit(message, at).await);
        }
        if delay == Span::ZERO {
            self.pipeline.answer(submissions, outcomes, tick).await?;
            return Ok(claimed);
        }
        for (message, outcome) in submissions.into_iter().zip(outcomes) {
            let at = message.handed_out_at.unwrap_or(message.due_at) + delay;
            self.expect(at, Coming::Answer(Box::new(message), outcome));
        }
        Ok(claimed)
    }

    async fn call(&mut self, to: Timestamp) -> Result<usize, PipelineError> {
        let due = self.calls(to, TURN).await?;
        let count = due.len();
        for call in due {
            let (after, answer) = match &self.world {
                Some(world) => world.answer(&call),
                None => (Span::ZERO, Err("nobody answers without a world file".to_owned())),
            };
            self.calls_in_flight.insert(call.id);
            self.expect(call.due_at + after, Coming::Call(Box::new(call), answer));
        }
        Ok(count)
    }

    fn expect(&mut self, at: Timestamp, coming: Coming) {
        self.coming += 1;
        self.agenda.insert((at, self.coming), coming);
    }

    /// People react to what reached them.
    async fn expect_reactions(&mut self, events: &[GatewayEvent]) -> Result<(), PipelineError> {
        let Some(world) = self.world.clone() else { return Ok(()) };
        for event in events {
            let GatewayEvent::Receipt(receipt) = event else { continue };
            if receipt.status != ReceiptStatus::Delivered {
                continue;
            }
            let Some(message) = self.pipeline.message_of(receipt).await? else { continue };
            for (at, reaction) in world.reactions(self.seed, &message, receipt.at) {
                self.expect(at, Coming::Reaction(Box::new(message.clone()), reaction));
            }
        }
        Ok(())
    }

    /// Does what is on the agenda up to `to`. Returns how much that was.
    async fn come(&mut self, to: Timestamp) -> Result<usize, PipelineError> {
        let mut count = 0;
        while let Some(entry) = self.agenda.first_entry().filter(|entry| entry.key().0 <= to) {
            let ((at, _), coming) = entry.remove_entry();
            let tick = Tick::Virtual(at);
            count += 1;
            match coming {
                Coming::Answer(message, outcome) => {
                    self.pipeline.answer_at(*message, outcome, at).await?;
                }
                Coming::Call(call, answer) => {
                    self.calls_in_flight.remove(&call.id);
                    self.pipeline.answer_call(&call, answer, at).await?;
                }
                Coming::Reaction(message, Reaction::Click) => {
                    self.pipeline.clicked_in(*message, at, at).await?;
                }
                Coming::Reaction(message, Reaction::Reply(text)) => {
                    let inbound =
                        Inbound::to_workspace(message.workspace, None, message.to, text, at);
                    self.pipeline.receive(vec![GatewayEvent::Inbound(inbound)], tick).await?;
                }
            }
        }
        Ok(count)
    }
}

/// How long after the last input a journey that never ends is followed.
const FOLLOWED: Span = Span(limits::SPAN_MAX.0 / 10);
