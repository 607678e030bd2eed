//! What the results were measured on, and what this process used, as the kernel says.
//!
//! Must never fail: a number the kernel does not give is 0, a text `unknown`.

use std::fs;
use std::path::Path;
use std::time::Duration;

/// Clock ticks per second in `/proc`, fixed on Linux.
const TICKS_PER_SECOND: u64 = 100;

/// The machine.
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) cpu: String,
    pub(crate) memory_mib: u64,
    pub(crate) kernel: String,
    /// File system of the store, and what it lies on.
    pub(crate) disk: String,
}

impl Machine {
    pub(crate) fn read(store: &Path) -> Machine {
        let unknown = || "unknown".to_owned();
        Machine {
            cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            cpu: field("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
            memory_mib: kib("/proc/meminfo", "MemTotal") / 1024,
            kernel: text("/proc/sys/kernel/osrelease").unwrap_or_else(unknown),
            disk: disk(store).unwrap_or_else(unknown),
        }
    }
}

/// Runnable processes over the last minute: above the number of cores, others took part of the machine.
pub(crate) fn load() -> String {
    text("/proc/loadavg")
        .and_then(|line| line.split(' ').next().map(str::to_owned))
        .unwrap_or_else(|| "unknown".to_owned())
}

/// What this process used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Of all threads.
    pub(crate) cpu: Duration,
    /// Bytes handed to the file system.
    pub(crate) written: u64,
}

impl Usage {
    pub(crate) fn now() -> Usage {
        let stat = text("/proc/self/stat").unwrap_or_default();
        // The name of the program may hold anything; what follows its bracket is numbers.
        let numbers = stat.rsplit(')').next().unwrap_or_default();
        let times = numbers.split_whitespace().skip(11).take(2);
        let ticks: u64 = times.filter_map(|time| time.parse::<u64>().ok()).sum();
        Usage {
            cpu: Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND),
            written: kib("/proc/self/io", "wchar"),
        }
    }

    pub(crate) fn since(self, before: Usage) -> Usage {
        Usage {
            cpu: self.cpu.saturating_sub(before.cpu),
            written: self.written.saturating_sub(before.written),
        }
    }
}

/// Begins to look for the peak of memory anew.
pub(crate) fn forget_peak() {
    // Refused in some containers: the peak is then that of the whole run.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// Most memory resident since [`forget_peak`].
pub(crate) fn peak_mib() -> u64 {
    kib("/proc/self/status", "VmHWM") / 1024
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

/// The mount with the longest path that holds the folder.
fn disk(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = text("/proc/self/mountinfo")?;
    let mut best: Option<(usize, String)> = None;
    for line in mounts.lines() {
        let (about, kind) = line.split_once(" - ")?;
        let point = about.split(' ').nth(4)?;
        let longer = best.as_ref().is_none_or(|(length, _)| point.len() >= *length);
        if folder.starts_with(point) && longer {
            let kind: Vec<&str> = kind.split(' ').take(2).collect();
            best = Some((point.len(), kind.join(" on ")));
        }
    }
    best.map(|(_, kind)| kind)
}
