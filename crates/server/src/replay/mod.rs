//! Recorded history through the real engine, on a virtual clock.
//!
//! Reads files, sorts what is in them by (time, arrival), feeds it to the production pipeline and writes what came
//! of it. Must never hold the input, nor write a byte that differs between two runs (the summary's times aside).

mod input;
mod record;
mod show;
mod sort;
mod summary;

use crate::run::Stopwatch;
use input::Lines;
use record::Recorder;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use wayline_core::ids::WorkspaceId;
use wayline_core::time::Timestamp;
use wayline_pipeline::definitions::Definitions;
use wayline_pipeline::ingest::Arrival;
use wayline_pipeline::{Pipeline, PipelineError};
use wayline_sim::drive::Drive;
use wayline_sim::world::{World, WorldError};
use wayline_store::batch::Batch;
use wayline_store::{MemoryStore, SqliteOptions, SqliteStore, Store, StoreError};

/// What to replay.
#[derive(Debug, Clone)]
pub(crate) struct Replay {
    /// Parsed workspace folder.
    pub(crate) definitions: Definitions,
    /// NDJSON, plain or gzip.
    pub(crate) inputs: Vec<PathBuf>,
    /// Ends then, that instant included.
    pub(crate) until: Option<Timestamp>,
    /// Of everything drawn at random.
    pub(crate) seed: u64,
    /// World file.
    pub(crate) world: Option<PathBuf>,
    /// Folder for the results, made when it is not there.
    pub(crate) out: PathBuf,
    /// A new file for the embedded store; `None`: in memory.
    pub(crate) sqlite: Option<PathBuf>,
    /// Also write `decisions.ndjson`.
    pub(crate) decisions: bool,
    /// Also print what was sent.
    pub(crate) show: bool,
}

