//! Whether a callback is from whom it says: signatures and shared secrets, compared in constant time.
//!
//! Must never compare a secret byte by byte, and never take an empty one.

use super::settings::Secret;
use super::{Callback, read};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::{digest, hmac, signature};
use wayline_core::time::{Span, Timestamp};

/// Oldest, and furthest ahead, that a signed instant may be.
const CLOCK_SKEW_MAX: Span = Span::minutes(5);

/// HMAC-SHA1.
pub(super) const SHA1: hmac::Algorithm = hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY;
/// HMAC-SHA256.
pub(super) const SHA256: hmac::Algorithm = hmac::HMAC_SHA256;

/// Whether `tag` is the HMAC of the message.
pub(super) fn is_hmac(
    algorithm: hmac::Algorithm,
    key: &Secret,
    message: &[u8],
    tag: &[u8],
) -> bool {
    let key = hmac::Key::new(algorithm, key.text().as_bytes());
    hmac::verify(&key, message, tag).is_ok()
}

/// The same with the tag in base64.
pub(super) fn is_hmac_base64(
    algorithm: hmac::Algorithm,
    key: &Secret,
    message: &[u8],
    tag: &str,
) -> bool {
    STANDARD.decode(tag.trim()).is_ok_and(|tag| is_hmac(algorithm, key, message, &tag))
}

/// The same with the tag in hexadecimal.
pub(super) fn is_hmac_hex(
    algorithm: hmac::Algorithm,
    key: &Secret,
    message: &[u8],
    tag: &str,
) -> bool {
    from_hex(tag.trim()).is_some_and(|tag| is_hmac(algorithm, key, message, &tag))
}

/// Whether the given text is the secret. Both go through an HMAC, whose comparison takes the same time always.
pub(super) fn is_secret(secret: &Secret, given: &str) -> bool {
    if secret.text().is_empty() {
        return false;
    }
    let key = hmac::Key::new(SHA256, secret.text().as_bytes());
    let tag = hmac::sign(&key, secret.text().as_bytes());
    hmac::verify(&key, given.as_bytes(), tag.as_ref()).is_ok()
}

/// Whether a callback knows the secret that stands in its URL: as `secret=` of the query, as a segment of
/// the path, or as the password of `Basic` credentials. For providers that sign nothing.
pub(super) fn knows_secret(callback: &Callback<'_>, secret: &Secret) -> bool {
    let query = read::pairs(callback.query.as_bytes());
    if is_secret(secret, read::value(&query, SECRET_PARAMETER)) {
        return true;
    }
    if callback.path_tail.split('/').any(|part| is_secret(secret, part)) {
        return true;
    }
    let credentials = read::header(callback.headers, "authorization")
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|value| STANDARD.decode(value.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let password = credentials.as_deref().and_then(|both| both.split_once(':'));
    password.is_some_and(|(_, password)| is_secret(secret, password))
}

/// Name of the parameter that carries the secret.
const SECRET_PARAMETER: &str = "secret";

/// A callback URL that carries the secret.
pub(super) fn with_secret(url: &str, secret: &Secret) -> String {
    let mark = if url.contains('?') { '&' } else { '?' };
    let secret: String = form_urlencoded::byte_serialize(secret.text().as_bytes()).collect();
    format!("{url}{mark}{SECRET_PARAMETER}={secret}")
}

/// Whether an Ed25519 signature in base64 fits.
pub(super) fn is_ed25519(public_key: &str, message: &[u8], signature: &str) -> bool {
    let (Ok(key), Ok(signature)) =
        (STANDARD.decode(public_key.trim()), STANDARD.decode(signature.trim()))
    else {
        return false;
    };
    signature::UnparsedPublicKey::new(&signature::ED25519, key).verify(message, &signature).is_ok()
}

/// Whether a signed instant, in seconds since 1970, is near enough that it is no recording.
pub(super) fn is_recent(seconds: &str, now: Timestamp) -> bool {
    let Ok(seconds) = seconds.trim().parse::<i64>() else { return false };
    let at = Timestamp(seconds.saturating_mul(1_000));
    at >= now - CLOCK_SKEW_MAX && at <= now + CLOCK_SKEW_MAX
}

/// Whether a JWT signed with HS256 is for this URL and body, as MessageBird makes them.
pub(super) fn is_jwt_for(
    callback: &Callback<'_>,
    key: &Secret,
    token: &str,
    now: Timestamp,
) -> bool {
    let Some((signed, tag)) = token.trim().rsplit_once('.') else { return false };
    let Some((head, claims)) = signed.split_once('.') else { return false };
    let (Ok(tag), Ok(head), Ok(claims)) =
        (URL_SAFE_NO_PAD.decode(tag), URL_SAFE_NO_PAD.decode(head), URL_SAFE_NO_PAD.decode(claims))
    else {
        return false;
    };
    // The algorithm is ours to choose, not the token's: `none` and its like end here.
    if read::at(&read::json(&head), "/alg") != "HS256"
        || !is_hmac(SHA256, key, signed.as_bytes(), &tag)
    {
        return false;
    }
    let claims = read::json(&claims);
    let second = |name: &str| claims.pointer(name).and_then(serde_json::Value::as_i64);
    let Some(from) = second("/nbf") else { return false };
    let to = second("/exp").unwrap_or(from);
    let in_time = Timestamp(from.saturating_mul(1_000)) <= now + CLOCK_SKEW_MAX
        && Timestamp(to.saturating_mul(1_000)) >= now - CLOCK_SKEW_MAX;
    let body_fits = match read::at(&claims, "/payload_hash") {
        hash if hash.is_empty() => callback.body.is_empty(),
        hash => hash.eq_ignore_ascii_case(&sha256_hex(callback.body)),
    };
    let url_fits =
        read::at(&claims, "/url_hash").eq_ignore_ascii_case(&sha256_hex(callback.url.as_bytes()));
    in_time && body_fits && url_fits && read::at(&claims, "/iss") == "MessageBird"
}

/// SHA-256 in hexadecimal.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    to_hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Hexadecimal, small letters.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

/// Bytes of a hexadecimal text.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    let pairs = (0..text.len()).step_by(2).map(|at| text.get(at..at + 2));
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}
