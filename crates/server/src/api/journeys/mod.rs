//! Journeys: what runs, what is being written, what it did.
//!
//! Reads come from the store, changes go through the engine one at a time. Must never publish what is wrong or
//! may not run for real people, and never change a published version.

pub(crate) mod counters;
pub(crate) mod drafts;
pub(crate) mod enroll;
pub(crate) mod lists;
pub(crate) mod publish;
pub(crate) mod versions;

use super::App;
use super::auth::{Read, Tenant};
use super::body::{Listed, PageQuery, Path, Query};
use super::error::{ApiError, Failures};
use super::names::Named;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use utoipa::ToSchema;
use wayline_core::decision::What;
use wayline_core::ids::{JourneyId, WorkspaceId};
use wayline_core::journey::definition::Journey;
use wayline_core::journey::parse::parse_journey;
use wayline_core::limits::PAGE_ROWS_MAX;
use wayline_store::batch::WorkspaceRow;
use wayline_store::rows::{StoredJourneyVersion, VersionHead};
use wayline_store::{Store, StoreError};

/// Whether people enter a journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JourneyStatus {
    /// People enter, messages go.
    Live,
    /// Nobody enters, messages are held.
    Paused,
    /// Nobody enters any more; those in it finish.
    Archived,
    /// Never published: there is only a draft.
    Draft,
}

/// A journey, and what it came to since ever.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JourneyShown {
    /// Its text id.
    #[schema(example = "abandoned_cart")]
    pub(crate) journey: String,
    /// What people call it.
    name: String,
    status: JourneyStatus,
    /// The version new entries get; null: none is live.
    #[schema(minimum = 1)]
    live_version: Option<u32>,
    /// The newest version; null: never published.
    #[schema(minimum = 1)]
    newest_version: Option<u32>,
    /// When the newest version was published, RFC 3339.
    published_at: Option<String>,
    /// Whether somebody is writing a new one.
    has_draft: bool,
    counts: JourneyCounts,
}

/// What a journey came to since ever, over all versions, steps and variants.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct JourneyCounts {
    /// Enrollments that began.
    entered: i64,
    /// Enrollments that are in it now.
    active: i64,
    /// Of these: they wait for an instant, an event or a webhook.
    waiting: i64,
    /// Of these: their message is held.
    held: i64,
    /// Enrollments that ended.
    exited: i64,
    /// Goals reached.
    converted: i64,
    /// Messages handed to a gateway and not refused.
    sent: i64,
    /// Messages that arrived.
    delivered: i64,
    /// Messages that were refused or could not be delivered.
    failed: i64,
    /// Messages that will not go, by policy, limits or their text.
    dropped: i64,
    /// Clicks.
    clicked: i64,
    /// Replies.
    replied: i64,
}

impl JourneyCounts {
    fn of(totals: &BTreeMap<What, i64>) -> JourneyCounts {
        let of = |what| totals.get(&what).copied().unwrap_or(0);
        let standing = counters::Standings::of(totals);
        JourneyCounts {
            entered: of(What::Entered),
            active: of(What::Entered) - of(What::Exited),
            waiting: standing.waiting,
            held: standing.held,
            exited: of(What::Exited),
            converted: of(What::Converted),
            sent: of(What::Sent),
            delivered: of(What::Delivered),
            failed: of(What::Failed),
            dropped: of(What::Dropped),
            clicked: of(What::Clicked),
            replied: of(What::Replied),
        }
    }
}

/// All versions of one journey, oldest first, without their definitions, and whether it is paused.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) id: JourneyId,
    pub(crate) versions: Vec<VersionHead>,
    pub(crate) is_paused: bool,
}

impl Known {
    /// The journey of this text id, when it was ever published.
    pub(crate) async fn find(
        store: &Store,
        workspace: WorkspaceId,
        slug: &str,
    ) -> Result<Option<Known>, StoreError> {
        let versions = store.version_heads_of(workspace, slug).await?;
        let Some(id) = versions.first().map(|version| version.journey) else { return Ok(None) };
        let is_paused = store.paused_journeys(workspace).await?.contains(&id);
        Ok(Some(Known { id, versions, is_paused }))
    }

    /// As [`Known::find`], for what has to be there.
    pub(crate) async fn need(
        store: &Store,
        workspace: WorkspaceId,
        slug: &str,
    ) -> Result<Known, ApiError> {
        Known::find(store, workspace, slug).await?.ok_or_else(|| no_journey(slug))
    }

    /// The version new entries get.
    pub(crate) fn live(&self) -> Option<&VersionHead> {
        self.versions.iter().find(|version| version.live)
    }

    /// The version people see: the live one, or else the newest.
    fn shown(&self) -> Option<&VersionHead> {
        self.live().or(self.versions.last())
    }

    fn status(&self) -> JourneyStatus {
        match (self.live(), self.is_paused) {
            (None, _) => JourneyStatus::Archived,
            (Some(_), true) => JourneyStatus::Paused,
            (Some(_), false) => JourneyStatus::Live,
        }
    }
}

/// 404 for a journey.
pub(crate) fn no_journey(slug: &str) -> ApiError {
    let slug: String = slug.chars().take(64).collect();
    ApiError::not_found(format!("there is no journey {slug:?} in this workspace"))
}