/// Why a replay cannot be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    /// A file cannot be read or written.
    #[error("{path}: {action} failed")]
    File { path: PathBuf, action: &'static str, source: io::Error },
    /// The input breaks off, or cannot be unpacked.
    #[error("{path}:{line}: reading failed; fetch or pack the file again, nothing was replayed")]
    Input { path: PathBuf, line: u64, source: io::Error },
    /// Temporary files could not be written while sorting.
    #[error(
        "sorting needs room for temporary files; free some space in the temporary folder, or set TMPDIR to another"
    )]
    Sort(#[from] io::Error),
    /// The store's file is there already.
    #[error("{path} exists; a replay starts with an empty store, name a file that does not exist")]
    StoreExists { path: PathBuf },
    /// The world file cannot be used.
    #[error(transparent)]
    World(#[from] WorldError),
    /// The engine failed.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a replay is told while it runs.
pub(crate) trait Progress {
    /// So many lines were read and sorted.
    fn read(&mut self, lines: u64);
    /// So many of `all` inputs were run.
    fn ran(&mut self, inputs: u64, all: u64);
}

/// Runs a replay and writes its files.
pub(crate) fn replay(replay: &Replay, progress: &mut dyn Progress) -> Result<Counts, ReplayError> {
    let watch = Stopwatch::start();
    let world = replay.world.as_deref().map(read_world).transpose()?;
    if let Some(path) = replay.sqlite.as_ref().filter(|path| path.exists()) {
        return Err(ReplayError::StoreExists { path: path.clone() });
    }
    prepare(&replay.out)?;
    let lines = input::read(&replay.inputs, progress)?;
    // After the input: one that cannot be read leaves no store behind.
    let store = open_store(replay)?;
    run(replay, world, lines, store, watch, progress)
}

/// Makes the folder, and finds out whether it can be written before hours are spent.
fn prepare(out: &Path) -> Result<(), ReplayError> {
    fs::create_dir_all(out).map_err(file_error(out, "making the folder"))?;
    tempfile::tempfile_in(out).map_err(file_error(out, "writing into the folder"))?;
    // It belongs to a replay that ended: until this one has, there is none.
    match fs::remove_file(out.join("summary.json")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(file_error(&out.join("summary.json"), "replacing")(error))
        }
        _ => Ok(()),
    }
}

/// Reading, running and recording go side by side, each on a thread of its own; the order of things is the same.
fn run(
    replay: &Replay,
    world: Option<World>,
    lines: Lines,
    store: Store,
    watch: Stopwatch,
    progress: &mut dyn Progress,
) -> Result<Counts, ReplayError> {
    let mut pipeline = pollster::block_on(Pipeline::open(Arc::new(store)))?;
    let start = lines.first_time.unwrap_or(Timestamp::MIN);
    let publish = pipeline.publish(&replay.definitions, replay.seed, start);
    let workspace = pollster::block_on(publish)?.workspace;
    let country = pipeline
        .engine(workspace)
        .map(|engine| engine.program.settings.country.clone())
        .unwrap_or_default();
    let all = lines.count;
    let (to_record, batches) = mpsc::sync_channel(BATCHES_WAITING);
    let (to_run, arrivals) = mpsc::sync_channel(PARCELS_WAITING);
    let wants_decisions = replay.decisions;
    std::thread::scope(|scope| {
        let recording = scope.spawn(move || record(&batches, wants_decisions));
        let reading = scope.spawn(move || read(lines, workspace, &country, &to_run));
        pipeline.observe(Box::new(move |batch| {
            // Nobody listens any more only when recording panicked, which `joined` passes on.
            let _ = to_record.send(batch);
        }));
        let mut drive = Drive::new(pipeline, world, replay.seed);
        let fed = pollster::block_on(feed(replay.until, arrivals, &mut drive, progress, all));
        let mut lines = joined(reading.join())?;
        let after_end = fed?;
        lines.after_end = after_end;
        let counts = Counts {
            read: lines.count,
            refused: lines.refused,
            warned: lines.warned,
            after_end: lines.after_end,
            duplicates: drive.duplicates,
            taken: drive.taken,
            dead_letters: drive.pipeline().dead_letters,
        };
        let names = summary::Names::of(drive.pipeline());
        // With the drive goes the one who sends batches: recording ends.
        drop(drive);
        let recorder = joined(recording.join().map(Ok))?;
        write(replay, recorder, lines, &counts, &names, watch)?;
        Ok(counts)
    })
}

/// Batches that wait to be recorded, and parcels of inputs that wait to be run, at most.
const BATCHES_WAITING: usize = 64;
const PARCELS_WAITING: usize = 8;
/// Inputs of a parcel.
const PARCEL: usize = 256;

/// What a thread returned; a panic there is one here.
fn joined<T>(result: std::thread::Result<Result<T, ReplayError>>) -> Result<T, ReplayError> {
    match result {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn record(batches: &Receiver<Batch>, wants_decisions: bool) -> Recorder {
    let mut recorder = Recorder::new(wants_decisions);
    for batch in batches {
        recorder.see(&batch);
    }
    recorder
}

fn read(
    mut lines: Lines,
    workspace: WorkspaceId,
    country: &str,
    to_run: &SyncSender<Vec<Arrival>>,
) -> Result<Lines, ReplayError> {
    let mut parcel = Vec::with_capacity(PARCEL);
    while let Some(arrival) = lines.next(workspace, country)? {
        parcel.push(arrival);
        if parcel.len() == PARCEL && to_run.send(std::mem::take(&mut parcel)).is_err() {
            // Running failed and says why.
            return Ok(lines);
        }
    }
    let _ = to_run.send(parcel);
    Ok(lines)
}

/// Runs all inputs to the end; returns how many came after it.
async fn feed(
    until: Option<Timestamp>,
    arrivals: Receiver<Vec<Arrival>>,
    drive: &mut Drive,
    progress: &mut dyn Progress,
    all: u64,
) -> Result<u64, ReplayError> {
    let (mut run, mut after_end) = (0, 0);
    for arrival in arrivals.into_iter().flatten() {
        if until.is_some_and(|until| arrival.input.at > until) {
            after_end += 1;
            continue;
        }
        drive.feed(arrival).await?;
        run += 1;
        if run % PROGRESS_STEP == 0 {
            progress.ran(run, all);
        }
    }
    drive.finish(until).await?;
    progress.ran(all, all);
    Ok(after_end)
}

/// Inputs between two reports of progress.
const PROGRESS_STEP: u64 = 10_000;

/// What became of the input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) read: u64,
    pub(crate) refused: u64,
    pub(crate) warned: u64,
    pub(crate) after_end: u64,
    pub(crate) duplicates: u64,
    pub(crate) taken: u64,
    pub(crate) dead_letters: u64,
}

fn write(
    replay: &Replay,
    recorder: Recorder,
    lines: Lines,
    counts: &Counts,
    names: &summary::Names,
    watch: Stopwatch,
) -> Result<(), ReplayError> {
    let out = |name: &str| replay.out.join(name);
    let tally = recorder.write(&replay.out, names)?;
    lines.write_refused(&out("refused.csv"), &out("warnings.csv"))?;
    let summary = summary::Summary::new(&tally, counts, watch.elapsed());
    let path = out("summary.json");
    let text = serde_json::to_string_pretty(&summary).unwrap_or_default() + "\n";
    fs::write(&path, text).map_err(file_error(&path, "writing"))?;
    if replay.show {
        show::print(&summary, &replay.out);
    }
    Ok(())
}

fn read_world(path: &Path) -> Result<World, ReplayError> {
    let bytes = fs::read(path).map_err(file_error(path, "reading"))?;
    Ok(World::parse(&path.display().to_string(), &bytes)?)
}

fn open_store(replay: &Replay) -> Result<Store, ReplayError> {
    match &replay.sqlite {
        None => Ok(Store::Memory(MemoryStore::forgetting())),
        Some(path) => {
            let options = SqliteOptions {
                durability: wayline_store::Durability::Off,
                ..SqliteOptions::default()
            };
            Ok(Store::Sqlite(SqliteStore::open(path, options)?))
        }
    }
}

/// Names the file in an I/O error.
pub(crate) fn file_error(
    path: &Path,
    action: &'static str,
) -> impl FnOnce(io::Error) -> ReplayError + use<> {
    let path = path.to_owned();
    move |source| ReplayError::File { path, action, source }
}
