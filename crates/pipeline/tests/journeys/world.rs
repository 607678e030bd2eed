//! The production stages on a virtual clock, driven by the lines of a script.
//!
//! Must never decide anything itself: it carries inputs to the pipeline and time to its stages.

use crate::checks;
use crate::effects::{Effects, Names};
use crate::script::{Definition, Input, span};
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex};
use wayline_core::contact::{Contact, Profile, State};
use wayline_core::event::{Input as Happening, InputKind, ReceiptStatus};
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::journey::explain::explain;
use wayline_core::journey::parse::{parse_journey, parse_segment, parse_workspace};
use wayline_core::message::Message;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::definitions::Definitions;
use wayline_pipeline::gateway::{Destination, Gateway, GatewayEvent, Gateways, Inbound, Receipt};
use wayline_pipeline::ingest;
use wayline_pipeline::sandbox::{Behaviour, Sandbox};
use wayline_pipeline::tick::Tick;
use wayline_pipeline::{Accepted, Pipeline};
use wayline_store::Store;
use wayline_store::batch::{Batch, CallRow, Identity, IdentityKind};
use wayline_store::memory::MemoryStore;

/// A workspace that says nothing by itself: a scenario's own lines replace these key by key.
const WORKSPACE: &str = "workspace: acme
brand: Acme
country: US
time_zone: America/New_York
consent: assumed
quiet_hours: none
caps: []
";
const SEED: u64 = 7;
/// Turns at one instant before something surely runs in a circle.
const TURNS_MAX: usize = 1_000;

pub(crate) struct World {
    title: String,
    store: Arc<Store>,
    pipeline: Pipeline,
    workspace: WorkspaceId,
    definitions: Vec<Definition>,
    behaviour: Behaviour,
    /// The last one takes messages; receipts of the others still come.
    gateways: Vec<Arc<Sandbox>>,
    /// Receipts are polled before the gateway's answers are stored.
    receipts_overtake: bool,
    /// The program dies before it stores an answer.
    answers_vanish: bool,
    batches: Arc<Mutex<Vec<Batch>>>,
    effects: Effects,
    /// Every call ever made: an answer may come after it was given up.
    calls: Vec<CallRow>,
    inbound: u64,
}

impl World {
    pub(crate) async fn new(title: &str) -> World {
        let store = Arc::new(Store::from(MemoryStore::new()));
        let pipeline = Pipeline::open(Arc::clone(&store)).await.expect("an empty store opens");
        let mut world = World {
            title: title.to_owned(),
            store,
            pipeline,
            workspace: WorkspaceId(1),
            definitions: Vec::new(),
            behaviour: Behaviour { receipt_after: None, ..Behaviour::default() },
            gateways: Vec::new(),
            receipts_overtake: false,
            answers_vanish: false,
            batches: Arc::default(),
            effects: Effects::default(),
            calls: Vec::new(),
            inbound: 0,
        };
        world.change_gateway();
        world.watch();
        world
    }

    fn watch(&mut self) {
        let batches = Arc::clone(&self.batches);
        self.pipeline.observe(Box::new(move |batch| {
            batches.lock().expect("nobody panics here").push(batch);
        }));
    }

    fn change_gateway(&mut self) {
        self.gateways.push(Arc::new(Sandbox::new("sandbox", SEED, self.behaviour)));
    }

    /// Publishes definitions over those there are.
    pub(crate) async fn publish(&mut self, changes: &[Definition], now: Timestamp) {
        for change in changes {
            let same = |it: &Definition| it.id == change.id && it.kind == change.kind;
            self.definitions
                .retain(|it| !(same(it) || change.kind == "retire" && it.id == change.id));
            if change.kind != "retire" {
                self.definitions.push(change.clone());
            }
        }
        let of = |kind: &'static str| self.definitions.iter().filter(move |it| it.kind == kind);
        let title = &self.title;
        let wrong = |problems: Vec<_>| -> ! { panic!("{title}: {problems:?}") };
        let own = of("workspace").map(|it| it.yaml.as_str()).collect::<String>();
        let workspace = parse_workspace("workspace.yaml", with_defaults(&own).as_bytes())
            .unwrap_or_else(|problems| wrong(problems));
        let segments = of("segment").map(|it| {
            let text = format!("segment: {}\n{}", it.id, it.yaml);
            parse_segment(&it.id, text.as_bytes()).unwrap_or_else(|problems| wrong(problems))
        });
        let journeys = of("journey").map(|it| {
            let text = format!("journey: {}\n{}", it.id, it.yaml);
            parse_journey(&it.id, text.as_bytes()).unwrap_or_else(|problems| wrong(problems))
        });
        let definitions =
            Definitions { workspace, segments: segments.collect(), journeys: journeys.collect() };
        let published = self.pipeline.publish(&definitions, SEED, now).await;
        let published = published.unwrap_or_else(|error| panic!("{title}: {error}"));
        self.workspace = published.workspace;
    }

