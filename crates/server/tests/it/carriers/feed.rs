//! Clients that tell the program of people until all of them are known: what was not answered is sent again.

use super::world::number_of;
use crate::live::{PATIENCE, ask, now};
use serde_json::{Value as Json, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

/// Clients at the same time.
const CLIENTS: usize = 2;
/// People of one request, each with three inputs: about what the engine takes in one commit.
const PEOPLE_AT_ONCE: usize = 80;
/// How far the clients may be ahead of the carriers.
const AHEAD: usize = 10_000;
/// How long a client waits before it asks again.
const AGAIN: Duration = Duration::from_millis(10);

/// What the clients and the test share.
struct Shared {
    key: String,
    people: usize,
    /// Where the program listens; empty while it does not run.
    address: RwLock<String>,
    next: AtomicUsize,
    acknowledged: AtomicUsize,
    /// Messages that the carriers have.
    taken: AtomicUsize,
    again: AtomicUsize,
    stopping: AtomicBool,
}

/// Running clients.
pub(crate) struct Feed {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

impl Feed {
    /// Starts clients that write about so many people.
    pub(crate) fn start(key: String, people: usize) -> Feed {
        let shared = Arc::new(Shared {
            key,
            people,
            address: RwLock::default(),
            next: AtomicUsize::new(0),
            acknowledged: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            again: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
        });
        let client = |_| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.work())
        };
        let clients = (0..CLIENTS).map(client).collect();
        Feed { shared, clients }
    }

    /// Says where the program is.
    pub(crate) fn at(&self, address: &str) {
        let address = address.trim_start_matches("http://");
        address.clone_into(&mut self.shared.address.write().expect("the address"));
    }

    /// Says how many messages the carriers have.
    pub(crate) fn taken(&self, count: usize) {
        self.shared.taken.store(count, Ordering::Relaxed);
    }

    /// People acknowledged so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.shared.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until everybody is acknowledged. Returns how many requests were sent again.
    pub(crate) fn finish(mut self) -> usize {
        for client in std::mem::take(&mut self.clients) {
            client.join().expect("a client");
        }
        self.shared.again.load(Ordering::Relaxed)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn work(&self) {
        loop {
            let first = self.next.fetch_add(PEOPLE_AT_ONCE, Ordering::Relaxed);
            if first >= self.people {
                return;
            }
            while first > self.taken.load(Ordering::Relaxed) + AHEAD {
                if self.stopping.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::park_timeout(AGAIN);
            }
            let last = (first + PEOPLE_AT_ONCE).min(self.people);
            if !self.deliver(&batch(first..last)) {
                return;
            }
            self.acknowledged.fetch_add(last - first, Ordering::Relaxed);
        }
    }

    /// Sends until it is taken. `false`: the test is over.
    fn deliver(&self, batch: &Json) -> bool {
        let count = batch["batch"].as_array().map_or(0, Vec::len) as u64;
        let mut end = now() + PATIENCE;
        while !self.stopping.load(Ordering::Relaxed) {
            let address = self.address.read().expect("the address").clone();
            if address.is_empty() {
                end = now() + PATIENCE;
            } else if let Ok(answer) = ask(&address, ("POST", "/v1/batch"), &self.key, &[], batch) {
                let taken = answer.expect(200);
                let (new, known) = (taken["accepted"].as_u64(), taken["duplicates"].as_u64());
                // What was sent before and not answered was taken as a whole or not at all.
                let is_whole = (new, known) == (Some(count), Some(0));
                assert!(is_whole || (new, known) == (Some(0), Some(count)), "{taken}");
                return true;
            }
            assert!(now() < end, "the program takes nothing");
            self.again.fetch_add(1, Ordering::Relaxed);
            std::thread::park_timeout(AGAIN);
        }
        false
    }
}

/// Everything about these people, in one request.
fn batch(people: std::ops::Range<usize>) -> Json {
    let inputs: Vec<Json> = people.flat_map(inputs_of).collect();
    json!({ "batch": inputs })
}

/// Somebody new, who may be written to and comes in.
pub(crate) fn inputs_of(person: usize) -> [Json; 3] {
    let user = format!("u{person}");
    [
        json!({ "type": "identify", "userId": user, "messageId": format!("i{person}"),
                "traits": { "phone": number_of(person) } }),
        json!({ "type": "consent", "userId": user, "messageId": format!("c{person}"),
                "state": "opted_in", "source": "test" }),
        json!({ "type": "track", "userId": user, "messageId": format!("t{person}"), "event": "came" }),
    ]
}
