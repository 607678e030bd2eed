//! What a journey's counters say, by version, step and variant.
//!
//! Must never count by itself: counters are folded from decisions when these are stored.

use super::Known;
use crate::api::App;
use crate::api::auth::{Read, Tenant};
use crate::api::body::{self, Listed, Path, Query};
use crate::api::error::{ApiError, Failures};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use wayline_core::decision::What;
use wayline_core::ids::JourneyId;
use wayline_core::metrics::{CounterKey, Standing, standing};
use wayline_core::time::{Span, Timestamp};
use wayline_store::StoreError;
use wayline_store::rows::{Counter, CounterTotal};

/// How many stand where now, by what all counters since ever come to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standings {
    pub(super) waiting: i64,
    pub(super) held: i64,
}

impl Standings {
    pub(super) fn of(totals: &BTreeMap<What, i64>) -> Standings {
        let mut all = Standings::default();
        for (what, count) in totals {
            match standing(*what) {
                Some((Standing::Waiting, sign)) => all.waiting += sign * count,
                Some((Standing::Held, sign)) => all.held += sign * count,
                None => {}
            }
        }
        all
    }
}

macro_rules! counts {
    ($($(#[$doc:meta])* $field:ident = $what:ident,)*) => {
        /// How often what happened.
        #[derive(Debug, Default, Serialize, ToSchema)]
        pub(crate) struct Counts {
            $($(#[$doc])* $field: i64,)*
            /// How many more wait here at the end of the time than at its beginning: over all time, those who wait now.
            waiting: i64,
            /// As `waiting`, for those whose message is held.
            held_now: i64,
        }

        impl Counts {
            fn of(totals: &BTreeMap<What, i64>) -> Counts {
                let of = |what| totals.get(&what).copied().unwrap_or(0);
                let standings = Standings::of(totals);
                Counts {
                    $($field: of(What::$what),)*
                    waiting: standings.waiting,
                    held_now: standings.held,
                }
            }
        }
    };
}

counts! {
    /// Enrollments that began.
    entered = Entered,
    /// Active enrollments that began again.
    restarted = Restarted,
    /// Arrivals at a step.
    reached = Reached,
    /// Departures from a step.
    left = Left,
    /// Times a message became held.
    held = Held,
    /// Times one was held no longer.
    released = Released,
    /// Webhooks called.
    called = Called,
    /// Webhooks that answered, or failed to.
    answered = Answered,
    /// Messages handed to a gateway and not refused.
    sent = Sent,
    /// Messages that will not go.
    dropped = Dropped,
    /// Messages taken back before they were handed over.
    withdrawn = Withdrawn,
    /// Messages refused for good, or that could not be delivered.
    failed = Failed,
    /// Messages of which nobody knows whether they were sent.
    unknown = Unknown,
    /// Messages that arrived.
    delivered = Delivered,
    /// Clicks.
    clicked = Clicked,
    /// Replies.
    replied = Replied,
    /// Goals reached.
    converted = Converted,
    /// Enrollments that ended.
    exited = Exited,
}

/// Over which time.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RangeQuery {
    /// Begins with the hour of this instant, RFC 3339; absent: since ever.
    #[param(example = "2026-11-01T00:00:00Z")]
    from: Option<String>,
    /// Ends before the first full hour from this instant on, RFC 3339; absent: no end.
    #[param(example = "2026-12-01T00:00:00Z")]
    until: Option<String>,
}

/// Over which time, and which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HourlyQuery {
    /// Begins with the hour of this instant, RFC 3339; absent: since ever.
    #[param(example = "2026-11-01T00:00:00Z")]
    from: Option<String>,
    /// Ends before the first full hour from this instant on, RFC 3339; absent: no end.
    #[param(example = "2026-12-01T00:00:00Z")]
    until: Option<String>,
    /// The `next` of the page before; absent: the first page.
    after: Option<String>,
    /// Rows, 1 to 1000; absent: 50.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

fn instant(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, ApiError> {
    let parsed = text.map(Timestamp::parse).transpose();
    parsed.map_err(|error| ApiError::invalid(format!("{name}: {error}")))
}

/// Whole hours.
fn hours(from: Option<&str>, until: Option<&str>) -> Result<(Timestamp, Timestamp), ApiError> {
    let from = instant("from", from)?.map_or(Timestamp::MIN, Timestamp::hour);
    let until = match instant("until", until)? {
        None => Timestamp::MAX,
        Some(until) if until == until.hour() => until,
        Some(until) => until.hour() + Span::hours(1),
    };
    if until < from {
        return Err(ApiError::invalid("until is before from"));
    }
    Ok((from, until))
}

/// What a journey's counters came to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CountersShown {
    /// The hours begin, RFC 3339.
    from: String,
    /// The hours end, RFC 3339.
    until: String,
    /// Over all versions.
    journey: Counts,
    versions: Vec<VersionCounters>,
}

/// What one version's counters came to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionCounters {
    #[schema(minimum = 1)]
    version: u32,
    /// Of all its steps, and of the version as a whole.
    counts: Counts,
    /// In the order of the definition, each with what was counted for it.
    steps: Vec<StepCounters>,
}

/// What was counted for a step and a variant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepCounters {
    /// Text id of the step.
    step: String,
    /// Arm of the last experiment passed; empty: none.
    variant: String,
    counts: Counts,
}

/// What was counted over a time: in all, by version, by step and variant.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/journeys/{journey}/counters", tag = "journeys",
    operation_id = "get_journey_counters", params(("workspace" = String, Path), ("journey" = String, Path), RangeQuery),
    responses((status = 200, description = "The sums", body = CountersShown), Failures))]
