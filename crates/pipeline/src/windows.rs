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
use wayline_core::ids::{ContactId, Seq, WorkspaceId};
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
    let of = Of { store, engine: &engine, workspace, contact: id, rows_max: limits::PAST_ROWS_MAX };
    let mut past = Vec::new();
    if !engine.program.windows.is_empty() {
        past = of.events(head).await?;
    }
    if engine.counts_messages() {
        past.extend(of.engagements().await?);
    }
    past.sort_by_key(Past::at);
    if let Some(contact) = turn.contact_mut(id) {
        refill_windows(&engine, contact, &past);
    }
    Ok(())
}

/// Whose past, and how many rows of each kind of it are looked at: the newest.
struct Of<'a> {
    store: &'a Store,
    engine: &'a Engine,
    workspace: WorkspaceId,
    contact: ContactId,
    rows_max: usize,
}

impl Of<'_> {
    /// The events that any window counts.
    async fn events(&self, mut head: Option<Seq>) -> Result<Vec<Past>, PipelineError> {
        let (mut past, mut left) = (Vec::new(), self.rows_max);
        while head.is_some() && left > 0 {
            let limit = left.min(limits::PAGE_ROWS_MAX);
            let page = self.store.history(self.workspace, self.contact, head, limit).await?;
            head = page.last().and_then(|row| row.previous);
            left -= page.len();
            for row in page {
                let is_event = row.kind == "track" || row.kind == "emitted";
                if is_event && self.engine.counts_event(&row.name) {
                    let properties = serde_json::from_str(&row.body).unwrap_or_default();
                    past.push(Past::Event { at: row.at, name: row.name, properties });
                }
            }
        }
        Ok(past)
    }

    async fn engagements(&self) -> Result<Vec<Past>, PipelineError> {
        let (mut past, mut after, mut left) = (Vec::new(), None, self.rows_max);
        while left > 0 {
            let limit = left.min(limits::PAGE_ROWS_MAX);
            let page = self.store.decisions(self.workspace, self.contact, after, limit).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            left -= page.len();
            past.extend(engagements_of(self.engine, &page));
        }
        Ok(past)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

    use super::Of;
    use crate::advance::Pipeline;
    use crate::definitions::Definitions;
    use crate::ingest::read;
    use std::sync::Arc;
    use wayline_core::ids::{ContactId, WorkspaceId};
    use wayline_core::journey::past::Past;
    use wayline_core::journey::workspace::load;
    use wayline_core::time::{Span, Timestamp};
    use wayline_store::{MemoryStore, Store};

    const WORKSPACE: &str =
        "workspace: acme\ncountry: US\ntime_zone: America/New_York\nconsent: assumed\n";
    const BUYERS: &str = "segment: buyers\nwhen: {event: purchase, at_least: 2}\n";

    #[test]
    fn only_counted_events_are_kept_and_the_newest_rows_read() {
        pollster::block_on(async {
            let store = Arc::new(Store::from(MemoryStore::new()));
            let mut pipeline = Pipeline::open(store.clone()).await.expect("an empty store opens");
            let files = [("workspace.yaml", WORKSPACE), ("segments/buyers.yaml", BUYERS)];
            let files = files.map(|(file, text)| (file, text.as_bytes()));
            let loaded = load(files).expect("it is valid");
            let definitions = Definitions {
                segments: loaded.segment_definitions().cloned().collect(),
                journeys: Vec::new(),
                workspace: loaded.workspace,
            };
            let start = Timestamp::parse("2026-06-01T16:00:00Z").expect("an instant");
            let workspace = WorkspaceId(1);
            pipeline.publish(&definitions, 1, start).await.expect("it compiles");
            let mut at = start;
            for event in ["purchase", "viewed", "purchase", "viewed", "purchase"] {
                at = at + Span::minutes(1);
                let line = format!(r#"{{"type":"track","userId":"1","event":"{event}"}}"#);
                let arrival = read(workspace, line.as_bytes(), Some(at)).expect("a line");
                pipeline.accept(&[(arrival, at)]).await.expect("taken");
            }
            let engine = pipeline.engine(workspace).expect("it is published");
            let contact = ContactId(1);
            let record = store.contacts(&[contact]).await.expect("rows").remove(0);
            let record = record.expect("a contact");
            let state = wayline_core::contact::State::decode(contact, &record.state);
            let head = state.expect("a state").last_seq;
            for (rows_max, minutes) in [(100, vec![5, 3, 1]), (4, vec![5, 3]), (0, vec![])] {
                let of = Of { store: &store, engine, workspace, contact, rows_max };
                let found = of.events(head).await.expect("rows");
                let wanted = minutes.into_iter().map(|it| start + Span::minutes(it));
                assert_eq!(
                    found.iter().map(Past::at).collect::<Vec<_>>(),
                    wanted.collect::<Vec<_>>()
                );
            }
        });
    }
}
