//! Scheduled entries: everybody in the audience is looked at, a page at a time, when the schedule comes round.
//!
//! In the same way everybody is looked at once more when definitions changed: a segment that time takes people
//! into, or a date known before, must not wait until they do something.
//!
//! Must never hold the audience in memory, nor look at anybody twice for one instant of the schedule.

use crate::advance::{Pipeline, PipelineError};
use crate::tick::Tick;
use crate::turn::Work;
use std::ops::Bound;
use std::sync::Arc;
use wayline_core::event::{Input, InputKind};
use wayline_core::ids::{ContactId, JourneyId, WorkspaceId};
use wayline_core::journey::program::{Entry, Journey};
use wayline_core::journey::recurrence::next_after;
use wayline_core::limits;
use wayline_core::time::Timestamp;
use wayline_store::batch::{Op, SweepRow};

/// Stands for the look at everybody after a change, where a journey stands otherwise; ids of journeys start at 1.
pub(crate) const REFRESH: JourneyId = JourneyId(0);

/// The look at everybody, not begun yet.
pub(crate) fn refresh_row(workspace: WorkspaceId, now: Timestamp) -> SweepRow {
    SweepRow { workspace, journey: REFRESH, fire_at: now, after: None, done: false }
}

/// What was worked on last, so that the others come next.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Served {
    refresh: Option<WorkspaceId>,
    schedule: Option<(WorkspaceId, JourneyId)>,
    was_refresh: bool,
}

impl Pipeline {
    /// Live journeys with a schedule, and how far each has come.
    async fn scheduled(
        &self,
    ) -> Result<Vec<(WorkspaceId, Arc<Journey>, Option<SweepRow>)>, PipelineError> {
        let mut found = Vec::new();
        for (workspace, engine) in &self.engines {
            let mut journeys = engine
                .program
                .live_journeys()
                .filter(|journey| matches!(journey.entry, Entry::Schedule { .. }))
                .peekable();
            if journeys.peek().is_none() {
                continue;
            }
            let sweeps = self.store.sweeps(*workspace).await?;
            for journey in journeys {
                let sweep = sweeps.iter().find(|sweep| sweep.journey == journey.id).cloned();
                found.push((*workspace, journey.clone(), sweep));
            }
        }
        Ok(found)
    }

    fn next_fire(
        &self,
        workspace: WorkspaceId,
        journey: &Journey,
        after: Timestamp,
    ) -> Option<Timestamp> {
        let Entry::Schedule { rule, .. } = &journey.entry else { return None };
        let zone = &self.engines.get(&workspace)?.program.settings.zone;
        next_after(rule, after, zone)
    }

