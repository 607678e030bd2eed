//! What happened, as facts: batches that were kept, and submits that a carrier saw, in one order.
//!
//! The checkers read it. It copies what rows say and knows consent by its own reading of what people said.
//! Must never ask the engine anything.

use crate::checks::replies::SOON;
use crate::checks::{Invariant, Violation};
use crate::scenario::{QuietPlan, WorkspacePlan};
use std::collections::{BTreeMap, BTreeSet};
use wayline_core::ids::{
    ContactId, EnrollmentId, JourneyId, MessageId, WorkspaceId, stable_hash_wide,
};
use wayline_core::journey::definition::Journey;
use wayline_core::journey::parse::parse_journey;
use wayline_core::message::Message;
use wayline_core::time::Timestamp;
use wayline_store::batch::{
    Batch, DeadLetterRow, EnrollmentRow, LoggedInput, Op, ProfileRow, Sequences,
};

/// What a person has said about texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Asked, not confirmed.
    Pending,
    /// Yes.
    In,
    /// No.
    Out,
}

/// A person as the facts show them.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The last profile kept.
    pub profile: Option<ProfileRow>,
    /// What they said last, and when.
    pub said: Option<(Said, Timestamp)>,
    /// Version of the last state kept.
    pub version: u64,
}

/// What came of a submit, as the carrier knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// It took the message.
    Taken,
    /// It did not answer.
    Lost,
    /// It surely did not take it.
    Refused,
    /// It surely did not take it, and asked to come again.
    Again,
}

impl Came {
    /// Whether the person may have got it.
    #[must_use]
    pub fn may_have_gone(self) -> bool {
        matches!(self, Came::Taken | Came::Lost)
    }
}

/// A message in a carrier's hands.
#[derive(Clone, Debug)]
pub struct Submit {
    /// As it was handed over.
    pub message: Message,
    /// When.
    pub at: Timestamp,
    /// What came of it.
    pub came: Came,
}

/// When a number texted a word that may be answered, by the order of the commit that took it. A STOP and a START only
/// where they changed something for somebody.
pub type Asked = BTreeMap<(WorkspaceId, String, &'static str), BTreeMap<u64, Timestamp>>;

/// Rules of a workspace that are in force.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The plan.
    pub plan: WorkspacePlan,
    /// Quiet hours of now.
    pub quiet: Option<QuietPlan>,
}

/// The facts.
#[derive(Clone, Debug, Default)]
pub struct Chronicle {
    /// How many facts there were.
    pub order: u64,
    /// Hash over everything kept and submitted.
    pub digest: u128,
    /// People.
    pub people: BTreeMap<ContactId, Known>,
    /// Messages as the batches leave them.
    pub messages: BTreeMap<MessageId, Message>,
    /// Submits by contact, in order.
    pub submits: BTreeMap<ContactId, Vec<Submit>>,
    /// Numbers that said stop, and when that arrived.
    pub stopped: BTreeMap<(WorkspaceId, String), Timestamp>,
    /// Texts that may be answered by themselves, by number and word.
    pub asked: Asked,
    /// Rules of each workspace.
    pub rules: BTreeMap<WorkspaceId, Rules>,
    /// Rules that will be in force once they are kept.
    pub coming: Option<Rules>,
    /// Journeys by version.
    pub journeys: BTreeMap<(WorkspaceId, JourneyId, u32), Journey>,
    /// Journeys that were parallel in any version.
    pub parallel: BTreeSet<(WorkspaceId, JourneyId)>,
    /// Journeys that are paused.
    pub paused: BTreeSet<(WorkspaceId, JourneyId)>,
    /// Who is in which journey with which key.
    pub active: BTreeMap<(WorkspaceId, ContactId, JourneyId, String), BTreeSet<EnrollmentId>>,
    /// Last sequences kept.
    pub sequences: Sequences,
    /// What was wrong, in order.
    pub violations: Vec<Violation>,
    /// Whose facts are told; `None`: nobody's.
    pub traced: Option<ContactId>,
    /// What was told.
    pub trace: Vec<String>,
}

impl Chronicle {
    /// Notes that an invariant does not hold.
    pub fn violate(&mut self, invariant: Invariant, contact: Option<ContactId>, what: String) {
        self.violations.push(Violation { invariant, contact, what });
    }

    /// Adds to the digest.
    pub fn hash(&mut self, bytes: &[u8]) {
        self.digest = stable_hash_wide(&[&self.digest.to_le_bytes(), bytes]);
    }

    /// A line for the traced contact.
    pub fn tell(&mut self, contact: ContactId, line: impl FnOnce() -> String) {
        if self.traced == Some(contact) {
            self.trace.push(format!("{:>6}  {}", self.order, line()));
        }
    }

    /// Takes in a batch that was kept.
    pub fn keep(&mut self, batch: &Batch) {
        self.order += 1;
        self.hash(&serde_json::to_vec(batch).unwrap_or_default());
        for op in &batch.ops {
            self.trace_op(op);
            self.keep_op(op);
        }
        crate::checks::in_batch(self, batch);
    }

