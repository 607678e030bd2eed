//! SMPP over TLS, with a certificate made for the test.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod client;

use base64::Engine as _;
use client::*;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpStream;
use wayline_smsc::{Carrier, Settings};

/// One DER value.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len();
    let head = match length {
        0..=127 => vec![tag, length as u8],
        128..=255 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [head, content].concat()
}

/// A certificate for localhost that signs itself, and its key: by hand, because a crate for it brings 30 more.
fn self_signed() -> (Vec<u8>, Vec<u8>) {
    const SEQUENCE: u8 = 0x30;
    let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_ASN1_SIGNING);
    let key = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(kind, key.as_ref(), &random).unwrap();
    let ecdsa_with_sha256 = der(SEQUENCE, &[b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"]);
    let common_name = der(SEQUENCE, &[b"\x06\x03\x55\x04\x03", &der(0x0C, &[b"localhost"])]);
    let name = der(SEQUENCE, &[&der(0x31, &[&common_name])]);
    let validity =
        der(SEQUENCE, &[&der(0x17, &[b"240101000000Z"]), &der(0x18, &[b"21240101000000Z"])]);
    let curve = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
    let public = der(0x03, &[b"\0", pair.public_key().as_ref()]);
    let public = der(SEQUENCE, &[&der(SEQUENCE, &[curve]), &public]);
    let names = der(0x04, &[&der(SEQUENCE, &[&der(0x82, &[b"localhost"])])]);
    let alternative = der(SEQUENCE, &[b"\x06\x03\x55\x1d\x11", &names]);
    let extensions = der(0xA3, &[&der(SEQUENCE, &[&alternative])]);
    let head = b"\xa0\x03\x02\x01\x02\x02\x01\x01";
    let signed =
        der(SEQUENCE, &[head, &ecdsa_with_sha256, &name, &validity, &name, &public, &extensions]);
    let signature = der(0x03, &[b"\0", pair.sign(&random, &signed).unwrap().as_ref()]);
    (der(SEQUENCE, &[&signed, &ecdsa_with_sha256, &signature]), key.as_ref().to_vec())
}

fn pem(label: &str, octets: &[u8]) -> String {
    let body = base64::engine::general_purpose::STANDARD.encode(octets);
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

/// A folder with a certificate for localhost and its key, and the settings that name them.
fn certified() -> (TempDir, Settings) {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    let (certificate_der, key_der) = self_signed();
    std::fs::write(&certificate, pem("CERTIFICATE", &certificate_der)).unwrap();
    std::fs::write(&key, pem("PRIVATE KEY", &key_der)).unwrap();
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
