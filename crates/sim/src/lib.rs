//! The world around the engine: virtual clock, people, carriers, faults, and checkers of every invariant.
//!
//! It drives the production pipeline; nothing here is a copy of it. Must never read a real clock or draw real
//! randomness: a seed says everything.

pub mod drive;
pub mod world;
