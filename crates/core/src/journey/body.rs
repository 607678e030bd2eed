//! The JSON body of a webhook call, whose texts are templates.
//!
//! Each text is rendered by itself and then written as JSON, so no value can break out of its string.

use crate::journey::program::BodyTemplate;
use crate::template::Template;
use serde_json::{Map, Value};

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
