//! Finds the vectors, which are kept beside the repository and not in it.

use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The path of a file below the folder of shared data, or nothing (said loudly) when it is not on
/// this machine: the caller returns at once, and the test counts as passed.
pub(crate) fn shared(relative: &str) -> Option<PathBuf> {
    let found = roots().into_iter().map(|root| root.join(relative)).find(|path| path.exists());
    if found.is_none() {
        skipped(&format!("{relative} not found; set WAYLINE_SHARED to its folder"));
    }
    found
}

/// Says loudly that something is not tested here, and what is missing.
pub(crate) fn skipped(what: &str) {
    // Past the capture of the test harness: nobody sees what a passing test prints.
    let said = format!("SKIPPED: {what}\n");
    std::io::stderr().write_all(said.as_bytes()).expect("write to stderr");
}

/// The text of a file, unpacked when its name ends in `.gz`. Bytes that are no UTF-8 are replaced.
pub(crate) fn read(path: &Path) -> String {
    let mut bytes = Vec::new();
    let file = File::open(path).expect("open a vector file");
    if path.extension().is_some_and(|extension| extension == "gz") {
        GzDecoder::new(file).read_to_end(&mut bytes).expect("unpack a vector file");
    } else {
        let mut file = file;
        file.read_to_end(&mut bytes).expect("read a vector file");
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The rows of a CSV file with a header, each as its fields.
pub(crate) fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = read(path);
    csv::Reader::from_reader(text.as_bytes())
        .records()
        .map(|row| row.expect("a CSV row").iter().map(str::to_owned).collect())
        .collect()
}

#[allow(clippy::disallowed_methods, reason = "tests may be told where the vectors are")]
fn roots() -> Vec<PathBuf> {
    let told = std::env::var("WAYLINE_SHARED").ok().map(PathBuf::from);
    let above =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("shared"));
    told.into_iter().chain(above).filter(|root| root.is_dir()).collect()
}
