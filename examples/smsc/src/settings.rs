//! What can be set: at the start, and while it runs.
//!
//! Must never hold state: settings are values that are swapped whole.

use crate::broken::Misbehaviour;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Why a setting was refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// A share outside of 0 to 1.
    #[error("{0:?} is no share: give a number from 0 (never) to 1 (always)")]
    Share(String),
    /// Not `5` and not `5..20`.
    #[error("{0:?} is no delay: give milliseconds as 50 or as 10..80")]
    Delay(String),
}

/// A share of all cases, from 0 (never) to 1 (always).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(f64);

impl Share {
    /// In every case.
    pub const ALWAYS: Self = Self(1.0);
    /// In no case.
    pub const NEVER: Self = Self(0.0);

    /// The share as a fraction.
    #[must_use]
    pub fn fraction(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Share {
    type Error = SettingError;
    fn try_from(value: f64) -> Result<Self, SettingError> {
        if (0.0..=1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(SettingError::Share(value.to_string()))
        }
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> Self {
        share.0
    }
}

impl FromStr for Share {
    type Err = SettingError;
    fn from_str(text: &str) -> Result<Self, SettingError> {
        let value: f64 = text.parse().map_err(|_| SettingError::Share(text.to_owned()))?;
        Self::try_from(value)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A delay between two bounds, in milliseconds: `50` or `10..80`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Delay {
    from_ms: u64,
    to_ms: u64,
}

impl Delay {
    /// Between the two, whichever way they are given.
    #[must_use]
    pub fn between(from_ms: u64, to_ms: u64) -> Self {
        Self { from_ms: from_ms.min(to_ms), to_ms: from_ms.max(to_ms) }
    }

    /// The delay at a fraction (0..1) of the way.
    #[must_use]
    pub(crate) fn at(self, fraction: f64) -> Duration {
        let span = (self.to_ms - self.from_ms) as f64 * 1_000.0;
        Duration::from_micros(self.from_ms * 1_000 + (span * fraction) as u64)
    }
}

impl FromStr for Delay {
    type Err = SettingError;
    fn from_str(text: &str) -> Result<Self, SettingError> {
        let wrong = || SettingError::Delay(text.to_owned());
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        let (from, to) = (number(from)?, number(to)?);
        if from > to || to > 86_400_000 { Err(wrong()) } else { Ok(Self::between(from, to)) }
    }
}

impl TryFrom<String> for Delay {
    type Error = SettingError;
    fn try_from(text: String) -> Result<Self, SettingError> {
        text.parse()
    }
}

impl From<Delay> for String {
    fn from(delay: Delay) -> Self {
        delay.to_string()
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from_ms == self.to_ms {
            write!(formatter, "{}", self.from_ms)
        } else {
            write!(formatter, "{}..{}", self.from_ms, self.to_ms)
        }
    }
}

/// How a message id is written in the response and in the receipt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdForm {
    /// Decimal in both.
    #[default]
    Decimal,
    /// Lower-case hexadecimal in both.
    Hex,
    /// Decimal in the response, hexadecimal in the receipt.
    DecimalThenHex,
    /// Hexadecimal in the response, decimal in the receipt.
    HexThenDecimal,
    /// Decimal in both, the receipt padded with zeros to 20 digits.
    LeadingZeros,
    /// Lower-case hexadecimal in the response, upper-case in the receipt.
    UpperHex,
    /// Upper-case hexadecimal of 8 or more digits in the response, decimal of 10 or more in the receipt.
    PaddedHexThenDecimal,
}

/// How a receipt is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReceiptForm {
    /// The text of appendix B of SMPP 3.4 in a deliver_sm.
    #[default]
    Standard,
    /// Only `id:` and `stat:`.
    Missing,
    /// All fields, the id last, words in capitals.
    Reordered,
    /// An empty text; receipted_message_id and message_state as TLVs.
    Tlv,
    /// The text and the TLVs.
    Both,
    /// A data_sm with TLVs.
    DataSm,
}

/// All that can be set at the start.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// Where SMPP is served; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:2775")]
    pub smpp: SocketAddr,
    /// Where HTTP is served (Twilio's shape and /control); port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8775")]
    pub http: SocketAddr,
    /// The seed of every decision
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The first message id given
    #[arg(long, default_value_t = FIRST_ID)]
    pub first_id: u64,
    /// One line of JSON per submit is appended here before it is answered
    #[arg(long)]
    pub journal: Option<PathBuf>,
    /// Certificate chain (PEM): SMPP is then served over TLS
    #[arg(long, requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,
    /// Private key (PEM) of the certificate
    #[arg(long, requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,
    /// What can also be changed while it runs.
    #[command(flatten)]
    pub behaviour: Behaviour,
}

/// Large enough that a decimal id never reads as its own hexadecimal form.
const FIRST_ID: u64 = 1_000_000_001;

impl Default for Settings {
    /// Free ports on loopback, the default behaviour: what a test wants.
    fn default() -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            smpp: free,
            http: free,
            seed: 1,
            first_id: FIRST_ID,
            journal: None,
            tls_certificate: None,
            tls_key: None,
            behaviour: Behaviour::default(),
        }
    }
}

