//! JSON Schemas of the three kinds of files, written from the types.
//!
//! Must never say less than the decoder admits: an editor that follows a schema must not refuse
//! what runs. (It may admit more: combinations of keys are for the decoder to judge.)

use super::definition::{Journey, Segment, Workspace};
use super::form::{Form, SchemaBook};
use serde_json::{Value, json};

/// Schema of `journeys/*.yaml`.
#[must_use]
pub fn journey() -> Value {
    document::<Journey>("Wayline journey")
}

/// Schema of `segments/*.yaml`.
#[must_use]
pub fn segment() -> Value {
    document::<Segment>("Wayline segment")
}

/// Schema of `workspace.yaml`.
#[must_use]
pub fn workspace() -> Value {
    document::<Workspace>("Wayline workspace")
}

fn document<T: Form>(title: &str) -> Value {
    let mut book = SchemaBook::default();
    let root = T::schema(&mut book);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "$ref": root["$ref"],
        "$defs": book.into_defs(),
    })
}
