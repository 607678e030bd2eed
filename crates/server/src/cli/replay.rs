//! `wayline replay`: recorded history through the real engine.
//!
//! Must never read the clock: time is virtual.

use super::progress::Progress as Bar;
use super::store_at::StoreAt;
use super::workspace;
use super::{CliError, Format, say};
use crate::replay::{self, Progress, Replay};
use clap::Args;
use std::path::PathBuf;
use wayline_core::time::Timestamp;
use wayline_pipeline::definitions::Definitions;

/// What to replay, and where to write what came of it.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Folder with workspace.yaml, journeys/ and segments/
    #[arg(long, value_name = "DIR")]
    workspace: PathBuf,
    /// Recorded history: NDJSON, one message a line, packed when the name ends in .gz
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    input: Vec<PathBuf>,
    /// Where the clock ends, RFC 3339; else when nothing is left to do
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Everything random comes from it
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How people and carriers behave; without it nobody clicks and every text arrives at once
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// Folder for messages.csv, enrollments.csv and summary.json
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Keep everything in this store instead of in memory
    #[arg(long, value_name = "sqlite:FILE")]
    store: Option<StoreAt>,
    /// Also write every decision with its reason
    #[arg(long)]
    decisions: bool,
    /// Print the messages
    #[arg(long)]
    show: bool,
}

/// Replays.
///
/// # Errors
/// When the folder is wrong, a file cannot be read or written, or the engine fails.
pub(crate) fn run(args: &ReplayArgs) -> Result<(), CliError> {
    let checked = workspace::check_folder(&args.workspace)?;
    let Some(loaded) = checked.loaded else {
        return Err(CliError::Definitions(checked.findings.lines(Format::Text)));
    };
    let until = args.until.as_deref().map(Timestamp::parse).transpose();
    let until = until.map_err(|error| CliError::Usage { message: format!("--until: {error}") })?;
    let replay = Replay {
        definitions: Definitions {
            workspace: loaded.workspace.clone(),
            segments: loaded.segment_definitions().cloned().collect(),
            journeys: loaded.journey_definitions().cloned().collect(),
        },
        inputs: args.input.clone(),
        until,
        seed: args.seed,
        world: args.world.clone(),
        out: args.out.clone(),
        sqlite: args.store.clone().map(|StoreAt::Sqlite(path)| path),
        decisions: args.decisions,
        show: args.show,
    };
    let counts = replay::replay(&replay, &mut Bars::default())?;
    for (count, what, file) in [
        (counts.refused, "lines were refused", "refused.csv"),
        (counts.dead_letters, "inputs failed", "dead_letters.ndjson"),
    ] {
        if count > 0 {
            let file = args.out.join(file);
            say(&format!("{count} {what}; {} says which and why\n", file.display()));
        }
    }
    Ok(())
}

/// Progress as two bars, one after the other.
#[derive(Default)]
struct Bars {
    reading: Option<Bar>,
    running: Option<Bar>,
}

impl Progress for Bars {
    fn read(&mut self, lines: u64) {
        self.reading.get_or_insert_with(|| Bar::new("reading", "lines")).show(lines, lines);
    }

    fn ran(&mut self, inputs: u64, all: u64) {
        self.reading = None;
        self.running.get_or_insert_with(|| Bar::new("running", "inputs")).show(inputs, all);
    }
}
