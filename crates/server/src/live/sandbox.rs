//! The gateways of the live program: the sandbox, and its journal of submits where the settings name one.
//!
//! Must never answer a submit before its line is in the journal: tests compare what was submitted with what the
//! store says after a crash.

use crate::config::SandboxConfig;
use futures_util::future::{BoxFuture, FutureExt, ready};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wayline_core::event::SubmitOutcome;
use wayline_core::message::Message;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::gateway::{Gateway, GatewayEvent, Gateways};
use wayline_pipeline::sandbox::{Behaviour, Sandbox};

/// A journal that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{path}, the sandbox's journal, cannot be opened; check the folder and its permissions")]
pub(crate) struct JournalError {
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

/// The gateways that the settings describe: the sandbox, whose id is `sandbox`.
///
/// # Errors
/// When the journal cannot be opened.
pub(crate) fn gateways(config: &SandboxConfig) -> Result<Gateways, JournalError> {
    let behaviour = Behaviour {
        timeout: config.timeout,
        throttle: config.throttle,
        throttle_for: Span::seconds(1),
        refuse: config.refuse,
        undelivered: config.undelivered,
        receipt_after: Some((seconds(config.receipt_seconds.0), seconds(config.receipt_seconds.1))),
    };
    let sandbox = Sandbox::new("sandbox", 0, behaviour);
    if config.journal == Path::new("") {
        return Ok(Gateways::default().with("sandbox", Arc::new(sandbox)));
    }
    let file = File::options().create(true).append(true).open(&config.journal);
    let file = file.map_err(|source| JournalError { path: config.journal.clone(), source })?;
    Ok(Gateways::default().with("sandbox", Arc::new(Journaled { sandbox, file })))
}

fn seconds(seconds: f64) -> Span {
    Span((seconds * 1_000.0) as i64)
}

/// A sandbox that writes down what it is given.
struct Journaled {
    sandbox: Sandbox,
    file: File,
}

impl Gateway for Journaled {
    fn submit<'a>(&'a self, message: &'a Message, now: Timestamp) -> BoxFuture<'a, SubmitOutcome> {
        let line = serde_json::json!({
            "at": now.0,
            "message": message.id.to_string(),
            "attempt": message.attempts,
            "run": message.run,
            "workspace": message.workspace,
            "contact": message.contact,
            "to": message.to,
            "text": message.text,
        });
        // One write of a whole line: lines do not mix, and what was submitted is in it also when the process is killed.
        let written = (&self.file).write_all(format!("{line}\n").as_bytes());
        match written {
            Ok(()) => self.sandbox.submit(message, now),
            Err(error) => {
                tracing::error!(%error, "the sandbox's journal cannot be written; the message waits");
                ready(SubmitOutcome::Retry { after: Span::seconds(1), throttled: false }).boxed()
            }
        }
    }

    fn poll(&self, now: Timestamp) -> Vec<GatewayEvent> {
        self.sandbox.poll(now)
    }

    fn next_event(&self) -> Option<Timestamp> {
        self.sandbox.next_event()
    }
}
