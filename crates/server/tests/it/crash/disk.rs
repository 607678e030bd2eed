//! Disks that are full, cannot be written, or hold something broken.
//!
//! A small disk is a tmpfs, which needs the right to mount; a limit on the size of files needs nothing and is
//! always tried.

use super::verdict::{Behaviour, journal};
use super::{CLIENTS, Scene};
use crate::live::{Answer, Live, until};
use crate::program::{Said, run};
use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A disk of its own, of so many megabytes; it goes when this is dropped.
struct Disk {
    at: PathBuf,
}

impl Disk {
    /// Mounts it; `None`: this user may not.
    fn mount(at: &Path, megabytes: u32) -> Option<Disk> {
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "none"])
            .arg(at)
            .output()
            .is_ok_and(|said| said.status.success());
        mounted.then(|| Disk { at: at.to_owned() })
    }

    fn remount(&self, how: &str) {
        let done =
            Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&self.at).status();
        assert!(done.expect("run mount").success(), "remount {how}");
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }

    /// Writes until nothing more goes in.
    fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.filler());
        let file = file.as_mut().expect("make a file");
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.filler()).expect("remove a file");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whatever still has a file open there loses it with the last of its users.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
        let _ = std::fs::remove_dir(&self.at);
    }
}

/// Room for what the program keeps while a test runs, also on a slow machine: it must be full only when we fill it.
const DISK_MEGABYTES: u32 = 160;

/// A disk mounted under the data folder of a program that is loaded, or why not.
fn on_a_small_disk(seed: u64, megabytes: u32) -> Option<(Scene, Disk)> {
    let mut disk = None;
    let pause = Duration::from_millis(5);
    let scene = Scene::start_on(seed, Behaviour::default(), pause, |data| {
        disk = Disk::mount(data, megabytes);
    });
    if disk.is_none() {
        println!("NOT RUN: a disk of its own needs the right to mount (root)");
        scene.end();
        return None;
    }
    disk.map(|disk| (scene, disk))
}

/// Waits until the program refuses inputs, and looks at how it does that.
fn refuses(scene: &Scene) {
    let refusals = &scene.load.shared.refusals;
    let refusal = until("it refuses", || refusals.lock().expect("the refusals").last().cloned());
    let is_problem = |answer: &Answer| {
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.json()["type"], "/problems/unavailable", "{}", answer.body);
        assert!(answer.headers.contains_key("retry-after"), "{:?}", answer.headers);
    };
    is_problem(&refusal);
    until("it says that it is not ready", || {
        let ready = scene.live.get("/health/ready");
        (ready.status != 200).then(|| is_problem(&ready))
    });
    assert_eq!(scene.live.get("/health/live").status, 200);
    assert_eq!(scene.live.get("/metrics").status, 200);
    let export = format!("/api/v1/workspaces/{}/export", super::world::SLUG);
    assert_eq!(scene.live.get(&export).status, 200, "reading goes on");
}

/// Waits until it takes inputs by itself again.
fn recovers(scene: &Scene) {
    until("it is ready again", || (scene.live.get("/health/ready").status == 200).then_some(()));
    scene.load.wait_for(100 * CLIENTS);
}

#[test]
fn a_full_disk_refuses_loses_nothing_and_passes() {
    let Some((scene, disk)) = on_a_small_disk(21, DISK_MEGABYTES) else { return };
    for _ in 0..2 {
        scene.load.wait_for(200);
        scene.load.shared.refusals.lock().expect("the refusals").clear();
        disk.fill();
        refuses(&scene);
        let submits = journal(&scene.journal).len();
        std::thread::park_timeout(Duration::from_millis(700));
        assert_eq!(journal(&scene.journal).len(), submits, "nothing goes out that is not kept");
        disk.make_room();
        recovers(&scene);
    }
    let figures = scene.end();
    assert_eq!(figures.unknown, 0, "{figures}");
    println!("a full tmpfs: {figures}");
}

#[test]
fn a_crash_on_a_full_disk_loses_nothing() {
    let Some((mut scene, disk)) = on_a_small_disk(22, DISK_MEGABYTES) else { return };
    scene.load.wait_for(200);
    disk.fill();
    refuses(&scene);
    scene.load.at("");
    scene.live.kill();
    disk.make_room();
    scene.run();
    recovers(&scene);
    // Without a log from before there is no room for its first page.
    scene.load.at("");
    scene.live.stop();
    disk.fill();
    let said = serve(scene.live.data());
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(said.err.contains("full"), "{}", said.err);
    disk.make_room();
    scene.run();
    recovers(&scene);
    disk.fill();
    refuses(&scene);
    // A stop in order ends, though nothing can be kept.
    scene.load.at("");
    scene.live.stop();
    disk.make_room();
    scene.run();
    recovers(&scene);
    scene.end();
}

