//! AWS End User Messaging SMS (`PinpointSMSVoiceV2`), with events that Amazon SNS delivers.
//!
//! <https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html>,
//! <https://docs.aws.amazon.com/sms-voice/latest/userguide/configuration-sets-event-format.html>.
//! Our id goes along in `Context` and comes back in events. SNS signs with a certificate that would have to be
//! fetched; instead the operator puts a secret into the URL of the subscription (`?secret=…`), which only the
//! topic knows. Events need a configuration set with an SNS destination; `callback_url` is not sent.
//! What the kinds of failed events mean for the number: [mem].
//! Must never take a callback without the secret.

use super::outcome::{Codes, Said};
use super::settings::{Field, Input, Kind, Secret, SettingsError};
use super::sigv4::Scope;
use super::{Answer, Callback, CallbackError, Outgoing, Request, read, told, verify};
use serde::Deserialize;
use serde_json::{Value, json};
use wayline_core::carrier::CarrierError;
use wayline_core::event::ReceiptStatus;
use wayline_core::policy::settings::Purpose;
use wayline_core::time::Timestamp;
use wayline_pipeline::gateway::{GatewayEvent, Inbound, Receipt};

/// What API and documents say of it.
pub(super) const KIND: Kind = Kind {
    name: "aws",
    title: "AWS End User Messaging SMS",
    settings: &[
        Field::required("region", "Region, like us-east-1"),
        Field::required(
            "access_key_id",
            "Id of an access key that may call sms-voice:SendTextMessage",
        ),
        Field::optional("configuration_set", "Configuration set whose events go to an SNS topic"),
        Field::optional(
            "base_url",
            "Another address of the API; default https://sms-voice.{region}.amazonaws.com",
        ),
    ],
    secrets: &[
        Field::required("secret_access_key", "Secret of the access key"),
        Field::required(
            "callback_secret",
            "Any long text of yours: ?secret=… of the URL that the SNS topic calls",
        ),
    ],
    echo: "Context.wayline_message",
    verified_by: "a secret in the URL of the SNS subscription",
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AwsSettings {
    region: String,
    access_key_id: String,
    configuration_set: Option<String>,
    base_url: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AwsSecrets {
    secret_access_key: Secret,
    callback_secret: Secret,
}

/// AWS End User Messaging.
#[derive(Clone, Debug)]
pub(crate) struct Aws {
    /// Its codes.
    pub(super) codes: Codes,
    base: String,
    settings: AwsSettings,
    secrets: AwsSecrets,
}

/// Shortest and longest `TimeToLive` it takes, in seconds.
const TTL_SECONDS: (u64, u64) = (5, 259_200);
/// Key of our id in `Context`.
const CONTEXT_KEY: &str = "wayline_message";

impl Aws {
    /// Reads settings and secrets.
    pub(super) fn new(input: Input<'_>) -> Result<Aws, SettingsError> {
        let settings: AwsSettings = input.settings()?;
        let region = input.name("region", &settings.region)?;
        input.name("access_key_id", &settings.access_key_id)?;
        let default = format!("https://sms-voice.{region}.amazonaws.com");
        let base = input.base(settings.base_url.as_deref(), &default)?;
        if base.matches('/').count() > 2 {
            return Err(input.bad("base_url must have no path here".to_owned()));
        }
        Ok(Aws { codes: input.codes(), base, secrets: input.secrets()?, settings })
    }

    fn call(&self, operation: &str, body: &Value, now: Timestamp) -> Request {
        let body = body.to_string().into_bytes();
        let host = self.base.split_once("://").map_or("", |(_, host)| host);
        let headers = vec![
            read::named("content-type", "application/x-amz-json-1.0"),
            read::named("host", host),
            read::named("x-amz-target", format!("PinpointSMSVoiceV2.{operation}")),
        ];
        let scope = Scope {
            key_id: &self.settings.access_key_id,
            secret: &self.secrets.secret_access_key,
            region: &self.settings.region,
            service: "sms-voice",
        };
        let headers = scope.sign(headers, &body, now);
        Request { method: "POST", url: format!("{}/", self.base), headers, body }
    }

    /// The request that hands a message over.
    pub(super) fn request(&self, out: &Outgoing<'_>) -> Result<Request, CarrierError> {
        let message = out.message;
        let kind = match message.purpose {
            Purpose::Marketing => "PROMOTIONAL",
            _ => "TRANSACTIONAL",
        };
        let mut body = json!({
            "DestinationPhoneNumber": message.to,
            "OriginationIdentity": out.from,
            "MessageBody": message.text,
            "MessageType": kind,
            "Context": { CONTEXT_KEY: message.id.to_string() },
        });
        if let Some(set) = &self.settings.configuration_set {
            body["ConfigurationSetName"] = json!(set);
        }
        if let Some(validity) = out.validity {
            body["TimeToLive"] = json!(validity.as_secs().clamp(TTL_SECONDS.0, TTL_SECONDS.1));
        }
        Ok(self.call("SendTextMessage", &body, out.now))
    }

    /// What the body of an answer says.
    pub(super) fn said(&self, answer: &Answer<'_>) -> Said {
        let body = read::json(answer.body);
        // {"__type": "com.amazonaws…#ConflictException", "Message": "…", "Reason": "…"}
        let kind = read::at(&body, "/__type");
        if !kind.is_empty() {
            let kind = kind.rsplit('#').next().unwrap_or_default().to_owned();
            let reason = read::at(&body, "/Reason");
            let text = match read::at(&body, "/Message") {
                text if text.is_empty() => read::at(&body, "/message"),
                text => text,
            };
            return Said::wrong(if reason.is_empty() { kind } else { reason }, text);
        }
        Said::taken(read::some(&read::at(&body, "/MessageId")))
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
        let envelope = read::callback_json(callback)?;
        let event = match read::at(&envelope, "/Type").as_str() {
            "SubscriptionConfirmation" => {
                let url = read::at(&envelope, "/SubscribeURL");
                // Somebody is asked to open it: only Amazon's own addresses are passed on.
                return Err(if is_of_sns(&url) {
                    CallbackError::Confirm { url }
                } else {
                    read::malformed("SubscribeURL is not an address of Amazon SNS")
                });
            }
            "UnsubscribeConfirmation" => return Ok(Vec::new()),
            "Notification" => serde_json::from_str(&read::at(&envelope, "/Message"))
                .map_err(|error| read::malformed(format!("Message is no JSON: {error}")))?,
            // Raw delivery: the event itself.
            _ => envelope,
        };
        if event.pointer("/inboundMessageId").is_some() {
            return inbound(gateway, &event, now).map(|event| vec![event]);
        }
        let kind = read::at(&event, "/eventType");
        let Some(kind) = kind.strip_prefix("TEXT_").or_else(|| kind.strip_prefix("MEDIA_")) else {
            return Ok(Vec::new());
        };
        self.receipt(gateway, kind, &event, callback, now).map(|event| vec![event])
    }

    fn receipt(
        &self,
        gateway: &str,
        kind: &str,
        event: &Value,
        callback: &Callback<'_>,
        now: Timestamp,
    ) -> Result<GatewayEvent, CallbackError> {
        let id = read::at(event, "/messageId");
        if id.is_empty() {
            return Err(read::malformed("messageId is missing"));
        }
        let status = match kind {
            // SUCCESSFUL: a carrier took it. UNKNOWN: nobody ever said.
            "QUEUED" | "PENDING" | "SENT" | "SUCCESSFUL" | "UNKNOWN" => ReceiptStatus::Accepted,
            "DELIVERED" | "READ" => ReceiptStatus::Delivered,
            "TTL_EXPIRED" => ReceiptStatus::Expired,
            "BLOCKED" | "INVALID" | "INVALID_MESSAGE" | "SPAM" | "PROTECT_BLOCKED" => {
                ReceiptStatus::Failed
            }
            _ => ReceiptStatus::Undelivered,
        };
        let good = matches!(status, ReceiptStatus::Accepted | ReceiptStatus::Delivered);
        let text = read::at(event, "/messageStatusDescription");
        let error = (!good).then(|| {
            let code = format!("TEXT_{kind}");
            self.codes.error(&code, &text, wayline_core::carrier::ErrorClass::BadRequest)
        });
        let echoed = read::at(event, &format!("/context/{CONTEXT_KEY}"));
        let at = read::instant(&read::at(event, "/eventTimestamp"), now);
        Ok(GatewayEvent::Receipt(Receipt {
            to: read::some(&read::at(event, "/destinationPhoneNumber")),
            message: read::our_id(&echoed, callback),
            error,
            ..told::receipt(gateway, id, status, at)
        }))
    }

    /// Reads the attributes of the account.
    pub(super) fn check(&self, now: Timestamp) -> Option<Request> {
        Some(self.call("DescribeAccountAttributes", &json!({}), now))
    }
}

/// Whether a URL is of Amazon SNS.
fn is_of_sns(url: &str) -> bool {
    let host = url.strip_prefix("https://").and_then(|rest| rest.split('/').next());
    host.is_some_and(|host| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        host.starts_with("sns.")
            && (host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn"))
            && host.chars().all(fits)
    })
}

fn inbound(gateway: &str, event: &Value, now: Timestamp) -> Result<GatewayEvent, CallbackError> {
    let (from, number) =
        (read::at(event, "/originationNumber"), read::at(event, "/destinationNumber"));
    if from.is_empty() || number.is_empty() {
        return Err(read::malformed("originationNumber or destinationNumber is missing"));
    }
    Ok(GatewayEvent::Inbound(Inbound {
        id: read::some(&read::at(event, "/inboundMessageId")),
        text: read::at(event, "/messageBody"),
        ..told::inbound(gateway, &from, number, now)
    }))
}
