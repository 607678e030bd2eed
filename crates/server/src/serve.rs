//! The live program: opens the store, puts it in order, starts engine and HTTP, and stops them in order.
//!
//! ```text
//!  open store ─▶ recover ─▶ engine thread ─▶ listen ─▶ … signal ─▶ HTTP ends ─▶ engine's last commit ─▶ store closes
//! ```
//! Must never take a request before what an earlier run left is in order.

use crate::api::limits::{BODIES_KILOBYTES_MAX, UNNAMED_BODIES_KILOBYTES_MAX, WHYS_AT_ONCE_MAX};
use crate::api::{self, App, auth::Keys, auth::new_secret};
use crate::config::{Config, ConfigError};
use crate::gateway::{Registry, Safe, Surroundings};
use crate::live::{self, Feed, Inbox, Outside, Stages, WebCaller};
use crate::run::{self, Clock, Http};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use wayline_core::ids::WorkspaceId;
use wayline_core::limits::PAGE_ROWS_MAX;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::retain::Keep;
use wayline_pipeline::{Pipeline, PipelineError};
use wayline_store::batch::{ApiKeyRow, Batch, Op};
use wayline_store::{SqliteOptions, SqliteStore, Store, StoreError};

/// Name of the store in the data folder.
pub(crate) const STORE_FILE: &str = "wayline.db";

/// Why the program did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// Settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data folder.
    #[error("the data folder {path} cannot be made or written; check its permissions and the disk")]
    Data {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The address.
    #[error(
        "{address} cannot be listened on; is another wayline running? `listen` names another address"
    )]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The operating system.
    #[error("{action} failed")]
    System {
        /// What.
        action: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn system<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    action: &'static str,
) -> impl Fn(E) -> ServeError {
    move |source| ServeError::System { action, source: source.into() }
}

/// A started program.
pub(crate) struct Started {
    /// For handlers, and for those who drive it from within.
    pub(crate) app: Arc<App>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The first operator key, when there was none: shown once.
    pub(crate) operator_key: Option<String>,
    /// Messages whose answer an earlier run lost.
    pub(crate) unknown: usize,
    /// Which start this is.
    pub(crate) run: u64,
    stop: watch::Sender<bool>,
    /// Whether the engine runs; also told when its thread dies.
    alive: watch::Receiver<bool>,
    engine: std::thread::JoinHandle<()>,
    http: tokio::task::JoinHandle<()>,
}

impl Started {
    /// Tells everything to stop.
    pub(crate) fn stop(&self) {
        let _ = self.stop.send(true);
    }

    /// Resolves when the engine has ended although nobody told it to: nothing can be taken or done any more.
    pub(crate) async fn broken(&self) {
        let mut alive = self.alive.clone();
        let _ = alive.wait_for(|alive| !*alive).await;
    }

    /// Waits until everything has stopped: requests first, then the engine, then the store. Returns whether the
    /// engine ended well.
    pub(crate) async fn ended(self) -> bool {
        let _ = self.http.await;
        let registry = Arc::clone(&self.app.registry);
        drop(self.app);
        let engine = self.engine;
        // The engine ends by itself within its time.
        let ended = tokio::task::spawn_blocking(move || engine.join()).await;
        if run::within(LAST_UNBINDS, registry.close()).await.is_none() {
            tracing::warn!("a carrier did not answer our unbind in time; its connection is cut");
        }
        matches!(ended, Ok(Ok(())))
    }
}

