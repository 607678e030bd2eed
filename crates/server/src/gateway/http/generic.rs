//! A provider that is described by its settings: URL, headers, body, and where an answer says what.
//!
//! Must never take a callback that nothing verifies.

use super::outcome::{Codes, Said};
use super::settings::{Field, Input, Kind, Secret, SettingsError};
use super::template::{Place, Template};
use super::{Answer, Callback, CallbackError, Outgoing, Request, read, told, verify};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use wayline_core::carrier::CarrierError;
use wayline_core::event::ReceiptStatus;
use wayline_core::time::Timestamp;
use wayline_pipeline::gateway::{GatewayEvent, Inbound, Receipt};

/// What API and documents say of it.
pub(super) const KIND: Kind = Kind {
    name: "generic",
    title: "Any HTTP API, described by settings",
    settings: &[
        Field::required("url", "Where messages are handed over; a template"),
        Field::optional("method", "POST (default) or GET"),
        Field::optional("headers", "Headers by name; templates"),
        Field::optional(
            "body",
            "The body; a template. Names: to, to_digits, from, from_digits, text, message, \
            callback, validity_seconds, username, password, token",
        ),
        Field::optional("format", "What the body is: json (default), form, xml, text"),
        Field::optional("basic", "Send username and password as Basic credentials"),
        Field::optional(
            "answer",
            "Where an answer says what: id, error_code, error_text, status and its values ok \
            (JSON pointers like /messages/0/id); text_id: the whole body is the id",
        ),
        Field::optional(
            "callback",
            "Where a callback says what: list, receipt and inbound with JSON pointers \
            (/name for forms and queries), verify: secret (default) or {hmac_sha256: header}",
        ),
        Field::optional(
            "check_url",
            "An address to read when the connection is checked; a template",
        ),
    ],
    secrets: &[
        Field::optional("username", "For templates and Basic credentials"),
        Field::optional("password", "For templates and Basic credentials"),
        Field::optional("token", "For templates"),
        Field::optional("callback_secret", "Verifies callbacks; without it none are taken"),
    ],
    echo: "what receipt.message names, else the path of the callback URL",
    verified_by: "a secret in the callback URL, or an HMAC-SHA256 of the body in a header",
};

/// Names that templates may use.
const NAMES: [&str; 11] = [
    "to",
    "to_digits",
    "from",
    "from_digits",
    "text",
    "message",
    "callback",
    "validity_seconds",
    "username",
    "password",
    "token",
];

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GenericSettings {
    url: String,
    #[serde(default)]
    method: Method,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    #[serde(default)]
    format: Format,
    #[serde(default)]
    basic: bool,
    #[serde(default)]
    answer: AnswerMap,
    #[serde(default)]
    callback: CallbackMap,
    check_url: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
enum Method {
    #[default]
    #[serde(rename = "POST")]
    Post,
    #[serde(rename = "GET")]
    Get,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Json,
    Form,
    Xml,
    Text,
}

/// Where an answer says what.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AnswerMap {
    id: String,
    text_id: bool,
    error_code: String,
    error_text: String,
    status: String,
    ok: Vec<String>,
}

