//! Crashes of real processes under load: SIGKILL at any instant, SIGTERM, copies meanwhile.
//!
//! `CRASHES=200` makes the number of kills larger, `CRASH_SEED` repeats a run (as far as an operating system can):
//! docs/operations/crash-tests.md.

mod disk;
mod load;
mod verdict;
mod world;

use crate::live::Live;
use crate::program::{run, wayline};
use load::Load;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use verdict::{Behaviour, Figures, at_rest, journal, verdict};
use wayline_sim::random::Random;
use wayline_store::{SqliteOptions, SqliteStore, Store, backup_of, check_of};
use world::Hook;

/// Clients that send at the same time.
const CLIENTS: usize = 4;

/// A program that is loaded, with the carrier's journal and the webhook outside of it.
struct Scene {
    live: Live,
    load: Load,
    hook: Hook,
    journal: PathBuf,
    settings: PathBuf,
    behaviour: Behaviour,
    _outside: tempfile::TempDir,
}

impl Scene {
    fn start(seed: u64, behaviour: Behaviour, pause: Duration) -> Scene {
        Scene::start_on(seed, behaviour, pause, |_| ())
    }

    /// As [`Scene::start`], after something was done to the data folder.
    fn start_on(
        seed: u64,
        behaviour: Behaviour,
        pause: Duration,
        prepare: impl FnOnce(&Path),
    ) -> Scene {
        let outside = tempfile::tempdir().expect("a folder");
        let settings = outside.path().join("wayline.toml");
        let journal = outside.path().join("carrier.ndjson");
        world::settings(&settings, &journal, &behaviour.settings());
        let mut live = Live::start_with(&["--config", &settings.display().to_string()]);
        live.stop();
        prepare(live.data());
        live.run();
        let hook = Hook::start();
        let key = world::make(&live, &hook.address);
        let load = Load::start(seed, CLIENTS, &key, pause);
        load.at(&live.base_url());
        Scene { live, load, hook, journal, settings, behaviour, _outside: outside }
    }

    fn store(&self) -> PathBuf {
        self.live.data().join("wayline.db")
    }

    /// Starts it again after it has ended.
    fn run(&mut self) {
        self.live.run();
        self.load.at(&self.live.base_url());
    }

    /// Lets what was begun go on without new inputs, stops in order, and looks at everything.
    fn end(mut self) -> Figures {
        let sent = self.load.finish();
        assert_eq!(self.live.get("/health/ready").status, 200);
        std::thread::park_timeout(Duration::from_millis(500));
        self.live.stop();
        let store = self.live.data().join("wayline.db");
        let figures = verdict(&store, &sent, &journal(&self.journal), self.behaviour);
        assert!(self.hook.calls() > 0, "the webhook was never called");
        figures
    }
}

