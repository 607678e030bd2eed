//! May this message go to this person now? Consent, quiet hours, caps, rules as data.

pub mod jurisdiction;
pub mod quiet;