    /// One line of the script, and everything due before the next one.
    pub(crate) async fn step(&mut self, input: &Input, next: Option<Timestamp>) -> Vec<String> {
        self.effects.day = Some(input.at);
        if let Err(error) = self.handle(input).await {
            self.effects.lines.push(format!("ERROR {error}"));
        }
        self.collect().await;
        // Inputs of one instant come before what is due at that instant.
        let until = match next {
            Some(next) => Timestamp(next.0 - 1),
            None => input.at,
        };
        self.until(until).await;
        checks::check(&self.title, &self.store, &self.pipeline, self.workspace).await;
        std::mem::take(&mut self.effects.lines)
    }

    /// Does everything due up to an instant, instant by instant.
    async fn until(&mut self, until: Timestamp) {
        for turn in 0.. {
            assert!(
                turn < TURNS_MAX,
                "{}: it goes round at {until}: {:#?}",
                self.title,
                self.effects.lines
            );
            let Some(due) = self.next_due().await.filter(|due| *due <= until) else { return };
            if let Err(error) = self.turn(Tick::Virtual(due.max(Timestamp::MIN))).await {
                self.effects.lines.push(format!("ERROR {error}"));
                return;
            }
            self.collect().await;
        }
    }

    async fn next_due(&self) -> Option<Timestamp> {
        let stored = [
            self.store.next_wake().await.expect("memory answers"),
            self.store.next_message_due().await.expect("memory answers"),
            self.pipeline.next_schedule().await.expect("memory answers"),
        ];
        let coming = self.gateways.iter().filter_map(|gateway| gateway.next_event());
        // A schedule that was never looked at counts from the script's first instant on.
        let started = self.effects.day.unwrap_or(Timestamp::MIN);
        let stored = stored
            .into_iter()
            .flatten()
            .map(|due| if due == Timestamp::MIN { started } else { due });
        stored.chain(coming).min()
    }

    async fn turn(&mut self, tick: Tick) -> Result<(), wayline_pipeline::PipelineError> {
        const LIMIT: usize = 100;
        while self.pipeline.wake(tick, LIMIT).await? > 0 {
            self.collect().await;
        }
        let (_, submissions) = self.pipeline.claim(tick, LIMIT).await?;
        if !submissions.is_empty() {
            let gateway: Arc<dyn Gateway> =
                Arc::clone(self.gateways.last().expect("there is one")) as _;
            let gateways = Gateways::only(gateway);
            let mut outcomes = Vec::new();
            for message in &submissions {
                let gateway = gateways.get(&message.gateway).expect("it serves every id");
                outcomes.push(gateway.submit(message, tick.until()).await);
            }
            if self.receipts_overtake {
                self.poll(tick).await?;
            }
            if !self.answers_vanish {
                self.pipeline.answer(submissions, outcomes, tick).await?;
            }
        }
        self.poll(tick).await?;
        self.pipeline.schedule(tick).await?;
        Ok(())
    }

    async fn poll(&mut self, tick: Tick) -> Result<(), wayline_pipeline::PipelineError> {
        for gateway in self.gateways.clone() {
            let mut events = gateway.poll(tick.until());
            if self.receipts_overtake {
                // A carrier that does not give our id back.
                for event in &mut events {
                    if let GatewayEvent::Receipt(receipt) = event {
                        receipt.message = None;
                    }
                }
            }
            self.pipeline.receive(events, tick).await?;
        }
        Ok(())
    }

