//! Says when a commit begins and when it has ended, for the bench: the store itself reads no clock.
//!
//! Must never be part of a program that serves people: it exists only with the feature `probe`.

use super::SqliteStore;
use std::fmt;
use std::sync::OnceLock;

/// Told `true` when a commit begins and `false` when it has ended.
pub type CommitWatcher = Box<dyn Fn(bool) + Send + Sync>;

/// Who is told.
#[derive(Default)]
pub(super) struct Probe(OnceLock<CommitWatcher>);

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").finish_non_exhaustive()
    }
}

/// Tells the end when it is dropped.
pub(super) struct Told<'a>(&'a Probe);

impl Probe {
    pub(super) fn begin(&self) -> Told<'_> {
        self.tell(true);
        Told(self)
    }

    fn tell(&self, begins: bool) {
        if let Some(watcher) = self.0.get() {
            watcher(begins);
        }
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.tell(false);
    }
}

impl SqliteStore {
    /// Has this one told about each commit. Only the first one given is.
    pub fn watch_commits(&self, watcher: CommitWatcher) {
        let _ = self.probe.0.set(watcher);
    }
}
