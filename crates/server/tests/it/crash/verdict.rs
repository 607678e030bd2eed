//! What must hold after any number of crashes: the simulator's checks over the store, and the carrier's own view
//! beside it.
//!
//! Must never look at what the program said about itself where the store or the carrier can be asked.

use super::load::Sent;
use super::world::{CAP, PARALLEL, SPEED};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use wayline_core::contact::State;
use wayline_core::ids::{ContactId, MessageId, WorkspaceId, stable_hash, stable_hash_wide};
use wayline_core::limits::{DEDUPLICATION, PAGE_ROWS_MAX};
use wayline_core::message::{Message, MessageState};
use wayline_core::policy::settings::Purpose;
use wayline_core::time::{Span, Timestamp};
use wayline_sim::checks::{self, Expected, Parallel};
use wayline_store::{SqliteOptions, SqliteStore, Store, check_of};

/// Real time for which the answer of a gateway may be under way while others are handed out.
const UNDER_WAY: Span = Span(2_000 * SPEED);
/// Real time by which a busy machine may be behind.
const BEHIND: Span = Span(10_000 * SPEED);

/// What the carrier was given.
#[derive(Clone, Debug)]
pub(crate) struct Submit {
    at: Timestamp,
    message: MessageId,
    attempt: u32,
    run: u64,
    to: String,
    text: String,
}

/// Every submit, in the order of the carrier. A kill may cut a line at the end of a page: that submit was not made,
/// for the line comes before it. What the next run wrote stands right behind such a stump.
pub(crate) fn journal(path: &Path) -> Vec<Submit> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = |line: &str| {
        let begins = line.match_indices("{\"at\":").map(|(at, _)| at);
        begins.into_iter().find_map(|at| serde_json::from_str::<Json>(&line[at..]).ok())
    };
    let read = |line: Json| {
        let text = |name: &str| line[name].as_str().expect("a text").to_owned();
        Submit {
            at: Timestamp(line["at"].as_i64().expect("an instant")),
            message: text("message").parse().expect("a message id"),
            attempt: u32::try_from(line["attempt"].as_u64().expect("a number")).expect("few"),
            run: line["run"].as_u64().expect("a run"),
            to: text("to"),
            text: text("text"),
        }
    };
    text.lines().filter_map(whole).map(read).collect()
}

/// How the sandbox was told to behave.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Behaviour {
    /// Share of lost answers.
    pub(crate) timeout: f64,
    /// Share of submits asked to come later.
    pub(crate) throttle: f64,
}

impl Behaviour {
    /// As settings.
    pub(crate) fn settings(self) -> String {
        format!("timeout = {}\nthrottle = {}\n", self.timeout, self.throttle)
    }

    /// Whether the sandbox asked to send this attempt again: it draws by a hash.
    fn asked_again(self, submit: &Submit) -> bool {
        let hash = stable_hash(&[
            b"outcome",
            &0_u64.to_le_bytes(),
            submit.message.to_string().as_bytes(),
            &submit.attempt.to_le_bytes(),
        ]);
        let place = (hash >> 11) as f64 / (1_u64 << 53) as f64;
        (self.timeout..self.timeout + self.throttle).contains(&place)
    }
}

/// Figures of a whole test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) inputs: usize,
    pub(crate) contacts: usize,
    pub(crate) messages: usize,
    pub(crate) submits: usize,
    pub(crate) unknown: usize,
    pub(crate) decisions: u64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { inputs, contacts, messages, submits, unknown, decisions } = self;
        write!(
            f,
            "{inputs} inputs of {contacts} people acknowledged, {decisions} decisions, {messages} messages, \
             {submits} submits, {unknown} unknown"
        )
    }
}

