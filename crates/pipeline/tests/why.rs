//! "Why?" on journeys with each reason, and one journey published, paused and archived by itself.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use serde_json::{Value, json};
use std::sync::Arc;
use wayline_core::event::{Input, InputKind, ReplyFrom};
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::journey::parse::{parse_journey, parse_workspace};
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::definitions::{Definitions, live_problems};
use wayline_pipeline::gateway::Gateways;
use wayline_pipeline::ingest::{Arrival, read};
use wayline_pipeline::sandbox::{Behaviour, Sandbox};
use wayline_pipeline::tick::Tick;
use wayline_pipeline::why::{Explanation, Status, Why};
use wayline_pipeline::{Pipeline, PipelineError};
use wayline_store::batch::{Identity, IdentityKind};
use wayline_store::{MemoryStore, Store};

const ACME: WorkspaceId = WorkspaceId(1);
const ANN: ContactId = ContactId(1);

struct World {
    pipeline: Pipeline,
    gateways: Gateways,
    now: Timestamp,
}

fn definitions(workspace: &str, journeys: &[&str]) -> Definitions {
    let workspace =
        format!("workspace: acme\ncountry: US\ntime_zone: America/New_York\n{workspace}");
    Definitions {
        workspace: parse_workspace("workspace.yaml", workspace.as_bytes()).expect("it parses"),
        segments: Vec::new(),
        journeys: journeys
            .iter()
            .map(|text| parse_journey("journey", text.as_bytes()).expect("it parses"))
            .collect(),
    }
}

const FREE: &str = "consent: assumed\nquiet_hours: none\ncaps: []\n";

impl World {
    async fn new(workspace: &str, journeys: &[&str]) -> World {
        let store = Arc::new(Store::from(MemoryStore::new()));
        let mut pipeline = Pipeline::open(store).await.expect("an empty store opens");
        let now = Timestamp::parse("2026-06-01T10:00:00Z").expect("an instant");
        let made = definitions(workspace, journeys);
        pipeline.publish(&made, 1, now).await.expect("it compiles");
        let sandbox = Sandbox::new(
            "sandbox",
            7,
            Behaviour { timeout: 0.0, throttle: 0.0, refuse: 0.0, ..Behaviour::default() },
        );
        let mut world = World { pipeline, gateways: Gateways::only(Arc::new(sandbox)), now };
        world.says(json!({"type": "identify", "traits": {"phone": "+12025550142"}})).await;
        world
    }

    /// A minute later the person does something, and all that is due is done.
    async fn says(&mut self, mut line: Value) {
        self.now = self.now + Span::minutes(1);
        line["userId"] = json!("ann");
        let arrival = read(ACME, line.to_string().as_bytes(), Some(self.now)).expect("a line");
        self.takes(arrival).await;
    }

    async fn takes(&mut self, arrival: Arrival) {
        self.pipeline.accept(&[(arrival, self.now)]).await.expect("taken");
        self.works().await;
    }

    async fn works(&mut self) {
        let tick = Tick::Live(self.now);
        for _ in 0..20 {
            let woken = self.pipeline.wake(tick, 100).await.expect("it wakes");
            let gone = self.pipeline.dispatch(&self.gateways, tick, 100).await.expect("it goes");
            let swept = self.pipeline.schedule(tick).await.expect("it sweeps");
            if woken + gone + swept == 0 {
                return;
            }
        }
    }

    async fn does(&mut self, event: &str, properties: Value) {
        self.says(json!({"type": "track", "event": event, "properties": properties})).await;
    }

    async fn why(&self, journey: &str) -> Why {
        self.pipeline.why(ACME, ANN, journey, self.now).await.expect("it can be told")
    }

    /// Reason, times and detail of what was not stored.
    async fn why_not(&self, journey: &str) -> Vec<(String, usize, String)> {
        let told = self.why(journey).await.explanations;
        let computed = told.into_iter().filter(|it| !it.stored);
        computed.map(|it| (it.reason.to_string(), it.times, it.detail)).collect()
    }
}

