//! What must hold over a store at rest, between two operations.
//!
//! Reads the store as anybody would. Must never repair what it finds.

use super::{Invariant, Violation};
use crate::compose::LOOPED;
use std::collections::{BTreeMap, BTreeSet};
use wayline_core::contact::{AutoReplyStage, Enrollment, Position, State};
use wayline_core::decision::{Reason, What};
use wayline_core::ids::{ContactId, EnrollmentId, JourneyId, MessageId, WorkspaceId};
use wayline_core::limits::PAGE_ROWS_MAX;
use wayline_core::message::{Message, MessageState};
use wayline_core::metrics::{CounterKey, counter_of};
use wayline_core::time::{Span, Timestamp};
use wayline_store::batch::{CallRow, EnrollmentRow};
use wayline_store::rows::ContactRecord;
use wayline_store::{Store, StoreError};

pub(super) type Found = Vec<Violation>;

/// Journeys that a person may be in several times with one key.
pub type Parallel = BTreeSet<(WorkspaceId, JourneyId)>;

/// The longest that a carrier asks to wait.
const RETRY_MAX: Span = Span::hours(2);

/// An input whose acknowledgement was received.
#[derive(Clone, Debug)]
pub struct Expected {
    /// A text that stands in it and in no other.
    pub token: String,
    /// Whether nobody can handle it.
    pub poison: bool,
}

fn violation(invariant: Invariant, contact: ContactId, what: String) -> Violation {
    Violation { invariant, contact: Some(contact), what }
}

/// Everything that does not hold now. `parallel`: journeys that a person may be in several times with one key;
/// `drained`: the instant, when nothing is under way any more.
///
/// # Errors
/// When the store cannot be read.
pub async fn at_rest(
    store: &Store,
    parallel: &Parallel,
    drained: Option<Timestamp>,
) -> Result<Found, StoreError> {
    let mut found = Vec::new();
    let calls: BTreeMap<MessageId, CallRow> = store
        .calls_due(Timestamp::MAX, PAGE_ROWS_MAX)
        .await?
        .into_iter()
        .map(|it| (it.id, it))
        .collect();
    let mut waiting = BTreeSet::new();
    for workspace in store.workspaces().await? {
        let mut after = None;
        loop {
            let page = store.contacts_page(workspace.id, after, PAGE_ROWS_MAX).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.profile.contact);
            for record in &page {
                let look = Look { store, workspace: workspace.id, record, drained, calls: &calls };
                look.at(parallel, &mut waiting, &mut found).await?;
            }
        }
        dead_letters(store, workspace.id, &mut found).await?;
    }
    for (id, call) in &calls {
        if !waiting.contains(id) {
            let what = format!("call {id} is waiting and its enrollment is not");
            found.push(violation(Invariant::WaitsForNothing, call.contact, what));
        }
    }
    counters(store, &mut found).await?;
    super::standing::standing(store, &mut found).await?;
    Ok(found)
}

/// One contact.
struct Look<'a> {
    store: &'a Store,
    workspace: WorkspaceId,
    record: &'a ContactRecord,
    drained: Option<Timestamp>,
    calls: &'a BTreeMap<MessageId, CallRow>,
}

