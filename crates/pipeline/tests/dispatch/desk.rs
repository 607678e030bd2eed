//! Workspaces, people and gateways to test with. Time is a number that tests set.

use futures_util::future::{BoxFuture, FutureExt, ready};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use wayline_core::carrier::{CarrierError, ErrorClass};
use wayline_core::event::SubmitOutcome;
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::journey::workspace::load;
use wayline_core::message::{Message, MessageState};
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::Pipeline;
use wayline_pipeline::definitions::Definitions;
use wayline_pipeline::dispatch::{Claimed, Dispatcher};
use wayline_pipeline::gateway::{Connection, Gateway, GatewayEvent, Gateways, Receipt};
use wayline_pipeline::ingest::{Arrival, read};
use wayline_pipeline::tick::Tick;
use wayline_store::{MemoryStore, Store};

/// What a journey of each purpose says.
const OFFER: &str = "journey: offer\nentry: {event: offer, once_ended: always}\nsteps:\n  tell: {send: {sms: Offer}}\n";
const REMINDER: &str = "journey: reminder\npurpose: transactional\nentry: {event: visit, once_ended: always}\nsteps:\n  tell: {send: {sms: Reminder}}\n";

/// A gateway that does as it is told.
#[derive(Default)]
pub(crate) struct Scripted {
    pub(crate) room: Mutex<usize>,
    pub(crate) is_down: Mutex<bool>,
    /// Answers in order; then everything is accepted.
    pub(crate) answers: Mutex<VecDeque<SubmitOutcome>>,
    pub(crate) seen: Mutex<Vec<Message>>,
}

impl Scripted {
    pub(crate) fn new(room: usize) -> Arc<Scripted> {
        Arc::new(Scripted { room: Mutex::new(room), ..Scripted::default() })
    }

    pub(crate) fn answer(&self, outcome: SubmitOutcome) {
        self.answers.lock().expect("a lock").push_back(outcome);
    }

    /// Numbers it was given, in order.
    pub(crate) fn numbers(&self) -> Vec<String> {
        self.seen.lock().expect("a lock").iter().map(|message| message.to.clone()).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.lock().expect("a lock").len()
    }
}

impl Gateway for Scripted {
    fn submit<'a>(&'a self, message: &'a Message, _now: Timestamp) -> BoxFuture<'a, SubmitOutcome> {
        let mut seen = self.seen.lock().expect("a lock");
        seen.push(message.clone());
        let accepted = || SubmitOutcome::Accepted {
            gateway_ref: format!("{}-{}", message.id, message.attempts),
        };
        let next = self.answers.lock().expect("a lock").pop_front();
        ready(next.unwrap_or_else(accepted)).boxed()
    }

    fn poll(&self, _now: Timestamp) -> Vec<GatewayEvent> {
        Vec::new()
    }

    fn next_event(&self) -> Option<Timestamp> {
        None
    }

    fn room(&self) -> usize {
        *self.room.lock().expect("a lock")
    }

    fn is_up(&self) -> bool {
        !*self.is_down.lock().expect("a lock")
    }
}

/// A refusal.
pub(crate) fn rejected(class: ErrorClass, code: &str) -> SubmitOutcome {
    let error = CarrierError { class, code: code.to_owned(), text: "says the test".to_owned() };
    SubmitOutcome::Rejected { error, retry_after: None }
}

/// Everything at one place.
pub(crate) struct Desk {
    pub(crate) store: Arc<Store>,
    pub(crate) pipeline: Pipeline,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) gateways: Gateways,
    pub(crate) now: Timestamp,
    revision: u64,
}

impl Desk {
    pub(crate) async fn open() -> Desk {
        let store = Arc::new(Store::from(MemoryStore::new()));
        let pipeline = Pipeline::open(store.clone()).await.expect("an empty store opens");
        Desk {
            store,
            pipeline,
            dispatcher: Dispatcher::default(),
            gateways: Gateways::default(),
            now: Timestamp::parse("2026-06-01T16:00:00Z").expect("an instant"),
            revision: 0,
        }
    }

    /// A workspace with both journeys; `more`: senders, routes.
    pub(crate) async fn workspace(&mut self, slug: &str, more: &str) -> WorkspaceId {
        self.workspace_with(slug, more, OFFER).await
    }

    /// As `workspace`, with another offer.
    pub(crate) async fn workspace_with(
        &mut self,
        slug: &str,
        more: &str,
        offer: &str,
    ) -> WorkspaceId {
        let text = format!(
            "workspace: {slug}\ncountry: US\ntime_zone: America/New_York\nconsent: assumed\nquiet_hours: none\ncaps: []\n{more}"
        );
        let files = [
            ("workspace.yaml", text.as_str()),
            ("journeys/offer.yaml", offer),
            ("journeys/reminder.yaml", REMINDER),
        ];
        let loaded = load(files.map(|(file, text)| (file, text.as_bytes())));
        let loaded = loaded.unwrap_or_else(|problems| panic!("{problems:?}"));
        let definitions = Definitions {
            segments: loaded.segment_definitions().cloned().collect(),
            journeys: loaded.journey_definitions().cloned().collect(),
            workspace: loaded.workspace,
        };
        self.revision += 1;
        self.pipeline.publish(&definitions, self.revision, self.now).await.expect("it compiles");
        self.store.workspace_by_slug(slug).await.expect("a read").expect("it is there").id
    }

