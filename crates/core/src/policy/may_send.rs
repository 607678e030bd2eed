//! May this message go to this person now? One answer, with its reason.
//!
//! Asked when a step is reached and again, in the same commit, when the message is handed out. Must never
//! be skipped by any sender of messages, and never look at anything but its arguments.

use crate::consent::{Channel, ConsentState};
use crate::contact::Contact;
use crate::decision::Reason;
use crate::evaluate::{first_instant, last_instant};
use crate::keyword::AutoReply;
use crate::limits;
use crate::phone;
use crate::policy::jurisdiction::Jurisdictions;
use crate::policy::quiet::{self, Blocker, HoursRule};
use crate::policy::settings::{
    Cap, CapWindow, ConsentMode, Purpose, Settings, UnknownZonePolicy, ZoneChoice,
};
use crate::time::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may go now.
    Send,
    /// Not now; look again then.
    Hold {
        /// When.
        until: Timestamp,
        /// Why.
        reason: Reason,
    },
    /// Never.
    Drop(Reason),
}

/// A message that wants to go.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// How.
    pub channel: Channel,
    /// What for.
    pub purpose: Purpose,
    /// At that instant or later it is dropped.
    pub not_after: Option<Timestamp>,
    /// Whether its journey is paused.
    pub paused: bool,
}

/// Quiet hours and caps push each other forward (a cap frees a place at night); more rounds than this
/// mean that they never meet.
const ROUNDS_MAX: usize = 40;

/// Decides. Order: address, consent, too late, paused, hours, caps; the first that objects names the reason.
///
/// A pause comes after what ends a message, so that one that can never go does not wait for the journey to be
/// resumed; and before what only holds it, because hours and caps are asked when it may go for all the rest.
#[must_use]
pub fn may_send(settings: &Settings, contact: &Contact, wish: Wish, now: Timestamp) -> Verdict {
    if contact.profile.phone.is_none() {
        return Verdict::Drop(Reason::NoAddress);
    }
    if let Some(reason) = consent_objects(settings, contact, wish) {
        return Verdict::Drop(reason);
    }
    if wish.not_after.is_some_and(|end| now >= end) {
        return Verdict::Drop(Reason::TooLate);
    }
    if wish.paused {
        let again = now + limits::PAUSED_ASKED_AGAIN;
        let until = wish.not_after.map_or(again, |end| end.min(again));
        return Verdict::Hold { until, reason: Reason::JourneyPaused };
    }
    let hours = match Hours::of(settings, contact, wish.purpose, now) {
        Ok(hours) => hours,
        Err(reason) => return Verdict::Drop(reason),
    };
    let (mut at, mut why) = (now, None);
    for _ in 0..ROUNDS_MAX {
        let Some(open) = hours.next_allowed(at) else {
            return Verdict::Drop(Reason::NoAllowedInstant);
        };
        if open > at {
            why = why.or(Some(hours.reason(at)));
            at = open;
        }
        match caps_free(settings, contact, wish.purpose, at, at == now) {
            CapAnswer::Free => break,
            CapAnswer::Full => return Verdict::Drop(Reason::CapFull),
            CapAnswer::FreeAt(free) => {
                why = why.or(Some(Reason::CapFull));
                at = free;
            }
        }
        if wish.not_after.is_some_and(|end| at >= end) {
            break;
        }
    }
    match why {
        None => Verdict::Send,
        Some(_) if wish.not_after.is_some_and(|end| at >= end) => Verdict::Drop(Reason::TooLate),
        Some(reason) => Verdict::Hold { until: at, reason },
    }
}

/// May this auto-reply go now, to the number that wrote? Hours, caps, pauses and a revocation hold other messages, not
/// the answer to what the person has just texted; but it must come in time, and say what is still so.
///
/// # Errors
/// Why it must not.
pub fn may_reply(
    contact: &Contact,
    word: AutoReply,
    to: &str,
    not_after: Timestamp,
    now: Timestamp,
) -> Result<(), Reason> {
    if to.is_empty() {
        return Err(Reason::NoAddress);
    }
    match (word, contact.state.consent(Channel::Sms, None)) {
        (AutoReply::Help, _)
        | (AutoReply::Stop, Some(ConsentState::OptedOut))
        | (AutoReply::Start, Some(ConsentState::OptedIn)) => {}
        (AutoReply::Start, Some(ConsentState::OptedOut)) => return Err(Reason::OptedOut),
        (AutoReply::Stop | AutoReply::Start, _) => return Err(Reason::Superseded),
    }
    if now >= not_after { Err(Reason::TooLate) } else { Ok(()) }
}

