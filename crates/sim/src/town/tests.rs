//! A town is a function of its seed and the time.

use super::*;
use std::collections::BTreeSet;
use wayline_core::phone::reachable;
use wayline_pipeline::ingest;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("an instant")
}

fn live(town: &mut Town, until: Timestamp, step: Span) -> Vec<(Timestamp, Happening)> {
    let mut all = Vec::new();
    while town.told() < until {
        let now = (town.told() + step).min(until);
        all.extend(town.next(now));
    }
    all
}

fn lines(happenings: Vec<(Timestamp, Happening)>) -> Vec<String> {
    happenings.into_iter().map(|(at, it)| format!("{at} {}", it.into_line(at))).collect()
}

#[test]
fn the_same_seed_tells_the_same_however_often_it_is_asked() {
    let founded = at("2026-11-25T13:37:11.123Z");
    let until = founded + Span::days(2);
    let one = lines(live(&mut Town::new(5, founded), until, Span::hours(2)));
    let two = lines(live(&mut Town::new(5, founded), until, Span::minutes(7)));
    let other = lines(live(&mut Town::new(6, founded), until, Span::hours(2)));
    assert_eq!(one, two);
    assert_ne!(one, other);
    assert!(one.is_sorted_by_key(|line| line.split(' ').next().map(str::to_owned)));
}

#[test]
fn a_resumed_town_goes_on_as_if_it_never_stopped() {
    let founded = at("2026-03-07T22:10:00Z");
    let until = founded + Span::days(2);
    let whole = live(&mut Town::new(9, founded), until, Span::hours(1));
    for minutes in [1, 3, 59, 61, 200, 1_441] {
        let from = founded + Span::minutes(minutes);
        let rest: Vec<_> = whole.iter().filter(|(at, _)| *at > from).cloned().collect();
        let resumed = live(&mut Town::resume(9, founded, from), until, Span::hours(1));
        assert_eq!(lines(resumed), lines(rest), "resumed after {minutes} minutes");
    }
}

#[test]
fn every_line_is_taken_and_every_number_can_be_reached() {
    let founded = at("2026-11-25T03:00:00Z");
    let all = live(&mut Town::new(1, founded), founded + Span::days(3), Span::hours(3));
    let mut ids = BTreeSet::new();
    for (at, happening) in all {
        let line = happening.into_line(at);
        let bytes = line.to_string().into_bytes();
        let arrival = ingest::read(wayline_core::ids::WorkspaceId(1), &bytes, None);
        let arrival = arrival.unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(arrival.input.at, at);
        assert_eq!(ingest::warnings(&arrival, "US"), Vec::<String>::new());
        assert!(ids.insert(line["messageId"].to_string()), "twice: {line}");
    }
}

#[test]
fn numbers_are_unique_and_lead_back_to_their_owner() {
    let town = Town::new(3, at("2026-11-25T03:00:00Z"));
    let mut seen = BTreeSet::new();
    for number in 0..PEOPLE_MAX {
        let Some(phone) = town.person(number).phone else { continue };
        assert!(reachable(&phone, None).is_ok(), "{phone}");
        assert!(number % 97 != 0 || town.owner(&phone) == Some(number), "{phone}");
        assert!(seen.insert(phone));
    }
}

#[test]
fn somebody_orders_or_books_in_the_first_minutes_at_any_hour() {
    for hour in 0..24 {
        let founded = at("2026-07-01T00:17:00Z") + Span::hours(hour);
        let mut town = Town::new(hour as u64, founded);
        let early = town.next(founded + Span::minutes(30));
        let served = early
            .into_iter()
            .map(|(at, it)| it.into_line(at))
            .filter(|line| line["event"] == "transaction" || line["event"] == "appointment_booked")
            .count();
        assert!(served >= 2, "{served} at hour {hour}");
    }
}

#[test]
fn people_come_over_time_and_never_more_than_the_most() {
    let founded = at("2026-11-25T13:00:00Z");
    let town = Town::new(1, founded);
    assert_eq!(town.people(founded), FOUNDERS);
    assert_eq!(town.people(founded + Span::days(1)), FOUNDERS + 60);
    assert_eq!(town.people(founded + Span::days(900)), PEOPLE_MAX);
    let mut late = Town::resume(1, founded, founded + Span::days(900));
    let hour = late.next(founded + Span::days(900) + Span::hours(1));
    assert!(hour.len() < 5_000, "{}", hour.len());
}

#[test]
fn fewer_things_happen_at_night() {
    let founded = at("2026-11-20T12:00:00Z");
    let mut town = Town::new(1, founded);
    live(&mut town, at("2026-11-25T08:00:00Z"), Span::hours(3));
    let night = live(&mut town, at("2026-11-25T11:00:00Z"), Span::hours(1)).len();
    live(&mut town, at("2026-11-25T23:00:00Z"), Span::hours(3));
    let evening = live(&mut town, at("2026-11-26T02:00:00Z"), Span::hours(1)).len();
    assert!(night * 4 < evening, "{night} at night, {evening} in the evening");
}

#[test]
fn answers_are_stable_and_of_every_kind() {
    let when = at("2026-11-25T15:00:00Z");
    let town = Town::new(4, when);
    let (mut clicks, mut stops, mut buys, mut others) = (0, 0, 0, 0);
    for number in 0..2_000 {
        let Some(to) = town.person(number).phone else { continue };
        let ask = || town.react("see https://x.example", &to, when, "signup", "hello");
        let reaction = ask();
        assert_eq!(reaction, ask());
        match reaction {
            Some((at, Reaction::Click)) if at > when => clicks += 1,
            Some((_, Reaction::Reply(text))) if text == "STOP" => stops += 1,
            Some((_, Reaction::Buy(_))) => buys += 1,
            Some(_) => others += 1,
            None => {}
        }
    }
    assert!(clicks > 200 && buys > 80 && others > 10, "{clicks} {buys} {others}");
    assert!((1..60).contains(&stops), "{stops}");
    assert_eq!(town.react("hi", "+12025550100", when, "signup", "hello"), None);
}
