//! Recorded history through the engine in memory: bookings, each with two timers and about 1.4 messages.

use crate::Outcome;
use crate::cell::median;
use crate::clock::timed;
use crate::preload::{START, definitions};
use std::sync::{Arc, Mutex, PoisonError};
use wayline_core::ids::WorkspaceId;
use wayline_core::time::Span;
use wayline_pipeline::Pipeline;
use wayline_pipeline::ingest::read;
use wayline_sim::drive::Drive;
use wayline_sim::random::Random;
use wayline_store::batch::{Batch, Op};
use wayline_store::{MemoryStore, Store};

const WORKSPACE: &str = include_str!("../../../../../examples/appointments/q1/workspace.yaml");
const JOURNEY: &str =
    include_str!("../../../../../examples/appointments/q1/journeys/appointment_reminders.yaml");
/// Times it runs; the middle one counts.
const RUNS: usize = 3;

/// What was measured.
pub(crate) struct Replayed {
    pub(crate) inputs: u64,
    /// Reading the lines included, as `wayline replay` does.
    pub(crate) inputs_per_second: f64,
    pub(crate) messages_per_input: f64,
    pub(crate) timers_per_input: f64,
}

/// Replays so many bookings.
pub(crate) fn replay(bookings: u64) -> Outcome<Replayed> {
    let lines = lines(bookings);
    let (mut rates, mut seen) = (Vec::new(), (0, 0));
    for _ in 0..RUNS {
        let (counted, time) = timed(|| pollster::block_on(run(&lines)));
        seen = counted?;
        rates.push(lines.len() as f64 / time.as_secs_f64());
    }
    let inputs = lines.len() as u64;
    Ok(Replayed {
        inputs,
        inputs_per_second: median(rates),
        messages_per_input: seen.0 as f64 / inputs as f64,
        timers_per_input: seen.1 as f64 / inputs as f64,
    })
}

async fn run(lines: &[String]) -> Outcome<(u64, u64)> {
    let mut pipeline = Pipeline::open(Arc::new(Store::from(MemoryStore::forgetting()))).await?;
    let definitions = definitions(WORKSPACE, JOURNEY)?;
    let workspace = pipeline.publish(&definitions, 1, START).await?.workspace;
    let counts = Arc::new(Mutex::new((0, 0)));
    let shared = Arc::clone(&counts);
    pipeline.observe(Box::new(move |batch| {
        let mut counts = shared.lock().unwrap_or_else(PoisonError::into_inner);
        count(&batch, &mut counts);
    }));
    let mut drive = Drive::new(pipeline, None, 1);
    feed(&mut drive, workspace, lines).await?;
    drive.finish(None).await?;
    let counts = *counts.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(counts)
}

async fn feed(drive: &mut Drive, workspace: WorkspaceId, lines: &[String]) -> Outcome<()> {
    for line in lines {
        drive.feed(read(workspace, line.as_bytes(), None)?).await?;
    }
    Ok(())
}

/// Messages made, and states that wait for an instant.
fn count(batch: &Batch, (messages, timers): &mut (u64, u64)) {
    for op in &batch.ops {
        match op {
            Op::InsertMessage(_) => *messages += 1,
            Op::PutState(row) if row.wake.is_some() => *timers += 1,
            _ => {}
        }
    }
}

/// Bookings a second apart: half more than a day ahead (two messages), four tenths less (one), the rest too late.
fn lines(bookings: u64) -> Vec<String> {
    let mut draw = Random::new(3);
    let people = (bookings as usize / 2).max(1);
    let mut lines = Vec::with_capacity(bookings as usize);
    for number in 0..bookings {
        let at = START + Span::seconds(number as i64);
        let ahead = match draw.below(10) {
            0..5 => draw.span(Span::hours(30), Span::days(20)),
            5..9 => draw.span(Span::hours(3), Span::hours(23)),
            _ => draw.span(Span::minutes(1), Span::minutes(90)),
        };
        lines.push(format!(
            "{{\"type\":\"track\",\"event\":\"appointment_booked\",\"userId\":\"p{}\",\
             \"messageId\":\"b{number}\",\"timestamp\":\"{}\",\"properties\":{{\
             \"appointment_id\":\"{number}\",\"starts_at\":\"{}\",\"clinic\":\"Centro\",\
             \"local_time\":\"14:00\"}}}}",
            draw.below(people),
            at.to_jiff(),
            (at + ahead).to_jiff(),
        ));
    }
    lines
}
