//! Texts of people by carriers that give them no id: told again they count once, said again they count again, and
//! nothing that came is lost.

use crate::desk::{Desk, Scripted};
use std::sync::Arc;
use wayline_core::contact::State;
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::text::Alphabet;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::Pipeline;
use wayline_pipeline::gateway::{
    ConnectionEvent, Delivery, Destination, GatewayEvent, Inbound, Part,
};
use wayline_pipeline::ingest::read;
use wayline_pipeline::parts::{MISSING, PARTS_MAX, PARTS_WITHIN};
use wayline_pipeline::retain::Keep;
use wayline_pipeline::tick::Tick;
use wayline_pipeline::unclaimed::UNCLAIMED_MAX;
use wayline_store::batch::{Batch, Kept, KeptText, Op};

const SENDER: &str =
    "senders:\n  - {id: main, number: \"20255\", kind: short_code, gateway: carrier}\n";
const OURS: &str = "20255";
const PERSON: &str = "+12065550100";

/// A gateway, and the connections to it.
struct Line {
    desk: Desk,
    workspace: WorkspaceId,
    connection: u64,
    since: Timestamp,
    number: u64,
}

/// A delivery that the carrier has not been answered.
#[derive(Clone)]
struct Open(Delivery);

impl Line {
    async fn open() -> Line {
        let mut desk = Desk::open().await;
        let workspace = desk.workspace("shop", SENDER).await;
        let since = desk.now;
        let mut line = Line { desk, workspace, connection: 0, since, number: 0 };
        line.connect();
        line
    }

    fn connect(&mut self) {
        self.desk.later(Span::seconds(1));
        self.connection += 1;
        self.since = self.desk.now;
        self.desk.later(Span::seconds(1));
    }

    async fn hear(&mut self, event: GatewayEvent) {
        let tick = Tick::Live(self.desk.now);
        self.desk.pipeline.receive(vec![event], tick).await.expect("received");
    }

    fn delivery(&mut self, to: &str, text: &str, part: Option<Part>) -> Delivery {
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
    async fn tell(&mut self, delivery: Delivery) -> Open {
        self.hear(GatewayEvent::Delivery(Box::new(delivery.clone()))).await;
        Open(delivery)
    }

    async fn says(&mut self, text: &str) -> Open {
        let delivery = self.delivery(OURS, text, None);
        self.tell(delivery).await
    }

    /// The same once more, over the connection there is now.
    async fn again(&mut self, open: &Open) -> Open {
        self.number += 1;
        let (connection, number, since) = (self.connection, self.number, self.since);
        let mut delivery = open.0.clone();
        delivery.inbound.at = self.desk.now;
        self.tell(Delivery { connection, number, since, ..delivery }).await
    }

    async fn part(&mut self, reference: u16, (index, total): (u8, u8), words: &str) -> Open {
        let bytes = wayline_core::text::encode(words, Alphabet::Utf16).expect("all characters");
        self.part_of(reference, (index, total), bytes).await
    }

    async fn part_of(&mut self, reference: u16, (index, total): (u8, u8), bytes: Vec<u8>) -> Open {
        let alphabet = Alphabet::Utf16;
        let part = Part { reference, wide: false, total, index, alphabet, bytes };
        let delivery = self.delivery(OURS, "", Some(part));
        self.tell(delivery).await
    }

    async fn answered(&mut self, open: Open) {
        let Delivery { gateway, connection, number, print, .. } = open.0;
        let deliveries = vec![(print, number)];
        let answered = ConnectionEvent::Answered { gateway, connection, deliveries };
        self.hear(GatewayEvent::Connection(answered)).await;
    }

    /// The connection breaks, and there is a new one.
    async fn breaks(&mut self) {
        let (gateway, connection) = ("carrier".to_owned(), self.connection);
        self.hear(GatewayEvent::Connection(ConnectionEvent::Ended { gateway, connection })).await;
        self.connect();
    }

    /// We die, and begin again on what is in the store.
    async fn dies(&mut self) {
        self.desk.pipeline =
            Pipeline::open(Arc::clone(&self.desk.store)).await.expect("the store opens");
        self.connect();
    }

    /// What the person has said, as the engine took it.
    async fn said(&self) -> Vec<String> {
        let store = &self.desk.store;
        let mut texts = Vec::new();
        let people = store.contacts_by_phone(self.workspace, PERSON, 10).await.expect("a read");
        for contact in people {
            texts.extend(texts_of(self, contact).await);
        }
        texts
    }

    async fn kept(&self, why: Kept) -> u64 {
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

#[test]
fn what_was_taken_and_not_answered_when_we_died_is_taken_once() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let text = line.says("yes").await;
        line.dies().await;
        let text = line.again(&text).await;
        assert_eq!(line.said().await, ["yes"]);
        // Again, before the answer is written.
        line.dies().await;
        let text = line.again(&text).await;
        assert_eq!(line.said().await, ["yes"]);
        line.answered(text).await;
        line.says("yes").await;
        assert_eq!(line.said().await, ["yes", "yes"], "the person has said it once more");
    });
}

