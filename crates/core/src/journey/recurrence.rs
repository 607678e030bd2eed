//! Recurrence rules: the subset of RFC 5545 that schedules need, and the next instant of one.
//!
//! Wall times are times in the given zone. A time that a clock change skips runs at the first
//! instant after the gap; a time that occurs twice runs once, the first time. So every occurrence
//! happens exactly once. Must never read a clock.

use super::program::{Frequency, Recurrence};
use crate::policy::quiet::LocalTime;
use crate::time::{Days, Timestamp};
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};

/// Days looked ahead before a rule is said to have no further occurrence: a leap day in a year
/// that an interval of four years can miss at a century, and some.
const HORIZON_DAYS: i64 = 366 * 45;

/// Reads a rule.
///
/// # Errors
/// Says what is wrong, or that a part is outside the subset.
pub fn parse(text: &str) -> Result<Recurrence, String> {
    let rule = text.strip_prefix("RRULE:").unwrap_or(text);
    let mut parts = Parts::default();
    for part in rule.split(';') {
        let (name, value) = part
            .split_once('=')
            .ok_or_else(|| format!("{part:?} has no =; write it like FREQ=DAILY;BYHOUR=9"))?;
        parts.take(name.trim(), value.trim())?;
    }
    parts.finish(text)
}

#[derive(Default)]
struct Parts {
    frequency: Option<Frequency>,
    interval: Option<u32>,
    weekdays: Days,
    month_days: Vec<i8>,
    months: Vec<i8>,
    hours: Vec<i8>,
    minutes: Vec<i8>,
    seen: Vec<String>,
}

impl Parts {
    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        if self.seen.iter().any(|seen| seen == name) {
            return Err(format!("{name} stands twice"));
        }
        self.seen.push(name.to_owned());
        match name {
            "FREQ" => {
                self.frequency = Some(match value {
                    "HOURLY" => Frequency::Hourly,
                    "DAILY" => Frequency::Daily,
                    "WEEKLY" => Frequency::Weekly,
                    "MONTHLY" => Frequency::Monthly,
                    "YEARLY" => Frequency::Yearly,
                    _ => {
                        return Err(format!(
                            "FREQ={value} is not supported; use HOURLY, DAILY, WEEKLY, MONTHLY or \
                             YEARLY"
                        ));
                    }
                });
            }
            "INTERVAL" => {
                let interval = value.parse::<u32>().ok().filter(|n| (1..=1_000).contains(n));
                self.interval = Some(interval.ok_or("INTERVAL goes from 1 to 1000")?);
            }
            "BYDAY" => {
                for day in value.split(',') {
                    self.weekdays = self.weekdays.with(weekday(day)?);
                }
            }
            "BYMONTHDAY" => self.month_days = numbers(name, value, 1, 31, true)?,
            "BYMONTH" => self.months = numbers(name, value, 1, 12, false)?,
            "BYHOUR" => self.hours = numbers(name, value, 0, 23, false)?,
            "BYMINUTE" => self.minutes = numbers(name, value, 0, 59, false)?,
            "WKST" if value == "MO" => {}
            _ => {
                return Err(format!(
                    "{name} is not supported; use FREQ, INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, \
                     BYHOUR, BYMINUTE"
                ));
            }
        }
        Ok(())
    }

    fn finish(mut self, text: &str) -> Result<Recurrence, String> {
        let frequency =
            self.frequency.ok_or("it has no FREQ; write it like FREQ=DAILY;BYHOUR=9")?;
        if frequency == Frequency::Hourly && !self.hours.is_empty() {
            return Err("BYHOUR does not go with FREQ=HOURLY; use FREQ=DAILY".to_owned());
        }
        if self.hours.is_empty() {
            self.hours.push(0);
        }
        if self.minutes.is_empty() {
            self.minutes.push(0);
        }
        let minutes = &self.minutes;
        let mut times: Vec<LocalTime> = self
            .hours
            .iter()
            .flat_map(|hour| minutes.iter().map(|minute| (*hour as u16) * 60 + *minute as u16))
            .map(crate::policy::quiet::LocalTime)
            .collect();
        times.sort_unstable();
        times.dedup();
        let rule = Recurrence {
            text: text.to_owned(),
            frequency,
            interval: self.interval.unwrap_or(1),
            weekdays: self.weekdays,
            month_days: self.month_days,
            months: self.months,
            times,
        };
        if next_after(&rule, Timestamp::MIN, &TimeZone::UTC).is_none() {
            return Err("it never happens".to_owned());
        }
        Ok(rule)
    }
}

fn weekday(text: &str) -> Result<Weekday, String> {
    Ok(match text.trim() {
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        "SU" => Weekday::Sunday,
        other => {
            return Err(format!("BYDAY={other} is not supported; use MO, TU, WE, TH, FR, SA, SU"));
        }
    })
}