/// Starts everything.
///
/// # Errors
/// When the folder, the store, the address or a stored definition cannot be used: nothing runs then.
pub(crate) async fn start(config: &Config) -> Result<Started, ServeError> {
    let store = Arc::new(Store::from(open_store(config)?));
    let always = live::gateways(&config.sandbox).map_err(system("opening the sandbox"))?;
    // Before anything is changed: a port that is taken must not cost anything.
    let listener = listen(config.listen).await?;
    let address = listener.local_addr().map_err(system("asking for the address"))?;
    let clock = Arc::new(Clock::start(config.speed, store.last_instant().await?));
    warn_of_a_clock_behind(config, &store, &clock).await?;
    let http = &config.http;
    let mut pipeline = Pipeline::open(Arc::clone(&store)).await?;
    let feed = Feed::new();
    let show = feed.clone();
    pipeline.observe(Box::new(move |batch| show.show(batch)));
    let (stop, stopping) = watch::channel(false);
    let (live, inbox, outcomes) = Inbox::new(stopping.clone());
    // Once a process; a second start in the same one finds it there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let caller = WebCaller::new(config.webhooks.private_addresses);
    let caller = Arc::new(caller.map_err(system("setting up TLS"))?);
    let runtime = tokio::runtime::Handle::current();
    let around = Surroundings {
        safe: Safe::open(&config.data).map_err(system("opening the safe of secrets"))?,
        runtime: runtime.clone(),
        outcomes: outcomes.clone(),
        clock: Arc::clone(&clock),
        private: config.webhooks.private_addresses,
        public_url: Some(http.public_url.clone()).filter(|url| !url.is_empty()),
    };
    let registry = Arc::new(Registry::new(always, around));
    let outside = Outside::new(runtime, registry.gateways(), caller, outcomes);
    let flow = live::Flow::default();
    let mut stages = Stages::new(pipeline, outside, keep(config), Arc::clone(&flow));
    let unknown = stages.recover(clock.now()).await?.unknown;
    open_gateways(&registry, &store).await?;
    let operator_key = first_operator_key(&store, &clock).await?;
    let (per_second, at_once) = (http.requests_per_second_max, http.requests_at_once_max);
    let keys = Keys::load(&store, per_second, at_once).await?;
    let run = store.run().await?;
    let app = Arc::new(App {
        live,
        store,
        clock: Arc::clone(&clock),
        keys,
        feed,
        http: http.clone(),
        bodies: Arc::new(Semaphore::new(BODIES_KILOBYTES_MAX)),
        unnamed_bodies: Arc::new(Semaphore::new(UNNAMED_BODIES_KILOBYTES_MAX)),
        whys: Arc::new(Semaphore::new(WHYS_AT_ONCE_MAX)),
        metrics: recorder()?,
        names: api::Names::default(),
        creations: api::Creations::default(),
        registry: Arc::clone(&registry),
        flow,
        tests: api::Tests::default(),
        watchers: api::Watchers::default(),
        stop: stopping.clone(),
    });
    let (living, alive) = watch::channel(true);
    let engine = spawn_engine(stages, inbox, clock, living)?;
    // Folded now and then also when nobody asks for it: what is measured would grow.
    let measured = app.metrics.clone();
    tokio::spawn(run::repeat(UPKEEP, stopping.clone(), move || measured.run_upkeep()));
    let limits = Http {
        connections_max: http.connections_max,
        header_timeout: Duration::from_secs(http.header_timeout_seconds),
    };
    let router = api::router(Arc::clone(&app));
    let http = tokio::spawn(run::listen(listener, limits, router, stopping));
    Ok(Started { app, address, operator_key, unknown, run, stop, alive, engine, http })
}

/// Opens the stored gateways. One that cannot be opened is told and left out: the others send.
async fn open_gateways(registry: &Registry, store: &Store) -> Result<(), StoreError> {
    let slugs: BTreeMap<_, _> =
        store.workspaces().await?.into_iter().map(|row| (row.id, row.slug)).collect();
    let mut after: Option<(Option<WorkspaceId>, String)> = None;
    loop {
        let last = after.as_ref().map(|(workspace, id)| (*workspace, id.as_str()));
        let page = store.gateways_all(last, PAGE_ROWS_MAX).await?;
        let Some(end) = page.last() else { return Ok(()) };
        after = Some((end.workspace, end.id.clone()));
        for row in &page {
            let slug = row.workspace.and_then(|id| slugs.get(&id)).map(String::as_str);
            if let Err(error) = registry.set(row, slug) {
                tracing::error!(gateway = %row.id, %error, "a gateway cannot be opened; its messages wait or take another route");
            }
        }
    }
}

