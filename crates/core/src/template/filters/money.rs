//! Wayline's own filters for figures: `number`, `number_with_delimiter` and `money`.
//!
//! Must never put a character into an SMS that GSM-7 lacks: one `₹` or narrow no-break space would
//! turn the whole message into UCS-2 and double its price. So only $, £, ¥ and € are written as
//! signs, other currencies by code, and groups are parted by comma, point, apostrophe or plain space.
//!
//! | template | text |
//! |---|---|
//! | `{{ 1234.5 \| money: 'USD' }}` | `$1,234.50` |
//! | `{{ 1234.5 \| money: 'EUR', 'de' }}` | `1.234,50 €` |
//! | `{{ 1234.5 \| money: 'INR', 'en-IN' }}` | `INR 1,234.50` |
//! | `{{ 1234567.891 \| number: 1 }}` | `1,234,567.9` |
//! | `{{ 1234567 \| number: 0, 'fr' }}` | `1 234 567` |
//! | `{{ 1234567.5 \| number_with_delimiter: ' ' }}` | `1 234 567.5` |

use super::{Call, Fault, Filter, bad};
use crate::template::number::{DECIMALS_MAX, Decimal};
use crate::template::value::Value;

pub(super) static FILTERS: &[Filter] = &[
    Filter::new("money", 1, 2, money).with_options(&["locale"]),
    Filter::new("number", 0, 2, number).with_options(&["locale"]),
    Filter::new("number_with_delimiter", 0, 1, number_with_delimiter),
];

/// How a language writes figures.
#[derive(Debug, Clone, Copy)]
struct Style {
    group: &'static str,
    point: &'static str,
    /// The currency stands before the amount.
    currency_first: bool,
    /// After the first three digits, groups of two (India).
    pairs: bool,
}

const ENGLISH: Style = Style { group: ",", point: ".", currency_first: true, pairs: false };
const GERMAN: Style = Style { group: ".", point: ",", currency_first: false, pairs: false };
const FRENCH: Style = Style { group: " ", point: ",", currency_first: false, pairs: false };
const SWISS: Style = Style { group: "'", point: ".", currency_first: true, pairs: false };
const INDIAN: Style = Style { group: ",", point: ".", currency_first: true, pairs: true };

/// The style of a locale such as `de`, `de-CH` or `pt_BR`; English where nothing better is known.
fn style(locale: &str) -> Style {
    let locale = locale.replace('_', "-").to_ascii_lowercase();
    let (language, region) = locale.split_once('-').unwrap_or((&locale, ""));
    match (language, region) {
        ("de" | "fr" | "it", "ch") | ("de", "li") => SWISS,
        ("en" | "hi", "in") | ("hi", "") => INDIAN,
        ("es", "mx" | "us" | "419") => ENGLISH,
        ("pt", "br") | ("nl", _) => Style { currency_first: true, ..GERMAN },
        ("de" | "es" | "it" | "pt" | "da" | "id" | "tr" | "el" | "ro" | "hr" | "sl", _) => GERMAN,
        ("fr" | "pl" | "cs" | "sk" | "sv" | "nb" | "no" | "fi" | "hu" | "ru" | "uk" | "bg", _) => {
            FRENCH
        }
        _ => ENGLISH,
    }
}

