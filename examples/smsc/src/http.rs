//! The Twilio-shaped endpoint: texts are posted in, callbacks and texts of people are posted out.
//!
//! Must never share code with a client of it: shapes come from Twilio's public documentation.

use crate::account::Account;
use crate::chance::{Dice, Question, number_hash};
use crate::clock;
use crate::control;
use crate::fate::{self, Ending, Fate};
use crate::journal::Line;
use crate::listen::World;
use crate::listing::list;
use crate::post::Form;
use crate::settings::Behaviour;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Texts that can still be fetched.
const REMEMBERED: usize = 100_000;
/// How long a response waits for a callback that comes before it.
const BEFORE_GAP: Duration = Duration::from_millis(20);

/// Marks an answer that is not sent: the connection is cut instead.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the connection is cut on purpose")]
pub(crate) struct Cut;

/// The texts that came in over HTTP, by their sid, with their status.
#[derive(Debug, Default)]
pub(crate) struct Texts(Mutex<BTreeMap<String, Value>>);

impl Texts {
    fn put(&self, sid: &str, text: Value) {
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if texts.len() >= REMEMBERED {
            texts.pop_first();
        }
        texts.insert(sid.to_owned(), text);
    }

    fn get(&self, sid: &str) -> Option<Value> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(sid).cloned()
    }

    /// The newest that are wanted.
    pub(crate) fn newest(&self, limit: usize, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        texts.values().rev().filter(|text| wanted(text)).take(limit).cloned().collect()
    }

    fn set_status(&self, sid: &str, status: &str, error: Option<u32>) {
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = texts.get_mut(sid) {
            text["status"] = json!(status);
            text["error_code"] = json!(error);
            text["date_updated"] = json!(date());
            if text["date_sent"].is_null() {
                text["date_sent"] = json!(date());
            }
        }
    }
}

/// All routes of the HTTP port.
pub(crate) fn router(world: World) -> Router {
    Router::new()
        .route("/2010-04-01/Accounts/{account}/Messages.json", post(submit).get(list))
        .route("/2010-04-01/Accounts/{account}/Messages/{message}", get(fetch))
        .merge(control::routes())
        .with_state(world)
}

/// An error in Twilio's form.
pub(crate) fn error(status: StatusCode, code: u32, message: &str) -> Response {
    let body = json!({
        "code": code,
        "message": message,
        "more_info": format!("https://www.twilio.com/docs/errors/{code}"),
        "status": status.as_u16(),
    });
    (status, axum::Json(body)).into_response()
}

/// Whether the request is for the account and carries its secret.
pub(crate) fn admits(set: &Behaviour, account: &str, headers: &HeaderMap) -> bool {
    let given = headers.get("authorization").and_then(|value| value.to_str().ok());
    let wanted = STANDARD.encode(format!("{}:{}", set.account_sid, set.auth_token));
    account == set.account_sid
        && given.and_then(|value| value.strip_prefix("Basic ")).is_some_and(|given| given == wanted)
}

async fn fetch(
    State(world): State<World>,
    Path((account, message)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    if !admits(&world.shared.behaviour(), &account, &headers) {
        world.shared.strangers.logins_refused.one();
        return error(StatusCode::UNAUTHORIZED, 20003, "Authenticate");
    }
    match world.shared.texts.get(message.trim_end_matches(".json")) {
        Some(text) => axum::Json(text).into_response(),
        None => error(StatusCode::NOT_FOUND, 20404, "The requested resource was not found"),
    }
}

/// One text as it was posted.
#[derive(Clone, Debug, Default)]
struct Posted {
    to: String,
    from: String,
    service: String,
    body: String,
    callback: String,
}

impl Posted {
    fn read(body: &[u8]) -> Self {
        let mut posted = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            let field = match name.as_ref() {
                "To" => &mut posted.to,
                "From" => &mut posted.from,
                "MessagingServiceSid" => &mut posted.service,
                "Body" => &mut posted.body,
                "StatusCallback" => &mut posted.callback,
                _ => continue,
            };
            *field = value.into_owned();
        }
        posted
    }

    /// What Twilio refuses at once.
    fn fault(&self) -> Option<(u32, &'static str)> {
        let digits = self.to.strip_prefix('+').unwrap_or(&self.to);
        let is_number =
            (7..=15).contains(&digits.len()) && digits.bytes().all(|c| c.is_ascii_digit());
        if self.to.is_empty() {
            Some((21604, "A 'To' phone number is required."))
        } else if !is_number {
            Some((21211, "Invalid 'To' Phone Number"))
        } else if self.from.is_empty() && self.service.is_empty() {
            Some((21603, "A 'From' phone number is required."))
        } else if self.body.is_empty() {
            Some((21602, "Message body is required."))
        } else if self.body.chars().count() > 1_600 {
            Some((21617, "The concatenated message body exceeds the 1600 character limit"))
        } else {
            None
        }
    }

    fn sender(&self) -> &str {
        if self.from.is_empty() { &self.service } else { &self.from }
    }
}

