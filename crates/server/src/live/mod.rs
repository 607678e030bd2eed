//! The live pipeline: one thread owns the stages, everybody else sends it commands and gets answers.
//!
//! ```text
//!  HTTP ── Live::accept ──▶ inbox ─▶ round: accept · answers · receipts · schedules · wakes · claims ─▶ gateways
//!                             ▲                                                                        │
//!                             └───────────────────────── answers ◀─────────────────────────────────────┘
//! ```
//! Inputs that wait while a commit is in flight go into the next one together. Must never acknowledge before
//! the commit, and must never hold more than a bounded number of inputs.

mod feed;
mod outside;
mod received;
mod sandbox;
mod stages;
mod webhook;

pub(crate) use feed::{Feed, FeedEvent};
pub(crate) use sandbox::gateways;
pub(crate) use stages::Stages;
pub(crate) use webhook::{PublicOnly, WebCaller, is_public, reason, refuse_private_host};

pub(crate) use outside::{Outcome, Outside};
pub(crate) use stages::Flow;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use wayline_core::time::Timestamp;
use wayline_pipeline::ingest::Arrival;
use wayline_pipeline::{Accepted, Pipeline, PipelineError};
use wayline_store::StoreError;

/// Inputs that may wait for their commit at one time; who brings more waits.
const INPUTS_WAITING_MAX: usize = 20_000;
/// Commands that may wait at one time.
const COMMANDS_WAITING_MAX: usize = 4_096;

/// Why the engine did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum LiveError {
    /// It is stopping.
    #[error("wayline is stopping; send it again to the next start")]
    Stopping,
    /// The store could not; nothing was taken.
    #[error("{0}")]
    Store(String),
    /// Something stored cannot be used.
    #[error("{0}")]
    Damaged(String),
    /// Definitions that do not compile.
    #[error("{0}")]
    Definitions(String),
}

impl From<PipelineError> for LiveError {
    fn from(error: PipelineError) -> Self {
        match error {
            PipelineError::Store(error) => error.into(),
            PipelineError::Definitions { .. } => LiveError::Definitions(error.to_string()),
            _ => LiveError::Damaged(error.to_string()),
        }
    }
}

impl From<StoreError> for LiveError {
    fn from(error: StoreError) -> Self {
        LiveError::Store(error.to_string())
    }
}

type Work = Box<dyn FnOnce(&mut Pipeline, Timestamp) + Send>;

/// What the engine is asked.
enum Command {
    /// Take inputs.
    Accept(Accept),
    /// Do something else between two turns.
    Perform(Work),
}

/// Inputs to take, and the room they have: given back when they are done, not when whoever sent them goes.
struct Accept {
    arrivals: Vec<Arrival>,
    reply: oneshot::Sender<Result<Vec<Accepted>, LiveError>>,
    _room: (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
}

/// The engine, as everybody else sees it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Live {
    commands: mpsc::Sender<Command>,
    room: Arc<Semaphore>,
    failing: watch::Receiver<Option<String>>,
}

impl Live {
    /// Takes inputs; what is returned is durable, one answer for each in its order. `held`: what has to be held as
    /// long as they are in memory.
    ///
    /// # Errors
    /// When nothing was taken.
    pub(crate) async fn accept(
        &self,
        arrivals: Vec<Arrival>,
        held: Option<OwnedSemaphorePermit>,
    ) -> Result<Vec<Accepted>, LiveError> {
        if arrivals.is_empty() {
            return Ok(Vec::new());
        }
        let weight = u32::try_from(arrivals.len().min(INPUTS_WAITING_MAX)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(weight).await;
        let _room = (room.map_err(|_| LiveError::Stopping)?, held);
        let (reply, answer) = oneshot::channel();
        let command = Command::Accept(Accept { arrivals, reply, _room });
        self.commands.send(command).await.map_err(|_| LiveError::Stopping)?;
        answer.await.map_err(|_| LiveError::Stopping)?
    }

    /// Does something with the pipeline between two turns, at the instant it comes to it. The work must be short.
    ///
    /// # Errors
    /// When the engine is stopping; whether the work was done is not known then.
    pub(crate) async fn perform<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Pipeline, Timestamp) -> T + Send + 'static,
    ) -> Result<T, LiveError> {
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |pipeline, now| {
            // Whoever asked may have gone.
            let _ = reply.send(work(pipeline, now));
        });
        self.commands.send(Command::Perform(work)).await.map_err(|_| LiveError::Stopping)?;
        answer.await.map_err(|_| LiveError::Stopping)
    }
}

impl Live {
    /// Why the store takes nothing at the moment; `None`: it does.
    pub(crate) fn failing(&self) -> Option<String> {
        self.failing.borrow().clone()
    }
}

/// The other end of [`Live`], for the engine's thread.
pub(crate) struct Inbox {
    commands: mpsc::Receiver<Command>,
    outcomes: mpsc::UnboundedReceiver<Outcome>,
    stop: watch::Receiver<bool>,
    failing: watch::Sender<Option<String>>,
    /// Taken out of the channels and not looked at yet.
    waiting: VecDeque<Command>,
    came: Vec<Outcome>,
}

impl Inbox {
    /// Both ends, and the sender of what comes back from outside.
    pub(crate) fn new(
        stop: watch::Receiver<bool>,
    ) -> (Live, Inbox, mpsc::UnboundedSender<Outcome>) {
        let (commands, inbox) = mpsc::channel(COMMANDS_WAITING_MAX);
        // Not bounded by itself: by how much the stages hand out.
        let (outcomes, came) = mpsc::unbounded_channel();
        let (failing, is_failing) = watch::channel(None);
        let room = Arc::new(Semaphore::new(INPUTS_WAITING_MAX));
        let live = Live { commands, room, failing: is_failing };
        let inbox = Inbox {
            commands: inbox,
            outcomes: came,
            stop,
            failing,
            waiting: VecDeque::new(),
            came: Vec::new(),
        };
        (live, inbox, outcomes)
    }

    /// What says that the program is to stop.
    pub(crate) fn stop(&self) -> watch::Receiver<bool> {
        self.stop.clone()
    }

    /// Until something is there to do.
    pub(crate) async fn wait(&mut self) {
        if !self.waiting.is_empty() || !self.came.is_empty() {
            return;
        }
        tokio::select! {
            Some(command) = self.commands.recv() => self.waiting.push_back(command),
            Some(outcome) = self.outcomes.recv() => self.came.push(outcome),
            else => std::future::pending().await,
        }
    }

    /// Until something came back from outside.
    pub(crate) async fn wait_for_answers(&mut self) {
        match self.outcomes.recv().await {
            Some(outcome) => self.came.push(outcome),
            None => std::future::pending().await,
        }
    }

    /// Takes in what has come by now.
    fn gather(&mut self) {
        while self.waiting.len() < COMMANDS_WAITING_MAX
            && let Ok(command) = self.commands.try_recv()
        {
            self.waiting.push_back(command);
        }
        while let Ok(outcome) = self.outcomes.try_recv() {
            self.came.push(outcome);
        }
    }

    /// Says to everybody whether the store fails.
    fn tell(&self, failing: Option<&String>) {
        self.failing.send_if_modified(|said| {
            let is_new = said.as_ref() != failing;
            *said = failing.cloned();
            is_new
        });
    }

    /// Takes no more commands: those who bring one are told that the program is stopping.
    fn close(&mut self) {
        self.commands.close();
    }
}
