//! Texts with `{{names}}` in them, for the gateway that is described by its settings.
//!
//! Must never let a value break out of where it stands: each is escaped for its place.

use super::SettingsError;
use super::settings::Input;

/// Where a text stands, which tells how values are written into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Inside the quotes of a JSON text.
    Json,
    /// In a URL or a form.
    Form,
    /// In XML.
    Xml,
    /// As it is; controls are left out.
    Plain,
}

/// A text in pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Name(String),
}

impl Template {
    /// Reads a text; every name must be one of `names`.
    pub(super) fn new(
        input: &Input<'_>,
        text: &str,
        place: Place,
        names: &[&str],
    ) -> Result<Template, SettingsError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, behind)) = after.split_once("}}") else {
                return Err(input.bad("a {{ in a template has no }}".to_owned()));
            };
            let name = name.trim();
            if !names.contains(&name) {
                let known = names.join(", ");
                return Err(
                    input.bad(format!("{name:?} is no name of a template; there are {known}"))
                );
            }
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Name(name.to_owned()));
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Template { pieces, place })
    }

    /// Writes it with values; a name without one is empty.
    pub(super) fn write(&self, value: &dyn Fn(&str) -> String) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Name(name) => out.push_str(&escaped(&value(name), self.place)),
            }
        }
        out
    }
}

fn escaped(value: &str, place: Place) -> String {
    match place {
        Place::Json => {
            let quoted = serde_json::Value::String(value.to_owned()).to_string();
            quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
        }
        // A space as %20: it is right in a path, a query and a form.
        Place::Form => form_urlencoded::byte_serialize(value.as_bytes())
            .flat_map(|part| if part == "+" { ["%20"] } else { [part] })
            .collect(),
        Place::Xml => value
            .chars()
            .filter(|c| !c.is_control() || "\n\r\t".contains(*c))
            .map(|c| match c {
                '&' => "&amp;".to_owned(),
                '<' => "&lt;".to_owned(),
                '>' => "&gt;".to_owned(),
                '"' => "&quot;".to_owned(),
                '\'' => "&apos;".to_owned(),
                c => c.to_string(),
            })
            .collect(),
        Place::Plain => value.chars().filter(|c| !c.is_control()).collect(),
    }
}
