//! What can go wrong with a template, always with the place in its source.
//!
//! Must never carry a person's data: a message names paths and limits, and quotes values only where
//! the author has to see them to mend the text.

use super::filters::Fault;

/// Why a source is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct TemplateError {
    /// Line of the problem, from 1.
    pub line: u32,
    /// Column of the problem in characters, from 1.
    pub column: u32,
    /// What happened, to what, and what to do.
    pub message: String,
}

/// Why a template gave no text for this data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The text would have a hole where a value belongs ([`super::MissingPolicy::Refuse`]).
    #[error(
        "line {line}, column {column}: {path} has no value here; give it one with \
         `| default: '...'` or ask for it with `if`"
    )]
    Missing {
        /// What has no value, as the template writes it.
        path: String,
        /// Line of the output, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
    },
    /// A filter cannot work on what it was given.
    #[error("line {line}, column {column}: {filter}: {problem}")]
    Filter {
        /// Name of the filter.
        filter: &'static str,
        /// What it was given and what it wants.
        problem: String,
        /// Line of the filter, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
    },
    /// A tag cannot work on what it was given.
    #[error("line {line}, column {column}: {problem}")]
    Value {
        /// What it was given and what it wants.
        problem: String,
        /// Line of the tag, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
    },
    /// More work than one text may cause.
    #[error(
        "line {line}, column {column}: the template takes more than {limit} steps; make its loops \
         or texts shorter"
    )]
    OutOfFuel {
        /// [`super::RenderLimits::fuel`].
        limit: u64,
        /// Line that used the last step, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
    },
    /// The result is too long.
    #[error(
        "line {line}, column {column}: the text grows longer than {limit} bytes; shorten it or \
         give its loops a limit"
    )]
    OutputTooLong {
        /// [`super::RenderLimits::output_bytes`].
        limit: usize,
        /// Line that passed the limit, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
    },
    /// A text made on the way is too long.
    #[error(
        "line {line}, column {column}: a text made here is longer than {limit} bytes; shorten what \
         is put together"
    )]
    StringTooLong {
        /// [`super::RenderLimits::string_bytes`].
        limit: usize,
        /// Line that passed the limit, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
    },
}

/// Line and column, both from 1, of a byte offset; the column counts characters.
pub(super) fn position(source: &str, at: u32) -> (u32, u32) {
    let end = (at as usize).min(source.len());
    let before = source.get(..end).unwrap_or(source);
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    let line = before.bytes().filter(|b| *b == b'\n').count() as u32 + 1;
    (line, before[line_start..].chars().count() as u32 + 1)
}

/// A problem of parsing before its line and column are worked out.
#[derive(Debug)]
pub(super) struct Spot {
    pub(super) at: u32,
    pub(super) message: String,
}

impl Spot {
    pub(super) fn new(at: usize, message: impl Into<String>) -> Self {
        Spot { at: at as u32, message: message.into() }
    }

    pub(super) fn locate(self, source: &str) -> TemplateError {
        let (line, column) = position(source, self.at);
        TemplateError { line, column, message: self.message }
    }
}

/// A problem of rendering before its line and column are worked out.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) at: u32,
    pub(super) why: Why,
}

/// What [`Failure`] says.
#[derive(Debug)]
pub(super) enum Why {
    Missing(String),
    Filter(&'static str, String),
    Value(String),
    Fuel,
    Output,
    Text,
}

impl Failure {
    /// A fault of a named filter, or of a tag when there is no name.
    pub(super) fn from_fault(at: u32, filter: Option<&'static str>, fault: Fault) -> Self {
        let why = match (fault, filter) {
            (Fault::Fuel, _) => Why::Fuel,
            (Fault::Text, _) => Why::Text,
            (Fault::Bad(problem), Some(name)) => Why::Filter(name, problem),
            (Fault::Bad(problem), None) => Why::Value(problem),
        };
        Failure { at, why }
    }

    pub(super) fn locate(self, source: &str, limits: &super::RenderLimits) -> RenderError {
        let (line, column) = position(source, self.at);
        match self.why {
            Why::Missing(path) => RenderError::Missing { path, line, column },
            Why::Filter(filter, problem) => RenderError::Filter { filter, problem, line, column },
            Why::Value(problem) => RenderError::Value { problem, line, column },
            Why::Fuel => RenderError::OutOfFuel { limit: limits.fuel, line, column },
            Why::Output => RenderError::OutputTooLong { limit: limits.output_bytes, line, column },
            Why::Text => RenderError::StringTooLong { limit: limits.string_bytes, line, column },
        }
    }
}
