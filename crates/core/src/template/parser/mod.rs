//! Turns the pieces of a source into the compiled form.
//!
//! Must never recurse without counting depth, and never accept a tag or filter it does not know: a
//! slip in a text has to show when it is written, not when it is sent.

mod expression;
mod loops;

use super::ast::{Arm, Block, Branch, Expr, Node};
use super::error::Spot;
use super::filters;
use super::lexer::{self, Piece, Tag};
use super::limits::{NESTING_MAX, SOURCE_BYTES_MAX};
use super::token::{Token, Words};
use expression::{condition, filtered, value};

/// Every tag an author may open, for "did you mean".
const TAGS: &[&str] = &[
    "assign",
    "break",
    "capture",
    "case",
    "comment",
    "continue",
    "cycle",
    "decrement",
    "doc",
    "echo",
    "for",
    "if",
    "ifchanged",
    "increment",
    "liquid",
    "raw",
    "tablerow",
    "unless",
];

/// Compiles a source.
pub(super) fn parse(source: &str) -> Result<Block, Spot> {
    if source.len() > SOURCE_BYTES_MAX {
        let message = format!(
            "the template has {} bytes, more than {SOURCE_BYTES_MAX}; split it",
            source.len()
        );
        return Err(Spot::new(0, message));
    }
    Parser { pieces: lexer::cut(source)?, next: 0, depth: 0 }.whole()
}

struct Parser<'s> {
    pieces: Vec<Piece<'s>>,
    next: usize,
    depth: usize,
}

impl<'s> Parser<'s> {
    /// All the pieces; no block may end that did not begin.
    fn whole(mut self) -> Result<Block, Spot> {
        let mut nodes = Block::new();
        while let Some(piece) = self.take() {
            self.piece(piece, &mut nodes)?;
        }
        Ok(nodes)
    }

    fn take(&mut self) -> Option<Piece<'s>> {
        let piece = self.pieces.get(self.next).copied();
        self.next += 1;
        piece
    }

    /// The body of a block, up to one of the tags in `ends`, which is taken and handed back.
    fn body(&mut self, open: &Tag<'s>, ends: &[&str]) -> Result<(Block, Tag<'s>), Spot> {
        if self.depth >= NESTING_MAX {
            let message = format!("blocks nest deeper than {NESTING_MAX}; simplify the template");
            return Err(Spot::new(open.at, message));
        }
        self.depth += 1;
        let mut nodes = Block::new();
        while let Some(piece) = self.take() {
            match piece {
                Piece::Tag(tag) if ends.contains(&tag.name) => {
                    self.depth -= 1;
                    return Ok((nodes, tag));
                }
                Piece::Tag(tag) if tag.name.starts_with("end") => {
                    let message = format!(
                        "{} found where {} is still open; close it with end{}",
                        tag.name, open.name, open.name
                    );
                    return Err(Spot::new(tag.at, message));
                }
                piece => self.piece(piece, &mut nodes)?,
            }
        }
        let message = format!("{} is never closed; add {{% end{} %}}", open.name, open.name);
        Err(Spot::new(open.at, message))
    }

    fn piece(&mut self, piece: Piece<'s>, nodes: &mut Block) -> Result<(), Spot> {
        match piece {
            Piece::Text(text) => nodes.push(Node::Text(text.into())),
            Piece::Raw(text) => nodes.push(Node::Raw(text.into())),
            Piece::Output { inside, at } => {
                nodes.push(Node::Output(filtered(&mut Words::new(inside, at)?)?));
            }
            Piece::Tag(tag) if tag.name == "liquid" => nodes.extend(self.lines(&tag)?),
            Piece::Tag(tag) => nodes.push(self.tag(&tag)?),
        }
        Ok(())
    }

    /// The tags of a `liquid` tag. Blocks that open inside must close inside.
    fn lines(&mut self, tag: &Tag<'s>) -> Result<Block, Spot> {
        if self.depth >= NESTING_MAX {
            return Err(Spot::new(tag.at, format!("liquid tags nest deeper than {NESTING_MAX}")));
        }
        let pieces = lexer::cut_lines(tag.rest, tag.rest_at)?;
        Parser { pieces, next: 0, depth: self.depth + 1 }.whole()
    }

    fn tag(&mut self, tag: &Tag<'s>) -> Result<Node, Spot> {
        let at = tag.at as u32;
        let words = || Words::new(tag.rest, tag.rest_at);
        match tag.name {
            "echo" => Ok(Node::Output(filtered(&mut words()?)?)),
            "assign" => {
                let mut words = words()?;
                let name = variable_name(&mut words)?;
                words.expect(Token::Assign, "=, as in `assign name = value`")?;
                if words.peek() == Token::End {
                    return Err(words.unexpected("a value"));
                }
                Ok(Node::Assign { name, value: filtered(&mut words)? })
            }
            "capture" => {
                let name = only_name(words()?)?;
                let (body, _) = self.body(tag, &["endcapture"])?;
                Ok(Node::Capture { name, body, at })
            }
            "if" => self.branches(tag, "endif"),
            "unless" => self.branches(tag, "endunless"),
            "case" => self.case(tag),
            "for" => self.repeat(tag),
            "tablerow" => {
                let mut head = loops::head(tag)?;
                (head.body, _) = self.body(tag, &["endtablerow"])?;
                Ok(Node::TableRow(Box::new(head)))
            }
            "cycle" => Ok(Node::Cycle(Box::new(loops::cycle(tag)?))),
            "increment" => Ok(Node::Count { name: only_name(words()?)?, up: true, at }),
            "decrement" => Ok(Node::Count { name: only_name(words()?)?, up: false, at }),
            "break" => words()?.finish().map(|()| Node::Break),
            "continue" => words()?.finish().map(|()| Node::Continue),
            "ifchanged" => {
                let (body, _) = self.body(tag, &["endifchanged"])?;
                Ok(Node::IfChanged { body, at })
            }
            name => Err(Spot::new(tag.at, unknown(name))),
        }
    }

    fn branches(&mut self, open: &Tag<'s>, end: &'static str) -> Result<Node, Spot> {
        let mut branches: Vec<Branch> = Vec::new();
        let mut tag = *open;
        let mut after_else = false;
        loop {
            let is_else = tag.name == "else";
            // What follows the word else is ignored, as everywhere in Liquid.
            let test = match is_else {
                true => None,
                false => Some(condition(&mut Words::new(tag.rest, tag.rest_at)?)?),
            };
            let (body, next) = self.body(open, &["elsif", "else", end])?;
            if !after_else {
                let wanted = tag.name != "unless";
                branches.push(Branch { test, wanted, body, at: tag.at as u32 });
            }
            after_else |= is_else;
            tag = next;
            if tag.name == end {
                break;
            }
        }
        if branches.iter().all(|b| b.body.iter().all(shows_nothing)) {
            branches.iter_mut().for_each(|b| drop_text(&mut b.body));
        }
        Ok(Node::If(branches))
    }

    fn case(&mut self, open: &Tag<'s>) -> Result<Node, Spot> {
        let mut words = Words::new(open.rest, open.rest_at)?;
        let subject = value(&mut words, 0)?;
        words.finish()?;
        // What stands before the first `when` is never shown.
        let (_, mut tag) = self.body(open, &["when", "else", "endcase"])?;
        let mut arms = Vec::new();
        while tag.name != "endcase" {
            let values = match tag.name {
                "when" => Some(when_values(&tag)?),
                _ => None,
            };
            let (body, next) = self.body(open, &["when", "else", "endcase"])?;
            arms.push(Arm { values, body });
            tag = next;
        }
        if arms.iter().all(|a| a.body.iter().all(shows_nothing)) {
            arms.iter_mut().for_each(|a| drop_text(&mut a.body));
        }
        Ok(Node::Case { subject, arms, at: open.at as u32 })
    }

    fn repeat(&mut self, tag: &Tag<'s>) -> Result<Node, Spot> {
        let mut head = loops::head(tag)?;
        let (body, mut end) = self.body(tag, &["else", "endfor"])?;
        head.body = body;
        while end.name == "else" {
            let (body, next) = self.body(tag, &["else", "endfor"])?;
            head.otherwise.extend(body);
            end = next;
        }
        if head.body.iter().chain(&head.otherwise).all(shows_nothing) {
            drop_text(&mut head.body);
            drop_text(&mut head.otherwise);
        }
        Ok(Node::For(Box::new(head)))
    }
}