pub(crate) async fn totals(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, slug)): Path<(String, String)>,
    Query(query): Query<RangeQuery>,
) -> Result<Json<CountersShown>, ApiError> {
    let hours = hours(query.from.as_deref(), query.until.as_deref())?;
    let known = Known::need(&app.store, tenant.id(), &slug).await?;
    let rows = app.store.counter_totals(tenant.id(), known.id, hours).await;
    let rows = rows.map_err(|error| match error {
        StoreError::TooManyRows { .. } => ApiError::invalid(error.to_string()),
        error => error.into(),
    })?;
    let all = sum(rows.iter());
    let names = app.names.of(&app, &tenant.row).await?;
    let mut versions = Vec::new();
    for version in &known.versions {
        let number = version.version;
        let mine: Vec<&CounterTotal> = rows.iter().filter(|row| row.version == number).collect();
        if mine.is_empty() && !version.live {
            continue;
        }
        let counts = Counts::of(&sum(mine.iter().copied()));
        let steps = by_step(&mine, |step| names.step(known.id, number, step));
        versions.push(VersionCounters { version: number, counts, steps });
    }
    let (from, until) = (hours.0.to_string(), hours.1.to_string());
    Ok(Json(CountersShown { from, until, journey: Counts::of(&all), versions }))
}

fn sum<'a>(rows: impl Iterator<Item = &'a CounterTotal>) -> BTreeMap<What, i64> {
    let mut sums = BTreeMap::new();
    for row in rows {
        *sums.entry(row.what).or_default() += row.value;
    }
    sums
}

fn by_step(rows: &[&CounterTotal], name: impl Fn(u16) -> String) -> Vec<StepCounters> {
    let mut steps: BTreeMap<(u16, &str), BTreeMap<What, i64>> = BTreeMap::new();
    for row in rows {
        if let Some(step) = row.step {
            let counts = steps.entry((step, &row.variant)).or_default();
            *counts.entry(row.what).or_default() += row.value;
        }
    }
    let shown = steps.into_iter().map(|((step, variant), counts)| StepCounters {
        step: name(step),
        variant: variant.to_owned(),
        counts: Counts::of(&counts),
    });
    shown.collect()
}

/// One counter of one hour.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HourShown {
    /// The UTC hour begins, RFC 3339.
    hour: String,
    #[schema(minimum = 1)]
    version: u32,
    /// Text id of the step; null: the journey as a whole.
    step: Option<String>,
    /// Arm of the last experiment passed; empty: none.
    variant: String,
    /// What was counted.
    #[schema(example = "sent")]
    what: String,
    count: i64,
}

/// A place in the list of counters, as a text: hour, version, step, what and, because it may hold anything, last the
/// variant.
struct Place(CounterKey);

impl Place {
    fn text(key: &CounterKey) -> String {
        let step = key.step.map_or_else(|| "-".to_owned(), |step| step.to_string());
        format!("{}.{}.{step}.{}.{}", key.hour.0, key.version, key.what, key.variant)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Place, ()> {
        let mut fields = text.splitn(5, '.');
        let mut field = || fields.next().ok_or(());
        let hour = field()?.parse().map_err(|_| ())?;
        let version = field()?.parse().map_err(|_| ())?;
        let step = match field()? {
            "-" => None,
            step => Some(step.parse().map_err(|_| ())?),
        };
        let what = What::from_name(field()?).ok_or(())?;
        let variant = field()?.to_owned();
        let (journey, hour) = (JourneyId::default(), Timestamp(hour));
        Ok(Place(CounterKey { journey, version, step, variant, what, hour }))
    }
}

/// Counters hour by hour.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/journeys/{journey}/counters/hourly", tag = "journeys",
    operation_id = "list_journey_counters", params(("workspace" = String, Path), ("journey" = String, Path), HourlyQuery),
    responses((status = 200, description = "By hour, version, step, variant and what", body = Listed<HourShown>), Failures))]
pub(crate) async fn hourly(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Path((_, slug)): Path<(String, String)>,
    Query(query): Query<HourlyQuery>,
) -> Result<Json<Listed<HourShown>>, ApiError> {
    let hours = hours(query.from.as_deref(), query.until.as_deref())?;
    let limit = body::limit(query.limit)?;
    let after: Option<Place> = body::after(query.after.as_deref())?;
    let known = Known::need(&app.store, tenant.id(), &slug).await?;
    let after = after.map(|place| CounterKey { journey: known.id, ..place.0 });
    let rows = app.store.counters(tenant.id(), known.id, hours, after.as_ref(), limit).await?;
    let names = app.names.of(&app, &tenant.row).await?;
    let shown = |row: Counter| HourShown {
        hour: row.key.hour.to_string(),
        version: row.key.version,
        step: row.key.step.map(|step| names.step(known.id, row.key.version, step)),
        variant: row.key.variant,
        what: row.key.what.to_string(),
        count: row.value,
    };
    Ok(Json(Listed::page(rows, limit, |row| Place::text(&row.key), shown)))
}
