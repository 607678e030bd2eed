//! Texts to the bytes that carriers carry, and back.
//!
//! One septet to an octet, as carriers take it; packing is a matter of the wire. Encoding must
//! never change a text: what an alphabet does not have is an error. Decoding must never fail: what
//! makes no sense becomes U+FFFD, because a text that a person wrote must not be lost.

use serde::{Deserialize, Serialize};

use super::gsm::{ESCAPE, GSM_DEFAULT, GSM_EXTENSION};

/// The code that says "the next one is of the extension table".
const ESCAPE_CODE: u8 = 0x1B;

/// How characters stand in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Alphabet {
    /// The GSM 7-bit alphabet, one septet to an octet; a character of the extension table is two.
    #[serde(rename = "GSM-7")]
    Gsm7,
    /// UTF-16, high byte first (UCS-2 and the surrogates that phones send in it).
    #[serde(rename = "UCS-2")]
    Utf16,
    /// ISO 8859-1.
    #[serde(rename = "Latin-1")]
    Latin1,
    /// ASCII.
    #[serde(rename = "ASCII")]
    Ascii,
}

/// A character that the alphabet does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{character:?} (character {at}) is not in the alphabet {alphabet:?}; send the text as UCS-2"
)]
pub struct Unencodable {
    /// The first such character.
    pub character: char,
    /// Where it stands, counted in characters from 0.
    pub at: usize,
    /// The alphabet that was asked for.
    pub alphabet: Alphabet,
}

/// The text as bytes.
///
/// # Errors
/// The first character that the alphabet does not have. UTF-16 has them all.
pub fn encode(text: &str, alphabet: Alphabet) -> Result<Vec<u8>, Unencodable> {
    let mut bytes = Vec::with_capacity(text.len());
    for (at, character) in text.chars().enumerate() {
        let known = match alphabet {
            Alphabet::Gsm7 => gsm(character, &mut bytes),
            Alphabet::Utf16 => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    bytes.extend_from_slice(&unit.to_be_bytes());
                }
                true
            }
            Alphabet::Latin1 => u8::try_from(character).is_ok_and(|byte| {
                bytes.push(byte);
                true
            }),
            Alphabet::Ascii => u8::try_from(character).is_ok_and(|byte| {
                bytes.push(byte);
                byte.is_ascii()
            }),
        };
        if !known {
            return Err(Unencodable { character, at, alphabet });
        }
    }
    Ok(bytes)
}

/// The bytes as text. Whatever makes no sense is U+FFFD: half a surrogate pair, an odd byte, a
/// byte that is not of the alphabet. An escape before a code that the extension table does not have
/// shows that code's own character, and a lone escape a space, as the standard asks.
#[must_use]
pub fn decode(bytes: &[u8], alphabet: Alphabet) -> String {
    match alphabet {
        Alphabet::Gsm7 => from_gsm(bytes),
        Alphabet::Utf16 => {
            let (pairs, odd) = bytes.as_chunks::<2>();
            let units = pairs.iter().copied().map(u16::from_be_bytes);
            let mut text: String = char::decode_utf16(units)
                .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect();
            if !odd.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
            text
        }
        Alphabet::Latin1 => bytes.iter().copied().map(char::from).collect(),
        Alphabet::Ascii => bytes
            .iter()
            .map(
                |&byte| {
                    if byte.is_ascii() { char::from(byte) } else { char::REPLACEMENT_CHARACTER }
                },
            )
            .collect(),
    }
}

fn gsm(character: char, bytes: &mut Vec<u8>) -> bool {
    // Most texts are letters and digits, which stand where ASCII has them.
    if character.is_ascii_alphanumeric() || character == ' ' {
        bytes.extend(u8::try_from(character));
        return true;
    }
    if character == ESCAPE {
        return false;
    }
    let place = GSM_DEFAULT.iter().position(|known| *known == character);
    if let Some(code) = place.and_then(|place| u8::try_from(place).ok()) {
        bytes.push(code);
        return true;
    }
    match GSM_EXTENSION.iter().find(|(_, known)| *known == character) {
        Some((code, _)) => {
            bytes.extend([ESCAPE_CODE, *code]);
            true
        }
        None => false,
    }
}

