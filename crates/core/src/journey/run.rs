//! One input through one contact: the state the engine carries while it works.
//!
//! `advance.rs` says what an input means, `enter.rs` how people get in and out, `step/` what each step does;
//! they all work on a [`Run`]. Must never outlive the input.

use crate::condition::JsonPath;
use crate::contact::{Contact, Enrollment, EntryRead, Position};
use crate::decision::{Decision, Reason, What};
use crate::evaluate::{Question, attribute};
use crate::ids::{EnrollmentId, MessageId};
use crate::journey::advance::AdvanceError;
use crate::journey::effects::Effects;
use crate::journey::engine::Engine;
use crate::journey::program::{Expr, Journey, Next};
use crate::journey::scope::Scope;
use crate::limits;
use crate::time::Timestamp;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

/// What an input sets off inside the contact, one thing after the other.
#[derive(Debug)]
pub(crate) enum Occurrence {
    /// An event.
    Event {
        name: String,
        properties: Value,
        at: Timestamp,
        /// It is in the windows already.
        counted: bool,
    },
    /// Something happened to a message: its enrollment may wait for that.
    Engagement { message: MessageId },
    /// A step enrolls the contact into another journey.
    Enroll { journey: String, from: String, properties: Value },
}

/// Where a step leaves its enrollment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// It goes on.
    Go(Next),
    /// It waits on this step.
    Stay,
    /// It has ended.
    Ended,
}

/// The work on one input.
pub(crate) struct Run<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) contact: &'a mut Contact,
    pub(crate) now: Timestamp,
    /// When the input came: behind `now` while the contact's clock is ahead.
    pub(crate) arrived: Timestamp,
    pub(crate) next_enrollment: &'a mut u64,
    pub(crate) out: Effects,
    pub(crate) queue: VecDeque<Occurrence>,
    /// Whether decisions that change nothing are wanted.
    pub(crate) explain: bool,
    /// The entry event read last.
    pub(crate) entry_event: RefCell<EntryRead>,
    /// Steps run for this input.
    pub(crate) steps_run: u32,
    /// Occurrences handled for this input.
    pub(crate) occurrences: usize,
}

impl<'a> Run<'a> {
    /// The work on an input of a contact at `now`, or at the contact's own clock when that is ahead.
    pub(crate) fn new(
        engine: &'a Engine,
        contact: &'a mut Contact,
        now: Timestamp,
        next_enrollment: &'a mut u64,
        explain: bool,
    ) -> Run<'a> {
        let (arrived, now) = (now, now.max(contact.state.clock));
        contact.state.clock = now;
        let entry_event = RefCell::new(std::mem::take(&mut contact.state.entry_read));
        Run {
            engine,
            contact,
            now,
            arrived,
            next_enrollment,
            out: Effects::default(),
            queue: VecDeque::new(),
            explain,
            entry_event,
            steps_run: 0,
            occurrences: 0,
        }
    }
}

