//! One turn of the engine: contacts loaded once, inputs run in order, everything they lead to in one batch.
//!
//! Must never let the failure of one input touch another: an input that fails leaves its contact as it was
//! before and becomes a dead letter.

mod keep;

use crate::hot::Versioned;
use crate::ingest::Arrival;
use keep::{owned, referred};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wayline_core::contact::{AutoReplyStage, Contact, EntryRead, Position, Profile, State};
use wayline_core::event::{Input, InputKind};
use wayline_core::ids::{ContactId, MessageId, Seq, WorkspaceId, stable_hash};
use wayline_core::journey::advance::advance;
use wayline_core::journey::effects::{Effects, MessageEffect};
use wayline_core::journey::engine::Engine;
use wayline_core::journey::give_up::{give_up, narrowly};
use wayline_core::message::{Message, MessageChange};
use wayline_core::metrics::CounterKey;
use wayline_core::time::Timestamp;
use wayline_store::batch::{
    Batch, Identity, IdentityKind, Op, ProfileRow, Sequences, StateRow, Wake,
};
use wayline_store::rows::{ContactRecord, DueContact};

/// Hashes ids without randomness; they are dense numbers, nobody chooses them.
pub(crate) type IdMap<K, V> = FxHashMap<K, V>;

/// An input bound to its contact.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Work {
    pub(crate) workspace: WorkspaceId,
    pub(crate) contact: ContactId,
    /// Hash of its message id.
    pub(crate) input_id: Option<u128>,
    /// Whether it belongs into the history of the contact.
    pub(crate) logged: bool,
    pub(crate) input: Input,
    /// The instant of the decision.
    pub(crate) now: Timestamp,
}

/// What a turn does about an input that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// Gives up the whole turn: nearly no turn has such an input, and nothing need be copied for it.
    Swift,
    /// Undoes that input alone and buries it. The way of a turn that was given up.
    Careful,
}

/// An input about to run, without the input itself: what arrived is not copied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About {
    pub(crate) workspace: WorkspaceId,
    pub(crate) contact: ContactId,
    pub(crate) input_id: Option<u128>,
    pub(crate) logged: bool,
    pub(crate) now: Timestamp,
}

impl Work {
    /// A contact whose time has come.
    pub(crate) fn timer(due: &DueContact, now: Timestamp) -> Work {
        Work {
            workspace: due.workspace,
            contact: due.contact,
            input_id: None,
            logged: false,
            input: Input { at: now, kind: InputKind::Timer },
            now,
        }
    }

    pub(crate) fn about(&self) -> About {
        About {
            workspace: self.workspace,
            contact: self.contact,
            input_id: self.input_id,
            logged: self.logged,
            now: self.now,
        }
    }
}

/// A contact during the turn.
struct Slot {
    contact: Box<Contact>,
    /// Version of the stored state; 0: none yet.
    version: u64,
    state_changed: bool,
    profile_changed: bool,
}

/// A turn as one batch, and what is true once it is durable.
pub(crate) struct Committable {
    pub(crate) batch: Batch,
    pub(crate) sequences: Sequences,
    /// The contacts as they are then.
    pub(crate) contacts: Vec<Versioned>,
    pub(crate) submissions: Vec<Message>,
    /// Inputs that became dead letters.
    pub(crate) dead: usize,
}

