//! The description of the API, made from the routes themselves.
//!
//! Must never describe what is not served: both come from the same list.

use super::limits::CURSOR_CHARS_MAX;
use axum::body::Bytes;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::LazyLock;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, OpenApi};
use utoipa::{Modify, OpenApi as _};
use utoipa_axum::router::OpenApiRouter;
use wayline_core::limits::SLUG_CHARS_MAX;

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
        (name = "gateways", description = "Connections to carriers"),
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
pub(crate) fn document() -> Value {
    let (_, document) = described().merge(super::routes()).split_for_parts();
    let mut document = serde_json::to_value(document).unwrap_or_default();
    let paths = document["paths"].as_object_mut().into_iter().flat_map(serde_json::Map::values_mut);
    let operations = paths.filter_map(Value::as_object_mut).flat_map(serde_json::Map::values_mut);
    for operation in operations {
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            complete(parameter);
        }
    }
    document
}

/// Says of a parameter that many paths share what one of them alone would have to repeat.
fn complete(parameter: &mut Value) {
    let (about, bounds) = match parameter["name"].as_str() {
        Some("workspace") => {
            ("Text id of the workspace", json!({ "pattern": SLUG, "maxLength": SLUG_CHARS_MAX }))
        }
        Some("journey") => {
            ("Text id of the journey", json!({ "pattern": SLUG, "maxLength": SLUG_CHARS_MAX }))
        }
        Some("gateway") => {
            ("Text id of the gateway", json!({ "pattern": SLUG, "maxLength": SLUG_CHARS_MAX }))
        }
        Some("message") => ("Id of the message", json!({ "pattern": MESSAGE, "maxLength": 40 })),
        Some("version") => ("Version of the journey", json!({ "minimum": 1, "maximum": u32::MAX })),
        // SQL keeps whole numbers with a sign.
        Some("id") => ("Its number", json!({ "minimum": 0, "maximum": i64::MAX })),
        Some("contact") => ("Id of the contact", json!({ "minimum": 1, "maximum": i64::MAX })),
        Some("kinds") => ("Which kinds", json!({ "maxLength": 200 })),
        Some("from" | "until") => ("An instant", json!({ "maxLength": 64 })),
        Some("after") => (
            "Where the page before ended",
            json!({ "minLength": 1, "maxLength": CURSOR_CHARS_MAX }),
        ),
        _ => return,
    };
    if parameter["description"].is_null() {
        parameter["description"] = json!(about);
    }
    for (name, bound) in bounds.as_object().into_iter().flatten() {
        parameter["schema"][name] = bound.clone();
    }
}

/// How ids in definitions look.
const SLUG: &str = "^[a-z][a-z0-9_]{0,63}$";
/// How ids of messages look.
const MESSAGE: &str = "^m-[0-9]{1,19}-[0-9]{1,5}-[0-9]{1,10}$";

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "health", operation_id = "openapi", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)))]
pub(crate) async fn served() -> Response {
    // Made once: it is the same for as long as the program runs, and anybody may ask for it.
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| document().to_string().into());
    ([(header::CONTENT_TYPE, "application/json")], TEXT.clone()).into_response()
}

#[cfg(test)]
mod tests {
    use super::document;
    use serde_json::Value;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// Every operation with its path and method.
    fn operations(document: &Value) -> Vec<(String, Value)> {
        let paths = document["paths"].as_object().expect("paths");
        let all = paths.iter().flat_map(|(path, item)| {
            let item = item.as_object().expect("a path item");
            item.iter().map(move |(method, it)| (format!("{method} {path}"), it.clone()))
        });
        all.collect()
    }

    #[test]
    fn the_file_at_the_root_is_what_is_served() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json");
        let text = serde_json::to_string_pretty(&document()).expect("JSON") + "\n";
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&path, &text).expect("write openapi.json");
        }
        let file = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(file == text, "openapi.json is old; UPDATE_EXPECT=1 rewrites it, review the diff");
    }

    #[test]
    fn operations_have_names_of_their_own_and_are_described() {
        let document = document();
        let mut names = BTreeSet::new();
        for (place, operation) in operations(&document) {
            let name = operation["operationId"].as_str().unwrap_or_default().to_owned();
            assert!(!name.is_empty() && names.insert(name.clone()), "{place}: {name:?} twice");
            assert!(operation["summary"].is_string(), "{place} has no summary");
        }
        for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
            let is_page = name.starts_with("Listed");
            assert!(is_page || schema["description"].is_string(), "{name} is not described");
        }
    }

    #[test]
    fn parameters_are_described_and_bounded() {
        for (place, operation) in operations(&document()) {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = &parameter["name"];
                assert!(parameter["description"].is_string(), "{place}: {name} is not described");
                let schema = &parameter["schema"];
                let kinds = schema["type"].to_string();
                let bounds: &[&str] = match () {
                    () if kinds.contains("integer") => &["minimum", "maximum"],
                    () if kinds.contains("string") => &["pattern", "maxLength", "enum"],
                    () => continue,
                };
                let bounded = match kinds.contains("integer") {
                    true => bounds.iter().all(|bound| schema[*bound].is_number()),
                    false => bounds.iter().any(|bound| !schema[*bound].is_null()),
                };
                assert!(bounded, "{place}: {name} is not bounded: {schema}");
            }
        }
    }
}
