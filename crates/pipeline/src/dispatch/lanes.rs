//! Who is handed out next: the outbox by lanes, fair between workspaces, reminders before broadcasts.
//!
//! A lane is what waits for one sender and purpose. In one turn transactional lanes come first; within a purpose each
//! workspace gets the same share of what the gateways can take, and what one does not need the others get. So a
//! million messages of one workspace delay another's by the messages of a turn, not by a million. Must never take a
//! message for a gateway that cannot submit it at once: what is claimed is on its way, and no STOP reaches it.

use super::allowances::Allowances;
use super::choose::{Choice, SHUT_ASKED_EVERY, SHUT_ASKED_PER_TURN, Turn};
use super::flow::{FlowView, Flows};
use super::places::{Look, Place, Places, Route};
use super::{about, nothing};
use crate::advance::{Pipeline, PipelineError};
use crate::gateway::{Gateways, Shared};
use crate::tick::Tick;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use wayline_core::evaluate::earliest;
use wayline_core::event::{InputKind, SubmitOutcome, Via};
use wayline_core::ids::WorkspaceId;
use wayline_core::journey::engine::Engine;
use wayline_core::limits;
use wayline_core::message::Message;
use wayline_core::policy::settings::{Purpose, Sender};
use wayline_core::time::{Span, Timestamp};
use wayline_store::batch::Op;
use wayline_store::rows::Lane;

/// Lanes looked at in one turn; the next turn goes on after them.
const LANES_PER_TURN: usize = 200;
/// Pages of lanes of one turn, while none of a page is due.
const PAGES_PER_TURN: usize = 20;
/// Messages read at least where something else is looked for behind what waits.
pub(super) const LOOKED_PAST: usize = 100;
/// When a lane is looked at further of which nothing could go yet.
const LOOK_ON: Span = Span(50);
/// How long a lane is left alone of which nothing could go.
const BLOCKED: Span = Span::seconds(1);

/// What dispatch remembers between turns. Nothing of it is needed to go on after a start.
#[derive(Default)]
pub struct Dispatcher {
    pub(super) flows: Flows,
    pub(super) allowances: Allowances,
    /// The last lane looked at.
    after: Option<Lane>,
    /// Lanes of which nothing could go, and until when they are left alone.
    blocked: BTreeMap<Lane, Timestamp>,
    /// Where each lane is looked at next, by the settings that say which way its messages go.
    places: BTreeMap<Lane, (Weak<Engine>, Places)>,
    /// The gateways these places were found with, and who may use them.
    configured: Vec<(String, Shared)>,
    /// The last turn in which something of a workspace went, by purpose. Whoever has waited longest is asked first: who
    /// found the own gateway busy has not had a turn.
    served: BTreeMap<(WorkspaceId, Purpose), u64>,
    turns: u64,
    /// When those that wait for a gateway that is down are asked about again.
    shut_asked_at: Timestamp,
}

/// What a turn of dispatch did.
#[derive(Debug, Default)]
pub struct Claimed {
    /// Messages looked at.
    pub looked_at: usize,
    /// Committed as `submitting`: to be submitted now, once.
    pub submissions: Vec<Message>,
    /// When there is something to hand out again by time alone.
    pub next: Option<Timestamp>,
}

impl Dispatcher {
    /// A gateway answered.
    pub fn heard(&mut self, message: &Message, outcome: &SubmitOutcome, now: Timestamp) {
        self.flows.heard(message, outcome, now);
    }

    /// What is known about each gateway.
    pub fn view(&mut self, now: Timestamp) -> Vec<FlowView> {
        self.flows.view(now)
    }

    /// Places came free somewhere, or gateways changed: lanes that were left alone are looked at again.
    pub fn unblock(&mut self) {
        self.blocked.clear();
    }

    /// Forgets all places once other gateways are configured: what waits may go another way then.
    fn note_gateways(&mut self, gateways: &Gateways) {
        let known = self.configured.iter().map(|(key, shared)| (key, shared));
        if gateways.iter().map(|(key, connection)| (key, &connection.shared)).eq(known) {
            return;
        }
        let now = gateways.iter().map(|(key, connection)| (key.clone(), connection.shared.clone()));
        self.configured = now.collect();
        self.places.clear();
        self.blocked.clear();
    }

    /// Where a lane is looked at next; from the beginning once its settings have changed.
    fn places_of(&mut self, lane: &Lane, engine: &Weak<Engine>) -> Places {
        let known = self.places.remove(lane).filter(|(found_with, _)| found_with.ptr_eq(engine));
        known.map(|(_, places)| places).unwrap_or_default()
    }

