//! What must hold at the instant a carrier gets a message.
//!
//! Wall clocks, windows and consent are computed here by their own small arithmetic. Must never use the
//! policy of the core, nor what it computed.

use super::Invariant;
use super::replies::{self, answered};
use crate::chronicle::{Chronicle, Known, Rules, Said, Submit};
use crate::scenario::{CapPlan, PLACES, QuietPlan};
use jiff::tz::TimeZone;
use wayline_core::ids::ContactId;
use wayline_core::journey::definition::step::{Action, NotAfter, Send};
use wayline_core::message::{Message, MessageState};
use wayline_core::policy::settings::Purpose;
use wayline_core::time::{Span, Timestamp};

type Found = Vec<(Invariant, String)>;

/// Everything that a submit violates. It is not in the chronicle yet.
pub(crate) fn at_submit(chronicle: &Chronicle, submit: &Submit) -> Found {
    let mut found = Vec::new();
    once(chronicle, submit, &mut found);
    paused(chronicle, submit, &mut found);
    let Some(rules) = chronicle.rules.get(&submit.message.workspace) else { return found };
    if let Some(word) = answered(&submit.message.text) {
        let wrong = replies::at_submit(chronicle, submit, word);
        found.extend(wrong.into_iter().map(|what| (Invariant::AutoReplies, what)));
        return found;
    }
    consent(chronicle, submit, rules, &mut found);
    let person = Person::of(chronicle, submit, rules);
    quiet(submit, rules, &person, &mut found);
    for cap in &rules.plan.caps {
        full(chronicle, submit, cap, &person.day_zone, &mut found);
    }
    too_late(chronicle, submit, &mut found);
    found
}

fn once(chronicle: &Chronicle, submit: &Submit, found: &mut Found) {
    let message = &submit.message;
    let id = message.id;
    let kept = chronicle.messages.get(&id);
    let committed = kept.is_some_and(|kept| {
        kept.state == MessageState::Submitting && kept.attempts == message.attempts
    });
    if !committed {
        let what = format!("message {id} is submitted and not kept as submitting");
        found.push((Invariant::SubmittedTwice, what));
    }
    let before = chronicle.submits.get(&message.contact).into_iter().flatten();
    for before in before.filter(|before| before.message.id == id) {
        if before.came.may_have_gone() || before.message.attempts >= message.attempts {
            let what = format!(
                "message {id} is submitted at {} and was at {} ({:?})",
                submit.at, before.at, before.came
            );
            found.push((Invariant::SubmittedTwice, what));
        }
    }
}

fn paused(chronicle: &Chronicle, submit: &Submit, found: &mut Found) {
    let message = &submit.message;
    if chronicle.paused.contains(&(message.workspace, message.journey)) {
        let what = format!("message {} goes at {}, its journey is paused", message.id, submit.at);
        found.push((Invariant::Paused, what));
    }
}

fn consent(chronicle: &Chronicle, submit: &Submit, rules: &Rules, found: &mut Found) {
    let message = &submit.message;
    let known = chronicle.people.get(&message.contact);
    let said = known.and_then(|known| known.said).map(|said| said.0);
    if said == Some(Said::Out) {
        let what = format!("message {} goes to {} at {}", message.id, message.to, submit.at);
        found.push((Invariant::AfterStop, what));
    }
    // The number said stop, somebody who has it still means it, and this person said nothing else since.
    let since = known.and_then(|known| known.said).map_or(Timestamp::MIN, |said| said.1);
    let number = (message.workspace, message.to.clone());
    let is_meant = || chronicle.people.values().any(|person| is_out_with(person, message));
    if chronicle.stopped.get(&number).is_some_and(|stop| since < *stop) && is_meant() {
        let what = format!("message {} goes to the stopped number {}", message.id, message.to);
        found.push((Invariant::AfterStop, what));
    }
    let needs_yes = message.purpose == Purpose::Marketing && rules.plan.consent != "assumed";
    if needs_yes && said != Some(Said::In) {
        let what = format!("marketing message {} goes to somebody who said {said:?}", message.id);
        found.push((Invariant::Consent, what));
    }
}

/// Whether somebody with the number of a message has said no.
fn is_out_with(person: &Known, message: &Message) -> bool {
    let has_number = person.profile.as_ref().is_some_and(|profile| {
        profile.workspace == message.workspace && profile.phone.as_ref() == Some(&message.to)
    });
    has_number && person.said.is_some_and(|said| said.0 == Said::Out)
}

/// Where a person may be.
struct Person {
    profile: Option<TimeZone>,
    numbers: Vec<TimeZone>,
    country: &'static str,
    day_zone: TimeZone,
}

