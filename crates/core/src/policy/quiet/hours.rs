//! Hours of the day as people and laws write them: a time, a window of a day, a week of windows.
//!
//! Knows walls, not instants: a [`Wall`] is what a clock on the wall shows, and every answer here is
//! "how long until that clock shows something else". Must never know a time zone.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// Days that [`HoursRule`] looks ahead for its next opening: the horizon of the search, and two
/// days to spare for clocks that are moved meanwhile.
const DAYS_AHEAD: i64 = super::HORIZON_DAYS + 2;

/// What a clock on the wall shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wall {
    /// Days since 1970-01-01.
    day: i64,
    /// Milliseconds since that day's 00:00.
    ms: i64,
}

impl Wall {
    /// From milliseconds since 1970-01-01T00:00 on that wall.
    pub(super) fn new(local_ms: i64) -> Wall {
        Wall { day: local_ms.div_euclid(DAY_MS), ms: local_ms.rem_euclid(DAY_MS) }
    }
}

/// A time of day, 00:00 to 24:00, in whole minutes. 24:00 is the end of the day and no start.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct LocalTime(pub(crate) u16);

/// Why something is no time, no window or no week of hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// Not `HH:MM`.
    #[error("{text:?} is no time of day; write it like 08:00, from 00:00 to 24:00")]
    Time {
        /// What was given, shortened.
        text: String,
    },
    /// From and to are the same: it could mean the whole day or nothing.
    #[error(
        "hours from {at} to {at} are neither a whole day nor none; \
         write 00:00 to 24:00 for the day, or leave the hours out"
    )]
    Empty {
        /// Both ends.
        at: LocalTime,
    },
    /// A window that starts at the end of the day.
    #[error("hours cannot start at 24:00; write 00:00")]
    StartsAtEnd,
    /// Opening hours that end before they start: they belong to two days.
    #[error("opening hours {from} to {to} cross midnight; write them as two, one for each day")]
    CrossesMidnight {
        /// Start.
        from: LocalTime,
        /// End.
        to: LocalTime,
    },
    /// Two opening hours of a day that share a minute or stand in the wrong order.
    #[error("the opening hours of a day overlap or are out of order at {from}")]
    Overlap {
        /// Start of the later one.
        from: LocalTime,
    },
}

impl LocalTime {
    /// 00:00.
    pub const START: LocalTime = LocalTime(0);
    /// 24:00, an end only.
    pub const END: LocalTime = LocalTime(1_440);

    /// Minutes since 00:00, 0 to 1,440; `None` beyond.
    #[must_use]
    pub const fn from_minutes(minutes: u16) -> Option<LocalTime> {
        if minutes <= 1_440 { Some(LocalTime(minutes)) } else { None }
    }

    /// Minutes since 00:00, 0 to 1,440.
    #[must_use]
    pub const fn minutes(self) -> u16 {
        self.0
    }

    fn ms(self) -> i64 {
        i64::from(self.0) * MINUTE_MS
    }
}

impl FromStr for LocalTime {
    type Err = HoursError;

    /// Reads `HH:MM`, two digits each.
    fn from_str(text: &str) -> Result<Self, HoursError> {
        let two = |digits: &str| match digits.as_bytes() {
            [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
                Some(u16::from(tens - b'0') * 10 + u16::from(ones - b'0'))
            }
            _ => None,
        };
        text.split_once(':')
            .and_then(|(hours, minutes)| Some((two(hours)?, two(minutes)?)))
            .filter(|&(_, minutes)| minutes < 60)
            .and_then(|(hours, minutes)| LocalTime::from_minutes(hours * 60 + minutes))
            .ok_or_else(|| HoursError::Time { text: text.chars().take(16).collect() })
    }
}

impl TryFrom<String> for LocalTime {
    type Error = HoursError;
    fn try_from(text: String) -> Result<Self, HoursError> {
        text.parse()
    }
}

impl From<LocalTime> for String {
    fn from(time: LocalTime) -> String {
        time.to_string()
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// Hours in which nobody wants a message: `[from, to)` on the wall, across midnight when `to` is
/// earlier than `from`. 00:00 to 24:00 is the whole day, every day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Window", into = "Window")]
#[schemars(with = "Window")]
pub struct QuietWindow {
    from: LocalTime,
    to: LocalTime,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "QuietWindow")]
struct Window {
    from: LocalTime,
    to: LocalTime,
}

impl QuietWindow {
    /// Quiet from the one time, included, to the other, excluded.
    ///
    /// # Errors
    /// When both are the same, or `from` is 24:00.
    pub fn new(from: LocalTime, to: LocalTime) -> Result<QuietWindow, HoursError> {
        if from == LocalTime::END {
            return Err(HoursError::StartsAtEnd);
        }
        if from == to {
            return Err(HoursError::Empty { at: from });
        }
        Ok(QuietWindow { from, to })
    }

