//! Clients that load a program as SDKs do: what was not answered is sent again, word for word.

use crate::live::{Answer, ask};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;
use wayline_sim::random::Random;

/// People whom one client writes about at one time.
const PEOPLE: usize = 30;
/// How long a client waits before it sends again.
const AGAIN: Duration = Duration::from_millis(10);

/// An input, acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// What tells repetitions.
    pub(crate) message_id: String,
    /// A text that stands in this input alone; `None`: its kind has no room for one.
    pub(crate) token: Option<String>,
    /// Whom it is about.
    pub(crate) user: String,
    /// Whether it takes the consent away.
    pub(crate) is_stop: bool,
    /// What it is.
    pub(crate) body: Json,
}

/// What the clients and the test share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Where the program listens now; empty while it does not run.
    pub(crate) address: RwLock<String>,
    key: RwLock<String>,
    stopping: AtomicBool,
    /// Requests sent again, and repeated on purpose.
    pub(crate) again: AtomicUsize,
    /// Answers that were not 200, and what they said first.
    pub(crate) refusals: Mutex<Vec<Answer>>,
    /// Inputs acknowledged so far.
    pub(crate) acknowledged: AtomicUsize,
}

/// Running clients.
pub(crate) struct Load {
    pub(crate) shared: Arc<Shared>,
    clients: Vec<JoinHandle<Vec<Sent>>>,
}

impl Load {
    /// Starts clients; they send when there is an address. `pause`: between two requests of one client.
    pub(crate) fn start(seed: u64, clients: usize, key: &str, pause: Duration) -> Load {
        let shared = Arc::new(Shared::default());
        key.clone_into(&mut shared.key.write().expect("the key"));
        let random = Random::new(seed);
        let clients = (0..clients).map(|id| {
            let client = Client {
                id,
                random: random.fork(&format!("client {id}")),
                shared: Arc::clone(&shared),
                first: 0,
                inputs: 0,
                stopped: BTreeSet::new(),
                sent: Vec::new(),
            };
            std::thread::spawn(move || client.work(pause))
        });
        let clients = clients.collect();
        Load { shared, clients }
    }

    /// Says where the program is.
    pub(crate) fn at(&self, address: &str) {
        let address = address.trim_start_matches("http://");
        address.clone_into(&mut self.shared.address.write().expect("the address"));
    }

    /// Lets every client finish what it sends, and returns all inputs, each of them acknowledged.
    pub(crate) fn finish(self) -> Vec<Sent> {
        self.shared.stopping.store(true, Ordering::Relaxed);
        self.clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    }

    /// Waits until so many more inputs are acknowledged.
    pub(crate) fn wait_for(&self, more: usize) {
        let count = || self.shared.acknowledged.load(Ordering::Relaxed);
        let target = count() + more;
        crate::live::until("the program takes inputs", || (count() >= target).then_some(()));
    }

    /// How many inputs were acknowledged.
    pub(crate) fn acknowledged(&self) -> usize {
        self.shared.acknowledged.load(Ordering::Relaxed)
    }
}

struct Client {
    id: usize,
    random: Random,
    shared: Arc<Shared>,
    /// People before this one are left alone by now.
    first: usize,
    inputs: usize,
    stopped: BTreeSet<usize>,
    sent: Vec<Sent>,
}

impl Client {
    fn work(mut self, pause: Duration) -> Vec<Sent> {
        let mut people = 0;
        while !self.shared.stopping.load(Ordering::Relaxed) {
            let mut batch = Vec::new();
            if people < self.first + PEOPLE || self.random.per_mille(150) {
                self.welcome(people, &mut batch);
                people += 1;
                self.first = self.first.max(people.saturating_sub(PEOPLE));
            }
            let is_single = batch.is_empty() && self.random.per_mille(400);
            let count = if is_single { 1 } else { self.random.between(1, 25) };
            for _ in 0..count {
                let person = self.random.between(self.first, people - 1);
                let input = self.happen(person);
                batch.push(input);
            }
            self.deliver(&batch, is_single);
            if self.random.per_mille(100) {
                self.deliver_again(&batch);
            }
            self.sent.extend(batch);
            std::thread::park_timeout(pause);
        }
        self.sent
    }

    fn input(&mut self, person: usize, body: Json, token: Option<String>, is_stop: bool) -> Sent {
        self.inputs += 1;
        let message_id = format!("m-{}-{}", self.id, self.inputs);
        let user = format!("u-{}-{person}", self.id);
        let mut body = body;
        body["userId"] = json!(user);
        body["messageId"] = json!(message_id);
        Sent { message_id, token, user, is_stop, body }
    }

