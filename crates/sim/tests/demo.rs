//! The demo's people in the demo's workspace, through the real engine: the first text comes soon at any hour, and every
//! journey that a day can hold has somebody in it.

#![allow(clippy::expect_used, reason = "what cannot go on has to stop the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use wayline_core::ids::WorkspaceId;
use wayline_core::journey::workspace::load;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::definitions::Definitions;
use wayline_pipeline::{Pipeline, ingest};
use wayline_sim::drive::Drive;
use wayline_sim::town::Town;
use wayline_store::batch::Op;
use wayline_store::{MemoryStore, Store};

/// Five seconds of a demo that runs 600 times faster than the clock.
const SOON: Span = Span::minutes(50);

fn demo() -> Definitions {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/demo");
    let mut files = Vec::new();
    for part in ["", "journeys", "segments"] {
        for entry in fs::read_dir(folder.join(part)).expect("the folder is there") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                let name = if part.is_empty() { name } else { format!("{part}/{name}") };
                files.push((name, fs::read(&path).expect("a file")));
            }
        }
    }
    let files = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    let loaded = load(files).expect("the demo is valid");
    Definitions {
        segments: loaded.segment_definitions().cloned().collect(),
        journeys: loaded.journey_definitions().cloned().collect(),
        workspace: loaded.workspace,
    }
}

/// When each text of a town's first days was handed out, and of which step.
fn texts(seed: u64, founded: Timestamp, time: Span) -> Vec<(Timestamp, String)> {
    pollster::block_on(async {
        let store = Arc::new(Store::from(MemoryStore::new()));
        let mut pipeline = Pipeline::open(store).await.expect("an empty store opens");
        pipeline.publish(&demo(), seed, founded).await.expect("it compiles");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sees = Arc::clone(&seen);
        pipeline.observe(Box::new(move |batch| {
            for op in batch.ops {
                let Op::ChangeMessage { change, .. } = op else { continue };
                let Some(out) = change.handed_out else { continue };
                sees.lock().expect("the texts").push((out.at, out.text));
            }
        }));
        let mut drive = Drive::new(pipeline, None, seed);
        let (mut town, until) = (Town::new(seed, founded), founded + time);
        while town.told() < until {
            for (at, happening) in town.next(until) {
                let line = happening.into_line(at).to_string();
                let arrival = ingest::read(WorkspaceId(1), line.as_bytes(), None).expect("a line");
                drive.feed(arrival).await.expect("it is taken");
            }
        }
        drive.finish(Some(until)).await.expect("it goes on");
        assert_eq!(drive.pipeline().dead_letters, 0);
        let seen = seen.lock().expect("the texts");
        seen.clone()
    })
}

#[test]
fn the_first_text_comes_soon_at_any_hour() {
    let midnight = Timestamp::parse("2026-11-25T05:00:00Z").expect("an instant");
    for hour in 0..24 {
        let founded = midnight + Span::hours(hour);
        let texts = texts(hour as u64, founded, SOON);
        assert!(!texts.is_empty(), "nothing in {SOON} from {founded} on");
    }
}

#[test]
fn two_days_hold_something_of_nearly_everything() {
    let founded = Timestamp::parse("2026-11-24T14:00:00Z").expect("an instant");
    let texts = texts(1, founded, Span::days(2));
    let wanted = [
        "thanks",
        "is booked for",
        "see you tomorrow",
        "see you at",
        "good to have you",
        "reply YES",
        "in your cart",
        "ships free",
        "been a while",
    ];
    let found: BTreeSet<&str> = wanted
        .into_iter()
        .filter(|part| texts.iter().any(|(_, text)| text.contains(part)))
        .collect();
    assert_eq!(found, BTreeSet::from(wanted));
    for (_, text) in &texts {
        assert!(text.starts_with("Lumen: ") && text.len() <= 160 && text.is_ascii(), "{text}");
    }
}
