//! Of several schedules and looks at everybody that are due, each has its turn; workspaces never share a number.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::sync::Arc;
use wayline_core::ids::WorkspaceId;
use wayline_core::journey::workspace::load;
use wayline_core::limits;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::Pipeline;
use wayline_pipeline::definitions::Definitions;
use wayline_pipeline::ingest::read;
use wayline_pipeline::tick::Tick;
use wayline_store::batch::{Batch, Op, WorkspaceRow};
use wayline_store::{MemoryStore, Store};

fn definitions(workspace: &str) -> Definitions {
    let workspace =
        format!("workspace: {workspace}\ncountry: US\ntime_zone: UTC\nconsent: assumed\n");
    let journey = |slug: &str| {
        format!(
            "journey: {slug}\nentry: {{schedule: {{rrule: \"FREQ=DAILY;BYHOUR=9\"}}, once_ended: always}}\nsteps:\n  nap: {{wait: 1h}}\n"
        )
    };
    let (one, two) = (journey("one"), journey("two"));
    let files = [
        ("workspace.yaml", workspace.as_bytes()),
        ("journeys/one.yaml", one.as_bytes()),
        ("journeys/two.yaml", two.as_bytes()),
    ];
    let loaded = load(files).expect("it is valid");
    Definitions {
        segments: Vec::new(),
        journeys: loaded.journey_definitions().cloned().collect(),
        workspace: loaded.workspace,
    }
}

#[test]
fn schedules_and_looks_at_everybody_take_turns() {
    pollster::block_on(async {
        let store = Arc::new(Store::from(MemoryStore::new()));
        let mut pipeline = Pipeline::open(store.clone()).await.expect("an empty store opens");
        let start = Timestamp::parse("2026-06-01T08:00:00Z").expect("an instant");
        let workspace = WorkspaceId(1);
        pipeline.publish(&definitions("acme"), 1, start).await.expect("it compiles");
        // More than a page of people, so that nothing is done at once.
        for contact in 0..=limits::BATCH_INPUTS_MAX {
            let line = format!(r#"{{"type":"identify","userId":"{contact}","traits":{{}}}}"#);
            let arrival = read(workspace, line.as_bytes(), Some(start)).expect("a line");
            pipeline.accept(&[(arrival, start)]).await.expect("taken");
        }
        while pipeline.schedule(Tick::Live(start)).await.expect("it goes on") > 0 {}
        let due = start + Span::hours(2);
        pipeline.pause(workspace, "one", due).await.expect("paused");
        pipeline.resume(workspace, "one", due).await.expect("resumed");
        // The look at everybody, one schedule, the rest of that look, the other schedule.
        let page = limits::BATCH_INPUTS_MAX;
        for wanted in [page, page, 1, page] {
            let looked_at = pipeline.schedule(Tick::Live(due)).await.expect("it goes on");
            assert_eq!(looked_at, wanted);
        }
        let sweeps = store.sweeps(workspace).await.expect("rows");
        let begun = sweeps.iter().filter(|sweep| !sweep.done && sweep.after.is_some());
        assert_eq!(begun.count(), 2, "{sweeps:?}");
        let mut pages = 0;
        while pipeline.schedule(Tick::Live(due)).await.expect("it goes on") > 0 {
            pages += 1;
        }
        assert_eq!(pages, 2);
    });
}

#[test]
fn a_new_workspace_takes_the_number_of_no_other() {
    pollster::block_on(async {
        let store = Arc::new(Store::from(MemoryStore::new()));
        // As a workspace that was restored from elsewhere, the first of them gone.
        let row = WorkspaceRow {
            id: WorkspaceId(2),
            slug: "kept".to_owned(),
            revision: 1,
            definition: "workspace: kept\ncountry: US\ntime_zone: UTC\n".to_owned(),
            seed: 1,
        };
        store.commit(&Batch { ops: vec![Op::PutWorkspace(row)] }).await.expect("kept");
        let mut pipeline = Pipeline::open(store.clone()).await.expect("it opens");
        let start = Timestamp::parse("2026-06-01T08:00:00Z").expect("an instant");
        let new = pipeline.publish(&definitions("acme"), 1, start).await.expect("it compiles");
        assert_eq!(new.workspace, WorkspaceId(3));
        let rows = store.workspaces().await.expect("rows");
        let slugs: BTreeSet<&str> = rows.iter().map(|row| row.slug.as_str()).collect();
        assert_eq!(slugs, BTreeSet::from(["kept", "acme"]));
    });
}
