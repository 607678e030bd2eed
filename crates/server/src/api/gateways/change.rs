//! Changes of gateways, in the engine's thread: checked, sealed, stored, and then opened.
//!
//! Must never store a secret that is not sealed, and never open what is not stored.

use super::shown::{self, GatewayShown};
use super::{Owner, no_gateway};
use crate::api::App;
use crate::api::error::{ApiError, Wrong};
use crate::api::limits::GATEWAY_BYTES_MAX;
use crate::gateway::{Registry, RegistryError, Setup};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use wayline_core::carrier::ErrorClass;
use wayline_core::ids::WorkspaceId;
use wayline_core::limits::{OPERATOR_GATEWAYS_MAX, SLUG_CHARS_MAX, WORKSPACE_GATEWAYS_MAX};
use wayline_store::Store;
use wayline_store::batch::{Batch, GatewayRow, GatewayStanding, Op};

/// The gateway that is always there and reaches nobody.
pub(super) const SANDBOX: &str = "sandbox";

/// A gateway to make, or what is to take its place. It has no `Debug`: secrets stand in it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewGateway {
    /// `smpp`, or an HTTP provider: `GET /api/v1/gateways/kinds` has all of them.
    #[schema(max_length = 64, example = "twilio")]
    kind: String,
    /// Settings of its kind.
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    settings: Value,
    /// Secrets by name; null removes one. Those that are not named stay as they are while the kind and the place they
    /// are sent to stay.
    #[serde(default)]
    secrets: BTreeMap<String, Option<String>>,
    /// Parts a second it is given at most; absent: as fast as it answers.
    #[serde(default)]
    #[schema(minimum = 0.01, maximum = 1000000)]
    parts_per_second: Option<f64>,
    /// Workspaces that may use it, by their text ids; absent: all. Only of the operator's gateways.
    #[serde(default)]
    #[schema(max_items = 10000)]
    shared_with: Option<Vec<String>>,
    /// What its codes mean, where that differs from the table: `suppress`, `retry`, `retry_once`, `throttle`,
    /// `stop_route`, `next_day`, `bad_request`.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, String>)]
    error_classes: BTreeMap<String, ErrorClass>,
    /// Requests under way at once, of an HTTP gateway; absent: 20.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1000)]
    requests_at_once: Option<u16>,
    /// The revision it is based on; 0: there was none. Absent: whatever is there is replaced.
    #[serde(default)]
    #[schema(maximum = 9007199254740990_i64)]
    revision: Option<u64>,
}

/// Settings that say where secrets are sent, and what of them. Whoever could change one of these and keep the secrets
/// could have them sent to a place of their own.
const WHERE_SECRETS_GO: [&str; 9] =
    ["host", "port", "tls", "tls_certificate", "base_url", "url", "check_url", "headers", "body"];

/// Whether a text may be the id of a gateway.
fn check_id(id: &str) -> Result<(), ApiError> {
    if id == SANDBOX {
        return Err(ApiError::invalid(
            "\"sandbox\" is the gateway that is always there and reaches nobody; choose another id",
        ));
    }
    let mut bytes = id.bytes();
    let begins = bytes.next().is_some_and(|first| first.is_ascii_lowercase());
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if begins && bytes.all(good) && id.len() <= SLUG_CHARS_MAX {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "no gateway can have this id; ids are [a-z][a-z0-9_]*, at most {SLUG_CHARS_MAX} characters"
    )))
}

impl NewGateway {
    fn check(&self, owner: &Owner) -> Result<(), ApiError> {
        if owner.id().is_some() && self.shared_with.is_some() {
            return Err(wrong(
                "shared_with",
                "a workspace's own gateway is for that workspace alone; leave shared_with out",
            ));
        }
        if !self.settings.is_object() {
            return Err(wrong("settings", "settings is an object of names and values"));
        }
        let secrets = self.secrets.values().flatten().map(String::len).sum::<usize>();
        if self.settings.to_string().len() + secrets > GATEWAY_BYTES_MAX {
            return Err(ApiError::too_large(format!(
                "settings and secrets of a gateway have at most {GATEWAY_BYTES_MAX} bytes"
            )));
        }
        Ok(())
    }

