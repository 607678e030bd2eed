//! Which gateways there are: the stored ones, opened, and kept in step with what people change.
//!
//! Must never keep a secret other than inside the gateway that uses it, and must never put one into an error.

use super::events::Events;
use super::http::HttpProvider;
use super::smpp::SmppGateway;
use super::smpp::settings::SmppSettings;
use super::web::WebGateway;
use super::{Classes, Link, Safe, SecretError, Status, smpp, web};
use crate::live::Outcome;
use crate::run::Clock;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use wayline_core::carrier::ErrorClass;
use wayline_pipeline::gateway::{Connection, Gateway, Gateways, Shared};
use wayline_store::batch::{GatewayRow, GatewayStanding};

/// Requests of an HTTP gateway that are under way at once, where it does not say.
const REQUESTS_AT_ONCE: u16 = 20;
/// The kind that is none of the HTTP ones.
const SMPP: &str = "smpp";

/// What a gateway is set up with, its secrets aside.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Setup {
    /// Settings of its kind.
    #[serde(default)]
    pub(crate) settings: Value,
    /// Parts a second it is given at most; absent: as fast as it answers.
    #[serde(default)]
    pub(crate) parts_per_second: Option<f64>,
    /// Workspaces that may use it, when it is the operator's; absent: all.
    #[serde(default)]
    pub(crate) shared_with: Option<Vec<String>>,
    /// What its codes mean, where that differs from `rules/errors.yaml`.
    #[serde(default)]
    pub(crate) error_classes: BTreeMap<String, ErrorClass>,
    /// Requests under way at once, of an HTTP gateway.
    #[serde(default)]
    pub(crate) requests_at_once: Option<u16>,
}

/// Why a gateway cannot be used as it is set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    /// Settings or secrets.
    #[error("{0}")]
    Setup(String),
    /// The secrets at rest.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// A gateway that runs.
#[derive(Clone)]
struct Running {
    link: Arc<dyn Link>,
    web: Option<Arc<WebGateway>>,
}

/// All gateways.
pub(crate) struct Registry {
    gateways: Arc<RwLock<Gateways>>,
    running: RwLock<BTreeMap<String, Running>>,
    safe: Safe,
    runtime: Handle,
    outcomes: mpsc::UnboundedSender<Outcome>,
    clock: Arc<Clock>,
    /// Whether a workspace's gateways may connect to private networks.
    private: bool,
    /// Where the world finds us; `None`: nobody calls back.
    public_url: Option<String>,
}

/// The key of a gateway: `workspace/id`, or its id when it is the operator's.
pub(crate) fn key_of(slug: Option<&str>, id: &str) -> String {
    match slug {
        Some(slug) => format!("{slug}/{id}"),
        None => id.to_owned(),
    }
}

/// What a registry is made of.
pub(crate) struct Surroundings {
    pub(crate) safe: Safe,
    pub(crate) runtime: Handle,
    pub(crate) outcomes: mpsc::UnboundedSender<Outcome>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) private: bool,
    pub(crate) public_url: Option<String>,
}

impl Registry {
    /// With the gateways that are always there.
    pub(crate) fn new(always: Gateways, around: Surroundings) -> Registry {
        let Surroundings { safe, runtime, outcomes, clock, private, public_url } = around;
        Registry {
            gateways: Arc::new(RwLock::new(always)),
            running: RwLock::default(),
            safe,
            runtime,
            outcomes,
            clock,
            private,
            public_url,
        }
    }

    /// The gateways, for whoever hands messages out.
    pub(crate) fn gateways(&self) -> Arc<RwLock<Gateways>> {
        Arc::clone(&self.gateways)
    }

    /// What seals secrets.
    pub(crate) fn safe(&self) -> &Safe {
        &self.safe
    }

