//! `wait`: time passes. Must never wait for an instant that is not after now.

use crate::contact::Position;
use crate::decision::{Reason, What};
use crate::evaluate::next_local;
use crate::ids::{EnrollmentId, stable_hash};
use crate::journey::program::{Expr, Journey, Next, Step, Wait, ZoneOf};
use crate::journey::run::{Flow, Run};
use crate::time::{Span, Timestamp};

impl Run<'_> {
    pub(super) fn wait(
        &mut self,
        id: EnrollmentId,
        journey: &Journey,
        step: &Step,
        wait: &Wait,
    ) -> Flow {
        let until = match wait {
            Wait::For(span) => self.now + *span,
            Wait::Until { instant, offset, if_past } => match self.moment(id, instant, *offset) {
                Ok(until) => until,
                Err(reason) => return self.past(id, reason, *if_past),
            },
            Wait::UntilLocal { at, days, zone } => {
                let settings = &self.engine.program.settings;
                let zone = match zone {
                    ZoneOf::Contact => self.contact.zone_or(&settings.zone),
                    ZoneOf::Workspace => settings.zone.clone(),
                    ZoneOf::Named(zone) => zone.clone(),
                };
                match next_local(*at, *days, self.now, &zone) {
                    Some(until) => until,
                    None => return self.past(id, Reason::TimeUnreadable, step.next),
                }
            }
            Wait::Between(from, to) => self.now + self.draw_between(id, journey, step, *from, *to),
            Wait::BestTime(within) => self.best_time(*within),
        };
        if until <= self.now {
            return Flow::Go(step.next);
        }
        self.decide(id, What::Reached, Reason::StepDone).until = Some(until);
        self.stay(id, Position::Waiting { until })
    }

    /// The instant plus offset when it is after now; else why not.
    fn moment(&self, id: EnrollmentId, instant: &Expr, offset: Span) -> Result<Timestamp, Reason> {
        let at = self.instant(id, instant).and_then(|at| crate::value::shifted(at, offset));
        match at {
            None => Err(Reason::TimeUnreadable),
            Some(until) if until <= self.now => Err(Reason::TimePast),
            Some(until) => Ok(until),
        }
    }

    fn past(&mut self, id: EnrollmentId, reason: Reason, next: Next) -> Flow {
        self.decide(id, What::Chose, reason);
        Flow::Go(next)
    }

    /// A stable draw in [from, to]: the same seed, person, step and visit, the same wait.
    fn draw_between(
        &self,
        id: EnrollmentId,
        journey: &Journey,
        step: &Step,
        from: Span,
        to: Span,
    ) -> Span {
        let visit = self.enrollment(id).map_or(0, |enrollment| enrollment.visits);
        let hash = stable_hash(&[
            b"between",
            &self.engine.program.seed.to_le_bytes(),
            journey.slug.as_bytes(),
            step.slug.as_bytes(),
            &self.contact.state.salt.to_le_bytes(),
            &visit.to_le_bytes(),
        ]);
        let width = u128::from((to.0 - from.0).max(0) as u64) + 1;
        Span(from.0 + ((u128::from(hash) * width) >> 64) as i64)
    }

    /// The start of the person's most active UTC hour (ties: the earliest) within the span; now when it is that
    /// hour, when nothing is known of them, or when the hour does not come in time.
    fn best_time(&self, within: Span) -> Timestamp {
        const HOUR: i64 = 3_600_000;
        let hours = &self.contact.state.hours;
        let Some(most) = hours.iter().max().filter(|most| **most > 0) else { return self.now };
        let best = hours.iter().position(|count| count == most).unwrap_or(0) as i64;
        let this_hour = self.now.0.div_euclid(HOUR);
        let ahead = (best - this_hour.rem_euclid(24)).rem_euclid(24);
        if ahead == 0 {
            return self.now;
        }
        let start = Timestamp((this_hour + ahead) * HOUR);
        if start > self.now + within { self.now } else { start }
    }
}