/// What a turn collects before it is committed.
pub(crate) struct Turn<'a> {
    engines: &'a BTreeMap<WorkspaceId, std::sync::Arc<Engine>>,
    /// Contacts in the order they were first touched, so that the batch is the same every time.
    slots: Vec<Slot>,
    /// Where each stands in `slots`.
    places: IdMap<ContactId, usize>,
    /// Messages as changed so far in this turn.
    messages: IdMap<MessageId, Message>,
    /// The message that the input being run owns.
    owned: Option<MessageId>,
    /// Changes in this turn of messages that it has not seen: whoever brings one in finds it changed.
    unseen: IdMap<MessageId, Vec<MessageChange>>,
    counters: FxHashMap<(WorkspaceId, CounterKey), i64>,
    ops: Vec<Op>,
    pub(crate) sequences: Sequences,
    submissions: Vec<Message>,
    dead: usize,
    /// The how manieth attempt at its inputs this is.
    pub(crate) attempts: u32,
    care: Care,
    /// An input failed and the turn is to be given up.
    pub(crate) failed: bool,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(
        engines: &'a BTreeMap<WorkspaceId, std::sync::Arc<Engine>>,
        sequences: Sequences,
        care: Care,
    ) -> Turn<'a> {
        Turn {
            engines,
            care,
            failed: false,
            slots: Vec::new(),
            places: IdMap::default(),
            messages: IdMap::default(),
            owned: None,
            unseen: IdMap::default(),
            counters: FxHashMap::default(),
            ops: Vec::new(),
            sequences,
            submissions: Vec::new(),
            dead: 0,
            attempts: 1,
        }
    }

    pub(crate) fn holds(&self, id: ContactId) -> bool {
        self.places.contains_key(&id)
    }

    /// Takes in a contact as it is stored.
    ///
    /// # Errors
    /// When its state or its attributes cannot be read.
    pub(crate) fn load(&mut self, id: ContactId, record: &ContactRecord) -> Result<(), String> {
        let contact = contact_of(id, record)?;
        self.insert(Box::new(contact), record.version, false);
        Ok(())
    }

    /// Makes a contact for somebody never heard of before.
    pub(crate) fn create(
        &mut self,
        identity: &Identity,
        external: Option<String>,
        now: Timestamp,
    ) -> ContactId {
        let id = ContactId(self.sequences.contact);
        self.sequences.contact += 1;
        let salt = stable_hash(&[b"contact", &[identity.kind as u8], identity.value.as_bytes()]);
        let fingerprint = self
            .engines
            .get(&identity.workspace)
            .map_or(0, |engine| engine.program.windows_fingerprint);
        let contact = Contact {
            workspace: identity.workspace,
            id,
            profile: Profile { external_id: external, created_at: now, ..Profile::default() },
            state: State::new(salt, fingerprint),
        };
        self.insert(Box::new(contact), 0, true);
        id
    }

    /// Takes in a contact as it was left by an earlier turn.
    pub(crate) fn resume(&mut self, (contact, version): Versioned) {
        self.insert(contact, version, false);
    }

    fn insert(&mut self, contact: Box<Contact>, version: u64, profile_changed: bool) {
        self.places.insert(contact.id, self.slots.len());
        self.slots.push(Slot { contact, version, state_changed: false, profile_changed });
    }

    fn slot(&self, id: ContactId) -> Option<&Slot> {
        self.places.get(&id).and_then(|place| self.slots.get(*place))
    }

    fn slot_mut(&mut self, id: ContactId) -> Option<&mut Slot> {
        self.places.get(&id).and_then(|place| self.slots.get_mut(*place))
    }

    /// The contact, for what stages other than the core may do to it (fill its windows, learn its id).
    pub(crate) fn contact_mut(&mut self, id: ContactId) -> Option<&mut Contact> {
        self.slot_mut(id).map(|slot| {
            slot.state_changed = true;
            &mut *slot.contact
        })
    }

    pub(crate) fn contact(&self, id: ContactId) -> Option<&Contact> {
        self.slot(id).map(|slot| &*slot.contact)
    }

    /// Whether a contact found by any identity may be the one the business means: a device shared by two people
    /// does not make them one.
    pub(crate) fn may_be(
        &self,
        id: ContactId,
        arrival: &Arrival,
        known: &FxHashMap<Identity, ContactId>,
    ) -> bool {
        let Some(external) = arrival.external_id() else { return true };
        let named = arrival.identities.iter().any(|identity| {
            identity.kind == IdentityKind::External && known.get(identity) == Some(&id)
        });
        let own = self.contact(id).and_then(|contact| contact.profile.external_id.as_deref());
        named || own.is_none_or(|own| own == external)
    }

    /// The business's own id of the person became known.
    pub(crate) fn learn_external_id(&mut self, id: ContactId, external: &str) {
        if let Some(slot) = self.slot_mut(id)
            && slot.contact.profile.external_id.is_none()
        {
            slot.contact.profile.external_id = Some(external.to_owned());
            slot.profile_changed = true;
        }
    }

    pub(crate) fn op(&mut self, op: Op) {
        self.ops.push(op);
    }

    /// Runs one input through its contact. One that fails becomes a dead letter, or fails the turn.
    pub(crate) fn run(&mut self, about: About, input: &Input) {
        let input = self.refreshed(input);
        if let Some(effects) = self.decided(about, &input) {
            self.keep(about, &input, effects);
        }
    }

    /// As [`Turn::run`], for an input that owns its message: what changes the message changes it there, and
    /// nothing is copied for it. Returns the message as it is then.
    pub(crate) fn run_owned(&mut self, work: Work) -> Option<Box<Message>> {
        let (about, mut input) = (work.about(), work.input);
        if let Some(message) = input.kind.message_mut() {
            self.bring_up(message);
        }
        // After an input that failed nothing of the turn is kept.
        let effects = if self.failed { None } else { self.decided(about, &input) };
        let effects = effects.unwrap_or_default();
        if let Some(message) = input.kind.message_mut() {
            self.owned = Some(message.id);
            for effect in &effects.messages {
                if let MessageEffect::Change(id, change) = effect
                    && *id == message.id
                {
                    message.apply(change);
                }
            }
        }
        self.keep(about, &input, effects);
        self.owned = None;
        owned(input.kind)
    }

    /// Applies to a message what this turn changed of it while nobody had it at hand.
    pub(crate) fn bring_up(&mut self, message: &mut Message) {
        for change in self.unseen.remove(&message.id).unwrap_or_default() {
            message.apply(&change);
        }
    }

    /// Decides one input and notes it; what it leads to is still to be kept. `None`: it failed.
    fn decided(&mut self, about: About, input: &Input) -> Option<Effects> {
        let seq = Seq(self.sequences.seq);
        self.sequences.seq += 1;
        if let Some(id) = about.input_id {
            let op = Op::RememberInput { workspace: about.workspace, id, at: about.now };
            self.ops.push(op);
        }
        match self.effects(about, input) {
            Ok(effects) => {
                self.log(about, input, seq);
                Some(effects)
            }
            Err(_) if self.care == Care::Swift => {
                self.failed = true;
                None
            }
            Err(reason) => {
                self.bury(about, input, seq, reason);
                self.given_up(about, input)
            }
        }
    }

    fn effects(&mut self, about: About, input: &Input) -> Result<Effects, String> {
        let engine = self.engines.get(&about.workspace).ok_or_else(|| {
            let workspace = about.workspace;
            format!("workspace {workspace} has no definitions; apply some, then retry")
        })?;
        let slot = self
            .places
            .get(&about.contact)
            .and_then(|place| self.slots.get_mut(*place))
            .ok_or_else(|| format!("contact {} does not exist any more", about.contact))?;
        let before = (self.care == Care::Careful).then(|| slot.contact.clone());
        let next = &mut self.sequences.enrollment;
        let first = *next;
        let mut failure = String::new();
        // What failed is tried once more by itself: something due before it may have been the cause.
        for attempt in [advance, narrowly] {
            // A panic in a decision is a bug, and it must not stop the people behind it in the queue.
            let result = catch_unwind(AssertUnwindSafe(|| {
                attempt(engine, &mut slot.contact, input, about.now, next)
            }));
            let reason = match result {
                Ok(Ok(effects)) => {
                    slot.state_changed |= !effects.state_untouched;
                    slot.profile_changed |= effects.profile_changed;
                    return Ok(effects);
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => {
                    "the engine failed on this input; keep it and report it as a bug".to_owned()
                }
            };
            *next = first;
            let Some(before) = &before else { return Err(reason) };
            slot.contact = before.clone();
            failure = reason;
        }
        Err(failure)
    }

    /// After an input of our own failed: what it was for ends, or it would fail again and again.
    fn given_up(&mut self, about: About, input: &Input) -> Option<Effects> {
        let engine = self.engines.get(&about.workspace)?;
        let slot = self.slots.get_mut(*self.places.get(&about.contact)?)?;
        let next = &mut self.sequences.enrollment;
        let effects = give_up(engine, &mut slot.contact, input, about.now, next);
        slot.state_changed = true;
        Some(effects)
    }

    /// The input, its message as it was left earlier in this turn.
    fn refreshed<'i>(&mut self, input: &'i Input) -> Cow<'i, Input> {
        let Some(message) = referred(&input.kind) else { return Cow::Borrowed(input) };
        if let Some(changes) = self.unseen.remove(&message.id) {
            let mut changed = message.clone();
            changes.iter().for_each(|change| changed.apply(change));
            self.messages.insert(changed.id, changed);
        }
        let Some(current) = self.messages.get(&message.id) else { return Cow::Borrowed(input) };
        let mut input = input.clone();
        if let Some(message) = input.kind.message_mut() {
            message.clone_from(current);
        }
        Cow::Owned(input)
    }

    /// Whether the contact has something to do before `now`: a timer, or a message or call on its way.
    pub(crate) fn is_busy(&self, id: ContactId, now: Timestamp) -> bool {
        self.slot(id).is_some_and(|slot| {
            let state = &slot.contact.state;
            state.wake().is_some_and(|(due, _)| due < now)
                || state.enrollments.iter().any(|enrollment| {
                    let position = enrollment.position;
                    matches!(
                        position,
                        Position::Queued | Position::Submitting | Position::Calling { .. }
                    )
                })
                || state.auto_replies.iter().any(|reply| reply.stage != AutoReplyStage::Done)
        })
    }

    /// Everything as one batch; empty when nothing was done.
    ///
    /// # Errors
    /// When a state cannot be encoded.
    pub(crate) fn into_batch(mut self, before: Sequences) -> Result<Committable, String> {
        // Profiles come first: everything else hangs on them.
        let changed = self.slots.iter().filter(|slot| slot.profile_changed);
        let mut ops: Vec<Op> =
            changed.map(|slot| Op::PutProfile(profile_row(&slot.contact))).collect();
        if ops.is_empty() {
            ops = std::mem::take(&mut self.ops);
        } else {
            ops.append(&mut self.ops);
        }
        for slot in &mut self.slots {
            slot.contact.state.entry_read = EntryRead::default();
            if !slot.state_changed && slot.version != 0 {
                continue;
            }
            let (workspace, contact) = (slot.contact.workspace, slot.contact.id);
            let state = &slot.contact.state;
            let wake = state.wake().map(|(due, enrollment)| Wake { due, enrollment });
            ops.push(Op::PutState(StateRow {
                workspace,
                contact,
                expected_version: slot.version,
                body: state.encode(contact).map_err(|error| error.to_string())?,
                wake,
            }));
            slot.version += 1;
        }
        let mut counters: Vec<_> = std::mem::take(&mut self.counters).into_iter().collect();
        counters.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        for ((workspace, key), delta) in counters {
            ops.push(Op::AddCounter { workspace, key, delta });
        }
        if self.sequences != before {
            ops.push(Op::SetSequences(self.sequences));
        }
        let contacts = self.slots.into_iter().map(|slot| (slot.contact, slot.version));
        Ok(Committable {
            batch: Batch { ops },
            sequences: self.sequences,
            contacts: contacts.collect(),
            submissions: self.submissions,
            dead: self.dead,
        })
    }
}

/// A contact as it is stored.
///
/// # Errors
/// When its state or its attributes cannot be read.
pub(crate) fn contact_of(id: ContactId, record: &ContactRecord) -> Result<Contact, String> {
    let profile = &record.profile;
    let state = if record.version == 0 {
        State::default()
    } else {
        State::decode(id, &record.state).map_err(|error| error.to_string())?
    };
    let attributes = serde_json::from_str(&profile.attributes)
        .map_err(|error| format!("the attributes of contact {id} cannot be read ({error})"))?;
    Ok(Contact {
        workspace: profile.workspace,
        id,
        profile: Profile {
            external_id: profile.external_id.clone(),
            phone: profile.phone.clone(),
            email: profile.email.clone(),
            attributes,
            created_at: profile.created_at,
        },
        state,
    })
}

fn profile_row(contact: &Contact) -> ProfileRow {
    let profile = &contact.profile;
    ProfileRow {
        workspace: contact.workspace,
        contact: contact.id,
        external_id: profile.external_id.clone(),
        phone: profile.phone.clone(),
        email: profile.email.clone(),
        attributes: serde_json::to_string(&profile.attributes).unwrap_or_else(|_| "{}".to_owned()),
        created_at: profile.created_at,
    }
}
