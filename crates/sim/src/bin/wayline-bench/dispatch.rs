//! The way out: timers that are due, messages handed to a gateway that answers at once, and their receipts.

use crate::Outcome;
use crate::cell::Bench;
use crate::clock::timed;
use std::time::Duration;
use wayline_core::time::Span;
use wayline_pipeline::gateway::Gateway as _;
use wayline_pipeline::sandbox::{Behaviour, Sandbox};
use wayline_pipeline::tick::Tick;

/// Things of one commit.
const TOGETHER: usize = 250;

/// What was measured, per second of the engine's own time.
pub(crate) struct Dispatched {
    pub(crate) timers: usize,
    pub(crate) timers_per_second: f64,
    pub(crate) messages: usize,
    pub(crate) messages_per_second: f64,
    pub(crate) receipts: usize,
    pub(crate) receipts_per_second: f64,
}

/// Lets the carts of the cells before come due, at most `limit` of them.
pub(crate) async fn dispatch(bench: &mut Bench, limit: usize) -> Outcome<Dispatched> {
    let now = bench.now() + Span::hours(5);
    let tick = Tick::Live(now);
    let (mut timers, mut waking) = (0, Duration::ZERO);
    while timers < limit {
        let (woken, time) = timed(|| pollster::block_on(bench.pipeline.wake(tick, TOGETHER)));
        let woken = woken?;
        waking += time;
        timers += woken;
        if woken == 0 {
            break;
        }
    }
    let gateway = Sandbox::new("sandbox", 1, Behaviour::default());
    let (mut messages, mut handing) = (0, Duration::ZERO);
    loop {
        let (claimed, time) = timed(|| pollster::block_on(bench.pipeline.claim(tick, TOGETHER)));
        handing += time;
        let (claimed, submissions) = claimed?;
        if claimed == 0 {
            break;
        }
        messages += submissions.len();
        let mut outcomes = Vec::with_capacity(submissions.len());
        for message in &submissions {
            outcomes.push(gateway.submit(message, now).await);
        }
        let answer = bench.pipeline.answer(submissions, outcomes, tick);
        let (answered, time) = timed(|| pollster::block_on(answer));
        answered?;
        handing += time;
    }
    let later = now + Span::hours(1);
    let events = gateway.poll(later);
    let receipts = events.len();
    let (received, time) = timed(|| {
        events.chunks(TOGETHER).try_for_each(|part| {
            pollster::block_on(bench.pipeline.receive(part.to_vec(), Tick::Live(later)))
        })
    });
    received?;
    let rate = |count: usize, time: Duration| count as f64 / time.as_secs_f64().max(1e-9);
    Ok(Dispatched {
        timers,
        timers_per_second: rate(timers, waking),
        messages,
        messages_per_second: rate(messages, handing),
        receipts,
        receipts_per_second: rate(receipts, time),
    })
}
