//! Signed posts to the program under test: status callbacks and texts of people.
//!
//! Must never hold up an answer: a post is made beside the work, and a failed one is only counted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Posts under way at once.
const POSTS_MAX: usize = 64;
/// How long the other side may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Fields of a form, in the order in which they are sent.
pub(crate) type Form = Vec<(&'static str, String)>;

/// The way out.
#[derive(Debug)]
pub(crate) struct Poster {
    client: reqwest::Client,
    places: Semaphore,
}

impl Poster {
    pub(crate) fn new() -> reqwest::Result<Self> {
        // Another part of the process may have chosen already: theirs is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
        Ok(Self { client, places: Semaphore::new(POSTS_MAX) })
    }

    /// Posts the form with its signature. False when it was not taken.
    pub(crate) async fn post(&self, url: &str, token: &str, form: &Form) -> bool {
        let Ok(_place) = self.places.acquire().await else { return false };
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let sent = self
            .client
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded; charset=UTF-8")
            .header("x-twilio-signature", signature(token, url, form))
            .body(body)
            .send()
            .await;
        sent.is_ok_and(|answer| answer.status().is_success())
    }
}

/// Base64 of HMAC-SHA1 over the URL and each field with its value, fields in order of their names.
pub(crate) fn signature(token: &str, url: &str, form: &Form) -> String {
    let mut sorted: Vec<_> = form.iter().collect();
    sorted.sort();
    // A key of any length fits an HMAC.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(token.as_bytes()) else { return String::new() };
    mac.update(url.as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Twilio's page on securing webhooks.
    #[test]
    fn the_signature_is_that_of_the_public_example() {
        let form = vec![
            ("CallSid", "CA1234567890ABCDE".to_owned()),
            ("Caller", "+14158675309".to_owned()),
            ("Digits", "1234".to_owned()),
            ("From", "+14158675309".to_owned()),
            ("To", "+18005551212".to_owned()),
        ];
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        assert_eq!(signature("12345", url, &form), "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    }
}
