//! The journey language and the engine that runs it.
//!
//! `definition` is what people write, `program` what runs; nothing here may read a file or a clock.

pub mod advance;
pub mod body;
pub mod effects;
pub mod engine;
mod enter;
mod goal;
pub mod program;
mod run;
mod scope;
mod step;
