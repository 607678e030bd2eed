//! `wayline version`: which release this is and what it can do.
//!
//! Must never tell anything about the machine it runs on.

use super::{CliError, answer};
use wayline_core::limits;
use wayline_core::time::Timestamp;

/// Shows the version and the features.
///
/// # Errors
/// When standard output is gone.
pub(crate) fn run() -> Result<(), CliError> {
    let release = env!("CARGO_PKG_VERSION");
    let features = [
        ("stores", "memory, sqlite".to_owned()),
        ("channels", "sms".to_owned()),
        ("gateways", "sandbox".to_owned()),
        ("schemas", "journey, segment, workspace".to_owned()),
        ("templates", "liquid".to_owned()),
        ("years", format!("{} to {}", year(Timestamp::MIN), year(Timestamp::MAX))),
        ("journeys", format!("at most {} a workspace", limits::JOURNEYS_MAX)),
    ];
    let mut text = format!("wayline {release}\n");
    for (name, what) in features {
        text.push_str(&format!("  {name:<10} {what}\n"));
    }
    answer(&text)
}

fn year(at: Timestamp) -> String {
    at.to_string().chars().take(4).collect()
}
