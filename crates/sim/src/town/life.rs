//! What people do in one hour: arrive, look around, buy or forget, book, join.
//!
//! Must never depend on any hour but the one asked for.

use super::person::{self, Person};
use super::{FOUNDERS, Happening, Town, hour_of};
use crate::random::Random;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use wayline_core::time::{Span, Timestamp};
use wayline_core::zone::zone;

/// Share of a day's visits by local hour, in 120: mornings and evenings, few at night.
const VISITS: [usize; 24] =
    [1, 1, 0, 0, 0, 1, 3, 6, 7, 6, 5, 5, 6, 5, 4, 4, 5, 7, 9, 11, 11, 9, 6, 3];
const VISITS_A_DAY: usize = 115;
/// Founders who order or book in the first minutes, whatever the hour: the first texts of a demo.
const OPENING: u64 = 16;
const PRODUCTS: [(&str, usize); 8] = [
    ("Rose Face Oil", 38),
    ("Clay Mask", 24),
    ("Vitamin C Serum", 46),
    ("Night Cream", 52),
    ("Lip Balm", 9),
    ("Hair Repair Kit", 64),
    ("Sun Stick SPF 50", 19),
    ("Travel Set", 29),
];
const SERVICES: [&str; 5] = ["facial", "haircut", "brow shaping", "massage", "color refresh"];

/// Everything that begins in that hour, in no order.
pub(super) fn hour(town: &Town, hour: i64) -> Vec<(Timestamp, Happening)> {
    let mut made = Vec::new();
    let start = Timestamp(hour * Span::hours(1).0);
    if hour == hour_of(town.founded) {
        found(town, &mut made);
    } else {
        for number in town.people_before_hour(hour)..town.people_before_hour(hour + 1) {
            let at = start + town.draw("arrive", number, 0).span(Span::ZERO, Span::minutes(59));
            Life::of(town, number, 0, &mut made).arrive(at);
        }
    }
    let zones: Vec<TimeZone> = (0..person::zone_count()).map(zone_of).collect();
    let local: Vec<usize> = zones
        .iter()
        .map(|zone| zone.to_datetime(start.to_jiff()).hour().unsigned_abs().into())
        .collect();
    for number in 0..town.people_before_hour(hour) {
        let person = town.person(number);
        let share = local.get(person.zone).and_then(|hour| VISITS.get(*hour)).unwrap_or(&0);
        let mut draw = town.draw("hour", number, hour);
        if draw.below(1_000 * VISITS_A_DAY) >= person.pace * share {
            continue;
        }
        let at = start + draw.span(Span::ZERO, Span(Span::hours(1).0 - 1));
        // The founding hour has its own beginning.
        if at > town.founded + Span::minutes(5) {
            Life { town, person, draw, hour, count: 0, made: &mut made }.visit(at);
        }
    }
    made
}

fn zone_of(place: usize) -> TimeZone {
    zone(person::zone_name(place)).unwrap_or(TimeZone::UTC)
}

fn found(town: &Town, made: &mut Vec<(Timestamp, Happening)>) {
    for number in 0..FOUNDERS {
        let at = town.founded + Span(number as i64 * 1_000);
        let mut life = Life::of(town, number, 0, made);
        life.identify(at);
        if life.draw.per_mille(700) {
            life.consent(at);
        }
    }
    for number in 0..OPENING {
        let mut life = Life::of(town, number * 7, 1, made);
        let at = town.founded + Span::minutes(4 + 3 * number as i64);
        if number % 3 == 1 {
            life.book(at);
        } else {
            life.shop(at, number % 3 == 0);
        }
    }
}

/// One visit of one person, being written.
struct Life<'a> {
    town: &'a Town,
    person: Person,
    draw: Random,
    /// Makes the ids of this visit unlike those of others.
    hour: i64,
    count: usize,
    made: &'a mut Vec<(Timestamp, Happening)>,
}

