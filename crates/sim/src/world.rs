//! How the people and the carrier of a replay or simulation behave, from a world file.
//!
//! What happens to which message is a hash of the seed and the message. Must never depend on the order in
//! which messages are looked at.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use wayline_core::ids::stable_hash;
use wayline_core::journey::definition::scalar::parse_span;
use wayline_core::journey::node::{self, Node};
use wayline_core::journey::problem::Spot;
use wayline_core::message::Message;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::sandbox::Behaviour;
use wayline_store::batch::CallRow;

/// A world file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct World {
    /// What people do with messages that reach them.
    pub people: People,
    /// What the carrier does.
    pub carrier: Carrier,
    /// Answers of webhooks; the first whose address begins the called one counts.
    pub calls: Vec<CallAnswer>,
}

/// What people do with messages that reach them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct People {
    /// Share of the delivered messages with a link that are clicked, once.
    pub click: f64,
    /// How long after delivery.
    pub click_after: Between,
    /// At most one of these answers a delivered message.
    pub reply: Vec<Reply>,
}

impl Default for People {
    fn default() -> Self {
        People { click: 0.0, click_after: Between::default(), reply: Vec::new() }
    }
}

/// A reply.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// What the person writes.
    pub text: String,
    /// Share of the delivered messages.
    pub share: f64,
    /// How long after delivery.
    #[serde(default)]
    pub after: Between,
}

/// What the carrier does.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Carrier {
    /// How long the gateway takes to answer.
    #[serde(deserialize_with = "span")]
    pub submit_delay: Span,
    /// Between submit and receipt.
    pub deliver_after: Option<Between>,
    /// Share of the submitted messages that do not arrive.
    pub fail: f64,
    /// Share of the submits that get no answer.
    pub timeout: f64,
}

/// The answer of a webhook.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallAnswer {
    /// Beginning of the address.
    pub url: String,
    /// HTTP status.
    #[serde(default = "ok_status")]
    pub status: u16,
    /// JSON body.
    #[serde(default)]
    pub body: Value,
    /// How long it takes.
    #[serde(default, deserialize_with = "span")]
    pub after: Span,
}

fn ok_status() -> u16 {
    200
}

/// A range of time, each instant as likely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Between {
    /// At least.
    pub from: Span,
    /// At most.
    pub to: Span,
}

impl Default for Between {
    fn default() -> Self {
        Between { from: Span::minutes(1), to: Span::hours(1) }
    }
}

impl<'de> Deserialize<'de> for Between {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let [from, to] = <[String; 2]>::deserialize(input)?;
        let read = |text: &str| read_span(text).map_err(serde::de::Error::custom);
        let (from, to) = (read(&from)?, read(&to)?);
        if from < Span::ZERO || to < from {
            let message = "a range goes from the shorter to the longer time, like [1m, 1h]";
            return Err(serde::de::Error::custom(message));
        }
        Ok(Between { from, to })
    }
}

fn span<'de, D: Deserializer<'de>>(input: D) -> Result<Span, D::Error> {
    let text = String::deserialize(input)?;
    let span = read_span(&text).map_err(serde::de::Error::custom)?;
    if span < Span::ZERO {
        return Err(serde::de::Error::custom("a delay cannot be negative"));
    }
    Ok(span)
}

fn read_span(text: &str) -> Result<Span, String> {
    let shown: String = text.chars().take(40).collect();
    parse_span(text).map_err(|hint| format!("{shown:?} is no length of time{hint}"))
}

/// Why a world file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// No YAML.
    #[error("{file}:{line}:{column}: {message}")]
    Syntax {
        /// File.
        file: String,
        /// From 1.
        line: u32,
        /// From 1.
        column: u32,
        /// What is wrong.
        message: String,
    },
    /// A field that a world does not have, or a value that the field cannot have.
    #[error(
        "{file}:{line}:{column}: {field}: {message}; examples/README.md lists the fields of a world file"
    )]
    Field {
        /// File.
        file: String,
        /// From 1.
        line: u32,
        /// From 1.
        column: u32,
        /// Where in the tree.
        field: String,
        /// What is wrong.
        message: String,
    },
    /// Not the shape of a world.
    #[error("{file}: {message}; examples/README.md lists the fields of a world file")]
    Shape {
        /// File.
        file: String,
        /// What is wrong.
        message: String,
    },
}