/// `a, b or c` after `when`.
fn when_values(tag: &Tag<'_>) -> Result<Vec<Expr>, Spot> {
    let mut words = Words::new(tag.rest, tag.rest_at)?;
    let mut values = vec![value(&mut words, 0)?];
    while words.take_if(Token::Comma)? || words.take_if(Token::Name("or"))? {
        values.push(value(&mut words, 0)?);
    }
    match words.peek() {
        Token::End => Ok(values),
        _ => Err(words.unexpected("a comma, or, or the end")),
    }
}

/// The name a tag gives a value.
fn variable_name(words: &mut Words<'_>) -> Result<Box<str>, Spot> {
    let name = match words.peek() {
        Token::Name(name) if !name.ends_with('?') => name,
        Token::Text(name) => name,
        // `assign 123 = 'x'` is allowed by Liquid, though `{{ 123 }}` is the number.
        Token::Int(n) if n >= 0 => words.written(),
        _ => return Err(words.unexpected("a name of letters, digits, _ and -")),
    };
    words.take()?;
    Ok(name.into())
}

fn only_name(mut words: Words<'_>) -> Result<Box<str>, Spot> {
    let name = variable_name(&mut words)?;
    words.finish()?;
    Ok(name)
}

/// Whether a node can only ever show white space. A block of such nodes shows nothing at all, so
/// that tags which only set values leave no holes in a text.
fn shows_nothing(node: &Node) -> bool {
    match node {
        Node::Text(text) => text.trim().is_empty(),
        Node::Assign { .. } | Node::Capture { .. } => true,
        Node::If(branches) => branches.iter().all(|b| b.body.iter().all(shows_nothing)),
        Node::Case { arms, .. } => arms.iter().all(|a| a.body.iter().all(shows_nothing)),
        Node::For(f) => f.body.iter().chain(&f.otherwise).all(shows_nothing),
        _ => false,
    }
}

fn drop_text(block: &mut Block) {
    block.retain(|node| !matches!(node, Node::Text(_)));
}

fn unknown(name: &str) -> String {
    match name {
        "include" | "render" | "layout" | "block" => {
            format!("{name} does not work here: a template is one text; put the part into it")
        }
        "elsif" | "else" | "when" => format!("{name} stands outside its block; open it first"),
        _ if name.starts_with("end") => format!("{name} closes a block that was never opened"),
        _ => match filters::nearest(name, TAGS.iter().copied()) {
            Some(near) => format!("there is no tag {name:?}; did you mean {near:?}?"),
            None => format!("there is no tag {name:?}"),
        },
    }
}
