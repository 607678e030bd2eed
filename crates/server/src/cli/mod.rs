//! The command line: which commands there are, their help, and what their exit codes mean.
//!
//! Must never decide what a definition or a text means: the core does. Answers go to standard
//! output; progress, advice and errors to standard error, so that answers can be piped on.

mod apply;
mod backup;
mod data;
mod demo;
mod doctor;
mod export;
mod files;
mod findings;
mod gateways;
mod inspect;
mod keys;
mod lines;
mod plan;
mod progress;
mod remote;
mod replay;
mod restore;
mod serve;
mod sse;
mod stats;
mod store_at;
mod table;
mod tail;
mod validate;
mod version;
mod watch;
mod workspace;

use crate::replay::ReplayError;
use clap::{Parser, Subcommand, ValueEnum};
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  wayline validate examples/shop             is everything in this folder right?
  wayline plan examples/shop ../edited       what would change?
  echo 'Caf\u{e9} is open' | wayline inspect text  how many SMS is that?
  wayline replay --workspace examples/shop --input examples/shop/events.ndjson.gz --out out/shop
  wayline serve --data wayline-data          the live program; its first start shows a key
  wayline apply examples/shop                publishes the folder there

`wayline help COMMAND` explains a command. Exit codes: 0 it went well, 1 what was looked at is wrong
or something failed, 2 the command line makes no sense.";

/// Builds, checks and runs SMS journeys: the right text to the right person at the right time.
#[derive(Debug, Parser)]
#[command(name = "wayline", version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Checks workspace folders and single files: what is wrong, where, and what to do
    Validate(validate::ValidateArgs),
    /// Shows what would change between two workspace folders
    Plan(plan::PlanArgs),
    /// Runs recorded history through journeys, in virtual time, and writes who would have got what
    Replay(replay::ReplayArgs),
    /// Answers line by line: what a text costs, what a number is, what a template gives
    #[command(subcommand)]
    Inspect(inspect::InspectCommand),
    /// Shows it: a server with an invented business whose people live many times faster
    Demo(demo::DemoArgs),
    /// Runs the live program: engine and HTTP API
    Serve(serve::ServeArgs),
    /// Publishes a workspace folder on a server: shows what would change, and asks
    Apply(apply::ApplyArgs),
    /// Writes the definitions that run on a server into a folder
    Export(export::ExportArgs),
    /// Shows what happens in a workspace, as it happens
    Tail(tail::TailArgs),
    /// Shows what the journeys of a workspace came to
    Stats(stats::StatsArgs),
    /// Makes, lists and revokes API keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Sets up connections to carriers, shows how they are and tries them
    #[command(subcommand)]
    Gateways(gateways::GatewaysCommand),
    /// Copies a store, checked, also while it is served
    Backup(backup::BackupArgs),
    /// Makes a data folder out of a backup
    Restore(restore::RestoreArgs),
    /// Looks whether settings, disk, store, clock and server are in order
    Doctor(doctor::DoctorArgs),
    /// Shows the version, and what this build can do
    Version,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Why a command ends without having done what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// What was looked at is wrong, and the answer already says so.
    #[error("what was checked has errors; see above")]
    Wrong,
    /// The arguments do not go together.
    #[error("{message}")]
    Usage {
        /// What does not, and what to write instead.
        message: String,
    },
    /// Files could not be read.
    #[error(transparent)]
    Files(#[from] files::FilesError),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] wayline_store::StoreError),
    /// There is no store under that name.
    #[error("there is no store {path}; check the name, or start wayline once to make it")]
    NoStore {
        /// The file asked for.
        path: PathBuf,
    },
    /// Something stands where a file is to be written.
    #[error("{path} exists already; remove it or choose another name, nothing was written")]
    Exists {
        /// The file asked for.
        path: PathBuf,
    },
    /// A folder that should be empty.
    #[error("{path} is not empty; choose another folder, nothing was written")]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A person said no.
    #[error("nothing was changed")]
    Declined,
    /// A file with a key could not be read.
    #[error("the API key could not be read from {path}; check the name and its permissions")]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file of a gateway.
    #[error("{path} describes no gateway: {what}")]
    GatewayFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, without any secret.
        what: String,
    },
    /// There is no such journey.
    #[error("{workspace} has no journey {journey}; `wayline stats {workspace}` lists all of them")]
    NoJourney {
        /// Asked for.
        journey: String,
        /// Where.
        workspace: String,
    },
    /// There is no such contact.
    #[error(
        "{workspace} knows no contact {contact}; name an external id, a phone number like +12125550123, or #7"
    )]
    NoContact {
        /// Asked for.
        contact: String,
        /// Where.
        workspace: String,
    },
    /// The server did not do it.
    #[error(transparent)]
    Client(Box<crate::client::ClientError>),
    /// The operating system gives nothing to work with.
    #[error("the program could not start its threads")]
    Threads(#[source] io::Error),
    /// A file could not be written.
    #[error("{path} could not be written; check the folder, its permissions and the disk")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Standard input could not be read.
    #[error("standard input could not be read")]
    Input(#[source] io::Error),
    /// Standard output could not be written.
    #[error("standard output could not be written")]
    Output(#[source] io::Error),
    /// Definitions that cannot be run.
    #[error("the workspace cannot be run:\n{0}\n`wayline validate` shows everything about it")]
    Definitions(String),
    /// The live program could not start.
    #[error(transparent)]
    Serve(Box<crate::serve::ServeError>),
    /// The demo could not go on.
    #[error(transparent)]
    Demo(Box<crate::demo::DemoError>),
    /// A replay could not be done.
    #[error(transparent)]
    Replay(Box<ReplayError>),
}

impl From<crate::serve::ServeError> for CliError {
    fn from(error: crate::serve::ServeError) -> Self {
        CliError::Serve(Box::new(error))
    }
}

impl From<crate::client::ClientError> for CliError {
    fn from(error: crate::client::ClientError) -> Self {
        CliError::Client(Box::new(error))
    }
}

impl From<ReplayError> for CliError {
    fn from(error: ReplayError) -> Self {
        // It is far larger than the others.
        CliError::Replay(Box::new(error))
    }
}

impl CliError {
    /// 1: something is wrong or failed; 2: the command line makes no sense.
    fn exit_code(&self) -> u8 {
        match self {
            CliError::Usage { .. } => 2,
            _ => 1,
        }
    }
}

/// Runs the command of this process's arguments.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads the answer has read enough: `wayline … | head`.
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            // What is wrong stands in the answer already.
            if !matches!(error, CliError::Wrong) {
                report(&error);
            }
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(command: &Command) -> Result<(), CliError> {
    match command {
        Command::Validate(args) => validate::run(args),
        Command::Plan(args) => plan::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Inspect(command) => inspect::run(command),
        Command::Demo(args) => demo::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Apply(args) => apply::run(args),
        Command::Export(args) => export::run(args),
        Command::Tail(args) => tail::run(args),
        Command::Stats(args) => stats::run(args),
        Command::Keys(command) => keys::run(command),
        Command::Gateways(command) => gateways::run(command),
        Command::Backup(args) => backup::run(args),
        Command::Restore(args) => restore::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Version => version::run(),
    }
}

/// The whole chain of an error, once.
fn report(error: &CliError) {
    let mut text = format!("error: {error}\n");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!("  because: {cause}\n"));
        source = cause.source();
    }
    say(&text);
}

/// Tells people something beside the answer. That nobody can be told changes nothing.
fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Writes the answer.
fn answer(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(CliError::Output)
}
