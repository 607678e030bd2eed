//! What must hold after every line of every script.

use std::collections::BTreeMap;
use wayline_core::contact::{Position, State};
use wayline_core::ids::{EnrollmentId, JourneyId, MessageId, WorkspaceId};
use wayline_core::message::MessageState;
use wayline_core::metrics::{CounterKey, counter_of, standing};
use wayline_core::time::Timestamp;
use wayline_pipeline::Pipeline;
use wayline_store::Store;
use wayline_store::batch::Wake;

/// Transitions of messages and their ids are checked by the store itself: a wrong one fails the batch.
pub(crate) async fn check(title: &str, store: &Store, pipeline: &Pipeline, workspace: WorkspaceId) {
    let page = store.contacts_page(workspace, None, 1_000).await.expect("memory answers");
    for record in page.iter().filter(|record| record.version > 0) {
        let id = record.profile.contact;
        let state = State::decode(id, &record.state).expect("a state can be read");
        let again = state.encode(id).expect("a state can be written");
        assert_eq!(again, *record.state, "{title}: the state of {id} changes by reading it");
        let wake = state.wake().map(|(due, enrollment)| Wake { due, enrollment });
        assert_eq!(record.wake, wake, "{title}: contact {id} wakes at the wrong time");
        let rows = store.enrollments(workspace, id, None, 1_000).await.expect("memory answers");
        let mut active: Vec<EnrollmentId> =
            rows.iter().filter(|row| row.left_at.is_none()).map(|row| row.id).collect();
        active.sort_unstable();
        let mut listed: Vec<EnrollmentId> = state.enrollments.iter().map(|it| it.id).collect();
        listed.sort_unstable();
        assert_eq!(active, listed, "{title}: the enrollments of contact {id}");
        for enrollment in &state.enrollments {
            let message = MessageId {
                enrollment: enrollment.id,
                step: enrollment.step,
                visit: enrollment.visits,
            };
            let found = store.messages(&[message]).await.expect("memory answers").remove(0);
            let found = found.map(|message| message.state);
            let wanted = match enrollment.position {
                Position::Holding { .. } => Some(MessageState::Held),
                Position::Queued => Some(MessageState::Queued),
                Position::Submitting => Some(MessageState::Submitting),
                _ => None,
            };
            assert_eq!(found, wanted, "{title}: enrollment {} waits for nothing", enrollment.id);
            let due = enrollment.position.due();
            if let Some(due) = due {
                assert!(due <= Timestamp::MAX && due >= enrollment.reached_at, "{title}: {due}");
            }
        }
        // Nothing is on its way for nobody.
        let messages = store.messages_of_contact(workspace, id, None, 1_000).await;
        for message in messages.expect("memory answers").iter().filter(|it| it.state.is_open()) {
            let replies = || state.auto_replies.iter().any(|it| it.message == message.id);
            let waits = state.enrollment(message.id.enrollment).is_some() || replies();
            let gone = message.state == MessageState::Submitting;
            assert!(waits || gone, "{title}: {} is {} for nobody", message.id, message.state);
        }
    }
    counters(title, store, pipeline, workspace).await;
}

/// Counters equal a recount, and nobody leaves a step that was not reached.
async fn counters(title: &str, store: &Store, pipeline: &Pipeline, workspace: WorkspaceId) {
    let (mut recount, mut waiting) = (BTreeMap::<CounterKey, i64>::new(), BTreeMap::new());
    let mut after = None;
    loop {
        let page = store.decisions_all(after, 1_000).await.expect("memory answers");
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for row in &page {
            let decision = &row.row.decision;
            if let Some(key) = counter_of(decision) {
                *recount.entry(key).or_insert(0) += 1;
            }
            let counted = counter_of(decision).and_then(|key| standing(key.what));
            let Some((standing, change)) = counted else { continue };
            *waiting.entry((decision.enrollment, decision.step, standing)).or_insert(0) += change;
        }
    }
    for ((enrollment, step, _), count) in waiting {
        assert!((0..=1).contains(&count), "{title}: {enrollment:?} is {count} times on {step:?}");
    }
    let engine = pipeline.engine(workspace).expect("it is published");
    let mut counted = BTreeMap::new();
    let journeys: std::collections::BTreeSet<JourneyId> =
        engine.program.journeys.keys().map(|(journey, _)| *journey).collect();
    for journey in journeys {
        let hours = (Timestamp::MIN, Timestamp::MAX);
        let page = store.counters(workspace, journey, hours, None, 1_000).await;
        for counter in page.expect("memory answers") {
            counted.insert(counter.key, counter.value);
        }
    }
    assert_eq!(counted, recount, "{title}: counters and decisions differ");
}
