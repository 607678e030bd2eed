//! Accept and advance: inputs run through the core, and everything they lead to is one commit.
//!
//! An input is acknowledged when the batch that holds it and all its effects is durable; there is no inbox to
//! drain (docs/decisions/0001). Must never acknowledge before, nor let two turns touch a contact at one time.

use crate::apart::nothing;
use crate::delivered::Connections;
use crate::gateway::Shared;
use crate::hot::Hot;
use crate::ingest::Arrival;
use crate::loops::Talkers;
use crate::schedule::Served;
use crate::stopped::stopped_by_number;
use crate::tick::Tick;
use crate::turn::{About, Care, Committable, Turn, Work};
use crate::windows;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use wayline_core::evaluate::earliest;
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::journey::engine::Engine;
use wayline_core::limits;
use wayline_core::message::Message;
use wayline_core::time::Timestamp;
use wayline_store::batch::{Batch, Identity, Op, Sequences, SweepRow};
use wayline_store::{Store, StoreError};

/// What a stage could not do. Nothing of the turn is kept then; the work is still in the store, or with the
/// one who sent it.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something stored cannot be read.
    #[error("{0}")]
    Damaged(String),
    /// A stored definition does not compile any more.
    #[error("the definitions of workspace {workspace} do not compile: {problems}")]
    Definitions {
        /// Text id.
        workspace: String,
        /// What is wrong.
        problems: String,
    },
    /// A workspace that is not there.
    #[error("there is no workspace {workspace}; publish one first")]
    NoWorkspace {
        /// Which was asked for.
        workspace: WorkspaceId,
    },
    /// A journey that is not there.
    #[error("workspace {workspace} has no journey {journey:?}; publish it first")]
    NoJourney {
        /// Text id of the workspace.
        workspace: String,
        /// Text id that was asked for.
        journey: String,
    },
    /// A contact that is not there.
    #[error("the workspace has no contact {contact}; look it up by the id you gave it")]
    NoContact {
        /// Which was asked for.
        contact: ContactId,
    },
    /// More inputs than one turn takes.
    #[error(
        "{given} inputs at once, at most {} are taken; send them in several batches",
        limits::BATCH_INPUTS_MAX
    )]
    TooMany {
        /// How many were given.
        given: usize,
    },
}

/// What became of an accepted input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Taken.
    Taken(ContactId),
    /// Taken before: nothing was done.
    Duplicate,
}

/// What a turn did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Done {
    /// Messages to hand to their gateways now.
    pub(crate) submissions: Vec<Message>,
}

/// Gets each batch after it is durable: live feeds, exports, checkers.
pub type Observer = Box<dyn FnMut(Batch) + Send>;

/// The stages over one store.
pub struct Pipeline {
    pub(crate) store: Arc<Store>,
    pub(crate) engines: BTreeMap<WorkspaceId, Arc<Engine>>,
    pub(crate) sequences: Sequences,
    pub(crate) hot: Hot,
    /// Workspaces whose contacts are looked at once more because definitions changed, and how far that is.
    pub(crate) refreshes: BTreeMap<WorkspaceId, SweepRow>,
    /// Whose turn it was.
    pub(crate) served: Served,
    pub(crate) run: u64,
    observer: Option<Observer>,
    /// Inputs that became dead letters since the start.
    pub dead_letters: u64,
    /// Who may use which of the operator's gateways.
    pub(crate) sharing: BTreeMap<String, Shared>,
    /// Who writes without pause.
    pub(crate) talkers: Talkers,
    /// Connections to carriers that give texts no id, that are open.
    pub(crate) connections: Connections,
    /// When parts of texts may have been waited for too long; `None`: nobody has asked since the start.
    pub(crate) parts_due: Option<Timestamp>,
    /// What was set aside and not told yet.
    pub(crate) set_aside: Vec<String>,
}

