//! The demonstration: people get texts soon after the start, and a second start goes on where the first was.

use crate::live::{ask, until};
use crate::program::wayline;
use serde_json::Value as Json;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

struct Demo {
    child: Child,
    address: String,
    key: String,
}

impl Demo {
    fn start(data: &Path) -> Demo {
        let mut child = wayline(["demo", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("start the demo");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let start = "wayline listens on http://";
        let line = lines.by_ref().find_map(|line| Some(line.ok()?.strip_prefix(start)?.to_owned()));
        let address =
            line.expect("where it listens").split(' ').next().expect("an address").to_owned();
        std::thread::spawn(move || lines.for_each(drop));
        let file = data.join("operator.key");
        let key = until("the key is there", || {
            std::fs::read_to_string(&file).ok().filter(|key| key.ends_with('\n'))
        });
        Demo { child, address, key: key.trim().to_owned() }
    }

    /// Texts sent, and people who entered, over all journeys.
    fn counts(&self) -> (u64, u64) {
        let path = "/api/v1/workspaces/demo/journeys";
        let Ok(answer) = ask(&self.address, ("GET", path), &self.key, &[], &Json::Null) else {
            return (0, 0);
        };
        let journeys = answer.json()["items"].as_array().cloned().unwrap_or_default();
        let sum = |name: &str| {
            journeys.iter().filter_map(|journey| journey["counts"][name].as_u64()).sum()
        };
        (sum("sent"), sum("entered"))
    }

    fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("run kill").success());
        assert!(self.child.wait().expect("wait for it").success());
    }
}

#[test]
fn people_live_in_it_and_go_on_after_a_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let demo = Demo::start(folder.path());
    let before =
        until("a few texts are sent", || Some(demo.counts()).filter(|(sent, _)| *sent >= 3));
    demo.stop();
    let demo = Demo::start(folder.path());
    let (sent, entered) = demo.counts();
    assert!(sent >= before.0 && entered >= before.1, "{before:?}, then {sent}, {entered}");
    until("life goes on", || Some(demo.counts()).filter(|(sent, _)| *sent > before.0 + 2));
    demo.stop();
}
