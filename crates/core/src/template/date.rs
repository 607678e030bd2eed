//! Dates for the filter `date`: reading what people and programs write, and `strftime`.
//!
//! A text with an offset or `Z` is an instant and is shown in the rendering's time zone; a text
//! without one is a time on the wall and is shown as it stands. Must never read a clock.

use crate::time::Timestamp;
use jiff::civil::{self, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp as Instant, ZonedDateTime};
use std::fmt::Write as _;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Longest text that may be a date.
const TEXT_BYTES_MAX: usize = 64;
/// Widest padding a format may ask for.
const WIDTH_MAX: usize = 64;

/// Seconds since 1970. `None` outside the calendar.
pub(super) fn from_unix(seconds: i128, zone: &TimeZone) -> Option<ZonedDateTime> {
    let at = Instant::from_second(i64::try_from(seconds).ok()?).ok()?;
    Some(at.to_zoned_datetime(zone.clone()))
}

/// Reads `now`, `today`, unix seconds, ISO 8601, or a date in English words. `None` for anything else.
pub(super) fn read(text: &str, now: Timestamp, zone: &TimeZone) -> Option<ZonedDateTime> {
    let text = text.trim();
    if text.is_empty() || text.len() > TEXT_BYTES_MAX {
        return None;
    }
    if text.eq_ignore_ascii_case("now") || text.eq_ignore_ascii_case("today") {
        return Some(now.to_jiff().to_zoned_datetime(zone.clone()));
    }
    if text.len() > 4 && text.bytes().all(|b| b.is_ascii_digit()) {
        return from_unix(text.parse().ok()?, zone);
    }
    if let Ok(at) = text.parse::<Instant>() {
        return Some(at.to_zoned_datetime(zone.clone()));
    }
    if let Ok(at) = text.parse::<DateTime>() {
        return at.to_zoned_datetime(zone.clone()).ok();
    }
    Parts::read(text)?.resolve(zone)
}

/// What the words of a date said so far.
#[derive(Debug, Default)]
struct Parts {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    time: Option<(i8, i8, i8)>,
    afternoon: Option<bool>,
    offset: Option<Offset>,
}

impl Parts {
    /// `March 14, 2016`, `Mon, 14 Mar 2016 15:04:05 +0200`, `2016/03/14 3:04 pm`.
    fn read(text: &str) -> Option<Parts> {
        let mut parts = Parts::default();
        for word in text.split([' ', ',', '\t']).filter(|w| !w.is_empty()) {
            parts.word(word)?;
        }
        Some(parts)
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let lower = word.to_ascii_lowercase();
        let lower = lower.trim_end_matches('.');
        if lower.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return self.name(lower);
        }
        if let Some(clock) = lower.strip_suffix("am").or_else(|| lower.strip_suffix("pm")) {
            self.afternoon = Some(lower.ends_with("pm"));
            return self.clock(clock);
        }
        if self.time.is_some() && lower.starts_with(['+', '-']) {
            self.offset = Some(offset(lower)?);
            return Some(());
        }
        if lower.contains(':') {
            return self.clock(lower);
        }
        if let Some((year, rest)) = lower.split_once(['/', '-']) {
            let (month, day) = rest.split_once(['/', '-'])?;
            if year.len() != 4 {
                return None;
            }
            self.year = Some(year.parse().ok()?);
            self.month = Some(month.parse().ok()?);
            self.day = Some(day.parse().ok()?);
            return Some(());
        }
        let is_number = lower.bytes().all(|b| b.is_ascii_digit());
        if is_number && lower.len() == 4 && self.year.is_none() {
            self.year = Some(lower.parse().ok()?);
            return Some(());
        }
        let day = ["st", "nd", "rd", "th"].iter().find_map(|s| lower.strip_suffix(s));
        match self.day.replace(day.unwrap_or(lower).parse().ok()?) {
            None => Some(()),
            Some(_) => None,
        }
    }

    /// A month, a day of the week, a zone or am and pm.
    fn name(&mut self, word: &str) -> Option<()> {
        let is = |full: &str| {
            let full = full.to_ascii_lowercase();
            word.len() >= 3
                && (full == word || word == &full[..3] || word == "sept" && full.starts_with("sep"))
        };
        match word {
            "am" | "pm" => self.afternoon = Some(word == "pm"),
            "utc" | "gmt" | "z" => self.offset = Some(Offset::UTC),
            "at" | "of" => {}
            _ if DAYS.into_iter().any(is) => {}
            _ => self.month = Some(MONTHS.into_iter().position(is)? as i8 + 1),
        }
        Some(())
    }

    fn clock(&mut self, text: &str) -> Option<()> {
        let whole = text.split('.').next()?;
        let mut fields = whole.split(':').map(|f| f.parse::<i8>().ok());
        let hour = fields.next()??;
        let minute = fields.next().unwrap_or(Some(0))?;
        let second = fields.next().unwrap_or(Some(0))?;
        self.time = Some((hour, minute, second));
        Some(())
    }

    fn resolve(&self, zone: &TimeZone) -> Option<ZonedDateTime> {
        let (mut hour, minute, second) = self.time.unwrap_or((0, 0, 0));
        if let Some(afternoon) = self.afternoon {
            hour = hour % 12 + if afternoon { 12 } else { 0 };
        }
        let date = civil::Date::new(self.year?, self.month?, self.day.unwrap_or(1)).ok()?;
        let at = DateTime::from_parts(date, civil::Time::new(hour, minute, second, 0).ok()?);
        match self.offset {
            Some(offset) => Some(offset.to_timestamp(at).ok()?.to_zoned_datetime(zone.clone())),
            None => at.to_zoned_datetime(zone.clone()).ok(),
        }
    }
}

