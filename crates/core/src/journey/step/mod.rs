//! What each step does, one file per step.
//!
//! A step either goes on at once, or leaves its enrollment waiting for something named by its
//! [`Position`](crate::contact::Position). Must never leave it waiting for nothing.

mod branch;
mod call;
mod emit;
mod experiment;
mod leave;
pub(crate) mod outcome;
mod rejected;
mod send;
mod update;
mod wait;
mod wait_for;

use crate::contact::Position;
use crate::decision::Reason;
use crate::ids::EnrollmentId;
use crate::journey::advance::AdvanceError;
use crate::journey::program::{Action, Journey};
use crate::journey::run::{Flow, Run};

impl Run<'_> {
    /// Does what the step does, for an enrollment that has just reached it.
    pub(crate) fn do_step(
        &mut self,
        id: EnrollmentId,
        journey: &Journey,
        index: u16,
    ) -> Result<Flow, AdvanceError> {
        let Some(step) = journey.steps.get(usize::from(index)) else { return Ok(Flow::Ended) };
        Ok(match &step.action {
            Action::Send(send) => self.send(id, journey, step, send),
            Action::Wait(wait) => self.wait(id, journey, step, wait),
            Action::WaitFor(wait) => self.wait_for(id, wait),
            Action::Branch { arms, otherwise } => self.branch(id, arms, *otherwise),
            Action::Experiment { arms } => self.experiment(id, journey, step, arms),
            Action::Update(changes) => {
                self.update(id, changes)?;
                Flow::Go(step.next)
            }
            Action::Emit { event, properties } => {
                self.emit(id, event, properties);
                Flow::Go(step.next)
            }
            Action::Call(call) => self.call(id, call, step.next),
            Action::Enroll { journey: other } => {
                self.enroll(id, other, journey);
                Flow::Go(step.next)
            }
            Action::HandOff { team, note } => {
                self.hand_off(id, team.as_deref(), note.as_ref());
                Flow::Go(step.next)
            }
            Action::Exit { reason } => {
                self.end(id, Reason::ExitStep, reason);
                Flow::Ended
            }
        })
    }

    /// What an enrollment waited for by the clock has come.
    pub(crate) fn enrollment_due(&mut self, id: EnrollmentId) -> Result<(), AdvanceError> {
        let Some(enrollment) = self.enrollment(id) else { return Ok(()) };
        let (position, index) = (enrollment.position, enrollment.step);
        let Some(journey) = self.journey_of(id) else {
            self.end(id, Reason::DefinitionGone, "definition_gone");
            return Ok(());
        };
        let Some(step) = journey.steps.get(usize::from(index)) else {
            self.end(id, Reason::DefinitionGone, "definition_gone");
            return Ok(());
        };
        match (position, &step.action) {
            (Position::Waiting { .. }, _) => {
                self.leave_step(id, Reason::TimeReached);
                self.go(id, step.next)
            }
            (Position::Awaiting { .. }, Action::WaitFor(wait)) => {
                self.leave_step(id, Reason::TimedOut);
                self.go(id, wait.otherwise)
            }
            (Position::Holding { .. }, _) => self.try_held(id),
            (Position::Calling { .. }, Action::Call(call)) => {
                self.give_up_call(id);
                self.go(id, call.on_error.unwrap_or(step.next))
            }
            _ => {
                self.end(id, Reason::DefinitionGone, "definition_gone");
                Ok(())
            }
        }
    }
}
