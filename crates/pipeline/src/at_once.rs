//! A carrier that answers at once, on a virtual clock: what a round of `wake`, `dispatch` and `receive` does, as one
//! turn and one commit.
//!
//! Same inputs, same order, same operations; only the commits between them are left out. Must never be used with a
//! gateway that reaches anybody: here a message is submitted before it is durable.

use crate::advance::{Pipeline, PipelineError, finish, load};
use crate::dispatch::{about, handed_out_at};
use crate::gateway::Receipt;
use crate::receive::receipt_work;
use crate::sandbox::Sandbox;
use crate::tick::Tick;
use crate::turn::{Care, Turn, Work};
use wayline_core::event::{InputKind, Via};
use wayline_core::ids::ContactId;
use wayline_core::limits;
use wayline_core::message::{Message, MessageState};
use wayline_core::time::Timestamp;
use wayline_store::Store;
use wayline_store::rows::DueContact;

/// At most how much of a kind a round does.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// Contacts woken.
    pub timers: usize,
    /// Messages handed out.
    pub messages: usize,
}

/// What a round took from the store.
struct Taken {
    tick: Tick,
    limit: usize,
    timers: Vec<DueContact>,
    messages: Vec<Message>,
}

impl Pipeline {
    /// Wakes whose time has come, hands out what is due, and takes the answers and receipts of the carrier, all of it
    /// one commit. Returns how many messages were handed out.
    ///
    /// # Errors
    /// When the store failed; nothing of the round is kept.
    pub async fn round_at_once(
        &mut self,
        tick: Tick,
        round: Round,
        carrier: &Sandbox,
    ) -> Result<usize, PipelineError> {
        let until = tick.until();
        let limit = round.messages.min(limits::PAGE_ROWS_MAX);
        let mut messages = self.store.messages_due(until, limit).await?;
        let mut timers = Vec::new();
        if round.timers > 0 && messages.len() == limit {
            // More than a page: which of them come first is known only after the timers.
            self.wake(tick, round.timers).await?;
            messages = self.store.messages_due(until, limit).await?;
        } else if round.timers > 0 {
            timers = self.store.wakes_due(until, round.timers.min(limits::PAGE_ROWS_MAX)).await?;
        }
        if timers.is_empty() && messages.is_empty() {
            return Ok(0);
        }
        let taken = Taken { tick, limit, timers, messages };
        for care in [Care::Swift, Care::Careful] {
            if let Some(handed_out) = self.try_round(&taken, carrier, care).await? {
                return Ok(handed_out);
            }
        }
        Ok(0)
    }

    /// `None`: an input failed, and the turn was given up. Never so with [`Care::Careful`].
    async fn try_round(
        &mut self,
        taken: &Taken,
        carrier: &Sandbox,
        care: Care,
    ) -> Result<Option<usize>, PipelineError> {
        let (tick, run) = (taken.tick, self.run);
        let mut turn = Turn::new(&self.engines, self.sequences, care);
        let of_timers = taken.timers.iter().map(|due| due.contact);
        let of_messages = taken.messages.iter().map(|message| message.contact);
        let contacts: Vec<ContactId> = of_timers.chain(of_messages).collect();
        load(&self.store, &self.engines, &mut self.hot, &mut turn, &contacts).await?;
        for due in &taken.timers {
            let now = tick.at(due.wake.due);
            let work = Work::timer(due, now);
            turn.run(work.about(), &work.input);
            if turn.failed {
                return Ok(None);
            }
        }
        let messages = outbox(&self.store, &mut turn, taken).await?;
        let handed_out = messages.len();
        let submitted = hand_out(&mut turn, messages, tick, run);
        let receipts = answer(&mut turn, submitted, tick, carrier);
        let later = receive(&mut turn, receipts, tick);
        if turn.failed {
            return Ok(None);
        }
        let done = finish(turn, self.sequences)?;
        self.commit(done).await?;
        later.into_iter().for_each(|receipt| carrier.expect(receipt));
        Ok(Some(handed_out))
    }
}

/// What is to be handed out now: what was due in the store and what the timers put there, as they are by now.
async fn outbox(
    store: &Store,
    turn: &mut Turn<'_>,
    taken: &Taken,
) -> Result<Vec<Box<Message>>, PipelineError> {
    let (mut messages, changed) = turn.outbox();
    let mut known: Vec<Box<Message>> = taken.messages.iter().cloned().map(Box::new).collect();
    let is_known = |id| taken.messages.iter().any(|message| message.id == id);
    let missing: Vec<_> = changed.into_iter().filter(|id| !is_known(*id)).collect();
    for page in missing.chunks(limits::PAGE_ROWS_MAX) {
        known.extend(store.messages(page).await?.into_iter().flatten().map(Box::new));
    }
    known.iter_mut().for_each(|message| turn.bring_up(message));
    messages.append(&mut known);
    let until: Timestamp = taken.tick.until();
    messages.retain(|message| message.state == MessageState::Queued && message.due_at <= until);
    messages.sort_unstable_by_key(|message| (message.due_at, message.id));
    messages.truncate(taken.limit);
    Ok(messages)
}

/// Returns what the policy let go.
fn hand_out(
    turn: &mut Turn<'_>,
    messages: Vec<Box<Message>>,
    tick: Tick,
    run: u64,
) -> Vec<Box<Message>> {
    let mut submitted = Vec::with_capacity(messages.len());
    for message in messages {
        let now = tick.at(message.due_at);
        let work =
            about(message, now, |message| InputKind::HandOut { message, run, via: Via::Sender });
        let message = turn.run_owned(work);
        submitted.extend(message.filter(|message| message.state == MessageState::Submitting));
    }
    submitted
}

/// Returns what the carrier says will become, or became, of each message.
fn answer(
    turn: &mut Turn<'_>,
    submitted: Vec<Box<Message>>,
    tick: Tick,
    carrier: &Sandbox,
) -> Vec<(Receipt, Box<Message>)> {
    let mut receipts = Vec::with_capacity(submitted.len());
    for message in submitted {
        let at = handed_out_at(&message);
        let (outcome, receipt) = carrier.answer(&message, at);
        let now = tick.at(at);
        let work = about(message, now, |message| InputKind::Answered { message, outcome });
        receipts.extend(receipt.zip(turn.run_owned(work)));
    }
    receipts
}

/// Returns the receipts that come later.
fn receive(
    turn: &mut Turn<'_>,
    mut receipts: Vec<(Receipt, Box<Message>)>,
    tick: Tick,
) -> Vec<Receipt> {
    receipts.sort_by_key(|(receipt, _)| receipt.at);
    let now = receipts.partition_point(|(receipt, _)| receipt.at <= tick.until());
    let later = receipts.split_off(now).into_iter().map(|(receipt, _)| receipt).collect();
    for (receipt, message) in receipts {
        turn.run_owned(receipt_work(message, &receipt, tick.at(receipt.at)));
    }
    later
}
