//! A store with many contacts, made fast: big batches, no waiting for the disk.
//!
//! Every contact looks as if it had been identified once and had agreed to texts.

use crate::Outcome;
use crate::clock::Stopwatch;
use crate::options::Options;
use crate::workload::{JOURNEY, WORKSPACE};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wayline_core::consent::{Channel, ConsentNow, ConsentState};
use wayline_core::contact::State;
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::journey::parse::{parse_journey, parse_workspace};
use wayline_core::journey::problem::Problem;
use wayline_core::time::Timestamp;
use wayline_pipeline::Pipeline;
use wayline_pipeline::definitions::Definitions;
use wayline_store::batch::{Batch, Identity, IdentityKind, Op, ProfileRow, Sequences, StateRow};
use wayline_store::{Durability, SqliteOptions, SqliteStore, Store};

/// When the bench begins: 2026-11-23 09:00 UTC.
pub(crate) const START: Timestamp = Timestamp(1_795_424_400_000);
const SEED: u64 = 1;
/// Contacts of one batch.
const TOGETHER: u64 = 20_000;

/// Definitions from two texts.
pub(crate) fn definitions(workspace: &str, journey: &str) -> Outcome<Definitions> {
    let failed = |problems: Vec<Problem>| {
        problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
    };
    Ok(Definitions {
        workspace: parse_workspace("workspace.yaml", workspace.as_bytes()).map_err(failed)?,
        segments: Vec::new(),
        journeys: vec![parse_journey("journey.yaml", journey.as_bytes()).map_err(failed)?],
    })
}

/// The file that is measured: a fresh copy of a preloaded one.
pub(crate) fn store_file(options: &Options) -> Outcome<PathBuf> {
    fs::create_dir_all(&options.store)?;
    let preloaded = options.store.join(format!("preloaded-{}.db", options.contacts));
    let file = options.store.join("bench.db");
    remove(&file)?;
    if !options.is_reused || !preloaded.exists() {
        remove(&preloaded)?;
        let part = options.store.join("preloading.db");
        remove(&part)?;
        pollster::block_on(load(&part, options.contacts))?;
        fs::rename(&part, &preloaded)?;
        remove(&part)?;
    }
    if options.is_reused {
        fs::copy(&preloaded, &file)?;
    } else {
        fs::rename(&preloaded, &file)?;
    }
    // What the copy left to write back is not part of what is measured.
    fs::File::open(&file)?.sync_all()?;
    Ok(file)
}

/// Removes a store and what belongs to it.
pub(crate) fn remove(file: &Path) -> Outcome<()> {
    for end in ["", "-wal", "-shm", ".lock"] {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

async fn load(file: &Path, contacts: u64) -> Outcome<()> {
    let options = SqliteOptions {
        cache_bytes: 1 << 20,
        durability: Durability::Off,
        ..SqliteOptions::default()
    };
    let store = Arc::new(Store::from(SqliteStore::open(file, options)?));
    let mut pipeline = Pipeline::open(Arc::clone(&store)).await?;
    let definitions = definitions(WORKSPACE, JOURNEY)?;
    let workspace = pipeline.publish(&definitions, SEED, START).await?.workspace;
    let engine = pipeline.engine(workspace).ok_or("the workspace has no engine")?;
    let (windows, fingerprint) = (engine.program.windows_fingerprint, engine.fingerprint);
    let watch = Stopwatch::start();
    for first in (0..contacts).step_by(TOGETHER as usize) {
        let upto = (first + TOGETHER).min(contacts);
        let mut batch = Batch { ops: Vec::with_capacity(TOGETHER as usize * 3 + 1) };
        for number in first..upto {
            let mut state = State::new(number, windows);
            state.definitions = fingerprint;
            state.clock = START;
            state.consents = vec![ConsentNow {
                channel: Channel::Sms,
                topic: None,
                state: ConsentState::OptedIn,
                since: START,
            }];
            put(&mut batch, workspace, number, &state)?;
        }
        let next = Sequences { contact: upto + 1, ..Sequences::FIRST };
        batch.ops.push(Op::SetSequences(next));
        store.commit(&batch).await?;
        let seconds = watch.elapsed().as_secs_f64();
        eprint!("\r{upto} of {contacts} contacts loaded, {seconds:.0} s ");
    }
    eprintln!();
    Ok(())
}

fn put(batch: &mut Batch, workspace: WorkspaceId, number: u64, state: &State) -> Outcome<()> {
    let (contact, user) = (ContactId(number + 1), format!("user-{number}"));
    batch.ops.push(Op::PutProfile(ProfileRow {
        workspace,
        contact,
        external_id: Some(user.clone()),
        phone: Some(format!("+1202{:07}", number % 10_000_000)),
        email: None,
        attributes: format!(
            "{{\"first_name\":\"Ann{}\",\"last_shop\":\"store-{}\",\"tier\":\"none\"}}",
            number % 1_000,
            number % 200
        ),
        created_at: START,
    }));
    let identity = Identity { workspace, kind: IdentityKind::External, value: user };
    batch.ops.push(Op::LinkIdentity(identity, contact));
    batch.ops.push(Op::PutState(StateRow {
        workspace,
        contact,
        expected_version: 0,
        body: state.encode(contact)?,
        wake: None,
    }));
    Ok(())
}