    /// Whether a gateway could be opened so, without opening it.
    ///
    /// # Errors
    /// What is wrong, in words for whoever set it up.
    pub(crate) fn check_setup(
        kind: &str,
        setup: &Setup,
        secrets: &BTreeMap<String, String>,
    ) -> Result<(), RegistryError> {
        if let Some(rate) = setup.parts_per_second.filter(|rate| !(0.01..=1e6).contains(rate)) {
            let text = format!("parts_per_second is {rate}; it must be 0.01 to 1000000");
            return Err(RegistryError::Setup(text));
        }
        if setup.requests_at_once.is_some_and(|count| !(1..=1_000).contains(&count)) {
            let text = "requests_at_once must be 1 to 1000".to_owned();
            return Err(RegistryError::Setup(text));
        }
        if kind == SMPP {
            smpp_setup(setup, secrets).map(|_| ())
        } else {
            provider(kind, setup, secrets).map(|_| ())
        }
    }

    /// Opens a stored gateway, or opens it anew after a change. A draining one too: what it has is still answered.
    ///
    /// # Errors
    /// When its settings or secrets cannot be used.
    pub(crate) fn set(&self, row: &GatewayRow, slug: Option<&str>) -> Result<(), RegistryError> {
        let key = key_of(slug, &row.id);
        let setup: Setup = serde_json::from_str(&row.settings)
            .map_err(|error| RegistryError::Setup(format!("its settings are damaged: {error}")))?;
        if self.clock.is_fast() && !is_here(&row.kind, &setup) {
            let text = "while the program's clock runs faster than real time only a carrier on this machine, over SMPP, is connected: the others check times and count rates by theirs";
            return Err(RegistryError::Setup(text.to_owned()));
        }
        let secrets = self.safe.unseal(&key, &row.secrets)?;
        // A gateway is opened where the operator says; a workspace's only where everybody may go.
        let private = self.private || slug.is_none();
        let (gateway, running) = self.open(&key, &row.kind, &setup, &secrets, private)?;
        let connection = Connection {
            gateway,
            standing: row.standing,
            shared: setup.shared_with.map_or(Shared::All, Shared::Only),
            parts_per_second: setup.parts_per_second,
            is_real: true,
        };
        let before = write(&self.running).insert(key.clone(), running);
        write(&self.gateways).set(&key, connection);
        if let Some(before) = before {
            drop(before.link.close());
        }
        let _ = self.outcomes.send(Outcome::Changed);
        Ok(())
    }

    /// Changes whether a gateway takes messages, and leaves its connections as they are; `false`: it does not run.
    pub(crate) fn stand(&self, key: &str, standing: GatewayStanding) -> bool {
        let mut gateways = write(&self.gateways);
        let runs = read(&self.running).contains_key(key);
        let Some(connection) = gateways.connection(key).filter(|_| runs).cloned() else {
            return false;
        };
        gateways.set(key, Connection { standing, ..connection });
        drop(gateways);
        let _ = self.outcomes.send(Outcome::Changed);
        true
    }

    /// Closes a gateway.
    pub(crate) fn remove(&self, key: &str) {
        write(&self.gateways).remove(key);
        if let Some(before) = write(&self.running).remove(key) {
            drop(before.link.close());
        }
    }

    /// Ends all connections in order; resolves when they have.
    pub(crate) async fn close(&self) {
        let links: Vec<_> = read(&self.running).values().map(|it| Arc::clone(&it.link)).collect();
        join_all(links.iter().map(|link| link.close())).await;
    }

    /// How a gateway stands; `None`: it does not run.
    pub(crate) fn status(&self, key: &str) -> Option<Status> {
        read(&self.running).get(key).map(|running| running.link.status())
    }

    /// How all of them stand, by key.
    pub(crate) fn statuses(&self) -> Vec<(String, Status)> {
        let running = read(&self.running).clone();
        running.into_iter().map(|(key, running)| (key, running.link.status())).collect()
    }

