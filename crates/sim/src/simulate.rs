//! Runs a scenario: the production pipeline on a clock of its own, between faults.
//!
//! Clients repeat what was not acknowledged, carriers repeat what they please, and the program dies anywhere.
//! Must never help the pipeline: what it forgets stays forgotten.

mod pauses;
mod stages;

use crate::carrier::{Carrier, Sent, lock};
use crate::checks::{self, Expected, Invariant, Violation};
use crate::chronicle::{Chronicle, Rules};
use crate::faults::{Faults, Sabotage};
use crate::people::{Happening, Line, happenings};
use crate::random::Random;
use crate::scenario::Scenario;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use wayline_core::event::{Input, InputKind};
use wayline_core::ids::{ContactId, WorkspaceId, stable_hash_wide};
use wayline_core::journey::workspace::load;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::definitions::Definitions;
use wayline_pipeline::gateway::{Destination, GatewayEvent, Gateways, Inbound};
use wayline_pipeline::ingest::{Arrival, read};
use wayline_pipeline::retain::Keep;
use wayline_pipeline::tick::Tick;
use wayline_pipeline::{Accepted, Pipeline};
use wayline_store::batch::{Identity, IdentityKind};
use wayline_store::faulty::FaultyStore;
use wayline_store::{MemoryStore, Store};

/// Rounds of stages at one instant, after which something surely goes round in a circle.
const ROUNDS_MAX: usize = 1_500;
/// How long after the last thing happened the world is watched.
const WATCHED: Span = Span::days(12);

/// What a seed came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// What was wrong; empty: nothing.
    pub violations: Vec<Violation>,
    /// Hash of everything kept and submitted.
    pub digest: u128,
    /// How often the program died.
    pub crashes: u64,
    /// Messages the carrier saw.
    pub submits: usize,
    /// What happened to the traced contact.
    pub trace: Vec<String>,
}

/// Runs a seed.
#[must_use]
pub fn simulate(seed: u64, sabotage: Option<Sabotage>, traced: Option<ContactId>) -> Report {
    let mut simulation = Simulation::new(Scenario::new(seed), sabotage, traced);
    pollster::block_on(simulation.run());
    simulation.report()
}

/// A world in motion.
struct Simulation {
    scenario: Scenario,
    store: Arc<Store>,
    pipeline: Option<Pipeline>,
    chronicle: Arc<Mutex<Chronicle>>,
    carrier: Arc<Carrier>,
    gateways: Gateways,
    armed: Arc<Mutex<bool>>,
    draw: Random,
    now: Timestamp,
    agenda: BTreeMap<(Timestamp, u64), Happening>,
    count: u64,
    crashes: u64,
    acknowledged: BTreeSet<String>,
    expected: Vec<Expected>,
    retained_at: Timestamp,
    sabotage: Option<Sabotage>,
}

impl Simulation {
    fn new(
        scenario: Scenario,
        sabotage: Option<Sabotage>,
        traced: Option<ContactId>,
    ) -> Simulation {
        let random = Random::new(scenario.seed);
        let chronicle = Arc::new(Mutex::new(Chronicle { traced, ..Chronicle::default() }));
        let armed = Arc::new(Mutex::new(false));
        let carrier =
            Arc::new(Carrier::new(scenario.seed, scenario.carrier, sabotage, chronicle.clone()));
        let faults = Faults::new(
            random.fork("store"),
            scenario.faults,
            sabotage,
            armed.clone(),
            chronicle.clone(),
        );
        let store = FaultyStore::new(MemoryStore::new(), Box::new(faults));
        let mut simulation = Simulation {
            store: Arc::new(Store::Faulty(store)),
            pipeline: None,
            gateways: Gateways::only(carrier.clone()),
            chronicle,
            carrier,
            armed,
            draw: random.fork("simulation"),
            now: scenario.start,
            agenda: BTreeMap::new(),
            count: 0,
            crashes: 0,
            acknowledged: BTreeSet::new(),
            expected: Vec::new(),
            retained_at: scenario.start,
            sabotage,
            scenario,
        };
        simulation.plan();
        simulation
    }

