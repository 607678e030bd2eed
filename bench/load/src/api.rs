//! The few calls of the server's API that a measurement needs: definitions, keys, messages.

use crate::connection::{Connection, request};
use crate::failure::{Failure, Outcome};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use wayline_core::time::Timestamp;

/// Messages of one page.
const PAGE: usize = 1_000;

/// A server and the key that may do what is asked of it.
pub(crate) struct Api {
    pub(crate) address: String,
    key: String,
}

/// What an events call answers.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Taken {
    #[serde(default)]
    pub(crate) accepted: u64,
    #[serde(default)]
    pub(crate) duplicates: u64,
    #[serde(default)]
    pub(crate) refused: Vec<Value>,
}

/// A message, as far as it is looked at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Handed {
    pub(crate) user: String,
    /// When its step was reached; of a text at once, when the server received the event.
    pub(crate) reached: Option<Timestamp>,
    /// `None`: not yet.
    pub(crate) at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Item>,
    next: Option<Value>,
}

#[derive(Deserialize)]
struct Item {
    contact: Person,
    intended_at: Option<Instant>,
    handed_out_at: Option<Instant>,
}

#[derive(Deserialize)]
struct Person {
    external_id: Option<String>,
}

/// RFC 3339, or milliseconds.
#[derive(Deserialize)]
#[serde(untagged)]
enum Instant {
    Text(String),
    Number(i64),
}

impl Api {
    /// `server`: its URL, `http://127.0.0.1:8080`, or the address alone.
    pub(crate) fn new(server: &str, key: &str) -> Api {
        let address = server.strip_prefix("http://").unwrap_or(server).trim_end_matches('/');
        Api { address: address.to_owned(), key: key.to_owned() }
    }

    fn call<T: DeserializeOwned>(&self, method: &str, path: &str, body: &Value) -> Outcome<T> {
        let what = format!("{method} {path}");
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let mut connection = Connection::new(&self.address);
        let (status, body) = connection.send(&request(method, path, &self.key, &body))?;
        if !(200..300).contains(&status) {
            let body = String::from_utf8_lossy(body).chars().take(500).collect();
            return Err(Failure::Refused { what, status, body });
        }
        let body = if body.is_empty() { b"null" } else { body };
        serde_json::from_slice(body).map_err(|source| Failure::Shape { what, source })
    }

    /// Whether it is up.
    pub(crate) fn is_ready(&self) -> bool {
        let mut connection = Connection::new(&self.address);
        connection
            .send(&request("GET", "/health/ready", "", b""))
            .is_ok_and(|(status, _)| status == 200)
    }

    /// Publishes a workspace.
    pub(crate) fn apply(&self, workspace: &str, files: &Value) -> Outcome<()> {
        let path = format!("/api/v1/workspaces/{workspace}");
        self.call::<Value>("PUT", &path, &json!({ "files": files })).map(|_| ())
    }

    /// A new key of a workspace.
    pub(crate) fn key(&self, workspace: &str, scope: &str) -> Outcome<String> {
        #[derive(Deserialize)]
        struct Made {
            key: String,
        }
        let path = format!("/api/v1/workspaces/{workspace}/keys");
        let asked = json!({ "name": format!("load {scope}"), "scopes": [scope] });
        self.call::<Made>("POST", &path, &asked).map(|made| made.key)
    }

    /// The newest messages of a journey, so many, page by page.
    pub(crate) fn messages(
        &self,
        workspace: &str,
        journey: &str,
        count: usize,
    ) -> Outcome<Vec<Handed>> {
        let base =
            format!("/api/v1/workspaces/{workspace}/journeys/{journey}/messages?limit={PAGE}");
        let mut all = Vec::new();
        let mut path = base.clone();
        loop {
            let page: Page = self.call("GET", &path, &Value::Null)?;
            let is_empty = page.items.is_empty();
            for item in page.items {
                all.push(handed(item)?);
            }
            path = match page.next {
                Some(next) if !is_empty && all.len() < count => {
                    let next = next.as_str().map_or_else(|| next.to_string(), str::to_owned);
                    format!("{base}&after={}", escaped(&next))
                }
                _ => {
                    all.truncate(count);
                    return Ok(all);
                }
            };
        }
    }
}

fn handed(item: Item) -> Outcome<Handed> {
    let user = item.contact.external_id.unwrap_or_default();
    Ok(Handed { user, reached: read(item.intended_at)?, at: read(item.handed_out_at)? })
}

fn read(instant: Option<Instant>) -> Outcome<Option<Timestamp>> {
    Ok(match instant {
        None => None,
        Some(Instant::Number(at)) => Some(Timestamp(at)),
        Some(Instant::Text(text)) => Some(
            Timestamp::parse(&text)
                .map_err(|error| Failure::Other(format!("a message: {error}")))?,
        ),
    })
}

/// A cursor as a part of an address.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Reads the answer of an events call.
pub(crate) fn taken(body: &[u8]) -> Outcome<Taken> {
    let what = "events".to_owned();
    serde_json::from_slice(body).map_err(|source| Failure::Shape { what, source })
}
