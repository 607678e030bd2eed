//! What enters journeys without an input: segments joined and left, dates that come.
//!
//! Must never take a definition that is new for a change of the person.

use crate::contact::DateDue;
use crate::decision::Reason;
use crate::evaluate::{Question, attribute, first_instant, wall_time};
use crate::ids::JourneyId;
use crate::journey::advance::AdvanceError;
use crate::journey::program::Entry;
use crate::journey::run::Run;
use crate::limits;
use crate::policy::quiet::LocalTime;
use crate::time::{Span, Timestamp};
use jiff::SignedDuration;
use jiff::civil;
use jiff::tz::TimeZone;
use serde_json::Value;

impl Run<'_> {
    /// Segments that were not watched before this program: where the person is now is the start, no join.
    /// Somebody new is in no segment yet.
    pub(crate) fn learn_memberships(&mut self) {
        let engine = self.engine;
        let fresh = self.contact.state.last_seq.is_none();
        let mut memberships = Vec::with_capacity(engine.watched_segments.len());
        for slug in &engine.watched_segments {
            let known = self.contact.state.memberships.iter().find(|(known, _)| known == slug);
            let inside = match known {
                Some((_, inside)) => *inside,
                None if fresh => false,
                None => self.is_member(slug).0,
            };
            memberships.push((slug.clone(), inside));
        }
        self.contact.state.memberships = memberships;
    }

    fn is_member(&self, slug: &str) -> (bool, Option<Timestamp>) {
        let program = &self.engine.program;
        let question = Question { program, contact: self.contact, properties: None, now: self.now };
        program.segments.get(slug).map_or((false, None), |condition| {
            let answer = question.ask(condition);
            (answer.holds, answer.until)
        })
    }

    /// Joins and leaves of watched segments. Returns whether there was one, and when there may be the next.
    pub(crate) fn settle_memberships(&mut self) -> Result<(bool, Option<Timestamp>), AdvanceError> {
        let engine = self.engine;
        let (mut changed, mut until) = (false, None);
        for (place, slug) in engine.watched_segments.iter().enumerate() {
            let (inside, may_change) = self.is_member(slug);
            until = crate::evaluate::earliest(until, may_change);
            let Some(known) = self.contact.state.memberships.get_mut(place) else { continue };
            if known.1 == inside {
                self.explain_segment(slug);
                continue;
            }
            known.1 = inside;
            changed = true;
            for id in &engine.segment_entries {
                let Some(journey) = engine.program.live_version(*id).cloned() else { continue };
                let wanted = matches!(&journey.entry,
                    Entry::Segment { segment, on_join } if segment == slug && *on_join == inside);
                if wanted {
                    self.enter_keyed(&journey, &Value::Null, Reason::EntryMatched)?;
                }
            }
        }
        Ok((changed, until))
    }

    /// Notes the dates in the profile that will enter journeys.
    pub(crate) fn learn_dates(&mut self) {
        let engine = self.engine;
        let mut dates = Vec::new();
        for id in &engine.date_entries {
            let Some(journey) = engine.program.live_version(*id) else { continue };
            // One that is due at this very instant is still to come, unless the date has changed.
            let value = self.date_value(&journey.entry);
            let state = &self.contact.state;
            let due_now = state.dates.iter().find(|date| {
                date.journey == *id && date.due <= self.now && Some(&date.value) == value.as_ref()
            });
            let date = due_now.cloned().or_else(|| self.date_entry(*id, &journey.entry));
            if date.is_none() && self.explain {
                let is_readable = self.has_date(&journey.entry);
                self.explain_date(journey, is_readable);
            }
            dates.extend(date);
        }
        self.contact.state.dates = dates;
    }

    fn date_entry(&self, journey: JourneyId, entry: &Entry) -> Option<DateDue> {
        let Entry::Date { attribute: path, offset, at, yearly } = entry else { return None };
        let found = attribute(self.contact, path)?;
        let zone = self.contact.zone_or(&self.engine.program.settings.zone);
        let date = crate::value::instant_of(&found, &zone)?;
        let value = self.date_value(entry)?;
        // The same date is noted once: after it has entered, only a later one (or next year's) counts.
        let due = upcoming(date, *offset, *at, *yearly, self.now, &zone)?;
        Some(DateDue { journey, due, value })
    }

    /// Whether the attribute holds a date, past or to come.
    fn has_date(&self, entry: &Entry) -> bool {
        let Entry::Date { attribute: path, .. } = entry else { return false };
        let zone = self.contact.zone_or(&self.engine.program.settings.zone);
        let found = attribute(self.contact, path);
        found.is_some_and(|found| crate::value::instant_of(&found, &zone).is_some())
    }

    /// The date as it stands in the attribute.
    fn date_value(&self, entry: &Entry) -> Option<String> {
        let Entry::Date { attribute: path, .. } = entry else { return None };
        Some(match attribute(self.contact, path)?.as_ref() {
            Value::String(text) => text.chars().take(limits::KEY_CHARS_MAX).collect(),
            other => other.to_string(),
        })
    }

    /// The dates due then enter their journeys; a yearly one is noted again.
    pub(crate) fn date_due(&mut self, due: Timestamp) -> Result<(), AdvanceError> {
        let dates = std::mem::take(&mut self.contact.state.dates);
        let (now_due, later): (Vec<_>, Vec<_>) = dates.into_iter().partition(|it| it.due <= due);
        self.contact.state.dates = later;
        for date in now_due {
            let Some(journey) = self.engine.program.live_version(date.journey).cloned() else {
                continue;
            };
            if let Some(next) = self.date_entry(date.journey, &journey.entry) {
                self.contact.state.dates.push(next);
            }
            let properties = serde_json::json!({ "date": date.value });
            self.enter_keyed(&journey, &properties, Reason::EntryMatched)?;
        }
        Ok(())
    }
}

/// The first instant strictly after `now` that the date stands for; `None`: it is past.
fn upcoming(
    date: Timestamp,
    offset: Span,
    at: Option<LocalTime>,
    yearly: bool,
    now: Timestamp,
    zone: &TimeZone,
) -> Option<Timestamp> {
    let local = zone.to_datetime(date.to_jiff());
    if !yearly && at.is_none() {
        // The instant itself: a wall time that comes twice names the first only.
        return crate::value::shifted(date, offset).filter(|instant| *instant > now);
    }
    let this_year = zone.to_datetime(now.to_jiff()).year();
    let years = if yearly { this_year - 1..=this_year + 2 } else { local.year()..=local.year() };
    years
        .filter_map(|year| {
            let day = in_year(local.date(), year)?;
            let time = match at {
                Some(at) => wall_time(at)?,
                None => local.time(),
            };
            if at.is_none() {
                let instant = first_instant(day.to_datetime(time), zone)?;
                return crate::value::shifted(instant, offset);
            }
            // With a wall time the offset moves the day on the calendar, and the wall time stays.
            let moved = day.to_datetime(time).checked_add(SignedDuration::from_millis(offset.0));
            first_instant(moved.ok()?.date().to_datetime(time), zone)
        })
        .find(|instant| *instant > now)
}

/// The same day in another year; 29 February becomes 28 February where there is none.
fn in_year(date: civil::Date, year: i16) -> Option<civil::Date> {
    let last = civil::Date::new(year, date.month(), 1).ok()?.days_in_month();
    civil::Date::new(year, date.month(), date.day().min(last)).ok()
}
