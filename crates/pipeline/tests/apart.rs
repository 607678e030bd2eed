//! One contact that cannot be read is set aside, and everybody else goes on.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use wayline_core::consent::{Channel, ConsentState};
use wayline_core::contact::State;
use wayline_core::event::SubmitOutcome;
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::journey::workspace::load;
use wayline_core::message::MessageState;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::Pipeline;
use wayline_pipeline::definitions::Definitions;
use wayline_pipeline::gateway::{GatewayEvent, Inbound};
use wayline_pipeline::ingest::read;
use wayline_pipeline::tick::Tick;
use wayline_store::batch::{Batch, Identity, IdentityKind, Op, StateRow};
use wayline_store::{MemoryStore, Store};

const WORKSPACE: &str =
    "workspace: acme\ncountry: US\ntime_zone: America/New_York\nconsent: assumed\n";
const NAP: &str = "journey: nap\nentry: {event: nap}\nsteps:\n  nap: {wait: 1h}\n  note: {update: {tag: [rested]}}\n";
const ASK: &str = "journey: ask\nentry: {event: ask}\nsteps:\n  tell: {send: {sms: Hello}}\n";
/// Who cannot be read; those before and behind can.
const DAMAGED: ContactId = ContactId(2);
const ALL: [ContactId; 3] = [ContactId(1), DAMAGED, ContactId(3)];
const PHONE: &str = "+12025550142";

