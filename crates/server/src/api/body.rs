//! Bodies, queries, paths and pages: read within limits, refused with words that help.
//!
//! Must never read more than the settings allow, packed or unpacked, and never take a field it does not know.

use super::App;
use super::error::ApiError;
use super::limits::{CURSOR_CHARS_MAX, PAGE_ROWS_DEFAULT};
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::ops::Deref;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::{IntoParams, ToSchema};
use wayline_core::limits::PAGE_ROWS_MAX;
use wayline_pipeline::ingest;

/// A whole body, unpacked, and its share of the memory that all bodies have together.
pub(crate) struct Whole {
    bytes: Vec<u8>,
    /// To be held as long as anything made of the body is.
    pub(crate) room: OwnedSemaphorePermit,
}

impl Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The body of a request whose key is known.
pub(crate) async fn read(app: &App, headers: &HeaderMap, body: Body) -> Result<Whole, ApiError> {
    read_into(&app.bodies, max_of(app), headers, body).await
}

/// The body of a request that shows its key in it: these have little room together, for nobody knows yet whose
/// they are.
pub(crate) async fn read_unnamed(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<Whole, ApiError> {
    read_into(&app.unnamed_bodies, max_of(app), headers, body).await
}

/// The body of a request of somebody who has no key of ours.
pub(crate) async fn read_callback(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    max: usize,
) -> Result<Whole, ApiError> {
    read_into(&app.unnamed_bodies, (max, max), headers, body).await
}

/// Bytes of a body as sent, and unpacked.
fn max_of(app: &App) -> (usize, usize) {
    (app.http.body_kilobytes_max * 1024, app.http.unpacked_kilobytes_max * 1024)
}

async fn read_into(
    room: &Arc<Semaphore>,
    (max, unpacked_max): (usize, usize),
    headers: &HeaderMap,
    mut body: Body,
) -> Result<Whole, ApiError> {
    let too_large =
        || ApiError::too_large(format!("a body has at most {max} bytes; send several requests"));
    let said =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if said.is_some_and(|said| said > max as u64) {
        return Err(too_large());
    }
    // Room is taken for what has come, not for what is announced: who sends slowly holds little.
    let mut whole = Whole { bytes: Vec::new(), room: share(room, 1).await? };
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|_| ApiError::malformed("the body broke off; send it again, whole"))?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.bytes.len() + data.len() > max {
            return Err(too_large());
        }
        whole.room.merge(share(room, data.len()).await?);
        whole.bytes.extend_from_slice(&data);
    }
    let encoding = headers.get(CONTENT_ENCODING).map(|it| it.as_bytes().to_ascii_lowercase());
    match encoding.as_deref() {
        None | Some(b"identity") => {}
        Some(b"gzip" | b"x-gzip") => {
            whole.bytes = unpack(&whole.bytes, unpacked_max)?;
            whole.room.merge(share(room, whole.bytes.len()).await?);
        }
        Some(_) => {
            return Err(ApiError::unsupported("Content-Encoding may be gzip or identity"));
        }
    }
    Ok(whole)
}

/// Room for so many bytes, as soon as there is some.
async fn share(room: &Arc<Semaphore>, bytes: usize) -> Result<OwnedSemaphorePermit, ApiError> {
    let kilobytes = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
    let share = Arc::clone(room).acquire_many_owned(kilobytes).await;
    share.map_err(|_| ApiError::unavailable("wayline is stopping"))
}

fn unpack(packed: &[u8], max: usize) -> Result<Vec<u8>, ApiError> {
    let mut unpacked = Vec::with_capacity((packed.len() * 4).min(max));
    let read = MultiGzDecoder::new(packed).take(max as u64 + 1).read_to_end(&mut unpacked);
    read.map_err(|_| ApiError::malformed("the body says it is gzip and cannot be unpacked"))?;
    if unpacked.len() > max {
        let detail = format!("the body unpacks to more than {max} bytes; send several requests");
        return Err(ApiError::too_large(detail));
    }
    Ok(unpacked)
}