    /// The connection of a gateway, to ask it something.
    pub(crate) fn link(&self, key: &str) -> Option<Arc<dyn Link>> {
        read(&self.running).get(key).map(|running| Arc::clone(&running.link))
    }

    /// The gateway that a provider calls back.
    pub(crate) fn web(&self, key: &str) -> Option<Arc<WebGateway>> {
        read(&self.running).get(key).and_then(|running| running.web.clone())
    }

    /// Where providers call a gateway back; `None`: the settings do not say where we are.
    pub(crate) fn callbacks(&self, key: &str) -> Option<String> {
        let base = self.public_url.as_deref()?.trim_end_matches('/');
        let path = match key.split_once('/') {
            Some((slug, id)) => format!("{slug}/{id}"),
            None => format!("-/{key}"),
        };
        Some(format!("{base}/callbacks/{path}"))
    }

    fn open(
        &self,
        key: &str,
        kind: &str,
        setup: &Setup,
        secrets: &BTreeMap<String, String>,
        private: bool,
    ) -> Result<(Arc<dyn Gateway>, Running), RegistryError> {
        let events = Events::new(key, self.outcomes.clone(), Arc::clone(&self.clock));
        if kind == SMPP {
            let (settings, password) = smpp_setup(setup, secrets)?;
            let parts = smpp::Parts {
                key: key.to_owned(),
                settings,
                password,
                classes: Classes(setup.error_classes.clone()),
                events,
                private,
            };
            let gateway = SmppGateway::open(parts, &self.runtime);
            let gateway =
                Arc::new(gateway.map_err(|error| RegistryError::Setup(error.to_string()))?);
            let link: Arc<dyn Link> = Arc::clone(&gateway) as _;
            return Ok((gateway, Running { link, web: None }));
        }
        let parts = web::Parts {
            provider: provider(kind, setup, secrets)?,
            events,
            window: usize::from(setup.requests_at_once.unwrap_or(REQUESTS_AT_ONCE)),
            callbacks: self.callbacks(key),
            private,
        };
        let gateway = WebGateway::open(parts);
        let gateway = Arc::new(gateway.map_err(|error| RegistryError::Setup(error.to_string()))?);
        let running = Running { link: Arc::clone(&gateway) as _, web: Some(Arc::clone(&gateway)) };
        Ok((gateway, running))
    }
}

/// Whether a gateway's carrier is one for tests and demonstrations, on this machine.
fn is_here(kind: &str, setup: &Setup) -> bool {
    let host = setup.settings.get("host").and_then(Value::as_str).unwrap_or_default();
    let address: Option<std::net::IpAddr> = host.parse().ok();
    kind == SMPP && (host == "localhost" || address.is_some_and(|address| address.is_loopback()))
}

fn smpp_setup(
    setup: &Setup,
    secrets: &BTreeMap<String, String>,
) -> Result<(SmppSettings, String), RegistryError> {
    let settings: SmppSettings = serde_json::from_value(setup.settings.clone())
        .map_err(|error| RegistryError::Setup(format!("settings of an smpp gateway: {error}")))?;
    if let Some(problem) = settings.problem() {
        return Err(RegistryError::Setup(problem));
    }
    if let Some(name) = secrets.keys().find(|name| *name != "password") {
        let text = format!("{name:?} is no secret of an smpp gateway; it has one, password");
        return Err(RegistryError::Setup(text));
    }
    let password = secrets.get("password").cloned().unwrap_or_default();
    settings
        .config(wayline_smpp::BindMode::Transceiver, &password)
        .map_err(|error| RegistryError::Setup(error.to_string()))?;
    Ok((settings, password))
}

fn provider(
    kind: &str,
    setup: &Setup,
    secrets: &BTreeMap<String, String>,
) -> Result<HttpProvider, RegistryError> {
    HttpProvider::new(kind, setup.settings.clone(), secrets, setup.error_classes.clone())
        .map_err(|error| RegistryError::Setup(error.to_string()))
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
