//! Random batches on a backend and on the model: the same refusals, the same answers.
//!
//! Ids are few, so that operations meet. Must never draw from anything but its seed.

use super::observe::{IDS, observe};
use super::random_carriers::carriers;
use super::random_live::live;
use super::samples;
use crate::batch::{
    Batch, DeadLetterRow, Identity, IdentityKind, Op, OrphanReceipt, SegmentRow, Sequences,
    SweepRow,
};
use crate::rows::Retention;
use crate::{MemoryStore, Store, StoreError};
use wayline_core::decision::What;
use wayline_core::ids::{ContactId, EnrollmentId, JourneyId, Seq, WorkspaceId};
use wayline_core::limits;
use wayline_core::message::{HandedOut, MessageChange, MessageState};
use wayline_core::metrics::CounterKey;
use wayline_core::policy::settings::Purpose;
use wayline_core::time::Timestamp;

/// Seeds of one run of the suite.
pub(super) const SEEDS: u64 = 12;
const BATCHES: usize = 120;

/// Numbers from a seed (SplitMix64).
pub(super) struct Draw(u64);

impl Draw {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// Mostly 1 and 2; 3 never exists.
    pub(super) fn workspace(&mut self) -> WorkspaceId {
        let n = if self.one_in(20) { 3 } else { 1 + self.below(2) };
        WorkspaceId(n as u32)
    }

    pub(super) fn instant(&mut self) -> Timestamp {
        Timestamp(self.below(40) as i64)
    }
}

/// Whose a contact is: fixed, so that most operations fit.
fn home(contact: ContactId) -> WorkspaceId {
    WorkspaceId(1 + (contact.0 % 2) as u32)
}

/// Runs the same random batches on `store` and on a new memory store.
pub(super) async fn compare_with_memory(store: &Store, seed: u64) {
    let model = Store::from(MemoryStore::new());
    let mut draw = Draw(seed);
    for round in 0..BATCHES {
        let batch = random_batch(&mut draw, &model).await;
        let expected = refusal(model.commit(&batch).await);
        let found = refusal(store.commit(&batch).await);
        assert_eq!(expected, found, "seed {seed}, round {round}: {batch:#?}");
        if draw.one_in(12) {
            let (retention, limit) = random_retention(&mut draw);
            let expected = model.forget(&retention, limit).await.expect("the model forgets");
            let found = store.forget(&retention, limit).await.expect("it forgets");
            assert_eq!(expected, found, "seed {seed}, round {round}: {retention:?} {limit}");
        }
        if round % 4 != 3 {
            continue;
        }
        let (expected, found) = (observe(&model).await, observe(store).await);
        if let Some((line, other)) = expected.lines().zip(found.lines()).find(|(a, b)| a != b) {
            panic!("seed {seed}, round {round}: {batch:#?}\nexpected {line}\nfound    {other}");
        }
        assert_eq!(expected, found, "seed {seed}, round {round}");
    }
    store.check().await.expect("it is whole");
}

fn refusal(result: Result<(), StoreError>) -> Option<String> {
    match result {
        Ok(()) => None,
        Err(error @ StoreError::Assertion { .. }) => Some(error.to_string()),
        Err(error) => panic!("only assertions may fail here: {error}"),
    }
}

fn random_retention(draw: &mut Draw) -> (Retention, usize) {
    let mut before = || (!draw.one_in(3)).then(|| draw.instant());
    let retention = Retention {
        inputs_before: before(),
        decisions_before: before(),
        messages_before: before(),
        input_ids_before: None,
        orphan_receipts_before: before(),
        idempotency_before: before(),
        allowances_before: before(),
        unanswered_before: before(),
        unclaimed_before: before(),
    };
    let far = Timestamp(limits::DEDUPLICATION.0 * draw.below(3) as i64);
    let input_ids_before = draw.one_in(2).then_some(far);
    (Retention { input_ids_before, ..retention }, draw.below(8) as usize)
}

async fn random_batch(draw: &mut Draw, model: &Store) -> Batch {
    let mut batch = Batch::default();
    // What earlier operations of this batch made of versions is guessed, and sometimes wrong: also a case.
    let count = 1 + if draw.one_in(2) { 0 } else { draw.below(7) };
    for _ in 0..count {
        let op = match draw.below(18) {
            0 => definition(draw),
            1..=3 => contact(draw, model).await,
            4 => identity_or_input(draw),
            5 => history(draw),
            6 => enrollment(draw),
            7..=9 => message(draw),
            10 => call(draw),
            11 => decision(draw),
            12 => counter(draw),
            13 | 14 => live(draw, model).await,
            15 | 16 => carriers(draw, model).await,
            _ => letter(draw),
        };
        batch.ops.push(op);
    }
    batch
}

