//! Definitions of a workspace as text, composed from the pieces of the language.
//!
//! Step k goes on to step k + 1 or jumps ahead, so that every step can be reached and nothing runs in a circle
//! without a wait. Must never write what validation refuses: that would be a fault of the simulator.

use crate::random::Random;
use crate::scenario::{Edition, QuietPlan, WorkspacePlan, quiet};
use std::fmt::Write as _;
use wayline_core::time::{Span, Timestamp};

/// Events that people do and journeys begin with.
pub(crate) const EVENTS: [&str; 4] = ["bought", "looked", "booked", "left"];
/// Attributes that conditions ask for.
pub(crate) const TIERS: [&str; 3] = ["gold", "silver", "none"];
/// What stands in a text that goes out by itself, before the word it answers.
pub(crate) const REPLY: &str = "reply.";
/// An event that leads to itself, in journeys that people should not have written.
pub(crate) const LOOPED: &str = "looped";
const SEGMENTS: [&str; 3] = ["vip", "fresh", "silent"];

/// What a journey of a slug keeps over its versions.
struct Draft<'a> {
    slug: String,
    keyword: Option<String>,
    others: &'a [String],
    has_transactional: bool,
    entry: String,
}

/// Plans the first definitions and those that replace them in flight.
pub(crate) fn editions(
    plan: &mut WorkspacePlan,
    draw: &mut Random,
    start: Timestamp,
    end: Timestamp,
) {
    let count = draw.between(1, 5);
    let slugs: Vec<String> = (0..count).map(|place| format!("j{place}")).collect();
    if draw.flip() {
        plan.keywords.push("JOIN".to_owned());
    }
    let mut journeys: Vec<String> = Vec::new();
    for slug in &slugs {
        journeys.push(journey(plan, draw, slug, &slugs));
    }
    let mut segments: Vec<String> = SEGMENTS.iter().map(|slug| segment(draw, slug)).collect();
    let mut now = plan.quiet;
    let mut at = start;
    loop {
        plan.editions.push(Edition {
            at,
            workspace: workspace(plan, now, &slugs),
            quiet: now,
            segments: segments.clone(),
            journeys: journeys.clone(),
        });
        at = at + draw.span(Span::hours(6), Span::days(8));
        if draw.flip() || at >= end {
            return;
        }
        if draw.per_mille(300) {
            now = quiet(draw);
        }
        if draw.per_mille(300)
            && let Some(place) = SEGMENTS.get(draw.below(SEGMENTS.len()))
        {
            let changed = segment(draw, place);
            segments.retain(|text| !text.starts_with(&format!("segment: {place}\n")));
            segments.push(changed);
        }
        let place = draw.below(slugs.len());
        if let (Some(slug), Some(text)) = (slugs.get(place), journeys.get_mut(place)) {
            *text = journey(plan, draw, slug, &slugs);
        }
    }
}

