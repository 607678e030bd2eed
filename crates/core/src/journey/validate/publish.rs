//! What parses and is valid, and cannot run yet.
//!
//! Must never hide something else behind it: a journey that is wrong is refused by validation.

use crate::journey::definition::Journey;
use crate::journey::definition::entry::EntryBy;
use crate::journey::definition::step::{Action, Allocation, Body};
use crate::journey::form::Report;
use crate::journey::problem::{Code, Problem, Spot};

/// Everything in a journey that nothing runs yet.
#[must_use]
pub fn publishable(file: &str, journey: &Journey) -> Vec<Problem> {
    let mut report = Report::new(file);
    let mut refuse = |at: Spot, what: &str| {
        let message = format!("{what} is valid, but cannot be published yet");
        report.error(Code::NotPublishable, at, message);
    };
    if let (Some(_), false) = (&journey.entry.filter, matches!(journey.entry.by, EntryBy::Event(_)))
    {
        refuse(journey.entry.at, "a where on an entry that is not an event");
    }
    for (key, step) in &journey.steps.0 {
        match &step.action {
            Action::Send(send) => {
                if let Some(channel) = channel(&send.body) {
                    refuse(send.at, &format!("the step {}: {channel}", key.text));
                }
            }
            Action::Experiment(experiment) if experiment.by == Some(Allocation::Thompson) => {
                refuse(experiment.at, &format!("the step {}: an experiment by thompson", key.text));
            }
            _ => {}
        }
    }
    report.into_problems()
}

fn channel(body: &Body) -> Option<&'static str> {
    match body {
        Body::Sms(_) => None,
        Body::Mms(_) => Some("a message on mms"),
        Body::Email(_) => Some("a message on email"),
        Body::Whatsapp(_) => Some("a message on whatsapp"),
        Body::Rcs(_) => Some("a message on rcs"),
        Body::Push(_) => Some("a message on push"),
        Body::Content(_) => Some("content of the library"),
    }
}
