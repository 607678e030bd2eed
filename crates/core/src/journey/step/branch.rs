//! `branch`: the first condition that holds. Must never look at anything that is not stored.

use crate::condition::Condition;
use crate::decision::{Reason, What};
use crate::ids::EnrollmentId;
use crate::journey::program::Next;
use crate::journey::run::{Flow, Run};

impl Run<'_> {
    pub(super) fn branch(
        &mut self,
        id: EnrollmentId,
        arms: &[(Condition, Next)],
        otherwise: Next,
    ) -> Flow {
        let event = self.entry_event(id);
        let question = self.question(Some(&event));
        let taken = arms.iter().position(|(condition, _)| question.ask(condition).holds);
        let (next, reason) = match taken.and_then(|place| Some((place, arms.get(place)?))) {
            Some((_, (_, next))) => (*next, Reason::ConditionTrue),
            None => (otherwise, Reason::Otherwise),
        };
        self.decide(id, What::Chose, reason).detail =
            taken.map(|place| (place + 1).to_string()).unwrap_or_default();
        Flow::Go(next)
    }
}
