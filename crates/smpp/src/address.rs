//! Who sends and who receives: a number or a name, with its kind in two bytes.
//!
//! Must never rewrite a number: what the caller gives is what goes out.

/// What kind of thing an address is, where no carrier asks for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressKind {
    /// A name such as `ACME`: type 5, plan 0. No source beside common practice.
    Alphanumeric,
    /// A short code: type 3 (network specific), plan 0. No source beside common practice.
    ShortCode,
    /// A number with its country code, with or without `+`: type 1, plan 1.
    International,
    /// A number without its country code: type 2, plan 1.
    National,
    /// Type 0, plan 0: the carrier finds out by itself.
    Unknown,
}

/// Type of number, numbering plan, and the number or name itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// Type of number (TON).
    pub ton: u8,
    /// Numbering plan indicator (NPI).
    pub npi: u8,
    /// Digits or name. What we send is ASCII of at most 20 characters (checked when a PDU is
    /// made); what a peer sends may be anything, bytes above 127 read as Latin-1.
    pub number: String,
}

impl Address {
    /// An address with everything given, for carriers that want something of their own.
    #[must_use]
    pub fn new(ton: u8, npi: u8, number: impl Into<String>) -> Address {
        Address { ton, npi, number: number.into() }
    }

    /// An address by its kind. The `+` of an international number is not sent: its type says it.
    #[must_use]
    pub fn of(kind: AddressKind, number: &str) -> Address {
        let (ton, npi) = match kind {
            AddressKind::Alphanumeric => (5, 0),
            AddressKind::ShortCode => (3, 0),
            AddressKind::International => (1, 1),
            AddressKind::National => (2, 1),
            AddressKind::Unknown => (0, 0),
        };
        let number = match kind {
            AddressKind::International => number.strip_prefix('+').unwrap_or(number),
            _ => number,
        };
        Address::new(ton, npi, number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_their_two_bytes() {
        let two = |kind, number| {
            let address = Address::of(kind, number);
            (address.ton, address.npi, address.number)
        };
        assert_eq!(two(AddressKind::Alphanumeric, "ACME"), (5, 0, "ACME".into()));
        assert_eq!(two(AddressKind::ShortCode, "12345"), (3, 0, "12345".into()));
        assert_eq!(two(AddressKind::International, "+4917012"), (1, 1, "4917012".into()));
        assert_eq!(two(AddressKind::National, "017012"), (2, 1, "017012".into()));
        assert_eq!(two(AddressKind::Unknown, "+1"), (0, 0, "+1".into()));
    }
}
