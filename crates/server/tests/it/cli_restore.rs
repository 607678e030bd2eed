//! `wayline backup` beside a running server, and `wayline restore` back into one.

use crate::cli_stats::{counts, shop_with_an_order};
use crate::program::run;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

fn backup(data: &Path, to: &Path) -> crate::program::Said {
    run([OsStr::new("backup"), OsStr::new("--data"), data.as_os_str(), to.as_os_str()])
}

fn restore(from: &Path, to: &Path) -> crate::program::Said {
    run([OsStr::new("restore"), from.as_os_str(), to.as_os_str()])
}

#[test]
fn a_copy_of_a_running_server_is_a_server_again() {
    let mut live = shop_with_an_order();
    let before = counts(&live, "order_thanks");
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("copy.db");
    let said = backup(live.data(), &copy);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(said.out.contains("checked"), "{}", said.out);

    let busy = restore(&copy, live.data());
    assert!(busy.code == 1 && busy.err.contains("is not empty"), "{}", busy.err);
    live.stop();
    for entry in fs::read_dir(live.data()).expect("list") {
        fs::remove_file(entry.expect("an entry").path()).expect("remove");
    }
    let said = restore(&copy, live.data());
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("is a store again"), "{}", said.out);
    live.run();
    assert_eq!(counts(&live, "order_thanks"), before);
}

#[test]
fn what_is_no_backup_is_refused_and_nothing_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, to) = (folder.path().join("copy.db"), folder.path().join("data"));
    let none = restore(&file, &to);
    assert!(none.code == 1 && none.err.contains("there is no store"), "{}", none.err);
    fs::write(&file, "a letter").expect("write");
    let damaged = restore(&file, &to);
    assert!(damaged.code == 1 && damaged.err.contains("not a wayline store"), "{}", damaged.err);
    assert!(!to.exists(), "nothing is made");
    let nothing = backup(&to, &folder.path().join("copy2.db"));
    assert!(nothing.code == 1 && nothing.err.contains("there is no store"), "{}", nothing.err);
}
