//! The live feed of a workspace as server-sent events.
//!
//! Must never show what happens in another workspace, never go on after its key was revoked or the program is
//! told to stop, and never hold the engine up: who reads too slowly misses events and is told how many.

use super::App;
use super::auth::{Read, Tenant};
use super::body::Query;
use super::contact::find;
use super::error::{ApiError, Failures};
use super::limits::{
    KEEP_ALIVE_SECONDS, WATCHED_CONTACTS_MAX, WATCHERS_MAX, WATCHERS_PER_WORKSPACE_MAX,
};
use super::names::Named;
use super::shown::{self, DecisionItem, InputItem, MessageItem};
use crate::live::FeedEvent;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, watch as signal};
use utoipa::{IntoParams, ToSchema};
use wayline_core::ids::{ContactId, JourneyId, WorkspaceId};
use wayline_core::message::Message;
use wayline_store::batch::WorkspaceRow;

/// How many watch, by workspace: whoever may make keys must not take the places of others.
#[derive(Default)]
pub(crate) struct Watchers(Arc<Mutex<BTreeMap<WorkspaceId, usize>>>);

/// A place among the watchers; given back when dropped.
struct Place {
    watchers: Arc<Mutex<BTreeMap<WorkspaceId, usize>>>,
    workspace: WorkspaceId,
}

impl Watchers {
    fn enter(&self, workspace: WorkspaceId) -> Result<Place, ApiError> {
        let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = watchers.values().sum();
        let mine = watchers.entry(workspace).or_default();
        if *mine >= WATCHERS_PER_WORKSPACE_MAX || all >= WATCHERS_MAX {
            let detail = format!(
                "a workspace has at most {WATCHERS_PER_WORKSPACE_MAX} watchers of its feed at one time, and all together {WATCHERS_MAX}; close one"
            );
            return Err(ApiError::too_many(detail, KEEP_ALIVE_SECONDS));
        }
        *mine += 1;
        Ok(Place { watchers: Arc::clone(&self.0), workspace })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mine) = watchers.get_mut(&self.workspace) {
            *mine -= 1;
            if *mine == 0 {
                watchers.remove(&self.workspace);
            }
        }
    }
}

/// What is watched.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FeedQuery {
    /// Only this journey (text id); inputs belong to none.
    journey: Option<String>,
    /// Only this contact.
    contact: Option<u64>,
    /// Only these kinds, with commas between: `input`, `decision`, `message`.
    #[param(example = "decision,message")]
    kinds: Option<String>,
}

/// One event of the feed. The field named like the event says more.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FeedItem {
    /// About whom.
    contact: Option<u64>,
    /// The business's own id of the person.
    external_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<InputItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<DecisionItem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<MessageItem>,
}

/// What happens in the workspace from now on, as it happens: events `input`, `decision` and `message`, and
/// `missed` with a `count` when the reader was too slow (of the events of all workspaces).
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/feed", tag = "contacts", operation_id = "watch_feed",
    params(("workspace" = String, Path), FeedQuery),
    responses((status = 200, description = "Server-sent events", body = FeedItem, content_type = "text/event-stream"), Failures))]
pub(crate) async fn watch(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Query(query): Query<FeedQuery>,
) -> Result<Response, ApiError> {
    // First of all: what is committed from here on is seen.
    let events = app.feed.watch();
    let names = app.names.of(&app, &tenant.row).await?;
    let journey = query.journey.map(|slug| {
        names.journey_of(&slug).ok_or_else(|| {
            let slug: String = slug.chars().take(60).collect();
            ApiError::not_found(format!("this workspace has no journey {slug:?}"))
        })
    });
    if let Some(contact) = query.contact {
        find(&app, tenant.id(), contact).await?;
    }
    let filter = Filter {
        journey: journey.transpose()?,
        contact: query.contact.map(ContactId),
        kinds: query.kinds.as_deref().map_or(Ok(Kinds::ALL), Kinds::read)?,
    };
    let place = app.watchers.enter(tenant.id())?;
    let stop = app.stop.clone();
    let watcher = Watcher {
        app,
        workspace: tenant.row,
        filter,
        names,
        people: BTreeMap::new(),
        events,
        stop,
        key: tenant.key.id,
        _place: place,
    };
    let events = stream::unfold(watcher, |mut watcher| async {
        let event = watcher.next().await?;
        Some((Ok::<_, Infallible>(event), watcher))
    });
    let alive = KeepAlive::new().interval(Duration::from_secs(KEEP_ALIVE_SECONDS));
    Ok(Sse::new(events).keep_alive(alive).into_response())
}

/// Which kinds of events are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kinds {
    inputs: bool,
    decisions: bool,
    messages: bool,
}

impl Kinds {
    const ALL: Kinds = Kinds { inputs: true, decisions: true, messages: true };

