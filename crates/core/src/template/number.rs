//! Numbers as authors see them: whole numbers and decimals without binary surprises.
//!
//! `0.1 + 0.2` is `0.3` here: sums are made on decimal digits. Must never panic or wrap: what does
//! not fit into 38 digits falls back to binary floating point.

use std::borrow::Cow;
use std::cmp::Ordering;

/// Most digits after the point that any rounding or formatting may ask for.
pub(super) const DECIMALS_MAX: u32 = 12;

/// A whole number or a fraction.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Int(i128),
    Float(f64),
}

/// `digits / 10^scale`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decimal {
    digits: i128,
    scale: u32,
}

/// What to do with two numbers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sum {
    Plus,
    Minus,
    Times,
    DividedBy,
    Modulo,
}

impl Number {
    /// As Liquid reads a text: a decimal, or the whole number it starts with, or 0.
    pub(super) fn from_text(text: &str) -> Number {
        let text = text.trim();
        if let Some(number) = Number::exact(text) {
            return number;
        }
        let sign = usize::from(text.starts_with(['-', '+']));
        let digits = text[sign..].bytes().take_while(u8::is_ascii_digit).count();
        Number::Int(text[..sign + digits].parse().unwrap_or(0))
    }

    /// A text that is a number and nothing else.
    pub(super) fn exact(text: &str) -> Option<Number> {
        let text = text.trim();
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = match unsigned.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (unsigned, None),
        };
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        match fraction {
            _ if !digits(whole) => None,
            None => text.parse().ok().map(Number::Int),
            Some(fraction) if digits(fraction) => text.parse().ok().map(Number::Float),
            Some(_) => None,
        }
    }

    pub(super) fn to_f64(self) -> f64 {
        match self {
            Number::Int(n) => n as f64,
            Number::Float(x) => x,
        }
    }

    pub(super) fn is_zero(self) -> bool {
        match self {
            Number::Int(n) => n == 0,
            Number::Float(x) => x == 0.0,
        }
    }

    /// Towards zero.
    pub(super) fn truncated(self) -> i128 {
        match self {
            Number::Int(n) => n,
            Number::Float(x) => x as i128,
        }
    }

    pub(super) fn compare(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a.cmp(&b),
            (a, b) => a.to_f64().partial_cmp(&b.to_f64()).unwrap_or(Ordering::Equal),
        }
    }

    /// The result, or `None` for a division by zero or a result that is no number.
    ///
    /// Two whole numbers give a whole number (division rounds down); otherwise a decimal.
    pub(super) fn sum(self, sum: Sum, other: Number) -> Option<Number> {
        if matches!(sum, Sum::DividedBy | Sum::Modulo) && other.is_zero() {
            return None;
        }
        let exact = match (self, other) {
            (Number::Int(a), Number::Int(b)) => whole_sum(a, sum, b).map(Number::Int),
            _ => decimal_sum(self, sum, other).map(|d| Number::Float(d.to_f64())),
        };
        let result = exact.unwrap_or_else(|| {
            let (a, b) = (self.to_f64(), other.to_f64());
            Number::Float(match sum {
                Sum::Plus => a + b,
                Sum::Minus => a - b,
                Sum::Times => a * b,
                Sum::DividedBy => a / b,
                Sum::Modulo => a - b * (a / b).floor(),
            })
        });
        match result {
            Number::Float(x) if !x.is_finite() => None,
            result => Some(result),
        }
    }

    /// Half away from zero, to `decimals` places; negative places round tens, hundreds ...
    pub(super) fn rounded(self, decimals: i128) -> Number {
        let places = decimals.clamp(-38, i128::from(DECIMALS_MAX)) as i32;
        match (self, Decimal::new(self)) {
            (Number::Int(n), _) if places >= 0 => Number::Int(n),
            (_, Some(decimal)) if places > 0 => {
                Number::Float(decimal.rounded(places as u32).to_f64())
            }
            (_, Some(decimal)) => Number::Int(decimal.rounded_whole(places.unsigned_abs())),
            (Number::Float(x), None) => Number::Float(x.round()),
            (number, None) => number,
        }
    }
}

fn whole_sum(a: i128, sum: Sum, b: i128) -> Option<i128> {
    match sum {
        Sum::Plus => a.checked_add(b),
        Sum::Minus => a.checked_sub(b),
        Sum::Times => a.checked_mul(b),
        Sum::DividedBy => floor_div(a, b),
        Sum::Modulo => floor_div(a, b)?.checked_mul(b).and_then(|down| a.checked_sub(down)),
    }
}

