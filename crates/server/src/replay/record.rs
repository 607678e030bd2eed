//! What came of a replay, taken from each batch after it is durable, and written sorted.
//!
//! Must never hold what is finished: finished rows go to a sorter that spills to disk.

use super::sort::Sorter;
use super::summary::{Names, Tally};
use super::{ReplayError, file_error};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::io::{BufWriter, Write};
use std::path::Path;
use wayline_core::ids::{ContactId, EnrollmentId, JourneyId, MessageId};
use wayline_core::message::{Message, MessageState};
use wayline_store::batch::{Batch, DeadLetterRow, DecisionRow, EnrollmentRow, IdentityKind, Op};

type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// Watches batches.
pub(crate) struct Recorder {
    /// What a contact is called: its userId, else the first thing it was known by.
    people: IdMap<ContactId, (IdentityKind, String)>,
    /// Active enrollments.
    enrollments: IdMap<EnrollmentId, EnrollmentRow>,
    /// Messages whose outcome is open.
    messages: IdMap<MessageId, Message>,
    finished_messages: Vec<(Message, String)>,
    rows: Rows,
    tally: Tally,
    wants_decisions: bool,
}

/// Finished rows on their way to their files. Keys are what the files are sorted by.
#[derive(Default)]
struct Rows {
    messages: Sorter,
    enrollments: Sorter,
    decisions: Sorter,
    dead_letters: Sorter,
    /// The first thing that went wrong while sorting; told at the end.
    failure: Option<std::io::Error>,
}

impl Recorder {
    pub(crate) fn new(wants_decisions: bool) -> Recorder {
        Recorder {
            people: IdMap::default(),
            enrollments: IdMap::default(),
            messages: IdMap::default(),
            finished_messages: Vec::new(),
            rows: Rows::default(),
            tally: Tally::default(),
            wants_decisions,
        }
    }

    /// Takes in a batch.
    pub(crate) fn see(&mut self, batch: &Batch) {
        let mut left = Vec::new();
        for op in &batch.ops {
            match op {
                Op::LinkIdentity(identity, contact) => {
                    let name = (identity.kind, identity.value.clone());
                    let known = self.people.entry(*contact).or_insert_with(|| name.clone());
                    if name.0 < known.0 {
                        *known = name;
                    }
                }
                Op::PutEnrollment(row) => {
                    if row.left_at.is_some() {
                        left.push(row.id);
                    }
                    self.enrollments.insert(row.id, row.clone());
                }
                Op::InsertMessage(message) => {
                    self.messages.insert(message.id, (**message).clone());
                    self.settle(message.id);
                }
                Op::ChangeMessage { id, change, .. } => {
                    if let Some(message) = self.messages.get_mut(id) {
                        message.apply(change);
                        self.settle(*id);
                    }
                }
                Op::AppendDecision(row) if self.wants_decisions => self.decision(row),
                Op::PutDeadLetter(row) => self.dead_letter(row),
                _ => {}
            }
        }
        for id in left {
            if let Some(row) = self.enrollments.remove(&id) {
                self.enrollment(&row);
            }
        }
        for (message, key) in std::mem::take(&mut self.finished_messages) {
            self.message(&message, &key);
        }
    }

    /// A message whose outcome is known is done with here. Receipts change nothing of it, except that one tells
    /// what became of a message whose answer was lost.
    fn settle(&mut self, id: MessageId) {
        let open = self.messages.get(&id).is_none_or(|message| {
            message.state.is_open() || message.state == MessageState::Unknown
        });
        if open {
            return;
        }
        let key = self.key_of(id.enrollment);
        if let Some(message) = self.messages.remove(&id) {
            self.finished_messages.push((message, key));
        }
    }

    fn key_of(&self, id: EnrollmentId) -> String {
        self.enrollments.get(&id).map(|row| row.key.clone()).unwrap_or_default()
    }

    fn name_of(&self, id: ContactId) -> String {
        self.people.get(&id).map(|(_, name)| name.clone()).unwrap_or_default()
    }

    fn message(&mut self, message: &Message, key: &str) {
        let outcome = outcome(message.state);
        let sent_at = match message.handed_out_at {
            Some(at) if outcome != "dropped" && outcome != "held" => at.to_string(),
            _ => String::new(),
        };
        self.tally.message(message, outcome);
        let name = self.name_of(message.contact);
        let row = [
            sent_at.as_str(),
            &name,
            &message.journey.to_string(),
            key,
            &message.step,
            &message.variant,
            &message.channel.to_string(),
            &message.to,
            outcome,
            message.reason.as_str(),
            &message.parts.to_string(),
            &message.text,
        ];
        let key = sort_key(&[&sent_at, &name, &message.step]);
        self.rows.keep(|rows| &mut rows.messages, key, &row);
    }

    fn enrollment(&mut self, row: &EnrollmentRow) {
        self.tally.enrollment(row);
        let name = self.name_of(row.contact);
        let entered = row.entered_at.to_string();
        let left = row.left_at.map(|at| at.to_string()).unwrap_or_default();
        let (journey, version) = (row.journey.to_string(), row.version.to_string());
        let fields = [name.as_str(), &journey, &version, &row.key, &entered, &left, &row.exit];
        let key = sort_key(&[&entered, &name, &journey, &row.key]);
        self.rows.keep(|rows| &mut rows.enrollments, key, &fields);
    }

