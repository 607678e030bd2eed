//! What an input means to a contact: the one function through which everything passes.
//!
//! `advance(engine, contact, input, now)` changes the contact and returns the effects; the caller commits both
//! or neither. Must never be called with a contact whose windows were not filled for this program.

use crate::carrier::ErrorClass;
use crate::condition::Engagement;
use crate::consent::ConsentState;
use crate::contact::{Contact, Position};
use crate::decision::Reason;
use crate::event::{Input, InputKind};
use crate::ids::EnrollmentId;
use crate::journey::effects::Effects;
use crate::journey::engine::{Engine, source_filter};
use crate::journey::program::{Awaited, OnceEnded, Trigger};
use crate::journey::run::{Occurrence, Run};
use crate::limits;
use crate::time::Timestamp;
use crate::window::Window;
use serde_json::{Map, Value};

/// Why an input cannot be handled. The contact must then be left as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdvanceError {
    /// A journey runs in a circle at one instant.
    #[error(
        "enrollment {enrollment} ran more than {} steps at one instant; give its journey a wait and publish it again",
        limits::STEPS_PER_INSTANT_MAX
    )]
    TooManySteps {
        /// Which.
        enrollment: EnrollmentId,
    },
    /// Events that emit events that emit events.
    #[error(
        "one input led to more than {} events; find the journeys that emit or enroll in a circle",
        limits::CASCADE_MAX
    )]
    Cascade,
    /// More attributes than a contact may have.
    #[error(
        "the contact would have more than {} attributes or {} bytes of them; send fewer or shorter ones",
        limits::ATTRIBUTES_MAX,
        limits::ATTRIBUTES_BYTES_MAX
    )]
    TooManyAttributes,
}

/// Handles one input of one contact at `now`, and whatever was due for it before the input happened.
///
/// `next_enrollment` is the next free enrollment id; it is counted up for each new one. On an error the
/// contact is in no usable state: throw it away and load it again.
///
/// # Errors
/// When the input goes beyond a limit that no sane one does; see [`AdvanceError`].
pub fn advance(
    engine: &Engine,
    contact: &mut Contact,
    input: &Input,
    now: Timestamp,
    next_enrollment: &mut u64,
) -> Result<Effects, AdvanceError> {
    run(engine, contact, input, now, next_enrollment, false)
}

/// As [`advance`]; with `explain` also the decisions that change nothing.
pub(super) fn run(
    engine: &Engine,
    contact: &mut Contact,
    input: &Input,
    now: Timestamp,
    next_enrollment: &mut u64,
    explain: bool,
) -> Result<Effects, AdvanceError> {
    let only_a_receipt = is_only_a_receipt(engine, contact, input, now.max(contact.state.clock));
    let mut run = Run::new(engine, contact, now, next_enrollment, explain);
    let now = run.now;
    if run.contact.state.definitions != engine.fingerprint {
        run.contact.state.definitions = engine.fingerprint;
        run.learn_memberships();
        run.learn_dates();
    }
    match &input.kind {
        InputKind::Timer => {
            run.fire_due(None)?;
            run.try_resumed()?;
        }
        kind => {
            // What was due before this happened comes first; what is due at this very instant comes after.
            run.fire_due(Some(input.at.min(now)))?;
            run.handle(kind, input.at.min(now))?;
        }
    }
    run.drain()?;
    run.settle()?;
    run.out.state_untouched = only_a_receipt;
    run.contact.state.entry_read = run.entry_event.into_inner();
    Ok(run.out)
}

/// Whether the input is a receipt that nothing in the contact's state can take notice of.
fn is_only_a_receipt(engine: &Engine, contact: &Contact, input: &Input, now: Timestamp) -> bool {
    let InputKind::Receipt { message, error, .. } = &input.kind else { return false };
    let suppresses = error.as_ref().is_some_and(|error| error.class == ErrorClass::Suppress);
    // One that waits to be sent again counts for caps when it was sent after all.
    !suppresses
        && !message.state.waits()
        && contact.state.enrollment(message.id.enrollment).is_none()
        && !contact.state.auto_replies.iter().any(|mark| mark.message == message.id)
        && engine.message_windows.is_empty()
        && !engine.is_continuous()
        && contact.state.wake().is_none_or(|(due, _)| due >= now)
}

