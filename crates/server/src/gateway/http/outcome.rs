//! What an answer means for the message: the rules that are the same for every provider.
//!
//! Must never call a message refused that may have been taken: that would send it twice.

use super::settings::Kind;
use super::{Answer, read};
use crate::gateway::errors;
use std::collections::BTreeMap;
use wayline_core::carrier::{CarrierError, ErrorClass};
use wayline_core::event::SubmitOutcome;
use wayline_core::time::Span;

/// What the body of an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It has the message, under this id.
    Taken(String),
    /// Something is wrong.
    Wrong {
        /// The provider's code; may be empty.
        code: String,
        /// Its words; may be empty.
        text: String,
    },
    /// Nothing that can be read.
    Nothing,
}

impl Said {
    /// Something is wrong.
    pub(super) fn wrong(code: impl Into<String>, text: impl Into<String>) -> Said {
        Said::Wrong { code: code.into(), text: text.into() }
    }

    /// Taken, when there is an id.
    pub(super) fn taken(id: Option<String>) -> Said {
        id.filter(|id| !id.is_empty()).map_or(Said::Nothing, Said::Taken)
    }
}

/// The codes of one gateway.
#[derive(Clone, Debug)]
pub(super) struct Codes {
    /// Its kind.
    pub(super) kind: &'static Kind,
    /// The gateway's own classes; they come before the table.
    pub(super) classes: BTreeMap<String, ErrorClass>,
}

/// Characters kept of what a provider says.
const TEXT_CHARS_MAX: usize = 300;
/// Longest pause a provider may ask for.
const PAUSE_SECONDS_MAX: i64 = 86_400;

impl Codes {
    /// An error with its class; `unknown` when the code stands nowhere.
    pub(super) fn error(&self, code: &str, text: &str, unknown: ErrorClass) -> CarrierError {
        let class = errors::class(self.kind.name, code, &self.classes).unwrap_or(unknown);
        let short = |text: &str| {
            text.chars().filter(|c| !c.is_control()).take(TEXT_CHARS_MAX).collect::<String>()
        };
        CarrierError { class, code: short(code), text: short(text) }
    }

    /// The error of a receipt; `None`: the provider names none.
    pub(super) fn receipt(&self, code: &str, text: &str) -> Option<CarrierError> {
        let nothing = code.is_empty() && text.is_empty();
        (!nothing).then(|| self.error(code, text, ErrorClass::BadRequest))
    }

    /// Why the provider cannot take such a message at all.
    pub(super) fn unfit(&self, text: &str) -> CarrierError {
        self.error("", text, ErrorClass::BadRequest)
    }

    /// What an answer to a submit means.
    pub(super) fn outcome(
        &self,
        answer: &Answer<'_>,
        said: &dyn Fn(&Answer<'_>) -> Said,
    ) -> SubmitOutcome {
        let retry_after = read::header(answer.headers, "retry-after").and_then(pause);
        if let 200..=299 = answer.status {
            return match said(answer) {
                Said::Taken(gateway_ref) => SubmitOutcome::Accepted { gateway_ref },
                Said::Wrong { code, text } => {
                    let error = self.error(&code, &text, ErrorClass::BadRequest);
                    SubmitOutcome::Rejected { error, retry_after }
                }
                Said::Nothing => SubmitOutcome::Unknown,
            };
        }
        let Some(unknown) = by_status(answer.status, retry_after.is_some()) else {
            return SubmitOutcome::Unknown;
        };
        SubmitOutcome::Rejected { error: self.refusal(answer, said, unknown), retry_after }
    }

    /// Whether an answer to a check is a yes.
    pub(super) fn checked(
        &self,
        answer: &Answer<'_>,
        said: &dyn Fn(&Answer<'_>) -> Said,
    ) -> Result<(), CarrierError> {
        match answer.status {
            200..=299 => match said(answer) {
                Said::Wrong { code, text } => Err(self.error(&code, &text, ErrorClass::StopRoute)),
                _ => Ok(()),
            },
            status => {
                let unknown = by_status(status, true).unwrap_or(ErrorClass::Retry);
                Err(self.refusal(answer, said, unknown))
            }
        }
    }

    fn refusal(
        &self,
        answer: &Answer<'_>,
        said: &dyn Fn(&Answer<'_>) -> Said,
        unknown: ErrorClass,
    ) -> CarrierError {
        let status = answer.status;
        match said(answer) {
            // A redirect is never followed, whatever its body says: it would hand our secrets on.
            _ if (300..400).contains(&status) => {
                let text =
                    format!("HTTP {status}: it redirects, which is never followed; set base_url");
                CarrierError { class: ErrorClass::StopRoute, code: String::new(), text }
            }
            Said::Wrong { code, text } if text.is_empty() => {
                self.error(&code, &format!("HTTP {status}"), unknown)
            }
            Said::Wrong { code, text } => self.error(&code, &text, unknown),
            Said::Taken(_) | Said::Nothing => self.error("", &format!("HTTP {status}"), unknown),
        }
    }
}

/// The class of a refusal by its status alone; `None`: it may have been taken all the same.
fn by_status(status: u16, says_when: bool) -> Option<ErrorClass> {
    match status {
        // "Look there" after a post may well mean that it was done.
        302 | 303 => None,
        300..=399 => Some(ErrorClass::StopRoute),
        // Wrong secrets, no money, no such account or address: true of every message.
        401..=405 | 407 | 410 | 451 => Some(ErrorClass::StopRoute),
        // A front may say so of a request that went through behind it.
        408 => None,
        // It came too early.
        425 => Some(ErrorClass::Retry),
        429 => Some(ErrorClass::Throttle),
        400..=499 => Some(ErrorClass::BadRequest),
        // Who says when to come again did not take it.
        503 if says_when => Some(ErrorClass::Retry),
        _ => None,
    }
}

/// Seconds of a `Retry-After`; a date there is not read, since answers carry no trusted clock.
fn pause(text: &str) -> Option<Span> {
    let seconds: i64 = text.trim().parse().ok()?;
    (seconds >= 0).then(|| Span::seconds(seconds.min(PAUSE_SECONDS_MAX)))
}
