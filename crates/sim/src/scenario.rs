//! A world of one seed: workspaces, people, what they do and what goes wrong.
//!
//! Swarm style: each seed draws which features are on, so that rare ones meet each other in bare worlds. Must
//! never look at what the engine does.

use crate::compose;
use crate::random::Random;
use wayline_core::time::{Span, Timestamp};

/// Everything a seed decides before the first instant.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The seed.
    pub seed: u64,
    /// Whether the clock is virtual: everything is decided at the instant it was due.
    pub is_virtual: bool,
    /// First instant.
    pub start: Timestamp,
    /// Nothing new happens from then on, and faults stop.
    pub end: Timestamp,
    /// What goes wrong.
    pub faults: FaultPlan,
    /// How the carrier behaves.
    pub carrier: CarrierPlan,
    /// The businesses.
    pub workspaces: Vec<WorkspacePlan>,
    /// Their people.
    pub people: Vec<Person>,
}

/// Shares of 1,000 chances each.
#[derive(Clone, Copy, Debug, Default)]
pub struct FaultPlan {
    /// The program dies between two operations.
    pub crash: u32,
    /// The store fails before it keeps a batch.
    pub fail_before: u32,
    /// The store fails after it kept a batch.
    pub fail_after: u32,
    /// An input is sent twice.
    pub duplicate: u32,
    /// An input comes late.
    pub late: u32,
    /// The program is down for hours.
    pub downtime: u32,
    /// An input is one that nobody can handle.
    pub poison: u32,
    /// Finished messages are forgotten after some days.
    pub retain: bool,
}

/// Shares of 1,000 submits each.
#[derive(Clone, Copy, Debug, Default)]
pub struct CarrierPlan {
    /// The answer is lost.
    pub timeout: u32,
    /// Asked to come again.
    pub throttle: u32,
    /// Refused for good.
    pub refuse: u32,
    /// Receipts that say undelivered.
    pub undelivered: u32,
    /// Receipts that come before the answer.
    pub early: u32,
    /// Receipts that come twice.
    pub twice: u32,
    /// Receipts for messages nobody knows.
    pub stray: u32,
    /// The longest time to a receipt.
    pub receipt_after: Span,
    /// Delivered messages with a click.
    pub click: u32,
    /// Delivered messages with a reply.
    pub reply: u32,
    /// Replies that are a STOP.
    pub stop: u32,
    /// Calls that fail.
    pub call_fails: u32,
}

/// A business.
#[derive(Clone, Debug)]
pub struct WorkspacePlan {
    /// Its id.
    pub slug: String,
    /// Its zone.
    pub zone: &'static str,
    /// When not to send.
    pub quiet: Option<QuietPlan>,
    /// Messages per window.
    pub caps: Vec<CapPlan>,
    /// `double_opt_in`, `single_opt_in` or `assumed`.
    pub consent: &'static str,
    /// Words that enter journeys.
    pub keywords: Vec<String>,
    /// Whether a text that lacks a value waits for it.
    pub missing_hold: bool,
    /// Whether STOP, HELP and START are answered by themselves.
    pub replies: bool,
    /// Definitions that are published one after the other.
    pub editions: Vec<Edition>,
}

/// One state of a workspace's definitions.
#[derive(Clone, Debug)]
pub struct Edition {
    /// When it is published.
    pub at: Timestamp,
    /// `workspace.yaml`.
    pub workspace: String,
    /// Quiet hours in it.
    pub quiet: Option<QuietPlan>,
    /// `segments/*.yaml`.
    pub segments: Vec<String>,
    /// `journeys/*.yaml`.
    pub journeys: Vec<String>,
}

impl Edition {
    /// Whether a word enters a journey while this edition is in force.
    #[must_use]
    pub fn has_keyword(&self, word: &str) -> bool {
        let entry = format!("keyword: {word}\n");
        let listed = format!("word: {word},");
        self.workspace.contains(&listed) || self.journeys.iter().any(|text| text.contains(&entry))
    }
}

/// Quiet hours in minutes of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietPlan {
    /// First quiet minute.
    pub from: u32,
    /// First minute no longer quiet.
    pub to: u32,
    /// Transactional messages are held too.
    pub transactional: bool,
    /// Only the profile's zone counts, where there is one.
    pub profile_only: bool,
    /// The workspace's zone counts where none is known.
    pub workspace_zone: bool,
    /// Rules of countries count too.
    pub jurisdictions: bool,
}

/// A cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapPlan {
    /// How many.
    pub messages: usize,
    /// Rolling window; `None`: the local day.
    pub per: Option<Span>,
    /// `marketing`, `transactional`; `None`: all.
    pub purpose: Option<&'static str>,
    /// Hold or drop.
    pub hold: bool,
}

/// A person.
#[derive(Clone, Debug)]
pub struct Person {
    /// The business's id of them.
    pub id: String,
    /// Place of their workspace.
    pub workspace: usize,
    /// Their number.
    pub phone: Option<String>,
    /// The zone their profile names.
    pub zone: Option<&'static str>,
    /// Draws of their own.
    pub random: Random,
}

