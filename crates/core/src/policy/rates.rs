//! Rates of senders, brands and campaigns as dated data.
//!
//! What comes with the product is `rules/rates.yaml`, which documents the format. Must never hold a rate in code, and
//! never answer "no limit" for data it could not read.

use crate::policy::settings::{Registration, SenderKind};
use crate::time::{Span, Timestamp};
use jiff::civil::Date;
use serde::Deserialize;
use std::sync::OnceLock;

static BUILTIN: &str = include_str!("../../../../rules/rates.yaml");

/// Why a file of rates cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RatesError {
    /// No YAML, an unknown field, a missing one, or a value of the wrong kind.
    #[error("the file of rates is not in its format: {reason}")]
    Format {
        /// What the reader found.
        reason: String,
    },
    /// A rate that would let nothing through, or a share that is none.
    #[error("a rate from {source_line:?} is not above 0, or its share is not between 0 and 1")]
    NoRate {
        /// Its source.
        source_line: String,
    },
}

/// All rates.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    senders: Vec<SenderRate>,
    brands: Vec<BrandRate>,
    campaigns: Vec<CampaignRate>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SenderRate {
    kind: SenderKind,
    parts_per_second: f64,
    since: Date,
    until: Option<Date>,
    source: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BrandRate {
    carrier: String,
    score: u32,
    parts_per_day: u64,
    share: f64,
    since: Date,
    until: Option<Date>,
    source: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CampaignRate {
    carrier: String,
    classes: Vec<String>,
    parts_per_minute: u64,
    share: f64,
    since: Date,
    until: Option<Date>,
    source: String,
}

/// What a campaign may send to a carrier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CampaignAllowance {
    /// Parts a minute.
    pub parts_per_minute: u64,
    /// What is counted of a part to a number whose carrier is not known.
    pub share: f64,
}

/// What a brand may send to a carrier in a day.
#[derive(Clone, Debug, PartialEq)]
pub struct BrandAllowance {
    /// Which carrier.
    pub carrier: String,
    /// Parts.
    pub parts_per_day: u64,
    /// What is counted of a part to a number whose carrier is not known.
    pub share: f64,
}

/// Zone of the carriers' day: T-Mobile counts a brand's messages from midnight Pacific time (messaging-rules 1.6 [mem]).
const CARRIER_DAY_ZONE: &str = "America/Los_Angeles";

/// When the carriers' day of an instant began, and when the next one begins.
#[must_use]
pub fn carrier_day(now: Timestamp) -> (Timestamp, Timestamp) {
    let days = || {
        let zone = crate::zone::zone(CARRIER_DAY_ZONE).ok()?;
        let today = zone.to_datetime(now.to_jiff()).date();
        let begins =
            |date: Date| zone.to_timestamp(date.at(0, 0, 0, 0)).ok().map(Timestamp::from_jiff);
        Some((begins(today)?, begins(today.tomorrow().ok()?)?))
    };
    // Should the zone be gone from the database, any day of 24 hours counts as well.
    let day = Span::days(1).0;
    days().unwrap_or_else(|| {
        let begun = Timestamp(now.0.div_euclid(day) * day);
        (begun, begun + Span::days(1))
    })
}

impl Rates {
    /// The rates that come with the product.
    #[must_use]
    pub fn builtin() -> &'static Rates {
        static RATES: OnceLock<Rates> = OnceLock::new();
        // The file is compiled in and a test reads it. Were it ever unreadable, senders would go at the slowest.
        RATES.get_or_init(|| Rates::parse(BUILTIN).unwrap_or_else(|_| Rates::slowest()))
    }

    /// Reads a data file.
    ///
    /// # Errors
    /// The first thing found wrong with it.
    pub fn parse(text: &str) -> Result<Rates, RatesError> {
        let tree = crate::journey::node::read(text.as_bytes()).map_err(|error| {
            let (line, column) = (error.at.line, error.at.column);
            RatesError::Format {
                reason: format!("line {line}, column {column}: {}", error.message),
            }
        })?;
        let rates: Rates = serde_json::from_value(tree.to_json())
            .map_err(|error| RatesError::Format { reason: error.to_string() })?;
        let no_rate = |source: &String| RatesError::NoRate { source_line: source.clone() };
        if let Some(row) = rates.senders.iter().find(|row| row.parts_per_second <= 0.0) {
            return Err(no_rate(&row.source));
        }
        let is_wrong =
            |row: &&BrandRate| row.parts_per_day == 0 || !(0.0..=1.0).contains(&row.share);
        if let Some(row) = rates.brands.iter().find(is_wrong) {
            return Err(no_rate(&row.source));
        }
        let is_wrong =
            |row: &&CampaignRate| row.parts_per_minute == 0 || !(0.0..=1.0).contains(&row.share);
        if let Some(row) = rates.campaigns.iter().find(is_wrong) {
            return Err(no_rate(&row.source));
        }
        Ok(rates)
    }

    /// Parts a second of a sender of this kind; `None`: no carrier limits them.
    #[must_use]
    pub fn sender_parts_per_second(&self, kind: SenderKind, now: Timestamp) -> Option<f64> {
        let rows = self.senders.iter().filter(|row| row.kind == kind);
        rows.filter(|row| in_force(row.since, row.until, now))
            .map(|row| row.parts_per_second)
            .reduce(f64::min)
    }

    /// What a brand may send to each carrier in a day.
    #[must_use]
    pub fn brand_allowances(
        &self,
        registration: &Registration,
        now: Timestamp,
    ) -> Vec<BrandAllowance> {
        // Without a brand there is nothing to count for.
        if registration.brand.is_none() {
            return Vec::new();
        }
        let score = registration.score.unwrap_or(0);
        let mut found: Vec<(u32, BrandAllowance)> = Vec::new();
        for row in self.brands.iter().filter(|row| row.score <= score) {
            if !in_force(row.since, row.until, now) {
                continue;
            }
            let allowance = BrandAllowance {
                carrier: row.carrier.clone(),
                parts_per_day: row.parts_per_day,
                share: row.share,
            };
            match found.iter_mut().find(|(_, it)| it.carrier == row.carrier) {
                Some((best, it)) if *best < row.score => (*best, *it) = (row.score, allowance),
                Some(_) => {}
                None => found.push((row.score, allowance)),
            }
        }
        found.into_iter().map(|(_, allowance)| allowance).collect()
    }

    /// What a campaign of this class may send in a minute, by the strictest carrier; `None`: nobody limits it.
    #[must_use]
    pub fn campaign_allowance(&self, class: &str, now: Timestamp) -> Option<CampaignAllowance> {
        let is_its = |row: &&CampaignRate| {
            !row.carrier.is_empty() && row.classes.iter().any(|it| it.eq_ignore_ascii_case(class))
        };
        let rows = self.campaigns.iter().filter(is_its);
        rows.filter(|row| in_force(row.since, row.until, now))
            .min_by_key(|row| row.parts_per_minute)
            .map(|row| CampaignAllowance {
                parts_per_minute: row.parts_per_minute,
                share: row.share,
            })
    }

    fn slowest() -> Rates {
        let kinds = [
            SenderKind::ShortCode,
            SenderKind::TenDlc,
            SenderKind::LongCode,
            SenderKind::TollFree,
            SenderKind::Alphanumeric,
        ];
        let row = |kind| SenderRate {
            kind,
            parts_per_second: 1.0,
            since: Date::MIN,
            until: None,
            source: String::new(),
        };
        Rates { senders: kinds.into_iter().map(row).collect(), ..Rates::default() }
    }
}

