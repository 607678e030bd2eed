//! The journey language and the engine that runs it.
//!
//! `definition` is what people write, `program` what runs; nothing here may read a file or a clock.

pub mod body;
pub mod compile;
mod declare;
pub mod definition;
pub mod form;
pub mod node;
pub mod parse;
pub mod plan;
pub mod print;
pub mod problem;
pub mod program;
pub mod recurrence;
pub mod schema;
pub mod shape;
pub mod validate;
pub mod workspace;
