//! The store in memory: the model every other backend is compared with, and what replays run on.
//!
//! Same answers and the same refusals as a store on disk, without durability. Must never answer
//! differently from the other backends, except that a forgetting store has forgotten.

mod before;
mod model;
mod reads;
mod reads_carriers;
mod reads_live;
mod retain;
mod tables;
mod write;
mod write_carriers;
mod write_live;

use crate::batch::Batch;
use crate::error::StoreError;
use crate::rows::{BackupProgress, Retention};
use model::Model;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

/// A store that lives as long as the process.
#[derive(Debug)]
pub struct MemoryStore {
    model: Mutex<Box<Model>>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store that keeps everything, in its first run.
    #[must_use]
    pub fn new() -> Self {
        MemoryStore { model: Mutex::new(Box::new(Model::new(false))) }
    }

    /// An empty store that keeps what decisions need and nothing for people to look up: no history, no
    /// decisions, no enrollments, no finished messages (but the last one of each contact, which a reply
    /// refers to), and input ids for one to two periods of `limits::DEDUPLICATION` of the batches' own time.
    /// What it holds grows with contacts, not with inputs.
    #[must_use]
    pub fn forgetting() -> Self {
        MemoryStore { model: Mutex::new(Box::new(Model::new(true))) }
    }

    /// As if the program had died and started again on the same store: the next run begins.
    ///
    /// # Errors
    /// When the store was abandoned by a thread that died.
    pub fn begin_run(&self) -> Result<u64, StoreError> {
        let mut model = self.lock()?;
        model.run += 1;
        Ok(model.run)
    }

    pub(crate) fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.lock()?.commit(batch)
    }

    pub(crate) fn forget(&self, retention: &Retention, limit: usize) -> Result<usize, StoreError> {
        Ok(self.lock()?.forget(retention, limit))
    }

    /// Nothing here can be damaged.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.lock().map(|_| ())
    }

    pub(crate) fn backup(
        &self,
        _to: &Path,
        _progress: &mut (dyn FnMut(BackupProgress) + Send),
    ) -> Result<(), StoreError> {
        Err(StoreError::Unsupported { backend: "memory", action: "be backed up" })
    }

    fn lock(&self) -> Result<MutexGuard<'_, Box<Model>>, StoreError> {
        self.model.lock().map_err(|_| StoreError::Abandoned)
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryStore;
    use crate::batch::{EnrollmentRow, Op};
    use crate::conformance::samples::{
        WS, accepted, batch, becomes, decision, enrollment, handed_out, input, message, message_id,
        profile, state,
    };
    use wayline_core::ids::{ContactId, Seq};
    use wayline_core::limits;
    use wayline_core::message::MessageState;
    use wayline_core::time::Timestamp;

    #[test]
    fn answers_as_every_backend_does() {
        pollster::block_on(crate::conformance::run(|| MemoryStore::new().into()));
    }

    #[test]
    fn a_forgetting_store_does_not_grow_with_inputs() {
        let store = MemoryStore::forgetting();
        store.commit(&batch(vec![Op::PutProfile(profile(1))])).unwrap();
        let day = 86_400_000;
        for n in 1..=1_000_u64 {
            let left_at = Some(Timestamp(1));
            let remember =
                Op::RememberInput { workspace: WS, id: n.into(), at: Timestamp(n as i64 * day) };
            let ops = vec![
                Op::PutState(state(1, n - 1, Some((n as i64, n)))),
                Op::AppendInput(input(n, 1, None, 1)),
                Op::AppendDecision(decision(1, None, 1)),
                Op::PutEnrollment(EnrollmentRow { left_at, ..enrollment(n, 1) }),
                Op::InsertMessage(Box::new(message(n, 1, 10))),
                handed_out(n, n as i64, 1),
                accepted(n, &format!("ref-{n}")),
                becomes(n, MessageState::Delivered),
                remember,
            ];
            store.commit(&batch(ops)).unwrap();
        }
        let model = store.lock().unwrap();
        assert!(model.inputs.is_empty() && model.decisions.is_empty());
        assert!(model.enrollments.is_empty() && model.enrollments_by_contact.is_empty());
        assert_eq!((model.messages.len(), model.messages_by_ref.len()), (1, 1));
        assert_eq!(model.wakes.len(), 1);
        let period = (limits::DEDUPLICATION.0 / day) as usize;
        let remembered: usize = model.remembered.by_period.values().map(|ids| ids.len()).sum();
        assert!(remembered <= 2 * period, "{remembered}");
    }

    #[test]
    fn a_forgetting_store_keeps_what_receipts_and_replies_need() {
        let store = MemoryStore::forgetting();
        for n in 1..=3 {
            let insert = Op::InsertMessage(Box::new(message(n, 1, 10)));
            let ops = vec![insert, handed_out(n, n as i64, 1), accepted(n, &format!("ref-{n}"))];
            store.commit(&batch(ops)).unwrap();
        }
        let delivered = [3, 1].map(|n| becomes(n, MessageState::Delivered));
        store.commit(&batch(delivered.to_vec())).unwrap();
        let waiting = store.message_by_gateway_ref("gw", "ref-2").unwrap().unwrap();
        assert_eq!(waiting.state, MessageState::Submitted);
        assert!(store.message_by_gateway_ref("gw", "ref-1").unwrap().is_none());
        let latest = store.latest_message_to(WS, ContactId(1)).unwrap().unwrap();
        assert_eq!(latest.id, message_id(3));
        assert!(store.history(WS, ContactId(1), Some(Seq(1)), 9).unwrap().is_empty());
    }
}
