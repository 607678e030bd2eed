//! A program with the indexes the engine looks things up by.
//!
//! Must never hold anything that is not derived from the program.

use crate::condition::{Condition, Engagement, WindowKey, WindowSource};
use crate::ids::{JourneyId, MessageId, stable_hash};
use crate::journey::program::{Action, Awaited, Entry, Journey, Program, Trigger, Wait};
use crate::message::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A program, indexed.
#[derive(Debug, Clone)]
pub struct Engine {
    /// The definitions.
    pub program: Program,
    /// Live journeys entered by an event, by its name.
    pub(crate) entries: BTreeMap<String, Vec<JourneyId>>,
    /// Windows that count an event, by its name.
    pub(crate) event_windows: BTreeMap<String, Vec<WindowKey>>,
    /// Windows that count what happens to messages.
    pub(crate) message_windows: BTreeMap<Engagement, Vec<WindowKey>>,
    /// Segments whose joins and leaves enter a live journey.
    pub(crate) watched_segments: Vec<String>,
    /// Live journeys entered by a segment.
    pub(crate) segment_entries: Vec<JourneyId>,
    /// Live journeys entered by a date.
    pub(crate) date_entries: Vec<JourneyId>,
    /// Live journeys entered by a word, by the upper-case word.
    pub(crate) keyword_entries: BTreeMap<String, Vec<JourneyId>>,
    /// Whether any journey waits for or exits on a condition.
    pub(crate) has_conditions: bool,
    /// Whether any journey waits for the best time.
    pub(crate) wants_hours: bool,
    /// What `workspace` is in a text.
    pub(crate) workspace_object: serde_json::Value,
    /// Changes when time alone could bring somebody something else than before: each contact is looked at once
    /// more then. 0: time alone brings nobody anything.
    pub fingerprint: u64,
}

impl Engine {
    /// The sender that the step of a message names, or that an auto-reply is to come from; `None`: the workspace's
    /// first, or the step is gone.
    #[must_use]
    pub fn sender_of_step(&self, message: &Message) -> Option<&str> {
        if message.auto_reply().is_some() {
            let place = usize::from(message.id.step);
            return self.program.settings.senders.get(place).map(|sender| sender.id.as_str());
        }
        self.sender_of_visit(message.journey, message.version, message.id)
    }

    /// As [`Engine::sender_of_step`], for who has no message of a journey at hand but its id.
    pub(crate) fn sender_of_visit(
        &self,
        journey: JourneyId,
        version: u32,
        message: MessageId,
    ) -> Option<&str> {
        let journey = self.program.journeys.get(&(journey, version))?;
        let step = journey.steps.get(usize::from(message.step))?;
        let first = || self.program.settings.senders.first().map(|sender| sender.id.as_str());
        match &step.action {
            Action::Send(send) => send.sender.as_deref().or_else(first),
            _ => None,
        }
    }
}

impl Engine {
    /// Indexes a program.
    #[must_use]
    pub fn new(program: Program) -> Engine {
        let mut engine = Engine {
            entries: BTreeMap::new(),
            event_windows: BTreeMap::new(),
            message_windows: BTreeMap::new(),
            watched_segments: Vec::new(),
            segment_entries: Vec::new(),
            date_entries: Vec::new(),
            keyword_entries: BTreeMap::new(),
            has_conditions: false,
            wants_hours: false,
            fingerprint: 0,
            workspace_object: crate::journey::scope::workspace_object(&program.settings),
            program,
        };
        engine.index_windows();
        let live: Vec<Arc<Journey>> = engine.program.live_journeys().cloned().collect();
        for journey in &live {
            engine.index_entry(journey);
        }
        for (word, slug) in engine.program.settings.keywords.clone() {
            if let Some(id) = engine.program.live_by_slug(&slug).map(|journey| journey.id) {
                let journeys = engine.keyword_entries.entry(word).or_default();
                if !journeys.contains(&id) {
                    journeys.push(id);
                }
            }
        }
        let journeys = engine.program.journeys.values();
        engine.has_conditions = journeys.clone().any(|journey| waits_on_conditions(journey));
        engine.wants_hours = journeys
            .flat_map(|journey| &journey.steps)
            .any(|step| matches!(step.action, Action::Wait(Wait::BestTime(_))));
        engine.fingerprint = engine.fingerprint();
        engine
    }

