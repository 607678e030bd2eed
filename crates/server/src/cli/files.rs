//! Definition files on the disk: which belong to a workspace folder, and reading them within limits.
//!
//! Must never wait for a pipe, follow a link to a folder, or read more than a definition may hold;
//! what the files say is for the core.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use wayline_core::journey::problem::nearest;
use wayline_core::limits;

/// Files and folders looked at in one workspace folder.
const ENTRIES_MAX: usize = 10_000;
/// Bytes of all definitions of one workspace folder.
const FOLDER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Folders of a workspace that hold definitions.
const DEFINITION_FOLDERS: [&str; 2] = ["journeys", "segments"];
/// Definitions that stand beside a workspace and are not part of it: how a replay's world behaves.
const NEIGHBOURS: [&str; 2] = ["world.yaml", "world.yml"];

/// Why definitions could not be read from the disk.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilesError {
    /// Nothing of that name.
    #[error("{path} does not exist; check the name")]
    NotFound {
        /// As given, or inside the folder given.
        path: PathBuf,
    },
    /// A link that leads nowhere.
    #[error("{path} is a link to {target}, which does not exist; mend or remove it")]
    BrokenLink {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// A link to a folder inside a workspace: it could lead around in circles.
    #[error("{path} is a link to a folder; put the files themselves there")]
    LinkToFolder {
        /// The link.
        path: PathBuf,
    },
    /// A folder was needed.
    #[error("{path} is a file; name the folder that holds workspace.yaml")]
    NotAFolder {
        /// As given.
        path: PathBuf,
    },
    /// A device, a pipe, a folder where a file should be.
    #[error("{path} is not a file; a definition is a file of YAML")]
    NotAFile {
        /// What it is called.
        path: PathBuf,
    },
    /// A name that cannot be shown.
    #[error("{path:?} has a name that is not UTF-8; rename it")]
    BadName {
        /// What it is called.
        path: PathBuf,
    },
    /// This is no workspace.
    #[error("{path} holds more than {ENTRIES_MAX} files; is it the folder with workspace.yaml?")]
    TooMany {
        /// The folder.
        path: PathBuf,
    },
    /// More than one workspace can mean.
    #[error(
        "the definitions in {path} have more than {FOLDER_BYTES_MAX} bytes together; is it the \
         folder with workspace.yaml?"
    )]
    TooMuch {
        /// The folder.
        path: PathBuf,
    },
    /// More than one definition may hold.
    #[error(
        "{path} has more than {} bytes, the most of one definition; split it",
        limits::DEFINITION_BYTES_MAX
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file system failed.
    #[error("{path} could not be read; check its permissions")]
    Io {
        /// What was being read.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A file of a workspace folder.
#[derive(Debug)]
pub(crate) struct DefinitionFile {
    /// Path inside the folder, with `/`.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it holds; nothing when its name says that it is no definition.
    pub(crate) bytes: Vec<u8>,
}

/// Reads the files of a workspace folder, sorted by name.
///
/// These are YAML and JSON files at its top and everything below `journeys` and `segments`. Left out
/// are hidden files, Markdown, and what else stands at the top (history, a world, other folders).
///
/// # Errors
/// When anything that belongs to the folder cannot be read.
pub(crate) fn read_folder(folder: &Path) -> Result<Vec<DefinitionFile>, FilesError> {
    if !metadata(folder)?.is_dir() {
        return Err(FilesError::NotAFolder { path: folder.to_owned() });
    }
    let mut walk = Walk { root: folder, files: Vec::new(), entries: 0, bytes: 0 };
    let mut open = vec![(folder.to_owned(), String::new())];
    while let Some((path, prefix)) = open.pop() {
        walk.folder(&path, &prefix, &mut open)?;
    }
    walk.files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(walk.files)
}

/// Reads one file that was named by hand; a pipe is fine then.
///
/// # Errors
/// When there is none, or it cannot be read.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, FilesError> {
    if metadata(path)?.is_dir() {
        return Err(FilesError::NotAFile { path: path.to_owned() });
    }
    read_bounded(path)
}