fn floor_div(a: i128, b: i128) -> Option<i128> {
    let quotient = a.checked_div(b)?;
    let inexact = a.checked_rem(b)? != 0 && (a < 0) != (b < 0);
    quotient.checked_sub(i128::from(inexact))
}

fn decimal_sum(a: Number, sum: Sum, b: Number) -> Option<Decimal> {
    let (a, b) = (Decimal::new(a)?, Decimal::new(b)?);
    let scale = a.scale.max(b.scale);
    let same = |d: Decimal| d.digits.checked_mul(power(scale - d.scale)?);
    match sum {
        Sum::Plus => Some(Decimal { digits: same(a)?.checked_add(same(b)?)?, scale }),
        Sum::Minus => Some(Decimal { digits: same(a)?.checked_sub(same(b)?)?, scale }),
        Sum::Times => {
            let digits = a.digits.checked_mul(b.digits)?;
            Some(Decimal { digits, scale: a.scale + b.scale })
        }
        Sum::Modulo => Some(Decimal { digits: whole_sum(same(a)?, sum, same(b)?)?, scale }),
        Sum::DividedBy => {
            // Twenty digits after the point: more than the result can show.
            let shifted = same(a)?.checked_mul(power(20)?)?;
            Some(Decimal { digits: shifted.checked_div(same(b)?)?, scale: 20 })
        }
    }
}

fn power(exponent: u32) -> Option<i128> {
    10i128.checked_pow(exponent)
}

impl Decimal {
    /// The shortest decimal that is this number. `None` when it has too many digits.
    pub(super) fn new(number: Number) -> Option<Decimal> {
        match number {
            Number::Int(digits) => Some(Decimal { digits, scale: 0 }),
            Number::Float(x) => Decimal::parse(&x.to_string()),
        }
    }

    /// Reads `-12.50` exactly. `None` when it is no number or has too many digits.
    pub(super) fn parse(text: &str) -> Option<Decimal> {
        let text = text.trim();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let scale = u32::try_from(fraction.len()).ok().filter(|n| *n <= 36)?;
        let plain = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
        if !plain(fraction) || !plain(whole.strip_prefix('-').unwrap_or(whole)) {
            return None;
        }
        let digits = [whole, fraction].concat().parse().ok()?;
        Some(Decimal { digits, scale })
    }

    fn to_f64(self) -> f64 {
        format!("{}e-{}", self.digits, self.scale).parse().unwrap_or(f64::NAN)
    }

    /// Half away from zero.
    pub(super) fn rounded(self, places: u32) -> Decimal {
        if places >= self.scale {
            return self;
        }
        let digits = match power(self.scale - places) {
            Some(unit) => divide_rounding(self.digits, unit),
            None => 0,
        };
        Decimal { digits, scale: places }
    }

    /// Rounds to a whole multiple of `10^zeros`.
    fn rounded_whole(self, zeros: u32) -> i128 {
        let unit = power(zeros);
        let both = power(self.scale + zeros);
        match (unit, both) {
            (Some(unit), Some(both)) => divide_rounding(self.digits, both).saturating_mul(unit),
            _ => 0,
        }
    }

    pub(super) fn is_negative(self) -> bool {
        self.digits < 0
    }

    /// The digits before and after the point without a sign, with exactly `places` after it.
    pub(super) fn parts(self, places: u32) -> (String, String) {
        let places = places.min(DECIMALS_MAX);
        let rounded = self.rounded(places);
        let digits = rounded.digits.unsigned_abs().to_string();
        let scale = rounded.scale as usize;
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        (whole.to_owned(), format!("{fraction:0<width$}", width = places as usize))
    }
}

fn divide_rounding(digits: i128, unit: i128) -> i128 {
    let (quotient, rest) = (digits / unit, digits % unit);
    let up = rest.unsigned_abs() >= unit.unsigned_abs().div_ceil(2);
    quotient + if up { digits.signum() } else { 0 }
}

/// As Liquid shows a fraction: always with a point, never with an exponent.
pub(super) fn show_float(x: f64) -> Cow<'static, str> {
    let shown = x.to_string();
    Cow::Owned(if shown.contains('.') { shown } else { shown + ".0" })
}
