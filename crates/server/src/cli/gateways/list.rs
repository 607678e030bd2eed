//! `wayline gateways list`: how gateways are, as a table.
//!
//! Must never count by itself: what the server says is shown.

use super::{EXAMPLES, path_of};
use crate::cli::findings::json;
use crate::cli::remote::{ServerArgs, wait_for};
use crate::cli::table::Table;
use crate::cli::{CliError, Format, watch};
use crate::client::Client;
use clap::Args;
use serde_json::Value as Json;

const HEADS: [&str; 15] = [
    "id",
    "kind",
    "standing",
    "up",
    "window",
    "parts/s",
    "p50",
    "p99",
    "accepted",
    "unknown",
    "errors",
    "unclaimed",
    "left alone until",
    "next try",
    "last problem",
];

/// Which gateways to list.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListArgs {
    /// Those of this workspace; without it, those of the operator
    #[arg(value_name = "WORKSPACE")]
    workspace: Option<String>,
    /// Shows it again every so many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "1",
        value_parser = clap::value_parser!(u64).range(1..=3_600))]
    watch: Option<u64>,
    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    server: ServerArgs,
}

/// Lists them.
///
/// # Errors
/// When the server cannot tell.
pub(super) fn run(args: &ListArgs) -> Result<(), CliError> {
    let client = args.server.client()?;
    let for_people = args.format == Format::Text;
    wait_for(watch::show(args.watch, for_people, async || told(args, &client).await))
}

async fn told(args: &ListArgs, client: &Client) -> Result<String, CliError> {
    let gateways: Vec<Json> = client.list(&path_of(args.workspace.as_deref())).await?;
    if args.format == Format::Json {
        return Ok(gateways.iter().map(|gateway| json(gateway) + "\n").collect());
    }
    if gateways.is_empty() {
        return Ok("there are no gateways here; `wayline gateways put` makes one\n".to_owned());
    }
    let mut table = Table::new(&HEADS, 0);
    gateways.iter().for_each(|gateway| table.row(cells(gateway)));
    Ok(table.to_string())
}

/// A value as a cell; `-`: there is none.
fn cell(value: &Json) -> String {
    match value {
        Json::Null => "-".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// How much of how much.
fn share(used: &Json, of: &Json) -> String {
    format!("{}/{}", cell(used), cell(of))
}

fn cells(gateway: &Json) -> Vec<String> {
    let (connection, flow) = (&gateway["status"]["connection"], &gateway["status"]["flow"]);
    let up = match (connection["connections"].as_u64(), connection["up"].as_bool()) {
        (Some(1..), _) => share(&connection["connections_up"], &connection["connections"]),
        (_, Some(true)) => "yes".to_owned(),
        _ => "no".to_owned(),
    };
    let errors = flow["errors"]
        .as_object()
        .map(|errors| errors.values().filter_map(Json::as_u64).sum::<u64>().to_string());
    let problem = [&gateway["problem"], &connection["last_problem"], &flow["last_error"]["text"]];
    let problem = problem.into_iter().find(|it| !it.is_null()).unwrap_or(&Json::Null);
    let window = match connection {
        Json::Null => "-".to_owned(),
        connection => share(&connection["in_flight"], &connection["window"]),
    };
    let rate = match flow {
        Json::Null => "-".to_owned(),
        flow => share(&flow["parts_last_second"], &flow["rate"]),
    };
    vec![
        cell(&gateway["id"]),
        cell(&gateway["kind"]),
        cell(&gateway["standing"]),
        up,
        window,
        rate,
        cell(&connection["latency"]["p50_ms"]),
        cell(&connection["latency"]["p99_ms"]),
        cell(&flow["accepted"]),
        cell(&flow["unknown"]),
        errors.unwrap_or_else(|| "-".to_owned()),
        cell(&gateway["status"]["unclaimed"]),
        cell(&flow["left_alone_until"]),
        cell(&connection["next_try_at"]),
        cell(problem),
    ]
}
