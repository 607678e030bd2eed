//! The live feed: what was committed, as it happens, for those who watch.
//!
//! Must never slow the engine down: who reads too slowly misses events and is told how many. Must never show
//! one workspace what happens in another.

use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::broadcast;
use wayline_core::ids::WorkspaceId;
use wayline_store::batch::{Batch, Op};

/// Events kept for those who read slowly.
const KEPT: usize = 4_096;

/// One thing that was committed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FeedEvent {
    /// Whose.
    #[serde(skip)]
    pub(crate) workspace: WorkspaceId,
    /// `input`, `decision` or `message`.
    #[serde(skip)]
    pub(crate) kind: &'static str,
    /// What, as JSON.
    pub(crate) body: String,
}

/// Where the events go.
#[derive(Clone, Debug)]
pub(crate) struct Feed {
    sender: broadcast::Sender<Arc<FeedEvent>>,
}

impl Feed {
    pub(crate) fn new() -> Feed {
        Feed { sender: broadcast::channel(KEPT).0 }
    }

    /// Watches from now on.
    pub(crate) fn watch(&self) -> broadcast::Receiver<Arc<FeedEvent>> {
        self.sender.subscribe()
    }

    /// Shows a batch that is durable.
    pub(crate) fn show(&self, batch: &Batch) {
        if self.sender.receiver_count() == 0 {
            return;
        }
        for event in batch.ops.iter().filter_map(event) {
            // Nobody watches any more.
            let _ = self.sender.send(Arc::new(event));
        }
    }
}

fn event(op: &Op) -> Option<FeedEvent> {
    let (workspace, kind, body) = match op {
        Op::AppendInput(input) => {
            let body = json!({
                "at": input.at.to_string(), "contact": input.contact, "kind": input.kind, "name": input.name,
            });
            (input.workspace, "input", body)
        }
        Op::AppendDecision(row) => {
            let it = &row.decision;
            let body = json!({
                "at": it.at.to_string(), "contact": row.contact, "what": it.what, "reason": it.reason,
                "journey": it.journey, "version": it.version, "enrollment": it.enrollment, "step": it.step,
                "variant": it.variant, "message": it.message.map(|id| id.to_string()),
                "until": it.until.map(|until| until.to_string()), "detail": it.detail,
            });
            (row.workspace, "decision", body)
        }
        Op::InsertMessage(message) => {
            let body = json!({
                "id": message.id.to_string(), "contact": message.contact, "state": message.state,
                "reason": message.reason, "step": message.step,
            });
            (message.workspace, "message", body)
        }
        Op::ChangeMessage { workspace, id, change } => {
            let mut body = json!({
                "id": id.to_string(), "state": change.state, "reason": change.reason,
            });
            if let Some(out) = &change.handed_out {
                body["to"] = json!(out.to);
                body["text"] = json!(out.text);
                body["parts"] = json!(out.parts);
            }
            (*workspace, "message", body)
        }
        _ => return None,
    };
    Some(FeedEvent { workspace, kind, body: body.to_string() })
}
