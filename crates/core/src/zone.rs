//! Time zones by name, from the data bundled with the program, so that every machine agrees.
//!
//! Must never look at the machine's own zone files or its local zone.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::sync::OnceLock;

/// A name that is no IANA time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not an IANA time zone; write it like America/New_York")]
pub struct UnknownZone {
    /// What was given, shortened.
    pub name: String,
}

/// The zone of that IANA name (case does not matter), from the bundled database.
///
/// # Errors
/// When the bundled database has no such zone.
pub fn zone(name: &str) -> Result<TimeZone, UnknownZone> {
    static DATABASE: OnceLock<TimeZoneDatabase> = OnceLock::new();
    let database = DATABASE.get_or_init(TimeZoneDatabase::bundled);
    if name.len() > 64 {
        return Err(UnknownZone { name: name.chars().take(64).collect() });
    }
    database.get(name).map_err(|_| UnknownZone { name: name.to_owned() })
}
