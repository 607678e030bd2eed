//! New conditions over the past: a contact's windows are filled from its history the first time it is touched
//! after the definitions changed.
//!
//! Must never run for a contact whose windows are filled already: it reads history.

use crate::advance::PipelineError;
use crate::turn::Turn;
use std::collections::BTreeMap;
use std::sync::Arc;
use wayline_core::condition::Engagement;
use wayline_core::decision::What;
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::journey::engine::Engine;
use wayline_core::journey::past::{Past, refill_windows};
use wayline_core::limits;
use wayline_store::Store;
use wayline_store::rows::StoredDecision;

/// Fills the windows of a loaded contact when the definitions count other things than its state was filled for.
pub(crate) async fn fill(
    store: &Store,
    engines: &BTreeMap<WorkspaceId, Arc<Engine>>,
    turn: &mut Turn<'_>,
    id: ContactId,
) -> Result<(), PipelineError> {
    let Some(contact) = turn.contact(id) else { return Ok(()) };
    let Some(engine) = engines.get(&contact.workspace).cloned() else { return Ok(()) };
    if contact.state.windows_fingerprint == engine.program.windows_fingerprint {
        return Ok(());
    }
    let (workspace, head) = (contact.workspace, contact.state.last_seq);
    let past = if engine.program.windows.is_empty() {
        Vec::new()
    } else {
        let mut past = events(store, workspace, id, head).await?;
        past.extend(engagements(store, &engine, workspace, id).await?);
        past.sort_by_key(Past::at);
        past
    };
    if let Some(contact) = turn.contact_mut(id) {
        refill_windows(&engine, contact, &past);
    }
    Ok(())
}

async fn events(
    store: &Store,
    workspace: WorkspaceId,
    id: ContactId,
    head: Option<wayline_core::ids::Seq>,
) -> Result<Vec<Past>, PipelineError> {
    let (mut past, mut head) = (Vec::new(), head);
    while head.is_some() {
        let page = store.history(workspace, id, head, limits::PAGE_ROWS_MAX).await?;
        head = page.last().and_then(|row| row.previous);
        if page.is_empty() {
            break;
        }
        for row in page {
            if row.kind == "track" || row.kind == "emitted" {
                let properties = serde_json::from_str(&row.body).unwrap_or_default();
                past.push(Past::Event { at: row.at, name: row.name, properties });
            }
        }
    }
    Ok(past)
}

async fn engagements(
    store: &Store,
    engine: &Engine,
    workspace: WorkspaceId,
    id: ContactId,
) -> Result<Vec<Past>, PipelineError> {
    let (mut past, mut after) = (Vec::new(), None);
    loop {
        let page = store.decisions(workspace, id, after, limits::PAGE_ROWS_MAX).await?;
        let Some(last) = page.last() else { return Ok(past) };
        after = Some(last.id);
        past.extend(engagements_of(engine, &page));
    }
}

/// What happened to messages, as decisions tell it.
pub(crate) fn engagements_of(engine: &Engine, decisions: &[StoredDecision]) -> Vec<Past> {
    let mut past = Vec::new();
    for row in decisions {
        let decision = &row.row.decision;
        let was = match decision.what {
            What::Sent => Engagement::Sent,
            What::Delivered => Engagement::Delivered,
            What::Failed => Engagement::Failed,
            What::Clicked => Engagement::Clicked,
            What::Replied => Engagement::Replied,
            What::Converted => Engagement::Converted,
            _ => continue,
        };
        let (Some(journey), Some(step)) = (decision.journey, decision.step) else { continue };
        let Some(journey) = engine.program.journeys.get(&(journey, decision.version)) else {
            continue;
        };
        let Some(step) = journey.steps.get(usize::from(step)) else { continue };
        past.push(Past::Engagement {
            at: decision.at,
            journey: journey.slug.clone(),
            step: step.slug.clone(),
            was,
        });
    }
    past
}
