//! Reads of carriers cost what they answer, not what waits.

use super::read_carriers::{
    DUE_IN_LANE, NEXT_LANE, ORPHANS_TO, TEXTS_BEFORE, TEXTS_COUNT, TEXTS_LIKE, TEXTS_OF, UNKNOWN,
    UNKNOWN_TO,
};
use super::tests::{FAST, open};
use super::{SqliteStore, columns};
use crate::batch::Op;
use crate::conformance::samples::{WS, batch, message};
use crate::rows::Lane;
use rusqlite::{Connection, StatementStatus, params};
use wayline_core::message::Message;
use wayline_core::policy::settings::Purpose;
use wayline_core::time::Timestamp;

#[test]
fn reads_of_carriers_go_by_their_index() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    drop(SqliteStore::open(&path, FAST).unwrap());
    let conn = Connection::open(&path).unwrap();
    let of_message = |rest| format!("{} {rest}", columns::MESSAGE);
    let lane = "workspace=? AND sender=? AND purpose=? \
        AND (due_at,enrollment,step_index,visit)>(?,?,?,?) AND due_at<?";
    let cases = [
        (
            NEXT_LANE.to_owned(),
            "COVERING INDEX message_lane ((workspace,sender,purpose,due_at)>(?,?,?,?)",
        ),
        (of_message(DUE_IN_LANE), lane),
        (of_message(UNKNOWN_TO), "message_unknown (gateway=? AND address=?)"),
        (of_message(UNKNOWN), "message_unknown (gateway=? AND (address,enrollment,"),
        (ORPHANS_TO.to_owned(), "orphan_receipt_by_address (gateway=? AND address=?)"),
        (TEXTS_LIKE.to_owned(), "PRIMARY KEY (why=? AND gateway=? AND key>? AND key<?)"),
        (TEXTS_OF.to_owned(), "kept_text_of_gateway (why=? AND gateway=? AND (came_at,key)>(?,?))"),
        (TEXTS_BEFORE.to_owned(), "kept_text_by_time (why=? AND came_at<?)"),
        (TEXTS_COUNT.to_owned(), "COVERING INDEX kept_text_of_gateway (why=? AND gateway=?)"),
    ];
    for (sql, expected) in cases {
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let values = vec![rusqlite::types::Null; statement.parameter_count()];
        let lines = statement
            .query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>(3))
            .unwrap();
        let found = lines.map(|line| line.unwrap()).collect::<Vec<_>>().join("\n");
        assert!(found.contains(expected), "{sql}: {found}");
        assert!(!found.contains("SCAN") && !found.contains("TEMP B-TREE"), "{sql}: {found}");
    }
}

/// Steps of the engine, not time: the same on every machine.
#[test]
fn a_full_lane_costs_others_nothing() {
    const QUEUED: u64 = 100_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path);
    let insert = |n: u64, sender: &str| {
        let sender = sender.to_owned();
        Op::InsertMessage(Box::new(Message { sender, ..message(n, 1, 10) }))
    };
    for first in (0..QUEUED).step_by(10_000) {
        let ops = (first..first + 10_000).map(|n| insert(n, "flood"));
        store.commit(&batch(ops.collect())).unwrap();
    }
    store.commit(&batch(vec![insert(QUEUED, "quiet")])).unwrap();
    let lane = |sender: &str| {
        let purpose = Purpose::Marketing;
        Lane { workspace: WS, sender: sender.to_owned(), purpose }
    };
    let expected = ["flood", "quiet"].map(|sender| (lane(sender), Timestamp(10)));
    assert_eq!(store.lanes_queued(None, 9).unwrap(), expected);
    let due = store.messages_due_in_lane(&lane("quiet"), None, Timestamp(10), 250).unwrap();
    assert_eq!(due.len(), 1);

    let conn = Connection::open(&path).unwrap();
    let mut next = conn.prepare(NEXT_LANE).unwrap();
    for (after, found) in [((-1, "", ""), "flood"), ((1, "flood", "marketing"), "quiet")] {
        let sender: String =
            next.query_row(params![after.0, after.1, after.2, i64::MAX], |row| row.get(1)).unwrap();
        assert_eq!(sender, found);
        let steps = next.reset_status(StatementStatus::VmStep);
        assert!(steps < 100, "{steps} steps to {found}");
    }
    let steps = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        let mut statement = conn.prepare(sql).unwrap();
        let rows = statement.query_map(values, |_| Ok(())).unwrap().count();
        assert_eq!(rows, 250);
        statement.get_status(StatementStatus::VmStep)
    };
    let of_all = format!(
        "{} WHERE state = 1 AND due_at <= ?1 \
         ORDER BY due_at, enrollment, step_index, visit LIMIT ?2",
        columns::MESSAGE
    );
    let of_lane = format!("{} {DUE_IN_LANE}", columns::MESSAGE);
    let all = steps(&of_all, &[&10, &250]);
    let one = steps(&of_lane, &[&1, &"flood", &"marketing", &10, &250, &i64::MIN, &0, &0, &0]);
    // A few steps a row are for the place from which it is read on.
    assert!(one < all * 12 / 10, "{one} steps, {all} without lanes");
}
