//! `experiment`: a stable draw. Must never remember an allocation: it is a function of (journey, version,
//! step, contact), so it can be asked again at any time.

use crate::decision::{Reason, What};
use crate::ids::{EnrollmentId, stable_hash};
use crate::journey::program::{Arm, Journey, Step};
use crate::journey::run::{Flow, Run};

impl Run<'_> {
    pub(super) fn experiment(
        &mut self,
        id: EnrollmentId,
        journey: &Journey,
        step: &Step,
        arms: &[Arm],
    ) -> Flow {
        let Some(arm) = allocate(journey, step, self.contact.state.salt, arms) else {
            return Flow::Go(step.next);
        };
        if let Some(enrollment) = self.enrollment_mut(id) {
            enrollment.variant.clone_from(&arm.name);
        }
        let reason = if arm.holdout { Reason::Holdout } else { Reason::Drawn };
        self.decide(id, What::Chose, reason).detail.clone_from(&arm.name);
        if arm.holdout {
            self.end(id, Reason::Holdout, "holdout");
            return Flow::Ended;
        }
        Flow::Go(arm.next)
    }
}

/// The arm a person falls into: their place in [0, total weight) by hash.
fn allocate<'a>(journey: &Journey, step: &Step, salt: u64, arms: &'a [Arm]) -> Option<&'a Arm> {
    let total: u64 = arms.iter().map(|arm| u64::from(arm.weight)).sum();
    let hash = stable_hash(&[
        b"experiment",
        journey.slug.as_bytes(),
        &journey.version.to_le_bytes(),
        step.slug.as_bytes(),
        &salt.to_le_bytes(),
    ]);
    let mut place = ((u128::from(hash) * u128::from(total)) >> 64) as u64;
    for arm in arms {
        if place < u64::from(arm.weight) {
            return Some(arm);
        }
        place -= u64::from(arm.weight);
    }
    None
}