impl<'a> Life<'a> {
    fn of(
        town: &'a Town,
        number: u64,
        hour: i64,
        made: &'a mut Vec<(Timestamp, Happening)>,
    ) -> Life<'a> {
        let draw = town.draw("life", number, hour);
        Life { town, person: town.person(number), draw, hour, count: 0, made }
    }

    fn arrive(&mut self, at: Timestamp) {
        self.identify(at);
        match self.draw.below(10) {
            0..=4 => {
                self.consent(at);
                self.track(at, "signed_up", json!({ "form": "footer" }));
            }
            5..=7 => {
                let soon = at + self.draw.span(Span::minutes(1), Span::minutes(20));
                self.text(soon, "JOIN");
            }
            _ => {}
        }
        let at = at + self.draw.span(Span::minutes(2), Span::minutes(10));
        self.visit(at);
    }

    fn visit(&mut self, at: Timestamp) {
        match self.draw.below(100) {
            0..=24 => self.browse(at),
            25..=49 => self.shop(at, false),
            50..=74 => self.shop(at, true),
            75..=96 => self.book(at),
            _ => self.text(at, "JOIN"),
        }
    }

    /// Looks at things; the answer is the last one and when.
    fn look(&mut self, at: Timestamp) -> (Timestamp, (&'static str, usize)) {
        self.line(at, "page", json!({ "name": "Shop", "properties": { "path": "/shop" } }));
        let (mut at, mut product) = (at, self.draw.one_of(PRODUCTS));
        for _ in 0..self.draw.between(1, 3) {
            at = at + self.draw.span(Span::seconds(20), Span::minutes(3));
            product = self.draw.one_of(PRODUCTS);
            let seen = json!({ "item": product.0, "price": product.1 });
            self.track(at, "product_viewed", seen);
        }
        (at, product)
    }

    fn browse(&mut self, at: Timestamp) {
        self.look(at);
    }

    fn shop(&mut self, at: Timestamp, is_buying: bool) {
        let (mut at, (mut item, mut price)) = self.look(at);
        let cart = format!("c-{}-{}", self.person.user_id, self.hour);
        let mut total = 0;
        for more in 0..self.draw.between(1, 2) {
            if more > 0 {
                (item, price) = self.draw.one_of(PRODUCTS);
            }
            at = at + self.draw.span(Span::seconds(30), Span::minutes(5));
            total += price;
            let added = json!({ "cart_id": cart, "item": item, "price": price });
            self.track(at, "addtocart", added);
        }
        if is_buying {
            let at = at + self.draw.span(Span::minutes(1), Span::minutes(25));
            let order = order_id(&self.person.user_id, self.hour);
            let bought =
                json!({ "order_id": order, "cart_id": cart, "item": item, "total": total });
            self.track(at, "transaction", bought);
        }
    }

    fn book(&mut self, at: Timestamp) {
        let zone = zone_of(self.person.zone);
        let earliest = at + Span::hours(self.draw.one_of([3, 8, 26, 30, 50, 98]));
        let local = zone.to_datetime(earliest.to_jiff());
        let half = if self.draw.flip() { 30 } else { 0 };
        let day = local.date();
        let day = if local.hour() < 17 { day } else { day.tomorrow().unwrap_or(day) };
        let opens = if day == local.date() { local.hour().max(8) + 1 } else { 9 };
        let begins = day.at(self.draw.between(opens as usize, 18) as i8, half, 0, 0);
        let Ok(begins) = zone.to_ambiguous_zoned_datetime(begins).compatible() else { return };
        let booked = json!({
            "appointment_id": format!("a-{}-{}", self.person.user_id, self.hour),
            "service": self.draw.one_of(SERVICES),
            "starts_at": Timestamp::from_jiff(begins.timestamp()).to_string(),
        });
        self.track(at, "appointment_booked", booked);
    }

    fn identify(&mut self, at: Timestamp) {
        let mut traits = json!({ "timezone": person::zone_name(self.person.zone) });
        if let Some(phone) = &self.person.phone {
            traits["phone"] = json!(phone);
        }
        if let Some(name) = self.person.first_name {
            traits["first_name"] = json!(name);
        }
        if let Some(day) = self.person.birthday {
            traits["birthday"] = json!(day.to_string());
        }
        // Some founders come from the shop's old system, which knew when they last bought.
        if at < self.town.founded + Span::seconds(FOUNDERS as i64) && self.draw.per_mille(400) {
            let ago = self.draw.span(Span::days(22), Span::days(32));
            traits["last_order_at"] = json!((at - ago).to_string());
        }
        self.line(at, "identify", json!({ "traits": traits }));
    }

    fn consent(&mut self, at: Timestamp) {
        let allowed = json!({ "channel": "sms", "state": "opted_in", "source": "web form" });
        self.line(at, "consent", allowed);
    }

    fn text(&mut self, at: Timestamp, text: &str) {
        let Some(from) = self.person.phone.clone() else { return };
        let (user_id, text) = (self.person.user_id.clone(), text.to_owned());
        self.made.push((at, Happening::Text { user_id, from, text }));
    }

    fn track(&mut self, at: Timestamp, event: &str, properties: Value) {
        self.line(at, "track", json!({ "event": event, "properties": properties }));
    }

    fn line(&mut self, at: Timestamp, kind: &str, mut line: Value) {
        self.count += 1;
        let user_id = &self.person.user_id;
        line["type"] = json!(kind);
        line["userId"] = json!(user_id);
        line["messageId"] = json!(format!("{user_id}-{}-{}", self.hour, self.count));
        line["timestamp"] = json!(at.to_string());
        self.made.push((at, Happening::Line(line)));
    }
}

/// The number of an order, as a shop writes it.
pub(super) fn order_id(user_id: &str, place: i64) -> String {
    let mut draw = Random::new(wayline_core::ids::stable_hash(&[
        b"order",
        user_id.as_bytes(),
        &place.to_le_bytes(),
    ]));
    format!("L{:07}", draw.below(10_000_000))
}
