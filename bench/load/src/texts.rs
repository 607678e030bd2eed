//! The plain work: an event of a person, one text to them.
//!
//! Must never read lists of messages while it measures.

use crate::api::{Api, Handed};
use crate::batches;
use crate::clock::{Stopwatch, pause};
use crate::connection::request;
use crate::failure::Outcome;
use crate::machine::Process;
use crate::people;
use crate::single::{self, Arrivals, Plan, Singles, ToSubmit};
use serde_json::{Value, json};
use std::time::Duration;
use wayline_core::time::{Span, Timestamp};

/// Slug of the workspace.
pub(crate) const WORKSPACE: &str = "load";
/// Contacts of the plain work.
const CONTACTS: u32 = 12_000;
const BATCH: usize = 50;
const CONNECTIONS: usize = 4;
const RATES: [f64; 3] = [5.0, 20.0, 28.0];
const WAIT: Span = Span::minutes(1);
/// How long a server is left alone after the last event, before anything is read.
const SETTLE: Duration = Duration::from_secs(3);
/// How long a text may take to count at all.
const LATE_SECONDS_MAX: u64 = 120;

/// What the workspace is made of: a journey that texts at once, one that waits, and an abandoned cart.
pub(crate) fn files() -> Value {
    json!({
        "workspace.yaml": "workspace: load\nbrand: Load\ncountry: US\ntime_zone: America/New_York\n\
            caps: []\nconsent: single_opt_in\n\
            senders:\n  - {id: main, number: \"60777\", kind: short_code, gateway: sandbox}\n",
        "journeys/now.yaml": "journey: now\npurpose: transactional\n\
            entry: {event: go, once_ended: always}\nsteps:\n  text:\n    send:\n      \
            sms: \"{{ workspace.brand }}: thanks, your {{ event.item }} is on its way.\"\n",
        "journeys/later.yaml": "journey: later\npurpose: transactional\n\
            entry: {event: go_later, once_ended: always}\nsteps:\n  minute:\n    wait: 1m\n  text:\n    send:\n      \
            sms: \"{{ workspace.brand }}: a minute ago you asked for {{ event.item }}.\"\n",
        "journeys/cart.yaml": "journey: cart\npurpose: marketing\n\
            entry: {event: addtocart, while_active: restart, once_ended: always}\n\
            exit:\n  - {event: purchase, as: purchased}\nsteps:\n  let_them_shop:\n    wait: 4h\n  \
            remind:\n    send:\n      \
            sms: \"{{ workspace.brand }}: your {{ event.item }} is still in your cart. Reply STOP to opt out.\"\n",
    })
}

/// A row of the plain work.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) events: u64,
    /// From the first event to the last text.
    pub(crate) per_second: f64,
    pub(crate) cpu_milliseconds: f64,
    pub(crate) to_submit: ToSubmit,
    pub(crate) failed: u64,
    pub(crate) failure: Option<String>,
    pub(crate) resident_mib: u64,
}

/// Runs all of it on contacts from `first` on. `seconds`: of each rate.
pub(crate) fn run(
    api: &Api,
    key: &str,
    server: Process,
    first: u32,
    seconds: u64,
) -> Outcome<Vec<Row>> {
    let preload = batches::preload(api, key, first, first + CONTACTS, CONNECTIONS)?;
    let mut all = burst(api, key, server, first)?;
    all.failure = all.failure.or(preload.failure);
    let mut rows = vec![all];
    let mut next = first;
    for rate in RATES {
        let plan = Plan { event: "go".to_owned(), ..plan(rate, seconds, next) };
        next += (rate * seconds as f64).ceil() as u32;
        rows.push(one_by_one(api, key, server, &plan, Span::ZERO)?);
    }
    let plan = Plan { event: "go_later".to_owned(), ..plan(RATES[1], seconds, next) };
    rows.push(one_by_one(api, key, server, &plan, WAIT)?);
    Ok(rows)
}

