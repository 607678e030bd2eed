//! Webhooks of `call` steps, made outside every decision; answers come back as inputs.
//!
//! Must never be made before its step is committed. A call may be made twice when the program dies between the
//! call and its answer: webhooks carry the call's id so that the other side can tell.

use crate::advance::{Pipeline, PipelineError};
use crate::apart::nothing;
use crate::tick::Tick;
use crate::turn::Work;
use futures_util::future::{BoxFuture, join_all};
use serde_json::Value;
use wayline_core::event::{Input, InputKind};
use wayline_core::limits;
use wayline_core::time::Timestamp;
use wayline_store::batch::CallRow;

/// Makes webhook calls.
pub trait Caller: Send + Sync {
    /// The answer's JSON body; an error for anything else (no 2xx, no JSON, too large, too late).
    fn call<'a>(
        &'a self,
        call: &'a CallRow,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Value, String>>;
}

impl Pipeline {
    /// Makes at most `limit` calls that are due. Returns how many.
    ///
    /// # Errors
    /// When the store failed; the calls are made again then.
    pub async fn call(
        &mut self,
        caller: &dyn Caller,
        tick: Tick,
        limit: usize,
    ) -> Result<usize, PipelineError> {
        let due = self.store.calls_due(tick.until(), limit.min(limits::PAGE_ROWS_MAX)).await?;
        let calls = due.iter().map(|call| caller.call(call, tick.at(call.due_at)));
        let answers = join_all(calls).await;
        let works: Vec<Work> = due
            .iter()
            .zip(answers)
            .map(|(call, answer)| answered(call, answer, tick.at(call.due_at)))
            .collect();
        let count = works.len();
        self.work_apart(works, nothing).await?;
        Ok(count)
    }

    /// Calls that may be made by `until`, for a driver that makes them itself.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn calls_due(
        &self,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<CallRow>, PipelineError> {
        Ok(self.store.calls_due(until, limit.min(limits::PAGE_ROWS_MAX)).await?)
    }

    /// The answer to one call, for those who do not wait for it in [`Pipeline::call`]: nothing happens when
    /// nobody waits for it any more.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn answer_call(
        &mut self,
        call: &CallRow,
        answer: Result<Value, String>,
        now: Timestamp,
    ) -> Result<(), PipelineError> {
        self.work_apart(vec![answered(call, answer, now)], nothing).await?;
        Ok(())
    }
}

fn answered(call: &CallRow, answer: Result<Value, String>, now: Timestamp) -> Work {
    Work {
        workspace: call.workspace,
        contact: call.contact,
        input_id: None,
        logged: false,
        input: Input { at: now, kind: InputKind::CallAnswered { call: call.id, answer } },
        now,
    }
}
