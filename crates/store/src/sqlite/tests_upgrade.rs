//! A store of an older release, opened by the program of today: nothing is lost and everything can be read.

use super::tests::{FAST, open};
use super::{SqliteStore, backup_of, check_of, migrations};
use crate::batch::{GatewayStanding, Kept};
use crate::rows::Counter;
use rusqlite::Connection;
use rusqlite::types::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use wayline_core::contact::State;
use wayline_core::ids::{JourneyId, WorkspaceId};
use wayline_core::time::Timestamp;

const WS: WorkspaceId = WorkspaceId(1);
const SHOP: &[u8] = include_bytes!("../../fixtures/shop_v1.db.gz");

fn unpack(to: &Path) {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(SHOP).read_to_end(&mut bytes).unwrap();
    std::fs::write(to, bytes).unwrap();
}

/// All rows of the tables schema 1 has, but for the numbers of the program itself.
fn rows(path: &Path) -> BTreeMap<String, Vec<Vec<Value>>> {
    let conn = Connection::open(path).unwrap();
    let tables = "call contact contact_state counter dead_letter decision enrollment identity input \
        input_id journey_live journey_version message orphan_receipt segment sweep workspace";
    let read = |table: &str| {
        let mut statement = conn.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| (0..columns).map(|at| row.get(at)).collect());
        rows.unwrap().map(|row| row.unwrap()).collect::<Vec<Vec<Value>>>()
    };
    tables.split_whitespace().map(|table| (table.to_owned(), read(table))).collect()
}

#[test]
fn every_row_is_the_same_after_the_upgrade() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    unpack(&path);
    let before = rows(&path);
    assert!(before["enrollment"].len() > 10 && before["message"].len() > 10);
    let store = open(&path);
    store.check().unwrap();
    assert_eq!(store.run().unwrap(), 2);
    drop(store);
    // Columns that came later stand at the end.
    let mut after = rows(&path);
    for (row, then) in after.values_mut().flatten().zip(before.values().flatten()) {
        row.truncate(then.len());
    }
    assert_eq!(before, after);
    assert_eq!(
        migrations::version(&Connection::open(&path).unwrap()).unwrap(),
        migrations::SUPPORTED
    );
}

#[test]
fn every_row_can_be_read_after_the_upgrade() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    unpack(&path);
    let count = rows(&path).into_iter().map(|(table, rows)| (table, rows.len()));
    let count: BTreeMap<String, usize> = count.collect();
    let store = open(&path);
    let people = store.contacts_page(WS, None, 1_000).unwrap();
    let mut states = 0;
    let (mut messages, mut enrollments, mut decisions) = (0, 0, 0);
    for record in &people {
        let contact = record.profile.contact;
        if record.version > 0 && !record.state.is_empty() {
            let state = State::decode(contact, &record.state).expect("the state can be read");
            // The wake of the row is that of the state: nobody who waits is forgotten.
            let wake = record.wake.map(|wake| (wake.due, wake.enrollment));
            assert_eq!(state.wake(), wake, "{contact}");
            states += 1;
        }
        messages += store.messages_of_contact(WS, contact, None, 1_000).unwrap().len();
        enrollments += store.enrollments(WS, contact, None, 1_000).unwrap().len();
        decisions += store.decisions(WS, contact, None, 1_000).unwrap().len();
    }
    assert!(states > 10);
    assert_eq!(people.len(), count["contact"]);
    assert_eq!(messages, count["message"]);
    assert_eq!(store.messages_of_workspace(WS, None, 1_000).unwrap().len(), messages);
    assert_eq!(enrollments, count["enrollment"]);
    assert_eq!(decisions, count["decision"]);
    totals_equal_a_recount(&store, count["counter"]);
}

fn totals_equal_a_recount(store: &SqliteStore, rows: usize) {
    let always = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    let (mut sums, mut seen) = (BTreeMap::new(), 0);
    for journey in (0..20).map(JourneyId) {
        let mut after = None;
        loop {
            let page = store.counters(WS, journey, always, after.as_ref(), 100).unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            seen += page.len();
            for Counter { key, value } in page {
                *sums.entry((journey, key.what.as_str())).or_insert(0) += value;
            }
        }
    }
    assert_eq!(seen, rows, "all journeys were asked for");
    let totals = store.journey_totals(WS).unwrap();
    let totals = totals.into_iter().map(|(journey, what, value)| ((journey, what.as_str()), value));
    assert_eq!(totals.collect::<BTreeMap<_, _>>(), sums);
}

#[test]
fn an_upgraded_store_knows_its_last_instant() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    unpack(&path);
    let store = open(&path);
    let last = store.last_instant().unwrap().unwrap();
    let decided = store.decisions_all(None, 1_000).unwrap();
    let decided = decided.iter().map(|row| row.row.decision.at).max().unwrap();
    assert!(last >= decided, "{last:?} {decided:?}");
    drop(store);
    assert_eq!(open(&path).last_instant().unwrap(), Some(last));
}

#[test]
fn an_older_store_is_copied_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("store.db"), folder.path().join("copy.db"));
    unpack(&path);
    check_of(&path).unwrap();
    backup_of(&path, &to, &mut |_| {}).unwrap();
    for file in [&path, &to] {
        assert_eq!(migrations::version(&Connection::open(file).unwrap()).unwrap(), 1);
    }
    assert_eq!(rows(&path), rows(&to));
    SqliteStore::open(&to, FAST).unwrap().check().unwrap();
}

#[test]
fn what_schema_4_keeps_of_carriers_is_there_after_the_upgrade() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    unpack(&path);
    let mut conn = Connection::open(&path).unwrap();
    migrations::migrate(&mut conn, &migrations::STEPS[..4]).unwrap().unwrap();
    assert_eq!(migrations::version(&conn).unwrap(), 4);
    conn.execute_batch(
        "INSERT INTO gateway VALUES (NULL, 'g', 'smpp', '{}', x'01', 'paused', 3, 9);
         INSERT INTO allowance VALUES (10, 'brand', 7);
         INSERT INTO orphan_receipt (id, gateway, gateway_ref, received_at, receipt, address)
           VALUES (900, 'g', 'r', 1, '{}', '+1');",
    )
    .unwrap();
    drop(conn);
    let store = open(&path);
    store.check().unwrap();
    let row = store.gateway(None, "g").unwrap().unwrap();
    assert_eq!((row.revision, row.secrets, row.standing), (3, vec![1], GatewayStanding::Paused));
    assert_eq!(store.allowance("brand", Timestamp(10)).unwrap(), 7);
    assert_eq!(store.orphan_receipts_to("g", "+1", 9).unwrap().len(), 1);
    assert_eq!(store.texts_count(Kept::Part, "g").unwrap(), 0);
}