impl Pipeline {
    /// Opens the stages over a store and compiles what it defines.
    ///
    /// # Errors
    /// When the store cannot be read or a definition does not compile.
    pub async fn open(store: Arc<Store>) -> Result<Pipeline, PipelineError> {
        let sequences = store.sequences().await?;
        let run = store.run().await?;
        let mut pipeline = Pipeline {
            store,
            engines: BTreeMap::new(),
            // Ids start at 1: enrollment 0 stands for "the contact itself" in wakes.
            sequences: Sequences {
                contact: sequences.contact.max(1),
                enrollment: sequences.enrollment.max(1),
                seq: sequences.seq.max(1),
            },
            hot: Hot::default(),
            refreshes: BTreeMap::new(),
            served: Served::default(),
            run,
            observer: None,
            dead_letters: 0,
            sharing: BTreeMap::new(),
            talkers: Talkers::default(),
            connections: Connections::default(),
            parts_due: None,
            set_aside: Vec::new(),
        };
        pipeline.reload().await?;
        Ok(pipeline)
    }

    /// Has each batch shown after it is durable.
    pub fn observe(&mut self, observer: Observer) {
        self.observer = Some(observer);
    }

    /// The store underneath.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The compiled definitions of all workspaces.
    pub fn engines(&self) -> impl Iterator<Item = &Arc<Engine>> {
        self.engines.values()
    }

    /// The compiled definitions of a workspace.
    #[must_use]
    pub fn engine(&self, workspace: WorkspaceId) -> Option<&Arc<Engine>> {
        self.engines.get(&workspace)
    }

    /// Takes inputs, each decided at its instant. What is returned is durable.
    ///
    /// # Errors
    /// When nothing was taken: the store failed, or there were too many.
    pub async fn accept(
        &mut self,
        arrivals: &[(Arrival, Timestamp)],
    ) -> Result<Vec<Accepted>, PipelineError> {
        self.take(arrivals, false).await
    }

    /// As [`Pipeline::accept`] on a virtual clock: stops, with fewer answers, before an input of a contact that
    /// has something else to do first (a timer, a message on its way). Takes at least one.
    ///
    /// # Errors
    /// As [`Pipeline::accept`].
    pub async fn accept_in_turn(
        &mut self,
        arrivals: &[(Arrival, Timestamp)],
    ) -> Result<Vec<Accepted>, PipelineError> {
        self.take(arrivals, true).await
    }

    async fn take(
        &mut self,
        arrivals: &[(Arrival, Timestamp)],
        in_turn: bool,
    ) -> Result<Vec<Accepted>, PipelineError> {
        match self.try_take(arrivals, in_turn, Care::Swift).await? {
            Some(answers) => Ok(answers),
            None => Ok(self.try_take(arrivals, in_turn, Care::Careful).await?.unwrap_or_default()),
        }
    }

    /// `None`: an input failed, and the turn was given up. Never so with [`Care::Careful`].
    async fn try_take(
        &mut self,
        arrivals: &[(Arrival, Timestamp)],
        in_turn: bool,
        care: Care,
    ) -> Result<Option<Vec<Accepted>>, PipelineError> {
        if arrivals.len() > limits::BATCH_INPUTS_MAX {
            return Err(PipelineError::TooMany { given: arrivals.len() });
        }
        let fresh = self.unknown(arrivals).await?;
        let mut known = self.known_contacts(arrivals, &fresh).await?;
        let stopped = self.stopped_numbers(arrivals, &fresh).await?;
        // In an order of their own: that of a hash map is nobody's.
        let mut contacts: Vec<ContactId> = known.values().copied().collect();
        contacts.sort_unstable();
        let mut turn = Turn::new(&self.engines, self.sequences, care);
        load(&self.store, &self.engines, &mut self.hot, &mut turn, &contacts).await?;
        let mut answers = Vec::with_capacity(arrivals.len());
        for ((arrival, now), fresh) in arrivals.iter().zip(fresh) {
            let Some(first) = arrival.identities.first().filter(|_| fresh) else {
                answers.push(Accepted::Duplicate);
                continue;
            };
            let found = arrival.identities.iter().find_map(|identity| known.get(identity)).copied();
            let found = found.filter(|id| turn.may_be(*id, arrival, &known));
            if in_turn && !answers.is_empty() && found.is_some_and(|id| turn.is_busy(id, *now)) {
                break;
            }
            let external = arrival.external_id();
            let contact =
                found.unwrap_or_else(|| turn.create(first, external.map(str::to_owned), *now));
            for identity in &arrival.identities {
                if !known.contains_key(identity) {
                    known.insert(identity.clone(), contact);
                    turn.op(Op::LinkIdentity(identity.clone(), contact));
                }
            }
            if let Some(external) = external {
                turn.learn_external_id(contact, external);
            }
            let about = About {
                workspace: arrival.workspace,
                contact,
                input_id: arrival.input_id,
                logged: true,
                now: *now,
            };
            turn.run(about, &arrival.input);
            if let Some(work) = stopped_by_number(&turn, &stopped, contact, *now) {
                turn.run(work.about(), &work.input);
            }
            if turn.failed {
                return Ok(None);
            }
            answers.push(Accepted::Taken(contact));
        }
        let done = finish(turn, self.sequences)?;
        debug_assert!(done.submissions.is_empty(), "only dispatch hands messages out");
        self.commit(done).await?;
        Ok(Some(answers))
    }

