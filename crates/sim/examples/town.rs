//! Writes what the people of the demo do, as the input of a replay.
//!
//! `cargo run -p wayline-sim --example town -- SEED FOUNDED DAYS > demo.ndjson`

use std::io::Write as _;
use std::process::ExitCode;
use wayline_core::time::{Span, Timestamp};
use wayline_sim::town::Town;

const USAGE: &str = "town SEED FOUNDED DAYS, like: town 1 2026-11-25T09:00:00Z 3";

fn main() -> ExitCode {
    match write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}; {USAGE}");
            ExitCode::FAILURE
        }
    }
}

fn write() -> Result<(), Box<dyn std::error::Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [seed, founded, days] = given.as_slice() else {
        return Err("three things are needed".into());
    };
    let founded = Timestamp::parse(founded)?;
    let end = founded + Span::days(days.parse()?);
    let mut town = Town::new(seed.parse()?, founded);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    while town.told() < end {
        for (at, happening) in town.next(end) {
            writeln!(out, "{}", happening.into_line(at))?;
        }
    }
    Ok(out.flush()?)
}
