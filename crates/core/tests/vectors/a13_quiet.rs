//! Quiet hours around every change of clocks from 2024 to 2027, in every zone that has one.

use crate::shared_data::{rows, shared};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use wayline_core::policy::quiet::{QuietWindow, next_allowed};
use wayline_core::time::Timestamp;
use wayline_core::zone::zone;

/// Zones whose law the vectors (zone data 2025b) have in an older form than the bundled data
/// (2026f): the older law as a POSIX rule, good for the years where they differ, and how many rows
/// that touches. An update of the bundled data may add a zone here.
const OLDER_LAWS: [(&str, &str, usize); 8] = [
    ("Africa/Casablanca", "<+01>-1<+00>0,J38/3,J73/2", 10),
    ("Africa/El_Aaiun", "<+01>-1<+00>0,J38/3,J73/2", 10),
    ("America/Edmonton", "MST7MDT,M3.2.0,M11.1.0", 17),
    ("America/Havana", "CST5CDT,M3.2.0/0,M11.1.0/1", 10),
    ("America/Inuvik", "MST7MDT,M3.2.0,M11.1.0", 17),
    ("America/Vancouver", "PST8PDT,M3.2.0,M11.1.0", 17),
    ("America/Winnipeg", "CST6CDT,M3.2.0,M11.1.0", 17),
    ("Europe/Chisinau", "EET-2EEST,M3.5.0,M10.5.0/3", 16),
];

/// Local wall time, offset in minutes and next allowed instant, as the vectors write them.
fn answers(zone: &TimeZone, instant: &str, night: &QuietWindow) -> [String; 3] {
    let now = Timestamp::parse(instant).expect("an instant");
    let next = next_allowed(now, std::slice::from_ref(zone), Some(night), &[]);
    [
        zone.to_datetime(now.to_jiff()).strftime("%Y-%m-%dT%H:%M").to_string(),
        (zone.to_offset(now.to_jiff()).seconds() / 60).to_string(),
        next.map_or_else(String::new, |at| at.to_string()),
    ]
}

#[test]
fn every_probe_waits_for_the_same_instant() {
    let Some(path) = shared("realdata/vectors/a13_tz_vectors.csv.gz") else { return };
    let rows = rows(&path);
    assert_eq!(rows.len(), 6_027);
    let night = QuietWindow::new("21:00".parse().expect("time"), "08:00".parse().expect("time"));
    let night = night.expect("a window");
    let mut zones = BTreeMap::new();
    let mut by_older_law: BTreeMap<&str, usize> = BTreeMap::new();
    let mut differing = Vec::new();
    for row in &rows {
        let (name, instant, expected) = (&row[0], &row[1], &row[2..]);
        let bundled = zones.entry(name).or_insert_with(|| zone(name).expect("a known zone"));
        if answers(bundled, instant, &night) == expected {
            continue;
        }
        let older = OLDER_LAWS.iter().find(|(changed, ..)| changed == name);
        let older = older.map(|(_, law, _)| TimeZone::posix(law).expect("a POSIX rule"));
        if older.is_some_and(|older| answers(&older, instant, &night) == expected) {
            *by_older_law.entry(name).or_default() += 1;
        } else {
            differing.push(format!(
                "{}, found {:?}",
                row.join(","),
                answers(bundled, instant, &night)
            ));
        }
    }
    assert!(differing.is_empty(), "{} rows differ:\n{}", differing.len(), differing.join("\n"));
    let expected = OLDER_LAWS.iter().map(|&(name, _, rows)| (name, rows)).collect();
    assert_eq!(by_older_law, expected, "rows where the bundled zone data is newer");
    let newer: usize = by_older_law.values().sum();
    println!("A13: {0}/{0} equal, {newer} of them by the zone law of the vectors", rows.len());
}
