//! `wayline apply`: makes a workspace folder what runs on a server.
//!
//! Must never send a folder with errors, and must never change anything before a person has seen what would change
//! and agreed, or said beforehand that they do.

use super::remote::{ServerArgs, wait_for};
use super::workspace::check_folder;
use super::{CliError, Format, answer, say};
use crate::client::{Client, ClientError};
use clap::Args;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use wayline_core::journey::plan::Plan;

const EXAMPLES: &str = "\
Examples:
  wayline apply shop --dry-run                  what would change?
  wayline apply shop                            shows it, asks, and publishes
  wayline apply shop --yes --key-file key.txt   without asking, for scripts

The folder is checked here first. Journeys whose meaning changed get a new version, which new entries
get; those that are gone are retired: nobody enters any more, those in them finish. The server makes
the workspace when it does not know it (with an operator key).";

/// What to publish, and where.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ApplyArgs {
    /// The workspace folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Only show what would change
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Definitions as the API takes and gives them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Folder {
    /// Texts by name.
    pub(crate) files: BTreeMap<String, String>,
}

/// What the server did.
#[derive(Debug, Deserialize)]
struct Applied {
    revision: u64,
    published: Vec<Published>,
    retired: Vec<String>,
    warnings: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Published {
    journey: String,
    version: u32,
}

#[derive(Deserialize)]
struct Known {}

/// Publishes a folder.
///
/// # Errors
/// When the folder has errors, nobody agreed, or the server cannot.
pub(crate) fn run(args: &ApplyArgs) -> Result<(), CliError> {
    let (workspace, folder) = read(&args.folder)?;
    let client = args.server.client()?;
    wait_for(async {
        let path = ["api", "v1", "workspaces", workspace.as_str()];
        let is_new = is_new(&client, &path).await?;
        let plan_path = ["api", "v1", "workspaces", workspace.as_str(), "plan"];
        let plan: Plan = client.send(Method::POST, &plan_path, &folder).await?;
        if is_new {
            answer(&format!("Workspace {workspace} is new on {}.\n", client.server()))?;
        }
        answer(&plan.to_string())?;
        if args.dry_run || (plan.is_empty() && !is_new) {
            return Ok(());
        }
        if !args.yes {
            agree(&format!("Apply this to {workspace} on {}?", client.server()))?;
        }
        let applied: Applied = client.send(Method::PUT, &path, &folder).await?;
        for warning in &applied.warnings {
            say(&format!("{warning}\n"));
        }
        answer(&told(&workspace, &applied))
    })
}

/// The folder's workspace and its files, when all of it is right.
fn read(folder: &Path) -> Result<(String, Folder), CliError> {
    let checked = check_folder(folder)?;
    say(&checked.findings.lines(Format::Text));
    let is_right = !checked.findings.has_errors();
    let Some(loaded) = checked.loaded.filter(|_| is_right) else { return Err(CliError::Wrong) };
    let mut files = BTreeMap::new();
    for source in checked.sources {
        let inside = source.path.strip_prefix(folder).unwrap_or(&source.path);
        // What was checked is text with names that are text.
        let name = inside.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
        files.insert(name, String::from_utf8_lossy(&source.bytes).into_owned());
    }
    Ok((loaded.workspace.workspace.text, Folder { files }))
}

async fn is_new(client: &Client, path: &[&str]) -> Result<bool, ClientError> {
    match client.get::<Known>(path).await {
        Ok(Known {}) => Ok(false),
        Err(error) if error.status() == Some(404) => Ok(true),
        // A key that may change it and not look at it belongs to a workspace that is there.
        Err(error) if error.status() == Some(403) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Goes on when a person says yes.
///
/// # Errors
/// When nobody can be asked, or they say no.
fn agree(question: &str) -> Result<(), CliError> {
    if !io::stdin().is_terminal() {
        let message = "nobody can be asked here (standard input is no terminal), nothing was changed; \
                       say --yes to apply it, or --dry-run to only look";
        return Err(CliError::Usage { message: message.to_owned() });
    }
    say(&format!("{question} [y/N] "));
    let mut line = String::new();
    io::stdin().read_line(&mut line).map_err(CliError::Input)?;
    match line.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CliError::Declined),
    }
}

fn told(workspace: &str, applied: &Applied) -> String {
    let mut text = format!("{workspace} is at revision {} now.\n", applied.revision);
    for Published { journey, version } in &applied.published {
        text.push_str(&format!("  published {journey}, version {version}\n"));
    }
    for journey in &applied.retired {
        text.push_str(&format!(
            "  retired {journey}: nobody enters any more, those in it finish\n"
        ));
    }
    text
}