impl Look<'_> {
    async fn at(
        &self,
        parallel: &Parallel,
        waiting: &mut BTreeSet<MessageId>,
        found: &mut Found,
    ) -> Result<(), StoreError> {
        let contact = self.record.profile.contact;
        if self.record.version == 0 {
            return Ok(());
        }
        let state = match State::decode(contact, &self.record.state) {
            Ok(state) => state,
            Err(error) => {
                found.push(violation(Invariant::Sequences, contact, error.to_string()));
                return Ok(());
            }
        };
        self.wake(&state, found);
        let messages = self.messages().await?;
        for enrollment in &state.enrollments {
            let id = MessageId {
                enrollment: enrollment.id,
                step: enrollment.step,
                visit: enrollment.visits,
            };
            if let Position::Calling { .. } = enrollment.position {
                waiting.insert(id);
            }
            if let Some(what) = self.waits_for_nothing(enrollment, id, &messages) {
                found.push(violation(Invariant::WaitsForNothing, contact, what));
            }
        }
        self.auto_replies(&state, &messages, found);
        self.enrollments(&state, parallel, found).await?;
        for message in messages.values() {
            self.message(message, &state, found);
        }
        self.outcomes(&messages, found).await
    }

    /// The wake of the row is the earliest instant in the state.
    fn wake(&self, state: &State, found: &mut Found) {
        let steps = state.enrollments.iter().filter_map(|enrollment| match enrollment.position {
            Position::Waiting { until }
            | Position::Awaiting { until }
            | Position::Holding { until, .. }
            | Position::Calling { until } => Some((until, enrollment.id)),
            Position::Queued | Position::Submitting | Position::Moving => None,
        });
        let nobody = EnrollmentId(0);
        let dates = state.dates.iter().map(|date| (date.due, nobody));
        let all = steps.chain(dates).chain(state.recheck_at.map(|at| (at, nobody)));
        let due = all.filter(|(due, _)| *due < Timestamp::MAX).min();
        let kept = self.record.wake.map(|wake| (wake.due, wake.enrollment));
        if due != kept {
            let what = format!("the state wakes at {due:?}, the row at {kept:?}");
            found.push(violation(Invariant::Sequences, self.record.profile.contact, what));
        }
    }

    async fn messages(&self) -> Result<BTreeMap<MessageId, Message>, StoreError> {
        let (mut messages, mut after) = (BTreeMap::new(), None);
        loop {
            let contact = self.record.profile.contact;
            let page = self
                .store
                .messages_of_contact(self.workspace, contact, after, PAGE_ROWS_MAX)
                .await?;
            let Some(last) = page.last() else { return Ok(messages) };
            after = Some((last.intended_at, last.id));
            messages.extend(page.into_iter().map(|message| (message.id, message)));
        }
    }

    fn waits_for_nothing(
        &self,
        enrollment: &Enrollment,
        id: MessageId,
        messages: &BTreeMap<MessageId, Message>,
    ) -> Option<String> {
        let state = messages.get(&id).map(|message| message.state);
        let exists = match enrollment.position {
            Position::Waiting { until } | Position::Awaiting { until } => until < Timestamp::MAX,
            Position::Holding { until, reason } => {
                let has_end = until < Timestamp::MAX || reason == Reason::ValueMissing;
                has_end && state == Some(MessageState::Held)
            }
            Position::Queued => state == Some(MessageState::Queued),
            Position::Submitting => {
                state == Some(MessageState::Submitting) && self.drained.is_none()
            }
            Position::Calling { .. } => self.calls.contains_key(&id),
            Position::Moving => false,
        };
        (!exists).then(|| {
            let position = enrollment.position;
            format!(
                "enrollment {} is {position:?} and its message {id} is {state:?}",
                enrollment.id
            )
        })
    }

    /// What goes out by itself is where the state says.
    fn auto_replies(
        &self,
        state: &State,
        messages: &BTreeMap<MessageId, Message>,
        found: &mut Found,
    ) {
        for reply in &state.auto_replies {
            let kept = messages.get(&reply.message).map(|message| message.state);
            let is_so = match reply.stage {
                AutoReplyStage::Queued => kept == Some(MessageState::Queued),
                AutoReplyStage::Submitting => {
                    kept == Some(MessageState::Submitting) && self.drained.is_none()
                }
                AutoReplyStage::Done => true,
            };
            if !is_so {
                let what = format!("{} is {:?} and kept as {kept:?}", reply.message, reply.stage);
                found.push(violation(
                    Invariant::WaitsForNothing,
                    self.record.profile.contact,
                    what,
                ));
            }
        }
    }

    async fn enrollments(
        &self,
        state: &State,
        parallel: &Parallel,
        found: &mut Found,
    ) -> Result<(), StoreError> {
        let contact = self.record.profile.contact;
        let (mut active, mut after): (Vec<EnrollmentRow>, _) = (Vec::new(), None);
        loop {
            let page =
                self.store.enrollments(self.workspace, contact, after, PAGE_ROWS_MAX).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            active.extend(page.into_iter().filter(|row| row.left_at.is_none()));
        }
        let rows: BTreeSet<EnrollmentId> = active.iter().map(|row| row.id).collect();
        let held: BTreeSet<EnrollmentId> = state.enrollments.iter().map(|it| it.id).collect();
        if rows != held {
            let what = format!("rows say {rows:?} are active, the state says {held:?}");
            found.push(violation(Invariant::WaitsForNothing, contact, what));
        }
        let mut keys = BTreeSet::new();
        for row in &active {
            let is_twice = !keys.insert((row.journey, row.key.clone()));
            if is_twice && !parallel.contains(&(self.workspace, row.journey)) {
                let what =
                    format!("journey {} is active twice with key {:?}", row.journey, row.key);
                found.push(violation(Invariant::ActiveTwice, contact, what));
            }
        }
        Ok(())
    }

    fn message(&self, message: &Message, state: &State, found: &mut Found) {
        let contact = self.record.profile.contact;
        let owner = state.enrollments.iter().find(|it| it.id == message.id.enrollment);
        let is_current =
            owner.is_some_and(|it| it.step == message.id.step && it.visits == message.id.visit);
        let is_open = matches!(message.state, MessageState::Held | MessageState::Queued);
        let is_reply = state.auto_replies.iter().any(|it| it.message == message.id);
        if is_open && !is_current && !is_reply {
            let what =
                format!("message {} is {} and nobody waits for it", message.id, message.state);
            found.push(violation(Invariant::MessageStates, contact, what));
        }
        let Some(now) = self.drained else { return };
        if message.state == MessageState::Submitting {
            let what = format!("message {} is submitting for ever", message.id);
            found.push(violation(Invariant::MessageStates, contact, what));
        }
        if message.state == MessageState::Queued && message.due_at > now + RETRY_MAX {
            let what = format!("message {} is queued until {}", message.id, message.due_at);
            found.push(violation(Invariant::Liveness, contact, what));
        }
    }

    /// Each message that has ended has one decision that says so.
    async fn outcomes(
        &self,
        messages: &BTreeMap<MessageId, Message>,
        found: &mut Found,
    ) -> Result<(), StoreError> {
        let contact = self.record.profile.contact;
        let (mut ends, mut after) = (BTreeMap::<(MessageId, What), usize>::new(), None);
        loop {
            let page = self.store.decisions(self.workspace, contact, after, PAGE_ROWS_MAX).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for row in &page {
                if let Some(message) = row.row.decision.message {
                    *ends.entry((message, row.row.decision.what)).or_default() += 1;
                }
            }
        }
        for message in messages.values() {
            let what = match message.state {
                MessageState::Submitted => What::Sent,
                MessageState::Delivered => What::Delivered,
                MessageState::Undelivered | MessageState::Failed | MessageState::Expired => {
                    What::Failed
                }
                MessageState::Unknown => What::Unknown,
                MessageState::Withdrawn => What::Withdrawn,
                MessageState::Dropped => What::Dropped,
                MessageState::Held | MessageState::Queued | MessageState::Submitting => continue,
            };
            let count = ends.get(&(message.id, what)).copied().unwrap_or(0);
            if count != 1 {
                let what = format!(
                    "message {} is {} and {count} decisions say so",
                    message.id, message.state
                );
                found.push(violation(Invariant::MessageStates, contact, what));
            }
        }
        Ok(())
    }
}