    /// Those who have waited longest first; among equals the order stays.
    fn sort(&self, lanes: &mut [Lane]) {
        lanes.sort_by_key(|lane| self.served.get(&(lane.workspace, lane.purpose)).copied());
    }

    /// These go in this turn.
    fn serve(&mut self, chosen: &[(Message, Via)]) {
        self.turns += 1;
        let served = chosen.iter().map(|(message, _)| (message.workspace, message.purpose));
        self.served.extend(served.map(|who| (who, self.turns)));
    }

    fn room(&mut self, gateways: &Gateways, now: Timestamp) -> BTreeMap<String, usize> {
        let room =
            |(key, connection): (&String, _)| (key.clone(), self.flows.room(key, connection, now));
        gateways.iter().map(room).collect()
    }

    /// What is on its way now counts for its gateway and its sender, with all its parts. Returns what the store has
    /// to remember of it.
    fn handed_out(
        &mut self,
        pipeline: &Pipeline,
        gateways: &Gateways,
        submissions: &[Message],
        now: Timestamp,
    ) -> Vec<Op> {
        let mut limited = Vec::new();
        for message in submissions {
            let Some(connection) = gateways.connection(&message.gateway) else { continue };
            self.flows.hand_out(&message.gateway, connection.parts_per_second, message);
            if connection.is_real
                && let Some(sender) = pipeline.sender_of(message)
            {
                // The first part was counted when it was chosen.
                let more = f64::from(message.parts.saturating_sub(1));
                self.allowances.count(message.workspace, sender, more, now);
                limited.push((message, sender));
            }
        }
        self.allowances.use_of_brands(&limited, now)
    }
}

impl Pipeline {
    /// The sender of a message, as its workspace describes it.
    #[must_use]
    pub fn sender_of(&self, message: &Message) -> Option<&Sender> {
        let settings = &self.engines.get(&message.workspace)?.program.settings;
        settings.senders.iter().find(|sender| sender.id == message.sender)
    }

    /// Hands out at most `limit` messages that are due and whose gateway can submit them now, the policy asked once
    /// more for each. What is returned is committed as `submitting` and must now be submitted once.
    ///
    /// # Errors
    /// When the store failed; nothing is claimed then.
    pub async fn claim_by_lanes(
        &mut self,
        dispatcher: &mut Dispatcher,
        gateways: &Gateways,
        tick: Tick,
        limit: usize,
    ) -> Result<Claimed, PipelineError> {
        let now = tick.until();
        dispatcher.note_gateways(gateways);
        let room = dispatcher.room(gateways, now);
        let open = room.values().fold(0_usize, |all, room| all.saturating_add(*room));
        let mut budget = open.min(limit).min(limits::PAGE_ROWS_MAX);
        // Who waits for a gateway that is down may be too late by now, also while nothing can go anywhere.
        let is_asking = limit > 0 && now >= dispatcher.shut_asked_at;
        if budget == 0 && is_asking {
            budget = SHUT_ASKED_PER_TURN.min(limit);
        }
        if budget == 0 {
            let asked_at = (limit > 0).then_some(dispatcher.shut_asked_at);
            let next = earliest(dispatcher.flows.opens_at(gateways, now), asked_at);
            return Ok(Claimed { next, ..Claimed::default() });
        }
        if is_asking {
            dispatcher.shut_asked_at = now + SHUT_ASKED_EVERY;
            dispatcher.unblock();
        }
        dispatcher.allowances.begin();
        let (lanes, mut next, is_full) = self.lanes_of_turn(dispatcher, now).await?;
        let of_lanes = lanes.iter().filter_map(|lane| {
            let settings = &self.engines.get(&lane.workspace)?.program.settings;
            Some(settings.senders.iter())
        });
        self.read_allowances(&mut dispatcher.allowances, of_lanes.flatten(), now).await?;
        let mut turn = Turn::new(gateways, room, is_asking, now);
        let mut works = Vec::new();
        let sells = |lane: &&Lane| lane.purpose == Purpose::Marketing;
        // A flood of reminders leaves a little of each turn to what sells, which may go another way.
        let kept = if lanes.iter().any(|lane| sells(&lane)) { budget / 5 } else { 0 };
        for purpose in [Purpose::Transactional, Purpose::Marketing] {
            let lanes: Vec<&Lane> = lanes.iter().filter(|lane| lane.purpose == purpose).collect();
            let left = match purpose {
                Purpose::Transactional => budget - kept,
                Purpose::Marketing => budget.saturating_sub(turn.going),
            };
            let chosen = self.choose_from(dispatcher, &mut turn, &lanes, left).await?;
            works.extend(chosen);
        }
        dispatcher.serve(&works);
        let looked_at = works.len();
        let submissions = self.hand_out_chosen(dispatcher, gateways, tick, works).await?;
        if !lanes.is_empty() {
            let opens = earliest(
                dispatcher.flows.opens_at(gateways, now),
                dispatcher.allowances.opens_at(),
            );
            next = earliest(next, Some(opens.unwrap_or(now + BLOCKED)));
            next = earliest(next, Some(dispatcher.shut_asked_at));
        }
        // Nothing of all these lanes goes where there is room: what is left of it is for the next ones.
        let is_for_others = is_full && open > 0 && turn.pages == 0;
        if turn.goes_on || is_for_others {
            next = earliest(next, Some(now + LOOK_ON));
        }
        Ok(Claimed { looked_at, submissions, next })
    }

