//! `wayline replay`: recorded history through the real engine.
//!
//! Must never read the clock: time is virtual.

use super::CliError;
use super::store_at::StoreAt;
use clap::Args;
use std::path::PathBuf;

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
/// Always: this build has no replay.
pub(crate) fn run(_args: &ReplayArgs) -> Result<(), CliError> {
    Err(CliError::Unavailable { what: "replay history yet: that arrives with the replay" })
}
