//! Phone numbers: from what people write to E.164, with country, kind and candidate time zones.
//!
//! Rests on libphonenumber's metadata (crate `rlibphonenumber`). Metadata ages: a number whose
//! length is possible but that no known range covers is read with `valid: false`, and the caller
//! decides. Must never guess a country that was neither written nor given.

mod place;

pub use place::{nanp_country, state, zones_by_prefix};

use rlibphonenumber::{
    NumberLengthType, PHONE_NUMBER_UTIL, ParseError, PhoneNumber, PhoneNumberFormat,
    PhoneNumberType, Region, ValidationError,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Most characters of a text that [`parse`] looks at.
pub const TEXT_MAX: usize = 64;

/// What a number is used for, by the plan of its country. Written as libphonenumber names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PhoneKind {
    /// A line at a place.
    FixedLine,
    /// A mobile line.
    Mobile,
    /// Either: plans such as the North American one do not tell them apart.
    FixedLineOrMobile,
    /// Free to call.
    TollFree,
    /// Dearer to call than others.
    PremiumRate,
    /// The cost of a call is shared.
    SharedCost,
    /// Voice over IP.
    Voip,
    /// Follows a person over several lines.
    PersonalNumber,
    /// A pager.
    Pager,
    /// One number of a company for many places.
    Uan,
    /// Access to voice mail.
    Voicemail,
    /// No known range covers the number.
    Unknown,
}

impl PhoneKind {
    /// The name it is written with, such as `FIXED_LINE`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            PhoneKind::FixedLine => "FIXED_LINE",
            PhoneKind::Mobile => "MOBILE",
            PhoneKind::FixedLineOrMobile => "FIXED_LINE_OR_MOBILE",
            PhoneKind::TollFree => "TOLL_FREE",
            PhoneKind::PremiumRate => "PREMIUM_RATE",
            PhoneKind::SharedCost => "SHARED_COST",
            PhoneKind::Voip => "VOIP",
            PhoneKind::PersonalNumber => "PERSONAL_NUMBER",
            PhoneKind::Pager => "PAGER",
            PhoneKind::Uan => "UAN",
            PhoneKind::Voicemail => "VOICEMAIL",
            PhoneKind::Unknown => "UNKNOWN",
        }
    }

    /// The zones of a number of this kind. As libphonenumber has it: a number that is tied to no
    /// place may be anywhere in its plan, and one of no known range is nowhere.
    fn zones(self, e164: &str) -> &'static [&'static str] {
        let Some((country_code, whole_plan)) = place::plan(e164) else { return &[] };
        let geographic = PHONE_NUMBER_UTIL
            .is_number_geographical_by_country_code_and_type(self.into(), country_code);
        match self {
            PhoneKind::Unknown => &[],
            _ if geographic => zones_by_prefix(e164),
            _ => whole_plan,
        }
    }
}

impl fmt::Display for PhoneKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Pairs our kinds with the library's, once for both directions.
macro_rules! kinds {
    ($($ours:ident = $theirs:ident),* $(,)?) => {
        impl From<PhoneNumberType> for PhoneKind {
            fn from(kind: PhoneNumberType) -> Self {
                match kind { $(PhoneNumberType::$theirs => PhoneKind::$ours),* }
            }
        }
        impl From<PhoneKind> for PhoneNumberType {
            fn from(kind: PhoneKind) -> Self {
                match kind { $(PhoneKind::$ours => PhoneNumberType::$theirs),* }
            }
        }
    };
}

kinds! {
    FixedLine = FixedLine,
    Mobile = Mobile,
    FixedLineOrMobile = FixedLineOrMobile,
    TollFree = TollFree,
    PremiumRate = PremiumRate,
    SharedCost = SharedCost,
    Voip = VoIP,
    PersonalNumber = PersonalNumber,
    Pager = Pager,
    Uan = UAN,
    Voicemail = VoiceMail,
    Unknown = Unknown,
}

