//! `emit`: an event of our own. Must never run for ever: `limits::CASCADE_MAX` bounds what one input causes.

use crate::decision::{Reason, What};
use crate::ids::EnrollmentId;
use crate::journey::effects::EmittedEvent;
use crate::journey::program::Expr;
use crate::journey::run::{Occurrence, Run};
use serde_json::{Map, Value};

impl Run<'_> {
    pub(super) fn emit(&mut self, id: EnrollmentId, event: &str, properties: &[(String, Expr)]) {
        let mut fields = Map::new();
        for (name, expr) in properties {
            if let Some(value) = self.value(id, expr) {
                fields.insert(name.clone(), value);
            }
        }
        let properties = Value::Object(fields);
        self.decide(id, What::Emitted, Reason::Step).detail = event.to_owned();
        self.out.events.push(EmittedEvent {
            at: self.now,
            event: event.to_owned(),
            properties: properties.clone(),
        });
        // Counted at once, so that the very next step can ask for it.
        self.count_event(event, &properties, self.now);
        self.queue.push_back(Occurrence::Event {
            name: event.to_owned(),
            properties,
            at: self.now,
            counted: true,
        });
    }
}
