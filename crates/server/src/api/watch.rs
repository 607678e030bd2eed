//! Around every request: an id, a time limit, a line in the log, a count.
//!
//! Must never log a header, a query or a body: they carry keys and personal data.

use super::App;
use super::error::ApiError;
use crate::run::{self, Stopwatch};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Characters of an id that a client gives.
const REQUEST_ID_CHARS_MAX: usize = 64;

/// Runs a request under watch.
pub(crate) async fn watched(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let stopwatch = Stopwatch::start();
    let id = request_id(&request);
    let method = known(request.method());
    let route =
        request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let limit = Duration::from_secs(app.http.request_timeout_seconds);
    let work = AssertUnwindSafe(next.run(request)).catch_unwind();
    let mut response = match run::within(limit, work).await {
        Some(Ok(response)) => response,
        Some(Err(_)) => {
            tracing::error!(request = %id, method, route, "a request failed by a bug");
            ApiError::internal("this is a bug of wayline; the log has more under the request's id")
                .into_response()
        }
        None => ApiError::too_slow(format!(
            "nothing came of it within {} s; send it again",
            limit.as_secs()
        ))
        .into_response(),
    };
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let (status, took) = (response.status(), stopwatch.elapsed());
    let milliseconds = took.as_micros() as f64 / 1_000.0;
    if status.is_server_error() {
        tracing::warn!(request = %id, method, route, status = status.as_u16(), milliseconds, "request");
    } else if route.starts_with("/api/") {
        // What people and their tools do; events and probes are too many for a log, and are counted.
        tracing::info!(request = %id, method, route, status = status.as_u16(), milliseconds, "request");
    } else {
        tracing::debug!(request = %id, method, route, status = status.as_u16(), milliseconds, "request");
    }
    let labels =
        [("method", method.to_owned()), ("route", route), ("status", status.as_u16().to_string())];
    metrics::counter!("wayline_http_requests_total", &labels).increment(1);
    metrics::histogram!("wayline_http_request_seconds", "route" => labels[1].1.clone())
        .record(took.as_secs_f64());
    response
}

/// A method by its name, when it is one that is served: anything else would be a new time series each.
fn known(method: &Method) -> &'static str {
    let served = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    served.into_iter().find(|name| *name == method.as_str()).unwrap_or("other")
}

/// The client's id of the request where it has a sane one, else a new one.
fn request_id(request: &Request) -> String {
    let given = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let sane = |id: &&str| {
        (1..=REQUEST_ID_CHARS_MAX).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    match given.filter(sane) {
        Some(id) => id.to_owned(),
        None => {
            let bytes = run::random::<8>().unwrap_or_default();
            bytes.iter().map(|byte| format!("{byte:02x}")).collect()
        }
    }
}
