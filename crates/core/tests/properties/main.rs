//! What holds for every input: policy, conditions, stored state.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod conditions;
mod message;
mod policy;
mod state;

use proptest::test_runner::{Config, RngSeed};

/// The same cases in every run: a test that can fail by chance is a bug.
fn cases(cases: u32) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(2_026),
        failure_persistence: None,
        ..Config::default()
    }
}
