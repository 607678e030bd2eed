//! The JSON body of a webhook call, whose texts are templates.
//!
//! Each text is rendered by itself and then written as JSON, so no value can break out of its string.

use crate::template::Template;
use serde_json::{Map, Value};

/// A JSON value whose texts are templates.
#[derive(Debug, Clone)]
pub enum BodyTemplate {
    /// As it is.
    Literal(Value),
    /// A text to render.
    Text(Template),
    /// A list.
    List(Vec<BodyTemplate>),
    /// An object, in order.
    Object(Vec<(String, BodyTemplate)>),
}

/// Renders every text; `None` when one fails.
pub(crate) fn render(
    body: &BodyTemplate,
    text: &mut impl FnMut(&Template) -> Option<String>,
) -> Option<Value> {
    Some(match body {
        BodyTemplate::Literal(value) => value.clone(),
        BodyTemplate::Text(template) => Value::String(text(template)?),
        BodyTemplate::List(items) => {
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
