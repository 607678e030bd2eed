//! How a text travels as SMS: its encoding, its length in that encoding, and its parts.
//!
//! A text whose every character is in the GSM 7-bit alphabet travels as septets, any other as
//! UTF-16 units. Lengths follow 3GPP TS 23.038 (alphabets) and TS 23.040 (joined messages).
//! Must never change a text: no trimming, no replacing of quotes, no normalising. Deciding that a
//! text costs too much, or offering a cheaper spelling, belongs to whoever shows it.

mod code;
mod gsm;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;

pub use code::{Alphabet, Unencodable, decode, encode};
pub use gsm::{GSM_DEFAULT, GSM_EXTENSION, septets};

/// Most distinct characters that [`Measure::offending`] lists.
pub const OFFENDING_MAX: usize = 20;

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

    /// Units that fit each of several parts with this joining.
    #[must_use]
    pub const fn part_max(self, joining: Joining) -> usize {
        match (self, joining) {
            (_, Joining::Reference8 | Joining::Parameters) => self.joined_max(),
            (Encoding::Gsm7, Joining::Reference16) => 152,
            (Encoding::Ucs2, Joining::Reference16) => 66,
            (_, Joining::Whole) => usize::MAX,
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

/// What joins the parts of a longer text, and so how much of each part it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Joining {
    /// A header with an 8-bit reference: 153 septets or 67 units a part.
    #[default]
    Reference8,
    /// A header with a 16-bit reference: 152 septets or 66 units a part.
    Reference16,
    /// Optional parameters beside the text; the carrier makes the 8-bit header of them.
    Parameters,
    /// Nothing: the text goes as one, and the carrier cuts it.
    Whole,
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
    split_for(text, Joining::Reference8)
}

/// [`split`] for parts that are joined another way.
#[must_use]
pub fn split_for(text: &str, joining: Joining) -> Vec<String> {
    let length = length(text);
    if length.units <= length.encoding.alone_max() || joining == Joining::Whole {
        return if text.is_empty() { Vec::new() } else { vec![text.to_owned()] };
    }
    let most = length.encoding.part_max(joining);
    cuts(text, length.encoding, most).map(|range| text[range].to_owned()).collect()
}

/// As [`split_for`] in an alphabet that is given: for carriers that do not have the text's own. It must have all of
/// its characters, as [`Encoding::Ucs2`] does.
#[must_use]
pub fn split_as(text: &str, encoding: Encoding, joining: Joining) -> Vec<String> {
    let units: usize = text.chars().map(|c| encoding.units(c)).sum();
    if units <= encoding.alone_max() || joining == Joining::Whole {
        return if text.is_empty() { Vec::new() } else { vec![text.to_owned()] };
    }
    let most = encoding.part_max(joining);
    cuts(text, encoding, most).map(|range| text[range].to_owned()).collect()
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
    cuts(text, length.encoding, length.encoding.joined_max()).count()
}

/// The byte range of each part of a text that needs several. Cuts fall between characters, so an
/// escape and its code, or the two halves of a surrogate pair, always stay together.
fn cuts(text: &str, encoding: Encoding, most: usize) -> impl Iterator<Item = Range<usize>> + '_ {
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
                units > most
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
