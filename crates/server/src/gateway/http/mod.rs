//! Gateways that speak HTTP: what to ask a provider, and how to read what it says.
//!
//! Pure: each provider turns a message into a request, an answer into an outcome, a callback into events.
//! Must never do I/O, read a clock, follow a redirect, or let a secret into a `Debug`.

mod aws;
mod bandwidth;
mod generic;
mod infobip;
mod listed;
mod messagebird;
mod outcome;
mod plivo;
mod read;
mod settings;
mod sigv4;
mod sinch;
mod telnyx;
mod template;
#[cfg(test)]
mod tests;
mod told;
mod twilio;
mod verify;
mod vonage;

pub(crate) use settings::{Field, Kind, Secrets, SettingsError};

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use wayline_core::carrier::{CarrierError, ErrorClass};
use wayline_core::event::SubmitOutcome;
use wayline_core::message::Message;
use wayline_core::policy::settings::SenderKind;
use wayline_core::time::Timestamp;
use wayline_pipeline::gateway::{GatewayEvent, LookedUp};

/// A message on its way out.
pub(crate) struct Outgoing<'a> {
    /// The message, with the text as rendered.
    pub(crate) message: &'a Message,
    /// Number or name it comes from.
    pub(crate) from: &'a str,
    /// What that is.
    pub(crate) sender_kind: SenderKind,
    /// Where receipts go; its last path segment is our message id, see [`callback_url`].
    pub(crate) callback_url: Option<&'a str>,
    /// How long the carrier may try.
    pub(crate) validity: Option<Duration>,
    /// When it is handed over.
    pub(crate) now: Timestamp,
}

/// What to ask a provider.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// `GET` or `POST`.
    pub(crate) method: &'static str,
    /// Whole URL.
    pub(crate) url: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// Body.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Asks for something.
    fn get(url: String, headers: Vec<(String, String)>) -> Request {
        Request { method: "GET", url, headers, body: Vec::new() }
    }

    /// Posts JSON.
    fn json(url: String, authorization: (String, String), body: &serde_json::Value) -> Request {
        let headers = vec![authorization, read::json_type()];
        Request { method: "POST", url, headers, body: body.to_string().into_bytes() }
    }

    /// Posts a form.
    fn form(url: String, authorization: (String, String), form: String) -> Request {
        let kind = read::named("content-type", "application/x-www-form-urlencoded");
        Request { method: "POST", url, headers: vec![authorization, kind], body: form.into_bytes() }
    }
}

impl fmt::Debug for Request {
    /// Headers, query and body may hold secrets: only names and lengths are shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.split(['?', '#']).next().unwrap_or_default();
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &url)
            .field("headers", &headers)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// What a provider answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    /// Status code.
    pub(crate) status: u16,
    /// As received.
    pub(crate) headers: &'a [(String, String)],
    /// As received, unpacked.
    pub(crate) body: &'a [u8],
}

/// A provider calls us.
#[derive(Clone, Copy)]
pub(crate) struct Callback<'a> {
    /// `GET` or `POST`.
    pub(crate) method: &'a str,
    /// The public URL as the provider called it, query included: signatures are over it.
    pub(crate) url: &'a str,
    /// Path after the gateway's own part.
    pub(crate) path_tail: &'a str,
    /// Query as received.
    pub(crate) query: &'a str,
    /// As received.
    pub(crate) headers: &'a [(String, String)],
    /// As received.
    pub(crate) body: &'a [u8],
}

/// Why a callback tells nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallbackError {
    /// Not from the provider, as far as we can tell. Answer 403.
    #[error("the callback is not signed as the provider signs it; check the secret of the gateway")]
    Forbidden,
    /// From the provider, and unreadable. Answer 400.
    #[error("the callback cannot be read: {what}")]
    Malformed {
        /// What is wrong.
        what: String,
    },
    /// It could not be stored. Answer 503.
    #[error("what it tells could not be stored; send it again")]
    NotStored,
    /// The provider wants to know whether we want callbacks at all. Answer 200 and tell the operator.
    #[error("the provider asks for a confirmation; open {url} once")]
    Confirm {
        /// What to open.
        url: String,
    },
}

