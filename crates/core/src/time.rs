//! Instants and spans in whole milliseconds, the resolution of everything Wayline stores.
//!
//! Must never read a clock: instants come in as arguments.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Sub};

/// An instant: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// A signed length of elapsed time in milliseconds. A day is 24 h, whatever a clock on the wall says.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Span(pub i64);

/// Why a text is not an instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not RFC 3339.
    #[error("{text:?} is not an instant; write it like 2026-11-23T09:30:00Z")]
    Malformed {
        /// What was given, shortened.
        text: String,
    },
    /// Outside the years the product handles.
    #[error(
        "{text} is outside {}..{}; check the clock that made it",
        Timestamp::MIN,
        Timestamp::MAX
    )]
    OutOfRange {
        /// What was given, shortened.
        text: String,
    },
}

impl Timestamp {
    /// Earliest instant an input may carry: 1970-01-01.
    pub const MIN: Timestamp = Timestamp(0);
    /// Latest instant an input may carry: 2200-01-01.
    pub const MAX: Timestamp = Timestamp(7_258_118_400_000);

    /// Reads RFC 3339 (any offset; digits below a millisecond are cut).
    ///
    /// # Errors
    /// When the text is no instant, or one before [`Timestamp::MIN`] or after [`Timestamp::MAX`].
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let shown = || text.chars().take(40).collect::<String>();
        let parsed: jiff::Timestamp = text.parse().map_err(|_| {
            // The calendar's last instants cannot be converted, but they are written well.
            let written_well = jiff::fmt::temporal::Pieces::parse(text)
                .is_ok_and(|pieces| pieces.time().is_some() && pieces.offset().is_some());
            let text = shown();
            if written_well {
                TimeError::OutOfRange { text }
            } else {
                TimeError::Malformed { text }
            }
        })?;
        let at = Timestamp(parsed.as_nanosecond().div_euclid(1_000_000) as i64);
        if at < Self::MIN || at > Self::MAX {
            return Err(TimeError::OutOfRange { text: shown() });
        }
        Ok(at)
    }

    /// The same instant for calendar work. Clamped to what the calendar can hold.
    #[must_use]
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        })
    }

    /// From calendar work; digits below a millisecond are cut.
    #[must_use]
    pub fn from_jiff(at: jiff::Timestamp) -> Self {
        Timestamp(at.as_nanosecond().div_euclid(1_000_000) as i64)
    }

    /// Start of the UTC hour that holds this instant; counters are kept by it.
    #[must_use]
    pub fn hour(self) -> Timestamp {
        Timestamp(self.0.div_euclid(3_600_000) * 3_600_000)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339, UTC, always three decimals: `2015-05-05T07:38:54.917Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_jiff())
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// Whole seconds.
    #[must_use]
    pub const fn seconds(n: i64) -> Span {
        Span(n * 1_000)
    }

    /// Whole minutes.
    #[must_use]
    pub const fn minutes(n: i64) -> Span {
        Span(n * 60_000)
    }

    /// Whole hours.
    #[must_use]
    pub const fn hours(n: i64) -> Span {
        Span(n * 3_600_000)
    }

    /// Days of 24 h.
    #[must_use]
    pub const fn days(n: i64) -> Span {
        Span(n * 86_400_000)
    }
}

impl fmt::Display for Span {
    /// The shortest exact form in one unit: `90m`, `4h`, `7d`, `-30m`, `250ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units =
            [(604_800_000, "w"), (86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
        for (size, unit) in units {
            if self.0 != 0 && self.0 % size == 0 {
                return write!(f, "{}{unit}", self.0 / size);
            }
        }
        write!(f, "{}ms", self.0)
    }
}

impl Add<Span> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Timestamp;
    fn sub(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_sub(span.0))
    }
}

impl Sub<Timestamp> for Timestamp {
    type Output = Span;
    fn sub(self, other: Timestamp) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

/// A set of weekdays. The empty set means every day, as an absent `days:` does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Days(pub u8);

impl Days {
    /// This day too.
    #[must_use]
    pub fn with(self, day: jiff::civil::Weekday) -> Days {
        Days(self.0 | (1 << day.to_monday_zero_offset()))
    }

    /// Whether the day is in the set, or the set is empty.
    #[must_use]
    pub fn contains(self, day: jiff::civil::Weekday) -> bool {
        self.0 == 0 || self.0 & (1 << day.to_monday_zero_offset()) != 0
    }
}
