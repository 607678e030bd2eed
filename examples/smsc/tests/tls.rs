//! SMPP over TLS, with a certificate made for the test.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod client;

use client::*;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpStream;
use wayline_smsc::{Carrier, Settings};

/// A folder with a certificate for localhost and its key, and the settings that name them.
fn certified() -> (TempDir, Settings) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let settings =
        Settings { tls_certificate: Some(certificate), tls_key: Some(key), ..Settings::default() };
    (folder, settings)
}

#[tokio::test]
async fn a_bind_over_tls_and_garbage_before_it() {
    let (folder, settings) = certified();
    let carrier = Carrier::start(settings).await.unwrap();
    let mut plain = Client::connect(carrier.smpp_addr()).await;
    plain.ask_bind(BIND_TRANSCEIVER, "wayline", "secret").await;
    let refused = carrier.until(|state| state.total.malformed == 1);
    tokio::time::timeout(GUARD, refused).await.unwrap();

    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(folder.path().join("certificate.pem")).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(carrier.smpp_addr()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let mut client = Client::over(connector.connect(name, stream).await.unwrap());
    assert_eq!(client.bind(BIND_TRANSCEIVER, "wayline", "secret").await.status, 0);
    client.submit("491701234567", "x").await;
    assert_eq!(client.next().await.unwrap().status, 0);
}

#[tokio::test]
async fn a_missing_certificate_is_named() {
    let (_folder, settings) = certified();
    let settings = Settings { tls_certificate: Some("no.pem".into()), ..settings };
    let error = Carrier::start(settings).await.unwrap_err();
    assert!(error.to_string().contains("no.pem"), "{error}");
}
