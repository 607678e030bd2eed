//! `make bench`: the pipeline over a file with many contacts, beside what this machine could do at most.
//!
//! ```text
//!  lines ─▶ read ─▶ accept: look up, advance, commit ─▶ events/s    ┐ in turns,
//!  the same batches ─▶ encode, append, sync, hash map ─▶ ceiling/s  ┘ cell by cell
//!  timers ─▶ messages ─▶ gateway ─▶ receipts;   bookings ─▶ replay in memory
//! ```
//! Medians over turns of a second, because machines are noisy. Must never be read without the load of the machine.

mod ceiling;
mod cell;
mod clock;
mod dispatch;
mod machine;
mod options;
mod preload;
mod replay;
mod report;
mod workload;

use cell::Bench;
use machine::Machine;
use options::Options;
use report::Report;
use std::process::ExitCode;
use workload::{Distribution, People};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What can go wrong here is only shown.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn run(options: &Options) -> Outcome<()> {
    let mut report = Report::default();
    report.load.0 = machine::load();
    let parts = [Distribution::Zipf, Distribution::Uniform];
    if parts.iter().any(|part| options.wants(part.name())) || options.wants("dispatch") {
        cells(options, &mut report)?;
    }
    if options.wants("replay") {
        report.replayed = Some(replay::replay(options.bookings)?);
    }
    report.load.1 = machine::load();
    println!("{}", report.tables());
    if let Some(path) = report.write(options, &Machine::read(&options.store))? {
        println!("written to {}", path.display());
    }
    Ok(())
}

fn cells(options: &Options, report: &mut Report) -> Outcome<()> {
    let file = preload::store_file(options)?;
    let mut bench = Bench::open(&file, options.contacts)?;
    for distribution in [Distribution::Zipf, Distribution::Uniform] {
        if !options.wants(distribution.name()) {
            continue;
        }
        let people = People::new(options.contacts, distribution);
        for batch in &options.batches {
            let mut cell = bench.measure(&people, distribution, *batch, options.seconds)?;
            report::progress(&cell);
            report.mix = ceiling::mix(&std::mem::take(&mut cell.captured));
            report.cells.push(cell);
        }
    }
    if options.wants("dispatch") {
        let people = People::new(options.contacts, Distribution::Uniform);
        bench.measure(&people, Distribution::Uniform, 250, options.seconds)?;
        let limit = options.contacts as usize / 20;
        report.dispatched = Some(pollster::block_on(dispatch::dispatch(&mut bench, limit))?);
    }
    report.file_mib = std::fs::metadata(&file)?.len() >> 20;
    drop(bench);
    std::fs::remove_file(file.with_file_name("bench.log"))?;
    preload::remove(&file)
}

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}
