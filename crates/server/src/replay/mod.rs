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
use std::sync::{Arc, Mutex, PoisonError};
use wayline_core::time::Timestamp;
use wayline_pipeline::definitions::Definitions;
use wayline_pipeline::{Pipeline, PipelineError};
use wayline_sim::drive::Drive;
use wayline_sim::world::{World, WorldError};
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
    pollster::block_on(run(replay, world, lines, store, watch, progress))
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

async fn run(
    replay: &Replay,
    world: Option<World>,
    mut lines: Lines,
    store: Store,
    watch: Stopwatch,
    progress: &mut dyn Progress,
) -> Result<Counts, ReplayError> {
    let mut pipeline = Pipeline::open(Arc::new(store)).await?;
    let start = lines.first_time.unwrap_or(Timestamp::MIN);
    let published = pipeline.publish(&replay.definitions, replay.seed, start).await?;
    let workspace = published.workspace;
    let recorder = Arc::new(Mutex::new(Recorder::new(replay.decisions)));
    let shared = Arc::clone(&recorder);
    pipeline.observe(Box::new(move |batch| {
        shared.lock().unwrap_or_else(PoisonError::into_inner).see(batch);
    }));
    let country = pipeline
        .engine(workspace)
        .map(|engine| engine.program.settings.country.clone())
        .unwrap_or_default();
    let mut drive = Drive::new(pipeline, world, replay.seed);
    let mut run = 0;
    while let Some(arrival) = lines.next(workspace, &country)? {
        if replay.until.is_some_and(|until| arrival.input.at > until) {
            lines.after_end += 1;
            continue;
        }
        drive.feed(arrival).await?;
        run += 1;
        if run % PROGRESS_STEP == 0 {
            progress.ran(run, lines.count);
        }
    }
    drive.finish(replay.until).await?;
    progress.ran(lines.count, lines.count);
    let recorder = {
        let mut shared = recorder.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *shared, Recorder::new(false))
    };
    let counts = Counts {
        read: lines.count,
        refused: lines.refused,
        warned: lines.warned,
        after_end: lines.after_end,
        duplicates: drive.duplicates,
        taken: drive.taken,
        dead_letters: drive.pipeline().dead_letters,
    };
    write(replay, recorder, lines, &counts, drive.pipeline(), watch)?;
    Ok(counts)
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
    pipeline: &Pipeline,
    watch: Stopwatch,
) -> Result<(), ReplayError> {
    let out = |name: &str| replay.out.join(name);
    let names = summary::Names::of(pipeline);
    let tally = recorder.write(&replay.out, &names)?;
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
