//! What this machine could do at most: the same bytes appended to a log that is there already, synced one by one.

use crate::clock::Stopwatch;
use crate::failure::{Failure, Outcome};
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Duration;

/// Bytes of the log; past its end it begins anew.
const LOG_BYTES: u64 = 64 << 20;

/// How many of the bodies go into a log each second, each synced before the next.
pub(crate) fn measure(folder: &Path, bodies: &[Vec<u8>], time: Duration) -> Outcome<f64> {
    let path = folder.join("ceiling.log");
    let written = append(&path, bodies, time);
    // What is left of it is nobody's.
    let _ = std::fs::remove_file(&path);
    written.map_err(|source| Failure::File { path, source })
}

fn append(path: &Path, bodies: &[Vec<u8>], time: Duration) -> std::io::Result<f64> {
    let mut log = File::options().create(true).truncate(true).write(true).open(path)?;
    let zeros = vec![0; 1 << 20];
    for _ in 0..LOG_BYTES >> 20 {
        log.write_all(&zeros)?;
    }
    log.sync_all()?;
    log.seek(SeekFrom::Start(0))?;
    let (watch, mut at, mut count) = (Stopwatch::start(), 0, 0_u32);
    for body in bodies.iter().cycle() {
        at += body.len() as u64;
        if at > LOG_BYTES {
            log.seek(SeekFrom::Start(0))?;
            at = body.len() as u64;
        }
        log.write_all(body)?;
        log.sync_data()?;
        count += 1;
        if watch.elapsed() >= time {
            break;
        }
    }
    Ok(f64::from(count) / watch.elapsed().as_secs_f64())
}