/// A version as a definition. What is stored was valid when it was published.
pub(crate) fn definition_of(version: &StoredJourneyVersion) -> Result<Journey, ApiError> {
    let file = format!("journeys/{}.yaml", version.row.slug);
    parse_journey(&file, version.row.definition.as_bytes()).map_err(|problems| {
        tracing::error!(
            journey = version.row.slug,
            version = version.row.version,
            problems = problems.len(),
            "a stored version cannot be read"
        );
        ApiError::internal("a stored version of this journey cannot be read; the log says which")
    })
}

fn shown(
    slug: &str,
    known: Option<&Known>,
    has_draft: bool,
    totals: &BTreeMap<What, i64>,
    names: &Named,
) -> JourneyShown {
    let newest = known.and_then(|known| known.versions.last());
    let live = known.and_then(Known::live);
    let version = known.and_then(Known::shown);
    let name = version.and_then(|it| names.title(it.journey, it.version));
    JourneyShown {
        journey: slug.to_owned(),
        name: name.unwrap_or(slug).to_owned(),
        status: known.map_or(JourneyStatus::Draft, Known::status),
        live_version: live.map(|version| version.version),
        newest_version: newest.map(|version| version.version),
        published_at: newest.map(|version| version.published_at.to_string()),
        has_draft,
        counts: JourneyCounts::of(totals),
    }
}

/// Definitions that know what these journeys are called now, also when one was published a moment ago.
async fn names<'a>(
    app: &App,
    workspace: &WorkspaceRow,
    mut known: impl Iterator<Item = &'a Known>,
) -> Result<Named, ApiError> {
    let names = app.names.of(app, workspace).await?;
    let is_known = |it: &VersionHead| names.knows(it.journey, it.version);
    if known.all(|known| known.shown().is_none_or(is_known)) {
        return Ok(names);
    }
    app.names.again(app, workspace.id, workspace.revision).await
}

/// One journey as it is now.
pub(crate) async fn show(
    app: &App,
    row: &WorkspaceRow,
    slug: &str,
) -> Result<JourneyShown, ApiError> {
    let (store, workspace) = (&app.store, row.id);
    let known = Known::find(store, workspace, slug).await?;
    let has_draft = store.draft(workspace, slug).await?.is_some();
    if known.is_none() && !has_draft {
        return Err(no_journey(slug));
    }
    let mut totals = BTreeMap::new();
    if let Some(known) = &known {
        let all = store.journey_totals(workspace).await?;
        let mine = all.into_iter().filter(|(journey, ..)| *journey == known.id);
        totals.extend(mine.map(|(_, what, count)| (what, count)));
    }
    let names = names(app, row, known.iter()).await?;
    Ok(shown(slug, known.as_ref(), has_draft, &totals, &names))
}

/// All journeys, and those that are only drafts so far, by text id.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/journeys", tag = "journeys", operation_id = "list_journeys",
    params(("workspace" = String, Path), PageQuery),
    responses((status = 200, description = "By text id", body = Listed<JourneyShown>), Failures))]
pub(crate) async fn list(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Listed<JourneyShown>>, ApiError> {
    let (limit, after, workspace) = (page.limit()?, page.after_text()?, tenant.id());
    let mut drafts = BTreeSet::new();
    loop {
        let after = drafts.last().map(String::as_str);
        let more = app.store.draft_heads(workspace, after, PAGE_ROWS_MAX).await?;
        if more.is_empty() {
            break;
        }
        drafts.extend(more.into_iter().map(|draft| draft.slug));
    }
    let paused: BTreeSet<JourneyId> =
        app.store.paused_journeys(workspace).await?.into_iter().collect();
    let mut known: BTreeMap<String, Option<Known>> =
        drafts.iter().map(|slug| (slug.clone(), None)).collect();
    for version in app.store.version_heads(workspace).await? {
        let id = version.journey;
        let entry = known.entry(version.slug.clone()).or_default();
        let new = || Known { id, versions: Vec::new(), is_paused: paused.contains(&id) };
        entry.get_or_insert_with(new).versions.push(version);
    }
    let mut totals: BTreeMap<JourneyId, BTreeMap<What, i64>> = BTreeMap::new();
    for (journey, what, count) in app.store.journey_totals(workspace).await? {
        totals.entry(journey).or_default().insert(what, count);
    }
    let none = BTreeMap::new();
    let wanted = known.iter().filter(|(slug, _)| after.as_ref().is_none_or(|after| *slug > after));
    let wanted: Vec<_> = wanted.take(limit).collect();
    let published = wanted.iter().filter_map(|(_, known)| known.as_ref());
    let names = names(&app, &tenant.row, published).await?;
    let mut rows = Vec::with_capacity(wanted.len());
    for (slug, known) in wanted {
        let totals = known.as_ref().and_then(|known| totals.get(&known.id)).unwrap_or(&none);
        rows.push(shown(slug, known.as_ref(), drafts.contains(slug), totals, &names));
    }
    Ok(Json(Listed::page(rows, limit, |row| row.journey.clone(), |row| row)))
}

/// One journey.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/journeys/{journey}", tag = "journeys", operation_id = "get_journey",
    params(("workspace" = String, Path), ("journey" = String, Path)),
    responses((status = 200, description = "As it is now", body = JourneyShown), Failures))]
pub(crate) async fn get(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, slug)): Path<(String, String)>,
) -> Result<Json<JourneyShown>, ApiError> {
    Ok(Json(show(&app, &tenant.row, &slug).await?))
}
