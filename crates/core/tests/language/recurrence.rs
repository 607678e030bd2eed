//! Recurrence rules around clock changes and month ends.

use wayline_core::journey::recurrence::{next_after, parse};
use wayline_core::time::Timestamp;
use wayline_core::zone::zone;

fn occurrences(rule: &str, after: &str, in_zone: &str, count: usize) -> Vec<String> {
    let (rule, zone) = (parse(rule).unwrap(), zone(in_zone).unwrap());
    let mut at = Timestamp::parse(after).unwrap();
    let mut all = Vec::new();
    for _ in 0..count {
        at = next_after(&rule, at, &zone).unwrap();
        all.push(at.to_string().replace(":00.000Z", "Z"));
    }
    all
}

#[test]
fn a_skipped_time_runs_right_after_the_gap() {
    // New York, 2026-03-08: 02:00 became 03:00 (07:00 UTC).
    assert_eq!(
        occurrences(
            "FREQ=DAILY;BYHOUR=2;BYMINUTE=30",
            "2026-03-07T00:00:00Z",
            "America/New_York",
            3
        ),
        ["2026-03-07T07:30Z", "2026-03-08T07:00Z", "2026-03-09T06:30Z"]
    );
    // Two skipped times fall on one instant, which happens once.
    assert_eq!(
        occurrences(
            "FREQ=DAILY;BYHOUR=2;BYMINUTE=15,30",
            "2026-03-08T00:00:00Z",
            "America/New_York",
            2
        ),
        ["2026-03-08T07:00Z", "2026-03-09T06:15Z"]
    );
}

#[test]
fn a_doubled_time_runs_once_the_first_time() {
    // New York, 2026-11-01: 02:00 became 01:00 (06:00 UTC).
    assert_eq!(
        occurrences(
            "FREQ=DAILY;BYHOUR=1;BYMINUTE=30",
            "2026-10-31T12:00:00Z",
            "America/New_York",
            2
        ),
        ["2026-11-01T05:30Z", "2026-11-02T06:30Z"]
    );
}

#[test]
fn a_skipped_day_runs_at_the_end_of_the_gap() {
    // Samoa left out 2011-12-30 altogether.
    assert_eq!(
        occurrences("FREQ=DAILY;BYHOUR=9", "2011-12-29T00:00:00Z", "Pacific/Apia", 3),
        ["2011-12-29T19:00Z", "2011-12-30T10:00Z", "2011-12-30T19:00Z"]
    );
}

#[test]
fn months_end_where_they_end() {
    assert_eq!(
        occurrences("FREQ=MONTHLY;BYMONTHDAY=31;BYHOUR=9", "2026-01-01T00:00:00Z", "UTC", 3),
        ["2026-01-31T09:00Z", "2026-03-31T09:00Z", "2026-05-31T09:00Z"]
    );
    assert_eq!(
        occurrences("FREQ=MONTHLY;BYMONTHDAY=-1", "2028-01-31T00:00:00Z", "UTC", 2),
        ["2028-02-29T00:00Z", "2028-03-31T00:00Z"]
    );
    assert_eq!(
        occurrences("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2026-01-01T00:00:00Z", "UTC", 2),
        ["2028-02-29T00:00Z", "2032-02-29T00:00Z"]
    );
}

#[test]
fn weeks_and_intervals() {
    assert_eq!(
        occurrences(
            "FREQ=WEEKLY;BYDAY=MO,FR;BYHOUR=9;BYMINUTE=30",
            "2026-11-23T09:30:00Z",
            "UTC",
            2
        ),
        ["2026-11-27T09:30Z", "2026-11-30T09:30Z"]
    );
    let fortnight = occurrences("RRULE:FREQ=WEEKLY;INTERVAL=2", "2026-11-01T00:00:00Z", "UTC", 2);
    let gap = Timestamp::parse(&fortnight[1].replace('Z', ":00Z")).unwrap()
        - Timestamp::parse(&fortnight[0].replace('Z', ":00Z")).unwrap();
    assert_eq!(gap.to_string(), "2w");
    assert_eq!(
        occurrences("FREQ=HOURLY;INTERVAL=6;BYMINUTE=15", "2026-11-23T09:30:00Z", "UTC", 2),
        ["2026-11-23T12:15Z", "2026-11-23T18:15Z"]
    );
}
