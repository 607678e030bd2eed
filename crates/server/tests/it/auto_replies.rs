//! What goes out by itself after STOP, HELP and START: in a replay's files, and over a carrier as the API tells it.

use crate::callbacks::world;
use crate::gateways::workspace;
use crate::live::until;
use crate::program::repository;
use crate::replayed::{Replay, Row, input};
use serde_json::{Value as Json, json};
use std::fs;
use wayline_smsc::{Delay, Share};

const REPLIES: &str = "\
auto_replies:
  stop: \"{{ workspace.brand }}: bye.\"
  help: \"{{ workspace.brand }}: call us.\"
";
const LINES: &str = r#"
{"type":"identify","userId":"ann","timestamp":"2026-03-02T15:00:00Z","traits":{"phone":"+12125550123"}}
{"type":"inbound","userId":"ann","timestamp":"2026-03-02T15:01:00Z","text":"STOP"}
{"type":"inbound","userId":"ann","timestamp":"2026-03-02T15:02:00Z","text":"stop"}
{"type":"inbound","userId":"ann","timestamp":"2026-03-02T15:03:00Z","text":"HELP"}
{"type":"inbound","userId":"ann","timestamp":"2026-03-02T15:04:00Z","text":"START"}
"#;

/// The messages of a replay of the shop with more in its workspace.
fn replayed(more: &str) -> Vec<Row> {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = repository("examples/shop");
    fs::create_dir(folder.path().join("journeys")).expect("a folder");
    for file in fs::read_dir(shop.join("journeys")).expect("the shop") {
        let path = file.expect("a file").path();
        let name = path.file_name().expect("a name");
        fs::copy(&path, folder.path().join("journeys").join(name)).expect("a copy");
    }
    let settings = fs::read_to_string(shop.join("workspace.yaml")).expect("the shop");
    input(folder.path(), "workspace.yaml", settings + more);
    let lines = tempfile::tempdir().expect("a folder");
    let lines = input(lines.path(), "events.ndjson", LINES.trim_start());
    let replay = Replay::of(folder.path()).with("--input", &lines);
    replay.run().table("messages.csv")
}

#[test]
fn a_replay_writes_them_as_messages_of_no_journey() {
    assert_eq!(replayed(""), Vec::<Row>::new(), "absent: nothing goes out");
    let rows = replayed(REPLIES);
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            ["sent_at", "journey", "step", "outcome", "reason", "text"].map(|it| row[it].as_str())
        })
        .collect();
    let sent = |at, step, text| [at, "", step, "sent", "gateway_accepted", text];
    assert_eq!(
        told,
        [
            sent("2026-03-02T15:01:00.000Z", "stop", "Juniper Coffee: bye."),
            sent("2026-03-02T15:03:00.000Z", "help", "Juniper Coffee: call us."),
        ]
    );
}

#[test]
fn a_stop_over_a_carrier_is_confirmed_once() {
    let world = world(|settings| {
        let behaviour = &mut settings.behaviour;
        behaviour.people = true;
        behaviour.replies = Share::ALWAYS;
        behaviour.stops = Share::default();
        behaviour.reply_delay_ms = Delay::default();
        behaviour.reply_texts = vec!["STOP".to_owned()];
    });
    let mut files = workspace("cafe");
    files.entry("workspace.yaml".to_owned()).and_modify(|text| text.push_str(REPLIES));
    files.insert("journeys/liked.yaml".to_owned(), crate::callbacks::JOURNEY.to_owned());
    world.live.apply_files("cafe", &files);
    world.order();
    let contact = until("the person is known", || {
        let contacts = world.live.get("/api/v1/workspaces/cafe/contacts").expect(200);
        contacts["items"][0]["id"].as_u64()
    });
    let timeline = || {
        let path = format!("/api/v1/workspaces/cafe/contacts/{contact}/timeline");
        world.live.get(&path).expect(200)["items"].as_array().expect("items").clone()
    };
    // They answer STOP to the journey's text, and once more to the confirmation.
    let story = until("two STOPs are heard", || {
        let story = timeline();
        let stops = story.iter().filter(|it| it["input"]["body"]["text"] == "STOP").count();
        (stops == 2).then_some(story)
    });
    let replies: Vec<&Json> =
        story.iter().map(|it| &it["message"]).filter(|it| it["journey"] == "").collect();
    assert_eq!(replies.len(), 1, "{story:#?}");
    let reply = replies[0];
    let told =
        [&reply["step"], &reply["state"], &reply["text"], &reply["sender"], &reply["purpose"]];
    let is = ["stop", "delivered", "Cafe: bye.", "main", "transactional"];
    assert_eq!(told, is.map(|it| json!(it)).each_ref());
    let id = reply["id"].as_str().expect("an id");
    let found = world.live.get(&format!("/api/v1/workspaces/cafe/messages/{id}")).expect(200);
    let decisions = found["decisions"].as_array().expect("decisions").iter();
    let decisions: Vec<_> = decisions
        .map(|it| [&it["what"], &it["reason"], &it["detail"], &it["journey"]].map(Clone::clone))
        .collect();
    let about = |what: &str, reason: &str| [json!(what), json!(reason), json!("stop"), Json::Null];
    assert_eq!(
        decisions,
        [
            about("queued", "keyword"),
            about("sent", "gateway_accepted"),
            about("delivered", "receipt"),
        ]
    );
    assert_eq!(world.carrier.state().total.accepted, 2);
}
