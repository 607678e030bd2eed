//! The invariants, and what checks each: at a submit, in a batch, or over a store at rest.
//!
//! Checkers work on facts alone (rows, and what the carrier saw). Must never call what they check.

pub(crate) mod messages;
pub(crate) mod replies;
mod rest;
mod standing;
mod submit;

pub(crate) use replies::in_batch;
pub use rest::{Expected, Parallel, at_rest, inputs};
pub(crate) use submit::at_submit;

use std::fmt;
use wayline_core::ids::ContactId;

/// What must always hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// Nothing is submitted after a STOP or an opt-out was kept, until an opt-in.
    AfterStop,
    /// Nothing is submitted in a quiet hour of the person.
    QuietHours,
    /// No cap is exceeded by what may have reached the person.
    Caps,
    /// What may have gone is never submitted again.
    SubmittedTwice,
    /// Every enrollment waits for something that exists, or has ended.
    WaitsForNothing,
    /// Counters equal a recount of the decisions.
    Counters,
    /// Counters tell how many stand on each step.
    Standing,
    /// Nothing of a paused journey is submitted, and nobody enters it.
    Paused,
    /// Messages go their way as drawn and end once.
    MessageStates,
    /// An acknowledged input is in the history exactly once.
    Inputs,
    /// One active enrollment per journey, contact and key.
    ActiveTwice,
    /// Sequences never go back, versions follow each other, wakes are what states say.
    Sequences,
    /// Only inputs that nobody can handle become dead letters.
    DeadLetters,
    /// When nothing new happens, everything due gets done.
    Liveness,
    /// The same seed gives the same bytes.
    SameBytes,
    /// Nothing is submitted at or after its `not_after`.
    TooLate,
    /// Marketing goes only to people who said what the workspace asks for.
    Consent,
    /// What is answered by itself is answered once, in the commit that takes it, and within five minutes.
    AutoReplies,
    /// The pipeline never fails but by faults that were injected.
    NoErrors,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Invariant::AfterStop => "nothing after a stop",
            Invariant::QuietHours => "nothing in quiet hours",
            Invariant::Caps => "caps hold",
            Invariant::SubmittedTwice => "nothing is submitted twice",
            Invariant::WaitsForNothing => "every enrollment waits for something",
            Invariant::Counters => "counters equal a recount",
            Invariant::Standing => "counters tell who stands where",
            Invariant::Paused => "a paused journey is entered by nobody and sends nothing",
            Invariant::MessageStates => "messages go their way and end once",
            Invariant::Inputs => "acknowledged inputs are kept once",
            Invariant::ActiveTwice => "one active enrollment per key",
            Invariant::Sequences => "sequences, versions and wakes are consistent",
            Invariant::DeadLetters => "only poison becomes a dead letter",
            Invariant::Liveness => "what is due gets done",
            Invariant::SameBytes => "the same seed gives the same bytes",
            Invariant::TooLate => "nothing after its time",
            Invariant::Consent => "marketing needs consent",
            Invariant::AutoReplies => "a stop is confirmed once and soon",
            Invariant::NoErrors => "only injected faults fail",
        })
    }
}

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// For whom.
    pub contact: Option<ContactId>,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)?;
        match self.contact {
            Some(contact) => write!(f, " (contact {contact})"),
            None => Ok(()),
        }
    }
}
