//! Who asks, and whether they may: API keys, their scopes, and the workspace they belong to.
//!
//! Every handler takes one of the extractors of this module; a route without one is open, and a test lists all
//! routes to see that only those meant to be are. Must never compare a secret otherwise than in constant time,
//! never log one, and never tell a key that a workspace of somebody else exists.

use super::App;
use super::body::{self, Whole};
use super::error::ApiError;
use crate::run;
use axum::RequestPartsExt;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use utoipa::ToSchema;
use wayline_core::ids::WorkspaceId;
use wayline_core::limits::PAGE_ROWS_MAX;
use wayline_store::batch::{ApiKeyRow, WorkspaceRow};
use wayline_store::{Store, StoreError};

/// What a key may do in its workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// Send events, profiles and consents; enroll people.
    Write,
    /// Look at everything.
    Read,
    /// Change journeys and keys.
    Manage,
}

impl Scope {
    /// Its name in the store and in the API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Scope::Write => "write",
            Scope::Read => "read",
            Scope::Manage => "manage",
        }
    }
}

/// How a key begins, so that people and scanners recognise one.
const PREFIX: &str = "wl";
/// Bytes of a secret: nobody guesses 160 bits.
const SECRET_BYTES: usize = 20;

/// A new secret: the whole key as shown once, and the hash that is kept.
///
/// # Errors
/// When the operating system has no randomness.
pub(crate) fn new_secret(id: u64) -> Result<(String, [u8; 32]), getrandom::Error> {
    let secret = run::random::<SECRET_BYTES>()?;
    let text: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let hash = *blake3::hash(text.as_bytes()).as_bytes();
    Ok((format!("{PREFIX}_{id}_{text}"), hash))
}

/// All keys that are valid, in memory; the store is the truth.
pub(crate) struct Keys {
    rows: RwLock<BTreeMap<u64, Arc<ApiKeyRow>>>,
    rates: DefaultKeyedRateLimiter<u64>,
}

impl Keys {
    /// Reads all keys.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn load(
        store: &Store,
        per_second: u32,
        at_once: u32,
    ) -> Result<Keys, StoreError> {
        let mut owners = vec![None];
        owners.extend(store.workspaces().await?.into_iter().map(|workspace| Some(workspace.id)));
        let mut rows = BTreeMap::new();
        for owner in owners {
            let mut after = None;
            loop {
                let page = store.api_keys(owner, after, PAGE_ROWS_MAX).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                rows.extend(page.into_iter().map(|row| (row.id, Arc::new(row))));
            }
        }
        let one = NonZeroU32::MIN;
        let quota = Quota::per_second(NonZeroU32::new(per_second).unwrap_or(one))
            .allow_burst(NonZeroU32::new(at_once).unwrap_or(one));
        Ok(Keys { rows: RwLock::new(rows), rates: RateLimiter::keyed(quota) })
    }

    /// Whether a key is still good.
    pub(crate) fn is_valid(&self, id: u64) -> bool {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.get(&id).is_some_and(|row| row.revoked_at.is_none())
    }

    /// How many keys of a workspace, or with `None` of the operator, are good.
    pub(crate) fn valid_of(&self, owner: Option<WorkspaceId>) -> usize {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.values().filter(|row| row.workspace == owner && row.revoked_at.is_none()).count()
    }

    /// Knows a key that was stored.
    pub(crate) fn put(&self, row: ApiKeyRow) {
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        rows.insert(row.id, Arc::new(row));
    }

    /// Whose a key is.
    fn find(&self, key: &str) -> Result<Arc<ApiKeyRow>, ApiError> {
        let unknown = || {
            ApiError::unauthorized(
                "this API key is not known here; make one with `wayline keys create`",
            )
        };
        let mut fields = key.splitn(3, '_');
        let (prefix, id, secret) = (fields.next(), fields.next(), fields.next());
        let id: u64 = id.and_then(|id| id.parse().ok()).ok_or_else(unknown)?;
        let secret = secret.filter(|_| prefix == Some(PREFIX)).ok_or_else(unknown)?;
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        let row = rows.get(&id).ok_or_else(unknown)?;
        // Hashes of this kind compare in constant time.
        if blake3::hash(secret.as_bytes()) != blake3::Hash::from_bytes(row.hash) {
            return Err(unknown());
        }
        if row.revoked_at.is_some() {
            return Err(ApiError::unauthorized("this API key was revoked; make another one"));
        }
        Ok(Arc::clone(row))
    }

    /// Who asks, unless they ask too often.
    fn admit(&self, key: &str) -> Result<Arc<ApiKeyRow>, ApiError> {
        let row = self.find(key)?;
        if let Err(wait) = self.rates.check_key(&row.id) {
            let seconds = wait.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
            let detail =
                "this API key sends more requests than it may; send larger batches, or wait";
            return Err(ApiError::too_many(detail, seconds));
        }
        Ok(row)
    }
}

/// The key of a request: `Bearer KEY`, or Basic with the key as user name (the way of Segment's SDKs).
fn key_of(parts: &Parts) -> Result<String, ApiError> {
    let missing = || {
        ApiError::unauthorized(
            "send an API key: `Authorization: Bearer KEY`, or Basic with the key as user name",
        )
    };
    let header = parts.headers.get(AUTHORIZATION).ok_or_else(missing)?;
    let header = header.to_str().map_err(|_| missing())?;
    let (scheme, value) = header.split_once(' ').ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(value.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(missing());
    }
    let decoded = STANDARD.decode(value.trim()).map_err(|_| missing())?;
    let text = String::from_utf8(decoded).map_err(|_| missing())?;
    Ok(text.split(':').next().unwrap_or_default().to_owned())
}

