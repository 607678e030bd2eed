//! What a store answers to the program that serves people, as text.
//!
//! Must never leave a read out: two stores are the same when they answer the same.

use super::observe::{IDS, Seen};
use crate::Store;
use crate::rows::SearchField;
use wayline_core::ids::{JourneyId, WorkspaceId};
use wayline_core::time::Timestamp;

const PAGE: usize = 3;

pub(super) async fn everywhere(store: &Store, seen: &mut Seen) {
    seen.add("last instant", store.last_instant().await);
    seen.add("last key", store.last_api_key().await);
    for id in 0..IDS {
        seen.add("key", store.api_key(id).await);
        for token in ["a", "b"] {
            seen.add("answer", store.idempotency(id, token).await);
        }
    }
    for after in [None, Some(2)] {
        seen.add("operator keys", store.api_keys(None, after, PAGE).await);
    }
}

pub(super) async fn of_workspace(store: &Store, seen: &mut Seen, ws: WorkspaceId) {
    for after in [None, Some(2)] {
        seen.add("keys", store.api_keys(Some(ws), after, PAGE).await);
    }
    for slug in ["s0", "s1", "s2"] {
        seen.add("draft", store.draft(ws, slug).await);
        seen.add("drafts", store.draft_heads(ws, Some(slug), 2).await);
    }
    seen.add("drafts", store.draft_heads(ws, None, 2).await);
    seen.add("paused", store.paused_journeys(ws).await);
    seen.add("journey totals", store.journey_totals(ws).await);
    seen.add("versions", store.version_heads(ws).await);
    for journey in 0..3 {
        let slug = format!("journey-{journey}");
        seen.add("versions", store.version_heads_of(ws, &slug).await);
        for version in 0..4 {
            seen.add("version", store.journey_version(ws, JourneyId(journey), version).await);
        }
        for hours in [(0, i64::MAX), (3_600_000, 7_200_000)] {
            let hours = (Timestamp(hours.0), Timestamp(hours.1));
            seen.add("totals", store.counter_totals(ws, JourneyId(journey), hours).await);
        }
    }
    messages(store, seen, ws).await;
    for prefix in ["", "v"] {
        search(store, seen, (ws, SearchField::ExternalId, prefix)).await;
    }
    for prefix in ["+", "+1"] {
        search(store, seen, (ws, SearchField::Phone, prefix)).await;
    }
    for prefix in ["", "aL", "al%", "\u{10ffff}"] {
        search(store, seen, (ws, SearchField::Email, prefix)).await;
    }
}

async fn messages(store: &Store, seen: &mut Seen, ws: WorkspaceId) {
    let mut after = None;
    loop {
        let page = store.messages_of_workspace(ws, after, PAGE).await;
        let last = page.as_ref().ok().and_then(|rows| rows.last());
        after = last.map(|last| (last.intended_at, last.id));
        seen.add("messages", page);
        if after.is_none() {
            break;
        }
    }
}

async fn search(
    store: &Store,
    seen: &mut Seen,
    (ws, field, prefix): (WorkspaceId, SearchField, &str),
) {
    let mut after = None;
    loop {
        let from = after.as_ref().map(|(value, id): &(String, _)| (value.as_str(), *id));
        let page = store.contacts_search(ws, field, prefix, from, PAGE).await;
        let last = page.as_ref().ok().and_then(|rows| rows.last());
        after = last.and_then(|last| Some((field.of(&last.profile)?, last.profile.contact)));
        seen.add("search", page);
        if after.is_none() {
            break;
        }
    }
}
