//! What counters say of now, beside where people stand.
//!
//! Reads positions from states and sums counters by its own arithmetic. Must never ask the core what a counter means.

use super::rest::{Found, kept_counters};
use super::{Invariant, Violation};
use std::collections::BTreeMap;
use wayline_core::contact::{Position, State};
use wayline_core::decision::What;
use wayline_core::ids::{JourneyId, WorkspaceId};
use wayline_core::limits::PAGE_ROWS_MAX;
use wayline_store::{Store, StoreError};

/// Where one stands: journey, version, step and arm.
type Place = (WorkspaceId, JourneyId, u32, Option<u16>, String);

/// How many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counts {
    waiting: BTreeMap<Place, i64>,
    held: BTreeMap<Place, i64>,
    /// Over all versions.
    active: BTreeMap<(WorkspaceId, JourneyId), i64>,
}

/// Counters summed over all hours equal the enrollments that stand on each step, and those in each journey.
pub(super) async fn standing(store: &Store, found: &mut Found) -> Result<(), StoreError> {
    let (seen, told) = (seen(store).await?, told(store).await?);
    let mut differ = Vec::new();
    for (what, seen, told) in
        [("waiting", &seen.waiting, &told.waiting), ("held", &seen.held, &told.held)]
    {
        let places = seen.keys().chain(told.keys());
        let wrong = places.filter(|place| seen.get(place) != told.get(place));
        differ.extend(wrong.take(1).map(|place| {
            let (seen, told) = (seen.get(place), told.get(place));
            format!("{what} at {place:?}: {seen:?} stand there, counters tell {told:?}")
        }));
    }
    if seen.active != told.active {
        differ.push(format!("active: {:?}, counters tell {:?}", seen.active, told.active));
    }
    for what in differ {
        found.push(Violation { invariant: Invariant::Standing, contact: None, what });
    }
    Ok(())
}

async fn seen(store: &Store) -> Result<Counts, StoreError> {
    let mut counts = Counts::default();
    for workspace in store.workspaces().await? {
        let mut after = None;
        loop {
            let page = store.contacts_page(workspace.id, after, PAGE_ROWS_MAX).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.profile.contact);
            for record in page.iter().filter(|record| record.version > 0) {
                let Ok(state) = State::decode(record.profile.contact, &record.state) else {
                    continue;
                };
                for it in &state.enrollments {
                    let place =
                        (workspace.id, it.journey, it.version, Some(it.step), it.variant.clone());
                    *counts.active.entry((workspace.id, it.journey)).or_default() += 1;
                    let kind = match it.position {
                        Position::Waiting { .. }
                        | Position::Awaiting { .. }
                        | Position::Calling { .. } => &mut counts.waiting,
                        Position::Holding { .. } => &mut counts.held,
                        Position::Queued | Position::Submitting | Position::Moving => continue,
                    };
                    *kind.entry(place).or_default() += 1;
                }
            }
        }
    }
    Ok(counts)
}

async fn told(store: &Store) -> Result<Counts, StoreError> {
    let mut counts = Counts::default();
    for ((workspace, key), count) in kept_counters(store).await? {
        let place = (workspace, key.journey, key.version, key.step, key.variant);
        match key.what {
            What::Reached | What::Called => *counts.waiting.entry(place).or_default() += count,
            What::Left | What::Answered => *counts.waiting.entry(place).or_default() -= count,
            What::Held => *counts.held.entry(place).or_default() += count,
            What::Released => *counts.held.entry(place).or_default() -= count,
            What::Entered => *counts.active.entry((workspace, key.journey)).or_default() += count,
            What::Exited => *counts.active.entry((workspace, key.journey)).or_default() -= count,
            _ => {}
        }
    }
    counts.waiting.retain(|_, count| *count != 0);
    counts.held.retain(|_, count| *count != 0);
    counts.active.retain(|_, count| *count != 0);
    Ok(counts)
}
