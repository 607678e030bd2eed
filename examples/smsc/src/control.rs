//! `/control`: figures, settings while it runs, people who write, accidents on demand.
//!
//! Must never be open to others than the machine itself: there is no password.

use crate::account::Errand;
use crate::broken::Misbehaviour;
use crate::clock;
use crate::http;
use crate::listen::World;
use crate::message::{self, Address, Delivery};
use crate::shared::Shared;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// The routes below `/control`.
pub(crate) fn routes() -> Router<World> {
    Router::new()
        .route("/control", get(read).put(change))
        .route("/control/inbound", post(inbound))
        .route("/control/drop", post(cut))
        .route("/control/misbehave", post(misbehave))
}

async fn read(State(world): State<World>) -> Response {
    axum::Json(world.shared.state()).into_response()
}

async fn change(State(world): State<World>, body: Bytes) -> Response {
    let changes: Map<String, Value> = match parse(&body) {
        Ok(changes) => changes,
        Err(error) => return refuse(&error),
    };
    match world.shared.behaviour().with(changes) {
        Ok(behaviour) => {
            world.shared.set(behaviour.clone());
            axum::Json(behaviour).into_response()
        }
        Err(error) => refuse(&error.to_string()),
    }
}

/// How a text of a person comes in.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Way {
    Smpp,
    Http,
}

/// A person who writes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inbound {
    from: String,
    to: String,
    text: String,
    system_id: Option<String>,
    way: Option<Way>,
    /// Parts in the wrong order.
    #[serde(default)]
    reversed: bool,
}

async fn inbound(State(world): State<World>, body: Bytes) -> Response {
    let asked: Inbound = match parse(&body) {
        Ok(asked) => asked,
        Err(error) => return refuse(&error),
    };
    let shared = &world.shared;
    let has_url = !shared.behaviour().inbound_url.is_empty();
    let over_http = match asked.way {
        Some(way) => matches!(way, Way::Http),
        None => has_url && shared.receiver(asked.system_id.as_deref()).is_none(),
    };
    if over_http {
        let taken = http::write_over_http(&world, &asked.from, &asked.to, &asked.text).await;
        return axum::Json(json!({ "way": "http", "taken": taken })).into_response();
    }
    let system_id = asked.system_id.as_deref();
    let parts =
        write_over_smpp(shared, &asked.from, &asked.to, &asked.text, system_id, asked.reversed);
    if parts == 0 {
        return refuse(
            "nobody can receive: bind a receiver, or set inbound_url; a number has 20 digits at most",
        );
    }
    axum::Json(json!({ "way": "smpp", "parts": parts })).into_response()
}

/// Hands a text of a person to a receiver. Returns the number of parts.
pub(crate) fn write_over_smpp(
    shared: &Shared,
    from: &str,
    to: &str,
    text: &str,
    system_id: Option<&str>,
    reversed: bool,
) -> usize {
    let (Some(from), Some(to)) = (Address::of(from), Address::of(to)) else { return 0 };
    let Some(account) = shared.receiver(system_id) else { return 0 };
    let now = clock::now();
    let reference = shared.register(now, crate::fate::Ending::Delivered) as u8;
    let mut parts = message::parts(&from, &to, text, reference);
    if reversed {
        parts.reverse();
    }
    let count = parts.len();
    for part in parts {
        account.route(now, Delivery::Text(part), None);
    }
    count
}

async fn cut(State(world): State<World>) -> Response {
    let cut = world.shared.tell_all(|| Errand::Cut);
    axum::Json(json!({ "cut": cut })).into_response()
}

/// What to do on every connection.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Accident {
    what: Misbehaviour,
}

async fn misbehave(State(world): State<World>, body: Bytes) -> Response {
    match parse::<Accident>(&body) {
        Ok(Accident { what }) => {
            let connections = world.shared.tell_all(|| Errand::Misbehave(what));
            axum::Json(json!({ "connections": connections })).into_response()
        }
        Err(error) => refuse(&error),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn refuse(why: &str) -> Response {
    (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": why }))).into_response()
}