    fn token(&self) -> String {
        format!("i-{}x{}-i", self.id, self.inputs + 1)
    }

    /// Somebody new, whom one may nearly always write to.
    fn welcome(&mut self, person: usize, batch: &mut Vec<Sent>) {
        let number = 2_000_000 + self.id * 1_000_000 + person;
        let token = self.token();
        let traits = json!({ "phone": format!("+1212{number}"), "note": token });
        batch.push(self.input(
            person,
            json!({ "type": "identify", "traits": traits }),
            Some(token),
            false,
        ));
        if self.random.per_mille(900) {
            let token = self.token();
            let body = json!({ "type": "consent", "state": "opted_in", "source": token });
            batch.push(self.input(person, body, Some(token), false));
        }
    }

    fn happen(&mut self, person: usize) -> Sent {
        let token = self.token();
        let draw = self.random.below(1_000);
        let number = self.random.below(3);
        if draw < 15 && self.stopped.insert(person) {
            if draw < 8 {
                return self.input(
                    person,
                    json!({ "type": "inbound", "text": "STOP" }),
                    None,
                    true,
                );
            }
            let body = json!({ "type": "consent", "state": "opted_out", "source": token });
            return self.input(person, body, Some(token), true);
        }
        // A `yes` after a stop would be a new consent.
        if draw < 60 && !self.stopped.contains(&person) {
            return self.input(person, json!({ "type": "inbound", "text": "yes" }), None, false);
        }
        if draw < 90 {
            let body = json!({ "type": "identify", "traits": { "note": token } });
            return self.input(person, body, Some(token), false);
        }
        let (event, mut properties) = match draw {
            90..300 => ("addtocart", json!({ "cart_id": format!("c{number}") })),
            300..500 => ("viewed", json!({})),
            500..650 => ("purchase", json!({ "order_id": self.inputs, "value": 12.5 })),
            _ => ("ordered", json!({ "topic": format!("t{number}") })),
        };
        properties["token"] = json!(token);
        let body = json!({ "type": "track", "event": event, "properties": properties });
        self.input(person, body, Some(token), false)
    }

    /// Sends until it is taken.
    fn deliver(&mut self, batch: &[Sent], is_single: bool) {
        let mut is_first = true;
        loop {
            let (path, body) = match batch {
                [one] if is_single && one.body["type"] == "track" => {
                    ("/v1/track", one.body.clone())
                }
                _ => ("/v1/batch", json!({ "batch": bodies(batch) })),
            };
            if let Some(taken) = self.send(path, &body) {
                let (new, known) = (taken["accepted"].as_u64(), taken["duplicates"].as_u64());
                let all = Some(batch.len() as u64);
                let is_whole = (new, known) == (all, Some(0));
                // What was sent before and not answered was taken as a whole or not at all.
                let is_known = !is_first && (new, known) == (Some(0), all);
                assert!(is_whole || is_known, "{} inputs sent, {taken}", batch.len());
                self.shared.acknowledged.fetch_add(batch.len(), Ordering::Relaxed);
                return;
            }
            is_first = false;
            self.shared.again.fetch_add(1, Ordering::Relaxed);
            std::thread::park_timeout(AGAIN);
        }
    }

    /// Sends what was acknowledged: nothing of it is new.
    fn deliver_again(&mut self, batch: &[Sent]) {
        let body = json!({ "batch": bodies(batch) });
        if let Some(taken) = self.send("/v1/batch", &body) {
            assert_eq!(taken["accepted"], 0, "{taken}");
            assert_eq!(taken["duplicates"], batch.len(), "{taken}");
            self.shared.again.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The answer of a request that was taken.
    fn send(&self, path: &str, body: &Json) -> Option<Json> {
        let address = self.shared.address.read().expect("the address").clone();
        if address.is_empty() {
            return None;
        }
        let key = self.shared.key.read().expect("the key").clone();
        let answer = ask(&address, ("POST", path), &key, &[], body).ok()?;
        if answer.status == 200 {
            return Some(answer.json());
        }
        self.shared.refusals.lock().expect("the refusals").push(answer);
        None
    }
}

fn bodies(batch: &[Sent]) -> Vec<&Json> {
    batch.iter().map(|sent| &sent.body).collect()
}
