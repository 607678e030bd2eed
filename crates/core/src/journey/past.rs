//! New conditions over the past: windows filled from a contact's history.
//!
//! Must never change anything but the windows.

use crate::condition::Engagement;
use crate::contact::Contact;
use crate::journey::engine::Engine;
use crate::journey::run::Run;
use crate::time::Timestamp;
use serde_json::Value;

/// Something that happened before the definitions of now.
#[derive(Clone, Debug, PartialEq)]
pub enum Past {
    /// An event.
    Event {
        /// When.
        at: Timestamp,
        /// Its name.
        name: String,
        /// Its properties.
        properties: Value,
    },
    /// Something happened to a message.
    Engagement {
        /// When.
        at: Timestamp,
        /// Slug of the journey.
        journey: String,
        /// Slug of the step.
        step: String,
        /// What.
        was: Engagement,
    },
}

impl Past {
    /// When it happened.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Past::Event { at, .. } | Past::Engagement { at, .. } => *at,
        }
    }
}

/// Fills a contact's windows anew from its history, oldest first.
pub fn refill_windows(engine: &Engine, contact: &mut Contact, past: &[Past]) {
    contact.state.windows.clear();
    let (now, mut none) = (contact.state.clock, 0);
    let mut run = Run::new(engine, contact, now, &mut none, false);
    for thing in past {
        match thing {
            Past::Event { at, name, properties } => run.count_event(name, properties, *at),
            Past::Engagement { at, journey, step, was } => {
                run.count_engagement(journey, step, *was, *at);
            }
        }
    }
    run.contact.state.windows_fingerprint = engine.program.windows_fingerprint;
}
