//! From what a business sends to a checked input: the shape of Segment's SDKs, plus consent.
//!
//! Must never let anything through that a later stage would have to check again, and never cut silently.

use serde::Deserialize;
use serde_json::{Map, Value};
use wayline_core::consent::{Channel, ConsentState};
use wayline_core::event::{Input, InputKind, ReplyFrom};
use wayline_core::ids::{WorkspaceId, stable_hash_wide};
use wayline_core::limits;
use wayline_core::phone::reachable;
use wayline_core::time::{TimeError, Timestamp};
use wayline_core::zone::zone;
use wayline_store::batch::{Identity, IdentityKind};

/// A checked input on its way to its contact.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// Whose.
    pub workspace: WorkspaceId,
    /// How to recognise the person; the first that is known decides, unknown ones are learned.
    pub identities: Vec<Identity>,
    /// Hash of the message id, for telling repetitions; `None`: it has none.
    pub input_id: Option<u128>,
    /// What happened, and when.
    pub input: Input,
}

impl Arrival {
    /// The business's own id of the person, when it is given.
    pub(crate) fn external_id(&self) -> Option<&str> {
        self.identities
            .iter()
            .find(|identity| identity.kind == IdentityKind::External)
            .map(|identity| identity.value.as_str())
    }
}

/// Why something that was sent is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Larger than an input may be.
    #[error(
        "{bytes} bytes, an input has at most {}; send less with each event",
        limits::INPUT_BYTES_MAX
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// No JSON, or of a wrong shape.
    #[error("column {column}: {what}")]
    Malformed {
        /// From 1.
        column: usize,
        /// What the reader says.
        what: String,
    },
    /// Objects in objects in objects.
    #[error("nested deeper than {} levels; flatten it", limits::INPUT_NESTING_MAX)]
    TooDeep,
    /// A field that must be there is not.
    #[error("{field} is missing; {hint}")]
    Missing {
        /// Name.
        field: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A field is too long.
    #[error("{field} has more than {max} characters; shorten it")]
    TooLong {
        /// Name.
        field: &'static str,
        /// Limit.
        max: usize,
    },
    /// A field has a value it cannot have.
    #[error("{field} is {found:?}; it is one of {allowed}")]
    NotOneOf {
        /// Name.
        field: &'static str,
        /// What was sent, shortened.
        found: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// No instant.
    #[error("timestamp: {0}")]
    Time(#[from] TimeError),
}

/// One message as it is sent. Fields of Segment's that decide nothing here are left out and ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    #[serde(default)]
    r#type: Option<String>,
    #[serde(default)]
    user_id: Option<Id>,
    #[serde(default)]
    anonymous_id: Option<Id>,
    #[serde(default)]
    previous_id: Option<Id>,
    #[serde(default)]
    group_id: Option<Id>,
    #[serde(default)]
    message_id: Option<String>,
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    event: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    traits: Option<Map<String, Value>>,
    #[serde(default)]
    properties: Option<Map<String, Value>>,
    #[serde(default)]
    channel: Option<Value>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    topic: Option<String>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    text: Option<String>,
}

/// An id: a text, or a number that is taken as one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Number(serde_json::Number),
}

/// Reads one message. Without a timestamp it happened at `received_at`; `None`: a timestamp is required.
///
/// # Errors
/// When it is too large, no JSON, of another shape, or breaks a limit.
pub fn read(
    workspace: WorkspaceId,
    bytes: &[u8],
    received_at: Option<Timestamp>,
) -> Result<Arrival, Refusal> {
    read_kind(workspace, None, bytes, received_at)
}

/// As [`read`], for a message whose kind stands elsewhere; a `type` of its own is not looked at.
///
/// # Errors
/// As [`read`].
pub fn read_as(
    workspace: WorkspaceId,
    kind: &str,
    bytes: &[u8],
    received_at: Option<Timestamp>,
) -> Result<Arrival, Refusal> {
    read_kind(workspace, Some(kind), bytes, received_at)
}

