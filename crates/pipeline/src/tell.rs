//! Inputs about a contact that is known by its id, as people who look at it enter them.
//!
//! Must never reach a contact of another workspace, and never do a thing twice under one input id.

use crate::advance::{Accepted, Pipeline, PipelineError};
use crate::turn::Work;
use wayline_core::event::Input;
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::time::Timestamp;

impl Pipeline {
    /// Takes an input of one contact. What is returned is durable.
    ///
    /// # Errors
    /// When the workspace has no such contact, or the store failed: nothing was taken then.
    pub async fn accept_for(
        &mut self,
        workspace: WorkspaceId,
        contact: ContactId,
        input_id: Option<u128>,
        input: Input,
        now: Timestamp,
    ) -> Result<Accepted, PipelineError> {
        let found = self.store.contacts(&[contact]).await?.into_iter().next().flatten();
        if found.is_none_or(|record| record.profile.workspace != workspace) {
            return Err(PipelineError::NoContact { contact });
        }
        if let Some(id) = input_id
            && self.store.inputs_known(workspace, &[id]).await?.first() == Some(&true)
        {
            return Ok(Accepted::Duplicate);
        }
        let work = Work { workspace, contact, input_id, logged: true, input, now };
        self.work(vec![work]).await?;
        Ok(Accepted::Taken(contact))
    }
}
