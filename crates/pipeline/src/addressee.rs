//! Whose a text from a person is: the workspace whose sender it went to.
//!
//! Must never guess between two workspaces by anything but whom the person heard from last.

use crate::advance::{Pipeline, PipelineError};
use crate::gateway::{Destination, Inbound, Shared};
use crate::receive::SHARED_NUMBER_MAX;
use std::collections::BTreeMap;
use std::sync::Arc;
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::journey::engine::Engine;
use wayline_core::policy::settings::Settings;

impl Pipeline {
    /// The workspaces a text may be for: those whose sender it went to, by a gateway they may use. None: nobody has that
    /// sender.
    pub(crate) fn workspaces_of(&self, inbound: &Inbound) -> Vec<WorkspaceId> {
        let (gateway, number) = match &inbound.destination {
            Destination::Workspace(workspace) => return vec![*workspace],
            Destination::Sender { gateway, number } => (gateway, number),
        };
        // A workspace's own connection brings nobody else's texts.
        if let Some((owner, _)) = gateway.split_once('/') {
            let is_owner =
                |(_, engine): &(&WorkspaceId, &Arc<Engine>)| engine.program.settings.slug == owner;
            return self.engines.iter().find(is_owner).map(|(id, _)| vec![*id]).unwrap_or_default();
        }
        let sharing = self.sharing.get(gateway);
        let sends_from_it = |(_, engine): &(&WorkspaceId, &Arc<Engine>)| {
            let settings = &engine.program.settings;
            sharing.is_none_or(|sharing| sharing.includes(&settings.slug))
                && uses(settings, gateway)
                && settings.senders.iter().any(|sender| same_number(&sender.number, number))
        };
        self.engines.iter().filter(sends_from_it).map(|(id, _)| *id).collect()
    }

    /// Tells who may use which of the operator's gateways.
    pub fn share(&mut self, sharing: BTreeMap<String, Shared>) {
        self.sharing = sharing;
    }

    /// Of several workspaces that share a sender the one whose message went to this number last; else the first that
    /// knows the number, else the first.
    pub(crate) async fn heard_from_last(
        &self,
        workspaces: &[WorkspaceId],
        from: &str,
    ) -> Result<Option<WorkspaceId>, PipelineError> {
        let (mut best, mut knows) = (None, None);
        if workspaces.len() < 2 {
            return Ok(workspaces.first().copied());
        }
        for workspace in workspaces {
            for contact in self.people_with(*workspace, from).await? {
                knows = knows.or(Some(*workspace));
                let latest = self.store.latest_message_to(*workspace, contact).await?;
                let at = latest.and_then(|message| message.handed_out_at);
                if at > best.map(|(at, _)| at) {
                    best = at.map(|at| (at, *workspace));
                }
            }
        }
        let best = best.map(|(_, workspace)| workspace);
        Ok(best.or(knows).or(workspaces.first().copied()))
    }

    /// Those of a workspace who have this number, as it would write it.
    pub(crate) async fn people_with(
        &self,
        workspace: WorkspaceId,
        from: &str,
    ) -> Result<Vec<ContactId>, PipelineError> {
        let mut from = from.to_owned();
        self.complete_number(workspace, &mut from);
        Ok(self.store.contacts_by_phone(workspace, &from, SHARED_NUMBER_MAX).await?)
    }
}

/// Whether messages of a workspace may go by this gateway of the operator's: by a sender of it or by a route.
fn uses(settings: &Settings, gateway: &str) -> bool {
    settings.senders.iter().any(|sender| sender.gateway == gateway)
        || settings.routes.iter().any(|route| route.gateway == gateway)
}

/// Whether two writings are one sender: for numbers the digits count, the country left out or not; for names, and short
/// codes, all of it.
pub(crate) fn same_number(ours: &str, theirs: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let is_name = |text: &str| text.chars().any(char::is_alphabetic);
    if is_name(ours) || is_name(theirs) {
        return ours.eq_ignore_ascii_case(theirs);
    }
    let (ours, theirs) = (digits(ours), digits(theirs));
    let national = |whole: &str, part: &str| part.len() >= 9 && whole.ends_with(part);
    ours == theirs || national(&ours, &theirs) || national(&theirs, &ours)
}

#[cfg(test)]
mod tests {
    use super::same_number;

    #[test]
    fn a_number_is_its_digits_and_a_name_its_letters() {
        assert!(same_number("+12025550100", "12025550100"));
        assert!(same_number("20255", "20255"));
        assert!(same_number("Lumen", "LUMEN"));
        assert!(same_number("+12025550100", "2025550100"));
        assert!(!same_number("+12025550100", "5550100"));
        assert!(!same_number("Lumen1", "1"));
    }
}
