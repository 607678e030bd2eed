//! `wayline validate`: what is wrong with definitions, where, and what to do; their canonical form.
//!
//! Must never rewrite a file that was not asked for, is wrong, or would lose its comments unasked.

use super::findings::Findings;
use super::workspace::{Source, check};
use super::{CliError, Format, answer, report, say};
use clap::{Args, ValueEnum};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use wayline_core::journey::schema;

const EXAMPLES: &str = "\
Examples:
  wayline validate examples/shop                   a whole workspace, references and all
  wayline validate journeys/cart.yaml              one file; what it refers to is taken as good
  wayline validate --format json examples/shop     one JSON object a line, the summary last
  wayline validate --print journeys/cart.yaml      the canonical form, which diffs well
  wayline validate --schema journey > journey.json for the completion of an editor

Each problem is `file:line:column: error|warning: what and what to do [code]`. What is valid but
cannot be published yet is a warning [not_publishable]. The exit code is 1 when there are errors.
With --print the canonical text goes to standard output and problems to standard error.";

/// What to check, and how to answer.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ValidateArgs {
    /// Workspace folders, and single files of journeys, segments and settings
    #[arg(value_name = "DIR|FILE", required_unless_present = "schema")]
    paths: Vec<PathBuf>,
    /// How problems are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Print the definitions in canonical form
    #[arg(long, conflicts_with = "write")]
    print: bool,
    /// Rewrite the files in canonical form, when there are no errors
    #[arg(long)]
    write: bool,
    /// With --write: also rewrite files that have comments, which the canonical form cannot keep
    #[arg(long, requires = "write")]
    drop_comments: bool,
    /// Print the JSON Schema of a kind of file, and check nothing
    #[arg(long, value_enum, value_name = "KIND", conflicts_with_all = ["paths", "print", "write"])]
    schema: Option<SchemaKind>,
}

/// The kinds of files that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SchemaKind {
    /// journeys/*.yaml
    Journey,
    /// workspace.yaml
    Workspace,
    /// segments/*.yaml
    Segment,
}

/// Checks everything that is named.
///
/// # Errors
/// When anything has errors, or cannot be read or written.
pub(crate) fn run(args: &ValidateArgs) -> Result<(), CliError> {
    if let Some(kind) = args.schema {
        return print_schema(kind);
    }
    let mut findings = Findings::default();
    let mut sources = Vec::new();
    let mut is_all_read = true;
    for path in &args.paths {
        match check(path) {
            Ok(checked) => {
                findings.extend(checked.findings);
                sources.extend(checked.sources);
            }
            // What else is named is still looked at.
            Err(error) => {
                is_all_read = false;
                report(&error);
            }
        }
    }
    let found = findings.lines(args.format) + &findings.summary(args.format);
    if args.print {
        say(&found);
        answer(&printed(&sources))?;
    } else {
        answer(&found)?;
    }
    let is_right = is_all_read && !findings.has_errors();
    if args.write {
        write(&sources, is_right, args.drop_comments)?;
    }
    if is_right { Ok(()) } else { Err(CliError::Wrong) }
}

fn print_schema(kind: SchemaKind) -> Result<(), CliError> {
    let schema = match kind {
        SchemaKind::Journey => schema::journey(),
        SchemaKind::Workspace => schema::workspace(),
        SchemaKind::Segment => schema::segment(),
    };
    // The alternate form of a value is indented.
    answer(&format!("{schema:#}\n"))
}

/// All definitions that can be parsed; each after its name when there are several.
fn printed(sources: &[Source]) -> String {
    let mut text = String::new();
    for source in sources {
        let Some(canonical) = source.canonical() else { continue };
        if sources.len() > 1 {
            text.push_str(&format!("# {}\n", source.path.display()));
        }
        text.push_str(&canonical);
    }
    text
}

/// Rewrites what is not canonical, and tells what it did beside the answer.
fn write(sources: &[Source], is_right: bool, drop_comments: bool) -> Result<(), CliError> {
    if !is_right {
        say("nothing was rewritten: mend the errors first\n");
        return Ok(());
    }
    for source in sources {
        let Some(canonical) = source.canonical() else { continue };
        if canonical.as_bytes() == source.bytes {
            continue;
        }
        let shown = source.path.display();
        if source.path.extension().is_some_and(|extension| extension == "json") {
            say(&format!("{shown}: left as it is: the canonical form is YAML, not JSON\n"));
        } else if may_have_comments(&source.bytes) && !drop_comments {
            say(&format!("{shown}: left as it is: it seems to have comments (--drop-comments)\n"));
        } else {
            replace(&source.path, &canonical)
                .map_err(|error| CliError::Write { path: source.path.clone(), source: error })?;
            say(&format!("{shown}: rewritten\n"));
        }
    }
    Ok(())
}

/// Whether anything looks like a comment. May say yes to a text with a `#` in it: nothing is lost.
fn may_have_comments(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.lines().any(|line| {
        line.trim_start().starts_with('#') || line.contains(" #") || line.contains("\t#")
    })
}

/// Gives a file a new text, whole or not at all; a link stays one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::metadata(&path)?.permissions())?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}