    /// When the next schedule comes round; the past when one is being worked on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn next_schedule(&self) -> Result<Option<Timestamp>, PipelineError> {
        let mut next = self.refreshes.values().map(|refresh| refresh.fire_at).min();
        for (workspace, journey, sweep) in self.scheduled().await? {
            let due = match sweep {
                // A schedule counts from the first time it is looked at.
                None => Some(Timestamp::MIN),
                Some(sweep) if !sweep.done => Some(sweep.fire_at),
                Some(sweep) => self.next_fire(workspace, &journey, sweep.fire_at),
            };
            next = wayline_core::evaluate::earliest(next, due);
        }
        Ok(next)
    }

    /// Does one page of one schedule that is due, or of one look at everybody; of several that are due, each has its
    /// turn. Returns how many contacts it looked at, or 1 when it only noted something; 0: nothing is due.
    ///
    /// # Errors
    /// When the store failed.
    pub async fn schedule(&mut self, tick: Tick) -> Result<usize, PipelineError> {
        if matches!(tick, Tick::Virtual(_)) {
            // All that is due at an instant is done before the clock goes on: nobody waits, and the order is fixed.
            self.served = Served::default();
        }
        if self.served.was_refresh {
            let done = self.schedule_one(tick).await?;
            return if done > 0 { Ok(done) } else { self.refresh_one(tick).await };
        }
        let done = self.refresh_one(tick).await?;
        if done > 0 { Ok(done) } else { self.schedule_one(tick).await }
    }

    async fn refresh_one(&mut self, tick: Tick) -> Result<usize, PipelineError> {
        let next =
            (self.served.refresh.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let others = self.refreshes.range(next).map(|(_, refresh)| refresh);
        let mut all = others.chain(self.refreshes.values());
        let due = all.find(|refresh| refresh.fire_at <= tick.until()).cloned();
        let Some(refresh) = due else { return Ok(0) };
        // Noted before it is done: one that fails must not keep the others from their turn.
        self.served.refresh = Some(refresh.workspace);
        self.served.was_refresh = true;
        let done = self.sweep_page(|| InputKind::Timer, refresh, tick).await?;
        Ok(done.max(1))
    }

    async fn schedule_one(&mut self, tick: Tick) -> Result<usize, PipelineError> {
        let until = tick.until();
        let mut all = self.scheduled().await?;
        let last = self.served.schedule;
        let place = all.iter().position(|(workspace, it, _)| Some((*workspace, it.id)) == last);
        all.rotate_left(place.map_or(0, |place| place + 1));
        for (workspace, journey, sweep) in all {
            let row = |fire_at, after, done| SweepRow {
                workspace,
                journey: journey.id,
                fire_at,
                after,
                done,
            };
            let sweep = match sweep {
                Some(sweep) if !sweep.done => sweep,
                Some(sweep) => match self.latest_fire(workspace, &journey, sweep.fire_at, until) {
                    Some(fire_at) => row(fire_at, None, false),
                    None => continue,
                },
                None => {
                    let first = row(until, None, true);
                    self.work_with(Vec::new(), vec![Op::PutSweep(first)]).await?;
                    return Ok(1);
                }
            };
            self.served.schedule = Some((workspace, journey.id));
            self.served.was_refresh = false;
            let kind = || InputKind::Scheduled { journey: journey.slug.clone() };
            let done = self.sweep_page(kind, sweep, tick).await?;
            return Ok(done.max(1));
        }
        Ok(0)
    }

    /// The latest instant of a schedule in (after, until]: those missed before it are not made up for.
    fn latest_fire(
        &self,
        workspace: WorkspaceId,
        journey: &Journey,
        after: Timestamp,
        until: Timestamp,
    ) -> Option<Timestamp> {
        let mut latest = None;
        let mut at = after;
        while let Some(next) = self.next_fire(workspace, journey, at).filter(|it| *it <= until) {
            (latest, at) = (Some(next), next);
        }
        latest
    }

    async fn sweep_page(
        &mut self,
        kind: impl Fn() -> InputKind,
        sweep: SweepRow,
        tick: Tick,
    ) -> Result<usize, PipelineError> {
        let limit = limits::BATCH_INPUTS_MAX;
        let page = self.store.contacts_page(sweep.workspace, sweep.after, limit).await?;
        let now = tick.at(sweep.fire_at);
        let works: Vec<Work> = page
            .iter()
            .map(|record| Work {
                workspace: sweep.workspace,
                contact: record.profile.contact,
                input_id: None,
                logged: false,
                input: Input { at: now, kind: kind() },
                now,
            })
            .collect();
        let count = works.len();
        let next = SweepRow {
            after: page.last().map(|record| record.profile.contact).or(sweep.after),
            done: count < limit,
            ..sweep
        };
        // So far it has come when it stops halfway: nobody is looked at twice.
        let reached: Vec<ContactId> = works.iter().map(|work| work.contact).collect();
        let last = next.clone();
        let ops = move |done: usize| {
            let halfway = reached.get(..done).filter(|_| done < count).and_then(<[_]>::last);
            vec![Op::PutSweep(match halfway {
                Some(contact) => SweepRow { after: Some(*contact), done: false, ..last.clone() },
                None => last.clone(),
            })]
        };
        self.work_apart(works, ops).await?;
        if next.journey == REFRESH {
            if next.done {
                self.refreshes.remove(&next.workspace);
            } else {
                self.refreshes.insert(next.workspace, next);
            }
        }
        Ok(count)
    }
}
