//! Telnyx: Messaging API v2.
//!
//! <https://developers.telnyx.com/docs/messaging/messages/send-message>,
//! <https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks>.
//! Our id goes along as a tag and comes back in receipts. There is no validity. The check by `/v2/balance`: [mem].
//! Must never take a recording: the signed instant may be five minutes off.

use super::outcome::{Codes, Said};
use super::settings::{Field, Input, Kind, Secret, SettingsError};
use super::{Answer, Callback, CallbackError, Outgoing, Request, read, told, verify};
use serde::Deserialize;
use serde_json::{Value, json};
use wayline_core::carrier::CarrierError;
use wayline_core::event::ReceiptStatus;
use wayline_core::policy::settings::SenderKind;
use wayline_core::time::Timestamp;
use wayline_pipeline::gateway::{GatewayEvent, Inbound, Receipt};

/// What API and documents say of it.
pub(super) const KIND: Kind = Kind {
    name: "telnyx",
    title: "Telnyx",
    settings: &[
        Field::required(
            "public_key",
            "The account's public key, in base64; callbacks are signed with its other half",
        ),
        Field::optional("messaging_profile_id", "The messaging profile; names as sender need it"),
        Field::optional("base_url", "Another address of the API; default https://api.telnyx.com"),
    ],
    secrets: &[Field::required("api_key", "An API key, KEY…")],
    echo: "tags",
    verified_by: "telnyx-signature-ed25519 over telnyx-timestamp and body",
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TelnyxSettings {
    public_key: String,
    messaging_profile_id: Option<String>,
    base_url: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TelnyxSecrets {
    api_key: Secret,
}

/// Telnyx.
#[derive(Clone, Debug)]
pub(crate) struct Telnyx {
    /// Its codes.
    pub(super) codes: Codes,
    base: String,
    settings: TelnyxSettings,
    secrets: TelnyxSecrets,
}

impl Telnyx {
    /// Reads settings and secrets.
    pub(super) fn new(input: Input<'_>) -> Result<Telnyx, SettingsError> {
        let settings: TelnyxSettings = input.settings()?;
        let base = input.base(settings.base_url.as_deref(), "https://api.telnyx.com")?;
        Ok(Telnyx { codes: input.codes(), base, settings, secrets: input.secrets()? })
    }

    fn authorization(&self) -> (String, String) {
        read::named("authorization", format!("Bearer {}", self.secrets.api_key.text()))
    }

    /// The request that hands a message over.
    pub(super) fn request(&self, out: &Outgoing<'_>) -> Result<Request, CarrierError> {
        let mut body = json!({
            "from": out.from,
            "to": out.message.to,
            "text": out.message.text,
            "tags": [out.message.id.to_string()],
        });
        let profile = &self.settings.messaging_profile_id;
        if out.sender_kind == SenderKind::Alphanumeric && profile.is_none() {
            return Err(self
                .codes
                .unfit("a name as sender needs messaging_profile_id; set it at the gateway"));
        }
        if let Some(profile) = profile {
            body["messaging_profile_id"] = json!(profile);
        }
        if let Some(url) = out.callback_url {
            body["webhook_url"] = json!(url);
        }
        Ok(Request::json(format!("{}/v2/messages", self.base), self.authorization(), &body))
    }

    /// What the body of an answer says.
    pub(super) fn said(&self, answer: &Answer<'_>) -> Said {
        let body = read::json(answer.body);
        // Of a refusal: {"errors": [{"code", "title", "detail"}]}; of a message: data.errors.
        for list in ["/errors", "/data/errors"] {
            if let Some(error) = read::list(&body, list).first() {
                return wrong(error);
            }
        }
        if matches!(
            read::at(&body, "/data/to/0/status").as_str(),
            "sending_failed" | "delivery_failed"
        ) {
            return Said::wrong("", "sending failed");
        }
        Said::taken(read::some(&read::at(&body, "/data/id")))
    }

    /// What a callback tells.
    pub(super) fn callback(
        &self,
        gateway: &str,
        callback: &Callback<'_>,
        now: Timestamp,
    ) -> Result<Vec<GatewayEvent>, CallbackError> {
        if !self.is_signed(callback, now) {
            return Err(CallbackError::Forbidden);
        }
        let body = read::callback_json(callback)?;
        let payload = body.pointer("/data/payload").unwrap_or(&Value::Null);
        let at = read::instant(&read::at(&body, "/data/occurred_at"), now);
        let id = read::at(payload, "/id");
        if id.is_empty() {
            return Err(read::malformed("data.payload.id is missing"));
        }
        match read::at(&body, "/data/event_type").as_str() {
            "message.received" => Ok(vec![inbound(gateway, id, payload, at)?]),
            "message.sent" | "message.finalized" => {
                self.receipts(gateway, &id, payload, callback, at)
            }
            // Other kinds of events tell nothing about a message.
            _ => Ok(Vec::new()),
        }
    }

    fn receipts(
        &self,
        gateway: &str,
        id: &str,
        payload: &Value,
        callback: &Callback<'_>,
        at: Timestamp,
    ) -> Result<Vec<GatewayEvent>, CallbackError> {
        let to = payload.pointer("/to/0").unwrap_or(&Value::Null);
        let status = match read::at(to, "/status").as_str() {
            // `delivery_unconfirmed`: the carrier never said. It is not known to have failed.
            "queued" | "sending" | "sent" | "delivery_unconfirmed" => ReceiptStatus::Accepted,
            "delivered" | "webhook_delivered" => ReceiptStatus::Delivered,
            "delivery_failed" => ReceiptStatus::Undelivered,
            "sending_failed" => ReceiptStatus::Failed,
            "expired" => ReceiptStatus::Expired,
            other => return Err(read::malformed(format!("status {other:?} is unknown"))),
        };
        let error = read::list(payload, "/errors").first().map(wrong);
        let error = match error {
            Some(Said::Wrong { code, text }) => self.codes.receipt(&code, &text),
            _ => None,
        };
        let mut tags = read::list(payload, "/tags").iter().map(read::plain);
        let tag = tags.find(|tag| tag.starts_with("m-")).unwrap_or_default();
        Ok(vec![GatewayEvent::Receipt(Receipt {
            to: read::some(&read::at(to, "/phone_number")),
            message: read::our_id(&tag, callback),
            error,
            ..told::receipt(gateway, id, status, at)
        })])
    }

    /// Ed25519 over `timestamp|body`.
    fn is_signed(&self, callback: &Callback<'_>, now: Timestamp) -> bool {
        let header = |name| read::header(callback.headers, name).unwrap_or_default();
        let timestamp = header("telnyx-timestamp");
        let mut message = format!("{timestamp}|").into_bytes();
        message.extend_from_slice(callback.body);
        let signature = header("telnyx-signature-ed25519");
        verify::is_recent(timestamp, now)
            && verify::is_ed25519(&self.settings.public_key, &message, signature)
    }

    /// Reads the balance.
    pub(super) fn check(&self, _now: Timestamp) -> Option<Request> {
        Some(Request::get(format!("{}/v2/balance", self.base), vec![self.authorization()]))
    }
}

fn wrong(error: &Value) -> Said {
    let (title, detail) = (read::at(error, "/title"), read::at(error, "/detail"));
    let text = if detail.is_empty() { title } else { format!("{title}: {detail}") };
    Said::wrong(read::at(error, "/code"), text)
}

fn inbound(
    gateway: &str,
    id: String,
    payload: &Value,
    at: Timestamp,
) -> Result<GatewayEvent, CallbackError> {
    let from = read::at(payload, "/from/phone_number");
    let number = read::at(payload, "/to/0/phone_number");
    if from.is_empty() || number.is_empty() {
        return Err(read::malformed("from or to is missing"));
    }
    Ok(GatewayEvent::Inbound(Inbound {
        id: Some(id),
        text: read::at(payload, "/text"),
        media: told::media(read::list(payload, "/media")),
        ..told::inbound(gateway, &from, number, at)
    }))
}
