//! The journey language and the engine that runs it.
//!
//! `definition` is what people write, `program` what runs; nothing here may read a file or a clock.

pub mod advance;
mod auto_reply;
pub mod body;
pub mod compile;
mod declare;
pub mod definition;
pub mod effects;
pub mod engine;
mod enter;
pub mod explain;
pub mod form;
pub mod give_up;
mod goal;
pub mod node;
pub mod parse;
pub mod past;
pub mod plan;
pub mod print;
pub mod problem;
pub mod program;
pub mod recurrence;
mod run;
mod said;
pub mod schema;
mod scope;
pub mod shape;
mod step;
pub mod validate;
mod watch;
pub mod workspace;
