//! Two carriers, the workspace that sends through both, and the people it sends to.

use crate::live::Live;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tokio::runtime::Runtime;
use wayline_smsc::{Behaviour, Carrier, Delay, IdForm, Settings};

/// Text id of the workspace.
pub(crate) const SLUG: &str = "carriers";
/// Text id of its only journey.
pub(crate) const JOURNEY: &str = "offer";
/// Gateways, by the carrier behind each.
pub(crate) const GATEWAYS: [&str; 2] = ["a", "b"];
/// How many times faster than real time: a lost answer is given up for good after 90 seconds of the program's clock.
/// Still longer than any submit takes ([`RESPONSE_SECONDS`]), as that rule demands.
pub(crate) const SPEED: u32 = 20;
/// Real seconds an answer may take.
const RESPONSE_SECONDS: u32 = 2;
/// Connections to each carrier, and submits that may be unanswered on each.
pub(crate) const CONNECTIONS: u16 = 4;
pub(crate) const WINDOW: u16 = 50;
/// The number of the first person, without `+`.
const FIRST: u64 = 12_122_000_000;

const WORKSPACE: &str = r#"
workspace: carriers
brand: Carriers
country: US
time_zone: America/New_York
consent: single_opt_in
senders:
  - {id: main, number: "+12025550100", kind: ten_dlc, gateway: a}
routes:
  - {gateway: a, weight: 1}
  - {gateway: b, weight: 1}
"#;

const OFFER: &str = r#"
journey: offer
purpose: marketing
entry: {event: came}
steps:
  offer: {send: {sms: "{{ workspace.brand }}: 10% off. Reply STOP to opt out."}}
"#;

/// The number of a person.
pub(crate) fn number_of(person: usize) -> String {
    format!("+{}", FIRST + person as u64)
}

/// Whose number it is, of so many people, written with or without `+`.
pub(crate) fn person_of(number: &str, people: usize) -> Option<usize> {
    let digits: u64 = number.trim_start_matches('+').parse().ok()?;
    let person = usize::try_from(digits.checked_sub(FIRST)?).ok()?;
    (person < people).then_some(person)
}

/// The carriers. They live in the process of the test: a kill of the program does not touch them.
pub(crate) struct Carriers {
    pub(crate) carriers: Vec<Carrier>,
    runtime: Runtime,
    folder: tempfile::TempDir,
}

impl Carriers {
    /// Starts one carrier for each of [`GATEWAYS`].
    pub(crate) fn start(seed: u64, behave: impl Fn(&mut Behaviour)) -> Carriers {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let start = |(place, gateway): (usize, &&str)| {
            let mut behaviour = Behaviour {
                system_id: "*".to_owned(),
                latency_ms: Delay::between(2, 30),
                receipt_delay_ms: Delay::between(10, 400),
                // Each writes its ids in a way of its own.
                id_form: if place == 0 { IdForm::Decimal } else { IdForm::DecimalThenHex },
                ..Behaviour::default()
            };
            behave(&mut behaviour);
            let settings = Settings {
                seed: seed + place as u64,
                journal: Some(journal_in(folder.path(), gateway)),
                behaviour,
                ..Settings::default()
            };
            runtime.block_on(Carrier::start(settings)).expect("start a carrier")
        };
        let carriers = GATEWAYS.iter().enumerate().map(start).collect();
        Carriers { carriers, runtime, folder }
    }

    /// Where their journals are, by gateway.
    pub(crate) fn journals(&self) -> [PathBuf; 2] {
        GATEWAYS.map(|gateway| journal_in(self.folder.path(), gateway))
    }

    /// Messages that were given a fate: those that were only put off are not counted.
    pub(crate) fn taken(&self) -> usize {
        let taken = |carrier: &Carrier| {
            let it = carrier.state().total;
            it.submits - it.throttled - it.above_window - it.queue_full - it.refused
        };
        self.carriers.iter().map(taken).sum::<u64>() as usize
    }

    /// A counter of both together.
    pub(crate) fn sum(&self, counter: impl Fn(&wayline_smsc::Figures) -> u64) -> u64 {
        self.carriers.iter().map(|carrier| counter(&carrier.state().total)).sum()
    }

    /// Stops both; their journals stay until the folder that is returned is dropped.
    pub(crate) fn stop(self) -> tempfile::TempDir {
        let Carriers { carriers, runtime, folder } = self;
        for carrier in carriers {
            runtime.block_on(carrier.stop());
        }
        folder
    }
}

fn journal_in(folder: &Path, gateway: &str) -> PathBuf {
    folder.join(format!("{gateway}.ndjson"))
}

/// Settings of the program.
pub(crate) fn settings(path: &Path, speed: u32) {
    let mut text = format!("speed = {speed}\n");
    text.push_str("[http]\nrequests_per_second_max = 1000000\nrequests_at_once_max = 1000000\n");
    let _ = write!(text, "[log]\nfilter = \"error\"\n");
    std::fs::write(path, text).expect("write settings");
}

/// Sets the gateways up, as an operator does. `parts_per_second`: what each is given at most.
pub(crate) fn connect(live: &Live, carriers: &Carriers, parts_per_second: Option<f64>) {
    for (gateway, carrier) in GATEWAYS.iter().zip(&carriers.carriers) {
        let mut body = json!({
            "kind": "smpp",
            "settings": {
                "host": "127.0.0.1",
                "port": carrier.smpp_addr().port(),
                "system_id": format!("wayline-{gateway}"),
                "connections": CONNECTIONS,
                "window": WINDOW,
                "response_seconds": RESPONSE_SECONDS,
            },
            "secrets": { "password": "secret" },
        });
        if let Some(rate) = parts_per_second {
            body["parts_per_second"] = json!(rate);
        }
        let path = format!("/api/v1/gateways/{gateway}");
        live.request("PUT", &path, &live.operator, &body).expect(200);
    }
}

/// Ids of all messages that the API lists as unknown, of both gateways.
pub(crate) fn unknown(live: &Live) -> BTreeSet<String> {
    let mut listed = BTreeSet::new();
    for gateway in GATEWAYS {
        let path = format!("/api/v1/gateways/{gateway}/unknown?limit=1000");
        let mut next = String::new();
        loop {
            let page = live.get(&format!("{path}{next}")).expect(200);
            let items = page["items"].as_array().expect("items");
            listed.extend(items.iter().map(|it| it["id"].as_str().expect("an id").to_owned()));
            let Some(after) = page["next"].as_str() else { break };
            next = format!("&after={after}");
        }
    }
    listed
}

/// Makes a workspace in a program, and a key that may write.
pub(crate) fn make(live: &Live, slug: &str) -> String {
    let files = [("workspace.yaml", WORKSPACE), ("journeys/offer.yaml", OFFER)];
    let named = |text: &str| text.replace("workspace: carriers", &format!("workspace: {slug}"));
    let files: BTreeMap<String, String> =
        files.iter().map(|(name, text)| ((*name).to_owned(), named(text))).collect();
    live.apply_files(slug, &files);
    live.key(slug, &["write"])
}