#[test]
fn what_was_not_answered_when_the_connection_broke_is_taken_once() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let text = line.says("yes").await;
        for _ in 0..3 {
            line.breaks().await;
            line.again(&text).await;
        }
        assert_eq!(line.said().await, ["yes"]);
        assert_eq!(line.kept(Kept::Unanswered).await, 1);
    });
}

#[test]
fn what_was_answered_and_comes_over_the_next_connection_was_said_again() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let text = line.says("yes").await;
        line.answered(text.clone()).await;
        assert_eq!(line.kept(Kept::Unanswered).await, 0);
        line.breaks().await;
        line.again(&text).await;
        assert_eq!(line.said().await, ["yes", "yes"]);
    });
}

#[test]
fn two_equal_texts_on_one_connection_are_two_answered_or_not() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let (one, two) = (line.says("yes").await, line.says("yes").await);
        assert_eq!(line.said().await, ["yes", "yes"]);
        // Neither was answered: both come again, and no third.
        line.breaks().await;
        line.again(&one).await;
        line.again(&two).await;
        assert_eq!(line.said().await, ["yes", "yes"]);
        line.says("yes").await;
        assert_eq!(line.said().await.len(), 3);
    });
}

#[test]
fn a_carrier_that_gave_up_on_a_connection_tells_it_over_a_newer_one() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let first = line.connection;
        let other = (first + 1, line.since);
        let text = line.says("yes").await;
        // Both connections were there: the person has said it twice.
        (line.connection, line.since) = other;
        line.says("yes").await;
        assert_eq!(line.said().await, ["yes", "yes"]);
        // One that was opened since: we do not know yet that the old one is dead.
        line.connection += 1;
        line.connect();
        line.again(&text).await;
        assert_eq!(line.said().await, ["yes", "yes"]);
    });
}

#[test]
fn what_says_the_same_long_after_is_another_text_and_rows_are_forgotten() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let text = line.says("yes").await;
        line.dies().await;
        line.desk.later(Span::minutes(10));
        line.again(&text).await;
        assert_eq!(line.said().await, ["yes", "yes"]);
        line.desk.later(Span::minutes(11));
        let keep = Keep { history: Span::days(1), messages: Span::days(1) };
        let now = line.desk.now;
        assert_eq!(line.desk.pipeline.retain(keep, now, 100).await.expect("forgets"), 2);
        assert_eq!(line.kept(Kept::Unanswered).await, 0);
    });
}

#[test]
fn parts_that_were_answered_before_we_died_are_joined_with_the_rest() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let first = line.part(7, (2, 3), "b").await;
        line.answered(first).await;
        let second = line.part(7, (1, 3), "a").await;
        line.dies().await;
        // Told again, it is not a second part.
        line.again(&second).await;
        assert_eq!(line.said().await, Vec::<String>::new());
        let third = line.part(7, (3, 3), "c").await;
        assert_eq!(line.said().await, ["abc"]);
        assert_eq!(line.kept(Kept::Part).await, 0);
        // The last one once more, because its answer was lost.
        line.breaks().await;
        line.again(&third).await;
        assert_eq!((line.said().await, line.kept(Kept::Part).await), (vec!["abc".to_owned()], 0));
    });
}

#[test]
fn parts_over_several_connections_and_of_several_texts_find_each_other() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        line.part(7, (1, 2), "a").await;
        line.connection += 1;
        line.part(8, (1, 2), "x").await;
        line.part(8, (2, 2), "y").await;
        line.part(7, (2, 2), "b").await;
        assert_eq!(line.said().await, ["xy", "ab"]);
        // A character that was cut in two.
        let bytes = wayline_core::text::encode("a😀", Alphabet::Utf16).expect("all characters");
        line.part_of(9, (1, 2), bytes[..4].to_vec()).await;
        line.part_of(9, (2, 2), bytes[4..].to_vec()).await;
        assert_eq!(line.said().await.last().map(String::as_str), Some("a😀"));
    });
}

#[test]
fn a_reference_used_again_begins_a_text_of_its_own() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        line.part(7, (1, 2), "old").await;
        line.part(7, (1, 2), "new ").await;
        line.part(7, (2, 2), "words").await;
        assert_eq!(line.said().await, ["new words"]);
        line.desk.later(Span(PARTS_WITHIN.0 + 1));
        let now = line.desk.now;
        assert_eq!(line.desk.pipeline.join_late(now).await.expect("joined"), 1);
        assert_eq!(line.said().await, ["new words".to_owned(), format!("old{MISSING}")]);
    });
}

