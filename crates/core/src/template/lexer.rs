//! Cuts a source into text, outputs and tags, and applies whitespace control.
//!
//! What is inside `raw`, `comment` and `doc` is settled here, because it must never be read as
//! tags. This module never looks inside an output or a tag beyond the tag's name.

use super::error::Spot;

/// A stretch of the source. Offsets are bytes from the start of the whole source.
#[derive(Debug, Clone, Copy)]
pub(super) enum Piece<'s> {
    Text(&'s str),
    /// The inside of a `raw` block.
    Raw(&'s str),
    Output {
        inside: &'s str,
        at: usize,
    },
    Tag(Tag<'s>),
}

/// A tag: its name, what follows the name, and where each starts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag<'s> {
    pub(super) name: &'s str,
    pub(super) rest: &'s str,
    pub(super) at: usize,
    pub(super) rest_at: usize,
}

/// What whitespace control removes. No-break spaces stay: somebody put them there on purpose.
fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\u{b}' || c == '\0'
}

struct Cutter<'s> {
    source: &'s str,
    pos: usize,
    pieces: Vec<Piece<'s>>,
    /// The last tag or output ended with `-`, so the coming text loses its leading space.
    trim: bool,
}

/// Cuts a whole source.
pub(super) fn cut(source: &str) -> Result<Vec<Piece<'_>>, Spot> {
    let mut cutter = Cutter { source, pos: 0, pieces: Vec::new(), trim: false };
    while let Some(open) = find_open(source, cutter.pos) {
        cutter.delimited(open)?;
    }
    cutter.text(source.len(), false);
    Ok(cutter.pieces)
}

/// The next `{{` or `{%`.
fn find_open(source: &str, from: usize) -> Option<usize> {
    let bytes = source.as_bytes();
    let mut at = from;
    while let Some(i) = bytes.get(at..)?.iter().position(|b| *b == b'{') {
        at += i;
        if matches!(bytes.get(at + 1), Some(b'{' | b'%')) {
            return Some(at);
        }
        at += 1;
    }
    None
}

impl<'s> Cutter<'s> {
    /// Takes the text up to `end`, without the space that dashes on either side remove.
    fn text(&mut self, end: usize, trim_end: bool) {
        let mut text = &self.source[self.pos..end];
        if self.trim {
            text = text.trim_start_matches(is_space);
        }
        if trim_end {
            text = text.trim_end_matches(is_space);
        }
        if !text.is_empty() {
            self.pieces.push(Piece::Text(text));
        }
        self.pos = end;
    }

    /// One `{{ }}` or `{% %}` that opens at `open`.
    fn delimited(&mut self, open: usize) -> Result<(), Spot> {
        let is_tag = self.source.as_bytes().get(open + 1) == Some(&b'%');
        let close = if is_tag { "%}" } else { "}}" };
        let mut start = open + 2;
        let Some(found) = self.source[start..].find(close) else {
            let what = if is_tag { "{%" } else { "{{" };
            return Err(Spot::new(open, format!("{what} is never closed; add {close}")));
        };
        let mut end = start + found;
        let next = end + 2;
        let dash_left = self.source[start..end].starts_with('-');
        if dash_left {
            start += 1;
        }
        let dash_right = self.source[start..end].ends_with('-');
        if dash_right {
            end -= 1;
        }
        self.text(open, dash_left);
        self.pos = next;
        self.trim = dash_right;
        if is_tag {
            self.tag(open, start, end)
        } else {
            self.pieces.push(Piece::Output { inside: &self.source[start..end], at: start });
            Ok(())
        }
    }

    fn tag(&mut self, open: usize, start: usize, end: usize) -> Result<(), Spot> {
        let Some(tag) = read_tag(&self.source[start..end], start, open)? else {
            return Ok(());
        };
        match tag.name {
            "raw" | "doc" if !tag.rest.trim().is_empty() => {
                Err(Spot::new(tag.rest_at, format!("{} takes nothing after its name", tag.name)))
            }
            "raw" => self.verbatim(&tag, "endraw", true),
            "doc" => self.verbatim(&tag, "enddoc", false),
            "comment" => self.comment(&tag),
            _ => {
                self.pieces.push(Piece::Tag(tag));
                Ok(())
            }
        }
    }