/// Digits after the point of a currency (ISO 4217).
fn currency_decimals(code: &str) -> u32 {
    match code {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// How a currency is written before an amount and after one.
fn currency_sign(code: &str) -> &str {
    match code {
        "USD" => "$",
        "EUR" => "€",
        "GBP" => "£",
        "JPY" => "¥",
        "CAD" => "CA$",
        "AUD" => "A$",
        "NZD" => "NZ$",
        "MXN" => "MX$",
        "BRL" => "R$",
        code => code,
    }
}

/// The amount exactly as given; a text must be a number and nothing else.
fn amount(input: &Value<'_>) -> Result<Option<Decimal>, Fault> {
    let decimal = match (input.as_number(), input.as_text()) {
        (Some(number), _) => Decimal::new(number),
        (None, Some(text)) if text.trim().is_empty() => return Ok(None),
        (None, Some(text)) if text.bytes().any(|b| b.is_ascii_digit()) => Decimal::parse(text),
        (None, None) if matches!(input, Value::Nil | Value::Blank | Value::Empty) => {
            return Ok(None);
        }
        _ => None,
    };
    match decimal {
        Some(decimal) => Ok(Some(decimal)),
        None => bad(format!("wants a number such as 1234.5, got {}", input.kind())),
    }
}

fn grouped(whole: &str, group: &str, pairs: bool) -> String {
    let length = whole.len();
    let mut out = String::with_capacity(length + length / 2);
    for (i, digit) in whole.chars().enumerate() {
        let left = length - i;
        let border = if pairs && left > 3 { left % 2 == 1 } else { left.is_multiple_of(3) };
        if i > 0 && border {
            out.push_str(group);
        }
        out.push(digit);
    }
    out
}

/// The figure without its sign.
fn figure(decimal: Decimal, decimals: u32, style: Style) -> String {
    let (whole, fraction) = decimal.parts(decimals);
    let point = if fraction.is_empty() { "" } else { style.point };
    [&grouped(&whole, style.group, style.pairs), point, &fraction].concat()
}

/// The style the second argument or the option `locale` asks for.
fn wanted_style(call: &Call<'_, '_>) -> Result<Style, Fault> {
    let locale = match call.arg(1) {
        Value::Nil => call.option("locale"),
        locale => locale,
    };
    Ok(style(&call.text(locale)?))
}

/// Whether a minus sign is still right after rounding: -0.001 is shown as 0.00.
fn minus(decimal: Decimal, decimals: u32) -> &'static str {
    if decimal.rounded(decimals).is_negative() { "-" } else { "" }
}

fn money<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    let code = call.text(call.arg(0))?.trim().to_ascii_uppercase();
    if code.len() != 3 || !code.bytes().all(|b| b.is_ascii_uppercase()) {
        return bad("wants a currency code of three letters, such as 'USD'");
    }
    let style = wanted_style(call)?;
    let Some(decimal) = amount(input)? else { return Ok(Value::Nil) };
    let decimals = currency_decimals(&code);
    let (sign, figure) = (currency_sign(&code), figure(decimal, decimals, style));
    let minus = minus(decimal, decimals);
    // A code stands apart, a sign in front stands close.
    let gap = if sign.ends_with(|c: char| c.is_ascii_alphabetic()) { " " } else { "" };
    call.made(match style.currency_first {
        true => format!("{minus}{sign}{gap}{figure}"),
        false => format!("{minus}{figure} {sign}"),
    })
}

fn number<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    let style = wanted_style(call)?;
    let decimals = match call.arg(0) {
        Value::Nil => 0,
        wanted => match u32::try_from(call.whole(wanted)?) {
            Ok(places) if places <= DECIMALS_MAX => places,
            _ => return bad(format!("wants 0 to {DECIMALS_MAX} decimals")),
        },
    };
    let Some(decimal) = amount(input)? else { return Ok(Value::Nil) };
    call.made(format!("{}{}", minus(decimal, decimals), figure(decimal, decimals, style)))
}

/// Groups the whole part and leaves the rest as it is written.
fn number_with_delimiter<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    if amount(input)?.is_none() {
        return Ok(Value::Nil);
    }
    let group = match call.args.first() {
        Some(group) => call.text(group)?,
        None => ",".into(),
    };
    let shown = call.text(input)?;
    let shown = shown.trim();
    let (minus, figure) = match shown.strip_prefix('-') {
        Some(figure) => ("-", figure),
        None => ("", shown),
    };
    let whole = figure.find('.').map_or(figure, |at| &figure[..at]);
    call.room_for(group.len().saturating_mul(whole.len()))?;
    let rest = &figure[whole.len()..];
    call.made(format!("{minus}{}{rest}", grouped(whole, &group, false)))
}
