//! `enroll` and `hand_off`: steps that give the person to something else.
//!
//! Must never wait for what they started.

use crate::decision::{Reason, What};
use crate::ids::EnrollmentId;
use crate::journey::program::Journey;
use crate::journey::run::{Occurrence, Run};
use crate::limits;
use crate::template::Template;

impl Run<'_> {
    pub(super) fn enroll(&mut self, id: EnrollmentId, other: &str, journey: &Journey) {
        self.decide(id, What::Chose, Reason::EnteredByJourney).detail = other.to_owned();
        self.queue.push_back(Occurrence::Enroll {
            journey: other.to_owned(),
            from: journey.slug.clone(),
            properties: (*self.entry_event(id)).clone(),
        });
    }

    pub(super) fn hand_off(
        &mut self,
        id: EnrollmentId,
        team: Option<&str>,
        note: Option<&Template>,
    ) {
        let note = note
            .and_then(|note| self.scope(id).render_lenient(note, self.now).ok())
            .unwrap_or_default();
        let detail = format!("{}: {note}", team.unwrap_or("anyone"));
        self.decide(id, What::HandedOff, Reason::Step).detail =
            detail.chars().take(limits::NAME_CHARS_MAX).collect();
    }
}
