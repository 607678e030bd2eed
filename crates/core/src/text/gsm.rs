//! The GSM 7-bit alphabet as tables (3GPP TS 23.038).
//!
//! Must never hold anything but the standard: spellings of one carrier belong to its gateway.

/// Stands for the escape code in [`GSM_DEFAULT`]; it is no character that a text can contain.
pub(super) const ESCAPE: char = '\u{FFFF}';

/// The GSM 7-bit default alphabet in code order, 0x00 to 0x7F (3GPP TS 23.038, 6.2.1).
///
/// Code 0x09 is the capital C with cedilla, as in the standard; Unicode's own table has the small
/// one there. Code 0x1B is the escape to [`GSM_EXTENSION`] and carries U+FFFF here.
#[rustfmt::skip]
pub const GSM_DEFAULT: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å',
    'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω', 'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', ESCAPE, 'Æ', 'æ', 'ß', 'É',
    ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-', '.', '/',
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?',
    '¡', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O',
    'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§',
    '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o',
    'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

/// The extension table: the code after the escape, and its character (3GPP TS 23.038, 6.2.1.1).
/// Each costs two septets.
pub const GSM_EXTENSION: [(u8, char); 10] = [
    (0x0A, '\u{0C}'),
    (0x14, '^'),
    (0x28, '{'),
    (0x29, '}'),
    (0x2F, '\\'),
    (0x3C, '['),
    (0x3D, '~'),
    (0x3E, ']'),
    (0x40, '|'),
    (0x65, '€'),
];

/// Just past the highest code point of the alphabet, the euro sign aside.
const COST_LEN: usize = 0x3AA;

/// Septets of every code point below [`COST_LEN`]; 0 is "not in the alphabet".
static COST: [u8; COST_LEN] = cost_table();

const fn cost_table() -> [u8; COST_LEN] {
    let mut table = [0; COST_LEN];
    let mut i = 0;
    while i < GSM_DEFAULT.len() {
        let code_point = GSM_DEFAULT[i] as usize;
        if code_point < COST_LEN {
            table[code_point] = 1;
        }
        i += 1;
    }
    let mut i = 0;
    while i < GSM_EXTENSION.len() {
        let code_point = GSM_EXTENSION[i].1 as usize;
        if code_point < COST_LEN {
            table[code_point] = 2;
        }
        i += 1;
    }
    table
}

/// Septets that a character takes in GSM-7: 1, 2 for an extension character, 0 when the alphabet
/// does not have it.
#[must_use]
pub fn septets(c: char) -> usize {
    match COST.get(c as usize) {
        Some(&cost) => usize::from(cost),
        None if c == '€' => 2,
        None => 0,
    }
}
