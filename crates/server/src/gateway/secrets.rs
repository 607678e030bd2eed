//! Secrets of gateways at rest: sealed with ChaCha20-Poly1305 under a key that is not in the store.
//!
//! The key is a file beside the store, readable by its owner alone, or comes from the environment. A copy of the store
//! without it tells nothing. A sealed value belongs to one gateway: moved to another it does not open. Must never log,
//! return or compare a secret.

use crate::run;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The key's name in the data folder.
pub(crate) const KEY_FILE: &str = "secret.key";
/// The key's name in the environment: 32 bytes in base64.
pub(crate) const KEY_VARIABLE: &str = "WAYLINE_SECRET_KEY";
/// First byte of what is sealed: how.
const VERSION: u8 = 1;
const KEY_BYTES: usize = 32;

/// Why secrets cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// The key cannot be read or made.
    #[error(
        "the key of secrets, {path}, cannot be read or made; check the folder and its permissions"
    )]
    File {
        /// Where it should be.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no key.
    #[error(
        "{place} is no key: it must be 32 bytes in base64; without the right one sealed secrets are lost and gateways need theirs again"
    )]
    NoKey {
        /// File or variable.
        place: String,
    },
    /// The operating system has no randomness.
    #[error("the operating system gives no randomness")]
    Random,
    /// What is sealed does not open.
    #[error(
        "the secrets of gateway {gateway} do not open: they were sealed with another key; put that key back, or give the gateway its secrets again"
    )]
    Closed {
        /// Which.
        gateway: String,
    },
}

/// Seals and opens.
pub(crate) struct Safe {
    key: LessSafeKey,
}

impl Safe {
    /// The key of the environment, else the file in the data folder, which is made at the first start.
    ///
    /// # Errors
    /// When there is none and none can be made.
    pub(crate) fn open(data: &Path) -> Result<Safe, SecretError> {
        #[allow(clippy::disallowed_methods, reason = "a key must not stand in a file of settings")]
        if let Ok(text) = std::env::var(KEY_VARIABLE) {
            return Safe::of(&text, KEY_VARIABLE);
        }
        let path = data.join(KEY_FILE);
        let failed = |source| SecretError::File { path: path.clone(), source };
        let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        match made {
            Ok(mut file) => {
                let key = run::random::<KEY_BYTES>().map_err(|_| SecretError::Random)?;
                let text = STANDARD.encode(key);
                file.write_all(text.as_bytes()).map_err(failed)?;
                file.sync_all().map_err(failed)?;
                Safe::of(&text, KEY_FILE)
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                let mut text = String::new();
                let file = std::fs::File::open(&path).map_err(failed)?;
                file.take(1_000).read_to_string(&mut text).map_err(failed)?;
                Safe::of(&text, &path.display().to_string())
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn of(text: &str, place: &str) -> Result<Safe, SecretError> {
        let no_key = || SecretError::NoKey { place: place.to_owned() };
        let bytes = STANDARD.decode(text.trim()).map_err(|_| no_key())?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes).map_err(|_| no_key())?;
        Ok(Safe { key: LessSafeKey::new(key) })
    }

    /// Seals the secrets of a gateway.
    ///
    /// # Errors
    /// When there is no randomness.
    pub(crate) fn seal(
        &self,
        gateway: &str,
        secrets: &BTreeMap<String, String>,
    ) -> Result<Vec<u8>, SecretError> {
        let nonce = run::random::<NONCE_LEN>().map_err(|_| SecretError::Random)?;
        let mut sealed = serde_json::to_vec(secrets).unwrap_or_default();
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(gateway.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| SecretError::Random)?;
        let mut whole = vec![VERSION];
        whole.extend(nonce);
        whole.extend(sealed);
        whole.extend(tag.as_ref());
        Ok(whole)
    }

    /// Opens them.
    ///
    /// # Errors
    /// When they were sealed with another key, for another gateway, or changed since.
    pub(crate) fn unseal(
        &self,
        gateway: &str,
        sealed: &[u8],
    ) -> Result<BTreeMap<String, String>, SecretError> {
        let closed = || SecretError::Closed { gateway: gateway.to_owned() };
        if sealed.is_empty() {
            return Ok(BTreeMap::new());
        }
        let (version, rest) = sealed.split_first().ok_or_else(closed)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or_else(closed)?;
        let nonce: [u8; NONCE_LEN] = nonce.try_into().map_err(|_| closed())?;
        if *version != VERSION {
            return Err(closed());
        }
        let mut body = body.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self
            .key
            .open_in_place(nonce, Aad::from(gateway.as_bytes()), &mut body)
            .map_err(|_| closed())?;
        serde_json::from_slice(opened).map_err(|_| closed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> BTreeMap<String, String> {
        BTreeMap::from([("password".to_owned(), "correct horse".to_owned())])
    }

    #[test]
    fn what_is_sealed_opens_for_its_gateway_alone_and_shows_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let safe = Safe::open(folder.path()).unwrap();
        let sealed = safe.seal("shop/main", &secrets()).unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"correct"));
        assert_eq!(safe.unseal("shop/main", &sealed).unwrap(), secrets());
        assert!(matches!(safe.unseal("cafe/main", &sealed), Err(SecretError::Closed { .. })));
        assert_ne!(sealed, safe.seal("shop/main", &secrets()).unwrap());
        // The next start has the same key.
        assert_eq!(
            Safe::open(folder.path()).unwrap().unseal("shop/main", &sealed).unwrap(),
            secrets()
        );
    }

    #[test]
    fn another_key_a_changed_byte_and_half_a_value_do_not_open() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let safe = Safe::open(one.path()).unwrap();
        let sealed = safe.seal("g", &secrets()).unwrap();
        assert!(Safe::open(other.path()).unwrap().unseal("g", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(safe.unseal("g", &changed).is_err(), "byte {at}");
            assert!(at == 0 || safe.unseal("g", &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn the_key_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        Safe::open(folder.path()).unwrap();
        let mode = std::fs::metadata(folder.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(folder.path().join(KEY_FILE), "short").unwrap();
        assert!(matches!(Safe::open(folder.path()), Err(SecretError::NoKey { .. })));
    }
}
