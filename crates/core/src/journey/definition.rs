//! What people write: workspaces, journeys, segments. One declaration of each type gives its
//! decoding, its canonical print and its JSON Schema.
//!
//! Must never hold a default: an absent key stays absent, so that a print shows what was written;
//! `compile` knows the defaults.

pub mod branch;
pub mod condition;
pub mod entry;
pub mod scalar;
pub mod step;
pub mod workspace;

pub use condition::Condition;
pub use entry::{Entry, ExitRule, Goal};
pub use step::{Action, Step};
pub use workspace::Workspace;

use super::declare::record;
use super::form::Entries;
use crate::policy::settings::Purpose;
use scalar::{Label, Slug, Text};

record! {
    /// A journey: who enters, what happens, when it ends.
    pub struct Journey: "a journey" {
        /// Its id; never reused.
        journey: Slug,
        /// What people call it; default: the id.
        name: Option<Label>,
        /// What it is about.
        description: Option<Text>,
        /// Purpose of its messages; default marketing.
        purpose: Option<Purpose>,
        /// How people get in.
        entry: Entry,
        /// What takes people out, whatever they wait for.
        exit: Option<Vec<ExitRule>>,
        /// What it is for.
        goal: Option<Goal>,
        /// In order; the first is where an enrollment starts.
        steps: Entries<Step>,
    }
}

record! {
    /// A segment: an audience, exact at every instant.
    pub struct Segment: "a segment" {
        /// Its id.
        segment: Slug,
        /// What people call it; default: the id.
        name: Option<Label>,
        /// What it is about.
        description: Option<Text>,
        /// Who is in it.
        when: Condition,
    }
}
