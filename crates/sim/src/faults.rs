//! Faults of the store, and bugs that are planted to see that a checker sees them.
//!
//! Must never change what is kept unless a bug is planted.

use crate::carrier::lock;
use crate::chronicle::Chronicle;
use crate::random::Random;
use crate::scenario::FaultPlan;
use std::sync::{Arc, Mutex};
use wayline_core::message::MessageState;
use wayline_core::time::Span;
use wayline_store::batch::{Batch, Op};
use wayline_store::faulty::{Fate, Watcher};

/// A bug that is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// Opt-outs reach the history and not the state.
    DeafToStop,
    /// Submits happen eleven hours later.
    SubmitAtNight,
    /// What was sent is not remembered for caps.
    ForgetSends,
    /// Each submit happens twice.
    SubmitTwice,
    /// Messages are queued and never kept.
    LoseMessages,
    /// Counters miss one decision in some.
    MiscountOne,
    /// Messages change from ends.
    ReviveMessages,
    /// Inputs are acknowledged and not kept.
    LoseInputs,
    /// An entry begins a second enrollment.
    EnterTwice,
    /// Wakes are forgotten.
    ForgetWakes,
    /// Ordinary inputs become dead letters.
    BuryInputs,
    /// Queued messages are put off for ever.
    PutOffForEver,
    /// Something random is in each batch.
    Unseeded,
    /// `not_after` is not looked at.
    ForgetNotAfter,
    /// Consent is not asked for.
    AssumeConsent,
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
    use wayline_core::contact::State;
    let edit = |row: &mut wayline_store::batch::StateRow, change: &dyn Fn(&mut State)| {
        if let Ok(mut state) = State::decode(row.contact, &row.body) {
            change(&mut state);
            row.body = state.encode(row.contact).unwrap_or_else(|_| row.body.clone());
            row.wake = state
                .wake()
                .map(|(due, enrollment)| wayline_store::batch::Wake { due, enrollment });
        }
    };
    match sabotage {
        Sabotage::LoseMessages => batch.ops.retain(|op| {
            !matches!(op, Op::ChangeMessage { change, .. } if change.state == MessageState::Submitted)
        }),
        Sabotage::LoseInputs => {
            batch.ops.retain(|op| !matches!(op, Op::AppendInput(row) if row.kind == "track"));
        }
        Sabotage::MiscountOne => {
            if let Some(Op::AddCounter { delta, .. }) =
                batch.ops.iter_mut().find(|op| matches!(op, Op::AddCounter { .. }))
            {
                *delta += i64::from(draw.per_mille(50));
            }
        }
        _ => {}
    }
    let mut more = Vec::new();
    for op in &mut batch.ops {
        match (sabotage, op) {
            (Sabotage::DeafToStop, Op::PutState(row)) => edit(row, &|state| {
                state
                    .consents
                    .retain(|it| it.state != wayline_core::consent::ConsentState::OptedOut);
            }),
            (Sabotage::AssumeConsent, Op::PutState(row)) => edit(row, &|state| {
                for it in &mut state.consents {
                    it.state = wayline_core::consent::ConsentState::OptedIn;
                }
            }),
            (Sabotage::ForgetSends, Op::PutState(row)) => edit(row, &|state| state.sends.clear()),
            (Sabotage::ForgetWakes, Op::PutState(row)) if draw.per_mille(50) => row.wake = None,
            (Sabotage::EnterTwice, Op::PutState(row)) => edit(row, &|state| {
                if let Some(last) = state.enrollments.last_mut() {
                    last.key.push('x');
                }
            }),
            (Sabotage::PutOffForEver, Op::InsertMessage(message)) => {
                message.due_at = message.due_at + Span::days(4_000);
            }
            (Sabotage::ReviveMessages, Op::ChangeMessage { change, .. })
                if change.state == MessageState::Submitted =>
            {
                change.state = MessageState::Delivered;
            }
            (Sabotage::BuryInputs, Op::AppendInput(row)) if draw.per_mille(20) => {
                more.push(Op::PutDeadLetter(wayline_store::batch::DeadLetterRow {
                    workspace: row.workspace,
                    id: row.seq,
                    at: row.at,
                    contact: Some(row.contact),
                    reason: "planted".to_owned(),
                    input: "{}".to_owned(),
                    attempts: 1,
                }));
            }
            (Sabotage::Unseeded, Op::AppendDecision(row)) => {
                let here: *const Op = std::ptr::from_ref(&Op::AppendDecision(row.clone()));
                row.decision.detail = format!("{here:?}");
            }
            _ => {}
        }
    }
    batch.ops.extend(more);
}
