//! How people get into a journey, start again and get out.
//!
//! Must never let the same (journey, contact, key) be active twice unless the journey says `parallel`.

use crate::condition::JsonPath;
use crate::consent::{Channel, ConsentState};
use crate::contact::{Ended, Enrollment, GoalWatch, Position};
use crate::decision::{Decision, Reason, What};
use crate::evaluate::attribute;
use crate::ids::{EnrollmentId, stable_hash};
use crate::journey::advance::AdvanceError;
use crate::journey::effects::{CallEffect, EnrollmentFact};
use crate::journey::program::{Entry, Journey, Next, OnceEnded, WhileActive};
use crate::journey::run::Run;
use crate::limits;
use crate::policy::settings::ConsentMode;
use crate::time::Timestamp;
use serde_json::Value;
use std::sync::Arc;

impl Run<'_> {
    pub(crate) fn enter_on_event(
        &mut self,
        name: &str,
        properties: &Value,
    ) -> Result<(), AdvanceError> {
        let engine = self.engine;
        if self.explain {
            self.explain_other_entries(name);
        }
        for id in engine.entries.get(name).into_iter().flatten() {
            let Some(journey) = engine.program.live_version(*id).cloned() else { continue };
            let Entry::Event { filter, .. } = &journey.entry else { continue };
            if !self.question(Some(properties)).holds(filter.as_ref()) {
                self.consider(&journey, Reason::ConditionFalse);
                continue;
            }
            self.enter_keyed(&journey, properties, Reason::EntryMatched)?;
        }
        Ok(())
    }

    pub(crate) fn enter_on_keyword(
        &mut self,
        word: &str,
        at: Timestamp,
    ) -> Result<(), AdvanceError> {
        let engine = self.engine;
        // Texting a keyword is the person's own act. It is consent; where double opt-in is asked for, it is the
        // first half, and a revoked consent is asked for again.
        let state = match engine.program.settings.consent {
            ConsentMode::DoubleOptIn => ConsentState::Pending,
            ConsentMode::SingleOptIn | ConsentMode::Assumed => ConsentState::OptedIn,
        };
        if self.contact.state.consent(Channel::Sms, None) != Some(ConsentState::OptedIn) {
            self.set_consent(Channel::Sms, None, state, Reason::Keyword, word, at)?;
        }
        let properties = serde_json::json!({ "keyword": word });
        for id in engine.keyword_entries.get(word).into_iter().flatten() {
            if let Some(journey) = engine.program.live_version(*id).cloned() {
                self.enter_keyed(&journey, &properties, Reason::EntryMatched)?;
            }
        }
        Ok(())
    }

    pub(crate) fn enroll_by_api(
        &mut self,
        slug: &str,
        key: &str,
        properties: &Value,
    ) -> Result<(), AdvanceError> {
        match self.engine.program.live_by_slug(slug).cloned() {
            Some(journey) => self.enter(&journey, key.to_owned(), properties, Reason::EnteredByApi),
            None => {
                if let Some(retired) = self.engine.program.newest_by_slug(slug).cloned() {
                    self.consider(&retired, Reason::NotLive);
                }
                Ok(())
            }
        }
    }

    pub(crate) fn enroll_by_journey(
        &mut self,
        slug: &str,
        from: &str,
        properties: &Value,
    ) -> Result<(), AdvanceError> {
        let Some(journey) = self.engine.program.live_by_slug(slug).cloned() else { return Ok(()) };
        let admits = match &journey.entry {
            Entry::Journey { journey } => journey == from,
            _ => true,
        };
        if admits {
            self.enter_keyed(&journey, properties, Reason::EnteredByJourney)
        } else {
            Ok(())
        }
    }

    pub(crate) fn scheduled(&mut self, slug: &str) -> Result<(), AdvanceError> {
        let Some(journey) = self.engine.program.live_by_slug(slug).cloned() else { return Ok(()) };
        let Entry::Schedule { segment, .. } = &journey.entry else { return Ok(()) };
        let inside = match segment {
            Some(slug) => {
                let segment = self.engine.program.segments.get(slug);
                segment.is_some_and(|condition| self.question(None).ask(condition).holds)
            }
            None => true,
        };
        if !inside {
            self.consider(&journey, Reason::ConditionFalse);
            return Ok(());
        }
        self.enter_keyed(&journey, &Value::Null, Reason::EntryMatched)
    }

    /// Enters with the key the entry event names.
    pub(super) fn enter_keyed(
        &mut self,
        journey: &Arc<Journey>,
        properties: &Value,
        reason: Reason,
    ) -> Result<(), AdvanceError> {
        let key = match &journey.key {
            None => String::new(),
            Some(path) => match self.entry_key(path, properties) {
                Some(key) => key,
                None => {
                    self.consider(journey, Reason::KeyMissing);
                    return Ok(());
                }
            },
        };
        self.enter(journey, key, properties, reason)
    }

    /// The text at `event.…` or `contact.…`; `None`: missing, no text or number, or too long.
    fn entry_key(&self, path: &JsonPath, properties: &Value) -> Option<String> {
        let (root, rest) = path.0.split_first()?;
        let found = match root.as_str() {
            "contact" => {
                attribute(self.contact, &JsonPath(rest.to_vec())).map(std::borrow::Cow::into_owned)
            }
            _ => JsonPath::find_parts(rest, properties).cloned(),
        };
        let key = match found? {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(bool) => bool.to_string(),
            _ => return None,
        };
        (!key.is_empty() && key.chars().count() <= limits::KEY_CHARS_MAX).then_some(key)
    }

    fn enter(
        &mut self,
        journey: &Arc<Journey>,
        key: String,
        properties: &Value,
        reason: Reason,
    ) -> Result<(), AdvanceError> {
        let state = &self.contact.state;
        let active = state
            .enrollments
            .iter()
            .find(|enrollment| enrollment.journey == journey.id && enrollment.key == key)
            .map(|enrollment| enrollment.id);
        match (active, journey.while_active) {
            (Some(_), WhileActive::Ignore) => {
                self.consider(journey, Reason::AlreadyActive);
                return Ok(());
            }
            (Some(id), WhileActive::Restart) => return self.restart(id, journey, properties),
            _ => {}
        }
        if self.engine.program.paused.contains(&journey.id) {
            self.consider(journey, Reason::NotLive);
            return Ok(());
        }
        if active.is_none()
            && let Some(objection) = self.ended_objects(journey, &key)
        {
            self.consider(journey, objection);
            return Ok(());
        }
        if state.enrollments.len() >= limits::ACTIVE_ENROLLMENTS_MAX
            || (state.ended.len() >= limits::ENDED_KEYS_MAX
                && journey.once_ended != OnceEnded::Always)
            || state.goals.len() >= limits::GOALS_WATCHED_MAX
        {
            let decision = self.about_journey(journey, What::NotEntered, Reason::LimitReached);
            self.push(decision);
            return Ok(());
        }
        self.begin(journey, key, properties, reason)
    }

    /// Why an entry after an ended enrollment is refused, if it is.
    fn ended_objects(&self, journey: &Journey, key: &str) -> Option<Reason> {
        let hash = ended_key(journey.once_ended, key);
        let ended = &self.contact.state.ended;
        let last = ended.iter().find(|it| it.journey == journey.id && it.key == hash)?.at;
        match journey.once_ended {
            OnceEnded::Never => Some(Reason::AlreadyEnded),
            OnceEnded::Always => None,
            OnceEnded::After(span) => (self.now < last + span).then_some(Reason::EndedTooRecently),
        }
    }

    fn begin(
        &mut self,
        journey: &Arc<Journey>,
        key: String,
        properties: &Value,
        reason: Reason,
    ) -> Result<(), AdvanceError> {
        let id = EnrollmentId(*self.next_enrollment);
        *self.next_enrollment = self.next_enrollment.saturating_add(1);
        self.contact.state.enrollments.push(Enrollment {
            id,
            journey: journey.id,
            version: journey.version,
            key,
            entered_at: self.now,
            event: event_text(properties),
            visits: 0,
            step: 0,
            reached_at: self.now,
            position: Position::Moving,
            variant: String::new(),
            sent: Vec::new(),
            converted: false,
        });
        self.decide(id, What::Entered, reason).step = None;
        self.fact(id, None);
        self.go(id, first_step(journey))
    }

    fn restart(
        &mut self,
        id: EnrollmentId,
        journey: &Arc<Journey>,
        properties: &Value,
    ) -> Result<(), AdvanceError> {
        self.leave_position(id, Reason::RestartedByEntry);
        if let Some(enrollment) = self.enrollment_mut(id) {
            enrollment.begin_again(journey.version);
            enrollment.event = event_text(properties);
            enrollment.variant = String::new();
        }
        self.forget_entry_event();
        self.decide(id, What::Restarted, Reason::RestartedByEntry).step = None;
        self.fact(id, None);
        self.go(id, first_step(journey))
    }

    /// Ends an enrollment: what it waited for is given up, its message withdrawn.
    pub(crate) fn end(&mut self, id: EnrollmentId, reason: Reason, exit: &str) {
        if self.enrollment(id).is_none() {
            return;
        }
        self.leave_position(id, reason);
        self.decide(id, What::Exited, reason).detail = exit.to_owned();
        self.fact(id, Some((self.now, exit.to_owned())));
        let enrollments = &mut self.contact.state.enrollments;
        let Some(place) = enrollments.iter().position(|it| it.id == id) else { return };
        let enrollment = enrollments.remove(place);
        let program = &self.engine.program;
        if let Some(journey) = program.journeys.get(&(enrollment.journey, enrollment.version)) {
            self.remember_end(journey, &enrollment);
        }
    }

    fn remember_end(&mut self, journey: &Journey, enrollment: &Enrollment) {
        let (now, key) = (self.now, ended_key(journey.once_ended, &enrollment.key));
        let ended = &mut self.contact.state.ended;
        match ended.iter_mut().find(|it| it.journey == journey.id && it.key == key) {
            Some(found) => found.at = now,
            None => ended.push(Ended { journey: journey.id, key, at: now }),
        }
        let Some(goal) = journey.goal.as_ref().filter(|_| !enrollment.converted) else { return };
        let last = enrollment.last_sent();
        let from = last.map_or(enrollment.entered_at, |mark| mark.at);
        if from + goal.within >= now {
            self.contact.state.goals.push(GoalWatch {
                enrollment: enrollment.id,
                journey: journey.id,
                version: journey.version,
                variant: enrollment.variant.clone(),
                step: last.map(|mark| mark.step),
                from,
                until: from + goal.within,
            });
        }
    }

    /// Gives up what the enrollment waits for on its step.
    pub(crate) fn leave_position(&mut self, id: EnrollmentId, reason: Reason) {
        let Some(enrollment) = self.enrollment(id) else { return };
        let message = Run::current_message(enrollment);
        match enrollment.position {
            Position::Waiting { .. } | Position::Awaiting { .. } => self.leave_step(id, reason),
            Position::Holding { .. } | Position::Queued => self.withdraw(id, message, reason),
            // A call is called, then answered, or left for good.
            Position::Calling { .. } => {
                self.out.calls.push(CallEffect::Forget(message));
                self.leave_step(id, reason);
            }
            // Handed over: it cannot be taken back, its answer will find no enrollment waiting.
            Position::Submitting | Position::Moving => {}
        }
        if let Some(enrollment) = self.enrollment_mut(id) {
            enrollment.position = Position::Moving;
        }
    }

    /// Records that a waiting step was left.
    pub(crate) fn leave_step(&mut self, id: EnrollmentId, reason: Reason) {
        self.decide(id, What::Left, reason);
    }

    fn fact(&mut self, id: EnrollmentId, left: Option<(Timestamp, String)>) {
        let Some(enrollment) = self.enrollment(id) else { return };
        let fact = EnrollmentFact {
            id,
            journey: enrollment.journey,
            version: enrollment.version,
            key: enrollment.key.clone(),
            entered_at: enrollment.entered_at,
            left,
        };
        self.out.enrollments.push(fact);
    }

    fn about_journey(&self, journey: &Journey, what: What, reason: Reason) -> Decision {
        let mut decision = self.about_contact(what, reason);
        decision.journey = Some(journey.id);
        decision.version = journey.version;
        decision
    }

    /// A decision that changed nothing: wanted only by an explanation.
    pub(super) fn consider(&mut self, journey: &Journey, reason: Reason) {
        if self.explain {
            let decision = self.about_journey(journey, What::NotEntered, reason);
            self.out.considered.push(decision);
        }
    }
}

fn first_step(journey: &Journey) -> Next {
    if journey.steps.is_empty() { Next::End } else { Next::Step(0) }
}

fn event_text(properties: &Value) -> String {
    if properties.is_null() {
        return String::new();
    }
    serde_json::to_string(properties).unwrap_or_default()
}

/// Where keys decide nothing, one entry per journey is enough.
pub(super) fn ended_key(once_ended: OnceEnded, key: &str) -> u64 {
    if once_ended == OnceEnded::Always { 0 } else { stable_hash(&[b"key", key.as_bytes()]) }
}
