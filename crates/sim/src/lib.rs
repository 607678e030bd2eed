//! The world around the engine: virtual clock, people, carriers, faults, and checkers of every invariant.
//!
//! It drives the production pipeline; nothing here is a copy of it. Must never read a real clock or draw real
//! randomness: a seed says everything.

pub mod carrier;
pub mod checks;
pub mod chronicle;
mod compose;
pub mod drive;
pub mod faults;
pub mod people;
pub mod random;
pub mod scenario;
pub mod simulate;
pub mod town;
pub mod world;