    /// The lanes of a turn, whoever has waited longest first; when another one will have something, and whether there
    /// are more than these.
    async fn lanes_of_turn(
        &self,
        dispatcher: &mut Dispatcher,
        now: Timestamp,
    ) -> Result<(Vec<Lane>, Option<Timestamp>, bool), PipelineError> {
        let (mut lanes, mut next, mut is_full) = self.lanes_due(dispatcher, now).await?;
        for _ in 1..PAGES_PER_TURN {
            if !lanes.is_empty() || !is_full {
                break;
            }
            let later;
            (lanes, later, is_full) = self.lanes_due(dispatcher, now).await?;
            next = earliest(next, later);
        }
        dispatcher.sort(&mut lanes);
        Ok((lanes, next, is_full))
    }

    /// The commit of a claim: what the policy lets go is `submitting` then.
    async fn hand_out_chosen(
        &mut self,
        dispatcher: &mut Dispatcher,
        gateways: &Gateways,
        tick: Tick,
        chosen: Vec<(Message, Via)>,
    ) -> Result<Vec<Message>, PipelineError> {
        let chosen = self.not_told_of(chosen, tick).await?;
        let run = self.run;
        let works = chosen.into_iter().map(|(message, via)| {
            let at = tick.at(message.due_at);
            about(message, at, |message| InputKind::HandOut { message, run, via })
        });
        let submissions = self.work_apart(works.collect(), nothing).await?.submissions;
        let used = dispatcher.handed_out(self, gateways, &submissions, tick.until());
        if let Err(error) = self.keep_allowances(used).await
            && self.set_aside.len() < limits::SET_ASIDE_TOLD_MAX
        {
            // What is claimed must be submitted, counted or not.
            let told = format!("how much of a day's allowance was used is not kept: {error}");
            self.set_aside.push(told);
        }
        Ok(submissions)
    }

    /// Lanes with something due, the next ones first, when another one will have something, and whether there are more
    /// lanes than were looked at.
    async fn lanes_due(
        &self,
        dispatcher: &mut Dispatcher,
        now: Timestamp,
    ) -> Result<(Vec<Lane>, Option<Timestamp>, bool), PipelineError> {
        let mut found = self.store.lanes_queued(dispatcher.after.as_ref(), LANES_PER_TURN).await?;
        let is_full = found.len() == LANES_PER_TURN;
        if !is_full && dispatcher.after.is_some() {
            let mut first = self.store.lanes_queued(None, LANES_PER_TURN - found.len()).await?;
            first.retain(|(lane, _)| dispatcher.after.as_ref().is_some_and(|after| lane <= after));
            found.extend(first);
        }
        let first = found.first().map(|(lane, _)| lane.clone());
        let last = found.last().map(|(lane, _)| lane.clone());
        dispatcher.blocked.retain(|_, until| *until > now);
        let mut next = None;
        let mut lanes = Vec::new();
        for (lane, due) in found {
            match dispatcher.blocked.get(&lane) {
                _ if due > now => next = earliest(next, Some(due)),
                Some(until) => next = earliest(next, Some(*until)),
                None => lanes.push(lane),
            }
        }
        // The next turn begins with somebody else.
        let seen = if is_full { last } else { first };
        dispatcher.after = seen.or(dispatcher.after.take());
        Ok((lanes, next, is_full))
    }

    /// Messages of these lanes that can go, at most so many: the same share for each workspace first, then what is
    /// left to whoever has more.
    async fn choose_from(
        &self,
        dispatcher: &mut Dispatcher,
        turn: &mut Turn<'_>,
        lanes: &[&Lane],
        limit: usize,
    ) -> Result<Vec<(Message, Via)>, PipelineError> {
        let mut chosen: Vec<(Message, Via)> = Vec::new();
        let workspaces = lanes.iter().map(|lane| lane.workspace).collect::<BTreeSet<_>>().len();
        let mut gave: BTreeMap<&Lane, usize> = BTreeMap::new();
        let until = turn.going + limit;
        for share in [limit.div_ceil(workspaces.max(1)), limit] {
            for lane in lanes {
                let before = gave.get(lane).copied();
                let siblings = lanes.iter().filter(|it| it.workspace == lane.workspace).count();
                let take = share.div_ceil(siblings.max(1)).min(until.saturating_sub(turn.going));
                // A second look at a lane of which nothing could go would only read it again.
                if take == 0 || before == Some(0) || turn.is_full() {
                    continue;
                }
                let count = chosen.len();
                let wanted = Wanted { before: before.unwrap_or(0), until: turn.going + take };
                self.choose_of_lane(dispatcher, turn, lane, wanted, &mut chosen).await?;
                *gave.entry(lane).or_default() += chosen.len() - count;
            }
        }
        Ok(chosen)
    }

