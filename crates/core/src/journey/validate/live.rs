//! What is right in a replay or a test, and is refused where real people get texts.
//!
//! Must never refuse what a replay takes: whoever publishes for real people asks here first.

use crate::journey::definition::Workspace;
use crate::journey::definition::workspace::QuietHours;
use crate::journey::form::Report;
use crate::journey::problem::{Code, Problem};
use crate::policy::settings::ConsentMode;

/// Settings of a workspace that must not be live.
#[must_use]
pub fn live_problems(file: &str, workspace: &Workspace) -> Vec<Problem> {
    let mut report = Report::new(file);
    if let Some(consent) = workspace.consent.filter(|it| it.value == ConsentMode::Assumed) {
        let message = "\"consent: assumed\" takes everybody's consent for given and is for replays and \
                       tests; write \"consent: double_opt_in\", or \"consent: single_opt_in\" if people \
                       say yes where you ask them";
        report.error(Code::NotForLive, consent.at, message);
    }
    if let Some(hours) = workspace.quiet_hours.as_ref().filter(|it| it.value == QuietHours::None) {
        let message = "\"quiet_hours: none\" sends at night and is for replays and tests; leave it out for \
                       21:00 to 08:00, or write a window, like {from: \"21:00\", to: \"08:00\"}";
        report.error(Code::NotForLive, hours.at, message);
    }
    report.into_problems()
}