    /// Everything up to `{% endraw %}` or `{% enddoc %}`, whatever it looks like.
    fn verbatim(&mut self, tag: &Tag<'s>, end_name: &str, keep: bool) -> Result<(), Spot> {
        let body = self.pos;
        let mut from = body;
        while let Some(i) = self.source[from..].find("{%") {
            let open = from + i;
            let inside = &self.source[open + 2..];
            let dash_left = inside.starts_with('-');
            let word = inside.strip_prefix('-').unwrap_or(inside).trim_start_matches(is_space);
            if let Some(after) = word.strip_prefix(end_name) {
                let after = after.trim_start_matches(is_space);
                let dash_right = after.starts_with('-');
                let after = after.strip_prefix('-').unwrap_or(after);
                if let Some(remaining) = after.strip_prefix("%}") {
                    if keep {
                        let mark = self.pieces.len();
                        self.text(open, dash_left);
                        if let Some(Piece::Text(text)) = self.pieces.get(mark).copied() {
                            self.pieces[mark] = Piece::Raw(text);
                        }
                    }
                    self.pos = self.source.len() - remaining.len();
                    self.trim = dash_right;
                    return Ok(());
                }
            }
            from = open + 2;
        }
        Err(Spot::new(tag.at, format!("{} is never closed; add {{% {end_name} %}}", tag.name)))
    }

    /// Everything up to the matching `{% endcomment %}`; comments nest, and `raw` inside hides tags.
    fn comment(&mut self, tag: &Tag<'s>) -> Result<(), Spot> {
        let mut depth = 1usize;
        let mut in_raw = false;
        while let Some(i) = self.source[self.pos..].find("{%") {
            let start = self.pos + i + 2;
            let Some(len) = self.source[start..].find("%}") else { break };
            let inside = &self.source[start..start + len];
            self.pos = start + len + 2;
            let name = inside.strip_prefix('-').unwrap_or(inside).trim_start_matches(is_space);
            match name.split(|c: char| !c.is_ascii_alphanumeric()).next() {
                Some("endraw") => in_raw = false,
                _ if in_raw => {}
                Some("raw") => in_raw = true,
                Some("comment") => depth += 1,
                Some("endcomment") => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.trim = inside.ends_with('-');
                return Ok(());
            }
        }
        Err(Spot::new(tag.at, "comment is never closed; add {% endcomment %}"))
    }
}

/// Reads the inside of a tag. `None` when it is an inline comment (`{% # ... %}`).
fn read_tag(inside: &str, inside_at: usize, at: usize) -> Result<Option<Tag<'_>>, Spot> {
    let trimmed = inside.trim_start_matches(is_space);
    let name_at = inside_at + (inside.len() - trimmed.len());
    if trimmed.starts_with('#') {
        let bare = trimmed.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with('#'));
        return match bare {
            None => Ok(None),
            Some(_) => Err(Spot::new(name_at, "each line of an inline comment starts with #")),
        };
    }
    let length = trimmed.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let (name, rest) = trimmed.split_at(length.unwrap_or(trimmed.len()));
    if name.is_empty() {
        return Err(Spot::new(at, "a tag starts with its name, as in {% if contact.vip %}"));
    }
    Ok(Some(Tag { name, rest, at, rest_at: name_at + name.len() }))
}

/// The tags of a `liquid` tag, one a line. Comments are left out.
pub(super) fn cut_lines(rest: &str, rest_at: usize) -> Result<Vec<Piece<'_>>, Spot> {
    let mut pieces = Vec::new();
    let mut comment: Option<(usize, usize)> = None;
    let mut at = rest_at;
    for line in rest.split('\n') {
        let line_at = at;
        at += line.len() + 1;
        let body = line.trim_start_matches(is_space);
        if body.trim_end_matches(is_space).is_empty() {
            continue;
        }
        let body_at = line_at + (line.len() - body.len());
        let word = body.split(is_space).next().unwrap_or(body);
        comment = match (word, comment) {
            ("comment", open) => Some(open.map_or((1, body_at), |(depth, at)| (depth + 1, at))),
            ("endcomment", Some((1, _))) => None,
            ("endcomment", Some((depth, at))) => Some((depth - 1, at)),
            (_, Some(open)) => Some(open),
            ("raw" | "doc", None) => {
                let message = format!("{word} does not work inside a liquid tag; end it first");
                return Err(Spot::new(body_at, message));
            }
            (_, None) => {
                pieces.extend(read_tag(body, body_at, body_at)?.map(Piece::Tag));
                None
            }
        };
    }
    match comment {
        Some((_, at)) => Err(Spot::new(at, "comment is never closed; add a line endcomment")),
        None => Ok(pieces),
    }
}
