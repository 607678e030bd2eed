//! The settings of one bind, with defaults that two known gateways have proven.
//!
//! Must never print the password.

use std::fmt;
use std::time::Duration;

use rusmpp_core::pdus::owned::{BindReceiver, BindTransceiver, BindTransmitter, Pdu};
use rusmpp_core::values::{InterfaceVersion, Npi, Ton};

use crate::field::{BadField, c_string};

/// The largest window that may be asked for.
pub const WINDOW_MAX: usize = 10_000;

/// What a bind is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindMode {
    /// Submits only. Deliveries are taken all the same if a carrier sends some.
    Transmitter,
    /// Takes deliveries only; a submit is refused with [`crate::NoRoom::ReceiverOnly`].
    Receiver,
    /// Both.
    Transceiver,
}

/// Settings of one session. A duration of [`Duration::MAX`] switches that limit off.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionConfig {
    /// What the bind is for.
    pub mode: BindMode,
    /// The account, at most 15 characters.
    pub system_id: String,
    /// At most 8 characters; never printed.
    pub password: String,
    /// Mostly empty, at most 12 characters.
    pub system_type: String,
    /// Which addresses this bind serves, at most 40 characters; mostly empty.
    pub address_range: String,
    /// Type of number of the address range.
    pub address_ton: u8,
    /// Numbering plan of the address range.
    pub address_npi: u8,
    /// Requests that may be unanswered at once, 1 to [`WINDOW_MAX`].
    pub window: usize,
    /// Silence of the peer after which it is asked whether it is there.
    pub enquire_link: Duration,
    /// Questions in a row that may go unanswered; then the session closes.
    pub enquire_link_unanswered_max: u32,
    /// Silence of the peer after which the session closes, whatever was asked.
    pub inactivity: Duration,
    /// How long a request waits for its answer.
    pub response_timeout: Duration,
    /// Timeouts in a row, with no answer between, after which the session closes.
    pub response_timeouts_max: u32,
    /// How long the answer to the bind, and to our unbind, may take.
    pub bind_timeout: Duration,
    /// How long a PDU may be half read.
    pub pdu_timeout: Duration,
    /// The longest PDU that is taken.
    pub pdu_bytes_max: usize,
    /// Deliveries that may wait for [`crate::Session::acknowledge`]; with more,
    /// [`crate::Session::wants_input`] says no.
    pub deliveries_max: usize,
}

impl SessionConfig {
    /// A bind with the usual settings.
    #[must_use]
    pub fn new(mode: BindMode, system_id: &str, password: &str) -> SessionConfig {
        SessionConfig {
            mode,
            system_id: system_id.to_owned(),
            password: password.to_owned(),
            system_type: String::new(),
            address_range: String::new(),
            address_ton: 0,
            address_npi: 0,
            window: 10,
            enquire_link: Duration::from_secs(30),
            enquire_link_unanswered_max: 2,
            inactivity: Duration::from_secs(300),
            response_timeout: Duration::from_secs(60),
            response_timeouts_max: 3,
            bind_timeout: Duration::from_secs(10),
            pdu_timeout: Duration::from_secs(10),
            pdu_bytes_max: 64 * 1024,
            deliveries_max: 1_000,
        }
    }

    /// The bind PDU; also where the settings are checked.
    pub(crate) fn bind(&self) -> Result<Pdu, BadConfig> {
        if !(1..=WINDOW_MAX).contains(&self.window) {
            return Err(BadConfig::Window { given: self.window });
        }
        if self.pdu_bytes_max < 1024 {
            return Err(BadConfig::PduBytes { given: self.pdu_bytes_max });
        }
        if self.deliveries_max == 0 {
            return Err(BadConfig::Deliveries);
        }
        let system_id = c_string("system_id", &self.system_id)?;
        // The error shows what was given, and a password must not be shown.
        let password = c_string("password", &self.password).map_err(|_| BadConfig::Password)?;
        let system_type = c_string("system_type", &self.system_type)?;
        let address_range = c_string("address_range", &self.address_range)?;
        let (ton, npi) = (Ton::from(self.address_ton), Npi::from(self.address_npi));
        let version = InterfaceVersion::Smpp3_4;
        Ok(match self.mode {
            BindMode::Transmitter => BindTransmitter::new(
                system_id,
                password,
                system_type,
                version,
                ton,
                npi,
                address_range,
            )
            .into(),
            BindMode::Receiver => BindReceiver::new(
                system_id,
                password,
                system_type,
                version,
                ton,
                npi,
                address_range,
            )
            .into(),
            BindMode::Transceiver => BindTransceiver::new(
                system_id,
                password,
                system_type,
                version,
                ton,
                npi,
                address_range,
            )
            .into(),
        })
    }
}

impl fmt::Debug for SessionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionConfig")
            .field("mode", &self.mode)
            .field("system_id", &self.system_id)
            .field("password", &"(not shown)")
            .field("system_type", &self.system_type)
            .field("window", &self.window)
            .field("enquire_link", &self.enquire_link)
            .field("response_timeout", &self.response_timeout)
            .finish_non_exhaustive()
    }
}

/// Settings that no session can start with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadConfig {
    /// Not a window.
    #[error("a window of {given} cannot be; give 1 to {WINDOW_MAX}")]
    Window {
        /// What was given.
        given: usize,
    },
    /// Less than a text needs.
    #[error("pdu_bytes_max {given} is less than a message needs; give 1024 or more")]
    PduBytes {
        /// What was given.
        given: usize,
    },
    /// Nothing could ever arrive.
    #[error("deliveries_max 0 lets nothing arrive; give 1 or more")]
    Deliveries,
    /// Not shown on purpose.
    #[error("the password does not fit SMPP 3.4: give at most 8 ASCII characters")]
    Password,
    /// A text that does not fit its field.
    #[error(transparent)]
    Field(#[from] BadField),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_never_printed() {
        let config = SessionConfig::new(BindMode::Transceiver, "acme", "s3cret");
        assert!(!format!("{config:?}").contains("s3cret"));
        let config = SessionConfig::new(BindMode::Transceiver, "acme", "longer than eight");
        let error = config.bind().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("longer"));
    }

    #[test]
    fn settings_that_cannot_be_are_refused() {
        let good = SessionConfig::new(BindMode::Receiver, "acme", "pw");
        assert!(good.bind().is_ok());
        let bad = SessionConfig { window: 0, ..good.clone() };
        assert_eq!(bad.bind(), Err(BadConfig::Window { given: 0 }));
        let bad = SessionConfig { system_id: "sixteen letters!".into(), ..good.clone() };
        assert!(bad.bind().unwrap_err().to_string().contains("at most 15"));
        let bad = SessionConfig { system_type: "ü".into(), ..good };
        assert!(bad.bind().unwrap_err().to_string().contains("ASCII"));
    }
}
