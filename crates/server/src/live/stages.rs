//! One round over all stages, and the last rounds before the program stops.
//!
//! Must never wait for anything outside: gateways and webhooks answer through the inbox. Must never forget an
//! answer because the store failed: it is stored again.

mod hand_out;
mod look_up;

use super::outside::{Outcome, Outside};
use super::received::Received;
use super::{Accept, Command, Inbox, LiveError};
use std::collections::{BTreeSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use wayline_core::evaluate::earliest;
use wayline_core::event::SubmitOutcome;
use wayline_core::ids::MessageId;
use wayline_core::message::Message;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::dispatch::{Dispatcher, FlowView};
use wayline_pipeline::retain::Keep;
use wayline_pipeline::tick::Tick;
use wayline_pipeline::{Pipeline, PipelineError};
use wayline_store::batch::{Batch, CallRow, Op, OrphanReceipt};

/// Inputs of one commit: more gave little and cost latency (bench/results).
const INPUTS_PER_TURN: usize = 250;
/// Other commands of one round: each may be a commit.
const OTHERS_PER_ROUND: usize = 50;
/// Timers, claims and answers of one commit.
const THINGS_PER_TURN: usize = 250;
/// Webhooks under way at one time.
const CALLS_IN_FLIGHT_MAX: usize = 256;
/// Answers of webhooks stored in one round: each is a commit.
const CALL_ANSWERS_PER_ROUND: usize = 25;
/// Rows forgotten in one turn, and how often there is such a turn.
const FORGOTTEN_PER_TURN: usize = 500;
const FORGET_EVERY: Span = Span::minutes(1);
/// How often what is known of gateways is shown.
const SHOW_FLOW_EVERY: Span = Span(200);
/// How often messages whose answer was lost are looked at again.
const RESOLVE_EVERY: Span = Span::seconds(30);

/// All stages, and what of their work is under way outside.
pub(crate) struct Stages {
    pipeline: Pipeline,
    outside: Outside,
    keep: Keep,
    submits_in_flight: usize,
    calls_in_flight: BTreeSet<MessageId>,
    /// Answers that are not stored yet.
    answers: Vec<(Message, SubmitOutcome)>,
    call_answers: VecDeque<(CallRow, Result<serde_json::Value, String>)>,
    /// What came from carriers and is not stored yet, and who is told when it is.
    received: Received,
    dispatcher: Dispatcher,
    /// What is known of the gateways, for whoever looks at them.
    flow: Flow,
    forget_at: Timestamp,
    flow_at: Timestamp,
    resolve_at: Timestamp,
    /// The gateway, by its place, and the message after which looking for lost answers goes on.
    resolve_after: Option<(usize, Option<(String, MessageId)>)>,
    asking: look_up::Asking,
    /// What failed the last time, so that it is said once and not twice a second.
    failing: Option<String>,
}

/// What gateways answered, as last seen by the engine. Cheap to clone.
pub(crate) type Flow = Arc<Mutex<Vec<FlowView>>>;

/// What one round did.
pub(crate) struct Round {
    /// Things done; 0: there was nothing to do.
    pub(crate) did: usize,
    /// When there is something to do again by itself.
    pub(crate) next: Option<Timestamp>,
}

/// What a start found to put in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recovered {
    /// Messages whose answer was lost: now `unknown`.
    pub(crate) unknown: usize,
}

impl Stages {
    pub(crate) fn new(pipeline: Pipeline, outside: Outside, keep: Keep, flow: Flow) -> Stages {
        Stages {
            pipeline,
            outside,
            keep,
            submits_in_flight: 0,
            calls_in_flight: BTreeSet::new(),
            answers: Vec::new(),
            call_answers: VecDeque::new(),
            received: Received::default(),
            dispatcher: Dispatcher::default(),
            flow,
            forget_at: Timestamp::MIN,
            flow_at: Timestamp::MIN,
            resolve_at: Timestamp::MIN,
            resolve_after: None,
            asking: look_up::Asking::default(),
            failing: None,
        }
    }

    /// Puts in order what an earlier run left behind.
    ///
    /// # Errors
    /// When the store failed.
    pub(crate) async fn recover(&mut self, now: Timestamp) -> Result<Recovered, PipelineError> {
        Ok(Recovered { unknown: self.pipeline.recover(now).await? })
    }