fn workspace(plan: &WorkspacePlan, quiet: Option<QuietPlan>, slugs: &[String]) -> String {
    let mut text = format!(
        "workspace: {}\nbrand: B{}\ncountry: US\ntime_zone: {}\nconsent: {}\nmissing_values: {}\n",
        plan.slug,
        plan.slug,
        plan.zone,
        plan.consent,
        if plan.missing_hold { "hold" } else { "drop" },
    );
    match quiet {
        None => text.push_str("quiet_hours: none\n"),
        Some(quiet) => {
            let _ = writeln!(
                text,
                "quiet_hours: {{from: \"{}\", to: \"{}\", purposes: [marketing{}], zones: {}, unknown_zone: {}, jurisdictions: {}}}",
                wall(quiet.from),
                wall(quiet.to),
                if quiet.transactional { ", transactional" } else { "" },
                if quiet.profile_only { "profile" } else { "intersect" },
                if quiet.workspace_zone { "workspace" } else { "strictest" },
                quiet.jurisdictions,
            );
        }
    }
    let caps: Vec<String> = plan
        .caps
        .iter()
        .map(|cap| {
            format!(
                "{{messages: {}, per: {}{}, when_full: {}}}",
                cap.messages,
                cap.per.map_or_else(|| "day".to_owned(), |span| span.to_string()),
                cap.purpose.map(|purpose| format!(", purpose: {purpose}")).unwrap_or_default(),
                if cap.hold { "hold" } else { "drop" },
            )
        })
        .collect();
    let _ = writeln!(text, "caps: [{}]", caps.join(", "));
    text.push_str("topics: [offers]\nsenders:\n");
    text.push_str("  - {id: main, number: \"60777\", kind: short_code, gateway: one}\n");
    text.push_str("  - {id: second, number: \"+12025550100\", kind: ten_dlc, gateway: two}\n");
    if plan.replies {
        text.push_str("auto_replies:\n");
        for word in ["stop", "help", "start"] {
            let _ = writeln!(
                text,
                "  {word}: \"{{{{ workspace.brand }}}} {REPLY}{word} {{{{ contact.nickname }}}}\""
            );
        }
    }
    if let (true, Some(slug)) = (plan.keywords.iter().any(|word| word == "JOIN"), slugs.first()) {
        let _ = writeln!(text, "keywords: [{{word: JOIN, journey: {slug}}}]");
    }
    text
}

fn wall(minutes: u32) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

fn segment(draw: &mut Random, slug: &str) -> String {
    format!("segment: {slug}\nwhen: {}\n", condition(draw, 2))
}

/// A condition that needs no event at hand.
fn condition(draw: &mut Random, depth: usize) -> String {
    let event = draw.one_of(EVENTS);
    let within = draw.one_of(["2h", "1d", "3d", "7d"]);
    match draw.below(if depth == 0 { 6 } else { 9 }) {
        0 => format!("{{attribute: tier, is: {}}}", draw.one_of(TIERS)),
        1 => format!("{{event: {event}, at_least: {}, within: {within}}}", draw.between(1, 3)),
        2 => format!("{{event: {event}, none: true, within: {within}}}"),
        3 => format!("{{sum: {{event: {event}, property: value}}, gte: 50, within: {within}}}"),
        4 => "{local_time: {from: \"09:00\", to: \"17:00\"}}".to_owned(),
        5 => "{bucket: 50}".to_owned(),
        6 => format!("{{not: {}}}", condition(draw, depth - 1)),
        7 => format!("{{all: [{}, {}]}}", condition(draw, depth - 1), condition(draw, depth - 1)),
        _ => format!("{{any: [{}, {}]}}", condition(draw, depth - 1), condition(draw, depth - 1)),
    }
}

fn journey(plan: &mut WorkspacePlan, draw: &mut Random, slug: &str, slugs: &[String]) -> String {
    let word = format!("{}WORD", slug.to_uppercase());
    let mut draft = Draft {
        slug: slug.to_owned(),
        keyword: draw.per_mille(200).then(|| word.clone()),
        others: slugs,
        has_transactional: draw.per_mille(400),
        entry: String::new(),
    };
    if draft.keyword.is_some() && !plan.keywords.contains(&word) {
        plan.keywords.push(word);
    }
    let purpose = if draft.has_transactional { "transactional" } else { "marketing" };
    let mut text = format!("journey: {slug}\npurpose: {purpose}\n");
    let (entry, has_event) = entry(draw, &draft);
    text.push_str(&entry);
    draft.entry.clone_from(&entry);
    let exit = draw.one_of(EVENTS);
    match draw.below(4) {
        0 if !entry.contains(exit) => {
            let _ = writeln!(text, "exit: [{{event: {exit}, as: gone}}]");
        }
        1 => {
            let _ = writeln!(text, "exit: [{{when: {}, as: changed}}]", condition(draw, 1));
        }
        _ => {}
    }
    if draw.per_mille(400) {
        let _ = writeln!(
            text,
            "goal: {{event: {}, within: {}, value: event.value, ends: {}}}",
            draw.one_of(EVENTS),
            draw.one_of(["1d", "3d"]),
            draw.flip(),
        );
    }
    text.push_str("steps:\n");
    // Sometimes it goes round, with a wait.
    let steps = draw.between(1, 8);
    let is_round = draw.per_mille(80) && has_event;
    let count = if is_round { steps + 1 } else { steps };
    let mut sends: Vec<usize> = Vec::new();
    for place in 0..steps {
        let body = if place == 0 && entry.contains(LOOPED) {
            format!("emit: {LOOPED}")
        } else if place == 0 && draw.flip() {
            send(draw, &draft, place, count)
        } else {
            step(draw, &draft, place, count, &sends)
        };
        if body.starts_with("send") {
            sends.push(place);
        }
        let _ = writeln!(text, "  s{place}: {{{body}}}");
    }
    if is_round {
        let _ = writeln!(text, "  s{steps}: {{wait: 20h, next: s0}}");
    }
    text
}

