//! Tests of the HTTP gateways on the shapes that the providers' public documents show.

mod answers;
mod events;
mod generic;
mod look_ups;
mod parts;
mod requests;
mod settings;
mod signatures;
mod strangers;

use super::*;
use serde_json::{Value, json};
use wayline_core::consent::Channel;
use wayline_core::decision::Reason;
use wayline_core::ids::{ContactId, EnrollmentId, JourneyId, MessageId, WorkspaceId};
use wayline_core::message::MessageState;
use wayline_core::policy::settings::Purpose;

/// The message of all tests: `m-7-2-1`.
pub(super) fn message(text: &str) -> Message {
    Message {
        id: MessageId { enrollment: EnrollmentId(7), step: 2, visit: 1 },
        workspace: WorkspaceId(1),
        contact: ContactId(1),
        journey: JourneyId(1),
        version: 1,
        step: "hello".to_owned(),
        variant: String::new(),
        purpose: Purpose::Marketing,
        channel: Channel::Sms,
        sender: "main".to_owned(),
        gateway: "g".to_owned(),
        to: "+14155550199".to_owned(),
        state: MessageState::Submitting,
        reason: Reason::EntryMatched,
        intended_at: Timestamp(0),
        due_at: Timestamp(0),
        handed_out_at: None,
        attempts: 1,
        run: 1,
        parts: 1,
        text: text.to_owned(),
        gateway_ref: None,
        error: String::new(),
        tried: Vec::new(),
        put_off: 0,
    }
}

/// Settings and secrets that every kind accepts.
pub(super) fn inputs(kind: &str) -> (Value, Secrets) {
    let settings = match kind {
        "twilio" => json!({ "account_sid": "AC123" }),
        "telnyx" => json!({ "public_key": TELNYX_KEY }),
        "vonage" => json!({ "api_key": "abcd1234" }),
        "plivo" => json!({ "auth_id": "MA123" }),
        "sinch" => json!({ "service_plan_id": "plan1" }),
        "infobip" => json!({ "base_url": "https://x1.api.infobip.com" }),
        "bandwidth" => {
            json!({ "account_id": "900", "application_id": "app", "username": "user" })
        }
        "messagebird" => json!({}),
        "aws" => {
            json!({ "region": "us-east-1", "access_key_id": "AKIDEXAMPLE", "configuration_set": "set" })
        }
        _ => generic::settings(),
    };
    let secrets: &[(&str, &str)] = match kind {
        "twilio" => &[("auth_token", "twilio-token")],
        "telnyx" => &[("api_key", "KEYtelnyx")],
        "vonage" => &[("api_secret", "vonage-secret"), ("signature_secret", "vonage-signing")],
        "plivo" => &[("auth_token", "plivo-token")],
        "sinch" => &[("api_token", "sinch-token"), ("callback_secret", SECRET)],
        "infobip" => &[("api_key", "infobip-key"), ("callback_secret", SECRET)],
        "bandwidth" => &[("password", "bandwidth-password"), ("callback_secret", SECRET)],
        "messagebird" => &[("access_key", "bird-key"), ("signing_key", BIRD_KEY)],
        "aws" => &[("secret_access_key", "aws-secret"), ("callback_secret", SECRET)],
        _ => &[("token", "generic-token"), ("callback_secret", SECRET)],
    };
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    (settings, secrets.iter().map(own).collect())
}

/// The public half of the Ed25519 key 00 01 02 … 1f.
pub(super) const TELNYX_KEY: &str = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
/// The secret in callback URLs.
pub(super) const SECRET: &str = "a-long-secret";
/// The signing key of MessageBird's published example.
pub(super) const BIRD_KEY: &str =
    "36efdd1aace2e26cd490f0d951138253bef2f7c6d34d18981da781555cc4cebb";

/// A provider of that kind.
pub(super) fn provider(kind: &str) -> HttpProvider {
    let (settings, secrets) = inputs(kind);
    HttpProvider::new(kind, settings, &secrets, BTreeMap::new()).expect("settings are right")
}

/// All of them.
pub(super) fn providers() -> Vec<HttpProvider> {
    HttpProvider::KINDS.iter().map(|kind| provider(kind.name)).collect()
}

/// When tests happen.
pub(super) fn now() -> Timestamp {
    Timestamp::parse("2026-11-25T12:00:00Z").expect("an instant")
}

/// An answer without headers.
pub(super) fn answer(status: u16, body: &[u8]) -> Answer<'_> {
    Answer { status, headers: &[], body }
}

/// A callback that needs no signature but the secret.
pub(super) fn with_secret(body: &[u8]) -> Callback<'_> {
    Callback {
        method: "POST",
        url: "https://wayline.example/hooks/g?secret=a-long-secret",
        path_tail: "",
        query: "secret=a-long-secret",
        headers: &[],
        body,
    }
}