/// `+0200` or `+02:00`.
fn offset(text: &str) -> Option<Offset> {
    let digits = text.get(1..)?.replace(':', "");
    if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i32 = digits.parse().ok()?;
    let seconds = (number / 100 * 60 + number % 100) * 60;
    Offset::from_seconds(if text.starts_with('-') { -seconds } else { seconds }).ok()
}

/// The flags and width between `%` and its letter.
#[derive(Debug, Default, Clone, Copy)]
struct Shape {
    /// `-`: no padding. `0` and `_`: padding with that.
    pad: Option<char>,
    upper: bool,
    swap: bool,
    colons: usize,
    width: Option<usize>,
}

/// `strftime` with Ruby's flags (`-`, `0`, `_`, `^`, `#`, a width, `:` for `%z`). A directive that
/// does not exist is shown as it stands.
pub(super) fn write(at: &ZonedDateTime, format: &str) -> String {
    let mut out = String::with_capacity(format.len() * 2);
    let mut rest = format;
    while let Some(percent) = rest.find('%') {
        out.push_str(&rest[..percent]);
        rest = &rest[percent..];
        let (shape, letter, length) = directive(rest);
        let taken = match letter {
            Some(letter) if field(&mut out, at, letter, shape) => length,
            _ => {
                out.push('%');
                1
            }
        };
        rest = &rest[taken..];
    }
    out.push_str(rest);
    out
}

/// Reads `%`, its flags, width and letter; and how many bytes they take.
fn directive(text: &str) -> (Shape, Option<char>, usize) {
    let mut shape = Shape::default();
    for (i, c) in text.char_indices().skip(1) {
        match c {
            '-' | '_' => shape.pad = Some(c),
            '0' if shape.width.is_none() => shape.pad = Some(c),
            '^' => shape.upper = true,
            '#' => shape.swap = true,
            ':' => shape.colons += 1,
            c if c.is_ascii_digit() => {
                let digit = c as usize - '0' as usize;
                let width = shape.width.unwrap_or(0) * 10 + digit;
                shape.width = Some(width.min(WIDTH_MAX));
            }
            c => return (shape, Some(c), i + c.len_utf8()),
        }
    }
    (shape, None, text.len())
}

