//! One cell: events of one distribution in batches of one size, beside the ceiling.
//!
//! The engine and the ceiling take turns of a second or less, so that whatever else the machine does hits both. Must
//! never count what the engine does not do: lines are written between the turns of the clock.

use crate::Outcome;
use crate::ceiling::{Ceiling, events};
use crate::clock::{Stopwatch, timed};
use crate::machine::{Usage, forget_peak, peak_mib};
use crate::preload::START;
use crate::workload::{Distribution, Lines, People};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use wayline_core::ids::WorkspaceId;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::Pipeline;
use wayline_pipeline::ingest::{Arrival, read};
use wayline_store::batch::Batch;
use wayline_store::{SqliteOptions, SqliteStore, Store};

/// Turns of the engine, and of the ceiling, in a cell.
const TURNS: u32 = 10;
/// Events written before the clock runs.
const BLOCK: usize = 2_000;
/// Events of the clock of the bench per millisecond.
const EVENTS_PER_MILLISECOND: u64 = 10;
/// Batches kept for the ceiling: as many as hold so many events.
const CAPTURED_EVENTS: usize = 40_000;
const CAPTURED_BATCHES: usize = 400;

/// What is seen from outside of the pipeline.
#[derive(Default)]
struct Seen {
    /// When the commit under way began.
    began: Option<Stopwatch>,
    commits: Vec<Duration>,
    is_capturing: bool,
    captured: Vec<Batch>,
}

/// The pipeline under test.
pub(crate) struct Bench {
    pub(crate) pipeline: Pipeline,
    pub(crate) workspace: WorkspaceId,
    pub(crate) ceiling: Ceiling,
    seen: Arc<Mutex<Seen>>,
    lines: Lines,
    /// Events so far.
    events: u64,
}

/// What was measured of a cell.
pub(crate) struct Cell {
    pub(crate) distribution: Distribution,
    pub(crate) batch: usize,
    /// Median over the turns.
    pub(crate) events_per_second: f64,
    pub(crate) ceiling_per_second: f64,
    /// Median of engine over ceiling, turn by turn.
    pub(crate) ratio: f64,
    /// Microseconds of all cores per event.
    pub(crate) cpu_micros: f64,
    /// Microseconds to read one line of JSON; not part of the rest.
    pub(crate) read_micros: f64,
    /// `accept` as a whole, sorted.
    pub(crate) accepts: Vec<Duration>,
    /// The store's part of it, sorted.
    pub(crate) commits: Vec<Duration>,
    pub(crate) bytes_per_event: f64,
    pub(crate) ceiling_bytes_per_event: f64,
    pub(crate) peak_mib: u64,
    pub(crate) captured: Vec<Batch>,
}

/// What the turns of a cell add up to.
#[derive(Default)]
struct Sums {
    events: u64,
    /// Lines read, and how long that took.
    lines: u64,
    reading: Duration,
    usage: Usage,
    accepts: Vec<Duration>,
}

