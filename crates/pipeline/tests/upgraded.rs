//! A store of an older release, driven on by the program of today: who waited goes on.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use wayline_core::ids::{EnrollmentId, WorkspaceId};
use wayline_core::message::MessageState;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::Pipeline;
use wayline_pipeline::gateway::{Gateway, Gateways};
use wayline_pipeline::sandbox::{Behaviour, Sandbox};
use wayline_pipeline::tick::Tick;
use wayline_store::batch::EnrollmentRow;
use wayline_store::{Durability, SqliteOptions, SqliteStore, Store};

const WS: WorkspaceId = WorkspaceId(1);
const PACKED: &[u8] = include_bytes!("../../store/fixtures/shop_v1.db.gz");
const TURN: usize = 100;

fn open(path: &Path) -> Arc<Store> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(PACKED).read_to_end(&mut bytes).expect("it unpacks");
    std::fs::write(path, bytes).expect("it is written");
    let options = SqliteOptions { cache_bytes: 1 << 20, durability: Durability::Off, readers: 1 };
    Arc::new(SqliteStore::open(path, options).expect("the store opens").into())
}

async fn enrollments(store: &Store) -> Vec<EnrollmentRow> {
    let people = store.contacts_page(WS, None, 1_000).await.unwrap();
    let mut rows = Vec::new();
    for record in people {
        rows.extend(store.enrollments(WS, record.profile.contact, None, 1_000).await.unwrap());
    }
    rows
}

async fn open_messages(store: &Store) -> Vec<MessageState> {
    let rows = store.messages_of_workspace(WS, None, 1_000).await.unwrap();
    rows.iter().map(|message| message.state).filter(|state| state.is_open()).collect()
}

/// Drives the stages until nothing is due before `end`.
async fn drive(pipeline: &mut Pipeline, start: Timestamp, end: Timestamp) {
    let gateway = Arc::new(Sandbox::new("sandbox", 7, Behaviour::default()));
    let gateways = Gateways::only(Arc::clone(&gateway) as Arc<dyn Gateway>);
    let mut now = start;
    for _ in 0..10_000 {
        let due = pipeline.next_due_but_calls().await.unwrap();
        let next = [due, gateway.next_event()].into_iter().flatten().min();
        let Some(next) = next.filter(|next| *next <= end) else { return };
        now = now.max(next);
        let tick = Tick::Virtual(now);
        pipeline.wake(tick, TURN).await.unwrap();
        pipeline.schedule(tick).await.unwrap();
        pipeline.dispatch(&gateways, tick, TURN).await.unwrap();
        pipeline.receive(gateway.poll(now), tick).await.unwrap();
    }
    panic!("something runs in a circle at {now:?}");
}

#[test]
fn everybody_who_waited_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(&folder.path().join("store.db"));
    pollster::block_on(async {
        let waiting = |rows: &[EnrollmentRow]| -> Vec<EnrollmentId> {
            rows.iter().filter(|row| row.left_at.is_none()).map(|row| row.id).collect()
        };
        let before = waiting(&enrollments(&store).await);
        assert!(before.len() >= 5, "{before:?}");
        let open = open_messages(&store).await;
        assert!(open.contains(&MessageState::Held) && open.contains(&MessageState::Queued));

        let start = store.last_instant().await.unwrap().expect("something happened");
        let mut pipeline = Pipeline::open(Arc::clone(&store)).await.expect("it opens");
        pipeline.recover(start).await.unwrap();
        drive(&mut pipeline, start, start + Span::seconds(60 * 86_400)).await;

        let after = enrollments(&store).await;
        let left =
            |id: &EnrollmentId| after.iter().any(|row| row.id == *id && row.left_at > Some(start));
        let stuck: Vec<_> = before.iter().filter(|id| !left(id)).collect();
        assert!(stuck.is_empty(), "these wait for ever: {stuck:?}");
        assert_eq!(open_messages(&store).await, [], "each message came to an end");
        assert_eq!(pipeline.dead_letters, 0);
        assert!(store.last_instant().await.unwrap() > Some(start));
        store.check().await.expect("it is whole");
    });
}
