//! Rules of places as dated data: which opening hours count for a person in a country and state.
//!
//! The rules that come with the product are `rules/jurisdictions.yaml`, which documents the format.
//! Must never hold a rule in code, and never answer "no rule" for data it could not read.

use super::quiet::{HoursError, HoursRule, LocalTime, OpenHours};
use crate::time::{Span, Timestamp};
use jiff::civil::Date;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// Most bytes of a data file.
pub const FILE_BYTES_MAX: usize = 1_048_576;

static BUILTIN: &str = include_str!("../../../../rules/jurisdictions.yaml");

/// Days of a week in the order of [`HoursRule`].
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Why a data file of rules cannot be used. Nothing of such a file is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JurisdictionError {
    /// Larger than [`FILE_BYTES_MAX`].
    #[error("a file of rules of {bytes} bytes is too large; {FILE_BYTES_MAX} is the most")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// No YAML, an unknown field, a missing one, or a value of the wrong kind.
    #[error("the file of rules is not in its format: {reason}")]
    Format {
        /// What the reader found, with line and column.
        reason: String,
    },
    /// Two rules of one name.
    #[error("two rules are named {rule:?}; a name is the reason shown, so each needs its own")]
    DuplicateName {
        /// The name.
        rule: String,
    },
    /// No country, or one that is not two capital letters; or such a state.
    #[error("rule {rule:?} is for {place:?}; write countries and states as two capital letters")]
    Place {
        /// The rule.
        rule: String,
        /// What stands there; empty when the list of countries is.
        place: String,
    },
    /// It ends before it starts.
    #[error("rule {rule:?} ends on {until}, which is not after {since}, when it starts")]
    NeverInForce {
        /// The rule.
        rule: String,
        /// First day.
        since: Date,
        /// First day no more.
        until: Date,
    },
    /// Not a day or a range of days of one week, or a day for the second time.
    #[error("rule {rule:?} has hours for {days:?}; write mon, or mon-fri, and each day once")]
    Days {
        /// The rule.
        rule: String,
        /// What stands there.
        days: String,
    },
    /// Hours not written `HH:MM-HH:MM`.
    #[error("rule {rule:?} has the hours {text:?}; write them like 08:00-21:00")]
    Span {
        /// The rule.
        rule: String,
        /// What stands there.
        text: String,
    },
    /// Hours that cannot be.
    #[error("rule {rule:?}: {source}")]
    Hours {
        /// The rule.
        rule: String,
        /// What is wrong with them.
        source: HoursError,
    },
    /// Its holidays are in no calendar of the file.
    #[error("rule {rule:?} takes its holidays from {calendar:?}, which is no calendar of the file")]
    UnknownCalendar {
        /// The rule.
        rule: String,
        /// The name it gives.
        calendar: String,
    },
}

/// One dated rule of the data.
#[derive(Clone, Debug)]
pub struct Rule {
    /// ISO countries it is for; empty is everywhere, which no file can say.
    pub countries: Vec<String>,
    /// States or provinces it is for; empty is the whole of its countries.
    pub states: Vec<String>,
    /// First day on which it counts, in local time.
    pub since: Date,
    /// First day on which it counts no more.
    pub until: Option<Date>,
    /// The law or page it is taken from.
    pub source: String,
    /// Anything a reader should know about it.
    pub note: Option<String>,
    /// When it lets messages through, under the name of the rule.
    pub hours: HoursRule,
}

impl Rule {
    fn is_for(&self, country: &str, state: Option<&str>) -> bool {
        let listed = |list: &[String], place: &str| list.iter().any(|known| known == place);
        (self.countries.is_empty() || listed(&self.countries, country))
            && (self.states.is_empty() || state.is_some_and(|state| listed(&self.states, state)))
    }

    /// In force anywhere on Earth: its first day starts at UTC+14 and its last one ends at UTC-12,
    /// so that a rule is kept for some hours too long rather than too short.
    fn in_force(&self, at: Timestamp) -> bool {
        let started = midnight_utc(self.since) - Span::hours(14) <= at;
        let ended = self.until.is_some_and(|until| midnight_utc(until) + Span::hours(12) <= at);
        started && !ended
    }
}

/// All rules of a data file.
#[derive(Clone, Debug)]
pub struct Jurisdictions {
    rules: Vec<Rule>,
}

