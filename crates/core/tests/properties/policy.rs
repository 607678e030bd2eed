//! `may_send`: never in quiet hours, never over a cap, and a hold ends at the first instant that is free.

use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::json;
use wayline_core::consent::Channel;
use wayline_core::contact::{Contact, Profile, SendMark, State};
use wayline_core::ids::{ContactId, EnrollmentId, MessageId, WorkspaceId};
use wayline_core::journey::compile::compile;
use wayline_core::journey::parse::parse_workspace;
use wayline_core::phone;
use wayline_core::policy::may_send::{Verdict, Wish, may_send};
use wayline_core::policy::settings::{Cap, CapWindow, Purpose, Settings};
use wayline_core::time::{Span, Timestamp};
use wayline_core::zone::zone;

/// Numbers of one zone, of several, of a whole country.
const PHONES: [&str; 5] =
    ["+12125550142", "+18505550142", "+18005550142", "+61255501234", "+4915123456789"];
const ZONES: [&str; 6] = [
    "America/New_York",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Europe/Lisbon",
];
/// Days around clock changes of both hemispheres, and the day that Samoa left out.
const STARTS: [&str; 5] = [
    "2026-03-07T12:00:00Z",
    "2026-10-31T12:00:00Z",
    "2026-04-04T00:00:00Z",
    "2011-12-29T00:00:00Z",
    "2026-06-15T00:00:00Z",
];

#[derive(Clone, Debug)]
struct Case {
    phone: usize,
    profile: Option<usize>,
    /// Minutes of the day.
    quiet: (u16, u16),
    /// Messages and hours.
    caps: Vec<(u32, i64)>,
    start: usize,
    /// Milliseconds after the start at which something wants to go.
    wishes: Vec<i64>,
}

fn cases() -> impl Strategy<Value = Case> {
    let quiet = (0_u16..1_440, 0_u16..1_440).prop_filter("a window", |(from, to)| from != to);
    let caps = prop::collection::vec((1_u32..4, 1_i64..60), 0..3);
    let wishes = prop::collection::vec(0_i64..5 * 86_400_000, 1..20);
    (0..PHONES.len(), prop::option::of(0..ZONES.len()), quiet, caps, 0..STARTS.len(), wishes)
        .prop_map(|(phone, profile, quiet, caps, start, wishes)| Case {
            phone,
            profile,
            quiet,
            caps,
            start,
            wishes,
        })
}

fn settings(case: &Case) -> Settings {
    let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let text = format!(
        "workspace: acme\ncountry: US\ntime_zone: America/New_York\nconsent: assumed\n\
         quiet_hours: {{from: \"{}\", to: \"{}\", jurisdictions: false}}\n",
        clock(case.quiet.0),
        clock(case.quiet.1)
    );
    let workspace = parse_workspace("workspace.yaml", text.as_bytes()).expect("it parses");
    let program = compile(&workspace, &[], &[], 1, WorkspaceId(1)).expect("it compiles");
    let caps = case.caps.iter().map(|(messages, hours)| Cap {
        messages: *messages,
        per: CapWindow::Rolling(Span::hours(*hours)),
        purpose: None,
        hold: true,
    });
    Settings { caps: caps.collect(), ..program.settings }
}

fn contact(case: &Case) -> Contact {
    let mut profile = Profile { phone: Some(PHONES[case.phone].to_owned()), ..Profile::default() };
    if let Some(zone) = case.profile {
        profile.attributes.insert("timezone".to_owned(), json!(ZONES[zone]));
    }
    Contact { workspace: WorkspaceId(1), id: ContactId(1), profile, state: State::new(1, 0) }
}

/// Every zone the person may be in, found here on its own.
fn zones(case: &Case) -> Vec<TimeZone> {
    let number = PHONES[case.phone];
    let names = match phone::zones(number) {
        [] => phone::zones_by_prefix(number),
        names => names,
    };
    let own = case.profile.map(|zone| ZONES[zone]);
    let all = own.into_iter().chain(names.iter().copied());
    all.map(|name| zone(name).expect("it exists")).collect()
}

fn is_quiet(case: &Case, zones: &[TimeZone], at: Timestamp) -> bool {
    let (from, to) = case.quiet;
    zones.iter().any(|zone| {
        let wall = zone.to_datetime(at.to_jiff());
        let minute = wall.hour() as u16 * 60 + wall.minute() as u16;
        if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
    })
}

/// Whether one more message at `at` keeps every cap.
fn caps_free(case: &Case, sent: &[Timestamp], at: Timestamp) -> bool {
    case.caps.iter().all(|(messages, hours)| {
        let inside = sent.iter().filter(|sent| **sent > at - Span::hours(*hours) && **sent <= at);
        (inside.count() as u32) < *messages
    })
}

proptest! {
    #![proptest_config(crate::cases(500))]
    #[test]
    fn what_may_go_is_allowed_and_what_is_held_waits_no_longer_than_it_must(
        case in cases(), samples in prop::collection::vec(0.0_f64..1.0, 8)
    ) {
        let (settings, zones) = (settings(&case), zones(&case));
        let mut contact = contact(&case);
        let start = Timestamp::parse(STARTS[case.start]).expect("an instant");
        let mut instants = case.wishes.clone();
        instants.sort_unstable();
        let mut sent: Vec<Timestamp> = Vec::new();
        for (visit, after) in instants.into_iter().enumerate() {
            let now = start + Span(after);
            let wish =
                Wish { channel: Channel::Sms, purpose: Purpose::Marketing, not_after: None, paused: false };
            let free = |at| !is_quiet(&case, &zones, at) && caps_free(&case, &sent, at);
            match may_send(&settings, &contact, wish, now) {
                Verdict::Send => {
                    prop_assert!(!is_quiet(&case, &zones, now), "{now} is quiet");
                    prop_assert!(caps_free(&case, &sent, now), "{now} is over a cap");
                    sent.push(now);
                    contact.state.sends.push(SendMark {
                        at: now,
                        purpose: Purpose::Marketing,
                        message: MessageId {
                            enrollment: EnrollmentId(1),
                            step: 0,
                            visit: visit as u32,
                        },
                    });
                }
                Verdict::Hold { until, .. } => {
                    prop_assert!(until > now, "held until {until}, which is not after {now}");
                    prop_assert!(free(until), "{until} is not free");
                    prop_assert!(!free(Timestamp(until.0 - 1)), "{until} is not the first");
                    for sample in &samples {
                        let at = now + Span(((until - now).0 as f64 * sample) as i64);
                        prop_assert!(!free(at), "{at} was free before {until}");
                    }
                    let again = may_send(&settings, &contact, wish, until);
                    prop_assert_eq!(again, Verdict::Send);
                    // What is too late by then is not held at all.
                    let late = Wish { not_after: Some(until), ..wish };
                    let late = may_send(&settings, &contact, late, now);
                    prop_assert!(matches!(late, Verdict::Drop(_)), "{late:?}");
                }
                Verdict::Drop(reason) => {
                    // Zones so far apart that they are never awake together.
                    prop_assert_eq!(reason.as_str(), "no_allowed_instant");
                    for sample in &samples {
                        let at = now + Span((9.0 * 86_400_000.0 * sample) as i64);
                        prop_assert!(is_quiet(&case, &zones, at), "{at} was allowed");
                    }
                }
            }
        }
    }
}
