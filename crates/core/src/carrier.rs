//! What a carrier's refusal means for what happens next.
//!
//! Each gateway sorts what its provider says into one of these classes; the engine decides by the class alone.
//! Must never hold a provider's codes: those are data of the gateway.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What to do about an error of a carrier. The grouping is ours; the codes stand in `rules/errors.yaml`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// This number must not or cannot be texted: nothing more goes to it until the person opts in again.
    Suppress,
    /// It may work later.
    Retry,
    /// It may work later, and is tried once more only.
    RetryOnce,
    /// Asked to slow down: nothing is wrong with the message, and no attempt is counted.
    Throttle,
    /// This route is closed to the message: another one may take it, and somebody has to look.
    StopRoute,
    /// The day's allowance is used up: the carrier's next day.
    NextDay,
    /// The request itself is wrong, or nobody knows the code: trying again would not help.
    #[default]
    BadRequest,
}

impl ErrorClass {
    /// All of them.
    pub const ALL: [ErrorClass; 7] = [
        ErrorClass::Suppress,
        ErrorClass::Retry,
        ErrorClass::RetryOnce,
        ErrorClass::Throttle,
        ErrorClass::StopRoute,
        ErrorClass::NextDay,
        ErrorClass::BadRequest,
    ];

    /// Its name in settings, metrics and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorClass::Suppress => "suppress",
            ErrorClass::Retry => "retry",
            ErrorClass::RetryOnce => "retry_once",
            ErrorClass::Throttle => "throttle",
            ErrorClass::StopRoute => "stop_route",
            ErrorClass::NextDay => "next_day",
            ErrorClass::BadRequest => "bad_request",
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a carrier said was wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarrierError {
    /// What to do about it.
    pub class: ErrorClass,
    /// The provider's own code: `30007`, `0x00000058`; empty: it gave none.
    pub code: String,
    /// What it said, or what we saw; for people.
    pub text: String,
}

/// Characters kept of an error.
const ERROR_CHARS_MAX: usize = 200;

impl CarrierError {
    /// Code and words in one line, shortened.
    #[must_use]
    pub fn line(&self) -> String {
        let line = match (self.code.as_str(), self.text.as_str()) {
            ("", text) => text.to_owned(),
            (code, "") => code.to_owned(),
            (code, text) => format!("{code} {text}"),
        };
        line.chars().filter(|c| !c.is_control()).take(ERROR_CHARS_MAX).collect()
    }
}

/// The id of a gateway in its key: `shop/main` is gateway `main` of workspace `shop`, `main` the operator's.
#[must_use]
pub fn gateway_id(key: &str) -> &str {
    key.rsplit_once('/').map_or(key, |(_, id)| id)
}