    /// One turn of each stage that has work, each at the instant `now` gives when it begins.
    ///
    /// # Errors
    /// When the store failed: what was not done is done in a later round.
    pub(crate) async fn round(
        &mut self,
        inbox: &mut Inbox,
        now: impl Fn() -> Timestamp,
    ) -> Result<Round, PipelineError> {
        inbox.gather();
        let mut did = self.commands(inbox, now()).await;
        let due = match self.try_again(now()).await {
            Ok(()) => self.due(inbox, now).await,
            Err(error) => Err(error),
        };
        let round = match due {
            Ok((more, next)) => {
                did += more;
                if self.failing.take().is_some() {
                    tracing::info!("the store works again");
                }
                Ok(Round { did, next })
            }
            Err(error) => {
                self.failed(error.to_string());
                Err(error)
            }
        };
        for told in self.pipeline.take_set_aside() {
            tracing::error!(what = %told, "something stored cannot be used and was set aside");
        }
        metrics::gauge!("wayline_store_failing").set(f64::from(u8::from(self.failing.is_some())));
        inbox.tell(self.failing.as_ref());
        round
    }

    /// After a failure: whether the store takes a commit again, asked by one that leaves nothing behind. What is
    /// due may be nothing, and those who ask whether we are ready send nothing before we say so.
    async fn try_again(&mut self, now: Timestamp) -> Result<(), PipelineError> {
        if self.failing.is_none() {
            return Ok(());
        }
        let (gateway, gateway_ref) = (String::new(), String::new());
        let written = OrphanReceipt {
            gateway,
            gateway_ref,
            address: String::new(),
            received_at: now,
            receipt: String::new(),
        };
        let (gateway, gateway_ref) = (String::new(), String::new());
        let ops = vec![
            Op::PutOrphanReceipt(written),
            Op::RemoveOrphanReceipts { gateway, gateway_ref, address: String::new() },
        ];
        self.pipeline.store().commit(&Batch { ops }).await?;
        Ok(())
    }

    /// Notes that the store failed, and says so once for each reason.
    fn failed(&mut self, error: String) {
        if self.failing.as_ref() != Some(&error) {
            tracing::error!(%error, "the store failed, nothing is taken or done; it is tried again until it works");
            self.failing = Some(error);
        }
    }

    /// Commands: inputs up to one commit, and a few other things after it. Whoever waits for an answer before
    /// asking for more sees what was accepted first.
    async fn commands(&mut self, inbox: &mut Inbox, now: Timestamp) -> usize {
        let (mut inputs, mut together, mut others) = (0, Vec::new(), Vec::new());
        while others.len() < OTHERS_PER_ROUND
            && let Some(command) = inbox.waiting.pop_front()
        {
            match command {
                Command::Accept(accept) => {
                    if inputs > 0 && inputs + accept.arrivals.len() > INPUTS_PER_TURN {
                        inbox.waiting.push_front(Command::Accept(accept));
                        break;
                    }
                    inputs += accept.arrivals.len();
                    together.push(accept);
                }
                Command::Perform(work) => others.push(work),
            }
        }
        let did = together.len() + others.len();
        self.accept(together, now).await;
        for work in others {
            let done = std::panic::catch_unwind(AssertUnwindSafe(|| work(&mut self.pipeline, now)));
            if done.is_err() {
                tracing::error!("a request failed in the engine; the engine goes on");
            }
        }
        did
    }