/// Whether the path is a folder.
///
/// # Errors
/// When there is nothing, or it cannot be looked at.
pub(crate) fn is_folder(path: &Path) -> Result<bool, FilesError> {
    Ok(metadata(path)?.is_dir())
}

struct Walk<'a> {
    root: &'a Path,
    files: Vec<DefinitionFile>,
    entries: usize,
    bytes: usize,
}

impl Walk<'_> {
    fn folder(
        &mut self,
        path: &Path,
        prefix: &str,
        open: &mut Vec<(PathBuf, String)>,
    ) -> Result<(), FilesError> {
        let failed = |source| FilesError::Io { path: path.to_owned(), source };
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            self.entries += 1;
            if self.entries > ENTRIES_MAX {
                return Err(FilesError::TooMany { path: self.root.to_owned() });
            }
            let path = entry.path();
            let Ok(name) = entry.file_name().into_string() else {
                return Err(FilesError::BadName { path });
            };
            if name.starts_with('.') {
                continue;
            }
            let is_top = prefix.is_empty();
            let belongs = if is_top { at_top(&name) } else { !has_end(&name, &[".md"]) };
            if belongs {
                self.entry(path, format!("{prefix}{name}"), open)?;
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        path: PathBuf,
        name: String,
        open: &mut Vec<(PathBuf, String)>,
    ) -> Result<(), FilesError> {
        let found = metadata(&path)?;
        if found.is_dir() {
            if path.is_symlink() {
                return Err(FilesError::LinkToFolder { path });
            }
            open.push((path, name + "/"));
            return Ok(());
        }
        if !found.is_file() {
            // A definition folder that is a file is told by the core; a pipe nobody should wait for.
            return Err(FilesError::NotAFile { path });
        }
        // What is no definition by its name is only mentioned, so that the core can say so.
        let bytes = if is_yaml(&name) { read_bounded(&path)? } else { Vec::new() };
        self.bytes += bytes.len();
        if self.bytes > FOLDER_BYTES_MAX {
            return Err(FilesError::TooMuch { path: self.root.to_owned() });
        }
        self.files.push(DefinitionFile { name, path, bytes });
        Ok(())
    }
}

/// What belongs to a workspace at its top, or was probably meant to.
fn at_top(name: &str) -> bool {
    let is_definition = has_end(name, &[".yaml", ".yml"]) || name == "workspace.json";
    let is_near = || nearest(name, DEFINITION_FOLDERS).is_some() && !name.contains('.');
    (is_definition && !NEIGHBOURS.contains(&name)) || is_near()
}

/// Whether the core reads files of that name.
pub(crate) fn is_yaml(name: &str) -> bool {
    has_end(name, &[".yaml", ".yml", ".json"])
}

fn has_end(name: &str, ends: &[&str]) -> bool {
    ends.iter().any(|end| name.ends_with(end))
}

/// What a path leads to, links followed.
fn metadata(path: &Path) -> Result<fs::Metadata, FilesError> {
    fs::metadata(path).map_err(|source| match (source.kind(), fs::read_link(path)) {
        (io::ErrorKind::NotFound, Ok(target)) => {
            FilesError::BrokenLink { path: path.to_owned(), target }
        }
        (io::ErrorKind::NotFound, Err(_)) => FilesError::NotFound { path: path.to_owned() },
        _ => FilesError::Io { path: path.to_owned(), source },
    })
}

/// A file as large as one definition may be.
fn read_bounded(path: &Path) -> Result<Vec<u8>, FilesError> {
    let mut bytes = Vec::new();
    let most = limits::DEFINITION_BYTES_MAX;
    File::open(path)
        .and_then(|file| file.take(most as u64 + 1).read_to_end(&mut bytes))
        .map_err(|source| FilesError::Io { path: path.to_owned(), source })?;
    if bytes.len() > most {
        return Err(FilesError::TooLarge { path: path.to_owned() });
    }
    Ok(bytes)
}
