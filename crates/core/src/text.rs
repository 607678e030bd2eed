//! How a text travels as SMS: its encoding, its length in that encoding, and its parts.
//!
//! A text whose every character is in the GSM 7-bit alphabet travels as septets, any other as
//! UTF-16 units. Lengths follow 3GPP TS 23.038 (alphabets) and TS 23.040 (joined messages).
//! Must never change a text: no trimming, no replacing of quotes, no normalising. Deciding that a
//! text costs too much, or offering a cheaper spelling, belongs to whoever shows it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;

/// Most distinct characters that [`Measure::offending`] lists.
pub const OFFENDING_MAX: usize = 20;

/// Stands for the escape code in [`GSM_DEFAULT`]; it is no character that a text can contain.
const ESCAPE: char = '\u{FFFF}';

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

/// The alphabet a text travels in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Encoding {
    /// The 7-bit alphabet: 160 septets alone, 153 in each of several parts.
    #[serde(rename = "GSM-7")]
    Gsm7,
    /// UTF-16: 70 units alone, 67 in each of several parts.
    #[serde(rename = "UCS-2")]
    Ucs2,
}

impl Encoding {
    /// Units that fit a message of one part: septets, or UTF-16 units.
    #[must_use]
    pub const fn alone_max(self) -> usize {
        match self {
            Encoding::Gsm7 => 160,
            Encoding::Ucs2 => 70,
        }
    }

    /// Units that fit each part of a message of several: the rest carries the joining header
    /// (6 octets, an 8-bit reference).
    #[must_use]
    pub const fn joined_max(self) -> usize {
        match self {
            Encoding::Gsm7 => 153,
            Encoding::Ucs2 => 67,
        }
    }

    /// Units of one character. For GSM-7 the character must be in the alphabet.
    fn units(self, c: char) -> usize {
        match self {
            Encoding::Gsm7 => septets(c),
            Encoding::Ucs2 => c.len_utf16(),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Encoding::Gsm7 => "GSM-7",
            Encoding::Ucs2 => "UCS-2",
        })
    }
}

/// A character outside the GSM 7-bit alphabet: the reason that a text travels as UCS-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Offending {
    /// The character.
    pub character: char,
    /// Where it first stands, counted in characters (code points) from 0.
    pub first: usize,
    /// How often it stands in the text, 1 or more.
    pub count: usize,
}

/// What a text costs as SMS.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Measure {
    /// The alphabet it travels in.
    pub encoding: Encoding,
    /// Its length: septets for GSM-7 (an extension character is two), UTF-16 units for UCS-2.
    pub units: usize,
    /// How many SMS carry it; 0 for the empty text.
    pub parts: usize,
    /// The distinct characters that force UCS-2, in order of first appearance, at most
    /// [`OFFENDING_MAX`] of them.
    pub offending: Vec<Offending>,
    /// How many more offending characters stand in the text that the list had no room for
    /// (occurrences, not distinct ones).
    pub offending_unlisted: usize,
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

/// Encoding, units, parts, and what forces UCS-2. The empty text is GSM-7 with 0 units, 0 parts.
#[must_use]
pub fn measure(text: &str) -> Measure {
    let length = length(text);
    let (offending, offending_unlisted) = match length.encoding {
        Encoding::Gsm7 => (Vec::new(), 0),
        Encoding::Ucs2 => offending(text),
    };
    Measure {
        encoding: length.encoding,
        units: length.units,
        parts: parts_of(text, &length),
        offending,
        offending_unlisted,
    }
}

/// Encoding and number of parts only: [`measure`] without its list, allocating nothing.
#[must_use]
pub fn parts(text: &str) -> (Encoding, usize) {
    let length = length(text);
    (length.encoding, parts_of(text, &length))
}

/// The text of each part, in order; joined they are the text. Empty for the empty text.
#[must_use]
pub fn split(text: &str) -> Vec<String> {
    let length = length(text);
    if length.units <= length.encoding.alone_max() {
        return if text.is_empty() { Vec::new() } else { vec![text.to_owned()] };
    }
    cuts(text, length.encoding).map(|range| text[range].to_owned()).collect()
}