    /// What is stored, and the secrets that go with it. `kept`: those of the gateway it replaces.
    fn split(self, kept: BTreeMap<String, String>) -> (Setup, BTreeMap<String, String>) {
        let mut secrets = kept;
        for (name, value) in self.secrets {
            match value {
                Some(value) => _ = secrets.insert(name, value),
                None => _ = secrets.remove(&name),
            }
        }
        let setup = Setup {
            settings: self.settings,
            parts_per_second: self.parts_per_second,
            shared_with: self.shared_with,
            error_classes: self.error_classes,
            requests_at_once: self.requests_at_once,
        };
        (setup, secrets)
    }
}

fn wrong(place: &str, detail: &str) -> ApiError {
    let (place, text) = (place.to_owned(), detail.to_owned());
    ApiError::invalid(detail).with([Wrong { place, detail: text }])
}

/// 422 with the field that the words name, where they name one.
fn refused(error: &RegistryError) -> ApiError {
    let text = error.to_string();
    match error {
        RegistryError::Setup(_) => wrong(&place_in(&text), &text),
        RegistryError::Secret(_) => ApiError::conflict(text),
    }
}

/// The field that an error is about: serde writes it between backticks.
fn place_in(text: &str) -> String {
    let named = text.split('`').nth(1).filter(|name| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    });
    named.map_or_else(|| "settings".to_owned(), |name| format!("settings.{name}"))
}

/// Makes or replaces a gateway.
pub(super) async fn put(
    app: &Arc<App>,
    owner: Owner,
    id: String,
    new: NewGateway,
) -> Result<GatewayShown, ApiError> {
    check_id(&id)?;
    new.check(&owner)?;
    let (known, of) = (Arc::clone(app), owner.clone());
    // In the engine's thread: gateways are opened in the order in which they were stored.
    let done = app.live.perform(move |pipeline, now| {
        pollster::block_on(async {
            let store = pipeline.store();
            let found = store.gateway(of.id(), &id).await?;
            let revision = found.as_ref().map_or(0, |row| row.revision);
            if new.revision.is_some_and(|seen| seen != revision) {
                return Err(changed(&id, new.revision.unwrap_or(0), revision));
            }
            if found.is_none() {
                has_room(store, of.id()).await?;
            }
            let key = of.key(&id);
            let kept = kept(&known, &key, found.as_ref(), &new)?;
            let kind = new.kind.clone();
            let (setup, secrets) = new.split(kept);
            Registry::check_setup(&kind, &setup, &secrets).map_err(|error| refused(&error))?;
            let settings = serde_json::to_string(&setup).map_err(|error| {
                ApiError::internal(format!("the settings cannot be written: {error}"))
            })?;
            let secrets = known.registry.safe().seal(&key, &secrets);
            let row = GatewayRow {
                workspace: of.id(),
                id,
                kind,
                settings,
                secrets: secrets.map_err(|error| ApiError::internal(error.to_string()))?,
                standing: found.map_or(GatewayStanding::Active, |row| row.standing),
                revision: revision + 1,
                updated_at: now,
            };
            store.commit(&Batch { ops: vec![Op::PutGateway(row.clone())] }).await?;
            let opened = open(&known, &of, &row);
            Ok((row, opened))
        })
    });
    let (row, opened) = done.await??;
    shown::changed(app, &owner, (&row, opened)).await
}

/// Opens what was stored. An error is told: the row stands, and the gateway does not run.
fn open(app: &App, owner: &Owner, row: &GatewayRow) -> Option<RegistryError> {
    let error = app.registry.set(row, owner.slug()).err()?;
    tracing::error!(gateway = %owner.key(&row.id), %error, "a gateway cannot be opened");
    Some(error)
}

