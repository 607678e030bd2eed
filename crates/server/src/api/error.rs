//! The one error of the HTTP API, as problem details (RFC 9457).
//!
//! Must never show a secret, a path of this machine or the inside of another workspace. A 5xx says that we
//! failed; whatever the caller can mend is a 4xx that says how.

use super::limits::ERRORS_MAX;
use crate::live::LiveError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoResponses, ToSchema};
use wayline_core::journey::problem::Problem as DefinitionProblem;
use wayline_pipeline::PipelineError;
use wayline_store::StoreError;

/// Problem details, `application/problem+json`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Problem {
    /// Names the kind of problem: `/problems/` and a word that never changes.
    #[schema(example = "/problems/not_found")]
    pub(crate) r#type: String,
    /// The kind in a few words.
    pub(crate) title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub(crate) status: u16,
    /// What happened, to what, and what to do.
    pub(crate) detail: String,
    /// Single things that are wrong, each with its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<Wrong>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Wrong {
    /// Where: a field, an item of a list, or a file with line and column.
    pub(crate) place: String,
    /// What, and what to do.
    pub(crate) detail: String,
}

/// What any request may fail with, for the description of the API.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "describes what `ApiError` answers")]
pub(crate) enum Failures {
    /// The request cannot be read
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(Problem),
    /// A valid API key is needed
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem),
    /// The API key may not do that
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// There is no such thing, for this key
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
    /// The request did not arrive in time
    #[response(status = 408, content_type = "application/problem+json")]
    TooSlow(Problem),
    /// Things have changed
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem),
    /// The request is too large
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// This form of body is not taken
    #[response(status = 415, content_type = "application/problem+json")]
    Unsupported(Problem),
    /// The request is wrong
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(Problem),
    /// Too many requests
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Problem),
    /// Not possible at the moment: send it again
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// A request that was not done.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    word: &'static str,
    title: &'static str,
    detail: String,
    errors: Vec<Wrong>,
    retry_after_seconds: Option<u64>,
}

impl ApiError {
    fn new(
        status: StatusCode,
        word: &'static str,
        title: &'static str,
        detail: String,
    ) -> ApiError {
        ApiError { status, word, title, detail, errors: Vec::new(), retry_after_seconds: None }
    }

    /// 400: what was sent cannot be read.
    pub(crate) fn malformed(detail: impl Into<String>) -> ApiError {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "malformed",
            "The request cannot be read",
            detail.into(),
        )
    }

    /// 401: no key, or none that is known.
    pub(crate) fn unauthorized(detail: impl Into<String>) -> ApiError {
        ApiError::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "A valid API key is needed",
            detail.into(),
        )
    }

    /// 403: the key may not do that.
    pub(crate) fn forbidden(detail: impl Into<String>) -> ApiError {
        ApiError::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "The API key may not do that",
            detail.into(),
        )
    }

    /// 404: there is no such thing, for this key.
    pub(crate) fn not_found(detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "not_found", "There is no such thing", detail.into())
    }

    /// 405: the path is right, the method is not.
    pub(crate) fn method_not_allowed(detail: impl Into<String>) -> ApiError {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        ApiError::new(status, "method_not_allowed", "The method is not allowed here", detail.into())
    }

    /// 408: the request did not arrive in time.
    pub(crate) fn too_slow(detail: impl Into<String>) -> ApiError {
        ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "too_slow",
            "The request took too long",
            detail.into(),
        )
    }

    /// 409: things are not as the request expects.
    pub(crate) fn conflict(detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::CONFLICT, "conflict", "Things have changed", detail.into())
    }

    /// 413: too much.
    pub(crate) fn too_large(detail: impl Into<String>) -> ApiError {
        ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "The request is too large",
            detail.into(),
        )
    }

    /// 415: a body in a form that is not taken.
    pub(crate) fn unsupported(detail: impl Into<String>) -> ApiError {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        ApiError::new(status, "unsupported", "This form of body is not taken", detail.into())
    }

    /// 422: read, and wrong.
    pub(crate) fn invalid(detail: impl Into<String>) -> ApiError {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        ApiError::new(status, "invalid", "The request is wrong", detail.into())
    }

    /// 429: too many requests.
    pub(crate) fn too_many(detail: impl Into<String>, retry_after_seconds: u64) -> ApiError {
        let status = StatusCode::TOO_MANY_REQUESTS;
        let mut error = ApiError::new(status, "too_many", "Too many requests", detail.into());
        error.retry_after_seconds = Some(retry_after_seconds);
        error
    }

    /// 503: it can be sent again in a moment.
    pub(crate) fn unavailable(detail: impl Into<String>) -> ApiError {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let mut error =
            ApiError::new(status, "unavailable", "Not possible at the moment", detail.into());
        error.retry_after_seconds = Some(1);
        error
    }

    /// 500: a bug or a damaged store.
    pub(crate) fn internal(detail: impl Into<String>) -> ApiError {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        ApiError::new(status, "internal", "Wayline failed", detail.into())
    }

    /// 422: definitions with problems.
    pub(crate) fn definitions(problems: &[DefinitionProblem]) -> ApiError {
        ApiError::invalid("the definitions have errors; mend them and send them again")
            .with(wrong(problems))
    }

    /// With single things that are wrong.
    pub(crate) fn with(mut self, errors: impl IntoIterator<Item = Wrong>) -> ApiError {
        self.errors.extend(errors);
        self
    }
}

/// Problems of definitions, each with its file, line and column.
pub(crate) fn wrong(problems: &[DefinitionProblem]) -> impl Iterator<Item = Wrong> {
    problems.iter().take(ERRORS_MAX).map(|problem| Wrong {
        place: format!("{}:{}:{}", problem.file, problem.line, problem.column),
        detail: problem.message.clone(),
    })
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = Problem {
            r#type: format!("/problems/{}", self.word),
            title: self.title.to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
            errors: self.errors,
        };
        let mut response = (self.status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let value =
                HeaderValue::from_static("Bearer realm=\"wayline\", Basic realm=\"wayline\"");
            headers.insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }
}

impl From<LiveError> for ApiError {
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::Stopping => ApiError::unavailable(error.to_string()),
            LiveError::Store(what) => {
                tracing::error!(error = %what, "the store failed");
                ApiError::unavailable(
                    "the store cannot do it at the moment, nothing was taken; send it again. The log says why",
                )
            }
            LiveError::Definitions(what) => ApiError::invalid(what),
            LiveError::Damaged(what) => {
                tracing::error!(error = %what, "something stored cannot be used");
                ApiError::internal("something stored cannot be used; the log says what")
            }
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Assertion { .. } => {
                tracing::warn!(%error, "a write was refused");
                ApiError::conflict(
                    "somebody else changed it at the same time; read it and try again",
                )
            }
            error => LiveError::from(error).into(),
        }
    }
}

impl From<PipelineError> for ApiError {
    fn from(error: PipelineError) -> Self {
        match error {
            PipelineError::Store(error) => error.into(),
            error => LiveError::from(error).into(),
        }
    }
}
