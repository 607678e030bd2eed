//! Every decision Wayline makes: journeys, conditions, policy, templates, text.
//!
//! Pure and deterministic: time comes in as an argument, randomness is a hash of ids and a seed.
//! This crate must never read a clock, a file, the environment or a random source, and must never
//! know how anything is stored or sent.

pub mod carrier;
pub mod condition;
pub mod consent;
pub mod contact;
pub mod decision;
pub mod evaluate;
pub mod event;
pub mod ids;
pub mod journey;
pub mod keyword;
pub mod limits;
pub mod message;
pub mod metrics;
pub mod phone;
pub mod policy;
pub mod template;
pub mod text;
pub mod time;
mod value;
pub mod window;
pub mod zone;
