//! The words inside an output or a tag.
//!
//! Must never skip a character it does not know: strict reading is what lets an author see a slip
//! before a thousand people do.

use super::ast::Operator;
use super::error::Spot;

/// One word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token<'s> {
    Name(&'s str),
    Int(i128),
    Float(f64),
    Text(&'s str),
    Operator(Operator),
    Dot,
    DotDot,
    BracketOpen,
    BracketClose,
    ParenOpen,
    ParenClose,
    Pipe,
    Colon,
    Comma,
    Assign,
    End,
}

/// Walks over the words, one ahead.
#[derive(Debug)]
pub(super) struct Words<'s> {
    text: &'s str,
    /// Offset of `text` in the whole source.
    base: usize,
    pos: usize,
    next: Token<'s>,
    next_at: usize,
}

impl<'s> Words<'s> {
    pub(super) fn new(text: &'s str, base: usize) -> Result<Self, Spot> {
        let mut words = Words { text, base, pos: 0, next: Token::End, next_at: 0 };
        words.advance()?;
        Ok(words)
    }

    /// The coming word.
    pub(super) fn peek(&self) -> Token<'s> {
        self.next
    }

    /// Where the coming word starts in the whole source.
    pub(super) fn at(&self) -> usize {
        self.base + self.next_at
    }

    /// The coming word as written.
    pub(super) fn written(&self) -> &'s str {
        &self.text[self.next_at..self.pos]
    }

    /// Takes the coming word.
    pub(super) fn take(&mut self) -> Result<Token<'s>, Spot> {
        let token = self.next;
        self.advance()?;
        Ok(token)
    }

    /// Takes the coming word if it is this one.
    pub(super) fn take_if(&mut self, wanted: Token<'_>) -> Result<bool, Spot> {
        let same = self.next == wanted;
        if same {
            self.advance()?;
        }
        Ok(same)
    }

    /// Takes this word or says what was expected.
    pub(super) fn expect(&mut self, wanted: Token<'_>, shown: &str) -> Result<(), Spot> {
        if self.take_if(wanted)? { Ok(()) } else { Err(self.unexpected(shown)) }
    }

    /// There must be nothing left.
    pub(super) fn finish(&self) -> Result<(), Spot> {
        if self.next == Token::End { Ok(()) } else { Err(self.unexpected("nothing more")) }
    }

    /// The problem of a word that does not belong here.
    pub(super) fn unexpected(&self, wanted: &str) -> Spot {
        let message = match self.next {
            Token::End => format!("this ends too early; expected {wanted}"),
            _ => format!("unexpected {:?}; expected {wanted}", self.written()),
        };
        Spot::new(self.at(), message)
    }

    fn advance(&mut self) -> Result<(), Spot> {
        let rest = &self.text[self.pos..];
        let trimmed = rest.trim_start();
        self.next_at = self.pos + (rest.len() - trimmed.len());
        let (token, length) = self.read(trimmed)?;
        self.next = token;
        self.pos = self.next_at + length;
        Ok(())
    }

    fn read(&self, rest: &'s str) -> Result<(Token<'s>, usize), Spot> {
        let bytes = rest.as_bytes();
        let second = bytes.get(1).copied();
        let Some(first) = rest.chars().next() else { return Ok((Token::End, 0)) };
        Ok(match first {
            '.' if second == Some(b'.') => (Token::DotDot, 2),
            '.' => (Token::Dot, 1),
            '[' => (Token::BracketOpen, 1),
            ']' => (Token::BracketClose, 1),
            '(' => (Token::ParenOpen, 1),
            ')' => (Token::ParenClose, 1),
            '|' => (Token::Pipe, 1),
            ':' => (Token::Colon, 1),
            ',' => (Token::Comma, 1),
            '=' if second == Some(b'=') => (Token::Operator(Operator::Equal), 2),
            '=' => (Token::Assign, 1),
            '!' if second == Some(b'=') => (Token::Operator(Operator::NotEqual), 2),
            '<' if second == Some(b'>') => (Token::Operator(Operator::NotEqual), 2),
            '<' if second == Some(b'=') => (Token::Operator(Operator::LessOrEqual), 2),
            '<' => (Token::Operator(Operator::Less), 1),
            '>' if second == Some(b'=') => (Token::Operator(Operator::GreaterOrEqual), 2),
            '>' => (Token::Operator(Operator::Greater), 1),
            '\'' | '"' => self.quoted(rest, first)?,
            '-' if second.is_some_and(|b| b.is_ascii_digit()) => self.number(rest)?,
            c if c.is_ascii_digit() => self.number(rest)?,
            c if c.is_alphabetic() || c == '_' => name(rest),
            c => {
                let message =
                    format!("unexpected {c:?}; sums and the like are filters, as in `| plus: 1`");
                return Err(Spot::new(self.base + self.next_at, message));
            }
        })
    }

    fn quoted(&self, rest: &'s str, quote: char) -> Result<(Token<'s>, usize), Spot> {
        match rest[1..].find(quote) {
            Some(end) => Ok((Token::Text(&rest[1..=end]), end + 2)),
            None => {
                let message = format!("this text is never closed; add {quote}");
                Err(Spot::new(self.base + self.next_at, message))
            }
        }
    }

    fn number(&self, rest: &'s str) -> Result<(Token<'s>, usize), Spot> {
        let bytes = rest.as_bytes();
        let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let whole = 1 + digits(1);
        let too_large = |_| Spot::new(self.base + self.next_at, "this number is too large");
        let fraction = match bytes.get(whole) {
            Some(b'.') => digits(whole + 1),
            _ => 0,
        };
        if fraction == 0 {
            return rest[..whole]
                .parse()
                .map(|n| (Token::Int(n), whole))
                .map_err(|e: std::num::ParseIntError| too_large(e.to_string()));
        }
        let end = whole + 1 + fraction;
        rest[..end]
            .parse()
            .map(|n| (Token::Float(n), end))
            .map_err(|e: std::num::ParseFloatError| too_large(e.to_string()))
    }
}

/// Letters, digits, `_` and `-`, then perhaps one `?`.
fn name(rest: &str) -> (Token<'_>, usize) {
    let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut end = rest.find(|c| !inside(c)).unwrap_or(rest.len());
    if rest[end..].starts_with('?') {
        end += 1;
    }
    let token = match &rest[..end] {
        "contains" => Token::Operator(Operator::Contains),
        word => Token::Name(word),
    };
    (token, end)
}
