//! Speaks to a running server for the commands: requests with a key, pages, answers as types, problems as errors.
//!
//! Must never show the key, never follow a redirect with it, and never read an answer without end.

use crate::run;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::StreamExt;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::time::Duration;

/// Bytes of the longest answer.
const ANSWER_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Bytes from which a body is packed: the server takes larger bodies then.
const PACKED_FROM_BYTES: usize = 64 * 1024;
/// Pages of one list that are asked for.
const PAGES_MAX: usize = 10_000;
/// Rows of a page.
const PAGE_ROWS: usize = 1_000;
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// A stream is opened at once, or something is wrong.
const OPEN_LIMIT: Duration = Duration::from_secs(30);
/// Publishing a large workspace may take its time.
const REQUEST_LIMIT: Duration = Duration::from_secs(120);

/// Why a server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// That is no address.
    #[error("{server:?} is no address of a server; write it like http://127.0.0.1:8321")]
    Address {
        /// As given.
        server: String,
    },
    /// A key that cannot be sent.
    #[error("the API key has characters that no key has; copy it again, whole and by itself")]
    Key,
    /// Nobody listens there.
    #[error(
        "nothing answers at {server}; `wayline serve` starts a server, --server or WAYLINE_SERVER names another one"
    )]
    Connect {
        /// Where.
        server: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The connection broke.
    #[error("the connection to {server} failed; whether the request was done is not known")]
    Connection {
        /// Where.
        server: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// A stream that should go on does not.
    #[error("the connection to {server} is lost: {what}")]
    Ended {
        /// Where.
        server: String,
        /// How.
        what: &'static str,
    },
    /// The request cannot be made.
    #[error("the program cannot make requests")]
    Setup(#[source] reqwest::Error),
    /// The server says no.
    #[error("{0}")]
    Refused(Refusal),
    /// Something else listens there.
    #[error(
        "{server} answered with something that wayline does not say ({what}); is it a wayline of this release?"
    )]
    Answer {
        /// Where.
        server: String,
        /// What was wrong with it.
        what: String,
    },
}

/// A problem as the API tells it, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Status of HTTP.
    pub(crate) status: u16,
    detail: String,
    errors: Vec<Wrong>,
}

/// The part of problem details that is shown.
#[derive(Debug, Default, Deserialize)]
struct Problem {
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    errors: Vec<Wrong>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Wrong {
    place: String,
    detail: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the server refuses ({}): {}", self.status, self.detail)?;
        for Wrong { place, detail } in &self.errors {
            write!(f, "\n  {place}: {detail}")?;
        }
        let advice = match self.status {
            401 => {
                "name a valid key with --key-file, WAYLINE_KEY or --key; a lost operator key is replaced by `wayline keys create --operator --data DIR` while the server is stopped"
            }
            403 => "use a key with the scope it needs, or an operator key",
            429 | 503 => "try again in a moment",
            _ => return Ok(()),
        };
        write!(f, "\n  what to do: {advice}")
    }
}

impl ClientError {
    /// Whether asking again later may help.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            ClientError::Connect { .. }
            | ClientError::Connection { .. }
            | ClientError::Ended { .. } => true,
            ClientError::Refused(refusal) => refusal.status == 429 || refusal.status >= 500,
            _ => false,
        }
    }

    /// The status with which the server refused.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            ClientError::Refused(refusal) => Some(refusal.status),
            _ => None,
        }
    }
}

/// One page of a list.
#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    #[serde(default)]
    next: Option<String>,
}

/// A server, and who asks it.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    /// As given, for people.
    server: String,
    authorization: Option<HeaderValue>,
}

impl Client {
    /// A client of the server at an address; without a key only what is open to everybody can be asked.
    ///
    /// # Errors
    /// When the address or the key makes no sense.
    pub(crate) fn new(server: &str, key: Option<&str>) -> Result<Client, ClientError> {
        let wrong = || ClientError::Address { server: without_password(server) };
        let mut base: Url = server.parse().map_err(|_| wrong())?;
        let names_somebody = !base.username().is_empty() || base.password().is_some();
        if !matches!(base.scheme(), "http" | "https") || names_somebody {
            return Err(wrong());
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let authorization = key.map(|key| {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| ClientError::Key)?;
            value.set_sensitive(true);
            Ok(value)
        });
        // Once a process; whoever comes second finds it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .user_agent(concat!("wayline/", env!("CARGO_PKG_VERSION")));
        if is_this_machine(&base) {
            http = http.no_proxy();
        }
        let http = http.build().map_err(ClientError::Setup)?;
        let server = server.trim_end_matches('/').to_owned();
        Ok(Client { http, base, server, authorization: authorization.transpose()? })
    }