    async fn accept(&mut self, mut together: Vec<Accept>, now: Timestamp) {
        if together.is_empty() {
            return;
        }
        let (mut all, mut counts) = (Vec::new(), Vec::with_capacity(together.len()));
        for accept in &mut together {
            let arrivals = std::mem::take(&mut accept.arrivals);
            counts.push(arrivals.len());
            all.extend(arrivals.into_iter().map(|arrival| (arrival, now)));
        }
        let replies = counts.into_iter().zip(together);
        metrics::histogram!("wayline_inputs_per_commit").record(all.len() as f64);
        match self.pipeline.accept(&all).await {
            Ok(answers) => {
                let mut answers = answers.into_iter();
                for (count, accept) in replies {
                    let _ = accept.reply.send(Ok(answers.by_ref().take(count).collect()));
                }
            }
            // What a store cannot do for one it cannot do for another. What is damaged concerns one alone.
            Err(PipelineError::Store(error)) => {
                let error = LiveError::from(error);
                self.failed(error.to_string());
                for (_, accept) in replies {
                    let _ = accept.reply.send(Err(error.clone()));
                }
            }
            Err(_) => {
                let mut rest = all.as_slice();
                for (count, accept) in replies {
                    let (mine, others) = rest.split_at(count);
                    rest = others;
                    let _ = accept
                        .reply
                        .send(self.pipeline.accept(mine).await.map_err(LiveError::from));
                }
            }
        }
    }

    /// Everything that is due by now. Returns how much was done, and when there is more.
    async fn due(
        &mut self,
        inbox: &mut Inbox,
        now: impl Fn() -> Timestamp,
    ) -> Result<(usize, Option<Timestamp>), PipelineError> {
        let tick = || Tick::Live(now());
        let mut claimed = self.hand_out(inbox, &now).await?;
        let mut did = claimed.looked_at + self.store_answers(tick()).await?;
        did += self.refill(inbox, &now).await?.map_or(0, |claimed| claimed.looked_at);
        did += self.hear(tick()).await?;
        did += self.pipeline.join_late(now()).await?;
        did += self.refill(inbox, &now).await?.map_or(0, |claimed| claimed.looked_at);
        did += self.pipeline.schedule(tick()).await?;
        did += self.pipeline.wake(tick(), THINGS_PER_TURN).await?;
        claimed = self.hand_out(inbox, &now).await?;
        did += claimed.looked_at;
        did += self.store_submits(tick()).await?;
        did += self.call(now()).await?;
        did += self.forget(now()).await?;
        did += self.resolve(now()).await?;
        self.look_up(now());
        let mut next =
            earliest(self.pipeline.next_due_but_messages().await?, self.outside.next_event());
        next = earliest(next, claimed.next);
        let store = self.pipeline.store();
        if self.calls_in_flight.is_empty() {
            next = earliest(next, store.next_call_due().await?);
        }
        self.show_flow(now());
        Ok((did, next))
    }

    /// Takes in what came back from outside. Returns whether a place came free.
    fn gather(&mut self, inbox: &mut Inbox, now: Timestamp) -> bool {
        let mut is_free = false;
        for outcome in inbox.came.drain(..) {
            match outcome {
                Outcome::Submitted(message, outcome) => {
                    is_free = true;
                    self.submits_in_flight -= 1;
                    self.dispatcher.heard(&message, &outcome, now);
                    self.answers.push((*message, outcome));
                }
                Outcome::Called(call, answer) => self.call_answers.push_back((*call, answer)),
                Outcome::LookedUp(message, answer) => self.looked_up(&message, answer, now),
                Outcome::Heard(events, taken) => self.received.add(events, Some(taken)),
                Outcome::Changed => {
                    self.dispatcher.unblock();
                    let gateways = self.outside.gateways();
                    let sharing = gateways.iter().map(|(key, it)| (key.clone(), it.shared.clone()));
                    let sharing = sharing.collect();
                    drop(gateways);
                    self.pipeline.share(sharing);
                }
            }
        }
        is_free
    }

    /// Shows what is known of the gateways to those who look, now and then.
    fn show_flow(&mut self, now: Timestamp) {
        if now < self.flow_at {
            return;
        }
        self.flow_at = now + SHOW_FLOW_EVERY;
        let view = self.dispatcher.view(now);
        *self.flow.lock().unwrap_or_else(PoisonError::into_inner) = view;
    }