    /// Writes down what was committed.
    async fn collect(&mut self) {
        let batches = std::mem::take(&mut *self.batches.lock().expect("nobody panics here"));
        let names = Names { engine: self.pipeline.engine(self.workspace).cloned() };
        for batch in &batches {
            self.calls.extend(batch.ops.iter().filter_map(|op| match op {
                wayline_store::batch::Op::InsertCall(call) => Some(call.clone()),
                _ => None,
            }));
            self.effects.take(batch, &names);
        }
    }

    async fn handle(&mut self, input: &Input) -> Result<(), wayline_pipeline::PipelineError> {
        let words: Vec<&str> = input.words.iter().map(String::as_str).collect();
        let now = input.at;
        match words.as_slice() {
            ["time", "passes"] => Ok(()),
            ["publish"] => {
                self.publish(&input.definitions, now).await;
                Ok(())
            }
            ["pause", journey] => {
                self.pipeline.pause(self.workspace, journey, now).await.map(|_| ())
            }
            ["resume", journey] => {
                self.pipeline.resume(self.workspace, journey, now).await.map(|_| ())
            }
            ["archive", journey] => {
                self.pipeline.archive(self.workspace, journey, now).await.map(|_| ())
            }
            ["program", "restarts"] => self.restart(now).await,
            ["gateway", how @ ..] => {
                self.gateway(how);
                Ok(())
            }
            ["explain", who, rest @ ..] => {
                self.explain(who, rest, now).await;
                Ok(())
            }
            [who, "texts", text, rest @ ..] => self.text(who, text, rest, now).await,
            [who, "clicks", step, rest @ ..] => {
                let message = self.message(who, step).await;
                let at = happened(rest, now);
                self.pipeline.clicked(message.id, at, now).await
            }
            [who, "receipt", step, status, rest @ ..] => {
                self.receipt(who, step, status, rest, now).await
            }
            [who, "webhook", how, body] => {
                let contact = self.contact(who).await.id;
                let call = self.calls.iter().rev().find(|call| call.contact == contact);
                let call = call.expect("a webhook was called").clone();
                let answer = match *how {
                    "answers" => Ok(serde_json::from_str(body).expect("the answer is JSON")),
                    _ => Err(body.trim_matches('"').to_owned()),
                };
                self.pipeline.answer_call(&call, answer, now).await
            }
            [who, "enrolls", journey, rest @ ..] => {
                let key = rest.iter().find_map(|word| word.strip_prefix("key:"));
                let kind = InputKind::Enroll {
                    journey: (*journey).to_owned(),
                    key: key.unwrap_or_default().to_owned(),
                    properties: Value::Object(fields(rest)),
                };
                let arrival = ingest::Arrival {
                    workspace: self.workspace,
                    identities: vec![self.identity(who)],
                    input_id: None,
                    input: Happening { at: now, kind },
                };
                self.pipeline.accept(&[(arrival, now)]).await.map(|_| ())
            }
            [who, rest @ ..] => self.accept(who, rest, now).await,
            [] => panic!("{}: an empty line", self.title),
        }
    }

    /// A text from a phone, through the gateway.
    async fn text(
        &mut self,
        who: &str,
        text: &str,
        rest: &[&str],
        now: Timestamp,
    ) -> Result<(), wayline_pipeline::PipelineError> {
        let from = if who.starts_with('+') {
            who.to_owned()
        } else {
            self.contact(who).await.profile.phone.expect("a person who texts has a number")
        };
        self.inbound += 1;
        let id = rest.iter().find_map(|word| word.strip_prefix("id:"));
        let id = Some(id.map_or_else(|| self.inbound.to_string(), str::to_owned));
        let text = text.trim_matches('"').to_owned();
        let mut inbound = Inbound::to_workspace(self.workspace, id, from, text, now);
        if let Some(number) = rest.iter().find_map(|word| word.strip_prefix("to:")) {
            let (gateway, number) = ("sandbox".to_owned(), number.to_owned());
            inbound.destination = Destination::Sender { gateway, number };
        }
        let events = vec![GatewayEvent::Inbound(inbound)];
        self.pipeline.receive(events, Tick::Virtual(now)).await
    }

