//! `wayline tail`: what happens in a workspace, as it happens, a line each.
//!
//! Must never be taken for the history: what happened while nobody was connected is not shown, and it says so.

use super::remote::{ServerArgs, wait_for};
use super::sse::{Event, Events};
use super::table::plain;
use super::{CliError, Format, answer, say};
use crate::client::Client;
use crate::run;
use clap::{Args, ValueEnum};
use futures_util::StreamExt;
use serde_json::Value as Json;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  wayline tail shop                                everything
  wayline tail shop --kinds decision --journey winback
  wayline tail shop --contact ann-17 --format json | jq .

A line is: when, what kind, whose contact, what, and what belongs to it. When the connection is lost it
comes back by itself; what happened meanwhile is in the history of each contact, not here. Ctrl-C ends
it.";

/// The first wait before connecting again, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// A server that says nothing for so long has gone: it shows that it lives more often than that.
const SILENCE: Duration = Duration::from_secs(90);

/// What to watch.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TailArgs {
    /// The workspace
    #[arg(value_name = "WORKSPACE")]
    workspace: String,
    /// Only decisions and messages of this journey
    #[arg(long, value_name = "JOURNEY")]
    journey: Option<String>,
    /// Only what is about this contact: its number, or its own id
    #[arg(long, value_name = "CONTACT")]
    contact: Option<String>,
    /// Only these kinds
    #[arg(long, value_enum, value_delimiter = ',')]
    kinds: Vec<Kind>,
    /// How events are written; json: as the server sends them, one a line
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    server: ServerArgs,
}

/// Kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// What comes in
    Input,
    /// What was decided, and why
    Decision,
    /// Messages and what becomes of them
    Message,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Input => "input",
            Kind::Decision => "decision",
            Kind::Message => "message",
        }
    }
}

/// Shows events until somebody has seen enough.
///
/// # Errors
/// When the server refuses, or cannot be reached at the beginning.
pub(crate) fn run(args: &TailArgs) -> Result<(), CliError> {
    let client = args.server.client()?;
    wait_for(async {
        tokio::select! {
            ended = watch(args, &client) => ended,
            () = run::told_to_stop() => Ok(()),
        }
    })
}

async fn watch(args: &TailArgs, client: &Client) -> Result<(), CliError> {
    let mut wait = BACKOFF.0;
    let mut was_connected = false;
    loop {
        let failed = match connected(args, client, &mut wait, &mut was_connected).await {
            Err(CliError::Client(error)) if was_connected && error.may_pass() => error,
            ended => return ended,
        };
        say(&format!(
            "{failed}\n  trying again in {:.1} s; what happens meanwhile is not shown here\n",
            wait.as_secs_f64()
        ));
        // Nothing comes: only the limit ends it.
        run::within(wait, std::future::pending::<()>()).await;
        wait = (wait * 2).min(BACKOFF.1);
    }
}

/// Shows what one connection brings.
async fn connected(
    args: &TailArgs,
    client: &Client,
    wait: &mut Duration,
    was_connected: &mut bool,
) -> Result<(), CliError> {
    let path = ["api", "v1", "workspaces", args.workspace.as_str(), "feed"];
    let stream = client.events(&path, &query(args)).await?;
    say(&format!("connected to {}\n", client.server()));
    *was_connected = true;
    let mut events = Events::default();
    let mut stream = stream.bytes_stream();
    loop {
        let bytes = match run::within(SILENCE, stream.next()).await {
            Some(Some(bytes)) => bytes.map_err(|source| client.broken(source))?,
            Some(None) => return Err(client.ended("it ended the stream").into()),
            None => return Err(client.ended("it says nothing any more").into()),
        };
        *wait = BACKOFF.0;
        for event in events.take(&bytes).map_err(|error| client.strange(error.to_string()))? {
            show(args, &event)?;
        }
    }
}

fn query(args: &TailArgs) -> Vec<(&'static str, String)> {
    let mut query = Vec::new();
    query.extend(args.journey.clone().map(|journey| ("journey", journey)));
    query.extend(args.contact.clone().map(|contact| ("contact", contact)));
    if !args.kinds.is_empty() {
        let names: Vec<_> = args.kinds.iter().map(|kind| kind.name()).collect();
        query.push(("kinds", names.join(",")));
    }
    query
}

fn show(args: &TailArgs, event: &Event) -> Result<(), CliError> {
    if args.format == Format::Json {
        // One line, whatever the server makes of it.
        return answer(&(event.data.replace('\n', " ") + "\n"));
    }
    match serde_json::from_str(&event.data) {
        Ok(data) if event.name == "missed" => {
            say(&missed(&data));
            Ok(())
        }
        Ok(data) => answer(&line(&event.name, &data)),
        Err(_) => answer(&format!("{}  {}\n", event.name, plain(&event.data))),
    }
}

fn missed(data: &Json) -> String {
    let count = data.get("missed").or_else(|| data.get("events")).and_then(Json::as_u64);
    let count = count.map_or("some".to_owned(), |count| count.to_string());
    format!("{count} events are missing here: they came faster than they were read\n")
}

/// Fields that have a place of their own, or are of no use to people.
const PLACED: [&str; 7] = ["at", "contact", "what", "kind", "name", "state", "detail"];
/// The others, in the order in which they are told.
const ORDER: [&str; 13] = [
    "reason",
    "journey",
    "version",
    "step",
    "variant",
    "enrollment",
    "message",
    "id",
    "until",
    "to",
    "parts",
    "text",
    "external_id",
];

/// One event, for people.
fn line(name: &str, data: &Json) -> String {
    let field = |key: &str| data.get(key).map(text).unwrap_or_default();
    let what = match name {
        "input" => [field("kind"), field("name")].join(" "),
        "message" => field("state"),
        _ => field("what"),
    };
    // A message says nothing of its instant; the decision beside it does.
    let at = if field("at").is_empty() { "-".to_owned() } else { field("at") };
    let contact = if field("contact").is_empty() { "-".to_owned() } else { field("contact") };
    let mut line = format!("{at:<24}  {name:<8}  {contact:>10}  {}", what.trim());
    let others = data.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
    let others = others.filter(|key| !PLACED.contains(key) && !ORDER.contains(key));
    for key in ORDER.into_iter().chain(others) {
        let value = field(key);
        if !value.is_empty() {
            line.push_str(&format!("  {key} {value}"));
        }
    }
    let detail = field("detail");
    if !detail.is_empty() {
        line.push_str(&format!("  ({detail})"));
    }
    line + "\n"
}

/// A value in a line.
fn text(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => plain(text),
        value => plain(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_kind_of_event_is_a_line() {
        let at = "2026-03-02T10:00:00Z";
        for (name, data, says) in [
            (
                "input",
                json!({"at": at, "contact": 7, "kind": "event", "name": "order_placed"}),
                "2026-03-02T10:00:00Z      input              7  event order_placed\n",
            ),
            (
                "decision",
                json!({"at": at, "contact": 7, "what": "sent", "reason": "due", "journey": "winback", "step": "hello",
                    "message": null, "detail": "a\nb"}),
                "2026-03-02T10:00:00Z      decision           7  sent  reason due  journey winback  step hello  (a b)\n",
            ),
            (
                "message",
                json!({"id": "9f", "state": "delivered", "text": "Hi \u{1b}[2J", "new": {"a": 1}}),
                "-                         message            -  delivered  id 9f  text Hi  [2J  new {\"a\":1}\n",
            ),
        ] {
            assert_eq!(line(name, &data), says);
        }
        assert!(missed(&json!({"missed": 12})).starts_with("12 events"));
    }
}
