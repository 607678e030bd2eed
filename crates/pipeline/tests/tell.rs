//! Inputs about a contact known by its id, and how long what tells repetitions is kept.

#![allow(clippy::expect_used, reason = "what cannot go on has to stop the test")]

use std::sync::Arc;
use wayline_core::event::{Input, InputKind};
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::journey::workspace::load;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::definitions::Definitions;
use wayline_pipeline::ingest::read;
use wayline_pipeline::retain::Keep;
use wayline_pipeline::{Accepted, Pipeline, PipelineError};
use wayline_store::batch::{Batch, IdempotencyRow, Op};
use wayline_store::{MemoryStore, Store};

const ACME: WorkspaceId = WorkspaceId(1);
const OTHER: WorkspaceId = WorkspaceId(2);
const ANN: ContactId = ContactId(1);

/// Two workspaces, and a contact of the first.
async fn opened() -> (Arc<Store>, Pipeline, Timestamp) {
    let store = Arc::new(Store::from(MemoryStore::new()));
    let mut pipeline = Pipeline::open(store.clone()).await.expect("an empty store opens");
    let start = Timestamp::parse("2026-06-01T10:00:00Z").expect("an instant");
    for slug in ["acme", "other"] {
        let text = format!("workspace: {slug}\ncountry: US\ntime_zone: America/New_York\n");
        let loaded = load([("workspace.yaml", text.as_bytes())]).expect("it is valid");
        let definitions =
            Definitions { segments: Vec::new(), journeys: Vec::new(), workspace: loaded.workspace };
        pipeline.publish(&definitions, 1, start).await.expect("it compiles");
    }
    let line = br#"{"type":"identify","userId":"ann"}"#;
    let arrival = read(ACME, line, Some(start)).expect("a line");
    pipeline.accept(&[(arrival, start)]).await.expect("taken");
    (store, pipeline, start)
}

fn profile(at: Timestamp) -> Input {
    let traits = serde_json::Map::from_iter([("tier".to_owned(), "gold".into())]);
    Input { at, kind: InputKind::Identify { traits } }
}

#[test]
fn an_input_of_a_known_contact_is_taken_once() {
    pollster::block_on(async {
        let (store, mut pipeline, now) = opened().await;
        let first = pipeline.accept_for(ACME, ANN, Some(7), profile(now), now).await;
        assert_eq!(first.expect("taken"), Accepted::Taken(ANN));
        let again = pipeline.accept_for(ACME, ANN, Some(7), profile(now), now).await;
        assert_eq!(again.expect("known"), Accepted::Duplicate);
        let found = store.contacts(&[ANN]).await.expect("a contact").remove(0).expect("it");
        assert_eq!(found.profile.attributes, r#"{"tier":"gold"}"#);
    });
}

#[test]
fn a_contact_of_another_workspace_is_not_reached() {
    pollster::block_on(async {
        let (store, mut pipeline, now) = opened().await;
        let before = store.contacts(&[ANN]).await.expect("a contact");
        for (workspace, contact) in [(OTHER, ANN), (ACME, ContactId(99))] {
            let told = pipeline.accept_for(workspace, contact, None, profile(now), now).await;
            assert!(matches!(told, Err(PipelineError::NoContact { .. })), "{told:?}");
        }
        assert_eq!(store.contacts(&[ANN]).await.expect("a contact"), before);
    });
}

#[test]
fn answers_to_creating_calls_are_kept_for_a_day() {
    pollster::block_on(async {
        let (store, mut pipeline, now) = opened().await;
        let row = IdempotencyRow {
            key: 1,
            token: "t".to_owned(),
            fingerprint: 1,
            at: now,
            status: 201,
            body: "{}".to_owned(),
        };
        store.commit(&Batch { ops: vec![Op::PutIdempotency(row)] }).await.expect("kept");
        let keep = Keep { history: Span::days(30), messages: Span::days(30) };
        for (hours, is_there) in [(23, true), (25, false)] {
            pipeline.retain(keep, now + Span::hours(hours), 100).await.expect("a turn");
            let kept = store.idempotency(1, "t").await.expect("a read");
            assert_eq!(kept.is_some(), is_there, "after {hours} hours");
        }
    });
}