/// A number and what the metadata says about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Phone {
    /// `+`, country code, number: digits only, at most 15 by E.164 (some German ones have 17).
    pub e164: String,
    /// ISO 3166 country in capitals; `001` for codes of no country (+800, +881, …); absent when
    /// several countries share the code and no known range decides.
    pub region: Option<String>,
    /// What the number is used for.
    pub kind: PhoneKind,
    /// A known range of its country covers the number. False may also mean "newer than our data".
    pub valid: bool,
}

impl Phone {
    /// Candidate IANA zones of this number: [`zones`] without looking its kind up again.
    #[must_use]
    pub fn zones(&self) -> &'static [&'static str] {
        self.kind.zones(&self.e164)
    }

    fn describe(number: &PhoneNumber) -> Phone {
        let kind: PhoneKind = number.get_type().into();
        Phone {
            e164: number.format_as(PhoneNumberFormat::E164).into_owned(),
            region: number.get_region_code().map(|region| region.to_string()),
            kind,
            // A number is valid exactly when some range of its country gives it a kind.
            valid: kind != PhoneKind::Unknown,
        }
    }
}

/// Why a text is no phone number. `text` is what was given, at most [`TEXT_MAX`] characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Nothing but white space.
    #[error("the phone number is empty; write it like +1 202 555 0123")]
    Empty,
    /// More characters than any spelling of a number needs.
    #[error("a phone number of {chars} characters is no phone number; {TEXT_MAX} is the most")]
    Oversized {
        /// Characters given.
        chars: usize,
    },
    /// A letter: a word, a name, or a number spelled in letters.
    #[error("{text:?} has the letter {letter:?}; write a phone number in digits")]
    Letter {
        /// What was given.
        text: String,
        /// The first letter.
        letter: char,
    },
    /// An extension follows. A message cannot be sent to one.
    #[error("{text:?} has an extension, which no text message can reach; leave it out")]
    Extension {
        /// What was given.
        text: String,
    },
    /// A sign that no spelling of one number has.
    #[error("{text:?} has {character:?}, which is no part of a phone number; leave it out")]
    Character {
        /// What was given.
        text: String,
        /// The first such sign.
        character: char,
    },
    /// No digits, or a plus sign that is not in front.
    #[error("{text:?} does not read as one phone number; write it like +1 202 555 0123")]
    Malformed {
        /// What was given.
        text: String,
    },
    /// A national number, and no country given to read it with.
    #[error("{text:?} has no country code; write it like +1 202 555 0123, or give its country")]
    RegionNeeded {
        /// What was given.
        text: String,
    },
    /// The default country is none that has phone numbers.
    #[error("{region:?} is no country with phone numbers; write two letters such as US")]
    UnknownRegion {
        /// What was given as the country, shortened.
        region: String,
    },
    /// No country has the code behind the plus sign.
    #[error("{text:?} begins with no known country code; check the digits behind the plus sign")]
    UnknownCountryCode {
        /// What was given.
        text: String,
    },
    /// Fewer digits than any number of that country code.
    #[error("{text:?} is too short for a number of +{country_code}; check for missing digits")]
    TooShort {
        /// What was given.
        text: String,
        /// The country calling code it was read with.
        country_code: i32,
    },
    /// More digits than any number of that country code.
    #[error("{text:?} is too long for a number of +{country_code}; check for extra digits")]
    TooLong {
        /// What was given.
        text: String,
        /// The country calling code it was read with.
        country_code: i32,
    },
    /// A length between the shortest and the longest that no number of that country code has.
    #[error("{text:?} has a length no number of +{country_code} has; check its digits")]
    WrongLength {
        /// What was given.
        text: String,
        /// The country calling code it was read with.
        country_code: i32,
    },
    /// Only dialled within one area: the area code is missing.
    #[error("{text:?} lacks its area code; write the whole number, like +1 202 555 0123")]
    LocalOnly {
        /// What was given.
        text: String,
    },
}