async fn submit(
    State(world): State<World>,
    Path(account_sid): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (shared, now) = (&world.shared, clock::now());
    let set = shared.behaviour();
    if !admits(&set, &account_sid, &headers) {
        shared.strangers.logins_refused.one();
        return error(StatusCode::UNAUTHORIZED, 20003, "Authenticate");
    }
    let account = shared.account(&account_sid);
    let posted = Posted::read(&body);
    let number = number_hash(&posted.to);
    account.counters.submits.one();
    let admitted = account.admit(now, set.throughput_per_second, set.burst);
    let refusal = if !admitted {
        account.counters.throttled.one();
        Some((StatusCode::TOO_MANY_REQUESTS, 20429, "Too Many Requests", "throttled"))
    } else {
        posted.fault().map(|(code, message)| {
            account.counters.refused.one();
            (StatusCode::BAD_REQUEST, code, message, "refused")
        })
    };
    let answer = if let Some((status, code, message, name)) = refusal {
        if !note(&world, &account_sid, &posted, "", name, false) {
            return cut();
        }
        let dice = Dice::new(shared.seed, number, u64::MAX);
        pause(now + set.latency_ms.at(dice.fraction(Question::Latency))).await;
        error(status, code, message)
    } else {
        let fate = Fate::of(Dice::new(shared.seed, number, account.count(number)), &set);
        carry_out(&world, &account, &account_sid, &posted, fate, now).await
    };
    account.counters.answered.one();
    shared.changed.notify_waiters();
    answer
}

async fn carry_out(
    world: &World,
    account: &Arc<Account>,
    account_sid: &str,
    posted: &Posted,
    fate: Fate,
    now: Instant,
) -> Response {
    let counters = &account.counters;
    let id = fate.went.then(|| world.shared.register(now + fate.receipt_delay, fate.ending));
    let sid = id.map(|id| format!("SM{id:032x}")).unwrap_or_default();
    let name = match fate.answer {
        fate::Answer::Given => "ok",
        fate::Answer::QueueFull => "queue_full",
        fate::Answer::Lost => "lost",
        fate::Answer::Dropped => "dropped",
    };
    if !note(world, account_sid, posted, &sid, name, fate.went) {
        return cut();
    }
    let text = resource(account_sid, &sid, posted);
    if fate.went {
        counters.accepted.one();
        if fate.answer != fate::Answer::Given {
            counters.lost_went.one();
        }
        world.shared.texts.put(&sid, text.clone());
        let wait = if fate.before { Duration::ZERO } else { fate.latency + fate.receipt_delay };
        let later = Later {
            account: Arc::clone(account),
            account_sid: account_sid.to_owned(),
            sid,
            posted: posted.clone(),
            fate,
            at: now + wait,
        };
        world.beside(later.run(world.clone()));
    }
    let latency = if fate.before { fate.latency.max(BEFORE_GAP) } else { fate.latency };
    pause(now + latency).await;
    match fate.answer {
        fate::Answer::Given => (StatusCode::CREATED, axum::Json(text)).into_response(),
        fate::Answer::QueueFull => {
            counters.queue_full.one();
            error(StatusCode::SERVICE_UNAVAILABLE, 20503, "Service Unavailable")
        }
        fate::Answer::Lost => {
            counters.lost.one();
            world.shared.changed.notify_waiters();
            std::future::pending().await
        }
        fate::Answer::Dropped => {
            counters.dropped.one();
            world.shared.changed.notify_waiters();
            cut()
        }
    }
}

fn cut() -> Response {
    let mut answer = StatusCode::INTERNAL_SERVER_ERROR.into_response();
    answer.extensions_mut().insert(Cut);
    answer
}

/// Waits, but does not give the processor away for nothing.
async fn pause(until: Instant) {
    if until > clock::now() {
        clock::sleep_until(until).await;
    }
}

/// What happens to a text after it was taken.
struct Later {
    account: Arc<Account>,
    account_sid: String,
    sid: String,
    posted: Posted,
    fate: Fate,
    at: Instant,
}

impl Later {
    async fn run(self, world: World) {
        let shared = Arc::clone(&world.shared);
        pause(self.at).await;
        let (status, code) = match self.fate.ending {
            Ending::Delivered => ("delivered", None),
            Ending::Undelivered => ("undelivered", Some(30003)),
        };
        match self.fate.ending {
            Ending::Delivered => self.account.counters.delivered.one(),
            Ending::Undelivered => self.account.counters.undelivered.one(),
        }
        let set = shared.behaviour();
        if !self.posted.callback.is_empty() && self.fate.receipt {
            self.call(&world, &set, "sent", None).await;
            shared.texts.set_status(&self.sid, status, code);
            self.call(&world, &set, status, code).await;
            if self.fate.duplicate {
                self.call(&world, &set, status, code).await;
            }
        }
        shared.texts.set_status(&self.sid, status, code);
        shared.changed.notify_waiters();
        if let Some(text) = self.fate.reaction.text(&set) {
            match self.fate.reaction {
                fate::Reaction::Stop => self.account.counters.stopped.one(),
                _ => self.account.counters.replied.one(),
            }
            pause(clock::now() + self.fate.reply_delay).await;
            write_over_http(&world, &self.posted.to, self.posted.sender(), &text).await;
        }
        shared.changed.notify_waiters();
    }