/// Three people with one number to whom `event` happened, and the stages opened again.
async fn opened(event: &str) -> (Arc<Store>, Pipeline, Timestamp) {
    let store = Arc::new(Store::from(MemoryStore::new()));
    let mut pipeline = Pipeline::open(store.clone()).await.expect("an empty store opens");
    let start = Timestamp::parse("2026-06-01T16:00:00Z").expect("an instant");
    pipeline.publish(&definitions(&[NAP, ASK]), 1, start).await.expect("it compiles");
    for contact in ALL {
        let lines = [
            format!(r#"{{"type":"identify","userId":"{contact}","traits":{{"phone":"{PHONE}"}}}}"#),
            format!(r#"{{"type":"track","userId":"{contact}","event":"{event}"}}"#),
        ];
        for line in lines {
            let arrival = read(WorkspaceId(1), line.as_bytes(), Some(start)).expect("a line");
            pipeline.accept(&[(arrival, start)]).await.expect("taken");
        }
    }
    (store, pipeline, start)
}

fn definitions(journeys: &[&str]) -> Definitions {
    let mut files = vec![("workspace.yaml".to_owned(), WORKSPACE.as_bytes())];
    for text in journeys {
        let name = text.lines().next().and_then(|line| line.strip_prefix("journey: "));
        files.push((format!("journeys/{}.yaml", name.expect("a name")), text.as_bytes()));
    }
    let files = files.iter().map(|(file, text)| (file.as_str(), *text));
    let loaded = load(files).expect("it is valid");
    Definitions {
        segments: loaded.segment_definitions().cloned().collect(),
        journeys: loaded.journey_definitions().cloned().collect(),
        workspace: loaded.workspace,
    }
}

/// Makes the state of one unreadable, as a bad disk does.
async fn damage(store: &Arc<Store>) -> Pipeline {
    let record = store.contacts(&[DAMAGED]).await.expect("rows").remove(0).expect("a contact");
    let row = StateRow {
        workspace: WorkspaceId(1),
        contact: DAMAGED,
        expected_version: record.version,
        body: vec![0xff; 7],
        wake: record.wake,
    };
    store.commit(&Batch { ops: vec![Op::PutState(row)] }).await.expect("kept");
    Pipeline::open(store.clone()).await.expect("it opens again")
}

async fn state(store: &Store, contact: ContactId) -> State {
    let record = store.contacts(&[contact]).await.expect("rows").remove(0).expect("a contact");
    State::decode(contact, &record.state).expect("a state")
}

fn assert_told(pipeline: &mut Pipeline) {
    let told = pipeline.take_set_aside();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("contact 2 is set aside"), "{told:?}");
}

#[test]
fn timers_of_the_others_fire() {
    pollster::block_on(async {
        let (store, _, start) = opened("nap").await;
        let mut pipeline = damage(&store).await;
        let due = start + Span::hours(1);
        assert_eq!(pipeline.wake(Tick::Live(due), 100).await.expect("it goes on"), 3);
        assert_told(&mut pipeline);
        for contact in [ContactId(1), ContactId(3)] {
            assert_eq!(state(&store, contact).await.enrollments.len(), 0);
        }
        assert_eq!(pipeline.wake(Tick::Live(due), 100).await.expect("it goes on"), 0);
        let later = due + Span::hours(1);
        assert_eq!(pipeline.wake(Tick::Live(later), 100).await.expect("it goes on"), 1);
    });
}

#[test]
fn messages_of_the_others_go_out_and_are_answered() {
    pollster::block_on(async {
        let (store, _, start) = opened("ask").await;
        let mut pipeline = damage(&store).await;
        let tick = Tick::Live(start);
        let (claimed, out) = pipeline.claim(tick, 100).await.expect("it goes on");
        assert_eq!((claimed, out.len()), (3, 2));
        assert_told(&mut pipeline);
        assert_eq!(pipeline.claim(tick, 100).await.expect("it goes on").0, 0);
        let outcomes = vec![SubmitOutcome::Unknown; 2];
        pipeline.answer(out, outcomes, tick).await.expect("it goes on");
        let due = store.messages_due(start + Span::hours(1), 10).await.expect("rows");
        assert_eq!(due.len(), 1, "it is asked about again in an hour");
    });
}

#[test]
fn what_a_crash_left_is_unknown_also_for_the_damaged() {
    pollster::block_on(async {
        let (store, mut before, start) = opened("ask").await;
        let (_, out) = before.claim(Tick::Live(start), 100).await.expect("claimed");
        drop(before);
        let ids: Vec<_> = out.iter().map(|message| message.id).collect();
        let Store::Memory(memory) = &*store else { panic!("it is in memory") };
        memory.begin_run().expect("a new run");
        let mut pipeline = damage(&store).await;
        assert_eq!(pipeline.recover(start).await.expect("it goes on"), 3);
        assert_told(&mut pipeline);
        for message in store.messages(&ids).await.expect("rows") {
            assert_eq!(message.expect("a message").state, MessageState::Unknown);
        }
    });
}

#[test]
fn a_stop_reaches_the_others_with_that_number() {
    pollster::block_on(async {
        let (store, _, start) = opened("nap").await;
        let mut pipeline = damage(&store).await;
        let (from, text) = (PHONE.to_owned(), "STOP".to_owned());
        let stop = Inbound::to_workspace(WorkspaceId(1), None, from, text, start);
        let events = vec![GatewayEvent::Inbound(stop)];
        pipeline.receive(events, Tick::Live(start)).await.expect("it goes on");
        assert_told(&mut pipeline);
        for contact in [ContactId(1), ContactId(3)] {
            let consent = state(&store, contact).await.consent(Channel::Sms, None);
            assert_eq!(consent, Some(ConsentState::OptedOut));
        }
        let letters = store.dead_letters(WorkspaceId(1), None, 10).await.expect("letters");
        assert_eq!(letters.len(), 1, "what was said is kept: {letters:?}");
        assert_eq!(pipeline.dead_letters, 1);
    });
}

#[test]
fn a_look_at_everybody_ends() {
    pollster::block_on(async {
        let (store, _, start) = opened("nap").await;
        let mut pipeline = damage(&store).await;
        pipeline.pause(WorkspaceId(1), "nap", start).await.expect("paused");
        pipeline.resume(WorkspaceId(1), "nap", start).await.expect("resumed");
        let mut pages = 0;
        while pipeline.schedule(Tick::Live(start)).await.expect("it goes on") > 0 {
            pages += 1;
            assert!(pages < 10, "the same page comes again and again");
        }
        assert_told(&mut pipeline);
    });
}

#[test]
fn a_text_of_a_number_whose_contact_has_another_one_and_cannot_be_read_is_set_aside() {
    pollster::block_on(async {
        let (store, mut pipeline, start) = opened("nothing").await;
        let identity = Identity {
            workspace: WorkspaceId(1),
            kind: IdentityKind::Phone,
            value: "+12025550199".to_owned(),
        };
        let link = Op::LinkIdentity(identity, DAMAGED);
        store.commit(&Batch { ops: vec![link] }).await.expect("kept");
        drop(pipeline);
        pipeline = damage(&store).await;
        let text = |from: &str| {
            let (id, from) = (Some(from.to_owned()), from.to_owned());
            let inbound = Inbound::to_workspace(WorkspaceId(1), id, from, "hi".to_owned(), start);
            GatewayEvent::Inbound(inbound)
        };
        let events = vec![text("+12025550199"), text("+12025550177")];
        pipeline.receive(events, Tick::Live(start)).await.expect("the others go on");
        assert_told(&mut pipeline);
        assert_eq!(store.dead_letters(WorkspaceId(1), None, 10).await.expect("rows").len(), 1);
        let others = store.contacts_by_phone(WorkspaceId(1), "+12025550177", 10).await;
        assert_eq!(others.expect("a read").len(), 1);
    });
}
