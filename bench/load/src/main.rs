//! Load over HTTP: batches in a closed loop, single events in an open one, the plain work from event to text.
//!
//! Must never be what is measured: bodies are made up before the clock runs, buffers are used again.

mod api;
mod batches;
mod ceiling;
mod clock;
mod connection;
mod failure;
#[cfg(test)]
mod fake;
mod figures;
mod machine;
mod measure;
mod options;
mod people;
mod report;
mod server;
mod single;
mod texts;

use crate::api::Api;
use crate::failure::{Failure, Outcome};
use crate::measure::Measure;
use crate::options::{Arguments, Cell, Part, Shared, Target};
use crate::report::Report;
use crate::server::Server;
use clap::Parser as _;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// How long a server is left alone before its idle memory is read.
const IDLE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.cell {
        Cell::All { program, folder, only } => all(&arguments.shared, program, folder, only),
        Cell::Batches { target, preload, .. } => one(&arguments, target, *preload),
        Cell::Single { target, .. } | Cell::Text { target, .. } => one(&arguments, target, false),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                text.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            eprintln!("wayline-load: {text}");
            ExitCode::FAILURE
        }
    }
}

/// One cell on a server that runs already.
fn one(arguments: &Arguments, target: &Target, is_preloaded: bool) -> Outcome<()> {
    let shared = &arguments.shared;
    let mut report = begin(shared);
    let api = Api::new(&target.server, &target.read_key);
    let mut measure = Measure {
        api: &api,
        key: &target.key,
        server: machine::Process(target.pid),
        shared,
        folder: &target.store,
        report: &mut report,
    };
    match &arguments.cell {
        Cell::Batches { batch, connections, distribution, .. } => {
            if is_preloaded {
                measure.preload()?;
            }
            measure.batches(distribution.chosen(), distribution.zipf, *batch, *connections)?;
        }
        Cell::Single { rate, connections, arrivals, first, .. } => {
            measure.singles(*rate, *connections, *arrivals, *first)?;
        }
        Cell::Text { first, .. } => measure.texts(*first)?,
        Cell::All { .. } => {}
    }
    report.disk = machine::disk(&target.store);
    finish(shared, report)
}

/// Everything, on a fresh server in a folder that is removed afterwards.
fn all(shared: &Shared, program: &Path, folder: &Path, only: &[Part]) -> Outcome<()> {
    let mut report = begin(shared);
    let failed = |source| Failure::File { path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    let folder = tempfile::tempdir_in(folder).map_err(failed)?;
    report.disk = machine::disk(folder.path());
    let server = Server::start(program, folder.path())?;
    clock::pause(IDLE);
    report.idle_mib = Some(server.process().resident_mib());
    server.api.apply(texts::WORKSPACE, &texts::files())?;
    let key = server.api.key(texts::WORKSPACE, "write")?;
    let read_key = server.api.key(texts::WORKSPACE, "read")?;
    let api = Api::new(&server.api.address, &read_key);
    let mut measure = Measure {
        api: &api,
        key: &key,
        server: server.process(),
        shared,
        folder: folder.path(),
        report: &mut report,
    };
    measure.everything(only)?;
    drop(server);
    finish(shared, report)
}

fn begin(shared: &Shared) -> Report {
    Report {
        title: format!("{}, {}", shared.label.as_deref().unwrap_or("now"), shared.name),
        commit: shared.commit.clone(),
        machine: machine::describe(),
        contacts: shared.contacts,
        settings: format!("{} runs of {} s a cell", shared.runs, shared.seconds),
        load: (machine::load(), String::new()),
        ..Report::default()
    }
}

/// Prints the report, and writes it when it has a date.
fn finish(shared: &Shared, mut report: Report) -> Outcome<()> {
    report.load.1 = machine::load();
    let text = report.text();
    println!("{text}");
    let Some(label) = &shared.label else { return Ok(()) };
    let path = shared.out.join(format!("{label}-{}.md", shared.name));
    let written = fs::create_dir_all(&shared.out).and_then(|()| fs::write(&path, text));
    written.map_err(|source| Failure::File { path, source })
}