    /// As the business sends it: through ingest.
    async fn accept(
        &mut self,
        who: &str,
        words: &[&str],
        now: Timestamp,
    ) -> Result<(), wayline_pipeline::PipelineError> {
        let mut sent = sent(words);
        sent["userId"] = json!(who);
        if let Some(device) = words.iter().find_map(|word| word.strip_prefix("device:")) {
            sent["anonymousId"] = json!(device);
        }
        if who == "anonymous" {
            sent.as_object_mut().expect("it is one").remove("userId");
        }
        sent["timestamp"] = json!(happened(words, now).to_string());
        let read = ingest::read(self.workspace, sent.to_string().as_bytes(), Some(now));
        let arrival = match read {
            Ok(arrival) => arrival,
            Err(refusal) => {
                self.effects.lines.push(format!("refused: {refusal}"));
                return Ok(());
            }
        };
        if self.pipeline.accept(&[(arrival, now)]).await? == [Accepted::Duplicate] {
            self.effects.lines.push("duplicate".to_owned());
        }
        Ok(())
    }

    async fn receipt(
        &mut self,
        who: &str,
        step: &str,
        status: &str,
        rest: &[&str],
        now: Timestamp,
    ) -> Result<(), wayline_pipeline::PipelineError> {
        let message = self.message(who, step).await;
        let status = match status {
            "accepted" => ReceiptStatus::Accepted,
            "delivered" => ReceiptStatus::Delivered,
            "undelivered" => ReceiptStatus::Undelivered,
            "expired" => ReceiptStatus::Expired,
            "failed" => ReceiptStatus::Failed,
            other => panic!("{}: there is no receipt {other:?}", self.title),
        };
        let receipt = Receipt {
            gateway: message.gateway.clone(),
            gateway_ref: message.gateway_ref.unwrap_or_else(|| "never told".to_owned()),
            message: Some(message.id).filter(|_| !rest.contains(&"without-our-id")),
            other_refs: Vec::new(),
            to: None,
            error: None,
            status,
            at: happened(rest, now),
        };
        self.pipeline.receive(vec![GatewayEvent::Receipt(receipt)], Tick::Virtual(now)).await
    }

    /// The gateway's manners from here on.
    fn gateway(&mut self, how: &[&str]) {
        let after = |text: &str| span(text).expect("a length of time");
        let calm = Behaviour {
            timeout: 0.0,
            throttle: 0.0,
            refuse: 0.0,
            undelivered: 0.0,
            ..self.behaviour
        };
        self.answers_vanish = how == ["never", "answers"];
        self.behaviour = match how {
            ["accepts"] | ["never", "answers"] => calm,
            ["refuses"] => Behaviour { refuse: 1.0, ..calm },
            ["throttles", pause] => Behaviour { throttle: 1.0, throttle_for: after(pause), ..calm },
            ["loses", "answers"] => Behaviour { timeout: 1.0, ..calm },
            ["delivers", "after", pause] => {
                Behaviour { receipt_after: Some((after(pause), after(pause))), ..calm }
            }
            ["delivers"] => Behaviour { receipt_after: Some((Span::ZERO, Span::ZERO)), ..calm },
            ["delivers", "nothing"] => Behaviour {
                undelivered: 1.0,
                receipt_after: Some((Span::ZERO, Span::ZERO)),
                ..calm
            },
            ["delivers", "before", "it", "answers"] => {
                self.receipts_overtake = true;
                Behaviour { receipt_after: Some((Span::ZERO, Span::ZERO)), ..calm }
            }
            other => panic!("{}: a gateway cannot {other:?}", self.title),
        };
        self.change_gateway();
    }

    /// The program dies and starts again on the same store.
    async fn restart(&mut self, now: Timestamp) -> Result<(), wayline_pipeline::PipelineError> {
        if let Store::Memory(memory) = &*self.store {
            memory.begin_run().expect("memory answers");
        }
        self.pipeline = Pipeline::open(Arc::clone(&self.store)).await?;
        self.watch();
        self.pipeline.recover(now).await?;
        Ok(())
    }

