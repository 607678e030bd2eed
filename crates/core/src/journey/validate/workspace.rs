//! `workspace.yaml`: what its parts may not say together.
//!
//! Must never look at a gateway or a carrier.

use super::{Checker, Scope};
use crate::journey::definition::Workspace;
use crate::journey::definition::entry::EntryBy;
use crate::journey::definition::workspace::{QuietHours, QuietWindow};
use crate::journey::problem::{Code, Problem, Spot, shortened};
use crate::limits;
use crate::template::Template;
use crate::text;
use std::collections::BTreeMap;

/// Words that always mean the same to carriers and law, whatever a workspace wants.
const RESERVED_WORDS: [&str; 18] = [
    "STOP",
    "STOPALL",
    "UNSUBSCRIBE",
    "CANCEL",
    "END",
    "QUIT",
    "HELP",
    "INFO",
    "START",
    "UNSTOP",
    "REVOKE",
    // Compared before a workspace's own words, or, like YES, the answer to a question of consent.
    "OPTOUT",
    "OPT-OUT",
    "REMOVE",
    "ARRET",
    "ARRÊT",
    "TD",
    "YES",
];

/// Checks `workspace.yaml`.
#[must_use]
pub fn validate_workspace(file: &str, workspace: &Workspace, scope: &Scope<'_>) -> Vec<Problem> {
    let mut checker = Checker::new(file, scope, None);
    checker.quiet_hours(workspace);
    for cap in workspace.caps.iter().flatten() {
        if cap.messages.value == 0 {
            let message = "a cap of 0 messages would send nothing at all; use at least 1";
            checker.report.error(Code::BadNumber, cap.messages.at, message);
        }
    }
    let senders = workspace.senders.iter().flatten().map(|sender| &sender.id);
    checker.distinct("sender", senders.map(|id| (id.text.as_str(), id.at)));
    checker.senders(workspace);
    checker.routes(workspace);
    let topics = workspace.topics.iter().flatten().map(|topic| &topic.id);
    checker.distinct("topic", topics.map(|id| (id.text.as_str(), id.at)));
    checker.keywords(workspace);
    checker.auto_replies(workspace);
    checker.report.into_problems()
}

