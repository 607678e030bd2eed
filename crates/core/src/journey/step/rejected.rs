//! What follows when a carrier says no: again later, by another route, tomorrow, or never.
//!
//! Decided by the class of the error alone ([`ErrorClass`]). Must never repeat what may have been taken: a
//! rejection says that it surely was not.

use super::outcome::Again;
use crate::carrier::{CarrierError, ErrorClass};
use crate::consent::{Channel, ConsentState};
use crate::decision::Reason;
use crate::event::SubmitOutcome;
use crate::ids::stable_hash;
use crate::journey::advance::AdvanceError;
use crate::journey::run::Run;
use crate::keyword::AutoReply;
use crate::limits;
use crate::message::Message;
use crate::policy::{rates, route};
use crate::time::Span;

impl Run<'_> {
    /// A gateway surely did not take a message, and said why.
    pub(super) fn rejected(
        &mut self,
        message: &Message,
        error: &CarrierError,
        retry_after: Option<Span>,
    ) -> Result<(), AdvanceError> {
        let said = Some(error.line());
        match error.class {
            ErrorClass::Suppress => {
                self.number_refused(message, error)?;
                self.fail(message, error)
            }
            ErrorClass::BadRequest => self.fail(message, error),
            ErrorClass::RetryOnce if message.attempts_that_count() > 1 => self.fail(message, error),
            ErrorClass::Retry | ErrorClass::RetryOnce => {
                let wait = retry_after.unwrap_or_else(|| backoff(message));
                let reason = Reason::GatewayUnavailable;
                let due = self.now + wait;
                self.again(message, Again { due, reason, counts: true, error: said, tried: None })
            }
            ErrorClass::Throttle => {
                // Those asked to slow down together do not come back together.
                let due = self.now
                    + retry_after.unwrap_or(limits::THROTTLED_WAIT)
                    + part_of(limits::THROTTLED_WAIT, message);
                let reason = Reason::RateLimited;
                self.again(message, Again { due, reason, counts: false, error: said, tried: None })
            }
            ErrorClass::NextDay => {
                let due = rates::carrier_day(self.now).1 + part_of(Span::minutes(5), message);
                let reason = Reason::AllowanceUsed;
                self.again(message, Again { due, reason, counts: false, error: said, tried: None })
            }
            ErrorClass::StopRoute => {
                let settings = &self.engine.program.settings;
                let intended = self.engine.sender_of_step(message);
                let refused = message.tried.iter().chain([&message.gateway]);
                if route::candidates(settings, message, intended).without(refused).is_empty() {
                    return self.fail(message, error);
                }
                let (due, reason) = (self.now, Reason::RouteClosed);
                let tried = Some(message.gateway.clone());
                self.again(message, Again { due, reason, counts: true, error: said, tried })
            }
        }
    }

    /// Refused for good.
    fn fail(&mut self, message: &Message, error: &CarrierError) -> Result<(), AdvanceError> {
        let outcome = SubmitOutcome::Rejected { error: error.clone(), retry_after: None };
        self.record_answer(message, &outcome);
        self.leave_send(message)
    }

    /// The carrier says that this number must not or cannot be texted: as if the person had said stop, until they
    /// opt in again. Of the confirmation of a STOP that is nothing new; the person may have come back meanwhile.
    pub(super) fn number_refused(
        &mut self,
        message: &Message,
        error: &CarrierError,
    ) -> Result<(), AdvanceError> {
        if message.auto_reply() == Some(AutoReply::Stop) {
            return Ok(());
        }
        let (state, now) = (ConsentState::OptedOut, self.now);
        let detail = format!("carrier: {}", error.line());
        self.set_consent(Channel::Sms, None, state, Reason::NumberRefused, &detail, now)
    }
}

/// How long to wait before the next attempt: doubled each time, and up to half as much more, so that those that
/// failed together do not come back together.
fn backoff(message: &Message) -> Span {
    let doubled = message.attempts_that_count().saturating_sub(1).min(10);
    let wait = Span((limits::RETRY_WAIT_MIN.0 << doubled).min(limits::RETRY_WAIT_MAX.0));
    Span(wait.0 + part_of(Span(wait.0 / 2), message).0)
}

/// A share of a span that is the message's and the attempt's own.
fn part_of(span: Span, message: &Message) -> Span {
    let attempt = message.attempts.to_le_bytes();
    let hash = stable_hash(&[b"again", message.id.to_string().as_bytes(), &attempt]);
    Span(i64::try_from(hash % (span.0.unsigned_abs() + 1)).unwrap_or(0))
}
