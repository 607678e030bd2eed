//! Creating calls that may be repeated: the same `Idempotency-Key` gets the same answer, and things are made once.
//!
//! ```text
//!  POST + key ─▶ kept answer? ── yes, same call ──▶ it, again
//!                    │   └────── yes, other call ─▶ 422
//!                    │ no, a twin runs ───────────▶ 409
//!                    ▼
//!                 create ─▶ keep the answer ─▶ answer
//! ```
//! What is created survives a crash between its creation and the keeping of its answer: an input carries an id
//! made of the call, so that its repetition does nothing; a row is committed together with the answer. Must
//! never keep a secret, and never keep the answer to something that was not created.

use super::App;
use super::auth::Caller;
use super::body;
use super::error::ApiError;
use super::limits::{KEPT_ANSWER_BYTES_MAX, TOKEN_CHARS_MAX};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use utoipa::IntoParams;
use wayline_core::ids::stable_hash_wide;
use wayline_core::time::Timestamp;
use wayline_store::batch::{Batch, IdempotencyRow, Op};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The header of creating calls.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "describes the header")]
pub(crate) struct IdempotencyHeader {
    /// Your own name of this call, 1 to 255 visible ASCII characters. Sent again with the same body within 24 hours
    /// it creates nothing and gives the answer again, with the header `Idempotency-Replayed: true`. With another
    /// body: 422. While the first call is under way: 409.
    #[param(rename = "Idempotency-Key", required = false, max_length = 255)]
    idempotency_key: Option<String>,
}

/// Calls under way that have a name.
#[derive(Default)]
pub(crate) struct Creations(Arc<Mutex<BTreeSet<(u64, String)>>>);

/// The place of a call among those under way; given back when dropped.
struct Place {
    creations: Arc<Mutex<BTreeSet<(u64, String)>>>,
    name: (u64, String),
}

impl Drop for Place {
    fn drop(&mut self) {
        self.creations.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

impl Creations {
    fn enter(&self, key: u64, token: &str) -> Option<Place> {
        let name = (key, token.to_owned());
        let mut creations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        creations.insert(name.clone()).then(|| Place { creations: Arc::clone(&self.0), name })
    }
}

/// A creating call.
pub(crate) struct Creation(Option<NamedCreation>);

struct NamedCreation {
    key: u64,
    token: String,
    fingerprint: u128,
    /// Held until the answer is kept.
    place: Place,
}

/// The body of a creating call, which has not been answered before.
pub(crate) struct Creating<T> {
    /// What is wanted.
    pub(crate) body: T,
    /// The call.
    pub(crate) creation: Creation,
}

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Creating<T> {
    /// An error, or the answer that was given before.
    type Rejection = Response;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let refused = |error: ApiError| error.into_response();
        let bytes = body::read(app, &parts.headers, body).await.map_err(refused)?;
        let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
        let fingerprint =
            stable_hash_wide(&[parts.method.as_str().as_bytes(), path.as_bytes(), &bytes]);
        let creation = match token_of(&parts.headers).map_err(refused)? {
            None => Creation(None),
            Some(token) => {
                let key = Caller::known(&parts, app).map_err(refused)?.id;
                named(app, key, token, fingerprint).await?
            }
        };
        let body = parse(&bytes).map_err(refused)?;
        Ok(Creating { body, creation })
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    body::parse(bytes)
}

fn token_of(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(&IDEMPOTENCY_KEY) else { return Ok(None) };
    let token = value.to_str().ok().filter(|token| {
        (1..=TOKEN_CHARS_MAX).contains(&token.len())
            && token.bytes().all(|it| it.is_ascii_graphic())
    });
    token.map(|token| Some(token.to_owned())).ok_or_else(|| {
        ApiError::malformed(format!(
            "Idempotency-Key has 1 to {TOKEN_CHARS_MAX} visible ASCII characters; a UUID serves well"
        ))
    })
}

/// A call under a name, unless it was answered or is under way.
async fn named(
    app: &App,
    key: u64,
    token: String,
    fingerprint: u128,
) -> Result<Creation, Response> {
    // First the place, then the look: a twin that has just ended has kept its answer.
    let Some(place) = app.creations.enter(key, &token) else {
        let detail = "a call with this Idempotency-Key is under way; wait for its answer, or repeat it in a moment";
        return Err(ApiError::conflict(detail).into_response());
    };
    let kept = app.store.idempotency(key, &token).await;
    match kept.map_err(|error| ApiError::from(error).into_response())? {
        None => Ok(Creation(Some(NamedCreation { key, token, fingerprint, place }))),
        Some(row) if row.fingerprint == fingerprint => Err(again(&row)),
        Some(_) => Err(ApiError::invalid(
            "this Idempotency-Key was used for another call; each call needs one of its own",
        )
        .into_response()),
    }
}

/// An answer that was given before.
fn again(row: &IdempotencyRow) -> Response {
    let status = StatusCode::from_u16(row.status).unwrap_or(StatusCode::OK);
    let mut response = answer(status, row.body.clone());
    response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    response
}

fn answer(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

impl Creation {
    /// The id of the input that this call is: a repetition after a crash is told by it. The body is part of it,
    /// because input ids are remembered longer than answers.
    pub(crate) fn input_id(&self) -> Option<u128> {
        self.0.as_ref().map(|creation| {
            stable_hash_wide(&[
                b"call",
                &creation.key.to_le_bytes(),
                creation.token.as_bytes(),
                &creation.fingerprint.to_le_bytes(),
            ])
        })
    }

    /// What keeps the answer, to be committed together with what is created. The answer must hold no secret.
    pub(crate) fn keep<T: Serialize>(
        &self,
        now: Timestamp,
        status: StatusCode,
        answer: &T,
    ) -> Result<Option<Op>, ApiError> {
        let Some(creation) = &self.0 else { return Ok(None) };
        let body = written(answer)?;
        if body.len() > KEPT_ANSWER_BYTES_MAX {
            return Err(ApiError::internal("this answer is too large to be kept"));
        }
        Ok(Some(Op::PutIdempotency(IdempotencyRow {
            key: creation.key,
            token: creation.token.clone(),
            fingerprint: creation.fingerprint,
            at: now,
            status: status.as_u16(),
            body,
        })))
    }

    /// Keeps the answer and gives it, after what was created is durable.
    pub(crate) async fn answered<T: Serialize>(
        self,
        app: &App,
        status: StatusCode,
        body: &T,
    ) -> Result<Response, ApiError> {
        if let Some(op) = self.keep(app.clock.now(), status, body)? {
            let kept = app.live.perform(move |pipeline, _| {
                pollster::block_on(pipeline.store().commit(&Batch { ops: vec![op] }))
            });
            kept.await??;
        }
        // Only now may a twin look for it.
        drop(self.0.map(|creation| creation.place));
        Ok(answer(status, written(body)?))
    }
}

fn written<T: Serialize>(answer: &T) -> Result<String, ApiError> {
    serde_json::to_string(answer)
        .map_err(|error| ApiError::internal(format!("the answer cannot be written: {error}")))
}
