//! Weeks, gaps, folds, several zones, and a slow search that must agree.

use super::*;
use crate::zone::zone;
use jiff::civil::{Date, date};
use proptest::prelude::*;

fn time(text: &str) -> LocalTime {
    text.parse().unwrap()
}

fn quiet(from: &str, to: &str) -> QuietWindow {
    QuietWindow::new(time(from), time(to)).unwrap()
}

fn open(text: &str) -> Vec<OpenHours> {
    text.split_whitespace()
        .map(|hours| hours.split_once('-').unwrap())
        .map(|(from, to)| OpenHours::new(time(from), time(to)).unwrap())
        .collect()
}

fn rule(weekdays: &str, saturday: &str, sunday: &str, holidays: &[Date]) -> HoursRule {
    let day = || open(weekdays);
    let week = [day(), day(), day(), day(), day(), open(saturday), open(sunday)];
    HoursRule::new("test", week, holidays.iter().copied()).unwrap()
}

/// Next allowed instant, written as the wall time of the first zone.
fn next(
    zones: &[&str],
    local: &str,
    quiet: Option<&QuietWindow>,
    rules: &[&HoursRule],
) -> Option<String> {
    let zones: Vec<TimeZone> = zones.iter().map(|name| zone(name).unwrap()).collect();
    let local: jiff::civil::DateTime = local.parse().unwrap();
    let now = Timestamp::from_jiff(zones[0].to_timestamp(local).unwrap());
    let found = next_allowed(now, &zones, quiet, rules);
    assert_eq!(found == Some(now), blocker(now, &zones, quiet, rules).is_none());
    Some(zones[0].to_datetime(found?.to_jiff()).to_string())
}

#[test]
fn times_are_read_and_written() {
    for (text, minutes) in [("00:00", 0), ("08:05", 485), ("23:59", 1_439), ("24:00", 1_440)] {
        assert_eq!(time(text).minutes(), minutes);
        assert_eq!(time(text).to_string(), text);
    }
    for wrong in
        ["", "8:00", "08:60", "24:01", "25:00", "0800", "08:00:00", "+8:00", "٠٨:٠٠", "a:b"]
    {
        assert!(matches!(wrong.parse::<LocalTime>(), Err(HoursError::Time { .. })), "{wrong:?}");
    }
}