    /// "Why not?": decisions that change nothing, asked on a copy.
    async fn explain(&mut self, who: &str, words: &[&str], now: Timestamp) {
        let contact = self.contact(who).await;
        let engine = self.pipeline.engine(self.workspace).cloned().expect("it is published");
        let mut event = sent(words);
        event["userId"] = json!(who);
        event["timestamp"] = json!(now.to_string());
        let arrival = ingest::read(self.workspace, event.to_string().as_bytes(), None);
        let input = arrival.expect("it is an input").input;
        let found = explain(&engine, &contact, &input, now).expect("it can be explained");
        let names = Names { engine: Some(engine) };
        for decision in found.considered {
            let line = self.effects.decision(who, &decision, &names);
            self.effects.lines.push(format!("why: {line}"));
        }
    }

    fn identity(&self, who: &str) -> Identity {
        let kind = if who.starts_with('+') { IdentityKind::Phone } else { IdentityKind::External };
        Identity { workspace: self.workspace, kind, value: who.to_owned() }
    }

    async fn contact(&self, who: &str) -> Contact {
        let identity = self.identity(who);
        let found = self.store.contact_by_identities(&[identity]).await.expect("memory answers");
        let id: ContactId = found[0].unwrap_or_else(|| panic!("{}: who is {who}?", self.title));
        let record = self.store.contacts(&[id]).await.expect("memory answers").remove(0);
        let record = record.expect("a contact that is named exists");
        let profile = &record.profile;
        Contact {
            workspace: self.workspace,
            id,
            profile: Profile {
                external_id: profile.external_id.clone(),
                phone: profile.phone.clone(),
                email: profile.email.clone(),
                attributes: serde_json::from_str(&profile.attributes).expect("it is JSON"),
                created_at: profile.created_at,
            },
            state: State::decode(id, &record.state).expect("it is a state"),
        }
    }

    /// The latest message of a step to a person.
    async fn message(&self, who: &str, step: &str) -> Message {
        let contact = self.contact(who).await.id;
        let page = self.store.messages_of_contact(self.workspace, contact, None, 100);
        let found = page.await.expect("memory answers").into_iter();
        found
            .filter(|message| message.step == step)
            .max_by_key(|message| (message.intended_at, message.id))
            .unwrap_or_else(|| panic!("{}: {who} got no message of {step}", self.title))
    }
}

/// The message as Segment's SDKs would send it.
fn sent(words: &[&str]) -> Value {
    let mut sent = match words {
        ["track", event, ..] => json!({ "type": "track", "event": event.trim_matches('"') }),
        ["consent", state, ..] => json!({ "type": "consent", "state": state, "source": "import" }),
        [kind, ..] => json!({ "type": kind }),
        [] => json!({}),
    };
    let what = if words.first() == Some(&"track") { "properties" } else { "traits" };
    sent[what] = Value::Object(fields(words));
    for (name, field) in [("id:", "messageId"), ("topic:", "topic")] {
        if let Some(value) = words.iter().find_map(|word| word.strip_prefix(name)) {
            sent[field] = json!(value);
        }
    }
    sent
}

/// `name=value`, a value being JSON or else a text.
fn fields(words: &[&str]) -> Map<String, Value> {
    let pairs = words.iter().filter_map(|word| word.split_once('='));
    pairs
        .map(|(name, value)| {
            let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
            (name.to_owned(), value)
        })
        .collect()
}

/// `at:…` says that a thing happened earlier than it arrives.
fn happened(words: &[&str], now: Timestamp) -> Timestamp {
    let at = words.iter().find_map(|word| word.strip_prefix("at:"));
    at.map_or(now, |at| crate::script::instant(at, None).expect("at: takes an instant"))
}

/// The defaults, without the keys a scenario sets itself.
fn with_defaults(own: &str) -> String {
    let keys: Vec<&str> = own
        .lines()
        .filter(|line| !line.starts_with([' ', '#', '-']))
        .filter_map(|line| line.split_once(':').map(|(key, _)| key))
        .collect();
    let mut text: String = WORKSPACE
        .lines()
        .filter(|line| !keys.iter().any(|key| line.split(':').next() == Some(key)))
        .map(|line| format!("{line}\n"))
        .collect();
    text.push_str(own);
    text
}