fn entry(draw: &mut Random, draft: &Draft<'_>) -> (String, bool) {
    let mut by = String::new();
    let mut has_event = false;
    match (&draft.keyword, draw.below(12)) {
        (Some(word), _) => {
            let _ = write!(by, "keyword: {word}");
        }
        (None, 0) => {
            let on = if draw.flip() { "join" } else { "leave" };
            let _ = write!(by, "segment: {{id: {}, on: {on}}}", draw.one_of(SEGMENTS));
        }
        (None, 1) => {
            let _ = write!(
                by,
                "schedule: {{rrule: \"FREQ=DAILY;BYHOUR={};BYMINUTE=30\", segment: {}}}",
                draw.below(24),
                draw.one_of(SEGMENTS),
            );
        }
        (None, 2) if draw.flip() => {
            let _ = write!(by, "event: {LOOPED}");
            let rest = "while_active: parallel\n  once_ended: always";
            return (format!("entry:\n  {by}\n  {rest}\n"), false);
        }
        (None, 2) => by.push_str("api: true"),
        (None, 3) => by.push_str("date: {attribute: born, offset: -1d, at: \"10:00\"}"),
        (None, kind) => {
            has_event = true;
            let _ = write!(by, "event: {}", draw.one_of(EVENTS));
            if kind == 4 {
                by.push_str("\n  where: {property: value, gte: 20}");
            }
            if draw.flip() {
                by.push_str("\n  key: event.order");
            }
        }
    }
    let active = draw.one_of(["ignore", "restart", "parallel"]);
    let ended = draw.one_of(["never", "always", "always", "{after: 1d}"]);
    (format!("entry:\n  {by}\n  while_active: {active}\n  once_ended: {ended}\n"), has_event)
}

/// A later step, or the end.
fn ahead(draw: &mut Random, place: usize, count: usize) -> String {
    let to = draw.between(place + 1, count);
    if to >= count { "end".to_owned() } else { format!("s{to}") }
}

fn following(place: usize, count: usize) -> String {
    if place + 1 >= count { "end".to_owned() } else { format!("s{}", place + 1) }
}

fn send(draw: &mut Random, draft: &Draft<'_>, place: usize, count: usize) -> String {
    let slug = &draft.slug;
    let missing = if draw.per_mille(60) { " {{ contact.nickname }}" } else { "" };
    let mut text = format!(
        "send: {{sms: \"{{{{ workspace.brand }}}} {slug}.s{place} {{{{ contact.tier | default: 'you' }}}} \
         @{{{{ event.starts_at | default: '-' }}}}@ https://x.example/{slug}{missing}\""
    );
    match draw.below(5) {
        0 => text.push_str(draw.one_of([", not_after: 2h", ", not_after: 30m", ", not_after: 1d"])),
        1 => text.push_str(", not_after: {until: event.starts_at, offset: -30m}"),
        _ => {}
    }
    if draw.per_mille(200) {
        text.push_str(draw.one_of([", purpose: marketing", ", purpose: transactional"]));
    }
    if draw.per_mille(200) {
        text.push_str(", sender: second");
    }
    if draw.per_mille(150) {
        let _ = write!(text, ", if_suppressed: {}", ahead(draw, place, count));
    }
    text.push('}');
    text
}

