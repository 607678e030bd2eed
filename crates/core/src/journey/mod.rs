//! The journey language and the engine that runs it.
//!
//! `definition` is what people write, `program` what runs; nothing here may read a file or a clock.

pub mod program;
