//! A journey as a whole: its entry, exits, goal, and the paths between its steps.
//!
//! Must never recurse over steps.

use super::{Checker, graph};
use crate::journey::definition::Journey;
use crate::journey::definition::entry::{Entry, EntryBy, ExitBy, ExitRule};
use crate::journey::definition::scalar::{Next, RESERVED_STEP_IDS, Slug};
use crate::journey::definition::step::{Action, Awaited, Step, Wait, WaitUntil};
use crate::journey::form::{CIRCLES_MAX, Form, Report};
use crate::journey::node::Node;
use crate::journey::problem::{Code, Severity};
use crate::limits;

/// Steps looked at for "does this send come before": beyond it the check is skipped.
const ORDER_BUDGET: usize = 2_000_000;

impl Checker<'_> {
    pub(super) fn journey(&mut self, journey: &Journey) {
        self.entry(journey);
        for rule in journey.exit.iter().flatten() {
            self.exit_rule(&journey.entry, rule);
        }
        if let Some(goal) = &journey.goal
            && let Some(filter) = &goal.filter
        {
            self.condition(filter, true);
        }
        let steps = &journey.steps.0;
        if steps.is_empty() {
            let message = "a journey needs at least one step";
            self.report.error(Code::Empty, journey.journey.at, message);
            return;
        }
        if steps.len() > limits::STEPS_MAX {
            let most = limits::STEPS_MAX;
            let message = format!("this journey has {} steps and may have {most}", steps.len());
            self.report.error(Code::TooLarge, journey.journey.at, message);
            return;
        }
        for (key, step) in steps {
            self.step_id(key);
            self.step(step);
        }
        self.paths(journey);
    }

    fn entry(&mut self, journey: &Journey) {
        let entry = &journey.entry;
        let mut no_event = false;
        match &entry.by {
            EntryBy::Event(_) => {}
            EntryBy::Keyword(words) => {
                no_event = true;
                if words.0.is_empty() {
                    let message = "name at least one keyword";
                    self.report.error(Code::Empty, entry.at, message);
                }
                for word in &words.0 {
                    self.entry_keyword(&journey.journey.text, &word.text, word.at);
                }
            }
            EntryBy::Segment(change) => {
                no_event = true;
                self.segment_ref(&change.id);
            }
            EntryBy::Schedule(schedule) => {
                no_event = true;
                if let Some(segment) = &schedule.segment {
                    self.segment_ref(segment);
                }
            }
            EntryBy::Date(_) => no_event = true,
            EntryBy::Api(yes) => {
                if !yes {
                    let message = "`api: false` lets nobody in; write `api: true`";
                    self.report.error(Code::Conflict, entry.at, message);
                }
            }
            EntryBy::Journey(other) => self.journey_ref(&other.text, other.at),
        }
        if let Some(filter) = &entry.filter {
            self.condition(filter, !no_event);
        }
        if let Some(key) = &entry.key
            && no_event
            && key.text.starts_with("event.")
        {
            let message = format!(
                "the key {:?} reads an event, and this entry has none; use contact.…",
                key.text
            );
            self.report.error(Code::BadPath, key.at, message);
        }
    }

    fn exit_rule(&mut self, entry: &Entry, rule: &ExitRule) {
        match &rule.by {
            ExitBy::Event(exit) => {
                if let Some(filter) = &exit.filter {
                    self.condition(filter, true);
                } else if let EntryBy::Event(event) = &entry.by
                    && event.text == exit.event.text
                {
                    let message = format!(
                        "the event {:?} brings people in and takes them out; an active enrollment \
                         ends when it comes again",
                        event.text
                    );
                    self.report.warn(Code::EntryIsExit, exit.event.at, message);
                }
            }
            ExitBy::Segment(change) => self.segment_ref(&change.id),
            ExitBy::When(condition) => self.condition(condition, false),
        }
    }

    fn step_id(&mut self, key: &crate::journey::node::Key) {
        let mut node = Node::text(key.text.clone());
        node.at = key.at;
        let mut found = Report::new("");
        Slug::decode(&node, &mut found);
        for problem in found.into_problems() {
            self.report.error(Code::BadId, key.at, format!("the step {}", problem.message));
        }
        if RESERVED_STEP_IDS.contains(&key.text.as_str()) {
            let message =
                format!("the step id {:?} has a meaning of its own; choose another", key.text);
            self.report.error(Code::BadId, key.at, message);
        }
    }

    /// Reachability, circles, and what waits for messages that cannot have been sent.
    fn paths(&mut self, journey: &Journey) {
        let steps = &journey.steps.0;
        let count = steps.len();
        let mut all = Vec::with_capacity(count);
        let mut instant = Vec::with_capacity(count);
        for (index, (_, step)) in steps.iter().enumerate() {
            let ways = Ways::of(step);
            let below = (index + 1 < count).then_some(index + 1);
            let resolve = |next: &Option<&Next>| match next {
                None => below,
                Some(next) => self.steps.get(next.as_str()).copied(),
            };
            all.push(ways.all.iter().filter_map(resolve).collect::<Vec<usize>>());
            instant.push(ways.instant.iter().filter_map(resolve).collect::<Vec<usize>>());
        }
        let reached = graph::reachable(&all, 0);
        for ((key, _), reached) in steps.iter().zip(&reached) {
            if !reached {
                let message = format!(
                    "no path leads to the step {:?}; name it in a next, or remove it",
                    key.text
                );
                self.report.error(Code::UnreachableStep, key.at, message);
            }
        }
        for circle in graph::cycles(&instant, CIRCLES_MAX) {
            let mut names: Vec<&str> =
                circle.iter().take(8).map(|index| steps[*index].0.text.as_str()).collect();
            if circle.len() > 8 {
                names.push("…");
            }
            names.push(&steps[circle[0]].0.text);
            let message = format!(
                "these steps go round without any time passing: {}; put a wait between them",
                names.join(" → ")
            );
            self.report.error(Code::EndlessCycle, steps[circle[0]].0.at, message);
        }
        self.awaited_messages(journey, &all);
    }

    fn awaited_messages(&mut self, journey: &Journey, edges: &[Vec<usize>]) {
        let mut back = vec![Vec::new(); edges.len()];
        for (node, successors) in edges.iter().enumerate() {
            for next in successors {
                back[*next].push(node);
            }
        }
        let mut budget = ORDER_BUDGET;
        for (index, (_, step)) in journey.steps.0.iter().enumerate() {
            let Action::WaitFor(wait) = &step.action else { continue };
            for arm in &wait.first {
                let message = match &arm.on {
                    Awaited::Clicked(id) | Awaited::Delivered(id) | Awaited::Failed(id) => id,
                    Awaited::Replied(replied) if replied.replied.text != "any" => &replied.replied,
                    _ => continue,
                };
                let Some(sender) = self.steps.get(message.as_str()).copied() else {
                    self.not_a_send(journey, &message.text, false, message.at);
                    continue;
                };
                if !matches!(journey.steps.0[sender].1.action, Action::Send(_)) {
                    self.not_a_send(journey, &message.text, true, message.at);
                } else if !graph::leads_to(&back, sender, index, &mut budget) {
                    let text = format!(
                        "the step {:?} never runs before this one, so its message cannot be \
                         waited for here",
                        message.text
                    );
                    self.report.add(Severity::Error, Code::NotASend, message.at, text);
                }
            }
        }
    }
}

