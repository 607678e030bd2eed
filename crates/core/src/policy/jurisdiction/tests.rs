//! The rules that come along, a file with everything the format has, and what it refuses.

use super::*;
use crate::policy::quiet::next_allowed;
use crate::zone::zone;
use jiff::tz::TimeZone;

const STATES: &str = r#"
rules:
  - name: us
    countries: [US]
    since: 1992-12-20
    source: somewhere
    hours: { mon-sun: ["08:00-21:00"] }
  - name: tx
    countries: [US]
    states: [TX]
    since: 2025-09-01
    source: SB 140
    hours:
      mon-sat: ["09:00-21:00"]
      sun: ["12:00-21:00"]
  - name: al
    countries: [US]
    states: [AL, LA]
    since: 2020-01-01
    until: 2030-01-01
    source: somewhere
    note: no Sundays
    hours: { mon-sat: ["08:00-12:00", "13:00-20:00"], sun: [] }
    holidays: days
calendars:
  days: [2026-11-26, 2026-12-25]
"#;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn names(rules: &[&HoursRule]) -> Vec<String> {
    rules.iter().map(|rule| rule.name().to_owned()).collect()
}

#[test]
fn the_federal_hours_come_along() {
    Jurisdictions::parse(BUILTIN).unwrap();
    let now = at("2026-11-23T12:30:00Z");
    let rules = Jurisdictions::builtin().rules_for("US", Some("FL"), now);
    assert_eq!(names(&rules), ["us-federal"]);
    assert_eq!(names(&Jurisdictions::builtin().rules_for("PR", None, now)), ["us-federal"]);
    assert!(Jurisdictions::builtin().rules_for("DE", None, now).is_empty());
    let next = next_allowed(now, &[zone("America/New_York").unwrap()], None, &rules);
    assert_eq!(next, Some(at("2026-11-23T13:00:00Z")));
    assert!(Jurisdictions::builtin().rules().iter().all(|rule| !rule.source.is_empty()));
}

#[test]
fn rules_count_by_place_and_day() {
    let rules = Jurisdictions::parse(STATES).unwrap();
    let found = |country, state, day: &str| {
        names(&rules.rules_for(country, state, at(&format!("{day}T12:00:00Z"))))
    };
    assert_eq!(found("US", Some("TX"), "2026-01-01"), ["us", "tx"]);
    assert_eq!(found("US", Some("TX"), "2025-08-30"), ["us"]);
    assert_eq!(found("US", Some("LA"), "2026-01-01"), ["us", "al"]);
    assert_eq!(found("US", None, "2026-01-01"), ["us"]);
    assert_eq!(found("MX", Some("TX"), "2026-01-01"), [""; 0]);
    // In force from the first of its day anywhere to the last of it anywhere.
    let counts = |instant: &str| rules.rules_for("US", Some("AL"), at(instant)).len() == 2;
    assert!(!counts("2019-12-31T09:59:59.999Z") && counts("2019-12-31T10:00:00Z"));
    assert!(counts("2030-01-01T11:59:59.999Z") && !counts("2030-01-01T12:00:00Z"));
}

/// Of case 9 of ten: the same from a file of rules.
#[test]
fn weeks_pauses_and_holidays_are_kept() {
    let rules = Jurisdictions::parse(STATES).unwrap();
    let chicago = [zone("America/Chicago").unwrap()];
    let next = |state, now: &str| {
        let now = at(now);
        next_allowed(now, &chicago, None, &rules.rules_for("US", Some(state), now)).unwrap()
    };
    // Sunday 11:59 in Texas; Sunday noon, lunch, and Thanksgiving in Alabama.
    assert_eq!(next("TX", "2026-11-22T17:59:00Z"), at("2026-11-22T18:00:00Z"));
    assert_eq!(next("AL", "2026-11-22T18:00:00Z"), at("2026-11-23T14:00:00Z"));
    assert_eq!(next("AL", "2026-11-23T18:30:00Z"), at("2026-11-23T19:00:00Z"));
    assert_eq!(next("AL", "2026-11-26T15:00:00Z"), at("2026-11-27T14:00:00Z"));
}

#[test]
fn what_is_wrong_is_named() {
    let refused = |from: &str, to: &str| {
        assert!(STATES.contains(from), "{from}");
        Jurisdictions::parse(&STATES.replacen(from, to, 1)).unwrap_err()
    };
    use JurisdictionError as E;
    assert!(matches!(refused("source: SB 140", "sauce: SB 140"), E::Format { .. }));
    assert!(matches!(refused("since: 2025-09-01", "since: 2025-09-31"), E::Format { .. }));
    assert!(matches!(refused("name: tx", "name: us"), E::DuplicateName { .. }));
    assert!(matches!(refused("states: [TX]", "states: [Texas]"), E::Place { .. }));
    assert!(matches!(refused("countries: [US]", "countries: []"), E::Place { .. }));
    assert!(matches!(refused("until: 2030-01-01", "until: 2020-01-01"), E::NeverInForce { .. }));
    assert!(matches!(refused("mon-sun", "sun-mon"), E::Days { .. }));
    assert!(matches!(refused("mon-sat", "mon-sun"), E::Days { .. }));
    assert!(matches!(refused("mon-sun", "daily"), E::Days { .. }));
    assert!(matches!(refused("08:00-21:00", "08:00"), E::Span { .. }));
    assert!(matches!(refused("08:00-21:00", "8:00-21:00"), E::Hours { .. }));
    assert!(matches!(refused("08:00-21:00", "21:00-08:00"), E::Hours { .. }));
    assert!(matches!(refused("13:00-20:00", "11:00-20:00"), E::Hours { .. }));
    assert!(matches!(refused("holidays: days", "holidays: none"), E::UnknownCalendar { .. }));
    let large = " ".repeat(FILE_BYTES_MAX + 1);
    assert!(matches!(Jurisdictions::parse(&large), Err(E::TooLarge { .. })));
}

#[test]
fn the_last_resort_is_closed() {
    let rules = Jurisdictions::closed();
    let rules = rules.rules_for("US", None, Timestamp(0));
    assert_eq!(rules.len(), 1);
    assert_eq!(next_allowed(Timestamp(0), &[TimeZone::UTC], None, &rules), None);
}