fn open_store(config: &Config) -> Result<SqliteStore, ServeError> {
    let data = |source| ServeError::Data { path: config.data.clone(), source };
    // What is in it is nobody else's: numbers, texts, hashes of keys.
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&config.data).map_err(data)?;
    let options = SqliteOptions {
        cache_bytes: config.store.cache_megabytes * 1024 * 1024,
        readers: config.store.readers,
        ..SqliteOptions::default()
    };
    Ok(SqliteStore::open(&config.data.join(STORE_FILE), options)?)
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })
}

fn keep(config: &Config) -> Keep {
    let days = |days: u32| Span::days(i64::from(days));
    Keep {
        history: days(config.retention.history_days),
        messages: days(config.retention.messages_days),
    }
}

/// A store that is ahead of the clock decides nothing until the clock is there.
async fn warn_of_a_clock_behind(
    config: &Config,
    store: &Store,
    clock: &Clock,
) -> Result<(), StoreError> {
    let now = clock.now();
    if let Some(at) = store.last_instant().await?.filter(|at| *at > now + Span::minutes(1)) {
        tracing::warn!(
            store = %at, %now, speed = config.speed,
            "the store is ahead of the clock: what is in it waits until then. Was the machine's clock wrong, or was it run faster?"
        );
    }
    Ok(())
}

/// The first key, without which nobody could make another one.
async fn first_operator_key(store: &Store, clock: &Clock) -> Result<Option<String>, ServeError> {
    let mut after = None;
    loop {
        let page = store.api_keys(None, after, PAGE_ROWS_MAX).await?;
        if page.iter().any(|row| row.revoked_at.is_none()) {
            return Ok(None);
        }
        let Some(last) = page.last() else { break };
        after = Some(last.id);
    }
    operator_key(store, "first start", clock.now()).await.map(|(_, key)| Some(key))
}

/// Makes an operator key. Where an engine works on the store, only its thread may do this.
/// However many there are: whoever holds the data folder gets in.
///
/// # Errors
/// When the store cannot be written, or the operating system has no randomness.
pub(crate) async fn operator_key(
    store: &Store,
    name: &str,
    now: Timestamp,
) -> Result<(ApiKeyRow, String), ServeError> {
    let id = store.last_api_key().await? + 1;
    let (key, hash) =
        new_secret(id).map_err(|error| system("asking for randomness")(error.to_string()))?;
    let (name, scopes) = (name.to_owned(), Vec::new());
    let row =
        ApiKeyRow { id, workspace: None, name, scopes, hash, created_at: now, revoked_at: None };
    store.commit(&Batch { ops: vec![Op::PutApiKey(row.clone())] }).await?;
    Ok((row, key))
}

/// How long carriers are given to answer an unbind.
const LAST_UNBINDS: Duration = Duration::from_secs(3);
/// How often measurements are folded.
const UPKEEP: Duration = Duration::from_secs(5);
/// Upper ends of what requests are sorted into, in seconds.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// As [`SECONDS`], for numbers of things.
const COUNTS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0];

fn recorder() -> Result<PrometheusHandle, ServeError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
        .and_then(|it| it.set_buckets_for_metric(Matcher::Suffix("_per_commit".to_owned()), COUNTS))
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(system("setting up metrics"))
}

/// Says that the engine has ended, when it is dropped.
struct Ending(watch::Sender<bool>);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.send(false);
    }
}

/// The engine's thread: the pipeline is one writer, and its commits wait for the disk.
fn spawn_engine(
    stages: Stages,
    inbox: Inbox,
    clock: Arc<Clock>,
    living: watch::Sender<bool>,
) -> Result<std::thread::JoinHandle<()>, ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(system("starting the engine"))?;
    let work = move || {
        // Dropped when the thread ends, however it ends.
        let _ending = Ending(living);
        let stages = runtime.block_on(run::engine(stages, inbox, &clock));
        let left = stages.submits_in_flight();
        if left > 0 {
            tracing::warn!(
                messages = left,
                "gateways did not answer in time; the next start makes these messages unknown"
            );
        }
    };
    std::thread::Builder::new()
        .name("engine".to_owned())
        .spawn(work)
        .map_err(system("starting the engine"))
}

/// Whether a path holds a store.
pub(crate) fn store_in(data: &Path) -> PathBuf {
    data.join(STORE_FILE)
}
