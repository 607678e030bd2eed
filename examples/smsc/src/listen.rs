//! The two ports: who comes in gets a task of their own.
//!
//! Must never end because of one bad connection.

use crate::connection;
use crate::http::Cut;
use crate::settings::Settings;
use crate::shared::Shared;
use crate::{StartError, clock};
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_rustls::TlsAcceptor;

/// How long to wait when no connection can be taken (no descriptors left).
const BREATH: Duration = Duration::from_millis(50);

/// What every task of the carrier holds.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) shared: Arc<Shared>,
    pub(crate) stop: watch::Receiver<bool>,
    /// Held only to be dropped: the carrier has stopped when nobody holds one.
    pub(crate) alive: mpsc::Sender<()>,
}

impl World {
    /// Runs beside everything else, until it is done or the carrier stops.
    pub(crate) fn beside(&self, work: impl Future<Output = ()> + Send + 'static) {
        let (mut stop, alive) = (self.stop.clone(), self.alive.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = work => {}
                _ = stop.changed() => {}
            }
            drop(alive);
        });
    }

    async fn next(&mut self, listener: &TcpListener) -> Option<TcpStream> {
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        // A response must not wait for the next one (Nagle).
                        let _ = stream.set_nodelay(true);
                        return Some(stream);
                    }
                    Err(_) => tokio::time::sleep_until(clock::now() + BREATH).await,
                },
                _ = self.stop.changed() => return None,
            }
        }
    }
}

/// Takes SMPP connections.
pub(crate) async fn smpp(mut world: World, listener: TcpListener, tls: Option<TlsAcceptor>) {
    while let Some(stream) = world.next(&listener).await {
        let (shared, stop, alive) =
            (Arc::clone(&world.shared), world.stop.clone(), world.alive.clone());
        let tls = tls.clone();
        tokio::spawn(async move {
            match tls {
                None => connection::serve(shared, stream, stop).await,
                Some(tls) => {
                    let mut stopping = stop.clone();
                    tokio::select! {
                        shaken = tls.accept(stream) => match shaken {
                            Ok(stream) => connection::serve(shared, stream, stop).await,
                            Err(_) => {
                                shared.strangers.malformed.one();
                                shared.changed.notify_waiters();
                            }
                        },
                        _ = stopping.changed() => {}
                    }
                }
            }
            drop(alive);
        });
    }
}

/// Takes HTTP connections. An answer marked [`Cut`] ends its connection without a word.
pub(crate) async fn http(mut world: World, listener: TcpListener, router: axum::Router) {
    while let Some(stream) = world.next(&listener).await {
        let router = TowerToHyperService::new(router.clone());
        world.beside(async move {
            let service = service_fn(move |request: hyper::Request<Incoming>| {
                let answer = router.call(request);
                async move {
                    let answer = answer.await.map_err(|_| Cut)?;
                    if answer.extensions().get::<Cut>().is_some() { Err(Cut) } else { Ok(answer) }
                }
            });
            let serving = hyper::server::conn::http1::Builder::new();
            // The peer may leave at any time; there is nobody to tell.
            let _ = serving.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// The TLS of the SMPP port, when a certificate is given.
pub(crate) fn acceptor(settings: &Settings) -> Result<Option<TlsAcceptor>, StartError> {
    let (Some(certificate), Some(key)) = (&settings.tls_certificate, &settings.tls_key) else {
        return Ok(None);
    };
    let failed = |path: &Path, source: Box<dyn std::error::Error + Send + Sync>| StartError::Tls {
        path: path.to_owned(),
        source,
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| failed(certificate, error.into()))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, error.into()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret))
        .map_err(|error| failed(certificate, error.into()))?;
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}