/// A request with a valid key, whatever it may do.
pub(crate) struct Caller(pub(crate) Arc<ApiKeyRow>);

impl Caller {
    /// Whose key a request has, where it was admitted before.
    pub(super) fn known(parts: &Parts, app: &App) -> Result<Arc<ApiKeyRow>, ApiError> {
        app.keys.find(&key_of(parts)?)
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Caller, ApiError> {
        Ok(Caller(app.keys.admit(&key_of(parts)?)?))
    }
}

/// A request of whoever runs this wayline: an operator key.
pub(crate) struct Operator {
    /// Which key.
    pub(crate) key: Arc<ApiKeyRow>,
}

impl FromRequestParts<Arc<App>> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Operator, ApiError> {
        let Caller(key) = Caller::from_request_parts(parts, app).await?;
        if key.workspace.is_some() {
            return Err(ApiError::forbidden(
                "this needs an operator key; yours belongs to one workspace",
            ));
        }
        Ok(Operator { key })
    }
}

/// A scope as a type, for [`Tenant`].
pub(crate) trait Needs: Send + Sync {
    /// What the key must have.
    const SCOPE: Scope;
}

/// [`Scope::Write`]
pub(crate) struct Write;
/// [`Scope::Read`]
pub(crate) struct Read;
/// [`Scope::Manage`]
pub(crate) struct Manage;

impl Needs for Write {
    const SCOPE: Scope = Scope::Write;
}
impl Needs for Read {
    const SCOPE: Scope = Scope::Read;
}
impl Needs for Manage {
    const SCOPE: Scope = Scope::Manage;
}

fn check_scope(key: &ApiKeyRow, scope: Scope) -> Result<(), ApiError> {
    // An operator may do everything.
    if key.workspace.is_none() || key.scopes.iter().any(|it| it == scope.as_str()) {
        return Ok(());
    }
    let detail = format!("this API key lacks the scope {}; make one that has it", scope.as_str());
    Err(ApiError::forbidden(detail))
}

/// A request about the workspace that the path names, by a key that may: its own, or an operator's.
pub(crate) struct Tenant<S> {
    /// The workspace.
    pub(crate) row: WorkspaceRow,
    /// Which key.
    pub(crate) key: Arc<ApiKeyRow>,
    scope: PhantomData<S>,
}

impl<S> Tenant<S> {
    /// Which workspace.
    pub(crate) fn id(&self) -> WorkspaceId {
        self.row.id
    }
}

impl<S: Needs> FromRequestParts<Arc<App>> for Tenant<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Tenant<S>, ApiError> {
        let Caller(key) = Caller::from_request_parts(parts, app).await?;
        let params = parts.extract::<RawPathParams>().await;
        let params = params.map_err(|_| ApiError::not_found("there is no such path"))?;
        let named = params.iter().find(|(name, _)| *name == "workspace").map(|(_, slug)| slug);
        let slug = named.ok_or_else(|| ApiError::internal("this route names no workspace"))?;
        let found = app.store.workspace_by_slug(slug).await?;
        let row = found.filter(|row| key.workspace.is_none_or(|mine| mine == row.id));
        let row = row.ok_or_else(|| {
            let slug: String = slug.chars().take(60).collect();
            ApiError::not_found(format!("there is no workspace {slug:?} for this API key"))
        })?;
        check_scope(&key, S::SCOPE)?;
        Ok(Tenant { row, key, scope: PhantomData })
    }
}

/// Events for the workspace of a key, and the body they stand in. The key comes as everywhere else, or, as many
/// SDKs send it, as `writeKey` in the body.
pub(crate) struct Events {
    /// The workspace.
    pub(crate) workspace: WorkspaceId,
    /// The body.
    pub(crate) body: Whole,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyInBody {
    #[serde(default)]
    write_key: Option<String>,
}

impl FromRequest<Arc<App>> for Events {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Events, ApiError> {
        let (parts, body) = request.into_parts();
        if parts.headers.contains_key(AUTHORIZATION) {
            let workspace = writes_to(&*app.keys.admit(&key_of(&parts)?)?)?;
            let body = body::read(app, &parts.headers, body).await?;
            return Ok(Events { workspace, body });
        }
        let body = body::read_unnamed(app, &parts.headers, body).await?;
        let found = serde_json::from_slice::<KeyInBody>(&body).ok().and_then(|it| it.write_key);
        let key = found.map_or_else(|| key_of(&parts), Ok)?;
        let workspace = writes_to(&*app.keys.admit(&key)?)?;
        Ok(Events { workspace, body })
    }
}

/// The workspace that a key may send events into.
fn writes_to(key: &ApiKeyRow) -> Result<WorkspaceId, ApiError> {
    let workspace = key.workspace.ok_or_else(|| {
        ApiError::forbidden("events need a key of a workspace, and this is an operator key; make one with the scope write")
    })?;
    check_scope(key, Scope::Write)?;
    Ok(workspace)
}