    /// Puts everything on the agenda, some of it late and some twice.
    fn plan(&mut self) {
        let faults = self.scenario.faults;
        for (at, happening) in happenings(&self.scenario) {
            let is_line = matches!(happening, Happening::Line(_));
            let mut comes = at;
            if is_line && self.draw.per_mille(faults.late) {
                comes = at + self.draw.span(Span::ZERO, Span::days(2));
            }
            if is_line && self.draw.per_mille(faults.duplicate) {
                let again = comes + self.draw.span(Span::ZERO, Span::days(2));
                self.expect(again, happening.clone());
            }
            self.expect(comes, happening);
        }
        self.plan_pauses();
    }

    fn expect(&mut self, at: Timestamp, happening: Happening) {
        self.count += 1;
        self.agenda.insert((at, self.count), happening);
    }

    fn violate(&self, invariant: Invariant, what: String) {
        lock(&self.chronicle).violate(invariant, None, what);
    }

    fn tick(&self) -> Tick {
        if self.scenario.is_virtual { Tick::Virtual(self.now) } else { Tick::Live(self.now) }
    }

    fn report(self) -> Report {
        let chronicle = lock(&self.chronicle);
        Report {
            seed: self.scenario.seed,
            violations: chronicle.violations.clone(),
            digest: chronicle.digest,
            crashes: self.crashes,
            submits: chronicle.submits.values().map(Vec::len).sum(),
            trace: chronicle.trace.clone(),
        }
    }

    fn is_hopeless(&self) -> bool {
        !lock(&self.chronicle).violations.is_empty()
    }

    async fn run(&mut self) {
        *lock(&self.armed) = true;
        self.reopen().await;
        let end = self.scenario.end;
        while let Some(next) = self.next().await.filter(|next| *next < end) {
            self.move_to(next);
            self.turn().await;
            if self.is_hopeless() {
                return;
            }
        }
        *lock(&self.armed) = false;
        self.scenario.faults = crate::scenario::FaultPlan::default();
        self.reopen().await;
        self.drain().await;
        if !self.is_hopeless() {
            self.look(true).await;
            match checks::inputs(&self.store, &self.expected).await {
                Ok(found) => lock(&self.chronicle).violations.extend(found),
                Err(error) => self.violate(Invariant::NoErrors, error.to_string()),
            }
        }
    }