    /// Looks at a lane from each place where something of it may go.
    async fn choose_of_lane(
        &self,
        dispatcher: &mut Dispatcher,
        turn: &mut Turn<'_>,
        lane: &Lane,
        wanted: Wanted,
        chosen: &mut Vec<(Message, Via)>,
    ) -> Result<(), PipelineError> {
        let engine = self.engines.get(&lane.workspace);
        let open = |dispatcher: &Dispatcher, turn: &Turn<'_>| {
            engine.map_or(usize::MAX, |engine| dispatcher.open_to(turn, engine))
        };
        if open(dispatcher, turn) == 0 {
            return Ok(());
        }
        let found_with = engine.map(Arc::downgrade).unwrap_or_default();
        let mut places = dispatcher.places_of(lane, &found_with);
        let (count, mut is_end, mut goes_on) = (chosen.len(), false, false);
        let mut seen: Option<(Place, Place)> = None;
        let is_asking = turn.is_asking;
        let is_asked = |route: &Route| is_asking && dispatcher.is_shut(turn, route);
        for from in places.looks(|route| dispatcher.is_open(turn, route), is_asked) {
            let left = wanted.until.saturating_sub(turn.going);
            let open = open(dispatcher, turn).min(left.saturating_add(turn.to_ask()));
            if left == 0 || open == 0 {
                break;
            }
            if seen.is_some_and(|(first, last)| first <= from && from < last) {
                continue;
            }
            let least = match places.is_search(from) {
                true if places.is_far(from) => turn.far(),
                true => LOOKED_PAST,
                false => 0,
            };
            let limit = (wanted.before + open).max(least).min(limits::PAGE_ROWS_MAX);
            turn.pages += 1;
            let page = self.store.messages_due_in_lane(lane, from, turn.now, limit).await?;
            let mut look = Look { from, is_end: page.len() < limit, ..Look::default() };
            for message in page {
                if turn.going >= wanted.until {
                    look.is_end = false;
                    break;
                }
                self.look_at(dispatcher, turn, &places, message, &mut look, chosen);
            }
            is_end = look.is_end;
            seen = Some((from, look.last));
            let is_open = |route: &Route| dispatcher.is_open(turn, route);
            goes_on |= places.looked(look, is_open, turn.now);
        }
        turn.goes_on |= goes_on;
        let gave_none = chosen.len() == count && wanted.before == 0;
        if gave_none && is_end && places.routes().all(|route| dispatcher.is_shut(turn, route)) {
            dispatcher.blocked.insert(lane.clone(), turn.now + BLOCKED);
        }
        turn.goes_on |= gave_none && !is_end && open(dispatcher, turn) > 0;
        if places.routes().next().is_some() {
            dispatcher.places.insert(lane.clone(), (found_with, places));
        }
        Ok(())
    }

    fn look_at(
        &self,
        dispatcher: &mut Dispatcher,
        turn: &mut Turn<'_>,
        places: &Places,
        message: Message,
        look: &mut Look,
        chosen: &mut Vec<(Message, Via)>,
    ) {
        let place = Some((message.due_at, message.id));
        look.last = place;
        let Some(engine) = self.engines.get(&message.workspace) else {
            // The core says what becomes of it.
            look.first.entry(Route::new()).or_insert(place);
            if turn.taken.insert(message.id) {
                turn.going += 1;
                chosen.push((message, Via::Sender));
            }
            return;
        };
        let ways = turn.ways(engine, &message);
        let route = ways.route();
        let may_go = places.may_go(&route, look.from) && !turn.taken.contains(&message.id);
        look.first.entry(route).or_insert(place);
        if may_go
            && let Choice::Go(via) =
                dispatcher.choose(turn, &engine.program.settings, &message, &ways)
        {
            turn.taken.insert(message.id);
            chosen.push((message, via));
        }
    }
}

/// What a turn wants of a lane.
#[derive(Clone, Copy)]
struct Wanted {
    /// Messages of it that go already.
    before: usize,
    /// How many are to go then, of all lanes of this turn.
    until: usize,
}
