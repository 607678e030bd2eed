//! Where one message may go now: the first of its routes that is up, and whether that has a place free.
//!
//! Must never choose a gateway that cannot submit the message at once.

use super::allowances::May;
use super::lanes::{Dispatcher, LOOKED_PAST};
use super::places::Route;
use crate::gateway::{Connection, Gateways};
use std::collections::{BTreeMap, BTreeSet};
use wayline_core::decision::Reason;
use wayline_core::event::Via;
use wayline_core::ids::MessageId;
use wayline_core::journey::engine::Engine;
use wayline_core::limits;
use wayline_core::message::Message;
use wayline_core::policy::route;
use wayline_core::policy::settings::Settings;
use wayline_core::time::{Span, Timestamp};

/// Messages of a turn that are asked about although nothing can carry them now, how often, and how old they must be.
pub(super) const SHUT_ASKED_PER_TURN: usize = 100;
pub(super) const SHUT_ASKED_EVERY: Span = Span::seconds(1);
const SHUT_ASKED_AFTER: Span = Span::seconds(15);

/// Long pages that one turn reads: a few milliseconds each, in which carriers wait.
const FAR_PER_TURN: usize = 2;

/// What one turn may still take from each gateway.
pub(super) struct Turn<'g> {
    /// Whether those that wait for a gateway that is down are asked about in this turn …
    pub(super) is_asking: bool,
    /// … and how many were.
    asked: usize,
    /// Messages that go somewhere: what is only asked about takes nobody's place.
    pub(super) going: usize,
    /// Pages of messages read, and how many of them were long ones.
    pub(super) pages: usize,
    far: usize,
    pub(super) gateways: &'g Gateways,
    pub(super) room: BTreeMap<String, usize>,
    /// Messages that go in this turn.
    pub(super) taken: BTreeSet<MessageId>,
    /// Whether a lane is to be looked at further, of which nothing could go yet.
    pub(super) goes_on: bool,
    pub(super) now: Timestamp,
}

impl<'g> Turn<'g> {
    pub(super) fn new(
        gateways: &'g Gateways,
        room: BTreeMap<String, usize>,
        is_asking: bool,
        now: Timestamp,
    ) -> Turn<'g> {
        let taken = BTreeSet::new();
        let (asked, going, pages, far, goes_on) = (0, 0, 0, 0, false);
        Turn { is_asking, asked, going, pages, far, gateways, room, taken, goes_on, now }
    }

    /// How many messages are read at once where there may be a long way to go.
    pub(super) fn far(&mut self) -> usize {
        self.far += 1;
        if self.far <= FAR_PER_TURN { limits::PAGE_ROWS_MAX } else { LOOKED_PAST }
    }

    /// Messages that may still be asked about.
    pub(super) fn to_ask(&self) -> usize {
        if self.is_asking { SHUT_ASKED_PER_TURN.saturating_sub(self.asked) } else { 0 }
    }

    pub(super) fn is_full(&self) -> bool {
        self.to_ask() == 0 && self.room.values().all(|room| *room == 0)
    }

    /// The place of a gateway's room; the one that serves every id has its room under its own key.
    fn place_of<'k>(&self, key: &'k str) -> &'k str {
        if self.room.contains_key(key) { key } else { "" }
    }

    fn room_of(&self, key: &str) -> usize {
        self.room.get(self.place_of(key)).copied().unwrap_or(0)
    }
}

/// Where a message may go.
pub(super) enum Choice {
    Go(Via),
    /// What should carry it has no place free at this instant, or is disconnected, paused or left alone.
    Wait,
}

/// What may carry a message.
pub(super) struct Ways<'g> {
    /// Whether its settings name anything that has not refused it.
    any: bool,
    /// Those that are configured: key, connection, sender.
    configured: Vec<(String, &'g Connection, String)>,
}

impl Ways<'_> {
    pub(super) fn route(&self) -> Route {
        let way = |(key, _, sender): &(String, &Connection, String)| (key.clone(), sender.clone());
        self.configured.iter().map(way).collect()
    }
}

