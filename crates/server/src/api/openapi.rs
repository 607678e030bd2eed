//! The description of the API, made from the routes themselves.
//!
//! Must never describe what is not served: both come from the same list.

use axum::Json;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, OpenApi};
use utoipa::{Modify, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Wayline",
        description = "SMS customer journeys: events in, the right text to the right person out. Errors are \
                       problem details (RFC 9457). Lists are read page by page: send the `next` of one page as \
                       the `after` of the following.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&Security),
    security(("key" = []), ("write_key" = [])),
    tags(
        (name = "events", description = "What Segment's SDKs speak"),
        (name = "workspaces", description = "Workspaces and their definitions"),
        (name = "keys", description = "API keys"),
        (name = "contacts", description = "People, and what happened to them"),
        (name = "journeys", description = "Journeys, their versions and their counters"),
        (name = "messages", description = "Messages and dead letters"),
        (name = "health", description = "For those who run it"),
    )
)]
struct Described;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_with(Components::new);
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let basic = SecurityScheme::Http(Http::new(HttpAuthScheme::Basic));
        components.add_security_scheme("key", bearer);
        components.add_security_scheme("write_key", basic);
    }
}

/// The description without any route.
pub(super) fn described<S: Clone + Send + Sync + 'static>() -> OpenApiRouter<S> {
    OpenApiRouter::with_openapi(Described::openapi())
}

/// The whole description.
pub(crate) fn document() -> OpenApi {
    let (_, document) = described().merge(super::routes()).split_for_parts();
    document
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "health", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)))]
pub(crate) async fn served() -> Json<OpenApi> {
    Json(document())
}
