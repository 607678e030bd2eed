//! Filters that write a text for another system: URLs, base64, JSON.
//!
//! Must never guess: what cannot be decoded is an error.

use super::{Call, Fault, Filter, bad};
use crate::template::value::Value;
use serde_json::Value as Json;
use std::fmt::Write as _;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(super) static FILTERS: &[Filter] = &[
    Filter::new("base64_decode", 0, 0, |c, v| decode(c, v, STANDARD)),
    Filter::new("base64_encode", 0, 0, |c, v| encode(c, v, STANDARD)),
    Filter::new("base64_url_safe_decode", 0, 0, |c, v| decode(c, v, URL_SAFE)),
    Filter::new("base64_url_safe_encode", 0, 0, |c, v| encode(c, v, URL_SAFE)),
    Filter::new("json", 0, 0, json),
    Filter::new("url_decode", 0, 0, url_decode),
    Filter::new("url_encode", 0, 0, url_encode),
];

fn encode<'a>(
    call: &Call<'_, 'a>,
    input: &Value<'a>,
    alphabet: &[u8; 64],
) -> Result<Value<'a>, Fault> {
    let text = call.text(input)?;
    call.room_for(text.len())?;
    let mut out = String::with_capacity(text.len().div_ceil(3) * 4);
    for group in text.as_bytes().chunks(3) {
        let byte = |i: usize| u32::from(group.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let sixth = bits >> (18 - 6 * place) & 63;
            let filled = place <= group.len();
            out.push(if filled { alphabet[sixth as usize] as char } else { '=' });
        }
    }
    call.made(out)
}

fn decode<'a>(
    call: &Call<'_, 'a>,
    input: &Value<'a>,
    alphabet: &[u8; 64],
) -> Result<Value<'a>, Fault> {
    let (text, is_text) = (call.text(input)?, input.as_text().is_some());
    if !is_text && !input.is_nil() {
        return bad(format!("wants a text, got {}", input.kind()));
    }
    let mut out = Vec::new();
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in text.trim_end_matches('=').bytes().filter(|b| !b.is_ascii_whitespace()) {
        let Some(sixth) = alphabet.iter().position(|a| *a == byte) else {
            return bad("wants base64; the text has other characters in it");
        };
        bits = (bits << 6 | sixth as u32) & 0xfff;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xff) as u8);
        }
    }
    match String::from_utf8(out) {
        Ok(text) if held < 6 => call.made(text),
        _ => bad("wants base64 of a text; this holds something else"),
    }
}

fn url_encode<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    let text = call.text(input)?;
    call.room_for(text.len())?;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'-' | b'_' | b'.' | b'~' => out.push(byte.into()),
            b if b.is_ascii_alphanumeric() => out.push(b.into()),
            b => drop(write!(out, "%{b:02X}")),
        }
    }
    call.made(out)
}

fn url_decode<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    let text = call.text(input)?;
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = bytes.get(at + 1..at + 3).filter(|_| *byte == b'%');
        let decoded = code
            .filter(|c| c.iter().all(u8::is_ascii_hexdigit))
            .and_then(|c| std::str::from_utf8(c).ok())
            .and_then(|c| u8::from_str_radix(c, 16).ok());
        match (decoded, byte) {
            (Some(decoded), _) => out.push(decoded),
            (None, b'+') => out.push(b' '),
            (None, byte) => out.push(*byte),
        }
        at += if decoded.is_some() { 3 } else { 1 };
    }
    match String::from_utf8(out) {
        Ok(text) => call.made(text),
        Err(_) => bad("the decoded bytes are no text"),
    }
}

/// The value as JSON, for the body of a webhook.
fn json<'a>(call: &Call<'_, 'a>, input: &Value<'a>) -> Result<Value<'a>, Fault> {
    // Shown first, which refuses what is too large to copy.
    call.text(input)?;
    call.made(to_json(call, input)?.to_string())
}

fn to_json<'a>(call: &Call<'_, 'a>, value: &Value<'a>) -> Result<Json, Fault> {
    call.meter.charge_value(value)?;
    Ok(match (value, value.as_text()) {
        (_, Some(text)) => Json::String(text.to_owned()),
        (Value::Bool(b), _) => Json::Bool(*b),
        (Value::Int(n), _) => i64::try_from(*n).map_or_else(|_| (*n as f64).into(), Json::from),
        (Value::Float(x), _) => (*x).into(),
        (Value::Array(items), _) => Json::Array(items.to_vec()),
        (Value::Object(map), _) => Json::Object((*map).clone()),
        (Value::List(items), _) => {
            Json::Array(items.iter().map(|i| to_json(call, i)).collect::<Result<_, _>>()?)
        }
        (Value::Range(a, b), _) => Json::Array((*a..=*b).map(Json::from).collect()),
        _ => Json::Null,
    })
}
