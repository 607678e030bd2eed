//! `wayline gateways`: connections to carriers, set up, looked at and tried on a server.
//!
//! Must never show a secret, and must never send one to anything but the server.

mod file;
mod list;

use super::findings::json;
use super::remote::{ServerArgs, wait_for};
use super::table::{Table, plain};
use super::{CliError, Format, answer};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value as Json, json as object};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  wayline gateways kinds                            what there is, with the settings of each
  wayline gateways put main.toml --workspace shop   makes or replaces the gateway of a file
  wayline gateways check main --workspace shop      does the carrier know us?
  wayline gateways test main --workspace shop --to +12125550123 --sender main --text Hello
  wayline gateways list shop --watch                how they are, every second
  wayline gateways list                             those of the operator
  wayline gateways unclaimed main                   texts to numbers that no workspace has

A file says what a gateway is. Secrets may stand elsewhere:
  id = \"main\"
  kind = \"smpp\"
  settings = { host = \"smpp.example.com\", system_id = \"shop\" }
  secrets = { password = { env = \"SMSC_PASSWORD\" } }";

/// What to do with gateways.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum GatewaysCommand {
    /// Lists gateways and how they are
    List(list::ListArgs),
    /// Shows one, as JSON, with all the API says
    Show(OneArgs),
    /// Makes or replaces the gateway of a file
    Put(PutArgs),
    /// Stops handing messages to it; receipts and texts are still taken
    Pause(OneArgs),
    /// Hands messages to it again
    Resume(OneArgs),
    /// Gives it no new messages, and lets it finish those it has
    Drain(OneArgs),
    /// Removes it
    Delete(OneArgs),
    /// Asks the carrier whether it knows us, without sending anything
    Check(OneArgs),
    /// Sends one text through it
    Test(TestArgs),
    /// Lists texts of people that came by a gateway of the operator's to a sender that nobody has
    Unclaimed(UnclaimedArgs),
    /// Lists the kinds of gateways with their settings and secrets
    Kinds(KindsArgs),
}

/// Whose gateways.
#[derive(Debug, Args)]
struct Owner {
    /// Of this workspace; without it, those of the operator
    #[arg(long, value_name = "WORKSPACE")]
    workspace: Option<String>,
}

/// The path of all gateways of a workspace, or of the operator.
fn path_of(workspace: Option<&str>) -> Vec<&str> {
    match workspace {
        Some(workspace) => vec!["api", "v1", "workspaces", workspace, "gateways"],
        None => vec!["api", "v1", "gateways"],
    }
}

/// Which gateway.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct OneArgs {
    #[command(flatten)]
    owner: Owner,
    /// Its id
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// Which file.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PutArgs {
    #[command(flatten)]
    owner: Owner,
    /// TOML, or JSON when its name ends so
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
}

/// What to send.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TestArgs {
    /// Of this workspace, or one of the operator's that it may use
    #[arg(long, value_name = "WORKSPACE")]
    workspace: String,
    /// To which number, like +12125550123
    #[arg(long, value_name = "NUMBER")]
    to: String,
    /// Id of a sender of the workspace
    #[arg(long, value_name = "SENDER")]
    sender: String,
    /// The text
    #[arg(long, value_name = "TEXT")]
    text: String,
    /// Id of the gateway
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// Whose texts.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct UnclaimedArgs {
    /// Id of a gateway of the operator's
    #[arg(value_name = "ID")]
    id: String,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    server: ServerArgs,
}

/// Which server.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct KindsArgs {
    #[command(flatten)]
    server: ServerArgs,
}

/// Does it.
///
/// # Errors
/// When the server cannot, or the file is wrong.
pub(crate) fn run(command: &GatewaysCommand) -> Result<(), CliError> {
    match command {
        GatewaysCommand::List(args) => list::run(args),
        GatewaysCommand::Show(args) => show(args),
        GatewaysCommand::Put(args) => put(args),
        GatewaysCommand::Pause(args) => stand(args, "pause"),
        GatewaysCommand::Resume(args) => stand(args, "resume"),
        GatewaysCommand::Drain(args) => stand(args, "drain"),
        GatewaysCommand::Delete(args) => delete(args),
        GatewaysCommand::Check(args) => check(args),
        GatewaysCommand::Test(args) => test(args),
        GatewaysCommand::Unclaimed(args) => unclaimed(args),
        GatewaysCommand::Kinds(args) => kinds(args),
    }
}

impl OneArgs {
    /// Asks something of the gateway.
    fn ask(&self, method: Method, below: Option<&str>) -> Result<Json, CliError> {
        let client = self.server.client()?;
        let mut path = path_of(self.owner.workspace.as_deref());
        path.push(&self.id);
        path.extend(below);
        wait_for(async {
            Ok(match method {
                Method::GET => client.get(&path).await?,
                Method::DELETE => client.delete(&path).await?,
                method => client.send(method, &path, &object!({})).await?,
            })
        })
    }
}

