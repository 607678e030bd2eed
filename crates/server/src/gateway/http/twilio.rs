//! Twilio: Programmable Messaging, API of 2010-04-01.
//!
//! <https://www.twilio.com/docs/messaging/api/message-resource>, <https://www.twilio.com/docs/usage/security>.
//! Twilio takes no id of ours and no idempotency key: our id is in the path of the callback, which is signed.
//! The longest validity: [mem].
//! Must never take a callback whose signature is over another URL.

use super::listed::Listed;
use super::outcome::{Codes, Said};
use super::settings::{Field, Input, Kind, Secret, SettingsError};
use super::{Answer, Callback, CallbackError, Outgoing, Request, read, told, verify};
use serde::Deserialize;
use serde_json::Value;
use wayline_core::carrier::CarrierError;
use wayline_core::event::{Media, ReceiptStatus};
use wayline_core::message::Message;
use wayline_core::time::Timestamp;
use wayline_pipeline::gateway::{GatewayEvent, Inbound, LookedUp, Receipt};

/// What API and documents say of it.
pub(super) const KIND: Kind = Kind {
    name: "twilio",
    title: "Twilio",
    settings: &[
        Field::required("account_sid", "The account, AC…"),
        Field::optional("api_key_sid", "An API key to use instead of the auth token, SK…"),
        Field::optional("messaging_service_sid", "Send through this messaging service, MG…"),
        Field::optional("base_url", "Another address of the API; default https://api.twilio.com"),
    ],
    secrets: &[
        Field::required("auth_token", "The account's auth token; callbacks are signed with it"),
        Field::optional("api_key_secret", "The secret of the API key"),
    ],
    echo: "path of the callback URL (signed)",
    verified_by: "X-Twilio-Signature: HMAC-SHA1 over URL and parameters",
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TwilioSettings {
    account_sid: String,
    api_key_sid: Option<String>,
    messaging_service_sid: Option<String>,
    base_url: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TwilioSecrets {
    auth_token: Secret,
    api_key_secret: Option<Secret>,
}

/// Twilio.
#[derive(Clone, Debug)]
pub(crate) struct Twilio {
    /// Its codes.
    pub(super) codes: Codes,
    base: String,
    settings: TwilioSettings,
    secrets: TwilioSecrets,
}

/// Longest validity it takes, in seconds.
const VALIDITY_SECONDS_MAX: u64 = 36_000;
/// Messages of one list, as the query has it: so many are an answer that may be read.
const LISTED_MAX: &str = "20";
/// Attachments read of one text; Twilio sends ten at most.
const MEDIA_MAX: usize = 10;

impl Twilio {
    /// Reads settings and secrets.
    pub(super) fn new(input: Input<'_>) -> Result<Twilio, SettingsError> {
        let settings: TwilioSettings = input.settings()?;
        let secrets: TwilioSecrets = input.secrets()?;
        input.name("account_sid", &settings.account_sid)?;
        if settings.api_key_sid.is_some() != secrets.api_key_secret.is_some() {
            return Err(
                input.bad("api_key_sid and the secret api_key_secret go together".to_owned())
            );
        }
        let base = input.base(settings.base_url.as_deref(), "https://api.twilio.com")?;
        Ok(Twilio { codes: input.codes(), base, settings, secrets })
    }

    fn authorization(&self) -> (String, String) {
        match (&self.settings.api_key_sid, &self.secrets.api_key_secret) {
            (Some(sid), Some(secret)) => read::basic(sid, secret.text()),
            _ => read::basic(&self.settings.account_sid, self.secrets.auth_token.text()),
        }
    }

    /// The request that hands a message over.
    pub(super) fn request(&self, out: &Outgoing<'_>) -> Result<Request, CarrierError> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("To", &out.message.to).append_pair("Body", &out.message.text);
        form.append_pair("From", out.from);
        if let Some(service) = &self.settings.messaging_service_sid {
            form.append_pair("MessagingServiceSid", service);
        }
        if let Some(url) = out.callback_url {
            form.append_pair("StatusCallback", url);
        }
        if let Some(validity) = out.validity {
            let seconds = validity.as_secs().clamp(1, VALIDITY_SECONDS_MAX);
            form.append_pair("ValidityPeriod", &seconds.to_string());
        }
        Ok(Request::form(
            format!(
                "{}/2010-04-01/Accounts/{}/Messages.json",
                self.base, self.settings.account_sid
            ),
            self.authorization(),
            form.finish(),
        ))
    }

    /// What the body of an answer says.
    pub(super) fn said(&self, answer: &Answer<'_>) -> Said {
        let body = read::json(answer.body);
        // Of a refusal: {"code": 21610, "message": "…", "status": 400}. Of a message: error_code.
        let (code, text) = match read::at(&body, "/code") {
            code if code.is_empty() => {
                (read::at(&body, "/error_code"), read::at(&body, "/error_message"))
            }
            code => (code, read::at(&body, "/message")),
        };
        let status = read::at(&body, "/status");
        if !code.is_empty() || matches!(status.as_str(), "failed" | "undelivered" | "canceled") {
            return Said::wrong(code, text);
        }
        if matches!(status.as_str(), "suspended" | "closed") {
            return Said::wrong("", format!("the account is {status}"));
        }
        Said::taken(read::some(&read::at(&body, "/sid")))
    }

    /// What a callback tells.
    pub(super) fn callback(
        &self,
        gateway: &str,
        callback: &Callback<'_>,
        now: Timestamp,
    ) -> Result<Vec<GatewayEvent>, CallbackError> {
        let form = read::pairs(callback.body);
        if !self.is_signed(callback, &form) {
            return Err(CallbackError::Forbidden);
        }
        let fields = if form.is_empty() { read::pairs(callback.query.as_bytes()) } else { form };
        let field = |name: &str| read::value(&fields, name);
        let sid = match field("MessageSid") {
            "" => field("SmsSid"),
            sid => sid,
        };
        if sid.is_empty() {
            return Err(read::malformed("MessageSid is missing"));
        }
        let status = match field("MessageStatus") {
            "" => field("SmsStatus"),
            status => status,
        };
        if matches!(status, "received" | "receiving" | "") {
            return self.inbound(gateway, sid, &fields, now);
        }
        let Some(status) = became(status, field("ErrorCode")) else {
            return Err(read::malformed(format!("MessageStatus {status:?} is unknown")));
        };
        Ok(vec![GatewayEvent::Receipt(Receipt {
            to: read::some(field("To")),
            message: read::our_id("", callback),
            error: self.codes.receipt(field("ErrorCode"), field("ErrorMessage")),
            ..told::receipt(gateway, sid, status, now)
        })])
    }

    fn inbound(
        &self,
        gateway: &str,
        sid: &str,
        fields: &[(String, String)],
        now: Timestamp,
    ) -> Result<Vec<GatewayEvent>, CallbackError> {
        let field = |name: &str| read::value(fields, name);
        if field("From").is_empty() || field("To").is_empty() {
            return Err(read::malformed("From or To is missing"));
        }
        let count = field("NumMedia").parse().unwrap_or(0).min(MEDIA_MAX);
        let media = (0..count).map(|at| Media {
            url: field(&format!("MediaUrl{at}")).to_owned(),
            content_type: field(&format!("MediaContentType{at}")).to_owned(),
        });
        Ok(vec![GatewayEvent::Inbound(Inbound {
            id: Some(sid.to_owned()),
            text: field("Body").to_owned(),
            media: media.filter(|media| !media.url.is_empty()).collect(),
            ..told::inbound(gateway, field("From"), field("To"), now)
        })])
    }

    /// HMAC-SHA1 over the URL and the parameters of the body, sorted by name, without marks between.
    fn is_signed(&self, callback: &Callback<'_>, form: &[(String, String)]) -> bool {
        let Some(tag) = read::header(callback.headers, "x-twilio-signature") else { return false };
        let mut sorted: Vec<&(String, String)> = form.iter().collect();
        sorted.sort();
        // A parameter that is there twice with one value is signed once.
        sorted.dedup();
        let parameters: String =
            sorted.iter().flat_map(|(name, value)| [name.as_str(), value]).collect();
        let signed = |url: &str| {
            let text = format!("{url}{parameters}");
            verify::is_hmac_base64(verify::SHA1, &self.secrets.auth_token, text.as_bytes(), tag)
        };
        // Some of Twilio's systems sign with the standard port written out, some without.
        signed(callback.url) || other_port(callback.url).is_some_and(|url| signed(&url))
    }

    /// Asks for what went to the number since the day on which the message was handed out.
    pub(super) fn look_up(&self, message: &Message, from: &str) -> Option<Request> {
        let (since, _) = LookedUp::taken_within(message)?;
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("To", &message.to).append_pair("From", from);
        // Days are all that it takes; what is not sent yet has no day, and is found the next time.
        query.append_pair("DateSent>", &since.to_jiff().strftime("%Y-%m-%d").to_string());
        query.append_pair("PageSize", LISTED_MAX);
        Some(Request::get(
            format!(
                "{}/2010-04-01/Accounts/{}/Messages.json?{}",
                self.base,
                self.settings.account_sid,
                query.finish()
            ),
            vec![self.authorization()],
        ))
    }

    /// What the answer to that lists.
    ///
    /// # Errors
    /// When it cannot be read, or is not all there is.
    pub(super) fn listed(&self, answer: &Answer<'_>) -> Result<Vec<Listed>, String> {
        let body = read::json(answer.body);
        let Some(messages) = body.pointer("/messages").and_then(Value::as_array) else {
            return Err("the answer lists no messages".to_owned());
        };
        if !read::at(&body, "/next_page_uri").is_empty() {
            return Err(format!("it lists more than {LISTED_MAX} messages to one number"));
        }
        messages.iter().map(|message| self.one_listed(message)).collect()
    }

    fn one_listed(&self, message: &Value) -> Result<Listed, String> {
        let field = |name: &str| read::at(message, name);
        let (created, code) = (field("/date_created"), field("/error_code"));
        let status = field("/status");
        let at = jiff::fmt::rfc2822::parse(&created)
            .map_err(|_| format!("date_created {created:?} is no date"))?;
        Ok(Listed {
            id: field("/sid"),
            to: field("/to"),
            from: field("/from"),
            text: field("/body"),
            at: Timestamp::from_jiff(at.timestamp()),
            // What is received has a status of its own, and is not ours.
            status: became(&status, &code),
            error: self.codes.receipt(&code, &field("/error_message")),
        })
    }

    /// Reads the account.
    pub(super) fn check(&self, _now: Timestamp) -> Option<Request> {
        Some(Request::get(
            format!("{}/2010-04-01/Accounts/{}.json", self.base, self.settings.account_sid),
            vec![self.authorization()],
        ))
    }
}

/// What a status says became of a message; `None`: it is unknown.
fn became(status: &str, code: &str) -> Option<ReceiptStatus> {
    Some(match status {
        "accepted" | "scheduled" | "queued" | "sending" | "sent" => ReceiptStatus::Accepted,
        "delivered" | "read" => ReceiptStatus::Delivered,
        "undelivered" => ReceiptStatus::Undelivered,
        // 30036: the validity period ended in Twilio's queue.
        "failed" if code == "30036" => ReceiptStatus::Expired,
        "failed" | "canceled" => ReceiptStatus::Failed,
        _ => return None,
    })
}

/// The URL with its standard port written out, or without it; `None`: it has a port of its own.
fn other_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = (rest.get(..end)?, rest.get(end..)?);
    match host.strip_suffix(port) {
        Some(bare) => Some(format!("{scheme}://{bare}{path}")),
        None if host.contains(':') => None,
        None => Some(format!("{scheme}://{host}{port}{path}")),
    }
}
