//! The list of texts that came in over HTTP, as Twilio gives it.
//!
//! Must never list a text of which nobody asked for the whole number, sender or day.

use crate::http::{admits, error};
use crate::listen::World;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

/// Texts of one page: without a word about it, and at most.
const PAGE: usize = 50;
const PAGE_MAX: usize = 1_000;

/// What is asked for.
#[derive(Debug)]
struct Wanted {
    to: Option<String>,
    from: Option<String>,
    /// Sent on this day or later, as `2026-11-25`.
    since: Option<String>,
    page: usize,
}

impl Wanted {
    fn read(query: &str) -> Self {
        let mut wanted = Self { to: None, from: None, since: None, page: PAGE };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "To" => wanted.to = Some(value.into_owned()),
                "From" => wanted.from = Some(value.into_owned()),
                "DateSent>" => wanted.since = Some(value.into_owned()),
                "PageSize" => wanted.page = value.parse().unwrap_or(PAGE).clamp(1, PAGE_MAX),
                _ => {}
            }
        }
        wanted
    }

    fn is(&self, text: &Value) -> bool {
        let same = |name: &str, wanted: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| text[name].as_str() == Some(wanted))
        };
        // What was not sent yet was sent on no day.
        let is_since = |since: &String| day(&text["date_sent"]).is_some_and(|sent| sent >= *since);
        same("to", &self.to) && same("from", &self.from) && self.since.as_ref().is_none_or(is_since)
    }
}

fn day(date: &Value) -> Option<String> {
    let date = jiff::fmt::rfc2822::parse(date.as_str()?).ok()?;
    Some(date.date().to_string())
}

/// The newest texts that are asked for; more than a page of them is told, and has no second page here.
pub(crate) async fn list(
    State(world): State<World>,
    Path(account): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if !admits(&world.shared.behaviour(), &account, &headers) {
        world.shared.strangers.logins_refused.one();
        return error(StatusCode::UNAUTHORIZED, 20003, "Authenticate");
    }
    let wanted = Wanted::read(&query.unwrap_or_default());
    let mut messages = world.shared.texts.newest(wanted.page + 1, |text| wanted.is(text));
    let uri = format!("/2010-04-01/Accounts/{account}/Messages.json");
    let next = (messages.len() > wanted.page).then(|| format!("{uri}?Page=1"));
    messages.truncate(wanted.page);
    axum::Json(json!({
        "end": messages.len().saturating_sub(1),
        "first_page_uri": format!("{uri}?Page=0"),
        "messages": messages,
        "next_page_uri": next,
        "page": 0,
        "page_size": wanted.page,
        "previous_page_uri": null,
        "start": 0,
        "uri": uri,
    }))
    .into_response()
}
