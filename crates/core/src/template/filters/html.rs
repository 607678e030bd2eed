//! Filters for mark-up, used by e-mail and web channels.
//!
//! Must never be taken for a sanitizer: `strip_html` cleans text for reading, not for safety.

use super::{Call, Fault, Filter};
use crate::template::value::Value;

pub(super) static FILTERS: &[Filter] = &[
    Filter::new("escape", 0, 0, |c, v| escape(c, v, false)),
    Filter::new("h", 0, 0, |c, v| escape(c, v, false)),
    Filter::new("escape_once", 0, 0, |c, v| escape(c, v, true)),
    Filter::new("newline_to_br", 0, 0, |c, v| {
        c.made(c.text(v)?.replace("\r\n", "\n").replace('\n', "<br />\n"))
    }),
    Filter::new("strip_html", 0, 0, |c, v| c.made(strip(&c.text(v)?))),
];

fn escape<'a>(call: &Call<'_, 'a>, input: &Value<'a>, once: bool) -> Result<Value<'a>, Fault> {
    let text = call.text(input)?;
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        call.room_for(out.len())?;
        match c {
            '&' if once && is_entity(&text[at + 1..]) => out.push('&'),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    call.made(out)
}

/// Whether what follows an `&` already makes it an entity: `lt;`, `#39;`, `#x27;`.
fn is_entity(after: &str) -> bool {
    let head = after.as_bytes().get(..12.min(after.len())).unwrap_or_default();
    let Some(end) = head.iter().position(|b| *b == b';') else { return false };
    let name = &head[..end];
    let all = |bytes: &[u8], test: fn(&u8) -> bool| !bytes.is_empty() && bytes.iter().all(test);
    match name {
        [b'#', b'x' | b'X', hex @ ..] => all(hex, u8::is_ascii_hexdigit),
        [b'#', digits @ ..] => all(digits, u8::is_ascii_digit),
        name => all(name, u8::is_ascii_alphanumeric),
    }
}

/// Text without tags, comments, scripts and styles.
fn strip(text: &str) -> String {
    const WHOLE: [(&str, &str); 3] =
        [("<script", "</script>"), ("<style", "</style>"), ("<!--", "-->")];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // An ending that is not in the rest will not be in a shorter rest: searched for once only, or
    // a text of unclosed tags would take quadratic time.
    let mut gone = [false; 3];
    let mut no_close = false;
    while let Some(open) = rest.find('<') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        let mut after = None;
        for (i, (start, end)) in WHOLE.iter().enumerate() {
            if !gone[i] && rest.starts_with(start) {
                after = rest.find(end).map(|at| at + end.len());
                gone[i] = after.is_none();
                break;
            }
        }
        if after.is_none() && !no_close {
            after = rest.find('>').map(|at| at + 1);
            no_close = after.is_none();
        }
        let taken = after.unwrap_or_else(|| {
            out.push('<');
            1
        });
        rest = &rest[taken..];
    }
    out.push_str(rest);
    out
}
