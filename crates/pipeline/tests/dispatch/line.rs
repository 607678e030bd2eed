//! A gateway by a carrier that gives texts no id, and the person at its other end.

use crate::desk::Desk;
use std::sync::Arc;
use wayline_core::consent::ConsentState;
use wayline_core::contact::State;
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::text::Alphabet;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::Pipeline;
use wayline_pipeline::gateway::{
    ConnectionEvent, Delivery, Destination, GatewayEvent, Inbound, Part,
};
use wayline_pipeline::ingest::read;
use wayline_pipeline::tick::Tick;
use wayline_store::batch::Kept;

pub(crate) const SENDER: &str =
    "senders:\n  - {id: main, number: \"20255\", kind: short_code, gateway: carrier}\n";
pub(crate) const OURS: &str = "20255";
pub(crate) const PERSON: &str = "+12065550100";

/// A gateway, and the connections to it.
pub(crate) struct Line {
    pub(crate) desk: Desk,
    pub(crate) workspace: WorkspaceId,
    pub(crate) connection: u64,
    pub(crate) since: Timestamp,
    pub(crate) number: u64,
}

/// A delivery that the carrier has not been answered.
#[derive(Clone)]
pub(crate) struct Open(pub(crate) Delivery);

impl Line {
    pub(crate) async fn open() -> Line {
        let mut desk = Desk::open().await;
        let workspace = desk.workspace("shop", SENDER).await;
        let since = desk.now;
        let mut line = Line { desk, workspace, connection: 0, since, number: 0 };
        line.connect();
        line
    }

    pub(crate) fn connect(&mut self) {
        self.desk.later(Span::seconds(1));
        self.connection += 1;
        self.since = self.desk.now;
        self.desk.later(Span::seconds(1));
    }

    pub(crate) async fn hear(&mut self, event: GatewayEvent) {
        let tick = Tick::Live(self.desk.now);
        self.desk.pipeline.receive(vec![event], tick).await.expect("received");
    }

    pub(crate) fn delivery(&mut self, to: &str, text: &str, part: Option<Part>) -> Delivery {
        self.number += 1;
        let gateway = "carrier".to_owned();
        let destination = Destination::Sender { gateway: gateway.clone(), number: to.to_owned() };
        let said = format!("{to}{text}{part:?}");
        Delivery {
            gateway,
            inbound: Inbound {
                destination,
                id: None,
                from: PERSON.to_owned(),
                text: text.to_owned(),
                media: Vec::new(),
                at: self.desk.now,
            },
            connection: self.connection,
            number: self.number,
            since: self.since,
            print: wayline_core::ids::stable_hash_wide(&[said.as_bytes()]),
            part,
        }
    }

    /// The carrier tells it, and hears nothing yet.
    pub(crate) async fn tell(&mut self, delivery: Delivery) -> Open {
        self.hear(GatewayEvent::Delivery(Box::new(delivery.clone()))).await;
        Open(delivery)
    }

    pub(crate) async fn says(&mut self, text: &str) -> Open {
        let delivery = self.delivery(OURS, text, None);
        self.tell(delivery).await
    }

    /// The same once more, over the connection there is now.
    pub(crate) async fn again(&mut self, open: &Open) -> Open {
        self.number += 1;
        let (connection, number, since) = (self.connection, self.number, self.since);
        let mut delivery = open.0.clone();
        delivery.inbound.at = self.desk.now;
        self.tell(Delivery { connection, number, since, ..delivery }).await
    }

    pub(crate) async fn part(
        &mut self,
        reference: u16,
        (index, total): (u8, u8),
        words: &str,
    ) -> Open {
        let bytes = wayline_core::text::encode(words, Alphabet::Utf16).expect("all characters");
        self.part_of(reference, (index, total), bytes).await
    }

    pub(crate) async fn part_of(
        &mut self,
        reference: u16,
        (index, total): (u8, u8),
        bytes: Vec<u8>,
    ) -> Open {
        let alphabet = Alphabet::Utf16;
        let part = Part { reference, wide: false, total, index, alphabet, bytes };
        let delivery = self.delivery(OURS, "", Some(part));
        self.tell(delivery).await
    }

    pub(crate) async fn answered(&mut self, open: Open) {
        let Delivery { gateway, connection, number, print, .. } = open.0;
        let deliveries = vec![(print, number)];
        let answered = ConnectionEvent::Answered { gateway, connection, deliveries };
        self.hear(GatewayEvent::Connection(answered)).await;
    }

    /// The connection breaks, and there is a new one.
    pub(crate) async fn breaks(&mut self) {
        let (gateway, connection) = ("carrier".to_owned(), self.connection);
        self.hear(GatewayEvent::Connection(ConnectionEvent::Ended { gateway, connection })).await;
        self.connect();
    }

    /// We die, and begin again on what is in the store.
    pub(crate) async fn dies(&mut self) {
        self.desk.pipeline =
            Pipeline::open(Arc::clone(&self.desk.store)).await.expect("the store opens");
        self.connect();
    }

    /// What the person has said, as the engine took it.
    pub(crate) async fn said(&self) -> Vec<String> {
        let store = &self.desk.store;
        let mut texts = Vec::new();
        let people = store.contacts_by_phone(self.workspace, PERSON, 10).await.expect("a read");
        for contact in people {
            texts.extend(texts_of(self, contact).await);
        }
        texts
    }

    /// A workspace knows the person, and has written to them.
    pub(crate) async fn known_to(&mut self, workspace: WorkspaceId) {
        let lines = [
            r#"{"type":"identify","userId":"1","traits":{"phone":"+12065550100"}}"#,
            r#"{"type":"track","userId":"1","event":"offer"}"#,
        ];
        let now = self.desk.now;
        let arrivals =
            lines.map(|text| (read(workspace, text.as_bytes(), Some(now)).expect("a line"), now));
        self.desk.pipeline.accept(&arrivals).await.expect("taken");
    }

    /// The consent of everybody with the number.
    pub(crate) async fn consents(&self, workspace: WorkspaceId) -> Vec<Option<ConsentState>> {
        let people = self.desk.store.contacts_by_phone(workspace, PERSON, 10).await;
        let mut all = Vec::new();
        for contact in people.expect("a read") {
            all.push(self.desk.consent(contact).await);
        }
        all
    }

    pub(crate) async fn kept(&self, why: Kept) -> u64 {
        self.desk.store.texts_count(why, "carrier").await.expect("a read")
    }
}

/// Oldest first.
async fn texts_of(line: &Line, contact: ContactId) -> Vec<String> {
    let store = &line.desk.store;
    let record = store.contacts(&[contact]).await.expect("a read").remove(0).expect("a contact");
    let head = State::decode(contact, &record.state).expect("a state").last_seq;
    let rows = store.history(line.workspace, contact, head, 100).await.expect("a read");
    let texts = rows.into_iter().rev().filter(|row| row.kind == "inbound").map(|row| {
        let body: serde_json::Value = serde_json::from_str(&row.body).expect("JSON");
        assert_ne!(body["muted"], true, "a number that writes too much");
        body["text"].as_str().unwrap_or_default().to_owned()
    });
    texts.collect()
}
