//! One workspace floods; what that does to the others who share its gateways.
//!
//! A measurement, not judged by absolute times: the same people wait in the same run without the flood and with it.

use super::world::{self, Carriers, JOURNEY, person_of};
use crate::live::{Live, ask, now};
use serde_json::{Value as Json, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use wayline_core::limits::PAGE_ROWS_MAX;
use wayline_sim::random::Random;
use wayline_store::{SqliteOptions, SqliteStore, Store};

/// Workspaces at normal load.
const SMALL: usize = 20;
/// Messages a second of each of them, in the mean.
const PER_SECOND: f64 = 1.0;
/// How many times that the other one sends.
const FLOOD: usize = 100;
/// People of one request of the flood.
const AT_ONCE: usize = 50;
/// Parts a second that each of the two gateways is given: together half of what the flood wants.
const GATEWAY_PER_SECOND: f64 = 30.0;

/// Somebody who sends.
struct Sender {
    key: String,
    address: String,
    random: Random,
    at_once: usize,
    next: Arc<AtomicUsize>,
}

/// What all who send share.
#[derive(Default)]
struct Everybody {
    /// The next person nobody has told of.
    next: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Sender {
    /// Tells of people at random instants, so many times a second in the mean, until told to stop.
    fn work(mut self, per_second: f64, stop: &AtomicBool) {
        let mut due = now();
        loop {
            let share = (self.random.below(1_000_000) as f64 + 1.0) / 1e6;
            due += Duration::from_secs_f64(-share.ln() / per_second);
            while let Some(left) = due.checked_duration_since(now()).filter(|it| !it.is_zero()) {
                std::thread::park_timeout(left);
            }
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let first = self.next.fetch_add(self.at_once, Ordering::Relaxed);
            let people = first..first + self.at_once;
            let inputs: Vec<Json> = people.flat_map(super::feed::inputs_of).collect();
            let batch = json!({ "batch": inputs });
            let answer = ask(&self.address, ("POST", "/v1/batch"), &self.key, &[], &batch);
            answer.expect("an answer").expect(200);
        }
    }
}

/// Starts somebody who sends from a workspace: so many at once, so many a second.
fn sends(
    live: &Live,
    slug: &str,
    (at_once, per_second): (usize, f64),
    seed: u64,
    everybody: &Everybody,
) -> JoinHandle<()> {
    let sender = Sender {
        key: live.key(slug, &["write"]),
        address: live.base_url().trim_start_matches("http://").to_owned(),
        random: Random::new(seed).fork(slug),
        at_once,
        next: Arc::clone(&everybody.next),
    };
    let stop = Arc::clone(&everybody.stop);
    std::thread::spawn(move || sender.work(per_second / at_once as f64, &stop))
}

/// When each person's message came to a carrier, in milliseconds since 1970.
fn submitted(journals: &[PathBuf], people: usize) -> Vec<Option<i64>> {
    let mut submitted = vec![None; people];
    for journal in journals {
        let text = std::fs::read_to_string(journal).expect("the journal");
        for line in text.lines() {
            let line: Json = serde_json::from_str(line).expect("a line of a journal");
            let number = line["destination"].as_str().expect("a number");
            let person = person_of(number, people).expect("somebody told of");
            submitted[person] = line["time_ms"].as_i64();
        }
    }
    submitted
}

/// Milliseconds from due to submit of everybody in the small workspaces, before the person `flood` and from then on.
async fn waits(store: &Store, submitted: &[Option<i64>], flood: usize) -> [Vec<i64>; 2] {
    let mut waits = [Vec::new(), Vec::new()];
    for place in 0..SMALL {
        let found = store.workspace_by_slug(&small(place)).await.expect("read the store");
        let workspace = found.expect("the workspace").id;
        let mut after = None;
        loop {
            let page = store.messages_of_workspace(workspace, after, PAGE_ROWS_MAX).await;
            let page = page.expect("messages");
            let Some(last) = page.last() else { break };
            after = Some((last.intended_at, last.id));
            for message in page {
                let person = person_of(&message.to, submitted.len()).expect("somebody told of");
                let at = submitted[person].expect("a message of a small workspace was submitted");
                waits[usize::from(person >= flood)].push(at - message.due_at.0);
            }
        }
    }
    waits.iter_mut().for_each(|waits| waits.sort_unstable());
    waits
}

fn small(place: usize) -> String {
    format!("small{place}")
}

/// What so many thousandths waited at most.
fn at(waits: &[i64], per_mille: usize) -> i64 {
    waits[(waits.len() * per_mille / 1_000).min(waits.len() - 1)]
}

#[test]
#[ignore = "a measurement: make flood"]
fn a_flood_of_one_workspace_does_not_double_the_p99_of_the_others() {
    let seconds = Duration::from_secs(super::told("FLOOD_SECONDS", 60) as u64);
    let seed = super::told("SEED", 4_628) as u64;
    let outside = tempfile::tempdir().expect("a folder");
    let settings = outside.path().join("wayline.toml");
    world::settings(&settings, 1);
    let carriers = Carriers::start(seed, |_| ());
    let mut live = Live::start_with(&["--config", &settings.display().to_string()]);
    world::connect(&live, &carriers, Some(GATEWAY_PER_SECOND));
    let everybody = Everybody::default();
    for slug in (0..SMALL).map(small).chain(["large".to_owned()]) {
        world::make(&live, &slug);
    }
    let mut senders: Vec<JoinHandle<()>> = (0..SMALL)
        .map(|place| sends(&live, &small(place), (1, PER_SECOND), seed, &everybody))
        .collect();
    senders.push(sends(&live, "large", (1, PER_SECOND), seed, &everybody));
    let phase = |seconds| {
        let end = now() + seconds;
        while let Some(left) = end.checked_duration_since(now()).filter(|it| !it.is_zero()) {
            std::thread::park_timeout(left);
        }
    };
    phase(seconds);
    let flood = everybody.next.load(Ordering::Relaxed);
    let most = PER_SECOND * FLOOD as f64;
    senders.push(sends(&live, "large", (AT_ONCE, most), seed + 1, &everybody));
    phase(seconds);
    everybody.stop.store(true, Ordering::Relaxed);
    senders.into_iter().for_each(|sender| sender.join().expect("a sender"));
    let people = everybody.next.load(Ordering::Relaxed);
    // Whoever came last has a message that waits for its turn.
    crate::live::until("the small ones are done", || {
        (0..SMALL).all(|place| is_done(&live, &small(place))).then_some(())
    });
    live.stop();
    let journals = carriers.journals();
    let _folder = carriers.stop();
    let path = live.data().join("wayline.db");
    let store: Store =
        SqliteStore::open(&path, SqliteOptions::default()).expect("open the store").into();
    let submitted = submitted(&journals, people);
    let [before, with] = pollster::block_on(waits(&store, &submitted, flood));
    let show = |waits: &[i64]| (waits.len(), at(waits, 500), at(waits, 990), at(waits, 1_000));
    println!(
        "SEED={seed}, {seconds:?} each; messages of the others, due to submit p50, p99, max in ms: \
         {:?} without the flood, {:?} with it; {} people of {people} in the flood, {} submits",
        show(&before),
        show(&with),
        people - flood - with.len(),
        submitted.iter().flatten().count()
    );
    assert!(at(&with, 990) <= 2 * at(&before, 990), "the flood more than doubled what others wait");
}

/// Whether everybody who entered has left.
fn is_done(live: &Live, slug: &str) -> bool {
    let path = format!("/api/v1/workspaces/{slug}/journeys/{JOURNEY}/counters");
    let counters = live.get(&path).expect(200);
    counters["journey"]["exited"] == counters["journey"]["entered"]
}
