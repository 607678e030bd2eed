//! Workspace folders and single definition files, read from the disk and checked by the core.
//!
//! Must never judge by itself: it names files as the person does, and hands them to the core.

use super::CliError;
use super::files::{self, DefinitionFile};
use super::findings::Findings;
use std::path::{Path, PathBuf};
use wayline_core::ids::{JourneyId, WorkspaceId};
use wayline_core::journey::compile::{compile, journey_file, segment_file};
use wayline_core::journey::form::Form;
use wayline_core::journey::node::{self, Value};
use wayline_core::journey::parse::{parse_journey, parse_segment, parse_workspace};
use wayline_core::journey::print::print;
use wayline_core::journey::problem::{Code, Problem, Severity};
use wayline_core::journey::validate::{self, Scope};
use wayline_core::journey::workspace::{LoadedWorkspace, load};

/// What was found at one path of the command line.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Files and problems.
    pub(crate) findings: Findings,
    /// The folder, when it is one and is right.
    pub(crate) loaded: Option<LoadedWorkspace>,
    /// The files that are definitions, in their order.
    pub(crate) sources: Vec<Source>,
}

/// A file that holds a definition.
#[derive(Debug)]
pub(crate) struct Source {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it holds.
    pub(crate) bytes: Vec<u8>,
    kind: Kind,
}

/// The three kinds of definition files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `journeys/*.yaml`.
    Journey,
    /// `segments/*.yaml`.
    Segment,
    /// `workspace.yaml`.
    Workspace,
}

impl Source {
    /// The canonical text, when the file can be parsed.
    pub(crate) fn canonical(&self) -> Option<String> {
        match self.kind {
            Kind::Journey => parse_journey("", &self.bytes).ok().map(|it| print(&it)),
            Kind::Segment => parse_segment("", &self.bytes).ok().map(|it| print(&it)),
            Kind::Workspace => parse_workspace("", &self.bytes).ok().map(|it| print(&it)),
        }
    }
}

/// Checks a folder, or a file by itself.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn check(path: &Path) -> Result<Checked, CliError> {
    if files::is_folder(path)? { check_folder(path) } else { check_file(path) }
}

/// Checks a workspace folder, and whether all of it can be published.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn check_folder(folder: &Path) -> Result<Checked, CliError> {
    let files = files::read_folder(folder)?;
    let (loaded, mut problems) =
        match load(files.iter().map(|file| (file.name.as_str(), file.bytes.as_slice()))) {
            Ok(loaded) => {
                let mut problems = loaded.warnings.clone();
                problems.extend(not_publishable(&loaded));
                (Some(loaded), problems)
            }
            Err(problems) => (None, problems),
        };
    for problem in &mut problems {
        problem.file = folder.join(&problem.file).display().to_string();
    }
    let count = files.iter().filter(|file| files::is_yaml(&file.name)).count();
    let findings = Findings { files: count, problems };
    let sources = files.into_iter().filter_map(source).collect();
    Ok(Checked { findings, loaded, sources })
}

fn source(file: DefinitionFile) -> Option<Source> {
    let kind = match file.name.split('/').collect::<Vec<_>>().as_slice() {
        ["workspace.yaml" | "workspace.yml" | "workspace.json"] => Kind::Workspace,
        ["journeys", name] if files::is_yaml(name) => Kind::Journey,
        ["segments", name] if files::is_yaml(name) => Kind::Segment,
        _ => return None,
    };
    Some(Source { path: file.path, bytes: file.bytes, kind })
}

/// What is right and does not compile: nothing runs it yet.
fn not_publishable(loaded: &LoadedWorkspace) -> Vec<Problem> {
    let segments: Vec<_> = loaded.segment_definitions().collect();
    let journeys: Vec<_> = (1..)
        .zip(loaded.journey_definitions())
        .map(|(id, journey)| (JourneyId(id), 1, true, journey))
        .collect();
    let compiled = compile(&loaded.workspace, &segments, &journeys, 0, WorkspaceId(1));
    let mut problems = compiled.err().unwrap_or_default();
    for problem in &mut problems {
        early(problem);
        // The compiler names files after what they hold.
        let journey =
            loaded.journeys.iter().find(|it| journey_file(&it.definition) == problem.file);
        let segment =
            loaded.segments.iter().find(|it| segment_file(&it.definition) == problem.file);
        let real = journey.map(|it| &it.file).or_else(|| segment.map(|it| &it.file));
        if let Some(file) = real {
            problem.file.clone_from(file);
        }
    }
    problems
}

/// A file that nothing runs yet is no wrong file.
fn early(problem: &mut Problem) {
    if problem.code == Code::NotPublishable {
        problem.severity = Severity::Warning;
    }
}

/// Checks one file; what other files hold is taken as good.
fn check_file(path: &Path) -> Result<Checked, CliError> {
    let bytes = files::read_file(path)?;
    let file = path.display().to_string();
    let (problems, sources) = match kind(path, &bytes) {
        Some(kind) => {
            let problems = problems(kind, &file, &bytes);
            (problems, vec![Source { path: path.to_owned(), bytes, kind }])
        }
        None => (vec![of_no_kind(&file)], Vec::new()),
    };
    Ok(Checked { findings: Findings { files: 1, problems }, loaded: None, sources })
}

fn problems(kind: Kind, file: &str, bytes: &[u8]) -> Vec<Problem> {
    let scope = Scope::alone();
    match kind {
        Kind::Journey => with(parse_journey(file, bytes), |journey| {
            let mut problems = validate::validate_journey(file, journey, &scope);
            if problems.iter().all(|problem| problem.severity != Severity::Error) {
                problems.extend(validate::publishable(file, journey));
                problems.iter_mut().for_each(early);
            }
            problems
        }),
        Kind::Segment => with(parse_segment(file, bytes), |segment| {
            validate::validate_segment(file, segment, &scope)
        }),
        Kind::Workspace => with(parse_workspace(file, bytes), |workspace| {
            validate::validate_workspace(file, workspace, &scope)
        }),
    }
}

fn with<T: Form>(
    parsed: Result<T, Vec<Problem>>,
    check: impl FnOnce(&T) -> Vec<Problem>,
) -> Vec<Problem> {
    match parsed {
        Ok(definition) => check(&definition),
        Err(problems) => problems,
    }
}

/// By what it says of itself, else by where it stands.
fn kind(path: &Path, bytes: &[u8]) -> Option<Kind> {
    if let Ok(node) = node::read(bytes)
        && let Value::Map(entries) = &node.value
    {
        let said = entries.iter().find_map(|(key, _)| match key.text.as_str() {
            "journey" => Some(Kind::Journey),
            "segment" => Some(Kind::Segment),
            "workspace" => Some(Kind::Workspace),
            _ => None,
        });
        if said.is_some() {
            return said;
        }
    }
    let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    match path.parent().and_then(name).as_deref() {
        Some("journeys") => Some(Kind::Journey),
        Some("segments") => Some(Kind::Segment),
        _ if stem == Some("workspace") => Some(Kind::Workspace),
        // What is no YAML at all is wrong in the same way whatever it should be.
        _ => node::read(bytes).is_err().then_some(Kind::Journey),
    }
}

fn of_no_kind(file: &str) -> Problem {
    Problem {
        severity: Severity::Error,
        code: Code::MissingKey,
        file: file.to_owned(),
        line: 1,
        column: 1,
        message: "this does not say what it is; begin it with \"journey: id\", \"segment: id\" or \
                  \"workspace: id\""
            .to_owned(),
    }
}
