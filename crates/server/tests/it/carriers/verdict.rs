//! What must hold at the end: the store beside the journals of the carriers.
//!
//! Must never look at what the program said about itself where the store or a carrier can be asked.

use super::world::{JOURNEY, SLUG, person_of};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use wayline_core::ids::{JourneyId, WorkspaceId};
use wayline_core::limits::PAGE_ROWS_MAX;
use wayline_core::message::{Message, MessageState};
use wayline_sim::checks::{self, Parallel};
use wayline_store::{SqliteOptions, SqliteStore, Store, check_of};

/// Messages up to which every decision is counted again: that takes memory for each.
const RECOUNTED_MAX: usize = 50_000;

/// A line of a journal.
#[derive(Deserialize)]
struct Line {
    destination: String,
    answer: String,
    went: bool,
}

/// What the carriers were given for one person.
#[derive(Clone, Copy, Debug, Default)]
struct Given {
    /// Submits that were taken, or of which only the carrier knows.
    times: u32,
    /// Submits that were surely not taken: throttled, or no room.
    put_off: u32,
    /// Whether it was submitted again after that.
    after: bool,
    /// Whether it left for the phone.
    went: bool,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) messages: usize,
    pub(crate) submits: usize,
    pub(crate) put_off: usize,
    pub(crate) delivered: usize,
    /// Unknown for good: no receipt came.
    pub(crate) unknown: usize,
    /// Of those: messages that never reached a carrier.
    pub(crate) never_arrived: usize,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { messages, submits, put_off, delivered, unknown, never_arrived } = self;
        write!(
            f,
            "{messages} messages, {submits} submits ({put_off} put off), 0 twice, {delivered} delivered, \
             {unknown} unknown ({never_arrived} of them never reached a carrier)"
        )
    }
}

/// Looks at everything and panics with what does not hold. The program must not run. `listed`: messages that the API
/// listed as unknown.
pub(crate) fn verdict(
    data: &Path,
    journals: &[PathBuf],
    people: usize,
    listed: &BTreeSet<String>,
) -> Figures {
    let path = data.join("wayline.db");
    check_of(&path).expect("the file is whole and its references lead somewhere");
    let store: Store =
        SqliteStore::open(&path, SqliteOptions::default()).expect("open the store").into();
    let mut wrong = Vec::new();
    let given = given(journals, people, &mut wrong);
    let (figures, unknown) = pollster::block_on(compare(&store, &given, &mut wrong));
    if unknown != *listed {
        wrong.push(format!("{} are unknown, {} are listed", unknown.len(), listed.len()));
    }
    if people <= RECOUNTED_MAX {
        let found = pollster::block_on(at_rest(&store));
        wrong.extend(found);
    }
    let first: Vec<_> = wrong.iter().take(20).collect();
    assert!(wrong.is_empty(), "{} things do not hold: {first:#?}\n{figures}", wrong.len());
    figures
}

/// The journals, by person.
fn given(journals: &[PathBuf], people: usize, wrong: &mut Vec<String>) -> Vec<Given> {
    let mut given = vec![Given::default(); people];
    for journal in journals {
        let file = std::fs::File::open(journal).expect("the journal");
        for line in BufReader::new(file).lines() {
            let line = line.expect("a line");
            let line: Line = serde_json::from_str(&line).expect("a line of a journal");
            let Some(person) = person_of(&line.destination, people) else {
                wrong.push(format!("{} got a message and is nobody's", line.destination));
                continue;
            };
            let given = &mut given[person];
            let is_put_off = matches!(&*line.answer, "throttled" | "queue_full" | "window");
            given.after |= given.times > 0;
            given.put_off += u32::from(is_put_off);
            given.times += u32::from(!is_put_off);
            given.went |= line.went;
        }
    }
    given
}

/// Every message in one of two ends: it went and its receipt is known, or it is unknown and no receipt came.
async fn compare(
    store: &Store,
    given: &[Given],
    wrong: &mut Vec<String>,
) -> (Figures, BTreeSet<String>) {
    let mut figures = Figures::default();
    let mut ends: Vec<Option<MessageState>> = vec![None; given.len()];
    let mut unknown = BTreeSet::new();
    let mut after = None;
    let (workspace, journey) = journey(store).await;
    loop {
        let page = store.messages_of_journey(workspace, journey, after, PAGE_ROWS_MAX).await;
        let page = page.expect("messages");
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for message in page {
            let person = person_of(&message.to, given.len());
            let Some(person) = person else {
                wrong.push(format!("{message:?} is to nobody"));
                continue;
            };
            figures.messages += 1;
            if ends[person].replace(message.state).is_some() {
                wrong.push(format!("{} has two messages", message.to));
            }
            if message.state == MessageState::Unknown {
                unknown.insert(message.id.to_string());
            }
            explained(&message, given[person], wrong);
        }
    }
    for (person, (end, given)) in ends.iter().zip(given).enumerate() {
        figures.submits += (given.times + given.put_off) as usize;
        figures.put_off += given.put_off as usize;
        figures.delivered += usize::from(*end == Some(MessageState::Delivered));
        if *end == Some(MessageState::Unknown) {
            figures.unknown += 1;
            figures.never_arrived += usize::from(given.times == 0);
        }
        if end.is_none() {
            wrong.push(format!("person {person} came in and has no message"));
        }
    }
    (figures, unknown)
}

/// Whether the state of a message is what the journals say.
fn explained(message: &Message, given: Given, wrong: &mut Vec<String>) {
    if given.times > 1 || given.after {
        wrong.push(format!("{} was submitted twice: {given:?}, {message:?}", message.to));
    }
    let expected = if given.went { MessageState::Delivered } else { MessageState::Unknown };
    if message.state != expected {
        wrong.push(format!("{} should be {expected}: {given:?}, {message:?}", message.to));
    }
}

async fn journey(store: &Store) -> (WorkspaceId, JourneyId) {
    let found = store.workspace_by_slug(SLUG).await.expect("read the store");
    let workspace = found.expect("the workspace").id;
    let versions = store.journey_versions(workspace).await.expect("versions");
    let version = versions.iter().find(|it| it.row.slug == JOURNEY).expect("the journey");
    (workspace, version.row.journey)
}

/// The simulator's checks.
async fn at_rest(store: &Store) -> Vec<String> {
    let now = store.last_instant().await.expect("an instant");
    let found = checks::at_rest(store, &Parallel::default(), now).await.expect("read the store");
    found.iter().map(ToString::to_string).collect()
}