    /// Whose the identities of fresh arrivals are, as far as that is known.
    async fn known_contacts(
        &self,
        arrivals: &[(Arrival, Timestamp)],
        fresh: &[bool],
    ) -> Result<FxHashMap<Identity, ContactId>, PipelineError> {
        let identities: Vec<Identity> = arrivals
            .iter()
            .zip(fresh)
            .filter(|(_, fresh)| **fresh)
            .flat_map(|((arrival, _), _)| arrival.identities.iter().cloned())
            .collect();
        let found = self.store.contact_by_identities(&identities).await?;
        let known = identities.into_iter().zip(found);
        Ok(known.filter_map(|(identity, found)| Some((identity, found?))).collect())
    }

    /// Which arrivals were not taken before, here or in this very list.
    async fn unknown(&self, arrivals: &[(Arrival, Timestamp)]) -> Result<Vec<bool>, PipelineError> {
        let mut fresh = vec![true; arrivals.len()];
        let workspaces: BTreeSet<WorkspaceId> =
            arrivals.iter().map(|(arrival, _)| arrival.workspace).collect();
        for workspace in workspaces {
            let (mut places, mut ids) = (Vec::new(), Vec::new());
            let mut seen = FxHashSet::default();
            for (place, (arrival, _)) in arrivals.iter().enumerate() {
                let Some(id) = arrival.input_id.filter(|_| arrival.workspace == workspace) else {
                    continue;
                };
                if seen.insert(id) {
                    places.push(place);
                    ids.push(id);
                } else {
                    fresh[place] = false;
                }
            }
            let known = self.store.inputs_known(workspace, &ids).await?;
            for (place, known) in places.into_iter().zip(known) {
                fresh[place] &= !known;
            }
        }
        Ok(fresh)
    }

    /// Wakes contacts whose time has come, at most `limit` of them. Returns how many there were.
    ///
    /// # Errors
    /// When the store failed; nothing of the turn is kept.
    pub async fn wake(&mut self, tick: Tick, limit: usize) -> Result<usize, PipelineError> {
        let due = self.store.wakes_due(tick.until(), limit.min(limits::PAGE_ROWS_MAX)).await?;
        let works: Vec<Work> =
            due.iter().map(|due| Work::timer(due, tick.at(due.wake.due))).collect();
        let count = works.len();
        self.work_apart(works, nothing).await?;
        Ok(count)
    }

    /// Runs inputs of known contacts as one turn and commits it.
    pub(crate) async fn work(&mut self, works: Vec<Work>) -> Result<Done, PipelineError> {
        self.work_with(works, Vec::new()).await
    }

    /// As [`Pipeline::work`], with further operations in the same batch.
    pub(crate) async fn work_with(
        &mut self,
        works: Vec<Work>,
        ops: Vec<Op>,
    ) -> Result<Done, PipelineError> {
        self.work_on(&works, &ops, 1).await
    }

    /// As [`Pipeline::work_with`]; what fails becomes a dead letter of so many attempts.
    pub(crate) async fn work_on(
        &mut self,
        works: &[Work],
        ops: &[Op],
        attempts: u32,
    ) -> Result<Done, PipelineError> {
        if works.is_empty() && ops.is_empty() {
            return Ok(Done::default());
        }
        match self.try_work(works, ops, Care::Swift, attempts).await? {
            Some(done) => Ok(done),
            None => {
                let done = self.try_work(works, ops, Care::Careful, attempts).await?;
                Ok(done.unwrap_or_default())
            }
        }
    }