fn definition(draw: &mut Draw) -> Op {
    let ws = draw.workspace();
    let (journey, version) = (draw.below(3) as u32, draw.below(3) as u32);
    let slug = format!("s{}", draw.below(3));
    match draw.below(6) {
        0 | 1 => {
            let slug = if draw.one_in(5) { 1 } else { ws.0 };
            let mut row = samples::workspace(ws.0.min(2), &format!("ws-{slug}"));
            row.revision = draw.next();
            Op::PutWorkspace(row)
        }
        2 => {
            Op::PutSegment(SegmentRow { workspace: ws, slug, definition: draw.next().to_string() })
        }
        3 => Op::RemoveSegment { workspace: ws, slug },
        4 => {
            let row = samples::version(journey, version);
            Op::InsertJourneyVersion(crate::batch::JourneyVersionRow { workspace: ws, ..row })
        }
        _ => {
            let version = (!draw.one_in(4)).then_some(version);
            Op::SetLiveVersion { workspace: ws, journey: JourneyId(journey), version }
        }
    }
}

async fn contact(draw: &mut Draw, model: &Store) -> Op {
    let contact = ContactId(draw.below(IDS));
    let workspace = if draw.one_in(25) { draw.workspace() } else { home(contact) };
    let known = model.contacts(&[contact]).await.expect("the model answers");
    let known = known.into_iter().next().flatten();
    if known.is_none() || draw.one_in(4) {
        let mut row = samples::profile(contact.0);
        row.workspace = workspace;
        row.phone = (!draw.one_in(4)).then(|| format!("+{}", draw.below(IDS)));
        let fields = ["Al", "al%", "AL_x", "b", "é", "\u{10ffff}z"];
        row.email = (!draw.one_in(3)).then(|| fields[draw.below(6) as usize].to_owned());
        row.external_id = (!draw.one_in(3)).then(|| format!("v{}", draw.below(IDS)));
        row.attributes = format!("{{\"n\":{}}}", draw.below(100));
        return Op::PutProfile(row);
    }
    let version = known.map_or(0, |record| record.version);
    let expected = if draw.one_in(10) { draw.below(3) } else { version };
    let wake = (!draw.one_in(4)).then(|| (draw.below(40) as i64, draw.below(4)));
    let mut row = samples::state(contact.0, expected, wake);
    row.workspace = workspace;
    Op::PutState(row)
}

fn identity_or_input(draw: &mut Draw) -> Op {
    if draw.one_in(2) {
        let kinds = [IdentityKind::External, IdentityKind::Anonymous, IdentityKind::Phone];
        let kind = kinds[draw.below(3) as usize];
        let value = format!("v{}", draw.below(IDS));
        let identity = Identity { workspace: draw.workspace(), kind, value };
        return Op::LinkIdentity(identity, ContactId(draw.below(3)));
    }
    let at = Timestamp(limits::DEDUPLICATION.0 * draw.below(3) as i64 + 5);
    let id = u128::from(draw.below(IDS));
    Op::RememberInput { workspace: draw.workspace(), id, at }
}

fn history(draw: &mut Draw) -> Op {
    if draw.one_in(4) {
        let n = draw.below(20);
        return Op::SetSequences(Sequences { contact: n, enrollment: n + 1, seq: n + 2 });
    }
    let contact = draw.below(3);
    let previous = (!draw.one_in(5)).then(|| draw.below(25));
    let mut row = samples::input(draw.below(25), contact, previous, draw.below(40) as i64);
    row.workspace = if draw.one_in(9) { draw.workspace() } else { home(ContactId(contact)) };
    Op::AppendInput(row)
}

fn enrollment(draw: &mut Draw) -> Op {
    let id = draw.below(IDS);
    let contact = if draw.one_in(9) { draw.below(IDS) } else { id };
    let mut row = samples::enrollment(id, contact);
    row.workspace = home(row.contact);
    row.journey = JourneyId((id % 3) as u32);
    row.version = draw.below(3) as u32;
    row.left_at = draw.one_in(2).then(|| draw.instant());
    Op::PutEnrollment(row)
}

