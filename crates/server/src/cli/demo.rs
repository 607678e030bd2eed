//! `wayline demo`: a server with an invented business in it that lives many times faster than real time.
//!
//! Must never run on a store that holds anything else than the demo.

use super::serve::{KeyFile, ServeArgs, announce, ended, log_to, wait};
use super::{CliError, answer, say};
use crate::demo::{self, DemoError, KEY_FILE};
use crate::run;
use crate::serve::{ServeError, Started, start};
use clap::Args;
use std::path::Path;
use tokio::sync::watch;

const EXAMPLES: &str = "\
Example:
  wayline demo --data out/demo

People come, browse, book, buy, answer and stop, 600 times faster than real time, and a table shows
how their journeys go. The API is a real one: the commands printed at the start work on it. Ctrl-C
stops it, the next start goes on where it was.";

/// How to run.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    serve: ServeArgs,
}

/// How many times faster than real time, unless told otherwise.
const SPEED: u32 = 600;
/// Its folder, unless told otherwise.
const DATA: &str = "out/demo";

/// Lives until it is told to stop.
///
/// # Errors
/// When it cannot start.
pub(crate) fn run(args: &DemoArgs) -> Result<(), CliError> {
    let mut config = args.serve.config()?;
    config.speed = args.serve.speed.unwrap_or(SPEED);
    if args.serve.data.is_none() {
        config.data = DATA.into();
    }
    if args.serve.config.is_none() {
        // What goes wrong is shown; what goes on is in the table.
        config.log.filter = "warn".to_owned();
    }
    log_to(&config.log)?;
    let runtime = run::runtime()
        .map_err(|source| ServeError::System { action: "starting", source: source.into() })?;
    runtime.block_on(async {
        // Before anything is said: whoever reads where it listens may stop it at once.
        let told_to_stop = run::told_to_stop();
        let started = start(&config).await?;
        announce(&started, &config, None)?;
        where_to_look(&started, &config.data).await?;
        live(&started, told_to_stop).await?;
        say("\nstopping\n");
        started.stop();
        ended(started).await?;
        say("the next start goes on where it was\n");
        Ok(())
    })
}

/// The people live until somebody says stop.
async fn live(started: &Started, told_to_stop: impl Future<Output = ()>) -> Result<(), CliError> {
    let (stop, stopping) = watch::channel(false);
    let living = async {
        let lived = demo::run(started, stopping).await;
        lived.map_err(|error| CliError::Demo(Box::new(error)))
    };
    let told = async {
        wait(started, told_to_stop).await;
        let _ = stop.send(true);
    };
    tokio::pin!(living);
    tokio::select! {
        lived = &mut living => lived,
        () = told => living.await,
    }
}

/// Commands that work on it.
async fn where_to_look(started: &Started, data: &Path) -> Result<(), CliError> {
    let failed = |error: DemoError| CliError::Demo(Box::new(error));
    let key = demo::key(started, data).await.map_err(failed)?;
    KeyFile::open(&data.join(KEY_FILE))?.keep(&key)?;
    let (address, file) = (started.address, data.join(KEY_FILE).display().to_string());
    let program = program();
    answer(&format!(
        "\nWhere to look, from another terminal:\n  \
         {program} tail demo --key-file {file} --server http://{address}\n  \
         {program} stats demo --key-file {file} --server http://{address}\n  \
         curl -H \"Authorization: Bearer $(cat {file})\" http://{address}/api/v1/workspaces/demo/journeys\n  \
         curl http://{address}/metrics\n\n"
    ))
}

/// How this program is called from here.
fn program() -> String {
    let Ok(path) = std::env::current_exe() else { return "wayline".to_owned() };
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(&path).display().to_string()
}