/// Looks at everything and panics with all that does not hold. The program must not run.
pub(crate) fn verdict(
    store: &Path,
    sent: &[Sent],
    submits: &[Submit],
    behaviour: Behaviour,
) -> Figures {
    check_of(store).expect("the file is whole and its references lead somewhere");
    let store: Store =
        SqliteStore::open(store, SqliteOptions::default()).expect("open the store").into();
    pollster::block_on(async {
        let mut wrong = at_rest(&store, true).await;
        let seen = Seen::of(&store).await;
        wrong.extend(inputs(&store, &seen, sent).await);
        wrong.extend(seen.submits(submits, behaviour));
        wrong.extend(seen.stops(submits));
        wrong.extend(seen.caps());
        wrong.extend(seen.hours());
        wrong.extend(seen.unknown(submits, behaviour));
        wrong.extend(overdue(&store).await);
        let first: Vec<_> = wrong.iter().take(20).collect();
        assert!(wrong.is_empty(), "{} things do not hold: {first:#?}", wrong.len());
        Figures {
            inputs: sent.len(),
            contacts: seen.contacts,
            messages: seen.messages.len(),
            submits: submits.len(),
            unknown: seen.messages.values().filter(|it| it.state == MessageState::Unknown).count(),
            decisions: seen.decisions,
        }
    })
}

/// The simulator's checks over a store. `drained`: nothing is at a gateway any more.
pub(crate) async fn at_rest(store: &Store, drained: bool) -> Vec<String> {
    let workspace = workspace(store).await;
    let versions = store.journey_versions(workspace).await.expect("versions");
    let parallel: Parallel = versions
        .iter()
        .filter(|it| it.row.slug == PARALLEL)
        .map(|it| (workspace, it.row.journey))
        .collect();
    let now = store.last_instant().await.expect("an instant").filter(|_| drained);
    let found = checks::at_rest(store, &parallel, now).await.expect("read the store");
    found.iter().map(ToString::to_string).collect()
}

async fn workspace(store: &Store) -> WorkspaceId {
    store.workspaces().await.expect("workspaces").first().expect("a workspace").id
}

/// Everything acknowledged is there once, and nothing else.
async fn inputs(store: &Store, seen: &Seen, sent: &[Sent]) -> Vec<String> {
    let tokens = sent.iter().filter_map(|sent| sent.token.clone());
    let expected: Vec<_> = tokens.map(|token| Expected { token, poison: false }).collect();
    let found = checks::inputs(store, &expected).await.expect("read the store");
    let mut wrong: Vec<String> = found.iter().map(ToString::to_string).collect();
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for sent in sent {
        *count.entry(sent.user.as_str()).or_default() += 1;
    }
    for (user, inputs) in &count {
        let kept = seen.inputs.get(*user).copied().unwrap_or(0);
        if kept != *inputs {
            wrong.push(format!("{user} has {kept} inputs, {inputs} were acknowledged"));
        }
    }
    wrong.extend(forgotten(store, seen, sent).await);
    let stops: BTreeSet<&str> =
        sent.iter().filter(|it| it.is_stop).map(|it| it.user.as_str()).collect();
    let kept: BTreeSet<&str> = seen.stopped.values().map(|(user, _)| user.as_str()).collect();
    if stops != kept {
        wrong.push(format!("{} people said stop, of {} it is kept", stops.len(), kept.len()));
    }
    wrong
}

/// Ids of inputs that are not known any more, though they must be.
async fn forgotten(store: &Store, seen: &Seen, sent: &[Sent]) -> Vec<String> {
    let workspace = workspace(store).await;
    let hash = |sent: &Sent| stable_hash_wide(&[b"input", sent.message_id.as_bytes()]);
    let last = store.last_instant().await.expect("an instant").unwrap_or(Timestamp::MIN);
    let (mut wrong, mut at) = (Vec::new(), Timestamp::MIN);
    for page in sent.chunks(PAGE_ROWS_MAX) {
        let ids: Vec<u128> = page.iter().map(hash).collect();
        let known = store.inputs_known(workspace, &ids).await.expect("ids of inputs");
        for (sent, is_known) in page.iter().zip(known) {
            // Those without a token came after the one before them.
            let told = sent.token.as_ref().and_then(|token| seen.received.get(token));
            at = told.copied().unwrap_or(at);
            if !is_known && at > last - DEDUPLICATION {
                wrong.push(format!("{} of {at} is forgotten at {last}", sent.message_id));
            }
        }
    }
    wrong
}

