//! One connection to a carrier: opens it, binds, carries what is asked, and opens it again when it broke.
//!
//! All of the protocol is in the session of `wayline-smpp`; this moves bytes and instants. Must never tell a carrier that
//! a delivery is taken before the engine has said that it is durable.

use super::arriving::{Arriving, Heard};
use super::flight::{Attempt, Came, Cargo, Flight};
use super::settings::SmppSettings;

use crate::gateway::{Classes, Taken, tls};
use crate::live::is_public;
use crate::run::{self, Stopwatch};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use wayline_core::time::Timestamp;
use wayline_pipeline::gateway::{GatewayEvent, LateAnswer};
use wayline_smpp::{BindMode, CloseReason, DeliveryId, Event, Session, SessionConfig, Status};

/// How long opening a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long to wait before a connection is opened again: doubled each time …
const AGAIN_MIN: Duration = Duration::from_millis(500);
/// … up to this.
const AGAIN_MAX: Duration = Duration::from_secs(60);
/// A connection that lived so long was good: the next one is opened soon. A carrier that cuts connections every few
/// seconds is there all the same, and pauses of a minute would leave it unused.
const GOOD: Duration = Duration::from_secs(5);
/// For how long a connection that broke still counts as there: messages wait for it rather than take another route.
pub(super) const BLIP: Duration = Duration::from_secs(5);
/// How long writing may wait for the carrier to read.
const WRITE_WITHIN: Duration = Duration::from_secs(20);
/// How long a connection that is to end waits for what is under way.
const ENDS_WITHIN: Duration = Duration::from_secs(40);
const READ_BYTES: usize = 64 * 1024;

/// What a connection is asked.
pub(super) enum Ask {
    /// Submit a message.
    Submit(Cargo),
    /// The deliveries of a session are durable.
    Taken(u64, Vec<DeliveryId>),
    /// End in order.
    Unbind,
}

/// What a connection tells of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct BindStatus {
    /// Since when it is bound, or when it last was.
    pub(crate) bound_at: Option<Timestamp>,
    /// Why it is not, or was not before.
    pub(crate) last_end: Option<String>,
    /// When it is tried again.
    pub(crate) next_try_at: Option<Timestamp>,
    /// How the carrier calls itself.
    pub(crate) system_id: String,
}

/// A connection as others see it.
pub(super) struct Bind {
    pub(super) mode: BindMode,
    pub(super) window: usize,
    pub(super) asks: mpsc::UnboundedSender<Ask>,
    pub(super) state: Arc<State>,
}

impl Bind {
    pub(super) fn is_bound(&self) -> bool {
        self.state.is_bound.load(Ordering::Acquire)
    }

    /// Parts that can be submitted at once.
    pub(super) fn room(&self) -> usize {
        self.window.saturating_sub(self.state.open.load(Ordering::Acquire))
    }
}

/// What the connection's task and everybody else share.
pub(super) struct State {
    pub(super) is_bound: AtomicBool,
    /// Parts handed over and not settled.
    pub(super) open: AtomicUsize,
    pub(super) status: Mutex<BindStatus>,
    /// Since when it is not bound.
    down: Mutex<Stopwatch>,
}

impl Default for State {
    fn default() -> State {
        State {
            is_bound: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            status: Mutex::default(),
            down: Mutex::new(Stopwatch::start()),
        }
    }
}

impl State {
    /// How long it has not been bound; it is asked of connections that are not.
    pub(super) fn down_for(&self) -> Duration {
        self.down.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    fn went_down(&self) {
        if self.is_bound.swap(false, Ordering::AcqRel) {
            *self.down.lock().unwrap_or_else(PoisonError::into_inner) = Stopwatch::start();
        }
    }

    pub(super) fn status(&self) -> std::sync::MutexGuard<'_, BindStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, parts: usize) {
        if parts > 0 {
            self.open.fetch_sub(parts, Ordering::AcqRel);
        }
    }
}

