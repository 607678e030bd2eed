//! Answers that come after they were given up as lost.
//!
//! The message is `unknown` by then and its enrollment has gone on: the answer gives it its state and the gateway's own
//! id, by which its receipts are found. Must never let it be sent again, whatever the answer says.

use super::about;
use crate::advance::{Pipeline, PipelineError};
use crate::apart::at_the_end;
use crate::gateway::LateAnswer;
use crate::tick::Tick;
use wayline_core::carrier::{CarrierError, ErrorClass};
use wayline_core::event::{InputKind, ReceiptStatus, SubmitOutcome};
use wayline_core::message::MessageState;

impl Pipeline {
    /// What a gateway says to a submit after all.
    pub(crate) async fn late(&mut self, late: LateAnswer, tick: Tick) -> Result<(), PipelineError> {
        let found = self.store.messages(&[late.message]).await?.into_iter().next().flatten();
        let Some(message) = found else { return Ok(()) };
        let LateAnswer { gateway, run, attempt, outcome, at, .. } = late;
        if (&message.gateway, message.run, message.attempts) != (&gateway, run, attempt) {
            return Ok(());
        }
        if message.state != MessageState::Unknown {
            // It came before the word that it was lost, or a receipt did: as if it had come in time.
            return self.answer(vec![message], vec![outcome], tick).await;
        }
        let mut ops = Vec::new();
        let (status, error, gateway_ref, orphans) = match outcome {
            SubmitOutcome::Accepted { gateway_ref } => {
                let orphans = self.orphans(&message, &gateway_ref, tick, &mut ops).await?;
                (ReceiptStatus::Accepted, None, Some(gateway_ref), orphans)
            }
            SubmitOutcome::Rejected { error, .. } => {
                (ReceiptStatus::Failed, Some(error), None, Vec::new())
            }
            SubmitOutcome::Refused { error: text } => {
                let (class, code) = (ErrorClass::BadRequest, String::new());
                let error = CarrierError { class, code, text };
                (ReceiptStatus::Failed, Some(error), None, Vec::new())
            }
            SubmitOutcome::Retry { .. } | SubmitOutcome::Unknown => return Ok(()),
        };
        let gateway_ref = gateway_ref.filter(|it| !it.is_empty());
        let kind = |message| InputKind::Receipt { message, status, error, gateway_ref };
        let mut works = vec![about(message, tick.at(at), kind)];
        works.extend(orphans);
        let ops = at_the_end(works.len(), ops);
        self.work_apart(works, ops).await?;
        Ok(())
    }
}