/// Beginnings of numbers, with the zones and the country that they tell.
pub const PLACES: [(&str, &[&str], &str); 8] = [
    ("+120255501", &["America/New_York"], "US"),
    ("+131255501", &["America/Chicago"], "US"),
    ("+121355501", &["America/Los_Angeles"], "US"),
    (
        "+4474001234",
        &["Europe/Guernsey", "Europe/Isle_of_Man", "Europe/Jersey", "Europe/London"],
        "GB",
    ),
    ("+49151123456", &["Europe/Berlin"], "DE"),
    ("+9198123456", &["Asia/Calcutta"], "IN"),
    (
        "+614123456",
        &[
            "Australia/Adelaide",
            "Australia/Brisbane",
            "Australia/Eucla",
            "Australia/Lord_Howe",
            "Australia/Perth",
            "Australia/Sydney",
            "Indian/Christmas",
            "Indian/Cocos",
        ],
        "AU",
    ),
    ("+8190123456", &["Asia/Tokyo"], "JP"),
];

const ZONES: [&str; 5] =
    ["America/New_York", "America/Los_Angeles", "Europe/London", "Asia/Calcutta", "Asia/Tokyo"];

impl Scenario {
    /// The world of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Scenario {
        let random = Random::new(seed);
        let mut draw = random.fork("scenario");
        // Some begin days before clocks are moved in America or Europe.
        let starts = ["2026-03-05T00:00:00Z", "2026-10-23T07:00:00Z", "2026-06-01T12:00:00Z"];
        let start = Timestamp::parse(draw.one_of(starts)).unwrap_or_default();
        let end = start + Span::days(draw.one_of([2, 3, 5, 8, 14, 30]));
        let count = if draw.per_mille(300) { 2 } else { 1 };
        let workspaces: Vec<WorkspacePlan> = (0..count)
            .map(|place| {
                // Drawn apart: worlds that once found something stay as they were.
                let replies = random.fork(&format!("auto-replies {place}")).flip();
                let mut draw = random.fork(&format!("workspace {place}"));
                workspace(&mut draw, (place, replies), start, end)
            })
            .collect();
        let crowd = draw.one_of([2, 4, 8, 16]);
        let people = (0..crowd).map(|place| person(&random, place, count)).collect();
        Scenario {
            seed,
            is_virtual: draw.per_mille(350),
            start,
            end,
            faults: faults(&mut random.fork("faults")),
            carrier: carrier(&mut random.fork("carrier")),
            workspaces,
            people,
        }
    }
}

fn faults(draw: &mut Random) -> FaultPlan {
    let mut some = |share: u32| if draw.flip() { share } else { 0 };
    FaultPlan {
        crash: some(15),
        fail_before: some(15),
        fail_after: some(10),
        duplicate: some(150),
        late: some(150),
        downtime: some(20),
        poison: some(15),
        retain: some(1) == 1,
    }
}

fn carrier(draw: &mut Random) -> CarrierPlan {
    let mut some = |share: u32| if draw.flip() { share } else { 0 };
    CarrierPlan {
        timeout: some(80),
        throttle: some(200),
        refuse: some(60),
        undelivered: some(150),
        early: some(200),
        twice: some(150),
        stray: some(80),
        receipt_after: Span::minutes([0, 5, 600][(some(1) + some(1)) as usize]),
        click: some(300),
        reply: some(400),
        stop: some(300),
        call_fails: some(300),
    }
}

fn workspace(
    draw: &mut Random,
    (place, replies): (usize, bool),
    start: Timestamp,
    end: Timestamp,
) -> WorkspacePlan {
    let quiet = quiet(draw);
    let mut caps: Vec<CapPlan> = Vec::new();
    for _ in 0..draw.one_of([0, 0, 1, 1, 2, 3]) {
        caps.push(CapPlan {
            messages: draw.between(1, 3),
            per: draw.one_of([
                Some(Span::hours(24)),
                Some(Span::hours(3)),
                Some(Span::days(7)),
                None,
            ]),
            purpose: draw.one_of([None, Some("marketing"), Some("transactional")]),
            hold: draw.flip(),
        });
    }
    let mut plan = WorkspacePlan {
        slug: format!("w{place}"),
        zone: draw.one_of(ZONES),
        quiet,
        caps,
        consent: draw.one_of(["double_opt_in", "single_opt_in", "assumed"]),
        keywords: Vec::new(),
        missing_hold: draw.flip(),
        replies,
        editions: Vec::new(),
    };
    compose::editions(&mut plan, draw, start, end);
    plan
}

/// Quiet hours of a kind.
pub(crate) fn quiet(draw: &mut Random) -> Option<QuietPlan> {
    if draw.per_mille(250) {
        return None;
    }
    let (from, to) =
        draw.one_of([(1_260, 480), (1_200, 600), (720, 780), (0, 420), (1_320, 1_439)]);
    Some(QuietPlan {
        from,
        to,
        transactional: draw.per_mille(300),
        profile_only: draw.per_mille(300),
        workspace_zone: draw.per_mille(300),
        jurisdictions: draw.per_mille(600),
    })
}

fn person(random: &Random, place: usize, workspaces: usize) -> Person {
    let mut draw = random.fork(&format!("person {place}"));
    let phone = number(&mut draw);
    Person {
        id: format!("p{place}"),
        workspace: draw.below(workspaces),
        phone: (!draw.per_mille(100)).then_some(phone),
        zone: draw.flip().then(|| draw.one_of(ZONES)),
        random: draw,
    }
}

/// A number. There are few of each kind: people share some.
pub(crate) fn number(draw: &mut Random) -> String {
    let (beginning, ..) = draw.one_of(PLACES);
    let length = match beginning.get(..3) {
        Some("+49") => 14,
        Some("+44" | "+91" | "+81") => 13,
        _ => 12,
    };
    let digits = length - beginning.len();
    format!("{beginning}{:0digits$}", draw.between(1, 9))
}