fn show(args: &OneArgs) -> Result<(), CliError> {
    let gateway = args.ask(Method::GET, None)?;
    answer(&(serde_json::to_string_pretty(&gateway).unwrap_or_else(|_| json(&gateway)) + "\n"))
}

fn put(args: &PutArgs) -> Result<(), CliError> {
    let (id, gateway) = file::read(&args.file)?;
    let client = args.server.client()?;
    let mut path = path_of(args.owner.workspace.as_deref());
    path.push(&id);
    let made: Json = wait_for(async { Ok(client.send(Method::PUT, &path, &gateway).await?) })?;
    told(&made)?;
    match made["callback_url"].as_str() {
        Some(url) => answer(&format!("its provider calls back at {}\n", plain(url))),
        None => Ok(()),
    }
}

fn stand(args: &OneArgs, word: &str) -> Result<(), CliError> {
    told(&args.ask(Method::POST, Some(word))?)
}

/// Says how a gateway stands; that it does not run is an error.
fn told(gateway: &Json) -> Result<(), CliError> {
    let (key, standing) = (text(&gateway["key"]), text(&gateway["standing"]));
    answer(&format!("{key} is {standing}, revision {}\n", gateway["revision"]))?;
    let Some(problem) = gateway["problem"].as_str() else { return Ok(()) };
    answer(&format!("it does not run: {}\n", plain(problem)))?;
    Err(CliError::Wrong)
}

fn delete(args: &OneArgs) -> Result<(), CliError> {
    args.ask(Method::DELETE, None)?;
    answer(&format!("{} is gone; its messages wait, or take another route\n", plain(&args.id)))
}

fn check(args: &OneArgs) -> Result<(), CliError> {
    let said = args.ask(Method::POST, Some("check"))?;
    let is_ok = said["ok"] == true;
    answer(&format!("{}: {}\n", if is_ok { "ok" } else { "wrong" }, text(&said["said"])))?;
    if is_ok { Ok(()) } else { Err(CliError::Wrong) }
}

fn test(args: &TestArgs) -> Result<(), CliError> {
    let client = args.server.client()?;
    let path = [&path_of(Some(&args.workspace))[..], &[args.id.as_str(), "test"]].concat();
    let body = object!({ "to": args.to, "sender": args.sender, "text": args.text });
    let said: Json = wait_for(async { Ok(client.send(Method::POST, &path, &body).await?) })?;
    let mut line = text(&said["outcome"]);
    for (name, about) in [("gateway_ref", "the carrier calls it"), ("error", "it said")] {
        if said[name].is_string() {
            line.push_str(&format!("; {about} {}", text(&said[name])));
        }
    }
    answer(&(line + "\n"))?;
    if said["outcome"] == "accepted" { Ok(()) } else { Err(CliError::Wrong) }
}

fn unclaimed(args: &UnclaimedArgs) -> Result<(), CliError> {
    let client = args.server.client()?;
    let path = ["api", "v1", "gateways", args.id.as_str(), "unclaimed"];
    let texts: Vec<Json> = wait_for(async { Ok(client.list(&path).await?) })?;
    if args.format == Format::Json {
        return answer(&texts.iter().map(|text| json(text) + "\n").collect::<String>());
    }
    if texts.is_empty() {
        return answer("every text that came by it belongs to somebody\n");
    }
    let mut table = Table::new(&["received", "from", "to", "text"], 0);
    for it in &texts {
        table.row(["received_at", "from", "to", "text"].map(|name| text(&it[name])));
    }
    answer(&table.to_string())
}

fn kinds(args: &KindsArgs) -> Result<(), CliError> {
    let client = args.server.client()?;
    let path = ["api", "v1", "gateways", "kinds"];
    let said: Json = wait_for(async { Ok(client.get(&path).await?) })?;
    let mut lines = String::new();
    for kind in said["kinds"].as_array().into_iter().flatten() {
        lines.push_str(&format!("{}  {}\n", text(&kind["kind"]), text(&kind["title"])));
        for (what, fields) in [("", &kind["settings"]), ("secret ", &kind["secrets"])] {
            for field in fields.as_array().into_iter().flatten() {
                let needed = if field["required"] == true { ", required" } else { "" };
                let (name, about) = (text(&field["name"]), text(&field["about"]));
                lines.push_str(&format!("  {what}{name}{needed}: {about}\n"));
            }
        }
    }
    answer(&lines)
}

/// A text of the server, for a terminal.
fn text(value: &Json) -> String {
    plain(value.as_str().unwrap_or_default())
}
