//! What was measured, as a table to read and as a results file.

use crate::Outcome;
use crate::cell::{Cell, quantile};
use crate::dispatch::Dispatched;
use crate::machine::Machine;
use crate::options::Options;
use crate::replay::Replayed;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

/// Events per second that are promised in batches of [`TARGET_BATCH`].
const TARGET_EVENTS: f64 = 15_000.0;
const TARGET_RATIO: f64 = 0.2;
const TARGET_P99_MILLISECONDS: f64 = 60.0;
const TARGET_BATCH: usize = 250;
const TARGET_REPLAY: f64 = 60_000.0;

/// Everything a run measured.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) cells: Vec<Cell>,
    pub(crate) dispatched: Option<Dispatched>,
    pub(crate) replayed: Option<Replayed>,
    /// Operations by name per event, of the last cell.
    pub(crate) mix: Vec<(String, f64)>,
    /// Load of the machine at the beginning and at the end.
    pub(crate) load: (String, String),
    pub(crate) file_mib: u64,
}

const HEAD: &str = "\
| contacts by | batch | events/s | ceiling/s | ratio | CPU µs/event | accept p50 / p99 / max ms | commit p50 / p99 / max ms | bytes/event (ceiling) | peak MiB |
|---|---|---|---|---|---|---|---|---|---|
";

fn row(cell: &Cell) -> String {
    let times = |sorted| {
        let [half, most, all] = [500, 990, 1_000].map(|share| quantile(sorted, share));
        format!("{half:.1} / {most:.1} / {all:.0}")
    };
    format!(
        "| {} | {} | {:.0} | {:.0} | {:.2} | {:.0} | {} | {} | {:.0} ({:.0}) | {} |\n",
        cell.distribution.name(),
        cell.batch,
        cell.events_per_second,
        cell.ceiling_per_second,
        cell.ratio,
        cell.cpu_micros,
        times(&cell.accepts),
        times(&cell.commits),
        cell.bytes_per_event,
        cell.ceiling_bytes_per_event,
        cell.peak_mib,
    )
}

/// One line while it runs.
pub(crate) fn progress(cell: &Cell) {
    eprint!("{}", row(cell));
}

impl Report {
    /// The tables.
    pub(crate) fn tables(&self) -> String {
        let mut text = String::new();
        if !self.cells.is_empty() {
            text.push_str(HEAD);
            for cell in &self.cells {
                text.push_str(&row(cell));
            }
            let read = self.cells.iter().map(|cell| cell.read_micros).sum::<f64>()
                / self.cells.len() as f64;
            let _ = writeln!(
                text,
                "\nReading a line of JSON comes before and takes {read:.1} µs. The file has {} MiB at the end.",
                self.file_mib
            );
            let mix: Vec<String> =
                self.mix.iter().map(|(name, count)| format!("{count:.2} {name}")).collect();
            let _ = writeln!(text, "Operations per event in the last cell: {}.", mix.join(", "));
        }
        if self.dispatched.is_some() || self.replayed.is_some() {
            text.push_str("\n| other | count | per second |\n|---|---|---|\n");
        }
        if let Some(out) = &self.dispatched {
            let rows = [
                ("timers woken", out.timers, out.timers_per_second),
                ("messages claimed, submitted, answered", out.messages, out.messages_per_second),
                ("receipts", out.receipts, out.receipts_per_second),
            ];
            for (name, count, rate) in rows {
                let _ = writeln!(text, "| {name}, in commits of 250 | {count} | {rate:.0} |");
            }
        }
        if let Some(replay) = &self.replayed {
            let _ = writeln!(
                text,
                "| inputs replayed in memory ({:.1} messages, {:.1} states with a timer each) | {} | {:.0} |",
                replay.messages_per_input,
                replay.timers_per_input,
                replay.inputs,
                replay.inputs_per_second
            );
        }
        text.push_str(&self.verdicts());
        text
    }

    fn verdicts(&self) -> String {
        let mut text = String::from("\n| target | reached | |\n|---|---|---|\n");
        let mut line = |what: String, reached: String, is_met: bool| {
            let verdict = if is_met { "met" } else { "missed" };
            let _ = writeln!(text, "| {what} | {reached} | {verdict} |");
        };
        for cell in self.cells.iter().filter(|cell| cell.batch == TARGET_BATCH) {
            let name = format!("{}, batches of {TARGET_BATCH}", cell.distribution.name());
            let rate = cell.events_per_second;
            line(
                format!("{name}: {TARGET_EVENTS:.0} events/s"),
                format!("{rate:.0}"),
                rate >= TARGET_EVENTS,
            );
            line(
                format!("{name}: {TARGET_RATIO} of the ceiling"),
                format!("{:.2}", cell.ratio),
                cell.ratio >= TARGET_RATIO,
            );
            let p99 = quantile(&cell.commits, 990);
            line(
                format!("{name}: commit p99 {TARGET_P99_MILLISECONDS} ms"),
                format!("{p99:.1} ms"),
                p99 <= TARGET_P99_MILLISECONDS,
            );
        }
        if let Some(replay) = &self.replayed {
            let rate = replay.inputs_per_second;
            line(
                format!("replay {TARGET_REPLAY:.0} inputs/s"),
                format!("{rate:.0}"),
                rate >= TARGET_REPLAY,
            );
        }
        text
    }

    /// Writes the results file, when a label was given. The answer is its path.
    pub(crate) fn write(&self, options: &Options, machine: &Machine) -> Outcome<Option<PathBuf>> {
        let Some(label) = &options.label else { return Ok(None) };
        fs::create_dir_all(&options.out)?;
        let path = options.out.join(format!("{label}-{}.md", options.name));
        let profile = if cfg!(debug_assertions) { "with debug assertions" } else { "optimised" };
        let text = format!(
            "# Bench {label}, {}\n\n\
             | | |\n|---|---|\n\
             | commit | {} |\n| build | {profile} |\n\
             | machine | {} cores, {}, {} MiB, Linux {} |\n| disk | {} |\n\
             | load before and after | {} and {} |\n\
             | settings | sqlite, full durability, {} contacts, {} s per cell |\n\n{}",
            options.name,
            options.commit,
            machine.cores,
            machine.cpu,
            machine.memory_mib,
            machine.kernel,
            machine.disk,
            self.load.0,
            self.load.1,
            options.contacts,
            options.seconds,
            self.tables(),
        );
        fs::write(&path, text)?;
        Ok(Some(path))
    }
}
