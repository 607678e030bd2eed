//! What fails of our own accord is given up once, and whoever stands behind it goes on.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use wayline_core::consent::{Channel, ConsentState};
use wayline_core::contact::State;
use wayline_core::decision::What;
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::journey::workspace::load;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::Pipeline;
use wayline_pipeline::definitions::Definitions;
use wayline_pipeline::gateway::{GatewayEvent, Inbound};
use wayline_pipeline::ingest::read;
use wayline_pipeline::tick::Tick;
use wayline_store::{MemoryStore, Store};

const WORKSPACE: &str =
    "workspace: acme\ncountry: US\ntime_zone: America/New_York\nconsent: assumed\n";
const SLOW: &str =
    "journey: slow\nentry: {event: start}\nsteps:\n  nap: {wait: 1h}\n  tell: {emit: looped}\n";
const CIRCLE: &str = "journey: circle\nentry: {event: looped, while_active: parallel, once_ended: always}\nsteps:\n  again: {emit: looped}\n";
/// What a message that is dropped goes on with leads round in a circle.
const ASK: &str = "journey: ask\nentry: {event: ask}\nsteps:\n  tell: {send: {sms: Hello, if_suppressed: shout}, next: end}\n  shout: {emit: looped}\n";
const CALM: &str = "journey: calm\nentry: {event: start}\nsteps:\n  nap: {wait: 1h}\n  note: {update: {tag: [calm]}}\n";

/// A store with the journeys above, and the instant they were published.
async fn opened() -> (Arc<Store>, Pipeline, Timestamp) {
    let store = Arc::new(Store::from(MemoryStore::new()));
    let mut pipeline = Pipeline::open(store.clone()).await.expect("an empty store opens");
    let files = [
        ("workspace.yaml", WORKSPACE),
        ("journeys/slow.yaml", SLOW),
        ("journeys/circle.yaml", CIRCLE),
        ("journeys/calm.yaml", CALM),
        ("journeys/ask.yaml", ASK),
    ];
    let loaded = load(files.map(|(file, text)| (file, text.as_bytes()))).expect("it is valid");
    let definitions = Definitions {
        segments: loaded.segment_definitions().cloned().collect(),
        journeys: loaded.journey_definitions().cloned().collect(),
        workspace: loaded.workspace,
    };
    let start = Timestamp::parse("2026-06-01T10:00:00Z").expect("an instant");
    pipeline.publish(&definitions, 1, start).await.expect("it compiles");
    (store, pipeline, start)
}

#[test]
fn a_timer_that_fails_ends_its_enrollment_and_no_other() {
    pollster::block_on(async {
        let (store, mut pipeline, start) = opened().await;
        let line = br#"{"type":"track","userId":"1","event":"start"}"#;
        let arrival = read(WorkspaceId(1), line, Some(start)).expect("a line");
        pipeline.accept(&[(arrival, start)]).await.expect("taken");

        let due = start + Span::hours(1);
        let mut turns = 0;
        while pipeline.wake(Tick::Live(due), 100).await.expect("it goes on") > 0 {
            turns += 1;
            assert!(turns < 5, "the timer is tried again and again");
        }
        let rows = store.enrollments(WorkspaceId(1), ContactId(1), None, 10).await.expect("rows");
        let mut exits: Vec<&str> = rows.iter().map(|row| row.exit.as_str()).collect();
        exits.sort_unstable();
        assert_eq!(exits, ["completed", "failed"]);
        let letters = store.dead_letters(WorkspaceId(1), None, 10).await.expect("letters");
        assert_eq!(letters.len(), 1, "{letters:?}");
    });
}

#[test]
fn a_dead_letter_counts_its_attempts() {
    pollster::block_on(async {
        let (store, mut pipeline, start) = opened().await;
        let workspace = WorkspaceId(1);
        let line = br#"{"type":"track","userId":"1","event":"looped"}"#;
        let arrival = read(workspace, line, Some(start)).expect("a line");
        pipeline.accept(&[(arrival, start)]).await.expect("taken");
        for attempts in 1..=3 {
            let letters = store.dead_letters(workspace, None, 10).await.expect("letters");
            let [letter] = letters.as_slice() else { panic!("{letters:?}") };
            assert_eq!(letter.attempts, attempts);
            let known = pipeline.retry_dead_letter(workspace, letter.id, start).await;
            assert!(known.expect("it is tried again"));
        }
    });
}

