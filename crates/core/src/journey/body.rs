//! The body of a webhook: JSON whose texts are rendered one by one.
//!
//! Must never be rendered as one text: a value with a quote in it would change the JSON around it.

use crate::template::Template;

/// A JSON value whose texts may be templates. Rendered text by text, so that no rendered value can
/// ever break out of its quotes.
#[derive(Debug, Clone)]
pub enum BodyTemplate {
    /// This, as it is.
    Literal(serde_json::Value),
    /// A text to render.
    Template(Template),
    /// A list.
    Array(Vec<BodyTemplate>),
    /// An object, in the order written.
    Object(Vec<(String, BodyTemplate)>),
}
