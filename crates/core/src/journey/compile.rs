//! Definitions → the program that the engine runs: references resolved, defaults filled in.
//!
//! Must never take what does not validate, and never depend on the order of files.

mod condition;
mod settings;
mod step;

use super::definition::entry::{EntryBy, ExitBy, JoinOrLeave, OnceEnded, SegmentChange};
use super::definition::scalar::Text;
use super::definition::{Journey, Segment, Workspace};
use super::form::Report;
use super::problem::{Code, Problem, Severity};
use super::program;
use super::program::{Entry, ExitRule, Goal, Program, Trigger};
use super::recurrence;
use super::validate;
use crate::condition::{Condition, WindowKey, WindowPlan};
use crate::ids::{JourneyId, WorkspaceId, stable_hash};
use crate::policy::settings::Purpose;
use crate::template::Template;
use crate::time::Span;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A version of a journey: its id, its number, whether new entries get it, and what it says.
pub type Version<'a> = (JourneyId, u32, bool, &'a Journey);

/// Compiles a workspace: settings, segments, and every version that may have people in it.
///
/// # Errors
/// Everything that does not validate or cannot be published; files are named by convention
/// (`journeys/<id>.yaml`).
pub fn compile(
    workspace: &Workspace,
    segments: &[&Segment],
    journeys: &[Version<'_>],
    seed: u64,
    workspace_id: WorkspaceId,
) -> Result<Program, Vec<Problem>> {
    let mut problems = check(workspace, segments, journeys);
    let mut windows = BTreeMap::new();
    let mut compiled_segments = BTreeMap::new();
    for segment in segments {
        let mut compiler = Compiler::new(&segment_file(segment), None, &mut windows);
        if let Some(condition) = compiler.condition(&segment.when) {
            compiled_segments.insert(segment.segment.text.clone(), condition);
        }
        problems.extend(compiler.report.into_problems());
    }
    let mut compiled = BTreeMap::new();
    let mut live = BTreeMap::new();
    for (id, version, is_live, journey) in journeys {
        let mut compiler = Compiler::new(&journey_file(journey), Some(journey), &mut windows);
        if let Some(done) = compiler.journey(*id, *version, journey) {
            compiled.insert((*id, *version), Arc::new(done));
        }
        problems.extend(compiler.report.into_problems());
        if *is_live {
            live.insert(*id, *version);
        }
    }
    let settings = settings::settings(workspace, journeys, &mut problems);
    problems.retain(|problem| problem.severity == Severity::Error);
    problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    problems.dedup_by(|a, b| {
        (&a.file, a.line, a.column, a.code) == (&b.file, b.line, b.column, b.code)
    });
    match settings {
        Some(settings) if problems.is_empty() => Ok(Program {
            workspace: workspace_id,
            settings,
            journeys: compiled,
            live,
            paused: BTreeSet::new(),
            segments: compiled_segments,
            windows_fingerprint: fingerprint(&windows),
            windows,
            seed,
        }),
        _ => Err(problems),
    }
}

/// The file a journey lives in.
#[must_use]
pub fn journey_file(journey: &Journey) -> String {
    format!("journeys/{}.yaml", journey.journey.text)
}

/// The file a segment lives in.
#[must_use]
pub fn segment_file(segment: &Segment) -> String {
    format!("segments/{}.yaml", segment.segment.text)
}

fn check(workspace: &Workspace, segments: &[&Segment], journeys: &[Version<'_>]) -> Vec<Problem> {
    // Several versions of one journey are one journey to those who refer to it: the live one.
    let mut named: BTreeMap<&str, (bool, &Journey)> = BTreeMap::new();
    for (_, _, is_live, journey) in journeys {
        let slot = named.entry(journey.journey.as_str()).or_insert((*is_live, journey));
        if *is_live {
            *slot = (true, journey);
        }
    }
    let newest: Vec<&Journey> = named.values().map(|(_, journey)| *journey).collect();
    let scope = validate::Scope::new(Some(workspace), segments, &newest);
    let mut problems = validate::validate_workspace("workspace.yaml", workspace, &scope);
    for segment in segments {
        problems.extend(validate::validate_segment(&segment_file(segment), segment, &scope));
    }
    for (_, _, _, journey) in journeys {
        let file = journey_file(journey);
        let found = validate::validate_journey(&file, journey, &scope);
        // A version that gets no new entries may share its keywords with one that does: `settings`
        // looks at the live ones alone.
        problems.extend(found.into_iter().filter(|it| it.code != Code::DuplicateKeyword));
        problems.extend(validate::publishable(&file, journey));
    }
    problems
}

/// 0 when there are no windows; else a hash of all of them, whatever order they came in.
fn fingerprint(windows: &BTreeMap<WindowKey, WindowPlan>) -> u64 {
    if windows.is_empty() {
        return 0;
    }
    let mut bytes = Vec::new();
    for (key, plan) in windows {
        bytes.extend(key.0.to_le_bytes());
        bytes.extend(plan.depth.to_le_bytes());
        // -1 is no horizon: a horizon is never negative.
        bytes.extend(plan.horizon.map_or(-1, |span| span.0).to_le_bytes());
    }
    stable_hash(&[b"windows", &bytes]).max(1)
}

/// Compiles one file.
struct Compiler<'a> {
    report: Report,
    windows: &'a mut BTreeMap<WindowKey, WindowPlan>,
    slug: Option<&'a str>,
    steps: BTreeMap<&'a str, u16>,
}

impl<'a> Compiler<'a> {
    fn new(
        file: &str,
        journey: Option<&'a Journey>,
        windows: &'a mut BTreeMap<WindowKey, WindowPlan>,
    ) -> Compiler<'a> {
        let steps = journey.map_or_else(BTreeMap::new, |journey| {
            let names = journey.steps.0.iter().map(|(key, _)| key.text.as_str());
            names.zip(0_u16..).collect()
        });
        let slug = journey.map(|journey| journey.journey.as_str());
        Compiler { report: Report::new(file), windows, slug, steps }
    }

    fn journey(
        &mut self,
        id: JourneyId,
        version: u32,
        journey: &Journey,
    ) -> Option<program::Journey> {
        let slug = journey.journey.text.clone();
        let last = journey.steps.0.len();
        let mut steps = Vec::with_capacity(last);
        for (index, (key, step)) in journey.steps.0.iter().enumerate() {
            steps.push(self.step(index, last, &key.text, step)?);
        }
        let exits = journey.exit.iter().flatten();
        let exits = exits.map(|rule| self.exit_rule(rule)).collect::<Option<Vec<_>>>()?;
        Some(program::Journey {
            id,
            name: journey.name.as_ref().map_or_else(|| slug.clone(), |name| name.text.clone()),
            slug,
            version,
            purpose: journey.purpose.unwrap_or(Purpose::Marketing),
            entry: self.entry(&journey.entry)?,
            key: journey.entry.key.as_ref().map(super::definition::scalar::RootPath::path),
            while_active: journey.entry.while_active.unwrap_or(program::WhileActive::Ignore),
            once_ended: match &journey.entry.once_ended {
                None | Some(OnceEnded::Never) => program::OnceEnded::Never,
                Some(OnceEnded::Always) => program::OnceEnded::Always,
                Some(OnceEnded::After(span)) => program::OnceEnded::After(span.span()),
            },
            exits,
            goal: match &journey.goal {
                Some(goal) => Some(self.goal(goal)?),
                None => None,
            },
            steps,
        })
    }

    fn entry(&mut self, entry: &super::definition::Entry) -> Option<Entry> {
        Some(match &entry.by {
            EntryBy::Event(event) => Entry::Event {
                event: event.text.clone(),
                filter: self.optional(entry.filter.as_ref())?,
            },
            EntryBy::Keyword(words) => Entry::Keyword {
                words: words.0.iter().map(|word| word.text.to_uppercase()).collect(),
            },
            EntryBy::Segment(change) => Entry::Segment {
                segment: change.id.text.clone(),
                on_join: change.on != Some(JoinOrLeave::Leave),
            },
            EntryBy::Schedule(schedule) => Entry::Schedule {
                rule: match recurrence::parse(&schedule.rrule.text) {
                    Ok(rule) => rule,
                    Err(why) => {
                        self.report.error(Code::BadRecurrence, schedule.rrule.at, why);
                        return None;
                    }
                },
                segment: schedule.segment.as_ref().map(|segment| segment.text.clone()),
            },
            EntryBy::Date(date) => Entry::Date {
                attribute: date.attribute.path(),
                offset: date.offset.as_ref().map_or(Span::ZERO, |offset| offset.span()),
                at: date.at_time.as_ref().map(|time| time.time()),
                yearly: date.yearly.unwrap_or(false),
            },
            EntryBy::Api(_) => Entry::Api,
            EntryBy::Journey(journey) => Entry::Journey { journey: journey.text.clone() },
        })
    }

    fn exit_rule(&mut self, rule: &super::definition::ExitRule) -> Option<ExitRule> {
        let (trigger, name) = match &rule.by {
            ExitBy::Event(event) => {
                let filter = self.optional(event.filter.as_ref())?;
                (Trigger::Event { event: event.event.text.clone(), filter }, &event.event.text[..])
            }
            ExitBy::Segment(change) => {
                (Trigger::Condition(segment_change(change)), change.id.as_str())
            }
            ExitBy::When(condition) => (Trigger::Condition(self.condition(condition)?), "when"),
        };
        let name = rule.name.as_ref().map_or(name, |name| name.as_str()).to_owned();
        Some(ExitRule { trigger, name })
    }

    fn goal(&mut self, goal: &super::definition::Goal) -> Option<Goal> {
        Some(Goal {
            event: goal.event.text.clone(),
            filter: self.optional(goal.filter.as_ref())?,
            within: goal.within.span(),
            value: goal.value.as_ref().map(super::definition::scalar::RootPath::path),
            ends: goal.ends.unwrap_or(true),
        })
    }

    /// `Some(None)`: there is none, which is fine.
    #[allow(clippy::option_option, reason = "the outer one says whether it compiled")]
    fn optional(
        &mut self,
        condition: Option<&super::definition::Condition>,
    ) -> Option<Option<Condition>> {
        match condition {
            Some(condition) => self.condition(condition).map(Some),
            None => Some(None),
        }
    }

    fn template(&mut self, text: &Text) -> Option<Template> {
        match Template::parse(&text.text) {
            Ok(template) => Some(template),
            Err(error) => {
                let at = text.at.inside(error.line, error.column);
                self.report.error(Code::BadTemplate, at, error.to_string());
                None
            }
        }
    }
}

/// In the segment, or no longer in it.
fn segment_change(change: &SegmentChange) -> Condition {
    let inside = Condition::Segment(change.id.text.clone());
    match change.on {
        Some(JoinOrLeave::Leave) => Condition::Not(Box::new(inside)),
        _ => inside,
    }
}
