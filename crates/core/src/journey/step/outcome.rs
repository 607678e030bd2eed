//! What becomes of a message that was handed out: answers, receipts, and messages taken back.
//!
//! Must never let a message go back from an end, nor count one twice.

use super::send::{send_step, suppressed};
use crate::carrier::{CarrierError, ErrorClass};
use crate::condition::Engagement;
use crate::consent::Channel;
use crate::contact::{Enrollment, LatestMessage, Position, SendMark, SentMark};
use crate::decision::{Decision, Reason, What};
use crate::event::{ReceiptStatus, SubmitOutcome};
use crate::ids::{EnrollmentId, MessageId};
use crate::journey::advance::AdvanceError;
use crate::journey::effects::MessageEffect;
use crate::journey::program::Next;
use crate::journey::run::{Occurrence, Run};
use crate::limits;
use crate::message::{Message, MessageChange, MessageState};
use crate::time::Timestamp;

/// How a message that was surely not taken goes back into the outbox.
pub(crate) struct Again {
    /// When it may be claimed again.
    pub(crate) due: Timestamp,
    /// Why it waits.
    pub(crate) reason: Reason,
    /// Whether this was one of its attempts: being asked to slow down is none.
    pub(crate) counts: bool,
    /// What the carrier said.
    pub(crate) error: Option<String>,
    /// The gateway that refused it, when another route is to take it.
    pub(crate) tried: Option<String>,
}

/// What a receipt tells.
pub(crate) struct Told<'r> {
    /// What became of the message.
    pub(crate) status: ReceiptStatus,
    /// Why it did not arrive.
    pub(crate) error: Option<&'r CarrierError>,
    /// The gateway's own id for it.
    pub(crate) gateway_ref: &'r Option<String>,
}

