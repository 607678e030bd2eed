//! Shows something once, or again and again until Ctrl-C.
//!
//! Must never move the cursor where nobody looks at a terminal.

use super::{CliError, answer};
use crate::run;
use std::io::{self, IsTerminal};
use std::time::Duration;

/// Puts the cursor of a terminal home and clears what is below.
const HOME: &str = "\u{1b}[H\u{1b}[J";

/// Shows what `told` says, every so many seconds where it is asked for. `for_people`: it is no text for programs.
///
/// # Errors
/// When it cannot be told, or not be written.
pub(crate) async fn show(
    seconds: Option<u64>,
    for_people: bool,
    told: impl AsyncFn() -> Result<String, CliError>,
) -> Result<(), CliError> {
    let Some(seconds) = seconds else { return answer(&told().await?) };
    let is_terminal = io::stdout().is_terminal() && for_people;
    let mut failed = None;
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let mut stop = Some(stop);
    let until = async {
        tokio::select! {
            () = run::told_to_stop() => {}
            _ = &mut stopped => {}
        }
    };
    run::every(Duration::from_secs(seconds), until, async || {
        let shown = told().await;
        let shown = shown.and_then(|text| {
            answer(&if is_terminal { format!("{HOME}{text}") } else { text + "\n" })
        });
        if let Err(error) = shown {
            failed = Some(error);
            drop(stop.take());
        }
    })
    .await;
    failed.map_or(Ok(()), Err)
}
