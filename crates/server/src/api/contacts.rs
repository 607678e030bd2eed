//! Contacts of a workspace: listed, searched, created and updated.
//!
//! Must never change a profile otherwise than by an input, and never guess whom a shared number means.

use super::App;
use super::auth::{Read, Tenant, Write};
use super::body::{self, Listed, Query};
use super::error::{ApiError, Failures};
use super::idempotency::{Creating, Creation, IdempotencyHeader};
use super::limits::{SEARCH_CHARS_MAX, SEARCH_PAGE_ROWS, SEARCH_ROWS_MAX};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use wayline_core::event::InputKind;
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::phone::{parse, reachable};
use wayline_core::time::Timestamp;
use wayline_pipeline::ingest::{self, Arrival, Refusal};
use wayline_pipeline::{Accepted, Pipeline};
use wayline_store::batch::{Identity, IdentityKind, ProfileRow};
use wayline_store::rows::{ContactRecord, SearchField};

/// A contact in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ContactItem {
    /// Its number here.
    id: u64,
    /// The business's own id of the person.
    external_id: Option<String>,
    /// E.164.
    phone: Option<String>,
    email: Option<String>,
    /// When first heard of, RFC 3339.
    created_at: String,
}

fn item(profile: &ProfileRow) -> ContactItem {
    ContactItem {
        id: profile.contact.0,
        external_id: profile.external_id.clone(),
        phone: profile.phone.clone(),
        email: profile.email.clone(),
        created_at: profile.created_at.to_string(),
    }
}

/// What contacts are searched by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Field {
    /// The business's own id of the person.
    ExternalId,
    /// The number, as people write it.
    Phone,
    /// The address; capitals do not matter.
    Email,
}

/// The order in which all fields are searched: what is most likely meant comes first.
const FIELDS: [Field; 3] = [Field::ExternalId, Field::Phone, Field::Email];

impl Field {
    fn stored(self) -> SearchField {
        match self {
            Field::ExternalId => SearchField::ExternalId,
            Field::Phone => SearchField::Phone,
            Field::Email => SearchField::Email,
        }
    }

    /// What the values of this field begin with when the text is searched for; `None`: none can.
    fn prefix(self, text: &str, country: &str) -> Option<String> {
        match self {
            Field::ExternalId => Some(text.to_owned()),
            Field::Phone => phone_prefix(text, country),
            Field::Email => Some(text.to_ascii_lowercase()),
        }
    }
}

/// A number as far as it was typed, as the beginning of an E.164 number.
fn phone_prefix(text: &str, country: &str) -> Option<String> {
    let region = Some(country).filter(|country| !country.is_empty());
    if let Ok(phone) = parse(text, region) {
        return Some(phone.e164);
    }
    let known = |it: char| it.is_ascii_digit() || it.is_whitespace() || "+-.()/".contains(it);
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() || !text.chars().all(known) {
        return None;
    }
    // A whole number of the country says which code stands before a part of one.
    let is_national = !text.trim_start().starts_with('+');
    match (is_national, region) {
        (true, Some("US" | "CA")) if !digits.starts_with('1') => Some(format!("+1{digits}")),
        _ => Some(format!("+{digits}")),
    }
}

/// Which contacts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ContactsQuery {
    /// The beginning of an id, a number or an address; absent: all contacts.
    #[param(max_length = 256)]
    search: Option<String>,
    /// Where to look; absent: in all three, by external id first, then number, then address.
    #[param(inline)]
    field: Option<Field>,
    /// The `next` of the page before; absent: the first page.
    after: Option<String>,
    /// Rows, 1 to 1000; absent: 50.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// After which contact of which field a search goes on.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    field: Field,
    value: String,
    contact: u64,
}

