//! Batches in a closed loop: each connection sends its next one when the last is answered.

use crate::api::{Api, taken};
use crate::clock::Stopwatch;
use crate::connection::{Connection, request};
use crate::failure::Outcome;
use crate::figures::Times;
use crate::people::{self, Lines, People};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Contacts that one body of a preload introduces: two messages each.
const INTRODUCED: u32 = 250;
/// Bytes of bodies that are made up at once.
const PREPARED_BYTES: usize = 128 << 20;
/// Events a second for which bodies are made up before the clock runs.
const EVENTS_PER_SECOND_MAX: usize = 40_000;

/// What one run of batches came to.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    pub(crate) accepted: u64,
    pub(crate) duplicates: u64,
    /// Messages refused one by one.
    pub(crate) refused: u64,
    /// Whole requests that got no 200.
    pub(crate) failed: u64,
    /// The first of them, in words.
    pub(crate) failure: Option<String>,
    pub(crate) time: Duration,
    pub(crate) latencies: Times,
}

impl Batches {
    pub(crate) fn per_second(&self) -> f64 {
        self.accepted as f64 / self.time.as_secs_f64().max(0.001)
    }
}

/// Requests of a shop's events, made up before the clock runs.
pub(crate) fn prepare(
    key: &str,
    people: &People,
    size: usize,
    seconds: u64,
    run: u64,
) -> Vec<Vec<u8>> {
    let mut lines = Lines::new(11, run);
    let count = (seconds as usize * EVENTS_PER_SECOND_MAX).div_ceil(size.max(1));
    let (mut bodies, mut bytes) = (Vec::new(), 0);
    while bodies.len() < count && bytes < PREPARED_BYTES {
        let body = people::batch((0..size).map(|_| lines.next(people)));
        bytes += body.len();
        bodies.push(request("POST", "/v1/batch", key, body.as_bytes()));
    }
    bodies
}

/// Sends them until the time is over or none is left.
pub(crate) fn run(
    address: &str,
    bodies: &[Vec<u8>],
    connections: usize,
    time: Duration,
) -> Outcome<Batches> {
    let next = AtomicUsize::new(0);
    let watch = Stopwatch::start();
    let work = || {
        let mut connection = Connection::new(address);
        let (mut mine, mut latencies) = (Batches::default(), Vec::new());
        while watch.elapsed() < time {
            let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            let sent = watch.elapsed();
            mine.note(connection.send(body));
            latencies.push(watch.elapsed() - sent);
        }
        (mine, latencies)
    };
    let (mut all, mut latencies) = (Batches::default(), Vec::new());
    thread::scope(|scope| {
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            // A thread that panicked has nothing to add.
            let Ok((mine, times)) = thread.join() else { continue };
            all.accepted += mine.accepted;
            all.duplicates += mine.duplicates;
            all.refused += mine.refused;
            all.failed += mine.failed;
            all.failure = all.failure.take().or(mine.failure);
            latencies.extend(times);
        }
    });
    all.time = watch.elapsed();
    all.latencies = Times::of(latencies);
    Ok(all)
}

impl Batches {
    fn note(&mut self, answer: Outcome<(u16, &[u8])>) {
        let read = answer.and_then(|(status, body)| match status {
            200 => taken(body).map(Ok),
            _ => Ok(Err(format!("{status}: {}", String::from_utf8_lossy(body)))),
        });
        match read {
            Ok(Ok(taken)) => {
                self.accepted += taken.accepted;
                self.duplicates += taken.duplicates;
                self.refused += taken.refused.len() as u64;
                if let Some(first) = taken.refused.first() {
                    self.failure.get_or_insert_with(|| first.to_string());
                }
            }
            Ok(Err(refused)) => self.fail(refused),
            Err(error) => self.fail(error.to_string()),
        }
    }

    fn fail(&mut self, why: String) {
        self.failed += 1;
        self.failure.get_or_insert(why);
    }
}

/// Introduces contacts `from..to`, with consent, in batches of 500 messages.
pub(crate) fn preload(
    api: &Api,
    key: &str,
    from: u32,
    to: u32,
    connections: usize,
) -> Outcome<Batches> {
    let mut all = Batches::default();
    let mut start = from;
    // Some at a time, so that memory stays small.
    while start < to {
        let end = to.min(start.saturating_add(INTRODUCED * 400));
        let bodies: Vec<Vec<u8>> = (start..end)
            .step_by(INTRODUCED as usize)
            .map(|first| {
                let them = first..end.min(first + INTRODUCED);
                let body = people::batch(them.map(|number| {
                    let mut both = String::with_capacity(400);
                    people::introduce(number, &mut both);
                    both
                }));
                request("POST", "/v1/batch", key, body.as_bytes())
            })
            .collect();
        let some = run(&api.address, &bodies, connections, Duration::from_secs(3_600))?;
        all.accepted += some.accepted;
        all.duplicates += some.duplicates;
        all.refused += some.refused;
        all.failed += some.failed;
        all.time += some.time;
        all.failure = all.failure.take().or(some.failure);
        all.latencies = some.latencies;
        start = end;
    }
    Ok(all)
}
