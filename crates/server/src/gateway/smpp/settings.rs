//! Settings of an SMPP gateway, as people write them.
//!
//! Must never hold the password: that is a secret of its own.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use wayline_smpp::{BindMode, Concatenation, IdBase, SessionConfig};

/// How an account binds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Binds {
    /// Each connection sends and receives.
    #[default]
    Transceiver,
    /// Each connection sends, and one more receives.
    TransmitterReceiver,
}

/// What the carrier calls 7-bit text: how bytes stand for letters where `data_coding` is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DefaultAlphabet {
    /// The GSM alphabet, one septet a byte.
    #[default]
    Gsm7,
    /// Latin-1.
    Latin1,
}

/// How parts of a long text say that they belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Joining {
    /// A header with a reference of 8 bits.
    #[default]
    Udh8,
    /// A header with a reference of 16 bits.
    Udh16,
    /// Parameters of SMPP; the carrier makes the header.
    Sar,
    /// The whole text in one parameter; the carrier cuts it.
    Payload,
}

/// What the carrier does to its ids between answer and receipt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReceiptIds {
    /// It is not known: each reading is tried, and the number decides.
    #[default]
    Any,
    /// Nothing, but for case and leading zeros.
    Same,
    /// Hexadecimal in the answer, decimal in the receipt.
    AnswerHex,
    /// Decimal in the answer, hexadecimal in the receipt.
    ReceiptHex,
}

/// An SMPP gateway. What is absent has the value that two well-known gateways use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SmppSettings {
    /// Name or address of the carrier.
    pub(crate) host: String,
    /// Its port.
    #[serde(default = "port")]
    pub(crate) port: u16,
    /// Whether the connection is encrypted.
    #[serde(default)]
    pub(crate) tls: bool,
    /// A certificate (PEM) to trust besides the usual ones, for carriers with one of their own.
    #[serde(default)]
    pub(crate) tls_certificate: Option<String>,
    /// The account.
    pub(crate) system_id: String,
    /// Mostly empty.
    #[serde(default)]
    pub(crate) system_type: String,
    /// Which addresses the bind serves; mostly empty.
    #[serde(default)]
    pub(crate) address_range: String,
    /// How it binds.
    #[serde(default)]
    pub(crate) binds: Binds,
    /// Connections that send, 1 to 32.
    #[serde(default = "connections")]
    pub(crate) connections: u16,
    /// Submits of one connection that may be unanswered, 1 to 1000.
    #[serde(default = "window")]
    pub(crate) window: u16,
    /// Seconds of silence after which the carrier is asked whether it is there.
    #[serde(default = "enquire_link_seconds")]
    pub(crate) enquire_link_seconds: u32,
    /// Seconds a submit may take to be answered, 1 to 55.
    #[serde(default = "response_seconds")]
    pub(crate) response_seconds: u32,
    /// What `data_coding` 0 means there.
    #[serde(default)]
    pub(crate) default_alphabet: DefaultAlphabet,
    /// How parts are joined.
    #[serde(default)]
    pub(crate) joining: Joining,
    /// How ids come back.
    #[serde(default)]
    pub(crate) receipt_ids: ReceiptIds,
    /// Hours the carrier may try to deliver; absent: as long as it likes.
    #[serde(default)]
    pub(crate) validity_hours: Option<u32>,
    /// Type of number and numbering plan of our senders, where the carrier wants others than usual.
    #[serde(default)]
    pub(crate) source_ton_npi: Option<(u8, u8)>,
    /// The same of the people's numbers.
    #[serde(default)]
    pub(crate) destination_ton_npi: Option<(u8, u8)>,
    /// Mostly empty.
    #[serde(default)]
    pub(crate) service_type: String,
}

fn port() -> u16 {
    2775
}

fn connections() -> u16 {
    1
}

fn window() -> u16 {
    10
}

fn enquire_link_seconds() -> u32 {
    30
}

fn response_seconds() -> u32 {
    55
}

impl SmppSettings {
    /// What is out of range, in words.
    pub(crate) fn problem(&self) -> Option<String> {
        let within = |name: &str, value: u32, from: u32, to: u32| {
            (!(from..=to).contains(&value))
                .then(|| format!("{name} is {value}; it must be {from} to {to}"))
        };
        if self.host.trim().is_empty() {
            return Some("host is empty; write the carrier's name or address".to_owned());
        }
        within("port", u32::from(self.port), 1, 65_535)
            .or_else(|| within("connections", u32::from(self.connections), 1, 32))
            .or_else(|| within("window", u32::from(self.window), 1, 1_000))
            .or_else(|| within("enquire_link_seconds", self.enquire_link_seconds, 1, 3_600))
            .or_else(|| within("response_seconds", self.response_seconds, 1, 55))
            .or_else(|| within("validity_hours", self.validity_hours.unwrap_or(1), 1, 24 * 30))
            .or_else(|| self.config(BindMode::Transceiver, "").err().map(|error| error.to_string()))
    }

    /// Settings of one session.
    ///
    /// # Errors
    /// What no bind can carry.
    pub(crate) fn config(
        &self,
        mode: BindMode,
        password: &str,
    ) -> Result<SessionConfig, wayline_smpp::BadConfig> {
        let config = SessionConfig {
            system_type: self.system_type.clone(),
            address_range: self.address_range.clone(),
            window: usize::from(self.window),
            enquire_link: Duration::from_secs(u64::from(self.enquire_link_seconds)),
            response_timeout: Duration::from_secs(u64::from(self.response_seconds)),
            ..SessionConfig::new(mode, &self.system_id, password)
        };
        wayline_smpp::Session::new(config.clone(), Duration::ZERO)?;
        Ok(config)
    }

    pub(crate) fn concatenation(&self) -> Concatenation {
        match self.joining {
            Joining::Udh8 => Concatenation::Udh8,
            Joining::Udh16 => Concatenation::Udh16,
            Joining::Sar => Concatenation::Sar,
            Joining::Payload => Concatenation::Payload,
        }
    }

    pub(crate) fn id_base(&self) -> IdBase {
        match self.receipt_ids {
            ReceiptIds::Any => IdBase::Any,
            ReceiptIds::Same => IdBase::Same,
            ReceiptIds::AnswerHex => IdBase::ResponseHex,
            ReceiptIds::ReceiptHex => IdBase::ReceiptHex,
        }
    }
}