fn message(draw: &mut Draw) -> Op {
    let n = draw.below(IDS);
    if draw.one_in(3) {
        let mut row = samples::message(n, n % 3, 1 + draw.below(40) as i64);
        row.workspace = home(row.contact);
        row.journey = JourneyId((n % 3) as u32);
        row.sender = format!("s{}", draw.below(3));
        row.purpose = if draw.one_in(2) { Purpose::Marketing } else { Purpose::Transactional };
        row.state = if draw.one_in(3) { MessageState::Held } else { MessageState::Queued };
        return Op::InsertMessage(Box::new(row));
    }
    let states = MessageState::ALL;
    let known = if draw.one_in(2) { 4 } else { 11 };
    let state = states[draw.below(known) as usize];
    let handed_out = (state == MessageState::Submitting).then(|| HandedOut {
        at: draw.instant(),
        run: draw.below(4),
        attempt: draw.below(3) as u32,
        to: format!("+{}", draw.below(2)),
        sender: format!("s{}", draw.below(2)),
        gateway: if draw.one_in(3) { "other" } else { "gw" }.to_owned(),
        text: "text".to_owned(),
        parts: 1,
    });
    let change = MessageChange {
        due_at: draw.one_in(2).then(|| draw.instant()),
        handed_out,
        gateway_ref: draw.one_in(2).then(|| format!("r{}", draw.below(2))),
        error: draw.one_in(4).then(|| "30007".to_owned()),
        tried: draw.one_in(4).then(|| format!("g{}", draw.below(3))),
        put_off: draw.one_in(4),
        ..MessageChange::to(state, wayline_core::decision::Reason::Receipt)
    };
    let workspace = if draw.one_in(20) { draw.workspace() } else { home(ContactId(n % 3)) };
    Op::ChangeMessage { workspace, id: samples::message_id(n), change: Box::new(change) }
}

fn call(draw: &mut Draw) -> Op {
    let (workspace, n) = (draw.workspace(), draw.below(4));
    if draw.one_in(3) {
        return Op::RemoveCall { workspace, id: samples::message_id(n) };
    }
    let mut row = samples::call(n, draw.below(40) as i64);
    row.workspace = workspace;
    Op::InsertCall(row)
}

fn decision(draw: &mut Draw) -> Op {
    let contact = ContactId(draw.below(4));
    let journey = (!draw.one_in(4)).then(|| JourneyId(draw.below(3) as u32));
    let mut row = samples::decision(contact.0, journey, draw.below(40) as i64);
    row.workspace = if draw.one_in(20) { draw.workspace() } else { home(contact) };
    row.decision.enrollment = draw.one_in(2).then(|| EnrollmentId(draw.below(5)));
    Op::AppendDecision(row)
}

fn counter(draw: &mut Draw) -> Op {
    let key = CounterKey {
        journey: JourneyId(draw.below(3) as u32),
        version: draw.below(2) as u32,
        step: (!draw.one_in(3)).then(|| draw.below(3) as u16),
        variant: if draw.one_in(2) { String::new() } else { "a".to_owned() },
        what: if draw.one_in(2) { What::Sent } else { What::Delivered },
        hour: Timestamp(3_600_000 * draw.below(3) as i64),
    };
    Op::AddCounter { workspace: draw.workspace(), key, delta: draw.below(9) as i64 - 4 }
}

fn letter(draw: &mut Draw) -> Op {
    let (workspace, id) = (draw.workspace(), Seq(draw.below(6)));
    let gateway = if draw.one_in(2) { "gw" } else { "other" }.to_owned();
    let gateway_ref = format!("r{}", draw.below(2));
    let after = draw.one_in(2).then(|| ContactId(draw.below(IDS)));
    match draw.below(5) {
        0 => Op::PutDeadLetter(DeadLetterRow {
            workspace,
            id,
            at: draw.instant(),
            contact: after,
            reason: "why".to_owned(),
            input: "{}".to_owned(),
            attempts: draw.below(3) as u32,
        }),
        1 => Op::RemoveDeadLetter { workspace, id },
        2 => Op::PutOrphanReceipt(OrphanReceipt {
            gateway,
            gateway_ref,
            address: if draw.one_in(3) { String::new() } else { format!("+{}", draw.below(2)) },
            received_at: draw.instant(),
            receipt: draw.next().to_string(),
        }),
        3 => {
            let address =
                if draw.one_in(2) { String::new() } else { format!("+{}", draw.below(2)) };
            Op::RemoveOrphanReceipts { gateway, gateway_ref, address }
        }
        _ => {
            let journey = JourneyId(draw.below(3) as u32);
            let fire_at = draw.instant();
            Op::PutSweep(SweepRow { workspace, journey, fire_at, after, done: after.is_none() })
        }
    }
}
