//! Texts that have to fit a field of a PDU.
//!
//! Must never shorten one: what does not fit is an error with the name of the field.

use rusmpp_core::types::owned::COctetString;

/// A text that does not fit its field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadField {
    /// More characters than the field has.
    #[error("{field} {shown:?} is too long: SMPP 3.4 has room for at most {max} characters")]
    TooLong {
        /// Which one.
        field: &'static str,
        /// Its beginning.
        shown: String,
        /// How many fit.
        max: usize,
    },
    /// Something other than printable ASCII.
    #[error("{field} {shown:?} holds a character that SMPP cannot carry there: use ASCII")]
    NotAscii {
        /// Which one.
        field: &'static str,
        /// Its beginning.
        shown: String,
    },
}

/// The text as a C string of at most `MAX - 1` characters.
pub(crate) fn c_string<const MAX: usize>(
    field: &'static str,
    text: &str,
) -> Result<COctetString<1, MAX>, BadField> {
    let shown = || text.chars().take(24).collect::<String>();
    if text.bytes().any(|byte| !(0x20..0x7F).contains(&byte)) {
        return Err(BadField::NotAscii { field, shown: shown() });
    }
    COctetString::from_string(text.to_owned()).map_err(|_| BadField::TooLong {
        field,
        shown: shown(),
        max: MAX - 1,
    })
}