/// Contacts of the workspace, or those that a text is the beginning of.
#[utoipa::path(get, path = "/api/v1/workspaces/{workspace}/contacts", tag = "contacts", operation_id = "list_contacts",
    params(("workspace" = String, Path), ContactsQuery),
    responses((status = 200, description = "By id; found ones by what was searched, and a page of them may be short: the one without `next` is the last", body = Listed<ContactItem>), Failures))]
pub(crate) async fn list(
    tenant: Tenant<Read>,
    State(app): State<Arc<App>>,
    Query(query): Query<ContactsQuery>,
) -> Result<Json<Listed<ContactItem>>, ApiError> {
    let limit = body::limit(query.limit)?;
    let text = query.search.as_deref().map(str::trim).unwrap_or_default();
    if text.is_empty() {
        let after = body::after_id(query.after.as_deref())?.map(ContactId);
        let rows = app.store.contacts_page(tenant.id(), after, limit).await?;
        return Ok(Json(Listed::page(
            rows,
            limit,
            |row| row.profile.contact.to_string(),
            |row| item(&row.profile),
        )));
    }
    if text.chars().count() > SEARCH_CHARS_MAX {
        return Err(ApiError::invalid(format!(
            "search has more than {SEARCH_CHARS_MAX} characters; nothing that long is searched by"
        )));
    }
    let names = app.names.of(&app, &tenant.row).await?;
    let fields = query.field.map_or_else(|| FIELDS.to_vec(), |field| vec![field]);
    let prefixes =
        fields.into_iter().filter_map(|field| Some((field, field.prefix(text, names.country())?)));
    let prefixes: Vec<(Field, String)> = prefixes.collect();
    let cursor = query.after.as_deref().map(read_cursor).transpose()?;
    found(&app, tenant.id(), &prefixes, cursor, limit).await.map(Json)
}

fn read_cursor(text: &str) -> Result<Cursor, ApiError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    bytes
        .and_then(|bytes| serde_json::from_slice::<Cursor>(&bytes).ok())
        // SQL keeps whole numbers with a sign.
        .filter(|cursor| i64::try_from(cursor.contact).is_ok())
        .ok_or_else(|| ApiError::invalid("after is not the `next` of a page of this list"))
}

fn write_cursor(field: Field, value: String, contact: ContactId) -> String {
    let cursor = Cursor { field, value, contact: contact.0 };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).unwrap_or_default())
}

/// Looks through one field after the other. A contact that an earlier field found is not shown again: many may be
/// passed over, so a page ends early after [`SEARCH_ROWS_MAX`] rows.
async fn found(
    app: &App,
    workspace: WorkspaceId,
    prefixes: &[(Field, String)],
    cursor: Option<Cursor>,
    limit: usize,
) -> Result<Listed<ContactItem>, ApiError> {
    let start = match &cursor {
        None => 0,
        Some(cursor) => {
            prefixes.iter().position(|(field, _)| *field == cursor.field).ok_or_else(|| {
                ApiError::invalid("after belongs to another search; begin with the first page")
            })?
        }
    };
    let mut after = cursor.map(|cursor| (cursor.value, ContactId(cursor.contact)));
    let (mut items, mut looked_at) = (Vec::new(), 0);
    for (place, (field, prefix)) in prefixes.iter().enumerate().skip(start) {
        // What the first field finds is shown; of what the others find some is passed over.
        let count = if place == 0 { limit } else { limit.max(SEARCH_PAGE_ROWS) };
        loop {
            let from = after.as_ref().map(|(value, contact)| (value.as_str(), *contact));
            let store = &app.store;
            let rows =
                store.contacts_search(workspace, field.stored(), prefix, from, count).await?;
            let is_last = rows.len() < count;
            looked_at += rows.len();
            for row in rows {
                let value = field.stored().of(&row.profile).unwrap_or_default();
                let contact = row.profile.contact;
                after = Some((value.clone(), contact));
                if was_found(&row, &prefixes[..place]) {
                    continue;
                }
                items.push(item(&row.profile));
                if items.len() == limit {
                    return Ok(Listed { items, next: Some(write_cursor(*field, value, contact)) });
                }
            }
            match after.take() {
                Some((value, contact)) if !is_last && looked_at >= SEARCH_ROWS_MAX => {
                    return Ok(Listed { items, next: Some(write_cursor(*field, value, contact)) });
                }
                last if !is_last => after = last,
                _ => break,
            }
        }
    }
    Ok(Listed::whole(items))
}

