//! Files that are wrong: each says what, where and what to do. `bad/*.yaml` holds the files,
//! `*.expect` beside them the messages; `UPDATE_EXPECT=1` rewrites those.

use crate::{expect, folder};
use wayline_core::journey::definition::{Journey, Segment, Workspace};
use wayline_core::journey::parse::parse;
use wayline_core::journey::problem::Problem;
use wayline_core::journey::validate::{
    Scope, publishable, validate_journey, validate_segment, validate_workspace,
};

const WORKSPACE: &str = "{workspace: acme, country: US, time_zone: UTC, topics: [offers, news], \
    senders: [{id: main, number: '+12025550100', kind: ten_dlc, gateway: sandbox}], \
    keywords: [{word: JOIN, journey: welcome}]}";
const SEGMENT: &str = "{segment: vip, when: {attribute: plan, is: gold}}";
const JOURNEY: &str = "{journey: welcome, entry: {api: true}, steps: {hello: {send: {sms: Hi}}}}";

fn problems(name: &str, bytes: &[u8]) -> Vec<Problem> {
    let workspace: Workspace = parse("workspace.yaml", WORKSPACE.as_bytes()).unwrap();
    let segment: Segment = parse("vip.yaml", SEGMENT.as_bytes()).unwrap();
    let journey: Journey = parse("welcome.yaml", JOURNEY.as_bytes()).unwrap();
    let scope = Scope::new(Some(&workspace), &[&segment], &[&journey]);
    if name.starts_with("workspace") {
        return match parse::<Workspace>(name, bytes) {
            Ok(it) => validate_workspace(name, &it, &scope),
            Err(problems) => problems,
        };
    }
    if name.starts_with("segment") {
        return match parse::<Segment>(name, bytes) {
            Ok(it) => {
                let scope = Scope::new(Some(&workspace), &[&segment, &it], &[&journey]);
                validate_segment(name, &it, &scope)
            }
            Err(problems) => problems,
        };
    }
    match parse::<Journey>(name, bytes) {
        Ok(it) => {
            let mut found = validate_journey(name, &it, &scope);
            found.extend(publishable(name, &it));
            found
        }
        Err(problems) => problems,
    }
}

#[test]
fn every_wrong_file_says_what_where_and_what_to_do() {
    let mut paths: Vec<_> = std::fs::read_dir(folder("bad"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    paths.sort();
    assert!(paths.len() > 90);
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        let found = problems(name, &std::fs::read(&path).unwrap());
        assert!(!found.is_empty(), "{name} is right");
        let text: String = found.iter().map(|problem| format!("{problem}\n")).collect();
        expect(&path.with_extension("expect"), &text);
    }
}
