//! Reads the heads of `for`, `tablerow` and `cycle`.
//!
//! Must never evaluate anything.

use super::expression::value;
use crate::template::ast::{Cycle, Expr, For, Offset};
use crate::template::error::Spot;
use crate::template::lexer::Tag;
use crate::template::token::{Token, Words};
use std::fmt::Write as _;

/// `item in list limit: 3, offset: continue, reversed`; the bodies are still empty.
pub(super) fn head(tag: &Tag<'_>) -> Result<For, Spot> {
    let mut words = Words::new(tag.rest, tag.rest_at)?;
    let Token::Name(variable) = words.peek() else {
        return Err(words.unexpected("a name, as in `for item in event.items`"));
    };
    words.take()?;
    words.expect(Token::Name("in"), "in")?;
    let source = value(&mut words, 0)?;
    let mut head = For {
        variable: variable.into(),
        name: format!("{variable}-{source}").into(),
        source,
        limit: None,
        offset: None,
        columns: None,
        reversed: false,
        body: Vec::new(),
        otherwise: Vec::new(),
        at: tag.at as u32,
    };
    while words.peek() != Token::End {
        option(&mut words, tag.name == "tablerow", &mut head)?;
        while words.take_if(Token::Comma)? {}
    }
    Ok(head)
}

fn option(words: &mut Words<'_>, is_table: bool, head: &mut For) -> Result<(), Spot> {
    const WANTED: &str = "limit:, offset:, reversed or (in tablerow) cols:";
    if words.take_if(Token::Comma)? {
        return Ok(());
    }
    let Token::Name(name) = words.peek() else { return Err(words.unexpected(WANTED)) };
    match name {
        "reversed" => {
            words.take()?;
            head.reversed = true;
        }
        "limit" => head.limit = Some(setting(words)?),
        "offset" => {
            words.take()?;
            words.expect(Token::Colon, ":")?;
            head.offset = Some(if words.take_if(Token::Name("continue"))? {
                Offset::Continue
            } else {
                Offset::At(value(words, 0)?)
            });
        }
        "cols" if is_table => head.columns = Some(setting(words)?),
        _ => return Err(words.unexpected(WANTED)),
    }
    Ok(())
}

fn setting(words: &mut Words<'_>) -> Result<Expr, Spot> {
    words.take()?;
    words.expect(Token::Colon, ":")?;
    value(words, 0)
}

/// `'group': a, b, c` or `a, b, c`.
pub(super) fn cycle(tag: &Tag<'_>) -> Result<Cycle, Spot> {
    let mut words = Words::new(tag.rest, tag.rest_at)?;
    let first = value(&mut words, 0)?;
    let (group, mut items) = if words.take_if(Token::Colon)? {
        (Some(first), vec![value(&mut words, 0)?])
    } else {
        (None, vec![first])
    };
    while words.take_if(Token::Comma)? {
        items.push(value(&mut words, 0)?);
    }
    words.finish()?;
    // The first byte keeps named and unnamed groups apart.
    let mut key = String::from("items ");
    for item in &items {
        let _ = write!(key, "{item},");
    }
    Ok(Cycle { group, items, key: key.into(), at: tag.at as u32 })
}
