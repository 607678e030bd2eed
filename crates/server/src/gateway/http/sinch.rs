//! Sinch: SMS REST API (batches).
//!
//! <https://developers.sinch.com/docs/sms/api-reference/sms/batches>, `…/sms/webhooks`.
//! Our id goes along as `client_reference` and comes back in receipts. Sinch signs nothing by itself: a secret
//! in the callback URL, or Basic credentials, tell that it is Sinch.
//! The longest `expire_at`, names of refusals and the check: [mem].
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
    name: "sinch",
    title: "Sinch SMS",
    settings: &[
        Field::required("service_plan_id", "The service plan"),
        Field::optional("region", "us (default), eu, au, br or ca"),
        Field::optional(
            "base_url",
            "Another address of the API; default https://{region}.sms.api.sinch.com",
        ),
    ],
    secrets: &[
        Field::required("api_token", "The plan's API token"),
        Field::required(
            "callback_secret",
            "Any long text of yours: ?secret=… of the callback URL, or the password of Basic credentials",
        ),
    ],
    echo: "client_reference",
    verified_by: "a secret in the callback URL, or Basic credentials",
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SinchSettings {
    service_plan_id: String,
    region: Option<String>,
    base_url: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SinchSecrets {
    api_token: Secret,
    callback_secret: Secret,
}

/// Sinch.
#[derive(Clone, Debug)]
pub(crate) struct Sinch {
    /// Its codes.
    pub(super) codes: Codes,
    /// Address with the service plan.
    base: String,
    secrets: SinchSecrets,
}

/// Longest validity it takes: three days.
const VALIDITY_MAX: Span = Span::days(3);

impl Sinch {
    /// Reads settings and secrets.
    pub(super) fn new(input: Input<'_>) -> Result<Sinch, SettingsError> {
        let settings: SinchSettings = input.settings()?;
        let plan = input.name("service_plan_id", &settings.service_plan_id)?;
        let region = input.name("region", settings.region.as_deref().unwrap_or("us"))?;
        let default = format!("https://{region}.sms.api.sinch.com");
        let base = input.base(settings.base_url.as_deref(), &default)?;
        let base = format!("{base}/xms/v1/{plan}");
        Ok(Sinch { codes: input.codes(), base, secrets: input.secrets()? })
    }

    fn authorization(&self) -> (String, String) {
        read::named("authorization", format!("Bearer {}", self.secrets.api_token.text()))
    }

    /// The request that hands a message over.
    pub(super) fn request(&self, out: &Outgoing<'_>) -> Result<Request, CarrierError> {
        let mut body = json!({
            "from": read::digits(out.from),
            "to": [read::digits(&out.message.to)],
            "body": out.message.text,
            "delivery_report": "per_recipient",
            "client_reference": out.message.id.to_string(),
        });
        if let Some(url) = out.callback_url {
            body["callback_url"] = json!(verify::with_secret(url, &self.secrets.callback_secret));
        }
        if let Some(validity) = out.validity {
            let millis = i64::try_from(validity.as_millis()).unwrap_or(i64::MAX);
            let until = out.now + Span(millis).min(VALIDITY_MAX);
            body["expire_at"] = json!(until.to_string());
        }
        Ok(Request::json(format!("{}/batches", self.base), self.authorization(), &body))
    }

    /// What the body of an answer says.
    pub(super) fn said(&self, answer: &Answer<'_>) -> Said {
        let body = read::json(answer.body);
        let (code, text) = (read::at(&body, "/code"), read::at(&body, "/text"));
        if !code.is_empty() {
            return Said::wrong(code, text);
        }
        Said::taken(read::some(&read::at(&body, "/id")))
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
        match read::at(&body, "/type").as_str() {
            "mo_text" | "mo_media" => Ok(vec![inbound(gateway, &body, now)?]),
            "recipient_delivery_report_sms" | "recipient_delivery_report_mms" => {
                let to = read::at(&body, "/recipient");
                Ok(vec![self.receipt(gateway, &body, &body, &to, callback, now)?])
            }
            "delivery_report_sms" | "delivery_report_mms" => {
                // The full report of a batch: recipients by status.
                let mut events = Vec::new();
                for status in read::list(&body, "/statuses") {
                    for to in read::list(status, "/recipients").iter().map(read::plain) {
                        events.push(self.receipt(gateway, &body, status, &to, callback, now)?);
                    }
                }
                Ok(events)
            }
            // Binary texts and other kinds carry nothing for a conversation.
            _ => Ok(Vec::new()),
        }
    }

    fn receipt(
        &self,
        gateway: &str,
        body: &Value,
        report: &Value,
        to: &str,
        callback: &Callback<'_>,
        now: Timestamp,
    ) -> Result<GatewayEvent, CallbackError> {
        let batch = read::at(body, "/batch_id");
        if batch.is_empty() {
            return Err(read::malformed("batch_id is missing"));
        }
        let status = match read::at(report, "/status").to_ascii_lowercase().as_str() {
            // `unknown`: the carrier never said. It is not known to have failed.
            "queued" | "dispatched" | "unknown" => ReceiptStatus::Accepted,
            "delivered" => ReceiptStatus::Delivered,
            "failed" | "deleted" => ReceiptStatus::Undelivered,
            "expired" => ReceiptStatus::Expired,
            "aborted" | "cancelled" | "rejected" => ReceiptStatus::Failed,
            other => return Err(read::malformed(format!("status {other:?} is unknown"))),
        };
        // Codes up to 401 of a good status tell nothing wrong.
        let good = matches!(status, ReceiptStatus::Accepted | ReceiptStatus::Delivered);
        let code = if good { String::new() } else { read::at(report, "/code") };
        let at = match read::at(report, "/operator_status_at") {
            at if at.is_empty() => read::at(report, "/at"),
            at => at,
        };
        let at = read::instant(&at, now);
        Ok(GatewayEvent::Receipt(Receipt {
            to: read::some(to),
            message: read::our_id(&read::at(body, "/client_reference"), callback),
            error: self.codes.receipt(&code, ""),
            ..told::receipt(gateway, batch, status, at)
        }))
    }

    /// Reads one batch at most.
    pub(super) fn check(&self, _now: Timestamp) -> Option<Request> {
        Some(Request::get(format!("{}/batches?page_size=1", self.base), vec![self.authorization()]))
    }
}

fn inbound(gateway: &str, body: &Value, now: Timestamp) -> Result<GatewayEvent, CallbackError> {
    let (from, number) = (read::at(body, "/from"), read::at(body, "/to"));
    if from.is_empty() || number.is_empty() {
        return Err(read::malformed("from or to is missing"));
    }
    // Of mo_media the body is an object: message, subject, media.
    let text = match read::at(body, "/body") {
        text if text.is_empty() => read::at(body, "/body/message"),
        text => text,
    };
    let at = read::instant(&read::at(body, "/received_at"), now);
    Ok(GatewayEvent::Inbound(Inbound {
        id: read::some(&read::at(body, "/id")),
        text,
        media: told::media(read::list(body, "/body/media")),
        ..told::inbound(gateway, &from, number, at)
    }))
}
