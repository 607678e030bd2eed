//! The only place that reads a clock, waits, loops or draws at random.
//!
//! Must never decide anything: it hands instants to those who do.

#![allow(clippy::disallowed_methods, reason = "the one place where time comes into the program")]

use crate::live::{Inbox, Stages};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use wayline_core::time::{Span, Timestamp};

/// Real time since it was made: for progress and summaries, never for decisions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// The program's clock: real time, or faster for demonstrations. It never goes back while the program runs.
#[derive(Debug)]
pub(crate) struct Clock {
    speed: u32,
    /// Where a fast clock began, and when that was.
    from: Timestamp,
    started: Instant,
    latest: AtomicI64,
}

impl Clock {
    /// Starts the clock. A fast one goes on where the store is, when that is ahead of the real time.
    pub(crate) fn start(speed: u32, store_at: Option<Timestamp>) -> Clock {
        let from = match store_at {
            Some(at) if speed > 1 => at.max(wall()),
            _ => wall(),
        };
        Clock { speed, from, started: Instant::now(), latest: AtomicI64::new(from.0) }
    }

    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        let now = if self.speed == 1 {
            wall()
        } else {
            let real = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX);
            self.from + Span(real.saturating_mul(i64::from(self.speed)) / 1_000)
        };
        // Somebody may set the machine's clock back.
        let latest = self.latest.fetch_max(now.0, Ordering::Relaxed);
        now.max(Timestamp(latest))
    }

    /// Whether it runs faster than real time.
    pub(crate) fn is_fast(&self) -> bool {
        self.speed > 1
    }

    /// How long it really takes until `span` of this clock has passed.
    fn really(&self, span: Span) -> Duration {
        let micros = u64::try_from(span.0.max(0)).unwrap_or(0).saturating_mul(1_000);
        Duration::from_micros(micros / u64::from(self.speed))
    }
}

fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX).min(Timestamp::MAX.0))
}

/// Bytes nobody can guess, from the operating system: for secrets and ids of requests, never for decisions.
///
/// # Errors
/// When the operating system has none to give.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// The longest the engine sleeps: a clock that was set forward is noticed by then.
const NAP: Duration = Duration::from_millis(500);
/// The shortest it sleeps when there was nothing to do.
const BREATH: Duration = Duration::from_millis(1);
/// How long the engine waits after its store failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);
/// How long a stopping engine waits for answers of gateways.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// Runs the stages until `inbox` is told to stop: takes what has come, lets everything due happen, waits for more.
pub(crate) async fn engine(mut stages: Stages, mut inbox: Inbox, clock: &Clock) -> Stages {
    let mut stop = inbox.stop();
    while !*stop.borrow() {
        let round = stages.round(&mut inbox, || clock.now()).await;
        let wait = match &round {
            Ok(round) if round.did > 0 => continue,
            Ok(round) => {
                let until = round.next.map(|next| clock.really(next - clock.now()));
                // What is due and cannot be done yet (all gateways are busy) must not make it run in circles.
                until.unwrap_or(NAP).clamp(BREATH, NAP)
            }
            Err(_) => PAUSE_AFTER_FAILURE,
        };
        tokio::select! {
            () = inbox.wait(), if round.is_ok() => {}
            _ = stop.wait_for(|stop| *stop) => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    // Whoever was accepted is told so, and what is at a gateway is stored when its answer comes in time.
    let end = Instant::now() + LAST_ANSWERS;
    loop {
        let finished = stages.finish(&mut inbox, clock.now()).await;
        let left = end.saturating_duration_since(Instant::now());
        if finished || left.is_zero() {
            return stages;
        }
        tokio::select! {
            () = inbox.wait_for_answers() => {}
            () = tokio::time::sleep(left.min(NAP)) => {}
        }
    }
}

/// Calls `work` every `period` of real time until `stop` resolves.
pub(crate) async fn every(
    period: Duration,
    stop: impl Future<Output = ()>,
    mut work: impl AsyncFnMut(),
) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = ticks.tick() => work().await,
        }
    }
}

/// As [`every`], for work that is done at once.
pub(crate) async fn repeat(period: Duration, mut stop: watch::Receiver<bool>, work: impl Fn()) {
    let mut ticks = tokio::time::interval(period);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = ticks.tick() => work(),
        }
    }
}

/// Waits so long.
pub(crate) async fn pause(span: Duration) {
    tokio::time::sleep(span).await;
}

/// Gives a future so long.
pub(crate) async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}

/// Limits of connections.
pub(crate) struct Http {
    /// Open at one time; more wait in the operating system's queue.
    pub(crate) connections_max: usize,
    /// For sending headers, and for silence between two requests.
    pub(crate) header_timeout: Duration,
}

/// How long requests under way are given when the program stops.
const LAST_REQUESTS: Duration = Duration::from_secs(10);
/// How long an answer may wait to be read by the other side.
const UNREAD_MILLISECONDS_MAX: u32 = 60_000;
/// How long to wait when no connection can be taken (too many open files).
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// Serves HTTP until `stop` says so, then lets the requests under way end.
pub(crate) async fn listen(
    listener: TcpListener,
    limits: Http,
    router: axum::Router,
    mut stop: watch::Receiver<bool>,
) {
    let connections = Arc::new(Semaphore::new(limits.connections_max));
    let graceful = GracefulShutdown::new();
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_headers(100);
    loop {
        let next = async {
            let room = Arc::clone(&connections).acquire_owned().await;
            (room, listener.accept().await)
        };
        let (Ok(room), accepted) = (tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            next = next => next,
        }) else {
            break;
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(PAUSE_AFTER_REFUSAL).await;
                continue;
            }
        };
        // Answers are small: waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        // Who does not read answers must not keep a connection for ever.
        let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, UNREAD_MILLISECONDS_MAX);
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(server.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(room);
        });
    }
    drop(listener);
    if within(LAST_REQUESTS, graceful.shutdown()).await.is_none() {
        tracing::warn!("requests were still under way at the end");
    }
}

/// The runtime of everything but the engine.
///
/// # Errors
/// When the operating system gives no threads.
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// The number of SIGXFSZ wherever we run: a file grew beyond what the process is allowed.
const FILE_TOO_LARGE: i32 = 25;

/// Makes a limit on the size of files (`ulimit -f`) an error of one write, like a full disk. The operating system
/// would end the program.
pub(crate) fn hear_file_limits() {
    use tokio::signal::unix::{SignalKind, signal};
    // Whoever listens to it is not ended by it; there is nothing to be heard.
    if let Err(error) = signal(SignalKind::from_raw(FILE_TOO_LARGE)) {
        tracing::warn!(%error, "a limit on the size of files would end the program");
    }
}

/// Until somebody says stop: Ctrl-C or SIGTERM. It is heard from this call on, not from when it is waited for.
pub(crate) fn told_to_stop() -> impl Future<Output = ()> {
    use tokio::signal::unix::{Signal, SignalKind, signal};
    let listen = |kind, name: &'static str| match signal(kind) {
        Ok(signal) => Some(signal),
        Err(error) => {
            tracing::warn!(%error, name, "a signal to stop cannot be heard");
            None
        }
    };
    async fn comes(signal: Option<Signal>) {
        match signal {
            Some(mut signal) => _ = signal.recv().await,
            None => std::future::pending().await,
        }
    }
    let interrupt = listen(SignalKind::interrupt(), "SIGINT");
    let terminate = listen(SignalKind::terminate(), "SIGTERM");
    async move {
        tokio::select! {
            () = comes(interrupt) => {}
            () = comes(terminate) => {}
        }
    }
}
