//! The cells of a measurement on one server, added to its report.

use crate::api::Api;
use crate::batches;
use crate::ceiling;
use crate::failure::{Failure, Outcome};
use crate::machine::Process;
use crate::options::{Part, Shared};
use crate::people::{Distribution, People};
use crate::report::{BatchRun, Report, SingleRun};
use crate::single::{self, Arrivals, Plan};
use crate::texts;
use std::path::Path;
use std::time::Duration;
use wayline_core::time::Span;

/// The contacts of the plain work are numbered from here, above those of the preload.
const TEXT_FIRST: u32 = 2_000_000;
const BATCH: usize = 100;
const BATCH_CONNECTIONS: usize = 8;
const SINGLE_RATE: f64 = 2_000.0;
const SINGLE_CONNECTIONS: usize = 64;
/// Offered before the full rate: how an unhurried server does.
const SINGLE_RATE_EASY: f64 = 500.0;
/// How long after the last single event its CPU time is read: its text is out by then.
const SETTLE: Duration = Duration::from_secs(2);

/// A server and what is being found out about it.
pub(crate) struct Measure<'a> {
    pub(crate) api: &'a Api,
    pub(crate) key: &'a str,
    pub(crate) server: Process,
    pub(crate) shared: &'a Shared,
    /// A folder on the disk of the server's data.
    pub(crate) folder: &'a Path,
    pub(crate) report: &'a mut Report,
}

impl Measure<'_> {
    /// All cells in turn, or those named. The plain work comes first, on a store with nobody in it.
    pub(crate) fn everything(&mut self, only: &[Part]) -> Outcome<()> {
        let is_asked = |part| only.is_empty() || only.contains(&part);
        if is_asked(Part::Text) {
            self.texts(TEXT_FIRST)?;
        }
        if is_asked(Part::Batches) || is_asked(Part::Single) {
            self.preload()?;
        }
        if is_asked(Part::Batches) {
            for distribution in [Distribution::Zipf, Distribution::Uniform] {
                self.batches(distribution, 0.9, BATCH, BATCH_CONNECTIONS)?;
            }
        }
        if is_asked(Part::Single) {
            // Each contact has one event: the second rate begins where the first ended.
            let used = self.singles(SINGLE_RATE_EASY, SINGLE_CONNECTIONS, Arrivals::Poisson, 0)?;
            self.singles(SINGLE_RATE, SINGLE_CONNECTIONS, Arrivals::Poisson, used)?;
        }
        Ok(())
    }

    pub(crate) fn preload(&mut self) -> Outcome<()> {
        let contacts = self.shared.contacts;
        eprintln!("creating {contacts} contacts");
        let preload = batches::preload(self.api, self.key, 0, contacts, BATCH_CONNECTIONS)?;
        self.report.preload = Some(preload);
        Ok(())
    }

    pub(crate) fn batches(
        &mut self,
        distribution: Distribution,
        exponent: f64,
        size: usize,
        connections: usize,
    ) -> Outcome<()> {
        let people = People::new(self.shared.contacts, distribution, exponent);
        let contacts_by = match distribution {
            Distribution::Zipf => "zipf",
            Distribution::Uniform => "uniform",
        };
        for run in 0..self.shared.runs {
            eprintln!("batches of {size}, {contacts_by}, run {}", run + 1);
            let run = self.shared.run_from + run + if contacts_by == "zipf" { 0 } else { 1_000 };
            let bodies = batches::prepare(self.key, &people, size, self.shared.seconds, run);
            let before = self.server.cpu();
            let time = Duration::from_secs(self.shared.seconds);
            let result = batches::run(&self.api.address, &bodies, connections, time)?;
            let cpu = self.server.cpu().saturating_sub(before);
            let ceiling = ceiling::measure(self.folder, &bodies, time / 4)?;
            self.report.batches.push(BatchRun {
                contacts_by,
                size,
                ceiling,
                cpu_micros: cpu.as_secs_f64() * 1e6 / result.accepted.max(1) as f64,
                peak_mib: self.server.peak_mib(),
                result,
            });
        }
        Ok(())
    }

    /// The answer is the first contact that was not used.
    pub(crate) fn singles(
        &mut self,
        rate: f64,
        connections: usize,
        arrivals: Arrivals,
        first: u32,
    ) -> Outcome<u32> {
        let count = (rate * self.shared.seconds as f64).round() as u32;
        let mut first = first;
        for run in 0..self.shared.runs {
            eprintln!("{rate}/s one by one, run {}", run + 1);
            if first + count > self.shared.contacts && first < TEXT_FIRST {
                let contacts = self.shared.contacts;
                return Err(Failure::Other(format!(
                    "{contacts} contacts are too few for an event of each; take --contacts or --seconds for it"
                )));
            }
            let event = "go".to_owned();
            let time = Duration::from_secs(self.shared.seconds);
            let seed = self.shared.run_from + u64::from(first) + 1;
            let plan = Plan { rate, time, connections, arrivals, event, first, seed };
            let before = self.server.cpu();
            let result = single::run(&self.api.address, self.key, &plan);
            crate::clock::pause(SETTLE);
            let cpu = self.server.cpu().saturating_sub(before);
            let peak_mib = self.server.peak_mib();
            let to_submit = texts::matched(self.api, "now", &result, Span::ZERO)?;
            first += count;
            self.report.singles.push(SingleRun {
                rate,
                to_submit,
                cpu_milliseconds: cpu.as_secs_f64() * 1e3 / result.went.len().max(1) as f64,
                peak_mib,
                result,
            });
        }
        Ok(first)
    }

    pub(crate) fn texts(&mut self, first: u32) -> Outcome<()> {
        eprintln!("event to text");
        let rows = texts::run(self.api, self.key, self.server, first, self.shared.seconds)?;
        self.report.texts.extend(rows);
        Ok(())
    }
}