    /// Looks for receipts of messages whose answer was lost, and notes those without one, one page of one gateway now and then.
    async fn resolve(&mut self, now: Timestamp) -> Result<usize, PipelineError> {
        if now < self.resolve_at {
            return Ok(0);
        }
        let mut keys: Vec<String> =
            self.outside.gateways().iter().map(|(key, _)| key.clone()).collect();
        keys.retain(|key| !key.is_empty());
        let (place, after) = self.resolve_after.take().unwrap_or_default();
        let Some(key) = keys.get(place) else {
            self.resolve_at = now + RESOLVE_EVERY;
            return Ok(0);
        };
        let looked = self.pipeline.resolve(key, after, THINGS_PER_TURN, now).await?;
        let place = if looked.next.is_some() { place } else { place + 1 };
        self.resolve_after = Some((place, looked.next));
        self.note_unknown(looked.left, now);
        Ok(looked.count)
    }

    /// Stores what gateways and webhooks answered.
    async fn store_answers(&mut self, tick: Tick) -> Result<usize, PipelineError> {
        let mut did = self.store_submits(tick).await?;
        for _ in 0..self.call_answers.len().min(CALL_ANSWERS_PER_ROUND) {
            let Some((call, answer)) = self.call_answers.front().cloned() else { break };
            self.pipeline.answer_call(&call, answer, tick.until()).await?;
            self.calls_in_flight.remove(&call.id);
            self.call_answers.pop_front();
            did += 1;
        }
        Ok(did)
    }

    /// Stores answers of gateways, one commit of them: inputs that wait come in between.
    async fn store_submits(&mut self, tick: Tick) -> Result<usize, PipelineError> {
        let count = self.answers.len().min(THINGS_PER_TURN);
        if count > 0 {
            let (messages, outcomes) = self.answers[..count].iter().cloned().unzip();
            self.pipeline.answer(messages, outcomes, tick).await?;
            self.answers.drain(..count);
        }
        Ok(count)
    }

    /// Takes what came from carriers: receipts up to a commit of them, texts one by one, so that what was stored is
    /// never taken again when something after it fails.
    async fn hear(&mut self, tick: Tick) -> Result<usize, PipelineError> {
        self.received.add(self.outside.poll(tick.until()), None);
        let mut did = 0;
        while did < THINGS_PER_TURN {
            let together = self.received.next(THINGS_PER_TURN - did);
            if together.is_empty() {
                break;
            }
            self.pipeline.receive(together.clone(), tick).await?;
            did += together.len();
            self.received.forget(together.len());
        }
        Ok(did)
    }

    /// Makes webhook calls that are due and not under way.
    async fn call(&mut self, now: Timestamp) -> Result<usize, PipelineError> {
        if self.calls_in_flight.len() >= CALLS_IN_FLIGHT_MAX {
            return Ok(0);
        }
        // Those under way are due still, and come first.
        let due = self.pipeline.calls_due(now, 2 * CALLS_IN_FLIGHT_MAX).await?;
        let mut did = 0;
        for call in due {
            if self.calls_in_flight.len() < CALLS_IN_FLIGHT_MAX
                && self.calls_in_flight.insert(call.id)
            {
                self.outside.call(call, now);
                did += 1;
            }
        }
        Ok(did)
    }

    async fn forget(&mut self, now: Timestamp) -> Result<usize, PipelineError> {
        if now < self.forget_at {
            return Ok(0);
        }
        let gone = self.pipeline.retain(self.keep, now, FORGOTTEN_PER_TURN).await?;
        if gone == 0 {
            self.forget_at = now + FORGET_EVERY;
        }
        Ok(gone)
    }

    /// A last round: takes what was sent before the stop, stores what carriers have answered and told, hands out nothing
    /// new.
    /// Returns whether nothing is left.
    pub(crate) async fn finish(&mut self, inbox: &mut Inbox, now: Timestamp) -> bool {
        inbox.close();
        inbox.gather();
        while !inbox.waiting.is_empty() {
            self.commands(inbox, now).await;
            inbox.gather();
        }
        self.gather(inbox, now);
        loop {
            let stored = match self.store_answers(Tick::Live(now)).await {
                Ok(stored) => self.hear(Tick::Live(now)).await.map(|heard| stored + heard),
                Err(error) => Err(error),
            };
            match stored {
                Ok(0) => return self.submits_in_flight == 0,
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "the answers of gateways cannot be stored; the next start makes their messages unknown");
                    return true;
                }
            }
        }
    }

    /// How many messages are at gateways.
    pub(crate) fn submits_in_flight(&self) -> usize {
        self.submits_in_flight
    }
}
