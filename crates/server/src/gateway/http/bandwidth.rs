//! Bandwidth: Messaging API v2.
//!
//! <https://dev.bandwidth.com/docs/messaging/createMessage>, `…/webhooks`, `…/errors`.
//! Our id goes along as `tag` and comes back in receipts. The callback URL is that of the application, which
//! has Basic credentials: their password is the secret.
//! `expiration` and the check by the list of media: [mem].
//! Must never take a callback without the secret.

use super::outcome::{Codes, Said};
use super::settings::{Field, Input, Kind, Secret, SettingsError};
use super::{Answer, Callback, CallbackError, Outgoing, Request, read, told, verify};
use serde::Deserialize;
use serde_json::{Value, json};
use wayline_core::carrier::CarrierError;
use wayline_core::event::ReceiptStatus;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::gateway::{GatewayEvent, Inbound, Receipt};

/// What API and documents say of it.
pub(super) const KIND: Kind = Kind {
    name: "bandwidth",
    title: "Bandwidth",
    settings: &[
        Field::required("account_id", "The account"),
        Field::required(
            "application_id",
            "The messaging application; its callback URL is set there",
        ),
        Field::required("username", "An API user"),
        Field::optional(
            "base_url",
            "Another address of the API; default https://messaging.bandwidth.com/api/v2",
        ),
    ],
    secrets: &[
        Field::required("password", "The API user's password"),
        Field::required(
            "callback_secret",
            "The password of the application's callback credentials, or ?secret=… of its callback URL",
        ),
    ],
    echo: "tag",
    verified_by: "Basic credentials, or a secret in the callback URL",
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BandwidthSettings {
    account_id: String,
    application_id: String,
    username: String,
    base_url: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BandwidthSecrets {
    password: Secret,
    callback_secret: Secret,
}

/// Bandwidth.
#[derive(Clone, Debug)]
pub(crate) struct Bandwidth {
    /// Its codes.
    pub(super) codes: Codes,
    /// Address with the account.
    base: String,
    settings: BandwidthSettings,
    secrets: BandwidthSecrets,
}

impl Bandwidth {
    /// Reads settings and secrets.
    pub(super) fn new(input: Input<'_>) -> Result<Bandwidth, SettingsError> {
        let settings: BandwidthSettings = input.settings()?;
        let account = input.name("account_id", &settings.account_id)?;
        let default = "https://messaging.bandwidth.com/api/v2";
        let base = input.base(settings.base_url.as_deref(), default)?;
        let base = format!("{base}/users/{account}");
        Ok(Bandwidth { codes: input.codes(), base, secrets: input.secrets()?, settings })
    }

    fn authorization(&self) -> (String, String) {
        read::basic(&self.settings.username, self.secrets.password.text())
    }

    /// The request that hands a message over.
    pub(super) fn request(&self, out: &Outgoing<'_>) -> Result<Request, CarrierError> {
        let mut body = json!({
            "applicationId": self.settings.application_id,
            "to": [out.message.to],
            "from": out.from,
            "text": out.message.text,
            "tag": out.message.id.to_string(),
        });
        if let Some(validity) = out.validity {
            let millis = i64::try_from(validity.as_millis()).unwrap_or(i64::MAX);
            body["expiration"] = json!((out.now + Span(millis)).to_string());
        }
        Ok(Request::json(format!("{}/messages", self.base), self.authorization(), &body))
    }

    /// What the body of an answer says.
    pub(super) fn said(&self, answer: &Answer<'_>) -> Said {
        let body = read::json(answer.body);
        let id = read::at(&body, "/id");
        if !id.is_empty() {
            return Said::Taken(id);
        }
        let (code, mut text) = (read::at(&body, "/type"), read::at(&body, "/description"));
        for error in read::list(&body, "/fieldErrors") {
            let field = read::at(error, "/fieldName");
            text.push_str(&format!("; {field}: {}", read::at(error, "/description")));
        }
        if code.is_empty() && text.is_empty() { Said::Nothing } else { Said::wrong(code, text) }
    }

    /// What a callback tells.
    pub(super) fn callback(
        &self,
        gateway: &str,
        callback: &Callback<'_>,
        now: Timestamp,
    ) -> Result<Vec<GatewayEvent>, CallbackError> {
        if !verify::knows_secret(callback, &self.secrets.callback_secret) {
            return Err(CallbackError::Forbidden);
        }
        let body = read::callback_json(callback)?;
        let Some(records) = body.as_array() else {
            return Err(read::malformed("the body is no list"));
        };
        let mut events = Vec::new();
        for record in records {
            let status = match read::at(record, "/type").as_str() {
                "message-received" => {
                    events.push(inbound(gateway, record, now)?);
                    continue;
                }
                "message-sending" | "message-sent" => ReceiptStatus::Accepted,
                "message-delivered" => ReceiptStatus::Delivered,
                "message-failed" => match read::at(record, "/errorCode").as_str() {
                    "4360" => ReceiptStatus::Expired,
                    // Refused by Bandwidth itself; the others by a carrier.
                    code if code.starts_with('4') && code < "4700" => ReceiptStatus::Failed,
                    // 9902: no receipt came in time. It is not known to have failed.
                    "9902" => ReceiptStatus::Accepted,
                    _ => ReceiptStatus::Undelivered,
                },
                // Other kinds of events tell nothing about a message.
                _ => continue,
            };
            events.push(self.receipt(gateway, record, status, callback, now)?);
        }
        Ok(events)
    }

    fn receipt(
        &self,
        gateway: &str,
        record: &Value,
        status: ReceiptStatus,
        callback: &Callback<'_>,
        now: Timestamp,
    ) -> Result<GatewayEvent, CallbackError> {
        let id = read::at(record, "/message/id");
        if id.is_empty() {
            return Err(read::malformed("message.id is missing"));
        }
        let code = read::at(record, "/errorCode");
        let text = if code.is_empty() { String::new() } else { read::at(record, "/description") };
        let at = read::instant(&read::at(record, "/time"), now);
        Ok(GatewayEvent::Receipt(Receipt {
            to: read::some(&read::at(record, "/to")),
            message: read::our_id(&read::at(record, "/message/tag"), callback),
            error: self.codes.receipt(&code, &text),
            ..told::receipt(gateway, id, status, at)
        }))
    }

    /// Reads the list of media.
    pub(super) fn check(&self, _now: Timestamp) -> Option<Request> {
        Some(Request::get(format!("{}/media", self.base), vec![self.authorization()]))
    }
}

fn inbound(gateway: &str, record: &Value, now: Timestamp) -> Result<GatewayEvent, CallbackError> {
    let from = read::at(record, "/message/from");
    // Our number: the one this event is for, or the first of a group.
    let number = match read::at(record, "/to") {
        to if to.is_empty() => read::at(record, "/message/to/0"),
        to => to,
    };
    if from.is_empty() || number.is_empty() {
        return Err(read::malformed("message.from or to is missing"));
    }
    let media = read::list(record, "/message/media").iter().map(read::plain);
    let at = read::instant(&read::at(record, "/time"), now);
    Ok(GatewayEvent::Inbound(Inbound {
        id: read::some(&read::at(record, "/message/id")),
        text: read::at(record, "/message/text"),
        media: told::media_at(media),
        ..told::inbound(gateway, &from, number, at)
    }))
}