/// Reads a number as people write it.
///
/// Taken: white space, dashes, dots, slashes, brackets, invisible marks that copying leaves behind,
/// digits of any script, `tel:` in front, `+` or `00` before the country code, a trunk zero also in
/// `+44 (0)20 …`, and without a country code the numbers of `default_region` (ISO country, two
/// letters of any case) with its own dialling prefixes. Refused: letters and extensions, since a
/// text message reaches neither.
///
/// # Errors
/// One [`PhoneError`] for each thing that can be wrong. A number of possible length that no known
/// range covers is no error: it has `valid: false`.
pub fn parse(text: &str, default_region: Option<&str>) -> Result<Phone, PhoneError> {
    let region = default_region.map(region_of).transpose()?;
    let number = read(text, region)?;
    let phone = Phone::describe(&number);
    // A known range counts for more than a length: Canada's 310 numbers have seven digits.
    if phone.valid {
        return Ok(phone);
    }
    let country_code = number.country_code;
    let text = || text.trim().to_owned();
    match number.is_possible_with_reason() {
        Ok(NumberLengthType::IsPossible) => Ok(phone),
        Ok(NumberLengthType::IsPossibleLocalOnly) => Err(PhoneError::LocalOnly { text: text() }),
        Err(ValidationError::InvalidCountryCode) => {
            Err(PhoneError::UnknownCountryCode { text: text() })
        }
        Err(ValidationError::TooShort) => Err(PhoneError::TooShort { text: text(), country_code }),
        Err(ValidationError::TooLong) => Err(PhoneError::TooLong { text: text(), country_code }),
        Err(ValidationError::InvalidLength) => {
            Err(PhoneError::WrongLength { text: text(), country_code })
        }
    }
}

/// The number a text may be sent to, in E.164: what [`parse`] reads, and any number written in full (`+` and
/// 8 to 15 digits) even when its length is unknown here. Metadata is older than the newest numbers, and the
/// gateway will say; a number that was typed with letters or without its country is refused.
///
/// # Errors
/// As [`parse`].
pub fn reachable(text: &str, default_region: Option<&str>) -> Result<String, PhoneError> {
    let region = default_region.filter(|region| !region.is_empty());
    match parse(text, region) {
        Ok(phone) => Ok(phone.e164),
        Err(error) => {
            let digits = text.strip_prefix('+').unwrap_or_default();
            let in_full =
                (8..=15).contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_digit());
            if in_full { Ok(text.to_owned()) } else { Err(error) }
        }
    }
}

/// What today's metadata says about a number kept in E.164 form, whatever its length: numbers
/// outlive the data they were read with. `None` when it is not `+` and digits of a known country
/// code.
#[must_use]
pub fn classify(e164: &str) -> Option<Phone> {
    read_e164(e164).map(|number| Phone::describe(&number))
}

/// All IANA zones where the owner of a number (E.164) may be.
///
/// By longest prefix for numbers tied to a place, the whole plan's zones for others (42 for a North
/// American toll-free number), empty when the number is of no known range: who must know the local
/// time holds the message then. [`zones_by_prefix`] answers from digits alone.
#[must_use]
pub fn zones(e164: &str) -> &'static [&'static str] {
    read_e164(e164).map_or(&[], |number| PhoneKind::from(number.get_type()).zones(e164))
}

fn read_e164(e164: &str) -> Option<PhoneNumber> {
    let digits = e164.strip_prefix('+')?;
    if digits.len() > TEXT_MAX || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    PHONE_NUMBER_UTIL.parse(e164, None).ok()
}

fn region_of(code: &str) -> Result<Region, PhoneError> {
    Region::from_code(code)
        .ok()
        .filter(|&region| PHONE_NUMBER_UTIL.get_country_code_for_region(region).is_some())
        .ok_or_else(|| PhoneError::UnknownRegion { region: code.chars().take(16).collect() })
}