impl Checker<'_> {
    fn quiet_hours(&mut self, workspace: &Workspace) {
        let window = match workspace.quiet_hours.as_ref().map(|hours| &hours.value) {
            Some(QuietHours::None) => return,
            Some(QuietHours::Window(window)) => Some(window),
            None => None,
        };
        if workspace.time_zone.is_none() {
            let message = "this workspace has quiet hours and no \"time_zone\": UTC is taken where a \
                           person's own zone is not known; write one, like America/New_York";
            self.report.warn(Code::MissingKey, workspace.workspace.at, message);
        }
        if let Some(window) = window {
            let QuietWindow { from, to, .. } = window.as_ref();
            let from = from.as_ref().map_or(21 * 60, |time| time.time().0);
            let until = to.as_ref().map_or(8 * 60, |time| time.time().0);
            if from == until {
                let at = to.as_ref().map_or(window.at, |time| time.at);
                let message = "this window is empty: from and to are the same; write \
                               `quiet_hours: none` if that is meant";
                self.report.error(Code::Empty, at, message);
            }
            if window.purposes.as_ref().is_some_and(|purposes| purposes.0.is_empty()) {
                let message = "quiet hours for no purpose hold nothing; write `quiet_hours: none` \
                               if that is meant";
                self.report.error(Code::Empty, window.at, message);
            }
        }
    }

    fn senders(&mut self, workspace: &Workspace) {
        for sender in workspace.senders.iter().flatten() {
            if let Some(rate) = sender.parts_per_second.as_ref().filter(|rate| rate.value == 0) {
                let message = "0 parts a second would send nothing at all; use at least 1";
                self.report.error(Code::BadNumber, rate.at, message);
            }
            if let Some(score) = sender.score.as_ref().filter(|score| score.value > 100) {
                let message = "a trust score is 0 to 100";
                self.report.error(Code::BadNumber, score.at, message);
            }
        }
    }

    fn routes(&mut self, workspace: &Workspace) {
        let routes = workspace.routes.as_deref().unwrap_or_default();
        if let Some(one_too_many) = routes.get(limits::ROUTES_MAX) {
            let message = format!("a workspace has at most {} routes", limits::ROUTES_MAX);
            self.report.error(Code::TooLarge, one_too_many.at, message);
        }
        let senders: Vec<&str> =
            workspace.senders.iter().flatten().map(|sender| sender.id.as_str()).collect();
        for route in routes.iter().take(limits::ROUTES_MAX) {
            if let Some(sender) = &route.sender
                && !senders.contains(&sender.as_str())
            {
                let message = format!(
                    "there is no sender {:?}; write its id as under `senders`",
                    shortened(sender.as_str())
                );
                self.report.error(Code::UnknownSender, sender.at, message);
            }
            if let Some(prefix) = &route.prefix
                && !is_prefix(&prefix.text)
            {
                let message = "a prefix is + and 1 to 15 digits, in quotes: \"+1907\"";
                self.report.error(Code::BadNumber, prefix.at, message);
            }
        }
    }

    fn auto_replies(&mut self, workspace: &Workspace) {
        let Some(replies) = &workspace.auto_replies else { return };
        let texts = [&replies.stop, &replies.help, &replies.start];
        if texts.iter().all(|text| text.is_none()) {
            let message = "these auto-replies answer nothing; write a text for stop, help or start";
            self.report.error(Code::Empty, replies.at, message);
        }
        for text in texts.into_iter().flatten() {
            self.text(text);
            let Ok(template) = Template::parse(&text.text) else { continue };
            let root = |path: &String| path.split(['.', '[']).next().unwrap_or_default().to_owned();
            let roots = template.variables().iter().map(root).collect::<Vec<_>>();
            if let Some(other) =
                roots.iter().find(|it| !["workspace", "contact"].contains(&it.as_str()))
            {
                let message = format!(
                    "{:?} is not known here: an auto-reply belongs to no journey and no event; use contact or workspace",
                    shortened(other)
                );
                self.report.error(Code::BadTemplate, text.at, message);
            }
            if text.text.trim().is_empty() {
                let message = "this text is empty; leave it out where nothing is to go";
                self.report.error(Code::Empty, text.at, message);
            }
            if roots.is_empty() && text::parts(&text.text).1 > limits::PARTS_MAX {
                let message =
                    format!("a message has at most {} parts; write less", limits::PARTS_MAX);
                self.report.error(Code::TooLarge, text.at, message);
            }
        }
    }

    fn distinct<'i>(&mut self, what: &str, ids: impl Iterator<Item = (&'i str, Spot)>) {
        let mut seen = std::collections::BTreeSet::new();
        for (id, at) in ids {
            if !seen.insert(id) {
                let message = format!("the {what} {id:?} stands twice; keep one");
                self.report.error(Code::DuplicateId, at, message);
            }
        }
    }

    fn keywords(&mut self, workspace: &Workspace) {
        let mut taken: BTreeMap<String, &str> = BTreeMap::new();
        for keyword in workspace.keywords.iter().flatten() {
            self.journey_ref(&keyword.journey.text, keyword.journey.at);
            self.keyword(&keyword.word.text, keyword.word.at);
            let word = keyword.word.text.to_uppercase();
            let journey = keyword.journey.as_str();
            if let Some(other) = taken.insert(word.clone(), journey) {
                let message = format!(
                    "the keyword {:?} stands twice: it leads to {other} already",
                    shortened(&word)
                );
                self.report.error(Code::DuplicateKeyword, keyword.word.at, message);
            }
        }
    }

    /// A word may be used at all.
    pub(super) fn keyword(&mut self, word: &str, at: Spot) {
        let word = word.to_uppercase();
        if RESERVED_WORDS.contains(&word.as_str()) {
            let message = format!("the keyword {word:?} has a meaning by law; choose another word");
            self.report.error(Code::DuplicateKeyword, at, message);
        }
    }

    /// A word of a journey's entry that another journey or the workspace has already.
    pub(super) fn entry_keyword(&mut self, own: &str, word: &str, at: Spot) {
        self.keyword(word, at);
        let upper = word.to_uppercase();
        let scope = self.scope;
        let in_workspace = scope
            .workspace
            .iter()
            .flat_map(|workspace| workspace.keywords.iter().flatten())
            .find(|keyword| {
                keyword.journey.text != own && keyword.word.text.to_uppercase() == upper
            })
            .map(|keyword| keyword.journey.as_str());
        let words = |by: &EntryBy| match by {
            EntryBy::Keyword(words) => {
                words.0.iter().any(|other| other.text.to_uppercase() == upper)
            }
            _ => false,
        };
        let in_journey = scope
            .journeys
            .iter()
            .flatten()
            .find(|(slug, journey)| **slug != own && words(&journey.entry.by))
            .map(|(slug, _)| *slug);
        if let Some(other) = in_workspace.or(in_journey) {
            let message = format!("the keyword {upper:?} leads to {other} already");
            self.report.error(Code::DuplicateKeyword, at, message);
        }
    }
}

fn is_prefix(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (1..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}