/// Everything a connection's task needs.
pub(super) struct Task {
    pub(super) settings: Arc<SmppSettings>,
    pub(super) config: SessionConfig,
    pub(super) asks: mpsc::UnboundedReceiver<Ask>,
    pub(super) own: mpsc::WeakUnboundedSender<Ask>,
    pub(super) state: Arc<State>,
    pub(super) arriving: Arriving,
    pub(super) heard: Heard,
    pub(super) classes: Classes,
    pub(super) window: usize,
    pub(super) private: bool,
}

/// How a connection ended.
enum End {
    /// It was asked to.
    Asked,
    /// It broke, or never came about.
    Broke(String),
}

/// Writes what the session has to say; why not, when it could not be.
async fn write(
    writer: &mut (impl AsyncWrite + Unpin),
    session: &mut Session,
) -> Result<(), String> {
    while let Some(bytes) = session.output() {
        match run::within(WRITE_WITHIN, writer.write_all(&bytes)).await {
            Some(Ok(())) => {}
            Some(Err(error)) => return Err(format!("writing to the carrier failed: {error}")),
            None => return Err("the carrier does not read".to_owned()),
        }
    }
    Ok(())
}

/// How a connection ended that was asked to, or not.
fn ended(ending: Option<Duration>, why: String) -> End {
    if ending.is_some() { End::Asked } else { End::Broke(why) }
}

impl Task {
    /// Keeps the connection until it is told to unbind or nobody is left who could ask.
    pub(super) async fn run(mut self) {
        let mut wait = AGAIN_MIN;
        loop {
            let lived = Stopwatch::start();
            let end = self.connection().await;
            self.state.went_down();
            self.heard.wake();
            let why = match end {
                End::Asked => {
                    self.refuse_all();
                    return;
                }
                End::Broke(why) => why,
            };
            wait = if lived.elapsed() >= GOOD { AGAIN_MIN } else { wait };
            tracing::warn!(gateway = self.heard.gateway(), %why, again_in = ?wait, "the connection to a carrier ended");
            {
                let mut status = self.state.status();
                status.last_end = Some(why);
                let millis = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
                status.next_try_at = Some(self.heard.now() + wayline_core::time::Span(millis));
            }
            if !self.pause(wait).await {
                self.refuse_all();
                return;
            }
            wait = (wait * 2).min(AGAIN_MAX);
        }
    }

    /// Waits, refusing what is asked meanwhile. `false`: it was told to end.
    async fn pause(&mut self, wait: Duration) -> bool {
        let since = Stopwatch::start();
        loop {
            let Some(left) = wait.checked_sub(since.elapsed()).filter(|left| !left.is_zero())
            else {
                return true;
            };
            match run::within(left, self.asks.recv()).await {
                None => return true,
                Some(None | Some(Ask::Unbind)) => return false,
                Some(Some(ask)) => self.refuse(ask),
            }
        }
    }

    fn refuse(&mut self, ask: Ask) {
        match ask {
            Ask::Submit(cargo) => {
                let parts = cargo.parts.len();
                let _ = cargo.reply.send(Came::NotSent);
                self.state.settle(parts);
            }
            // The carrier hears of it when it tells them again.
            Ask::Taken(of, ids) => drop(self.arriving.durable(of, ids)),
            Ask::Unbind => {}
        }
    }

    fn refuse_all(&mut self) {
        self.asks.close();
        while let Ok(ask) = self.asks.try_recv() {
            self.refuse(ask);
        }
    }

