//! Brings the town to life: what its people do goes in as events and texts, what reaches them they answer.
//!
//! Must never hold more than a bounded number of answers that are still to come.

use super::{DemoError, Place};
use crate::api::App;
use crate::live::{FeedEvent, LiveError};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::broadcast;
use wayline_core::ids::MessageId;
use wayline_core::message::{Message, MessageState};
use wayline_core::time::Timestamp;
use wayline_pipeline::gateway::{GatewayEvent, Inbound};
use wayline_pipeline::ingest::{self, Arrival};
use wayline_pipeline::tick::Tick;
use wayline_sim::town::{Happening, Reaction, Town};

/// Answers to come; who would be the next one says nothing.
const ANSWERS_MAX: usize = 10_000;
/// Inputs of one command.
const INPUTS_MAX: usize = 250;

/// The people of the demo.
pub(super) struct Folk {
    app: Arc<App>,
    place: Place,
    town: Town,
    feed: broadcast::Receiver<Arc<FeedEvent>>,
    answers: BTreeMap<(Timestamp, u64), (Box<Message>, Reaction)>,
    /// How many answers there ever were: orders those of one instant.
    count: u64,
    journeys: HashMap<wayline_core::ids::JourneyId, String>,
}

impl Folk {
    pub(super) fn new(app: Arc<App>, place: Place, seed: u64) -> Folk {
        let (now, feed) = (app.clock.now(), app.feed.watch());
        // A new place begins with its people; later they go on where the clock is.
        let is_new = now <= place.founded + wayline_core::time::Span::seconds(60);
        let town = if is_new {
            Town::new(seed, place.founded)
        } else {
            Town::resume(seed, place.founded, now)
        };
        Folk {
            app,
            place,
            town,
            feed,
            answers: BTreeMap::new(),
            count: 0,
            journeys: HashMap::new(),
        }
    }

    /// Everything people do up to now.
    pub(super) async fn live(&mut self) -> Result<(), DemoError> {
        let now = self.app.clock.now();
        self.hear().await?;
        while self.town.told() < now {
            let happenings = self.town.next(now);
            self.happen(happenings).await?;
        }
        self.answer(now).await
    }

    async fn happen(&mut self, happenings: Vec<(Timestamp, Happening)>) -> Result<(), DemoError> {
        let mut lines = Vec::new();
        for (at, happening) in happenings {
            match happening {
                Happening::Line(line) => lines.push(line),
                Happening::Text { from, text, .. } => {
                    self.send(std::mem::take(&mut lines)).await?;
                    self.text(from, text, at).await?;
                }
            }
        }
        self.send(lines).await
    }

    async fn send(&self, lines: Vec<Value>) -> Result<(), DemoError> {
        let arrivals: Vec<Arrival> = lines.iter().filter_map(|line| self.arrival(line)).collect();
        for some in arrivals.chunks(INPUTS_MAX) {
            self.app.live.accept(some.to_vec(), None).await?;
        }
        Ok(())
    }

    fn arrival(&self, line: &Value) -> Option<Arrival> {
        let read = ingest::read(self.place.workspace, line.to_string().as_bytes(), None);
        read.inspect_err(|refusal| tracing::warn!(%refusal, "a line of the demo was refused")).ok()
    }

    async fn text(&self, from: String, text: String, at: Timestamp) -> Result<(), DemoError> {
        let inbound = Inbound::to_workspace(self.place.workspace, None, from, text, at);
        let taken = self.app.live.perform(move |pipeline, now| {
            let events = vec![GatewayEvent::Inbound(inbound)];
            pollster::block_on(pipeline.receive(events, Tick::Live(now)))
        });
        Ok(taken.await?.map_err(LiveError::from)?)
    }

    /// Learns what has reached people, and when they will answer.
    async fn hear(&mut self) -> Result<(), DemoError> {
        let mut reached: Vec<MessageId> = Vec::new();
        loop {
            match self.feed.try_recv() {
                Ok(event) => reached.extend(self.delivered(&event)),
                Err(broadcast::error::TryRecvError::Lagged(_)) => {}
                Err(_) => break,
            }
        }
        for page in reached.chunks(wayline_core::limits::PAGE_ROWS_MAX) {
            for message in self.app.store.messages(page).await?.into_iter().flatten() {
                self.expect(message).await?;
            }
        }
        Ok(())
    }

    fn delivered(&self, event: &FeedEvent) -> Option<MessageId> {
        match event {
            FeedEvent::Changed { workspace, id, change }
                if *workspace == self.place.workspace
                    && change.state == MessageState::Delivered =>
            {
                Some(*id)
            }
            _ => None,
        }
    }

    async fn expect(&mut self, message: Message) -> Result<(), DemoError> {
        if message.auto_reply().is_some() {
            return Ok(());
        }
        if !self.journeys.contains_key(&message.journey) {
            for version in self.app.store.version_heads(self.place.workspace).await? {
                self.journeys.insert(version.journey, version.slug);
            }
        }
        let journey = self.journeys.get(&message.journey).map_or("", String::as_str);
        let now = self.app.clock.now();
        let reaction = self.town.react(&message.text, &message.to, now, journey, &message.step);
        if let Some((at, reaction)) = reaction.filter(|_| self.answers.len() < ANSWERS_MAX) {
            self.count += 1;
            self.answers.insert((at, self.count), (Box::new(message), reaction));
        }
        Ok(())
    }

    /// Answers that are due.
    async fn answer(&mut self, now: Timestamp) -> Result<(), DemoError> {
        while let Some(entry) = self.answers.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((at, _), (message, reaction)) = entry.remove_entry();
            match reaction {
                Reaction::Reply(text) => self.text(message.to, text, at).await?,
                Reaction::Buy(line) => self.send(vec![line]).await?,
                Reaction::Click => {
                    let clicked = self.app.live.perform(move |pipeline, now| {
                        pollster::block_on(pipeline.clicked_in(*message, at, now))
                    });
                    clicked.await?.map_err(LiveError::from)?;
                }
            }
        }
        Ok(())
    }
}
