//! What fails of our own accord is given up once, and whoever stands behind it goes on.

use std::sync::Arc;
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::journey::workspace::load;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::Pipeline;
use wayline_pipeline::definitions::Definitions;
use wayline_pipeline::ingest::read;
use wayline_pipeline::tick::Tick;
use wayline_store::{MemoryStore, Store};

const WORKSPACE: &str =
    "workspace: acme\ncountry: US\ntime_zone: America/New_York\nconsent: assumed\n";
const SLOW: &str =
    "journey: slow\nentry: {event: start}\nsteps:\n  nap: {wait: 1h}\n  tell: {emit: looped}\n";
const CIRCLE: &str = "journey: circle\nentry: {event: looped, while_active: parallel, once_ended: always}\nsteps:\n  again: {emit: looped}\n";
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
