//! What was measured, as the Markdown of a results file.

use crate::batches::Batches;
use crate::figures::median;
use crate::single::{Singles, ToSubmit};
use crate::texts::Row;
use std::fmt::Write as _;

const TARGET_EVENTS: f64 = 12_000.0;
const TARGET_ACCEPT_P99: f64 = 150.0;
const TARGET_TO_SUBMIT_P99: f64 = 50.0;
/// Of 2,000 offered: what chance leaves of them in a run, and the time of the last answers.
const TARGET_ACCEPTED: f64 = 1_900.0;
const TARGET_IDLE_MIB: u64 = 60;
const TARGET_LOADED_MIB: u64 = 1_536;
const TARGET_CONTACTS: u32 = 1_000_000;

/// A run of batches beside its ceiling.
pub(crate) struct BatchRun {
    pub(crate) contacts_by: &'static str,
    pub(crate) size: usize,
    pub(crate) result: Batches,
    /// Bodies of the same size a log takes each second.
    pub(crate) ceiling: f64,
    pub(crate) cpu_micros: f64,
    pub(crate) peak_mib: u64,
}

/// A run of single events, with its texts.
pub(crate) struct SingleRun {
    pub(crate) rate: f64,
    pub(crate) result: Singles,
    pub(crate) to_submit: ToSubmit,
    pub(crate) cpu_milliseconds: f64,
    pub(crate) peak_mib: u64,
}

impl SingleRun {
    fn accepted_per_second(&self) -> f64 {
        self.result.went.len() as f64 / self.result.time.as_secs_f64().max(0.001)
    }
}

/// Everything a run measured.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) title: String,
    pub(crate) commit: String,
    pub(crate) machine: String,
    pub(crate) disk: String,
    /// Load of the machine at the beginning and at the end.
    pub(crate) load: (String, String),
    pub(crate) contacts: u32,
    pub(crate) settings: String,
    pub(crate) idle_mib: Option<u64>,
    pub(crate) preload: Option<Batches>,
    pub(crate) batches: Vec<BatchRun>,
    pub(crate) singles: Vec<SingleRun>,
    pub(crate) texts: Vec<Row>,
}

