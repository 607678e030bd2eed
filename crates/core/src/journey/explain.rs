//! "Why not?": what an input would do, with the decisions that change nothing.
//!
//! The same engine as ever runs on a copy, or on a contact that lives its history again. Must never be committed.

use crate::contact::{Contact, Ended, Enrollment, Position};
use crate::decision::Reason;
use crate::event::Input;
use crate::journey::advance::{AdvanceError, run};
use crate::journey::effects::{Effects, EnrollmentFact};
use crate::journey::engine::Engine;
use crate::journey::enter::ended_key;
use crate::journey::program::{Entry, Journey, OnceEnded, Program};
use crate::journey::run::Run;
use crate::keyword::Keyword;
use crate::time::Timestamp;
use std::sync::Arc;

/// As `advance`, on a copy: what would happen to the contact as it is now, and why not. An input of the past is
/// explained against the state of now too: give the contact the state of then, see [`relive`] and
/// [`had_enrollments`], where that matters.
///
/// # Errors
/// As `advance`.
pub fn explain(
    engine: &Engine,
    contact: &Contact,
    input: &Input,
    now: Timestamp,
) -> Result<Effects, AdvanceError> {
    relive(engine, &mut contact.clone(), input, now)
}

/// As [`explain`], on the contact itself: from somebody never heard of, inputs lived through in order lead to the
/// state of then, as far as it does not come from what happened to messages.
///
/// # Errors
/// As `advance`; the contact is in no usable state then.
pub fn relive(
    engine: &Engine,
    contact: &mut Contact,
    input: &Input,
    now: Timestamp,
) -> Result<Effects, AdvanceError> {
    run(engine, contact, input, now, &mut u64::MAX.clone(), true)
}

/// Gives a contact the enrollments it had just before an instant, as the facts say, in place of those it has. They
/// wait for nothing: only that they are, or were, is right.
pub fn had_enrollments(
    engine: &Engine,
    contact: &mut Contact,
    facts: &[EnrollmentFact],
    at: Timestamp,
) {
    let state = &mut contact.state;
    state.enrollments.clear();
    state.ended.clear();
    state.goals.clear();
    for fact in facts.iter().filter(|fact| fact.entered_at < at) {
        match fact.left {
            Some((left, _)) if left <= at => {
                let program = &engine.program;
                let version = program.journeys.get(&(fact.journey, fact.version));
                let live = program.live_version(fact.journey).or(version);
                let once_ended = live.map_or(OnceEnded::Always, |journey| journey.once_ended);
                let key = ended_key(once_ended, &fact.key);
                let known = |it: &&mut Ended| it.journey == fact.journey && it.key == key;
                match state.ended.iter_mut().find(known) {
                    Some(ended) => ended.at = ended.at.max(left),
                    None => state.ended.push(Ended { journey: fact.journey, key, at: left }),
                }
            }
            _ => state.enrollments.push(Enrollment {
                id: fact.id,
                journey: fact.journey,
                version: fact.version,
                key: fact.key.clone(),
                entered_at: fact.entered_at,
                event: String::new(),
                visits: 1,
                step: 0,
                reached_at: fact.entered_at,
                position: Position::Waiting { until: Timestamp(Timestamp::MAX.0 - 1) },
                variant: String::new(),
                sent: Vec::new(),
                converted: false,
            }),
        }
    }
}

impl Program {
    /// The newest version of that text id, live or not.
    #[must_use]
    pub fn newest_by_slug(&self, slug: &str) -> Option<&Arc<Journey>> {
        let named = self.journeys.values().filter(|journey| journey.slug == slug);
        named.max_by_key(|journey| {
            (self.live.get(&journey.id) == Some(&journey.version), journey.version)
        })
    }

    /// The newest version of each journey that has no live one.
    pub fn retired_journeys(&self) -> impl Iterator<Item = &Arc<Journey>> {
        self.journeys.iter().filter_map(|((id, version), journey)| {
            let is_newest = !self.journeys.contains_key(&(*id, version + 1));
            (is_newest && !self.live.contains_key(id)).then_some(journey)
        })
    }
}

impl Run<'_> {
    /// "Why not?" for the journeys that wait for another event, or are entered no more.
    pub(super) fn explain_other_entries(&mut self, name: &str) {
        let engine = self.engine;
        for journey in engine.program.live_journeys() {
            if matches!(&journey.entry, Entry::Event { event, .. } if event != name) {
                self.consider(journey, Reason::EventDiffers);
            }
        }
        for journey in engine.program.retired_journeys() {
            let reason = match &journey.entry {
                Entry::Event { event, .. } if event == name => Reason::NotLive,
                Entry::Event { .. } => Reason::EventDiffers,
                _ => continue,
            };
            self.consider(journey, reason);
        }
    }

    /// "Why not?" for the journeys that wait for another word.
    pub(super) fn explain_words(&mut self, meant: &Keyword) {
        if !self.explain {
            return;
        }
        let engine = self.engine;
        let (mut others, mut meant_ones) = (Vec::new(), Vec::new());
        for (word, journeys) in &engine.keyword_entries {
            let is_meant = matches!(meant, Keyword::Own { word: own } if own == word);
            if is_meant { &mut meant_ones } else { &mut others }.extend(journeys.iter().copied());
        }
        others.retain(|id| !meant_ones.contains(id));
        others.dedup();
        for id in others {
            let Some(journey) = engine.program.live_version(id).cloned() else { continue };
            self.consider(&journey, Reason::EventDiffers);
        }
    }

    /// "Why not?" for the journeys entered by a segment that the person neither joins nor leaves.
    pub(super) fn explain_segment(&mut self, slug: &str) {
        if !self.explain {
            return;
        }
        let engine = self.engine;
        for id in &engine.segment_entries {
            let Some(journey) = engine.program.live_version(*id) else { continue };
            if matches!(&journey.entry, Entry::Segment { segment, .. } if segment == slug) {
                self.consider(journey, Reason::ConditionFalse);
            }
        }
    }

    /// "Why not?" for a journey entered by a date that does not come any more, or cannot be read.
    pub(super) fn explain_date(&mut self, journey: &Arc<Journey>, is_readable: bool) {
        let reason = if is_readable { Reason::DatePast } else { Reason::TimeUnreadable };
        self.consider(journey, reason);
    }
}
