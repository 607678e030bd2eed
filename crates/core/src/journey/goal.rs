//! Goals: what a journey is for, counted also after it has ended.
//!
//! Must never count one enrollment twice.

use crate::condition::Engagement;
use crate::decision::{Decision, Reason, What};
use crate::ids::{EnrollmentId, MessageId};
use crate::journey::program::Goal;
use crate::journey::run::{Occurrence, Run};
use crate::time::Timestamp;
use serde_json::Value;

impl Run<'_> {
    /// Counts the goals an event reaches; returns the active enrollments that end by it.
    pub(crate) fn goals(
        &mut self,
        name: &str,
        properties: &Value,
        at: Timestamp,
    ) -> Vec<EnrollmentId> {
        let mut ending = Vec::new();
        for id in self.active_ids() {
            let Some(journey) = self.journey_of(id) else { continue };
            let Some(goal) = journey.goal.as_ref() else { continue };
            let Some(enrollment) = self.enrollment(id) else { continue };
            let last = enrollment.last_sent();
            let from = last.map_or(enrollment.entered_at, |mark| mark.at);
            let message = last.map(|mark| (mark.step, mark.visit));
            let reached = !enrollment.converted
                && at > from
                && at <= from + goal.within
                && self.meets(goal, name, properties);
            if !reached {
                continue;
            }
            if let Some(enrollment) = self.enrollment_mut(id) {
                enrollment.converted = true;
            }
            let value = worth(goal, properties);
            let decision = self.decide(id, What::Converted, Reason::GoalReached);
            decision.detail = value;
            decision.step = message.map(|(step, _)| step);
            decision.message =
                message.map(|(step, visit)| MessageId { enrollment: id, step, visit });
            let message = decision.message;
            self.engaged_by_goal(&journey.slug, message, &journey.steps, at);
            if goal.ends {
                ending.push(id);
            }
        }
        self.watched_goals(name, properties, at);
        ending
    }

    fn watched_goals(&mut self, name: &str, properties: &Value, at: Timestamp) {
        let watches = std::mem::take(&mut self.contact.state.goals);
        for watch in watches {
            let journey =
                self.engine.program.journeys.get(&(watch.journey, watch.version)).cloned();
            let goal = journey.as_ref().and_then(|journey| journey.goal.as_ref());
            let in_time = at > watch.from && at <= watch.until;
            let Some(goal) = goal.filter(|goal| in_time && self.meets(goal, name, properties))
            else {
                self.contact.state.goals.push(watch);
                continue;
            };
            let detail = worth(goal, properties);
            self.push(Decision {
                at: self.now,
                what: What::Converted,
                reason: Reason::GoalReached,
                journey: Some(watch.journey),
                version: watch.version,
                enrollment: Some(watch.enrollment),
                step: watch.step,
                variant: watch.variant,
                message: None,
                until: None,
                detail,
            });
            if let (Some(journey), Some(step)) = (&journey, watch.step) {
                let message = MessageId { enrollment: watch.enrollment, step, visit: 0 };
                self.engaged_by_goal(&journey.slug, Some(message), &journey.steps, at);
            }
        }
    }

    fn meets(&self, goal: &Goal, name: &str, properties: &Value) -> bool {
        goal.event == name && self.question(Some(properties)).holds(goal.filter.as_ref())
    }

    /// Conditions can ask whether a message converted.
    fn engaged_by_goal(
        &mut self,
        journey: &str,
        message: Option<MessageId>,
        steps: &[crate::journey::program::Step],
        at: Timestamp,
    ) {
        let Some(message) = message else { return };
        let Some(step) = steps.get(usize::from(message.step)) else { return };
        self.count_engagement(journey, &step.slug, Engagement::Converted, at);
        self.queue.push_back(Occurrence::Engagement { message });
    }
}

/// What the goal was worth, as a decimal text; empty: nothing to tell.
fn worth(goal: &Goal, properties: &Value) -> String {
    let found = goal.value.as_ref().and_then(|path| {
        let path = match path.0.split_first() {
            Some((root, rest)) if root == "event" => crate::condition::JsonPath(rest.to_vec()),
            _ => path.clone(),
        };
        path.find(properties).and_then(crate::value::number_of)
    });
    found.map(|number| number.to_string()).unwrap_or_default()
}