impl Run<'_> {
    pub(crate) fn handle(&mut self, kind: &InputKind, at: Timestamp) -> Result<(), AdvanceError> {
        match kind {
            InputKind::Identify { traits } => self.identify(traits),
            InputKind::Track { event, properties } => {
                self.count_hour(at);
                self.occurred()?;
                self.event(event, properties, at, false)
            }
            InputKind::Consent { channel, topic, state, source } => {
                let reason = match state {
                    ConsentState::OptedOut => Reason::OptedOut,
                    _ => Reason::Recorded,
                };
                self.set_consent(*channel, topic.clone(), *state, reason, source, at)
            }
            InputKind::Inbound { text, muted, reply_from, .. } => {
                self.inbound(text, *muted, reply_from, at)
            }
            InputKind::Clicked { message } => {
                self.count_hour(at);
                self.clicked(message, at);
                Ok(())
            }
            InputKind::Receipt { message, status, error, gateway_ref } => {
                let told = crate::journey::step::outcome::Told {
                    status: *status,
                    error: error.as_ref(),
                    gateway_ref,
                };
                self.receipt(message, told, at)
            }
            InputKind::HandOut { message, run, via } => self.hand_out(message, *run, via),
            InputKind::Answered { message, outcome } => self.answered(message, outcome),
            InputKind::CallAnswered { call, answer } => self.call_answered(*call, answer),
            InputKind::Enroll { journey, key, properties } => {
                self.enroll_by_api(journey, key, properties)
            }
            InputKind::Scheduled { journey } => self.scheduled(journey),
            InputKind::Timer => Ok(()),
        }
    }

    /// Fires what is due: before `before` (excluded), or until now (included) when it is `None`; in the order
    /// of (due, enrollment).
    fn fire_due(&mut self, before: Option<Timestamp>) -> Result<(), AdvanceError> {
        let is_due = |due: Timestamp, now: Timestamp| match before {
            Some(before) => due < before,
            None => due <= now,
        };
        loop {
            let Some((due, id)) =
                self.contact.state.wake().filter(|(due, _)| is_due(*due, self.now))
            else {
                return Ok(());
            };
            self.steps_run += 1;
            if self.steps_run > limits::STEPS_PER_INSTANT_MAX {
                return Err(AdvanceError::TooManySteps { enrollment: id });
            }
            self.fire(due, id)?;
        }
    }

    fn fire(&mut self, due: Timestamp, id: EnrollmentId) -> Result<(), AdvanceError> {
        if id == EnrollmentId(0) {
            self.contact_due(due)?;
        } else {
            self.enrollment_due(id)?;
        }
        self.drain()
    }

    /// Fires what is due first, and nothing else.
    pub(crate) fn fire_first(&mut self) -> Result<(), AdvanceError> {
        match self.contact.state.wake().filter(|(due, _)| *due <= self.now) {
            Some((due, id)) => self.fire(due, id),
            None => Ok(()),
        }
    }

    /// A date of the contact has come, or a condition may have changed.
    fn contact_due(&mut self, due: Timestamp) -> Result<(), AdvanceError> {
        if self.contact.state.recheck_at.is_some_and(|at| at <= due) {
            self.contact.state.recheck_at = None;
            return self.settle();
        }
        self.date_due(due)
    }

    /// Takes the things set off one after the other, each whole.
    pub(crate) fn drain(&mut self) -> Result<(), AdvanceError> {
        while let Some(occurrence) = self.queue.pop_front() {
            self.occurred()?;
            match occurrence {
                Occurrence::Event { name, properties, at, counted } => {
                    self.event(&name, &properties, at, counted)?;
                }
                Occurrence::Engagement { message } => self.wake_awaiting_engagement(message)?,
                Occurrence::Enroll { journey, from, properties } => {
                    self.enroll_by_journey(&journey, &from, &properties)?;
                }
            }
        }
        Ok(())
    }

    /// An event: counted, then goals, exits, waits, entries, in this order. What an event sets in motion
    /// (a next wait, a new enrollment) does not see the event again.
    fn event(
        &mut self,
        name: &str,
        properties: &Value,
        at: Timestamp,
        counted: bool,
    ) -> Result<(), AdvanceError> {
        if !counted {
            self.count_event(name, properties, at);
        }
        let before = self.active_ids();
        let reached = self.goals(name, properties, at);
        for id in &before {
            self.exit_on_event(*id, name, properties);
        }
        for id in reached {
            self.end(id, Reason::GoalReached, "goal");
        }
        for id in before {
            self.wake_awaiting_event(id, name, properties)?;
        }
        self.enter_on_event(name, properties)
    }

    pub(super) fn count_event(&mut self, name: &str, properties: &Value, at: Timestamp) {
        let engine = self.engine;
        let Some(keys) = engine.event_windows.get(name) else { return };
        for key in keys {
            let Some(plan) = engine.program.windows.get(key) else { continue };
            if self.question(Some(properties)).holds(source_filter(&plan.source)) {
                let found = plan.value.as_ref().and_then(|path| path.find(properties));
                let value = found.and_then(crate::value::number_of);
                self.record(*key, at, value);
            }
        }
    }

    pub(super) fn count_engagement(
        &mut self,
        journey: &str,
        step: &str,
        was: Engagement,
        at: Timestamp,
    ) {
        let engine = self.engine;
        let Some(keys) = engine.message_windows.get(&was) else { return };
        for key in keys {
            let Some(plan) = engine.program.windows.get(key) else { continue };
            if source_counts(&plan.source, journey, step) {
                self.record(*key, at, None);
            }
        }
    }

    fn record(&mut self, key: crate::condition::WindowKey, at: Timestamp, value: Option<f64>) {
        let Some(plan) = self.engine.program.windows.get(&key) else { return };
        let windows = &mut self.contact.state.windows;
        let place = match windows.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(place) => place,
            Err(place) => {
                windows.insert(place, (key, Window::default()));
                place
            }
        };
        windows[place].1.record(plan, at, value, self.now);
    }

    fn exit_on_event(&mut self, id: EnrollmentId, name: &str, properties: &Value) {
        let Some(journey) = self.journey_of(id) else { return };
        let matched = journey.exits.iter().find(|exit| match &exit.trigger {
            Trigger::Event { event, filter } => {
                event == name && self.question(Some(properties)).holds(filter.as_ref())
            }
            Trigger::Condition(_) => false,
        });
        if let Some(exit) = matched {
            self.end(id, Reason::ExitMatched, &exit.name);
        }
    }

    /// Looks at every condition that something waits for, until nothing changes any more, and notes when the
    /// next answer may change by itself.
    pub(crate) fn settle(&mut self) -> Result<(), AdvanceError> {
        self.forget_what_no_longer_matters();
        if !self.engine.is_continuous() {
            return Ok(());
        }
        for _ in 0..limits::CASCADE_MAX {
            let (changed, until) = self.settle_once()?;
            self.contact.state.recheck_at = until;
            if !changed {
                return Ok(());
            }
            self.drain()?;
        }
        Err(AdvanceError::Cascade)
    }

    fn settle_once(&mut self) -> Result<(bool, Option<Timestamp>), AdvanceError> {
        let (mut changed, mut until) = self.settle_memberships()?;
        for id in self.active_ids() {
            let Some(journey) = self.journey_of(id) else { continue };
            for exit in &journey.exits {
                let Trigger::Condition(condition) = &exit.trigger else { continue };
                let event = self.entry_event(id);
                let answer = self.question(Some(&event)).ask(condition);
                until = crate::evaluate::earliest(until, answer.until);
                if answer.holds && self.enrollment(id).is_some() {
                    self.end(id, Reason::ExitMatched, &exit.name);
                    changed = true;
                }
            }
            let Some(wait) = self.awaiting(id, &journey) else { continue };
            for (awaited, next) in &wait.first {
                let Awaited::Condition(condition) = awaited else { continue };
                let event = self.entry_event(id);
                let answer = self.question(Some(&event)).ask(condition);
                until = crate::evaluate::earliest(until, answer.until);
                if answer.holds {
                    self.leave_step(id, Reason::AwaitedHappened);
                    self.go(id, *next)?;
                    changed = true;
                    break;
                }
            }
        }
        // An answer that may change at once is asked again at the next millisecond, not for ever.
        let until = until.map(|until| until.max(Timestamp(self.now.0 + 1)));
        Ok((changed, until))
    }

    /// Old sends, goals that cannot be reached any more: gone once nothing can ask for them.
    fn forget_what_no_longer_matters(&mut self) {
        let now = self.now;
        let horizon = crate::policy::may_send::sends_horizon(&self.engine.program.settings);
        let state = &mut self.contact.state;
        // A few stay for caps that do not exist yet.
        let mut later = state.sends.len();
        state.sends.retain(|mark| {
            later -= 1;
            let few = later < limits::SENDS_REMEMBERED_MAX;
            mark.at > now - horizon || (few && mark.at > now - limits::SENDS_REMEMBERED)
        });
        state.goals.retain(|goal| goal.until >= now);
        if state.ended.len() > ENDED_KEYS_SWEPT {
            self.forget_ended();
        }
        self.forget_auto_replies();
    }

    /// Of journeys that may be entered again by now, one ended enrollment is enough to know of.
    fn forget_ended(&mut self) {
        let (now, program) = (self.now, &self.engine.program);
        let mut seen = std::collections::BTreeSet::new();
        self.contact.state.ended.retain(|ended| {
            let journey = program.live_version(ended.journey);
            match journey.map(|journey| journey.once_ended) {
                Some(OnceEnded::After(span)) if ended.at + span <= now => {
                    seen.insert(ended.journey)
                }
                _ => true,
            }
        });
    }

    fn identify(&mut self, traits: &Map<String, Value>) -> Result<(), AdvanceError> {
        let country = self.engine.program.settings.country.clone();
        self.contact.profile.merge(traits, &country)?;
        self.profile_changed()
    }

    /// Dates may have come, and a message that was held for a value may have it now.
    pub(crate) fn profile_changed(&mut self) -> Result<(), AdvanceError> {
        self.out.profile_changed = true;
        self.learn_dates();
        for id in self.active_ids() {
            let held = self.enrollment(id).map(|enrollment| enrollment.position);
            if matches!(held, Some(Position::Holding { reason: Reason::ValueMissing, .. })) {
                self.try_held(id)?;
            }
        }
        Ok(())
    }

    /// One more input of the person in this hour of the day, while a journey asks for the best time.
    pub(super) fn count_hour(&mut self, at: Timestamp) {
        if !self.engine.wants_hours {
            return;
        }
        let hours = &mut self.contact.state.hours;
        hours.resize(24, 0);
        let hour = at.0.div_euclid(3_600_000).rem_euclid(24) as usize;
        hours[hour] = hours[hour].saturating_add(1);
    }
}

/// Ended pairs beyond which those that decide nothing any more are forgotten.
const ENDED_KEYS_SWEPT: usize = limits::ENDED_KEYS_MAX / 8;

fn source_counts(source: &crate::condition::WindowSource, journey: &str, step: &str) -> bool {
    match source {
        crate::condition::WindowSource::Message { journey: of, step: at, .. } => {
            of.as_deref().is_none_or(|of| of == journey)
                && at.as_deref().is_none_or(|at| at == step)
        }
        crate::condition::WindowSource::Event { .. } => false,
    }
}