impl<'g> Turn<'g> {
    pub(super) fn ways(&self, engine: &Engine, message: &Message) -> Ways<'g> {
        let settings = &engine.program.settings;
        let intended = engine.sender_of_step(message);
        let candidates = route::candidates(settings, message, intended).without(&message.tried);
        let gateways = self.gateways;
        let configured = candidates.iter().filter_map(|candidate| {
            let key = gateways.key_for(&settings.slug, &candidate.gateway)?;
            let connection = gateways.connection(&key)?;
            Some((key, connection, candidate.sender.clone()))
        });
        Ways { any: !candidates.is_empty(), configured: configured.collect() }
    }
}

impl Dispatcher {
    /// How many messages of a workspace its gateways may take now, so that no more are read: hundreds read for one
    /// free place are time that its carrier waits. What waits for a gateway that is shut or not configured takes another
    /// one's place or is asked about, which is done once in a while only.
    pub(super) fn open_to(&self, turn: &Turn<'_>, engine: &Engine) -> usize {
        let settings = &engine.program.settings;
        let of_senders = settings.senders.iter().map(|sender| sender.gateway.as_str());
        let of_routes = settings.routes.iter().map(|route| route.gateway.as_str());
        let own: BTreeSet<&str> = of_senders.chain(of_routes).collect();
        if own.is_empty() {
            return usize::MAX;
        }
        let (mut open, mut to_ask) = (0_usize, 0);
        for id in own {
            let key = turn.gateways.key_for(&settings.slug, id);
            let found = key.and_then(|key| Some((turn.gateways.connection(&key)?, key)));
            match found {
                Some((connection, key)) if !self.flows.is_shut(&key, connection, turn.now) => {
                    open = open.saturating_add(turn.room_of(&key));
                }
                _ => to_ask = turn.to_ask(),
            }
        }
        open.saturating_add(to_ask)
    }

    /// Whether something of this route could go now.
    pub(super) fn is_open(&self, turn: &Turn<'_>, route: &Route) -> bool {
        for (key, _) in route {
            let Some(connection) = turn.gateways.connection(key) else { return true };
            if !self.flows.is_shut(key, connection, turn.now) {
                return turn.room_of(key) > 0;
            }
        }
        route.is_empty()
    }

    /// Whether all gateways of this route are disconnected, paused or left alone.
    pub(super) fn is_shut(&self, turn: &Turn<'_>, route: &Route) -> bool {
        route.iter().all(|(key, _)| {
            let connection = turn.gateways.connection(key);
            connection.is_none_or(|it| self.flows.is_shut(key, it, turn.now))
        })
    }

    pub(super) fn choose(
        &mut self,
        turn: &mut Turn<'_>,
        settings: &Settings,
        message: &Message,
        ways: &Ways<'_>,
    ) -> Choice {
        if !ways.any {
            turn.going += 1;
            return Choice::Go(Via::Nothing);
        }
        let now = turn.now;
        for (key, connection, sender_id) in &ways.configured {
            if self.flows.is_shut(key, connection, now) {
                continue;
            }
            if turn.room_of(key) == 0 {
                return Choice::Wait;
            }
            let found = settings.senders.iter().find(|it| it.id == *sender_id);
            if let Some(sender) = found.filter(|_| connection.is_real) {
                match self.allowances.take(message.workspace, sender, now) {
                    May::Send => {}
                    May::NotYet => return Choice::Wait,
                    May::Tomorrow(until) => {
                        let reason = Reason::AllowanceUsed;
                        turn.going += 1;
                        return Choice::Go(Via::Later { until, reason });
                    }
                }
            }
            if let Some(room) = turn.room.get_mut(turn.place_of(key)) {
                *room -= 1;
            }
            turn.going += 1;
            return Choice::Go(Via::Route { gateway: key.clone(), sender: sender_id.clone() });
        }
        if turn.asked >= SHUT_ASKED_PER_TURN {
            return Choice::Wait;
        }
        let mut wait = limits::NO_GATEWAY_WAIT;
        if !ways.configured.is_empty() {
            // Once in a while the policy is asked about those that wait for a gateway that is down: whoever is too late
            // by then goes nowhere.
            let is_old = message.due_at + SHUT_ASKED_AFTER <= now;
            if !is_old || !turn.is_asking {
                return Choice::Wait;
            }
            wait = SHUT_ASKED_AFTER;
        }
        turn.asked += 1;
        Choice::Go(Via::Later { until: now + wait, reason: Reason::GatewayUnavailable })
    }
}