#[allow(clippy::disallowed_methods, reason = "the long form is told how long it is")]
fn told(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Kills a loaded program again and again.
fn killed(kills: u64, behaviour: Behaviour) {
    let seed = told("CRASH_SEED", u64::from(std::process::id()));
    #[allow(clippy::disallowed_methods, reason = "figures")]
    let began = Instant::now();
    // Shown when the test fails.
    println!("CRASH_SEED={seed}");
    let mut random = Random::new(seed).fork("kills");
    let mut scene = Scene::start(seed, behaviour, Duration::from_millis(10));
    scene.load.wait_for(50);
    let mut lost_at_start = 0;
    for kill in 1..=kills {
        // Now and then long enough that answers must have been kept.
        let longest = if kill % 10 == 5 { 5_000 } else { 700 };
        std::thread::park_timeout(Duration::from_millis(random.between(20, longest) as u64));
        scene.load.at("");
        scene.live.kill();
        if kill % 4 == 0 {
            killed_while_starting(&scene, &mut random);
            lost_at_start += 1;
        }
        if kill % 5 == 0 {
            check_of(&scene.store()).expect("the file is whole after a kill");
        }
        if kill % 50 == 0 {
            copy_is_whole(&scene.store());
            println!("{kill} kills, {} inputs acknowledged", scene.load.acknowledged());
        }
        scene.run();
        assert_eq!(scene.live.get("/health/ready").status, 200, "after kill {kill}");
    }
    scene.load.wait_for(50);
    let again = scene.load.shared.again.load(std::sync::atomic::Ordering::Relaxed);
    let figures = scene.end();
    let took = began.elapsed().as_secs();
    println!(
        "{} kills ({lost_at_start} of them while starting) in {took} s, {again} requests repeated, {behaviour:?}: {figures}",
        kills + lost_at_start
    );
}

/// Starts the program and kills it before it can say anything.
fn killed_while_starting(scene: &Scene, random: &mut Random) {
    let mut child = wayline(["serve", "--listen", "127.0.0.1:0", "--config"])
        .arg(&scene.settings)
        .arg("--data")
        .arg(scene.live.data())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("start wayline");
    std::thread::park_timeout(Duration::from_millis(random.between(1, 80) as u64));
    child.kill().expect("kill it");
    child.wait().expect("wait for it");
}

/// What is true of the store in the middle is looked at in a copy: the store itself is left as the kill left it.
fn copy_is_whole(store: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy.db");
    backup_of(store, &copy, &mut |_| ()).expect("copy the store");
    let store: Store =
        SqliteStore::open(&copy, SqliteOptions::default()).expect("open the copy").into();
    let wrong = pollster::block_on(at_rest(&store, false));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn kills_lose_nothing_and_send_nothing_twice() {
    killed(told("CRASHES", 10), Behaviour::default());
}

#[test]
fn kills_beside_a_carrier_that_loses_answers_and_asks_to_wait_send_nothing_twice() {
    killed(told("CRASHES", 10).div_ceil(2), Behaviour { timeout: 0.1, throttle: 0.3 });
}

#[test]
fn a_stop_in_order_under_load_leaves_nothing_unknown() {
    let mut scene = Scene::start(7, Behaviour::default(), Duration::from_millis(2));
    for _ in 0..3 {
        scene.load.wait_for(300);
        #[allow(clippy::disallowed_methods, reason = "it has a time limit")]
        let began = Instant::now();
        scene.live.stop();
        assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
        scene.run();
        assert!(scene.live.said.contains("nothing to recover"), "{}", scene.live.said);
    }
    let figures = scene.end();
    assert_eq!(figures.unknown, 0, "{figures}");
}

#[test]
fn a_stop_right_after_the_start_is_in_order() {
    let mut live = Live::start();
    for _ in 0..10 {
        live.restart();
    }
}

#[test]
fn a_copy_made_under_load_is_whole_and_carries_on() {
    let scene = Scene::start(11, Behaviour::default(), Duration::from_millis(5));
    scene.load.wait_for(300);
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy.db");
    let from = format!("sqlite:{}", scene.store().display());
    let said = run(["backup", "--store", &from, &copy.display().to_string()]);
    assert_eq!(said.code, 0, "{}", said.err);
    scene.load.wait_for(300);
    copy_is_whole(&copy);
    // A program of its own on the copy, with its own carrier.
    let settings = folder.path().join("other.toml");
    let journal = folder.path().join("other.ndjson");
    world::settings(&settings, &journal, "");
    let mut other = Live::start_with(&["--config", &settings.display().to_string()]);
    other.stop();
    for part in ["wayline.db", "wayline.db-wal", "wayline.db-shm"] {
        let _ = std::fs::remove_file(other.data().join(part));
    }
    std::fs::copy(&copy, other.data().join("wayline.db")).expect("put the copy in place");
    other.operator.clone_from(&scene.live.operator);
    other.run();
    assert_eq!(other.get("/health/ready").status, 200);
    assert_eq!(other.get(&format!("/api/v1/workspaces/{}/export", world::SLUG)).status, 200);
    crate::live::until("the copy sends what was due", || {
        std::fs::metadata(&journal).ok().filter(|it| it.len() > 0)
    });
    other.stop();
    copy_is_whole(&other.data().join("wayline.db"));
    scene.end();
}
