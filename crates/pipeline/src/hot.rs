//! Contacts touched lately, decoded: the next turn need not load them again.
//!
//! Holds only what is committed; a turn takes a contact out and gives it back once its batch is durable. Must
//! never be trusted over the store: every write asserts the version it was read at, and after any failed commit
//! everything here is forgotten.

use crate::turn::IdMap;
use wayline_core::contact::Contact;
use wayline_core::ids::ContactId;
use wayline_core::limits;

/// A contact and the version of its stored state. Boxed: it goes from table to turn and back with every input.
pub(crate) type Versioned = (Box<Contact>, u64);

/// Two generations: what is not asked for while the younger fills up is forgotten with the older.
#[derive(Default)]
pub(crate) struct Hot {
    young: IdMap<ContactId, Versioned>,
    old: IdMap<ContactId, Versioned>,
}

impl Hot {
    pub(crate) fn take(&mut self, id: ContactId) -> Option<Versioned> {
        self.young.remove(&id).or_else(|| self.old.remove(&id))
    }

    pub(crate) fn put(&mut self, contact: Box<Contact>, version: u64) {
        if self.young.len() >= limits::HOT_CONTACTS_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(contact.id, (contact, version));
    }

    pub(crate) fn forget(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}
