//! Behaviour of journeys as scripts: time, input, expected effects.
//!
//! Each `*.journey` file holds scenarios; `UPDATE_EXPECT=1` rewrites what is expected, and the diff is then
//! reviewed like code. README.md tells the form. The stages are those of the product, on a virtual clock.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod checks;
mod effects;
mod script;
mod world;

use script::{Piece, Script};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use world::World;

#[test]
fn every_script_does_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journeys");
    let only = setting("ONLY");
    let update = setting("UPDATE_EXPECT").is_some();
    let (mut wrong, mut scenarios) = (String::new(), 0);
    for path in scripts(&folder) {
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        let expected = std::fs::read_to_string(&path).expect("a script can be read");
        let script = script::parse(&name, &expected);
        scenarios += script.scenarios.len();
        let actual = pollster::block_on(play(&name, &script));
        if actual == expected {
            continue;
        }
        if update {
            std::fs::write(&path, actual).expect("a script can be written");
        } else {
            let _ = write!(wrong, "\n{name}.journey\n{}", difference(&expected, &actual));
        }
    }
    assert!(scenarios > 0, "there are no scripts in {}", folder.display());
    assert!(wrong.is_empty(), "{wrong}\nUPDATE_EXPECT=1 rewrites the scripts; review the diff");
}

/// Settings of the test itself come from the environment of `cargo test`.
#[allow(clippy::disallowed_methods, reason = "a test has no other way to be told")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn scripts(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder can be read");
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "journey"))
        .collect();
    paths.sort();
    paths
}

/// Plays a file and writes it anew with what really happened.
async fn play(name: &str, script: &Script) -> String {
    let mut out = script.head.clone();
    for scenario in &script.scenarios {
        out.push_str(&scenario.head);
        let mut world = World::new(&format!("{name}: {}", scenario.title)).await;
        world.publish(&scenario.definitions, scenario.pieces.first_instant()).await;
        let mut pieces = scenario.pieces.0.iter().peekable();
        while let Some(piece) = pieces.next() {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Input(input) => {
                    out.push_str(&input.text);
                    let next = pieces.clone().find_map(|piece| match piece {
                        Piece::Input(next) => Some(next.at),
                        Piece::Text(_) => None,
                    });
                    for line in world.step(input, next).await {
                        let _ = writeln!(out, "=> {line}");
                    }
                }
            }
        }
    }
    out
}

fn difference(expected: &str, actual: &str) -> String {
    let (expected, actual): (Vec<_>, Vec<_>) =
        (expected.lines().collect(), actual.lines().collect());
    let mut out = String::new();
    let same = expected.iter().zip(&actual).take_while(|(a, b)| a == b).count();
    let _ = writeln!(out, "  from line {}:", same + 1);
    for line in expected.iter().skip(same).take(12) {
        let _ = writeln!(out, "  - {line}");
    }
    for line in actual.iter().skip(same).take(12) {
        let _ = writeln!(out, "  + {line}");
    }
    out
}