/// Where a step can go; `None` is the step written below it.
struct Ways<'s> {
    /// All ways out.
    all: Vec<Option<&'s Next>>,
    /// Those that can be taken without any time passing.
    instant: Vec<Option<&'s Next>>,
}

impl<'s> Ways<'s> {
    fn of(step: &'s Step) -> Ways<'s> {
        let next = step.next.as_ref();
        // `continue` goes where the step itself goes.
        let detour = |way: &'s Option<Next>| way.as_ref().filter(|it| it.text != "continue");
        let same = |ways: Vec<Option<&'s Next>>| Ways { instant: ways.clone(), all: ways };
        match &step.action {
            Action::Send(send) => {
                let mut ways = vec![next];
                ways.extend(detour(&send.if_suppressed).map(Some));
                same(ways)
            }
            Action::Call(call) => {
                let mut ways = vec![next];
                ways.extend(detour(&call.on_error).map(Some));
                same(ways)
            }
            Action::Wait(wait) => match wait.as_ref() {
                // An instant may have passed already; everything else takes some time.
                Wait::Until(WaitUntil::Until(until)) if !until.is_wall_time() => {
                    let past = detour(&until.if_past).map_or(next, Some);
                    Ways { all: vec![next, past], instant: vec![past] }
                }
                _ => Ways { all: vec![next], instant: Vec::new() },
            },
            Action::WaitFor(wait) => {
                let arms = wait.first.iter().map(|arm| arm.next.as_ref().or(next));
                let all = arms.chain([Some(&wait.otherwise)]).collect();
                Ways { all, instant: Vec::new() }
            }
            Action::Branch(branch) => {
                let cases = branch.cases.iter().map(|case| Some(&case.next));
                same(cases.chain([branch.otherwise.as_ref().or(next)]).collect())
            }
            Action::Experiment(experiment) => {
                let arms = experiment.arms.iter().filter(|arm| arm.holdout != Some(true));
                same(arms.map(|arm| arm.next.as_ref().or(next)).collect())
            }
            Action::Exit(_) => same(Vec::new()),
            Action::Update(_) | Action::Emit(_) | Action::Enroll(_) | Action::HandOff(_) => {
                same(vec![next])
            }
        }
    }
}
