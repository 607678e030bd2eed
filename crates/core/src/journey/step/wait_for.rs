//! `wait_for`: the first of several things. Must never miss what happened to a message before the step was
//! reached, nor count an event that did.

use crate::condition::Engagement;
use crate::contact::{Enrollment, Position};
use crate::decision::{Reason, What};
use crate::ids::{EnrollmentId, MessageId};
use crate::journey::advance::AdvanceError;
use crate::journey::program::{Action, Awaited, Journey, Next, WaitFor};
use crate::journey::run::{Flow, Occurrence, Run};
use crate::keyword::normalize;
use crate::limits;
use crate::message::Message;
use crate::time::Timestamp;
use serde_json::Value;

impl Run<'_> {
    pub(super) fn wait_for(&mut self, id: EnrollmentId, wait: &WaitFor) -> Flow {
        if let Some((awaited, next)) = self.already(id, wait) {
            self.use_up(id, &awaited);
            self.decide(id, What::Chose, Reason::AwaitedHappened);
            return Flow::Go(next);
        }
        let until = self.now + wait.timeout;
        self.decide(id, What::Reached, Reason::StepDone).until = Some(until);
        self.stay(id, Position::Awaiting { until })
    }

    /// The first arm that has happened already.
    fn already(&self, id: EnrollmentId, wait: &WaitFor) -> Option<(Awaited, Next)> {
        let enrollment = self.enrollment(id)?;
        let event = self.entry_event(id);
        let happened = |awaited: &Awaited| match awaited {
            Awaited::Event { .. } => false,
            Awaited::Condition(condition) => self.question(Some(&event)).ask(condition).holds,
            engagement => engaged(enrollment, engagement),
        };
        wait.first.iter().find(|(awaited, _)| happened(awaited)).cloned()
    }

    /// A reply answers one question: the next one waits for its own.
    fn use_up(&mut self, id: EnrollmentId, awaited: &Awaited) {
        let Awaited::Replied { step, .. } = awaited else { return };
        let Some(enrollment) = self.enrollment_mut(id) else { return };
        for mark in &mut enrollment.sent {
            if step.is_none_or(|step| mark.step == step) {
                mark.reply = None;
            }
        }
    }

    /// The `wait_for` an enrollment is on, if it is on one.
    pub(crate) fn awaiting<'j>(
        &self,
        id: EnrollmentId,
        journey: &'j Journey,
    ) -> Option<&'j WaitFor> {
        let enrollment = self.enrollment(id)?;
        if !matches!(enrollment.position, Position::Awaiting { .. }) {
            return None;
        }
        match &journey.steps.get(usize::from(enrollment.step))?.action {
            Action::WaitFor(wait) => Some(wait),
            _ => None,
        }
    }

    pub(crate) fn wake_awaiting_event(
        &mut self,
        id: EnrollmentId,
        name: &str,
        properties: &Value,
    ) -> Result<(), AdvanceError> {
        let Some(journey) = self.journey_of(id) else { return Ok(()) };
        let Some(wait) = self.awaiting(id, &journey) else { return Ok(()) };
        let happened = wait.first.iter().find(|(awaited, _)| match awaited {
            Awaited::Event { event, filter } => {
                event == name && self.question(Some(properties)).holds(filter.as_ref())
            }
            _ => false,
        });
        if let Some((_, next)) = happened {
            self.leave_step(id, Reason::AwaitedHappened);
            return self.go(id, *next);
        }
        if wait.restart_on.as_deref() == Some(name) {
            let until = self.now + wait.timeout;
            self.decide(id, What::Chose, Reason::WaitRestarted).until = Some(until);
            self.stay(id, Position::Awaiting { until });
        }
        Ok(())
    }

    /// Something happened to a message: its enrollment may wait for that.
    pub(crate) fn wake_awaiting_engagement(
        &mut self,
        message: MessageId,
    ) -> Result<(), AdvanceError> {
        let id = message.enrollment;
        let Some(journey) = self.journey_of(id) else { return Ok(()) };
        let Some(wait) = self.awaiting(id, &journey) else { return Ok(()) };
        let Some(enrollment) = self.enrollment(id) else { return Ok(()) };
        let next = wait.first.iter().find(|(awaited, _)| engaged(enrollment, awaited));
        if let Some((awaited, next)) = next {
            self.use_up(id, awaited);
            self.leave_step(id, Reason::AwaitedHappened);
            return self.go(id, *next);
        }
        Ok(())
    }

    pub(crate) fn clicked(&mut self, message: &Message, at: Timestamp) {
        if let Some(mark) = self.mark_of(message.id) {
            mark.clicked = true;
        }
        self.about_message(message, What::Clicked, Reason::Person);
        self.engage(message, Engagement::Clicked, at);
    }

    /// A reply belongs to the latest message the person got, also when its journey has ended.
    pub(crate) fn replied(&mut self, text: &str, at: Timestamp) {
        let Some(latest) = self.contact.state.latest.clone() else { return };
        let reply: String = normalize(text).chars().take(limits::REPLY_CHARS_MAX).collect();
        let message = latest.message;
        if let Some(mark) = self.mark_of(message) {
            mark.reply = Some(reply);
        }
        let mut decision = self.about_contact(What::Replied, Reason::Person);
        decision.journey = Some(latest.journey);
        decision.version = latest.version;
        decision.enrollment = Some(message.enrollment);
        decision.step = Some(message.step);
        decision.variant = latest.variant;
        decision.message = Some(message);
        self.push(decision);
        let program = &self.engine.program;
        let Some(journey) = program.journeys.get(&(latest.journey, latest.version)) else { return };
        let Some(step) = journey.steps.get(usize::from(message.step)) else { return };
        self.count_engagement(&journey.slug, &step.slug, Engagement::Replied, at);
        self.queue.push_back(Occurrence::Engagement { message });
    }
}

/// Whether an arm about a message has happened.
fn engaged(enrollment: &Enrollment, awaited: &Awaited) -> bool {
    let mark = |step: u16| enrollment.sent.iter().rev().find(|mark| mark.step == step);
    match awaited {
        Awaited::Clicked { step } => mark(*step).is_some_and(|mark| mark.clicked),
        Awaited::Delivered { step } => mark(*step).is_some_and(|mark| mark.delivered),
        Awaited::Failed { step } => mark(*step).is_some_and(|mark| mark.failed),
        Awaited::Replied { step, like } => {
            let matches = |reply: &String| {
                like.is_empty() || like.iter().any(|word| normalize(word) == *reply)
            };
            match step {
                Some(step) => mark(*step).and_then(|mark| mark.reply.as_ref()).is_some_and(matches),
                None => enrollment.sent.iter().filter_map(|mark| mark.reply.as_ref()).any(matches),
            }
        }
        Awaited::Event { .. } | Awaited::Condition(_) => false,
    }
}
