//! Providers call back: receipts, and texts of people.
//!
//! ```text
//!  POST /callbacks/shop/main/m-7-0-1 ─▶ signed? ─▶ engine stores it ─▶ answer
//! ```
//! Open to everybody, for providers have no key of ours: each gateway tells its provider by a signature or a secret.
//! Must never answer before what was told is durable, and must never log a path, a query or a body: they carry secrets
//! and personal data.

use super::App;
use super::body;
use super::error::ApiError;
use super::limits::CALLBACK_BYTES_MAX;
use crate::gateway::http::{Callback, CallbackAnswer, CallbackError};
use crate::gateway::key_of;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;

/// The scope of the operator's gateways.
const OPERATOR: &str = "-";

/// The routes. They are not in the description of the API: their forms are the providers', not ours.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/callbacks/{scope}/{gateway}", get(bare).post(bare))
        .route("/callbacks/{scope}/{gateway}/{*tail}", get(with_tail).post(with_tail))
}

async fn bare(
    State(app): State<Arc<App>>,
    Path((scope, gateway)): Path<(String, String)>,
    request: Request,
) -> Result<Response, ApiError> {
    take(&app, (&scope, &gateway, ""), request).await
}

async fn with_tail(
    State(app): State<Arc<App>>,
    Path((scope, gateway, tail)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, ApiError> {
    take(&app, (&scope, &gateway, &tail), request).await
}

async fn take(
    app: &App,
    (scope, gateway, tail): (&str, &str, &str),
    request: Request,
) -> Result<Response, ApiError> {
    let key = key_of(Some(scope).filter(|scope| *scope != OPERATOR), gateway);
    let web = app.registry.web(&key).ok_or_else(|| {
        count("no_gateway");
        ApiError::not_found("there is no gateway here that is called back")
    })?;
    let (parts, body) = request.into_parts();
    let body = body::read_callback(app, &parts.headers, body, CALLBACK_BYTES_MAX).await?;
    let path = parts.uri.path_and_query().map_or("/", |it| it.as_str());
    let url = format!("{}{path}", app.http.public_url.trim_end_matches('/'));
    let headers = headers(&parts.headers);
    let callback = Callback {
        method: parts.method.as_str(),
        url: &url,
        path_tail: tail,
        query: parts.uri.query().unwrap_or_default(),
        headers: &headers,
        body: &body,
    };
    answered(&key, web.called(&callback).await)
}

fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

fn answered(key: &str, told: Result<CallbackAnswer, CallbackError>) -> Result<Response, ApiError> {
    let error = match told {
        Ok(answer) => {
            count("taken");
            return Ok(written(&answer));
        }
        Err(error) => error,
    };
    match &error {
        CallbackError::Forbidden => {
            count("forbidden");
            Err(ApiError::forbidden(error.to_string()))
        }
        CallbackError::Malformed { .. } => {
            count("malformed");
            Err(ApiError::malformed(error.to_string()))
        }
        CallbackError::NotStored => {
            count("not_stored");
            Err(ApiError::unavailable(error.to_string()))
        }
        CallbackError::Confirm { url } => {
            count("confirm");
            tracing::warn!(
                gateway = key,
                url,
                "a provider asks whether it may call back; open the URL once"
            );
            Ok(StatusCode::OK.into_response())
        }
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("wayline_callbacks_total", "outcome" => outcome).increment(1);
}

fn written(answer: &CallbackAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    if answer.content_type.is_empty() {
        return status.into_response();
    }
    (status, [(header::CONTENT_TYPE, answer.content_type)], answer.body).into_response()
}
