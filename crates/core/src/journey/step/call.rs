//! `call`: a webhook, called outside every decision; its answer comes back as an input.
//!
//! Must never wait for the network. An answer that comes too late finds nobody waiting.

use crate::contact::Position;
use crate::decision::{Reason, What};
use crate::ids::{EnrollmentId, MessageId};
use crate::journey::advance::AdvanceError;
use crate::journey::effects::{CallEffect, WebhookCall};
use crate::journey::program::{Action, Call, Change, Expr, Next};
use crate::journey::run::{Flow, Run};
use serde_json::Value;

impl Run<'_> {
    pub(super) fn call(&mut self, id: EnrollmentId, call: &Call, next: Next) -> Flow {
        let Some(enrollment) = self.enrollment(id) else { return Flow::Ended };
        let message = Run::current_message(enrollment);
        let deadline = self.now + call.timeout;
        let Some(call) = self.rendered(id, call, message, deadline) else {
            self.decide(id, What::Answered, Reason::TemplateFailed);
            return Flow::Go(call.on_error.unwrap_or(next));
        };
        self.out.calls.push(CallEffect::Make(Box::new(call)));
        self.decide(id, What::Called, Reason::Step).until = Some(deadline);
        self.stay(id, Position::Calling { until: deadline })
    }

    fn rendered(
        &self,
        id: EnrollmentId,
        call: &Call,
        message: MessageId,
        deadline: crate::time::Timestamp,
    ) -> Option<WebhookCall> {
        let scope = self.scope(id);
        let render =
            |template: &crate::template::Template| scope.render_lenient(template, self.now).ok();
        let mut headers = Vec::with_capacity(call.headers.len());
        for (name, template) in &call.headers {
            headers.push((name.clone(), render(template)?));
        }
        let body = match &call.body {
            Some(body) => {
                crate::journey::body::render(body, &mut |template| render(template))?.to_string()
            }
            None => String::new(),
        };
        Some(WebhookCall {
            id: message,
            deadline,
            method: call.method.clone(),
            url: render(&call.url)?,
            headers,
            body,
        })
    }

    /// The webhook did not answer in time.
    pub(super) fn give_up_call(&mut self, id: EnrollmentId) {
        let Some(enrollment) = self.enrollment(id) else { return };
        let call = Run::current_message(enrollment);
        self.out.calls.push(CallEffect::Forget(call));
        self.decide(id, What::Answered, Reason::TimedOut);
    }

    /// The webhook answered, or failed.
    pub(crate) fn call_answered(
        &mut self,
        call: MessageId,
        answer: &Result<Value, String>,
    ) -> Result<(), AdvanceError> {
        let id = call.enrollment;
        self.out.calls.push(CallEffect::Forget(call));
        let waits = self.enrollment(id).is_some_and(|enrollment| {
            matches!(enrollment.position, Position::Calling { .. })
                && Run::current_message(enrollment) == call
        });
        let Some(journey) = self.journey_of(id).filter(|_| waits) else { return Ok(()) };
        let Some(step) = journey.steps.get(usize::from(call.step)) else { return Ok(()) };
        let Action::Call(definition) = &step.action else { return Ok(()) };
        match answer {
            Ok(body) => {
                self.decide(id, What::Answered, Reason::CallAnswered);
                let changes: Vec<Change> = definition
                    .save
                    .iter()
                    .map(|(path, pointer)| {
                        let value = body.pointer(pointer).cloned().unwrap_or(Value::Null);
                        Change::Set(path.clone(), Expr::Literal(value))
                    })
                    .collect();
                if !changes.is_empty() {
                    self.update(id, &changes)?;
                }
                self.go(id, step.next)
            }
            Err(error) => {
                self.decide(id, What::Answered, Reason::CallFailed).detail =
                    error.chars().take(200).collect();
                self.go(id, definition.on_error.unwrap_or(step.next))
            }
        }
    }
}
