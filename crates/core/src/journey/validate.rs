//! What a definition may not say although it parses: references, paths, impossible times.
//!
//! Must never change a definition and never stop at the first problem. Everything here is linear
//! in the size of the definitions, and nothing recurses over steps.

mod condition;
mod graph;
mod journey;
mod live;
mod publish;
mod step;
mod workspace;

pub use live::live_problems;
pub use publish::publishable;
pub use workspace::validate_workspace;

use super::definition::scalar::{Slug, Text};
use super::definition::{Journey, Segment, Workspace};
use super::form::Report;
use super::problem::{Code, Problem, Spot, advice, shortened};
use crate::template::Template;
use std::collections::BTreeMap;

/// What else there is: the rest of the workspace, as far as it is known.
#[derive(Debug, Default)]
pub struct Scope<'a> {
    workspace: Option<&'a Workspace>,
    segments: Option<BTreeMap<&'a str, &'a Segment>>,
    journeys: Option<BTreeMap<&'a str, &'a Journey>>,
    /// Members of circles of segments, with the circle.
    circles: BTreeMap<&'a str, String>,
}

impl<'a> Scope<'a> {
    /// Nothing else is known: references to other files are taken as good.
    #[must_use]
    pub fn alone() -> Scope<'a> {
        Scope::default()
    }

    /// A whole workspace.
    #[must_use]
    pub fn new(
        workspace: Option<&'a Workspace>,
        segments: &[&'a Segment],
        journeys: &[&'a Journey],
    ) -> Scope<'a> {
        let segments: BTreeMap<&str, &Segment> =
            segments.iter().map(|segment| (segment.segment.as_str(), *segment)).collect();
        let journeys =
            journeys.iter().map(|journey| (journey.journey.as_str(), *journey)).collect();
        let circles = segment_circles(&segments);
        Scope { workspace, segments: Some(segments), journeys: Some(journeys), circles }
    }
}

fn segment_circles<'a>(segments: &BTreeMap<&'a str, &'a Segment>) -> BTreeMap<&'a str, String> {
    let names: Vec<&str> = segments.keys().copied().collect();
    let index: BTreeMap<&str, usize> = names.iter().copied().zip(0..).collect();
    let edges: Vec<Vec<usize>> = segments
        .values()
        .map(|segment| {
            let mut named = Vec::new();
            condition::segments_named(&segment.when, &mut named);
            named.iter().filter_map(|id| index.get(id.as_str()).copied()).collect()
        })
        .collect();
    let mut circles = BTreeMap::new();
    for circle in graph::cycles(&edges, super::form::CIRCLES_MAX) {
        let mut path: Vec<&str> = circle.iter().map(|index| names[*index]).collect();
        path.push(path[0]);
        for member in &path {
            circles.insert(*member, path.join(" → "));
        }
    }
    circles
}

/// Checks a journey.
#[must_use]
pub fn validate_journey(file: &str, journey: &Journey, scope: &Scope<'_>) -> Vec<Problem> {
    let mut checker = Checker::new(file, scope, Some(journey));
    checker.journey(journey);
    checker.report.into_problems()
}

/// Checks a segment.
#[must_use]
pub fn validate_segment(file: &str, segment: &Segment, scope: &Scope<'_>) -> Vec<Problem> {
    let mut checker = Checker::new(file, scope, None);
    if let Some(circle) = scope.circles.get(segment.segment.as_str()) {
        let message = format!("segments refer to each other in a circle: {circle}");
        checker.report.error(Code::SegmentCycle, segment.segment.at, message);
    }
    checker.condition(&segment.when, false);
    checker.report.into_problems()
}

/// Checks one file.
struct Checker<'a> {
    report: Report,
    scope: &'a Scope<'a>,
    journey: Option<&'a Journey>,
    steps: BTreeMap<&'a str, usize>,
}

impl<'a> Checker<'a> {
    fn new(file: &str, scope: &'a Scope<'a>, journey: Option<&'a Journey>) -> Checker<'a> {
        let steps = journey.map_or_else(BTreeMap::new, |journey| {
            journey.steps.0.iter().map(|(key, _)| key.text.as_str()).zip(0..).collect()
        });
        Checker { report: Report::new(file), scope, journey, steps }
    }

    /// A reference to one of `known`.
    fn known<'k>(
        &mut self,
        code: Code,
        what: &str,
        found: &str,
        at: Spot,
        known: impl IntoIterator<Item = &'k str> + Clone,
    ) {
        if self.report.is_full() || known.clone().into_iter().any(|id| id == found) {
            return;
        }
        let hint = advice(found, known);
        self.report.error(code, at, format!("there is no {what} {:?}{hint}", shortened(found)));
    }

    fn segment_ref(&mut self, id: &Slug) {
        let scope = self.scope;
        if let Some(segments) = &scope.segments
            && !segments.contains_key(id.as_str())
        {
            let known = segments.keys().copied();
            self.known(Code::UnknownSegment, "segment", &id.text, id.at, known);
        }
    }

    fn journey_ref(&mut self, id: &str, at: Spot) {
        let scope = self.scope;
        let own = self.journey.is_some_and(|journey| journey.journey.text == id);
        if let Some(journeys) = &scope.journeys
            && !journeys.contains_key(id)
            && !own
        {
            self.known(Code::UnknownJourney, "journey", id, at, journeys.keys().copied());
        }
    }

    fn topic_ref(&mut self, id: &Slug) {
        // A workspace that declares no topics leaves them open.
        let scope = self.scope;
        if let Some(topics) = scope.workspace.and_then(|workspace| workspace.topics.as_ref()) {
            let known = topics.iter().map(|topic| topic.id.as_str());
            self.known(Code::UnknownTopic, "topic", &id.text, id.at, known);
        }
    }

    fn sender_ref(&mut self, id: &Slug) {
        let scope = self.scope;
        let Some(workspace) = scope.workspace else { return };
        let senders = workspace.senders.as_deref().unwrap_or_default();
        if senders.is_empty() {
            self.known(Code::UnknownSender, "sender", &id.text, id.at, ["sandbox"]);
        } else {
            let known = senders.iter().map(|sender| sender.id.as_str());
            self.known(Code::UnknownSender, "sender", &id.text, id.at, known);
        }
    }

    fn text(&mut self, text: &Text) {
        self.template(&text.text, text.at);
    }

    fn template(&mut self, text: &str, at: Spot) {
        if let Err(error) = Template::parse(text) {
            let message = format!("the text is not Liquid: {error}");
            self.report.error(Code::BadTemplate, at.inside(error.line, error.column), message);
        }
    }
}
