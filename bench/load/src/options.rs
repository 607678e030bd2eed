//! What to measure, from the command line.

use crate::people::Distribution;
use crate::single::Arrivals;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Measures a Wayline server over HTTP and writes a report.
#[derive(Debug, Parser)]
#[command(name = "wayline-load", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) cell: Cell,
    #[command(flatten)]
    pub(crate) shared: Shared,
}

/// What all cells ask for.
#[derive(Clone, Debug, Args)]
pub(crate) struct Shared {
    /// Contacts that are known, numbered from 0
    #[arg(long, default_value_t = 1_000_000, global = true)]
    pub(crate) contacts: u32,
    /// Measured seconds of a run
    #[arg(long, default_value_t = 20, global = true)]
    pub(crate) seconds: u64,
    /// Runs of each cell; the median counts
    #[arg(long, default_value_t = 3, global = true)]
    pub(crate) runs: u64,
    /// Date of the results file; without it none is written
    #[arg(long, global = true)]
    pub(crate) label: Option<String>,
    /// Name of the results file, after its date
    #[arg(long, default_value = "http", global = true)]
    pub(crate) name: String,
    /// Commit that is measured, for the report
    #[arg(long, default_value = "unknown", global = true)]
    pub(crate) commit: String,
    /// Folder of the results file
    #[arg(long, default_value = "bench/results", global = true)]
    pub(crate) out: PathBuf,
    /// Makes ids unlike those of an earlier measurement of the same store
    #[arg(long, default_value_t = 0, global = true)]
    pub(crate) run_from: u64,
}

/// A server that runs already.
#[derive(Clone, Debug, Args)]
pub(crate) struct Target {
    /// Where it listens
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub(crate) server: String,
    /// A key that may write events to the workspace `load`
    #[arg(long)]
    pub(crate) key: String,
    /// A key that may read its messages (single, text)
    #[arg(long, default_value = "")]
    pub(crate) read_key: String,
    /// Process of the server, for its CPU time and memory
    #[arg(long, default_value_t = 0)]
    pub(crate) pid: u32,
    /// A folder on the disk of the server's data, for the ceiling
    #[arg(long, default_value = ".")]
    pub(crate) store: PathBuf,
}

/// How contacts are drawn.
#[derive(Clone, Debug, Args)]
pub(crate) struct Draw {
    /// Exponent of Zipf's law
    #[arg(long, default_value_t = 0.9)]
    pub(crate) zipf: f64,
    /// Each contact as likely
    #[arg(long, conflicts_with = "zipf")]
    pub(crate) uniform: bool,
}

impl Draw {
    pub(crate) fn chosen(&self) -> Distribution {
        if self.uniform { Distribution::Uniform } else { Distribution::Zipf }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Cell {
    /// Events in batches, as fast as they are answered
    Batches {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        distribution: Draw,
        /// Events of a request
        #[arg(long, default_value_t = 100)]
        batch: usize,
        #[arg(long, default_value_t = 8)]
        connections: usize,
        /// Create the contacts first
        #[arg(long)]
        preload: bool,
    },
    /// Events one by one at given instants, each leading to a text
    Single {
        #[command(flatten)]
        target: Target,
        /// Events a second
        #[arg(long, default_value_t = 2_000.0)]
        rate: f64,
        #[arg(long, default_value_t = 64)]
        connections: usize,
        #[arg(long, value_enum, default_value = "poisson")]
        arrivals: Arrivals,
        /// The first contact; each has one event
        #[arg(long, default_value_t = 0)]
        first: u32,
    },
    /// The plain work: 12,000 contacts, an event and a text each, then 5, 20 and 28 a second, then a wait of a minute
    Text {
        #[command(flatten)]
        target: Target,
        /// Number of the first of the contacts, which are created
        #[arg(long, default_value_t = 2_000_000)]
        first: u32,
    },
    /// All of it on a fresh server that is started for it
    All {
        /// The server
        #[arg(long, default_value = "target/release/wayline")]
        program: PathBuf,
        /// Where its data go: the disk that is measured
        #[arg(long, default_value = "target/load")]
        folder: PathBuf,
        /// Only these parts
        #[arg(long, value_enum, value_delimiter = ',')]
        only: Vec<Part>,
    },
}

/// A part of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    Text,
    Batches,
    Single,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
        let zipf =
            "wayline-load batches --server http://h:1 --key k --contacts 9 --zipf 0.8 --batch 10";
        let zipf = parse(zipf).expect("it parses");
        assert_eq!(zipf.shared.contacts, 9);
        let Cell::Batches { distribution, batch, .. } = zipf.cell else { panic!("batches") };
        assert_eq!(
            (distribution.chosen(), distribution.zipf, batch),
            (Distribution::Zipf, 0.8, 10)
        );
        let uniform = parse("wayline-load batches --key k --uniform").expect("it parses");
        let Cell::Batches { distribution, .. } = uniform.cell else { panic!("batches") };
        assert_eq!(distribution.chosen(), Distribution::Uniform);
        assert!(parse("wayline-load batches --key k --uniform --zipf 1").is_err());
        let all = parse("wayline-load all --only text,single").expect("it parses");
        let Cell::All { only, .. } = all.cell else { panic!("all") };
        assert_eq!(only, [Part::Text, Part::Single]);
    }
}