#[test]
fn windows_that_say_nothing_are_refused() {
    let new = |from, to| QuietWindow::new(time(from), time(to));
    assert_eq!(new("08:00", "08:00"), Err(HoursError::Empty { at: time("08:00") }));
    assert_eq!(new("24:00", "08:00"), Err(HoursError::StartsAtEnd));
    assert!(new("00:00", "24:00").is_ok());
    assert!(matches!(
        OpenHours::new(time("21:00"), time("08:00")),
        Err(HoursError::CrossesMidnight { .. })
    ));
    let week = |day: &str| std::array::from_fn(|_| open(day));
    assert!(HoursRule::new("x", week("08:00-12:00 11:00-14:00"), []).is_err());
    assert!(HoursRule::new("x", week("12:00-14:00 08:00-10:00"), []).is_err());
    assert!(HoursRule::new("x", week("08:00-12:00 12:00-14:00"), []).is_ok());
    let json = r#"{"from":"21:00","to":"08:00"}"#;
    let window: QuietWindow = serde_json::from_str(json).unwrap();
    assert_eq!(
        (window, serde_json::to_string(&window).unwrap()),
        (quiet("21:00", "08:00"), json.to_owned())
    );
    assert!(serde_json::from_str::<QuietWindow>(r#"{"from":"21:00","to":"21:00"}"#).is_err());
}

#[test]
fn quiet_hours_are_half_open_and_cross_midnight() {
    let night = quiet("21:00", "08:00");
    let check = |now: &str, expected: &str| {
        assert_eq!(next(&["Europe/Berlin"], now, Some(&night), &[]).as_deref(), Some(expected));
    };
    check("2026-11-23T20:59:59.999", "2026-11-23T20:59:59.999");
    check("2026-11-23T21:00:00", "2026-11-24T08:00:00");
    check("2026-11-23T21:00:00.001", "2026-11-24T08:00:00");
    check("2026-11-24T00:00:00", "2026-11-24T08:00:00");
    check("2026-11-24T07:59:59.999", "2026-11-24T08:00:00");
    check("2026-11-24T08:00:00", "2026-11-24T08:00:00");
    let lunch = quiet("12:00", "14:00");
    assert_eq!(
        next(&["UTC"], "2026-11-24T13:15:30", Some(&lunch), &[]).as_deref(),
        Some("2026-11-24T14:00:00")
    );
    let evening = quiet("18:00", "24:00");
    assert_eq!(
        next(&["UTC"], "2026-11-24T18:00:00", Some(&evening), &[]).as_deref(),
        Some("2026-11-25T00:00:00")
    );
}

/// Of case 9 of ten: Texas on a Sunday at 11:59, Alabama on any.
#[test]
fn rules_of_states() {
    // 2026-11-22 is a Sunday, 2026-11-26 is Thanksgiving.
    let texas = rule("09:00-21:00", "09:00-21:00", "12:00-21:00", &[]);
    let alabama = rule("08:00-20:00", "08:00-20:00", "", &[date(2026, 11, 26)]);
    let chicago = |now: &str, rules: &[&HoursRule]| next(&["America/Chicago"], now, None, rules);
    let check = |rule: &HoursRule, now: &str, expected: &str| {
        assert_eq!(chicago(now, &[rule]).as_deref(), Some(expected), "{now}");
    };
    check(&texas, "2026-11-22T11:59:00", "2026-11-22T12:00:00");
    check(&texas, "2026-11-22T11:59:59.999", "2026-11-22T12:00:00");
    check(&texas, "2026-11-22T21:00:00", "2026-11-23T09:00:00");
    check(&texas, "2026-11-21T21:00:00", "2026-11-22T12:00:00");
    check(&alabama, "2026-11-22T00:00:00", "2026-11-23T08:00:00");
    check(&alabama, "2026-11-21T20:00:00", "2026-11-23T08:00:00");
    check(&alabama, "2026-11-25T20:30:00", "2026-11-27T08:00:00");
    check(&alabama, "2026-11-26T10:00:00", "2026-11-27T08:00:00");
    // Both apply: the stricter of each hour counts.
    assert_eq!(
        chicago("2026-11-21T20:30:00", &[&texas, &alabama]).as_deref(),
        Some("2026-11-23T09:00:00")
    );
}

/// Of case 9 of ten: an area code in two zones, as 850 is, and one in any.
#[test]
fn every_candidate_zone_must_allow() {
    let federal = rule("08:00-21:00", "08:00-21:00", "08:00-21:00", &[]);
    let split = ["America/New_York", "America/Chicago"];
    // 08:30 in New York is 07:30 in Chicago.
    assert_eq!(
        next(&split, "2026-11-23T08:30:00", None, &[&federal]).as_deref(),
        Some("2026-11-23T09:00:00")
    );
    assert_eq!(
        next(&split, "2026-11-23T20:59:00", None, &[&federal]).as_deref(),
        Some("2026-11-23T20:59:00")
    );
    assert_eq!(
        next(&split, "2026-11-23T21:00:00", None, &[&federal]).as_deref(),
        Some("2026-11-24T09:00:00")
    );
    // A toll-free number may be in any of 42 zones: from eight in Guam to nine in St Johns there
    // are two and a half hours, at noon in Adak, the first of the list.
    let anywhere = crate::phone::zones("+18005550123");
    for (now, expected) in [
        ("2026-11-23T11:59:59", "2026-11-23T12:00:00"),
        ("2026-11-23T14:29:00", "2026-11-23T14:29:00"),
        ("2026-11-23T14:30:00", "2026-11-24T12:00:00"),
    ] {
        assert_eq!(next(anywhere, now, None, &[&federal]).as_deref(), Some(expected));
    }
}

/// Of case 9 of ten: without a zone nothing that needs one is allowed.
#[test]
fn what_can_never_be_is_none() {
    let none = |quiet: Option<&QuietWindow>, rules: &[&HoursRule]| {
        assert_eq!(next(&["America/Chicago"], "2026-11-23T12:00:00", quiet, rules), None);
    };
    none(Some(&quiet("00:00", "24:00")), &[]);
    none(None, &[&rule("", "", "", &[])]);
    none(Some(&quiet("21:00", "12:00")), &[&rule("08:00-12:00", "08:00-12:00", "", &[])]);
    // Open on Sundays only, and the two next ones are closed.
    let sundays = [date(2026, 11, 29), date(2026, 12, 6)];
    none(None, &[&rule("", "", "10:00-18:00", &sundays)]);
    let one = rule("", "", "10:00-18:00", &sundays[..1]);
    assert_eq!(
        next(&["UTC"], "2026-11-28T12:00:00", None, &[&one]).as_deref(),
        Some("2026-12-06T10:00:00")
    );
    none(None, &[&one]);

    let now = Timestamp(0);
    assert_eq!(next_allowed(now, &[], Some(&quiet("21:00", "08:00")), &[]), None);
    assert_eq!(blocker(now, &[], None, &[&one]), Some(Blocker::UnknownZone));
    assert_eq!(next_allowed(now, &[], None, &[]), Some(now));
    assert_eq!(blocker(now, &[], None, &[]), None);
}

/// Of case 9 of ten: hours that a clock change leaves out or repeats.
#[test]
fn clocks_that_are_moved() {
    let berlin = |quiet: &QuietWindow, now: &str| {
        let zones = [zone("Europe/Berlin").unwrap()];
        let found = next_allowed(Timestamp::parse(now).unwrap(), &zones, Some(quiet), &[]);
        found.unwrap().to_string()
    };
    // 2026-03-29: 02:00 becomes 03:00 at 01:00Z. Ends inside the gap, the hour before and after it.
    assert_eq!(
        berlin(&quiet("22:00", "02:30"), "2026-03-28T23:00:00Z"),
        "2026-03-29T01:00:00.000Z"
    );
    assert_eq!(
        berlin(&quiet("22:00", "02:00"), "2026-03-28T23:00:00Z"),
        "2026-03-29T01:00:00.000Z"
    );
    assert_eq!(
        berlin(&quiet("22:00", "03:30"), "2026-03-28T23:00:00Z"),
        "2026-03-29T01:30:00.000Z"
    );
    // A window that lies wholly inside the gap never comes.
    assert_eq!(
        berlin(&quiet("02:10", "02:50"), "2026-03-29T00:59:59Z"),
        "2026-03-29T00:59:59.000Z"
    );
    assert_eq!(
        berlin(&quiet("02:10", "02:50"), "2026-03-29T01:00:00Z"),
        "2026-03-29T01:00:00.000Z"
    );
    // 2026-10-25: 03:00 becomes 02:00 at 01:00Z. The first 02:30 ends the window, the hour between
    // is open, and the repeated half hour is quiet again.
    assert_eq!(
        berlin(&quiet("22:00", "02:30"), "2026-10-24T23:00:00Z"),
        "2026-10-25T00:30:00.000Z"
    );
    assert_eq!(
        berlin(&quiet("22:00", "02:30"), "2026-10-25T00:59:59Z"),
        "2026-10-25T00:59:59.000Z"
    );
    assert_eq!(
        berlin(&quiet("22:00", "02:30"), "2026-10-25T01:00:00Z"),
        "2026-10-25T01:30:00.000Z"
    );
    // 02:50 is quiet both times; the clock jumps back before the window ends.
    assert_eq!(
        berlin(&quiet("02:45", "03:15"), "2026-10-25T00:50:00Z"),
        "2026-10-25T01:00:00.000Z"
    );
    // Samoa skipped the whole of 2011-12-30: quiet until 24:00 of a day ends with the day.
    let apia = [zone("Pacific/Apia").unwrap()];
    let now = Timestamp::parse("2011-12-30T09:30:00Z").unwrap();
    let found = next_allowed(now, &apia, Some(&quiet("18:00", "24:00")), &[]);
    assert_eq!(found.unwrap().to_string(), "2011-12-30T10:00:00.000Z");
}

/// What the definition says, checked minute by minute.
fn allowed(
    at: Timestamp,
    zones: &[TimeZone],
    quiet: Option<&QuietWindow>,
    closed_sunday: bool,
) -> bool {
    zones.iter().all(|zone| {
        let local = zone.to_datetime(at.to_jiff());
        let minute =
            u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        let outside = quiet.is_none_or(|quiet| {
            let (from, to) = (quiet.from().minutes(), quiet.to().minutes());
            if from < to { !(from..to).contains(&minute) } else { (to..from).contains(&minute) }
        });
        let sunday = local.weekday() == jiff::civil::Weekday::Sunday;
        outside && (480..1_260).contains(&minute) && !(sunday && closed_sunday)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn the_answer_is_allowed_and_the_first(
        names in prop::sample::subsequence(
            vec!["America/New_York", "America/Chicago", "Europe/London", "Africa/Cairo",
                 "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo"], 1..=3),
        // Around the changes of March and of October to November 2026, and any instant between.
        now in prop_oneof![
            1_772_900_000_000_i64..1_775_000_000_000,
            1_792_800_000_000_i64..1_793_800_000_000,
            1_767_225_600_000_i64..1_798_761_600_000,
        ],
        from in 0_u16..1_440, to in 0_u16..=1_440, with_quiet: bool, closed_sunday: bool,
    ) {
        prop_assume!(from != to);
        let zones: Vec<TimeZone> = names.iter().map(|name| zone(name).unwrap()).collect();
        let window = QuietWindow::new(LocalTime::from_minutes(from).unwrap(), LocalTime::from_minutes(to).unwrap()).unwrap();
        let quiet = with_quiet.then_some(&window);
        let rule = rule("08:00-21:00", "08:00-21:00", if closed_sunday { "" } else { "08:00-21:00" }, &[]);
        let now = Timestamp(now);
        let found = next_allowed(now, &zones, quiet, &[&rule]);
        let end = found.unwrap_or(now + Span::days(HORIZON_DAYS));
        if let Some(found) = found {
            prop_assert!(allowed(found, &zones, quiet, closed_sunday));
            prop_assert!(found == now || !allowed(found - Span(1), &zones, quiet, closed_sunday));
        }
        prop_assert_eq!(found == Some(now), blocker(now, &zones, quiet, &[&rule]).is_none());
        let mut probe = now;
        while probe < end {
            prop_assert!(!allowed(probe, &zones, quiet, closed_sunday), "{probe} before {found:?}");
            probe = Timestamp((probe.0 / 60_000 + 1) * 60_000);
        }
    }
}