    /// First quiet minute.
    #[must_use]
    pub const fn from(self) -> LocalTime {
        self.from
    }

    /// First minute that is no longer quiet.
    #[must_use]
    pub const fn to(self) -> LocalTime {
        self.to
    }

    /// Milliseconds until this wall shows the end of the window; 0 outside it.
    pub(super) fn wait(self, wall: Wall) -> i64 {
        let (from, to, now) = (self.from.ms(), self.to.ms(), wall.ms);
        let crosses = to < from;
        if now >= from && (crosses || now < to) {
            if crosses { DAY_MS - now + to } else { to - now }
        } else if crosses && now < to {
            to - now
        } else {
            0
        }
    }
}

impl TryFrom<Window> for QuietWindow {
    type Error = HoursError;
    fn try_from(window: Window) -> Result<Self, HoursError> {
        QuietWindow::new(window.from, window.to)
    }
}

impl From<QuietWindow> for Window {
    fn from(window: QuietWindow) -> Window {
        Window { from: window.from, to: window.to }
    }
}

impl fmt::Display for QuietWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from, self.to)
    }
}

/// Opening hours of one day: `[from, to)` on the wall, `from` before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OpenHours {
    from: LocalTime,
    to: LocalTime,
}

impl OpenHours {
    /// Open from the one time, included, to the other, excluded.
    ///
    /// # Errors
    /// When `to` is not after `from`.
    pub fn new(from: LocalTime, to: LocalTime) -> Result<OpenHours, HoursError> {
        match from.cmp(&to) {
            std::cmp::Ordering::Less => Ok(OpenHours { from, to }),
            std::cmp::Ordering::Equal => Err(HoursError::Empty { at: from }),
            std::cmp::Ordering::Greater => Err(HoursError::CrossesMidnight { from, to }),
        }
    }
}

/// When a rule lets messages through, in the local time of the person: hours of each weekday, and
/// dates that are closed whatever their weekday.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoursRule {
    name: String,
    /// Monday first; in order, none overlapping. An empty day is closed.
    week: [Vec<OpenHours>; 7],
    /// Days since 1970-01-01, sorted.
    holidays: Vec<i64>,
}

impl HoursRule {
    /// A rule by name (shown as the reason of a hold), its week with Monday first, and its closed
    /// dates in any order.
    ///
    /// # Errors
    /// When the hours of a day overlap or are out of order.
    pub fn new(
        name: impl Into<String>,
        week: [Vec<OpenHours>; 7],
        holidays: impl IntoIterator<Item = Date>,
    ) -> Result<HoursRule, HoursError> {
        let pairs = week.iter().flat_map(|hours| hours.windows(2));
        for pair in pairs {
            if let [before, after] = pair
                && after.from < before.to
            {
                return Err(HoursError::Overlap { from: after.from });
            }
        }
        let mut holidays: Vec<i64> = holidays.into_iter().map(day_number).collect();
        holidays.sort_unstable();
        holidays.dedup();
        Ok(HoursRule { name: name.into(), week, holidays })
    }

    /// What the rule is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Milliseconds until this wall shows an open minute; 0 when it does. `None` when nothing opens
    /// within [`DAYS_AHEAD`].
    pub(super) fn wait(&self, wall: Wall) -> Option<i64> {
        (0..=DAYS_AHEAD).find_map(|ahead| {
            let earliest = if ahead == 0 { wall.ms } else { 0 };
            let open = self.hours(wall.day + ahead).iter().find(|open| open.to.ms() > earliest)?;
            Some(ahead * DAY_MS + open.from.ms().max(earliest) - wall.ms)
        })
    }

    /// The hours of a day, none when it is a closed date.
    fn hours(&self, day: i64) -> &[OpenHours] {
        if self.holidays.binary_search(&day).is_ok() {
            return &[];
        }
        // 1970-01-01 was a Thursday, and Monday is 0.
        &self.week[(day + 3).rem_euclid(7) as usize]
    }
}

/// Days since 1970-01-01.
fn day_number(date: Date) -> i64 {
    // Both are civil dates, whose difference in days always exists and needs no zone.
    date.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24
}