fn consent_objects(settings: &Settings, contact: &Contact, wish: Wish) -> Option<Reason> {
    let state = contact.state.consent(wish.channel, None);
    match (state, wish.purpose, settings.consent) {
        (Some(ConsentState::OptedOut), _, _) => Some(Reason::OptedOut),
        (_, Purpose::Transactional, _) | (_, _, ConsentMode::Assumed) => None,
        (Some(ConsentState::OptedIn), Purpose::Marketing, _) => None,
        (Some(ConsentState::Pending), Purpose::Marketing, _) => Some(Reason::ConsentPending),
        (None, Purpose::Marketing, _) => Some(Reason::NoConsent),
    }
}

/// The hours that bind a message to this person.
struct Hours<'a> {
    zones: Vec<TimeZone>,
    quiet: Option<&'a quiet::QuietWindow>,
    rules: Vec<&'a HoursRule>,
    zone_known: bool,
}

impl<'a> Hours<'a> {
    /// # Errors
    /// When hours bind the message and no zone can be told.
    fn of(
        settings: &'a Settings,
        contact: &Contact,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Hours<'a>, Reason> {
        let policy = &settings.quiet;
        let bound = policy.purposes.contains(&purpose);
        let quiet = policy.window.as_ref().filter(|_| bound);
        // The law's hours bind what sells, whatever purposes the workspace keeps quiet for.
        let lawful = bound || purpose == Purpose::Marketing;
        let rules = if lawful && policy.jurisdictions {
            residences(settings, contact)
                .iter()
                .flat_map(|(country, state)| {
                    Jurisdictions::builtin().rules_for(country, state.as_deref(), now)
                })
                .collect()
        } else {
            Vec::new()
        };
        if quiet.is_none() && rules.is_empty() {
            return Ok(Hours { zones: Vec::new(), quiet, rules, zone_known: true });
        }
        let (zones, zone_known) = candidate_zones(settings, contact);
        if zones.is_empty() {
            return Err(Reason::ZoneUnknown);
        }
        Ok(Hours { zones, quiet, rules, zone_known })
    }

    fn next_allowed(&self, at: Timestamp) -> Option<Timestamp> {
        if self.zones.is_empty() {
            return Some(at);
        }
        quiet::next_allowed(at, &self.zones, self.quiet, &self.rules)
    }

    /// Why `at` is not allowed.
    fn reason(&self, at: Timestamp) -> Reason {
        match quiet::blocker(at, &self.zones, self.quiet, &self.rules) {
            Some(Blocker::Rule(_)) if self.zone_known => Reason::JurisdictionHours,
            Some(Blocker::Quiet | Blocker::Rule(_)) if self.zone_known => Reason::QuietHours,
            _ => Reason::ZoneUnknown,
        }
    }
}

/// Countries and states whose law may apply: the number's and the profile's; the workspace's when neither tells.
fn residences(settings: &Settings, contact: &Contact) -> Vec<(String, Option<String>)> {
    let number = contact.profile.phone.as_deref().unwrap_or_default();
    let of_number = phone::classify(number)
        .and_then(|phone| phone.region)
        .map(|country| (country, phone::state(number).map(str::to_owned)));
    let (country, state) = address(contact);
    let of_profile = match (country, state) {
        (Some(country), state) => Some((country, state)),
        // A state alone is one of the number's country, else of the workspace's.
        (None, Some(state)) => {
            let country = of_number.as_ref().map(|(country, _)| country.clone());
            Some((country.unwrap_or_else(|| settings.country.clone()), Some(state)))
        }
        (None, None) => None,
    };
    let mut residences: Vec<_> = of_number.into_iter().chain(of_profile).collect();
    if residences.is_empty() {
        residences.push((settings.country.clone(), None));
    }
    residences.dedup();
    residences
}

/// Country and state of the profile, at the top or in `address`, in capitals.
fn address(contact: &Contact) -> (Option<String>, Option<String>) {
    let attributes = &contact.profile.attributes;
    let nested = attributes.get("address").and_then(serde_json::Value::as_object);
    let text = |name: &str| {
        let found = attributes.get(name).or_else(|| nested?.get(name))?;
        found.as_str().map(str::trim).filter(|text| text.len() == 2).map(str::to_uppercase)
    };
    (text("country"), text("state"))
}

