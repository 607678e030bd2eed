//! `wayline serve`: the live program in the foreground, until it is told to stop.
//!
//! Must never show a key more than once, and must say what a start found and what a stop left.

use super::{CliError, answer, say};
use crate::config::{Config, LogConfig, LogFormat};
use crate::run;
use crate::serve::{ServeError, Started, start};
use clap::Args;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
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
    /// Writes the first operator key into this file, for you alone to read, instead of showing it
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
        // Before anything is said: whoever reads where it listens may stop it at once.
        let told_to_stop = run::told_to_stop();
        run::hear_file_limits();
        let key_file = args.operator_key_file.as_deref().map(KeyFile::open).transpose()?;
        let started = start(&config).await?;
        announce(&started, &config, key_file)?;
        wait(&started, told_to_stop).await;
        say("stopping: the commit under way is finished, answers of gateways are waited for\n");
        started.stop();
        ended(started).await
    })
}

/// Until somebody says stop, or the engine has ended by a bug.
pub(super) async fn wait(started: &Started, told_to_stop: impl Future<Output = ()>) {
    tokio::select! {
        () = told_to_stop => {}
        () = started.broken() => say("the engine has ended by a bug; the log says how. "),
    }
}

/// Waits for the end of a program that was told to stop.
pub(super) async fn ended(started: Started) -> Result<(), CliError> {
    if started.ended().await {
        say("stopped\n");
        return Ok(());
    }
    let source = "the engine failed; start wayline again, what was acknowledged is safe".into();
    Err(ServeError::System { action: "running", source }.into())
}

/// Says where it is and what it found.
pub(crate) fn announce(
    started: &Started,
    config: &Config,
    key_file: Option<KeyFile>,
) -> Result<(), CliError> {
    if let Some(key) = &started.operator_key {
        match key_file {
            // Not shown as well: what is shown stays in logs.
            Some(file) => answer(&format!("operator key: in {}\n", file.keep(key)?.display()))?,
            None => {
                answer(&format!("operator key: {key}\n"))?;
                say("  it is shown this once; keep it where passwords are kept\n");
            }
        }
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

/// A file for a key that only its owner can read, opened before there is a key: one that cannot be kept is lost.
pub(super) struct KeyFile {
    path: PathBuf,
    file: File,
}

impl KeyFile {
    /// Opens or makes the file; what is in it stays until there is a key.
    pub(super) fn open(path: &Path) -> Result<KeyFile, CliError> {
        let failed = |source| CliError::Write { path: path.to_owned(), source };
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = file.map_err(failed)?;
        // It may have been there, for everybody to read.
        file.set_permissions(Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(KeyFile { path: path.to_owned(), file })
    }

    /// Writes the key. Returns where.
    pub(super) fn keep(mut self, key: &str) -> Result<PathBuf, CliError> {
        let written = self.file.set_len(0).and_then(|()| writeln!(self.file, "{key}"));
        written.map_err(|source| CliError::Write { path: self.path.clone(), source })?;
        Ok(self.path)
    }
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