/// Whether nobody can handle it: a profile beyond its limits, which the world makes on purpose.
fn is_poison(input: &str) -> bool {
    input.contains("poison") || input.contains("\"Identify\"")
}

async fn dead_letters(
    store: &Store,
    workspace: WorkspaceId,
    found: &mut Found,
) -> Result<(), StoreError> {
    let versions = store.journey_versions(workspace).await?;
    let has_circle =
        versions.iter().any(|it| it.row.definition.contains(&format!("event: {LOOPED}")));
    let mut after = None;
    loop {
        let page = store.dead_letters(workspace, after, PAGE_ROWS_MAX).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        for letter in page.iter().filter(|letter| !is_poison(&letter.input)) {
            if has_circle && letter.reason.contains("in a circle") {
                continue;
            }
            let input: String = letter.input.chars().take(200).collect();
            found.push(Violation {
                invariant: Invariant::DeadLetters,
                contact: letter.contact,
                what: format!("{} ({input})", letter.reason),
            });
        }
    }
}

async fn counters(store: &Store, found: &mut Found) -> Result<(), StoreError> {
    let mut recount: BTreeMap<(WorkspaceId, CounterKey), i64> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = store.decisions_all(after, PAGE_ROWS_MAX).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for row in &page {
            if let Some(key) = counter_of(&row.row.decision) {
                *recount.entry((row.row.workspace, key)).or_default() += 1;
            }
        }
    }
    let kept = kept_counters(store).await?;
    if recount != kept {
        let other = recount.iter().find(|(key, count)| kept.get(key) != Some(count));
        let more = kept.keys().find(|key| !recount.contains_key(key));
        let what = format!("a recount has {other:?}, or the counters have {more:?} too many");
        found.push(Violation { invariant: Invariant::Counters, contact: None, what });
    }
    Ok(())
}