/// Reads the digits, first by the habits of the region, then `00` as the plus sign that it is in
/// most of the world.
fn read(text: &str, region: Option<Region>) -> Result<PhoneNumber, PhoneError> {
    let dialled = strip(text, region)?;
    let shown = || text.trim().to_owned();
    let international = dialled.strip_prefix("00");
    if region.is_none() && international.is_none() && !dialled.starts_with('+') {
        return Err(PhoneError::RegionNeeded { text: shown() });
    }
    let mut found = PHONE_NUMBER_UTIL.parse(&dialled, region);
    if let Some(digits) = international
        && !found.as_ref().is_ok_and(PhoneNumber::is_valid)
    {
        let again = PHONE_NUMBER_UTIL.parse(format!("+{digits}"), None);
        if found.is_err() || again.as_ref().is_ok_and(PhoneNumber::is_valid) {
            found = again;
        }
    }
    found.map_err(|error| match error {
        ParseError::InvalidCountryCode => PhoneError::UnknownCountryCode { text: shown() },
        ParseError::NotANumber(_) => PhoneError::Malformed { text: shown() },
        ParseError::TooShortAfterIdd | ParseError::TooShortNsn => {
            PhoneError::TooShort { text: shown(), country_code: calling_code(&dialled, region) }
        }
        ParseError::TooLongNsn => {
            PhoneError::TooLong { text: shown(), country_code: calling_code(&dialled, region) }
        }
    })
}

/// For an error only: the code written in front, else that of the region, else 0.
fn calling_code(dialled: &str, region: Option<Region>) -> i32 {
    let written = dialled.strip_prefix('+').or_else(|| dialled.strip_prefix("00"));
    written
        .and_then(place::plan)
        .map(|(code, _)| code)
        .or_else(|| region.and_then(|region| PHONE_NUMBER_UTIL.get_country_code_for_region(region)))
        .unwrap_or(0)
}

/// What remains to dial: a plus sign if one is in front, and ASCII digits.
fn strip(text: &str, region: Option<Region>) -> Result<String, PhoneError> {
    let trimmed = text.trim();
    // Counted only as far as needed: a text may be of any length.
    if trimmed.chars().nth(TEXT_MAX).is_some() {
        return Err(PhoneError::Oversized { chars: trimmed.chars().count() });
    }
    let without_scheme = match trimmed.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("tel:") => &trimmed[4..],
        _ => trimmed,
    };
    let mut dialled = String::with_capacity(without_scheme.len());
    for c in without_scheme.chars() {
        match c {
            '0'..='9' => dialled.push(c),
            '+' | '\u{FF0B}' if dialled.is_empty() => dialled.push('+'),
            '+' | '\u{FF0B}' => return Err(PhoneError::Malformed { text: trimmed.to_owned() }),
            _ if is_separator(c) => {}
            _ if c.is_numeric() => {
                dialled
                    .push_str(&PHONE_NUMBER_UTIL.normalize_digits_only(c.encode_utf8(&mut [0; 4])));
            }
            _ => return Err(refusal(trimmed, c, region)),
        }
    }
    match dialled.as_str() {
        "" if trimmed.is_empty() => Err(PhoneError::Empty),
        "" | "+" => Err(PhoneError::Malformed { text: trimmed.to_owned() }),
        _ => Ok(dialled),
    }
}

/// Signs that people put between digits, and marks nobody sees that copying brings along.
fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '-' | '.' | '/' | '(' | ')' | '[' | ']')
        || matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30FC}' | '\u{FF0D}'..='\u{FF0F}')
        || matches!(c, '\u{FF08}' | '\u{FF09}' | '\u{FF3B}' | '\u{FF3D}')
        || matches!(c, '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}')
        || matches!(c, '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

/// Names what is wrong with a text that holds a character no number has: the library knows the many
/// ways of writing an extension.
fn refusal(text: &str, character: char, region: Option<Region>) -> PhoneError {
    let read = PHONE_NUMBER_UTIL.parse(text, region);
    let text = text.to_owned();
    if read.is_ok_and(|number| number.extension.is_some()) {
        PhoneError::Extension { text }
    } else if character.is_alphabetic() {
        PhoneError::Letter { text, letter: character }
    } else {
        PhoneError::Character { text, character }
    }
}

#[cfg(test)]
mod tests;