fn was_found(row: &ContactRecord, earlier: &[(Field, String)]) -> bool {
    earlier.iter().any(|(field, prefix)| {
        field.stored().of(&row.profile).is_some_and(|value| value.starts_with(prefix))
    })
}

/// Who is created, or what is new about somebody known.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewContact {
    /// The business's own id of the person; absent: the person is known by the number.
    external_id: Option<String>,
    /// The number, as people write it.
    phone: Option<String>,
    email: Option<String>,
    /// What else there is to know; null removes an attribute, what is not named stays.
    #[serde(default)]
    attributes: Map<String, Value>,
}

/// A contact that was taken.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ContactTaken {
    /// Its number here.
    id: u64,
    /// What of it cannot be used, and why.
    warnings: Vec<String>,
}

/// Whom a new contact is told by.
enum Told {
    External(String),
    Phone(String),
}

/// Creates a contact, or changes the one with this external id, or with this number when no id is given.
#[utoipa::path(post, path = "/api/v1/workspaces/{workspace}/contacts", tag = "contacts", operation_id = "put_contact",
    params(("workspace" = String, Path), IdempotencyHeader), request_body = NewContact,
    responses((status = 200, description = "Taken, durable", body = ContactTaken), Failures))]
pub(crate) async fn create(
    tenant: Tenant<Write>,
    State(app): State<Arc<App>>,
    Creating { body: new, creation }: Creating<NewContact>,
) -> Result<Response, ApiError> {
    let names = app.names.of(&app, &tenant.row).await?;
    let (told, mut arrival) = read(tenant.id(), new, names.country(), app.clock.now())?;
    arrival.input_id = creation.input_id();
    let warnings = ingest::warnings(&arrival, names.country());
    let taken = app.live.perform(move |pipeline, now| {
        arrival.input.at = now;
        pollster::block_on(take(pipeline, told, arrival, now))
    });
    let id = taken.await??.0;
    answered(&app, creation, &ContactTaken { id, warnings }).await
}

async fn answered(
    app: &App,
    creation: Creation,
    taken: &ContactTaken,
) -> Result<Response, ApiError> {
    creation.answered(app, StatusCode::OK, taken).await
}

/// The input that a new contact is, checked as any other.
fn read(
    workspace: WorkspaceId,
    new: NewContact,
    country: &str,
    now: Timestamp,
) -> Result<(Told, Arrival), ApiError> {
    if let Some(name) = ["phone", "email"].into_iter().find(|it| new.attributes.contains_key(*it)) {
        return Err(ApiError::invalid(format!(
            "attributes has {name}; it has a place of its own, beside attributes"
        )));
    }
    let phone = new.phone.as_deref().map(|phone| reachable(phone, Some(country))).transpose();
    let phone = phone.map_err(|error| ApiError::invalid(format!("phone: {error}")))?;
    let mut traits = new.attributes;
    if let Some(email) = new.email {
        traits.insert("email".to_owned(), Value::String(email));
    }
    if let Some(phone) = &phone {
        traits.insert("phone".to_owned(), Value::String(phone.clone()));
    }
    let told = match (new.external_id.filter(|id| !id.is_empty()), phone) {
        (Some(id), _) => Told::External(id),
        (None, Some(phone)) => Told::Phone(phone),
        (None, None) => {
            return Err(ApiError::invalid(
                "external_id is missing, and phone is; one of them says who it is",
            ));
        }
    };
    let (kind, value) = match &told {
        Told::External(id) => (IdentityKind::External, id),
        Told::Phone(phone) => (IdentityKind::Phone, phone),
    };
    let sent = json!({ "userId": value, "traits": traits });
    let arrival = ingest::read_as(workspace, "identify", sent.to_string().as_bytes(), Some(now));
    let mut arrival = arrival.map_err(|refusal| match refusal {
        Refusal::TooLarge { .. } => ApiError::too_large(refusal.to_string()),
        _ => ApiError::invalid(refusal.to_string()),
    })?;
    arrival.identities = vec![Identity { workspace, kind, value: value.clone() }];
    Ok((told, arrival))
}

