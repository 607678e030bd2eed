//! Asks carriers what became of messages whose answer was lost, a few at a time.
//!
//! Must never ask for what may still be answered, and must never do anything about a message the carrier does not have:
//! it stays `unknown`.

use super::Stages;
use std::collections::BTreeMap;
use wayline_core::message::Message;
use wayline_core::time::Timestamp;
use wayline_pipeline::gateway::LookedUp;
use wayline_pipeline::look_up::LookUps;

/// What is asked, and which gateways could not be asked the last time.
#[derive(Default)]
pub(super) struct Asking {
    look_ups: LookUps,
    failing: BTreeMap<String, String>,
}

impl Stages {
    /// Takes in messages that only the carrier can tell of.
    pub(super) fn note_unknown(&mut self, left: Vec<Message>, now: Timestamp) {
        for message in left {
            let gateway = self.outside.gateways().get(&message.gateway).cloned();
            if gateway.is_some_and(|it| it.looks_up()) {
                self.asking.look_ups.note(message, now);
            }
        }
    }

    /// Asks for as many as gateways have room for.
    pub(super) fn look_up(&mut self, now: Timestamp) {
        while let Some(message) = self.asking.look_ups.next(now) {
            let gateway = message.gateway.clone();
            let from = self.pipeline.sender_of(&message).cloned();
            if !self.outside.look_up(message, from) {
                self.asking.look_ups.done(&gateway);
            }
        }
    }

    /// A carrier has answered.
    pub(super) fn looked_up(&mut self, message: &Message, answer: LookedUp, now: Timestamp) {
        let gateway = &message.gateway;
        self.asking.look_ups.done(gateway);
        if let LookedUp::Failed(why) = &answer {
            if self.asking.failing.get(gateway) != Some(why) {
                tracing::warn!(%gateway, %why, "the carrier cannot be asked for messages whose answer was lost; their receipts may still come");
                self.asking.failing.insert(gateway.clone(), why.clone());
            }
            return;
        }
        self.asking.failing.remove(gateway);
        match answer.told(message, now) {
            Some(event) => self.received.add(vec![event], None),
            None => {
                tracing::debug!(%gateway, message = %message.id, "the carrier has no message that can only be this one; it stays unknown");
            }
        }
    }
}