impl Report {
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "# Load {}\n\n| | |\n|---|---|\n| commit | {} |\n| machine | {} |\n| disk | {} |\n\
             | load before and after | {} and {} |\n| contacts | {} |\n\
             | settings | {} |\n",
            self.title,
            self.commit,
            self.machine,
            self.disk,
            self.load.0,
            self.load.1,
            self.contacts,
            self.settings,
        );
        if let Some(idle) = self.idle_mib {
            let _ = writeln!(text, "| idle, nothing stored | {idle} MiB resident |");
        }
        if let Some(preload) = &self.preload {
            let (rate, accepted) = (preload.per_second(), preload.accepted);
            let _ = writeln!(
                text,
                "| preload | {accepted} messages, {rate:.0} per second{} |",
                bad(preload)
            );
        }
        self.batch_tables(&mut text);
        self.single_table(&mut text);
        self.text_table(&mut text);
        self.verdicts(&mut text);
        text
    }

    fn batch_tables(&self, text: &mut String) {
        if self.batches.is_empty() {
            return;
        }
        text.push_str(
            "\n## Batches, closed loop\n\n| contacts by | batch | events/s | ceiling/s | ratio | CPU µs/event | \
             accept p50 / p99 / p99.9 / max ms | peak MiB | not accepted |\n|---|---|---|---|---|---|---|---|---|\n",
        );
        for run in &self.batches {
            let (rate, ceiling) = (run.result.per_second(), run.ceiling * run.size as f64);
            let _ = writeln!(
                text,
                "| {} | {} | {rate:.0} | {ceiling:.0} | {:.3} | {:.0} | {} | {} | {} |",
                run.contacts_by,
                run.size,
                rate / ceiling.max(1.0),
                run.cpu_micros,
                run.result.latencies,
                run.peak_mib,
                if run.result.failed + run.result.refused == 0 {
                    "–".to_owned()
                } else {
                    bad(&run.result)
                },
            );
        }
        text.push_str(
            "\nThe ceiling: the same bodies appended to a log, each synced before the next.\n",
        );
    }

    fn single_table(&self, text: &mut String) {
        if self.singles.is_empty() {
            return;
        }
        text.push_str(
            "\n## Single events, open loop\n\nAll times in ms, p50 / p99 / p99.9 / max; counted from the intended instant where \
             nothing else is said. A server that gives one instant to a whole turn shows 0 from receiving to submit.\n\n| offered | accepted/s | accept | intended to submit | received to submit | answered to submit | CPU ms/event | \
             peak MiB | failed | without a text |\n|---|---|---|---|---|---|---|---|---|---|\n",
        );
        for run in &self.singles {
            let rate = run.accepted_per_second();
            let _ = writeln!(
                text,
                "| {:.0}/s | {rate:.0} | {} | {} | {} | {} | {:.2} | {} | {}{} | {} |",
                run.rate,
                run.result.latencies,
                run.to_submit.from_intended,
                run.to_submit.from_received,
                run.to_submit.from_accepted,
                run.cpu_milliseconds,
                run.peak_mib,
                run.result.failed,
                why(run.result.failure.as_deref()),
                run.to_submit.missing,
            );
        }
    }

    fn text_table(&self, text: &mut String) {
        if self.texts.is_empty() {
            return;
        }
        text.push_str(
            "\n## Event to text\n\n12,000 contacts, a carrier that answers at once. From the intended instant of the event, plus the wait, to the submit: being accepted is a part of it.\n\n\
             | | events | events/s end to end | CPU ms/event | intended to sent p50 / p99 ms | resident MiB | failed | without a text |\n\
             |---|---|---|---|---|---|---|---|\n",
        );
        for row in &self.texts {
            let times = &row.to_submit.from_intended;
            let times = match times.count() {
                0 => "–".to_owned(),
                _ => format!("{:.0} / {:.0}", times.quantile(500), times.quantile(990)),
            };
            let _ = writeln!(
                text,
                "| {} | {} | {:.0} | {:.2} | {times} | {} | {}{} | {} |",
                row.what,
                row.events,
                row.per_second,
                row.cpu_milliseconds,
                row.resident_mib,
                row.failed,
                why(row.failure.as_deref()),
                row.to_submit.missing,
            );
        }
        text.push_str(
            "| *a well-known open platform, as published* | | 32 | 46 | 44 / 117 at 5/s; after a wait 47 s late at the median | 711 | | |\n",
        );
    }

    fn verdicts(&self, text: &mut String) {
        text.push_str(
            "\n## Targets\n\nMedians of the runs.\n\n| target | reached | |\n|---|---|---|\n",
        );
        let mut line = |what: String, reached: String, is_met: bool| {
            let verdict = if is_met { "met" } else { "missed" };
            let _ = writeln!(text, "| {what} | {reached} | {verdict} |");
        };
        for name in ["zipf", "uniform"] {
            let mine = || {
                self.batches.iter().filter(move |run| run.contacts_by == name && run.size == 100)
            };
            if mine().next().is_none() {
                continue;
            }
            let rate = median(mine().map(|run| run.result.per_second()));
            let p99 = median(mine().map(|run| run.result.latencies.quantile(990)));
            let what = format!("{name}, batches of 100");
            line(
                format!("{what}: {TARGET_EVENTS:.0} events/s"),
                format!("{rate:.0}"),
                rate >= TARGET_EVENTS,
            );
            let is_met = p99 <= TARGET_ACCEPT_P99;
            line(
                format!("{what}: accept p99 {TARGET_ACCEPT_P99:.0} ms"),
                format!("{p99:.1} ms"),
                is_met,
            );
        }
        let singles = || self.singles.iter().filter(|run| run.rate >= 2_000.0);
        if singles().next().is_some() {
            let p99 = median(singles().map(|run| run.to_submit.from_intended.quantile(990)));
            let rate = median(singles().map(SingleRun::accepted_per_second));
            let lost: usize =
                singles().map(|run| run.to_submit.missing + run.result.failed as usize).sum();
            let what = format!(
                "2000/s one by one, all of them accepted: intended to submit p99 {TARGET_TO_SUBMIT_P99:.0} ms, every event a text"
            );
            let is_met = p99 <= TARGET_TO_SUBMIT_P99 && lost == 0 && rate >= TARGET_ACCEPTED;
            line(what, format!("{rate:.0}/s, {p99:.1} ms, {lost} without a text"), is_met);
        }
        if let Some(idle) = self.idle_mib {
            let is_met = idle <= TARGET_IDLE_MIB;
            line(format!("idle at most {TARGET_IDLE_MIB} MiB"), format!("{idle} MiB"), is_met);
        }
        let peaks = self.batches.iter().map(|run| run.peak_mib);
        let peak = peaks.chain(self.singles.iter().map(|run| run.peak_mib)).max();
        if let Some(peak) = peak.filter(|peak| *peak > 0 && self.contacts >= TARGET_CONTACTS) {
            let what = format!(
                "under load with {} contacts at most {TARGET_LOADED_MIB} MiB",
                self.contacts
            );
            line(what, format!("{peak} MiB"), peak <= TARGET_LOADED_MIB);
        }
    }
}

fn bad(batches: &Batches) -> String {
    if batches.failed + batches.refused == 0 {
        return String::new();
    }
    let (failed, refused) = (batches.failed, batches.refused);
    format!(" {failed} requests, {refused} messages{}", why(batches.failure.as_deref()))
}

/// The first failure, short enough for a table.
fn why(failure: Option<&str>) -> String {
    let Some(failure) = failure else { return String::new() };
    let short: String = failure.chars().take(120).collect();
    format!(" ({})", short.replace(['|', '\n'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Times;
    use std::time::Duration;

    #[test]
    fn a_report_says_what_was_met_and_what_was_not() {
        let run = |accepted, latency| BatchRun {
            contacts_by: "zipf",
            size: 100,
            result: Batches {
                accepted,
                time: Duration::from_secs(1),
                latencies: Times::of([Duration::from_millis(latency)]),
                ..Batches::default()
            },
            ceiling: 5_000.0,
            cpu_micros: 60.0,
            peak_mib: 500,
        };
        let report = Report {
            contacts: 1_000_000,
            idle_mib: Some(70),
            batches: vec![run(9_000, 200), run(13_000, 20), run(14_000, 30)],
            ..Report::default()
        };
        let text = report.text();
        assert!(text.contains("| zipf, batches of 100: 12000 events/s | 13000 | met |"), "{text}");
        assert!(text.contains("accept p99 150 ms | 30.0 ms | met |"), "{text}");
        assert!(text.contains("| idle at most 60 MiB | 70 MiB | missed |"), "{text}");
        assert!(text.contains("at most 1536 MiB | 500 MiB | met |"), "{text}");
        assert!(text.contains("| zipf | 100 | 13000 | 500000 | 0.026 | 60 |"), "{text}");
    }
}
