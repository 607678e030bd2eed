//! The filter `date`. See [`crate::template::date`] for what it reads and writes.
//!
//! Must never read a clock: `'now'` is the instant the rendering was given.

use super::{Call, Fault, Filter};
use crate::template::date;
use crate::template::value::Value;

pub(super) static FILTERS: &[Filter] = &[Filter::new("date", 1, 1, run)];

/// What is no date, and a date without a format, is shown as it is.
fn run<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    let format = call.text(call.arg(0))?;
    if format.is_empty() {
        return Ok(input.clone());
    }
    // Each letter of a format may ask for work.
    call.meter.charge(format.len())?;
    let found = match (input, input.as_text()) {
        (Value::Int(seconds), _) => date::from_unix(*seconds, call.zone),
        (Value::Float(seconds), _) => date::from_unix(*seconds as i128, call.zone),
        (_, Some(text)) => date::read(text, call.now, call.zone),
        _ => None,
    };
    match found {
        Some(at) => call.made(date::write(&at, &format)),
        None => Ok(input.clone()),
    }
}
