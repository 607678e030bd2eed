//! The HTTP API: what Segment's SDKs speak under `/v1`, and the management of workspaces under `/api/v1`.
//!
//! One file per resource. Must never decide anything about contacts or messages: inputs go to the engine,
//! answers come from the store.

pub(crate) mod auth;
mod body;
mod callbacks;
mod consents;
mod contact;
mod contacts;
mod dead_letters;
mod error;
mod feed;
mod gateways;
mod health;
mod idempotency;
mod journeys;
mod keys;
pub(crate) mod limits;
mod messages;
mod names;
mod openapi;
mod rows;
mod segment;
mod shown;
mod timeline;
mod watch;
mod workspaces;

use crate::config::HttpConfig;
use crate::gateway::Registry;
use crate::live::{Feed, Flow, Live};
use crate::run::Clock;
use auth::Keys;
use axum::Router;
use axum::http::{Method, Uri};
use error::ApiError;
pub(crate) use feed::Watchers;
pub(crate) use gateways::test::Tests;
pub(crate) use idempotency::Creations;
use metrics_exporter_prometheus::PrometheusHandle;
pub(crate) use names::Names;
use std::sync::Arc;
use tokio::sync::{Semaphore, watch as signal};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wayline_store::Store;

/// What handlers work with.
pub(crate) struct App {
    /// The engine.
    pub(crate) live: Live,
    /// For reading.
    pub(crate) store: Arc<Store>,
    /// The program's clock.
    pub(crate) clock: Arc<Clock>,
    /// API keys.
    pub(crate) keys: Keys,
    /// What happens.
    pub(crate) feed: Feed,
    /// Limits.
    pub(crate) http: HttpConfig,
    /// Room for bodies of requests whose key is known, in KiB.
    pub(crate) bodies: Arc<Semaphore>,
    /// The same for those whose key stands in the body.
    pub(crate) unnamed_bodies: Arc<Semaphore>,
    /// Places for explanations, which read much.
    pub(crate) whys: Arc<Semaphore>,
    /// What was measured.
    pub(crate) metrics: PrometheusHandle,
    /// Text ids of journeys and steps.
    pub(crate) names: Names,
    /// Creating calls under way.
    pub(crate) creations: Creations,
    /// Gateways.
    pub(crate) registry: Arc<Registry>,
    /// What they answered.
    pub(crate) flow: Flow,
    /// Who tested a gateway lately.
    pub(crate) tests: Tests,
    /// Who watches the feed.
    pub(crate) watchers: Watchers,
    /// Whether the program is stopping.
    pub(crate) stop: signal::Receiver<bool>,
}

/// Every route, with its description.
fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(segment::identify))
        .routes(routes!(segment::track))
        .routes(routes!(segment::page))
        .routes(routes!(segment::screen))
        .routes(routes!(segment::group))
        .routes(routes!(segment::alias))
        .routes(routes!(segment::batch))
        .routes(routes!(segment::import))
        .routes(routes!(workspaces::list))
        .routes(routes!(workspaces::get, workspaces::apply))
        .routes(routes!(workspaces::plan))
        .routes(routes!(workspaces::export))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::revoke))
        .routes(routes!(keys::list_operator, keys::create_operator))
        .routes(routes!(keys::revoke_operator))
        .routes(routes!(journeys::list))
        .routes(routes!(journeys::get))
        .routes(routes!(journeys::versions::list))
        .routes(routes!(journeys::versions::get))
        .routes(routes!(journeys::versions::diff))
        .routes(routes!(journeys::drafts::list))
        .routes(routes!(journeys::drafts::get, journeys::drafts::put, journeys::drafts::delete))
        .routes(routes!(journeys::publish::validate_text))
        .routes(routes!(journeys::publish::publish))
        .routes(routes!(journeys::publish::pause))
        .routes(routes!(journeys::publish::resume))
        .routes(routes!(journeys::publish::archive))
        .routes(routes!(journeys::counters::totals))
        .routes(routes!(journeys::counters::hourly))
        .routes(routes!(journeys::lists::enrollments))
        .routes(routes!(journeys::lists::messages))
        .routes(routes!(journeys::lists::decisions))
        .routes(routes!(journeys::enroll::enroll))
        .routes(routes!(messages::get))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::get, dead_letters::delete))
        .routes(routes!(dead_letters::retry))
        .routes(routes!(contacts::list, contacts::create))
        .routes(routes!(contact::get))
        .routes(routes!(contact::enrollments))
        .routes(routes!(contact::messages))
        .routes(routes!(contact::decisions))
        .routes(routes!(contact::why))
        .routes(routes!(consents::get, consents::record))
        .routes(routes!(timeline::get))
        .routes(routes!(feed::watch))
        .merge(gateway_routes())
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .routes(routes!(openapi::served))
}

/// Routes of gateways, the operator's and those of workspaces.
fn gateway_routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(gateways::list_operator))
        .routes(routes!(gateways::kinds::list))
        .routes(routes!(gateways::get_operator, gateways::put_operator, gateways::delete_operator))
        .routes(routes!(gateways::pause_operator))
        .routes(routes!(gateways::resume_operator))
        .routes(routes!(gateways::drain_operator))
        .routes(routes!(gateways::ask::check_operator))
        .routes(routes!(gateways::unknown::list_operator))
        .routes(routes!(gateways::unclaimed::list_operator))
        .routes(routes!(gateways::list))
        .routes(routes!(gateways::get, gateways::put, gateways::delete))
        .routes(routes!(gateways::pause))
        .routes(routes!(gateways::resume))
        .routes(routes!(gateways::drain))
        .routes(routes!(gateways::ask::check))
        .routes(routes!(gateways::test::send))
        .routes(routes!(gateways::unknown::list))
        .routes(routes!(gateways::lanes::list))
}

/// The whole API as a service.
pub(crate) fn router(app: Arc<App>) -> Router {
    let (router, _) = openapi::described().merge(routes()).split_for_parts();
    router
        .merge(callbacks::routes())
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&app), watch::watched))
        .with_state(app)
}

async fn nowhere(uri: Uri) -> ApiError {
    let path: String = uri.path().chars().take(100).collect();
    ApiError::not_found(format!(
        "there is no path {path:?}; /api/v1/openapi.json lists all of them"
    ))
}

async fn wrong_method(method: Method) -> ApiError {
    ApiError::method_not_allowed(format!(
        "{method} is not possible here; /api/v1/openapi.json says what is"
    ))
}