struct Length {
    encoding: Encoding,
    units: usize,
    /// Some character takes two units, so a part may have to end one unit early.
    pairs: bool,
}

fn length(text: &str) -> Length {
    let mut units = 0;
    let mut pairs = false;
    for c in text.chars() {
        match septets(c) {
            0 => return length_ucs2(text),
            cost => {
                units += cost;
                pairs |= cost == 2;
            }
        }
    }
    Length { encoding: Encoding::Gsm7, units, pairs }
}

fn length_ucs2(text: &str) -> Length {
    let mut units = 0;
    let mut pairs = false;
    for c in text.chars() {
        units += c.len_utf16();
        pairs |= c.len_utf16() == 2;
    }
    Length { encoding: Encoding::Ucs2, units, pairs }
}

fn parts_of(text: &str, length: &Length) -> usize {
    if length.units <= length.encoding.alone_max() {
        return usize::from(length.units > 0);
    }
    if !length.pairs {
        return length.units.div_ceil(length.encoding.joined_max());
    }
    cuts(text, length.encoding).count()
}

/// The byte range of each part of a text that needs several. Cuts fall between characters, so an
/// escape and its code, or the two halves of a surrogate pair, always stay together.
fn cuts(text: &str, encoding: Encoding) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = &text[start..];
        if rest.is_empty() {
            return None;
        }
        let mut units = 0;
        let end = rest
            .char_indices()
            .find(|&(_, c)| {
                units += encoding.units(c);
                units > encoding.joined_max()
            })
            .map_or(rest.len(), |(at, _)| at);
        let range = start..start + end;
        start = range.end;
        Some(range)
    })
}