    /// The address as people know it.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// Whether a key is sent that others on the way could read.
    pub(crate) fn shows_its_key(&self) -> bool {
        let is_open = self.base.scheme() == "http" && !is_this_machine(&self.base);
        is_open && self.authorization.is_some()
    }

    /// Asks for something.
    ///
    /// # Errors
    /// When there is no answer, or it says no.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, ClientError> {
        self.json(self.request(Method::GET, path)?).await
    }

    /// All rows of a list, page after page.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
    ) -> Result<Vec<T>, ClientError> {
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut query = vec![("limit", PAGE_ROWS.to_string())];
            query.extend(after.map(|after| ("after", after)));
            let page: Page<T> = self.json(self.request_with(Method::GET, path, &query)?).await?;
            items.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(items),
            }
        }
        Err(self.strange("a list without end"))
    }

    /// The first rows of a list.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn page<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Vec<T>, ClientError> {
        let page: Page<T> = self.json(self.request_with(Method::GET, path, query)?).await?;
        Ok(page.items)
    }

    /// Sends JSON and reads the answer.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.strange(error.to_string()))?;
        let mut request = self.request(method, path)?.header(CONTENT_TYPE, "application/json");
        if body.len() < PACKED_FROM_BYTES {
            request = request.body(body);
        } else {
            request = request.header(CONTENT_ENCODING, "gzip").body(packed(&body));
        }
        self.json(request).await
    }

    /// Removes something.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn delete<T: DeserializeOwned>(
        &self,
        path: &[&str],
    ) -> Result<T, ClientError> {
        self.json(self.request(Method::DELETE, path)?).await
    }

    /// Opens a stream of events; it has no end by itself.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn events(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Response, ClientError> {
        let request = self.request_with(Method::GET, path, query)?;
        self.opened(request.header(ACCEPT, "text/event-stream"), OPEN_LIMIT).await
    }

    /// The head of an answer whose body may go on for ever.
    async fn opened(
        &self,
        request: RequestBuilder,
        limit: Duration,
    ) -> Result<Response, ClientError> {
        let answer = async { self.accepted(request.send().await).await };
        let answer = run::within(limit, answer).await;
        answer.unwrap_or_else(|| Err(self.ended("it takes the request and does not answer")))
    }

    /// The failure of a stream that was open.
    pub(crate) fn broken(&self, source: reqwest::Error) -> ClientError {
        ClientError::Connection { server: self.server.clone(), source: source.without_url() }
    }

    /// A stream that was open and is not any more.
    pub(crate) fn ended(&self, what: &'static str) -> ClientError {
        ClientError::Ended { server: self.server.clone(), what }
    }

    /// An answer that makes no sense.
    pub(crate) fn strange(&self, what: impl Into<String>) -> ClientError {
        ClientError::Answer { server: self.server.clone(), what: what.into() }
    }

    fn request(&self, method: Method, path: &[&str]) -> Result<RequestBuilder, ClientError> {
        self.request_with(method, path, &[])
    }

    /// A request; each part of the path is escaped, so a name cannot lead elsewhere.
    fn request_with(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<RequestBuilder, ClientError> {
        let mut url = self.base.clone();
        let wrong = || ClientError::Address { server: self.server.clone() };
        url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method, url);
        if let Some(value) = &self.authorization {
            request = request.header(AUTHORIZATION, value.clone());
        }
        Ok(request)
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        let answer = self.accepted(request.timeout(REQUEST_LIMIT).send().await).await?;
        let is_empty = answer.status() == StatusCode::NO_CONTENT;
        let bytes = if is_empty { b"null".to_vec() } else { self.body(answer).await? };
        serde_json::from_slice(&bytes).map_err(|error| self.strange(error.to_string()))
    }

    /// The answer, when it is a good one.
    async fn accepted(
        &self,
        sent: Result<Response, reqwest::Error>,
    ) -> Result<Response, ClientError> {
        let server = self.server.clone();
        let answer = sent.map_err(|source| {
            let is_connect = source.is_connect();
            // The address is told already.
            let source = source.without_url();
            if is_connect {
                ClientError::Connect { server, source }
            } else {
                ClientError::Connection { server, source }
            }
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let bytes = self.body(answer).await?;
        Err(self.refused(status, &bytes))
    }

    fn refused(&self, status: StatusCode, bytes: &[u8]) -> ClientError {
        let Ok(problem) = serde_json::from_slice::<Problem>(bytes) else {
            return self.strange(format!("status {status} without a reason"));
        };
        let detail = if problem.detail.is_empty() { problem.title } else { problem.detail };
        ClientError::Refused(Refusal { status: status.as_u16(), detail, errors: problem.errors })
    }

    async fn body(&self, answer: Response) -> Result<Vec<u8>, ClientError> {
        let mut bytes = Vec::new();
        let mut parts = answer.bytes_stream();
        while let Some(part) = parts.next().await {
            bytes.extend_from_slice(&part.map_err(|source| self.broken(source))?);
            if bytes.len() > ANSWER_BYTES_MAX {
                return Err(self.strange(format!("more than {ANSWER_BYTES_MAX} bytes")));
            }
        }
        Ok(bytes)
    }
}

fn packed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing into memory does not fail.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default()
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let is_loopback =
        |host: &str| host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    host == "localhost" || is_loopback(host.trim_matches(['[', ']']))
}