/// What stopped when the load did must not have been left lying.
async fn overdue(store: &Store) -> Option<String> {
    let last = store.last_instant().await.expect("an instant")?;
    let wake = store.next_wake().await.expect("a wake");
    let message = store.next_message_due().await.expect("a message");
    let next = wake.into_iter().chain(message).min()?;
    (next < last - BEHIND).then(|| format!("something was due at {next}, it is {last}"))
}

fn is_token(text: &str) -> bool {
    text.starts_with("i-") && text.ends_with("-i")
}

/// What the store has, read once.
#[derive(Default)]
struct Seen {
    contacts: usize,
    /// Inputs by external id, without those that the engine made itself.
    inputs: BTreeMap<String, usize>,
    /// When each token came.
    received: BTreeMap<String, Timestamp>,
    /// Who took the consent away, and when that was taken in.
    stopped: BTreeMap<ContactId, (String, Timestamp)>,
    messages: BTreeMap<MessageId, Message>,
    decisions: u64,
}

impl Seen {
    async fn of(store: &Store) -> Seen {
        let mut seen = Seen::default();
        let workspace = workspace(store).await;
        let mut after = None;
        loop {
            let page = store.contacts_page(workspace, after, PAGE_ROWS_MAX).await.expect("a page");
            let Some(last) = page.last() else { break };
            after = Some(last.profile.contact);
            for record in page {
                seen.contacts += 1;
                let contact = record.profile.contact;
                let user = record.profile.external_id.clone().unwrap_or_default();
                let state = State::decode(contact, &record.state).expect("a state");
                let mut head = state.last_seq;
                while head.is_some() {
                    let rows = store.history(workspace, contact, head, PAGE_ROWS_MAX).await;
                    let rows = rows.expect("history");
                    head = rows.last().and_then(|row| row.previous);
                    for row in rows.iter().filter(|row| row.name != "told") {
                        *seen.inputs.entry(user.clone()).or_default() += 1;
                        let token = row.body.split('"').find(|text| is_token(text));
                        seen.received.extend(token.map(|it| (it.to_owned(), row.received_at)));
                        if row.body.contains("STOP") || row.body.contains("opted_out") {
                            seen.stopped.insert(contact, (user.clone(), row.received_at));
                        }
                    }
                }
                seen.messages_of(store, workspace, contact).await;
            }
        }
        let mut after = None;
        while let Some(last) =
            store.decisions_all(after, PAGE_ROWS_MAX).await.expect("decisions").last()
        {
            after = Some(last.id);
            seen.decisions = last.id;
        }
        seen
    }

    async fn messages_of(&mut self, store: &Store, workspace: WorkspaceId, contact: ContactId) {
        let mut after = None;
        loop {
            let page = store.messages_of_contact(workspace, contact, after, PAGE_ROWS_MAX).await;
            let page = page.expect("messages");
            let Some(last) = page.last() else { return };
            after = Some((last.intended_at, last.id));
            self.messages.extend(page.into_iter().map(|message| (message.id, message)));
        }
    }