    fn decision(&mut self, row: &DecisionRow) {
        let name = self.name_of(row.contact);
        let line = serde_json::json!({ "contact": name, "decision": row.decision });
        let text = line.to_string().into_bytes();
        let key = (row.decision.at.0 as u64).to_be_bytes().to_vec();
        if let Err(error) = self.rows.decisions.push(key, text) {
            self.rows.failure.get_or_insert(error);
        }
    }

    fn dead_letter(&mut self, row: &DeadLetterRow) {
        let contact = row.contact.map(|id| self.name_of(id)).unwrap_or_default();
        let input: Value = serde_json::from_str(&row.input).unwrap_or_default();
        let line = serde_json::json!({
            "at": row.at.to_string(), "contact": contact, "reason": row.reason, "input": input,
        });
        let key = (row.at.0 as u64).to_be_bytes().to_vec();
        if let Err(error) = self.rows.dead_letters.push(key, line.to_string().into_bytes()) {
            self.rows.failure.get_or_insert(error);
        }
    }

    /// Writes all files. What is still open is written as it stands.
    pub(crate) fn write(mut self, out: &Path, names: &Names) -> Result<Tally, ReplayError> {
        let mut open: Vec<Message> = std::mem::take(&mut self.messages).into_values().collect();
        open.sort_by_key(|message| message.id);
        for message in open {
            let key = self.key_of(message.id.enrollment);
            self.message(&message, &key);
        }
        let active: BTreeMap<EnrollmentId, EnrollmentRow> =
            std::mem::take(&mut self.enrollments).into_iter().collect();
        for row in active.values() {
            self.enrollment(row);
        }
        if let Some(error) = self.rows.failure {
            return Err(ReplayError::Sort(error));
        }
        write_table(&out.join("messages.csv"), &MESSAGES, self.rows.messages, names, 2)?;
        write_table(&out.join("enrollments.csv"), &ENROLLMENTS, self.rows.enrollments, names, 1)?;
        if self.wants_decisions {
            let path = out.join("decisions.ndjson");
            write_lines(&path, self.rows.decisions, |line| names.decision(line))?;
        }
        write_lines(&out.join("dead_letters.ndjson"), self.rows.dead_letters, Value::clone)?;
        self.tally.name(names);
        Ok(self.tally)
    }
}

const MESSAGES: [&str; 12] = [
    "sent_at", "contact", "journey", "key", "step", "variant", "channel", "to", "outcome",
    "reason", "parts", "text",
];
const ENROLLMENTS: [&str; 7] =
    ["contact", "journey", "version", "key", "entered_at", "left_at", "exit"];

/// What became of a message, as the file says it.
fn outcome(state: MessageState) -> &'static str {
    match state {
        MessageState::Held | MessageState::Queued | MessageState::Submitting => "held",
        MessageState::Submitted
        | MessageState::Delivered
        | MessageState::Undelivered
        | MessageState::Expired => "sent",
        MessageState::Failed => "failed",
        MessageState::Unknown => "unknown",
        MessageState::Withdrawn | MessageState::Dropped => "dropped",
    }
}

fn sort_key(parts: &[&str]) -> Vec<u8> {
    let mut key = Vec::new();
    for part in parts {
        key.extend_from_slice(part.as_bytes());
        key.push(0);
    }
    key
}

impl Rows {
    fn keep(&mut self, which: impl Fn(&mut Rows) -> &mut Sorter, key: Vec<u8>, fields: &[&str]) {
        let value = serde_json::to_vec(fields).unwrap_or_default();
        if let Err(error) = which(self).push(key, value) {
            self.failure.get_or_insert(error);
        }
    }
}

/// Writes a table; the column with the journey's id gets its name.
fn write_table(
    path: &Path,
    header: &[&str],
    rows: Sorter,
    names: &Names,
    journey_column: usize,
) -> Result<(), ReplayError> {
    let to_error = |error: csv::Error| ReplayError::File {
        path: path.to_owned(),
        action: "writing",
        source: error.into(),
    };
    let mut writer = csv::Writer::from_path(path).map_err(to_error)?;
    writer.write_record(header).map_err(to_error)?;
    let mut rows = rows.finish()?;
    while let Some((_, value)) = rows.next()? {
        let mut fields: Vec<String> = serde_json::from_slice(&value).unwrap_or_default();
        if let Some(field) = fields.get_mut(journey_column) {
            let id = field.parse().map(JourneyId).unwrap_or_default();
            *field = names.journey(id);
        }
        writer.write_record(&fields).map_err(to_error)?;
    }
    writer.flush().map_err(file_error(path, "writing"))
}

fn write_lines(
    path: &Path,
    rows: Sorter,
    shown: impl Fn(&Value) -> Value,
) -> Result<(), ReplayError> {
    let file = File::create(path).map_err(file_error(path, "writing"))?;
    let mut writer = BufWriter::new(file);
    let mut rows = rows.finish()?;
    while let Some((_, value)) = rows.next()? {
        let line: Value = serde_json::from_slice(&value).unwrap_or_default();
        writeln!(writer, "{}", shown(&line)).map_err(file_error(path, "writing"))?;
    }
    writer.flush().map_err(file_error(path, "writing"))
}
