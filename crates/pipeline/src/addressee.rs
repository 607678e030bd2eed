//! Whose a text from a person is: the workspace whose sender it went to.
//!
//! Must never guess between two workspaces by anything but whom the person heard from last.

use crate::advance::{Pipeline, PipelineError};
use crate::gateway::{Destination, Inbound};
use crate::receive::SHARED_NUMBER_MAX;
use wayline_core::carrier::gateway_id;
use wayline_core::ids::WorkspaceId;
use wayline_core::limits;
use wayline_core::policy::settings::Sender;

impl Pipeline {
    /// The workspace a text is for; `None`: nobody has that sender.
    pub(crate) async fn workspace_of(
        &self,
        inbound: &Inbound,
    ) -> Result<Option<WorkspaceId>, PipelineError> {
        let (gateway, number) = match &inbound.destination {
            Destination::Workspace(workspace) => return Ok(Some(*workspace)),
            Destination::Sender { gateway, number } => (gateway, number),
        };
        let owner = gateway.split_once('/').map(|(slug, _)| slug);
        let mut with_sender: Vec<WorkspaceId> = Vec::new();
        for (id, engine) in &self.engines {
            let settings = &engine.program.settings;
            let is_its = |sender: &Sender| {
                same_number(&sender.number, number) && sender.gateway == gateway_id(gateway)
            };
            match owner {
                // A workspace's own connection brings nobody else's texts.
                Some(slug) if slug == settings.slug => return Ok(Some(*id)),
                Some(_) => {}
                None if settings.senders.iter().any(is_its) => with_sender.push(*id),
                None => {}
            }
        }
        if with_sender.len() < 2 {
            return Ok(with_sender.pop());
        }
        self.heard_from_last(&with_sender, &inbound.from).await
    }

    /// Of several workspaces that share a sender the one whose message went to this number last; the first when
    /// none did.
    async fn heard_from_last(
        &self,
        workspaces: &[WorkspaceId],
        from: &str,
    ) -> Result<Option<WorkspaceId>, PipelineError> {
        let mut best = (None, workspaces.first().copied());
        for workspace in workspaces {
            let contacts =
                self.store.contacts_by_phone(*workspace, from, SHARED_NUMBER_MAX).await?;
            for contact in contacts {
                let latest = self.store.latest_message_to(*workspace, contact).await?;
                let at = latest.and_then(|message| message.handed_out_at);
                if at > best.0 {
                    best = (at, Some(*workspace));
                }
            }
        }
        Ok(best.1)
    }

    /// A text to a sender that nobody has: told, because somebody pays for that number.
    pub(crate) fn nobodys(&mut self, inbound: &Inbound) {
        let Destination::Sender { gateway, number } = &inbound.destination else { return };
        if self.set_aside.len() < limits::SET_ASIDE_TOLD_MAX {
            self.set_aside.push(format!(
                "a text to {number} by gateway {gateway} belongs to no workspace; name that number as a sender of one"
            ));
        }
    }
}

/// Whether two writings are one sender: digits alone count for numbers, case does not for names.
fn same_number(ours: &str, theirs: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let is_name = |text: &str| text.chars().any(char::is_alphabetic);
    if is_name(ours) || is_name(theirs) {
        return ours.eq_ignore_ascii_case(theirs);
    }
    digits(ours) == digits(theirs)
}

#[cfg(test)]
mod tests {
    use super::same_number;

    #[test]
    fn a_number_is_its_digits_and_a_name_its_letters() {
        assert!(same_number("+12025550100", "12025550100"));
        assert!(same_number("20255", "20255"));
        assert!(same_number("Lumen", "LUMEN"));
        assert!(!same_number("+12025550100", "2025550100"));
        assert!(!same_number("Lumen1", "1"));
    }
}