/// Writes one directive; `false` when there is no such letter.
fn field(out: &mut String, at: &ZonedDateTime, letter: char, shape: Shape) -> bool {
    let hour12 = (at.hour() + 11) % 12 + 1;
    let week = at.date().iso_week_date();
    let number =
        |out: &mut String, value: i64, width, pad| push_number(out, value, width, pad, shape);
    match letter {
        'Y' => number(out, at.year().into(), 1, '0'),
        'C' => number(out, at.year().div_euclid(100).into(), 2, '0'),
        'y' => number(out, at.year().rem_euclid(100).into(), 2, '0'),
        'G' => number(out, week.year().into(), 4, '0'),
        'g' => number(out, week.year().rem_euclid(100).into(), 2, '0'),
        'm' => number(out, at.month().into(), 2, '0'),
        'd' => number(out, at.day().into(), 2, '0'),
        'e' => number(out, at.day().into(), 2, ' '),
        'j' => number(out, at.day_of_year().into(), 3, '0'),
        'H' => number(out, at.hour().into(), 2, '0'),
        'k' => number(out, at.hour().into(), 2, ' '),
        'I' => number(out, hour12.into(), 2, '0'),
        'l' => number(out, hour12.into(), 2, ' '),
        'M' => number(out, at.minute().into(), 2, '0'),
        'S' => number(out, at.second().into(), 2, '0'),
        's' => number(out, at.timestamp().as_second(), 1, '0'),
        'u' => number(out, at.weekday().to_monday_one_offset().into(), 1, '0'),
        'w' => number(out, at.weekday().to_sunday_zero_offset().into(), 1, '0'),
        'V' => number(out, week.week().into(), 2, '0'),
        'U' => number(out, week_of_year(at, at.weekday().to_sunday_zero_offset()), 2, '0'),
        'W' => number(out, week_of_year(at, at.weekday().to_monday_zero_offset()), 2, '0'),
        'L' | 'N' => {
            let width = shape.width.unwrap_or(if letter == 'L' { 3 } else { 9 });
            let digits = format!("{:09}", at.subsec_nanosecond());
            let _ = write!(out, "{:0<width$}", &digits[..width.min(9)]);
        }
        'z' => push_word(out, &show_offset(at.offset().seconds(), shape.colons), shape),
        _ => return word_field(out, at, letter, shape),
    }
    true
}

/// The directives that are words or put others together.
fn word_field(out: &mut String, at: &ZonedDateTime, letter: char, shape: Shape) -> bool {
    let month = MONTHS[(at.month() - 1).clamp(0, 11) as usize];
    let day = DAYS[at.weekday().to_sunday_zero_offset().clamp(0, 6) as usize];
    let half = if at.hour() < 12 { "AM" } else { "PM" };
    let both = |format: &str| write(at, format);
    let word = match letter {
        'B' => month.to_owned(),
        'b' | 'h' => month[..3].to_owned(),
        'A' => day.to_owned(),
        'a' => day[..3].to_owned(),
        'p' if shape.swap => half.to_ascii_lowercase(),
        'p' => half.to_owned(),
        'P' => half.to_ascii_lowercase(),
        'Z' => at.time_zone().to_offset_info(at.timestamp()).abbreviation().to_owned(),
        'c' => both("%a %b %e %H:%M:%S %Y"),
        'D' | 'x' => both("%m/%d/%y"),
        'F' => both("%Y-%m-%d"),
        'T' | 'X' => both("%H:%M:%S"),
        'R' => both("%H:%M"),
        'r' => both("%I:%M:%S %p"),
        'v' => both("%e-%^b-%Y"),
        '+' => both("%a %b %e %H:%M:%S %Z %Y"),
        'n' => "\n".to_owned(),
        't' => "\t".to_owned(),
        '%' => "%".to_owned(),
        _ => return false,
    };
    push_word(out, &word, shape);
    true
}

fn push_number(out: &mut String, value: i64, width: usize, pad: char, shape: Shape) {
    let sign = if value < 0 { "-" } else { "" };
    let digits = value.unsigned_abs();
    let width = shape.width.unwrap_or(width);
    let _ = match shape.pad.unwrap_or(pad) {
        '-' => write!(out, "{sign}{digits}"),
        '_' | ' ' => write!(out, "{:>width$}", format!("{sign}{digits}")),
        _ => write!(out, "{sign}{digits:0width$}"),
    };
}

fn push_word(out: &mut String, word: &str, shape: Shape) {
    let width = shape.width.unwrap_or(0);
    let word = if shape.upper || shape.swap && !word.starts_with(['a', 'p']) {
        word.to_uppercase()
    } else {
        word.to_owned()
    };
    let _ = match shape.pad {
        Some('0') => write!(out, "{word:0>width$}"),
        _ => write!(out, "{word:>width$}"),
    };
}

/// Weeks since the first one that starts on the first day of a week.
fn week_of_year(at: &ZonedDateTime, day_of_week: i8) -> i64 {
    (i64::from(at.day_of_year()) + 6 - i64::from(day_of_week)) / 7
}

fn show_offset(seconds: i32, colons: usize) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let total = seconds.unsigned_abs();
    let (hours, minutes, rest) = (total / 3600, total / 60 % 60, total % 60);
    match colons {
        0 => format!("{sign}{hours:02}{minutes:02}"),
        1 => format!("{sign}{hours:02}:{minutes:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}:{rest:02}"),
    }
}
