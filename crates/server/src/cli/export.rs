//! `wayline export`: the definitions that run on a server, as a workspace folder.
//!
//! Must never write outside the folder, whatever names the server gives, and must never mix with what is there
//! unless a person says so.

use super::apply::Folder;
use super::remote::{ServerArgs, wait_for};
use super::{CliError, answer, files, say};
use clap::Args;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  wayline export shop shop-live           into a new or empty folder
  wayline export shop shop --force        over what is there

The files are in canonical form: equal meaning, equal text. Each is written whole or not at all. With
--force files that the server does not have stay, and are told.";

/// What to write, and where.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExportArgs {
    /// The workspace
    #[arg(value_name = "WORKSPACE")]
    workspace: String,
    /// The folder; it is made when it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Also into a folder that is not empty
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Writes the folder.
///
/// # Errors
/// When the server cannot give it, the folder is not empty, or the disk fails.
pub(crate) fn run(args: &ExportArgs) -> Result<(), CliError> {
    let folder = &args.folder;
    let write = |source| CliError::Write { path: folder.clone(), source };
    if !args.force && !is_empty(folder).map_err(write)? {
        return Err(CliError::NotEmpty { path: folder.clone() });
    }
    let client = args.server.client()?;
    let path = ["api", "v1", "workspaces", args.workspace.as_str(), "export"];
    let Folder { files } = wait_for(async { Ok(client.get(&path).await?) })?;
    if let Some(name) = files.keys().find(|name| !is_definition(name)) {
        return Err(client.strange(format!("a definition of the name {name:?}")).into());
    }
    for (name, text) in &files {
        let path = folder.join(name);
        write_whole(&path, text).map_err(|source| CliError::Write { path, source })?;
    }
    tell_what_stays(folder, &files)?;
    answer(&format!("{} files of {} are in {}\n", files.len(), args.workspace, folder.display()))
}

/// Whether nothing is in the folder; one that is not there is empty.
pub(crate) fn is_empty(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// `workspace.yaml`, `journeys/NAME.yaml` and `segments/NAME.yaml`, and nothing that leads elsewhere.
fn is_definition(name: &str) -> bool {
    let is_plain = |name: &str| {
        name.strip_suffix(".yaml").is_some_and(|stem| {
            !stem.is_empty() && stem.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
        })
    };
    match name.split_once('/') {
        None => name == "workspace.yaml",
        Some(("journeys" | "segments", name)) => is_plain(name),
        Some(_) => false,
    }
}

/// Writes a file under another name first, so that nobody sees half of it.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Names the definitions that were there before and that the server does not have.
fn tell_what_stays(folder: &Path, written: &BTreeMap<String, String>) -> Result<(), CliError> {
    for file in files::read_folder(folder)? {
        if !written.contains_key(&file.name) {
            let path = file.path.display();
            say(&format!(
                "{path} is not on the server; it stays. Remove it, or `wayline apply` publishes it\n"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        for name in ["workspace.yaml", "journeys/winback.yaml", "segments/a-b_9.yaml"] {
            assert!(is_definition(name), "{name}");
        }
        for name in [
            "",
            "/",
            ".",
            "..",
            "../workspace.yaml",
            "/etc/passwd",
            "journeys/../../x.yaml",
            "journeys/..yaml",
            "journeys/.yaml",
            "journeys//x.yaml",
            "journeys/a/b.yaml",
            "journeys/.hidden.yaml",
            "journeys/a\\b.yaml",
            "journeys/a\0.yaml",
            "journeys/x.sh",
            "journeys",
            "other/x.yaml",
            "workspace.yaml/x.yaml",
            "C:/x.yaml",
            "journeys/C:x.yaml",
        ] {
            assert!(!is_definition(name), "{name}");
        }
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journeys/a.yaml");
        assert!(is_empty(&folder.path().join("none")).expect("look"));
        write_whole(&path, "old").expect("write");
        write_whole(&path, "new").expect("write");
        assert_eq!(fs::read_to_string(&path).expect("read"), "new");
        assert_eq!(fs::read_dir(folder.path().join("journeys")).expect("list").count(), 1);
        assert!(!is_empty(folder.path()).expect("look"));
    }
}
