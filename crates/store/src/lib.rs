//! The only place that knows how things are kept. Writes are a [`batch::Batch`], reads are typed methods.
//!
//! Must never decide anything, and must never answer "no" when it could not read: an error is an error.

pub mod batch;
