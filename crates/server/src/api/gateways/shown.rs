//! A gateway as people see it: settings, the names of its secrets, and how it stands.
//!
//! Must never show the value of a secret.

use super::Owner;
use crate::api::App;
use crate::api::error::ApiError;
use crate::gateway::{Registry, RegistryError, Setup, Status};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::PoisonError;
use utoipa::ToSchema;
use wayline_pipeline::dispatch::FlowView;
use wayline_store::batch::{GatewayRow, Kept};

/// The kind that nobody calls back.
const SMPP: &str = "smpp";

/// A gateway.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct GatewayShown {
    id: String,
    /// How messages and metrics name it: `workspace/id`, or the id alone when it is the operator's.
    key: String,
    /// `smpp`, or an HTTP provider: `GET /api/v1/gateways/kinds` has all of them.
    kind: String,
    /// `active`, `paused` or `draining`.
    standing: &'static str,
    /// Settings of its kind.
    settings: Value,
    /// Names of the secrets it has; their values are never shown.
    secrets: Vec<String>,
    /// Parts a second it is given at most; null: as fast as it answers.
    parts_per_second: Option<f64>,
    /// Workspaces that may use it, when it is the operator's; null: all.
    shared_with: Option<Vec<String>>,
    /// What its codes mean, where that differs from the table.
    error_classes: BTreeMap<String, &'static str>,
    /// Requests under way at once, of an HTTP gateway; null: 20.
    requests_at_once: Option<u16>,
    /// Grows with every change.
    #[schema(minimum = 1)]
    revision: u64,
    /// RFC 3339.
    updated_at: String,
    /// Where its provider sends receipts and texts; null: nowhere, `http.public_url` is not set or it is smpp.
    callback_url: Option<String>,
    /// Why it does not run; null: it does.
    problem: Option<String>,
    /// How it is.
    status: GatewayStatus,
}

/// How a gateway is at this moment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct GatewayStatus {
    /// Null: it does not run.
    connection: Option<ConnectionShown>,
    /// Null: nothing was handed to it since the start.
    flow: Option<FlowShown>,
    /// Texts of people to senders that nobody has; `GET …/unclaimed` lists those of the operator's gateways.
    unclaimed: u64,
}

/// The connection of a gateway.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ConnectionShown {
    /// Whether messages wait for it rather than take another route.
    up: bool,
    /// Connections it keeps; 0: it opens them as needed.
    connections: usize,
    /// Those that are bound.
    connections_up: usize,
    /// Submits that may be unanswered at once.
    window: usize,
    /// Those that are.
    in_flight: usize,
    /// How long the last answers took; null: there was none.
    latency: Option<LatencyShown>,
    /// When it last bound, or last took a message, RFC 3339.
    last_up_at: Option<String>,
    /// When it is tried again, RFC 3339.
    next_try_at: Option<String>,
    /// What last went wrong.
    last_problem: Option<String>,
    /// How the other side calls itself.
    peer: Option<String>,
}

/// Milliseconds from handing a message over to the answer, of the last answers.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct LatencyShown {
    /// Half of them took at most this.
    p50_ms: f64,
    /// Nine in ten.
    p90_ms: f64,
    /// Ninety-nine in a hundred.
    p99_ms: f64,
}

/// What came of the messages a gateway was given since the start.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct FlowShown {
    /// Parts taken in the last second.
    parts_last_second: u32,
    /// Parts a second it may be given now; null: any number.
    rate: Option<f64>,
    /// Until when it is left alone because it failed too often, RFC 3339; null: it is not.
    left_alone_until: Option<String>,
    /// Messages it took.
    accepted: u64,
    /// Messages whose answer was lost.
    unknown: u64,
    /// Refusals, by what they mean.
    errors: BTreeMap<&'static str, u64>,
    /// The last one.
    last_error: Option<LastError>,
}

/// An error, and when.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct LastError {
    /// RFC 3339.
    at: String,
    /// What the carrier said.
    text: String,
}

