//! Published vectors and recorded answers, each compared whole.
//!
//! They are read from the folder `shared` beside the project and skip loudly where it is absent.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod a13_quiet;
mod a7_text;
mod a8_phones;
mod golden_liquid;
mod shared_data;
