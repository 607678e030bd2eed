//! When may a message go, by the clock on the wall of the person who gets it?
//!
//! A person may be in any of several zones, may have quiet hours, and is under rules that open at
//! certain hours only. An instant is allowed when in *every* zone the wall clock is outside the
//! quiet hours and inside the hours of all rules. What the wall shows decides, nothing else:
//! - a wall time that a clock skips is passed at the first instant after the gap;
//! - a wall time that comes twice is what it is both times: the first end of quiet hours ends
//!   them, and quiet hours that come again are quiet again.
//!
//! Must never take an unknown zone for an open one: without a zone nothing that depends on one is
//! allowed.

mod hours;

pub use hours::{HoursError, HoursRule, LocalTime, OpenHours, QuietWindow};

use crate::time::{Span, Timestamp};
use hours::Wall;
use jiff::tz::TimeZone;

/// How far [`next_allowed`] looks, in days of 24 h: past a week of closed days with a holiday at
/// either end.
pub const HORIZON_DAYS: i64 = 9;

/// Rounds over all zones before [`next_allowed`] gives up. A round that changes anything passes a
/// boundary of some zone, of which nine days of even hourly windows have far fewer.
const ROUNDS_MAX: usize = 4_096;

/// What stands in the way of a message at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocker<'a> {
    /// No zone is known, so the local time is not.
    UnknownZone,
    /// A rule is closed.
    Rule(&'a HoursRule),
    /// The person's quiet hours.
    Quiet,
}

/// The first thing that forbids this instant, or `None` when it is allowed. A rule comes before
/// quiet hours: law outranks preference as the reason shown.
#[must_use]
pub fn blocker<'a>(
    now: Timestamp,
    zones: &[TimeZone],
    quiet: Option<&QuietWindow>,
    rules: &[&'a HoursRule],
) -> Option<Blocker<'a>> {
    if zones.is_empty() {
        return (quiet.is_some() || !rules.is_empty()).then_some(Blocker::UnknownZone);
    }
    let walls = || zones.iter().map(|zone| wall(zone, now));
    rules
        .iter()
        .find(|rule| walls().any(|wall| rule.wait(wall) != Some(0)))
        .map(|rule| Blocker::Rule(rule))
        .or_else(|| {
            quiet.filter(|quiet| walls().any(|wall| quiet.wait(wall) > 0)).map(|_| Blocker::Quiet)
        })
}

/// The earliest instant, `now` or later, at which every zone is outside the quiet hours and inside
/// the hours of all rules.
///
/// `now` itself when it is allowed (to the millisecond); else a boundary, which is a whole minute
/// on the wall of some zone, or the instant at which a clock is moved. `None` when nothing is
/// allowed within [`HORIZON_DAYS`], or when there is something to check and no zone to check it in.
#[must_use]
pub fn next_allowed(
    now: Timestamp,
    zones: &[TimeZone],
    quiet: Option<&QuietWindow>,
    rules: &[&HoursRule],
) -> Option<Timestamp> {
    if quiet.is_none() && rules.is_empty() {
        return Some(now);
    }
    if zones.is_empty() {
        return None;
    }
    let last = now + Span::days(HORIZON_DAYS);
    let mut at = now;
    // Each zone pushes the instant on to where that zone allows it; when a whole round pushes
    // nothing, all of them do. Nothing allowed is ever jumped over.
    for _ in 0..ROUNDS_MAX {
        let before = at;
        for zone in zones {
            while let Some(later) = push(zone, at, quiet, rules)? {
                at = later;
                if at > last {
                    return None;
                }
            }
        }
        if at == before {
            return Some(at);
        }
    }
    None
}

/// `Some(None)` when this zone allows the instant, `Some(Some(later))` when nothing before `later`
/// is allowed here, `None` when nothing is within the horizon.
fn push(
    zone: &TimeZone,
    at: Timestamp,
    quiet: Option<&QuietWindow>,
    rules: &[&HoursRule],
) -> Option<Option<Timestamp>> {
    let wall = wall(zone, at);
    let mut wait = quiet.map_or(0, |quiet| quiet.wait(wall));
    for rule in rules {
        wait = wait.max(rule.wait(wall)?);
    }
    if wait == 0 {
        return Some(None);
    }
    // The wall runs with the instant only until the clock is next moved: look again there.
    let opens = at + Span(wait);
    let moved = zone
        .following(at.to_jiff())
        .next()
        .map(|transition| Timestamp::from_jiff(transition.timestamp()))
        .filter(|&moved| moved > at);
    Some(Some(moved.map_or(opens, |moved| moved.min(opens))))
}

fn wall(zone: &TimeZone, at: Timestamp) -> Wall {
    let offset_ms = i64::from(zone.to_offset(at.to_jiff()).seconds()) * 1_000;
    Wall::new(at.0.saturating_add(offset_ms))
}

#[cfg(test)]
mod tests;
