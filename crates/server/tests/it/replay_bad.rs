//! Bad input: each line that cannot be taken is listed with its reason, the rest goes on, and nothing panics.

use crate::program::{Said, repository};
use crate::replayed::{Replay, Replayed, input};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::path::Path;

/// A workspace of one journey and its settings.
fn workspace(folder: &Path, journeys: &[&str]) -> Replay {
    let workspace = folder.join("workspace");
    fs::create_dir_all(workspace.join("journeys")).expect("make a folder");
    let settings = "workspace: bad\nname: Bad\nbrand: Bad\ncountry: US\n\
        time_zone: America/New_York\nquiet_hours: none\nconsent: assumed\n\
        senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: sandbox}\n";
    fs::write(workspace.join("workspace.yaml"), settings).expect("write");
    for (place, journey) in journeys.iter().enumerate() {
        let path = workspace.join("journeys").join(format!("{place}.yaml"));
        fs::write(path, journey).expect("write");
    }
    Replay::of(&workspace)
}

const GREETING: &str = "journey: greeting\nname: Greeting\npurpose: transactional\n\
    entry: {event: hello, once_ended: always}\nsteps:\n  greet: {send: {sms: \"Hello {{ event.name }}\"}}\n";

const ALICE: &str = r#"{"type":"identify","userId":"alice","traits":{"phone":"+12025550143"},"timestamp":"2026-01-01T00:00:00Z"}"#;

fn hello(name: &str, second: u32) -> String {
    format!(
        r#"{{"type":"track","userId":"alice","event":"hello","properties":{{"name":"{name}"}},"timestamp":"2026-01-01T12:00:{second:02}Z"}}"#
    )
}

fn texts(replayed: &Replayed) -> Vec<String> {
    replayed.sent().into_iter().map(|row| row["text"].clone()).collect()
}

