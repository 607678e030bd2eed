//! The body of a webhook: JSON whose texts are rendered one by one.
//!
//! Must never be rendered as one text: a value with a quote in it would change the JSON around it.

use crate::template::Template;
use serde_json::{Map, Value};

/// A JSON value whose texts may be templates. Rendered text by text, so that no rendered value can
/// ever break out of its quotes.
#[derive(Debug, Clone)]
pub enum BodyTemplate {
    /// This, as it is.
    Literal(Value),
    /// A text to render.
    Template(Template),
    /// A list.
    Array(Vec<BodyTemplate>),
    /// An object, in the order written.
    Object(Vec<(String, BodyTemplate)>),
}

/// Renders every text; `None` when one fails.
pub(crate) fn render(
    body: &BodyTemplate,
    text: &mut impl FnMut(&Template) -> Option<String>,
) -> Option<Value> {
    Some(match body {
        BodyTemplate::Literal(value) => value.clone(),
        BodyTemplate::Template(template) => Value::String(text(template)?),
        BodyTemplate::Array(items) => {
            Value::Array(items.iter().map(|item| render(item, text)).collect::<Option<_>>()?)
        }
        BodyTemplate::Object(fields) => {
            let mut object = Map::new();
            for (name, field) in fields {
                object.insert(name.clone(), render(field, text)?);
            }
            Value::Object(object)
        }
    })
}