#[test]
fn a_limit_on_the_size_of_files_is_like_a_full_disk() {
    if Command::new("prlimit").arg("--version").output().is_err() {
        println!("NOT RUN: there is no prlimit here");
        return;
    }
    let pause = Duration::from_millis(2);
    let scene = Scene::start(23, Behaviour::default(), pause);
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |it| it.len());
    let log = scene.live.data().join("wayline.db-wal");
    scene.load.wait_for(300);
    // The journal of the carrier stays below the limit.
    until("there is a log", || (size(&log) > size(&scene.journal) * 2 + (1 << 20)).then_some(()));
    let limit = |bytes: &str| {
        let id = scene.live.id().to_string();
        let soft = format!("--fsize={bytes}:unlimited");
        let done = Command::new("prlimit").args(["--pid", &id, &soft]).status();
        assert!(done.expect("run prlimit").success());
    };
    limit(&(size(&log) / 2 + (1 << 19)).to_string());
    refuses(&scene);
    limit("unlimited");
    recovers(&scene);
    let refused = scene.load.shared.refusals.lock().expect("the refusals").len();
    let again = scene.load.shared.again.load(Ordering::Relaxed);
    let figures = scene.end();
    assert_eq!(figures.unknown, 0, "{figures}");
    println!("a limit on files: {refused} refused, {again} sent again, {figures}");
}

/// `wayline serve` that is expected to refuse.
fn serve(data: &Path) -> Said {
    let data = data.display().to_string();
    run(["serve", "--listen", "127.0.0.1:0", "--data", &data])
}

/// A data folder with a store in it, and no program on it.
fn left_behind() -> Live {
    let mut live = Live::start();
    live.stop();
    live
}

/// That a start refuses with these words and changes no byte of the store.
fn refused_untouched(live: &Live, words: &[&str]) {
    let store = live.data().join("wayline.db");
    let before = std::fs::read(&store).expect("read the store");
    let said = serve(live.data());
    assert_eq!(said.code, 1, "{}", said.err);
    assert_eq!(said.out, "");
    for word in words {
        assert!(said.err.contains(word), "{word}: {}", said.err);
    }
    assert!(said.err.contains("wayline.db"), "{}", said.err);
    assert!(std::fs::read(&store).expect("read the store") == before, "the store was changed");
}

#[test]
fn a_disk_that_cannot_be_written_is_refused() {
    let live = left_behind();
    let mut hidden = Vec::new();
    File::open(live.data().join("wayline.db"))
        .and_then(|mut file| std::io::Read::read_to_end(&mut file, &mut hidden))
        .expect("read the store");
    let Some(disk) = Disk::mount(live.data(), 8) else {
        println!("without the right to mount: a folder that only its mode protects");
        let mode = |mode| std::fs::set_permissions(live.data(), Permissions::from_mode(mode));
        mode(0o555).expect("protect the folder");
        refused_untouched(&live, &["permission"]);
        mode(0o755).expect("unprotect the folder");
        return;
    };
    std::fs::write(live.data().join("wayline.db"), &hidden).expect("put the store there");
    disk.remount("ro");
    refused_untouched(&live, &["permission"]);
    disk.remount("rw");
    assert_eq!(std::fs::read(live.data().join("wayline.db")).expect("read the store"), hidden);
}

#[test]
fn a_broken_store_is_refused_and_left_as_it_is() {
    let live = left_behind();
    let store = live.data().join("wayline.db");
    let whole = std::fs::read(&store).expect("read the store");
    let broken = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        std::fs::write(&store, bytes).expect("break the store");
        refused_untouched(&live, &["damaged", "restore the last backup"]);
    };
    broken(&|bytes| bytes[..16].copy_from_slice(b"not a database!\0"));
    broken(&|bytes| bytes.truncate(bytes.len() / 2));
    broken(&|bytes| bytes[100..4_096].fill(0xa5));
    broken(&|bytes| bytes[4_096..12_288].fill(0xa5));
    std::fs::write(&store, &whole).expect("mend the store");
    let mut live = live;
    live.run();
    live.stop();
}

#[test]
fn a_copy_can_be_made_while_the_disk_is_full() {
    let Some((scene, disk)) = on_a_small_disk(24, DISK_MEGABYTES) else { return };
    scene.load.wait_for(200);
    disk.fill();
    refuses(&scene);
    super::copy_is_whole(&scene.store());
    disk.make_room();
    recovers(&scene);
    scene.end();
}