/// Reads JSON, with the place of what is wrong.
pub(crate) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let what = format!("{} at line {line} column {column}", ingest::describe(&error));
        if error.is_data() {
            ApiError::invalid(what)
        } else {
            ApiError::malformed(format!("the body is no JSON: {what}"))
        }
    })
}

/// A JSON body.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let bytes = read(app, &parts.headers, body).await?;
        parse(&bytes).map(JsonBody)
    }
}

/// What stands after the question mark.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<App>> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let query = axum::extract::Query::from_request_parts(parts, app).await;
        query.map(|axum::extract::Query(query)| Query(query)).map_err(|error: QueryRejection| {
            ApiError::malformed(format!("the query: {}", error.body_text()))
        })
    }
}

/// The variable parts of the path.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<App>> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let path = axum::extract::Path::from_request_parts(parts, app).await;
        path.map(|axum::extract::Path(path)| Path(path)).map_err(|error: PathRejection| {
            match error.status() {
                StatusCode::INTERNAL_SERVER_ERROR => ApiError::internal(error.body_text()),
                // An id that cannot be one names nothing.
                _ => ApiError::not_found(format!("the path: {}", error.body_text())),
            }
        })
    }
}

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// The `next` of the page before; absent: the first page.
    pub(crate) after: Option<String>,
    /// Rows, 1 to 1000; absent: 50.
    #[param(minimum = 1, maximum = 1000)]
    pub(crate) limit: Option<usize>,
}

impl PageQuery {
    /// How many rows.
    pub(crate) fn limit(&self) -> Result<usize, ApiError> {
        limit(self.limit)
    }

    /// After which row, where a row is known by a text.
    pub(crate) fn after_text(&self) -> Result<Option<String>, ApiError> {
        after(self.after.as_deref())
    }

    /// After which row, where a row is known by a number.
    pub(crate) fn after_number(&self) -> Result<Option<u64>, ApiError> {
        after_id(self.after.as_deref())
    }
}

/// How many rows a page has.
pub(crate) fn limit(asked: Option<usize>) -> Result<usize, ApiError> {
    match asked {
        None => Ok(PAGE_ROWS_DEFAULT),
        Some(limit) if (1..=PAGE_ROWS_MAX).contains(&limit) => Ok(limit),
        Some(limit) => Err(ApiError::invalid(format!(
            "limit is {limit}; a page has 1 to {PAGE_ROWS_MAX} rows"
        ))),
    }
}

/// A cursor as what it stands for.
pub(crate) fn after<T: std::str::FromStr>(cursor: Option<&str>) -> Result<Option<T>, ApiError> {
    let parse = |text: &str| {
        let is_sane = (1..=CURSOR_CHARS_MAX).contains(&text.chars().count());
        let parsed = text.parse::<T>().ok().filter(|_| is_sane);
        parsed.ok_or_else(|| ApiError::invalid("after is not the `next` of a page of this list"))
    };
    cursor.map(parse).transpose()
}

/// A cursor that is an id.
pub(crate) fn after_id(cursor: Option<&str>) -> Result<Option<u64>, ApiError> {
    match after::<u64>(cursor)? {
        // SQL keeps whole numbers with a sign.
        Some(id) if i64::try_from(id).is_err() => after::<u64>(Some("")),
        id => Ok(id),
    }
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Listed<T> {
    /// The rows.
    pub(crate) items: Vec<T>,
    /// The `after` of the next page; null: this is the last.
    pub(crate) next: Option<String>,
}

impl<T> Listed<T> {
    /// A page of rows; `cursor`: what the next page goes on after, from the last row, asked only of a full page.
    pub(crate) fn page<R>(
        rows: Vec<R>,
        limit: usize,
        cursor: impl FnOnce(&R) -> String,
        item: impl FnMut(R) -> T,
    ) -> Listed<T> {
        let next = rows.last().filter(|_| rows.len() >= limit).map(cursor);
        Listed { items: rows.into_iter().map(item).collect(), next }
    }

    /// A list that is whole.
    pub(crate) fn whole(items: Vec<T>) -> Listed<T> {
        Listed { items, next: None }
    }
}
