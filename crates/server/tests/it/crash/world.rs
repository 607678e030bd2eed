//! What runs while the program is killed: a workspace that has every kind of waiting in it, and its webhook.

use crate::live::Live;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Text id of the workspace.
pub(crate) const SLUG: &str = "crash";
/// How many times faster than real time.
pub(crate) const SPEED: i64 = 7_200;
/// Marketing messages in so many hours, as `workspace.yaml` says.
pub(crate) const CAP: (usize, i64) = (3, 6);

const WORKSPACE: &str = r#"
workspace: crash
brand: Crash
country: US
time_zone: America/New_York
quiet_hours: {from: "21:00", to: "08:00", purposes: [marketing], unknown_zone: workspace}
caps:
  - {messages: 3, per: 6h, purpose: marketing, when_full: hold}
consent: single_opt_in
senders:
  - {id: main, number: "60777", kind: short_code, gateway: sandbox}
"#;

/// A wait that restarts, an experiment, a cap and quiet hours, answers, an exit and a goal.
const CART: &str = r#"
journey: cart
purpose: marketing
entry: {event: addtocart, key: event.cart_id, while_active: restart, once_ended: always}
exit: [{event: purchase, as: purchased}]
goal: {event: purchase, within: 72h, value: event.value}
steps:
  let_them_shop: {wait: 30m}
  offer:
    experiment:
      arms:
        - {name: ten, weight: 45, next: ten_off}
        - {name: ship, weight: 45, next: free_shipping}
        - {name: control, weight: 10, holdout: true}
      by: fixed
  ten_off:
    send: {sms: "{{ workspace.brand }}: 10% off {{ event.cart_id }}. Reply STOP to opt out.", not_after: 48h}
    next: watch
  free_shipping:
    send: {sms: "{{ workspace.brand }}: we ship {{ event.cart_id }} free. Reply STOP to opt out.", not_after: 48h}
  watch:
    wait_for:
      first:
        - {replied: any, like: yes, next: note}
      restart_on: viewed
      timeout: 3h
      otherwise: end
  note:
    update: {set: {lifecycle: engaged}, add: {replies: 1}}
"#;

/// Several at once with one key.
const NEWS: &str = r#"
journey: news
purpose: transactional
entry: {event: ordered, key: event.topic, while_active: parallel, once_ended: always}
steps:
  first: {send: {sms: "Order {{ event.topic }} is here."}}
  rest: {wait: {between: [10m, 40m]}}
  second: {send: {sms: "Order {{ event.topic }} has left.", if_suppressed: end}}
  tell: {emit: {event: told, properties: {topic: "{{ event.topic }}"}}}
"#;

/// A webhook, with both ways on.
const ASK: &str = r#"
journey: ask
purpose: transactional
entry: {event: purchase, key: event.order_id}
steps:
  ask:
    call: {url: "http://HOOK/offer", method: POST, body: {order: "{{ event.order_id }}"}, timeout: 12h, save: {percent: /percent}, on_error: sorry}
  offer:
    send: {sms: "{{ contact.percent | default: 0 }}% for order {{ event.order_id }}"}
    next: end
  sorry:
    send: {sms: "Thanks for order {{ event.order_id }}"}
"#;

/// Everybody who bought, again and again.
const ROUND: &str = r#"
journey: round
purpose: marketing
entry: {schedule: {rrule: "FREQ=HOURLY;INTERVAL=4", segment: buyers}, once_ended: always}
steps:
  look: {wait: 10m}
  note: {update: {add: {rounds: 1}}}
"#;

/// A membership that ends by itself.
const LOYAL: &str = r#"
journey: loyal
purpose: marketing
entry: {segment: {id: buyers, on: leave}, once_ended: always}
steps:
  miss: {send: {sms: "We miss you. Reply STOP to opt out.", not_after: 24h}}
"#;

const BUYERS: &str = r#"
segment: buyers
when: {event: purchase, at_least: 1, within: 8h}
"#;

/// The journey that a person may be in several times with one key.
pub(crate) const PARALLEL: &str = "news";

/// Makes the workspace in a program, and a key that may write. `hook`: where its webhook is.
pub(crate) fn make(live: &Live, hook: &str) -> String {
    let files = [
        ("workspace.yaml", WORKSPACE),
        ("journeys/cart.yaml", CART),
        ("journeys/news.yaml", NEWS),
        ("journeys/ask.yaml", ASK),
        ("journeys/round.yaml", ROUND),
        ("journeys/loyal.yaml", LOYAL),
        ("segments/buyers.yaml", BUYERS),
    ];
    let files: BTreeMap<String, String> =
        files.iter().map(|(name, text)| ((*name).to_owned(), text.replace("HOOK", hook))).collect();
    live.apply_files(SLUG, &files);
    live.key(SLUG, &["write"])
}

/// Writes the settings of a run: fast, with a journal of what the carrier got.
pub(crate) fn settings(path: &Path, journal: &Path, sandbox: &str) {
    let mut text = format!("speed = {SPEED}\n");
    text.push_str("[http]\nrequests_per_second_max = 1000000\nrequests_at_once_max = 1000000\n");
    text.push_str("[webhooks]\nprivate_addresses = true\n[log]\nfilter = \"warn\"\n");
    let journal = journal.display();
    let _ = write!(
        text,
        "[sandbox]\njournal = {:?}\nreceipt_seconds = [20.0, 900.0]\n{sandbox}",
        journal.to_string()
    );
    std::fs::write(path, text).expect("write settings");
}

/// A webhook that answers. Its thread ends with the test's process.
pub(crate) struct Hook {
    /// Where it is.
    pub(crate) address: String,
    calls: Arc<AtomicUsize>,
}

impl Hook {
    pub(crate) fn start() -> Hook {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
        let address = listener.local_addr().expect("an address").to_string();
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let count = Arc::clone(&count);
                std::thread::spawn(move || {
                    // A caller that was killed is no failure of the test.
                    let _ = answer(stream, &count);
                });
            }
        });
        Hook { address, calls }
    }

    /// Calls answered so far.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

/// Every fourth call fails.
fn answer(stream: TcpStream, count: &AtomicUsize) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.trim().is_empty() {
                break;
            }
        }
        std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
        let n = count.fetch_add(1, Ordering::Relaxed);
        let (status, body) =
            if n % 4 == 3 { ("500 No", "") } else { ("200 OK", r#"{"percent":15}"#) };
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
        reader.get_mut().write_all(format!("{head}{body}").as_bytes())?;
    }
}