fn read_kind(
    workspace: WorkspaceId,
    said: Option<&str>,
    bytes: &[u8],
    received_at: Option<Timestamp>,
) -> Result<Arrival, Refusal> {
    if bytes.len() > limits::INPUT_BYTES_MAX {
        return Err(Refusal::TooLarge { bytes: bytes.len() });
    }
    check_nesting(bytes)?;
    if let Some(place) = bytes.iter().position(|byte| !byte.is_ascii_whitespace())
        && bytes[place] != b'{'
    {
        // A list of nothing would do for a message without fields.
        let what = "expected an object, like {\"type\": \"track\", …}".to_owned();
        return Err(Refusal::Malformed { column: place + 1, what });
    }
    let sent: Sent = serde_json::from_slice(bytes)
        .map_err(|error| Refusal::Malformed { column: error.column(), what: describe(&error) })?;
    let name = match (said, &sent.r#type) {
        (Some(said), _) => said.to_owned(),
        (None, Some(name)) => name.clone(),
        (None, None) => {
            let hint = "say what it is, like \"track\"";
            return Err(Refusal::Missing { field: "type", hint });
        }
    };
    let at = match (&sent.timestamp, received_at) {
        (Some(text), _) => Timestamp::parse(text)?,
        (None, Some(received_at)) => received_at,
        (None, None) => {
            let hint = "write when it happened, like 2026-11-23T09:30:00Z";
            return Err(Refusal::Missing { field: "timestamp", hint });
        }
    };
    let mut identities = identities(workspace, &sent)?;
    let input_id = match &sent.message_id {
        Some(id) if !id.is_empty() => {
            check_length("messageId", id, limits::EXTERNAL_ID_CHARS_MAX)?;
            Some(stable_hash_wide(&[b"input", id.as_bytes()]))
        }
        _ => None,
    };
    let kind = kind(workspace, &name, sent, &mut identities)?;
    Ok(Arrival { workspace, identities, input_id, input: Input { at, kind } })
}

/// What was taken though not all of it can be used: a phone number that is none, a zone that does not exist. Said
/// so that whoever sends it can mend it. `country`: the workspace's.
#[must_use]
pub fn warnings(arrival: &Arrival, country: &str) -> Vec<String> {
    let InputKind::Identify { traits } = &arrival.input.kind else { return Vec::new() };
    let text = |name: &str| traits.get(name).and_then(Value::as_str);
    let mut warnings = Vec::new();
    match traits.get("phone") {
        None | Some(Value::Null) => {}
        Some(Value::String(number)) => {
            if let Err(error) = reachable(number, Some(country)) {
                warnings.push(format!("phone: {error}; the person cannot be texted"));
            }
        }
        Some(_) => {
            warnings.push("phone: write it as a text; the person cannot be texted".to_owned())
        }
    }
    for name in ["timezone", "time_zone"] {
        if let Some(Err(error)) = text(name).map(zone) {
            warnings.push(format!("{name}: {error}; it is not used"));
        }
    }
    warnings
}

