//! What this machine could do at most: the same bytes appended to a log that is there already, synced with each batch,
//! and a hash map instead of a store.

use crate::Outcome;
use crate::clock::timed;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Duration;
use wayline_store::batch::{Batch, Op};

/// Bytes of the log; past its end it begins anew.
const LOG_BYTES: u64 = 256 << 20;

/// The log and the map.
pub(crate) struct Ceiling {
    log: File,
    at: u64,
    map: HashMap<u64, [u64; 4], BuildHasherDefault<DefaultHasher>>,
}

impl Ceiling {
    pub(crate) fn new(path: &Path, contacts: u64) -> Outcome<Ceiling> {
        let mut log = File::options().create(true).truncate(true).write(true).open(path)?;
        let zeros = vec![0; 1 << 20];
        for _ in 0..LOG_BYTES >> 20 {
            log.write_all(&zeros)?;
        }
        log.sync_all()?;
        let map = (1..=contacts).map(|contact| (contact, [0; 4])).collect();
        Ok(Ceiling { log, at: 0, map })
    }

    /// Takes one batch, and says how long that took.
    pub(crate) fn take(&mut self, batch: &Batch) -> Outcome<Duration> {
        let (taken, time) = timed(|| self.append(batch));
        taken?;
        Ok(time)
    }

    fn append(&mut self, batch: &Batch) -> Outcome<()> {
        let bytes = postcard::to_stdvec(batch)?;
        if self.at + bytes.len() as u64 > LOG_BYTES {
            self.at = 0;
        }
        self.log.seek(SeekFrom::Start(self.at))?;
        self.log.write_all(&bytes)?;
        self.log.sync_data()?;
        self.at += bytes.len() as u64;
        for op in &batch.ops {
            // One for each event.
            if let Op::AppendInput(input) = op {
                let value = self.map.entry(input.contact.0).or_insert([0; 4]);
                *value = [input.seq.0, input.at.0 as u64, value[2] + 1, value[3]];
            }
        }
        Ok(())
    }
}

/// Events of a batch.
pub(crate) fn events(batch: &Batch) -> usize {
    batch.ops.iter().filter(|op| matches!(op, Op::AppendInput(_))).count()
}

/// What a batch holds, for the report: operations by name, per event.
pub(crate) fn mix(batches: &[Batch]) -> Vec<(String, f64)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for op in batches.iter().flat_map(|batch| &batch.ops) {
        let name = format!("{op:?}");
        let name: String = name.chars().take_while(|letter| letter.is_alphanumeric()).collect();
        *counts.entry(name).or_insert(0) += 1;
    }
    let events: usize = batches.iter().map(events).sum();
    counts.into_iter().map(|(name, count)| (name, count as f64 / events.max(1) as f64)).collect()
}
