//! What was committed, in words.
//!
//! Must never leave out a decision: what a script does not expect is a failure.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use wayline_core::decision::{Decision, What};
use wayline_core::ids::{ContactId, EnrollmentId, MessageId};
use wayline_core::journey::engine::Engine;
use wayline_core::message::HandedOut;
use wayline_core::time::Timestamp;
use wayline_store::batch::{Batch, Op, ProfileRow};

/// The definitions, for the names of journeys and steps.
pub(crate) struct Names {
    pub(crate) engine: Option<Arc<Engine>>,
}

/// Lines of a script, as they come.
#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) lines: Vec<String>,
    /// The instant of the script's line: effects of another day show theirs.
    pub(crate) day: Option<Timestamp>,
    people: BTreeMap<ContactId, String>,
    attributes: BTreeMap<ContactId, Map<String, Value>>,
    keys: BTreeMap<EnrollmentId, String>,
    texts: BTreeMap<MessageId, HandedOut>,
}

impl Effects {
    pub(crate) fn take(&mut self, batch: &Batch, names: &Names) {
        for op in &batch.ops {
            match op {
                Op::PutProfile(row) => self.profile(row),
                Op::PutEnrollment(row) => {
                    self.keys.insert(row.id, row.key.clone());
                }
                Op::ChangeMessage { id, change, .. } => {
                    if let Some(handed_out) = &change.handed_out {
                        self.texts.insert(*id, handed_out.clone());
                    }
                }
                _ => {}
            }
        }
        for op in &batch.ops {
            match op {
                Op::AppendDecision(row) => {
                    let who = self.who(row.contact);
                    let line = self.decision(&who, &row.decision, names);
                    self.lines.push(line);
                }
                Op::PutProfile(row) => {
                    let said = |op: &Op| {
                        matches!(op, Op::AppendInput(input)
                            if input.contact == row.contact && input.kind == "identify")
                    };
                    let quietly = batch.ops.iter().any(said);
                    self.changes(row, quietly);
                }
                Op::AppendInput(input) if input.kind == "emitted" => {
                    let who = self.who(input.contact);
                    let at = self.time(input.at);
                    let line = format!("{at} {who} emits {} {}", input.name, input.body);
                    self.lines.push(line);
                }
                Op::InsertCall(call) => {
                    let who = self.who(call.contact);
                    let headers: String = call
                        .headers
                        .iter()
                        .map(|(name, value)| format!(" {name}: {value}"))
                        .collect();
                    let line = format!(
                        "{} {who} webhook {} {}{headers} {}",
                        self.time(call.due_at),
                        call.method,
                        call.url,
                        call.body
                    );
                    self.lines.push(line.trim_end().to_owned());
                }
                Op::PutDeadLetter(row) => {
                    let reason = row.reason.split(';').next().unwrap_or_default();
                    let line = format!("{} dead letter: {reason}", self.time(row.at));
                    self.lines.push(line);
                }
                Op::PutOrphanReceipt(row) => {
                    let line =
                        format!("{} receipt of an unknown message", self.time(row.received_at));
                    self.lines.push(line);
                }
                _ => {}
            }
        }
    }

    fn profile(&mut self, row: &ProfileRow) {
        let phone = row.phone.clone().unwrap_or_else(|| format!("contact {}", row.contact));
        let name = row.external_id.clone().unwrap_or(phone);
        self.people.insert(row.contact, name);
    }

    /// Attributes that changed, other than those the business itself said.
    fn changes(&mut self, row: &ProfileRow, quietly: bool) {
        let now: Map<String, Value> = serde_json::from_str(&row.attributes).unwrap_or_default();
        let before = self.attributes.insert(row.contact, now.clone()).unwrap_or_default();
        let mut line = String::new();
        for (name, value) in &now {
            if before.get(name) != Some(value) {
                let _ = write!(line, " {name}={value}");
            }
        }
        for name in before.keys().filter(|name| !now.contains_key(*name)) {
            let _ = write!(line, " no {name}");
        }
        if !line.is_empty() && !quietly {
            let who = self.who(row.contact);
            self.lines.push(format!("{who} has{line}"));
        }
    }

    pub(crate) fn decision(&self, who: &str, decision: &Decision, names: &Names) -> String {
        let place = self.place(decision, names);
        let mut line = format!("{} {who} {}", self.time(decision.at), decision.what);
        for word in [place.as_str(), decision.reason.as_str()] {
            if !word.is_empty() {
                let _ = write!(line, " {word}");
            }
        }
        if let Some(until) = decision.until {
            let _ = write!(line, " until {}", self.time(until));
        }
        if !decision.detail.is_empty() && decision.detail != decision.reason.as_str() {
            let _ = write!(line, " ({})", decision.detail);
        }
        if !decision.variant.is_empty() && decision.detail != decision.variant {
            let _ = write!(line, " arm {}", decision.variant);
        }
        if decision.what == What::Sent
            && let Some(sent) = decision.message.and_then(|id| self.texts.get(&id))
        {
            let _ = write!(line, " {:?}", sent.text);
            if sent.parts > 1 {
                let _ = write!(line, " {} parts", sent.parts);
            }
            // Of a journey's message its step tells the sender.
            if decision.journey.is_none() && sent.sender != "sandbox" {
                let _ = write!(line, " from {}", sent.sender);
            }
        }
        line
    }

    /// `journey[key].step`, with the version from the second on.
    fn place(&self, decision: &Decision, names: &Names) -> String {
        let Some(id) = decision.journey else { return String::new() };
        let program = names.engine.as_ref().map(|engine| &engine.program);
        let journey = program.and_then(|program| program.journeys.get(&(id, decision.version)));
        let mut place = journey.map_or_else(|| format!("journey {id}"), |it| it.slug.clone());
        if decision.version > 1 {
            let _ = write!(place, "@{}", decision.version);
        }
        let key = decision.enrollment.and_then(|id| self.keys.get(&id));
        if let Some(key) = key.filter(|key| !key.is_empty()) {
            let _ = write!(place, "[{key}]");
        }
        if let Some(step) = decision.step {
            let found = journey.and_then(|journey| journey.steps.get(usize::from(step)));
            let _ = write!(place, ".{}", found.map_or("?", |step| step.slug.as_str()));
        }
        place
    }

    fn who(&self, contact: ContactId) -> String {
        self.people.get(&contact).cloned().unwrap_or_else(|| format!("contact {contact}"))
    }

    /// The time of day on the day of the script's line, else the whole instant; seconds where there are any.
    fn time(&self, at: Timestamp) -> String {
        let text = at.to_string();
        let (date, clock) = text.split_once('T').unwrap_or(("", &text));
        let clock = clock.trim_end_matches('Z');
        let clock = clock.strip_suffix(".000").unwrap_or(clock);
        let clock = match clock.strip_suffix(":00") {
            Some(minutes) if minutes.len() == 5 => minutes,
            _ => clock,
        };
        match self.day {
            Some(day) if day.to_string().starts_with(date) => clock.to_owned(),
            _ => format!("{date}T{clock}Z"),
        }
    }
}