impl Person {
    fn of(chronicle: &Chronicle, submit: &Submit, rules: &Rules) -> Person {
        let known = chronicle.people.get(&submit.message.contact);
        let attributes: serde_json::Value = known
            .and_then(|known| known.profile.as_ref())
            .and_then(|profile| serde_json::from_str(&profile.attributes).ok())
            .unwrap_or_default();
        let named = |name: &str| wayline_core::zone::zone(name).ok();
        let profile = attributes.get("timezone").and_then(|it| it.as_str()).and_then(named);
        let place = PLACES.iter().find(|(start, ..)| submit.message.to.starts_with(start));
        let names = place.map_or(&[][..], |(_, zones, _)| zones);
        let numbers: Vec<TimeZone> = names.iter().filter_map(|name| named(name)).collect();
        let own = named(rules.plan.zone).unwrap_or(TimeZone::UTC);
        let only = if let [only] = numbers.as_slice() { Some(only.clone()) } else { None };
        let day_zone = profile.clone().or(only).unwrap_or(own);
        Person { profile, numbers, country: place.map_or("", |(.., country)| country), day_zone }
    }

    fn zones(&self, quiet: QuietPlan, own: &str) -> Vec<TimeZone> {
        if let (Some(profile), true) = (&self.profile, quiet.profile_only) {
            return vec![profile.clone()];
        }
        let is_known = self.profile.is_some() || self.numbers.len() == 1;
        let own = self.numbers.iter().find(|zone| zone.iana_name() == Some(own));
        if let (false, true, Some(own)) = (is_known, quiet.workspace_zone, own) {
            return vec![own.clone()];
        }
        self.profile.iter().chain(&self.numbers).cloned().collect()
    }
}

fn minute(zone: &TimeZone, at: Timestamp) -> u32 {
    let wall = zone.to_datetime(at.to_jiff());
    u32::from(wall.hour().unsigned_abs()) * 60 + u32::from(wall.minute().unsigned_abs())
}

fn quiet(submit: &Submit, rules: &Rules, person: &Person, found: &mut Found) {
    let Some(quiet) = rules.quiet else { return };
    if submit.message.purpose == Purpose::Transactional && !quiet.transactional {
        return;
    }
    for zone in person.zones(quiet, rules.plan.zone) {
        let now = minute(&zone, submit.at);
        let is_quiet = if quiet.from < quiet.to {
            (quiet.from..quiet.to).contains(&now)
        } else {
            now >= quiet.from || now < quiet.to
        };
        let is_closed =
            quiet.jurisdictions && person.country == "US" && !(480..1_260).contains(&now);
        if is_quiet || is_closed {
            let what = format!(
                "message {} goes at {}, {:02}:{:02} in {}",
                submit.message.id,
                submit.at,
                now / 60,
                now % 60,
                zone.iana_name().unwrap_or_default(),
            );
            found.push((Invariant::QuietHours, what));
            return;
        }
    }
}

fn full(chronicle: &Chronicle, submit: &Submit, cap: &CapPlan, zone: &TimeZone, found: &mut Found) {
    let counts = |purpose: Purpose| cap.purpose.is_none_or(|only| only == purpose.to_string());
    if !counts(submit.message.purpose) || !submit.came.may_have_gone() {
        return;
    }
    let day = |at: Timestamp| zone.to_datetime(at.to_jiff()).date();
    let inside = |at: Timestamp| match cap.per {
        Some(span) => at > submit.at - span && at <= submit.at,
        None => day(at) == day(submit.at),
    };
    let contact: ContactId = submit.message.contact;
    let before = chronicle
        .gone(contact)
        .filter(|before| answered(&before.message.text).is_none())
        .filter(|before| counts(before.message.purpose) && inside(before.at))
        .count();
    if before >= cap.messages {
        let what = format!(
            "message {} goes at {} as number {} of {} per {:?}",
            submit.message.id,
            submit.at,
            before + 1,
            cap.messages,
            cap.per.map(|span| span.to_string()),
        );
        found.push((Invariant::Caps, what));
    }
}

fn too_late(chronicle: &Chronicle, submit: &Submit, found: &mut Found) {
    let message = &submit.message;
    let key = (message.workspace, message.journey, message.version);
    let steps = chronicle.journeys.get(&key).map(|journey| &journey.steps.0);
    let step = steps.and_then(|steps| steps.get(usize::from(message.id.step)));
    let Some(Action::Send(send)) = step.map(|(_, step)| &step.action) else {
        let what = format!("message {} is of no send step", message.id);
        found.push((Invariant::TooLate, what));
        return;
    };
    if let Some(end) = end_of(send, submit)
        && submit.at >= end
    {
        let what = format!("message {} goes at {}, its end is {end}", message.id, submit.at);
        found.push((Invariant::TooLate, what));
    }
}

/// When the message is too late. The instant an event names stands in the text.
fn end_of(send: &Send, submit: &Submit) -> Option<Timestamp> {
    match send.not_after.as_ref()? {
        NotAfter::Elapsed(span) => Some(submit.message.intended_at + span.span()),
        NotAfter::Until(_) => {
            let named = submit.message.text.split('@').nth(1).unwrap_or_default();
            Some(Timestamp::parse(named).map_or(Timestamp::MIN, |at| at - Span::minutes(30)))
        }
    }
}
