//! One batch as one transaction.
//!
//! Contacts, counters and sequences are gathered while the operations are applied and written once each at
//! the end, in key order, so that a page is touched once. Must never touch the cache: that happens after the
//! commit succeeded, from what [`Writing::finish`] returns.

use super::cache::{Cache, Hot};
use super::columns::{self, int};
use super::fault::Fault;
use crate::batch::{Identity, LoggedInput, Op, ProfileRow, Sequences, StateRow};
use crate::error::Assertion;
use crate::rows::{CounterOrder, counter_order, generation};
use rusqlite::{Connection, OptionalExtension, params};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use wayline_core::ids::{ContactId, JourneyId, Seq, WorkspaceId};
use wayline_core::time::Timestamp;

/// Numbers of the file that the writer alone changes, kept beside the connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heads {
    pub(super) sequences: Sequences,
    pub(super) last_decision: u64,
    pub(super) last_orphan: u64,
    /// `None`: nothing was ever kept.
    pub(super) last_instant: Option<Timestamp>,
}

/// A contact as the batch has it so far, and what of it differs from the file.
struct Touched {
    hot: Hot,
    /// What the file has; `None`: the contact is new.
    stored: Option<Hot>,
    profile_changed: bool,
    state_changed: bool,
}

/// A batch being written.
pub(super) struct Writing<'a> {
    pub(super) conn: &'a Connection,
    cache: &'a Mutex<Cache>,
    pub(super) heads: Heads,
    before: Heads,
    contacts: BTreeMap<ContactId, Touched>,
    identities: FxHashMap<Identity, ContactId>,
    counters: BTreeMap<(WorkspaceId, JourneyId, CounterOrder), i64>,
    generations: BTreeSet<i64>,
}

/// What the cache has to learn once the commit succeeded.
pub(super) struct Written {
    pub(super) heads: Heads,
    contacts: BTreeMap<ContactId, Touched>,
    identities: FxHashMap<Identity, ContactId>,
    generations: BTreeSet<i64>,
}

impl Written {
    /// Makes the cache agree with the file.
    pub(super) fn show(self, cache: &mut Cache) {
        cache.changes += 1;
        for (id, touched) in self.contacts {
            cache.keep_contact(id, touched.hot);
        }
        for (identity, contact) in self.identities {
            cache.identities.put(&identity, contact);
        }
        cache.generations = self.generations;
    }
}

impl<'a> Writing<'a> {
    pub(super) fn new(
        conn: &'a Connection,
        cache: &'a Mutex<Cache>,
        heads: Heads,
        generations: BTreeSet<i64>,
    ) -> Self {
        Writing {
            conn,
            cache,
            heads,
            before: heads,
            contacts: BTreeMap::new(),
            identities: FxHashMap::default(),
            counters: BTreeMap::new(),
            generations,
        }
    }

    /// Applies one operation, or says why it may not be.
    pub(super) fn apply(&mut self, op: &Op) -> Result<(), Fault> {
        match op {
            Op::PutProfile(row) => self.put_profile(row),
            Op::PutState(row) => self.put_state(row),
            Op::LinkIdentity(identity, contact) => self.link(identity, *contact),
            Op::RememberInput { workspace, id, at } => self.remember(*workspace, *id, *at),
            Op::AppendInput(input) => self.append_input(input),
            Op::AppendDecision(row) => {
                let id = self.heads.last_decision + 1;
                let contact = self.contact_in(row.workspace, row.contact)?;
                let previous = contact.hot.last_decision.replace(id);
                contact.state_changed = true;
                self.insert_decision(id, previous, row)?;
                self.heads.last_decision = id;
                Ok(())
            }
            Op::AddCounter { workspace, key, delta } => {
                let key = (*workspace, key.journey, counter_order(key));
                *self.counters.entry(key).or_insert(0) += delta;
                Ok(())
            }
            Op::SetSequences(asked) => {
                let found = self.heads.sequences;
                if asked.goes_back_from(found) {
                    return Err(Assertion::SequencesGoBack { found, asked: *asked }.into());
                }
                self.heads.sequences = *asked;
                Ok(())
            }
            _ => self.write_row(op),
        }
    }

