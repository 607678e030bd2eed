//! Plivo: Message API.
//!
//! <https://www.plivo.com/docs/messaging/api/message>,
//! <https://plivo.com/docs/messaging/concepts/signature-validation>.
//! Plivo takes no id of ours and no idempotency key: our id is in the path of the callback, which is signed.
//! Its signature V2 is over URL and nonce only, so a recorded call could be given another body; V3, where it
//! is there, is over the parameters too and is then the one that counts.
//! Must never take a callback whose signature is over another URL.

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
    name: "plivo",
    title: "Plivo",
    settings: &[
        Field::required("auth_id", "The account or subaccount, MA… or SA…"),
        Field::optional("base_url", "Another address of the API; default https://api.plivo.com"),
    ],
    secrets: &[Field::required("auth_token", "Its auth token; callbacks are signed with it")],
    echo: "path of the callback URL (signed)",
    verified_by: "X-Plivo-Signature-V3 over URL, parameters and nonce, or V2 over URL and nonce",
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlivoSettings {
    auth_id: String,
    base_url: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlivoSecrets {
    auth_token: Secret,
}

/// Plivo.
#[derive(Clone, Debug)]
pub(crate) struct Plivo {
    /// Its codes.
    pub(super) codes: Codes,
    base: String,
    settings: PlivoSettings,
    secrets: PlivoSecrets,
}

/// Shortest and longest `message_expiry` it takes, in seconds. [mem]
const EXPIRY_SECONDS: (u64, u64) = (5, 14_400);
/// Attachments read of one text.
const MEDIA_MAX: usize = 10;

impl Plivo {
    /// Reads settings and secrets.
    pub(super) fn new(input: Input<'_>) -> Result<Plivo, SettingsError> {
        let settings: PlivoSettings = input.settings()?;
        input.name("auth_id", &settings.auth_id)?;
        let base = input.base(settings.base_url.as_deref(), "https://api.plivo.com")?;
        Ok(Plivo { codes: input.codes(), base, settings, secrets: input.secrets()? })
    }

    fn authorization(&self) -> (String, String) {
        read::basic(&self.settings.auth_id, self.secrets.auth_token.text())
    }

    /// The request that hands a message over.
    pub(super) fn request(&self, out: &Outgoing<'_>) -> Result<Request, CarrierError> {
        let mut body = json!({ "src": out.from, "dst": out.message.to, "text": out.message.text });
        if let Some(url) = out.callback_url {
            body["url"] = json!(url);
            body["method"] = json!("POST");
        }
        if let Some(validity) = out.validity {
            body["message_expiry"] =
                json!(validity.as_secs().clamp(EXPIRY_SECONDS.0, EXPIRY_SECONDS.1));
        }
        Ok(Request::json(
            format!("{}/v1/Account/{}/Message/", self.base, self.settings.auth_id),
            self.authorization(),
            &body,
        ))
    }

    /// What the body of an answer says.
    pub(super) fn said(&self, answer: &Answer<'_>) -> Said {
        let body = read::json(answer.body);
        let id = read::at(&body, "/message_uuid/0");
        if !id.is_empty() {
            return Said::Taken(id);
        }
        match read::at(&body, "/error") {
            error if error.is_empty() => Said::Nothing,
            error => Said::wrong("", error),
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
        if !self.is_signed(callback) {
            return Err(CallbackError::Forbidden);
        }
        let field = |name: &str| read::value(&fields, name);
        let (id, from, to) = (field("MessageUUID"), field("From"), field("To"));
        if id.is_empty() || from.is_empty() || to.is_empty() {
            return Err(read::malformed("MessageUUID, From or To is missing"));
        }
        let status = match field("Status") {
            "" | "received" => {
                let media = (0..MEDIA_MAX).map(|at| field(&format!("Media{at}")).to_owned());
                return Ok(vec![GatewayEvent::Inbound(Inbound {
                    id: Some(id.to_owned()),
                    text: field("Text").to_owned(),
                    media: told::media_at(media),
                    ..told::inbound(gateway, from, to, now)
                })]);
            }
            "queued" | "sent" => ReceiptStatus::Accepted,
            "delivered" | "read" => ReceiptStatus::Delivered,
            // 420: the message expired.
            "failed" | "undelivered" if field("ErrorCode") == "420" => ReceiptStatus::Expired,
            "undelivered" => ReceiptStatus::Undelivered,
            "failed" | "rejected" => ReceiptStatus::Failed,
            other => return Err(read::malformed(format!("Status {other:?} is unknown"))),
        };
        let code = match field("ErrorCode") {
            "000" | "0" => "",
            code => code,
        };
        let at = read::instant(field("DeliveryReportTime"), now);
        Ok(vec![GatewayEvent::Receipt(Receipt {
            other_refs: read::some(field("ParentMessageUUID")).into_iter().collect(),
            to: Some(to.to_owned()),
            message: read::our_id("", callback),
            error: self.codes.receipt(code, ""),
            ..told::receipt(gateway, id, status, at)
        })])
    }

    /// Any signature of the newest version that is there; a header may hold several, for old and new tokens.
    fn is_signed(&self, callback: &Callback<'_>) -> bool {
        let header = |name: &str| read::header(callback.headers, name).unwrap_or_default();
        let fits = |names: [&str; 2], text: String| {
            names.iter().flat_map(|name| header(name).split(',')).any(|tag| {
                !tag.is_empty()
                    && verify::is_hmac_base64(
                        verify::SHA256,
                        &self.secrets.auth_token,
                        text.as_bytes(),
                        tag,
                    )
            })
        };
        let v3 = ["x-plivo-signature-v3", "x-plivo-signature-ma-v3"];
        if v3.iter().any(|name| !header(name).is_empty()) {
            let text =
                format!("{}.{}", signed_by_v3(callback), header("x-plivo-signature-v3-nonce"));
            return fits(v3, text);
        }
        let base = callback.url.split(['?', '#']).next().unwrap_or_default();
        let text = format!("{base}{}", header("x-plivo-signature-v2-nonce"));
        fits(["x-plivo-signature-v2", "x-plivo-signature-ma-v2"], text)
    }

    /// Reads the account.
    pub(super) fn check(&self, _now: Timestamp) -> Option<Request> {
        Some(Request::get(
            format!("{}/v1/Account/{}/", self.base, self.settings.auth_id),
            vec![self.authorization()],
        ))
    }
}

/// The URL with its query sorted, then, of a POST, the parameters sorted without marks between.
fn signed_by_v3(callback: &Callback<'_>) -> String {
    let base = callback.url.split(['?', '#']).next().unwrap_or_default();
    let mut query = read::pairs(callback.query.as_bytes());
    query.sort();
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let query = query.join("&");
    let posted = callback.method.eq_ignore_ascii_case("POST");
    let mut form = if posted { read::pairs(callback.body) } else { Vec::new() };
    form.sort();
    let parameters: String = form.iter().flat_map(|(name, value)| [name.as_str(), value]).collect();
    match (query.is_empty(), form.is_empty()) {
        (true, true) => base.to_owned(),
        (false, true) => format!("{base}?{query}"),
        // Plivo's own code writes the mark of an empty query too once there are parameters.
        (true, false) => format!("{base}?{parameters}"),
        (false, false) => format!("{base}?{query}.{parameters}"),
    }
}
