//! `wayline backup`: a whole, checked copy of a store.
//!
//! Must never overwrite a file, and must never leave a copy under its name that is not whole.

use super::data::DataArgs;
use super::progress::Progress;
use super::store_at::StoreAt;
use super::{CliError, answer};
use clap::Args;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  wayline backup backups/monday.db                          of the data folder wayline-data
  wayline backup --data /srv/wayline backups/monday.db
  wayline backup --store sqlite:wayline.db backups/monday.db

The copy is one instant of the store, is checked before it gets its name, and is a store itself. A
running server goes on meanwhile. `wayline restore` makes a data folder out of it.";

/// Which store, and where the copy goes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The store, when it is not in a data folder
    #[arg(long, value_name = "sqlite:FILE", conflicts_with_all = ["config", "data"])]
    store: Option<StoreAt>,
    /// File to write; it must not exist yet
    #[arg(value_name = "TO")]
    to: PathBuf,
}

/// Copies the store.
///
/// # Errors
/// When there is no such store, the target exists, or the store or the disk fails.
pub(crate) fn run(args: &BackupArgs) -> Result<(), CliError> {
    let from = &match &args.store {
        Some(StoreAt::Sqlite(path)) => path.clone(),
        None => args.data.store()?,
    };
    let to = &args.to;
    // A backup of nothing is a mistyped name.
    if !from.is_file() {
        return Err(CliError::NoStore { path: from.clone() });
    }
    if to.symlink_metadata().is_ok() {
        return Err(CliError::Exists { path: to.clone() });
    }
    folder_exists(to)?;
    {
        let bar = Progress::new("copying", "pages");
        let mut show =
            |now: wayline_store::rows::BackupProgress| bar.show(now.pages_done, now.pages_total);
        wayline_store::backup_of(from, to, &mut show)?;
    }
    let written = to.metadata().map_err(|source| CliError::Write { path: to.clone(), source })?;
    answer(&format!(
        "{} is a copy of {}: {} bytes, checked\n",
        to.display(),
        from.display(),
        written.len()
    ))
}

fn folder_exists(to: &Path) -> Result<(), CliError> {
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => return Ok(()),
    };
    match folder.metadata() {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => {
            let message = format!("{} is no folder; name a file in one", folder.display());
            Err(CliError::Usage { message })
        }
        Err(source) => Err(CliError::Write { path: to.to_owned(), source }),
    }
}