fn from_gsm(bytes: &[u8]) -> String {
    let plain = |code: u8| match GSM_DEFAULT.get(usize::from(code)) {
        Some(&ESCAPE) => ' ',
        Some(&character) => character,
        None => char::REPLACEMENT_CHARACTER,
    };
    let mut text = String::with_capacity(bytes.len());
    let mut escaped = false;
    for &code in bytes {
        if std::mem::take(&mut escaped) {
            let found = GSM_EXTENSION.iter().find(|(known, _)| *known == code);
            text.push(found.map_or_else(|| plain(code), |(_, character)| *character));
        } else if code == ESCAPE_CODE {
            escaped = true;
        } else {
            text.push(plain(code));
        }
    }
    if escaped {
        text.push(' ');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::{Encoding, Joining, parts, split_for};
    use super::*;
    use proptest::prelude::*;

    fn gsm7(text: &str) -> Vec<u8> {
        encode(text, Alphabet::Gsm7).unwrap()
    }

    #[test]
    fn bytes_of_each_alphabet() {
        assert_eq!(gsm7("@a€"), [0x00, 0x61, 0x1B, 0x65]);
        assert_eq!(gsm7("^{}\\[~]|\u{0C}").len(), 18);
        assert_eq!(encode("ж🙂", Alphabet::Utf16).unwrap(), [0x04, 0x36, 0xD8, 0x3D, 0xDE, 0x42]);
        assert_eq!(encode("é", Alphabet::Latin1).unwrap(), [0xE9]);
        let error = encode("aç", Alphabet::Gsm7).unwrap_err();
        assert_eq!((error.character, error.at), ('ç', 1));
        assert!(
            encode("\u{FFFF}", Alphabet::Gsm7).is_err(),
            "the mark of the escape is no character"
        );
        assert!(encode("€", Alphabet::Latin1).is_err());
        assert!(encode("é", Alphabet::Ascii).is_err());
    }

    #[test]
    fn what_makes_no_sense_is_marked_and_kept() {
        assert_eq!(decode(&[0x41, 0x1B], Alphabet::Gsm7), "A ", "a lone escape");
        assert_eq!(decode(&[0x1B, 0x41], Alphabet::Gsm7), "A", "no such extension");
        assert_eq!(decode(&[0x1B, 0x1B, 0x65], Alphabet::Gsm7), " e", "an escape of an escape");
        assert_eq!(decode(&[0x80], Alphabet::Gsm7), "\u{FFFD}");
        assert_eq!(decode(&[0xD8, 0x3D, 0x00, 0x41], Alphabet::Utf16), "\u{FFFD}A");
        assert_eq!(decode(&[0x00, 0x41, 0x00], Alphabet::Utf16), "A\u{FFFD}");
        assert_eq!(decode(&[0xE9], Alphabet::Ascii), "\u{FFFD}");
        assert_eq!(decode(&[0xE9], Alphabet::Latin1), "é");
    }

    #[test]
    fn case_4_of_section_3_seven_parts_the_euro_and_the_emoji() {
        let cut = |text: &str, joining| -> Vec<usize> {
            let (encoding, _) = parts(text);
            let alphabet = match encoding {
                Encoding::Gsm7 => Alphabet::Gsm7,
                Encoding::Ucs2 => Alphabet::Utf16,
            };
            let pieces = split_for(text, joining);
            assert_eq!(pieces.concat(), text);
            pieces.iter().map(|piece| encode(piece, alphabet).unwrap().len()).collect()
        };
        assert_eq!(cut(&"a".repeat(7 * 153), Joining::Reference8), [153; 7]);
        assert_eq!(cut(&"a".repeat(7 * 152), Joining::Reference16), [152; 7]);
        let euro = format!("{}€{}", "a".repeat(152), "b".repeat(20));
        assert_eq!(cut(&euro, Joining::Reference8), [152, 22], "the pair is not cut");
        let euro = format!("{}€{}", "a".repeat(151), "b".repeat(20));
        assert_eq!(cut(&euro, Joining::Reference16), [151, 22]);
        let emoji = format!("{}🙂{}", "ж".repeat(66), "b".repeat(20));
        assert_eq!(cut(&emoji, Joining::Reference8), [132, 44], "the surrogates stay together");
        let emoji = format!("{}🙂{}", "ж".repeat(65), "b".repeat(20));
        assert_eq!(cut(&emoji, Joining::Reference16), [130, 44]);
        assert_eq!(cut(&"a".repeat(1000), Joining::Whole), [1000]);
        assert_eq!(cut(&"a".repeat(306), Joining::Parameters), [153, 153]);
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(text in "[ -~äöüñ€@£\n\r🙂жç\u{0C}]{0,200}") {
            for alphabet in [Alphabet::Gsm7, Alphabet::Utf16, Alphabet::Latin1, Alphabet::Ascii] {
                if let Ok(bytes) = encode(&text, alphabet) {
                    prop_assert_eq!(decode(&bytes, alphabet), &text[..]);
                }
            }
            prop_assert_eq!(
                encode(&text, Alphabet::Gsm7).is_ok(),
                text.is_empty() || parts(&text).0 == Encoding::Gsm7
            );
        }

        #[test]
        fn decoding_never_fails(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for alphabet in [Alphabet::Gsm7, Alphabet::Utf16, Alphabet::Latin1, Alphabet::Ascii] {
                prop_assert!(decode(&bytes, alphabet).chars().count() <= bytes.len());
            }
        }
    }
}
