//! Machines that answer machines: a number that writes without pause is heard, and sets nothing in motion.
//!
//! An automatic reply to our automatic reply would go on until somebody pays the bill. Kept in memory: after a start the
//! count begins anew, which costs a few texts. Must never mute a revocation.

use std::collections::{BTreeMap, VecDeque};
use wayline_core::ids::WorkspaceId;
use wayline_core::time::{Span, Timestamp};

/// Texts of one number to one workspace within [`WITHIN`] that are answered.
const TEXTS_MAX: usize = 20;
/// No person writes so much in so little time.
const WITHIN: Span = Span::minutes(10);
/// Numbers that are watched; beyond them those heard from longest ago are forgotten.
const NUMBERS_MAX: usize = 10_000;

/// Who wrote lately, and how often.
#[derive(Debug, Default)]
pub(crate) struct Talkers {
    texts: BTreeMap<(WorkspaceId, String), VecDeque<Timestamp>>,
}

impl Talkers {
    /// Whether one text more now is one too many. It is not counted by this: what cannot be kept is tried again.
    pub(crate) fn is_loop(&self, workspace: WorkspaceId, from: &str, now: Timestamp) -> bool {
        let texts = self.texts.get(&(workspace, from.to_owned()));
        texts
            .is_some_and(|texts| texts.iter().filter(|at| **at + WITHIN > now).count() >= TEXTS_MAX)
    }

    /// A text was taken.
    pub(crate) fn heard(&mut self, workspace: WorkspaceId, from: &str, now: Timestamp) {
        if self.texts.len() >= NUMBERS_MAX {
            self.texts.retain(|_, texts| texts.back().is_some_and(|at| *at + WITHIN > now));
            if self.texts.len() >= NUMBERS_MAX {
                self.texts.pop_first();
            }
        }
        let texts = self.texts.entry((workspace, from.to_owned())).or_default();
        while texts.front().is_some_and(|at| *at + WITHIN <= now) || texts.len() > TEXTS_MAX {
            texts.pop_front();
        }
        texts.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twenty_first_text_in_ten_minutes_is_one_too_many_until_it_is_quiet() {
        let mut talkers = Talkers::default();
        let workspace = WorkspaceId(1);
        let mut heard = |at| {
            let is_loop = talkers.is_loop(workspace, "+1", Timestamp(at));
            assert_eq!(talkers.is_loop(workspace, "+1", Timestamp(at)), is_loop, "asked again");
            talkers.heard(workspace, "+1", Timestamp(at));
            is_loop
        };
        assert!((0..20).all(|n| !heard(n * 1_000)));
        assert!(heard(20_000));
        assert!(heard(30_000), "it goes on");
        assert!(!heard(30_000 + WITHIN.0), "it was quiet");
    }

    #[test]
    fn memory_is_bounded() {
        let mut talkers = Talkers::default();
        for n in 0..20_000 {
            talkers.heard(WorkspaceId(1), &n.to_string(), Timestamp(n));
        }
        assert!(talkers.texts.len() <= NUMBERS_MAX);
    }
}