impl Run<'_> {
    /// Asks about the contact as it is now.
    pub(crate) fn question<'b>(&'b self, properties: Option<&'b Value>) -> Question<'b> {
        Question { program: &self.engine.program, contact: self.contact, properties, now: self.now }
    }

    /// The active enrollment of that id.
    pub(crate) fn enrollment(&self, id: EnrollmentId) -> Option<&Enrollment> {
        self.contact.state.enrollment(id)
    }

    pub(crate) fn enrollment_mut(&mut self, id: EnrollmentId) -> Option<&mut Enrollment> {
        self.contact.state.enrollments.iter_mut().find(|enrollment| enrollment.id == id)
    }

    /// The journey version an enrollment is in.
    pub(crate) fn journey_of(&self, id: EnrollmentId) -> Option<Arc<Journey>> {
        let enrollment = self.enrollment(id)?;
        self.engine.program.journeys.get(&(enrollment.journey, enrollment.version)).cloned()
    }

    /// Ids of the active enrollments, in order of entry: a list of its own, since handling one changes them.
    pub(crate) fn active_ids(&self) -> Vec<EnrollmentId> {
        self.contact.state.enrollments.iter().map(|enrollment| enrollment.id).collect()
    }

    /// The properties of the entry event, read once per turn.
    pub(crate) fn entry_event(&self, id: EnrollmentId) -> Arc<Value> {
        let mut known = self.entry_event.borrow_mut();
        if let Some((_, event)) = known.0.as_ref().filter(|(of, _)| *of == id) {
            return Arc::clone(event);
        }
        let text = self.enrollment(id).map(|enrollment| enrollment.event.as_str());
        let event = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
        let event = Arc::new(event);
        known.0 = Some((id, Arc::clone(&event)));
        event
    }

    /// The entry event of an enrollment was replaced.
    pub(crate) fn forget_entry_event(&self) {
        self.entry_event.replace(EntryRead::default());
    }

    /// Sets what an enrollment waits for.
    pub(crate) fn stay(&mut self, id: EnrollmentId, position: Position) -> Flow {
        // An instant beyond the years we handle would be taken for "never".
        let last = Timestamp(Timestamp::MAX.0 - 1);
        let position = match position {
            Position::Waiting { until } => Position::Waiting { until: until.min(last) },
            Position::Awaiting { until } => Position::Awaiting { until: until.min(last) },
            Position::Calling { until } => Position::Calling { until: until.min(last) },
            other => other,
        };
        if let Some(enrollment) = self.enrollment_mut(id) {
            enrollment.position = position;
        }
        Flow::Stay
    }

    /// The message that the enrollment's current step visit intends.
    pub(crate) fn current_message(enrollment: &Enrollment) -> MessageId {
        MessageId { enrollment: enrollment.id, step: enrollment.step, visit: enrollment.visits }
    }

    /// A decision about an enrollment at its current step, stored.
    pub(crate) fn decide(&mut self, id: EnrollmentId, what: What, reason: Reason) -> &mut Decision {
        let decision = match self.enrollment(id) {
            Some(enrollment) => Decision {
                at: self.now,
                what,
                reason,
                journey: Some(enrollment.journey),
                version: enrollment.version,
                enrollment: Some(id),
                step: Some(enrollment.step),
                variant: enrollment.variant.clone(),
                message: None,
                until: None,
                detail: String::new(),
            },
            None => self.about_contact(what, reason),
        };
        self.push(decision)
    }

    /// A decision about the contact itself.
    pub(crate) fn about_contact(&self, what: What, reason: Reason) -> Decision {
        Decision {
            at: self.now,
            what,
            reason,
            journey: None,
            version: 0,
            enrollment: None,
            step: None,
            variant: String::new(),
            message: None,
            until: None,
            detail: String::new(),
        }
    }

    pub(crate) fn push(&mut self, decision: Decision) -> &mut Decision {
        self.out.decisions.push(decision);
        let last = self.out.decisions.len() - 1;
        &mut self.out.decisions[last]
    }

    /// Everything a text or an expression of this enrollment may refer to.
    pub(crate) fn scope(&self, id: EnrollmentId) -> Scope<'_> {
        let slug = self.journey_of(id).map(|journey| journey.slug.clone()).unwrap_or_default();
        Scope::new(self.engine, self.contact, self.entry_event(id), &slug)
    }

    /// The value of an expression; `None`: missing, or its template failed.
    pub(crate) fn value(&self, id: EnrollmentId, expr: &Expr) -> Option<Value> {
        match expr {
            Expr::Literal(value) => (!value.is_null()).then(|| value.clone()),
            Expr::Path(path) => self.path(id, path),
            Expr::Template(template) => {
                self.scope(id).render_lenient(template, self.now).ok().map(Value::String)
            }
        }
    }

    /// What stands at `event.…`, `contact.…` or `workspace.…`.
    fn path(&self, id: EnrollmentId, path: &JsonPath) -> Option<Value> {
        let (root, rest) = path.0.split_first()?;
        match root.as_str() {
            "event" => JsonPath::find_parts(rest, &self.entry_event(id)).cloned(),
            "contact" => {
                attribute(self.contact, &JsonPath(rest.to_vec())).map(std::borrow::Cow::into_owned)
            }
            _ => self.scope(id).find(path),
        }
    }

    /// The instant an expression names.
    pub(crate) fn instant(&self, id: EnrollmentId, expr: &Expr) -> Option<Timestamp> {
        let value = self.value(id, expr)?;
        // Most instants say their zone themselves, and looking one up costs more than reading them.
        if let Some(at) = value.as_str().and_then(|text| Timestamp::parse(text.trim()).ok()) {
            return Some(at);
        }
        let zone = self.contact.zone_or(&self.engine.program.settings.zone);
        crate::value::instant_of(&value, &zone)
    }

    /// Counts what is taken for this input.
    pub(crate) fn occurred(&mut self) -> Result<(), AdvanceError> {
        self.occurrences += 1;
        if self.occurrences > limits::CASCADE_MAX { Err(AdvanceError::Cascade) } else { Ok(()) }
    }

    /// Takes an enrollment from `next` on until it waits or ends.
    ///
    /// # Errors
    /// When it runs more steps at one instant than any sane journey does.
    pub(crate) fn go(&mut self, id: EnrollmentId, next: Next) -> Result<(), AdvanceError> {
        let mut next = next;
        // It has left what it waited for; ending on the way gives up nothing a second time.
        self.stay(id, Position::Moving);
        loop {
            let index = match next {
                Next::End => {
                    self.end(id, Reason::Completed, "completed");
                    return Ok(());
                }
                Next::Step(index) => index,
            };
            self.steps_run += 1;
            if self.steps_run > limits::STEPS_PER_INSTANT_MAX {
                return Err(AdvanceError::TooManySteps { enrollment: id });
            }
            match self.reach(id, index)? {
                Flow::Go(then) => next = then,
                Flow::Stay | Flow::Ended => return Ok(()),
            }
        }
    }

    /// Puts an enrollment on a step and does what the step does.
    fn reach(&mut self, id: EnrollmentId, index: u16) -> Result<Flow, AdvanceError> {
        let now = self.now;
        let Some(enrollment) = self.enrollment_mut(id) else { return Ok(Flow::Ended) };
        enrollment.step = index;
        enrollment.visits += 1;
        enrollment.reached_at = now;
        enrollment.position = Position::Moving;
        let visits = enrollment.visits;
        let journey = self.journey_of(id);
        let Some(journey) = journey.filter(|journey| usize::from(index) < journey.steps.len())
        else {
            self.end(id, Reason::DefinitionGone, "definition_gone");
            return Ok(Flow::Ended);
        };
        if visits > limits::VISITS_MAX {
            self.end(id, Reason::LimitReached, "limit_reached");
            return Ok(Flow::Ended);
        }
        self.do_step(id, &journey, index)
    }
}