/// Takes a line that a person's system sends.
async fn take(pipeline: &mut Pipeline, line: &[u8], now: Timestamp) {
    let arrival = read(WorkspaceId(1), line, Some(now)).expect("a line");
    pipeline.accept(&[(arrival, now)]).await.expect("taken");
}

/// As [`opened`], with somebody whose message waits in the outbox, and who cannot be carried on without it.
async fn with_a_message_on_its_way() -> (Arc<Store>, Pipeline, Timestamp) {
    let (store, mut pipeline, start) = opened().await;
    // Nobody is written to early in the morning.
    let start = start + Span::hours(6);
    let hello = br#"{"type":"identify","userId":"1","traits":{"phone":"+12025550142"}}"#;
    take(&mut pipeline, hello, start).await;
    take(&mut pipeline, br#"{"type":"track","userId":"1","event":"ask"}"#, start).await;
    (store, pipeline, start)
}

/// A dead letter for what failed, and the revocation, with its evidence, all the same.
async fn assert_out(store: &Store, pipeline: &mut Pipeline, now: Timestamp) {
    let (workspace, contact) = (WorkspaceId(1), ContactId(1));
    let letters = store.dead_letters(workspace, None, 10).await.expect("letters");
    assert_eq!(letters.len(), 1, "{letters:?}");
    let record = store.contacts(&[contact]).await.expect("rows").remove(0).expect("a contact");
    let state = State::decode(contact, &record.state).expect("a state");
    assert_eq!(state.consent(Channel::Sms, None), Some(ConsentState::OptedOut));
    let told = store.decisions(workspace, contact, None, 10).await.expect("decisions");
    assert!(told.iter().any(|row| row.row.decision.what == What::Consent), "{told:?}");
    let (claimed, handed_over) = pipeline.claim(Tick::Live(now), 10).await.expect("it goes on");
    assert_eq!((claimed, handed_over), (1, Vec::new()), "what was queued is dropped");
}

#[test]
fn a_stop_that_cannot_be_carried_out_is_kept() {
    pollster::block_on(async {
        let (store, mut pipeline, start) = with_a_message_on_its_way().await;
        let (from, text) = ("+12025550142".to_owned(), "STOP".to_owned());
        let stop = Inbound::to_workspace(WorkspaceId(1), None, from, text, start);
        let events = vec![GatewayEvent::Inbound(stop)];
        pipeline.receive(events, Tick::Live(start)).await.expect("received");
        assert_out(&store, &mut pipeline, start).await;
    });
}

#[test]
fn an_opt_out_that_cannot_be_carried_out_is_kept() {
    pollster::block_on(async {
        let (store, mut pipeline, start) = with_a_message_on_its_way().await;
        let out = br#"{"type":"consent","userId":"1","state":"opted_out","source":"form"}"#;
        take(&mut pipeline, out, start).await;
        assert_out(&store, &mut pipeline, start).await;
    });
}

#[test]
fn a_revocation_without_a_date_holds_though_the_contacts_clock_is_ahead() {
    pollster::block_on(async {
        let (store, mut pipeline, start) = opened().await;
        let into = br#"{"type":"consent","userId":"1","state":"opted_in","source":"form"}"#;
        take(&mut pipeline, into, start + Span::minutes(5)).await;
        // The machine's clock was put back.
        let out = br#"{"type":"consent","userId":"1","state":"opted_out","source":"form"}"#;
        take(&mut pipeline, out, start).await;
        let record = store.contacts(&[ContactId(1)]).await.expect("rows").remove(0);
        let state = State::decode(ContactId(1), &record.expect("a contact").state);
        let consent = state.expect("a state").consent(Channel::Sms, None);
        assert_eq!(consent, Some(ConsentState::OptedOut));
    });
}
