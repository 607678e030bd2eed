//! A gateway that speaks HTTP: makes the requests that its provider describes, and reads the answers.
//!
//! Must never follow a redirect, read more of an answer than an answer may have, or take silence for a no.

use super::events::{Events, Taken};
use super::http::callback_url;
use super::http::{
    Answer, Callback, CallbackAnswer, CallbackError, HttpProvider, Outgoing, Request,
};
use super::latency::Latencies;
use super::{Link, Status};
use crate::live::{PublicOnly, reason, refuse_private_host};
use crate::run::Stopwatch;
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt, ready};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Url};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use wayline_core::carrier::{CarrierError, ErrorClass};
use wayline_core::event::SubmitOutcome;
use wayline_core::message::Message;
use wayline_core::policy::settings::Sender;
use wayline_core::time::Timestamp;
use wayline_pipeline::gateway::{Gateway, GatewayEvent, LookedUp};

#[cfg(test)]
mod tests;

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// The gateway.
pub(crate) struct WebGateway {
    provider: HttpProvider,
    client: Client,
    /// Where the provider finds us; `None`: it does not.
    callbacks: Option<String>,
    private: bool,
    window: usize,
    in_flight: AtomicUsize,
    latencies: Latencies,
    events: Events,
    seen: Mutex<Seen>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    answered_at: Option<Timestamp>,
    problem: Option<String>,
}

/// What a gateway of this kind is made of.
pub(crate) struct Parts {
    pub(crate) provider: HttpProvider,
    pub(crate) events: Events,
    /// Requests that may be under way at once.
    pub(crate) window: usize,
    /// The gateway's callback URL.
    pub(crate) callbacks: Option<String>,
    /// Whether it may connect to private networks.
    pub(crate) private: bool,
}

/// What came back of a request.
enum Came {
    Answered {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// It was never sent.
    NotSent(String),
    /// It was sent, and nobody knows.
    Lost(String),
}

impl WebGateway {
    /// A gateway.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn open(parts: Parts) -> Result<WebGateway, reqwest::Error> {
        let Parts { provider, events, window, callbacks, private } = parts;
        let mut client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .pool_max_idle_per_host(window)
            .user_agent(concat!("wayline/", env!("CARGO_PKG_VERSION")));
        if !private {
            client = client.dns_resolver(Arc::new(PublicOnly));
        }
        Ok(WebGateway {
            provider,
            client: client.build()?,
            callbacks,
            private,
            window,
            in_flight: AtomicUsize::new(0),
            latencies: Latencies::default(),
            events,
            seen: Mutex::default(),
        })
    }

    async fn ask(&self, request: Request) -> Came {
        let url: Url = match request.url.parse() {
            Ok(url) => url,
            Err(error) => return Came::NotSent(format!("the gateway's URL is wrong: {error}")),
        };
        if !self.private
            && let Err(why) = refuse_private_host(&url)
        {
            return Came::NotSent(why);
        }
        let method = if request.method == "GET" { Method::GET } else { Method::POST };
        let mut sending = self.client.request(method, url).body(request.body);
        for (name, value) in &request.headers {
            sending = sending.header(name, value);
        }
        let response = match sending.send().await {
            Ok(response) => response,
            // Only what never had a connection surely did not go.
            Err(error) if error.is_connect() || error.is_builder() => {
                return Came::NotSent(reason("the provider", &error));
            }
            Err(error) => return Came::Lost(reason("the provider", &error)),
        };
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(chunk) if body.len() + chunk.len() <= ANSWER_BYTES_MAX => {
                    body.extend_from_slice(&chunk);
                }
                Ok(_) => {
                    return Came::Lost(format!(
                        "the answer has more than {ANSWER_BYTES_MAX} bytes"
                    ));
                }
                Err(error) => return Came::Lost(reason("the provider", &error)),
            }
        }
        Came::Answered { status, headers, body }
    }

    fn note(&self, problem: Option<String>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match problem {
            None => seen.answered_at = Some(self.events.now()),
            Some(problem) => seen.problem = Some(problem),
        }
    }

    async fn send(&self, request: Request) -> SubmitOutcome {
        let _place = Place::take(&self.in_flight);
        let took = Stopwatch::start();
        match self.ask(request).await {
            Came::Answered { status, headers, body } => {
                self.latencies.add(took.elapsed());
                let answer = Answer { status, headers: &headers, body: &body };
                let outcome = self.provider.answer(&answer);
                match &outcome {
                    SubmitOutcome::Accepted { .. } => self.note(None),
                    SubmitOutcome::Rejected { error, .. } => self.note(Some(error.line())),
                    _ => self.note(Some(format!("an answer {status} that says nothing clear"))),
                }
                outcome
            }
            Came::NotSent(why) => {
                self.note(Some(why.clone()));
                let (class, code) = (ErrorClass::Retry, String::new());
                let error = CarrierError { class, code, text: why };
                SubmitOutcome::Rejected { error, retry_after: None }
            }
            Came::Lost(why) => {
                self.note(Some(why));
                SubmitOutcome::Unknown
            }
        }
    }

    /// Takes a provider's callback: resolves when the engine has what it tells, and gives the answer for the provider.
    ///
    /// # Errors
    /// When it is not from the provider, unreadable, or the engine is stopping.
    pub(crate) async fn called(
        &self,
        callback: &Callback<'_>,
    ) -> Result<CallbackAnswer, CallbackError> {
        let told = self.provider.callback(self.events.gateway(), callback, self.events.now())?;
        if !told.is_empty() {
            let (done, is_done) = oneshot::channel();
            self.events.tell(
                told,
                Taken::new(move || {
                    // Who called may have gone.
                    let _ = done.send(());
                }),
            );
            if is_done.await.is_err() {
                return Err(CallbackError::NotStored);
            }
        }
        Ok(self.provider.callback_answer())
    }
}

