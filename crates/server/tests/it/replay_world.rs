//! A world of people who click, answer and revoke: what must never happen, told from what was written alone.

use crate::program::repository;
use crate::replayed::{Replay, Replayed, Row, input};
use crate::shared_data::read;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use wayline_core::zone::zone as zone_named;

/// Nobody writes anything but STOP, so that each reply is one.
const WORLD: &str = r#"
people:
  click: 0.3
  click_after: [5m, 3h]
  reply:
    - {text: STOP, share: 0.1, after: [10s, 2h]}
carrier:
  submit_delay: 2s
  deliver_after: [10s, 20m]
  fail: 0.05
calls:
  - {url: "https://api.juniper.example/offers/", status: 200, body: {percent: 15}, after: 1s}
"#;

fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn at(value: &Value, field: &str) -> Timestamp {
    instant(value[field].as_str().expect("a text"))
}

fn seconds(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs()
}

/// The shop in that world, and the lines it was given.
fn shop() -> (Replayed, Vec<Value>) {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = repository("examples/shop");
    let events = shop.join("events.ndjson.gz");
    let replayed = Replay::of(&shop)
        .with("--input", &events)
        .with("--world", input(folder.path(), "world.yaml", WORLD))
        .with("--seed", "3")
        .flag("--decisions")
        .run();
    let text = read(&events);
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    (replayed, lines)
}

/// Whether a row needs consent and keeps quiet hours, as the journeys of the shop say.
fn is_marketing(row: &Row) -> bool {
    match row["journey"].as_str() {
        "class_reminder" => false,
        "order_thanks" => row["step"] == "review",
        _ => true,
    }
}

#[test]
fn the_shop_keeps_its_promises() {
    let (replayed, lines) = shop();
    let mut sent = replayed.sent();
    sent.sort_by_key(|row| instant(&row["sent_at"]));
    let decisions = replayed.lines("decisions.ndjson");
    assert!(sent.len() > 2_000, "{} messages", sent.len());
    nothing_after_stop(&sent, &decisions, &lines);
    nothing_at_night(&sent, &lines);
    caps_hold(&sent);
    everything_takes_its_time(&sent, &decisions);
}

/// By number: when it revoked, when it agreed again.
fn nothing_after_stop(sent: &[Row], decisions: &[Value], lines: &[Value]) {
    let mut changes: BTreeMap<&str, Vec<(Timestamp, bool)>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line["type"] == "consent") {
        let who = line["userId"].as_str().expect("an id");
        changes.entry(who).or_default().push((at(line, "timestamp"), line["state"] == "opted_in"));
    }
    let mut stops = 0;
    for stop in decisions.iter().filter(|decision| decision["reason"] == "keyword") {
        stops += 1;
        let who = stop["contact"].as_str().expect("a contact");
        changes.entry(who).or_default().push((at(stop, "at"), false));
    }
    assert!(stops > 100, "{stops} people revoked");
    let numbers: BTreeMap<&str, &str> =
        sent.iter().map(|row| (row["contact"].as_str(), row["to"].as_str())).collect();
    let mut last_stop: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for (who, mut changes) in changes {
        changes.sort();
        // One who agreed later may be written to again; the shop's people hardly do.
        if let (Some((when, false)), Some(number)) = (changes.last(), numbers.get(who)) {
            last_stop.insert(number, *when);
        }
    }
    assert!(last_stop.len() > 100, "{} numbers", last_stop.len());
    for row in sent {
        if let Some(stop) = last_stop.get(row["to"].as_str()) {
            assert!(instant(&row["sent_at"]) <= *stop, "after the STOP of {stop}: {row:#?}");
        }
    }
}

/// Marketing goes from 08:00 to 21:00 on the wall of whoever says where that wall is.
fn nothing_at_night(sent: &[Row], lines: &[Value]) {
    let mut zones: BTreeMap<&str, TimeZone> = BTreeMap::new();
    for line in lines.iter().filter(|line| line["type"] == "identify") {
        let zone = line["traits"]["timezone"].as_str().and_then(|zone| zone_named(zone).ok());
        if let Some(zone) = zone {
            zones.insert(line["userId"].as_str().expect("an id"), zone);
        }
    }
    let (mut looked_at, mut at_night) = (0, 0);
    for row in sent {
        let Some(zone) = zones.get(row["contact"].as_str()) else { continue };
        let hour = zone.to_datetime(instant(&row["sent_at"])).hour();
        let day = (8..21).contains(&hour);
        if is_marketing(row) {
            assert!(day, "at {hour} o'clock: {row:#?}");
            looked_at += 1;
        } else if !day {
            at_night += 1;
        }
    }
    assert!(looked_at > 1_000, "{looked_at} looked at");
    assert!(at_night > 0, "orders may be thanked for at night");
}

/// One marketing message in 24 hours, six in 14 days.
fn caps_hold(sent: &[Row]) {
    let mut times: BTreeMap<&str, Vec<Timestamp>> = BTreeMap::new();
    for row in sent.iter().filter(|row| is_marketing(row)) {
        times.entry(&row["contact"]).or_default().push(instant(&row["sent_at"]));
    }
    let mut next_to_each_other = 0;
    for (who, times) in times {
        for (most, hours) in [(1, 24), (6, 14 * 24)] {
            for window in times.windows(most + 1) {
                let apart = window[most].duration_since(window[0]);
                let per = SignedDuration::from_hours(hours);
                assert!(apart >= per, "{who} got {} in {hours} h: {window:?}", most + 1);
                next_to_each_other += usize::from(most == 1 && apart == per);
            }
        }
    }
    assert!(next_to_each_other > 0, "some were held until the very end of the window");
}

/// A gateway answers after 2 s, a message arrives 10 s to 20 min after its submit, a click comes 5 min to 3 h later.
fn everything_takes_its_time(sent: &[Row], decisions: &[Value]) {
    let of = |what: &str| -> BTreeMap<String, Timestamp> {
        let them = decisions.iter().filter(|decision| decision["what"] == what);
        them.map(|it| {
            (format!("{} {} {}", it["contact"], it["enrollment"], it["step"]), at(it, "at"))
        })
        .collect()
    };
    let (answered, delivered, clicked) = (of("sent"), of("delivered"), of("clicked"));
    assert_eq!(answered.len(), sent.len());
    let mut submits: Vec<Timestamp> = sent.iter().map(|row| instant(&row["sent_at"])).collect();
    let mut answers: Vec<Timestamp> = answered.values().copied().collect();
    submits.sort();
    answers.sort();
    assert!(submits.iter().zip(&answers).all(|(submit, answer)| seconds(*submit, *answer) == 2));
    for (message, when) in &delivered {
        let after = seconds(answered[message], *when);
        assert!((8..=1_198).contains(&after), "{message} after {after} s");
    }
    for (message, when) in &clicked {
        let after = seconds(delivered[message], *when);
        assert!((300..=10_800).contains(&after), "{message} after {after} s");
    }
    let [all, arrived, clicks] = [answered.len(), delivered.len(), clicked.len()].map(|n| n as f64);
    assert!((0.93..0.97).contains(&(arrived / all)), "{arrived} of {all} arrived");
    assert!(clicks / arrived > 0.1, "{clicks} of {arrived} were clicked");
}
