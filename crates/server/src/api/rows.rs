//! Rows of lists over many contacts: messages, decisions and enrollments, each with whose it is.
//!
//! Must never show a row of another workspace: whoever calls has read it for this one.

use super::App;
use super::error::ApiError;
use super::shown::{self, DecisionItem, EnrollmentItem, MessageItem};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;
use wayline_core::ids::{ContactId, WorkspaceId};
use wayline_core::limits::PAGE_ROWS_MAX;
use wayline_core::message::Message;
use wayline_store::StoreError;
use wayline_store::batch::{EnrollmentRow, WorkspaceRow};
use wayline_store::rows::StoredDecision;

/// A person, as rows name one.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ContactRef {
    #[schema(minimum = 1)]
    pub(crate) id: u64,
    /// The business's own id; null: none is known.
    pub(crate) external_id: Option<String>,
}

/// A message, and to whom.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessageRow {
    contact: ContactRef,
    #[serde(flatten)]
    message: MessageItem,
}

/// A decision, and about whom.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DecisionRow {
    /// Its place in the order of all decisions.
    id: u64,
    contact: ContactRef,
    #[serde(flatten)]
    decision: DecisionItem,
}

/// An enrollment, and whose.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EnrollmentOf {
    contact: ContactRef,
    #[serde(flatten)]
    enrollment: EnrollmentItem,
}

/// Contacts by id, as rows name them.
pub(crate) struct People(BTreeMap<ContactId, ContactRef>);

impl People {
    /// Those who are wanted.
    pub(crate) async fn load(
        app: &App,
        workspace: WorkspaceId,
        wanted: impl IntoIterator<Item = ContactId>,
    ) -> Result<People, StoreError> {
        let ids: Vec<ContactId> = wanted.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let mut known = BTreeMap::new();
        for ids in ids.chunks(PAGE_ROWS_MAX) {
            let found = app.store.contacts(ids).await?;
            for (id, record) in ids.iter().zip(found) {
                let mine = record.filter(|record| record.profile.workspace == workspace);
                let external_id = mine.and_then(|record| record.profile.external_id.clone());
                known.insert(*id, ContactRef { id: id.0, external_id });
            }
        }
        Ok(People(known))
    }

    /// One of them.
    pub(crate) fn of(&self, id: ContactId) -> ContactRef {
        self.0.get(&id).cloned().unwrap_or(ContactRef { id: id.0, external_id: None })
    }
}

/// Messages as they are shown.
pub(crate) async fn messages(
    app: &App,
    workspace: &WorkspaceRow,
    rows: Vec<Message>,
) -> Result<Vec<MessageRow>, ApiError> {
    let names = app.names.of(app, workspace).await?;
    let people = People::load(app, workspace.id, rows.iter().map(|row| row.contact)).await?;
    let shown = |row: Message| MessageRow {
        contact: people.of(row.contact),
        message: shown::message(&row, &names),
    };
    Ok(rows.into_iter().map(shown).collect())
}

/// Decisions as they are shown.
pub(crate) async fn decisions(
    app: &App,
    workspace: &WorkspaceRow,
    rows: Vec<StoredDecision>,
) -> Result<Vec<DecisionRow>, ApiError> {
    let names = app.names.of(app, workspace).await?;
    let people = People::load(app, workspace.id, rows.iter().map(|row| row.row.contact)).await?;
    let shown = |row: StoredDecision| DecisionRow {
        id: row.id,
        contact: people.of(row.row.contact),
        decision: shown::decision(&row.row.decision, &names),
    };
    Ok(rows.into_iter().map(shown).collect())
}

/// Enrollments as they are shown.
pub(crate) async fn enrollments(
    app: &App,
    workspace: &WorkspaceRow,
    rows: Vec<EnrollmentRow>,
) -> Result<Vec<EnrollmentOf>, ApiError> {
    let names = app.names.of(app, workspace).await?;
    let people = People::load(app, workspace.id, rows.iter().map(|row| row.contact)).await?;
    let shown = |row: EnrollmentRow| EnrollmentOf {
        contact: people.of(row.contact),
        enrollment: shown::enrollment(row, &names),
    };
    Ok(rows.into_iter().map(shown).collect())
}