    /// Faults have stopped: everything that is due gets done, whenever it is due.
    async fn drain(&mut self) {
        let until = self.now.max(self.scenario.end) + WATCHED;
        while let Some(next) = self.next().await.filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.turn().await;
            if self.is_hopeless() {
                return;
            }
            let due = match &self.pipeline {
                Some(pipeline) => pipeline.next_due().await.ok().flatten(),
                None => None,
            };
            if due.is_some_and(|due| due <= self.now) {
                let wake = self.store.next_wake().await.ok().flatten();
                let message = self.store.next_message_due().await.ok().flatten();
                let call = self.store.next_call_due().await.ok().flatten();
                let what = format!(
                    "at {} something is still due at {due:?}: wake {wake:?}, message {message:?}, call {call:?}",
                    self.now
                );
                self.violate(Invariant::Liveness, what);
                return;
            }
        }
    }

    /// When there is something to do.
    async fn next(&self) -> Option<Timestamp> {
        let due = match &self.pipeline {
            Some(pipeline) => pipeline.next_due().await.ok().flatten(),
            None => None,
        };
        let agenda = self.agenda.keys().next().map(|(at, _)| *at);
        [due, agenda, self.carrier.next()].into_iter().flatten().min()
    }

    /// The clock goes on; a live one is a little late, and after a downtime hours.
    fn move_to(&mut self, next: Timestamp) {
        let next = next.max(self.now);
        self.now = if self.scenario.is_virtual {
            next
        } else if self.draw.per_mille(self.scenario.faults.downtime) {
            next + self.draw.span(Span::minutes(5), Span::hours(30))
        } else {
            next + self.draw.span(Span(1), Span::seconds(3))
        };
    }

    /// Everything at this instant, in the order of the world.
    async fn turn(&mut self) {
        self.hear().await;
        self.stages().await;
        if self.scenario.faults.retain && self.now - self.retained_at > Span::days(1) {
            self.retained_at = self.now;
            self.retain().await;
        }
    }

    async fn retain(&mut self) {
        let keep = Keep { history: Span::days(4_000), messages: Span::days(6) };
        let now = self.now;
        if let Some(pipeline) = &mut self.pipeline {
            let result = pipeline.retain(keep, now, 100).await;
            self.survive(result).await;
        }
        let workspace = WorkspaceId(1);
        let letters = self.store.dead_letters(workspace, None, 10).await.unwrap_or_default();
        if let (Some(letter), Some(pipeline)) = (letters.first(), &mut self.pipeline) {
            let result = pipeline.retry_dead_letter(workspace, letter.id, now).await;
            self.survive(result).await;
        }
    }

    /// What came from outside until now.
    async fn hear(&mut self) {
        for (at, sent) in self.carrier.take(self.now) {
            self.take_sent(at, sent).await;
        }
        let mut lines: Vec<Line> = Vec::new();
        let most = self.draw.one_of([1, 1, 3, 20]);
        while let Some(entry) = self.agenda.first_entry().filter(|entry| entry.key().0 <= self.now)
        {
            let ((at, _), happening) = entry.remove_entry();
            match happening {
                Happening::Line(line) => lines.push(line),
                Happening::Text { workspace, from, text } => {
                    self.accept(&mut lines).await;
                    let workspace = WorkspaceId(workspace as u32 + 1);
                    let id = Some(format!("{}{from}{text}", at.0));
                    let inbound = Inbound::to_workspace(workspace, id, from, text, at);
                    self.receive(vec![GatewayEvent::Inbound(inbound)]).await;
                }
                Happening::Publish { workspace, edition } => {
                    self.accept(&mut lines).await;
                    self.publish(workspace, edition).await;
                }
                Happening::Pause { workspace, pick, over } => {
                    self.accept(&mut lines).await;
                    self.pause(workspace, pick, over).await;
                }
            }
            if lines.len() >= most {
                self.accept(&mut lines).await;
            }
        }
        self.accept(&mut lines).await;
    }

    async fn take_sent(&mut self, at: Timestamp, sent: Sent) {
        match sent {
            Sent::Event(event) => {
                let is_again = self.draw.per_mille(self.scenario.faults.duplicate / 3);
                if is_again {
                    let later = self.now + self.draw.span(Span(1), Span::hours(3));
                    self.carrier.expect(later, Sent::Event(event.clone()));
                }
                self.receive(vec![event]).await;
            }
            Sent::Click(message) => {
                let now = self.now;
                let Some(pipeline) = &mut self.pipeline else { return };
                let result = pipeline.clicked(message, at, now).await;
                self.survive(result).await;
            }
        }
    }

    /// Hands over what came from a carrier, until it is taken.
    async fn receive(&mut self, events: Vec<GatewayEvent>) {
        let tick = self.tick();
        let Some(pipeline) = &mut self.pipeline else { return };
        let result = pipeline.receive(events.clone(), tick).await;
        let is_taken = self.survive(result).await.is_some();
        for event in events {
            match event {
                GatewayEvent::Inbound(inbound) if is_taken => {
                    let mut chronicle = lock(&self.chronicle);
                    let Inbound { destination, from, text, .. } = inbound;
                    let Destination::Workspace(workspace) = destination else { continue };
                    chronicle.number_said(workspace, &from, &text, self.now);
                }
                event if !is_taken => {
                    let later = self.now + Span::seconds(5);
                    self.carrier.expect(later, Sent::Event(event));
                }
                _ => {}
            }
        }
    }

    /// Sends lines as a client does: what was not acknowledged is sent again.
    async fn accept(&mut self, lines: &mut Vec<Line>) {
        let lines = std::mem::take(lines);
        if lines.is_empty() {
            return;
        }
        let mut arrivals: Vec<(Arrival, Timestamp)> = Vec::new();
        for line in &lines {
            match self.arrival(line) {
                Ok(arrival) => arrivals.push((arrival, self.now)),
                Err(what) => self.violate(Invariant::NoErrors, what),
            }
        }
        let Some(pipeline) = &mut self.pipeline else { return };
        let result = pipeline.accept(&arrivals).await;
        let crashes = self.crashes;
        let answers = self.survive(result).await;
        // When the program dies after the commit, the client may never hear of it.
        let is_heard = self.crashes == crashes || self.draw.flip();
        match answers.filter(|_| is_heard) {
            Some(answers) => self.acknowledge(&lines, &answers),
            None => {
                let later = self.now + self.draw.span(Span(1), Span::minutes(30));
                for line in lines {
                    self.expect(later, Happening::Line(line));
                }
            }
        }
    }

    fn acknowledge(&mut self, lines: &[Line], answers: &[Accepted]) {
        if lines.len() != answers.len() {
            let what = format!("{} inputs have {} answers", lines.len(), answers.len());
            self.violate(Invariant::Inputs, what);
        }
        for line in lines {
            if self.acknowledged.insert(line.token.clone()) {
                self.expected.push(Expected { token: line.token.clone(), poison: line.poison });
            }
        }
    }

    fn arrival(&self, line: &Line) -> Result<Arrival, String> {
        let workspace = WorkspaceId(line.workspace as u32 + 1);
        let Some(journey) = &line.enroll else {
            let bytes = line.body.to_string();
            return read(workspace, bytes.as_bytes(), Some(self.now))
                .map_err(|refusal| format!("{refusal}: {bytes}"));
        };
        let value = line.body["userId"].as_str().unwrap_or_default().to_owned();
        let kind = InputKind::Enroll {
            journey: journey.clone(),
            key: String::new(),
            properties: line.body["properties"].clone(),
        };
        Ok(Arrival {
            workspace,
            identities: vec![Identity { workspace, kind: IdentityKind::External, value }],
            input_id: Some(stable_hash_wide(&[b"input", line.token.as_bytes()])),
            input: Input { at: self.now, kind },
        })
    }

    async fn publish(&mut self, workspace: usize, edition: usize) {
        let Some(plan) = self.scenario.workspaces.get(workspace).cloned() else { return };
        let Some(it) = plan.editions.get(edition) else { return };
        let named = |folder: &str, text: &String| {
            let name = text.lines().next().and_then(|line| line.split(' ').nth(1));
            (format!("{folder}/{}.yaml", name.unwrap_or_default()), text.clone())
        };
        let mut files = vec![("workspace.yaml".to_owned(), it.workspace.clone())];
        files.extend(it.segments.iter().map(|text| named("segments", text)));
        files.extend(it.journeys.iter().map(|text| named("journeys", text)));
        let loaded = match load(files.iter().map(|(file, text)| (file.as_str(), text.as_bytes()))) {
            Ok(loaded) => loaded,
            Err(problems) => {
                let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
                self.violate(
                    Invariant::NoErrors,
                    format!("composed wrongly: {problems:?}\n{files:?}"),
                );
                return;
            }
        };
        let definitions = Definitions {
            segments: loaded.segment_definitions().cloned().collect(),
            journeys: loaded.journey_definitions().cloned().collect(),
            workspace: loaded.workspace,
        };
        let mut plan = plan.clone();
        plan.keywords.retain(|word| it.has_keyword(word));
        lock(&self.chronicle).coming = Some(Rules { plan, quiet: it.quiet });
        let (seed, now) = (self.scenario.seed, self.now);
        let Some(pipeline) = &mut self.pipeline else { return };
        let result = pipeline.publish(&definitions, seed, now).await;
        if self.survive(result).await.is_none() {
            // The operator tries at once: nobody may write to a workspace that is not there.
            Box::pin(self.publish(workspace, edition)).await;
        }
    }
}
