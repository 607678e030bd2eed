//! Quantiles and medians of what was measured.
//!
//! Must never average a latency.

use std::fmt;
use std::time::Duration;
use wayline_core::time::Span;

/// Times of one cell, sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times(Vec<f64>);

impl Times {
    /// From microseconds.
    pub(crate) fn of(times: impl IntoIterator<Item = Duration>) -> Times {
        Times::sorted(times.into_iter().map(|time| time.as_secs_f64() * 1_000.0).collect())
    }

    pub(crate) fn of_spans(times: impl IntoIterator<Item = Span>) -> Times {
        Times::sorted(times.into_iter().map(|time| time.0 as f64).collect())
    }

    fn sorted(mut times: Vec<f64>) -> Times {
        times.sort_by(f64::total_cmp);
        Times(times)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The least time that so many of 1,000 do not exceed, in milliseconds; 0 when there is none.
    pub(crate) fn quantile(&self, per_mille: usize) -> f64 {
        let rank = (self.0.len() * per_mille).div_ceil(1_000).max(1);
        self.0.get(rank - 1).copied().unwrap_or(0.0)
    }
}

impl fmt::Display for Times {
    /// p50 / p99 / p99.9 / max in milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, most, nearly, all] = [500, 990, 999, 1_000].map(|share| self.quantile(share));
        write!(f, "{half:.1} / {most:.1} / {nearly:.1} / {all:.0}")
    }
}

/// The middle one; the lower of two.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_value_that_was_measured() {
        let times = Times::of((1..=200).rev().map(Duration::from_millis));
        assert_eq!(times.quantile(500), 100.0);
        assert_eq!(times.quantile(990), 198.0);
        assert_eq!(times.quantile(999), 200.0);
        assert_eq!(times.quantile(1_000), 200.0);
        assert_eq!(Times::default().quantile(990), 0.0);
        assert_eq!(Times::of_spans([Span(7)]).to_string(), "7.0 / 7.0 / 7.0 / 7");
    }

    #[test]
    fn a_median_is_the_middle_one() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.0);
        assert_eq!(median([]), 0.0);
    }
}
