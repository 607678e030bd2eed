//! `wayline stats`: what the journeys of a workspace came to, as a table.
//!
//! Must never count by itself: the counters of the store are the truth.

use super::findings::json;
use super::remote::{ServerArgs, wait_for};
use super::table::Table;
use super::{CliError, Format, watch};
use crate::client::Client;
use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

const EXAMPLES: &str = "\
Examples:
  wayline stats shop                    every journey of the workspace
  wayline stats shop --journey winback  one of them, step by step
  wayline stats shop --watch            again every second, until Ctrl-C
  wayline stats shop --format json      one JSON object a journey, with everything the API says

waiting and held are as of now, the others since ever.";

/// The columns, as the API names them.
const COUNTS: [&str; 9] =
    ["entered", "waiting", "held", "sent", "delivered", "failed", "dropped", "converted", "exited"];
/// The columns of steps.
const STEP_COUNTS: [&str; 9] = [
    "waiting",
    "held_now",
    "sent",
    "delivered",
    "failed",
    "dropped",
    "clicked",
    "replied",
    "converted",
];

/// What to show.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StatsArgs {
    /// The workspace
    #[arg(value_name = "WORKSPACE")]
    workspace: String,
    /// Only this journey, with each step of each version
    #[arg(long, value_name = "JOURNEY")]
    journey: Option<String>,
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

/// The part of a journey that is shown in columns.
#[derive(Deserialize)]
struct Shown {
    journey: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    counts: Map<String, Json>,
}

/// The part of a journey's counters that is shown.
#[derive(Deserialize)]
struct Counted {
    versions: Vec<CountedVersion>,
}

#[derive(Deserialize)]
struct CountedVersion {
    version: u32,
    steps: Vec<CountedStep>,
}

#[derive(Deserialize)]
struct CountedStep {
    step: String,
    variant: String,
    counts: Map<String, Json>,
}

/// Shows the journeys.
///
/// # Errors
/// When the server cannot tell, or there is no such journey.
pub(crate) fn run(args: &StatsArgs) -> Result<(), CliError> {
    let client = args.server.client()?;
    let for_people = args.format == Format::Text;
    wait_for(watch::show(args.watch, for_people, async || told(args, &client).await))
}

async fn told(args: &StatsArgs, client: &Client) -> Result<String, CliError> {
    let path = ["api", "v1", "workspaces", args.workspace.as_str(), "journeys"];
    let mut journeys: Vec<Json> = client.list(&path).await?;
    if let Some(wanted) = &args.journey {
        journeys.retain(|journey| journey["journey"] == wanted.as_str());
        if journeys.is_empty() {
            return Err(CliError::NoJourney {
                journey: wanted.clone(),
                workspace: args.workspace.clone(),
            });
        }
    }
    if args.format == Format::Json {
        return Ok(journeys.iter().map(|journey| json(journey) + "\n").collect());
    }
    if journeys.is_empty() {
        return Ok(format!("{} has no journeys; `wayline apply` publishes some\n", args.workspace));
    }
    let mut text = by_journey(client, journeys)?;
    if let Some(journey) = &args.journey {
        let path = [&path[..], &[journey, "counters"]].concat();
        // A journey that is only a draft has counted nothing.
        match client.get::<Counted>(&path).await {
            Ok(counted) => text.push_str(&by_step(&counted)),
            Err(error) if error.status() == Some(404) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(text)
}

fn by_journey(client: &Client, journeys: Vec<Json>) -> Result<String, CliError> {
    let heads: Vec<_> = ["journey", "status"].into_iter().chain(COUNTS).collect();
    let mut table = Table::of_numbers(&heads, 2);
    for journey in journeys {
        let shown: Shown =
            serde_json::from_value(journey).map_err(|error| client.strange(error.to_string()))?;
        let counts = cells(&shown.counts, &COUNTS);
        table.row([shown.journey, shown.status].into_iter().chain(counts));
    }
    Ok(table.to_string())
}

fn by_step(counted: &Counted) -> String {
    let steps =
        counted.versions.iter().flat_map(|it| it.steps.iter().map(|step| (it.version, step)));
    let heads: Vec<_> = ["version", "step", "variant"].into_iter().chain(STEP_COUNTS).collect();
    let mut table = Table::of_numbers(&heads, 3);
    let mut is_empty = true;
    for (version, step) in steps {
        is_empty = false;
        let variant = if step.variant.is_empty() { "-" } else { &step.variant };
        let names = [version.to_string(), step.step.clone(), variant.to_owned()];
        table.row(names.into_iter().chain(cells(&step.counts, &STEP_COUNTS)));
    }
    if is_empty { String::new() } else { format!("\n{table}") }
}

fn cells(counts: &Map<String, Json>, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| counts.get(*name).map_or("-".to_owned(), Json::to_string)).collect()
}
