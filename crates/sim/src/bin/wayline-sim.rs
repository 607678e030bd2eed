//! `make sim`: seeds through the simulator, each a world of its own, and the command that repeats a failure.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use wayline_core::ids::ContactId;
use wayline_sim::checks::{Invariant, Violation};
use wayline_sim::simulate::{Report, simulate};

/// Every so manieth seed runs twice, to compare.
const TWICE: u64 = 10;
/// Lines told about the contact of a failure.
const TOLD: usize = 60;

/// What to run.
struct Options {
    first: u64,
    count: u64,
    is_verbose: bool,
    is_one: bool,
    threads: u64,
    /// Whose facts are told of a failing seed; `None`: of the one it fails for.
    contact: Option<ContactId>,
}

const USAGE: &str =
    "wayline-sim [--seeds N] [--first N] [--seed N] [--threads N] [--contact N] [--verbose]";

fn options(arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        first: 0,
        count: 1_000,
        is_verbose: false,
        is_one: false,
        threads: 2,
        contact: None,
    };
    let mut arguments = arguments;
    while let Some(name) = arguments.next() {
        if name == "--verbose" {
            options.is_verbose = true;
            continue;
        }
        let value = arguments.next().and_then(|value| value.parse::<u64>().ok());
        let value = value.ok_or_else(|| format!("{name} needs a number; {USAGE}"))?;
        match name.as_str() {
            "--seeds" => options.count = value,
            "--first" => options.first = value,
            "--seed" => (options.first, options.count, options.is_one) = (value, 1, true),
            "--contact" => options.contact = Some(ContactId(value)),
            "--threads" => options.threads = value.max(1),
            _ => return Err(format!("{name} is not known; {USAGE}")),
        }
    }
    Ok(options)
}

fn run(seed: u64, is_twice: bool) -> Report {
    let mut report = simulate(seed, None, None);
    if is_twice {
        let again = simulate(seed, None, None);
        if again.digest != report.digest {
            let what = format!("{:032x} and {:032x}", report.digest, again.digest);
            report.violations.push(Violation {
                invariant: Invariant::SameBytes,
                contact: None,
                what,
            });
        }
    }
    report
}

fn explain(report: &Report, contact: Option<ContactId>) {
    println!("\nseed {} fails:", report.seed);
    for violation in report.violations.iter().take(5) {
        println!("  {violation}");
    }
    let contact =
        contact.or_else(|| report.violations.iter().find_map(|violation| violation.contact));
    if contact.is_some() {
        let trace = simulate(report.seed, None, contact).trace;
        for line in trace.iter().skip(trace.len().saturating_sub(TOLD)) {
            println!("    {line}");
        }
    }
    let seed = report.seed;
    println!(
        "again: cargo run --release -p wayline-sim --bin wayline-sim -- --seed {seed} --verbose"
    );
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    let (next, done, submits, crashes) =
        (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let failed: Mutex<Vec<Report>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..options.threads.min(options.count) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    if place >= options.count {
                        return;
                    }
                    let report = run(options.first + place, options.is_one || place % TWICE == 0);
                    submits.fetch_add(report.submits as u64, Ordering::Relaxed);
                    crashes.fetch_add(report.crashes, Ordering::Relaxed);
                    if options.is_verbose {
                        println!(
                            "seed {}: {} submits, {} restarts, {:032x}",
                            report.seed, report.submits, report.crashes, report.digest
                        );
                    }
                    if !report.violations.is_empty() {
                        failed.lock().unwrap_or_else(PoisonError::into_inner).push(report);
                    }
                    let count = done.fetch_add(1, Ordering::Relaxed) + 1;
                    if count % 50 == 0 {
                        eprintln!("{count} of {} seeds", options.count);
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.sort_by_key(|report| report.seed);
    for report in failed.iter().take(5) {
        explain(report, options.contact);
    }
    println!(
        "{} seeds, {} restarts, {} submits, {} seeds failed",
        options.count,
        crashes.into_inner(),
        submits.into_inner(),
        failed.len(),
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