fn kind(
    workspace: WorkspaceId,
    name: &str,
    sent: Sent,
    identities: &mut Vec<Identity>,
) -> Result<InputKind, Refusal> {
    Ok(match name {
        "identify" => InputKind::Identify { traits: sent.traits.unwrap_or_default() },
        "track" => {
            let hint = "name what happened, like \"purchase\"";
            let event = sent.event.filter(|event| !event.is_empty());
            let event = event.ok_or(Refusal::Missing { field: "event", hint })?;
            check_length("event", &event, limits::EVENT_NAME_CHARS_MAX)?;
            InputKind::Track { event, properties: properties(sent.properties) }
        }
        kind @ ("page" | "screen") => {
            let mut fields = sent.properties.unwrap_or_default();
            if let Some(name) = sent.name {
                fields.entry("name").or_insert(Value::String(name));
            }
            InputKind::Track { event: kind.to_owned(), properties: Value::Object(fields) }
        }
        "group" => {
            let hint = "name the group";
            let group = sent.group_id.ok_or(Refusal::Missing { field: "groupId", hint })?;
            let mut traits =
                Map::from_iter([("group_id".to_owned(), Value::String(text_of(group)))]);
            if let Some(about) = sent.traits {
                traits.insert("group".to_owned(), Value::Object(about));
            }
            InputKind::Identify { traits }
        }
        "alias" => {
            let hint = "name the id the person had before";
            let previous =
                sent.previous_id.ok_or(Refusal::Missing { field: "previousId", hint })?;
            let value = checked_id("previousId", previous)?;
            identities.push(Identity { workspace, kind: IdentityKind::Anonymous, value });
            InputKind::Identify { traits: Map::new() }
        }
        "consent" => consent(&sent)?,
        "inbound" => {
            let hint = "write what the person texted";
            let text = sent.text.ok_or(Refusal::Missing { field: "text", hint })?;
            check_length("text", &text, limits::INBOUND_CHARS_MAX)?;
            InputKind::Inbound {
                text,
                media: Vec::new(),
                muted: false,
                reply_from: ReplyFrom::Last,
            }
        }
        other => {
            return Err(Refusal::NotOneOf {
                field: "type",
                found: shortened(other),
                allowed: "identify, track, page, screen, group, alias, consent, inbound",
            });
        }
    })
}

fn consent(sent: &Sent) -> Result<InputKind, Refusal> {
    let name = match &sent.channel {
        None => "sms",
        Some(Value::String(name)) => name,
        Some(_) => "",
    };
    let channel = match name {
        "sms" => Channel::Sms,
        "mms" => Channel::Mms,
        "email" => Channel::Email,
        "whatsapp" => Channel::Whatsapp,
        "rcs" => Channel::Rcs,
        "push" => Channel::Push,
        other => {
            let allowed = "sms, mms, email, whatsapp, rcs, push";
            return Err(Refusal::NotOneOf { field: "channel", found: shortened(other), allowed });
        }
    };
    let state = match sent.state.as_deref() {
        Some("opted_in") => ConsentState::OptedIn,
        Some("opted_out") => ConsentState::OptedOut,
        Some("pending") => ConsentState::Pending,
        other => {
            let found = shortened(other.unwrap_or_default());
            let allowed = "opted_in, opted_out, pending";
            return Err(Refusal::NotOneOf { field: "state", found, allowed });
        }
    };
    if let Some(topic) = &sent.topic {
        check_length("topic", topic, limits::NAME_CHARS_MAX)?;
    }
    let source = sent.source.clone().unwrap_or_default();
    check_length("source", &source, limits::NAME_CHARS_MAX)?;
    Ok(InputKind::Consent { channel, topic: sent.topic.clone(), state, source })
}

fn identities(workspace: WorkspaceId, sent: &Sent) -> Result<Vec<Identity>, Refusal> {
    let ids = [
        ("userId", IdentityKind::External, &sent.user_id),
        ("anonymousId", IdentityKind::Anonymous, &sent.anonymous_id),
    ];
    let mut identities = Vec::with_capacity(2);
    for (field, kind, id) in ids {
        let text = match id {
            None => continue,
            Some(Id::Text(text)) if text.is_empty() => continue,
            Some(Id::Text(text)) => text.clone(),
            Some(Id::Number(number)) => number.to_string(),
        };
        check_length(field, &text, limits::EXTERNAL_ID_CHARS_MAX)?;
        identities.push(Identity { workspace, kind, value: text });
    }
    if identities.is_empty() {
        let hint = "say who it is about; anonymousId serves for people not known yet";
        return Err(Refusal::Missing { field: "userId", hint });
    }
    Ok(identities)
}

fn text_of(id: Id) -> String {
    match id {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    }
}

fn checked_id(field: &'static str, id: Id) -> Result<String, Refusal> {
    let text = text_of(id);
    check_length(field, &text, limits::EXTERNAL_ID_CHARS_MAX)?;
    Ok(text)
}

fn properties(sent: Option<Map<String, Value>>) -> Value {
    sent.map_or(Value::Null, Value::Object)
}