/// Every zone the person may be in, and whether any of them is known rather than guessed.
fn candidate_zones(settings: &Settings, contact: &Contact) -> (Vec<TimeZone>, bool) {
    let profile = contact.profile_zone();
    if let (Some(zone), ZoneChoice::Profile) = (&profile, settings.quiet.zones) {
        return (vec![zone.clone()], true);
    }
    let number = contact.profile.phone.as_deref().unwrap_or_default();
    // A number of a range younger than our metadata still tells its zones by its prefix.
    let names = match phone::zones(number) {
        [] => phone::zones_by_prefix(number),
        names => names,
    };
    let known = profile.is_some() || names.len() == 1;
    let numbers: Vec<TimeZone> =
        names.iter().filter_map(|name| crate::zone::zone(name).ok()).collect();
    if !known && settings.quiet.unknown_zone == UnknownZonePolicy::Workspace {
        let own = settings.zone.iana_name();
        if numbers.is_empty() || names.iter().any(|name| Some(*name) == own) {
            return (vec![settings.zone.clone()], false);
        }
    }
    let of_address =
        address(contact).1.map(|state| phone::zones_of_state(&state)).unwrap_or_default();
    let of_address = of_address.into_iter().filter_map(|name| crate::zone::zone(name).ok());
    (profile.into_iter().chain(numbers).chain(of_address).collect(), known)
}

enum CapAnswer {
    Free,
    Full,
    FreeAt(Timestamp),
}

/// Whether every cap has a place at `at`. A cap that drops counts only when the message would go now: until
/// then places may come free.
fn caps_free(
    settings: &Settings,
    contact: &Contact,
    purpose: Purpose,
    at: Timestamp,
    is_now: bool,
) -> CapAnswer {
    let mut free_at = at;
    for cap in &settings.caps {
        if cap.purpose.is_some_and(|only| only != purpose) || (!cap.hold && !is_now) {
            continue;
        }
        let Some(free) = cap_frees(settings, contact, cap, at) else { continue };
        if !cap.hold {
            return CapAnswer::Full;
        }
        free_at = free_at.max(free);
    }
    if free_at > at { CapAnswer::FreeAt(free_at) } else { CapAnswer::Free }
}

/// When a full cap has a place again; `None`: it has one at `at`.
fn cap_frees(
    settings: &Settings,
    contact: &Contact,
    cap: &Cap,
    at: Timestamp,
) -> Option<Timestamp> {
    let counted = contact
        .state
        .sends
        .iter()
        .filter(|mark| cap.purpose.is_none_or(|only| only == mark.purpose))
        .map(|mark| mark.at);
    match cap.per {
        CapWindow::Rolling(span) => {
            let inside: Vec<Timestamp> =
                counted.filter(|sent| *sent > at - span && *sent <= at).collect();
            let oldest_that_must_leave = inside.len().checked_sub(cap.messages as usize)?;
            inside.get(oldest_that_must_leave).map(|sent| *sent + span)
        }
        CapWindow::LocalDay => {
            let zone = contact.zone_or(&settings.zone);
            let day = zone.to_datetime(at.to_jiff()).date();
            let today =
                counted.filter(|sent| zone.to_datetime(sent.to_jiff()).date() == day).count();
            if today < cap.messages as usize {
                return None;
            }
            let midnight = day.tomorrow().ok()?.to_datetime(civil::Time::midnight());
            // Where the clocks go back at midnight the first one may be past: the day has not ended then.
            first_instant(midnight, &zone)
                .filter(|instant| *instant > at)
                .or_else(|| last_instant(midnight, &zone))
        }
    }
}

/// How far back any cap looks: older sends may be forgotten.
#[must_use]
pub fn sends_horizon(settings: &Settings) -> crate::time::Span {
    let spans = settings.caps.iter().map(|cap| match cap.per {
        CapWindow::Rolling(span) => span,
        // A calendar day has at most 25 hours and a zone may change under it.
        CapWindow::LocalDay => crate::time::Span::hours(50),
    });
    spans.max().unwrap_or(crate::time::Span::ZERO)
}
