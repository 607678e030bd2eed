//! A real program beside two carriers of its own, with faults on all sides: nothing is sent twice, nothing is lost.
//!
//! `CARRIER_MESSAGES`, `CARRIER_FAULTS` and `SEED` make it longer and repeat it: docs/operations/carrier-faults.md.

mod faults;
mod feed;
mod flood;
mod verdict;
mod world;

use crate::live::{Live, now};
use faults::{Count, Fault, Plan};
use feed::Feed;
use std::time::{Duration, Instant};
use verdict::{Figures, verdict};
use world::{Carriers, JOURNEY, SLUG, SPEED};

/// How long nothing may happen before the test gives up.
const STANDSTILL: Duration = Duration::from_secs(90);
/// How long nothing may change at the end before it is the end: several times what a lost answer is waited for.
const QUIET: Duration = Duration::from_secs(30);
/// How often it is looked whether something has happened.
const LOOK: Duration = Duration::from_millis(20);
/// So many messages are put off before a slow carrier is fast again.
const PUT_OFF: u64 = 10;

/// A program with its carriers and its clients.
struct Scene {
    live: Live,
    carriers: Carriers,
    feed: Feed,
    people: usize,
    seen: (usize, usize, i64),
    seen_at: Instant,
    count: Count,
    _outside: tempfile::TempDir,
}

impl Scene {
    fn start(seed: u64, people: usize, plan: &Plan) -> Scene {
        let outside = tempfile::tempdir().expect("a folder");
        let settings = outside.path().join("wayline.toml");
        world::settings(&settings, SPEED);
        let carriers = Carriers::start(seed, |set| plan.misbehave(set));
        let live = Live::start_with(&["--config", &settings.display().to_string()]);
        world::connect(&live, &carriers, None);
        let key = world::make(&live, SLUG);
        let feed = Feed::start(key, people);
        feed.at(&live.base_url());
        let count = Count::default();
        let seen = (0, 0, 0);
        Scene { live, carriers, feed, people, seen, seen_at: now(), count, _outside: outside }
    }

    /// Waits until the carriers have so many messages.
    fn wait_for(&mut self, messages: usize) {
        while self.look(0) < messages {
            std::thread::park_timeout(LOOK);
        }
    }

    /// How many messages the carriers have. Fails when nothing happens any more.
    fn look(&mut self, done: i64) -> usize {
        let taken = self.carriers.taken();
        self.feed.taken(taken);
        let seen = (taken, self.feed.acknowledged(), done);
        if seen != self.seen {
            (self.seen, self.seen_at) = (seen, now());
        }
        let stood = now() - self.seen_at;
        assert!(stood < STANDSTILL, "nothing happens: {:?}\n{}", self.seen, self.live.log());
        taken
    }

    fn kill(&mut self) {
        self.feed.at("");
        self.live.kill();
        self.live.run();
        self.feed.at(&self.live.base_url());
        self.count.kills += 1;
    }

    fn befall(&mut self, fault: Fault) {
        match fault {
            Fault::Kill => self.kill(),
            Fault::KillTwice => {
                self.kill();
                self.kill();
            }
            Fault::Cut(place) => {
                self.carriers.carriers[place].drop_connections();
                self.count.cuts += 1;
            }
            Fault::Slow(place, rate) => {
                let throttled =
                    |scene: &Scene| scene.carriers.carriers[place].state().total.throttled;
                let before = throttled(self);
                self.carriers.carriers[place].set(|set| {
                    set.throughput_per_second = rate;
                    set.burst = 1;
                });
                let nearly_all = self.people - self.people / 20;
                while throttled(self) < before + PUT_OFF && self.look(0) < nearly_all {
                    std::thread::park_timeout(LOOK);
                }
                self.carriers.carriers[place].set(|set| set.throughput_per_second = 0);
                self.count.slow += 1;
            }
        }
    }

    /// A counter of the journey.
    fn counted(&self, name: &str) -> i64 {
        let path = format!("/api/v1/workspaces/{SLUG}/journeys/{JOURNEY}/counters");
        self.live.get(&path).expect(200)["journey"][name].as_i64().expect("a counter")
    }

    /// Waits until every message was handed out and answered or given up, and every receipt is known.
    fn settle(&mut self) {
        loop {
            let (exited, delivered) = (self.counted("exited"), self.counted("delivered"));
            let went = self.carriers.sum(|it| it.accepted) as i64;
            self.look(exited + delivered);
            // What does not come any more the verdict names.
            let is_quiet = now() - self.seen_at > QUIET;
            if exited == self.people as i64 && (delivered == went || is_quiet) {
                return;
            }
            std::thread::park_timeout(LOOK * 5);
        }
    }

    /// Lets what was begun end, stops in order, and looks at everything.
    fn end(mut self) -> Figures {
        self.settle();
        assert_eq!(self.live.get("/health/ready").status, 200);
        let listed = world::unknown(&self.live);
        self.live.stop();
        println!("stopped; {} requests were sent again", self.feed.finish());
        let journals = self.carriers.journals();
        let _folder = self.carriers.stop();
        verdict(self.live.data(), &journals, self.people, &listed)
    }
}

#[allow(clippy::disallowed_methods, reason = "the long form is told how long it is")]
fn told(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn faults_on_all_sides_send_nothing_twice_and_leave_nothing_without_an_end() {
    let (messages, faults) = (told("CARRIER_MESSAGES", 3_000), told("CARRIER_FAULTS", 80));
    let seed = told("SEED", 4_628) as u64;
    println!("SEED={seed} CARRIER_MESSAGES={messages} CARRIER_FAULTS={faults}");
    let began = now();
    let plan = Plan::draw(seed, messages, faults);
    let mut scene = Scene::start(seed, messages, &plan);
    for (place, (at, fault)) in plan.events.iter().enumerate() {
        scene.wait_for(*at);
        scene.befall(*fault);
        if place % 10 == 9 {
            let took = (now() - began).as_secs();
            println!("{took} s: {:?} after {at} messages, {:?}", fault, scene.count);
        }
    }
    scene.settle();
    let count = scene.count;
    let (lost, dropped) = (scene.carriers.sum(|it| it.lost), scene.carriers.sum(|it| it.dropped));
    let again = scene.carriers.sum(|it| it.receipts_sent - it.accepted);
    let open = scene.counted("unknown");
    let figures = scene.end();
    let took = (now() - began).as_secs();
    println!(
        "{took} s: {count:?}, {lost} answers lost, {dropped} connections dropped instead of an answer, \
         {again} receipts sent again, {open} messages unknown at some time: {figures}"
    );
}
