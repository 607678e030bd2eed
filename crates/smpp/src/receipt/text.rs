//! The fields that stand in the text of a receipt.
//!
//! `id:… sub:… dlvrd:… submit date:… done date:… stat:… err:… text:…` says the appendix of the
//! standard, and no carrier has to follow it. Must never take a field out of the repeated message
//! text as long as the receipt itself has one.

/// A field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Id,
    Sub,
    Delivered,
    Submitted,
    Done,
    Stat,
    Err,
    Text,
}

/// Names in small letters; a longer one stands before its beginning.
const NAMES: [(&str, Key); 19] = [
    ("message_id", Key::Id),
    ("message id", Key::Id),
    ("messageid", Key::Id),
    ("msgid", Key::Id),
    ("id", Key::Id),
    ("submit date", Key::Submitted),
    ("submit_date", Key::Submitted),
    ("submitdate", Key::Submitted),
    ("sub", Key::Sub),
    ("dlvrd", Key::Delivered),
    ("done date", Key::Done),
    ("done_date", Key::Done),
    ("donedate", Key::Done),
    ("status", Key::Stat),
    ("stat", Key::Stat),
    ("error", Key::Err),
    ("err", Key::Err),
    ("text", Key::Text),
    ("txt", Key::Text),
];

/// The first of each field.
#[derive(Debug)]
pub(super) struct ReceiptText<'a> {
    fields: Vec<(Key, &'a str)>,
}

impl<'a> ReceiptText<'a> {
    pub(super) fn read(text: &'a str) -> ReceiptText<'a> {
        let mut read = ReceiptText { fields: Vec::new() };
        read.scan(text);
        read
    }

    fn scan(&mut self, text: &'a str) {
        let small = text.to_ascii_lowercase();
        let mut open: Option<(Key, usize)> = None;
        let mut before = ' ';
        let mut skip_to = 0;
        for (at, c) in small.char_indices() {
            let starts = !before.is_alphanumeric();
            before = c;
            if at < skip_to || !starts || !c.is_ascii_alphabetic() {
                continue;
            }
            let Some((key, value_at)) = key_at(&small, at) else { continue };
            if let Some((key, from)) = open.take() {
                self.add(key, &text[from..at]);
            }
            skip_to = value_at;
            open = Some((key, value_at));
            // What follows is the message itself, unless the carrier put it first.
            if key == Key::Text && self.value(Key::Id).is_some() && self.value(Key::Stat).is_some()
            {
                break;
            }
        }
        if let Some((key, from)) = open {
            self.add(key, &text[from..]);
        }
    }

    fn add(&mut self, key: Key, value: &'a str) {
        let value =
            value.trim_matches(|c: char| c.is_whitespace() || c == '\0' || c == ',' || c == ';');
        if !value.is_empty() && self.value(key).is_none() {
            self.fields.push((key, value));
        }
    }

    /// All that stands there.
    pub(super) fn value(&self, key: Key) -> Option<&'a str> {
        self.fields.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }

    /// Its first word.
    pub(super) fn word(&self, key: Key) -> Option<&'a str> {
        self.value(key)?.split(|c: char| c.is_whitespace() || c == ',' || c == ';').next()
    }
}

/// Whether a field begins here: its key, and where its value begins.
fn key_at(small: &str, at: usize) -> Option<(Key, usize)> {
    let rest = small.get(at..)?;
    NAMES.iter().find_map(|(name, key)| {
        let after = rest.strip_prefix(name)?;
        let value = after.trim_start_matches(' ').strip_prefix(':')?;
        Some((*key, small.len() - value.len()))
    })
}

/// An instant in the carrier's notation and zone; which zone that is, no receipt says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CarrierDate {
    /// With the century.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60; 0 where it is not said.
    pub second: u8,
}

impl CarrierDate {
    /// Reads `YYMMDDhhmm`, with seconds, with a four-digit year, with separators between.
    #[must_use]
    pub fn read(text: &str) -> Option<CarrierDate> {
        let digits: Vec<u8> =
            text.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
        match digits.len() {
            10 => CarrierDate::of(&digits, false),
            // Four digits of a year, or two and seconds? A message of the year 2020 is long gone.
            12 if digits.starts_with(&[2, 0]) => {
                CarrierDate::of(&digits, true).or_else(|| CarrierDate::of(&digits, false))
            }
            12 | 13 | 15.. => CarrierDate::of(digits.get(..12)?, false),
            14 => CarrierDate::of(&digits, true),
            _ => None,
        }
    }

    fn of(digits: &[u8], long_year: bool) -> Option<CarrierDate> {
        let mut twos = digits.chunks_exact(2).map(|two| two[0] * 10 + two[1]);
        let mut year = u16::from(twos.next()?);
        year = if long_year { year * 100 + u16::from(twos.next()?) } else { 2000 + year };
        let (month, day) = (twos.next()?, twos.next()?);
        let (hour, minute, second) = (twos.next()?, twos.next()?, twos.next().unwrap_or(0));
        let date = CarrierDate { year, month, day, hour, minute, second };
        let fits = (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60;
        fits.then_some(date)
    }
}
