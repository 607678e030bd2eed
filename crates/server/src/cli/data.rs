//! Where the store is, as the command line names it: a data folder, or the settings that name one.
//!
//! Must never make a folder or a store by being asked for one that is not there.

use super::CliError;
use crate::config::Config;
use crate::serve::{ServeError, store_in};
use clap::Args;
use std::path::PathBuf;

/// Which data folder.
#[derive(Debug, Args)]
pub(crate) struct DataArgs {
    /// Settings that name the data folder; without them and --data it is wayline-data
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The data folder
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

impl DataArgs {
    /// The store in the folder.
    ///
    /// # Errors
    /// When the settings make no sense, or there is no store.
    pub(crate) fn store(&self) -> Result<PathBuf, CliError> {
        let folder = match &self.data {
            Some(data) => data.clone(),
            None => Config::load(self.config.as_deref()).map_err(ServeError::from)?.data,
        };
        let path = store_in(&folder);
        if path.is_file() { Ok(path) } else { Err(CliError::NoStore { path }) }
    }
}