impl World {
    /// Reads a world file.
    ///
    /// # Errors
    /// When it is no YAML, has unknown fields, or shares outside 0..=1.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<World, WorldError> {
        let tree = node::read(bytes).map_err(|error| WorldError::Syntax {
            file: file.to_owned(),
            line: error.at.line,
            column: error.at.column,
            message: error.message,
        })?;
        let shape = |message: String| WorldError::Shape { file: file.to_owned(), message };
        let world: World = match (&tree.value, serde_json::from_value(tree.to_json())) {
            (node::Value::Map(_), Ok(world)) => world,
            (node::Value::Null, _) => World::default(),
            (node::Value::Map(_), Err(error)) => return Err(misfit(file, &tree, &error)),
            _ => return Err(shape("it has fields, like `people:`".to_owned())),
        };
        let replies: f64 = world.people.reply.iter().map(|reply| reply.share).sum();
        let shares = [
            ("people.click", world.people.click),
            ("people.reply: all shares together", replies),
            ("carrier.fail", world.carrier.fail),
            ("carrier.timeout", world.carrier.timeout),
        ];
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(shape(format!("{name} is {share}; a share is between 0 and 1")));
            }
        }
        if let Some(reply) = world.people.reply.iter().find(|reply| reply.share < 0.0) {
            let share = reply.share;
            return Err(shape(format!(
                "people.reply.share is {share}; a share is between 0 and 1"
            )));
        }
        Ok(world)
    }

    /// The carrier as the sandbox gateway plays it.
    #[must_use]
    pub fn behaviour(&self) -> Behaviour {
        let carrier = &self.carrier;
        let receipts =
            carrier.deliver_after.map_or((Span::ZERO, Span::ZERO), |it| (it.from, it.to));
        Behaviour {
            timeout: carrier.timeout,
            undelivered: carrier.fail,
            receipt_after: Some(receipts),
            ..Behaviour::default()
        }
    }

    /// What a person does with a message that reached them at `at`: a click, a reply, both or nothing.
    #[must_use]
    pub fn reactions(
        &self,
        seed: u64,
        message: &Message,
        at: Timestamp,
    ) -> Vec<(Timestamp, Reaction)> {
        let draw = |what: &str| draw(seed, what, &message.id.to_string());
        let mut reactions = Vec::new();
        if message.text.contains("http") && draw("click") < self.people.click {
            let when = at + self.people.click_after.pick(draw("click after"));
            reactions.push((when, Reaction::Click));
        }
        let mut place = draw("reply");
        for reply in &self.people.reply {
            if place < reply.share {
                let when = at + reply.after.pick(draw("reply after"));
                reactions.push((when, Reaction::Reply(reply.text.clone())));
                break;
            }
            place -= reply.share;
        }
        reactions
    }

    /// What a webhook answers, and after how long. One that takes longer than its step waits fails.
    pub fn answer(&self, call: &CallRow) -> (Span, Result<Value, String>) {
        let Some(answer) = self.calls.iter().find(|answer| call.url.starts_with(&answer.url))
        else {
            return (Span::ZERO, Err("the world file has no answer for this address".to_owned()));
        };
        let body = if (200..300).contains(&answer.status) {
            Ok(answer.body.clone())
        } else {
            Err(format!("status {}", answer.status))
        };
        (answer.after, body)
    }
}

/// The error of the first part that does not fit by itself.
fn misfit(file: &str, tree: &Node, error: &serde_json::Error) -> WorldError {
    let found = fields(tree).find_map(|(name, node)| match name {
        "people" => fields(node).find_map(|(part, node)| match (&node.value, part) {
            (node::Value::List(replies), "reply") => {
                replies.iter().enumerate().find_map(|(place, reply)| {
                    fits::<Reply>(&format!("people.reply {}", place + 1), reply)
                })
            }
            _ => fits_as::<People>("people", part, node),
        }),
        "carrier" => {
            fields(node).find_map(|(part, node)| fits_as::<Carrier>("carrier", part, node))
        }
        "calls" => match &node.value {
            node::Value::List(calls) => calls.iter().enumerate().find_map(|(place, call)| {
                fits::<CallAnswer>(&format!("calls {}", place + 1), call)
            }),
            _ => fits_as::<World>("", name, node),
        },
        _ => fits_as::<World>("", name, node),
    });
    let (field, at, message) =
        found.unwrap_or_else(|| ("world".to_owned(), tree.at, error.to_string()));
    WorldError::Field { file: file.to_owned(), line: at.line, column: at.column, field, message }
}

fn fields(node: &Node) -> impl Iterator<Item = (&str, &Node)> {
    let entries = match &node.value {
        node::Value::Map(entries) => entries.as_slice(),
        _ => &[],
    };
    entries.iter().map(|(key, node)| (key.text.as_str(), node))
}

/// Whose field, where, and what is wrong with it.
type Misfit = (String, Spot, String);

fn fits<T: DeserializeOwned>(name: &str, node: &Node) -> Option<Misfit> {
    let error = serde_json::from_value::<T>(node.to_json()).err()?;
    Some((name.to_owned(), node.at, error.to_string()))
}

/// Whether a field fits into a struct all of whose fields may be absent.
fn fits_as<T: DeserializeOwned>(of: &str, name: &str, node: &Node) -> Option<Misfit> {
    let error = serde_json::from_value::<T>(serde_json::json!({ name: node.to_json() })).err()?;
    let dot = if of.is_empty() { "" } else { "." };
    Some((format!("{of}{dot}{name}"), node.at, error.to_string()))
}

/// What a person does with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Clicks its link.
    Click,
    /// Writes back.
    Reply(String),
}

impl Between {
    /// The instant at `place` in 0..1.
    #[must_use]
    pub fn pick(self, place: f64) -> Span {
        Span(self.from.0 + ((self.to.0 - self.from.0) as f64 * place) as i64)
    }
}

/// A draw in [0, 1).
fn draw(seed: u64, what: &str, about: &str) -> f64 {
    let hash = stable_hash(&[b"world", what.as_bytes(), &seed.to_le_bytes(), about.as_bytes()]);
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}
