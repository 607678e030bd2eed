//! Connections to carriers as the live program runs them.
//!
//! Must never decide what becomes of a message: a gateway says what the carrier said, the engine decides.

pub(crate) mod errors;
// Whoever submits over HTTP and serves the callback route calls it.
#[allow(dead_code)]
pub(crate) mod http;
