//! The demo's live table: journeys with their counts, and the latest texts.
//!
//! Must never ask the store for more than a few rows: it is drawn every second.

use super::DemoError;
use crate::api::App;
use crate::live::FeedEvent;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;
use tokio::sync::broadcast;
use wayline_core::decision::What;
use wayline_core::ids::{JourneyId, WorkspaceId};
use wayline_core::time::Timestamp;

/// Texts shown, and characters of one.
const TEXTS: usize = 6;
const TEXT_CHARS: usize = 96;

/// What is drawn.
pub(super) struct Table {
    app: Arc<App>,
    workspace: WorkspaceId,
    feed: broadcast::Receiver<Arc<FeedEvent>>,
    texts: VecDeque<String>,
    /// Lines drawn the last time, to be drawn over.
    lines: usize,
}

/// A column: its title, and how it is made of counters.
type Column = (&'static str, fn(&Counts) -> i64);

const COLUMNS: [Column; 9] = [
    ("entered", |it| it.of(What::Entered)),
    ("active", |it| it.of(What::Entered) - it.of(What::Exited)),
    ("held", |it| it.of(What::Held) - it.of(What::Released)),
    ("sent", |it| it.of(What::Sent)),
    ("delivered", |it| it.of(What::Delivered)),
    ("replied", |it| it.of(What::Replied)),
    ("converted", |it| it.of(What::Converted)),
    ("dropped", |it| it.of(What::Dropped) + it.of(What::Withdrawn)),
    ("exited", |it| it.of(What::Exited)),
];

#[derive(Default)]
struct Counts(BTreeMap<What, i64>);

impl Counts {
    fn of(&self, what: What) -> i64 {
        self.0.get(&what).copied().unwrap_or(0)
    }
}

impl Table {
    pub(super) fn new(app: Arc<App>, workspace: WorkspaceId) -> Table {
        let feed = app.feed.watch();
        Table { app, workspace, feed, texts: VecDeque::new(), lines: 0 }
    }

    /// The table as of now; `over`: drawn over the one before, on a terminal.
    pub(super) async fn draw(&mut self, over: bool) -> Result<String, DemoError> {
        self.hear();
        let counts = self.counts().await?;
        let now = self.app.clock.now();
        if !over {
            return Ok(one_line(now, &counts));
        }
        let mut drawn = String::new();
        let _ = writeln!(drawn, "{}", heading(now));
        let _ = write!(drawn, "{:<16}", "journey");
        for (title, _) in COLUMNS {
            let _ = write!(drawn, "{title:>10}");
        }
        drawn.push('\n');
        for (journey, counts) in &counts {
            let _ = write!(drawn, "{journey:<16}");
            for (_, value) in COLUMNS {
                let _ = write!(drawn, "{:>10}", value(counts));
            }
            drawn.push('\n');
        }
        drawn.push_str("\nlatest texts\n");
        for place in 0..TEXTS {
            let _ = writeln!(drawn, "  {}", self.texts.get(place).map_or("", String::as_str));
        }
        let up = std::mem::replace(&mut self.lines, drawn.lines().count());
        let mut text = String::new();
        if up > 0 {
            let _ = write!(text, "\x1b[{up}A\r");
        }
        for line in drawn.lines() {
            let _ = writeln!(text, "{line}\x1b[K");
        }
        Ok(text)
    }

    async fn counts(&self) -> Result<BTreeMap<String, Counts>, DemoError> {
        let store = &self.app.store;
        let mut slugs: BTreeMap<JourneyId, String> = BTreeMap::new();
        for version in store.version_heads(self.workspace).await? {
            slugs.insert(version.journey, version.slug);
        }
        let mut counts: BTreeMap<String, Counts> =
            slugs.values().map(|slug| (slug.clone(), Counts::default())).collect();
        for (journey, what, value) in store.journey_totals(self.workspace).await? {
            if let Some(counts) = slugs.get(&journey).and_then(|slug| counts.get_mut(slug)) {
                counts.0.insert(what, value);
            }
        }
        Ok(counts)
    }

    /// Remembers the latest texts.
    fn hear(&mut self) {
        loop {
            match self.feed.try_recv() {
                Ok(event) => {
                    if let Some(text) = text_of(&event, self.workspace) {
                        self.texts.push_front(text);
                        self.texts.truncate(TEXTS);
                    }
                }
                Err(broadcast::error::TryRecvError::Lagged(_)) => {}
                Err(_) => return,
            }
        }
    }
}

fn text_of(event: &FeedEvent, mine: WorkspaceId) -> Option<String> {
    let FeedEvent::Changed { workspace, change, .. } = event else { return None };
    let sent = change.handed_out.as_ref().filter(|_| *workspace == mine)?;
    let mut shown: String = sent.text.chars().take(TEXT_CHARS).collect();
    if shown.len() < sent.text.len() {
        shown.push('…');
    }
    Some(format!("{}  {shown}", sent.to))
}

fn heading(now: Timestamp) -> String {
    let clock = now.to_string();
    format!(
        "{}  (Ctrl-C stops it; `make run` goes on where it was)",
        &clock[..clock.len().min(16)].replace('T', " ")
    )
}

fn one_line(now: Timestamp, counts: &BTreeMap<String, Counts>) -> String {
    let sum = |what| counts.values().map(|counts| counts.of(what)).sum::<i64>();
    format!(
        "{now}: {} entered, {} active, {} sent, {} delivered, {} replied\n",
        sum(What::Entered),
        sum(What::Entered) - sum(What::Exited),
        sum(What::Sent),
        sum(What::Delivered),
        sum(What::Replied),
    )
}
