//! Webhooks of `call` steps over HTTP.
//!
//! Must never follow a redirect, never read more than an answer may have, and never reach this machine or a
//! private network unless the settings allow it: whoever writes journeys is not whoever runs the machine.

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, Url};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use wayline_core::limits::CALL_ANSWER_BYTES_MAX;
use wayline_core::time::Timestamp;
use wayline_pipeline::calls::Caller;
use wayline_store::batch::CallRow;

/// The longest a call may take, whatever its step says.
const CALL_SECONDS_MAX: u64 = 60;
/// The shortest it is given.
const CALL_MILLISECONDS_MIN: u64 = 100;

/// Makes calls.
pub(crate) struct WebCaller {
    client: Client,
    private: bool,
}

impl WebCaller {
    /// A caller; `private`: whether it may reach private networks.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn new(private: bool) -> Result<WebCaller, reqwest::Error> {
        let mut client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .user_agent(concat!("wayline/", env!("CARGO_PKG_VERSION")));
        if !private {
            client = client.dns_resolver(Arc::new(PublicOnly));
        }
        Ok(WebCaller { client: client.build()?, private })
    }

    async fn make(&self, call: &CallRow, now: Timestamp) -> Result<Value, String> {
        let url: Url = call.url.parse().map_err(|error| format!("the URL is wrong: {error}"))?;
        if !self.private {
            refuse_private_host(&url)?;
        }
        let method = Method::from_bytes(call.method.as_bytes())
            .map_err(|_| format!("{:?} is no HTTP method", call.method))?;
        let left = u64::try_from((call.deadline - now).0).unwrap_or(0);
        let limit = left.clamp(CALL_MILLISECONDS_MIN, CALL_SECONDS_MAX * 1_000);
        let mut request = self.client.request(method, url).timeout(Duration::from_millis(limit));
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        // The other side can tell by it that a call comes a second time.
        request = request.header("Idempotency-Key", format!("call-{}", call.id));
        if !call.body.is_empty() {
            request = request.header("Content-Type", "application/json").body(call.body.clone());
        }
        let response = request.send().await.map_err(|error| reason("the webhook", &error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("the webhook answered {status}"));
        }
        let body = read(response).await?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|error| format!("the answer is no JSON: {error}"))
    }
}

impl Caller for WebCaller {
    fn call<'a>(
        &'a self,
        call: &'a CallRow,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(self.make(call, now))
    }
}

/// The body, as far as it may go.
async fn read(response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| reason("the webhook", &error))?;
        if body.len() + chunk.len() > CALL_ANSWER_BYTES_MAX {
            return Err(format!("the answer has more than {CALL_ANSWER_BYTES_MAX} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Why a request to `whom` failed. Without the URL: it may carry a secret.
pub(crate) fn reason(whom: &str, error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("{whom} did not answer in time");
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    format!("{whom} could not be reached: {cause}")
}

pub(crate) fn refuse_private_host(url: &Url) -> Result<(), String> {
    let host = url.host_str().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match literal {
        Ok(address) if !is_public(address) => Err(private(host)),
        _ => Ok(()),
    }
}

fn private(host: &str) -> String {
    format!(
        "{host} is an address of a private network; the setting webhooks.private_addresses allows it"
    )
}

/// Names are looked up as always; private addresses among the answers are left out.
pub(crate) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(private(&host).into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether an address belongs to the Internet at large (IANA special-purpose registries, RFC 6890).
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_public_v4(mapped),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Only 2000::/3 is handed out; of it 2001::/23 and 2002::/16 are special, 2001:db8::/32 and 3fff::/20 examples.
    (0x2000..0x4000).contains(&first)
        && !(first == 0x2001 && (second < 0x200 || second == 0xdb8))
        && first != 0x2002
        && !(first == 0x3fff && second < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_private_networks_are_told_from_public_ones() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "::ffff:127.0.0.1",
            "ff02::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn a_url_with_a_private_address_is_refused() {
        for url in
            ["http://127.0.0.1/x", "http://[::1]:80/", "http://0x7f000001/", "http://2130706433/"]
        {
            assert!(refuse_private_host(&url.parse().unwrap()).is_err(), "{url}");
        }
        assert!(refuse_private_host(&"https://example.com/".parse().unwrap()).is_ok());
    }
}