    /// `None`: an input failed, and the turn was given up. Never so with [`Care::Careful`].
    async fn try_work(
        &mut self,
        works: &[Work],
        ops: &[Op],
        care: Care,
        attempts: u32,
    ) -> Result<Option<Done>, PipelineError> {
        let mut turn = Turn::new(&self.engines, self.sequences, care);
        turn.attempts = attempts;
        let contacts: Vec<ContactId> = works.iter().map(|work| work.contact).collect();
        load(&self.store, &self.engines, &mut self.hot, &mut turn, &contacts).await?;
        for work in works {
            turn.run(work.about(), &work.input);
            if turn.failed {
                return Ok(None);
            }
        }
        for op in ops {
            turn.op(op.clone());
        }
        let done = finish(turn, self.sequences)?;
        Ok(Some(Done { submissions: self.commit(done).await? }))
    }

    /// Makes a turn durable; returns what is to be submitted then.
    pub(crate) async fn commit(
        &mut self,
        done: Committable,
    ) -> Result<Vec<Message>, PipelineError> {
        if !done.batch.ops.is_empty()
            && let Err(error) = self.store.commit(&done.batch).await
        {
            // Whether it was kept may not be known: what is remembered here may be wrong.
            self.hot.forget();
            if let Ok(sequences) = self.store.sequences().await {
                self.sequences = sequences;
            }
            return Err(error.into());
        }
        self.sequences = done.sequences;
        self.dead_letters += done.dead as u64;
        for (contact, version) in done.contacts {
            self.hot.put(contact, version);
        }
        if let Some(observer) = self.observer.as_mut().filter(|_| !done.batch.ops.is_empty()) {
            observer(done.batch);
        }
        Ok(done.submissions)
    }

    /// The instant of the next thing that time alone brings: a wake, a queued message, a call, a schedule.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, PipelineError> {
        Ok(earliest(self.next_due_but_calls().await?, self.store.next_call_due().await?))
    }

    /// As [`Pipeline::next_due`], for a driver that makes the calls itself.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn next_due_but_calls(&self) -> Result<Option<Timestamp>, PipelineError> {
        Ok(earliest(self.next_due_but_messages().await?, self.store.next_message_due().await?))
    }

    /// As [`Pipeline::next_due_but_calls`], for a driver that also hands out by lanes: that stage says itself when it has
    /// something to do again.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn next_due_but_messages(&self) -> Result<Option<Timestamp>, PipelineError> {
        Ok(earliest(self.store.next_wake().await?, self.next_schedule().await?))
    }
}

pub(crate) fn finish(turn: Turn<'_>, before: Sequences) -> Result<Committable, PipelineError> {
    turn.into_batch(before).map_err(PipelineError::Damaged)
}

/// Loads contacts that the turn does not hold yet, their windows filled for the definitions of now.
pub(crate) async fn load(
    store: &Store,
    engines: &BTreeMap<WorkspaceId, Arc<Engine>>,
    hot: &mut Hot,
    turn: &mut Turn<'_>,
    contacts: &[ContactId],
) -> Result<(), PipelineError> {
    let mut missing = Vec::new();
    for id in contacts {
        if turn.holds(*id) {
            continue;
        }
        match hot.take(*id) {
            Some(known) => {
                turn.resume(known);
                windows::fill(store, engines, turn, *id).await.map_err(of_one)?;
            }
            None => missing.push(*id),
        }
    }
    missing.sort_unstable();
    missing.dedup();
    let records = store.contacts(&missing).await.map_err(|error| of_one(error.into()))?;
    for (id, record) in missing.into_iter().zip(records) {
        let Some(record) = record else { continue };
        turn.load(id, &record).map_err(PipelineError::Damaged)?;
        windows::fill(store, engines, turn, id).await.map_err(of_one)?;
    }
    Ok(())
}

/// A row that cannot be read is the matter of its contact; were the whole store damaged, nothing could be set aside.
fn of_one(error: PipelineError) -> PipelineError {
    match error {
        PipelineError::Store(error @ StoreError::Corrupt { .. }) => {
            PipelineError::Damaged(error.to_string())
        }
        other => other,
    }
}