/// How the carrier behaves. Each field can be changed while it runs (`PUT /control`).
#[derive(Clone, Debug, PartialEq, clap::Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// Who may bind; `*` lets every system_id in
    #[arg(long, default_value = "wayline")]
    pub system_id: String,
    /// The password of a bind; `*` lets every password in
    #[arg(long, default_value = "secret")]
    pub password: String,
    /// Binds allowed per system_id; 0 is no limit
    #[arg(long, default_value_t)]
    pub binds_max: u32,
    /// The account of the HTTP endpoint
    #[arg(long, default_value = ACCOUNT_SID)]
    pub account_sid: String,
    /// The secret of the HTTP endpoint: basic auth, and the key of signatures
    #[arg(long, default_value = "secret")]
    pub auth_token: String,
    /// Where texts of people are posted to; empty is nowhere
    #[arg(long, default_value = "")]
    pub inbound_url: String,

    /// Submits that may wait for an answer on one bind; 0 is no limit
    #[arg(long, default_value_t)]
    pub window: u32,
    /// The command_status above the window (88 is ESME_RTHROTTLED)
    #[arg(long, default_value_t = 0x58)]
    pub window_status: u32,
    /// Milliseconds until a response: 50 or 10..80
    #[arg(long, default_value_t)]
    pub latency_ms: Delay,
    /// Submits per second and system_id before ESME_RTHROTTLED; 0 is no limit
    #[arg(long, default_value_t)]
    pub throughput_per_second: u32,
    /// Submits the token bucket holds; 0 is one second's worth
    #[arg(long, default_value_t)]
    pub burst: u32,
    /// Share answered with ESME_RMSGQFUL
    #[arg(long, default_value_t)]
    pub queue_full: Share,

    /// Share of submits never answered
    #[arg(long, default_value_t)]
    pub lost: Share,
    /// Share of the lost and the dropped that went out all the same
    #[arg(long, default_value_t)]
    pub lost_went: Share,
    /// Share of submits after which the connection is cut instead of an answer
    #[arg(long, default_value_t)]
    pub dropped: Share,

    /// Share of receipts that come twice
    #[arg(long, default_value_t)]
    pub duplicate_receipts: Share,
    /// Share of texts that are not delivered
    #[arg(long, default_value_t)]
    pub undelivered: Share,
    /// Share of texts without a receipt
    #[arg(long, default_value_t)]
    pub no_receipt: Share,
    /// Milliseconds from the response to the receipt
    #[arg(long, default_value_t)]
    pub receipt_delay_ms: Delay,
    /// Share of receipts that come before the response
    #[arg(long, default_value_t)]
    pub receipt_before_response: Share,
    /// How ids are written
    #[arg(long, value_enum, default_value_t)]
    pub id_form: IdForm,
    /// How receipts are written
    #[arg(long, value_enum, default_value_t)]
    pub receipt_form: ReceiptForm,
    /// Receipts and texts that may wait for an acknowledgement on one bind; 0 is no limit
    #[arg(long, default_value_t = 1_000)]
    pub deliver_window: u32,
    /// Milliseconds between enquire_links of the carrier; 0 sends none
    #[arg(long, default_value_t)]
    pub enquire_ms: u64,

    /// A misbehaviour after a submit (README.md lists them)
    #[arg(long, value_enum)]
    pub on_submit: Option<Misbehaviour>,
    /// Share of submits after which it misbehaves
    #[arg(long, default_value_t = Share::ALWAYS)]
    pub on_submit_share: Share,
    /// A misbehaviour at a bind
    #[arg(long, value_enum)]
    pub on_bind: Option<Misbehaviour>,

    /// People read the delivered texts and may answer
    #[arg(long)]
    pub people: bool,
    /// Share of people who reply
    #[arg(long, default_value_t = Share(0.2))]
    pub replies: Share,
    /// Share of people who write STOP
    #[arg(long, default_value_t = Share(0.02))]
    pub stops: Share,
    /// Milliseconds from the delivery to the reply
    #[arg(long, default_value_t = Delay::between(500, 5_000))]
    pub reply_delay_ms: Delay,
    /// What people write (may be given several times)
    #[arg(long = "reply-text", default_values = REPLY_TEXTS)]
    pub reply_texts: Vec<String>,
}

