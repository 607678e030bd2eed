//! AWS Signature Version 4, for a POST of JSON to `/`.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html>.
//! Must never sign with anything but the instant it is given.

use super::settings::Secret;
use super::verify::{sha256_hex, to_hex};
use ring::hmac;
use wayline_core::time::Timestamp;

/// Who signs, and for what.
pub(super) struct Scope<'a> {
    /// Id of the access key.
    pub(super) key_id: &'a str,
    /// Its secret.
    pub(super) secret: &'a Secret,
    /// Region.
    pub(super) region: &'a str,
    /// Service.
    pub(super) service: &'a str,
}

impl Scope<'_> {
    /// The headers with `x-amz-date` and `authorization` added. Names must be in lower case, `host` among them;
    /// all are signed.
    pub(super) fn sign(
        &self,
        mut headers: Vec<(String, String)>,
        body: &[u8],
        now: Timestamp,
    ) -> Vec<(String, String)> {
        let stamp = stamp(now);
        let day = stamp.get(..8).unwrap_or_default().to_owned();
        headers.push(("x-amz-date".to_owned(), stamp.clone()));
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let lines: String =
            headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let canonical = format!("POST\n/\n\n{lines}\n{names}\n{}", sha256_hex(body));
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let hash = sha256_hex(canonical.as_bytes());
        let text = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hash}");
        let signature = to_hex(mac(&self.key(&day), &text).as_ref());
        let credential = format!("{}/{scope}", self.key_id);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
        );
        headers.push(("authorization".to_owned(), authorization));
        headers
    }

    /// The key of one day, region and service.
    fn key(&self, day: &str) -> Vec<u8> {
        let first = format!("AWS4{}", self.secret.text()).into_bytes();
        let steps = [day, self.region, self.service, "aws4_request"];
        steps.into_iter().fold(first, |key, text| mac(&key, text).as_ref().to_vec())
    }
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

/// `20150830T123600Z`.
fn stamp(now: Timestamp) -> String {
    let text = now.to_string();
    let seconds = text.split('.').next().unwrap_or_default();
    let mut stamp: String = seconds.chars().filter(|c| *c != '-' && *c != ':').collect();
    stamp.push('Z');
    stamp
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the AWS documentation for deriving a signing key.
    #[test]
    fn the_documented_signing_key() {
        let secret =
            serde_json::from_value(serde_json::json!("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"));
        let secret: Secret = secret.expect("a text");
        let scope = Scope { key_id: "", secret: &secret, region: "us-east-1", service: "iam" };
        assert_eq!(
            to_hex(&scope.key("20150830")),
            "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
        );
    }

    /// `post-vanilla` of the AWS test suite.
    #[test]
    fn the_test_suite_s_post() {
        let secret =
            serde_json::from_value(serde_json::json!("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"));
        let secret: Secret = secret.expect("a text");
        let scope = Scope {
            key_id: "AKIDEXAMPLE",
            secret: &secret,
            region: "us-east-1",
            service: "service",
        };
        let headers = vec![("host".to_owned(), "example.amazonaws.com".to_owned())];
        let now = Timestamp::parse("2015-08-30T12:36:00Z").expect("an instant");
        let signed = scope.sign(headers, b"", now);
        let authorization = &signed.last().expect("headers").1;
        assert_eq!(
            authorization,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
    }
}
