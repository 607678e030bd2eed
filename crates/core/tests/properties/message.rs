//! What may follow what in the life of a message, looked at from both ends.

use std::collections::BTreeSet;
use wayline_core::message::MessageState::{
    self, Delivered, Dropped, Expired, Failed, Held, Queued, Submitted, Submitting, Undelivered,
    Unknown, Withdrawn,
};

/// Everything a message can ever be after it was in a state.
fn after(state: MessageState) -> BTreeSet<MessageState> {
    let mut found = BTreeSet::new();
    let mut open = vec![state];
    while let Some(state) = open.pop() {
        let next = MessageState::ALL.into_iter().filter(|next| state.may_become(*next));
        open.extend(next.filter(|next| found.insert(*next)));
    }
    found
}

#[test]
fn what_may_have_gone_never_goes_again() {
    for state in [Submitted, Delivered, Undelivered, Expired, Failed, Unknown] {
        let again = after(state).into_iter().find(|it| it.is_open());
        assert_eq!(again, None, "{state}");
    }
    for end in [Delivered, Undelivered, Failed, Expired, Withdrawn, Dropped] {
        assert!(after(end).is_empty(), "{end}");
    }
}

#[test]
fn what_waits_may_turn_out_to_be_sent_but_not_to_be_refused() {
    for state in [Held, Queued] {
        assert!(state.waits());
        for sent in [Submitted, Delivered, Undelivered, Expired] {
            assert!(state.may_become(sent), "{state} to {sent}");
        }
        assert!(!state.may_become(Failed) && !state.may_become(Unknown), "{state}");
    }
    assert!(!Held.may_become(Submitting), "it is queued first");
}