/// What to answer a provider's callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallbackAnswer {
    /// Status code.
    pub(crate) status: u16,
    /// Media type; empty: no body.
    pub(crate) content_type: &'static str,
    /// Body.
    pub(crate) body: &'static str,
}

impl CallbackAnswer {
    /// 200 without a body.
    const OK: CallbackAnswer = CallbackAnswer { status: 200, content_type: "", body: "" };
}

/// Where receipts of a message go: the gateway's callback URL with our message id as last segment.
pub(crate) fn callback_url(base: &str, message: &Message) -> String {
    format!("{}/{}", base.trim_end_matches('/'), message.id)
}

/// A provider with its settings and secrets.
#[derive(Clone, Debug)]
pub(crate) enum HttpProvider {
    /// twilio.com
    Twilio(twilio::Twilio),
    /// telnyx.com
    Telnyx(telnyx::Telnyx),
    /// vonage.com
    Vonage(vonage::Vonage),
    /// plivo.com
    Plivo(plivo::Plivo),
    /// sinch.com
    Sinch(sinch::Sinch),
    /// infobip.com
    Infobip(infobip::Infobip),
    /// bandwidth.com
    Bandwidth(bandwidth::Bandwidth),
    /// bird.com, once messagebird.com
    MessageBird(messagebird::MessageBird),
    /// AWS End User Messaging
    Aws(aws::Aws),
    /// Described by its settings.
    Generic(Box<generic::Generic>),
}

/// Calls the same function of whichever provider it is.
macro_rules! each {
    ($provider:expr, $it:ident => $call:expr) => {
        match $provider {
            HttpProvider::Twilio($it) => $call,
            HttpProvider::Telnyx($it) => $call,
            HttpProvider::Vonage($it) => $call,
            HttpProvider::Plivo($it) => $call,
            HttpProvider::Sinch($it) => $call,
            HttpProvider::Infobip($it) => $call,
            HttpProvider::Bandwidth($it) => $call,
            HttpProvider::MessageBird($it) => $call,
            HttpProvider::Aws($it) => $call,
            HttpProvider::Generic($it) => $call,
        }
    };
}

impl HttpProvider {
    /// All kinds with their settings and secrets, as API and documents show them.
    pub(crate) const KINDS: [&'static Kind; 10] = [
        &twilio::KIND,
        &telnyx::KIND,
        &vonage::KIND,
        &plivo::KIND,
        &sinch::KIND,
        &infobip::KIND,
        &bandwidth::KIND,
        &messagebird::KIND,
        &aws::KIND,
        &generic::KIND,
    ];

    /// Reads settings and secrets of a gateway of this kind. `classes`: the gateway's own view of some codes.
    ///
    /// # Errors
    /// When the kind, a setting or a secret is unknown, missing or of the wrong form.
    pub(crate) fn new(
        kind: &str,
        settings: serde_json::Value,
        secrets: &Secrets,
        classes: BTreeMap<String, ErrorClass>,
    ) -> Result<HttpProvider, SettingsError> {
        let known = HttpProvider::KINDS.into_iter().find(|known| known.name == kind);
        let known = known.ok_or_else(|| SettingsError::UnknownKind { kind: kind.to_owned() })?;
        let input = settings::Input { kind: known, settings, secrets, classes };
        input.check_names()?;
        Ok(match kind {
            "twilio" => HttpProvider::Twilio(twilio::Twilio::new(input)?),
            "telnyx" => HttpProvider::Telnyx(telnyx::Telnyx::new(input)?),
            "vonage" => HttpProvider::Vonage(vonage::Vonage::new(input)?),
            "plivo" => HttpProvider::Plivo(plivo::Plivo::new(input)?),
            "sinch" => HttpProvider::Sinch(sinch::Sinch::new(input)?),
            "infobip" => HttpProvider::Infobip(infobip::Infobip::new(input)?),
            "bandwidth" => HttpProvider::Bandwidth(bandwidth::Bandwidth::new(input)?),
            "messagebird" => HttpProvider::MessageBird(messagebird::MessageBird::new(input)?),
            "aws" => HttpProvider::Aws(aws::Aws::new(input)?),
            _ => HttpProvider::Generic(Box::new(generic::Generic::new(input)?)),
        })
    }