/// Takes it, in the engine's thread: two at once mean the same person.
async fn take(
    pipeline: &mut Pipeline,
    told: Told,
    arrival: Arrival,
    now: Timestamp,
) -> Result<ContactId, ApiError> {
    let workspace = arrival.workspace;
    if let Told::Phone(phone) = &told {
        let same = pipeline.store().contacts_by_phone(workspace, phone, 2).await?;
        match same.as_slice() {
            [] => {}
            [one] => {
                let (input_id, input) = (arrival.input_id, arrival.input.clone());
                return match pipeline.accept_for(workspace, *one, input_id, input, now).await? {
                    Accepted::Taken(contact) => Ok(contact),
                    Accepted::Duplicate => taken_before(pipeline, *one, &arrival.input.kind).await,
                };
            }
            _ => {
                return Err(ApiError::conflict(
                    "several contacts have this number; name the external_id of the one that is meant",
                ));
            }
        }
    }
    let identities = arrival.identities.clone();
    let kind = arrival.input.kind.clone();
    let answers = pipeline.accept(&[(arrival, now)]).await?;
    if let Some(Accepted::Taken(contact)) = answers.first() {
        return Ok(*contact);
    }
    let found = pipeline.store().contact_by_identities(&identities).await?;
    let found = found.into_iter().flatten().next().ok_or_else(|| {
        ApiError::conflict("this call was made before, and its contact is not there any more; send it under another Idempotency-Key")
    })?;
    taken_before(pipeline, found, &kind).await
}

/// A call that was taken before, and whose answer is not kept. It is not done again, so "taken" is true only while
/// what it said stands.
async fn taken_before(
    pipeline: &Pipeline,
    contact: ContactId,
    said: &InputKind,
) -> Result<ContactId, ApiError> {
    let found = pipeline.store().contacts(&[contact]).await?.into_iter().next().flatten();
    let InputKind::Identify { traits } = said else { return Ok(contact) };
    if found.is_some_and(|record| stands(&record.profile, traits)) {
        return Ok(contact);
    }
    Err(ApiError::conflict(
        "this call was taken before, and the contact has changed since; send it under another Idempotency-Key if it is meant again",
    ))
}

/// Whether a profile says what these traits say; null: there is none.
fn stands(profile: &ProfileRow, traits: &Map<String, Value>) -> bool {
    let attributes: Map<String, Value> =
        serde_json::from_str(&profile.attributes).unwrap_or_default();
    traits.iter().all(|(name, value)| match name.as_str() {
        "phone" => profile.phone.as_deref() == value.as_str(),
        "email" => profile.email.as_deref() == value.as_str(),
        _ => attributes.get(name).unwrap_or(&Value::Null) == value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_searched_as_far_as_it_was_typed() {
        for (text, country, prefix) in [
            ("+1 (415) 555-0123", "", Some("+14155550123")),
            ("(415) 555-0123", "US", Some("+14155550123")),
            ("415 55", "US", Some("+141555")),
            ("+49 30", "US", Some("+4930")),
            ("49", "", Some("+49")),
            ("ann", "US", None),
            ("u-12", "US", None),
            ("-", "US", None),
        ] {
            assert_eq!(phone_prefix(text, country).as_deref(), prefix, "{text}");
        }
    }
}