fn reason(name: &str, times: usize, detail: &str) -> (String, usize, String) {
    (name.to_owned(), times, detail.to_owned())
}

fn line(explanation: &Explanation) -> String {
    let step = explanation.step.clone().unwrap_or_default();
    format!("{} {} {step}", explanation.what, explanation.reason)
}

#[test]
fn an_event_that_differs_a_condition_and_a_key() {
    let cart = "journey: cart\nentry: {event: cart, key: event.id, where: {property: value, gte: 10}}\nsteps:\n  s: {exit: x}\n";
    pollster::block_on(async {
        let mut world = World::new(FREE, &[cart]).await;
        world.does("view", json!({})).await;
        world.does("view", json!({})).await;
        world.does("cart", json!({"id": "1", "value": 3})).await;
        world.does("cart", json!({"value": 30})).await;
        let told = world.why_not("cart").await;
        let expected = [
            reason("event_differs", 2, "view"),
            reason("condition_false", 1, "cart"),
            reason("key_missing", 1, "cart"),
        ];
        assert_eq!(told, expected);
        let why = world.why("cart").await;
        assert_eq!((why.status, why.version, why.inputs), (Status::Live, Some(1), 5));
        assert!(!why.approximate && !why.has_more && why.standing.is_empty());
    });
}

#[test]
fn active_ended_and_too_recently_as_it_was_then() {
    let once = "journey: once\nentry: {event: go}\nsteps:\n  nap: {wait: 2m}\n";
    let soon =
        "journey: soon\nentry: {event: go, once_ended: {after: 1d}}\nsteps:\n  s: {exit: x}\n";
    pollster::block_on(async {
        let mut world = World::new(FREE, &[once, soon]).await;
        world.does("go", json!({})).await;
        world.does("go", json!({})).await;
        world.now = world.now + Span::minutes(5);
        world.works().await;
        world.does("go", json!({})).await;
        // Now it has ended; that it was active at the second event is still told.
        let told = world.why_not("once").await;
        assert_eq!(told, [reason("already_active", 1, "go"), reason("already_ended", 1, "go")]);
        assert_eq!(world.why_not("soon").await, [reason("ended_too_recently", 2, "go")]);
        let stored: Vec<String> =
            world.why("once").await.explanations.iter().filter(|it| it.stored).map(line).collect();
        let expected = [
            "entered entry_matched ",
            "reached step_done nap",
            "left time_reached nap",
            "exited completed nap",
        ];
        assert_eq!(stored, expected);
    });
}

#[test]
fn what_a_profile_said_then_and_what_was_counted_then() {
    let rich = "journey: rich\nentry: {event: go, where: {attribute: plan, is: gold}, once_ended: always}\nsteps:\n  s: {exit: x}\n";
    pollster::block_on(async {
        let mut world = World::new(FREE, &[rich]).await;
        world.does("go", json!({})).await;
        world.says(json!({"type": "identify", "traits": {"plan": "gold"}})).await;
        assert_eq!(world.why_not("rich").await, [reason("condition_false", 1, "go")]);
        world.does("go", json!({})).await;
        assert_eq!(world.why_not("rich").await, [reason("condition_false", 1, "go")]);
        assert!(world.why("rich").await.explanations.iter().any(|it| it.stored));
    });
}

