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
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Deserialize;
use serde_json::Value as Json;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  wayline tail shop                                everything
  wayline tail shop --kinds decision --journey winback
  wayline tail shop --contact ann-17 --format json | jq .

A line is: when, what kind, who, what and why, journey and step, and what belongs to it. The time of a
message is when it was handed out, before that when its step was reached. When the connection is lost
it comes back by itself; what happened meanwhile stands in the timelines of the contacts, not here.
Ctrl-C ends it.";

/// The first wait before connecting again, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// A server that says nothing for so long has gone: it shows that it lives more often than that.
const SILENCE: Duration = Duration::from_secs(60);

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
    /// Only what is about this contact: the person's own id, phone number, or the number of the contact (#7)
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
        let query = query(args, &client).await?;
        tokio::select! {
            ended = watch(args, &client, &query) => ended,
            () = run::told_to_stop() => Ok(()),
        }
    })
}

async fn watch(args: &TailArgs, client: &Client, query: &Query) -> Result<(), CliError> {
    let mut wait = BACKOFF.0;
    let mut was_connected = false;
    loop {
        let failed = match connected(args, client, query, &mut wait, &mut was_connected).await {
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
    query: &Query,
    wait: &mut Duration,
    was_connected: &mut bool,
) -> Result<(), CliError> {
    let path = ["api", "v1", "workspaces", args.workspace.as_str(), "feed"];
    let stream = client.events(&path, query).await?;
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
        // The server shows every few seconds that it lives, so that is noticed also when nothing happens.
        if is_reader_gone() {
            return Err(CliError::Output(std::io::ErrorKind::BrokenPipe.into()));
        }
        for event in events.take(&bytes).map_err(|error| client.strange(error.to_string()))? {
            show(args, &event)?;
        }
    }
}

/// Whether whoever read standard output has closed it. What cannot be found out is no.
fn is_reader_gone() -> bool {
    let stdout = std::io::stdout();
    let mut asked = [PollFd::new(&stdout, PollFlags::empty())];
    let found = poll(&mut asked, Some(&Timespec::default()));
    found.is_ok() && asked[0].revents().contains(PollFlags::ERR)
}

/// What the server is asked for.
type Query = Vec<(&'static str, String)>;

async fn query(args: &TailArgs, client: &Client) -> Result<Query, CliError> {
    let mut query = Vec::new();
    query.extend(args.journey.clone().map(|journey| ("journey", journey)));
    if let Some(contact) = &args.contact {
        query.push(("contact", number_of(args, client, contact).await?));
    }
    if !args.kinds.is_empty() {
        let names: Vec<_> = args.kinds.iter().map(|kind| kind.name()).collect();
        query.push(("kinds", names.join(",")));
    }
    Ok(query)
}

/// A contact as a search finds it.
#[derive(Deserialize)]
struct Found {
    id: u64,
    external_id: Option<String>,
    phone: Option<String>,
}

/// The number of the contact whom a person names in one of three ways.
async fn number_of(args: &TailArgs, client: &Client, named: &str) -> Result<String, CliError> {
    let is_number = |text: &str| text.parse::<u64>().is_ok();
    if let Some(number) = named.strip_prefix('#').filter(|text| is_number(text)) {
        return Ok(number.to_owned());
    }
    let path = ["api", "v1", "workspaces", args.workspace.as_str(), "contacts"];
    let found: Vec<Found> = client.page(&path, &[("search", named.to_owned())]).await?;
    let is = |value: &Option<String>| value.as_deref() == Some(named);
    let own = found.iter().find(|it| is(&it.external_id));
    match own.or_else(|| found.iter().find(|it| is(&it.phone))) {
        Some(found) => Ok(found.id.to_string()),
        None if is_number(named) => Ok(named.to_owned()),
        None => Err(CliError::NoContact {
            contact: named.to_owned(),
            workspace: args.workspace.clone(),
        }),
    }
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
    let count = data["count"].as_u64().map_or("some".to_owned(), |count| count.to_string());
    format!("{count} events are missing here: they came faster than they were read\n")
}

/// One event, for people. What belongs to it stands in the field that is named like its kind.
fn line(name: &str, data: &Json) -> String {
    let it = &data[name];
    // What is of no journey has gone out by itself.
    let is_reply = name == "message" && it["journey"] == "";
    let journey = if is_reply { "auto-reply".to_owned() } else { text(&it["journey"]) };
    let place = [journey, text(&it["step"])].join("/");
    let place = place.trim_matches('/');
    let (at, what, also): (_, _, &[&str]) = match name {
        "input" => (text(&it["at"]), [text(&it["kind"]), text(&it["name"])].join(" "), &[]),
        "message" => {
            let at = if it["handed_out_at"].is_null() {
                &it["intended_at"]
            } else {
                &it["handed_out_at"]
            };
            (text(at), text(&it["state"]), &["variant", "id", "to", "parts", "text"])
        }
        _ => (text(&it["at"]), text(&it["what"]), &["variant", "message", "until", "detail"]),
    };
    let mut line = format!("{at:<24}  {name:<8}  {:<12}  {}", who(data), what.trim());
    let reason = text(&it["reason"]);
    if !reason.is_empty() {
        line.push_str(&format!(" ({reason})"));
    }
    if !place.is_empty() {
        line.push_str(&format!("  {place}"));
    }
    for key in also {
        let value = text(&it[*key]);
        if !matches!(value.as_str(), "" | "0") {
            line.push_str(&format!("  {key} {value}"));
        }
    }
    line + "\n"
}

/// The person's own id, else the number of the contact.
fn who(data: &Json) -> String {
    match (text(&data["external_id"]), text(&data["contact"])) {
        (external, contact) if external.is_empty() => format!("#{contact}"),
        (external, _) => external,
    }
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
                json!({"contact": 7, "external_id": "ann", "input": {"at": at, "kind": "track", "name": "purchase", "body": {}}}),
                "2026-03-02T10:00:00Z      input     ann           track purchase\n",
            ),
            (
                "decision",
                json!({"contact": 7, "external_id": null, "decision": {"at": at, "what": "sent", "reason": "due",
                    "journey": "winback", "version": 2, "step": "hello", "message": null, "detail": "a\nb"}}),
                "2026-03-02T10:00:00Z      decision  #7            sent (due)  winback/hello  detail a b\n",
            ),
            (
                "message",
                json!({"contact": 7, "external_id": "ann", "message": {"id": "m-1-0-1", "journey": "winback", "step": "hello",
                    "state": "delivered", "intended_at": at, "handed_out_at": null, "parts": 0, "text": "Hi \u{1b}[2J"}}),
                "2026-03-02T10:00:00Z      message   ann           delivered  winback/hello  id m-1-0-1  text Hi  [2J\n",
            ),
            (
                "message",
                json!({"contact": 7, "external_id": "ann", "message": {"id": "m-4-0-1", "journey": "", "step": "stop",
                    "state": "queued", "intended_at": at, "handed_out_at": null, "parts": 0, "text": ""}}),
                "2026-03-02T10:00:00Z      message   ann           queued  auto-reply/stop  id m-4-0-1\n",
            ),
        ] {
            assert_eq!(line(name, &data), says);
        }
        assert!(missed(&json!({"count": 12})).starts_with("12 events"));
    }
}
