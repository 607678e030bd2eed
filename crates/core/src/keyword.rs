//! Words people text to us: STOP, START, HELP and the workspace's own.
//!
//! A whole message is compared, never a part of it ("don't stop" is no STOP). Must never read a longer
//! sentence as a keyword: intent in ordinary words belongs to a review queue.

use crate::policy::settings::Settings;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Revocation: Twilio's default list, the FCC's per-se words (47 CFR 64.1200(a)(10)), AWS and Telnyx
/// additions. Compared after [`normalize`].
const STOP: [&str; 16] = [
    "stop",
    "stopall",
    "stop all",
    "unsubscribe",
    "cancel",
    "end",
    "quit",
    "revoke",
    "optout",
    "opt out",
    "opt-out",
    "remove",
    "arret",
    "arrêt",
    "stop2quit",
    "td",
];
/// Whole messages that any reasonable person reads as revocation though they are no single word: the rule asks for that
/// (47 CFR 64.1200(a)(10)), and carriers' own lists miss them. Compared after [`normalize`]; other wordings belong to a
/// review.
const STOP_PHRASES: [&str; 20] = [
    "stop please",
    "please stop",
    "pls stop",
    "stop now",
    "st0p",
    "stop it",
    "stop texting",
    "stop texting me",
    "please stop texting me",
    "stop messaging me",
    "stop sending me texts",
    "do not text me",
    "don't text me",
    "opt me out",
    "please opt me out",
    "opt out please",
    "please unsubscribe",
    "unsubscribe me",
    "remove me",
    "please remove me",
];
/// Opt-in: Twilio's default list.
const START: [&str; 3] = ["start", "unstop", "yes"];
/// Help.
const HELP: [&str; 2] = ["help", "info"];

/// What an inbound message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keyword {
    /// Revokes consent.
    Stop,
    /// Gives consent again. `yes` does so only when an answer is awaited or consent was revoked.
    Start {
        /// It was `yes`.
        yes: bool,
    },
    /// Asks for help.
    Help,
    /// A word of the workspace; the journey it enters, when `workspace.yaml` names one.
    Own {
        /// Upper case.
        word: String,
    },
    /// Anything else.
    Other,
}

/// The words of law and carriers that Wayline answers by itself, where the workspace has a text for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoReply {
    /// A revocation is confirmed.
    Stop,
    /// Help was asked for.
    Help,
    /// Consent was given again.
    Start,
}

impl AutoReply {
    /// All of them.
    pub const ALL: [AutoReply; 3] = [AutoReply::Stop, AutoReply::Help, AutoReply::Start];

    /// Its name, which stands where other messages have their step.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AutoReply::Stop => "stop",
            AutoReply::Help => "help",
            AutoReply::Start => "start",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<AutoReply> {
        AutoReply::ALL.into_iter().find(|it| it.as_str() == name)
    }
}

impl fmt::Display for AutoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Lower case, outer punctuation and spaces removed, inner spaces single.
#[must_use]
pub fn normalize(text: &str) -> String {
    let lower = text.to_lowercase();
    let trimmed = lower.trim_matches(|c: char| !c.is_alphanumeric());
    trimmed.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the message is. `words` are the upper-case words journeys are entered by.
#[must_use]
pub fn classify<'a>(
    text: &str,
    settings: &Settings,
    mut words: impl Iterator<Item = &'a str>,
) -> Keyword {
    let normal = normalize(text);
    let normal = normal.replace('’', "'");
    if STOP.contains(&normal.as_str()) || STOP_PHRASES.contains(&normal.as_str()) {
        return Keyword::Stop;
    }
    let upper = normal.to_uppercase();
    if settings.keywords.iter().any(|(word, _)| *word == upper) || words.any(|word| word == upper) {
        return Keyword::Own { word: upper };
    }
    if START.contains(&normal.as_str()) {
        return Keyword::Start { yes: normal == "yes" };
    }
    if HELP.contains(&normal.as_str()) {
        return Keyword::Help;
    }
    Keyword::Other
}
