//! JSON Schemas while they are written: definitions and the properties of mappings.
//!
//! Must never know a type of the language.

use serde_json::{Map, json};

/// Definitions of a JSON Schema, each written once.
#[derive(Debug, Default)]
pub struct SchemaBook {
    defs: Map<String, serde_json::Value>,
}

impl SchemaBook {
    /// A reference to the definition of that name, written by `write` when it is the first.
    pub fn named(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut SchemaBook) -> serde_json::Value,
    ) -> serde_json::Value {
        if !self.defs.contains_key(name) {
            // Reserved first: the type may contain itself.
            self.defs.insert(name.to_owned(), json!({}));
            let schema = write(self);
            self.defs.insert(name.to_owned(), schema);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }

    /// All definitions.
    #[must_use]
    pub fn into_defs(self) -> Map<String, serde_json::Value> {
        self.defs
    }
}

/// Properties of a mapping while its schema is written.
#[derive(Debug, Default)]
pub struct Shape {
    properties: Map<String, serde_json::Value>,
    required: Vec<serde_json::Value>,
    one_of: Vec<serde_json::Value>,
}

impl Shape {
    /// One more key. A key that two alternatives share takes either form.
    pub fn property(&mut self, key: &str, doc: &str, required: bool, schema: serde_json::Value) {
        let mut schema = schema;
        if let (Some(object), false) = (schema.as_object_mut(), doc.is_empty()) {
            object.insert("description".to_owned(), json!(doc));
        }
        match self.properties.get_mut(key) {
            Some(old) if *old != schema => *old = json!({ "anyOf": [old.clone(), schema] }),
            Some(_) => {}
            None => {
                self.properties.insert(key.to_owned(), schema);
            }
        }
        if required {
            self.required.push(json!(key));
        }
    }

    /// Exactly one of these keys (or none, when `optional`).
    pub fn alternatives(&mut self, keys: &[&str], optional: bool) {
        let mut cases: Vec<_> = keys.iter().map(|key| json!({ "required": [key] })).collect();
        if optional {
            cases.push(json!({ "not": { "anyOf": cases.clone() } }));
        }
        self.one_of.push(json!({ "oneOf": cases }));
    }

    /// A shape whose required keys do not bind: one alternative of several.
    pub fn merge_alternative(&mut self, other: Shape) {
        for (key, schema) in other.properties {
            self.property(&key, "", false, schema);
        }
    }

    /// The schema of the mapping.
    #[must_use]
    pub fn finish(self, doc: &str) -> serde_json::Value {
        let mut schema = json!({
            "type": "object",
            "additionalProperties": false,
            "properties": self.properties,
        });
        if let Some(object) = schema.as_object_mut() {
            if !doc.is_empty() {
                object.insert("description".to_owned(), json!(doc));
            }
            if !self.required.is_empty() {
                object.insert("required".to_owned(), self.required.into());
            }
            if !self.one_of.is_empty() {
                object.insert("allOf".to_owned(), self.one_of.into());
            }
        }
        schema
    }
}

/// Lines of a doc comment as one text.
#[must_use]
pub fn doc_text(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}
