//! Single events at instants fixed beforehand, whatever the server does: an open loop.
//!
//! A latency counts from the intended instant, so waiting for a free connection is a part of it.

use crate::api::{Handed, taken};
use crate::clock::Stopwatch;
use crate::connection::{Connection, request};
use crate::figures::Times;
use crate::people;
use clap::ValueEnum;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use wayline_core::time::{Span, Timestamp};
use wayline_sim::random::Random;

/// How arrivals are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Arrivals {
    /// By chance, as many people who do not know of each other.
    Poisson,
    /// Evenly.
    Fixed,
}

/// What is sent.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) rate: f64,
    pub(crate) time: Duration,
    pub(crate) connections: usize,
    pub(crate) arrivals: Arrivals,
    pub(crate) event: String,
    /// The first contact; each does it once.
    pub(crate) first: u32,
    pub(crate) seed: u64,
}

/// One event as it went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Went {
    pub(crate) intended: Timestamp,
    /// When the answer was there.
    pub(crate) accepted: Timestamp,
}

/// What one run came to.
#[derive(Debug, Default)]
pub(crate) struct Singles {
    pub(crate) latencies: Times,
    pub(crate) failed: u64,
    pub(crate) failure: Option<String>,
    pub(crate) went: BTreeMap<String, Went>,
    pub(crate) time: Duration,
}

/// When the events are meant to happen, counted from the start.
pub(crate) fn schedule(plan: &Plan) -> Vec<Duration> {
    let count = (plan.rate * plan.time.as_secs_f64()).round() as usize;
    let mut draw = Random::new(plan.seed);
    let mut at = 0.0;
    (0..count)
        .map(|place| match plan.arrivals {
            Arrivals::Fixed => Duration::from_secs_f64(place as f64 / plan.rate),
            Arrivals::Poisson => {
                // In (0, 1]: its logarithm is finite.
                let chance = ((draw.bits() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
                at -= chance.ln() / plan.rate;
                Duration::from_secs_f64(at)
            }
        })
        .collect()
}

/// Sends them.
pub(crate) fn run(address: &str, key: &str, plan: &Plan) -> Singles {
    let times = schedule(plan);
    let requests: Vec<Vec<u8>> = (0..times.len() as u32)
        .map(|place| {
            let number = plan.first + place;
            let id = format!("s-{}-{number}", plan.seed);
            let body = people::track(number, &plan.event, &id);
            request("POST", "/v1/track", key, body.as_bytes())
        })
        .collect();
    let next = AtomicUsize::new(0);
    let watch = Stopwatch::start();
    let work = || {
        let mut connection = Connection::new(address);
        let (mut went, mut failed, mut failure) = (Vec::new(), 0, None);
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let (Some(intended), Some(request)) = (times.get(place), requests.get(place)) else {
                return (went, failed, failure);
            };
            watch.wait_until(*intended);
            let why = match connection.send(request) {
                Ok((200, body)) if taken(body).is_ok_and(|taken| taken.accepted == 1) => {
                    went.push((place, *intended, watch.elapsed()));
                    continue;
                }
                Ok((status, body)) => format!("{status}: {}", String::from_utf8_lossy(body)),
                Err(error) => error.to_string(),
            };
            failed += 1;
            failure.get_or_insert(why);
        }
    };
    let mut singles = Singles::default();
    let mut latencies = Vec::new();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..plan.connections).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            // A thread that panicked has nothing to add.
            let Ok((went, failed, failure)) = thread.join() else { continue };
            singles.failed += failed;
            singles.failure = singles.failure.take().or(failure);
            for (place, intended, answered) in went {
                latencies.push(answered.saturating_sub(intended));
                let times = Went { intended: watch.wall(intended), accepted: watch.wall(answered) };
                singles.went.insert(people::user(plan.first + place as u32), times);
            }
        }
    });
    singles.time = watch.elapsed();
    singles.latencies = Times::of(latencies);
    singles
}

