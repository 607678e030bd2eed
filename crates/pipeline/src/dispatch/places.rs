//! Where a lane is looked at next, so that what waits for a gateway that is full keeps back nothing that goes another way.
//!
//! A lane is one queue, its messages may go by several routes: by country, by prefix. For each route the place of the
//! first message that still waits is remembered, and how far the lane was looked at. A turn begins at the first place
//! whose route is open, and at the end of what was looked at.
//!
//! ```text
//!   lane   a a a a a a b a a c a a a b a │ a c a a …
//!          ▲           ▲     ▲           ▲
//!          a is full   b     c           not looked at yet
//! ```
//! Nothing of it is needed to go on: what is forgotten is looked at again from the beginning. So it is when settings or
//! gateways change, because what waits may go another way then. Must never say that a
//! message of a route may go while an earlier one of the same route still waits.

use std::collections::{BTreeMap, BTreeSet};
use wayline_core::ids::{EnrollmentId, MessageId};
use wayline_core::time::{Span, Timestamp};

/// A place in a lane: what lanes are ordered by. `None`: the beginning.
pub(super) type Place = Option<(Timestamp, MessageId)>;

/// What may carry a message, in the order in which it is tried: key of the gateway and sender. Senders of one gateway
/// may each have a rate of their own.
pub(super) type Route = Vec<(String, String)>;

/// Messages may still come before places this new: no place is remembered that is newer.
const SETTLED_AFTER: Span = Span::seconds(1);
/// Places at which one turn begins to look at one lane …
const LOOKS_PER_LANE: usize = 8;
/// … besides those of messages that are only asked about: nothing of them can go.
const ASKED_PER_LANE: usize = 2;

/// The places of one lane.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The first message of each route that was there when it was looked for.
    first: BTreeMap<Route, Place>,
    /// Routes of which nothing was found up to their place, by what was read last.
    sought: BTreeSet<Route>,
    /// Everything before it was looked at.
    front: Place,
    /// Whether nothing that may go was found right before it.
    is_front_sought: bool,
}

/// What one look at a lane found.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub(super) from: Place,
    /// The first message of each route, whether it goes or waits.
    pub(super) first: BTreeMap<Route, Place>,
    /// The last message looked at.
    pub(super) last: Place,
    /// Whether the lane ends there.
    pub(super) is_end: bool,
}

impl Places {
    /// Where to look: at the first message of each route that is open, at a few of routes that are asked about, then at
    /// what nobody has looked at.
    pub(super) fn looks(
        &self,
        is_open: impl Fn(&Route) -> bool,
        is_asked: impl Fn(&Route) -> bool,
    ) -> Vec<Place> {
        let mut looks = self.first_of(LOOKS_PER_LANE - 1, &is_open);
        looks.extend(self.first_of(ASKED_PER_LANE, |route| is_asked(route) && !is_open(route)));
        looks.sort_unstable();
        looks.dedup();
        if looks.last() != Some(&self.front) {
            looks.push(self.front);
        }
        looks
    }

    fn first_of(&self, count: usize, which: impl Fn(&Route) -> bool) -> Vec<Place> {
        let found = self.first.iter().filter(|(route, _)| which(route)).map(|(_, place)| *place);
        let first: BTreeSet<Place> = found.collect();
        first.into_iter().take(count).collect()
    }

    /// Whether a look that begins there may pass by much before it finds what goes.
    pub(super) fn is_search(&self, from: Place) -> bool {
        self.first.len() > 1 || (from.is_some() && from == self.front)
    }

    /// Whether what was read last before that place had nothing of what is looked for: there may be a long way to go.
    pub(super) fn is_far(&self, from: Place) -> bool {
        let is_there = |route: &Route| self.first.get(route) == Some(&from);
        (self.is_front_sought && from == self.front) || self.sought.iter().any(is_there)
    }

    /// All routes of which something waits, as far as it was looked at.
    pub(super) fn routes(&self) -> impl Iterator<Item = &Route> {
        self.first.keys()
    }

    /// Whether what is found of a route in a look that begins there is the first of it that waits.
    pub(super) fn may_go(&self, route: &Route, from: Place) -> bool {
        self.first.get(route).is_none_or(|first| *first >= from)
    }

