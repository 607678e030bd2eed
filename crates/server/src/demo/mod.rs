//! The demonstration: a server with an invented business in it, whose people live many times faster than real
//! time. They come, browse, book, buy, answer and stop, through the same doors as everybody else.
//!
//! ```text
//!  town ──▶ lines ──▶ Live::accept ─▶ journeys ─▶ sandbox ─▶ delivered ─▶ feed ─▶ town reacts ─┐
//!   ▲                                                                                         │
//!   └──────────────────────────── replies, clicks, purchases ◀─────────────────────────────────┘
//! ```
//! Must never do anything to a workspace that is not its own, and must never decide what a journey does.

mod folk;
mod table;

use crate::api::App;
use crate::live::LiveError;
use crate::run;
use crate::serve::{ServeError, Started, operator_key};
use folk::Folk;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use table::Table;
use tokio::sync::watch;
use wayline_core::ids::WorkspaceId;
use wayline_core::journey::problem::Problem;
use wayline_core::journey::workspace::load;
use wayline_core::time::Timestamp;
use wayline_pipeline::definitions::Definitions;
use wayline_store::StoreError;

/// The demo's definitions, as they stand in `examples/demo`.
const FILES: &[(&str, &str)] = &[
    ("workspace.yaml", include_str!("../../../../examples/demo/workspace.yaml")),
    (
        "journeys/abandoned_cart.yaml",
        include_str!("../../../../examples/demo/journeys/abandoned_cart.yaml"),
    ),
    (
        "journeys/appointment.yaml",
        include_str!("../../../../examples/demo/journeys/appointment.yaml"),
    ),
    ("journeys/birthday.yaml", include_str!("../../../../examples/demo/journeys/birthday.yaml")),
    ("journeys/order.yaml", include_str!("../../../../examples/demo/journeys/order.yaml")),
    ("journeys/signup.yaml", include_str!("../../../../examples/demo/journeys/signup.yaml")),
    ("journeys/welcome.yaml", include_str!("../../../../examples/demo/journeys/welcome.yaml")),
    ("journeys/win_back.yaml", include_str!("../../../../examples/demo/journeys/win_back.yaml")),
    ("segments/lapsed.yaml", include_str!("../../../../examples/demo/segments/lapsed.yaml")),
];

/// The workspace of these.
const WORKSPACE: &str = "demo";
/// Seed of the town: every demo has the same people.
const SEED: u64 = 2026;
/// How often people are asked what they do, and the table is drawn.
const STEP: Duration = Duration::from_millis(100);
const DRAW: Duration = Duration::from_secs(1);
/// How often a line is written where there is no terminal to draw on.
const DRAW_AS_LOG: Duration = Duration::from_secs(10);
/// The name of the file with the demo's operator key, in its data folder.
pub(crate) const KEY_FILE: &str = "operator.key";

/// Why the demo cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    /// The engine.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Somebody's real work.
    #[error(
        "this store holds the workspace {0}, not only the demo; name another folder with --data"
    )]
    NotADemo(String),
    /// Its own definitions.
    #[error("the demo's definitions are wrong: {0}")]
    Definitions(String),
}

/// The workspace of the demo, and when it was made.
#[derive(Clone, Copy, Debug)]
struct Place {
    workspace: WorkspaceId,
    founded: Timestamp,
}

/// Lives in a started server until it is told to stop.
///
/// # Errors
/// When the demo's workspace cannot be made. What goes wrong later is logged, and life goes on.
pub(crate) async fn run(started: &Started, stop: watch::Receiver<bool>) -> Result<(), DemoError> {
    let app = Arc::clone(&started.app);
    let place = publish(&app).await?;
    let mut folk = Folk::new(Arc::clone(&app), place, SEED);
    let mut table = Table::new(Arc::clone(&app), place.workspace);
    let drawn = std::io::stdout().is_terminal();
    let stopping = |mut stop: watch::Receiver<bool>| async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    let living = run::every(STEP, stopping(stop.clone()), async || {
        if let Err(error) = folk.live().await {
            tracing::warn!(%error, "the people of the demo could not do what they wanted");
        }
    });
    let period = if drawn { DRAW } else { DRAW_AS_LOG };
    let drawing = run::every(period, stopping(stop), async || {
        match table.draw(drawn).await {
            // That nobody sees the table changes nothing.
            Ok(text) => drop(std::io::stdout().write_all(text.as_bytes())),
            Err(error) => tracing::warn!(%error, "the table could not be drawn"),
        }
    });
    tokio::join!(living, drawing);
    Ok(())
}

/// Makes the workspace, or brings it up to this release's definitions.
async fn publish(app: &App) -> Result<Place, DemoError> {
    let other = app.store.workspaces().await?.into_iter().find(|row| row.slug != WORKSPACE);
    if let Some(other) = other {
        return Err(DemoError::NotADemo(other.slug));
    }
    let wrong = |problems: Vec<Problem>| {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        DemoError::Definitions(texts.join("\n"))
    };
    let loaded = load(FILES.iter().map(|(name, text)| (*name, text.as_bytes()))).map_err(wrong)?;
    let definitions = Definitions {
        workspace: loaded.workspace,
        segments: loaded.segments.into_iter().map(|it| it.definition).collect(),
        journeys: loaded.journeys.into_iter().map(|it| it.definition).collect(),
    };
    let published = app.live.perform(move |pipeline, now| {
        pollster::block_on(pipeline.publish(&definitions, SEED, now)).map(|it| it.workspace)
    });
    let workspace = published.await?.map_err(LiveError::from)?;
    let versions = app.store.version_heads(workspace).await?;
    let founded = versions.iter().map(|it| it.published_at).min();
    Ok(Place { workspace, founded: founded.unwrap_or_else(|| app.clock.now()) })
}

/// The operator key of the demo, kept in its folder: it is thrown away with it.
///
/// # Errors
/// When it is lost and another one cannot be made.
pub(crate) async fn key(started: &Started, data: &Path) -> Result<String, DemoError> {
    if let Some(key) = &started.operator_key {
        return Ok(key.clone());
    }
    match std::fs::read_to_string(data.join(KEY_FILE)) {
        Ok(key) => Ok(key.trim().to_owned()),
        Err(_) => {
            let app = &started.app;
            let made = app.live.perform(|pipeline, now| {
                let store = pipeline.store();
                pollster::block_on(operator_key(store, "demo", now))
            });
            let (row, key) = made.await??;
            app.keys.put(row);
            Ok(key)
        }
    }
}
