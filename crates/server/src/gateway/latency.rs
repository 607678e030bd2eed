//! How long a gateway takes to answer: the last submits, for percentiles that tell of now and not of last week.
//!
//! Must never decide anything.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Submits that are remembered.
const REMEMBERED: usize = 1_024;

/// The last answers' times.
#[derive(Default)]
pub(crate) struct Latencies {
    ring: Mutex<Ring>,
}

#[derive(Default)]
struct Ring {
    millis: Vec<f32>,
    next: usize,
}

/// Percentiles in milliseconds; `None`: nothing was answered yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Percentiles {
    pub(crate) p50: f32,
    pub(crate) p90: f32,
    pub(crate) p99: f32,
}

impl Latencies {
    /// An answer came after so long.
    pub(crate) fn add(&self, took: Duration) {
        let millis = took.as_secs_f32() * 1_000.0;
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let next = ring.next;
        match ring.millis.get_mut(next) {
            Some(place) => *place = millis,
            None => ring.millis.push(millis),
        }
        ring.next = (next + 1) % REMEMBERED;
    }

    /// Of the last answers.
    pub(crate) fn percentiles(&self) -> Option<Percentiles> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sorted = ring.millis.clone();
        drop(ring);
        sorted.sort_unstable_by(f32::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let at = |share: f32| sorted.get((last as f32 * share).round() as usize).copied();
        Some(Percentiles { p50: at(0.5)?, p90: at(0.9)?, p99: at(0.99)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_last_answers() {
        let latencies = Latencies::default();
        assert_eq!(latencies.percentiles(), None);
        (0..REMEMBERED).for_each(|_| latencies.add(Duration::from_secs(9)));
        (1..=REMEMBERED as u64).for_each(|n| latencies.add(Duration::from_millis(n)));
        let found = latencies.percentiles().unwrap();
        assert!((510.0..515.0).contains(&found.p50), "{found:?}");
        assert!((1_010.0..1_016.0).contains(&found.p99), "{found:?}");
    }
}
