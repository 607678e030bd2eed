//! What the results were measured on, and what the server's process used, as the kernel says.
//!
//! Must never fail: a number the kernel does not give is 0, a text `unknown`.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// Clock ticks per second in `/proc`, fixed on Linux.
const TICKS_PER_SECOND: u64 = 100;

/// The machine in one line.
pub(crate) fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(unknown);
    let memory = kib("/proc/meminfo", "MemTotal") / 1024;
    let kernel = text("/proc/sys/kernel/osrelease").unwrap_or_else(unknown);
    format!("{cores} cores, {cpu}, {memory} MiB, Linux {kernel}")
}

/// Runnable processes over the last minute: above the number of cores, others took part of the machine.
pub(crate) fn load() -> String {
    text("/proc/loadavg")
        .and_then(|line| line.split(' ').next().map(str::to_owned))
        .unwrap_or_else(unknown)
}

/// A process, by its id; 0: none is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// CPU time of all its threads so far.
    pub(crate) fn cpu(self) -> Duration {
        cpu_of(&self.read("stat"))
    }

    /// Memory resident now, in MiB.
    pub(crate) fn resident_mib(self) -> u64 {
        self.kib("VmRSS") / 1024
    }

    /// The most so far, in MiB.
    pub(crate) fn peak_mib(self) -> u64 {
        self.kib("VmHWM") / 1024
    }

    fn read(self, file: &str) -> String {
        text(&format!("/proc/{}/{file}", self.0)).unwrap_or_default()
    }

    fn kib(self, name: &str) -> u64 {
        kib(&format!("/proc/{}/status", self.0), name)
    }
}

/// User and system time of a line of `/proc/PID/stat`.
fn cpu_of(stat: &str) -> Duration {
    // The name of the program may hold anything; what follows its bracket is numbers.
    let numbers = stat.rsplit(')').next().unwrap_or_default();
    let times = numbers.split_whitespace().skip(11).take(2);
    let ticks: u64 = times.filter_map(|time| time.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn text(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

fn field(path: &str, name: &str) -> Option<String> {
    let found = text(path)?;
    let line = found.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn kib(path: &str, name: &str) -> u64 {
    let found = field(path, name).unwrap_or_default();
    found.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The file system of a folder, and what it lies on: the mount with the longest path that holds it.
pub(crate) fn disk(folder: &Path) -> String {
    let find = || {
        let folder = folder.canonicalize().ok()?;
        let mounts = text("/proc/self/mountinfo")?;
        let mut best: Option<(usize, String)> = None;
        for line in mounts.lines() {
            let (about, kind) = line.split_once(" - ")?;
            let point = about.split(' ').nth(4)?;
            let is_longer = best.as_ref().is_none_or(|(length, _)| point.len() >= *length);
            if folder.starts_with(point) && is_longer {
                let kind: Vec<&str> = kind.split(' ').take(2).collect();
                best = Some((point.len(), kind.join(" on ")));
            }
        }
        best.map(|(_, kind)| kind)
    };
    find().unwrap_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_is_read_past_any_name() {
        let stat = "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 4";
        assert_eq!(cpu_of(stat), Duration::from_secs(2));
        assert_eq!(cpu_of(""), Duration::ZERO);
    }
}