/// All counters of all workspaces that count something.
pub(super) async fn kept_counters(
    store: &Store,
) -> Result<BTreeMap<(WorkspaceId, CounterKey), i64>, StoreError> {
    let mut kept: BTreeMap<(WorkspaceId, CounterKey), i64> = BTreeMap::new();
    for workspace in store.workspaces().await? {
        let journeys: BTreeSet<_> =
            store.journey_versions(workspace.id).await?.iter().map(|it| it.row.journey).collect();
        for journey in journeys {
            let (mut after, hours) = (None, (Timestamp::MIN, Timestamp::MAX));
            loop {
                let page = store
                    .counters(workspace.id, journey, hours, after.as_ref(), PAGE_ROWS_MAX)
                    .await?;
                let Some(last) = page.last() else { break };
                after = Some(last.key.clone());
                kept.extend(page.iter().map(|it| ((workspace.id, it.key.clone()), it.value)));
            }
        }
    }
    kept.retain(|_, count| *count != 0);
    Ok(kept)
}

/// Every acknowledged input is in the history once; those that nobody can handle, among the dead letters.
///
/// # Errors
/// When the store cannot be read.
pub async fn inputs(store: &Store, expected: &[Expected]) -> Result<Found, StoreError> {
    let mut bodies: Vec<String> = Vec::new();
    let mut letters: Vec<String> = Vec::new();
    for workspace in store.workspaces().await? {
        let mut after = None;
        loop {
            let page = store.contacts_page(workspace.id, after, PAGE_ROWS_MAX).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.profile.contact);
            for record in page.iter().filter(|record| record.version > 0) {
                let contact = record.profile.contact;
                let Ok(state) = State::decode(contact, &record.state) else { continue };
                let mut head = state.last_seq;
                while head.is_some() {
                    let rows = store.history(workspace.id, contact, head, PAGE_ROWS_MAX).await?;
                    head = rows.last().and_then(|row| row.previous);
                    bodies.extend(rows.into_iter().map(|row| row.body));
                }
            }
        }
        letters.extend(
            store
                .dead_letters(workspace.id, None, PAGE_ROWS_MAX)
                .await?
                .into_iter()
                .map(|it| it.input),
        );
    }
    let count = tokens(bodies.iter().chain(&letters));
    let mut found = Vec::new();
    for input in expected {
        let times = count.get(&input.token).copied().unwrap_or(0);
        if times != 1 {
            let what = format!("input {} was acknowledged and is kept {times} times", input.token);
            found.push(Violation { invariant: Invariant::Inputs, contact: None, what });
        }
    }
    Ok(found)
}

/// How often each token (`i-…-i`) stands in the texts.
fn tokens<'a>(texts: impl Iterator<Item = &'a String>) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for text in texts {
        let mut rest = text.as_str();
        while let Some(start) = rest.find("i-") {
            let tail = &rest[start..];
            let Some(end) = tail.get(2..).and_then(|tail| tail.find("-i")).map(|end| end + 4)
            else {
                break;
            };
            *count.entry(tail[..end].to_owned()).or_default() += 1;
            rest = &tail[end..];
        }
    }
    count
}