    /// Whether any condition counts events of this name.
    #[must_use]
    pub fn counts_event(&self, name: &str) -> bool {
        self.event_windows.contains_key(name)
    }

    /// Whether any condition counts what happens to messages.
    #[must_use]
    pub fn counts_messages(&self) -> bool {
        !self.message_windows.is_empty()
    }

    fn index_windows(&mut self) {
        for (key, plan) in &self.program.windows {
            match &plan.source {
                WindowSource::Event { event, .. } => {
                    self.event_windows.entry(event.clone()).or_default().push(*key);
                }
                WindowSource::Message { was, .. } => {
                    self.message_windows.entry(*was).or_default().push(*key);
                }
            }
        }
    }

    fn index_entry(&mut self, journey: &Journey) {
        match &journey.entry {
            Entry::Event { event, .. } => {
                self.entries.entry(event.clone()).or_default().push(journey.id);
            }
            Entry::Keyword { words } => {
                for word in words {
                    self.keyword_entries.entry(word.clone()).or_default().push(journey.id);
                }
            }
            Entry::Segment { segment, .. } => {
                let watched: BTreeSet<String> =
                    self.watched_segments.drain(..).chain([segment.clone()]).collect();
                self.watched_segments = watched.into_iter().collect();
                self.segment_entries.push(journey.id);
            }
            Entry::Date { .. } => self.date_entries.push(journey.id),
            Entry::Schedule { .. } | Entry::Api | Entry::Journey { .. } => {}
        }
    }

    fn fingerprint(&self) -> u64 {
        if !self.is_continuous() && self.date_entries.is_empty() {
            return 0;
        }
        let program = &self.program;
        let zone = program.settings.zone.iana_name().unwrap_or_default();
        let dates: Vec<(u32, Option<&u32>)> =
            self.date_entries.iter().map(|id| (id.0, program.live.get(id))).collect();
        // Canonical: maps are sorted, enums stand in declaration order.
        let parts = (program.windows_fingerprint, &self.watched_segments, dates, zone);
        let text = serde_json::to_string(&(parts, &program.segments)).unwrap_or_default();
        stable_hash(&[b"definitions", text.as_bytes()]).max(1)
    }

    /// Whether time alone brings something again and again: a yearly date, a condition that something waits for.
    #[must_use]
    pub fn renews_itself(&self) -> bool {
        let yearly =
            |journey: &Arc<Journey>| matches!(journey.entry, Entry::Date { yearly: true, .. });
        self.is_continuous() || self.program.live_journeys().any(yearly)
    }

    /// Whether time alone can change an answer that something waits for.
    pub(crate) fn is_continuous(&self) -> bool {
        self.has_conditions || !self.watched_segments.is_empty()
    }
}

fn waits_on_conditions(journey: &Journey) -> bool {
    let exits = journey.exits.iter().any(|exit| matches!(exit.trigger, Trigger::Condition(_)));
    exits
        || journey.steps.iter().any(|step| match &step.action {
            Action::WaitFor(wait) => {
                wait.first.iter().any(|(awaited, _)| matches!(awaited, Awaited::Condition(_)))
            }
            _ => false,
        })
}

/// The condition of a window's source over the event's properties, if it has one.
pub(crate) fn source_filter(source: &WindowSource) -> Option<&Condition> {
    match source {
        WindowSource::Event { filter, .. } => filter.as_deref(),
        WindowSource::Message { .. } => None,
    }
}