/// Counts from the first day on, in UTC: a day off matters to no rate.
fn in_force(since: Date, until: Option<Date>, now: Timestamp) -> bool {
    let midnight = |date: Date| {
        let days = date.since(jiff::civil::date(1970, 1, 1)).map(|span| i64::from(span.get_days()));
        Timestamp(0) + Span::days(days.unwrap_or(0))
    };
    midnight(since) <= now && until.is_none_or(|until| now < midnight(until))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    #[test]
    fn what_comes_with_the_product_can_be_read_and_names_its_sources() {
        let rates = Rates::parse(BUILTIN).unwrap();
        assert!(rates.senders.iter().all(|row| !row.source.is_empty()));
        assert!(rates.brands.iter().all(|row| !row.source.is_empty()));
        assert!(rates.campaigns.iter().all(|row| !row.source.is_empty()));
        assert_eq!(rates.sender_parts_per_second(SenderKind::TollFree, NOW), Some(3.0));
        assert_eq!(rates.sender_parts_per_second(SenderKind::TenDlc, NOW), None);
        let of = |class| rates.campaign_allowance(class, NOW).map(|it| it.parts_per_minute);
        assert_eq!((of("e"), of("Z")), (Some(240), None));
    }

    #[test]
    fn a_brand_gets_the_best_row_its_score_reaches() {
        let brand =
            |score| Registration { brand: Some("B1".to_owned()), score, ..Registration::default() };
        let parts = |score| Rates::builtin().brand_allowances(&brand(score), NOW)[0].parts_per_day;
        assert_eq!(
            [parts(None), parts(Some(15)), parts(Some(16)), parts(Some(75)), parts(Some(76))],
            [2_000, 2_000, 10_000, 40_000, 200_000]
        );
        assert!(Rates::builtin().brand_allowances(&Registration::default(), NOW).is_empty());
    }

    #[test]
    fn rows_count_from_their_first_day_to_their_last() {
        let row = "senders:\n  - {kind: ten_dlc, parts_per_second: 2, since: 2026-01-01, until: 2026-02-01, source: x}\nbrands: []\ncampaigns: []\n";
        let rates = Rates::parse(row).unwrap();
        let at = |text| {
            rates.sender_parts_per_second(SenderKind::TenDlc, Timestamp::parse(text).unwrap())
        };
        assert_eq!(at("2025-12-31T23:59:59Z"), None);
        assert_eq!(at("2026-01-01T00:00:00Z"), Some(2.0));
        assert_eq!(at("2026-02-01T00:00:00Z"), None);
    }

    #[test]
    fn the_carriers_day_begins_at_midnight_pacific_also_when_clocks_change() {
        let at = |text| Timestamp::parse(text).unwrap();
        let day = carrier_day(at("2026-11-25T07:59:59Z"));
        assert_eq!(day, (at("2026-11-24T08:00:00Z"), at("2026-11-25T08:00:00Z")));
        // 25 hours.
        let day = carrier_day(at("2026-11-01T20:00:00Z"));
        assert_eq!(day, (at("2026-11-01T07:00:00Z"), at("2026-11-02T08:00:00Z")));
    }

    #[test]
    fn a_rate_of_nothing_is_refused() {
        let row = "senders:\n  - {kind: ten_dlc, parts_per_second: 0, since: 2026-01-01, source: x}\nbrands: []\ncampaigns: []\n";
        assert!(matches!(Rates::parse(row), Err(RatesError::NoRate { .. })));
        assert!(matches!(Rates::parse("senders: 7"), Err(RatesError::Format { .. })));
    }
}