    async fn connection(&mut self) -> End {
        let (host, port) = (self.settings.host.clone(), self.settings.port);
        let connecting = async {
            let stream = TcpStream::connect(&*self.addresses(&host, port).await?).await?;
            // A submit must not wait for the next one to fill a packet.
            stream.set_nodelay(true)?;
            Ok::<_, io::Error>(stream)
        };
        let stream = match run::within(CONNECT_WITHIN, connecting).await {
            None => return End::Broke(format!("{host}:{port} did not answer within 10 s")),
            Some(Err(error)) => {
                return End::Broke(format!("{host}:{port} cannot be reached: {error}"));
            }
            Some(Ok(stream)) => stream,
        };
        if !self.settings.tls {
            return self.session(stream).await;
        }
        let certificate = self.settings.tls_certificate.as_deref();
        let encrypting = tls::connect(stream, &host, certificate);
        match run::within(CONNECT_WITHIN, encrypting).await {
            None => End::Broke(format!("{host}:{port} did not finish the TLS handshake")),
            Some(Err(error)) => End::Broke(format!("TLS with {host}:{port} failed: {error}")),
            Some(Ok(stream)) => self.session(stream).await,
        }
    }

    /// Where the carrier is; never in a private network unless that is allowed.
    async fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let found = tokio::net::lookup_host((host, port)).await?;
        let allowed: Vec<SocketAddr> =
            found.filter(|address| self.private || is_public(address.ip())).collect();
        if allowed.is_empty() {
            return Err(io::Error::other(
                "it is an address of a private network; only gateways of the operator may use one, or the setting webhooks.private_addresses",
            ));
        }
        Ok(allowed)
    }

    async fn session<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: S) -> End {
        let clock = Stopwatch::start();
        let mut session = match Session::new(self.config.clone(), clock.elapsed()) {
            Ok(session) => session,
            Err(error) => return End::Broke(error.to_string()),
        };
        let mut flight = Flight::default();
        self.arriving.begins(self.heard.now());
        let end = self.carry(stream, &clock, &mut session, &mut flight).await;
        session.ended(clock.elapsed());
        let closed = self.events(&mut session, &mut flight, clock.elapsed()).await;
        self.state.settle(flight.end());
        self.arriving.ended(&self.heard);
        end.unwrap_or_else(|| match closed {
            Some(CloseReason::Unbound) => End::Broke("the carrier ended the session".to_owned()),
            Some(why) => End::Broke(why.to_string()),
            None => End::Broke("the connection closed".to_owned()),
        })
    }

    /// Moves bytes until the session is over. `None`: the session knows why.
    async fn carry<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: S,
        clock: &Stopwatch,
        session: &mut Session,
        flight: &mut Flight,
    ) -> Option<End> {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut buffer = vec![0; READ_BYTES];
        // Since when it is to end. What is under way goes on, and deliveries are still answered.
        let mut ending: Option<Duration> = None;
        let mut is_asked = true;
        loop {
            self.state.settle(flight.fill(session, clock.elapsed()));
            if ending
                .is_some_and(|since| flight.is_empty() || clock.elapsed() >= since + ENDS_WITHIN)
            {
                session.unbind(clock.elapsed());
            }
            if let Err(why) = write(&mut writer, session).await {
                return Some(ended(ending, why));
            }
            self.arriving.written(&self.heard);
            if session.is_closed() {
                return ending.map(|_| End::Asked);
            }
            let now = clock.elapsed();
            let ends = ending.map(|since| since + ENDS_WITHIN);
            let timeouts = [
                session.next_timeout(),
                flight.next_timeout(),
                ends.filter(|_| session.is_bound()),
            ];
            let wait = timeouts.into_iter().flatten().min().map(|due| due.saturating_sub(now));
            let wants_input = session.wants_input();
            tokio::select! {
                biased;
                ask = self.asks.recv(), if is_asked => {
                    is_asked = ask.is_some();
                    let ends = self.asked(ask, ending.is_some(), session, flight, clock.elapsed());
                    ending = ending.or(ends.then(|| clock.elapsed()));
                    if ending.is_some() {
                        self.state.went_down();
                    }
                },
                read = reader.read(&mut buffer), if wants_input => match read {
                    Ok(0) => return ending.map(|_| End::Asked),
                    Ok(count) => {
                        session.receive(buffer.get(..count).unwrap_or_default(), clock.elapsed());
                    }
                    Err(error) => {
                        return Some(ended(ending, format!("reading from the carrier failed: {error}")));
                    }
                },
                () = run::pause(wait.unwrap_or(Duration::MAX)), if wait.is_some() => {
                    session.tick(clock.elapsed());
                }
            }
            if let Some(why) = self.events(session, flight, clock.elapsed()).await {
                // What is left to be said (an answer, a nack, an unbind) is said before the connection closes.
                if write(&mut writer, session).await.is_ok() {
                    self.arriving.written(&self.heard);
                }
                return Some(ended(ending, why.to_string()));
            }
        }
    }

    fn ask(&mut self, ask: Ask, session: &mut Session, flight: &mut Flight, now: Duration) {
        match ask {
            Ask::Submit(cargo) => self.state.settle(flight.take(cargo, session, now)),
            Ask::Taken(of, ids) => {
                for id in self.arriving.durable(of, ids) {
                    session.acknowledge(id, Status::OK, now);
                }
            }
            Ask::Unbind => {}
        }
    }

    /// Does what is asked, and what else has been asked meanwhile: it goes into the same packet. Returns whether the
    /// connection is to end.
    fn asked(
        &mut self,
        ask: Option<Ask>,
        mut ends: bool,
        session: &mut Session,
        flight: &mut Flight,
        now: Duration,
    ) -> bool {
        ends |= ask.is_none();
        let mut next = ask;
        while let Some(ask) = next {
            match ask {
                Ask::Unbind => ends = true,
                ask if ends => self.ask_at_the_end(ask, session, now),
                ask => self.ask(ask, session, flight, now),
            }
            next = self.asks.try_recv().ok();
        }
        ends
    }

    /// As [`Task::ask`], for a connection that takes nothing new.
    fn ask_at_the_end(&mut self, ask: Ask, session: &mut Session, now: Duration) {
        match ask {
            Ask::Taken(..) => self.ask(ask, session, &mut Flight::default(), now),
            ask => self.refuse(ask),
        }
    }

    /// The answer to a message that is `unknown` by now. Should the program die first, its receipt will tell.
    fn late(&self, late: Option<(Attempt, Came)>) {
        let Some((of, came)) = late else { return };
        let late = LateAnswer {
            gateway: self.heard.gateway().to_owned(),
            message: of.message,
            run: of.run,
            attempt: of.number,
            outcome: super::outcome(&self.classes, came),
            looked_up: None,
            at: self.heard.now(),
        };
        self.heard.tell(vec![GatewayEvent::Late(Box::new(late))], Taken::new(|| {}));
    }

    /// Hears what the session tells; the reason, when it is over.
    async fn events(
        &mut self,
        session: &mut Session,
        flight: &mut Flight,
        now: Duration,
    ) -> Option<CloseReason> {
        let (mut closed, mut is_answered) = (None, false);
        while let Some(event) = session.event() {
            match event {
                Event::Bound { system_id, .. } => {
                    {
                        let mut status = self.state.status();
                        status.bound_at = Some(self.heard.now());
                        status.next_try_at = None;
                        status.system_id = system_id;
                    }
                    self.state.is_bound.store(true, Ordering::Release);
                    self.heard.wake();
                }
                Event::Answered { token, answer } => {
                    is_answered = true;
                    self.state.settle(flight.answered(token, answer, now));
                }
                Event::Late { token, answer } => self.late(flight.late(token, answer)),
                Event::Arrived { id, delivery } => {
                    self.arriving.take(id, &delivery, self.heard.now());
                }
                Event::Closed { why } => closed = Some(why),
            }
        }
        if is_answered {
            // Who waits for an answer hears of it before the engine hears of receipts: a place that is free again must
            // not wait until those are stored.
            tokio::task::yield_now().await;
        }
        self.arriving.hand_over(&self.heard, &self.own);
        closed
    }
}
