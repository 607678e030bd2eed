//! What a check found, for people and for programs.
//!
//! Must never hide a finding: every problem stands on a line of its own.

use super::Format;
use serde::Serialize;
use wayline_core::journey::problem::{Code, Problem, Severity};

/// Everything that was found in some files.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Files looked at.
    pub(crate) files: usize,
    /// What is wrong with them, in the order of the files.
    pub(crate) problems: Vec<Problem>,
}

/// How much was found.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Summary {
    files: usize,
    errors: usize,
    warnings: usize,
    not_publishable: usize,
}

/// The last line of JSON, which is no problem.
#[derive(Serialize)]
struct SummaryLine {
    summary: Summary,
}

impl Findings {
    /// Adds what another check found.
    pub(crate) fn extend(&mut self, other: Findings) {
        self.files += other.files;
        self.problems.extend(other.problems);
    }

    /// Whether anything cannot be used.
    pub(crate) fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// A line for each problem.
    pub(crate) fn lines(&self, format: Format) -> String {
        self.problems.iter().map(|problem| line(problem, format) + "\n").collect()
    }

    /// One line that sums up.
    pub(crate) fn summary(&self, format: Format) -> String {
        let of = |severity| self.problems.iter().filter(move |it| it.severity == severity);
        let not_publishable = of(Severity::Warning).filter(|it| is_early(it)).count();
        let summary = Summary {
            files: self.files,
            errors: of(Severity::Error).count(),
            warnings: of(Severity::Warning).count() - not_publishable,
            not_publishable,
        };
        match format {
            Format::Json => json(&SummaryLine { summary }) + "\n",
            Format::Text => summary.sentence(),
        }
    }
}

impl Summary {
    fn sentence(&self) -> String {
        let mut text = format!(
            "{}: {}, {}",
            counted(self.files, "file"),
            counted(self.errors, "error"),
            counted(self.warnings, "warning"),
        );
        if self.not_publishable > 0 {
            text.push_str(&format!(", {} valid but not to be published yet", self.not_publishable));
        }
        text + "\n"
    }
}

/// Valid, and nothing runs it yet.
fn is_early(problem: &Problem) -> bool {
    problem.code == Code::NotPublishable
}

fn line(problem: &Problem, format: Format) -> String {
    let Problem { severity, code, file, line, column, message } = problem;
    match format {
        Format::Json => json(problem),
        Format::Text if *line == 0 => format!("{file}: {severity}: {message} [{code}]"),
        Format::Text => format!("{file}:{line}:{column}: {severity}: {message} [{code}]"),
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// One line of JSON. Texts and numbers always have one.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