fn offending(text: &str) -> (Vec<Offending>, usize) {
    let mut list: Vec<Offending> = Vec::new();
    let mut unlisted = 0;
    for (first, character) in text.chars().enumerate().filter(|&(_, c)| septets(c) == 0) {
        if let Some(known) = list.iter_mut().find(|known| known.character == character) {
            known.count += 1;
        } else if list.len() < OFFENDING_MAX {
            list.push(Offending { character, first, count: 1 });
        } else {
            unlisted += 1;
        }
    }
    (list, unlisted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, encoding: Encoding, units: usize, parts: usize) {
        let found = measure(text);
        assert_eq!(
            (found.encoding, found.units, found.parts),
            (encoding, units, parts),
            "{text:?}"
        );
        assert_eq!(super::parts(text), (encoding, parts), "{text:?}");
        assert_eq!(split(text).len(), parts, "{text:?}");
        assert_eq!(split(text).concat(), text);
    }

    #[test]
    fn lengths_at_the_edges() {
        use Encoding::{Gsm7, Ucs2};
        let a = |n: usize| "a".repeat(n);
        check("", Gsm7, 0, 0);
        check("a", Gsm7, 1, 1);
        check(&a(160), Gsm7, 160, 1);
        check(&a(161), Gsm7, 161, 2);
        check(&a(306), Gsm7, 306, 2);
        check(&a(307), Gsm7, 307, 3);
        check(&a(7 * 153), Gsm7, 1071, 7);
        check(&a(7 * 153 + 1), Gsm7, 1072, 8);
        check(&"€".repeat(80), Gsm7, 160, 1);
        check(&"€".repeat(81), Gsm7, 162, 2);
        // 76 pairs to a part (152 septets): the seventy-seventh pair would straddle the end.
        check(&"€".repeat(153), Gsm7, 306, 3);
        check("[]{}\\^~|\u{0C}€", Gsm7, 20, 1);
        check(&"ж".repeat(70), Ucs2, 70, 1);
        check(&"ж".repeat(71), Ucs2, 71, 2);
        check(&"ж".repeat(134), Ucs2, 134, 2);
        check(&"ж".repeat(135), Ucs2, 135, 3);
        check(&"🙂".repeat(35), Ucs2, 70, 1);
        check(&"🙂".repeat(36), Ucs2, 72, 2);
        check(&"🙂".repeat(67), Ucs2, 134, 3);
        check(&"ж".repeat(7 * 67), Ucs2, 469, 7);
    }

    #[test]
    fn pairs_are_never_cut() {
        let text = format!("{}€{}", "a".repeat(152), "b".repeat(20));
        assert_eq!(split(&text)[0], "a".repeat(152));
        assert!(split(&text)[1].starts_with('€'));
        let text = format!("{}🙂{}", "ж".repeat(66), "b".repeat(20));
        assert_eq!(split(&text)[0], "ж".repeat(66));
        assert!(split(&text)[1].starts_with('🙂'));
        // One septet less, and the pair just fits.
        let text = format!("{}€{}", "a".repeat(151), "b".repeat(20));
        assert!(split(&text)[0].ends_with('€'));
    }

    #[test]
    fn offenders_are_listed_with_place_and_count() {
        let found = measure("a“b” “c”");
        assert_eq!(
            found.offending,
            [
                Offending { character: '“', first: 1, count: 2 },
                Offending { character: '”', first: 3, count: 2 },
            ]
        );
        assert_eq!(found.offending_unlisted, 0);
        assert_eq!(
            measure("ça").offending[0].character,
            'ç',
            "the small c with cedilla is not GSM"
        );
        assert_eq!(measure("Ça").encoding, Encoding::Gsm7);
        assert_eq!(measure("a\u{A0}b").offending[0].character, '\u{A0}');
        assert_eq!(measure("\u{1B}\u{FFFF}").offending.len(), 2, "the escape is no character");

        let many: String = ('а'..='я').chain('а'..='я').collect();
        let found = measure(&many);
        assert_eq!(found.offending.len(), OFFENDING_MAX);
        assert_eq!(found.offending.iter().map(|o| o.count).sum::<usize>(), 2 * OFFENDING_MAX);
        assert_eq!(found.offending_unlisted, 2 * (32 - OFFENDING_MAX));
    }

    #[test]
    fn encodings_have_their_usual_names() {
        assert_eq!(Encoding::Gsm7.to_string(), "GSM-7");
        assert_eq!(serde_json::to_string(&Encoding::Ucs2).unwrap(), "\"UCS-2\"");
    }

    fn texts() -> impl Strategy<Value = String> {
        let gsm = prop::sample::select(
            GSM_DEFAULT
                .into_iter()
                .filter(|&c| c != ESCAPE)
                .chain(GSM_EXTENSION.map(|(_, c)| c))
                .collect::<Vec<_>>(),
        );
        let mixed = prop_oneof![6 => gsm.clone(), 1 => any::<char>(), 1 => Just('🙂')];
        prop_oneof![
            prop::collection::vec(gsm, 0..900).prop_map(String::from_iter),
            prop::collection::vec(mixed, 0..400).prop_map(String::from_iter),
        ]
    }

    proptest! {
        #[test]
        fn parts_join_to_the_text_and_fit(text in texts()) {
            let found = measure(&text);
            let pieces = split(&text);
            prop_assert_eq!(pieces.concat(), &text[..]);
            prop_assert_eq!(pieces.len(), found.parts);
            prop_assert_eq!(parts(&text), (found.encoding, found.parts));
            let units = |piece: &str| piece.chars().map(|c| found.encoding.units(c)).sum::<usize>();
            prop_assert_eq!(units(&text), found.units);
            let most = if pieces.len() > 1 { found.encoding.joined_max() } else { found.encoding.alone_max() };
            for (i, piece) in pieces.iter().enumerate() {
                prop_assert!(!piece.is_empty() && units(piece) <= most);
                // Full but for the odd unit that half a pair would have taken.
                prop_assert!(i + 1 == pieces.len() || units(piece) + 1 >= most);
            }
            prop_assert_eq!(found.encoding == Encoding::Gsm7, found.offending.is_empty());
        }
    }
}