/// From event to text.
#[derive(Debug, Default)]
pub(crate) struct ToSubmit {
    /// From the intended instant.
    pub(crate) from_intended: Times,
    /// From when the server received the event, by its own clock.
    pub(crate) from_received: Times,
    /// From the answer; 0 where the text was faster than the answer.
    pub(crate) from_accepted: Times,
    /// Events of which no text was handed out.
    pub(crate) missing: usize,
}

/// Matches texts to events by their person; `wait`: how much later the text is meant to go.
pub(crate) fn to_submit(singles: &Singles, messages: &[Handed], wait: Span) -> ToSubmit {
    let (mut intended, mut received, mut accepted) = (Vec::new(), Vec::new(), Vec::new());
    for message in messages {
        let (Some(went), Some(at)) = (singles.went.get(&message.user), message.at) else {
            continue;
        };
        intended.push(at - (went.intended + wait));
        received.extend(message.reached.map(|reached| at - reached));
        accepted.push((at - (went.accepted + wait)).max(Span::ZERO));
    }
    ToSubmit {
        missing: singles.went.len().saturating_sub(intended.len()),
        from_intended: Times::of_spans(intended),
        from_received: Times::of_spans(received),
        from_accepted: Times::of_spans(accepted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arrivals: Arrivals) -> Plan {
        let event = "go".to_owned();
        Plan {
            rate: 1_000.0,
            time: Duration::from_secs(20),
            connections: 1,
            arrivals,
            event,
            first: 5,
            seed: 3,
        }
    }

    #[test]
    fn arrivals_keep_their_rate_and_their_seed() {
        let fixed = schedule(&plan(Arrivals::Fixed));
        assert_eq!((fixed[0], fixed[1]), (Duration::ZERO, Duration::from_millis(1)));
        let poisson = schedule(&plan(Arrivals::Poisson));
        assert_eq!(poisson, schedule(&plan(Arrivals::Poisson)));
        assert_eq!((fixed.len(), poisson.len()), (20_000, 20_000));
        assert!(poisson.is_sorted());
        let last = poisson[19_999].as_secs_f64();
        assert!((19.4..20.6).contains(&last), "{last}");
        // Of a thousandth of a second, 36.8% hold none.
        let mut counts = vec![0; 30_000];
        poisson.iter().for_each(|at| counts[at.as_millis() as usize] += 1);
        let none = counts[..19_000].iter().filter(|count| **count == 0).count();
        assert!((6_600..7_400).contains(&none), "{none}");
    }

    #[test]
    fn texts_are_matched_to_the_events_of_their_person() {
        let went = |intended, accepted| Went {
            intended: Timestamp(intended),
            accepted: Timestamp(accepted),
        };
        let mut singles = Singles::default();
        singles.went.insert("user-1".to_owned(), went(1_000, 1_010));
        singles.went.insert("user-2".to_owned(), went(2_000, 2_030));
        singles.went.insert("user-3".to_owned(), went(3_000, 3_001));
        let handed = |user: &str, at: Option<i64>| Handed {
            user: user.to_owned(),
            reached: at.map(|at| Timestamp(at - 3)),
            at: at.map(Timestamp),
        };
        let messages = [
            handed("user-1", Some(61_005)),
            handed("user-2", Some(62_070)),
            handed("user-3", None),
            handed("user-9", Some(5)),
        ];
        let out = to_submit(&singles, &messages, Span::minutes(1));
        assert_eq!(out.missing, 1);
        assert_eq!((out.from_received.count(), out.from_received.quantile(1_000)), (2, 3.0));
        assert_eq!((out.from_intended.quantile(1), out.from_intended.quantile(1_000)), (5.0, 70.0));
        assert_eq!((out.from_accepted.quantile(1), out.from_accepted.quantile(1_000)), (0.0, 40.0));
    }
}
