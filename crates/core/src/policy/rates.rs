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
    since: Date,
    until: Option<Date>,
    source: String,
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
        if let Some(row) = rates.campaigns.iter().find(|row| row.parts_per_minute == 0) {
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

    /// Parts a minute of a campaign of this class, the least of all carriers; `None`: nobody limits it.
    #[must_use]
    pub fn campaign_parts_per_minute(&self, class: &str, now: Timestamp) -> Option<u64> {
        let is_its = |row: &&CampaignRate| {
            !row.carrier.is_empty() && row.classes.iter().any(|it| it.eq_ignore_ascii_case(class))
        };
        let rows = self.campaigns.iter().filter(is_its);
        rows.filter(|row| in_force(row.since, row.until, now)).map(|row| row.parts_per_minute).min()
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
        assert_eq!(rates.campaign_parts_per_minute("e", NOW), Some(240));
        assert_eq!(rates.campaign_parts_per_minute("Z", NOW), None);
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
    fn a_rate_of_nothing_is_refused() {
        let row = "senders:\n  - {kind: ten_dlc, parts_per_second: 0, since: 2026-01-01, source: x}\nbrands: []\ncampaigns: []\n";
        assert!(matches!(Rates::parse(row), Err(RatesError::NoRate { .. })));
        assert!(matches!(Rates::parse("senders: 7"), Err(RatesError::Format { .. })));
    }
}
