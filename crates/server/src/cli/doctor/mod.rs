//! `wayline doctor`: whether settings, disk, store, clock and server are in order, a line each.
//!
//! Must never change anything, must never stop at the first problem, and must never call good what it could not
//! look at.

mod disk;
mod server;
mod store;

use super::findings::json;
use super::table::plain;
use super::{CliError, Format, answer};
use crate::config::{Config, ConfigError};
use crate::run::Clock;
use clap::Args;
use serde::Serialize;
use std::error::Error;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  wayline doctor --data wayline-data
  wayline doctor --config wayline.toml
  wayline doctor --data wayline-data --quick        without reading the whole store

Also while the server runs. Each line is ok, warning or problem, with what to do; the exit code is 1 when
there is a problem.";

/// What to look at.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// Settings
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder, when the settings do not name it
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address of the server, when the settings do not name it
    #[arg(long, value_name = "URL", env = "WAYLINE_SERVER")]
    server: Option<String>,
    /// Does not read the whole store
    #[arg(long)]
    quick: bool,
    /// How the lines are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Ok,
    Warning,
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Line {
    level: Level,
    /// What was looked at.
    about: &'static str,
    /// What was found, and what to do.
    found: String,
}

fn ok(about: &'static str, found: impl Into<String>) -> Line {
    Line { level: Level::Ok, about, found: found.into() }
}

fn warning(about: &'static str, found: impl Into<String>) -> Line {
    Line { level: Level::Warning, about, found: found.into() }
}

fn problem(about: &'static str, found: impl Into<String>) -> Line {
    Line { level: Level::Problem, about, found: found.into() }
}

/// An error with all its causes, in one line.
fn failed(about: &'static str, error: &dyn Error) -> Line {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    problem(about, text)
}

/// Lines as they are found, so that a slow look does not hide what is known.
struct Report {
    format: Format,
    warnings: usize,
    problems: usize,
}

impl Report {
    fn add(&mut self, line: &Line) -> Result<(), CliError> {
        match line.level {
            Level::Ok => {}
            Level::Warning => self.warnings += 1,
            Level::Problem => self.problems += 1,
        }
        let Line { level, about, found } = line;
        let word = match level {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Problem => "problem",
        };
        answer(&match self.format {
            Format::Json => json(line) + "\n",
            Format::Text => format!("{word:<7}  {about:<8}  {}\n", plain(found)),
        })
    }
}

/// Looks at everything.
///
/// # Errors
/// When there is a problem.
pub(crate) fn run(args: &DoctorArgs) -> Result<(), CliError> {
    let mut report = Report { format: args.format, warnings: 0, problems: 0 };
    let config = match settings(args) {
        Ok((config, line)) => {
            report.add(&line)?;
            Some(config)
        }
        Err(error) => {
            report.add(&failed("settings", &error))?;
            None
        }
    };
    // Settings that are wrong say nothing about what the command line names itself.
    let data = args.data.clone().or_else(|| config.as_ref().map(|config| config.data.clone()));
    let now = Clock::start(1, None).now();
    if let Some(data) = data {
        for line in disk::look(&data) {
            report.add(&line)?;
        }
        let speed = config.as_ref().map_or(1, |config| config.speed);
        for line in store::look(&data, args.quick, now, speed) {
            report.add(&line)?;
        }
    }
    if let Some(line) = config.as_ref().and_then(disk::open_files) {
        report.add(&line)?;
    }
    let listen = config.as_ref().map(|config| config.listen);
    for line in server::look(args.server.as_deref(), listen)? {
        report.add(&line)?;
    }
    if args.format == Format::Text {
        answer(&match (report.problems, report.warnings) {
            (0, 0) => "everything is in order\n".to_owned(),
            (problems, warnings) => format!("problems: {problems}, warnings: {warnings}\n"),
        })?;
    }
    if report.problems == 0 { Ok(()) } else { Err(CliError::Wrong) }
}

fn settings(args: &DoctorArgs) -> Result<(Config, Line), ConfigError> {
    let mut config = Config::load(args.config.as_deref())?;
    if let Some(data) = &args.data {
        config.data.clone_from(data);
    }
    let from = match &args.config {
        Some(path) => format!("{} is valid", path.display()),
        None => "the defaults; --config names a file of your own".to_owned(),
    };
    let line = if config.webhooks.private_addresses {
        let what = "journeys may call addresses of this machine and of private networks (webhooks.private_addresses); \
                    set it to false unless everybody who writes journeys may do that";
        warning("settings", format!("{from}; {what}"))
    } else if config.speed > 1 {
        warning("settings", format!("{from}; speed is {}: for demonstrations only", config.speed))
    } else {
        ok("settings", from)
    };
    Ok((config, line))
}