    fn trace_op(&mut self, op: &Op) {
        let Some(traced) = self.traced else { return };
        let concerns = match op {
            Op::PutProfile(row) => row.contact == traced,
            Op::AppendInput(row) => row.contact == traced,
            Op::PutEnrollment(row) => row.contact == traced,
            Op::InsertMessage(message) => message.contact == traced,
            Op::ChangeMessage { id, .. } => {
                self.messages.get(id).is_some_and(|message| message.contact == traced)
            }
            Op::AppendDecision(row) => row.contact == traced,
            Op::InsertCall(row) => row.contact == traced,
            Op::PutDeadLetter(row) => row.contact == Some(traced),
            Op::InsertJourneyVersion(_) | Op::PutWorkspace(_) => true,
            _ => false,
        };
        if concerns {
            self.tell(traced, || tell_op(op));
        }
    }

    fn keep_op(&mut self, op: &Op) {
        match op {
            Op::SetSequences(sequences) => {
                if sequences.goes_back_from(self.sequences) {
                    let what = format!("{:?} became {sequences:?}", self.sequences);
                    self.violate(Invariant::Sequences, None, what);
                }
                self.sequences = *sequences;
            }
            Op::PutWorkspace(row) => {
                if let Some(coming) = self.coming.clone() {
                    self.rules.insert(row.id, coming);
                }
            }
            Op::InsertJourneyVersion(row) => {
                let parsed = parse_journey(&row.slug, row.definition.as_bytes());
                if let Ok(journey) = parsed {
                    if row.definition.contains("while_active: parallel") {
                        self.parallel.insert((row.workspace, row.journey));
                    }
                    self.journeys.insert((row.workspace, row.journey, row.version), journey);
                }
            }
            // Those in a retired journey finish, whether it was paused or not.
            Op::SetLiveVersion { workspace, journey, version: None } => {
                self.paused.remove(&(*workspace, *journey));
            }
            Op::PutProfile(row) => {
                self.people.entry(row.contact).or_default().profile = Some(row.clone());
            }
            Op::PutState(row) => {
                let known = self.people.entry(row.contact).or_default();
                let (expected, found) = (row.expected_version, known.version);
                known.version = expected + 1;
                if expected != found {
                    let what = format!("the state went from version {found} to {}", expected + 1);
                    self.violate(Invariant::Sequences, Some(row.contact), what);
                }
            }
            Op::AppendInput(row) => self.heard(row),
            Op::PutDeadLetter(row) => self.heard_in_vain(row),
            Op::PutEnrollment(row) => self.enrolled(row),
            Op::InsertMessage(message) => {
                self.messages.insert(message.id, (**message).clone());
            }
            Op::ChangeMessage { id, change, .. } => {
                let Some(message) = self.messages.get_mut(id) else { return };
                let (from, contact) = (message.state, message.contact);
                message.apply(change);
                if !crate::checks::messages::may_become(from, change.state) {
                    let what = format!("message {id} went from {from} to {}", change.state);
                    self.violate(Invariant::MessageStates, Some(contact), what);
                }
            }
            _ => {}
        }
    }

    fn enrolled(&mut self, row: &EnrollmentRow) {
        let key = (row.workspace, row.contact, row.journey, row.key.clone());
        let ids = self.active.entry(key).or_default();
        let mut is_new = false;
        if row.left_at.is_some() {
            ids.remove(&row.id);
        } else {
            is_new = ids.insert(row.id);
        }
        if ids.len() > 1 && !self.parallel.contains(&(row.workspace, row.journey)) {
            let what = format!("journey {} is active as {ids:?}, key {:?}", row.journey, row.key);
            self.violate(Invariant::ActiveTwice, Some(row.contact), what);
        }
        if is_new && self.paused.contains(&(row.workspace, row.journey)) {
            let what = format!("journey {} is paused and was entered as {}", row.journey, row.id);
            self.violate(Invariant::Paused, Some(row.contact), what);
        }
    }