    /// A gateway of the operator's, as real as a test's can be.
    pub(crate) fn gateway(&mut self, key: &str, gateway: &Arc<Scripted>) {
        let connection = Connection {
            is_real: true,
            ..Connection::free(Arc::clone(gateway) as Arc<dyn Gateway>)
        };
        self.gateways.set(key, connection);
    }

    /// People number `from..to` of a workspace do something.
    pub(crate) async fn people(&mut self, workspace: WorkspaceId, event: &str, from: u32, to: u32) {
        let mut arrivals = Vec::new();
        for n in from..to {
            arrivals.extend(self.person(workspace, event, &n.to_string(), n));
        }
        self.accept(arrivals).await;
    }

    /// Somebody else with the number of person number `n` does something.
    pub(crate) async fn namesake(&mut self, workspace: WorkspaceId, event: &str, n: u32) {
        let arrivals = self.person(workspace, event, "namesake", n);
        self.accept(arrivals.into()).await;
    }

    fn person(
        &self,
        workspace: WorkspaceId,
        event: &str,
        user: &str,
        n: u32,
    ) -> [(Arrival, Timestamp); 2] {
        let phone = format!("+1206555{n:04}");
        let lines = [
            serde_json::json!({"type": "identify", "userId": user, "traits": {"phone": phone}}),
            serde_json::json!({"type": "track", "userId": user, "event": event}),
        ];
        lines.map(|line| {
            let arrival = read(workspace, line.to_string().as_bytes(), Some(self.now));
            (arrival.expect("a line"), self.now)
        })
    }

    async fn accept(&mut self, arrivals: Vec<(Arrival, Timestamp)>) {
        for page in arrivals.chunks(500) {
            self.pipeline.accept(page).await.expect("taken");
        }
    }

    /// First half of a turn: what is to be submitted now, in order.
    pub(crate) async fn claim(&mut self) -> Vec<Message> {
        self.claimed().await.submissions
    }

    /// As `claim`, with when to come again.
    pub(crate) async fn claimed(&mut self) -> Claimed {
        let (pipeline, dispatcher) = (&mut self.pipeline, &mut self.dispatcher);
        let tick = Tick::Live(self.now);
        let claimed = pipeline.claim_by_lanes(dispatcher, &self.gateways, tick, 250).await;
        claimed.expect("a turn")
    }

    /// Second half: what the gateways said.
    pub(crate) async fn answer(&mut self, submitted: Vec<Message>, outcomes: Vec<SubmitOutcome>) {
        for (message, outcome) in submitted.iter().zip(&outcomes) {
            self.dispatcher.heard(message, outcome, self.now);
        }
        let tick = Tick::Live(self.now);
        self.pipeline.answer(submitted, outcomes, tick).await.expect("answers");
    }

    /// One turn of dispatch: claims, submits, stores the answers. Returns what was submitted, in order.
    pub(crate) async fn turn(&mut self) -> Vec<Message> {
        let submitted = self.claim().await;
        self.submit(submitted.clone()).await;
        submitted
    }

    /// Submits what was claimed and stores the answers.
    pub(crate) async fn submit(&mut self, submitted: Vec<Message>) {
        let mut outcomes = Vec::new();
        for message in &submitted {
            let gateway = self.gateways.get(&message.gateway).expect("a gateway");
            outcomes.push(gateway.submit(message, self.now).await);
        }
        self.answer(submitted, outcomes).await;
    }

    /// Pauses a journey.
    pub(crate) async fn pause(&mut self, workspace: WorkspaceId, slug: &str) {
        self.pipeline.pause(workspace, slug, self.now).await.expect("paused");
    }

    pub(crate) fn later(&mut self, span: Span) {
        self.now = self.now + span;
    }

    /// The only message there is.
    pub(crate) async fn message(&self, workspace: WorkspaceId) -> Message {
        let all = self.store.messages_of_workspace(workspace, None, 10).await.expect("messages");
        let [message] = all.as_slice() else { panic!("{all:?}") };
        message.clone()
    }

    pub(crate) async fn count(&self, workspace: WorkspaceId, state: MessageState) -> usize {
        let all = self.store.messages_of_workspace(workspace, None, 1_000).await.expect("messages");
        all.iter().filter(|message| message.state == state).count()
    }

    pub(crate) async fn receive(&mut self, receipt: Receipt) {
        let events = vec![GatewayEvent::Receipt(receipt)];
        self.pipeline.receive(events, Tick::Live(self.now)).await.expect("received");
    }

    pub(crate) async fn consent(
        &self,
        contact: ContactId,
    ) -> Option<wayline_core::consent::ConsentState> {
        let record = self.store.contacts(&[contact]).await.expect("rows").remove(0)?;
        let state = wayline_core::contact::State::decode(contact, &record.state).expect("a state");
        state.consent(wayline_core::consent::Channel::Sms, None)
    }
}
