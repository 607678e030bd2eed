//! Answers that come after they were given up as lost.
//!
//! The message is `unknown` by then and its enrollment has gone on: the answer gives it its state and the gateway's own
//! id, by which its receipts are found. What a carrier says when it is asked ([`LookedUp`](crate::gateway::LookedUp)) is
//! such an answer, too. Must never let the message be sent again, whatever the answer says.

use super::about;
use crate::advance::{Pipeline, PipelineError};
use crate::apart::at_the_end;
use crate::gateway::LateAnswer;
use crate::tick::Tick;
use wayline_core::carrier::{CarrierError, ErrorClass};
use wayline_core::event::{InputKind, ReceiptStatus, SubmitOutcome};
use wayline_core::message::{Message, MessageState};

/// Messages to the same person among which another one is looked for that may be meant.
const OTHERS_MAX: usize = 50;

impl Pipeline {
    /// What a gateway says to a submit after all.
    pub(crate) async fn late(&mut self, late: LateAnswer, tick: Tick) -> Result<(), PipelineError> {
        let found = self.store.messages(&[late.message]).await?.into_iter().next().flatten();
        let Some(message) = found else { return Ok(()) };
        let LateAnswer { gateway, run, attempt, outcome, looked_up, at, .. } = late;
        if (&message.gateway, message.run, message.attempts) != (&gateway, run, attempt) {
            return Ok(());
        }
        if looked_up.is_some() && !self.can_only_be(&message, &outcome).await? {
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
                let (status, error) = looked_up.unwrap_or((ReceiptStatus::Accepted, None));
                (status, error, Some(gateway_ref), orphans)
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

    /// Whether what was looked up can only be this message: it is still `unknown`, the carrier's id is nobody's, and no
    /// other text of the same words to that number is without one.
    async fn can_only_be(
        &self,
        message: &Message,
        outcome: &SubmitOutcome,
    ) -> Result<bool, PipelineError> {
        let SubmitOutcome::Accepted { gateway_ref } = outcome else { return Ok(false) };
        if message.state != MessageState::Unknown || gateway_ref.is_empty() {
            return Ok(false);
        }
        let (gateway, to) = (&message.gateway, &message.to);
        if self.store.message_by_gateway_ref(gateway, gateway_ref).await?.is_some() {
            return Ok(false);
        }
        let mut others = self.store.messages_unknown_to(gateway, to, OTHERS_MAX).await?;
        let (workspace, contact) = (message.workspace, message.contact);
        others.extend(self.store.messages_of_contact(workspace, contact, None, OTHERS_MAX).await?);
        let is_open = |state| matches!(state, MessageState::Unknown | MessageState::Submitting);
        let is_like =
            |it: &Message| it.gateway == *gateway && it.to == *to && it.text == message.text;
        Ok(!others.iter().any(|it| it.id != message.id && is_open(it.state) && is_like(it)))
    }
}
