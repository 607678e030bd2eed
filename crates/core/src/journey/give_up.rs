//! What cannot be carried on is given up: the enrollment that fails ends, so that the person, and everybody
//! behind them in the queue, goes on.
//!
//! Must never be asked for before the input has failed, and must never fail itself.

use crate::contact::Contact;
use crate::decision::Reason;
use crate::event::{Input, InputKind};
use crate::ids::EnrollmentId;
use crate::journey::advance::AdvanceError;
use crate::journey::effects::Effects;
use crate::journey::engine::Engine;
use crate::journey::run::Run;
use crate::time::Timestamp;

/// Name of the exit of an enrollment that was given up.
const EXIT: &str = "failed";

/// Handles an input that failed once more, by itself: a timer only for what is due first, anything else without
/// what was due before it. So what does not fail goes on in small steps.
///
/// # Errors
/// As `advance`; the contact is in no usable state then.
pub fn narrowly(
    engine: &Engine,
    contact: &mut Contact,
    input: &Input,
    now: Timestamp,
    next_enrollment: &mut u64,
) -> Result<Effects, AdvanceError> {
    let mut run = Run::new(engine, contact, now, next_enrollment, false);
    match &input.kind {
        InputKind::Timer => run.fire_first()?,
        kind => run.handle(kind, input.at.min(now))?,
    }
    run.drain()?;
    run.settle()?;
    Ok(run.out)
}

/// Ends the enrollment an input of our own was for, and notes what became of its message. Inputs from outside
/// are for no enrollment: of them only a revocation is kept, which its sender and its person rely on.
pub fn give_up(
    engine: &Engine,
    contact: &mut Contact,
    input: &Input,
    now: Timestamp,
    next_enrollment: &mut u64,
) -> Effects {
    let mut run = Run::new(engine, contact, now, next_enrollment, false);
    let id = match &input.kind {
        InputKind::Timer => match run.contact.state.wake() {
            Some((due, id)) if due <= run.now => id,
            _ => return run.out,
        },
        InputKind::HandOut { message, .. } => {
            run.give_up_message(message);
            return run.out;
        }
        InputKind::Answered { message, .. } => message.id.enrollment,
        InputKind::CallAnswered { call, .. } => call.enrollment,
        kind => {
            let at = input.at.min(run.now);
            run.keep_revocation(kind, at);
            return run.out;
        }
    };
    if id == EnrollmentId(0) {
        let now = run.now;
        run.contact.state.recheck_at = None;
        run.contact.state.dates.retain(|date| date.due > now);
        return run.out;
    }
    run.end(id, Reason::LimitReached, EXIT);
    if let InputKind::Answered { message, outcome } = &input.kind {
        // Nobody waits for it any more, so this only notes the outcome.
        let noted = run.answered(message, outcome);
        debug_assert!(noted.is_ok(), "an outcome that nobody waits for leads to nothing");
    }
    run.out
}
