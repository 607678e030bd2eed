//! What a replay holds grows with people, not with what they do.

use crate::program::{repository, wayline};
use crate::replayed::{Replay, input};
use crate::shared_data::skipped;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

const PEOPLE: usize = 300;
const MEASURE: &str = "/usr/bin/time";

/// Lines about the same people, six a minute; now and then one that starts a journey.
fn lines(count: usize) -> String {
    let mut text = String::new();
    for person in 0..PEOPLE {
        let phone = format!("+1202555{person:04}");
        writeln!(text, r#"{{"type":"identify","userId":"p{person}","traits":{{"phone":"{phone}"}},"timestamp":"2026-01-01T00:00:00Z"}}"#).expect("a text");
    }
    for place in 0..count - PEOPLE {
        let (minute, second) = (place / 6, place % 6 * 10);
        let at = format!(
            "2026-{:02}-{:02}T{:02}:{:02}:{second:02}Z",
            minute / (28 * 1_440) + 1,
            minute / 1_440 % 28 + 1,
            minute / 60 % 24,
            minute % 60
        );
        let person = place * 7_919 % PEOPLE;
        let event = if place % 97 == 0 { "addtocart" } else { "view" };
        writeln!(text, r#"{{"type":"track","userId":"p{person}","event":"{event}","messageId":"e{place}","properties":{{"item":"{place}"}},"timestamp":"{at}"}}"#).expect("a text");
    }
    text
}

/// The most memory a replay of so many lines held, in kilobytes.
fn peak_kilobytes(folder: &Path, count: usize) -> u64 {
    let file = input(folder, &format!("{count}.ndjson"), lines(count));
    let replay = Replay::of(&repository("examples/abandoned_cart/base"))
        .with("--input", file)
        .with("--out", folder.join("out"))
        .flag("--decisions");
    let program = wayline(replay.arguments());
    let report = folder.join("peak");
    let mut command = Command::new(MEASURE);
    command.args(["-f", "%M", "-o"]).arg(&report).arg(program.get_program());
    let status = command.args(program.get_args()).status().expect("run it");
    assert!(status.success());
    let report = std::fs::read_to_string(report).expect("a report");
    report.trim().parse().expect("kilobytes")
}

#[test]
fn ten_times_the_lines_need_no_more_memory() {
    if !Path::new(MEASURE).exists() {
        return skipped(&format!("{MEASURE} not found; it measures the memory of a replay"));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let few = peak_kilobytes(folder.path(), 30_000);
    let many = peak_kilobytes(folder.path(), 300_000);
    assert!(many < 2 * few, "{few} KB for 30,000 lines, {many} KB for 300,000");
}