impl Bench {
    pub(crate) fn open(file: &Path, contacts: u64) -> Outcome<Bench> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let store = SqliteStore::open(file, SqliteOptions::default())?;
        let shared = Arc::clone(&seen);
        store.watch_commits(Box::new(move |begins| {
            let mut seen = lock(&shared);
            if begins {
                seen.began = Some(Stopwatch::start());
            } else if let Some(began) = seen.began.take() {
                seen.commits.push(began.elapsed());
            }
        }));
        let mut pipeline = pollster::block_on(Pipeline::open(Arc::new(Store::from(store))))?;
        let shared = Arc::clone(&seen);
        pipeline.observe(Box::new(move |batch| {
            let mut seen = lock(&shared);
            if seen.is_capturing && seen.captured.len() < CAPTURED_BATCHES {
                seen.captured.push(batch.clone());
                seen.is_capturing =
                    seen.captured.iter().map(events).sum::<usize>() < CAPTURED_EVENTS;
            }
        }));
        let workspace = pipeline.engines().next().ok_or("there is no workspace")?.program.workspace;
        let ceiling = Ceiling::new(&file.with_file_name("bench.log"), contacts)?;
        Ok(Bench { pipeline, workspace, ceiling, seen, lines: Lines::new(), events: 0 })
    }

    /// The instant of the bench's clock.
    pub(crate) fn now(&self) -> Timestamp {
        START + Span::hours(1) + Span((self.events / EVENTS_PER_MILLISECOND) as i64)
    }

    pub(crate) fn measure(
        &mut self,
        people: &People,
        distribution: Distribution,
        batch: usize,
        seconds: u64,
    ) -> Outcome<Cell> {
        forget_peak();
        let turn = Duration::from_secs(seconds) / TURNS;
        lock(&self.seen).is_capturing = true;
        self.turn(people, batch, turn * 2, &mut Sums::default())?;
        let captured = std::mem::take(&mut lock(&self.seen).captured);
        lock(&self.seen).is_capturing = false;
        lock(&self.seen).commits.clear();
        let mut next = captured.iter().cycle();
        self.ceiling_turn(&mut next, turn / 4)?;
        let (mut sums, mut rates, mut ceilings) = (Sums::default(), Vec::new(), Vec::new());
        for _ in 0..TURNS {
            rates.push(self.turn(people, batch, turn, &mut sums)?);
            ceilings.push(self.ceiling_turn(&mut next, turn / 2)?);
        }
        let peak_mib = peak_mib();
        let mut commits = std::mem::take(&mut lock(&self.seen).commits);
        commits.sort_unstable();
        sums.accepts.sort_unstable();
        let ratios = rates.iter().zip(&ceilings).map(|(rate, ceiling)| rate / ceiling).collect();
        let bytes: usize =
            captured.iter().map(|it| postcard::to_stdvec(it).map_or(0, |it| it.len())).sum();
        let all = sums.events.max(1) as f64;
        Ok(Cell {
            distribution,
            batch,
            events_per_second: median(rates),
            ceiling_per_second: median(ceilings),
            ratio: median(ratios),
            cpu_micros: sums.usage.cpu.as_secs_f64() * 1e6 / all,
            read_micros: sums.reading.as_secs_f64() * 1e6 / sums.lines.max(1) as f64,
            accepts: sums.accepts,
            commits,
            bytes_per_event: sums.usage.written as f64 / all,
            ceiling_bytes_per_event: bytes as f64
                / captured.iter().map(events).sum::<usize>().max(1) as f64,
            peak_mib,
            captured,
        })
    }

    /// Events for so long; the answer is events per second of the engine's own time.
    fn turn(
        &mut self,
        people: &People,
        batch: usize,
        length: Duration,
        sums: &mut Sums,
    ) -> Outcome<f64> {
        let (mut spent, mut done) = (Duration::ZERO, 0_u64);
        while spent < length {
            let arrivals = self.arrivals(people, BLOCK.max(batch).div_ceil(batch) * batch, sums)?;
            let before = Usage::now();
            for part in arrivals.chunks(batch) {
                let (taken, time) = timed(|| pollster::block_on(self.pipeline.accept(part)));
                taken?;
                spent += time;
                done += part.len() as u64;
                sums.accepts.push(time);
                if spent >= length {
                    break;
                }
            }
            let used = Usage::now().since(before);
            sums.usage.cpu += used.cpu;
            sums.usage.written += used.written;
        }
        sums.events += done;
        Ok(done as f64 / spent.as_secs_f64())
    }

    fn arrivals(
        &mut self,
        people: &People,
        count: usize,
        sums: &mut Sums,
    ) -> Outcome<Vec<(Arrival, Timestamp)>> {
        let mut lines = Vec::with_capacity(count);
        for _ in 0..count {
            let at = self.now();
            lines.push((self.lines.next(people, at), at));
            self.events += 1;
        }
        let (arrivals, time) = timed(|| {
            let read = lines.iter().map(|(line, at)| {
                read(self.workspace, line.as_bytes(), Some(*at)).map(|arrival| (arrival, *at))
            });
            read.collect::<Result<Vec<_>, _>>()
        });
        sums.lines += count as u64;
        sums.reading += time;
        Ok(arrivals?)
    }

    fn ceiling_turn<'a>(
        &mut self,
        batches: &mut impl Iterator<Item = &'a Batch>,
        length: Duration,
    ) -> Outcome<f64> {
        let (mut spent, mut done) = (Duration::ZERO, 0);
        while spent < length {
            let batch = batches.next().ok_or("nothing was committed in the warm-up")?;
            spent += self.ceiling.take(batch)?;
            done += events(batch);
        }
        Ok(done as f64 / spent.as_secs_f64())
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// So many thousandths of sorted times are at most this, in milliseconds.
pub(crate) fn quantile(sorted: &[Duration], per_mille: usize) -> f64 {
    let place = (sorted.len() * per_mille / 1_000).min(sorted.len().saturating_sub(1));
    sorted.get(place).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}
