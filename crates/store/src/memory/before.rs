//! How a message was before a change: what a refused batch puts back.
//!
//! Holds only what the change replaced, so that a message is changed in place and nothing of it is copied. Must never
//! outlive the commit.

use wayline_core::decision::Reason;
use wayline_core::message::{Message, MessageChange, MessageState};
use wayline_core::time::Timestamp;

/// What a change replaced in a message.
pub(super) struct Before {
    state: MessageState,
    reason: Reason,
    due_at: Timestamp,
    handed_out: Option<HandedOutBefore>,
    gateway_ref: Option<Option<String>>,
    error: Option<String>,
    /// How many gateways had refused it: a change only adds one.
    tried: usize,
    put_off: u32,
}

/// Texts are `None` where they stayed the same.
struct HandedOutBefore {
    at: Option<Timestamp>,
    run: u64,
    attempts: u32,
    parts: u32,
    to: Option<String>,
    sender: Option<String>,
    gateway: Option<String>,
    text: Option<String>,
}

impl Before {
    /// Applies the change; returns what undoes it.
    pub(super) fn of(message: &mut Message, change: &MessageChange) -> Before {
        let gateway_ref = change.gateway_ref.is_some().then(|| message.gateway_ref.take());
        let before = Before {
            state: message.state,
            reason: message.reason,
            due_at: message.due_at,
            handed_out: change.handed_out.as_ref().map(|new| HandedOutBefore {
                at: message.handed_out_at,
                run: message.run,
                attempts: message.attempts,
                parts: message.parts,
                to: replaced(&mut message.to, &new.to),
                sender: replaced(&mut message.sender, &new.sender),
                gateway: replaced(&mut message.gateway, &new.gateway),
                text: replaced(&mut message.text, &new.text),
            }),
            gateway_ref,
            error: change.error.as_ref().and_then(|new| replaced(&mut message.error, new)),
            tried: message.tried.len(),
            put_off: message.put_off,
        };
        message.apply(change);
        before
    }

    pub(super) fn put_back(self, message: &mut Message) {
        (message.state, message.reason, message.due_at) = (self.state, self.reason, self.due_at);
        if let Some(was) = self.handed_out {
            (message.handed_out_at, message.run) = (was.at, was.run);
            (message.attempts, message.parts) = (was.attempts, was.parts);
            let texts = [
                (&mut message.to, was.to),
                (&mut message.sender, was.sender),
                (&mut message.gateway, was.gateway),
                (&mut message.text, was.text),
            ];
            for (text, was) in texts {
                if let Some(was) = was {
                    *text = was;
                }
            }
        }
        if let Some(was) = self.gateway_ref {
            message.gateway_ref = was;
        }
        if let Some(was) = self.error {
            message.error = was;
        }
        message.tried.truncate(self.tried);
        message.put_off = self.put_off;
    }
}

/// Takes out a text that will be replaced by another.
fn replaced(text: &mut String, by: &str) -> Option<String> {
    (text != by).then(|| std::mem::take(text))
}
