//! The golden-liquid suite (MIT, see its licence beside the vectors): what other Liquids agree on.
//!
//! Prints the pass rate of each group and compares the failing cases with `golden_liquid_known.txt`,
//! where each has its reason; every group must pass but for the two reasons of [`ACCEPTED`].
//! `UPDATE_EXPECT=1` rewrites that list and keeps the reasons.

#![allow(clippy::unwrap_used, reason = "a broken vector has to stop the test")]

use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use wayline_core::template::{MissingPolicy, RenderLimits, Scope, Template};
use wayline_core::time::Timestamp;

/// 2026-01-01T00:00:00Z; no case depends on it.
const NOW: Timestamp = Timestamp(1_767_225_600_000);

/// The only reasons for which a case of any group may fail. Key order: our objects keep their keys
/// sorted, the suite's in the order written. Contradicted: another case wants the opposite.
const ACCEPTED: &[&str] = &["key order:", "contradicted:"];

/// The vectors, or `None` where the shared folder is not there.
fn vectors() -> Option<Json> {
    let path = shared()?.join("realdata/vectors/golden_liquid.json.gz");
    let packed = std::fs::read(path).ok()?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

/// The folder of shared data: `WAYLINE_SHARED`, or `shared` beside one of the folders above.
fn shared() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("WAYLINE_SHARED") {
        return Some(PathBuf::from(folder));
    }
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    above.map(|folder| folder.join("shared")).find(|folder| folder.join("realdata").is_dir())
}

fn render(case: &Json) -> Result<String, String> {
    let source = case["template"].as_str().unwrap();
    let template = Template::parse(source).map_err(|e| e.to_string())?;
    let roots: Vec<(&str, &Json)> = match case["data"].as_object() {
        Some(data) => data.iter().map(|(name, value)| (name.as_str(), value)).collect(),
        None => Vec::new(),
    };
    let scope = Scope::new(&roots, NOW).with_missing(MissingPolicy::Empty);
    template.render(&scope, &RenderLimits::default()).map_err(|e| e.to_string())
}

/// What came out, when it is not what the case wants.
fn problem(case: &Json) -> Option<String> {
    let got = render(case);
    let wanted = if case["invalid"] == true {
        vec![]
    } else if let Some(results) = case["results"].as_array() {
        results.iter().map(|r| r.as_str().unwrap()).collect()
    } else {
        vec![case["result"].as_str().unwrap()]
    };
    match &got {
        Err(_) if wanted.is_empty() => None,
        Ok(text) if wanted.contains(&text.as_str()) => None,
        _ => Some(format!("{} wanted {wanted:?} got {got:?}", case["template"])),
    }
}

/// `filters: date`, `tags: for`, or the first part of any other name.
fn group(name: &str) -> String {
    let mut parts = name.split(", ");
    match (parts.next().unwrap(), parts.next()) {
        (kind @ ("filters" | "tags"), Some(which)) => format!("{kind}: {which}"),
        (group, _) => group.to_owned(),
    }
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: Vec<String>,
    skipped: usize,
}

#[test]
fn golden_liquid() {
    let Some(vectors) = vectors() else {
        println!("SKIPPED: golden_liquid: no shared folder with its vectors; set WAYLINE_SHARED");
        return;
    };
    let mut groups: BTreeMap<String, Tally> = BTreeMap::new();
    let mut skipped = Vec::new();
    for case in vectors["tests"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let tally = groups.entry(group(name)).or_default();
        if case["templates"].is_object() {
            tally.skipped += 1;
            skipped.push(name.to_owned());
        } else if let Some(problem) = problem(case) {
            println!("FAILED {name}: {problem}");
            tally.failed.push(name.to_owned());
        } else {
            tally.passed += 1;
        }
    }
    report(&groups, &skipped);
    let failed: Vec<&String> = groups.values().flat_map(|t| &t.failed).collect();
    compare_with_known(&failed);
    let passed: usize = groups.values().map(|t| t.passed).sum();
    assert!(passed * 100 > (passed + failed.len()) * 97, "{passed} passed, too few");
}

fn report(groups: &BTreeMap<String, Tally>, skipped: &[String]) {
    let (mut passed, mut failed) = (0, 0);
    for (name, tally) in groups {
        let all = tally.passed + tally.failed.len();
        println!("{name:<34} {:>3} of {all:>3}, {} skipped", tally.passed, tally.skipped);
        passed += tally.passed;
        failed += tally.failed.len();
    }
    let rate = passed as f64 * 100.0 / (passed + failed) as f64;
    println!("golden_liquid: {passed} of {} pass ({rate:.2} %)", passed + failed);
    println!("{} need other templates and are skipped:", skipped.len());
    skipped.iter().for_each(|name| println!("  {name}"));
}

fn compare_with_known(failed: &[&String]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/golden_liquid_known.txt");
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let reasons: BTreeMap<&str, &str> = known
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" => "))
        .collect();
    let mut now = String::from(
        "# Cases of golden-liquid in which Wayline differs, each with its reason.\n\
         # UPDATE_EXPECT=1 rewrites the list and keeps the reasons.\n",
    );
    for name in failed {
        let reason = reasons.get(name.as_str()).unwrap_or(&"say why");
        writeln!(now, "{name} => {reason}").unwrap();
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &now).unwrap();
        return;
    }
    assert_eq!(known, now, "the failing cases are others than golden_liquid_known.txt says");
    for (name, reason) in reasons {
        assert!(ACCEPTED.iter().any(|a| reason.starts_with(a)), "{name} must not fail: {reason}");
    }
}