    async fn call(&self, world: &World, set: &Behaviour, status: &str, code: Option<u32>) {
        let mut form: Form = vec![
            ("AccountSid", self.account_sid.clone()),
            ("ApiVersion", "2010-04-01".to_owned()),
            ("From", self.posted.sender().to_owned()),
            ("MessageSid", self.sid.clone()),
            ("MessageStatus", status.to_owned()),
            ("SmsSid", self.sid.clone()),
            ("SmsStatus", status.to_owned()),
            ("To", self.posted.to.clone()),
        ];
        if let Some(code) = code {
            form.push(("ErrorCode", code.to_string()));
        }
        let counters = &self.account.counters;
        counters.receipts_sent.one();
        match world.shared.poster.post(&self.posted.callback, &set.auth_token, &form).await {
            true => counters.receipts_acknowledged.one(),
            false => counters.posts_failed.one(),
        }
        world.shared.changed.notify_waiters();
    }
}

/// Posts a text of a person to the inbound URL. False when it was not taken.
pub(crate) async fn write_over_http(world: &World, from: &str, to: &str, text: &str) -> bool {
    let shared = &world.shared;
    let set = shared.behaviour();
    let account = shared.account(&set.account_sid);
    if set.inbound_url.is_empty() {
        account.counters.posts_failed.one();
        return false;
    }
    let sid = format!("SM{:032x}", shared.register(clock::now(), Ending::Delivered));
    let form: Form = vec![
        ("AccountSid", set.account_sid.clone()),
        ("ApiVersion", "2010-04-01".to_owned()),
        ("Body", text.to_owned()),
        ("From", from.to_owned()),
        ("MessageSid", sid.clone()),
        ("NumMedia", "0".to_owned()),
        ("NumSegments", "1".to_owned()),
        ("SmsMessageSid", sid.clone()),
        ("SmsSid", sid),
        ("SmsStatus", "received".to_owned()),
        ("To", to.to_owned()),
    ];
    account.counters.inbound_sent.one();
    let taken = shared.poster.post(&set.inbound_url, &set.auth_token, &form).await;
    match taken {
        true => account.counters.inbound_acknowledged.one(),
        false => account.counters.posts_failed.one(),
    }
    shared.changed.notify_waiters();
    taken
}

/// The date of now in the form of e-mail, as Twilio writes it.
fn date() -> String {
    let now = clock::today().to_zoned_datetime(TimeZone::UTC);
    jiff::fmt::rfc2822::to_string(&now).unwrap_or_default()
}

/// A text as Twilio shows it.
fn resource(account: &str, sid: &str, posted: &Posted) -> Value {
    let (now, uri) = (date(), format!("/2010-04-01/Accounts/{account}/Messages/{sid}"));
    let or_null = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
    json!({
        "account_sid": account,
        "api_version": "2010-04-01",
        "body": posted.body,
        "date_created": now,
        "date_sent": null,
        "date_updated": now,
        "direction": "outbound-api",
        "error_code": null,
        "error_message": null,
        "from": or_null(&posted.from),
        "messaging_service_sid": or_null(&posted.service),
        "num_media": "0",
        "num_segments": "1",
        "price": null,
        "price_unit": "USD",
        "sid": sid,
        "status": if posted.service.is_empty() { "queued" } else { "accepted" },
        "subresource_uris": { "media": format!("{uri}/Media.json") },
        "to": posted.to,
        "uri": format!("{uri}.json"),
    })
}

/// Writes the journal. Without it there is no answer either.
fn note(
    world: &World,
    account: &str,
    posted: &Posted,
    sid: &str,
    answer: &'static str,
    went: bool,
) -> bool {
    if !world.shared.journal.is_open() {
        return true;
    }
    let mut buffer = Vec::new();
    let line = Line {
        time_ms: clock::today().as_millisecond(),
        way: "http",
        system_id: account,
        connection: 0,
        sequence: 0,
        source: posted.sender(),
        destination: &posted.to,
        esm_class: 0,
        data_coding: 0,
        registered_delivery: u8::from(!posted.callback.is_empty()),
        message: posted.body.clone(),
        payload: None,
        sar: None,
        message_id: sid,
        answer,
        went,
    };
    line.write(&mut buffer);
    world.shared.journal.append(&buffer).is_ok()
}
