//! Vonage (once Nexmo): SMS API.
//!
//! <https://developer.vonage.com/en/api/sms>, <https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts>,
//! <https://developer.vonage.com/en/getting-started/concepts/signing-messages>.
//! Bounds of `ttl` and the check by the balance: [mem].
//! Answers with 200 whatever happened; our id goes along as `client-ref` and comes back in receipts.
//! Must never take an unsigned callback, nor one signed with MD5.

use super::outcome::{Codes, Said};
use super::settings::{Field, Input, Kind, Secret, SettingsError};
use super::{Answer, Callback, CallbackError, Outgoing, Request, read, told, verify};
use serde::Deserialize;
use wayline_core::carrier::CarrierError;
use wayline_core::event::ReceiptStatus;
use wayline_core::text::{Encoding, parts};
use wayline_core::time::Timestamp;
use wayline_pipeline::gateway::{GatewayEvent, Inbound, Receipt};

/// What API and documents say of it.
pub(super) const KIND: Kind = Kind {
    name: "vonage",
    title: "Vonage SMS API",
    settings: &[
        Field::required("api_key", "The account's API key"),
        Field::optional("base_url", "Another address of the API; default https://rest.nexmo.com"),
    ],
    secrets: &[
        Field::required("api_secret", "The account's API secret"),
        Field::required(
            "signature_secret",
            "The signature secret, with the method SHA-256 HMAC; callbacks are signed with it",
        ),
    ],
    echo: "client-ref",
    verified_by: "sig: HMAC-SHA256 over the sorted parameters",
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VonageSettings {
    api_key: String,
    base_url: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VonageSecrets {
    api_secret: Secret,
    signature_secret: Secret,
}

/// Vonage.
#[derive(Clone, Debug)]
pub(crate) struct Vonage {
    /// Its codes.
    pub(super) codes: Codes,
    base: String,
    settings: VonageSettings,
    secrets: VonageSecrets,
}

/// Shortest and longest `ttl` it takes, in milliseconds.
const TTL_MILLIS: (u128, u128) = (20_000, 604_800_000);

impl Vonage {
    /// Reads settings and secrets.
    pub(super) fn new(input: Input<'_>) -> Result<Vonage, SettingsError> {
        let settings: VonageSettings = input.settings()?;
        let base = input.base(settings.base_url.as_deref(), "https://rest.nexmo.com")?;
        Ok(Vonage { codes: input.codes(), base, settings, secrets: input.secrets()? })
    }

    fn authorization(&self) -> (String, String) {
        read::basic(&self.settings.api_key, self.secrets.api_secret.text())
    }

    /// The request that hands a message over.
    pub(super) fn request(&self, out: &Outgoing<'_>) -> Result<Request, CarrierError> {
        let unicode = parts(&out.message.text).0 == Encoding::Ucs2;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("from", read::digits(out.from))
            .append_pair("to", read::digits(&out.message.to))
            .append_pair("text", &out.message.text)
            .append_pair("type", if unicode { "unicode" } else { "text" })
            .append_pair("client-ref", &out.message.id.to_string())
            .append_pair("status-report-req", "1");
        if let Some(url) = out.callback_url {
            form.append_pair("callback", url);
        }
        if let Some(validity) = out.validity {
            let ttl = validity.as_millis().clamp(TTL_MILLIS.0, TTL_MILLIS.1);
            form.append_pair("ttl", &ttl.to_string());
        }
        Ok(Request::form(format!("{}/sms/json", self.base), self.authorization(), form.finish()))
    }

    /// What the body of an answer says.
    pub(super) fn said(&self, answer: &Answer<'_>) -> Said {
        let body = read::json(answer.body);
        let messages = read::list(&body, "/messages");
        // One entry per part. When one part was taken the message may arrive: it is never sent again.
        let taken = messages.iter().find(|part| read::at(part, "/status") == "0");
        if let Some(part) = taken {
            return Said::taken(read::some(&read::at(part, "/message-id")));
        }
        match messages.first() {
            Some(part) if !read::at(part, "/status").is_empty() => {
                Said::wrong(read::at(part, "/status"), read::at(part, "/error-text"))
            }
            Some(_) => Said::Nothing,
            // Of a refusal by status: {"error-code": "401", "error-code-label": "…"}, or title and detail.
            None => {
                let code = read::at(&body, "/error-code");
                let label = read::at(&body, "/error-code-label");
                let text = if label.is_empty() { read::at(&body, "/title") } else { label };
                // A code of 200 is a yes to a check.
                if code.is_empty() && text.is_empty() || code == "200" {
                    return Said::Nothing;
                }
                Said::wrong(format!("http-{code}"), text)
            }
        }
    }

    /// What a callback tells.
    pub(super) fn callback(
        &self,
        gateway: &str,
        callback: &Callback<'_>,
        now: Timestamp,
    ) -> Result<Vec<GatewayEvent>, CallbackError> {
        let fields = read::parameters(callback);
        if !self.is_signed(&fields, now) {
            return Err(CallbackError::Forbidden);
        }
        let field = |name: &str| read::value(&fields, name);
        let id = match field("messageId") {
            "" => field("message-id"),
            id => id,
        };
        let (msisdn, to) = (field("msisdn"), field("to"));
        if id.is_empty() || msisdn.is_empty() || to.is_empty() {
            return Err(read::malformed("messageId, msisdn or to is missing"));
        }
        let at = read::instant(field("message-timestamp"), now);
        let status = match field("status") {
            // Of a text: msisdn is the person, to is our number.
            "" => {
                let inbound = Inbound {
                    id: Some(id.to_owned()),
                    text: field("text").to_owned(),
                    ..told::inbound(gateway, msisdn, to, at)
                };
                // Of a long text each part is told by itself.
                let (total, index) = (field("concat-total").parse(), field("concat-part").parse());
                return Ok(vec![match (total, index) {
                    (Ok(total), Ok(index)) if (1..=total).contains(&index) && total > 1 => {
                        told::part(gateway, inbound, field("concat-ref"), (index, total))
                    }
                    _ => GatewayEvent::Inbound(inbound),
                }]);
            }
            "accepted" | "buffered" | "submitted" | "unknown" => ReceiptStatus::Accepted,
            "delivered" => ReceiptStatus::Delivered,
            "failed" => ReceiptStatus::Undelivered,
            "expired" => ReceiptStatus::Expired,
            "rejected" | "deleted" => ReceiptStatus::Failed,
            other => return Err(read::malformed(format!("status {other:?} is unknown"))),
        };
        // Codes of receipts count on their own: 1 there is an unknown error, of a submit it is throttling.
        let code = match field("err-code") {
            "" | "0" => String::new(),
            code => format!("err-{code}"),
        };
        Ok(vec![GatewayEvent::Receipt(Receipt {
            to: Some(msisdn.to_owned()),
            message: read::our_id(field("client-ref"), callback),
            error: self.codes.receipt(&code, ""),
            ..told::receipt(gateway, id, status, at)
        })])
    }

    /// HMAC-SHA256 in hexadecimal over `&name=value` of all parameters by name, `&` and `=` in values as `_`.
    fn is_signed(&self, fields: &[(String, String)], now: Timestamp) -> bool {
        let mut sorted: Vec<&(String, String)> =
            fields.iter().filter(|(name, _)| name != "sig").collect();
        sorted.sort();
        let text: String = sorted
            .iter()
            .map(|(name, value)| format!("&{name}={}", value.replace(['&', '='], "_")))
            .collect();
        let tag = read::value(fields, "sig");
        verify::is_hmac_hex(verify::SHA256, &self.secrets.signature_secret, text.as_bytes(), tag)
            && verify::is_recent(read::value(fields, "timestamp"), now)
    }

    /// Reads the balance.
    pub(super) fn check(&self, _now: Timestamp) -> Option<Request> {
        Some(Request::get(
            format!("{}/account/get-balance", self.base),
            vec![self.authorization(), read::named("accept", "application/json")],
        ))
    }
}
