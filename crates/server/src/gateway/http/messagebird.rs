//! MessageBird, now Bird: REST API for SMS (`rest.messagebird.com`).
//!
//! <https://developers.messagebird.com/api/sms-messaging/>,
//! <https://developers.messagebird.com/docs/verify-http-requests>.
//! Our id goes along as `reference` and comes back in receipts. Where an account's receipts come unsigned, a
//! secret in their URL does instead.
//! `validity`, and the codes of errors: [mem].
//! Must never take a callback whose signature is over another URL or body.

use super::outcome::{Codes, Said};
use super::settings::{Field, Input, Kind, Secret, SettingsError};
use super::{Answer, Callback, CallbackError, Outgoing, Request, read, told, verify};
use serde::Deserialize;
use serde_json::json;
use wayline_core::carrier::CarrierError;
use wayline_core::event::ReceiptStatus;
use wayline_core::time::Timestamp;
use wayline_pipeline::gateway::{GatewayEvent, Inbound, Receipt};

/// What API and documents say of it.
pub(super) const KIND: Kind = Kind {
    name: "messagebird",
    title: "MessageBird (Bird)",
    settings: &[Field::optional(
        "base_url",
        "Another address of the API; default https://rest.messagebird.com",
    )],
    secrets: &[
        Field::required("access_key", "A live access key"),
        Field::required("signing_key", "The account's signing key; callbacks are signed with it"),
        Field::optional(
            "callback_secret",
            "Any long text of yours, put into the URL of receipts; for accounts whose receipts are not signed",
        ),
    ],
    echo: "reference",
    verified_by: "MessageBird-Signature-JWT over URL and body, or a secret in the callback URL",
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageBirdSettings {
    base_url: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageBirdSecrets {
    access_key: Secret,
    signing_key: Secret,
    callback_secret: Option<Secret>,
}

/// MessageBird.
#[derive(Clone, Debug)]
pub(crate) struct MessageBird {
    /// Its codes.
    pub(super) codes: Codes,
    base: String,
    secrets: MessageBirdSecrets,
}

/// Header of the signature.
const SIGNATURE: &str = "messagebird-signature-jwt";

impl MessageBird {
    /// Reads settings and secrets.
    pub(super) fn new(input: Input<'_>) -> Result<MessageBird, SettingsError> {
        let settings: MessageBirdSettings = input.settings()?;
        let base = input.base(settings.base_url.as_deref(), "https://rest.messagebird.com")?;
        Ok(MessageBird { codes: input.codes(), base, secrets: input.secrets()? })
    }

    fn authorization(&self) -> (String, String) {
        read::named("authorization", format!("AccessKey {}", self.secrets.access_key.text()))
    }

    /// The request that hands a message over.
    pub(super) fn request(&self, out: &Outgoing<'_>) -> Result<Request, CarrierError> {
        let mut body = json!({
            "originator": read::digits(out.from),
            "recipients": [read::digits(&out.message.to)],
            "body": out.message.text,
            "datacoding": "auto",
            "reference": out.message.id.to_string(),
        });
        if let Some(url) = out.callback_url {
            body["reportUrl"] = match &self.secrets.callback_secret {
                Some(secret) => json!(verify::with_secret(url, secret)),
                None => json!(url),
            };
        }
        if let Some(validity) = out.validity {
            body["validity"] = json!(validity.as_secs().max(1));
        }
        Ok(Request::json(format!("{}/messages", self.base), self.authorization(), &body))
    }

    /// What the body of an answer says.
    pub(super) fn said(&self, answer: &Answer<'_>) -> Said {
        let body = read::json(answer.body);
        if let Some(error) = read::list(&body, "/errors").first() {
            let parameter = read::at(error, "/parameter");
            let mut text = read::at(error, "/description");
            if !parameter.is_empty() {
                text.push_str(&format!(" ({parameter})"));
            }
            return Said::wrong(format!("api-{}", read::at(error, "/code")), text);
        }
        if read::at(&body, "/recipients/items/0/status") == "delivery_failed" {
            return Said::wrong("", "delivery failed");
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
        if !self.is_verified(callback, now) {
            return Err(CallbackError::Forbidden);
        }
        let fields = read::parameters(callback);
        let field = |name: &str| read::value(&fields, name);
        let (id, recipient) = (field("id"), field("recipient"));
        if id.is_empty() || recipient.is_empty() {
            return Err(read::malformed("id or recipient is missing"));
        }
        let status = match field("status") {
            "" => return self.inbound(gateway, callback, &fields, now).map(|event| vec![event]),
            "scheduled" | "sent" | "buffered" => ReceiptStatus::Accepted,
            "delivered" => ReceiptStatus::Delivered,
            "expired" => ReceiptStatus::Expired,
            "delivery_failed" => ReceiptStatus::Undelivered,
            other => return Err(read::malformed(format!("status {other:?} is unknown"))),
        };
        let code = match field("statusErrorCode") {
            "" | "0" => String::new(),
            code => format!("status-{code}"),
        };
        let bad = !matches!(status, ReceiptStatus::Accepted | ReceiptStatus::Delivered);
        let reason = if bad { field("statusReason") } else { "" };
        let at = read::instant(field("statusDatetime"), now);
        Ok(vec![GatewayEvent::Receipt(Receipt {
            to: Some(recipient.to_owned()),
            message: read::our_id(field("reference"), callback),
            error: self.codes.receipt(&code, reason),
            ..told::receipt(gateway, id, status, at)
        })])
    }

    fn inbound(
        &self,
        gateway: &str,
        callback: &Callback<'_>,
        fields: &[(String, String)],
        now: Timestamp,
    ) -> Result<GatewayEvent, CallbackError> {
        let field = |name: &str| read::value(fields, name);
        if field("originator").is_empty() {
            return Err(read::malformed("originator is missing"));
        }
        let body = read::json(callback.body);
        let lists = ["/mediaURLs", "/mediaUrls"].map(|name| read::list(&body, name));
        let media = lists.into_iter().flatten().map(read::plain);
        let at = read::instant(field("createdDatetime"), now);
        Ok(GatewayEvent::Inbound(Inbound {
            id: Some(field("id").to_owned()),
            text: field("body").to_owned(),
            media: told::media_at(media),
            ..told::inbound(gateway, field("originator"), field("recipient"), at)
        }))
    }

    /// A signature counts where there is one; without, the secret.
    fn is_verified(&self, callback: &Callback<'_>, now: Timestamp) -> bool {
        match (read::header(callback.headers, SIGNATURE), &self.secrets.callback_secret) {
            (Some(token), _) => verify::is_jwt_for(callback, &self.secrets.signing_key, token, now),
            (None, Some(secret)) => verify::knows_secret(callback, secret),
            (None, None) => false,
        }
    }

    /// Reads the balance.
    pub(super) fn check(&self, _now: Timestamp) -> Option<Request> {
        Some(Request::get(format!("{}/balance", self.base), vec![self.authorization()]))
    }
}
