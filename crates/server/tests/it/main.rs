//! The built program, run as people run it.

mod backup;
mod help;
mod inspect;
mod inspect_vectors;
mod plan;
mod program;
mod shared_data;
mod validate;
