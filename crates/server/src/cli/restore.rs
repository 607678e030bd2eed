//! `wayline restore`: a data folder out of a backup.
//!
//! Must never touch a folder that holds anything, and must never leave a store there that is not whole.

use super::export::is_empty;
use super::progress::Progress;
use super::{CliError, answer, say};
use crate::serve::store_in;
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use wayline_store::rows::BackupProgress;

const EXAMPLES: &str = "\
Example:
  wayline restore backups/monday.db wayline-data

The backup is checked first and stays as it is. The folder must be empty or not there: move the old one
away, do not mix them. Then start the server on it: wayline serve --data wayline-data";

/// Which backup, and where to.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RestoreArgs {
    /// The backup
    #[arg(value_name = "FROM")]
    from: PathBuf,
    /// The data folder to make
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Restores.
///
/// # Errors
/// When the backup is not whole, the folder is not empty, or the disk fails.
pub(crate) fn run(args: &RestoreArgs) -> Result<(), CliError> {
    let RestoreArgs { from, folder } = args;
    if !from.is_file() {
        return Err(CliError::NoStore { path: from.clone() });
    }
    let write = |source| CliError::Write { path: folder.clone(), source };
    if !is_empty(folder).map_err(write)? {
        return Err(CliError::NotEmpty { path: folder.clone() });
    }
    // Before anything is made.
    say("checking the backup\n");
    wayline_store::check_of(from)?;
    fs::create_dir_all(folder).map_err(write)?;
    let to = store_in(folder);
    let copied = copy(from, &to);
    if copied.is_err() {
        // The lock of a store that did not come to be would make the folder one that is not empty.
        let _ = fs::remove_file(to.with_extension("db.lock"));
    }
    copied?;
    let bytes = to.metadata().map_err(|source| CliError::Write { path: to.clone(), source })?.len();
    answer(&format!(
        "{} is a store again, from {}: {bytes} bytes, checked; wayline serve --data {}\n",
        to.display(),
        from.display(),
        folder.display()
    ))
}

fn copy(from: &Path, to: &Path) -> Result<(), CliError> {
    let bar = Progress::new("restoring", "pages");
    let mut show = |now: BackupProgress| bar.show(now.pages_done, now.pages_total);
    Ok(wayline_store::restore(from, to, &mut show)?)
}