impl Run<'_> {
    /// The gateway's answer to a submit.
    pub(crate) fn answered(
        &mut self,
        message: &Message,
        outcome: &SubmitOutcome,
    ) -> Result<(), AdvanceError> {
        if message.state != MessageState::Submitting {
            self.name(message, outcome);
            return Ok(());
        }
        match outcome {
            SubmitOutcome::Retry { after, throttled } => {
                let (due, throttled) = (self.now + *after, *throttled);
                let reason =
                    if throttled { Reason::RateLimited } else { Reason::GatewayUnavailable };
                let again = Again { due, reason, counts: !throttled, error: None, tried: None };
                self.again(message, again)
            }
            SubmitOutcome::Rejected { error, retry_after } => {
                self.rejected(message, error, *retry_after)
            }
            _ => {
                self.record_answer(message, outcome);
                self.leave_send(message)
            }
        }
    }

    /// A receipt came before the answer: only the gateway's own id is new.
    fn name(&mut self, message: &Message, outcome: &SubmitOutcome) {
        let SubmitOutcome::Accepted { gateway_ref } = outcome else { return };
        if message.state == MessageState::Submitted && message.gateway_ref.is_none() {
            let change = MessageChange {
                gateway_ref: Some(gateway_ref.clone()),
                ..MessageChange::to(MessageState::Submitted, Reason::GatewayAccepted)
            };
            self.out.messages.push(MessageEffect::Change(message.id, Box::new(change)));
        }
    }

    /// Stores what a gateway said for good.
    pub(crate) fn record_answer(&mut self, message: &Message, outcome: &SubmitOutcome) {
        let (state, reason) = match outcome {
            SubmitOutcome::Accepted { .. } => (MessageState::Submitted, Reason::GatewayAccepted),
            SubmitOutcome::Refused { .. } | SubmitOutcome::Rejected { .. } => {
                (MessageState::Failed, Reason::GatewayRefused)
            }
            SubmitOutcome::Unknown => (MessageState::Unknown, Reason::AnswerLost),
            SubmitOutcome::Retry { .. } => return,
        };
        let error = match outcome {
            SubmitOutcome::Refused { error } => Some(error.clone()),
            SubmitOutcome::Rejected { error, .. } => Some(error.line()),
            _ => None,
        };
        let gateway_ref = match outcome {
            SubmitOutcome::Accepted { gateway_ref } => Some(gateway_ref.clone()),
            _ => None,
        };
        self.out.messages.push(MessageEffect::Change(
            message.id,
            Box::new(MessageChange { gateway_ref, error, ..MessageChange::to(state, reason) }),
        ));
        let what = match state {
            MessageState::Submitted => What::Sent,
            MessageState::Failed => What::Failed,
            _ => What::Unknown,
        };
        self.about_message(message, what, reason);
        if state == MessageState::Failed {
            self.uncount(message.id);
        }
        self.mark_sent(message, state == MessageState::Failed);
        match state {
            MessageState::Submitted => self.engage(message, Engagement::Sent, self.now),
            MessageState::Failed => self.engage(message, Engagement::Failed, self.now),
            // Whether it was sent a receipt may tell.
            _ => {}
        }
    }

    /// Ends the enrollment that waits for a message which cannot be handled; what is open of it goes.
    pub(crate) fn give_up_message(&mut self, message: &Message) {
        let id = message.id.enrollment;
        let waits = self.enrollment(id).is_some_and(|it| Run::current_message(it) == message.id);
        if waits {
            self.end(id, Reason::LimitReached, "failed");
        }
        let changed = |effect: &MessageEffect| matches!(effect, MessageEffect::Change(id, _) if *id == message.id);
        if message.state.is_open() && !self.out.messages.iter().any(changed) {
            self.change(message.id, MessageState::Dropped, Reason::LimitReached, None);
            self.about_message(message, What::Dropped, Reason::LimitReached);
            self.auto_reply_ended(message.id, false);
        }
    }

    /// Surely not taken: it goes back into the outbox, unless it was tried too often or would be too late.
    pub(super) fn again(&mut self, message: &Message, again: Again) -> Result<(), AdvanceError> {
        self.uncount(message.id);
        if let Some(word) = message.auto_reply() {
            self.auto_reply_again(word, message, again);
            return Ok(());
        }
        let id = message.id.enrollment;
        let waits = self.enrollment(id).is_some_and(|enrollment| {
            enrollment.position == Position::Submitting
                && Run::current_message(enrollment) == message.id
        });
        let sending = self.sending(id).filter(|_| waits);
        let Some((journey, index, _)) = sending else {
            // Its enrollment has left meanwhile: what may still be taken back is.
            self.change(message.id, MessageState::Dropped, Reason::ExitMatched, None);
            self.about_message(message, What::Dropped, Reason::ExitMatched);
            return Ok(());
        };
        let Some((step, send)) = send_step(&journey, index) else { return Ok(()) };
        let Again { due, reason, counts, error, tried } = again;
        let too_late = matches!(self.not_after(id, send), Ok(Some(end)) if due >= end);
        let objection = if too_late {
            Some(Reason::TooLate)
        } else if counts && message.attempts_that_count() >= limits::ATTEMPTS_MAX {
            Some(Reason::TooManyAttempts)
        } else {
            None
        };
        if let Some(reason) = objection {
            return self.drop_open(id, message.id, reason, suppressed(step, send));
        }
        let change = MessageChange {
            due_at: Some(due),
            error,
            tried,
            put_off: !counts,
            ..MessageChange::to(MessageState::Queued, reason)
        };
        self.out.messages.push(MessageEffect::Change(message.id, Box::new(change)));
        self.stay(id, Position::Queued);
        Ok(())
    }

    /// A message that was surely not sent does not count for caps.
    pub(super) fn uncount(&mut self, message: MessageId) {
        self.contact.state.sends.retain(|mark| mark.message != message);
    }

    /// A message that was thought not to be sent counts for caps from when it was handed out.
    fn count_again(&mut self, message: &Message) {
        let at = message.handed_out_at.unwrap_or(self.now);
        let mark = SendMark { at, purpose: message.purpose, message: message.id };
        let sends = &mut self.contact.state.sends;
        // Caps look for the oldest first.
        let place = sends.partition_point(|before| before.at <= at);
        sends.insert(place, mark);
    }

    fn mark_sent(&mut self, message: &Message, failed: bool) {
        if message.auto_reply().is_some() {
            // What people write next is no reply to it.
            return self.auto_reply_ended(message.id, !failed);
        }
        let at = message.handed_out_at.unwrap_or(self.now);
        if !failed {
            self.contact.state.latest = Some(LatestMessage {
                message: message.id,
                journey: message.journey,
                version: message.version,
                variant: message.variant.clone(),
            });
        }
        self.mark(message.id, at, true, failed);
    }

    /// What was not handed out has not arrived either.
    pub(super) fn mark_dropped(&mut self, message: MessageId) {
        self.mark(message, self.now, false, true);
    }

    fn mark(&mut self, message: MessageId, at: Timestamp, handed_out: bool, failed: bool) {
        let Some(enrollment) = self.enrollment_mut(message.enrollment) else { return };
        if enrollment.sent.len() >= limits::SENT_PER_ENROLLMENT_MAX {
            enrollment.sent.remove(0);
        }
        enrollment.sent.push(SentMark {
            step: message.step,
            visit: message.visit,
            at,
            handed_out,
            delivered: false,
            failed,
            clicked: false,
            reply: None,
        });
    }

    /// The enrollment that waited for the answer, or to send it again, goes on.
    pub(super) fn leave_send(&mut self, message: &Message) -> Result<(), AdvanceError> {
        let id = message.id.enrollment;
        let waits = self.enrollment(id).is_some_and(|enrollment| {
            let is_sending = matches!(
                enrollment.position,
                Position::Submitting | Position::Queued | Position::Holding { .. }
            );
            is_sending && Run::current_message(enrollment) == message.id
        });
        let Some((journey, index, _)) = self.sending(id).filter(|_| waits) else { return Ok(()) };
        let next = journey.steps.get(usize::from(index)).map_or(Next::End, |step| step.next);
        self.go(id, next)
    }

    /// A carrier says what became of a message. It may come before the gateway's answer.
    pub(crate) fn receipt(
        &mut self,
        message: &Message,
        told: Told<'_>,
        at: Timestamp,
    ) -> Result<(), AdvanceError> {
        let Told { status, error, gateway_ref } = told;
        let (state, what) = match status {
            ReceiptStatus::Accepted => (MessageState::Submitted, What::Sent),
            ReceiptStatus::Delivered => (MessageState::Delivered, What::Delivered),
            ReceiptStatus::Undelivered => (MessageState::Undelivered, What::Failed),
            ReceiptStatus::Expired => (MessageState::Expired, What::Failed),
            ReceiptStatus::Failed => (MessageState::Failed, What::Failed),
        };
        if message.state == state || !may_be_told(message, state) {
            return Ok(());
        }
        let change = MessageChange {
            error: error.map(CarrierError::line),
            gateway_ref: gateway_ref.clone().filter(|_| message.gateway_ref.is_none()),
            ..MessageChange::to(state, Reason::Receipt)
        };
        self.out.messages.push(MessageEffect::Change(message.id, Box::new(change)));
        if let Some(error) = error.filter(|error| error.class == ErrorClass::Suppress) {
            self.number_refused(message, error)?;
        }
        let waits_again = message.state.waits();
        if waits_again && message.auto_reply().is_none() {
            // It was sent after all: it counts again, and what waits to send it once more ends.
            self.count_again(message);
            self.released(message.id.enrollment, message.id, Reason::Receipt);
        }
        let was_open = message.state.is_open() || message.state == MessageState::Unknown;
        if was_open && !matches!(state, MessageState::Submitted | MessageState::Failed) {
            // What a carrier tried to deliver was sent, whether the gateway's answer came or not.
            self.about_message(message, What::Sent, Reason::Receipt);
            self.engage(message, Engagement::Sent, at);
        }
        self.about_message(message, what, Reason::Receipt);
        let early = message.state.is_open();
        if early {
            self.mark_sent(message, false);
        }
        let was = match what {
            What::Delivered => Engagement::Delivered,
            What::Failed => Engagement::Failed,
            _ => Engagement::Sent,
        };
        if let Some(mark) = self.mark_of(message.id) {
            mark.delivered |= was == Engagement::Delivered;
            mark.failed |= was == Engagement::Failed;
        }
        self.engage(message, was, at);
        if early { self.leave_send(message) } else { Ok(()) }
    }

    /// The mark of a message while its enrollment is active.
    pub(crate) fn mark_of(&mut self, message: MessageId) -> Option<&mut SentMark> {
        let enrollment: &mut Enrollment = self.enrollment_mut(message.enrollment)?;
        enrollment
            .sent
            .iter_mut()
            .find(|mark| mark.step == message.step && mark.visit == message.visit)
    }

    /// A decision about a message, whether its enrollment is still active or not.
    pub(crate) fn about_message(&mut self, message: &Message, what: What, reason: Reason) {
        if let Some(word) = message.auto_reply() {
            return self.about_auto_reply(word, message.id, what, reason);
        }
        let at = self.now;
        self.push(Decision {
            at,
            what,
            reason,
            journey: Some(message.journey),
            version: message.version,
            enrollment: Some(message.id.enrollment),
            step: Some(message.id.step),
            variant: message.variant.clone(),
            message: Some(message.id),
            until: None,
            detail: String::new(),
        });
    }

    /// Tells conditions and waits that something happened to a message.
    pub(crate) fn engage(&mut self, message: &Message, was: Engagement, at: Timestamp) {
        // Journeys ask what became of their own messages.
        if message.auto_reply().is_some() {
            return;
        }
        let program = &self.engine.program;
        let journey = program.journeys.get(&(message.journey, message.version));
        let journey = journey.map(|journey| journey.slug.clone()).unwrap_or_default();
        self.count_engagement(&journey, &message.step, was, at);
        self.queue.push_back(Occurrence::Engagement { message: message.id });
    }

    /// Takes back a message that was not handed over.
    pub(crate) fn withdraw(&mut self, id: EnrollmentId, message: MessageId, reason: Reason) {
        self.released(id, message, reason);
        self.change(message, MessageState::Withdrawn, reason, None);
        self.decide(id, What::Withdrawn, reason).message = Some(message);
    }

    /// Takes back everything that was not handed over: the person said stop.
    pub(crate) fn withdraw_all(&mut self, channel: Channel) -> Result<(), AdvanceError> {
        if channel != Channel::Sms {
            return Ok(());
        }
        for id in self.active_ids() {
            let position = self.enrollment(id).map(|enrollment| enrollment.position);
            if !matches!(position, Some(Position::Holding { .. } | Position::Queued)) {
                continue;
            }
            let Some((journey, index, message)) = self.sending(id) else { continue };
            let Some((step, send)) = send_step(&journey, index) else { continue };
            self.withdraw(id, message, Reason::Stopped);
            self.mark_dropped(message);
            let next = suppressed(step, send);
            self.go(id, next)?;
        }
        Ok(())
    }
}

/// Whether a receipt may say so of a message. One that waits must have been handed out before; that a carrier refused
/// it says no more than the answer did, and it is tried again.
fn may_be_told(message: &Message, state: MessageState) -> bool {
    let refused = state == MessageState::Failed;
    message.state.may_become(state)
        && (!message.state.waits() || (message.attempts > 0 && !refused))
}
