//! Replays, and reads what they wrote.

use crate::program::{Said, run};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Files that two runs with the same input and seed must write alike.
pub(crate) const SAME: [&str; 5] =
    ["messages.csv", "enrollments.csv", "decisions.ndjson", "refused.csv", "dead_letters.ndjson"];

/// A row of a table by the names of its columns.
pub(crate) type Row = BTreeMap<String, String>;

/// A command line of `wayline replay` without its `--out`.
#[derive(Clone, Default)]
pub(crate) struct Replay(Vec<OsString>);

impl Replay {
    /// Of a workspace folder.
    pub(crate) fn of(workspace: &Path) -> Replay {
        Replay(vec!["replay".into(), "--workspace".into(), workspace.into()])
    }

    /// With another option.
    pub(crate) fn with(&self, option: &str, value: impl Into<OsString>) -> Replay {
        let mut arguments = self.0.clone();
        arguments.extend([option.into(), value.into()]);
        Replay(arguments)
    }

    /// With a flag.
    pub(crate) fn flag(&self, flag: &str) -> Replay {
        let mut arguments = self.0.clone();
        arguments.push(flag.into());
        Replay(arguments)
    }

    /// Runs it, well or not.
    pub(crate) fn attempt(&self, out: &Path) -> Said {
        run(self.with("--out", out).0)
    }

    /// Runs it into a folder of its own; it must go well.
    pub(crate) fn run(&self) -> Replayed {
        let folder = tempfile::tempdir().expect("a folder");
        let said = self.attempt(folder.path());
        assert_eq!(said.code, 0, "{}", said.err);
        Replayed { folder, said }
    }

    /// The arguments, for who starts it in another way.
    pub(crate) fn arguments(&self) -> &[OsString] {
        &self.0
    }
}

/// What a replay wrote.
pub(crate) struct Replayed {
    folder: TempDir,
    pub(crate) said: Said,
}

impl Replayed {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file, whole.
    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file of the replay")
    }

    /// A table.
    pub(crate) fn table(&self, name: &str) -> Vec<Row> {
        let mut reader = csv::Reader::from_path(self.path(name)).expect("a table");
        reader.deserialize().map(|row| row.expect("a row")).collect()
    }

    /// The rows of messages that were sent.
    pub(crate) fn sent(&self) -> Vec<Row> {
        let rows = self.table("messages.csv").into_iter();
        rows.filter(|row| row["outcome"] == "sent").collect()
    }

    /// Lines of JSON.
    pub(crate) fn lines(&self, name: &str) -> Vec<serde_json::Value> {
        let text = self.text(name);
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// A count of the summary.
    pub(crate) fn count(&self, name: &str) -> u64 {
        let summary: serde_json::Value =
            serde_json::from_str(&self.text("summary.json")).expect("a summary");
        summary[name].as_u64().expect("a count")
    }

    /// Whether another replay wrote the same, byte for byte; where not, the first line that differs.
    pub(crate) fn assert_same(&self, other: &Replayed, what: &str) {
        for name in SAME {
            if !self.path(name).exists() && !other.path(name).exists() {
                continue;
            }
            let (ours, theirs) = (self.text(name), other.text(name));
            if ours == theirs {
                continue;
            }
            let differs = ours.lines().zip(theirs.lines()).find(|(ours, theirs)| ours != theirs);
            panic!(
                "{what}: {name} differs ({} and {} lines), first here:\n{differs:#?}",
                ours.lines().count(),
                theirs.lines().count()
            );
        }
    }
}

/// Writes an input.
pub(crate) fn input(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).expect("write an input");
    path
}
