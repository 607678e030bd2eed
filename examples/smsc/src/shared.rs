//! What all connections of one carrier share: settings, accounts, ids.
//!
//! Must never be held while something waits: every lock is taken for a few lines.

use crate::account::{Account, Errand};
use crate::clock;
use crate::fate::Ending;
use crate::figures::{Counters, Figures, State};
use crate::http::Texts;
use crate::journal::Journal;
use crate::post::Poster;
use crate::settings::Behaviour;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

/// Messages that a query still finds.
const REMEMBERED: usize = 1_000_000;

/// One carrier.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) seed: u64,
    pub(crate) journal: Journal,
    /// What has no account: submits before a bind, wrong passwords, octets that are no PDU.
    pub(crate) strangers: Counters,
    pub(crate) poster: Poster,
    pub(crate) texts: Texts,
    /// Told after each step, for those who wait for a figure.
    pub(crate) changed: Notify,
    behaviour: RwLock<Arc<Behaviour>>,
    accounts: Mutex<BTreeMap<String, Arc<Account>>>,
    connections: Mutex<BTreeMap<u64, UnboundedSender<Errand>>>,
    last_connection: AtomicU64,
    messages: Mutex<Messages>,
}

/// The last messages: when each ends and how. The index is the id.
#[derive(Debug)]
struct Messages {
    first: u64,
    ends: VecDeque<(Instant, Ending)>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(
        seed: u64,
        first_id: u64,
        journal: Journal,
        behaviour: Behaviour,
        poster: Poster,
    ) -> Self {
        Self {
            seed,
            journal,
            strangers: Counters::default(),
            poster,
            texts: Texts::default(),
            changed: Notify::new(),
            behaviour: RwLock::new(Arc::new(behaviour)),
            accounts: Mutex::default(),
            connections: Mutex::default(),
            last_connection: AtomicU64::new(0),
            messages: Mutex::new(Messages { first: first_id, ends: VecDeque::new() }),
        }
    }

    /// The settings in force.
    pub(crate) fn behaviour(&self) -> Arc<Behaviour> {
        Arc::clone(&self.behaviour.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other settings in force.
    pub(crate) fn set(&self, behaviour: Behaviour) {
        *self.behaviour.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(behaviour);
        self.changed.notify_waiters();
    }

    /// The account of a system_id; a new one when it is the first time.
    pub(crate) fn account(&self, system_id: &str) -> Arc<Account> {
        let mut accounts = lock(&self.accounts);
        if let Some(account) = accounts.get(system_id) {
            return Arc::clone(account);
        }
        Arc::clone(accounts.entry(system_id.to_owned()).or_default())
    }

    /// The account with a receiver: the named one, or the first.
    pub(crate) fn receiver(&self, system_id: Option<&str>) -> Option<Arc<Account>> {
        let accounts = lock(&self.accounts);
        match system_id {
            Some(name) => accounts.get(name).cloned(),
            None => accounts.values().find(|account| account.has_receiver()).cloned(),
        }
    }

    /// Gives an id to a message that ends as told, at that time.
    pub(crate) fn register(&self, at: Instant, ending: Ending) -> u64 {
        let mut messages = lock(&self.messages);
        if messages.ends.len() >= REMEMBERED {
            messages.ends.pop_front();
            messages.first += 1;
        }
        messages.ends.push_back((at, ending));
        messages.first + messages.ends.len() as u64 - 1
    }

    /// How a message stands: not known, on its way (`None` inside), or ended.
    pub(crate) fn message(&self, id: u64, now: Instant) -> Option<Option<Ending>> {
        let messages = lock(&self.messages);
        let index = usize::try_from(id.checked_sub(messages.first)?).ok()?;
        let (at, ending) = messages.ends.get(index)?;
        Some((*at <= now).then_some(*ending))
    }

    /// Counts a connection in. The number is unique for as long as the carrier runs.
    pub(crate) fn connected(&self, errands: UnboundedSender<Errand>) -> u64 {
        let number = self.last_connection.fetch_add(1, Ordering::Relaxed) + 1;
        lock(&self.connections).insert(number, errands);
        self.changed.notify_waiters();
        number
    }

    /// Counts a connection out.
    pub(crate) fn disconnected(&self, number: u64) {
        lock(&self.connections).remove(&number);
        self.changed.notify_waiters();
    }

    /// Gives an errand to every connection. Returns how many there are.
    pub(crate) fn tell_all(&self, errand: impl Fn() -> Errand) -> usize {
        let connections = lock(&self.connections);
        connections.values().filter(|errands| errands.send(errand()).is_ok()).count()
    }

    /// All that can be seen from outside.
    pub(crate) fn state(&self) -> State {
        let now = clock::now();
        let accounts: BTreeMap<String, _> = lock(&self.accounts)
            .iter()
            .map(|(name, account)| (name.clone(), account.read(now)))
            .collect();
        let mut total: Figures = self.strangers.read();
        for account in accounts.values() {
            total.add(&account.figures);
        }
        State {
            seed: self.seed,
            connections: lock(&self.connections).len() as u64,
            total,
            submits_last_second: accounts.values().map(|account| account.submits_last_second).sum(),
            binds: accounts.values().map(|account| account.binds.len() as u64).sum(),
            accounts,
            settings: self.behaviour().as_ref().clone(),
        }
    }
}