impl Jurisdictions {
    /// The rules that come with the product.
    #[must_use]
    pub fn builtin() -> &'static Jurisdictions {
        static RULES: OnceLock<Jurisdictions> = OnceLock::new();
        // The file is compiled in and a test reads it. Were it ever unreadable, nothing is sent.
        RULES.get_or_init(|| {
            Jurisdictions::parse(BUILTIN).unwrap_or_else(|_| Jurisdictions::closed())
        })
    }

    /// Reads a data file.
    ///
    /// # Errors
    /// The first thing found wrong with it.
    pub fn parse(text: &str) -> Result<Jurisdictions, JurisdictionError> {
        if text.len() > FILE_BYTES_MAX {
            return Err(JurisdictionError::TooLarge { bytes: text.len() });
        }
        let tree = crate::journey::node::read(text.as_bytes()).map_err(|error| {
            let (line, column) = (error.at.line, error.at.column);
            let reason = format!("line {line}, column {column}: {}", error.message);
            JurisdictionError::Format { reason }
        })?;
        let file: File = serde_json::from_value(tree.to_json())
            .map_err(|error| JurisdictionError::Format { reason: error.to_string() })?;
        let mut names = BTreeSet::new();
        for written in &file.rules {
            if !names.insert(&written.name) {
                return Err(JurisdictionError::DuplicateName { rule: written.name.clone() });
            }
        }
        let rules = file.rules.iter().map(|written| written.read(&file.calendars));
        Ok(Jurisdictions { rules: rules.collect::<Result<_, _>>()? })
    }

    /// Every rule, in the order of the file.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The hours that count for a person in this ISO country and state (both in capitals) at this
    /// instant. All of them must allow it; none is "no rule known for that place".
    ///
    /// Without a state only rules of the whole country are given. Someone with an address in one
    /// state and an area code of another is asked for twice, and both answers count.
    #[must_use]
    pub fn rules_for(&self, country: &str, state: Option<&str>, at: Timestamp) -> Vec<&HoursRule> {
        self.rules
            .iter()
            .filter(|rule| rule.is_for(country, state) && rule.in_force(at))
            .map(|rule| &rule.hours)
            .collect()
    }

    /// One rule for everyone, never open.
    fn closed() -> Jurisdictions {
        let rule = HoursRule::new("unreadable-rules", Default::default(), []).map(|hours| Rule {
            countries: Vec::new(),
            states: Vec::new(),
            since: Date::MIN,
            until: None,
            source: String::new(),
            note: None,
            hours,
        });
        Jurisdictions { rules: rule.into_iter().collect() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rules: Vec<Written>,
    #[serde(default)]
    calendars: BTreeMap<String, Vec<Date>>,
}

/// A rule as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    countries: Vec<String>,
    #[serde(default)]
    states: Vec<String>,
    since: Date,
    until: Option<Date>,
    source: String,
    note: Option<String>,
    hours: BTreeMap<String, Vec<String>>,
    holidays: Option<String>,
}

impl Written {
    fn read(&self, calendars: &BTreeMap<String, Vec<Date>>) -> Result<Rule, JurisdictionError> {
        let rule = || self.name.clone();
        self.check_places()?;
        if let Some(until) = self.until
            && until <= self.since
        {
            return Err(JurisdictionError::NeverInForce { rule: rule(), since: self.since, until });
        }
        let holidays = match &self.holidays {
            None => &[][..],
            Some(calendar) => calendars.get(calendar).ok_or_else(|| {
                JurisdictionError::UnknownCalendar { rule: rule(), calendar: calendar.clone() }
            })?,
        };
        let hours = HoursRule::new(rule(), self.week()?, holidays.iter().copied())
            .map_err(|source| JurisdictionError::Hours { rule: rule(), source })?;
        Ok(Rule {
            countries: self.countries.clone(),
            states: self.states.clone(),
            since: self.since,
            until: self.until,
            source: self.source.clone(),
            note: self.note.clone(),
            hours,
        })
    }

    fn check_places(&self) -> Result<(), JurisdictionError> {
        let wrong =
            |place: &String| place.len() != 2 || !place.bytes().all(|b| b.is_ascii_uppercase());
        let places = || self.countries.iter().chain(&self.states);
        match places().find(|&place| wrong(place)) {
            None if !self.countries.is_empty() => Ok(()),
            place => Err(JurisdictionError::Place {
                rule: self.name.clone(),
                place: place.cloned().unwrap_or_default(),
            }),
        }
    }

    fn week(&self) -> Result<[Vec<OpenHours>; 7], JurisdictionError> {
        let mut week: [Option<Vec<OpenHours>>; 7] = Default::default();
        for (days, spans) in &self.hours {
            let wrong = || JurisdictionError::Days { rule: self.name.clone(), days: days.clone() };
            let hours: Vec<OpenHours> =
                spans.iter().map(|text| self.open_hours(text)).collect::<Result<_, _>>()?;
            let (first, last) = days.split_once('-').unwrap_or((days, days));
            let number = |name: &str| DAYS.iter().position(|&day| day == name);
            let (Some(first), Some(last)) = (number(first), number(last)) else {
                return Err(wrong());
            };
            // A range that runs backwards is no slice, and so is refused as well.
            for day in week.get_mut(first..=last).ok_or_else(wrong)? {
                if day.replace(hours.clone()).is_some() {
                    return Err(wrong());
                }
            }
        }
        Ok(week.map(Option::unwrap_or_default))
    }

    fn open_hours(&self, text: &str) -> Result<OpenHours, JurisdictionError> {
        let rule = || self.name.clone();
        let (from, to) = text
            .split_once('-')
            .ok_or_else(|| JurisdictionError::Span { rule: rule(), text: text.to_owned() })?;
        let hours = || OpenHours::new(from.parse::<LocalTime>()?, to.parse::<LocalTime>()?);
        hours().map_err(|source| JurisdictionError::Hours { rule: rule(), source })
    }
}

fn midnight_utc(date: Date) -> Timestamp {
    // Between two civil dates no zone comes in, and every pair of dates has a difference.
    Timestamp(date.duration_since(Date::constant(1970, 1, 1)).as_secs() * 1_000)
}

#[cfg(test)]
mod tests;
