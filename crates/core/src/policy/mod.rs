//! May this message go to this person now? Consent, quiet hours, caps, rules as data.
//!
//! Must never send anything, and never know why a journey wants to.

pub mod jurisdiction;
pub mod may_send;
pub mod quiet;
pub mod rates;
pub mod route;
pub mod settings;
