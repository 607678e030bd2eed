//! Arithmetic. Whole numbers stay whole; decimals are added as decimals, not as binary fractions.
//!
//! Must never give infinity or "not a number": dividing by zero is an error.

use super::{Call, Fault, Filter, bad};
use crate::template::number::{Number, Sum};
use crate::template::value::Value;
use std::cmp::Ordering;

pub(super) static FILTERS: &[Filter] = &[
    Filter::new("abs", 0, 0, |_, v| {
        Ok(match v.to_number() {
            Number::Int(n) => Value::Int(n.saturating_abs()),
            Number::Float(x) => Value::Float(x.abs()),
        })
    }),
    Filter::new("at_least", 1, 1, |c, v| Ok(chosen(c, v, Ordering::Less))),
    Filter::new("at_most", 1, 1, |c, v| Ok(chosen(c, v, Ordering::Greater))),
    Filter::new("ceil", 0, 0, |_, v| Ok(whole(v, f64::ceil))),
    Filter::new("divided_by", 1, 1, |c, v| sum(c, v, Sum::DividedBy)),
    Filter::new("floor", 0, 0, |_, v| Ok(whole(v, f64::floor))),
    Filter::new("minus", 1, 1, |c, v| sum(c, v, Sum::Minus)),
    Filter::new("modulo", 1, 1, |c, v| sum(c, v, Sum::Modulo)),
    Filter::new("plus", 1, 1, |c, v| sum(c, v, Sum::Plus)),
    Filter::new("round", 0, 1, |c, v| {
        Ok(v.to_number().rounded(c.arg(0).to_number().truncated()).into())
    }),
    Filter::new("times", 1, 1, |c, v| sum(c, v, Sum::Times)),
];

fn sum<'a>(call: &Call<'_, 'a>, input: &Value<'a>, sum: Sum) -> Result<Value<'a>, Fault> {
    let (a, b) = (input.to_number(), call.arg(0).to_number());
    match a.sum(sum, b) {
        Some(result) => Ok(result.into()),
        None if b.is_zero() => bad("cannot divide by zero"),
        None => bad("the result is too large"),
    }
}

/// The argument when the input compares to it like `replaced`, else the input.
fn chosen<'a>(call: &Call<'_, 'a>, input: &Value<'a>, replaced: Ordering) -> Value<'a> {
    let (a, b) = (input.to_number(), call.arg(0).to_number());
    if a.compare(b) == replaced { b.into() } else { a.into() }
}

fn whole<'a>(input: &Value<'a>, to: fn(f64) -> f64) -> Value<'a> {
    match input.to_number() {
        Number::Int(n) => Value::Int(n),
        Number::Float(x) => Value::Int(to(x) as i128),
    }
}
