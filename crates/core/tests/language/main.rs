//! The journey language as its users meet it: files in, definitions, prints and messages out.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so")]

mod bad;
mod folders;
mod good;
mod hostile;
mod recurrence;

use std::path::PathBuf;

/// A folder of test data.
pub(crate) fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/language").join(name)
}

/// Compares with a golden file, or rewrites it with `UPDATE_EXPECT=1`.
pub(crate) fn expect(path: &std::path::Path, actual: &str) {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, actual).unwrap();
        return;
    }
    let wanted = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(wanted, actual, "{} is stale; UPDATE_EXPECT=1 rewrites it", path.display());
}