/// The secrets of the gateway that is replaced, where they still mean something and go where they went.
fn kept(
    app: &App,
    key: &str,
    found: Option<&GatewayRow>,
    new: &NewGateway,
) -> Result<BTreeMap<String, String>, ApiError> {
    let Some(row) = found.filter(|row| row.kind == new.kind) else { return Ok(BTreeMap::new()) };
    let before: Setup = serde_json::from_str(&row.settings).unwrap_or_default();
    let kept = app.registry.safe().unseal(key, &row.secrets).map(|secrets| {
        let named = |name: &String| new.secrets.contains_key(name);
        (secrets.keys().all(named), secrets)
    });
    let moved = WHERE_SECRETS_GO
        .into_iter()
        .find(|name| before.settings.get(name) != new.settings.get(name));
    match kept {
        Ok((false, _)) if moved.is_some() => {
            let name = moved.unwrap_or_default();
            let detail = format!(
                "{name} says where the secrets are sent, and it changes: name all of them again, or set those to null that go"
            );
            Err(wrong(&format!("settings.{name}"), &detail))
        }
        Ok((_, secrets)) => Ok(secrets),
        // Their key is lost: it gets new ones.
        Err(_) if !new.secrets.is_empty() => Ok(BTreeMap::new()),
        Err(error) => Err(ApiError::conflict(error.to_string())),
    }
}

/// Refuses one gateway more than there may be. Only in the engine's thread: two at once would both fit.
async fn has_room(store: &Store, owner: Option<WorkspaceId>) -> Result<(), ApiError> {
    let max = if owner.is_some() { WORKSPACE_GATEWAYS_MAX } else { OPERATOR_GATEWAYS_MAX };
    if store.gateways(owner, None, max).await?.len() < max {
        return Ok(());
    }
    Err(ApiError::conflict(format!(
        "there are {max} gateways here, as many as there may be; remove one that nobody uses, then send it again"
    )))
}

fn changed(id: &str, seen: u64, found: u64) -> ApiError {
    ApiError::conflict(match found {
        0 => format!(
            "there is no gateway {id} any more, and yours is of revision {seen}; send revision 0 to make it"
        ),
        found => format!(
            "the gateway {id} is at revision {found} and yours is based on {seen}; read it, put both together, send it again"
        ),
    })
}

/// Removes a gateway.
pub(super) async fn delete(
    app: &Arc<App>,
    owner: Owner,
    id: String,
) -> Result<StatusCode, ApiError> {
    let known = Arc::clone(app);
    let done = app.live.perform(move |pipeline, _| {
        pollster::block_on(async {
            let store = pipeline.store();
            if store.gateway(owner.id(), &id).await?.is_none() {
                return Err(no_gateway(&id));
            }
            let key = owner.key(&id);
            let op = Op::RemoveGateway { workspace: owner.id(), id };
            store.commit(&Batch { ops: vec![op] }).await?;
            known.registry.remove(&key);
            Ok(StatusCode::NO_CONTENT)
        })
    });
    done.await?
}

/// Changes whether a gateway takes messages.
pub(super) async fn stand(
    app: &Arc<App>,
    owner: Owner,
    id: String,
    standing: GatewayStanding,
) -> Result<GatewayShown, ApiError> {
    let (known, of) = (Arc::clone(app), owner.clone());
    let done = app.live.perform(move |pipeline, now| {
        pollster::block_on(async {
            let store = pipeline.store();
            let found = store.gateway(of.id(), &id).await?;
            let mut row = found.ok_or_else(|| no_gateway(&id))?;
            if row.standing == standing {
                return Ok((row, None));
            }
            row.standing = standing;
            row.revision += 1;
            row.updated_at = now;
            store.commit(&Batch { ops: vec![Op::PutGateway(row.clone())] }).await?;
            // A running one keeps its connections: whoever only waits is still heard.
            let stands = known.registry.stand(&of.key(&id), standing);
            let opened = if stands { None } else { open(&known, &of, &row) };
            Ok((row, opened))
        })
    });
    let (row, opened) = done.await?.map_err(|error: ApiError| error)?;
    shown::changed(app, &owner, (&row, opened)).await
}
