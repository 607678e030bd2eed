//! A provider on loopback whose answers are lost, and the engine that asks it afterwards.

use super::*;
use crate::gateway::http::Secrets;
use crate::live::{Flow, Inbox, Outside, Stages, WebCaller};
use crate::run::Clock;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::RwLock;
use tokio::sync::watch;
use wayline_core::ids::WorkspaceId;
use wayline_core::journey::workspace::load;
use wayline_core::message::MessageState;
use wayline_core::time::Span;
use wayline_pipeline::Pipeline;
use wayline_pipeline::definitions::Definitions;
use wayline_pipeline::gateway::{Connection, Gateways};
use wayline_pipeline::ingest::read;
use wayline_pipeline::retain::Keep;
use wayline_smsc::{Carrier, Settings, Share};
use wayline_store::{MemoryStore, Store};

const WORKSPACE: &str = "workspace: cafe\ncountry: US\ntime_zone: America/New_York\nconsent: assumed\nquiet_hours: none\n\
    senders:\n  - {id: main, number: \"+12025550100\", kind: ten_dlc, gateway: main}\n";
const JOURNEY: &str = "journey: thanks\npurpose: transactional\nentry: {event: ordered}\n\
    steps:\n  tell: {send: {sms: \"Thanks & see you.\"}}\n";

/// A person who is to get one message.
async fn ordered(store: &Arc<Store>, now: Timestamp) -> (Pipeline, WorkspaceId) {
    let mut pipeline = Pipeline::open(Arc::clone(store)).await.expect("an empty store opens");
    let files = [("workspace.yaml", WORKSPACE), ("journeys/thanks.yaml", JOURNEY)];
    let loaded = load(files.map(|(file, text)| (file, text.as_bytes())));
    let loaded = loaded.unwrap_or_else(|problems| panic!("{problems:?}"));
    let definitions = Definitions {
        segments: loaded.segment_definitions().cloned().collect(),
        journeys: loaded.journey_definitions().cloned().collect(),
        workspace: loaded.workspace,
    };
    pipeline.publish(&definitions, 1, now).await.expect("it compiles");
    let found = store.workspace_by_slug("cafe").await.expect("a read");
    let workspace = found.expect("it is there").id;
    for line in [
        json!({"type": "identify", "userId": "1", "traits": {"phone": "+12065550001"}}),
        json!({"type": "track", "userId": "1", "event": "ordered"}),
    ] {
        let arrival = read(workspace, line.to_string().as_bytes(), Some(now)).expect("a line");
        pipeline.accept(&[(arrival, now)]).await.expect("taken");
    }
    (pipeline, workspace)
}

fn twilio(carrier: &Carrier, events: Events) -> WebGateway {
    let settings = json!({
        "account_sid": Settings::default().behaviour.account_sid,
        "base_url": format!("http://{}", carrier.http_addr()),
    });
    let secrets: Secrets = [("auth_token".to_owned(), "secret".to_owned())].into_iter().collect();
    let provider = HttpProvider::new("twilio", settings, &secrets, BTreeMap::new());
    let provider = provider.expect("settings are right");
    let parts = Parts { provider, events, window: 4, callbacks: None, private: true };
    WebGateway::open(parts).expect("it opens")
}

/// Sends one message whose answer is lost, and asks for it afterwards. What the store has of it before and after.
async fn lost_and_asked_for(went: Share) -> [(MessageState, Option<String>); 2] {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let carrier = Carrier::start(Settings::default()).await.expect("a carrier");
    carrier.set(|it| (it.dropped, it.lost_went) = (Share::ALWAYS, went));
    let clock = Arc::new(Clock::start(1, None));
    let mut now = clock.now();
    let store = Arc::new(Store::from(MemoryStore::new()));
    let (pipeline, workspace) = ordered(&store, now).await;
    let (_stop, stopping) = watch::channel(false);
    let (_live, mut inbox, outcomes) = Inbox::new(stopping);
    let gateway = twilio(&carrier, Events::new("main", outcomes.clone(), clock));
    let mut gateways = Gateways::default();
    gateways.set("main", Connection { is_real: true, ..Connection::free(Arc::new(gateway)) });
    let caller = Arc::new(WebCaller::new(true).expect("TLS"));
    let runtime = tokio::runtime::Handle::current();
    let outside = Outside::new(runtime, Arc::new(RwLock::new(gateways)), caller, outcomes);
    let keep = Keep { history: Span::days(30), messages: Span::days(30) };
    let mut stages = Stages::new(pipeline, outside, keep, Flow::default());
    let message = async || {
        let all = store.messages_of_workspace(workspace, None, 10).await.expect("messages");
        let [message] = all.as_slice() else { panic!("{all:?}") };
        (message.state, message.gateway_ref.clone())
    };

    // It is handed out, and its answer is lost.
    while stages.round(&mut inbox, || now).await.expect("a round").did > 0 {}
    inbox.wait().await;
    while stages.round(&mut inbox, || now).await.expect("a round").did > 0 {}
    let before = message().await;
    if went == Share::ALWAYS {
        carrier.until(|state| state.total.delivered == 1).await;
    }
    // Wherever looking at what is unknown stands: it has been all round by then.
    now = now + Span::seconds(90);
    for _ in 0..3 {
        now = now + Span::seconds(31);
        while stages.round(&mut inbox, || now).await.expect("a round").did > 0 {}
    }
    inbox.wait().await;
    while stages.round(&mut inbox, || now).await.expect("a round").did > 0 {}
    assert_eq!(carrier.state().total.submits, 1, "it is sent once");
    [before, message().await]
}

#[tokio::test]
async fn a_message_that_went_is_found_and_one_that_did_not_stays_unknown() {
    let [before, after] = lost_and_asked_for(Share::ALWAYS).await;
    assert_eq!(before, (MessageState::Unknown, None));
    assert_eq!(after.0, MessageState::Delivered);
    assert!(after.1.is_some_and(|sid| sid.starts_with("SM")));
    let [before, after] = lost_and_asked_for(Share::default()).await;
    assert_eq!(before, (MessageState::Unknown, None));
    assert_eq!(after, before);
}
