//! `wayline inspect` by hand: shapes of answers, bad lines, one line at a time.

use crate::program::{ask, wayline};
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

fn answers(what: &str, input: impl Into<Vec<u8>>) -> Vec<String> {
    let said = ask(&["inspect", what], input);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    said.lines().into_iter().map(str::to_owned).collect()
}

#[test]
fn texts_bare_and_as_json() {
    let input =
        "Hello\r\n\nfa\u{e7}ade \u{2026}\u{e7}\n{\"text\": \"a\\nb {\\u20ac}\"}\n \u{1f600}";
    assert_eq!(
        answers("text", input),
        [
            r#"{"encoding":"GSM-7","units":5,"parts":1,"offending":[]}"#,
            r#"{"encoding":"GSM-7","units":0,"parts":0,"offending":[]}"#,
            r#"{"encoding":"UCS-2","units":9,"parts":1,"offending":["ç","…"]}"#,
            r#"{"encoding":"GSM-7","units":10,"parts":1,"offending":[]}"#,
            r#"{"encoding":"UCS-2","units":3,"parts":1,"offending":["😀"]}"#,
        ]
    );
}

#[test]
fn all_offending_characters_are_listed_however_many() {
    let text: String = ('\u{4e00}'..'\u{4e80}').chain('\u{4e00}'..'\u{4e80}').collect();
    let answer: serde_json::Value = serde_json::from_str(&answers("text", text)[0]).expect("JSON");
    assert_eq!(answer["offending"].as_array().map(Vec::len), Some(0x80));
    assert_eq!((&answer["units"], &answer["parts"]), (&256.into(), &4.into()));
}

#[test]
fn numbers_bare_and_as_json() {
    let input = "+1 202 555 0142\n{\"number\": \"(202) 555-0142\", \"region\": \"us\"}\n\
                 +44 20 7946 0958\n202 555 0142\n+1202\n{\"number\": \"1\", \"region\": \"QQ\"}\nhello\n";
    let washington = r#"{"valid":true,"e164":"+12025550142","region":"US","kind":"FIXED_LINE_OR_MOBILE","zones":["America/New_York"],"state":"DC"}"#;
    let found = answers("number", input);
    assert_eq!(found[..2], [washington, washington]);
    assert_eq!(
        found[2],
        r#"{"valid":true,"e164":"+442079460958","region":"GB","kind":"FIXED_LINE","zones":["Europe/London"],"state":null}"#
    );
    let unread =
        r#"{"valid":false,"e164":null,"region":null,"kind":null,"zones":[],"state":null,"error":""#;
    for (line, why) in [(3, "country code"), (5, "QQ"), (6, "letter")] {
        assert!(found[line].starts_with(unread) && found[line].contains(why), "{}", found[line]);
    }
    let short =
        r#"{"valid":false,"e164":"+1202","region":null,"kind":"UNKNOWN","zones":[],"state":null}"#;
    assert_eq!(found[4], short);
}

#[test]
fn templates_bare_and_as_json() {
    let input = r#"Hi {{ name | default: 'you' }}!
{{ 1 | plus: 2 }}
{% if true %}yes{% endif %}
{"template": "Hi {{ name }}!", "data": {"name": "Ada"}}
{"template": "Hi {{ name }}!"}
{"template": "Hi {{ name }}!", "data": null, "missing": "refuse"}
{"template": "a\n {{ b | upcas }}"}
{"template": "{{ 'now' | date: '%F %H:%M' }}", "now": "2026-11-23T09:30:00Z", "zone": "America/New_York"}
{"template": "{{ 'now' | date: '%F' }}"}
{"template": "x", "zone": "America/Nowhere"}
{"template": "x", "now": "soon"}
{"template": "x", "missing": "never"}
{"template": "x", "dta": {}}
"#;
    let found = answers("template", input);
    assert_eq!(
        found[..5],
        [
            r#"{"output":"Hi you!"}"#,
            r#"{"output":"3"}"#,
            r#"{"output":"yes"}"#,
            r#"{"output":"Hi Ada!"}"#,
            r#"{"output":"Hi !"}"#,
        ]
    );
    for (line, what) in [
        (5, "line 1, column 7: name has no value"),
        (6, "line 2, column 9"),
        (9, "America/Nowhere"),
        (10, "2026-11-23T09:30:00Z"),
        (11, "refuse"),
        (12, "dta"),
    ] {
        assert!(found[line].starts_with(r#"{"error":""#), "{}", found[line]);
        assert!(found[line].contains(what), "{what} is not in {}", found[line]);
    }
    assert_eq!(found[7], r#"{"output":"2026-11-23 04:30"}"#);
    assert_eq!(found[8], r#"{"output":"1970-01-01"}"#);
    assert_eq!(found.len(), 13);
}

#[test]
fn a_bad_line_is_answered_and_the_next_one_is_looked_at() {
    for (what, good) in [("text", "\"units\":2"), ("number", "\"valid\""), ("template", "\"ok\"")] {
        let mut input = b"{\"oops\": 1}\n{not json\n{\"text\": 7\nok \xff\xfe\n".to_vec();
        input.extend(vec![b'x'; 5 << 20]);
        input.extend(b"\n{\"text\": \"\\ud800\"}\nok\n");
        let found = answers(what, input);
        assert_eq!(found.len(), 7);
        for line in &found[..6] {
            let error: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let said = error["error"].as_str().expect("an error");
            assert_eq!(error.as_object().map(serde_json::Map::len), Some(1), "{line}");
            assert!(said.len() > 30 && said.len() < 400, "{said}");
        }
        assert!(found[3].contains("not UTF-8 at byte 4"), "{}", found[3]);
        assert!(found[4].contains("1048576"), "{}", found[4]);
        assert!(found[6].contains(good), "{}", found[6]);
    }
}

#[test]
fn each_answer_comes_before_the_next_question() {
    let mut child = wayline(["inspect", "text"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start wayline");
    let mut to = child.stdin.take().expect("its input");
    let mut from = BufReader::new(child.stdout.take().expect("its output"));
    for units in 1..=50 {
        writeln!(to, "{}", "a".repeat(units)).expect("ask");
        let mut answer = String::new();
        from.read_line(&mut answer).expect("an answer");
        assert!(answer.contains(&format!("\"units\":{units},")), "{answer}");
    }
    drop(to);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let mut child = wayline(["inspect", "text"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start wayline");
    drop(child.stdout.take());
    let mut to = child.stdin.take().expect("its input");
    // It may be gone before all is written.
    let _ = to.write_all(&b"hello\n".repeat(100_000));
    drop(to);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
