//! A drive whose carrier answers at once does in one commit what the stages do in many: nobody's story differs.

#![allow(clippy::expect_used, reason = "what cannot go on has to stop the test")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use wayline_core::ids::{ContactId, MessageId};
use wayline_core::journey::parse::{parse_journey, parse_workspace};
use wayline_core::message::Message;
use wayline_core::time::{Span, Timestamp};
use wayline_pipeline::Pipeline;
use wayline_pipeline::definitions::Definitions;
use wayline_pipeline::ingest::read;
use wayline_sim::drive::Drive;
use wayline_sim::random::Random;
use wayline_sim::world::World;
use wayline_store::batch::{Batch, Op};
use wayline_store::{MemoryStore, Store};

const WORKSPACE: &str = include_str!("../../../examples/appointments/q1/workspace.yaml");
/// Sends at entry, twice in a row, holds by night, restarts, is left with something on its way.
const JOURNEY: &str = "journey: cart
purpose: marketing
entry:
  event: added
  while_active: restart
  once_ended: always
exit:
  - {event: bought, as: bought}
steps:
  first:
    send: {sms: \"{{ event.item }}: yours?\"}
  again:
    send: {sms: \"{{ event.item }}: still yours?\"}
  pause: {wait: 3h}
  last:
    send:
      sms: \"{{ event.item }}: last call\"
      not_after: 2h
";

/// What happened to each contact, in order, and what became of the messages.
type Stories = (BTreeMap<ContactId, Vec<String>>, BTreeMap<MessageId, Message>);

fn lines() -> Vec<String> {
    let mut draw = Random::new(5);
    let mut at = Timestamp(1_767_225_600_000);
    let line = |_| {
        at = at + draw.span(Span::seconds(0), Span::minutes(40));
        let (who, event) = (draw.below(12), ["added", "added", "bought"][draw.below(3)]);
        format!(
            r#"{{"type":"track","event":"{event}","userId":"p{who}","timestamp":"{}","properties":{{"item":"hat {who}"}}}}"#,
            at.to_jiff()
        )
    };
    let phones = (0..12).map(|who| {
        let at = Timestamp(1_767_225_500_000).to_jiff();
        format!(
            r#"{{"type":"identify","userId":"p{who}","timestamp":"{at}","traits":{{"phone":"+55119612345{who:02}"}}}}"#
        )
    });
    let phones: Vec<String> = phones.collect();
    phones.into_iter().chain((0..600).map(line)).collect()
}

fn note(batch: Batch, (contacts, messages): &mut Stories) {
    for op in batch.ops {
        match op {
            Op::AppendDecision(row) => {
                contacts.entry(row.contact).or_default().push(format!("{:?}", row.decision));
            }
            Op::PutEnrollment(row) => {
                contacts.entry(row.contact).or_default().push(format!("{row:?}"));
            }
            Op::InsertMessage(message) => drop(messages.insert(message.id, *message)),
            Op::ChangeMessage { id, change, .. } => {
                messages.get_mut(&id).expect("it was made").apply(&change);
            }
            _ => {}
        }
    }
}

async fn stories(world: Option<World>) -> Stories {
    let mut pipeline =
        Pipeline::open(Arc::new(Store::from(MemoryStore::new()))).await.expect("it opens");
    let definitions = Definitions {
        workspace: parse_workspace("workspace.yaml", WORKSPACE.as_bytes()).expect("it parses"),
        segments: Vec::new(),
        journeys: vec![parse_journey("cart.yaml", JOURNEY.as_bytes()).expect("it parses")],
    };
    let published = pipeline.publish(&definitions, 1, Timestamp(0)).await.expect("publishable");
    let seen = Arc::new(Mutex::new(Stories::default()));
    let shared = Arc::clone(&seen);
    pipeline.observe(Box::new(move |batch| note(batch, &mut shared.lock().expect("alive"))));
    let mut drive = Drive::new(pipeline, world, 1);
    for line in lines() {
        let arrival = read(published.workspace, line.as_bytes(), None).expect("a good line");
        drive.feed(arrival).await.expect("taken");
    }
    drive.finish(None).await.expect("finished");
    drop(drive);
    std::mem::take(&mut *seen.lock().expect("alive"))
}

#[test]
fn one_commit_tells_the_same_stories_as_many() {
    let at_once = pollster::block_on(stories(None));
    // A world in which nobody reacts: the same carrier, driven stage by stage.
    let staged = pollster::block_on(stories(Some(World::default())));
    assert!(at_once.1.len() > 500, "{} messages", at_once.1.len());
    for (contact, story) in &at_once.0 {
        assert_eq!(Some(story), staged.0.get(contact), "contact {contact}");
    }
    assert_eq!(at_once.1, staged.1);
}