const ACCOUNT_SID: &str = "AC00000000000000000000000000000001";
const REPLY_TEXTS: [&str; 4] = ["Yes", "no thanks", "What time do you open?", "Ok 👍"];

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            system_id: "wayline".to_owned(),
            password: "secret".to_owned(),
            binds_max: 0,
            account_sid: ACCOUNT_SID.to_owned(),
            auth_token: "secret".to_owned(),
            inbound_url: String::new(),
            window: 0,
            window_status: 0x58,
            latency_ms: Delay::default(),
            throughput_per_second: 0,
            burst: 0,
            queue_full: Share::NEVER,
            lost: Share::NEVER,
            lost_went: Share::NEVER,
            dropped: Share::NEVER,
            duplicate_receipts: Share::NEVER,
            undelivered: Share::NEVER,
            no_receipt: Share::NEVER,
            receipt_delay_ms: Delay::default(),
            receipt_before_response: Share::NEVER,
            id_form: IdForm::default(),
            receipt_form: ReceiptForm::default(),
            deliver_window: 1_000,
            enquire_ms: 0,
            on_submit: None,
            on_submit_share: Share::ALWAYS,
            on_bind: None,
            people: false,
            replies: Share(0.2),
            stops: Share(0.02),
            reply_delay_ms: Delay::between(500, 5_000),
            reply_texts: REPLY_TEXTS.map(str::to_owned).to_vec(),
        }
    }
}

impl Behaviour {
    /// This behaviour with the named fields replaced.
    ///
    /// # Errors
    /// When a name is unknown or a value does not fit it.
    pub fn with(
        &self,
        changes: serde_json::Map<String, serde_json::Value>,
    ) -> serde_json::Result<Self> {
        let mut whole = serde_json::to_value(self)?;
        if let Some(fields) = whole.as_object_mut() {
            fields.extend(changes);
        }
        serde_json::from_value(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use serde_json::json;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    #[test]
    fn the_command_line_and_the_library_have_the_same_defaults() {
        let line = Line::parse_from(["wayline-smsc"]);
        assert_eq!(line.settings.behaviour, Behaviour::default());
        assert_eq!(line.settings.first_id, Settings::default().first_id);
        assert_eq!(line.settings.seed, Settings::default().seed);
    }

    #[test]
    fn a_change_names_fields_and_is_checked() {
        let change = |value: serde_json::Value| {
            Behaviour::default().with(value.as_object().cloned().unwrap_or_default())
        };
        let changed = change(json!({"window": 5, "latency_ms": "10..80", "lost": 0.5})).unwrap();
        assert_eq!((changed.window, changed.latency_ms), (5, Delay::between(10, 80)));
        assert!(change(json!({"windw": 5})).is_err());
        assert!(change(json!({"lost": 1.5})).is_err());
        assert!(change(json!({"latency_ms": "80..10"})).is_err());
    }
}