    /// What a person said, read from the history.
    fn heard(&mut self, row: &LoggedInput) {
        let body: serde_json::Value = serde_json::from_str(&row.body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(serde_json::Value::as_str);
        let said = match row.kind.as_str() {
            "consent"
                if text("channel") == Some("sms")
                    && body.get("topic").is_none_or(|it| it.is_null()) =>
            {
                match text("state") {
                    Some("opted_in") => Said::In,
                    Some("opted_out") => Said::Out,
                    _ => Said::Pending,
                }
            }
            "inbound" => {
                let text = text("text").unwrap_or_default();
                let meant = self.meaning(row, text);
                let written = (row.at, row.received_at);
                self.asks(row.workspace, row.contact, text, meant, written);
                match meant {
                    Some(said) => said,
                    None => return,
                }
            }
            _ => return,
        };
        // A text that says stop holds from when it arrives, whatever the carrier's clock says.
        let is_text = row.kind == "inbound";
        let at = if is_text && said == Said::Out {
            row.received_at
        } else {
            row.at.min(row.received_at)
        };
        let known = self.people.entry(row.contact).or_default();
        // The latest word counts, not the latest to arrive.
        if known.said.is_some_and(|(_, since)| at < since) {
            return;
        }
        known.said = Some((said, at));
    }

    /// A text that could not be handled: a revocation in it holds all the same.
    fn heard_in_vain(&mut self, row: &DeadLetterRow) {
        let input: serde_json::Value = serde_json::from_str(&row.input).unwrap_or_default();
        let text = input["kind"]["Inbound"]["text"].as_str().unwrap_or_default();
        if let Some(contact) = row.contact.filter(|_| is_stop(&word(text))) {
            let written = Timestamp(input["at"].as_i64().unwrap_or(row.at.0));
            self.asks(row.workspace, contact, text, Some(Said::Out), (written, row.at));
            self.people.entry(contact).or_default().said = Some((Said::Out, row.at));
        }
    }

    /// Notes what somebody may be answered to; of a text, when it was written and when it came. What comes too late is
    /// not answered.
    fn asks(
        &mut self,
        workspace: WorkspaceId,
        contact: ContactId,
        text: &str,
        meant: Option<Said>,
        (written, came): (Timestamp, Timestamp),
    ) {
        let at = written.min(came);
        if came >= at + SOON {
            return;
        }
        let Some(known) = self.people.get(&contact) else { return };
        let Some(number) = known.profile.as_ref().and_then(|profile| profile.phone.clone()) else {
            return;
        };
        let before = known.said.map(|said| said.0);
        let word = match (word(text).as_str(), meant) {
            ("help" | "info", _) => "help",
            (word, Some(Said::Out)) if is_stop(word) && before != Some(Said::Out) => "stop",
            ("start" | "yes", Some(Said::In)) if before != Some(Said::In) => "start",
            _ => return,
        };
        // One text reaches everybody with that number in one commit.
        self.asked.entry((workspace, number, word)).or_default().insert(self.order, at);
    }

    fn meaning(&self, row: &LoggedInput, text: &str) -> Option<Said> {
        let now = self.people.get(&row.contact).and_then(|known| known.said).map(|said| said.0);
        let rules = self.rules.get(&row.workspace)?;
        let word = word(text);
        if is_stop(&word) {
            return Some(Said::Out);
        }
        if rules.plan.keywords.iter().any(|keyword| keyword.to_lowercase() == word) {
            let asked =
                if rules.plan.consent == "double_opt_in" { Said::Pending } else { Said::In };
            return (now != Some(Said::In)).then_some(asked);
        }
        match word.as_str() {
            "start" => Some(Said::In),
            "yes" if matches!(now, Some(Said::Pending | Said::Out)) => Some(Said::In),
            _ => None,
        }
    }

    /// Somebody texted from a number, and that is durable.
    pub fn number_said(
        &mut self,
        workspace: WorkspaceId,
        number: &str,
        text: &str,
        now: Timestamp,
    ) {
        let word = word(text);
        let key = (workspace, number.to_owned());
        if is_stop(&word) {
            self.stopped.insert(key, now);
        } else if word == "start" {
            self.stopped.remove(&key);
        }
    }

    /// Messages a contact was sent or may have been sent, this one not among them.
    pub fn gone(&self, contact: ContactId) -> impl Iterator<Item = &Submit> {
        let submits = self.submits.get(&contact).into_iter().flatten();
        submits.filter(|submit| submit.came.may_have_gone())
    }
}

/// Lower case, without what stands around it.
fn word(text: &str) -> String {
    text.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase()
}

fn is_stop(word: &str) -> bool {
    ["stop", "unsubscribe", "quit", "stop all"].contains(&word)
}

fn tell_op(op: &Op) -> String {
    match op {
        Op::AppendInput(row) => {
            format!(
                "input {} {} at {} taken {} {}",
                row.kind, row.name, row.at, row.received_at, row.body
            )
        }
        Op::AppendDecision(row) => {
            let it = &row.decision;
            format!(
                "{} {} ({}) enrollment {:?} step {:?} message {} until {} {}",
                it.at,
                it.what,
                it.reason,
                it.enrollment.map(|id| id.0),
                it.step,
                it.message.map(|id| id.to_string()).unwrap_or_default(),
                it.until.map(|at| at.to_string()).unwrap_or_default(),
                it.detail,
            )
        }
        Op::InsertMessage(message) => format!("message {} is {}", message.id, message.state),
        Op::ChangeMessage { id, change, .. } => format!("message {id} becomes {}", change.state),
        Op::InsertJourneyVersion(row) => {
            format!(
                "journey {} {} version {}:\n{}",
                row.journey, row.slug, row.version, row.definition
            )
        }
        Op::PutWorkspace(row) => format!("workspace:\n{}", row.definition),
        other => format!("{other:?}"),
    }
}
