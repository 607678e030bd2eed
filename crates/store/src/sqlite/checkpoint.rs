//! Moves committed pages from the write-ahead log into the file, in a thread of its own.
//!
//! The engine's own checkpoint runs inside a commit and ruins its latency, so it is off. The writer tells this
//! thread how much it wrote; past a threshold the thread copies what it can while commits go on. A log is only
//! begun anew at an instant when all of it is copied, which under steady load never comes by itself: when the
//! log is long and little of it is left, the last bit is copied while the writer waits. Must never be needed for
//! correctness: without it the log only grows.

use super::Inner;
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// Row changes between two checkpoints; each costs about one page of log.
const CHANGES_PER_CHECKPOINT: u64 = 40_000;
/// Pages of log from which on it should be begun anew.
const LOG_PAGES_LONG: i64 = 16_000;
/// Pages copied while the writer waits, at most: a few milliseconds.
const PAGES_WHILE_WAITING: i64 = 400;
/// Times the thread tries to catch up before it lets the writer go on as it is.
const ROUNDS_MAX: usize = 8;

/// The thread and the way to wake it.
#[derive(Debug)]
pub(super) struct Checkpointer {
    /// Row changes of each commit; closed when the store goes.
    wake: Option<Sender<u64>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(inner: Arc<Inner>, conn: Connection) -> std::io::Result<Self> {
        let (wake, woken) = channel();
        let name = "wayline-checkpoint".to_owned();
        let work = move || work(&inner, &conn, &woken);
        let thread = std::thread::Builder::new().name(name).spawn(work)?;
        Ok(Checkpointer { wake: Some(wake), thread: Some(thread) })
    }

    /// Says that a commit changed so many rows. A hint: it cannot fail in a way that matters.
    pub(super) fn tell(&self, changes: u64) {
        if let Some(wake) = &self.wake {
            let _ = wake.send(changes);
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn work(inner: &Inner, conn: &Connection, woken: &Receiver<u64>) {
    let mut pending = 0;
    while let Ok(changes) = woken.recv() {
        pending += changes + woken.try_iter().sum::<u64>();
        if pending >= CHANGES_PER_CHECKPOINT {
            pending = 0;
            // A checkpoint that failed (a full disk) is tried again after the next commits.
            let _ = catch_up(inner, conn);
        }
    }
}

fn catch_up(inner: &Inner, conn: &Connection) -> rusqlite::Result<()> {
    let (mut length, _) = checkpoint(conn)?;
    if length < LOG_PAGES_LONG {
        return Ok(());
    }
    for _ in 0..ROUNDS_MAX {
        let before = length;
        length = checkpoint(conn)?.0;
        // What came meanwhile is about what comes during the last copy too.
        if length - before <= PAGES_WHILE_WAITING {
            break;
        }
    }
    let Ok(_writer) = inner.writer.lock() else { return Ok(()) };
    checkpoint(conn)?;
    Ok(())
}

/// Copies what no reader needs in the log; the answer is pages in the log and pages of it copied.
fn checkpoint(conn: &Connection) -> rusqlite::Result<(i64, i64)> {
    conn.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?
        .query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
}
