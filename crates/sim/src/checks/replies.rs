//! What goes out by itself: one answer to one text, in the commit that takes it, within five minutes, and still true.
//!
//! Counts texts and answers by number. Must never ask the state of a contact, which remembers what was answered.

use super::Invariant;
use crate::chronicle::{Chronicle, Said, Submit};
use crate::compose::REPLY;
use std::collections::BTreeSet;
use wayline_core::ids::{MessageId, WorkspaceId};
use wayline_core::message::Message;
use wayline_core::time::Span;
use wayline_store::batch::{Batch, Op};

/// How long after a text its answer may go.
pub(crate) const SOON: Span = Span::minutes(5);

/// The word that a text answers.
pub(super) fn answered(text: &str) -> Option<&str> {
    text.split(REPLY).nth(1)?.split(' ').next()
}

/// A STOP that changed something is confirmed in its own commit, once, whoever shares the number; where it is not the
/// workspace's own doing, nothing is.
pub(crate) fn in_batch(chronicle: &mut Chronicle, batch: &Batch) {
    let confirms = |message: &Message| message.journey.0 == 0 && message.step == "stop";
    let mut confirmed: Vec<(WorkspaceId, String)> = Vec::new();
    for op in &batch.ops {
        if let Op::InsertMessage(message) = op
            && confirms(message)
        {
            confirmed.push((message.workspace, message.to.clone()));
        }
    }
    let order = chronicle.order;
    let asked = chronicle.asked.iter();
    let asked = asked.filter(|((.., word), texts)| *word == "stop" && texts.contains_key(&order));
    let mut found = Vec::new();
    for ((workspace, number, _), _) in asked {
        let has_replies = chronicle.rules.get(workspace).is_some_and(|it| it.plan.replies);
        let before = confirmed.len();
        confirmed.retain(|it| *it != (*workspace, number.clone()));
        let count = before - confirmed.len();
        if count != usize::from(has_replies) {
            found.push(format!("{count} confirmations are queued for the stop of {number}"));
        }
    }
    found.extend(confirmed.iter().map(|(_, number)| format!("{number} is told of no stop")));
    for what in found {
        chronicle.violate(Invariant::AutoReplies, None, what);
    }
}

/// Everything that an answer violates at the instant a carrier gets it.
pub(super) fn at_submit(chronicle: &Chronicle, submit: &Submit, word: &str) -> Vec<String> {
    let mut found = Vec::new();
    let message = &submit.message;
    let number = (message.workspace, message.to.as_str());
    let texts = chronicle.asked.iter().filter(|((workspace, to, about), _)| {
        (*workspace, to.as_str()) == number && *about == word
    });
    let times: Vec<_> = texts.flat_map(|(_, texts)| texts.values().copied()).collect();
    if !times.iter().any(|at| *at <= submit.at && submit.at < *at + SOON) {
        found.push(format!("{} answers {word} at {}, texted {times:?}", message.id, submit.at));
    }
    let said = chronicle.people.get(&message.contact).and_then(|known| known.said);
    let is_true = match word {
        "stop" => said.map(|it| it.0) == Some(Said::Out),
        "start" => said.map(|it| it.0) == Some(Said::In),
        _ => true,
    };
    if !is_true {
        found.push(format!("{} answers {word} to somebody who said {said:?}", message.id));
    }
    let is_like = |it: &&Submit| {
        let to = (it.message.workspace, it.message.to.as_str());
        to == number && answered(&it.message.text) == Some(word) && it.came.may_have_gone()
    };
    let before = chronicle.submits.values().flatten().filter(is_like);
    let mut answers: BTreeSet<MessageId> = before.map(|it| it.message.id).collect();
    if submit.came.may_have_gone() {
        answers.insert(message.id);
    }
    if answers.len() > times.len() {
        found.push(format!("{word} of {} is answered by {answers:?}", message.to));
    }
    found
}