/// A gateway.
pub(super) async fn gateway(
    app: &App,
    owner: &Owner,
    row: &GatewayRow,
) -> Result<GatewayShown, ApiError> {
    let key = owner.key(&row.id);
    let unclaimed = app.store.texts_count(Kept::Unclaimed, &key).await?;
    Ok(as_it_is(app, key, row, unclaimed))
}

fn as_it_is(app: &App, key: String, row: &GatewayRow, unclaimed: u64) -> GatewayShown {
    let setup: Setup = serde_json::from_str(&row.settings).unwrap_or_default();
    let secrets = app.registry.safe().unseal(&key, &row.secrets);
    let status = app.registry.status(&key);
    let problem = match (&status, &secrets) {
        (Some(_), _) => None,
        (None, Err(error)) => Some(error.to_string()),
        (None, Ok(secrets)) => Some(match Registry::check_setup(&row.kind, &setup, secrets) {
            Err(error) => error.to_string(),
            Ok(()) => "it could not be opened; the log says why".to_owned(),
        }),
    };
    let classes = &setup.error_classes;
    GatewayShown {
        kind: row.kind.clone(),
        standing: row.standing.as_str(),
        secrets: secrets.map(|it| it.into_keys().collect()).unwrap_or_default(),
        parts_per_second: setup.parts_per_second,
        error_classes: classes.iter().map(|(code, it)| (code.clone(), it.as_str())).collect(),
        requests_at_once: setup.requests_at_once,
        revision: row.revision,
        updated_at: row.updated_at.to_string(),
        callback_url: Some(&row.kind)
            .filter(|kind| *kind != SMPP)
            .and_then(|_| app.registry.callbacks(&key)),
        problem,
        status: GatewayStatus {
            connection: status.map(connection),
            flow: flow_of(app, &key).map(|view| flow(&view)),
            unclaimed,
        },
        id: row.id.clone(),
        key,
        settings: setup.settings,
        shared_with: setup.shared_with,
    }
}

/// As [`gateway`], right after it was set up.
pub(super) async fn changed(
    app: &App,
    owner: &Owner,
    (row, opened): (&GatewayRow, Option<RegistryError>),
) -> Result<GatewayShown, ApiError> {
    let mut shown = gateway(app, owner, row).await?;
    if let Some(error) = opened {
        shown.problem = Some(error.to_string());
    }
    Ok(shown)
}

fn flow_of(app: &App, key: &str) -> Option<FlowView> {
    let views = app.flow.lock().unwrap_or_else(PoisonError::into_inner);
    views.iter().find(|view| view.gateway == key).cloned()
}

fn connection(status: Status) -> ConnectionShown {
    let latency = status.latency.map(|it| LatencyShown {
        p50_ms: tenths(it.p50),
        p90_ms: tenths(it.p90),
        p99_ms: tenths(it.p99),
    });
    ConnectionShown {
        up: status.is_up,
        connections: status.connections,
        connections_up: status.connections_up,
        window: status.window,
        in_flight: status.in_flight,
        latency,
        last_up_at: status.last_up_at.map(|at| at.to_string()),
        next_try_at: status.next_try_at.map(|at| at.to_string()),
        last_problem: status.last_problem,
        peer: status.peer,
    }
}

/// Milliseconds with one digit: nobody measures finer here.
fn tenths(milliseconds: f32) -> f64 {
    (f64::from(milliseconds) * 10.0).round() / 10.0
}

fn flow(view: &FlowView) -> FlowShown {
    FlowShown {
        parts_last_second: view.parts_last_second,
        rate: view.rate,
        left_alone_until: view.left_alone_until.map(|until| until.to_string()),
        accepted: view.accepted,
        unknown: view.unknown,
        errors: view.errors.iter().map(|(class, count)| (class.as_str(), *count)).collect(),
        last_error: view
            .last_error
            .as_ref()
            .map(|(at, text)| LastError { at: at.to_string(), text: text.clone() }),
    }
}
