//! `wayline validate`: examples are right, wrong files are told with their place, canonical forms.

use crate::program::{copy_folder, edit, repository, run};
use serde_json::Value as Json;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder for one test, with the example shop in it.
fn shop() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = folder.path().join("shop");
    copy_folder(&repository("examples/shop"), &shop);
    (folder, shop)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a name in UTF-8")
}

/// All folders below with a workspace.yaml.
fn workspaces(below: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(below).expect("read a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            workspaces(&path, found);
        } else if path.ends_with("workspace.yaml") {
            found.push(below.to_owned());
        }
    }
}

#[test]
fn every_example_is_right() {
    let mut folders = Vec::new();
    workspaces(&repository("examples"), &mut folders);
    assert!(folders.len() >= 10, "{folders:?}");
    for folder in &folders {
        let said = run(["validate", text(folder)]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
        assert!(said.out.contains(" no errors, "), "{}", said.out);
    }
    let all = run(std::iter::once("validate").chain(folders.iter().map(|it| text(it))));
    assert_eq!(all.code, 0, "{}", all.out);
}

#[test]
fn wrong_files_are_told_with_file_line_and_column() {
    let (_folder, shop) = shop();
    let cart = shop.join("journeys/abandoned_cart.yaml");
    edit(&cart, "next: regular", "next: regulr");
    edit(&cart, "{name: ten, weight: 45, next: ten_off}", "{name: ten, weight: 45, next: ten_of}");
    let shown = text(&cart).to_owned();
    for path in [shop.as_path(), cart.as_path()] {
        let said = run(["validate", text(path)]);
        assert_eq!(said.code, 1, "{}", said.out);
        let place = format!("{shown}:23:15: error: ");
        let lines = said.lines();
        let first = lines.iter().find(|line| line.starts_with(&place));
        let first = first.unwrap_or_else(|| panic!("no {place} in\n{}", said.out));
        assert!(first.contains("regular") && first.ends_with("[unknown_step]"), "{first}");
        assert!(said.out.contains("ten_off"), "{}", said.out);
        assert!(lines[lines.len() - 1].contains(" errors"), "{}", said.out);
    }
}

#[test]
fn json_is_one_object_a_line_with_the_summary_last() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("hello.yaml");
    let wrong = "journey: hello\nentry: {api: true}\nsteps:\n  a: {wait: 4x}\n  b: {wayt: 1h}\n";
    fs::write(&file, wrong).expect("write");
    let said = run(["validate", "--format", "json", text(&file)]);
    assert_eq!(said.code, 1);
    let lines: Vec<Json> =
        said.lines().iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (summary, problems) = lines.split_last().expect("a summary");
    assert_eq!(summary["summary"]["errors"], problems.len());
    assert_eq!(summary["summary"]["files"], 1);
    let found: Vec<(u64, &str)> = problems
        .iter()
        .map(|it| (it["line"].as_u64().expect("a line"), it["code"].as_str().expect("a code")))
        .collect();
    assert!(found.contains(&(4, "bad_duration")), "{found:?}");
    assert!(found.contains(&(5, "unknown_key")), "{found:?}");
    assert_eq!(problems[0]["file"], text(&file));
    assert_eq!(problems[0]["severity"], "error");
}

#[test]
fn what_cannot_be_published_yet_is_a_warning() {
    let (_folder, shop) = shop();
    let file = shop.join("journeys/post.yaml");
    let journey = "journey: post\nentry: {api: true}\nsteps:\n  a: {send: {push: Hello}}\n";
    fs::write(&file, journey).expect("write");
    for path in [&shop, &file] {
        let said = run(["validate", text(path)]);
        assert_eq!(said.code, 0, "{}", said.out);
        let place = format!("{}:4:", text(&file));
        let told = said.lines().into_iter().find(|line| line.starts_with(&place));
        let told = told.unwrap_or_else(|| panic!("nothing at {place} in\n{}", said.out));
        assert!(told.contains(": warning: ") && told.ends_with("[not_publishable]"), "{told}");
        assert!(said.out.contains("1 valid but not to be published yet"), "{}", said.out);
    }
}

#[test]
fn canonical_form_is_printed_and_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("hello.yaml");
    let loose = "{\"steps\": {\"a\": {\"wait\": '4h'}},\n 'entry': {api: true}, journey: hello}\n";
    let with_comment = format!("# why\n{loose}");
    let canonical = "journey: hello\nentry: {api: true}\nsteps:\n  a:\n    wait: 4h\n";
    fs::write(&file, &with_comment).expect("write");
    let printed = run(["validate", "--print", text(&file)]);
    assert_eq!((printed.code, printed.out.as_str()), (0, canonical));
    assert!(printed.err.contains("1 file: no errors"), "{}", printed.err);

    let kept = run(["validate", "--write", text(&file)]);
    assert_eq!(kept.code, 0);
    assert!(kept.err.contains("comments"), "{}", kept.err);
    assert_eq!(fs::read_to_string(&file).expect("read"), with_comment);

    let dropped = run(["validate", "--write", "--drop-comments", text(&file)]);
    assert!(dropped.err.contains("rewritten"), "{}", dropped.err);
    assert_eq!(fs::read_to_string(&file).expect("read"), canonical);
    let again = run(["validate", "--write", text(&file)]);
    assert_eq!((again.code, again.err.as_str()), (0, ""));

    fs::write(&file, "journey: hello\nentry: {api: true}\nsteps: {a: {wait: 4x}}\n")
        .expect("write");
    let wrong = run(["validate", "--write", text(&file)]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("nothing was rewritten"), "{}", wrong.err);
}