/// A place among the requests under way.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(in_flight: &'a AtomicUsize) -> Place<'a> {
        in_flight.fetch_add(1, Ordering::AcqRel);
        Place(in_flight)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Gateway for WebGateway {
    fn submit<'a>(&'a self, message: &'a Message, now: Timestamp) -> BoxFuture<'a, SubmitOutcome> {
        self.submit_from(message, None, now)
    }

    fn submit_from<'a>(
        &'a self,
        message: &'a Message,
        from: Option<&'a Sender>,
        now: Timestamp,
    ) -> BoxFuture<'a, SubmitOutcome> {
        let refused = |error| ready(SubmitOutcome::Rejected { error, retry_after: None }).boxed();
        let Some(from) = from else {
            let text = format!("the workspace has no sender {:?} any more", message.sender);
            let (class, code) = (ErrorClass::StopRoute, String::new());
            return refused(CarrierError { class, code, text });
        };
        let callbacks = self.callbacks.as_deref().map(|base| callback_url(base, message));
        let outgoing = Outgoing {
            message,
            from: &from.number,
            sender_kind: from.kind,
            callback_url: callbacks.as_deref(),
            validity: None,
            now,
        };
        match self.provider.request(&outgoing) {
            Ok(request) => self.send(request).boxed(),
            Err(error) => refused(error),
        }
    }

    fn looks_up(&self) -> bool {
        self.provider.looks_up()
    }

    fn look_up<'a>(
        &'a self,
        message: &'a Message,
        from: Option<&'a Sender>,
    ) -> Option<BoxFuture<'a, LookedUp>> {
        let number = from?.number.as_str();
        let request = self.provider.look_up(message, number)?;
        let asked = async move {
            match self.ask(request).await {
                Came::Answered { status, headers, body } => {
                    let answer = Answer { status, headers: &headers, body: &body };
                    self.provider.looked_up(message, number, &answer)
                }
                Came::NotSent(why) | Came::Lost(why) => LookedUp::Failed(why),
            }
        };
        Some(asked.boxed())
    }

    fn poll(&self, _now: Timestamp) -> Vec<GatewayEvent> {
        Vec::new()
    }

    fn next_event(&self) -> Option<Timestamp> {
        None
    }

    fn room(&self) -> usize {
        self.window.saturating_sub(self.in_flight.load(Ordering::Acquire))
    }
}

impl Link for WebGateway {
    fn status(&self) -> Status {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Status {
            is_up: true,
            connections: 0,
            connections_up: 0,
            window: self.window,
            in_flight: self.in_flight.load(Ordering::Acquire),
            latency: self.latencies.percentiles(),
            last_up_at: seen.answered_at,
            next_try_at: None,
            last_problem: seen.problem,
            peer: None,
        }
    }

    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        async move {
            let Some(request) = self.provider.check(self.events.now()) else {
                return Err("this kind of gateway has nothing to ask without sending; send a test"
                    .to_owned());
            };
            match self.ask(request).await {
                Came::Answered { status, headers, body } => {
                    let answer = Answer { status, headers: &headers, body: &body };
                    match self.provider.check_answer(&answer) {
                        Ok(()) => Ok(format!("{} knows the account", self.provider.kind().title)),
                        Err(error) => Err(error.line()),
                    }
                }
                Came::NotSent(why) | Came::Lost(why) => Err(why),
            }
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        ready(()).boxed()
    }
}