#[test]
fn words_dates_and_calls() {
    let join = "journey: join\nentry: {keyword: JOIN}\nsteps:\n  s: {exit: x}\n";
    let birthday = "journey: birthday\nentry: {date: {attribute: born}}\nsteps:\n  s: {exit: x}\n";
    let called = "journey: called\nentry: {api: true}\nsteps:\n  s: {exit: x}\n";
    pollster::block_on(async {
        let mut world = World::new(FREE, &[join, birthday, called]).await;
        world.now = world.now + Span::minutes(1);
        let kind = InputKind::Inbound {
            text: "hello".to_owned(),
            media: Vec::new(),
            muted: false,
            reply_from: ReplyFrom::Last,
        };
        world.takes(arrival(world.now, kind)).await;
        world.says(json!({"type": "identify", "traits": {"born": "2020-01-01"}})).await;
        assert_eq!(world.why_not("join").await, [reason("event_differs", 1, "inbound")]);
        let told = world.why_not("birthday").await;
        let expected =
            [reason("time_unreadable", 1, "identify"), reason("date_past", 1, "identify")];
        assert_eq!(told, expected);
        world.pipeline.archive(ACME, "called", world.now).await.expect("archived");
        let kind = InputKind::Enroll {
            journey: "called".to_owned(),
            key: String::new(),
            properties: Value::Null,
        };
        world.now = world.now + Span::minutes(1);
        world.takes(arrival(world.now, kind)).await;
        assert_eq!(world.why_not("called").await, [reason("not_live", 1, "called")]);
        assert_eq!(world.why("called").await.status, Status::Archived);
    });
}

fn arrival(at: Timestamp, kind: InputKind) -> Arrival {
    let value = "ann".to_owned();
    let identity = Identity { workspace: ACME, kind: IdentityKind::External, value };
    Arrival {
        workspace: ACME,
        identities: vec![identity],
        input_id: None,
        input: Input { at, kind },
    }
}

#[test]
fn no_consent_and_a_pause() {
    let news = "journey: news\npurpose: marketing\nentry: {event: go, once_ended: always}\nsteps:\n  text: {send: {sms: Hello}}\n";
    pollster::block_on(async {
        let strict = "consent: double_opt_in\nquiet_hours: none\ncaps: []\n";
        let mut world = World::new(strict, &[news]).await;
        world.does("go", json!({})).await;
        let told: Vec<String> = world.why("news").await.explanations.iter().map(line).collect();
        assert!(told.contains(&"dropped no_consent text".to_owned()), "{told:?}");

        world.says(json!({"type": "consent", "state": "opted_in", "source": "web"})).await;
        world.pipeline.pause(ACME, "news", world.now).await.expect("paused");
        world.does("go", json!({})).await;
        assert_eq!(world.why_not("news").await, [reason("not_live", 1, "go")]);
        assert_eq!(world.why("news").await.status, Status::Paused);
        world.pipeline.resume(ACME, "news", world.now).await.expect("resumed");
        world.works().await;
        assert_eq!(world.why("news").await.status, Status::Live);
    });
}

#[test]
fn where_somebody_stands_and_what_holds_them() {
    let hello = "journey: hello\nentry: {event: go}\nsteps:\n  nap: {wait: 1m}\n  text: {send: {sms: Hello}}\n";
    pollster::block_on(async {
        let mut world = World::new(FREE, &[hello]).await;
        world.does("go", json!({})).await;
        let standing = world.why("hello").await.standing;
        assert_eq!((standing[0].step.as_str(), standing[0].position), ("nap", "waiting"));
        assert_eq!(standing[0].until, Some(world.now + Span::minutes(1)));
        world.pipeline.pause(ACME, "hello", world.now).await.expect("paused");
        world.now = world.now + Span::minutes(2);
        world.works().await;
        let why = world.why("hello").await;
        let told = serde_json::to_value(&why).expect("it can be written");
        assert_eq!(told["status"], "paused");
        assert_eq!(told["standing"][0]["position"], "held");
        assert_eq!(told["standing"][0]["reason"], "journey_paused");
        assert_eq!(told["standing"][0]["entered_at"], "2026-06-01T10:02:00.000Z");
        assert!(told["standing"][0]["message"].is_string());
        let last = told["explanations"].as_array().and_then(|all| all.last()).expect("one");
        assert_eq!((&last["what"], &last["stored"]), (&json!("held"), &json!(true)));
    });
}

