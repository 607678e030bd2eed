//! TLS to a carrier's SMPP port.
//!
//! Must never connect to somebody whose certificate does not prove the name: an unproven carrier gets the password.

use rustls_platform_verifier::Verifier;
use std::io;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};

/// Encrypts a connection; `certificate`: PEM of one to trust besides the usual ones.
///
/// # Errors
/// When the handshake fails or the certificate cannot be read.
pub(crate) async fn connect(
    stream: TcpStream,
    host: &str,
    certificate: Option<&str>,
) -> io::Result<TlsStream<TcpStream>> {
    let config = config(certificate)?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| io::Error::other(format!("{host:?} is no name a certificate can have")))?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

fn config(certificate: Option<&str>) -> io::Result<ClientConfig> {
    let unreadable = || io::Error::other("tls_certificate is no certificate in PEM");
    let mut extra = Vec::new();
    if let Some(pem) = certificate {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            extra.push(certificate.map_err(|_| unreadable())?);
        }
        if extra.is_empty() {
            return Err(unreadable());
        }
    }
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier::new_with_extra_roots(extra, Arc::clone(&provider));
    let verifier = verifier.map_err(io::Error::other)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}
