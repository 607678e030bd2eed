//! A memory store whose commits fail on demand, for simulations.
//!
//! Whoever watches is asked before each batch and told after it is kept. Must never be part of a program that
//! serves people: it exists only with the feature `faults`.

use crate::batch::Batch;
use crate::error::StoreError;
use crate::memory::MemoryStore;
use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// What becomes of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// It is kept.
    Keep,
    /// This one is kept in its stead, and nobody is told.
    Instead(Box<Batch>),
    /// The store fails before anything is kept.
    FailBefore,
    /// The batch is kept, and then the store fails: the caller cannot know.
    FailAfter,
}

/// Decides about batches, and sees what is kept.
pub trait Watcher: Send {
    /// What becomes of this batch.
    fn fate(&mut self, batch: &Batch) -> Fate;

    /// This batch is kept. What was refused by its assertions is never shown.
    fn kept(&mut self, batch: &Batch);
}

/// A [`MemoryStore`] with a [`Watcher`]. Reads are the memory store's own.
pub struct FaultyStore {
    inner: MemoryStore,
    watcher: Mutex<Box<dyn Watcher>>,
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyStore").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl Deref for FaultyStore {
    type Target = MemoryStore;
    fn deref(&self) -> &MemoryStore {
        &self.inner
    }
}

impl FaultyStore {
    /// Watches a memory store.
    #[must_use]
    pub fn new(inner: MemoryStore, watcher: Box<dyn Watcher>) -> FaultyStore {
        FaultyStore { inner, watcher: Mutex::new(watcher) }
    }

    pub(crate) fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        let fate = watcher.fate(batch);
        let kept = match &fate {
            Fate::FailBefore => return Err(failed("writing")),
            Fate::Instead(other) => other,
            Fate::Keep | Fate::FailAfter => batch,
        };
        self.inner.commit(kept)?;
        watcher.kept(kept);
        if fate == Fate::FailAfter { Err(failed("waiting for the disk")) } else { Ok(()) }
    }
}

fn failed(action: &'static str) -> StoreError {
    StoreError::Io {
        path: PathBuf::from("memory"),
        action,
        source: std::io::Error::other("the simulation wants it so"),
    }
}