    /// What it is.
    pub(crate) fn kind(&self) -> &'static Kind {
        each!(self, it => it.codes.kind)
    }

    /// What to ask the provider to hand the message over.
    ///
    /// # Errors
    /// When the provider cannot take such a message at all.
    pub(crate) fn request(&self, out: &Outgoing<'_>) -> Result<Request, CarrierError> {
        each!(self, it => it.request(out))
    }

    /// What the answer to that means. Never guesses: what is neither a clear yes nor a clear no is
    /// [`SubmitOutcome::Unknown`].
    pub(crate) fn answer(&self, answer: &Answer<'_>) -> SubmitOutcome {
        each!(self, it => it.codes.outcome(answer, &|answer| it.said(answer)))
    }

    /// What a callback tells, after its signature was verified.
    ///
    /// # Errors
    /// When it is not from the provider, or unreadable.
    pub(crate) fn callback(
        &self,
        gateway: &str,
        callback: &Callback<'_>,
        now: Timestamp,
    ) -> Result<Vec<GatewayEvent>, CallbackError> {
        each!(self, it => it.callback(gateway, callback, now))
    }

    /// What to answer the provider when its callback was taken.
    pub(crate) fn callback_answer(&self) -> CallbackAnswer {
        match self {
            // Without TwiML Twilio would send the body, or an error, to the person.
            HttpProvider::Twilio(_) => CallbackAnswer {
                status: 200,
                content_type: "text/xml",
                body: "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response></Response>",
            },
            _ => CallbackAnswer::OK,
        }
    }

    /// Whether the provider can be asked what was sent to a number.
    pub(crate) fn looks_up(&self) -> bool {
        matches!(self, HttpProvider::Twilio(_))
    }

    /// What to ask the provider to find a message whose answer was lost; `None`: it cannot be asked.
    pub(crate) fn look_up(&self, message: &Message, from: &str) -> Option<Request> {
        match self {
            HttpProvider::Twilio(it) => it.look_up(message, from),
            _ => None,
        }
    }

    /// What the answer to [`HttpProvider::look_up`] says of the message.
    pub(crate) fn looked_up(&self, message: &Message, from: &str, answer: &Answer<'_>) -> LookedUp {
        // An error in the list is one of a message in it, not of the question.
        if !(200..300).contains(&answer.status) {
            return match self.check_answer(answer) {
                Err(error) => LookedUp::Failed(error.line()),
                Ok(()) => LookedUp::Failed(format!("HTTP {}", answer.status)),
            };
        }
        match self {
            HttpProvider::Twilio(it) => listed::only(message, from, it.listed(answer)),
            _ => LookedUp::NotThere,
        }
    }

    /// A harmless request that only somebody with the right secrets may make; `None`: there is none.
    pub(crate) fn check(&self, now: Timestamp) -> Option<Request> {
        each!(self, it => it.check(now))
    }

    /// Whether the answer to [`HttpProvider::check`] says that the secrets are right.
    ///
    /// # Errors
    /// What the provider said instead.
    pub(crate) fn check_answer(&self, answer: &Answer<'_>) -> Result<(), CarrierError> {
        match self {
            // What answers a check there is nobody's to know: its status alone counts.
            HttpProvider::Generic(it) => it.codes.checked(answer, &|_| outcome::Said::Nothing),
            it => each!(it, it => it.codes.checked(answer, &|answer| it.said(answer))),
        }
    }
}
