//! The live feed: what was committed, as it happens, for those who watch.
//!
//! Must never slow the engine down: who reads too slowly misses events and is told how many, and names are
//! looked up by who watches. Must never show one workspace what happens in another.

use std::sync::Arc;
use tokio::sync::broadcast;
use wayline_core::ids::{MessageId, WorkspaceId};
use wayline_core::message::{Message, MessageChange};
use wayline_store::batch::{Batch, DecisionRow, LoggedInput, Op};

/// Events kept for those who read slowly.
const KEPT: usize = 4_096;

/// One thing that was committed.
#[derive(Clone, Debug)]
pub(crate) enum FeedEvent {
    /// An input was taken.
    Input(LoggedInput),
    /// Something was decided.
    Decision(DecisionRow),
    /// A message was intended.
    Message(Box<Message>),
    /// A message was changed.
    Changed {
        /// Whose.
        workspace: WorkspaceId,
        /// Which.
        id: MessageId,
        /// How.
        change: Box<MessageChange>,
    },
}

impl FeedEvent {
    /// Whose it is.
    pub(crate) fn workspace(&self) -> WorkspaceId {
        match self {
            FeedEvent::Input(input) => input.workspace,
            FeedEvent::Decision(row) => row.workspace,
            FeedEvent::Message(message) => message.workspace,
            FeedEvent::Changed { workspace, .. } => *workspace,
        }
    }
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
    pub(crate) fn show(&self, batch: Batch) {
        if self.sender.receiver_count() == 0 {
            return;
        }
        for event in batch.ops.into_iter().filter_map(event) {
            // Nobody watches any more.
            let _ = self.sender.send(Arc::new(event));
        }
    }
}

fn event(op: Op) -> Option<FeedEvent> {
    match op {
        Op::AppendInput(input) => Some(FeedEvent::Input(input)),
        Op::AppendDecision(row) => Some(FeedEvent::Decision(row)),
        Op::InsertMessage(message) => Some(FeedEvent::Message(message)),
        Op::ChangeMessage { workspace, id, change } => {
            Some(FeedEvent::Changed { workspace, id, change })
        }
        _ => None,
    }
}