#[test]
fn a_whole_folder_means_the_same_in_canonical_form() {
    let (_folder, shop) = shop();
    let printed = run(["validate", "--print", text(&shop)]);
    assert_eq!(printed.code, 0, "{}", printed.err);
    assert!(printed.out.contains("# ") && printed.out.contains("journey: abandoned_cart"));
    let said = run(["validate", "--write", "--drop-comments", text(&shop)]);
    assert_eq!(said.code, 0, "{}", said.err);
    let plan = run(["plan", text(&repository("examples/shop")), text(&shop)]);
    assert_eq!(plan.out, "Nothing would change.\n");
}

#[test]
fn schemas_are_printed() {
    for kind in ["journey", "segment", "workspace"] {
        let said = run(["validate", "--schema", kind]);
        let schema: Json = serde_json::from_str(&said.out).expect("JSON");
        assert!(schema["$schema"].as_str().is_some_and(|it| it.contains("2020-12")));
        assert!(schema["title"].as_str().is_some_and(|it| it.contains(kind)));
    }
}

#[test]
fn what_belongs_to_a_folder_and_what_does_not() {
    let (_folder, shop) = shop();
    for (name, text) in [
        (".hidden.yaml", "x"),
        ("notes.md", "x"),
        ("journeys/README.md", "x"),
        ("journeys/.cart.yaml.swp", "x"),
    ] {
        fs::write(shop.join(name), text).expect("write");
    }
    let quiet = run(["validate", text(&shop)]);
    assert!(quiet.code == 0 && quiet.out.contains("no warnings"), "{}", quiet.out);

    fs::create_dir_all(shop.join("journey/deep")).expect("a folder");
    let misplaced = ["extra.yaml", "journey/deep/a.yaml", "journeys/cart.txt"];
    for name in misplaced {
        fs::write(shop.join(name), "journey: a\n").expect("write");
    }
    let told = run(["validate", text(&shop)]);
    assert_eq!(told.code, 0, "{}", told.out);
    for name in misplaced {
        assert!(told.out.contains(&format!("{name}: warning: ")), "{name}: {}", told.out);
    }
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let (folder, shop) = shop();
    let none = run(["validate", "nowhere"]);
    assert_eq!(none.code, 1);
    assert!(none.err.contains("nowhere does not exist"), "{}", none.err);

    let empty = folder.path().join("empty");
    fs::create_dir(&empty).expect("a folder");
    let no_settings = run(["validate", text(&empty)]);
    assert!(no_settings.out.contains("[missing_file]"), "{}", no_settings.out);

    let nothing = folder.path().join("nothing.yaml");
    fs::write(&nothing, "hello: there\n").expect("write");
    let no_kind = run(["validate", text(&nothing)]);
    assert_eq!(no_kind.code, 1);
    assert!(no_kind.out.contains("journey: id"), "{}", no_kind.out);

    let large = shop.join("journeys/large.yaml");
    fs::write(&large, "#".repeat(4 * 1024 * 1024 + 1)).expect("write");
    let too_large = run(["validate", text(&shop)]);
    assert_eq!(too_large.code, 1);
    assert!(too_large.err.contains("large.yaml has more than 4194304"), "{}", too_large.err);
}

#[cfg(unix)]
#[test]
fn links_to_files_are_followed_and_others_are_told() {
    use std::os::unix::fs::symlink;
    let (folder, shop) = shop();
    let elsewhere = folder.path().join("elsewhere.yaml");
    let file = shop.join("journeys/winback.yaml");
    fs::rename(&file, &elsewhere).expect("move");
    symlink(&elsewhere, &file).expect("a link");
    let said = run(["validate", text(&shop)]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let written = run(["validate", "--write", "--drop-comments", text(&shop)]);
    assert_eq!(written.code, 0, "{}", written.err);
    assert!(file.is_symlink() && elsewhere.is_file(), "a link stays one");

    fs::remove_file(&elsewhere).expect("remove");
    let broken = run(["validate", text(&shop)]);
    assert!(broken.code == 1 && broken.err.contains("is a link to"), "{}", broken.err);
    fs::remove_file(&file).expect("remove");

    symlink(&shop, shop.join("journeys/around")).expect("a link");
    let around = run(["validate", text(&shop)]);
    assert!(around.code == 1 && around.err.contains("link to a folder"), "{}", around.err);
}
