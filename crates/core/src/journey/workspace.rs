//! A workspace folder: files in, definitions out, everything checked together.
//!
//! Must never read a disk: the caller hands in paths and bytes.

use super::definition::{Journey, Segment, Workspace};
use super::form::{Form, Report};
use super::parse::parse;
use super::problem::{Code, Problem, Severity, Spot};
use super::validate::{self, Scope};
use crate::limits;
use std::collections::BTreeMap;

/// A file and what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Sourced<T> {
    /// Path inside the folder.
    pub file: String,
    /// What it says.
    pub definition: T,
}

/// A workspace folder that is right, sorted by id.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedWorkspace {
    /// `workspace.yaml`.
    pub workspace: Workspace,
    /// `journeys/*.yaml`.
    pub journeys: Vec<Sourced<Journey>>,
    /// `segments/*.yaml`.
    pub segments: Vec<Sourced<Segment>>,
    /// Findings that do not stop anything.
    pub warnings: Vec<Problem>,
}

impl LoadedWorkspace {
    /// The journeys, in the order of their ids.
    pub fn journey_definitions(&self) -> impl Iterator<Item = &Journey> {
        self.journeys.iter().map(|journey| &journey.definition)
    }

    /// The segments, in the order of their ids.
    pub fn segment_definitions(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().map(|segment| &segment.definition)
    }
}

/// Name of the file with the settings.
pub const WORKSPACE_FILE: &str = "workspace.yaml";

/// Reads and checks all files of a folder, given as (path inside the folder, bytes) in any order.
///
/// # Errors
/// Every problem of every file, warnings among them, when at least one is an error.
pub fn load<'f>(
    files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
) -> Result<LoadedWorkspace, Vec<Problem>> {
    let mut files: Vec<(&str, &[u8])> = files.into_iter().collect();
    files.sort_unstable();
    let mut folder = Folder::default();
    for (path, bytes) in files {
        folder.take(path, bytes);
    }
    folder.finish()
}

#[derive(Default)]
struct Folder {
    workspace: Option<Workspace>,
    has_workspace_file: bool,
    journeys: BTreeMap<String, Sourced<Journey>>,
    segments: BTreeMap<String, Sourced<Segment>>,
    problems: Vec<Problem>,
}

impl Folder {
    fn take(&mut self, path: &str, bytes: &[u8]) {
        let normal = path.replace('\\', "/");
        let normal = normal.strip_prefix("./").unwrap_or(&normal);
        let is_yaml = [".yaml", ".yml", ".json"].iter().any(|end| normal.ends_with(end));
        let parts: Vec<&str> = normal.split('/').collect();
        match parts.as_slice() {
            ["workspace.yaml" | "workspace.yml" | "workspace.json"] => {
                if std::mem::replace(&mut self.has_workspace_file, true) {
                    self.tell(Code::DuplicateId, normal, Spot::default(), {
                        "there are two workspace files; keep workspace.yaml"
                    });
                }
                self.workspace = self.parsed(normal, bytes).or(self.workspace.take());
            }
            ["journeys", name] if is_yaml => {
                if let Some(journey) = self.parsed::<Journey>(normal, bytes) {
                    let id = (journey.journey.text.clone(), journey.journey.at);
                    self.name_matches(normal, name, &id);
                    let sourced = Sourced { file: normal.to_owned(), definition: journey };
                    let earlier = self.journeys.insert(id.0.clone(), sourced).map(|it| it.file);
                    self.no_twin("journey", normal, earlier, &id);
                }
            }
            ["segments", name] if is_yaml => {
                if let Some(segment) = self.parsed::<Segment>(normal, bytes) {
                    let id = (segment.segment.text.clone(), segment.segment.at);
                    self.name_matches(normal, name, &id);
                    let sourced = Sourced { file: normal.to_owned(), definition: segment };
                    let earlier = self.segments.insert(id.0.clone(), sourced).map(|it| it.file);
                    self.no_twin("segment", normal, earlier, &id);
                }
            }
            _ => {
                let mut report = Report::new(normal);
                let message = "no part of a workspace; journeys/*.yaml, segments/*.yaml and \
                               workspace.yaml are";
                report.warn(Code::UnknownFile, Spot::default(), message);
                self.problems.extend(report.into_problems());
            }
        }
    }

    fn tell(&mut self, code: Code, file: &str, at: Spot, message: impl Into<String>) {
        let mut report = Report::new(file);
        report.error(code, at, message);
        self.problems.extend(report.into_problems());
    }

    fn parsed<T: Form>(&mut self, file: &str, bytes: &[u8]) -> Option<T> {
        parse(file, bytes).map_err(|problems| self.problems.extend(problems)).ok()
    }

    fn name_matches(&mut self, file: &str, name: &str, (id, at): &(String, Spot)) {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        if stem != id {
            let mut report = Report::new(file);
            let message = format!("the file is named {stem:?} and holds {id:?}; name them alike");
            report.warn(Code::FileName, *at, message);
            self.problems.extend(report.into_problems());
        }
    }

    fn no_twin(&mut self, what: &str, file: &str, earlier: Option<String>, id: &(String, Spot)) {
        if let Some(earlier) = earlier {
            let message = format!("the {what} {:?} stands in {earlier} already", id.0);
            self.tell(Code::DuplicateId, file, id.1, message);
        }
    }

    fn finish(mut self) -> Result<LoadedWorkspace, Vec<Problem>> {
        if !self.has_workspace_file {
            let message = "the folder has no workspace.yaml; it holds the settings";
            self.tell(Code::MissingFile, WORKSPACE_FILE, Spot::default(), message);
        }
        let counts = [
            ("journeys", self.journeys.len(), limits::JOURNEYS_MAX),
            ("segments", self.segments.len(), limits::SEGMENTS_MAX),
        ];
        for (what, count, most) in counts {
            if count > most {
                let message = format!("the folder has {count} {what} and may have {most}");
                self.tell(Code::TooLarge, WORKSPACE_FILE, Spot::default(), message);
            }
        }
        // References into files that could not be read would only repeat what is known.
        let readable = !self.problems.iter().any(|problem| problem.severity == Severity::Error);
        if readable {
            self.check();
        }
        self.problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        let wrong = self.problems.iter().any(|problem| problem.severity == Severity::Error);
        match self.workspace {
            Some(workspace) if !wrong => Ok(LoadedWorkspace {
                workspace,
                journeys: self.journeys.into_values().collect(),
                segments: self.segments.into_values().collect(),
                warnings: self.problems,
            }),
            _ => Err(self.problems),
        }
    }

    fn check(&mut self) {
        let segments: Vec<&Segment> = self.segments.values().map(|it| &it.definition).collect();
        let journeys: Vec<&Journey> = self.journeys.values().map(|it| &it.definition).collect();
        let scope = Scope::new(self.workspace.as_ref(), &segments, &journeys);
        let mut found = Vec::new();
        if let Some(workspace) = &self.workspace {
            found.extend(validate::validate_workspace(WORKSPACE_FILE, workspace, &scope));
        }
        for journey in self.journeys.values() {
            let (file, definition) = (&journey.file, &journey.definition);
            found.extend(validate::validate_journey(file, definition, &scope));
        }
        for segment in self.segments.values() {
            let (file, definition) = (&segment.file, &segment.definition);
            found.extend(validate::validate_segment(file, definition, &scope));
        }
        self.problems.extend(found);
    }
}