/// What may be shown of an address: somebody may have written a password into it.
fn without_password(server: &str) -> String {
    match server.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => server.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_make_no_sense_are_refused_without_a_password_in_the_error() {
        for server in [
            "",
            "127.0.0.1:8321",
            "ftp://here",
            "http://",
            "http://ann:secret@here",
            "http://:secret@here",
        ] {
            let error = Client::new(server, None).expect_err(server).to_string();
            assert!(error.contains("http://127.0.0.1:8321"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let error = Client::new("http://here", Some("a\nb")).expect_err("a line").to_string();
        assert!(error.contains("API key"), "{error}");
    }

    #[test]
    fn names_are_escaped_and_the_key_is_not_shown() {
        let client = Client::new("http://here/under/", Some("wl_1_secret")).expect("a client");
        let request = client.request(Method::GET, &["api", "v1", "workspaces", "../a b?c"]);
        let request = request.expect("a request").build().expect("it is whole");
        let path = request.url().as_str();
        assert_eq!(path, "http://here/under/api/v1/workspaces/..%2Fa%20b%3Fc");
        assert!(!format!("{client:?} {request:?}").contains("secret"));
        for (server, key, shows) in [
            ("http://here", Some("k"), true),
            ("http://here", None, false),
            ("https://here", Some("k"), false),
            ("http://localhost:1", Some("k"), false),
            ("http://[::1]:1", Some("k"), false),
            ("http://127.0.0.1.evil.example", Some("k"), true),
        ] {
            assert_eq!(
                Client::new(server, key).expect("a client").shows_its_key(),
                shows,
                "{server}"
            );
        }
    }

    #[test]
    fn a_stream_of_a_host_that_says_nothing_is_given_up() {
        let host = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let server = format!("http://{}", host.local_addr().expect("its address"));
        let client = Client::new(&server, None).expect("a client");
        let runtime = run::runtime().expect("a runtime");
        let request = client.request(Method::GET, &["feed"]).expect("a request");
        let opened = runtime.block_on(client.opened(request, Duration::from_millis(1)));
        let error = opened.expect_err("nothing was said");
        assert!(error.may_pass() && error.to_string().contains("does not answer"), "{error}");
    }

    #[test]
    fn a_problem_is_told_with_each_place_and_what_to_do() {
        let client = Client::new("http://here", None).expect("a client");
        let bytes = br#"{"type":"/problems/unauthorized","title":"t","status":401,"detail":"this key is not known",
            "errors":[{"place":"journeys/a.yaml:1:2","detail":"unknown key"}]}"#;
        let told = client.refused(StatusCode::UNAUTHORIZED, bytes).to_string();
        let lines: Vec<_> = told.lines().collect();
        assert_eq!(lines[0], "the server refuses (401): this key is not known");
        assert_eq!(lines[1], "  journeys/a.yaml:1:2: unknown key");
        assert!(lines[2].contains("--key-file"), "{told}");
        let other = client.refused(StatusCode::BAD_GATEWAY, b"<html>").to_string();
        assert!(other.contains("502") && other.contains("does not say"), "{other}");
    }
}