fn numbers(name: &str, value: &str, min: i8, max: i8, last: bool) -> Result<Vec<i8>, String> {
    let mut all = Vec::new();
    for part in value.split(',') {
        let number = part.trim().parse::<i8>().ok();
        let fine = number.filter(|n| (min..=max).contains(n) || (last && *n == -1));
        let extra = if last { ", or -1 for the last" } else { "" };
        all.push(fine.ok_or_else(|| format!("{name} goes from {min} to {max}{extra}"))?);
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

/// The first occurrence strictly after `after`.
///
/// Intervals are counted from 1970-01-01 (weeks: from Monday 1969-12-29), so that a rule has the
/// same occurrences whenever it is asked. A rule by week without `BYDAY` runs on Mondays, by month
/// without `BYMONTHDAY` on the first, by year without `BYMONTH` in January.
#[must_use]
pub fn next_after(rule: &Recurrence, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    if rule.frequency == Frequency::Hourly {
        return next_hour(rule, after, zone);
    }
    let now = zone.to_datetime(after.to_jiff());
    // From the day before: a gap can push yesterday's last time over midnight.
    let mut day = now.date().checked_sub(1.day()).ok()?;
    for _ in 0..HORIZON_DAYS {
        if is_day(rule, day) {
            for time in &rule.times {
                if let Some(at) = instant(day, *time, zone).filter(|at| *at > after) {
                    return Some(at);
                }
            }
        }
        day = day.tomorrow().ok()?;
    }
    None
}

fn instant(day: Date, time: LocalTime, zone: &TimeZone) -> Option<Timestamp> {
    let wall = day.at((time.0 / 60) as i8, (time.0 % 60) as i8, 0, 0);
    resolve(wall, zone).map(Timestamp::from_jiff)
}

/// A skipped wall time is the first instant after the gap, a doubled one its first occurrence.
fn resolve(wall: DateTime, zone: &TimeZone) -> Option<jiff::Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(wall);
    if !matches!(ambiguous.offset(), jiff::tz::AmbiguousOffset::Gap { .. }) {
        return ambiguous.compatible().ok();
    }
    // The instant just before the gap that this wall time would be, and the transition after it.
    let before = ambiguous.earlier().ok()?.checked_sub(Span::new().nanoseconds(1)).ok()?;
    zone.following(before).next().map(|transition| transition.timestamp())
}

fn is_day(rule: &Recurrence, day: Date) -> bool {
    let interval = i64::from(rule.interval);
    let epoch = Date::constant(1970, 1, 1);
    let days = day.since(epoch).map_or(0, |span| i64::from(span.get_days()));
    let months = i64::from(day.year() - 1970) * 12 + i64::from(day.month()) - 1;
    let in_interval = match rule.frequency {
        Frequency::Hourly => true,
        Frequency::Daily => days.rem_euclid(interval) == 0,
        // 1970-01-01 was a Thursday.
        Frequency::Weekly => (days + 3).div_euclid(7).rem_euclid(interval) == 0,
        Frequency::Monthly => months.rem_euclid(interval) == 0,
        Frequency::Yearly => i64::from(day.year() - 1970).rem_euclid(interval) == 0,
    };
    in_interval && is_admitted(rule, day)
}

fn is_admitted(rule: &Recurrence, day: Date) -> bool {
    let by_day = rule.weekdays.0 != 0;
    let by_month_day = !rule.month_days.is_empty();
    if by_day && !rule.weekdays.contains(day.weekday()) {
        return false;
    }
    if by_month_day {
        let last = day.day() == day.days_in_month();
        if !rule.month_days.iter().any(|d| *d == day.day() || (*d == -1 && last)) {
            return false;
        }
    }
    if !rule.months.is_empty() && !rule.months.contains(&day.month()) {
        return false;
    }
    match rule.frequency {
        Frequency::Hourly | Frequency::Daily => true,
        Frequency::Weekly => by_day || day.weekday() == Weekday::Monday,
        Frequency::Monthly => by_day || by_month_day || day.day() == 1,
        Frequency::Yearly => {
            let month = !rule.months.is_empty() || by_day || by_month_day || day.month() == 1;
            month && (by_day || by_month_day || day.day() == 1)
        }
    }
}

/// Hours are elapsed time, counted from 1970: a clock change neither skips nor doubles one.
fn next_hour(rule: &Recurrence, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    const HOUR: i64 = 3_600_000;
    let interval = i64::from(rule.interval);
    let mut hour = after.0.div_euclid(HOUR);
    hour -= hour.rem_euclid(interval);
    for _ in 0..HORIZON_DAYS * 24 {
        let day = zone.to_datetime(Timestamp(hour * HOUR).to_jiff()).date();
        if is_admitted(rule, day) {
            for time in &rule.times {
                let at = Timestamp(hour * HOUR + i64::from(time.0 % 60) * 60_000);
                if at > after {
                    return Some(at);
                }
            }
        }
        hour += interval;
    }
    None
}