/// Lines that are refused, each with a part of its reason.
fn bad_lines() -> Vec<(Vec<u8>, &'static str)> {
    let at = r#""timestamp":"2026-01-01T00:00:00Z""#;
    let who = r#""userId":"bob""#;
    let line =
        |kind: &str, more: &str| format!(r#"{{"type":"{kind}",{who},{at}{more}}}"#).into_bytes();
    let when =
        |at: &str| format!(r#"{{"type":"track",{who},"event":"x","timestamp":{at}}}"#).into_bytes();
    let deep = format!(
        r#"{{"type":"track",{who},{at},"event":"x","properties":{}{}}}"#,
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    let mut latin = line("track", r#","event":"caf@""#);
    latin.iter_mut().filter(|byte| **byte == b'@').for_each(|byte| *byte = 0xe9);
    vec![
        (b"hello".to_vec(), "column 1: expected an object"),
        (b"{\"type\":\"track\"".to_vec(), "EOF"),
        (b"[1, 2]".to_vec(), "column"),
        (b"42".to_vec(), "column"),
        (b"null".to_vec(), "column"),
        (b"{}".to_vec(), "type is missing"),
        (b"\xff\xfe\x00\x01".to_vec(), "column 1"),
        (latin, "invalid unicode"),
        (line("trakc", ""), "type is \"trakc\"; it is one of identify"),
        (line("track", ""), "event is missing"),
        (line("track", r#","event":7"#), "invalid type: integer `7`, expected a string"),
        (line("track", &format!(r#","event":"{}""#, "x".repeat(201))), "event has more than 200"),
        (line("track", r#","event":"x","properties":[]"#), "invalid type: sequence"),
        (line("identify", r#","traits":"x""#), "invalid type: string"),
        (line("consent", r#","state":"maybe""#), "state is \"maybe\""),
        (line("consent", r#","state":"opted_in","channel":"fax""#), "channel is \"fax\""),
        (line("inbound", ""), "text is missing"),
        (line("alias", ""), "previousId is missing"),
        (line("group", ""), "groupId is missing"),
        (line("track", r#","event":"x","event":"y""#), "duplicate field"),
        (format!(r#"{{"type":"track","event":"x",{at}}}"#).into_bytes(), "userId is missing"),
        (format!(r#"{{"type":"track","event":"x","userId":{{}},{at}}}"#).into_bytes(), "column"),
        (format!(r#"{{"type":"track","event":"x",{who}}}"#).into_bytes(), "timestamp is missing"),
        (when("\"0001-01-01T00:00:00Z\""), "is outside 1970-01-01"),
        (when("\"9999-12-31T23:59:59Z\""), "is outside 1970-01-01"),
        (when("\"yesterday\""), "\"yesterday\" is not an instant"),
        (when("\"2026-01-01 12:00\""), "is not an instant"),
        (when("\"2026-02-30T00:00:00Z\""), "is not an instant"),
        (when("1767225600"), "invalid type: integer"),
        (when("\"\""), "is not an instant"),
        (deep.into_bytes(), "nested deeper than 32"),
        (vec![b'['; 60_000], "nested deeper than 32"),
        (vec![b'x'; 10 << 20], "10485761 bytes, an input has at most 65536"),
        (b"{\"type\":\"track\"}garbage".to_vec(), "column"),
        (b"\0\0\0".to_vec(), "column 1"),
    ]
}

#[test]
fn every_bad_line_is_listed_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let bad = bad_lines();
    let mut bytes = "\u{feff}".as_bytes().to_vec();
    bytes.extend_from_slice(ALICE.as_bytes());
    bytes.extend_from_slice(b"\r\n\r\n  \n");
    for (place, (line, _)) in bad.iter().enumerate() {
        bytes.extend_from_slice(line);
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(hello(&place.to_string(), place as u32).as_bytes());
        bytes.extend_from_slice(if place % 2 == 0 { b"\n" } else { b"\r\n" });
    }
    let file = input(folder.path(), "bad.ndjson", bytes);
    let empty = input(folder.path(), "empty.ndjson", "");
    let blank = input(folder.path(), "blank.ndjson", "\n\r\n \t\n\n");
    let replay = workspace(folder.path(), &[GREETING]).with("--input", empty);
    let replayed = replay.with("--input", &file).with("--input", blank).run();

    let greetings: Vec<String> = (0..bad.len()).map(|place| format!("Hello {place}")).collect();
    assert_eq!(texts(&replayed), greetings);
    let refused = replayed.table("refused.csv");
    assert_eq!(refused.len(), bad.len(), "{refused:#?}");
    for (place, (row, (_, says))) in refused.iter().zip(&bad).enumerate() {
        assert_eq!(row["file"], file.display().to_string());
        assert_eq!(row["line"], (4 + 2 * place).to_string(), "{row:?}");
        assert!(row["reason"].contains(says) && row["reason"].len() < 400, "{says}: {row:?}");
    }
    let counts = ["inputs", "taken", "refused", "duplicates", "dead_letters"]
        .map(|name| replayed.count(name));
    assert_eq!(counts, [2 * bad.len() as u64 + 1, bad.len() as u64 + 1, bad.len() as u64, 0, 0]);
    assert!(
        replayed.said.err.contains(&format!("{} lines were refused", bad.len())),
        "{}",
        replayed.said.err
    );
    assert!(replayed.said.err.contains("refused.csv"), "{}", replayed.said.err);
}

#[test]
fn nothing_at_all_is_an_empty_replay() {
    let folder = tempfile::tempdir().expect("a folder");
    let replay = workspace(folder.path(), &[GREETING]).flag("--decisions");
    for (name, bytes) in [("empty", ""), ("blank", "\n\n \r\n"), ("mark", "\u{feff}"), ("bad", "{")]
    {
        let replayed = replay.with("--input", input(folder.path(), name, bytes)).run();
        assert!(replayed.table("messages.csv").is_empty());
        assert_eq!(
            (replayed.count("inputs"), replayed.count("taken")),
            (u64::from(name == "bad"), 0)
        );
    }
}

#[test]
fn numbers_and_zones_of_every_kind_are_taken_as_they_are() {
    let numbers = [
        (r#""+12025550143""#, "+12025550143"),
        (r#""(202) 555-0144""#, "+12025550144"),
        (r#""+44 20 7946 0958""#, "+442079460958"),
        (r#""0012025550146""#, "+12025550146"),
        (r#""call me""#, ""),
        (r#""+1202555014299999999999999999""#, ""),
        (r#""+1202""#, ""),
        (r#""+0000""#, ""),
        (r#""""#, ""),
        (r#""911""#, ""),
        ("null", ""),
        ("[]", ""),
        ("{\"a\":1}", ""),
        ("true", ""),
        ("1e400", "refused"),
    ];
    let zones =
        [r#""America/New_York""#, r#""Mars/Base""#, r#""""#, "5", "null", r#""../../etc/passwd""#];
    let folder = tempfile::tempdir().expect("a folder");
    let mut lines = Vec::new();
    for (place, (number, _)) in numbers.iter().enumerate() {
        let zone = zones[place % zones.len()];
        lines.push(format!(
            r#"{{"type":"identify","userId":"{place:02}","traits":{{"phone":{number},"timezone":{zone}}},"timestamp":"2026-01-01T00:00:00Z"}}"#
        ));
        lines.push(format!(r#"{{"type":"track","userId":"{place:02}","event":"hello","properties":{{"name":"you"}},"timestamp":"2026-01-01T12:00:00Z"}}"#));
    }
    let file = input(folder.path(), "numbers.ndjson", lines.join("\n"));
    let replayed = workspace(folder.path(), &[GREETING]).with("--input", file).run();
    let rows = replayed.table("messages.csv");
    assert_eq!(rows.len(), numbers.len());
    for (place, (number, e164)) in numbers.iter().enumerate() {
        let row = rows.iter().find(|row| row["contact"] == format!("{place:02}")).expect("a row");
        let sent = e164.starts_with('+');
        let expected = if sent { ("sent", *e164, "") } else { ("dropped", "", "no_address") };
        let reason = if sent { "" } else { row["reason"].as_str() };
        assert_eq!((row["outcome"].as_str(), row["to"].as_str(), reason), expected, "{number}");
    }
    assert_eq!(replayed.count("refused"), 1, "1e400 is no number");
}

fn refused(said: &Said, code: i32, parts: &[&str]) {
    assert_eq!(said.code, code, "{}", said.err);
    assert!(!said.err.contains("panicked"), "{}", said.err);
    for part in parts {
        assert!(said.err.contains(part), "{part:?} is not in: {}", said.err);
    }
}

#[test]
fn files_that_cannot_be_read_are_named_and_nothing_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let replay = workspace(path, &[GREETING]);
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    let lines: Vec<String> =
        (0..3_000).map(|place| hello(&place.to_string(), place % 60)).collect();
    packer.write_all(lines.join("\n").as_bytes()).expect("pack");
    let packed = packer.finish().expect("pack");
    let mut damaged = packed.clone();
    damaged[packed.len() / 2] ^= 0xff;
    let truncated = input(path, "truncated.gz", &packed[..packed.len() / 2]);
    let damaged = input(path, "damaged.gz", damaged);
    let head = input(path, "head.gz", &packed[..7]);
    fs::create_dir(path.join("folder")).expect("make a folder");
    let store = format!("sqlite:{}", path.join("new.db").display());
    for (file, says) in [
        (truncated, "truncated.gz:"),
        (damaged, "damaged.gz:"),
        (head, "head.gz:1: reading failed"),
        (path.join("folder"), "folder: reading failed"),
        (path.join("nothing"), "nothing: opening failed"),
    ] {
        let said = replay.with("--input", file).with("--store", &store).attempt(&path.join("out"));
        refused(&said, 1, &["error: ", says, "because: "]);
        assert!(!path.join("new.db").exists() && !path.join("out/summary.json").exists());
    }
}

#[test]
fn a_place_that_cannot_be_written_is_told_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let file = input(path, "in.ndjson", hello("you", 1));
    let replay = workspace(path, &[GREETING]).with("--input", &file);
    refused(&replay.attempt(&file), 1, &["in.ndjson: making the folder failed"]);
    refused(&replay.attempt(&file.join("below")), 1, &["making the folder failed"]);
    if cfg!(target_os = "linux") {
        // Whoever runs this, nothing can be written there.
        refused(&replay.attempt(Path::new("/proc")), 1, &["/proc: writing into the folder failed"]);
    }
    let store = |path: &Path| format!("sqlite:{}", path.display());
    let there = replay.with("--store", store(&file)).attempt(&path.join("out"));
    refused(&there, 1, &["in.ndjson exists", "name a file that does not exist"]);
    let lost = replay.with("--store", store(&path.join("no/where.db"))).attempt(&path.join("out"));
    refused(&lost, 1, &["where.db", "because: "]);
    for store in ["sqlite:", "postgres:x", "x.db"] {
        refused(
            &replay.with("--store", store).attempt(&path.join("out")),
            2,
            &["sqlite:wayline.db"],
        );
    }
    for until in ["soon", "2026-01-01", "", "9999-01-01T00:00:00Z"] {
        refused(
            &replay.with("--until", until).attempt(&path.join("out")),
            2,
            &["--until: ", until],
        );
    }
    refused(&replay.with("--seed", "x").attempt(&path.join("out")), 2, &["--seed"]);
}

#[test]
fn a_world_that_cannot_be_is_refused_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let file = input(path, "in.ndjson", hello("you", 1));
    let replay = workspace(path, &[GREETING]).with("--input", file);
    for (world, says) in [
        ("people: [\n", "world.yaml:1:9: not YAML"),
        ("peple: {}\n", "world.yaml:1:8: peple: unknown field"),
        ("people:\n  clik: 0.1\n", "world.yaml:2:9: people.clik: unknown field"),
        ("people:\n  click: often\n", "world.yaml:2:10: people.click: invalid type"),
        ("people: {click: 1.5}\n", "people.click is 1.5; a share is between 0 and 1"),
        ("people: {click: -1}\n", "people.click is -1"),
        ("people:\n  click_after: [1h, 1m]\n", "world.yaml:2:16: people.click_after: a range goes"),
        (
            "people:\n  reply:\n    - {share: 0.1}\n",
            "world.yaml:3:7: people.reply 1: missing field `text`",
        ),
        (
            "people:\n  reply:\n    - {text: a, share: 0.6}\n    - {text: b, share: 0.6}\n",
            "all shares together is 1.2",
        ),
        (
            "carrier:\n  submit_delay: soon\n",
            "world.yaml:2:17: carrier.submit_delay: \"soon\" is no length",
        ),
        (
            "calls:\n  - {url: x, after: -1s}\n",
            "world.yaml:2:5: calls 1: a delay cannot be negative",
        ),
        ("calls: 7\n", "world.yaml:1:8: calls: invalid type"),
        ("[]\n", "it has fields"),
    ] {
        let world = input(path, "world.yaml", world);
        refused(&replay.with("--world", world).attempt(&path.join("out")), 1, &[says]);
    }
    let none = replay.with("--world", path.join("none.yaml")).attempt(&path.join("out"));
    refused(&none, 1, &["none.yaml: reading failed"]);
    let empty = input(path, "world.yaml", "{}\n");
    assert_eq!(replay.with("--world", empty).run().table("messages.csv").len(), 1);
}

#[test]
fn a_text_that_never_ends_is_dropped_with_its_reason() {
    let journey = "journey: greeting\nname: Greeting\npurpose: transactional\n\
        entry: {event: hello, once_ended: always}\nsteps:\n  greet:\n    send:\n      \
        sms: \"{% for a in (1..event.n) %}{% for b in (1..event.n) %}{% endfor %}{% endfor %}Hello\"\n";
    let folder = tempfile::tempdir().expect("a folder");
    let mut lines = vec![ALICE.to_owned()];
    for (place, n) in [2, 1_000_000_000, 3].iter().enumerate() {
        lines.push(hello("x", place as u32).replace(r#""name":"x""#, &format!(r#""n":{n}"#)));
    }
    let file = input(folder.path(), "in.ndjson", lines.join("\n"));
    let replayed = workspace(folder.path(), &[journey]).with("--input", file).run();
    assert_eq!(texts(&replayed), ["Hello", "Hello"]);
    let rows = replayed.table("messages.csv");
    let dropped: Vec<_> = rows.iter().filter(|row| row["outcome"] == "dropped").collect();
    assert_eq!(dropped.len(), 1);
    assert_eq!(dropped[0]["reason"], "template_failed");
}

/// Two journeys that call each other for ever, and one that gets there after a wait, a text or at once.
const CIRCLE: [&str; 5] = [
    "journey: ping\nname: Ping\npurpose: marketing\nentry: {event: ping, while_active: parallel, once_ended: always}\nsteps:\n  out: {emit: {event: pong}}\n",
    "journey: pong\nname: Pong\npurpose: marketing\nentry: {event: pong, while_active: parallel, once_ended: always}\nsteps:\n  out: {emit: {event: ping}}\n",
    "journey: later\nname: Later\npurpose: marketing\nentry: {event: later}\nsteps:\n  rest: {wait: 1h}\n  out: {emit: {event: ping}}\n",
    "journey: texted\nname: Texted\npurpose: transactional\nentry: {event: texted}\nsteps:\n  say: {send: {sms: Hi}}\n  out: {emit: {event: ping}}\n",
    GREETING,
];

#[test]
fn a_circle_becomes_a_dead_letter_and_holds_up_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let track =
        |event: &str, second: u32| hello("x", second).replace("\"hello\"", &format!("\"{event}\""));
    let mut lines = vec![ALICE.to_owned()];
    for (second, event) in ["ping", "later", "texted", "hello"].into_iter().enumerate() {
        lines.push(track(event, second as u32));
    }
    lines.push(hello("again", 9).replace("T12", "T18"));
    let file = input(folder.path(), "in.ndjson", lines.join("\n"));
    let replay = workspace(folder.path(), &CIRCLE).with("--input", file).flag("--decisions");
    let replayed = replay.run();
    assert_eq!(texts(&replayed), ["Hi", "Hello x", "Hello again"]);
    // The event itself, the timer, and the answer of the gateway after which it would have gone on.
    let dead = replayed.lines("dead_letters.ndjson");
    assert_eq!((dead.len(), replayed.count("dead_letters")), (3, 3), "{dead:#?}");
    for (letter, at) in dead.iter().zip(["T12:00:00.000Z", "T12:00:02.000Z", "T13:00:01.000Z"]) {
        assert!(letter["at"].as_str().is_some_and(|found| found.ends_with(at)), "{letter}");
        assert!(letter["reason"].as_str().is_some_and(|why| why.contains("circle")), "{letter}");
        assert!(letter["contact"] == "alice" && letter["input"].is_object(), "{letter}");
    }
    let exits: Vec<(String, String)> = replayed
        .table("enrollments.csv")
        .iter()
        .map(|row| (row["journey"].clone(), row["exit"].clone()))
        .collect();
    for journey in ["later", "texted"] {
        assert!(exits.contains(&(journey.to_owned(), "failed".to_owned())), "{exits:?}");
    }
    assert!(replayed.said.err.contains("3 inputs failed"), "{}", replayed.said.err);
    let store = format!("sqlite:{}", folder.path().join("it.db").display());
    replayed.assert_same(&replay.with("--store", store).run(), "memory and SQLite");
}

#[test]
fn a_workspace_with_errors_says_where() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = input(folder.path(), "in.ndjson", hello("you", 1));
    let replay = workspace(folder.path(), &["journey: x\nstep: {}\n"]).with("--input", &file);
    refused(&replay.attempt(&folder.path().join("out")), 1, &["0.yaml:2:1", "wayline validate"]);
    let none = Replay::of(&repository("docs")).with("--input", file);
    assert_ne!(none.attempt(&folder.path().join("out")).code, 0);
}
