//! Where a store is, as the command line names it: `sqlite:FILE`.
//!
//! Must never make a store by being asked for one that is not there.

use std::path::PathBuf;
use std::str::FromStr;

/// A store that the command line names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreAt {
    /// One file.
    Sqlite(PathBuf),
}

/// A name that leads to no kind of store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write it like sqlite:wayline.db")]
pub(crate) struct StoreAtError;

impl FromStr for StoreAt {
    type Err = StoreAtError;

    fn from_str(name: &str) -> Result<Self, StoreAtError> {
        match name.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Ok(StoreAt::Sqlite(PathBuf::from(path))),
            _ => Err(StoreAtError),
        }
    }
}