/// Where a callback says what.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CallbackMap {
    /// The list of records; empty: the body is one.
    list: String,
    receipt: ReceiptMap,
    inbound: InboundMap,
    verify: Verify,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ReceiptMap {
    id: String,
    message: String,
    to: String,
    status: String,
    accepted: Vec<String>,
    delivered: Vec<String>,
    undelivered: Vec<String>,
    expired: Vec<String>,
    failed: Vec<String>,
    error_code: String,
    error_text: String,
    at: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct InboundMap {
    id: String,
    from: String,
    to: String,
    text: String,
    media: String,
    at: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verify {
    /// The secret is in the URL or in Basic credentials.
    #[default]
    Secret,
    /// A header holds the HMAC-SHA256 of the body, in hexadecimal or base64.
    HmacSha256(String),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct GenericSecrets {
    username: Secret,
    password: Secret,
    token: Secret,
    callback_secret: Secret,
}

/// A provider described by settings.
#[derive(Clone, Debug)]
pub(crate) struct Generic {
    /// Its codes: none but the gateway's own.
    pub(super) codes: Codes,
    url: Template,
    headers: Vec<(String, Template)>,
    body: Template,
    check_url: Option<Template>,
    settings: GenericSettings,
    secrets: GenericSecrets,
}

impl Generic {
    /// Reads settings and secrets.
    pub(super) fn new(input: Input<'_>) -> Result<Generic, SettingsError> {
        let settings: GenericSettings = input.settings()?;
        let host = settings.url.split("{{").next().unwrap_or_default();
        let rest = host.strip_prefix("https://").or_else(|| host.strip_prefix("http://"));
        // The host is written out: a message must never choose who gets the secrets.
        let has_host = rest.and_then(|rest| rest.find('/')).is_some_and(|at| at > 0);
        if !has_host {
            return Err(
                input.bad("url must begin with https://host/, without names before".to_owned())
            );
        }
        check_pointers(&input, &settings)?;
        let template = |text: &str, place| Template::new(&input, text, place, &NAMES);
        let place = match settings.format {
            Format::Json => Place::Json,
            Format::Form => Place::Form,
            Format::Xml => Place::Xml,
            Format::Text => Place::Plain,
        };
        let mut headers = Vec::new();
        for (name, text) in &settings.headers {
            let name = name.to_ascii_lowercase();
            input.name("headers:", &name)?;
            headers.push((name, template(text, Place::Plain)?));
        }
        let check_url = settings.check_url.as_deref();
        Ok(Generic {
            codes: input.codes(),
            url: template(&settings.url, Place::Form)?,
            headers,
            body: template(&settings.body, place)?,
            check_url: check_url.map(|text| template(text, Place::Form)).transpose()?,
            secrets: input.secrets()?,
            settings,
        })
    }

    fn secret(&self, name: &str) -> String {
        let secret = match name {
            "username" => &self.secrets.username,
            "password" => &self.secrets.password,
            "token" => &self.secrets.token,
            _ => return String::new(),
        };
        secret.text().to_owned()
    }

    fn written_headers(&self, value: &dyn Fn(&str) -> String) -> Vec<(String, String)> {
        let written = self.headers.iter().map(|(name, text)| (name.clone(), text.write(value)));
        let mut headers: Vec<(String, String)> = written.collect();
        if self.settings.basic {
            headers.push(read::basic(self.secrets.username.text(), self.secrets.password.text()));
        }
        headers
    }

    /// The request that hands a message over.
    pub(super) fn request(&self, out: &Outgoing<'_>) -> Result<Request, CarrierError> {
        let value = |name: &str| match name {
            "to" => out.message.to.clone(),
            "to_digits" => read::digits(&out.message.to).to_owned(),
            "from" => out.from.to_owned(),
            "from_digits" => read::digits(out.from).to_owned(),
            "text" => out.message.text.clone(),
            "message" => out.message.id.to_string(),
            "callback" => self.callback_address(out.callback_url.unwrap_or_default()),
            "validity_seconds" => {
                out.validity.map(|validity| validity.as_secs().to_string()).unwrap_or_default()
            }
            name => self.secret(name),
        };
        let mut headers = self.written_headers(&value);
        let (method, body) = match self.settings.method {
            Method::Get => ("GET", Vec::new()),
            Method::Post => ("POST", self.body.write(&value).into_bytes()),
        };
        let content_type = match self.settings.format {
            Format::Json => "application/json",
            Format::Form => "application/x-www-form-urlencoded",
            Format::Xml => "text/xml; charset=utf-8",
            Format::Text => "text/plain; charset=utf-8",
        };
        if method == "POST" && read::header(&headers, "content-type").is_none() {
            headers.push(read::named("content-type", content_type));
        }
        Ok(Request { method, url: self.url.write(&value), headers, body })
    }

    fn callback_address(&self, url: &str) -> String {
        match self.settings.callback.verify {
            Verify::Secret
                if !url.is_empty() && !self.secrets.callback_secret.text().is_empty() =>
            {
                verify::with_secret(url, &self.secrets.callback_secret)
            }
            _ => url.to_owned(),
        }
    }

    /// What the body of an answer says.
    pub(super) fn said(&self, answer: &Answer<'_>) -> Said {
        let map = &self.settings.answer;
        if map.text_id {
            let text = String::from_utf8_lossy(answer.body).trim().to_owned();
            return if (200..300).contains(&answer.status) {
                Said::taken(Some(text).filter(|text| text.len() <= 200))
            } else {
                Said::wrong("", text)
            };
        }
        let body = read::json(answer.body);
        let get = |pointer: &str| {
            if pointer.is_empty() { String::new() } else { read::at(&body, pointer) }
        };
        let (status, code, text) = (get(&map.status), get(&map.error_code), get(&map.error_text));
        if !map.status.is_empty() && !status.is_empty() {
            if !map.ok.contains(&status) {
                let code = if code.is_empty() { status } else { code };
                return Said::wrong(code, text);
            }
        } else if !code.is_empty() || (!text.is_empty() && answer.status >= 300) {
            return Said::wrong(code, text);
        }
        Said::taken(read::some(&get(&map.id)))
    }

    /// What a callback tells.
    pub(super) fn callback(
        &self,
        gateway: &str,
        callback: &Callback<'_>,
        now: Timestamp,
    ) -> Result<Vec<GatewayEvent>, CallbackError> {
        if !self.is_verified(callback) {
            return Err(CallbackError::Forbidden);
        }
        let map = &self.settings.callback;
        let body = if matches!(callback.body.trim_ascii().first(), Some(b'{' | b'[')) {
            read::callback_json(callback)?
        } else {
            let pairs = read::parameters(callback).into_iter();
            Value::Object(pairs.map(|(name, value)| (name, Value::String(value))).collect())
        };
        let one = std::slice::from_ref(&body);
        let records = match body.pointer(&map.list) {
            Some(Value::Array(records)) => records.as_slice(),
            _ if map.list.is_empty() => one,
            _ => return Err(read::malformed(format!("there is no list at {:?}", map.list))),
        };
        let mut events = Vec::new();
        for record in records {
            let event = self.receipt(gateway, record, callback, now);
            match event.or_else(|| self.inbound(gateway, record, now)) {
                Some(event) => events.push(event),
                None => {
                    return Err(read::malformed(
                        "neither a receipt nor a text, as the settings say",
                    ));
                }
            }
        }
        Ok(events)
    }

    fn is_verified(&self, callback: &Callback<'_>) -> bool {
        let secret = &self.secrets.callback_secret;
        if secret.text().is_empty() {
            return false;
        }
        match &self.settings.callback.verify {
            Verify::Secret => verify::knows_secret(callback, secret),
            Verify::HmacSha256(header) => {
                let tag = read::header(callback.headers, header).unwrap_or_default();
                let tag = tag.strip_prefix("sha256=").unwrap_or(tag);
                verify::is_hmac_hex(verify::SHA256, secret, callback.body, tag)
                    || verify::is_hmac_base64(verify::SHA256, secret, callback.body, tag)
            }
        }
    }

    fn receipt(
        &self,
        gateway: &str,
        record: &Value,
        callback: &Callback<'_>,
        now: Timestamp,
    ) -> Option<GatewayEvent> {
        let map = &self.settings.callback.receipt;
        let get = |pointer: &str| {
            if pointer.is_empty() { String::new() } else { read::at(record, pointer) }
        };
        let said = get(&map.status);
        let is = |values: &[String]| values.iter().any(|value| value.eq_ignore_ascii_case(&said));
        let status = match () {
            () if said.is_empty() => return None,
            () if is(&map.delivered) => ReceiptStatus::Delivered,
            () if is(&map.undelivered) => ReceiptStatus::Undelivered,
            () if is(&map.expired) => ReceiptStatus::Expired,
            () if is(&map.failed) => ReceiptStatus::Failed,
            () if is(&map.accepted) => ReceiptStatus::Accepted,
            () => return None,
        };
        let (gateway_ref, message) = (get(&map.id), read::our_id(&get(&map.message), callback));
        if gateway_ref.is_empty() && message.is_none() {
            return None;
        }
        Some(GatewayEvent::Receipt(Receipt {
            to: read::some(&get(&map.to)),
            message,
            error: self.codes.receipt(&get(&map.error_code), &get(&map.error_text)),
            ..told::receipt(gateway, gateway_ref, status, read::instant(&get(&map.at), now))
        }))
    }

    fn inbound(&self, gateway: &str, record: &Value, now: Timestamp) -> Option<GatewayEvent> {
        let map = &self.settings.callback.inbound;
        let get = |pointer: &str| {
            if pointer.is_empty() { String::new() } else { read::at(record, pointer) }
        };
        let (from, number) = (get(&map.from), get(&map.to));
        if from.is_empty() || number.is_empty() {
            return None;
        }
        let urls = if map.media.is_empty() { &[] } else { read::list(record, &map.media) };
        let at = read::instant(&get(&map.at), now);
        Some(GatewayEvent::Inbound(Inbound {
            id: read::some(&get(&map.id)),
            text: get(&map.text),
            media: told::media_at(urls.iter().map(read::plain)),
            ..told::inbound(gateway, &from, number, at)
        }))
    }

    /// Reads `check_url`.
    pub(super) fn check(&self, _now: Timestamp) -> Option<Request> {
        let value = |name: &str| self.secret(name);
        let url = self.check_url.as_ref()?.write(&value);
        Some(Request::get(url, self.written_headers(&value)))
    }
}

/// Pointers begin with a slash, or are left out.
fn check_pointers(input: &Input<'_>, settings: &GenericSettings) -> Result<(), SettingsError> {
    let GenericSettings { answer, callback, .. } = settings;
    let CallbackMap { list, receipt, inbound, .. } = callback;
    let all = [
        &answer.id,
        &answer.error_code,
        &answer.error_text,
        &answer.status,
        list,
        &receipt.id,
        &receipt.message,
        &receipt.to,
        &receipt.status,
        &receipt.error_code,
        &receipt.error_text,
        &receipt.at,
        &inbound.id,
        &inbound.from,
        &inbound.to,
        &inbound.text,
        &inbound.media,
        &inbound.at,
    ];
    match all.into_iter().find(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
        Some(pointer) => {
            Err(input.bad(format!("{pointer:?} is no JSON pointer; write /{pointer}")))
        }
        None => Ok(()),
    }
}