    /// The carrier got each message once, or again after it asked for that; and the store knows of each.
    fn submits(&self, submits: &[Submit], behaviour: Behaviour) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut before: BTreeMap<MessageId, &Submit> = BTreeMap::new();
        for submit in submits {
            let id = submit.message;
            if let Some(before) = before.insert(id, submit)
                && !(behaviour.asked_again(before) && submit.attempt > before.attempt)
            {
                wrong.push(format!("message {id} was submitted twice: {before:?}, {submit:?}"));
            }
        }
        for (id, last) in &before {
            let Some(message) = self.messages.get(id) else {
                wrong.push(format!("the store knows nothing of {last:?}"));
                continue;
            };
            use MessageState::{Dropped, Held, Queued, Submitting, Withdrawn};
            let is_open = matches!(message.state, Held | Queued | Dropped | Withdrawn);
            let was_put_back = behaviour.asked_again(last);
            if message.state == Submitting || (is_open && !was_put_back) {
                wrong.push(format!("message {id} was submitted and is {}", message.state));
            }
            let is_last = (last.attempt, last.run) == (message.attempts, message.run);
            let is_same = (&last.to, &last.text) == (&message.to, &message.text);
            // A claim whose submit was cut off by a crash is one more than the carrier saw.
            if (!is_last || !is_same) && message.state != MessageState::Unknown {
                wrong.push(format!("the carrier got {last:?}, the store has {message:?}"));
            }
        }
        for (id, message) in self.messages.iter().filter(|(id, _)| !before.contains_key(id)) {
            use MessageState::{Delivered, Expired, Failed, Submitted, Undelivered};
            if matches!(message.state, Submitted | Delivered | Undelivered | Expired | Failed) {
                wrong.push(format!("message {id} is {} and was not submitted", message.state));
            }
        }
        wrong
    }

    /// Nothing goes to a person after the commit that holds their stop.
    fn stops(&self, submits: &[Submit]) -> Vec<String> {
        let mut wrong = Vec::new();
        for submit in submits {
            let contact = self.messages.get(&submit.message).map(|message| message.contact);
            let stop = contact.and_then(|contact| self.stopped.get(&contact));
            if let Some((user, at)) = stop.filter(|(_, at)| submit.at > *at) {
                wrong.push(format!("{user} said stop at {at}; {submit:?}"));
            }
        }
        wrong
    }

    /// Marketing messages that may have reached somebody, each with its instant.
    fn marketing(&self) -> impl Iterator<Item = (&Message, Timestamp)> {
        use MessageState::{Dropped, Failed, Held, Queued, Withdrawn};
        let may_have_gone = |state| !matches!(state, Held | Queued | Failed | Dropped | Withdrawn);
        self.messages
            .values()
            .filter(move |it| it.purpose == Purpose::Marketing && may_have_gone(it.state))
            .filter_map(|message| Some((message, message.handed_out_at?)))
    }

    fn caps(&self) -> Vec<String> {
        let (count, hours) = CAP;
        let mut times: BTreeMap<ContactId, Vec<Timestamp>> = BTreeMap::new();
        for (message, at) in self.marketing() {
            times.entry(message.contact).or_default().push(at);
        }
        let mut wrong = Vec::new();
        for (contact, times) in &mut times {
            times.sort_unstable();
            for window in times.windows(count + 1) {
                if window[count] - window[0] < Span::hours(hours) {
                    wrong.push(format!("contact {contact} got too many: {window:?}"));
                }
            }
        }
        wrong
    }

    /// Everybody lives in New York.
    fn hours(&self) -> Vec<String> {
        let zone = wayline_core::zone::zone("America/New_York").expect("a zone");
        let hour = |at: Timestamp| zone.to_datetime(at.to_jiff()).hour();
        let late = self.marketing().filter(|(_, at)| !(8..21).contains(&hour(*at)));
        late.map(|(message, at)| format!("message {} went at {at}, at night", message.id)).collect()
    }

    /// Unknown are those alone whose answer was under way at a crash, or was lost by the carrier.
    fn unknown(&self, submits: &[Submit], behaviour: Behaviour) -> Vec<String> {
        let mut ends: BTreeMap<u64, Timestamp> = BTreeMap::new();
        let handed_out = self.messages.values().filter_map(|it| Some((it.run, it.handed_out_at?)));
        for (run, at) in submits.iter().map(|it| (it.run, it.at)).chain(handed_out) {
            let end = ends.entry(run).or_insert(at);
            *end = at.max(*end);
        }
        let mut wrong = Vec::new();
        let unknown = self.messages.values().filter(|it| it.state == MessageState::Unknown);
        for message in unknown.filter(|_| behaviour.timeout == 0.0) {
            let end = ends.get(&message.run).copied().unwrap_or(Timestamp::MAX);
            if message.handed_out_at.is_none_or(|at| at < end - UNDER_WAY) {
                wrong.push(format!("{message:?} is unknown and its run went on until {end}"));
            }
        }
        wrong
    }
}
