//! `wayline stats`: the table says what happened.

use crate::cli_apply::with;
use crate::live::{Live, until};
use crate::program::{Said, repository, wayline};
use serde_json::{Value as Json, json};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// A shop in which one person bought something, and their thanks have arrived.
pub(crate) fn shop_with_an_order() -> Live {
    let live = Live::start();
    live.apply("juniper", &repository("examples/shop"));
    let key = live.key("juniper", &["write"]);
    let profile = json!({"userId": "ann", "traits": {"phone": "+12125550123", "country": "US"}, "messageId": "i-1"});
    live.request("POST", "/v1/identify", &key, &profile).expect(200);
    let order = json!({"userId": "ann", "event": "purchase", "messageId": "o-1",
        "properties": {"order_id": "77", "item": "beans"}});
    live.request("POST", "/v1/track", &key, &order).expect(200);
    until("the thanks have arrived", || {
        (counts(&live, "order_thanks")["delivered"] == 1).then_some(())
    });
    live
}

/// What one journey came to.
pub(crate) fn counts(live: &Live, journey: &str) -> Json {
    let said = with(live, ["stats", "juniper", "--journey", journey, "--format", "json"]);
    assert_eq!((said.code, said.lines().len()), (0, 1), "{}", said.err);
    let shown: Json = serde_json::from_str(&said.out).expect("JSON");
    shown["counts"].clone()
}

fn columns(said: &Said, line: &str) -> Vec<String> {
    let found = said.lines().into_iter().find(|it| it.trim_start().starts_with(line));
    let found = found.unwrap_or_else(|| panic!("{line:?} is not in\n{}{}", said.out, said.err));
    found.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_table_says_what_happened() {
    let live = shop_with_an_order();
    let said = with(&live, ["stats", "juniper"]);
    assert_eq!((said.code, said.lines().len()), (0, 7), "{}", said.out);
    let heads =
        "journey status entered waiting held sent delivered failed dropped converted exited";
    assert_eq!(columns(&said, "journey").join(" "), heads);
    assert_eq!(columns(&said, "order_thanks").join(" "), "order_thanks live 1 1 0 1 1 0 0 0 0");
    assert_eq!(columns(&said, "class_reminder").join(" "), "class_reminder live 0 0 0 0 0 0 0 0 0");

    let said = with(&live, ["stats", "juniper", "--journey", "order_thanks"]);
    let heads = "version step variant waiting held_now sent delivered failed dropped clicked replied converted";
    assert_eq!(columns(&said, "version").join(" "), heads);
    assert_eq!(columns(&said, "1        thanks").join(" "), "1 thanks - 0 0 1 1 0 0 0 0 0");
    assert_eq!(columns(&said, "1        drink_it").join(" "), "1 drink_it - 1 0 0 0 0 0 0 0 0");

    let none = with(&live, ["stats", "juniper", "--journey", "thnaks"]);
    assert!(none.code == 1 && none.err.contains("no journey thnaks"), "{}", none.err);
    let none = with(&live, ["stats", "nobody"]);
    assert!(none.code == 1 && none.err.contains("(404)"), "{}", none.err);
}

#[test]
fn watching_shows_it_again_and_ends_with_its_reader() {
    let live = Live::start();
    live.apply("juniper", &repository("examples/shop"));
    let mut child = wayline(["stats", "juniper", "--watch"])
        .env("WAYLINE_SERVER", live.base_url())
        .env("WAYLINE_KEY", &live.operator)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start wayline");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    for _ in 0..2 {
        let mut next = || lines.next().expect("another table").expect("a line");
        while !next().starts_with("journey") {}
    }
    drop(lines);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}
