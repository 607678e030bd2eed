//! The store in memory: the model every other backend is compared with, and what replays run on.
//!
//! Same answers and the same refusals as a store on disk, without durability. Must never answer
//! differently from the other backends, except that a forgetting store has forgotten.

mod model;
mod reads;
mod retain;
mod tables;
mod write;

use crate::batch::Batch;
use crate::error::StoreError;
use crate::rows::{BackupProgress, Retention};
use model::Model;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

/// A store that lives as long as the process.
#[derive(Debug)]
pub struct MemoryStore {
    model: Mutex<Box<Model>>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store that keeps everything, in its first run.
    #[must_use]
    pub fn new() -> Self {
        MemoryStore { model: Mutex::new(Box::new(Model::new(false))) }
    }

    /// An empty store that keeps what decisions need and nothing for people to look up: no history, no
    /// decisions, no ended enrollments, no finished messages (but the last one of each contact, which a reply
    /// refers to), and input ids for one to two periods of `limits::DEDUPLICATION` of the batches' own time.
    /// What it holds grows with contacts, not with inputs.
    #[must_use]
    pub fn forgetting() -> Self {
        MemoryStore { model: Mutex::new(Box::new(Model::new(true))) }
    }

    /// As if the program had died and started again on the same store: the next run begins.
    ///
    /// # Errors
    /// When the store was abandoned by a thread that died.
    pub fn begin_run(&self) -> Result<u64, StoreError> {
        let mut model = self.lock()?;
        model.run += 1;
        Ok(model.run)
    }

    pub(crate) fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.lock()?.commit(batch)
    }

    pub(crate) fn forget(&self, retention: &Retention, limit: usize) -> Result<usize, StoreError> {
        Ok(self.lock()?.forget(retention, limit))
    }

    /// Nothing here can be damaged.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.lock().map(|_| ())
    }

    pub(crate) fn backup(
        &self,
        _to: &Path,
        _progress: &mut (dyn FnMut(BackupProgress) + Send),
    ) -> Result<(), StoreError> {
        Err(StoreError::Unsupported { backend: "memory", action: "be backed up" })
    }

    fn lock(&self) -> Result<MutexGuard<'_, Box<Model>>, StoreError> {
        self.model.lock().map_err(|_| StoreError::Abandoned)
    }
}
