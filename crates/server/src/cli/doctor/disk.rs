//! The data folder, its disk, and how many files may be open.
//!
//! Must never leave anything in the folder, and must never make it.

use super::{Line, ok, problem, warning};
use crate::config::Config;
use crate::run::Stopwatch;
use rustix::process::{Resource, getrlimit};
use std::fs;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Free bytes below which the store will soon fail, and below which somebody should look.
const FREE_BYTES: (u64, u64) = (256 * 1024 * 1024, 2 * 1024 * 1024 * 1024);
/// How often the disk is asked to keep something.
const SYNCS: usize = 21;
/// What a commit of the store writes at least.
const BLOCK: [u8; 4_096] = [0x57; 4_096];
/// Waits for the disk from which it is fast enough, and slow.
const SYNC_GOOD: Duration = Duration::from_millis(5);
const SYNC_SLOW: Duration = Duration::from_millis(30);
/// No disk that keeps what it says answers faster.
const SYNC_TOO_GOOD: Duration = Duration::from_micros(15);
/// Files the program needs beside connections: the store, logs, gateways.
const FILES_BESIDE: u64 = 128;

/// Looks at the folder and its disk.
pub(super) fn look(data: &Path) -> Vec<Line> {
    let shown = data.display();
    let (folder, mut lines) = match fs::metadata(data) {
        Ok(found) if found.is_dir() => (data.to_owned(), Vec::new()),
        Ok(_) => {
            return vec![problem(
                "data",
                format!("{shown} is no folder; name another one with --data"),
            )];
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let line = warning("data", format!("{shown} is not there; `wayline serve` makes it"));
            (nearest(data), vec![line])
        }
        Err(error) => {
            let what = format!(
                "{shown} cannot be looked at: {error}; give the user who runs wayline the right to it"
            );
            return vec![problem("data", what)];
        }
    };
    match tempfile::tempfile_in(&folder) {
        Ok(file) => {
            if lines.is_empty() {
                lines.push(ok("data", format!("{shown} can be written")));
            }
            lines.push(space(&folder, data));
            lines.push(sync(file));
        }
        Err(error) => {
            let what = format!(
                "{} cannot be written: {error}; give the user who runs wayline the right to it, and look at the disk",
                folder.display()
            );
            lines.push(problem("data", what));
            lines.push(space(&folder, data));
        }
    }
    lines
}

/// The nearest folder above that is there.
fn nearest(data: &Path) -> PathBuf {
    let above = data.ancestors().skip(1).find(|folder| folder.is_dir());
    above.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

fn space(folder: &Path, data: &Path) -> Line {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let found = match rustix::fs::statvfs(folder) {
        Ok(found) => found,
        Err(error) => return warning("space", format!("how much is free is not known: {error}")),
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let store = store_bytes(data);
    let said = format!("{} free, the store has {}", size(free), size(store));
    if free < FREE_BYTES.0 {
        problem("space", format!("{said}; free some now: a store on a full disk takes nothing"))
    } else if free < FREE_BYTES.1 {
        warning("space", format!("{said}; free some soon"))
    } else if free < store {
        warning("space", format!("{said}; a backup does not fit here, put it on another disk"))
    } else {
        ok("space", said)
    }
}

/// Bytes of the store, what stands in its log included.
fn store_bytes(data: &Path) -> u64 {
    let file = crate::serve::store_in(data);
    let log = file.with_extension("db-wal");
    [file, log].iter().filter_map(|path| path.metadata().ok()).map(|found| found.len()).sum()
}

fn size(bytes: u64) -> String {
    const STEP: f64 = 1024.0;
    let mut value = bytes as f64;
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
        if value < STEP {
            return format!("{} {unit}", (value * 10.0).round() / 10.0);
        }
        value /= STEP;
    }
    format!("{} TiB", (value * 10.0).round() / 10.0)
}

/// How long the disk takes to keep something: each commit waits so long.
fn sync(mut file: fs::File) -> Line {
    let mut times = Vec::new();
    for _ in 0..SYNCS {
        let watch = Stopwatch::start();
        let done = file
            .seek(SeekFrom::Start(0))
            .and_then(|_| file.write_all(&BLOCK))
            .and_then(|()| file.sync_data());
        if let Err(error) = done {
            return problem("fsync", format!("the disk does not keep what is written: {error}"));
        }
        times.push(watch.elapsed());
    }
    times.sort_unstable();
    let median = times.get(SYNCS / 2).copied().unwrap_or_default();
    judged(median)
}

fn judged(median: Duration) -> Line {
    let said = format!("{:.2} ms in the median", median.as_secs_f64() * 1_000.0);
    if median < SYNC_TOO_GOOD {
        let what = "faster than a disk that keeps what it says: is it in memory? What is accepted may be lost with the power";
        warning("fsync", format!("{said}: {what}"))
    } else if median <= SYNC_GOOD {
        ok("fsync", format!("{said}: good"))
    } else if median <= SYNC_SLOW {
        ok("fsync", format!("{said}: usable; an SSD makes answers faster"))
    } else {
        warning(
            "fsync",
            format!(
                "{said}: slow, every answer of the API waits for it; use a faster disk, no network drive"
            ),
        )
    }
}

/// Whether as many connections may be open as the settings allow.
pub(super) fn open_files(config: &Config) -> Option<Line> {
    // No limit, no line.
    let limit = getrlimit(Resource::Nofile).current?;
    let needed = config.http.connections_max as u64 + FILES_BESIDE;
    Some(if limit < needed {
        let what = format!(
            "{limit} files may be open and http.connections_max needs {needed}; raise the limit (ulimit -n, LimitNOFILE) or lower the setting"
        );
        warning("files", what)
    } else {
        ok("files", format!("{limit} may be open"))
    })
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn a_disk_is_judged_by_what_commits_wait() {
        let micros = |micros| judged(Duration::from_micros(micros)).level;
        assert_eq!(micros(2), Level::Warning);
        assert_eq!(micros(400), Level::Ok);
        assert_eq!(micros(9_000), Level::Ok);
        assert_eq!(micros(80_000), Level::Warning);
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size(0), "0 bytes");
        assert_eq!(size(1_536), "1.5 KiB");
        assert_eq!(size(3 * 1024 * 1024 * 1024), "3 GiB");
        assert_eq!(size(u64::MAX), "16777216 TiB");
    }
}