fn check_length(field: &'static str, text: &str, max: usize) -> Result<(), Refusal> {
    // Bytes first: most texts are short, and counting characters walks the text.
    if text.len() > max && text.chars().count() > max {
        return Err(Refusal::TooLong { field, max });
    }
    Ok(())
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Characters of what the JSON reader says that are shown, from its beginning and from its end.
const DESCRIBED_CHARS: (usize, usize) = (100, 99);

/// What the JSON reader says, without its own place (the caller says where). It may repeat a whole value, and says
/// after it what was expected: the middle of a long text is left out.
#[must_use]
pub fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.rfind(" at line ").map_or(text.as_str(), |place| &text[..place]);
    let (first, last) = DESCRIBED_CHARS;
    let count = what.chars().count();
    if count <= first + 1 + last {
        return what.to_owned();
    }
    let mut shown: String = what.chars().take(first).collect();
    shown.push('…');
    shown.extend(what.chars().skip(count - last));
    shown
}

/// Depth of brackets outside strings; bounded before any parser recurses.
fn check_nesting(bytes: &[u8]) -> Result<(), Refusal> {
    let opening = bytes.iter().filter(|byte| matches!(byte, b'{' | b'[')).count();
    if opening <= limits::INPUT_NESTING_MAX {
        return Ok(());
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                if depth > limits::INPUT_NESTING_MAX {
                    return Err(Refusal::TooDeep);
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> String {
        match read(WorkspaceId(1), line.as_bytes(), None) {
            Ok(arrival) => panic!("{line} was taken: {arrival:?}"),
            Err(refusal) => refusal.to_string(),
        }
    }

    #[test]
    fn each_bad_line_says_what_is_wrong() {
        let cases = [
            ("", "column 0: EOF while parsing a value"),
            ("{", "column 1: EOF while parsing an object"),
            ("[]", "column 1: expected an object"),
            ("  7", "column 3: expected an object"),
            ("{}", "type is missing"),
            (r#"{"userId":"1","timestamp":"2026-01-01T00:00:00Z"}"#, "type is missing"),
            (r#"{"type":"track"}"#, "timestamp is missing"),
            (r#"{"type":"track","timestamp":"soon"}"#, "timestamp: \"soon\" is not an instant"),
            (r#"{"type":"track","timestamp":"0001-01-01T00:00:00Z"}"#, "is outside"),
            (r#"{"type":"track","timestamp":"9999-12-30T00:00:00Z"}"#, "is outside"),
            (r#"{"type":"track","timestamp":"2026-01-01T00:00:00Z"}"#, "userId is missing"),
            (
                r#"{"type":"track","userId":"1","timestamp":"2026-01-01T00:00:00Z"}"#,
                "event is missing",
            ),
            (
                r#"{"type":"trakc","userId":"1","timestamp":"2026-01-01T00:00:00Z"}"#,
                "type is \"trakc\"; it is one of identify, track",
            ),
            (
                r#"{"type":"consent","userId":"1","state":"maybe","timestamp":"2026-01-01T00:00:00Z"}"#,
                "state is \"maybe\"; it is one of opted_in",
            ),
        ];
        for (line, says) in cases {
            let refusal = refused(line);
            assert!(refusal.contains(says), "{line}\n{refusal}");
        }
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        assert!(refused(&deep).contains("nested deeper"));
        let long = format!(r#"{{"properties":"{}"}}"#, "é".repeat(1_000));
        let told = refused(&long);
        assert!(told.contains(r#"string "é"#) && told.ends_with("expected a map"), "{told}");
        assert!(told.chars().count() < 300, "{told}");
        let long = format!(r#"{{"type":"{}"}}"#, "x".repeat(limits::INPUT_BYTES_MAX));
        assert!(refused(&long).contains("an input has at most"));
    }

    #[test]
    fn a_numeric_user_id_is_a_text() {
        let line = br#"{"type":"identify","userId":42,"timestamp":"2026-01-01T00:00:00Z"}"#;
        let arrival = read(WorkspaceId(1), line, None).expect("it is fine");
        assert_eq!(arrival.identities[0].value, "42");
    }
}