#[test]
fn a_long_history_is_told_as_approximate() {
    let cart = "journey: cart\nentry: {event: cart}\nsteps:\n  s: {exit: x}\n";
    pollster::block_on(async {
        let mut world = World::new(FREE, &[cart]).await;
        for _ in 0..210 {
            world.does("view", json!({})).await;
        }
        let why = world.why("cart").await;
        assert!(why.approximate && why.has_more);
        assert_eq!(world.why_not("cart").await, [reason("event_differs", 200, "view")]);
    });
}

#[test]
fn who_is_not_there_is_said() {
    let calm = "journey: calm\nentry: {event: go}\nsteps:\n  s: {exit: x}\n";
    pollster::block_on(async {
        let mut world = World::new(FREE, &[calm]).await;
        let (pipeline, now) = (&mut world.pipeline, world.now);
        let other = WorkspaceId(7);
        let no_workspace = |it: Result<bool, PipelineError>| {
            assert!(matches!(it, Err(PipelineError::NoWorkspace { .. })), "{it:?}");
        };
        no_workspace(pipeline.pause(other, "calm", now).await);
        no_workspace(pipeline.archive(other, "calm", now).await);
        for result in [
            pipeline.pause(ACME, "clam", now).await,
            pipeline.resume(ACME, "clam", now).await,
            pipeline.archive(ACME, "clam", now).await,
        ] {
            assert!(matches!(result, Err(PipelineError::NoJourney { .. })), "{result:?}");
        }
        let nobody = pipeline.why(ACME, ContactId(99), "calm", now).await;
        assert!(matches!(nobody, Err(PipelineError::NoContact { .. })), "{nobody:?}");
        let nothing = pipeline.why(ACME, ANN, "clam", now).await;
        assert!(matches!(nothing, Err(PipelineError::NoJourney { .. })), "{nothing:?}");
        assert!(pipeline.pause(ACME, "calm", now).await.expect("it is there"));
        assert!(!pipeline.pause(ACME, "calm", now).await.expect("it is paused already"));
    });
}

#[test]
fn one_journey_is_published_and_the_others_stay() {
    let calm = "journey: calm\nentry: {event: go}\nsteps:\n  s: {exit: x}\n";
    let other = "journey: other\nentry: {event: go}\nsteps:\n  s: {exit: x}\n";
    let parse = |text: &str| parse_journey("journey", text.as_bytes()).expect("it parses");
    pollster::block_on(async {
        let mut world = World::new(FREE, &[calm]).await;
        let (pipeline, now) = (&mut world.pipeline, world.now);
        let same = pipeline.publish_journey(ACME, &parse(calm), now).await.expect("nothing to do");
        assert_eq!(same, None);
        let new = pipeline.publish_journey(ACME, &parse(other), now).await.expect("published");
        assert_eq!(new, Some(1));
        let changed = parse(&calm.replace("exit: x", "exit: y"));
        assert_eq!(
            pipeline.publish_journey(ACME, &changed, now).await.expect("published"),
            Some(2)
        );
        let wrong = parse(&other.replace("{exit: x}", "{enroll: nobody}"));
        let refused = pipeline.publish_journey(ACME, &wrong, now).await;
        assert!(matches!(refused, Err(PipelineError::Definitions { .. })), "{refused:?}");
        let versions = pipeline.store().journey_versions(ACME).await.expect("versions");
        let live: Vec<(String, u32)> = versions
            .iter()
            .filter(|version| version.live)
            .map(|version| (version.row.slug.clone(), version.row.version))
            .collect();
        assert_eq!(live, [("calm".to_owned(), 2), ("other".to_owned(), 1)]);
    });
}

#[test]
fn what_must_not_be_live_is_told_with_its_place() {
    let problems = live_problems(&definitions(FREE, &[]));
    let places: Vec<(u32, u32)> = problems.iter().map(|it| (it.line, it.column)).collect();
    assert_eq!(places, [(4, 10), (5, 14)], "{problems:?}");
    assert!(problems[0].message.contains("double_opt_in"));
    assert!(live_problems(&definitions("consent: single_opt_in\n", &[])).is_empty());
    assert!(live_problems(&definitions("", &[])).is_empty());
}
