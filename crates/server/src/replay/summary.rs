//! The summary of a replay: counts by journey, step, outcome and reason.
//!
//! Must never be compared byte for byte: it also says how long the replay took.

use super::Counts;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use wayline_core::ids::JourneyId;
use wayline_core::message::Message;
use wayline_core::time::Timestamp;
use wayline_pipeline::Pipeline;
use wayline_store::batch::EnrollmentRow;

/// Names of journeys and steps.
pub(crate) struct Names {
    journeys: BTreeMap<JourneyId, String>,
    steps: BTreeMap<(JourneyId, u32, u16), String>,
}

impl Names {
    pub(crate) fn of(pipeline: &Pipeline) -> Names {
        let mut names = Names { journeys: BTreeMap::new(), steps: BTreeMap::new() };
        for engine in pipeline.engines() {
            for ((id, version), journey) in &engine.program.journeys {
                names.journeys.insert(*id, journey.slug.clone());
                for (index, step) in journey.steps.iter().enumerate() {
                    names.steps.insert((*id, *version, index as u16), step.slug.clone());
                }
            }
        }
        names
    }

    /// Empty: of no journey, an auto-reply.
    pub(crate) fn journey(&self, id: JourneyId) -> String {
        if id == JourneyId::NONE {
            return String::new();
        }
        self.journeys.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }

    /// A decision with names in place of numbers and instants in place of milliseconds; what it has
    /// nothing to say about is left out.
    pub(crate) fn decision(&self, line: &Value) -> Value {
        let decision = &line["decision"];
        let number = |field: &str| decision[field].as_u64();
        let journey = number("journey").map(|id| JourneyId(id as u32));
        let version = number("version").unwrap_or(0) as u32;
        let step = journey.zip(number("step")).map(|(journey, step)| {
            let key = (journey, version, step as u16);
            self.steps.get(&key).cloned().unwrap_or_else(|| step.to_string())
        });
        let instant = |field: &str| decision[field].as_i64().map(|at| Timestamp(at).to_string());
        let mut out = Map::new();
        let mut put = |name: &str, value: Value| {
            let nothing = value.is_null() || value == json!("") || value == json!(0);
            if !nothing {
                out.insert(name.to_owned(), value);
            }
        };
        put("at", json!(instant("at")));
        put("contact", line["contact"].clone());
        put("what", decision["what"].clone());
        put("reason", decision["reason"].clone());
        put("journey", json!(journey.map(|id| self.journey(id))));
        put("version", json!(version));
        put("enrollment", decision["enrollment"].clone());
        put("step", json!(step));
        put("variant", decision["variant"].clone());
        put("until", json!(instant("until")));
        put("detail", decision["detail"].clone());
        Value::Object(out)
    }
}

/// Counts while the rows go by.
#[derive(Default)]
pub(crate) struct Tally {
    messages: BTreeMap<(JourneyId, String, &'static str, &'static str), (u64, u64)>,
    enrollments: BTreeMap<(JourneyId, String), u64>,
    named: Vec<StepCount>,
    exits: BTreeMap<String, BTreeMap<String, u64>>,
}

/// Messages of a step with one outcome and reason.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StepCount {
    pub(crate) journey: String,
    pub(crate) step: String,
    pub(crate) outcome: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) messages: u64,
    pub(crate) parts: u64,
}

impl Tally {
    pub(crate) fn message(&mut self, message: &Message, outcome: &'static str) {
        let key = (message.journey, message.step.clone(), outcome, message.reason.as_str());
        let count = self.messages.entry(key).or_insert((0, 0));
        count.0 += 1;
        count.1 += u64::from(message.parts);
    }

    pub(crate) fn enrollment(&mut self, row: &EnrollmentRow) {
        let exit = if row.left_at.is_some() { row.exit.clone() } else { "active".to_owned() };
        *self.enrollments.entry((row.journey, exit)).or_insert(0) += 1;
    }

    /// Puts names in place of ids.
    pub(crate) fn name(&mut self, names: &Names) {
        self.named = self
            .messages
            .iter()
            .map(|((journey, step, outcome, reason), (messages, parts))| StepCount {
                journey: names.journey(*journey),
                step: step.clone(),
                outcome,
                reason,
                messages: *messages,
                parts: *parts,
            })
            .collect();
        for ((journey, exit), count) in &self.enrollments {
            let exits = self.exits.entry(names.journey(*journey)).or_default();
            exits.insert(exit.clone(), *count);
        }
    }
}

/// `summary.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// Lines read.
    pub(crate) inputs: u64,
    /// Taken by the engine.
    pub(crate) taken: u64,
    /// Refused, see `refused.csv`.
    pub(crate) refused: u64,
    /// Taken, though something in them cannot be used, see `warnings.csv`.
    pub(crate) warnings: u64,
    /// Repetitions of a message id.
    pub(crate) duplicates: u64,
    /// Later than the end of the replay.
    pub(crate) after_end: u64,
    /// Inputs that failed, see `dead_letters.ndjson`.
    pub(crate) dead_letters: u64,
    /// Enrollments by journey and exit; `active`: still in it.
    pub(crate) enrollments: BTreeMap<String, BTreeMap<String, u64>>,
    /// Messages by outcome.
    pub(crate) outcomes: BTreeMap<&'static str, u64>,
    /// Parts of the messages sent.
    pub(crate) parts: u64,
    /// Messages by journey, step, outcome and reason.
    pub(crate) messages: Vec<StepCount>,
    /// Real time.
    pub(crate) wall_seconds: f64,
    /// Speed.
    pub(crate) inputs_per_second: f64,
}

impl Summary {
    pub(crate) fn new(tally: &Tally, counts: &Counts, wall: Duration) -> Summary {
        let mut outcomes = BTreeMap::new();
        for count in &tally.named {
            *outcomes.entry(count.outcome).or_insert(0) += count.messages;
        }
        let seconds = wall.as_secs_f64();
        Summary {
            inputs: counts.read,
            taken: counts.taken,
            refused: counts.refused,
            warnings: counts.warned,
            duplicates: counts.duplicates,
            after_end: counts.after_end,
            dead_letters: counts.dead_letters,
            enrollments: tally.exits.clone(),
            outcomes,
            parts: tally.named.iter().map(|count| count.parts).sum(),
            messages: tally.named.clone(),
            wall_seconds: (seconds * 1_000.0).round() / 1_000.0,
            inputs_per_second: (counts.read as f64 / seconds.max(1e-9)).round(),
        }
    }
}
