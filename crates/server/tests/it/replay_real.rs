//! Real history is the judge: every case sends exactly the lines that were computed independently.

use crate::program::repository;
use crate::real_data::{DataSet, expected};
use crate::replayed::{Replay, Replayed, Row};
use crate::shared_data::{read, shared};
use std::collections::BTreeMap;

/// Lines that differ, shown when a case fails.
const SHOWN: usize = 10;

/// Replays a variant and compares what was sent with the expected file.
fn judge(variant: &str, data: DataSet, file: &str, line: fn(&Row) -> String) -> Option<Replayed> {
    let (input, expected) = (data.input()?, expected(file)?);
    let mut replay = Replay::of(&repository("examples").join(variant)).with("--input", input);
    if let Some(until) = data.until() {
        replay = replay.with("--until", until);
    }
    let replayed = replay.run();
    // +1: expected; -1: sent.
    let mut balance: BTreeMap<String, i64> = BTreeMap::new();
    for row in &expected {
        *balance.entry(row.join(",")).or_insert(0) += 1;
    }
    let sent = replayed.sent();
    for row in &sent {
        *balance.entry(line(row)).or_insert(0) -= 1;
    }
    let differ: Vec<String> = balance
        .iter()
        .filter(|(_, count)| **count != 0)
        .map(|(line, count)| format!("{count:+} {line}"))
        .collect();
    let shown = &differ[..differ.len().min(SHOWN)];
    assert!(
        differ.is_empty(),
        "{variant}: {} lines expected, {} sent, {} differ (+ missing, - too many):\n{}",
        expected.len(),
        sent.len(),
        differ.len(),
        shown.join("\n")
    );
    assert_eq!((replayed.count("refused"), replayed.count("dead_letters")), (0, 0));
    Some(replayed)
}

fn cart(variant: &str, file: &str) {
    judge(&format!("abandoned_cart/{variant}"), DataSet::Cart, file, |row| {
        let step = match row["step"].as_str() {
            "remind" | "step_1" => 1,
            "step_2" => 2,
            "step_3" => 3,
            other => panic!("there is no step {other}"),
        };
        format!("{},{},{step}", row["sent_at"], row["contact"])
    });
}

fn appointments(variant: &str, file: &str) -> Option<Replayed> {
    judge(&format!("appointments/{variant}"), DataSet::Appointments, file, |row| {
        format!("{},{},{}", row["sent_at"], row["key"], row["step"].to_uppercase())
    })
}

fn winback(variant: &str, file: &str) {
    judge(&format!("winback/{variant}"), DataSet::Winback, file, |row| {
        let day = row["sent_at"].strip_suffix("T12:00:00.000Z").expect("noon UTC");
        format!("{day},{}", row["contact"])
    });
}

fn winback_retail(variant: &str, file: &str) {
    judge(&format!("winback_retail/{variant}"), DataSet::Retail, file, |row| {
        format!("{},{}", row["sent_at"], row["contact"])
    });
}

#[test]
fn a1_b_cart_base() {
    cart("base", "a1_rr_odd_B.csv.gz");
}

#[test]
fn a1_f_cart_enter_once() {
    cart("enter_once", "a1_rr_odd_F.csv.gz");
}

#[test]
fn a1_n_cart_no_restart() {
    cart("no_restart", "a1_rr_odd_N.csv.gz");
}

#[test]
fn a1_c_cart_capped() {
    cart("capped", "a1_rr_odd_C.csv.gz");
}

#[test]
fn a1_d_cart_quiet_hours() {
    cart("quiet_hours", "a1_rr_odd_D.csv.gz");
}

#[test]
fn a1_e_cart_three_steps() {
    cart("three_steps", "a1_rr_odd_E.csv.gz");
}

#[test]
fn a2_q1_appointments() {
    appointments("q1", "a2_medical_shared_Q1_21_08.csv.gz");
}

#[test]
fn a2_q2_appointments() {
    appointments("q2", "a2_medical_shared_Q2_20_10.csv.gz");
}

#[test]
fn a2_q1cap_appointments_line_for_line_and_by_counts() {
    let Some(replayed) = appointments("q1_capped", "a2_medical_shared_Q1cap.csv.gz") else {
        return;
    };
    let Some(answers) = shared("realdata/answers_shared.json") else { return };
    let answers: serde_json::Value = serde_json::from_str(&read(&answers)).expect("JSON");
    let answer = &answers["a2_medical_reminders"]["Q1_cap_1_per_patient_per_local_day"];
    let rows = replayed.table("messages.csv");
    let count = |step: &str, outcome: &str, reason: &str| {
        let is_it = |row: &&Row| {
            row["step"] == step && row["outcome"] == outcome && row["reason"] == reason
        };
        rows.iter().filter(is_it).count() as u64
    };
    for (step, sent) in [("r24", "sent_R24"), ("r2", "sent_R2")] {
        assert_eq!(Some(count(step, "sent", "gateway_accepted")), answer[sent].as_u64(), "{sent}");
        let capped = &answer["capped"][step.to_uppercase()];
        assert_eq!(Some(count(step, "dropped", "cap_full")), capped.as_u64(), "capped {step}");
    }
}

#[test]
fn a3_30_winback() {
    winback("30", "a3_cdnow_sample_N30.csv.gz");
}

#[test]
fn a3_60_winback() {
    winback("60", "a3_cdnow_sample_N60.csv.gz");
}

#[test]
fn a3_90_winback() {
    winback("90", "a3_cdnow_sample_N90.csv.gz");
}

#[test]
fn a3b_30_winback_retail() {
    winback_retail("30", "a3b_onlineretail_shared_N30.csv.gz");
}

#[test]
fn a3b_60_winback_retail() {
    winback_retail("60", "a3b_onlineretail_shared_N60.csv.gz");
}
