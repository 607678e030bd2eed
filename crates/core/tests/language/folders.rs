//! Workspace folders: loading, what is ignored, plans, schemas.

use crate::{expect, folder};
use wayline_core::journey::plan::plan;
use wayline_core::journey::problem::Code;
use wayline_core::journey::schema;
use wayline_core::journey::workspace::{LoadedWorkspace, load};

const WORKSPACE: &str = "workspace: acme\ncountry: US\ntime_zone: UTC\n";
const HELLO: &str = "journey: hello\nentry: {segment: vip}\nsteps:\n  hi: {send: {sms: Hi}}\n  nap: {wait: 1h}\n  ho: {send: {sms: Ho}}\n";
const VIP: &str = "segment: vip\nwhen: {attribute: plan, is: gold}\n";

fn loaded(files: &[(&str, &str)]) -> LoadedWorkspace {
    load(files.iter().map(|(path, text)| (*path, text.as_bytes())))
        .unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn codes(files: &[(&str, &str)]) -> Vec<(String, Code)> {
    match load(files.iter().map(|(path, text)| (*path, text.as_bytes()))) {
        Ok(loaded) => loaded.warnings.into_iter().map(|it| (it.file, it.code)).collect(),
        Err(problems) => problems.into_iter().map(|it| (it.file, it.code)).collect(),
    }
}

#[test]
fn a_folder_is_read_whatever_the_order_of_its_files() {
    let one = loaded(&[
        ("journeys/hello.yaml", HELLO),
        ("workspace.yaml", WORKSPACE),
        ("segments/vip.yaml", VIP),
    ]);
    let two = loaded(&[
        ("segments/vip.yaml", VIP),
        ("workspace.yaml", WORKSPACE),
        ("journeys/hello.yaml", HELLO),
    ]);
    assert_eq!(one, two);
    assert!(plan(&one, &two).is_empty());
    assert!(one.warnings.is_empty());
}

#[test]
fn what_is_wrong_with_a_folder_is_told_by_file() {
    assert_eq!(codes(&[]), [("workspace.yaml".to_owned(), Code::MissingFile)]);
    assert_eq!(
        codes(&[("workspace.yaml", WORKSPACE), ("README.md", "hello"), ("segments/v.yaml", VIP)]),
        [
            ("README.md".to_owned(), Code::UnknownFile),
            ("segments/v.yaml".to_owned(), Code::FileName)
        ]
    );
    assert_eq!(
        codes(&[("workspace.yaml", WORKSPACE), ("journeys/hello.yaml", HELLO)]),
        [("journeys/hello.yaml".to_owned(), Code::UnknownSegment)]
    );
    let twins = codes(&[
        ("workspace.yaml", WORKSPACE),
        ("segments/a.yaml", VIP),
        ("segments/vip.yaml", VIP),
    ]);
    assert!(twins.contains(&("segments/vip.yaml".to_owned(), Code::DuplicateId)));
    let circle = codes(&[
        ("workspace.yaml", WORKSPACE),
        ("segments/a.yaml", "segment: a\nwhen: {not: {segment: b}}\n"),
        ("segments/b.yaml", "segment: b\nwhen: {any: [{segment: c}, {segment: a}]}\n"),
        ("segments/c.yaml", "segment: c\nwhen: {bucket: 10}\n"),
    ]);
    assert_eq!(
        circle,
        [
            ("segments/a.yaml".to_owned(), Code::SegmentCycle),
            ("segments/b.yaml".to_owned(), Code::SegmentCycle)
        ]
    );
}

#[test]
fn a_plan_says_what_would_change() {
    let old = loaded(&[
        ("workspace.yaml", WORKSPACE),
        ("journeys/hello.yaml", HELLO),
        ("segments/vip.yaml", VIP),
        ("segments/old.yaml", "segment: old\nwhen: {bucket: 10}\n"),
    ]);
    let journey = "journey: hello\nentry: {segment: vip}\nsteps:\n  ho: {send: {sms: Ho}}\n  hi: {send: {sms: Hi there, not_after: 1d}}\n  bye: {send: {sms: Bye}}\n";
    let new = loaded(&[
        ("workspace.yaml", "workspace: acme\ncountry: US\ntime_zone: UTC\ncaps: []\n"),
        ("journeys/hello.yaml", journey),
        ("journeys/more.yaml", "journey: more\nentry: {api: true}\nsteps:\n  a: {wait: 1h}\n"),
        ("segments/vip.yaml", "{segment: vip, when: {is: gold, attribute: plan}}"),
    ]);
    let plan = plan(&old, &new);
    expect(&folder("plan").join("plan.txt"), &plan.to_string());
    let json = serde_json::to_string_pretty(&plan).unwrap();
    expect(&folder("plan").join("plan.json"), &(json + "\n"));
}

#[test]
fn schemas_are_current() {
    let docs = folder("../../../../docs/schema");
    for (name, schema) in [
        ("journey", schema::journey()),
        ("segment", schema::segment()),
        ("workspace", schema::workspace()),
    ] {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        expect(&docs.join(format!("{name}.json")), &text);
        every_reference_resolves(&schema, &schema);
    }
}

fn every_reference_resolves(schema: &serde_json::Value, root: &serde_json::Value) {
    match schema {
        serde_json::Value::Object(fields) => {
            if let Some(serde_json::Value::String(target)) = fields.get("$ref") {
                let found = root.pointer(target.trim_start_matches('#')).unwrap();
                assert_ne!(found, &serde_json::json!({}), "{target} is empty");
            }
            fields.values().for_each(|value| every_reference_resolves(value, root));
        }
        serde_json::Value::Array(items) => {
            items.iter().for_each(|value| every_reference_resolves(value, root));
        }
        _ => {}
    }
}