    /// Remembers what a look found. Returns whether something that may go is to be looked for further on.
    pub(super) fn looked(
        &mut self,
        look: Look,
        is_open: impl Fn(&Route) -> bool,
        now: Timestamp,
    ) -> bool {
        let Look { from, mut first, last, is_end } = look;
        let first_id = MessageId { enrollment: EnrollmentId(0), step: 0, visit: 0 };
        let newest = Some((now - SETTLED_AFTER, first_id));
        let last = last.max(from);
        let is_none_open = !first.keys().any(&is_open);
        let sought = &mut self.sought;
        let mut goes_on = false;
        self.first.retain(|route, place| {
            let is_before = *place < from;
            let is_behind = *place > last && !is_end;
            if is_before || is_behind {
                // A place found earlier than the one that is known counts: the route of what waits there has changed.
                if let Some(found) = first.remove(route).filter(|found| *found < *place) {
                    *place = found.min(newest);
                    sought.remove(route);
                }
                return true;
            }
            let found = first.remove(route);
            if found.is_some() || is_end {
                sought.remove(route);
                *place = found.unwrap_or_default().min(newest);
                return found.is_some();
            }
            let before = *place;
            *place = last.min(newest);
            sought.insert(route.clone());
            goes_on |= *place > before && is_open(route);
            true
        });
        self.first.extend(first.into_iter().map(|(route, place)| (route, place.min(newest))));
        if self.front >= from {
            self.front = self.front.max(last).min(newest);
            self.is_front_sought = !is_end && is_none_open;
        }
        if self.first.is_empty() {
            self.front = None;
        }
        goes_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn at(n: i64) -> Place {
        Some((Timestamp(n), MessageId { enrollment: EnrollmentId(1), step: 0, visit: 1 }))
    }

    fn route(name: &str) -> Route {
        vec![(name.to_owned(), "main".to_owned())]
    }

    fn look(from: Place, first: &[(&str, i64)], last: i64, is_end: bool) -> Look {
        let first = first.iter().map(|(name, n)| (route(name), at(*n))).collect();
        Look { from, first, last: at(last), is_end }
    }

    #[test]
    fn each_route_goes_on_at_its_own_place() {
        let mut places = Places::default();
        assert_eq!(places.looks(|_| true, |_| false), [None]);
        places.looked(look(None, &[("a", 1), ("b", 7)], 10, false), |_| true, NOW);
        assert_eq!(places.looks(|_| false, |_| false), [at(10)], "both are full: on to the rest");
        assert_eq!(places.looks(|it| *it == route("b"), |_| false), [at(7), at(10)]);
        // On from there everything but what waits before may go.
        assert!(!places.may_go(&route("a"), at(10)) && !places.may_go(&route("b"), at(10)));
        assert!(places.may_go(&route("c"), at(10)) && places.may_go(&route("b"), at(7)));
        places.looked(look(at(7), &[("b", 9), ("a", 8)], 9, false), |_| true, NOW);
        assert_eq!(places.looks(|_| true, |_| false), [at(1), at(9), at(10)]);
    }

    #[test]
    fn a_route_of_which_nothing_is_left_is_forgotten_and_an_empty_lane_begins_anew() {
        let mut places = Places::default();
        places.looked(look(None, &[("a", 1), ("b", 7)], 10, true), |_| true, NOW);
        places.looked(look(at(1), &[("a", 2)], 10, true), |_| true, NOW);
        assert_eq!(places.looks(|_| true, |_| false), [at(2), at(10)]);
        places.looked(Look { from: at(2), is_end: true, ..Look::default() }, |_| true, NOW);
        assert_eq!(places.looks(|_| true, |_| false), [None]);
    }

    #[test]
    fn nothing_found_in_a_full_page_is_looked_for_behind_it() {
        let mut places = Places::default();
        places.looked(look(None, &[("a", 1), ("b", 3)], 10, false), |_| true, NOW);
        assert!(!places.is_far(at(3)));
        let is_open = |it: &Route| *it == route("b");
        assert!(places.looked(look(at(3), &[("a", 4)], 8, false), is_open, NOW), "b may go");
        assert!(places.is_far(at(8)));
        assert_eq!(places.looks(|it| *it == route("b"), |_| false), [at(8), at(10)]);
        assert!(!places.looked(look(at(8), &[("a", 9), ("b", 11)], 12, false), is_open, NOW));
        assert!(!places.is_far(at(11)));
        assert!(!places.looked(look(at(11), &[("a", 13)], 14, true), is_open, NOW), "b is gone");
    }

    #[test]
    fn what_is_only_asked_about_takes_the_place_of_nothing_that_may_go() {
        let mut places = Places::default();
        let names: Vec<String> = (1..=20).map(|n| format!("shut{n}")).collect();
        let mut first: Vec<_> = names.iter().map(String::as_str).zip(1..).collect();
        first.push(("open", 50));
        places.looked(look(None, &first, 60, true), |_| true, NOW);
        let is_open = |it: &Route| *it == route("open");
        assert_eq!(places.looks(is_open, |_| true), [at(1), at(2), at(50), at(60)]);
        assert_eq!(places.looks(is_open, |_| false), [at(50), at(60)]);
    }

    #[test]
    fn what_is_found_earlier_than_it_was_known_counts() {
        let mut places = Places::default();
        places.looked(look(None, &[("a", 1), ("b", 5_000)], 5_000, false), |_| true, NOW);
        // Those of a go by b from now on.
        places.looked(look(at(1), &[("b", 1)], 100, false), |_| true, NOW);
        assert_eq!(places.looks(|it| *it == route("b"), |_| false), [at(1), at(5_000)]);
        assert!(places.may_go(&route("b"), at(1)));
    }

    #[test]
    fn what_is_new_is_looked_at_again() {
        let mut places = Places::default();
        let new = NOW.0 - 10;
        places.looked(look(None, &[("a", 5), ("b", new)], new, true), |_| true, NOW);
        let looks = places.looks(|_| true, |_| false);
        assert_eq!((looks[0], looks.len()), (at(5), 2));
        assert!(looks[1] < at(new - 900));
    }
}
