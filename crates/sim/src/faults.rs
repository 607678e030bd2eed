//! Faults of the store, and bugs that are planted to see that a checker sees them.
//!
//! Must never change what is kept unless a bug is planted.

use crate::carrier::lock;
use crate::chronicle::Chronicle;
use crate::random::Random;
use crate::scenario::FaultPlan;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use wayline_core::consent::ConsentState;
use wayline_core::contact::{Position, State};
use wayline_core::decision::What;
use wayline_core::message::MessageState;
use wayline_core::time::{Span, Timestamp};
use wayline_store::batch::{Batch, DeadLetterRow, Op, StateRow, Wake};
use wayline_store::faulty::{Fate, Watcher};

/// A bug that is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// The state forgets opt-outs.
    DeafToStop,
    /// The state forgets an opt-out once it is confirmed.
    ForgetConfirmed,
    /// Submits happen eleven hours late.
    SubmitAtNight,
    /// What was sent is not remembered for caps.
    ForgetSends,
    /// Each submit happens twice.
    SubmitTwice,
    /// Some waits have no end.
    LoseTimers,
    /// Some decisions are counted twice.
    Miscount,
    /// That a step was left is neither decided nor counted, now and then.
    ForgetLeaving,
    /// That a message is held no longer is neither decided nor counted.
    ForgetReleases,
    /// Operators believe that a journey is paused, and it is not.
    ForgetPauses,
    /// Messages arrive without a receipt.
    SkipReceipts,
    /// Events are acknowledged and not kept.
    LoseInputs,
    /// The state does not recognise who is in a journey.
    EnterTwice,
    /// Some wakes are forgotten.
    ForgetWakes,
    /// Some ordinary inputs become dead letters.
    BuryInputs,
    /// Messages are queued for ever.
    PutOffForEver,
    /// Something in the batches does not come from the seed.
    Unseeded,
    /// Submits happen two days late.
    SubmitLate,
    /// Everybody has said yes.
    AssumeConsent,
    /// Sequences begin anew.
    ForgetSequences,
}

/// What decides about a store's batches.
pub struct Faults {
    draw: Random,
    plan: FaultPlan,
    sabotage: Option<Sabotage>,
    /// Whether faults happen now: they stop before the end.
    pub armed: Arc<Mutex<bool>>,
    chronicle: Arc<Mutex<Chronicle>>,
}

impl Faults {
    /// Faults of a plan, drawn from a seed.
    #[must_use]
    pub fn new(
        draw: Random,
        plan: FaultPlan,
        sabotage: Option<Sabotage>,
        armed: Arc<Mutex<bool>>,
        chronicle: Arc<Mutex<Chronicle>>,
    ) -> Faults {
        Faults { draw, plan, sabotage, armed, chronicle }
    }
}

impl Watcher for Faults {
    fn fate(&mut self, batch: &Batch) -> Fate {
        if *lock(&self.armed) {
            if self.draw.per_mille(self.plan.fail_before) {
                return Fate::FailBefore;
            }
            if self.draw.per_mille(self.plan.fail_after) {
                return Fate::FailAfter;
            }
        }
        let Some(sabotage) = self.sabotage else { return Fate::Keep };
        if sabotage == Sabotage::ForgetSequences {
            let mut chronicle = lock(&self.chronicle);
            chronicle.sequences.seq += 1_000 * u64::from(self.draw.per_mille(20));
        }
        let mut other = batch.clone();
        doctor(sabotage, &mut other, &mut self.draw);
        if other == *batch { Fate::Keep } else { Fate::Instead(Box::new(other)) }
    }

    fn kept(&mut self, batch: &Batch) {
        lock(&self.chronicle).keep(batch);
    }
}

/// Makes a batch wrong.
fn doctor(sabotage: Sabotage, batch: &mut Batch, draw: &mut Random) {
    if sabotage == Sabotage::LoseInputs {
        batch.ops.retain(|op| !matches!(op, Op::AppendInput(row) if row.kind == "track"));
    }
    let forgotten = match sabotage {
        Sabotage::ForgetLeaving if draw.per_mille(50) => Some(What::Left),
        Sabotage::ForgetReleases => Some(What::Released),
        _ => None,
    };
    if let Some(what) = forgotten {
        batch.ops.retain(|op| match op {
            Op::AppendDecision(row) => row.decision.what != what,
            Op::AddCounter { key, .. } => key.what != what,
            _ => true,
        });
    }
    let mut letters = Vec::new();
    for op in &mut batch.ops {
        match op {
            Op::PutState(row) => doctor_state(sabotage, row, draw),
            Op::AddCounter { delta, .. } if sabotage == Sabotage::Miscount => {
                *delta += i64::from(draw.per_mille(50));
            }
            Op::InsertMessage(message) if sabotage == Sabotage::PutOffForEver => {
                message.due_at = message.due_at + Span::days(4_000);
            }
            Op::ChangeMessage { change, .. }
                if sabotage == Sabotage::SkipReceipts
                    && change.state == MessageState::Submitted =>
            {
                change.state = MessageState::Delivered;
            }
            Op::AppendInput(row) if sabotage == Sabotage::BuryInputs && draw.per_mille(20) => {
                letters.push(Op::PutDeadLetter(DeadLetterRow {
                    workspace: row.workspace,
                    id: row.seq,
                    at: row.at,
                    contact: Some(row.contact),
                    reason: "planted".to_owned(),
                    input: "{}".to_owned(),
                    attempts: 1,
                }));
            }
            Op::AppendDecision(row) if sabotage == Sabotage::Unseeded => {
                static COUNT: AtomicU64 = AtomicU64::new(0);
                row.decision.detail = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
            }
            _ => {}
        }
    }
    batch.ops.extend(letters);
}

/// Makes the state of a contact wrong.
fn doctor_state(sabotage: Sabotage, row: &mut StateRow, draw: &mut Random) {
    if sabotage == Sabotage::ForgetWakes {
        row.wake = row.wake.filter(|_| !draw.per_mille(300));
        return;
    }
    let Ok(mut state) = State::decode(row.contact, &row.body) else { return };
    match sabotage {
        Sabotage::DeafToStop => {
            state.consents.retain(|it| it.state != ConsentState::OptedOut);
        }
        Sabotage::ForgetConfirmed if state.auto_replies.is_empty() => {
            state.consents.retain(|it| it.state != ConsentState::OptedOut);
        }
        Sabotage::AssumeConsent => {
            for consent in &mut state.consents {
                consent.state = ConsentState::OptedIn;
            }
        }
        Sabotage::ForgetSends => state.sends.clear(),
        Sabotage::EnterTwice => {
            for enrollment in &mut state.enrollments {
                enrollment.key.push('x');
            }
        }
        Sabotage::LoseTimers => {
            for enrollment in &mut state.enrollments {
                if let Position::Waiting { until } = &mut enrollment.position {
                    *until = Timestamp::MAX;
                }
            }
        }
        _ => return,
    }
    if let Ok(body) = state.encode(row.contact) {
        row.body = body;
        row.wake = state.wake().map(|(due, enrollment)| Wake { due, enrollment });
    }
}
