//! Which of several workspaces with one sender hear a text, and which of them may reply.
//!
//! A carrier tells a text again, and we may die between two workspaces: so those that decide come first, and whoever has
//! taken the text already tells what was decided. Must never let two workspaces reply to one text.

use crate::advance::{Pipeline, PipelineError};
use crate::gateway::Inbound;
use crate::receive::input_id;
use wayline_core::consent::{Channel, ConsentState};
use wayline_core::contact::State;
use wayline_core::ids::WorkspaceId;
use wayline_core::keyword::Keyword;

/// Who hears a text.
pub(crate) struct Listeners {
    /// In the order in which they take it.
    pub(crate) workspaces: Vec<WorkspaceId>,
    /// The one of them that may reply; `None`: it has taken the text already.
    pub(crate) replier: Option<WorkspaceId>,
}

impl Pipeline {
    /// Who hears a text. A revocation, and what takes it back, concerns everybody who sends from the sender it went to,
    /// what takes it back those only who know the number; anything else the one whom the person heard from last. `None`:
    /// it is nobody's.
    pub(crate) async fn listeners_of(
        &self,
        inbound: &Inbound,
    ) -> Result<Option<Listeners>, PipelineError> {
        let all = self.workspaces_of(inbound);
        if all.len() < 2 {
            let replier = all.first().copied();
            return Ok(replier.map(|_| Listeners { workspaces: all, replier }));
        }
        let took = self.who_took(&all, inbound).await?;
        let (mut concerned, mut may_be_for) = (Vec::new(), Vec::new());
        for workspace in all {
            match self.meant(workspace, &inbound.text) {
                Some(Keyword::Stop) => concerned.push(workspace),
                // Nobody consents to what they never heard of.
                Some(Keyword::Start { yes: false }) => {
                    if self.people_with(workspace, &inbound.from).await?.is_empty() {
                        continue;
                    }
                    concerned.push(workspace);
                }
                _ => {}
            }
            may_be_for.push(workspace);
        }
        // Told again, it is for the one that took it, whoever has written since: as an ordinary text, else as the first
        // of those it concerns.
        let ordinary = took.iter().find(|it| !concerned.contains(it)).or(took.first());
        let addressee = match ordinary {
            Some(workspace) => Some(*workspace),
            None => self.heard_from_last(&may_be_for, &inbound.from).await?,
        };
        let Some(addressee) = addressee else { return Ok(None) };
        // The one that may reply takes it before the others it concerns: if any of them has, it has.
        let replier = if concerned.contains(&addressee) || concerned.is_empty() {
            Some(addressee)
        } else {
            self.heard_from_last(&concerned, &inbound.from).await?
        };
        let replier = replier.filter(|_| !took.iter().any(|it| concerned.contains(it)));
        let rank = |workspace: &WorkspaceId| match workspace {
            it if *it == addressee => 0,
            it if Some(*it) == replier => 1,
            _ => 2,
        };
        let mut workspaces = may_be_for;
        workspaces.retain(|it| *it == addressee || concerned.contains(it));
        workspaces.sort_by_key(rank);
        Ok(Some(Listeners { workspaces, replier }))
    }

    /// The workspaces, of several, that have taken this text.
    async fn who_took(
        &self,
        workspaces: &[WorkspaceId],
        inbound: &Inbound,
    ) -> Result<Vec<WorkspaceId>, PipelineError> {
        let mut took = Vec::new();
        for workspace in workspaces {
            if self.has_taken(*workspace, inbound).await? {
                took.push(*workspace);
            }
        }
        Ok(took)
    }

    async fn has_taken(
        &self,
        workspace: WorkspaceId,
        inbound: &Inbound,
    ) -> Result<bool, PipelineError> {
        let mut inbound = inbound.clone();
        self.complete_number(workspace, &mut inbound.from);
        let Some(id) = input_id(&inbound) else { return Ok(false) };
        Ok(self.store.inputs_known(workspace, &[id]).await?.first() == Some(&true))
    }

    /// Whether a text is a revocation that was taken, and somebody whom it concerned is not opted out now.
    pub(crate) async fn is_revoked_no_more(
        &self,
        inbound: &Inbound,
    ) -> Result<bool, PipelineError> {
        for workspace in self.workspaces_of(inbound) {
            let is_stop = self.meant(workspace, &inbound.text) == Some(Keyword::Stop);
            if !is_stop || !self.has_taken(workspace, inbound).await? {
                continue;
            }
            let people = self.people_with(workspace, &inbound.from).await?;
            let records = self.store.contacts(&people).await?;
            let is_in = people.iter().zip(records).any(|(contact, record)| {
                let state = record.and_then(|it| State::decode(*contact, &it.state).ok());
                let out = Some(ConsentState::OptedOut);
                state.is_some_and(|state| state.consent(Channel::Sms, None) != out)
            });
            if is_in {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
