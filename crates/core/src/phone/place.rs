//! Where a number was assigned: its candidate time zones, and the state of a North American area
//! code, by the first digits.
//!
//! The tables are data (`crates/core/data`, from libphonenumber). Must never guess: digits that no
//! row covers have no place, and the caller decides what that means.

use std::sync::OnceLock;

static ZONES_DATA: &str = include_str!("../../data/phone_tz.tsv");
static AREAS_DATA: &str = include_str!("../../data/nanp_region.tsv");

/// Most digits a prefix of the zone table has. Nine digits behind a guard still fit a `u32`.
const PREFIX_DIGITS_MAX: usize = 9;

struct ZoneTable {
    /// Sorted by key; the second field is an index into `lists`.
    prefixes: Vec<(u32, u16)>,
    lists: Vec<Vec<&'static str>>,
}

/// A row of the area code table.
struct Area {
    code: u16,
    country: &'static str,
    state: Option<&'static str>,
}

/// All zones of the longest prefix that the table has of this number (E.164, with or without `+`);
/// empty when it has none.
///
/// Looks at digits only. A toll-free or mobile number may match a row that says nothing about it:
/// [`super::zones`] knows kinds.
#[must_use]
pub fn zones_by_prefix(e164: &str) -> &'static [&'static str] {
    prefixes(e164).last().map_or(&[], |(_, zones)| zones)
}

/// The country calling code of the number, and all zones of that whole numbering plan.
///
/// Calling codes are prefix-free, so the shortest row that matches is the plan's own.
pub(super) fn plan(e164: &str) -> Option<(i32, &'static [&'static str])> {
    let (digits, zones) = prefixes(e164).next()?;
    Some((digits.parse().ok()?, zones))
}

/// The state or province (two letters) where a US or Canadian area code was assigned: `+1850…` is
/// `FL`. `None` for toll-free codes, other countries, and the territories.
#[must_use]
pub fn state(e164: &str) -> Option<&'static str> {
    area(e164)?.state
}

/// The ISO country of a North American area code: `+1242…` is `BS`. `None` for toll-free codes and
/// for numbers outside country code 1.
#[must_use]
pub fn nanp_country(e164: &str) -> Option<&'static str> {
    area(e164).map(|area| area.country)
}

/// Every zone that the area codes of a US or Canadian state or province (two capitals) lie in; empty for others.
#[must_use]
pub fn zones_of_state(state: &str) -> Vec<&'static str> {
    let mut zones: Vec<&'static str> = area_table()
        .iter()
        .filter(|area| area.state == Some(state))
        .flat_map(|area| zones_by_prefix(&format!("1{}", area.code)))
        .copied()
        .collect();
    zones.sort_unstable();
    zones.dedup();
    zones
}

/// The rows that match the number, shortest prefix first.
fn prefixes(e164: &str) -> impl Iterator<Item = (&str, &'static [&'static str])> {
    let table = zone_table();
    let digits = e164.strip_prefix('+').unwrap_or(e164);
    // Row by row rather than once: twelve comparisons each, and nothing is allocated.
    (1..=PREFIX_DIGITS_MAX).filter_map(move |n| {
        let prefix = digits.get(..n)?;
        let key = key(prefix)?;
        let at = table.prefixes.binary_search_by_key(&key, |&(key, _)| key).ok()?;
        let zones = table.lists.get(usize::from(table.prefixes.get(at)?.1))?;
        Some((prefix, zones.as_slice()))
    })
}

/// Digits as a number with a 1 in front, so that leading zeros and lengths stay apart.
fn key(digits: &str) -> Option<u32> {
    if digits.is_empty() || digits.len() > PREFIX_DIGITS_MAX {
        return None;
    }
    digits.bytes().try_fold(1_u32, |key, digit| {
        digit.is_ascii_digit().then(|| key * 10 + u32::from(digit - b'0'))
    })
}

fn area(e164: &str) -> Option<&'static Area> {
    let digits = e164.strip_prefix('+').unwrap_or(e164);
    let code: u16 = digits.strip_prefix('1')?.get(..3)?.parse().ok()?;
    let areas = area_table();
    areas.get(areas.binary_search_by_key(&code, |area| area.code).ok()?)
}

fn zone_table() -> &'static ZoneTable {
    static TABLE: OnceLock<ZoneTable> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut written: Vec<&'static str> = Vec::new();
        let mut prefixes: Vec<(u32, u16)> = Vec::new();
        for (digits, zones) in ZONES_DATA.lines().filter_map(|line| line.split_once('\t')) {
            let index = written.iter().rposition(|&known| known == zones).unwrap_or_else(|| {
                written.push(zones);
                written.len() - 1
            });
            if let (Some(key), Ok(index)) = (key(digits), u16::try_from(index)) {
                prefixes.push((key, index));
            }
        }
        prefixes.sort_unstable();
        ZoneTable {
            prefixes,
            lists: written.iter().map(|zones| zones.split('&').collect()).collect(),
        }
    })
}

fn area_table() -> &'static [Area] {
    static TABLE: OnceLock<Vec<Area>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut areas: Vec<Area> = AREAS_DATA
            .lines()
            .filter_map(|line| {
                let mut fields = line.split('\t');
                let (code, country, state) = (fields.next()?, fields.next()?, fields.next()?);
                let state = (state != "-").then_some(state);
                Some(Area { code: code.parse().ok()?, country, state })
            })
            .collect();
        areas.sort_unstable_by_key(|area| area.code);
        areas
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_taken_and_every_zone_is_known() {
        let table = zone_table();
        assert_eq!((table.prefixes.len(), ZONES_DATA.lines().count()), (3_240, 3_240));
        assert!(
            table.prefixes.windows(2).all(|pair| pair[0].0 < pair[1].0),
            "prefixes are distinct"
        );
        for name in table.lists.iter().flatten() {
            assert!(crate::zone::zone(name).is_ok(), "{name} is not in the bundled database");
        }
        assert_eq!((area_table().len(), AREAS_DATA.lines().count()), (441, 441));
    }

    /// Of case 9 of ten: which half of area code 850 a number is in.
    #[test]
    fn the_longest_prefix_wins() {
        assert_eq!(zones_by_prefix("+12025550123"), ["America/New_York"]);
        assert_eq!(zones_by_prefix("+18505550123"), ["America/New_York"]);
        assert_eq!(zones_by_prefix("+18502000123"), ["America/Chicago"]);
        assert_eq!(zones_by_prefix("+18005550123").len(), 42, "no row for 1800: the whole plan");
        assert_eq!(zones_by_prefix("4915112345678"), ["Europe/Berlin"]);
        for nothing in ["", "+", "+0", "x", "+٣", "é"] {
            assert!(zones_by_prefix(nothing).is_empty(), "{nothing:?}");
        }
    }

    #[test]
    fn area_codes_have_a_country_and_mostly_a_state() {
        assert_eq!((state("+18505550123"), nanp_country("+18505550123")), (Some("FL"), Some("US")));
        assert_eq!((state("+12045550123"), nanp_country("+12045550123")), (Some("MB"), Some("CA")));
        assert_eq!((state("+12425550123"), nanp_country("+12425550123")), (None, Some("BS")));
        assert_eq!((state("+18005550123"), nanp_country("+18005550123")), (None, None));
        assert_eq!((state("+442079460000"), nanp_country("+1")), (None, None));
    }
}
