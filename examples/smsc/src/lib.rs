//! A carrier on loopback: an SMPP 3.4 server and a Twilio-shaped HTTP endpoint that misbehave on demand.
//!
//! For tests, demonstrations and benchmarks. Must never use a crate of Wayline: it is the other side, and an
//! error that both sides share would never be seen.

mod account;
mod broken;
mod chance;
mod clock;
mod connection;
mod control;
mod fate;
mod figures;
mod http;
mod journal;
mod listen;
mod listing;
mod message;
mod post;
mod session;
mod settings;
mod shared;
mod submit;

pub use broken::Misbehaviour;
pub use figures::{AccountFigures, BindFigures, Figures, State};
pub use settings::{Behaviour, Delay, IdForm, ReceiptForm, SettingError, Settings, Share};

use crate::account::Errand;
use crate::shared::Shared;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

/// Why the carrier does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address that cannot be taken.
    #[error("cannot listen on {address}: is it taken? Port 0 takes a free one")]
    Listen {
        /// The address as given.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// A journal that cannot be written.
    #[error("cannot open the journal {path:?}: check the folder and its permissions")]
    Journal {
        /// The file as given.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A certificate or key that cannot be used.
    #[error("cannot serve TLS with {path:?}: give a certificate chain and its key as PEM files")]
    Tls {
        /// The file as given.
        path: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No way out for callbacks.
    #[error("the client for callbacks does not start")]
    Client(#[from] reqwest::Error),
}

/// A running carrier. It stops when it is dropped.
#[derive(Debug)]
pub struct Carrier {
    shared: Arc<Shared>,
    smpp: SocketAddr,
    http: SocketAddr,
    stop: watch::Sender<bool>,
    /// Ends when every task of the carrier has ended.
    ended: mpsc::Receiver<()>,
}

impl Carrier {
    /// Starts on the current runtime of tokio.
    ///
    /// # Errors
    /// When an address, the journal or the certificate cannot be used.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let poster = post::Poster::new()?;
        let tls = listen::acceptor(&settings)?;
        let journal = journal::Journal::open(settings.journal.as_deref()).map_err(|source| {
            StartError::Journal { path: settings.journal.clone().unwrap_or_default(), source }
        })?;
        let smpp = bind(settings.smpp).await?;
        let http = bind(settings.http).await?;
        let shared =
            Shared::new(settings.seed, settings.first_id, journal, settings.behaviour, poster);
        let shared = Arc::new(shared);
        let (stop, stopped) = watch::channel(false);
        let (alive, ended) = mpsc::channel(1);
        let (smpp_address, http_address) = (local(&smpp)?, local(&http)?);
        let world = listen::World { shared: Arc::clone(&shared), stop: stopped, alive };
        tokio::spawn(listen::smpp(world.clone(), smpp, tls));
        tokio::spawn(listen::http(world.clone(), http, http::router(world)));
        Ok(Self { shared, smpp: smpp_address, http: http_address, stop, ended })
    }

    /// Where SMPP is served.
    #[must_use]
    pub fn smpp_addr(&self) -> SocketAddr {
        self.smpp
    }

    /// Where HTTP is served.
    #[must_use]
    pub fn http_addr(&self) -> SocketAddr {
        self.http
    }

    /// The figures and settings of this moment.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// Changes how it behaves, for everything that comes from now on.
    pub fn set(&self, change: impl FnOnce(&mut Behaviour)) {
        let mut behaviour = self.shared.behaviour().as_ref().clone();
        change(&mut behaviour);
        self.shared.set(behaviour);
    }

    /// Waits until the state is as wanted. Give it a time limit of your own.
    pub async fn until(&self, wanted: impl Fn(&State) -> bool) -> State {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let state = self.state();
            if wanted(&state) {
                return state;
            }
            changed.await;
        }
    }

    /// Makes a person write, over SMPP: to any receiver of the system_id, or of the first that has one.
    /// Returns the number of parts; 0 when nobody could receive.
    pub fn inbound(&self, from: &str, to: &str, text: &str, system_id: Option<&str>) -> usize {
        control::write_over_smpp(&self.shared, from, to, text, system_id, false)
    }

    /// Cuts every SMPP connection. Returns how many there were.
    pub fn drop_connections(&self) -> usize {
        self.shared.tell_all(|| Errand::Cut)
    }

    /// Misbehaves at once on every SMPP connection. Returns how many there are.
    pub fn misbehave(&self, what: Misbehaviour) -> usize {
        self.shared.tell_all(|| Errand::Misbehave(what))
    }

    /// Stops: connections are cut, ports are free when this returns.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // Nobody sends: this waits for the last holder to go.
        let _ = self.ended.recv().await;
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}

fn local(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    listener.local_addr().map_err(|source| StartError::Listen { address: unknown, source })
}
