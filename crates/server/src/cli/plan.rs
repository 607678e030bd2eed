//! `wayline plan`: what would change between two workspace folders.
//!
//! Must never change anything, and must never compare what is wrong.

use super::findings::json;
use super::workspace::check_folder;
use super::{CliError, Format, answer, say};
use clap::Args;
use std::path::{Path, PathBuf};
use wayline_core::journey::plan::plan;
use wayline_core::journey::workspace::LoadedWorkspace;

const EXAMPLES: &str = "\
Examples:
  wayline plan live edited
  wayline plan --format json live edited

Meanings are compared, not texts: another order of keys or other quotes change nothing. The exit
code is 0 with and without differences, and 1 when a folder has errors, which are told on standard
error.";

/// What to compare.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PlanArgs {
    /// The folder as it is
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The folder as it would be
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// How the differences are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Compares.
///
/// # Errors
/// When a folder cannot be read or has errors.
pub(crate) fn run(args: &PlanArgs) -> Result<(), CliError> {
    // Both are checked before one is refused, so that all errors are told at once.
    let old = loaded(&args.old)?;
    let new = loaded(&args.new)?;
    let (Some(old), Some(new)) = (old, new) else { return Err(CliError::Wrong) };
    let plan = plan(&old, &new);
    answer(&match args.format {
        Format::Text => plan.to_string(),
        Format::Json => json(&plan) + "\n",
    })
}

/// The folder, when it is right; what is found is told.
fn loaded(folder: &Path) -> Result<Option<LoadedWorkspace>, CliError> {
    let checked = check_folder(folder)?;
    say(&checked.findings.lines(Format::Text));
    Ok(checked.loaded.filter(|_| !checked.findings.has_errors()))
}