#[test]
fn a_text_whose_parts_do_not_come_is_given_as_it_is_after_its_time() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        line.part(7, (2, 4), "b").await;
        line.desk.later(Span::minutes(1));
        line.part(7, (4, 4), "d").await;
        line.dies().await;
        let now = line.desk.now;
        assert_eq!(line.desk.pipeline.join_late(now).await.expect("joined"), 0);
        line.desk.later(Span(PARTS_WITHIN.0 - 60_000));
        let now = line.desk.now;
        assert_eq!(line.desk.pipeline.join_late(now).await.expect("joined"), 1);
        assert_eq!(line.said().await, [format!("{MISSING}b{MISSING}d")]);
        assert_eq!(line.kept(Kept::Part).await, 0);
    });
}

#[test]
fn parts_are_bounded_and_the_oldest_text_makes_room() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        line.part(0, (1, 2), "oldest").await;
        let store = Arc::clone(&line.desk.store);
        let row = store.texts_of(Kept::Part, "carrier", None, 1).await.expect("a read").remove(0);
        let copy = |n| {
            let (key, came_at) = (format!("{n:032x}/0000/001"), row.came_at + Span(1));
            Op::KeepText(KeptText { key, came_at, ..row.clone() })
        };
        let ops = (1..PARTS_MAX).map(copy).collect();
        store.commit(&Batch { ops }).await.expect("kept");
        assert_eq!(line.said().await, Vec::<String>::new());
        line.desk.later(Span::seconds(1));
        line.part(u16::MAX, (1, 2), "newest").await;
        assert_eq!(line.said().await, [format!("oldest{MISSING}")]);
        assert_eq!(line.kept(Kept::Part).await, PARTS_MAX);
    });
}

#[test]
fn a_text_to_a_sender_nobody_has_is_kept_once_and_only_so_many() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let stop = line.delivery("999", "STOP", None);
        let stop = line.tell(stop).await;
        line.dies().await;
        line.again(&stop).await;
        let rows = line.desk.store.texts_of(Kept::Unclaimed, "carrier", None, 10).await;
        let rows = rows.expect("a read");
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        let kept: Inbound = serde_json::from_str(&row.body).expect("a text");
        assert_eq!((kept.from.as_str(), kept.text.as_str()), (PERSON, "STOP"));
        assert_eq!(kept.destination.number(), "999");
        assert!(line.desk.pipeline.take_set_aside()[0].contains("999"));
        for n in 0..UNCLAIMED_MAX {
            line.desk.later(Span(1));
            let next = line.delivery("999", &n.to_string(), None);
            line.tell(next).await;
        }
        assert_eq!(line.kept(Kept::Unclaimed).await, UNCLAIMED_MAX);
        let rows = line.desk.store.texts_of(Kept::Unclaimed, "carrier", None, 1).await;
        assert!(rows.expect("a read")[0].body.contains("\"0\""), "the oldest went");
    });
}

#[test]
fn a_text_told_again_and_again_is_no_loop() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let text = line.says("yes").await;
        for _ in 0..30 {
            line.breaks().await;
            line.again(&text).await;
        }
        line.says("no").await;
        assert_eq!(line.said().await, ["yes", "no"]);
    });
}

#[test]
fn of_two_workspaces_with_one_sender_the_one_that_took_a_text_keeps_it() {
    pollster::block_on(async {
        let mut line = Line::open().await;
        let gateway = Scripted::new(9);
        line.desk.gateway("carrier", &gateway);
        let other = line.desk.workspace("spa", SENDER).await;
        let text = line.says("hello").await;
        assert_eq!(line.said().await, ["hello"]);
        // The other one writes to the person before the text is told again.
        let lines = [
            r#"{"type":"identify","userId":"1","traits":{"phone":"+12065550100"}}"#,
            r#"{"type":"track","userId":"1","event":"offer"}"#,
        ];
        let now = line.desk.now;
        let arrivals: Vec<_> = lines
            .iter()
            .map(|text| (read(other, text.as_bytes(), Some(now)).expect("a line"), now))
            .collect();
        line.desk.pipeline.accept(&arrivals).await.expect("taken");
        assert_eq!(line.desk.turn().await.len(), 1);
        line.breaks().await;
        line.again(&text).await;
        assert_eq!(line.said().await, ["hello"]);
        line.says("and now").await;
        assert_eq!(line.said().await, ["hello"], "that is for the other one");
        line.workspace = other;
        assert_eq!(line.said().await, ["and now"]);
    });
}
