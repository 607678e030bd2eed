//! Personal texts: Wayline's own small Liquid.
//!
//! A [`Template`] is compiled once and rendered for many people. It must never run away (every
//! rendering has fuel and size limits), never read a clock, a file or another template, and, under
//! [`MissingPolicy::Refuse`], never go out with a hole where a name should stand.
//!
//! The language is Liquid as shops know it: outputs with filters, `assign`, `capture`, `if`,
//! `unless`, `case`, `for`, `tablerow`, `cycle`, `increment`, `decrement`, `ifchanged`, `echo`,
//! `liquid`, `raw`, `comment`, `doc` and `#`. It is read strictly: an unknown tag or filter, a wrong
//! number of arguments or a stray character is an error with line and column. `include` and `render`
//! do not exist. Of our own are the filters `money`, `number`, `number_with_delimiter`, `titlecase`
//! and `json`.
//!
//! ```
//! use wayline_core::template::{RenderLimits, Scope, Template};
//! use wayline_core::time::Timestamp;
//!
//! let contact = serde_json::json!({ "first_name": "Ada" });
//! let roots = [("contact", &contact)];
//! let scope = Scope::new(&roots, Timestamp(0));
//! let template = Template::parse("Hi {{ contact.first_name | default: 'you' }}!")?;
//! assert_eq!(template.render(&scope, &RenderLimits::default()).unwrap(), "Hi Ada!");
//! # Ok::<(), wayline_core::template::TemplateError>(())
//! ```

mod ast;
mod date;
mod error;
mod evaluate;
mod filters;
mod lexer;
pub mod limits;
mod loop_state;
mod loops;
mod number;
mod parser;
mod render;
#[cfg(test)]
mod tests;
mod token;
mod value;
mod variables;

pub use error::{RenderError, TemplateError};
pub use limits::RenderLimits;

use crate::time::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value as Json;
use std::fmt;
use std::sync::Arc;

/// What happens where a text would show a value that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingPolicy {
    /// Nothing is shown, as in other Liquids.
    Empty,
    /// The rendering fails with [`RenderError::Missing`].
    ///
    /// Missing is what has no value or is `null`; an empty text is not. It counts wherever it would
    /// leave a hole: shown alone, put through filters (`{{ x | upcase }}`), or given to one
    /// (`{{ 'Hi ' | append: x }}`). The filter `default` fills it in, and asking for it in `if`,
    /// `unless`, `case` and `for` is fine. A text that `assign` makes from a missing value is missing
    /// as well.
    #[default]
    Refuse,
}

/// What a rendering may see. Borrows the data; making one is cheap.
#[derive(Debug, Clone)]
pub struct Scope<'a> {
    roots: &'a [(&'a str, &'a Json)],
    now: Timestamp,
    zone: TimeZone,
    missing: MissingPolicy,
}

impl<'a> Scope<'a> {
    /// The named values a template starts its paths from, and the instant `'now'` means.
    ///
    /// The time zone is UTC and missing values are refused until said otherwise.
    #[must_use]
    pub fn new(roots: &'a [(&'a str, &'a Json)], now: Timestamp) -> Self {
        Scope { roots, now, zone: TimeZone::UTC, missing: MissingPolicy::default() }
    }

    /// Dates are shown in this zone.
    #[must_use]
    pub fn in_zone(mut self, zone: TimeZone) -> Self {
        self.zone = zone;
        self
    }

    /// What happens to missing values.
    #[must_use]
    pub fn with_missing(mut self, missing: MissingPolicy) -> Self {
        self.missing = missing;
        self
    }
}

/// A compiled text. Cloning one is cheap; it may be used from many threads.
#[derive(Clone)]
pub struct Template {
    compiled: Arc<Compiled>,
}

struct Compiled {
    source: Box<str>,
    nodes: ast::Block,
}

impl Template {
    /// Compiles a source of at most [`limits::SOURCE_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// When the source is not a template, with the place and, for a mistyped tag or filter, the
    /// likely right one.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        let nodes = parser::parse(source).map_err(|spot| spot.locate(source))?;
        Ok(Template { compiled: Arc::new(Compiled { source: source.into(), nodes }) })
    }

    /// The text for this data.
    ///
    /// # Errors
    /// When a value is missing, a filter cannot work on what it gets, or a limit is reached. Nothing
    /// of the text is handed out then.
    pub fn render(&self, scope: &Scope<'_>, limits: &RenderLimits) -> Result<String, RenderError> {
        render::render(&self.compiled.nodes, scope, limits)
            .map_err(|failure| failure.locate(&self.compiled.source, limits))
    }

    /// The paths this text takes from its data, sorted, each once: `contact.first_name`.
    ///
    /// Names the text gives itself (`assign`, `capture`, the item of a `for`, counters) are left out. A
    /// list item is written `event.items[0]`; a path ends before an index that is only known when
    /// rendered, and before `size`, `first` and `last`.
    #[must_use]
    pub fn variables(&self) -> Vec<String> {
        variables::list(&self.compiled.nodes)
    }

    /// The source it was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.compiled.source
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.source()).finish()
    }
}

impl PartialEq for Template {
    /// Templates are equal when their sources are.
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

impl Eq for Template {}
