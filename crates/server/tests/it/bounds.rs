//! What a workspace may have only so many of, and lists whose rows are short however long the texts are.

use crate::live::Live;
use serde_json::json;
use std::path::Path;
use wayline_core::ids::WorkspaceId;
use wayline_core::limits::DEFINITION_BYTES_MAX;
use wayline_core::time::Timestamp;
use wayline_store::batch::{ApiKeyRow, Batch, DraftRow, Op};
use wayline_store::{SqliteOptions, SqliteStore, Store};

const WORKSPACE: &str = "workspace: acme\ncountry: US\ntime_zone: America/New_York\n";
const ACME: WorkspaceId = WorkspaceId(1);
/// As `api/limits.rs` has them.
const DRAFTS_MAX: u64 = 1_000;
const KEYS_MAX: u64 = 1_000;

/// A stopped program with a workspace.
fn stopped() -> Live {
    let mut live = Live::start();
    live.apply_files("acme", &[("workspace.yaml".to_owned(), WORKSPACE.to_owned())].into());
    live.stop();
    live
}

/// Puts rows into the store of a stopped program.
fn put(data: &Path, ops: Vec<Op>) {
    let path = data.join("wayline.db");
    let store = SqliteStore::open(&path, SqliteOptions::default()).expect("open the store");
    pollster::block_on(Store::from(store).commit(&Batch { ops })).expect("keep the rows");
}

fn draft(number: u64, text: &str) -> Op {
    Op::PutDraft(DraftRow {
        workspace: ACME,
        slug: format!("draft_{number:04}"),
        text: text.to_owned(),
        updated_at: Timestamp(1_000),
        author: "Ann".to_owned(),
        revision: 1,
    })
}

fn key(id: u64, workspace: Option<WorkspaceId>, revoked: bool) -> Op {
    Op::PutApiKey(ApiKeyRow {
        id,
        workspace,
        name: format!("key {id}"),
        scopes: vec!["read".to_owned()],
        hash: [7; 32],
        created_at: Timestamp(1_000),
        revoked_at: revoked.then_some(Timestamp(2_000)),
    })
}

#[test]
fn a_workspace_has_only_so_many_drafts() {
    let mut live = stopped();
    put(live.data(), (1..DRAFTS_MAX).map(|number| draft(number, "as typed")).collect());
    live.run();
    let path = |slug: &str| format!("/api/v1/workspaces/acme/journeys/{slug}/draft");
    let type_in = |slug: &str, revision: u64| {
        let body = json!({ "text": "as typed", "revision": revision });
        live.request("PUT", &path(slug), &live.operator, &body)
    };
    type_in("the_last", 0).expect(200);
    let refused = type_in("one_more", 0).expect(409);
    let detail = refused["detail"].as_str().expect("a detail");
    assert!(detail.contains("1000 drafts") && detail.contains("throw one away"), "{detail}");
    // Those that are there go on.
    type_in("the_last", 1).expect(200);
    assert_eq!(live.request("DELETE", &path("the_last"), &live.operator, &json!({})).status, 204);
    type_in("one_more", 0).expect(200);
    let first = live.get("/api/v1/workspaces/acme/drafts?limit=1000").expect(200);
    assert_eq!(first["items"].as_array().map(Vec::len), Some(1_000));
    let journeys = live.get("/api/v1/workspaces/acme/journeys?limit=1000").expect(200);
    assert_eq!(journeys["items"].as_array().map(Vec::len), Some(1_000));
}

#[test]
fn lists_read_no_texts() {
    let mut live = stopped();
    let text = "x".repeat(DEFINITION_BYTES_MAX);
    for number in 0..20 {
        put(live.data(), vec![draft(number, &text)]);
    }
    live.run();
    let peak = || peak_memory(live.id());
    // What the first answers need anyway.
    live.get("/api/v1/workspaces/acme/drafts?limit=1").expect(200);
    let before = peak();
    for list in ["drafts", "journeys"] {
        let path = format!("/api/v1/workspaces/acme/{list}?limit=1000");
        let rows = live.get(&path).expect(200);
        assert_eq!(rows["items"].as_array().map(Vec::len), Some(20), "{list}");
    }
    let grown = peak().saturating_sub(before);
    assert!(grown < 20 * 1024 * 1024, "80 MiB of drafts cost {grown} bytes to list");
}

/// The most memory a process ever had, in bytes; 0 where the system does not say.
fn peak_memory(id: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    number.unwrap_or(0) * 1024
}

#[test]
fn there_are_only_so_many_valid_keys_and_revoking_makes_room() {
    let mut live = stopped();
    // The first start made key 1.
    let mut ops: Vec<Op> = (2..=KEYS_MAX).map(|id| key(id, None, false)).collect();
    ops.extend((2_001..2_000 + KEYS_MAX).map(|id| key(id, Some(ACME), false)));
    ops.extend((4_000..4_500).map(|id| key(id, Some(ACME), true)));
    put(live.data(), ops);
    live.run();
    let acme = "/api/v1/workspaces/acme/keys";
    let make = |path: &str| live.post(path, &json!({ "name": "new", "scopes": ["read"] }));
    let revoke = |path: &str| live.request("DELETE", path, &live.operator, &json!({})).expect(200);
    make(acme).expect(201);
    for (path, spare) in [(acme, 2_005), ("/api/v1/keys", 5)] {
        let refused = make(path).expect(409);
        let detail = refused["detail"].as_str().expect("a detail");
        assert!(detail.contains("1000 valid") && detail.contains("revoke"), "{detail}");
        revoke(&format!("{path}/{spare}"));
        make(path).expect(201);
        make(path).expect(409);
    }
}

#[test]
fn a_valid_operator_key_behind_many_revoked_ones_is_found() {
    let mut live = stopped();
    let mut ops: Vec<Op> = (2..1_500).map(|id| key(id, None, true)).collect();
    ops.push(key(1_500, None, false));
    let path = live.data().join("wayline.db");
    let first = SqliteStore::open(&path, SqliteOptions::default()).expect("open the store");
    let first = pollster::block_on(Store::from(first).api_key(1)).expect("read").expect("a key");
    ops.push(Op::PutApiKey(ApiKeyRow { revoked_at: Some(Timestamp(2_000)), ..first }));
    put(live.data(), ops);
    live.run();
    assert!(!live.said.contains("operator key: "), "{}", live.said);
    live.stop();
    put(live.data(), vec![key(1_500, None, true)]);
    live.run();
    assert!(live.said.contains("operator key: "), "{}", live.said);
}
