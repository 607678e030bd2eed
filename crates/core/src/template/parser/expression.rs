//! Reads values, filters and conditions.
//!
//! Must never call itself without counting depth: brackets come from strangers.

use crate::template::ast::{
    Comparison, Condition, Expr, FilterCall, Filtered, Join, Operator, Path, Root, Step,
};
use crate::template::error::Spot;
use crate::template::filters;
use crate::template::limits::NESTING_MAX;
use crate::template::token::{Token, Words};

/// A value with its filters, up to the end of the words. Nothing at all is a value that shows nothing.
pub(super) fn filtered(words: &mut Words<'_>) -> Result<Filtered, Spot> {
    let at = words.at() as u32;
    if words.peek() == Token::End {
        return Ok(Filtered { base: None, filters: Vec::new(), at });
    }
    let base = Some(value(words, 0)?);
    let mut filters = Vec::new();
    while words.take_if(Token::Pipe)? {
        filters.push(filter_call(words)?);
    }
    match words.peek() {
        Token::End => Ok(Filtered { base, filters, at }),
        _ => Err(words.unexpected("| and a filter, or the end")),
    }
}

fn filter_call(words: &mut Words<'_>) -> Result<FilterCall, Spot> {
    let at = words.at();
    let Token::Name(name) = words.peek() else {
        return Err(words.unexpected("the name of a filter"));
    };
    let filter = filters::find(name).map_err(|message| Spot::new(at, message))?;
    words.take()?;
    let mut call = FilterCall { filter, args: Vec::new(), named: Vec::new(), at: at as u32 };
    if words.take_if(Token::Colon)? {
        loop {
            argument(words, &mut call)?;
            if !words.take_if(Token::Comma)? {
                break;
            }
        }
    }
    if let Some(problem) = filter.arity_problem(call.args.len()) {
        return Err(Spot::new(at, problem));
    }
    Ok(call)
}

/// One argument, by place or by name.
fn argument(words: &mut Words<'_>, call: &mut FilterCall) -> Result<(), Spot> {
    let at = words.at();
    let name = words.written();
    let expr = value(words, 0)?;
    if words.peek() != Token::Colon {
        call.args.push(expr);
        return Ok(());
    }
    let Some(known) = call.filter.named.iter().find(|known| **known == name) else {
        let message = format!("{} has no option {name:?}", call.filter.name);
        return Err(Spot::new(at, message));
    };
    words.take()?;
    call.named.push((known, value(words, 0)?));
    Ok(())
}

/// One value: a literal, a range or a path. `depth` counts the brackets around it.
pub(super) fn value(words: &mut Words<'_>, depth: usize) -> Result<Expr, Spot> {
    if depth > NESTING_MAX {
        let message = format!("brackets nest deeper than {NESTING_MAX}; assign parts to names");
        return Err(Spot::new(words.at(), message));
    }
    let literal = match words.peek() {
        Token::Int(n) => Expr::Int(n),
        Token::Float(n) => Expr::Float(n),
        Token::Text(t) => Expr::Text(t.into()),
        Token::ParenOpen => return range(words, depth),
        Token::BracketOpen => return path(words, depth),
        Token::Name(word) => match word {
            "nil" | "null" => Expr::Nil,
            "true" => Expr::Bool(true),
            "false" => Expr::Bool(false),
            "blank" => Expr::Blank,
            "empty" => Expr::Empty,
            _ => return path(words, depth),
        },
        _ => return Err(words.unexpected("a value")),
    };
    words.take()?;
    Ok(literal)
}

fn range(words: &mut Words<'_>, depth: usize) -> Result<Expr, Spot> {
    words.take()?;
    let start = value(words, depth + 1)?;
    words.expect(Token::DotDot, "..")?;
    let end = value(words, depth + 1)?;
    words.expect(Token::ParenClose, ")")?;
    Ok(Expr::Range(Box::new((start, end))))
}

fn path(words: &mut Words<'_>, depth: usize) -> Result<Expr, Spot> {
    let root = match words.take()? {
        Token::Name(name) => Root::Name(name.into()),
        _ => Root::Computed(bracketed(words, depth)?),
    };
    let mut steps = Vec::new();
    loop {
        match words.peek() {
            Token::Dot => {
                words.take()?;
                // `contains` is an ordinary name after a dot.
                let (Token::Name(_) | Token::Operator(Operator::Contains)) = words.peek() else {
                    return Err(words.unexpected("a name after the dot; write items as list[0]"));
                };
                steps.push(Step::Name(words.written().into()));
                words.take()?;
            }
            Token::BracketOpen => {
                words.take()?;
                steps.push(Step::Index(bracketed(words, depth)?));
            }
            _ => return Ok(Expr::Path(Box::new(Path { root, steps }))),
        }
    }
}

/// The inside of brackets and the closing one; the opening one is already taken.
fn bracketed(words: &mut Words<'_>, depth: usize) -> Result<Expr, Spot> {
    let index = value(words, depth + 1)?;
    words.expect(Token::BracketClose, "]")?;
    Ok(index)
}

/// Comparisons joined by `and` and `or`, up to the end of the words.
pub(super) fn condition(words: &mut Words<'_>) -> Result<Condition, Spot> {
    let mut tests = Vec::new();
    loop {
        let test = comparison(words)?;
        match words.peek() {
            Token::Name("and") => tests.push((test, Join::And)),
            Token::Name("or") => tests.push((test, Join::Or)),
            Token::End => {
                tests.push((test, Join::And));
                return Ok(Condition { tests });
            }
            _ => return Err(words.unexpected("and, or, a comparison such as ==, or the end")),
        }
        words.take()?;
    }
}

fn comparison(words: &mut Words<'_>) -> Result<Comparison, Spot> {
    let at = words.at() as u32;
    let left = value(words, 0)?;
    let Token::Operator(operator) = words.peek() else {
        return Ok(Comparison { left, right: None, at });
    };
    words.take()?;
    Ok(Comparison { left, right: Some((operator, value(words, 0)?)), at })
}
