//! What carriers told and the store does not have yet, in order, and who is told when it does.
//!
//! Must never say that anything is durable before it was forgotten here, and must never forget what was not taken.

use crate::gateway::Taken;
use std::collections::VecDeque;
use wayline_pipeline::gateway::GatewayEvent;

/// All of it.
#[derive(Default)]
pub(super) struct Received {
    waiting: VecDeque<Together>,
}

/// What came together from a carrier.
struct Together {
    events: VecDeque<GatewayEvent>,
    /// `None`: nobody wants to know.
    taken: Option<Taken>,
}

impl Received {
    /// A carrier told something.
    pub(super) fn add(&mut self, events: Vec<GatewayEvent>, taken: Option<Taken>) {
        if !events.is_empty() {
            self.waiting.push_back(Together { events: events.into(), taken });
        } else if let Some(taken) = taken {
            taken.say();
        }
    }

    /// What is to be taken next, as one: a text; or at most so many things before one that may be taken again.
    pub(super) fn next(&self, limit: usize) -> Vec<GatewayEvent> {
        let mut all = self.waiting.iter().flat_map(|together| &together.events).peekable();
        if let Some(text) = all.next_if(|event| matches!(event, GatewayEvent::Inbound(_))) {
            return vec![text.clone()];
        }
        let others = all.take_while(|event| !matches!(event, GatewayEvent::Inbound(_)));
        others.take(limit).cloned().collect()
    }

    /// Whether everything that came is durable.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// So many are durable: whoever told them is told so.
    pub(super) fn forget(&mut self, mut count: usize) {
        while let Some(together) = self.waiting.front_mut() {
            let here = count.min(together.events.len());
            together.events.drain(..here);
            count -= here;
            if !together.events.is_empty() {
                return;
            }
            if let Some(taken) = self.waiting.pop_front().and_then(|together| together.taken) {
                taken.say();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use wayline_core::event::ReceiptStatus;
    use wayline_core::ids::WorkspaceId;
    use wayline_core::time::Timestamp;
    use wayline_pipeline::gateway::{Inbound, Receipt};

    fn receipt(id: &str) -> GatewayEvent {
        GatewayEvent::Receipt(Receipt {
            gateway: "g".to_owned(),
            gateway_ref: id.to_owned(),
            other_refs: Vec::new(),
            to: None,
            message: None,
            status: ReceiptStatus::Delivered,
            error: None,
            at: Timestamp(0),
        })
    }

    fn text() -> GatewayEvent {
        let (from, said) = ("+12065550100".to_owned(), "yes".to_owned());
        GatewayEvent::Inbound(Inbound::to_workspace(WorkspaceId(1), None, from, said, Timestamp(0)))
    }

    #[test]
    fn texts_go_alone_and_each_carrier_is_told_when_all_of_its_own_is_durable() {
        let told = Arc::new(AtomicUsize::new(0));
        let taken = || {
            let told = Arc::clone(&told);
            Some(Taken::new(move || _ = told.fetch_add(1, Ordering::Relaxed)))
        };
        let mut received = Received::default();
        received.add(vec![receipt("1"), receipt("2"), text()], taken());
        received.add(vec![receipt("3")], taken());
        assert_eq!(received.next(1), [receipt("1")]);
        assert_eq!(received.next(10), [receipt("1"), receipt("2")]);
        received.forget(2);
        assert_eq!(received.next(10), [text()]);
        received.forget(1);
        assert_eq!(told.load(Ordering::Relaxed), 1);
        received.forget(1);
        assert_eq!(told.load(Ordering::Relaxed), 2);
        assert!(received.next(10).is_empty());
    }
}