fn step(
    draw: &mut Random,
    draft: &Draft<'_>,
    place: usize,
    count: usize,
    sends: &[usize],
) -> String {
    match draw.below(16) {
        0..=4 => send(draw, draft, place, count),
        5..=7 => wait(draw, place, count),
        8 | 9 => wait_for(draw, place, count, sends),
        10 => format!(
            "branch: [{{when: {}, next: {}}}], otherwise: {}",
            condition(draw, 1),
            ahead(draw, place, count),
            following(place, count),
        ),
        11 => {
            let holdout = if draw.flip() { ", {name: c, weight: 20, holdout: true}" } else { "" };
            format!(
                "experiment: {{arms: [{{name: a, weight: 50, next: {}}}, {{name: b, weight: 50, next: {}}}{holdout}]}}",
                following(place, count),
                ahead(draw, place, count),
            )
        }
        12 => draw
            .one_of([
                "update: {set: {stage: in}, add: {visits: 1}, tag: [seen]}",
                "update: {set: {tier: gold}, subscribe: [offers]}",
                "update: {unset: [tier], unsubscribe: [offers]}",
            ])
            .to_owned(),
        13 => {
            // An event that enters the very journey would go round for ever.
            let event = if draft.entry.contains("event: left") { "pinged" } else { "left" };
            let event = if draw.per_mille(100) { LOOPED } else { event };
            format!("emit: {{event: {event}, properties: {{value: 30}}}}")
        }
        14 => format!(
            "call: {{url: \"https://x.example/{}\", method: GET, timeout: {}, save: {{tier: /tier}}, on_error: {}}}",
            draft.slug,
            draw.one_of(["5s", "10m"]),
            ahead(draw, place, count),
        ),
        _ => {
            let other = draw.pick(draft.others).cloned().unwrap_or_default();
            if other > draft.slug { format!("enroll: {other}") } else { wait(draw, place, count) }
        }
    }
}

fn wait(draw: &mut Random, place: usize, count: usize) -> String {
    match draw.below(8) {
        0 => "wait: {between: [30m, 5h]}".to_owned(),
        1 => "wait: {until: \"18:30\", zone: contact}".to_owned(),
        2 => "wait: {until: \"09:00\", days: [mon, sat], zone: workspace}".to_owned(),
        3 => format!(
            "wait: {{until: event.starts_at, offset: -2h, if_past: {}}}",
            ahead(draw, place, count)
        ),
        4 => "wait: {best_time: 24h}".to_owned(),
        _ => format!("wait: {}", draw.one_of(["1m", "30m", "4h", "1d", "3d"])),
    }
}

fn wait_for(draw: &mut Random, place: usize, count: usize, sends: &[usize]) -> String {
    let mut arms = Vec::new();
    let to = ahead(draw, place, count);
    if let Some(sent) = draw.pick(sends) {
        arms.push(match draw.below(4) {
            0 => format!("{{clicked: s{sent}, next: {to}}}"),
            1 => format!("{{replied: s{sent}, like: [yes, ok], next: {to}}}"),
            2 => format!("{{delivered: s{sent}, next: {to}}}"),
            _ => format!("{{failed: s{sent}, next: {to}}}"),
        });
    }
    match draw.below(3) {
        0 => arms.push(format!("{{event: {}, next: {to}}}", draw.one_of(EVENTS))),
        1 => arms.push(format!("{{segment: {}, next: {to}}}", draw.one_of(SEGMENTS))),
        _ => arms.push(format!("{{attribute: tier, is: gold, next: {to}}}")),
    }
    let restart = if draw.flip() { ", restart_on: looked" } else { "" };
    format!(
        "wait_for: {{first: [{}], timeout: {}, otherwise: {}{restart}}}",
        arms.join(", "),
        draw.one_of(["1h", "12h", "2d"]),
        following(place, count),
    )
}
