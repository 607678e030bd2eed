//! `wayline serve`: the live program in the foreground, until it is told to stop.
//!
//! Must never show a key more than once, and must say what a start found and what a stop left.

use super::{CliError, answer, say};
use crate::config::{Config, LogConfig, LogFormat};
use crate::run;
use crate::serve::{ServeError, Started, start};
use clap::Args;
use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tracing_subscriber::EnvFilter;

const EXAMPLES: &str = "\
Examples:
  wayline serve --data data                     a store in the folder data, API on 127.0.0.1:8321
  wayline serve --config wayline.toml           with settings of your own
  wayline serve --data try --speed 600          ten minutes every second, for trying things out

The first start prints an operator key, once: with it the other commands make workspaces and keys
(`wayline apply`, `wayline keys`). Ctrl-C or SIGTERM stops it in order.";

/// How to run.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ServeArgs {
    /// Settings; docs/manual/settings.md has all of them
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of the store; it is made when it is not there
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Address and port of the HTTP API
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// How many times faster than real time
    #[arg(long, value_name = "N")]
    pub(crate) speed: Option<u32>,
    /// Writes the first operator key into this file as well, for you alone to read
    #[arg(long, value_name = "FILE")]
    pub(crate) operator_key_file: Option<PathBuf>,
}

impl ServeArgs {
    /// The settings, with what the command line says on top.
    pub(crate) fn config(&self) -> Result<Config, CliError> {
        let mut config = Config::load(self.config.as_deref()).map_err(ServeError::from)?;
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        config.listen = self.listen.unwrap_or(config.listen);
        config.speed = self.speed.unwrap_or(config.speed);
        config.check().map_err(ServeError::from)?;
        Ok(config)
    }
}

/// Runs until it is told to stop.
///
/// # Errors
/// When it cannot start.
pub(crate) fn run(args: &ServeArgs) -> Result<(), CliError> {
    let config = args.config()?;
    log_to(&config.log)?;
    let runtime = run::runtime()
        .map_err(|source| ServeError::System { action: "starting", source: source.into() })?;
    runtime.block_on(async {
        let started = start(&config).await?;
        let told = run::told_to_stop();
        tokio::pin!(told);
        // Listened for before anybody hears that it runs: who then tells it to stop at once is heard too.
        let is_told = run::within(Duration::ZERO, &mut told).await.is_some();
        announce(&started, &config, args.operator_key_file.as_deref())?;
        if !is_told {
            told.await;
        }
        say("stopping: the commit under way is finished, answers of gateways are waited for\n");
        started.stop();
        started.ended().await;
        say("stopped\n");
        Ok(())
    })
}

/// Says where it is and what it found.
pub(crate) fn announce(
    started: &Started,
    config: &Config,
    key_file: Option<&Path>,
) -> Result<(), CliError> {
    if let Some(key) = &started.operator_key {
        if let Some(path) = key_file {
            keep_key(path, key)?;
        }
        answer(&format!("operator key: {key}\n"))?;
        say("  it is shown this once; keep it where passwords are kept\n");
    }
    let lost = match started.unknown {
        0 => "nothing to recover".to_owned(),
        1 => "1 message was with its gateway when the last run ended: it is unknown now".to_owned(),
        n => format!(
            "{n} messages were with their gateways when the last run ended: they are unknown now"
        ),
    };
    let speed = if config.speed == 1 {
        String::new()
    } else {
        format!(", {} times real time", config.speed)
    };
    let (address, data, run) = (started.address, config.data.display(), started.run);
    answer(&format!("wayline listens on http://{address} (start {run} of {data}{speed}; {lost})\n"))
}

/// Writes a key where only its owner can read it.
fn keep_key(path: &Path, key: &str) -> Result<(), CliError> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| writeln!(file, "{key}"))
        .map_err(|source| CliError::Write { path: path.to_owned(), source })
}

/// Sends logs to standard error.
pub(crate) fn log_to(config: &LogConfig) -> Result<(), CliError> {
    let filter = EnvFilter::try_new(&config.filter).map_err(|error| CliError::Usage {
        message: format!("the setting log.filter is {:?}: {error}", config.filter),
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match config.format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}
