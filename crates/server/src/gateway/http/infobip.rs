//! Infobip: SMS API v3.
//!
//! <https://www.infobip.com/docs/api/channels/sms/outbound-sms/send-sms-messages>,
//! <https://www.infobip.com/docs/essentials/response-status-and-error-codes>.
//! The message id may be ours: we give it, so answers and receipts carry it, and the same attempt cannot be taken
//! twice.
//! Infobip signs nothing by itself: a secret in the callback URL, or Basic credentials, tell that it is Infobip.
//! Where `webhooks` and `validityPeriod` stand in a request of v3, and the check: [mem].
//! Must never take a callback without the secret.

use super::outcome::{Codes, Said};
use super::settings::{Field, Input, Kind, Secret, SettingsError};
use super::{Answer, Callback, CallbackError, Outgoing, Request, read, told, verify};
use serde::Deserialize;
use serde_json::{Value, json};
use wayline_core::carrier::CarrierError;
use wayline_core::event::{Media, ReceiptStatus};
use wayline_core::time::Timestamp;
use wayline_pipeline::gateway::{GatewayEvent, Inbound, Receipt};

/// What API and documents say of it.
pub(super) const KIND: Kind = Kind {
    name: "infobip",
    title: "Infobip",
    settings: &[Field::required(
        "base_url",
        "The account's own address, https://….api.infobip.com",
    )],
    secrets: &[
        Field::required("api_key", "An API key"),
        Field::required(
            "callback_secret",
            "Any long text of yours: ?secret=… of the callback URL, or the password of Basic credentials",
        ),
    ],
    echo: "messageId (ours) and callbackData",
    verified_by: "a secret in the callback URL, or Basic credentials",
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InfobipSettings {
    base_url: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InfobipSecrets {
    api_key: Secret,
    callback_secret: Secret,
}

/// Infobip.
#[derive(Clone, Debug)]
pub(crate) struct Infobip {
    /// Its codes.
    pub(super) codes: Codes,
    base: String,
    secrets: InfobipSecrets,
}

/// Longest validity it takes, in minutes: two days.
const VALIDITY_MINUTES_MAX: u64 = 2_880;

impl Infobip {
    /// Reads settings and secrets.
    pub(super) fn new(input: Input<'_>) -> Result<Infobip, SettingsError> {
        let settings: InfobipSettings = input.settings()?;
        let base = input.base(Some(&settings.base_url), "")?;
        Ok(Infobip { codes: input.codes(), base, secrets: input.secrets()? })
    }

    fn authorization(&self) -> (String, String) {
        read::named("authorization", format!("App {}", self.secrets.api_key.text()))
    }

    /// The request that hands a message over.
    pub(super) fn request(&self, out: &Outgoing<'_>) -> Result<Request, CarrierError> {
        let id = out.message.id.to_string();
        // Infobip refuses an id that it has seen, also one that it has refused: each attempt has its own.
        let attempt = match out.message.attempts {
            0 | 1 => id.clone(),
            attempt => format!("{id}.{attempt}"),
        };
        let mut webhooks = json!({ "callbackData": id });
        if let Some(url) = out.callback_url {
            let url = verify::with_secret(url, &self.secrets.callback_secret);
            webhooks["delivery"] = json!({ "url": url, "intermediateReport": true });
            webhooks["contentType"] = json!("application/json");
        }
        let mut message = json!({
            "sender": read::digits(out.from),
            "destinations": [{ "to": read::digits(&out.message.to), "messageId": attempt }],
            "content": { "text": out.message.text },
            "webhooks": webhooks,
        });
        if let Some(validity) = out.validity {
            let minutes = (validity.as_secs() / 60).clamp(1, VALIDITY_MINUTES_MAX);
            let period = json!({ "amount": minutes, "timeUnit": "MINUTES" });
            message["options"] = json!({ "validityPeriod": period });
        }
        Ok(Request {
            method: "POST",
            url: format!("{}/sms/3/messages", self.base),
            headers: vec![
                self.authorization(),
                read::json_type(),
                read::named("accept", "application/json"),
            ],
            body: json!({ "messages": [message] }).to_string().into_bytes(),
        })
    }

    /// What the body of an answer says.
    pub(super) fn said(&self, answer: &Answer<'_>) -> Said {
        let body = read::json(answer.body);
        if let Some(message) = read::list(&body, "/messages").first() {
            let text = read::at(message, "/status/description");
            return match read::at(message, "/status/groupName").as_str() {
                // 200 with a refusal inside.
                "REJECTED" | "UNDELIVERABLE" | "EXPIRED" => {
                    Said::wrong(read::at(message, "/status/name"), text)
                }
                _ => Said::taken(read::some(&read::at(message, "/messageId"))),
            };
        }
        // v2 wrote errors one way, v3 the other.
        let exception = "/requestError/serviceException";
        let old = (
            read::at(&body, &format!("{exception}/messageId")),
            read::at(&body, &format!("{exception}/text")),
        );
        let new = (read::at(&body, "/errorCode"), read::at(&body, "/description"));
        match [old, new].into_iter().find(|(code, _)| !code.is_empty()) {
            Some((code, text)) => Said::wrong(code, text),
            None => Said::Nothing,
        }
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
        let Some(results) = body.pointer("/results").and_then(Value::as_array) else {
            return Err(read::malformed("results is missing"));
        };
        let one = |result: &Value| match result.pointer("/status") {
            Some(_) => self.receipt(gateway, result, callback, now),
            None => inbound(gateway, result, now),
        };
        results.iter().map(one).collect()
    }

    fn receipt(
        &self,
        gateway: &str,
        result: &Value,
        callback: &Callback<'_>,
        now: Timestamp,
    ) -> Result<GatewayEvent, CallbackError> {
        let id = read::at(result, "/messageId");
        if id.is_empty() {
            return Err(read::malformed("messageId is missing"));
        }
        let status = match read::at(result, "/status/groupName").as_str() {
            "PENDING" | "ACCEPTED" => ReceiptStatus::Accepted,
            "DELIVERED" => ReceiptStatus::Delivered,
            "UNDELIVERABLE" => ReceiptStatus::Undelivered,
            "EXPIRED" => ReceiptStatus::Expired,
            "REJECTED" => ReceiptStatus::Failed,
            other => return Err(read::malformed(format!("groupName {other:?} is unknown"))),
        };
        let echoed = match read::at(result, "/callbackData") {
            data if data.is_empty() => id.split('.').next().unwrap_or_default().to_owned(),
            data => data,
        };
        let error = match read::at(result, "/error/name").as_str() {
            // Some rejections name their reason in the status only.
            "" | "NO_ERROR" => match status {
                ReceiptStatus::Accepted | ReceiptStatus::Delivered => None,
                _ => self.codes.receipt(
                    &read::at(result, "/status/name"),
                    &read::at(result, "/status/description"),
                ),
            },
            name => self.codes.receipt(name, &read::at(result, "/error/description")),
        };
        let at = read::instant(&read::at(result, "/doneAt"), now);
        Ok(GatewayEvent::Receipt(Receipt {
            to: read::some(&read::at(result, "/to")),
            message: read::our_id(&echoed, callback),
            error,
            ..told::receipt(gateway, id, status, at)
        }))
    }

    /// Reads the balance.
    pub(super) fn check(&self, _now: Timestamp) -> Option<Request> {
        Some(Request::get(
            format!("{}/account/1/balance", self.base),
            vec![self.authorization(), read::named("accept", "application/json")],
        ))
    }
}

fn inbound(gateway: &str, result: &Value, now: Timestamp) -> Result<GatewayEvent, CallbackError> {
    // A text has from, to, text; a picture sender, destination, message: a list of parts. [mem]
    let either = |one: &str, other: &str| match read::at(result, one) {
        text if text.is_empty() => read::at(result, other),
        text => text,
    };
    let (from, number) = (either("/from", "/sender"), either("/to", "/destination"));
    if from.is_empty() || number.is_empty() {
        return Err(read::malformed("from or to is missing"));
    }
    let parts = read::list(result, "/message");
    let words = parts.iter().map(|part| read::at(part, "/value")).filter(|text| !text.is_empty());
    let text = match read::at(result, "/text") {
        text if text.is_empty() => words.collect::<Vec<_>>().join("\n"),
        text => text,
    };
    let media = parts.iter().map(|part| Media {
        url: read::at(part, "/url"),
        content_type: read::at(part, "/contentType"),
    });
    let at = read::instant(&read::at(result, "/receivedAt"), now);
    Ok(GatewayEvent::Inbound(Inbound {
        id: read::some(&read::at(result, "/messageId")),
        text,
        media: media.filter(|media| !media.url.is_empty()).collect(),
        ..told::inbound(gateway, &from, number, at)
    }))
}