    fn read(text: &str) -> Result<Kinds, ApiError> {
        let mut kinds = Kinds { inputs: false, decisions: false, messages: false };
        for kind in text.split(',') {
            match kind.trim() {
                "input" => kinds.inputs = true,
                "decision" => kinds.decisions = true,
                "message" => kinds.messages = true,
                other => {
                    let other: String = other.chars().take(40).collect();
                    return Err(ApiError::invalid(format!(
                        "kinds has {other:?}; it may have input, decision, message"
                    )));
                }
            }
        }
        Ok(kinds)
    }
}

struct Filter {
    journey: Option<JourneyId>,
    contact: Option<ContactId>,
    kinds: Kinds,
}

impl Filter {
    fn wants_kind(&self, event: &FeedEvent) -> bool {
        match event {
            FeedEvent::Input(_) => self.kinds.inputs,
            FeedEvent::Decision(_) => self.kinds.decisions,
            FeedEvent::Message(_) | FeedEvent::Changed { .. } => self.kinds.messages,
        }
    }

    fn wants(&self, contact: ContactId, journey: Option<JourneyId>) -> bool {
        self.contact.is_none_or(|wanted| wanted == contact)
            && self.journey.is_none_or(|wanted| Some(wanted) == journey)
    }
}

/// One who watches.
struct Watcher {
    app: Arc<App>,
    workspace: WorkspaceRow,
    filter: Filter,
    names: Named,
    /// External ids of contacts seen lately.
    people: BTreeMap<ContactId, Option<String>>,
    events: broadcast::Receiver<Arc<FeedEvent>>,
    stop: signal::Receiver<bool>,
    key: u64,
    /// Held as long as it watches.
    _place: Place,
}

impl Watcher {
    /// The next event to send; `None`: the feed ends.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let received = tokio::select! {
                received = self.events.recv() => received,
                _ = self.stop.wait_for(|stop| *stop) => return None,
            };
            if !self.app.keys.is_valid(self.key) {
                return None;
            }
            match received {
                Ok(event) => {
                    if event.workspace() == self.workspace.id
                        && self.filter.wants_kind(&event)
                        && let Some((kind, item)) = self.item(&event).await
                    {
                        return Event::default().event(kind).json_data(item).ok();
                    }
                }
                Err(broadcast::error::RecvError::Lagged(count)) => {
                    return Event::default()
                        .event("missed")
                        .json_data(json!({ "count": count }))
                        .ok();
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// The event as it is shown, when it is wanted.
    async fn item(&mut self, event: &FeedEvent) -> Option<(&'static str, FeedItem)> {
        let mut item = FeedItem {
            contact: None,
            external_id: None,
            input: None,
            decision: None,
            message: None,
        };
        let (kind, contact) = match event {
            FeedEvent::Input(row) => {
                let wanted = self.filter.wants(row.contact, None);
                item.input = wanted.then(|| shown::input(row));
                ("input", wanted.then_some(row.contact)?)
            }
            FeedEvent::Decision(row) => {
                let it = &row.decision;
                if !self.filter.wants(row.contact, it.journey) {
                    return None;
                }
                if let Some(journey) = it.journey {
                    self.know(journey, it.version).await;
                }
                item.decision = Some(shown::decision(it, &self.names));
                ("decision", row.contact)
            }
            FeedEvent::Message(message) => {
                item.message = Some(self.message(message).await?);
                ("message", message.contact)
            }
            FeedEvent::Changed { id, change, .. } => {
                let found = self.app.store.messages(&[*id]).await.ok()?;
                let mut message = found.into_iter().next().flatten()?;
                // It may have gone on meanwhile: the event says what this change made of it.
                (message.state, message.reason) = (change.state, change.reason);
                item.message = Some(self.message(&message).await?);
                ("message", message.contact)
            }
        };
        item.contact = Some(contact.0);
        item.external_id = self.external_id(contact).await;
        Some((kind, item))
    }

    async fn message(&mut self, message: &Message) -> Option<MessageItem> {
        if !self.filter.wants(message.contact, Some(message.journey)) {
            return None;
        }
        if message.auto_reply().is_none() {
            self.know(message.journey, message.version).await;
        }
        Some(shown::message(message, &self.names))
    }

    /// Asks for the definitions of now when an event is of a newer version.
    async fn know(&mut self, journey: JourneyId, version: u32) {
        if self.names.knows(journey, version) {
            return;
        }
        let (workspace, revision) = (self.workspace.id, self.workspace.revision);
        if let Ok(names) = self.app.names.again(&self.app, workspace, revision).await {
            self.names = names;
        }
    }

    async fn external_id(&mut self, contact: ContactId) -> Option<String> {
        if let Some(Some(known)) = self.people.get(&contact) {
            return Some(known.clone());
        }
        let found = self.app.store.contacts(&[contact]).await.ok()?;
        let external_id = found.into_iter().next().flatten()?.profile.external_id.clone();
        if self.people.len() >= WATCHED_CONTACTS_MAX {
            self.people.clear();
        }
        self.people.insert(contact, external_id.clone());
        external_id
    }
}
