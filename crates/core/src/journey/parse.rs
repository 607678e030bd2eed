//! Text → definition, with every problem of the file at its line and column.
//!
//! Must never read a file (bytes come in) and never refuse what only other files can tell.

use super::definition::{Journey, Segment, Workspace};
use super::form::{Form, Report};
use super::node::{self, Node};
use super::problem::{Problem, Severity};

/// Reads a journey. What it says is not checked here: `validate` does that.
///
/// # Errors
/// Every problem found, in the order of the file.
pub fn parse_journey(file: &str, bytes: &[u8]) -> Result<Journey, Vec<Problem>> {
    parse(file, bytes)
}

/// Reads a segment.
///
/// # Errors
/// Every problem found, in the order of the file.
pub fn parse_segment(file: &str, bytes: &[u8]) -> Result<Segment, Vec<Problem>> {
    parse(file, bytes)
}

/// Reads `workspace.yaml`.
///
/// # Errors
/// Every problem found, in the order of the file.
pub fn parse_workspace(file: &str, bytes: &[u8]) -> Result<Workspace, Vec<Problem>> {
    parse(file, bytes)
}

/// Reads any type of the language.
///
/// # Errors
/// Every problem found, in the order of the file.
pub fn parse<T: Form>(file: &str, bytes: &[u8]) -> Result<T, Vec<Problem>> {
    let node = match node::read(bytes) {
        Ok(node) => node,
        Err(error) => {
            return Err(vec![Problem {
                severity: Severity::Error,
                code: error.code,
                file: file.to_owned(),
                line: error.at.line,
                column: error.at.column,
                message: error.message,
            }]);
        }
    };
    decode(file, &node)
}

/// Reads any type of the language from a tree.
///
/// # Errors
/// Every problem found, in the order of the file.
pub fn decode<T: Form>(file: &str, node: &Node) -> Result<T, Vec<Problem>> {
    let mut report = Report::new(file);
    let read = T::decode(node, &mut report);
    let problems = report.into_problems();
    match read {
        Some(read) if problems.is_empty() => Ok(read),
        _ => Err(problems),
    }
}
