//! Who a person of the town is: a function of the seed and their number.
//!
//! Must never change with time.

use super::Town;
use crate::random::Random;
use jiff::civil::Date;
use wayline_core::ids::stable_hash;

/// Zones with area codes that lie wholly in them, and the share of people, in 100.
const ZONES: [(&str, [u64; 4], usize); 4] = [
    ("America/New_York", [212, 617, 404, 215], 45),
    ("America/Chicago", [312, 713, 504, 612], 25),
    ("America/Denver", [303, 720, 801, 406], 10),
    ("America/Los_Angeles", [213, 415, 206, 619], 20),
];
const NAMES: [&str; 32] = [
    "Ada", "Alma", "Amir", "Bea", "Carmen", "Chloe", "Dana", "Elena", "Emma", "Faye", "Gia",
    "Grace", "Hana", "Ida", "Ivy", "Jada", "June", "Kira", "Lena", "Luz", "Maya", "Mina", "Nadia",
    "Nora", "Opal", "Pia", "Rosa", "Ruth", "Sofia", "Tess", "Vera", "Zoe",
];
/// Exchanges of subscribers used: 230 to 299 have none that is for services or fiction.
const EXCHANGES: u64 = 70;

/// A person.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) user_id: String,
    /// `None`: they did not give it.
    pub(super) phone: Option<String>,
    pub(super) first_name: Option<&'static str>,
    /// Place in the list of zones.
    pub(super) zone: usize,
    pub(super) birthday: Option<Date>,
    /// What they do for a day, in 1,000: 700 is seven visits in ten days.
    pub(super) pace: usize,
}

impl Town {
    pub(super) fn draw(&self, what: &str, who: u64, when: i64) -> Random {
        let (seed, who, when) = (self.seed.to_le_bytes(), who.to_le_bytes(), when.to_le_bytes());
        Random::new(stable_hash(&[b"town", what.as_bytes(), &seed, &who, &when]))
    }

    pub(super) fn person(&self, number: u64) -> Person {
        let mut draw = self.draw("person", number, 0);
        let (area, zone) = area_and_zone(&mut draw);
        let has_phone = !draw.per_mille(30);
        let has_name = !draw.per_mille(80);
        let first_name = draw.pick(&NAMES).copied().filter(|_| has_name);
        let year = draw.between(1955, 2005) as i16;
        let (month, day) = (draw.between(1, 12) as i8, draw.between(1, 28) as i8);
        let birthday = Date::new(year, month, day).ok().filter(|_| draw.per_mille(600));
        Person {
            user_id: user_id(number),
            phone: has_phone.then(|| phone(area, number)),
            first_name,
            zone,
            birthday,
            pace: draw.one_of([200, 500, 500, 800, 1_500]),
        }
    }

    /// Who has that number.
    pub(super) fn owner(&self, phone: &str) -> Option<u64> {
        let digits: u64 = phone.strip_prefix("+1")?.parse().ok()?;
        let line = digits % 10_000_000;
        let number = (0..super::PEOPLE_MAX).find(|number| subscriber(*number) == line)?;
        (self.person(number).phone.as_deref() == Some(phone)).then_some(number)
    }
}

fn area_and_zone(draw: &mut Random) -> (u64, usize) {
    let mut place = draw.below(100);
    for (zone, (_, areas, share)) in ZONES.iter().enumerate() {
        if place < *share {
            return (draw.one_of(*areas), zone);
        }
        place -= share;
    }
    (212, 0)
}

pub(super) fn user_id(number: u64) -> String {
    format!("u{:05}", number + 1)
}

pub(super) fn zone_name(zone: usize) -> &'static str {
    ZONES.get(zone).map_or("America/New_York", |(name, _, _)| name)
}

pub(super) fn zone_count() -> usize {
    ZONES.len()
}

/// The last seven digits: another for each number, neighbours far apart.
fn subscriber(number: u64) -> u64 {
    let place = number * 3_141_597 % (EXCHANGES * 10_000);
    (230 + place / 10_000) * 10_000 + place % 10_000
}

fn phone(area: u64, number: u64) -> String {
    format!("+1{area}{:07}", subscriber(number))
}
