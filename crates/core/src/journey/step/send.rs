//! `send`: one message. It is asked for when the step is reached, asked again while held, and once more in
//! the commit that hands it out; it leaves the step when the gateway has answered.
//!
//! Must never hand out a message that the policy has not just allowed, nor one twice.

use crate::consent::Channel;
use crate::contact::{Position, SendMark};
use crate::decision::{HELD_AGAIN, Reason, What};
use crate::event::Via;
use crate::ids::{EnrollmentId, MessageId, stable_hash};
use crate::journey::advance::AdvanceError;
use crate::journey::effects::MessageEffect;
use crate::journey::program::{Action, Journey, Next, NotAfter, Send, Step};
use crate::journey::run::{Flow, Run};
use crate::limits;
use crate::message::{HandedOut, Message, MessageChange, MessageState};
use crate::policy::may_send::{Verdict, Wish, may_send};
use crate::policy::route::SANDBOX;
use crate::policy::settings::MissingValues;
use crate::template::{RenderError, Template};
use crate::text;
use crate::time::Timestamp;

/// A text ready to go, or why there is none.
enum Text {
    Ready { text: String, parts: u32 },
    Hold(Reason),
    Drop(Reason),
}

impl Run<'_> {
    pub(super) fn send(
        &mut self,
        id: EnrollmentId,
        journey: &Journey,
        step: &Step,
        send: &Send,
    ) -> Flow {
        if self.goes_round(id) {
            self.end(id, Reason::LimitReached, "limit_reached");
            return Flow::Ended;
        }
        let verdict = self.verdict(id, journey, send);
        let Some(mut message) = self.intent(id, journey, step, send) else { return Flow::Ended };
        let message_id = message.id;
        let flow = match verdict {
            Verdict::Send => {
                self.out.messages.push(MessageEffect::Insert(Box::new(message)));
                return self.stay(id, Position::Queued);
            }
            Verdict::Hold { until, reason } => {
                (message.state, message.reason, message.due_at) =
                    (MessageState::Held, reason, until);
                self.held(id, message_id, until, reason)
            }
            Verdict::Drop(reason) => {
                (message.state, message.reason) = (MessageState::Dropped, reason);
                self.dropped(id, message_id, reason, suppressed(step, send))
            }
        };
        self.out.messages.push(MessageEffect::Insert(Box::new(message)));
        flow
    }

    /// Whether this step has had a message of this enrollment at this very instant: a circle in which no time passes.
    fn goes_round(&self, id: EnrollmentId) -> bool {
        self.enrollment(id).is_some_and(|enrollment| {
            enrollment.sent.iter().any(|mark| mark.step == enrollment.step && mark.at == self.now)
        })
    }

    fn verdict(&self, id: EnrollmentId, journey: &Journey, send: &Send) -> Verdict {
        let not_after = match self.not_after(id, send) {
            Ok(not_after) => not_after,
            Err(reason) => return Verdict::Drop(reason),
        };
        let wish = Wish {
            channel: Channel::Sms,
            purpose: send.purpose.unwrap_or(journey.purpose),
            not_after,
            paused: self.engine.program.paused.contains(&journey.id),
        };
        may_send(&self.engine.program.settings, self.contact, wish, self.now)
    }

    pub(super) fn not_after(
        &self,
        id: EnrollmentId,
        send: &Send,
    ) -> Result<Option<Timestamp>, Reason> {
        match &send.not_after {
            None => Ok(None),
            Some(NotAfter::Elapsed(span)) => {
                Ok(self.enrollment(id).map(|enrollment| enrollment.reached_at + *span))
            }
            Some(NotAfter::Until { instant, offset }) => self
                .instant(id, instant)
                .and_then(|at| crate::value::shifted(at, *offset))
                .map(Some)
                .ok_or(Reason::NotAfterUnreadable),
        }
    }

    /// The message of this step visit, queued.
    fn intent(
        &self,
        id: EnrollmentId,
        journey: &Journey,
        step: &Step,
        send: &Send,
    ) -> Option<Message> {
        let enrollment = self.enrollment(id)?;
        let (sender, gateway) = self.sender(send);
        Some(Message {
            id: Run::current_message(enrollment),
            workspace: self.contact.workspace,
            contact: self.contact.id,
            journey: journey.id,
            version: journey.version,
            step: step.slug.clone(),
            variant: enrollment.variant.clone(),
            purpose: send.purpose.unwrap_or(journey.purpose),
            channel: Channel::Sms,
            sender,
            gateway,
            to: self.contact.profile.phone.clone().unwrap_or_default(),
            state: MessageState::Queued,
            reason: Reason::Allowed,
            intended_at: self.now,
            due_at: self.now,
            handed_out_at: None,
            attempts: 0,
            run: 0,
            parts: 0,
            text: String::new(),
            gateway_ref: None,
            error: String::new(),
            tried: Vec::new(),
            put_off: 0,
        })
    }

    fn sender(&self, send: &Send) -> (String, String) {
        let senders = &self.engine.program.settings.senders;
        let chosen = match &send.sender {
            Some(id) => senders.iter().find(|sender| sender.id == *id),
            None => senders.first(),
        };
        chosen.map_or((SANDBOX.to_owned(), SANDBOX.to_owned()), |sender| {
            (sender.id.clone(), sender.gateway.clone())
        })
    }

    fn held(
        &mut self,
        id: EnrollmentId,
        message: MessageId,
        until: Timestamp,
        reason: Reason,
    ) -> Flow {
        let is_held = self.is_holding(id);
        let decision = self.decide(id, What::Held, reason);
        decision.message = Some(message);
        decision.until = Some(until);
        if is_held {
            HELD_AGAIN.clone_into(&mut decision.detail);
        }
        self.stay(id, Position::Holding { until, reason })
    }

    pub(crate) fn is_holding(&self, id: EnrollmentId) -> bool {
        let position = self.enrollment(id).map(|enrollment| enrollment.position);
        matches!(position, Some(Position::Holding { .. }))
    }

    /// Notes that a message is held no longer, when it is.
    pub(super) fn released(&mut self, id: EnrollmentId, message: MessageId, reason: Reason) {
        if self.is_holding(id) {
            self.decide(id, What::Released, reason).message = Some(message);
        }
    }

    /// Asks again about messages that were held by a pause which is over.
    pub(crate) fn try_resumed(&mut self) -> Result<(), AdvanceError> {
        let is_paused = Reason::JourneyPaused;
        for id in self.active_ids() {
            let Some(enrollment) = self.enrollment(id) else { continue };
            let is_held = matches!(enrollment.position,
                Position::Holding { reason, .. } if reason == is_paused);
            if is_held && !self.engine.program.paused.contains(&enrollment.journey) {
                self.try_held(id)?;
            }
        }
        Ok(())
    }

    fn dropped(
        &mut self,
        id: EnrollmentId,
        message: MessageId,
        reason: Reason,
        next: Next,
    ) -> Flow {
        self.decide(id, What::Dropped, reason).message = Some(message);
        self.mark_dropped(message);
        Flow::Go(next)
    }

    pub(super) fn change(
        &mut self,
        message: MessageId,
        state: MessageState,
        reason: Reason,
        due: Option<Timestamp>,
    ) {
        self.out.messages.push(MessageEffect::Change(
            message,
            Box::new(MessageChange { due_at: due, ..MessageChange::to(state, reason) }),
        ));
    }

    /// Asks again about a message that is held.
    pub(crate) fn try_held(&mut self, id: EnrollmentId) -> Result<(), AdvanceError> {
        let Some((journey, index, message)) = self.sending(id) else { return Ok(()) };
        let Some((step, send)) = send_step(&journey, index) else { return Ok(()) };
        match self.verdict(id, &journey, send) {
            Verdict::Send => {
                let now = self.now;
                self.released(id, message, Reason::Allowed);
                self.change(message, MessageState::Queued, Reason::Allowed, Some(now));
                self.stay(id, Position::Queued);
                Ok(())
            }
            Verdict::Hold { until, reason } => {
                self.change(message, MessageState::Held, reason, Some(until));
                self.held(id, message, until, reason);
                Ok(())
            }
            Verdict::Drop(reason) => self.drop_open(id, message, reason, suppressed(step, send)),
        }
    }

    pub(super) fn drop_open(
        &mut self,
        id: EnrollmentId,
        message: MessageId,
        reason: Reason,
        next: Next,
    ) -> Result<(), AdvanceError> {
        self.released(id, message, reason);
        self.change(message, MessageState::Dropped, reason, None);
        self.dropped(id, message, reason, next);
        self.go(id, next)
    }

    /// Journey, step and message of an enrollment that is on a `send` step.
    pub(super) fn sending(
        &self,
        id: EnrollmentId,
    ) -> Option<(std::sync::Arc<Journey>, u16, MessageId)> {
        let enrollment = self.enrollment(id)?;
        let message = Run::current_message(enrollment);
        Some((self.journey_of(id)?, enrollment.step, message))
    }

    /// A queued message may be handed to its gateway: the policy is asked once more, the text is made, and the
    /// attempt is recorded, all in this commit.
    pub(crate) fn hand_out(
        &mut self,
        message: &Message,
        run: u64,
        via: &Via,
    ) -> Result<(), AdvanceError> {
        if let Some(word) = message.auto_reply() {
            self.hand_out_auto_reply(word, message, run, via);
            return Ok(());
        }
        let id = message.id.enrollment;
        let waits = self.enrollment(id).is_some_and(|enrollment| {
            enrollment.position == Position::Queued
                && Run::current_message(enrollment) == message.id
        });
        let place = self.sending(id).filter(|_| waits && message.state == MessageState::Queued);
        let Some((journey, index, _)) = place else {
            // Nobody waits for it any more: better no text than a wrong one.
            if message.state == MessageState::Queued {
                self.change(message.id, MessageState::Withdrawn, Reason::DefinitionGone, None);
                self.about_message(message, What::Withdrawn, Reason::DefinitionGone);
            }
            return Ok(());
        };
        let Some((step, send)) = send_step(&journey, index) else { return Ok(()) };
        match self.verdict(id, &journey, send) {
            Verdict::Hold { until, reason } => {
                self.change(message.id, MessageState::Held, reason, Some(until));
                self.held(id, message.id, until, reason);
                return Ok(());
            }
            Verdict::Drop(reason) => {
                return self.drop_open(id, message.id, reason, suppressed(step, send));
            }
            Verdict::Send => {}
        }
        if let Via::Later { until, reason } = via {
            if matches!(self.not_after(id, send), Ok(Some(end)) if *until >= end) {
                return self.drop_open(id, message.id, Reason::TooLate, suppressed(step, send));
            }
            self.change(message.id, MessageState::Queued, *reason, Some(*until));
            self.stay(id, Position::Queued);
            return Ok(());
        }
        let Some(carried_by) = self.carried_by(send, via) else {
            return self.drop_open(id, message.id, Reason::NoRoute, suppressed(step, send));
        };
        match self.text(id, message.id, send) {
            Text::Ready { text, parts } => {
                let to = self.contact.profile.phone.clone().unwrap_or_default();
                let (sender, gateway) = carried_by;
                let (at, attempt) = (self.now, message.attempts + 1);
                let handed_out = HandedOut { at, run, attempt, to, sender, gateway, text, parts };
                self.submit(id, message, handed_out);
            }
            Text::Drop(reason) => {
                return self.drop_open(id, message.id, reason, suppressed(step, send));
            }
            Text::Hold(reason) => {
                let end = self.not_after(id, send).ok().flatten().unwrap_or(Timestamp::MAX);
                self.change(message.id, MessageState::Held, reason, Some(end));
                self.held(id, message.id, end, reason);
            }
        }
        Ok(())
    }

    /// Sender and gateway; `None`: there is none that takes it.
    fn carried_by(&self, send: &Send, via: &Via) -> Option<(String, String)> {
        match via {
            Via::Sender => Some(self.sender(send)),
            Via::Route { gateway, sender } => Some((sender.clone(), gateway.clone())),
            Via::Later { .. } | Via::Nothing => None,
        }
    }

    fn submit(&mut self, id: EnrollmentId, message: &Message, handed_out: HandedOut) {
        let change = MessageChange {
            handed_out: Some(handed_out),
            ..MessageChange::to(MessageState::Submitting, Reason::Allowed)
        };
        let mut submission = message.clone();
        submission.apply(&change);
        let mark = SendMark { at: self.now, purpose: message.purpose, message: message.id };
        self.contact.state.sends.push(mark);
        self.out.messages.push(MessageEffect::Change(message.id, Box::new(change)));
        self.out.submissions.push(submission);
        self.stay(id, Position::Submitting);
    }

    fn text(&self, id: EnrollmentId, message: MessageId, send: &Send) -> Text {
        let mut scope = self.scope(id);
        if let Some(pool) = &send.coupon {
            let workspace = &self.engine.program.settings.slug;
            scope = scope.with_coupon(&coupon_code(workspace, pool, message));
        }
        let rendered = scope.render(self.template(send), self.now);
        let text = match rendered {
            Ok(text) => text.trim().to_owned(),
            Err(RenderError::Missing { .. }) => {
                return match self.engine.program.settings.missing_values {
                    MissingValues::Drop => Text::Drop(Reason::ValueMissing),
                    MissingValues::Hold => Text::Hold(Reason::ValueMissing),
                };
            }
            Err(_) => return Text::Drop(Reason::TemplateFailed),
        };
        let (_, parts) = text::parts(&text);
        match parts {
            0 => Text::Drop(Reason::TextEmpty),
            parts if parts > limits::PARTS_MAX => Text::Drop(Reason::TextTooLong),
            parts => Text::Ready { text, parts: parts as u32 },
        }
    }

    /// The text in the person's language: `pt-br`, else `pt`, else the default.
    fn template<'s>(&self, send: &'s Send) -> &'s Template {
        let Some(language) = self.contact.language() else { return &send.text };
        let base = language.split('-').next().unwrap_or_default();
        let found = send.translations.get(&language).or_else(|| send.translations.get(base));
        found.unwrap_or(&send.text)
    }
}

pub(super) fn send_step(journey: &Journey, index: u16) -> Option<(&Step, &Send)> {
    let step = journey.steps.get(usize::from(index))?;
    match &step.action {
        Action::Send(send) => Some((step, send)),
        _ => None,
    }
}

pub(super) fn suppressed(step: &Step, send: &Send) -> Next {
    send.if_suppressed.unwrap_or(step.next)
}

/// A code of a generated coupon pool: eight characters that are hard to confuse, the same for the same
/// message however often it is rendered.
fn coupon_code(workspace: &str, pool: &str, message: MessageId) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let hash = stable_hash(&[
        b"coupon",
        workspace.as_bytes(),
        pool.as_bytes(),
        message.to_string().as_bytes(),
    ]);
    (0..8).map(|place| char::from(ALPHABET[(hash >> (5 * place)) as usize & 31])).collect()
}
