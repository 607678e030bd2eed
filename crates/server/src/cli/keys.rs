//! `wayline keys`: API keys made, listed and revoked, on a server or in the store of one that is stopped.
//!
//! Must never show the secret of a key but once, when it is made.

use super::findings::json;
use super::remote::{ServerArgs, wait_for};
use super::table::Table;
use super::{CliError, Format, answer, say};
use crate::run::Clock;
use crate::serve::{operator_key, store_in};
use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json as object;
use std::path::{Path, PathBuf};
use wayline_core::limits::NAME_CHARS_MAX;
use wayline_store::{SqliteOptions, SqliteStore, Store};

const EXAMPLES: &str = "\
Examples:
  wayline keys create --workspace shop --scopes write \"web shop\"     for the SDK of the shop
  wayline keys create --workspace shop --scopes read,manage \"Ann\"    for a person who makes journeys
  wayline keys create --operator \"deployment\"                        for everything
  wayline keys list --workspace shop
  wayline keys revoke --workspace shop 7

A key is shown once, on standard output; only its hash is kept. When the last operator key is lost,
stop the server and make one in its store: wayline keys create --operator --data wayline-data \"Ann\"";

/// What to do with keys.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum KeysCommand {
    /// Makes a key and shows it, this once
    Create(CreateArgs),
    /// Lists keys, without their secrets
    List(ListArgs),
    /// Revokes a key, at once and for good
    Revoke(RevokeArgs),
}

/// Whose keys.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Owner {
    /// The keys of this workspace
    #[arg(long, value_name = "WORKSPACE")]
    workspace: Option<String>,
    /// Keys for everything
    #[arg(long)]
    operator: bool,
}

impl Owner {
    fn path(&self) -> Vec<&str> {
        match &self.workspace {
            Some(workspace) => vec!["api", "v1", "workspaces", workspace, "keys"],
            None => vec!["api", "v1", "keys"],
        }
    }
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
enum Scope {
    /// Send events, profiles and consents
    Write,
    /// Look at everything
    Read,
    /// Change journeys and keys
    Manage,
}

/// A key to make.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    owner: Owner,
    /// What it may do; an operator key may do everything
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        conflicts_with = "operator",
        required_unless_present = "operator"
    )]
    scopes: Vec<Scope>,
    /// Makes an operator key in the store of this folder, while no server has it open
    #[arg(long, value_name = "DIR", requires = "operator", conflicts_with = "workspace")]
    data: Option<PathBuf>,
    /// What it is for, so that people know later which one to revoke
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// Which keys to list.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    owner: Owner,
    /// How they are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    server: ServerArgs,
}

/// Which key to revoke.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RevokeArgs {
    #[command(flatten)]
    owner: Owner,
    /// The number of the key, as `wayline keys list` shows it
    #[arg(value_name = "ID")]
    id: u64,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Deserialize)]
struct Created {
    id: u64,
    key: String,
}

#[derive(Serialize, Deserialize)]
struct Shown {
    id: u64,
    name: String,
    scopes: Vec<String>,
    created_at: String,
    revoked_at: Option<String>,
}

/// Does it.
///
/// # Errors
/// When the server or the store cannot.
pub(crate) fn run(command: &KeysCommand) -> Result<(), CliError> {
    match command {
        KeysCommand::Create(args) => match &args.data {
            Some(data) => create_in(data, &args.name),
            None => create(args),
        },
        KeysCommand::List(args) => list(args),
        KeysCommand::Revoke(args) => revoke(args),
    }
}

fn create(args: &CreateArgs) -> Result<(), CliError> {
    let client = args.server.client()?;
    let body = object!({"name": args.name, "scopes": args.scopes});
    let path = args.owner.path();
    let created: Created = wait_for(async { Ok(client.send(Method::POST, &path, &body).await?) })?;
    show(&created.key, &format!("key {}", created.id))
}

/// Makes an operator key in a store that nobody serves.
fn create_in(data: &Path, name: &str) -> Result<(), CliError> {
    let path = store_in(data);
    // Opening makes a store where there is none; a key of nothing is a mistyped name.
    if !path.is_file() {
        return Err(CliError::NoStore { path });
    }
    if name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX {
        let message =
            format!("the name of a key has 1 to {NAME_CHARS_MAX} characters; say what it is for");
        return Err(CliError::Usage { message });
    }
    let options =
        SqliteOptions { cache_bytes: 1024 * 1024, readers: 1, ..SqliteOptions::default() };
    let store = Store::from(SqliteStore::open(&path, options)?);
    let now = Clock::start(1, None).now();
    let (_, key) = wait_for(async { Ok(operator_key(&store, name, now).await?) })?;
    show(&key, "operator key")
}

/// The key alone on standard output, so that it can go into a file.
fn show(key: &str, what: &str) -> Result<(), CliError> {
    answer(&format!("{key}\n"))?;
    say(&format!("{what} is shown this once; keep it where passwords are kept\n"));
    Ok(())
}

fn list(args: &ListArgs) -> Result<(), CliError> {
    let client = args.server.client()?;
    let path = args.owner.path();
    let keys: Vec<Shown> = wait_for(async { Ok(client.list(&path).await?) })?;
    if args.format == Format::Json {
        return answer(&keys.iter().map(|key| json(key) + "\n").collect::<String>());
    }
    let mut table = Table::new(&["id", "name", "scopes", "created", "revoked"], 1);
    for key in keys {
        let scopes =
            if key.scopes.is_empty() { "everything".to_owned() } else { key.scopes.join(",") };
        let revoked = key.revoked_at.unwrap_or_else(|| "-".to_owned());
        table.row([key.id.to_string(), key.name, scopes, key.created_at, revoked]);
    }
    answer(&table.to_string())
}

fn revoke(args: &RevokeArgs) -> Result<(), CliError> {
    let client = args.server.client()?;
    let id = args.id.to_string();
    let mut path = args.owner.path();
    path.push(&id);
    let key: Shown = wait_for(async { Ok(client.delete(&path).await?) })?;
    answer(&format!("key {} ({}) is revoked: it is refused from now on\n", key.id, key.name))
}
