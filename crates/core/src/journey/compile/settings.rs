//! `workspace.yaml` → settings, with the defaults a marketer expects.
//!
//! Must never weaken a default silently: what is absent is the strict form.

use super::{Version, journey_file};
use crate::journey::definition::Workspace;
use crate::journey::definition::entry::EntryBy;
use crate::journey::definition::scalar::Text;
use crate::journey::definition::workspace::{CapWindow as PerWritten, QuietHours, WhenFull};
use crate::journey::problem::{Code, Problem, Severity};
use crate::policy::quiet::{LocalTime, QuietWindow};
use crate::policy::route::Route;
use crate::policy::settings::{
    AutoReplies, Cap, CapWindow, ConsentMode, MissingValues, Purpose, QuietPolicy, Registration,
    Sender, SenderKind, Settings, UnknownZonePolicy, ZoneChoice,
};
use crate::template::Template;
use crate::time::Span;
use jiff::tz::TimeZone;

/// Quiet from 21:00 …
const QUIET_FROM: LocalTime = LocalTime(21 * 60);
/// … to 08:00.
const QUIET_TO: LocalTime = LocalTime(8 * 60);
/// Of routes that name none.
const PRIORITY: u32 = 10;

pub(super) fn settings(
    workspace: &Workspace,
    journeys: &[Version<'_>],
    problems: &mut Vec<Problem>,
) -> Option<Settings> {
    let slug = workspace.workspace.text.clone();
    let name = workspace.name.as_ref().map_or_else(|| slug.clone(), |name| name.text.clone());
    let zone = match &workspace.time_zone {
        None => TimeZone::UTC,
        Some(zone) => match crate::zone::zone(&zone.text) {
            Ok(zone) => zone,
            Err(error) => {
                problems.push(Problem {
                    severity: Severity::Error,
                    code: Code::UnknownZone,
                    file: "workspace.yaml".to_owned(),
                    line: zone.at.line,
                    column: zone.at.column,
                    message: error.to_string(),
                });
                return None;
            }
        },
    };
    Some(Settings {
        brand: workspace.brand.as_ref().map_or_else(|| name.clone(), |brand| brand.text.clone()),
        slug,
        name,
        country: workspace.country.as_ref().map(|it| it.text.clone()).unwrap_or_default(),
        zone,
        quiet: quiet(workspace.quiet_hours.as_ref().map(|hours| &hours.value)),
        caps: caps(workspace),
        consent: workspace.consent.map_or(ConsentMode::DoubleOptIn, |consent| consent.value),
        senders: senders(workspace),
        routes: routes(workspace),
        keywords: keywords(workspace, journeys, problems),
        topics: workspace.topics.iter().flatten().map(|topic| topic.id.text.clone()).collect(),
        link_domain: workspace.link_domain.as_ref().map(|domain| domain.text.clone()),
        missing_values: workspace.missing_values.unwrap_or(MissingValues::Drop),
        auto_replies: auto_replies(workspace, problems),
    })
}

fn auto_replies(workspace: &Workspace, problems: &mut Vec<Problem>) -> AutoReplies {
    let Some(written) = &workspace.auto_replies else { return AutoReplies::default() };
    let mut parsed = |text: &Option<Text>| {
        let text = text.as_ref()?;
        // Validation has told where and why one does not parse; here it only must not get lost.
        let error = match Template::parse(&text.text) {
            Ok(template) => return Some(template),
            Err(error) => error,
        };
        let at = text.at.inside(error.line, error.column);
        problems.push(Problem {
            severity: Severity::Error,
            code: Code::BadTemplate,
            file: "workspace.yaml".to_owned(),
            line: at.line,
            column: at.column,
            message: error.to_string(),
        });
        None
    };
    AutoReplies {
        stop: parsed(&written.stop),
        help: parsed(&written.help),
        start: parsed(&written.start),
    }
}

fn quiet(hours: Option<&QuietHours>) -> QuietPolicy {
    let usual = QuietPolicy {
        window: QuietWindow::new(QUIET_FROM, QUIET_TO).ok(),
        purposes: vec![Purpose::Marketing],
        zones: ZoneChoice::Intersect,
        unknown_zone: UnknownZonePolicy::Strictest,
        jurisdictions: true,
    };
    match hours {
        None => usual,
        // No window at all: the rules of states and countries are windows too.
        Some(QuietHours::None) => QuietPolicy { window: None, jurisdictions: false, ..usual },
        Some(QuietHours::Window(window)) => QuietPolicy {
            // Validation refuses a window that is empty; were one to get here, the usual one is kept.
            window: QuietWindow::new(
                window.from.as_ref().map_or(QUIET_FROM, |time| time.time()),
                window.to.as_ref().map_or(QUIET_TO, |time| time.time()),
            )
            .ok()
            .or(usual.window),
            purposes: window.purposes.as_ref().map_or(usual.purposes, |purposes| {
                let mut purposes = purposes.0.clone();
                purposes.sort_unstable();
                purposes.dedup();
                purposes
            }),
            zones: window.zones.unwrap_or(usual.zones),
            unknown_zone: window.unknown_zone.unwrap_or(usual.unknown_zone),
            jurisdictions: window.jurisdictions.unwrap_or(usual.jurisdictions),
        },
    }
}

fn caps(workspace: &Workspace) -> Vec<Cap> {
    let Some(caps) = &workspace.caps else {
        return vec![Cap {
            messages: 1,
            per: CapWindow::Rolling(Span::hours(24)),
            purpose: Some(Purpose::Marketing),
            hold: true,
        }];
    };
    let cap = |cap: &crate::journey::definition::workspace::Cap| Cap {
        messages: cap.messages.value,
        per: match &cap.per {
            PerWritten::Rolling(span) => CapWindow::Rolling(span.span()),
            PerWritten::Day => CapWindow::LocalDay,
        },
        purpose: cap.purpose,
        hold: cap.when_full != Some(WhenFull::Drop),
    };
    caps.iter().map(cap).collect()
}

fn senders(workspace: &Workspace) -> Vec<Sender> {
    let written = workspace.senders.as_deref().unwrap_or_default();
    if written.is_empty() {
        // Somewhere to send from before a number has been bought: it reaches nobody.
        let sandbox = || "sandbox".to_owned();
        return vec![Sender {
            id: sandbox(),
            number: sandbox(),
            kind: SenderKind::Alphanumeric,
            gateway: sandbox(),
            registration: Registration::default(),
            parts_per_second: None,
        }];
    }
    let sender = |sender: &crate::journey::definition::workspace::Sender| Sender {
        id: sender.id.text.clone(),
        number: sender.number.text.clone(),
        kind: sender.kind,
        gateway: sender.gateway.text.clone(),
        registration: Registration {
            brand: sender.brand.as_ref().map(|it| it.text.clone()),
            campaign: sender.campaign.as_ref().map(|it| it.text.clone()),
            class: sender.class.as_ref().map(|it| it.text.clone()),
            score: sender.score.as_ref().map(|it| it.value),
        },
        parts_per_second: sender.parts_per_second.as_ref().map(|it| it.value),
    };
    written.iter().map(sender).collect()
}

fn routes(workspace: &Workspace) -> Vec<Route> {
    let route = |route: &crate::journey::definition::workspace::Route| Route {
        gateway: route.gateway.text.clone(),
        sender: route.sender.as_ref().map(|it| it.text.clone()),
        country: route.country.as_ref().map(|it| it.text.clone()),
        prefix: route.prefix.as_ref().map(|it| it.text.clone()),
        purpose: route.purpose,
        sender_kind: route.sender_kind,
        priority: route.priority.as_ref().map_or(PRIORITY, |it| it.value),
        weight: route.weight.as_ref().map_or(1, |it| it.value),
        cost_micros: route.cost_micros.as_ref().map(|it| u64::from(it.value)),
    };
    workspace.routes.iter().flatten().map(route).collect()
}

/// Words of the workspace first, then those of live journeys, upper case; each leads to one journey.
fn keywords(
    workspace: &Workspace,
    journeys: &[Version<'_>],
    problems: &mut Vec<Problem>,
) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for keyword in workspace.keywords.iter().flatten() {
        let word = keyword.word.text.to_uppercase();
        // Validation has told of a word that stands twice.
        if !all.iter().any(|(known, _)| *known == word) {
            all.push((word, keyword.journey.text.clone()));
        }
    }
    for (_, _, is_live, journey) in journeys {
        let (true, EntryBy::Keyword(words)) = (is_live, &journey.entry.by) else { continue };
        let slug = &journey.journey.text;
        for written in &words.0 {
            let word = written.text.to_uppercase();
            match all.iter().find(|(known, _)| *known == word) {
                None => all.push((word, slug.clone())),
                Some((_, other)) if other == slug => {}
                Some((_, other)) => problems.push(Problem {
                    severity: Severity::Error,
                    code: Code::DuplicateKeyword,
                    file: journey_file(journey),
                    line: written.at.line,
                    column: written.at.column,
                    message: format!("the keyword {word:?} leads to {other} already"),
                }),
            }
        }
    }
    all
}
