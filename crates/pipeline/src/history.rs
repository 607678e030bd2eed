//! How an input stands in the history of its contact.
//!
//! Must never leave out what a person or the business said.

use wayline_core::event::InputKind;

/// Name and body of an input in the history.
pub(crate) fn history_entry(kind: &InputKind) -> (String, String) {
    match kind {
        InputKind::Identify { traits } => {
            (String::new(), serde_json::to_string(traits).unwrap_or_default())
        }
        InputKind::Track { event, properties } => {
            (event.clone(), serde_json::to_string(properties).unwrap_or_default())
        }
        InputKind::Consent { channel, topic, state, source } => {
            let body = serde_json::json!({
                "channel": channel, "topic": topic, "state": state, "source": source,
            });
            (String::new(), body.to_string())
        }
        InputKind::Inbound { text, media, muted, .. } => {
            let mut body = serde_json::json!({ "text": text });
            if !media.is_empty() {
                body["media"] = serde_json::json!(media);
            }
            if *muted {
                body["muted"] = true.into();
            }
            (String::new(), body.to_string())
        }
        InputKind::Clicked { message } => {
            (String::new(), serde_json::json!({ "message": message.id.to_string() }).to_string())
        }
        InputKind::Receipt { message, status, .. } => {
            let body = serde_json::json!({ "message": message.id.to_string(), "status": status });
            (String::new(), body.to_string())
        }
        InputKind::Enroll { journey, key, properties } => {
            let body = serde_json::json!({ "key": key, "properties": properties });
            (journey.clone(), body.to_string())
        }
        _ => (String::new(), String::new()),
    }
}
