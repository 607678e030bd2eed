//! The same input and seed give the same bytes: on either store, however the input is packed, cut or mixed.

use crate::program::repository;
use crate::real_data::DataSet;
use crate::replayed::{Replay, Replayed, input};
use crate::shared_data::read;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::path::Path;
use wayline_core::ids::stable_hash;

/// A second time in memory, and once on disk.
fn assert_same_everywhere(replay: &Replay, what: &str) -> Replayed {
    let replay = replay.flag("--decisions");
    let first = replay.run();
    first.assert_same(&replay.run(), &format!("{what}, twice in memory"));
    first.assert_same(&on_disk(&replay), &format!("{what}, memory and SQLite"));
    first
}

fn on_disk(replay: &Replay) -> Replayed {
    let folder = tempfile::tempdir().expect("a folder");
    replay.with("--store", format!("sqlite:{}", folder.path().join("it.db").display())).run()
}

#[test]
fn the_cart_in_all_variants() {
    let Some(input) = DataSet::Cart.input() else { return };
    for variant in ["base", "enter_once", "no_restart", "capped", "quiet_hours", "three_steps"] {
        let workspace = repository("examples/abandoned_cart").join(variant);
        let replayed =
            assert_same_everywhere(&Replay::of(&workspace).with("--input", &input), variant);
        assert!(!replayed.sent().is_empty());
    }
}

#[test]
fn the_first_appointments() {
    let Some(all) = DataSet::Appointments.input() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let first: Vec<String> = read(&all).lines().take(2_500).map(str::to_owned).collect();
    let part = input(folder.path(), "part.ndjson", first.join("\n"));
    let replay = Replay::of(&repository("examples/appointments/q1")).with("--input", part);
    assert!(assert_same_everywhere(&replay, "q1").sent().len() > 1_000);
}

fn shop() -> (Replay, String) {
    let shop = repository("examples/shop");
    let replay = Replay::of(&shop).with("--world", shop.join("world.yaml")).with("--seed", "7");
    (replay.flag("--decisions"), read(&shop.join("events.ndjson.gz")))
}

#[test]
fn the_shop_with_its_world_on_either_store() {
    let replay = shop().0.with("--input", repository("examples/shop/events.ndjson.gz"));
    replay.run().assert_same(&on_disk(&replay), "the shop, memory and SQLite");
}

fn time_of(line: &str) -> &str {
    let at = line.find("\"timestamp\":\"").expect("a time");
    &line[at..]
}

/// In another order, but for lines of one instant: those are taken as they arrive.
fn shuffled(lines: &[&str]) -> String {
    let mut mixed: Vec<(u64, usize, &str)> = lines
        .iter()
        .enumerate()
        .map(|(place, line)| (stable_hash(&[time_of(line).as_bytes()]), place, *line))
        .collect();
    mixed.sort_unstable();
    let mixed: Vec<&str> = mixed.into_iter().map(|(_, _, line)| line).collect();
    assert_ne!(mixed, lines);
    mixed.join("\n")
}

fn packed(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(text.as_bytes()).expect("pack");
    input(folder, name, packer.finish().expect("pack"))
}

#[test]
fn however_the_input_is_packed_cut_or_mixed() {
    let (replay, text) = shop();
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let lines: Vec<&str> = text.lines().take(5_000).collect();
    let plain = replay.with("--input", input(folder, "plain.ndjson", lines.join("\n")));
    let expected = plain.run();
    assert!(expected.sent().len() > 300 && expected.count("duplicates") > 0);
    expected.assert_same(&plain.run(), "again");

    // Packed, under a name that does not say so; and in two members, as `cat a.gz b.gz` makes it.
    let gz = packed(folder, "packed", &lines.join("\n"));
    expected.assert_same(&replay.with("--input", gz).run(), "packed");
    let (head, tail) = lines.split_at(1_234);
    let mut members = std::fs::read(packed(folder, "a.gz", &(head.join("\n") + "\n"))).expect("a");
    members.extend(std::fs::read(packed(folder, "b.gz", &tail.join("\n"))).expect("b"));
    let members = input(folder, "members.gz", members);
    expected.assert_same(&replay.with("--input", members).run(), "two members");

    // One file after the other keeps the order of arrival.
    let (head, tail) = (head.join("\n"), tail.join("\r\n"));
    let cut = replay.with("--input", input(folder, "head.ndjson", head));
    let cut = cut.with("--input", input(folder, "tail.ndjson", tail));
    expected.assert_same(&cut.run(), "cut in two");

    let mixed = replay.with("--input", input(folder, "mixed.ndjson", shuffled(&lines)));
    expected.assert_same(&mixed.run(), "mixed");

    // Files by time, the later one first.
    let middle = time_of(lines[2_500]);
    let (early, late): (Vec<&str>, Vec<&str>) =
        lines.iter().partition(|line| time_of(line) < middle);
    let turned = replay.with("--input", input(folder, "late.ndjson", late.join("\n")));
    let turned = turned.with("--input", input(folder, "early.ndjson", early.join("\n")));
    expected.assert_same(&turned.run(), "the later file first");
}

#[test]
fn another_seed_gives_other_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = read(&repository("examples/shop/events.ndjson.gz"));
    let lines: Vec<&str> = text.lines().take(4_000).collect();
    let shop = repository("examples/shop");
    let replay = Replay::of(&shop)
        .with("--world", shop.join("world.yaml"))
        .with("--input", input(folder.path(), "some.ndjson", lines.join("\n")));
    let [one, two] = ["1", "2"].map(|seed| replay.with("--seed", seed).run().text("messages.csv"));
    assert_ne!(one, two);
}

#[test]
fn message_ids_are_forgotten_alike_on_either_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut lines = Vec::new();
    for day in 1..=28 {
        // The same ids come again and again, after one day to four weeks.
        for (id, every) in [("a", 1), ("b", 6), ("c", 9), ("d", 27)] {
            if day % every == 1 % every {
                lines.push(format!(
                    r#"{{"type":"track","userId":"{id}","event":"addtocart","messageId":"{id}","timestamp":"2026-02-{day:02}T0{every_hour}:00:00Z","properties":{{"value":50,"cart_id":"{day}"}}}}"#,
                    every_hour = every % 10
                ));
            }
        }
    }
    let replay = Replay::of(&repository("examples/shop"))
        .with("--input", input(folder.path(), "repeated.ndjson", lines.join("\n")));
    let replayed = assert_same_everywhere(&replay, "repeated ids");
    let duplicates = replayed.count("duplicates");
    assert_eq!(replayed.count("taken") + duplicates, lines.len() as u64);
    // Daily ones and those of the week are told; what comes a month later is new.
    assert!(duplicates >= 20 && replayed.count("taken") >= 8, "{duplicates} duplicates");
}
