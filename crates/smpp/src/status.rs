//! Command statuses: the numbers by which a peer says what it thinks of a request, and their names.
//!
//! Must never decide what follows from a status (retry, suppress, alert): that is a table of the
//! caller, because carriers disagree.

use std::fmt;

/// The command_status of a response, as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Status(pub u32);

impl Status {
    /// Taken.
    pub const OK: Status = Status(0x00);
    /// The length of the PDU cannot be: the peer has not read its body.
    pub const INVALID_COMMAND_LENGTH: Status = Status(0x02);
    /// The peer does not know this command.
    pub const INVALID_COMMAND_ID: Status = Status(0x03);
    /// Not in this state of the bind.
    pub const INVALID_BIND_STATE: Status = Status(0x04);
    /// The peer has a fault of its own.
    pub const SYSTEM_ERROR: Status = Status(0x08);
    /// Too fast.
    pub const THROTTLED: Status = Status(0x58);
    /// Said by us to a delivery that cannot be taken now: the peer may try again.
    pub const TEMPORARY: Status = Status(0x64);

    /// Whether this means "taken".
    #[must_use]
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }

    /// The name in the standard (3.4, with the additions of 5.0), if it has one.
    #[must_use]
    #[rustfmt::skip]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0x00 => "ESME_ROK",              0x01 => "ESME_RINVMSGLEN",
            0x02 => "ESME_RINVCMDLEN",       0x03 => "ESME_RINVCMDID",
            0x04 => "ESME_RINVBNDSTS",       0x05 => "ESME_RALYBND",
            0x06 => "ESME_RINVPRTFLG",       0x07 => "ESME_RINVREGDLVFLG",
            0x08 => "ESME_RSYSERR",          0x0A => "ESME_RINVSRCADR",
            0x0B => "ESME_RINVDSTADR",       0x0C => "ESME_RINVMSGID",
            0x0D => "ESME_RBINDFAIL",        0x0E => "ESME_RINVPASWD",
            0x0F => "ESME_RINVSYSID",        0x11 => "ESME_RCANCELFAIL",
            0x13 => "ESME_RREPLACEFAIL",     0x14 => "ESME_RMSGQFUL",
            0x15 => "ESME_RINVSERTYP",       0x33 => "ESME_RINVNUMDESTS",
            0x34 => "ESME_RINVDLNAME",       0x40 => "ESME_RINVDESTFLAG",
            0x42 => "ESME_RINVSUBREP",       0x43 => "ESME_RINVESMCLASS",
            0x44 => "ESME_RCNTSUBDL",        0x45 => "ESME_RSUBMITFAIL",
            0x48 => "ESME_RINVSRCTON",       0x49 => "ESME_RINVSRCNPI",
            0x50 => "ESME_RINVDSTTON",       0x51 => "ESME_RINVDSTNPI",
            0x53 => "ESME_RINVSYSTYP",       0x54 => "ESME_RINVREPFLAG",
            0x55 => "ESME_RINVNUMMSGS",      0x58 => "ESME_RTHROTTLED",
            0x61 => "ESME_RINVSCHED",        0x62 => "ESME_RINVEXPIRY",
            0x63 => "ESME_RINVDFTMSGID",     0x64 => "ESME_RX_T_APPN",
            0x65 => "ESME_RX_P_APPN",        0x66 => "ESME_RX_R_APPN",
            0x67 => "ESME_RQUERYFAIL",       0xC0 => "ESME_RINVOPTPARSTREAM",
            0xC1 => "ESME_ROPTPARNOTALLWD",  0xC2 => "ESME_RINVPARLEN",
            0xC3 => "ESME_RMISSINGOPTPARAM", 0xC4 => "ESME_RINVOPTPARAMVAL",
            0xFE => "ESME_RDELIVERYFAILURE", 0xFF => "ESME_RUNKNOWNERR",
            0x100 => "ESME_RSERTYPUNAUTH",   0x101 => "ESME_RPROHIBITED",
            0x102 => "ESME_RSERTYPUNAVAIL",  0x103 => "ESME_RSERTYPDENIED",
            0x104 => "ESME_RINVDCS",         0x105 => "ESME_RINVSRCADDRSUBUNIT",
            0x106 => "ESME_RINVDSTADDRSUBUNIT",
            _ => return None,
        })
    }
}

impl fmt::Display for Status {
    /// The number as carriers print it, then the name: `0x00000058 ESME_RTHROTTLED`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)?;
        match self.name() {
            Some(name) => write!(f, " {name}"),
            None if (0x400..=0x4FF).contains(&self.0) => f.write_str(" (the carrier's own)"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusmpp_core::CommandStatus;

    #[test]
    fn statuses_print_number_and_name() {
        assert_eq!(Status::THROTTLED.to_string(), "0x00000058 ESME_RTHROTTLED");
        assert_eq!(Status(0x401).to_string(), "0x00000401 (the carrier's own)");
        assert_eq!(Status(0x7777).to_string(), "0x00007777");
    }

    #[test]
    fn every_status_of_the_codec_has_a_name() {
        for code in 0..=0x106 {
            let known = !matches!(CommandStatus::from(code), CommandStatus::Other(_));
            assert!(!known || Status(code).name().is_some(), "{code:#x}");
        }
    }
}