    /// Runs one cached statement and says how many rows it changed.
    pub(super) fn run(&self, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<usize> {
        self.conn.prepare_cached(sql)?.execute(values)
    }

    /// Brings a contact into the batch; `None`: there is none.
    fn contact(&mut self, id: ContactId) -> Result<Option<&mut Touched>, Fault> {
        if !self.contacts.contains_key(&id) {
            let kept = lock(self.cache)?.contacts.get(&id).cloned();
            let stored = match kept {
                Some(hot) => Some(hot),
                None => self
                    .conn
                    .prepare_cached(&format!("{} WHERE c.contact = ?1", columns::HOT))?
                    .query_row([int(id.0)], columns::hot)
                    .optional()?,
            };
            let Some(hot) = stored else { return Ok(None) };
            let stored = Some(hot.clone());
            let touched = Touched { hot, stored, profile_changed: false, state_changed: false };
            self.contacts.insert(id, touched);
        }
        Ok(self.contacts.get_mut(&id))
    }

    fn contact_in(
        &mut self,
        workspace: WorkspaceId,
        contact: ContactId,
    ) -> Result<&mut Touched, Fault> {
        match self.contact(contact)? {
            Some(found) if found.hot.profile.workspace == workspace => Ok(found),
            _ => Err(Assertion::ContactMissing { workspace, contact }.into()),
        }
    }

    fn put_profile(&mut self, row: &ProfileRow) -> Result<(), Fault> {
        let profile = Arc::new(row.clone());
        if let Some(touched) = self.contact(row.contact)? {
            let found = touched.hot.profile.workspace;
            if found != row.workspace {
                return Err(Assertion::ContactElsewhere { contact: row.contact, found }.into());
            }
            touched.hot.profile = profile;
            touched.profile_changed = true;
            return Ok(());
        }
        let state = Arc::from([].as_slice());
        let hot = Hot { profile, state, version: 0, wake: None, last_decision: None };
        let touched = Touched { hot, stored: None, profile_changed: true, state_changed: true };
        self.contacts.insert(row.contact, touched);
        Ok(())
    }

    fn put_state(&mut self, row: &StateRow) -> Result<(), Fault> {
        let (contact, expected) = (row.contact, row.expected_version);
        let touched = self.contact_in(row.workspace, contact)?;
        let found = touched.hot.version;
        if found != expected {
            return Err(Assertion::StateVersion { contact, expected, found }.into());
        }
        touched.hot.version = expected + 1;
        touched.hot.state = Arc::from(row.body.as_slice());
        touched.hot.wake = row.wake;
        touched.state_changed = true;
        Ok(())
    }

    fn link(&mut self, identity: &Identity, contact: ContactId) -> Result<(), Fault> {
        let mut known = self.identities.get(identity).copied();
        if known.is_none() {
            known = lock(self.cache)?.identities.get(identity);
        }
        if known.is_none() {
            let sql = "INSERT INTO identity (workspace, kind, value, contact) VALUES (?1, ?2, ?3, ?4) \
                ON CONFLICT DO NOTHING";
            let kind = identity.kind as u8;
            let values = params![identity.workspace.0, kind, identity.value, int(contact.0)];
            if self.run(sql, values)? == 1 {
                self.identities.insert(identity.clone(), contact);
                return Ok(());
            }
            known = Some(find_identity(self.conn, identity)?.unwrap_or(contact));
        }
        match known {
            Some(found) if found != contact => {
                let identity = identity.clone();
                Err(Assertion::IdentityTaken { identity, found }.into())
            }
            _ => Ok(()),
        }
    }

    fn remember(&mut self, workspace: WorkspaceId, id: u128, at: Timestamp) -> Result<(), Fault> {
        let period = generation(at);
        for other in self.generations.iter().filter(|other| **other != period) {
            if is_remembered(self.conn, *other, workspace, id)? {
                return Err(Assertion::InputKnown { workspace, id }.into());
            }
        }
        let sql = "INSERT INTO input_id (generation, workspace, id) VALUES (?1, ?2, ?3) \
            ON CONFLICT DO NOTHING";
        if self.run(sql, params![period, workspace.0, id.to_be_bytes()])? == 0 {
            return Err(Assertion::InputKnown { workspace, id }.into());
        }
        self.generations.insert(period);
        Ok(())
    }

    fn append_input(&mut self, input: &LoggedInput) -> Result<(), Fault> {
        let sql = "INSERT INTO input (seq, workspace, contact, previous, at, received_at, kind, name, \
            body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING";
        let values = params![
            int(input.seq.0),
            input.workspace.0,
            int(input.contact.0),
            input.previous.map(|Seq(seq)| int(seq)),
            input.at.0,
            input.received_at.0,
            input.kind,
            input.name,
            input.body,
        ];
        if self.run(sql, values)? == 0 {
            return Err(Assertion::SeqTaken(input.seq).into());
        }
        Ok(())
    }

    /// Writes what was gathered. The commit itself is the caller's.
    pub(super) fn finish(self) -> Result<Written, Fault> {
        for (id, touched) in &self.contacts {
            self.write_contact(*id, touched)?;
        }
        let sql = "INSERT INTO counter (workspace, journey, hour, version, step, variant, what, value) \
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
            ON CONFLICT DO UPDATE SET value = value + excluded.value";
        let mut totals: BTreeMap<(u32, u32, &str), i64> = BTreeMap::new();
        for ((workspace, journey, (hour, version, step, variant, what)), delta) in &self.counters {
            let scope = (workspace.0, journey.0, hour.0);
            self.run(sql, params![scope.0, scope.1, scope.2, version, step, variant, what, delta])?;
            *totals.entry((scope.0, scope.1, *what)).or_insert(0) += delta;
        }
        let sql = "INSERT INTO journey_total (workspace, journey, what, value) \
            VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET value = value + excluded.value";
        for ((workspace, journey, what), delta) in totals {
            self.run(sql, params![workspace, journey, what, delta])?;
        }
        let (now, then) = (&self.heads, &self.before);
        let heads = [
            ("next_contact", now.sequences.contact, then.sequences.contact),
            ("next_enrollment", now.sequences.enrollment, then.sequences.enrollment),
            ("next_seq", now.sequences.seq, then.sequences.seq),
            ("last_decision", now.last_decision, then.last_decision),
            ("last_orphan", now.last_orphan, then.last_orphan),
        ];
        for (name, value, _) in heads.into_iter().filter(|(_, value, before)| value != before) {
            self.run("UPDATE meta SET value = ?2 WHERE name = ?1", params![name, int(value)])?;
        }
        if let Some(at) = now.last_instant.filter(|_| now.last_instant != then.last_instant) {
            let sql = "INSERT INTO meta (name, value) VALUES ('last_instant', ?1) \
                ON CONFLICT DO UPDATE SET value = excluded.value";
            self.run(sql, [at.0])?;
        }
        let (contacts, identities) = (self.contacts, self.identities);
        Ok(Written { heads: self.heads, contacts, identities, generations: self.generations })
    }

    fn write_contact(&self, id: ContactId, touched: &Touched) -> Result<(), Fault> {
        let (hot, stored) = (&touched.hot, touched.stored.as_ref());
        if touched.profile_changed {
            let profile = &hot.profile;
            // A statement that names the number or the address moves its place in the index even when it
            // stays the same.
            let same_place = stored.is_some_and(|stored| {
                stored.profile.phone == profile.phone && stored.profile.email == profile.email
            });
            let sql = match (stored, same_place) {
                (None, _) => {
                    "INSERT INTO contact (contact, workspace, external_id, phone, email, attributes, \
                     created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
                }
                (Some(_), false) => {
                    "UPDATE contact SET external_id = ?3, phone = ?4, email = ?5, attributes = ?6, \
                     created_at = ?7 WHERE contact = ?1 AND workspace = ?2"
                }
                (Some(_), true) => {
                    "UPDATE contact SET external_id = ?3, attributes = ?6, created_at = ?7 \
                     WHERE contact = ?1 AND workspace = ?2 AND phone IS ?4 AND email IS ?5"
                }
            };
            let values = params![
                int(id.0),
                profile.workspace.0,
                profile.external_id,
                profile.phone,
                profile.email,
                profile.attributes,
                profile.created_at.0,
            ];
            self.run(sql, values)?;
        }
        if touched.state_changed {
            let same_wake = stored.is_some_and(|stored| stored.wake == hot.wake);
            let sql = match (stored, same_wake) {
                (None, _) => {
                    "INSERT INTO contact_state (contact, version, body, last_decision, wake_due, \
                     wake_enrollment) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
                }
                (Some(_), false) => {
                    "UPDATE contact_state SET version = ?2, body = ?3, last_decision = ?4, \
                     wake_due = ?5, wake_enrollment = ?6 WHERE contact = ?1"
                }
                (Some(_), true) => {
                    "UPDATE contact_state SET version = ?2, body = ?3, last_decision = ?4 \
                     WHERE contact = ?1"
                }
            };
            let mut statement = self.conn.prepare_cached(sql)?;
            let (version, last) = (int(hot.version), hot.last_decision.map(int));
            if stored.is_some() && same_wake {
                statement.execute(params![int(id.0), version, &*hot.state, last])?;
            } else {
                let due = hot.wake.map(|wake| wake.due.0);
                let sake = hot.wake.map(|wake| int(wake.enrollment.0));
                statement.execute(params![int(id.0), version, &*hot.state, last, due, sake])?;
            }
        }
        Ok(())
    }
}

/// Whether an input was taken in a period.
pub(super) fn is_remembered(
    conn: &Connection,
    period: i64,
    workspace: WorkspaceId,
    id: u128,
) -> rusqlite::Result<bool> {
    conn.prepare_cached(
        "SELECT 1 FROM input_id WHERE generation = ?1 AND workspace = ?2 AND id = ?3",
    )?
    .exists(params![period, workspace.0, id.to_be_bytes()])
}

/// Whose an identity is.
pub(super) fn find_identity(
    conn: &Connection,
    identity: &Identity,
) -> rusqlite::Result<Option<ContactId>> {
    conn.prepare_cached(
        "SELECT contact FROM identity WHERE workspace = ?1 AND kind = ?2 AND value = ?3",
    )?
    .query_row(params![identity.workspace.0, identity.kind as u8, identity.value], |row| {
        columns::uint(row, 0).map(ContactId)
    })
    .optional()
}

fn lock(cache: &Mutex<Cache>) -> Result<std::sync::MutexGuard<'_, Cache>, Fault> {
    cache.lock().map_err(|_| Fault::Abandoned)
}
