//! What is wrong with a definition: where, what was found, what is allowed.
//!
//! Must never decide anything: a problem is a finding, whoever reads it acts on it.

use serde::Serialize;
use std::fmt;

/// A place in a definition file, from 1; line 0 is no place at all.
///
/// Two definitions that say the same are equal wherever it stands, so spots always compare equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spot {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Columns from here to the first character of a text that stands verbatim on one line;
    /// `None` where escapes, folds or blocks make columns of the text and of the file differ.
    pub verbatim: Option<u8>,
}

impl Spot {
    /// The place of a line and column inside the text that stands here, as near as can be told.
    #[must_use]
    pub fn inside(self, line: u32, column: u32) -> Spot {
        match self.verbatim {
            Some(quote) if line == 1 => {
                let column = self.column + u32::from(quote) + column.saturating_sub(1);
                Spot { line: self.line, column, verbatim: None }
            }
            _ => self,
        }
    }
}

impl PartialEq for Spot {
    fn eq(&self, _: &Spot) -> bool {
        true
    }
}

impl Eq for Spot {}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It cannot be used.
    Error,
    /// It can, and probably does not do what was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// One finding in one file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Stable name of the kind of problem: programs may compare it, texts may change.
    pub code: Code,
    /// File, as the caller names it.
    pub file: String,
    /// Line, from 1; 0 when the whole file is meant.
    pub line: u32,
    /// Column in characters, from 1; 0 when the whole file is meant.
    pub column: u32,
    /// What happened, to what, and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    /// `journeys/cart.yaml:3:7: error[unknown_key]: …`, the form that editors make clickable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}[{}]: {}", self.severity, self.code, self.message)
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $variant:ident = $text:literal,)*) => {
        /// Kinds of problems.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Code {
            $($(#[doc = $doc])* $variant,)*
        }

        impl fmt::Display for Code {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Code::$variant => $text,)* })
            }
        }
    };
}

codes! {
    /// The bytes are no YAML.
    Syntax = "syntax",
    /// The bytes are no UTF-8.
    NotUtf8 = "not_utf8",
    /// A limit of the product was reached.
    TooLarge = "too_large",
    /// Nested too deep.
    TooDeep = "too_deep",
    /// The same key twice in one mapping.
    DuplicateKey = "duplicate_key",
    /// A key nobody knows.
    UnknownKey = "unknown_key",
    /// A known key that does not go with the others.
    MisplacedKey = "misplaced_key",
    /// A key that must be there is not.
    MissingKey = "missing_key",
    /// A value of another type.
    WrongType = "wrong_type",
    /// A word that is not on the list.
    UnknownWord = "unknown_word",
    /// An id that is not `[a-z][a-z0-9_]*`.
    BadId = "bad_id",
    /// No duration, or one outside the limits.
    BadDuration = "bad_duration",
    /// No time of day.
    BadTime = "bad_time",
    /// No instant or date.
    BadInstant = "bad_instant",
    /// No path.
    BadPath = "bad_path",
    /// A number outside its bounds.
    BadNumber = "bad_number",
    /// A name that cannot be used.
    BadName = "bad_name",
    /// No recurrence rule, or one outside the subset.
    BadRecurrence = "bad_recurrence",
    /// No IANA time zone.
    UnknownZone = "unknown_zone",
    /// No two-letter country.
    UnknownCountry = "unknown_country",
    /// Liquid that cannot be parsed.
    BadTemplate = "bad_template",
    /// No step of that id.
    UnknownStep = "unknown_step",
    /// A message condition names a step that sends nothing, or that cannot have run before.
    NotASend = "not_a_send",
    /// No segment of that id.
    UnknownSegment = "unknown_segment",
    /// No journey of that id.
    UnknownJourney = "unknown_journey",
    /// No sender of that id.
    UnknownSender = "unknown_sender",
    /// No topic of that id.
    UnknownTopic = "unknown_topic",
    /// The same id twice.
    DuplicateId = "duplicate_id",
    /// A keyword that two journeys want.
    DuplicateKeyword = "duplicate_keyword",
    /// A step no path leads to.
    UnreachableStep = "unreachable_step",
    /// A circle of steps in which no time passes.
    EndlessCycle = "endless_cycle",
    /// Segments that refer to each other in a circle.
    SegmentCycle = "segment_cycle",
    /// Weights or arms that make no sense.
    BadArms = "bad_arms",
    /// Nothing in it.
    Empty = "empty",
    /// Always or never true.
    PointlessCondition = "pointless_condition",
    /// The event that brings people in also takes them out.
    EntryIsExit = "entry_is_exit",
    /// Two things that contradict each other.
    Conflict = "conflict",
    /// The file name and the id inside differ.
    FileName = "file_name",
    /// A file that no part of a workspace uses.
    UnknownFile = "unknown_file",
    /// A file that must be there is not.
    MissingFile = "missing_file",
    /// Good for replays and tests, and not for real people.
    NotForLive = "not_for_live",
    /// Valid, but nothing runs it yet.
    NotPublishable = "not_publishable",
}

/// The nearest of `allowed`, when it is near enough to be meant.
#[must_use]
pub fn nearest<'a>(found: &str, allowed: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let found: String = found.chars().take(64).collect::<String>().to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    for word in allowed {
        let likeness = strsim::jaro_winkler(&found, word);
        if likeness >= 0.78 && best.is_none_or(|(top, _)| likeness > top) {
            best = Some((likeness, word));
        }
    }
    best.map(|(_, word)| word)
}

/// As [`nearest`], where case is part of the word (time zones).
#[must_use]
pub fn nearest_exactly<'a>(
    found: &str,
    allowed: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let lower = found.chars().take(64).collect::<String>().to_lowercase().replace(' ', "_");
    let score = |word: &str| strsim::jaro_winkler(&lower, &word.to_lowercase());
    let scored = allowed.into_iter().map(|word| (score(word), word));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(likeness, _)| *likeness >= 0.85).map(|(_, word)| word)
}

/// ` Did you mean "word"?`, ` Allowed: a, b, c.` or nothing, to end a message with.
#[must_use]
pub fn advice<'a>(found: &str, allowed: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(word) = nearest(found, allowed.clone()) {
        return format!("; did you mean {word:?}?");
    }
    let mut words: Vec<&str> = allowed.into_iter().take(21).collect();
    if words.is_empty() {
        return String::new();
    }
    let more = words.len() > 20;
    words.truncate(20);
    format!("; allowed: {}{}", words.join(", "), if more { ", …" } else { "" })
}

/// What was found, short enough for a message.
#[must_use]
pub fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