fn plan(rate: f64, seconds: u64, first: u32) -> Plan {
    let event = String::new();
    let time = Duration::from_secs(seconds);
    Plan {
        rate,
        time,
        connections: 16,
        arrivals: Arrivals::Poisson,
        event,
        first,
        seed: u64::from(first),
    }
}

/// Everybody at once, in batches.
fn burst(api: &Api, key: &str, server: Process, first: u32) -> Outcome<Row> {
    let bodies: Vec<Vec<u8>> = (first..first + CONTACTS)
        .step_by(BATCH)
        .map(|from| {
            let numbers = from..from + BATCH as u32;
            let body = people::batch(numbers.map(|it| people::track(it, "go", &format!("b-{it}"))));
            request("POST", "/v1/batch", key, body.as_bytes())
        })
        .collect();
    let (watch, before) = (Stopwatch::start(), server.cpu());
    let sent = batches::run(&api.address, &bodies, CONNECTIONS, Duration::from_secs(600))?;
    pause(SETTLE);
    let cpu = server.cpu().saturating_sub(before);
    let messages = sent_since(api, "now", watch.wall(Duration::ZERO), sent.accepted as usize)?;
    let last = messages.iter().filter_map(|message| message.at).max();
    let time = last.map_or(Span::ZERO, |last| last - watch.wall(Duration::ZERO));
    let texts = messages.iter().filter(|message| message.at.is_some()).count();
    Ok(Row {
        what: format!("{CONTACTS} in batches of {BATCH} by {CONNECTIONS}"),
        events: sent.accepted,
        per_second: texts as f64 * 1_000.0 / time.0.max(1) as f64,
        cpu_milliseconds: per_event(cpu, sent.accepted),
        to_submit: ToSubmit {
            missing: (sent.accepted as usize).saturating_sub(texts),
            ..ToSubmit::default()
        },
        failed: sent.failed + sent.refused,
        failure: sent.failure,
        resident_mib: server.resident_mib(),
    })
}

fn one_by_one(api: &Api, key: &str, server: Process, plan: &Plan, wait: Span) -> Outcome<Row> {
    let journey = if wait == Span::ZERO { "now" } else { "later" };
    let before = server.cpu();
    let sent = single::run(&api.address, key, plan);
    pause(SETTLE + Duration::from_millis(wait.0.unsigned_abs()));
    let cpu = server.cpu().saturating_sub(before);
    let count = sent.went.len() as u64;
    let what = match wait {
        Span::ZERO => format!("{}/s", plan.rate),
        _ => format!("{}/s, text after {wait}", plan.rate),
    };
    Ok(Row {
        what,
        events: count,
        per_second: count as f64 / sent.time.as_secs_f64().max(0.001),
        cpu_milliseconds: per_event(cpu, count),
        to_submit: matched(api, journey, &sent, wait)?,
        failed: sent.failed,
        failure: sent.failure,
        resident_mib: server.resident_mib(),
    })
}

/// Reads the texts of a run.
pub(crate) fn matched(api: &Api, journey: &str, sent: &Singles, wait: Span) -> Outcome<ToSubmit> {
    // A contact of an earlier run has an earlier text, too.
    let begin = sent.went.values().map(|went| went.intended).min().unwrap_or(Timestamp::MAX);
    let messages = sent_since(api, journey, begin, sent.went.len())?;
    Ok(single::to_submit(sent, &messages, wait))
}

/// The texts handed out since then, when there are so many or time is up.
fn sent_since(api: &Api, journey: &str, begin: Timestamp, count: usize) -> Outcome<Vec<Handed>> {
    let watch = Stopwatch::start();
    loop {
        let mut messages = api.messages(WORKSPACE, journey, count)?;
        messages.retain(|message| message.at.is_some_and(|at| at >= begin));
        if messages.len() >= count || watch.elapsed() > Duration::from_secs(LATE_SECONDS_MAX) {
            return Ok(messages);
        }
        pause(Duration::from_secs(2));
    }
}

fn per_event(cpu: Duration, events: u64) -> f64 {
    cpu.as_secs_f64() * 1_000.0 / events.max(1) as f64
}
