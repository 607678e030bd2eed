//! Texts of carriers that give them no id: which delivery is a text told again, and which the same words once more.
//!
//! A carrier tells again what it got no answer to, over another connection. So each delivery is kept until the answer to
//! it has been written to its connection; what says the same over another connection meanwhile is that delivery, and
//! gets its id (docs/decisions/0013). Must never take two deliveries of one connection for one: there the person has
//! said it twice.

use crate::advance::{Pipeline, PipelineError};
use crate::gateway::{ConnectionEvent, Delivery, GatewayEvent};
use crate::parts::{self, Place};
use crate::tick::Tick;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use wayline_core::limits;
use wayline_core::time::{Span, Timestamp};
use wayline_store::batch::{Kept, KeptText, Op};

/// How long after it came a delivery may be told again while its connection may be open: what says the same later is
/// another text.
const TOLD_AGAIN_WITHIN: Span = Span::minutes(10);
/// How long after it came a delivery may be told again whose connection has ended: carriers try for a day.
pub(crate) const UNANSWERED_KEPT: Span = Span::hours(24);
/// Deliveries that say the same and were not answered, that are looked at: as many as one read gives, because the
/// oldest is wanted and they stand by connection.
const ALIKE_MAX: usize = limits::PAGE_ROWS_MAX;

/// Connections that are open, by gateway and number.
pub(crate) type Connections = BTreeSet<(String, u64)>;

/// What is kept of a delivery.
#[derive(Serialize, Deserialize)]
struct Body {
    /// The id that its text has as an input.
    id: String,
}

/// A delivery that is kept, and under which id its text is to be taken.
pub(crate) struct Known {
    pub(crate) id: String,
    /// Of one that was told again: the id it would have as a text of its own.
    pub(crate) own_id: Option<String>,
    /// Where its part waits, if it is one.
    pub(crate) place: Option<Place>,
}

/// Rows as they will be after the operations so far.
#[derive(Default)]
pub(crate) struct Rows {
    changed: BTreeMap<(Kept, String, String), Option<KeptText>>,
    /// The newest text at a place of parts, by gateway and place, as far as it was asked for.
    pub(crate) newest: BTreeMap<(String, String), u32>,
    pub(crate) ops: Vec<Op>,
}

impl Rows {
    pub(crate) async fn like(
        &self,
        pipeline: &Pipeline,
        (why, gateway, prefix): (Kept, &str, &str),
        limit: usize,
    ) -> Result<Vec<KeptText>, PipelineError> {
        let mut rows = pipeline.store.texts_like(why, gateway, prefix, limit).await?;
        let is_here = |key: &(Kept, String, String)| {
            key.0 == why && key.1 == gateway && key.2.starts_with(prefix)
        };
        let from = (why, gateway.to_owned(), prefix.to_owned());
        for (key, row) in self.changed.range(from..).take_while(|(key, _)| is_here(key)) {
            rows.retain(|it| it.key != key.2);
            rows.extend(row.clone());
        }
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(rows)
    }

    pub(crate) fn keep(&mut self, row: KeptText) {
        let key = (row.why, row.gateway.clone(), row.key.clone());
        self.changed.insert(key, Some(row.clone()));
        self.ops.push(Op::KeepText(row));
    }

    fn remove(&mut self, gateway: &str, key: String) {
        let why = Kept::Unanswered;
        self.changed.insert((why, gateway.to_owned(), key.clone()), None);
        self.ops.push(Op::RemoveText(why, gateway.to_owned(), key));
    }
}

/// Under which key a delivery is kept: those that say the same stand together.
fn key(print: u128, connection: u64, number: u64) -> String {
    format!("{print:032x}/{connection:016x}/{number:x}")
}

impl Pipeline {
    /// Keeps the deliveries among these events, and the parts they bring, and forgets those that were answered: one
    /// commit. Returns what is known of each delivery, in order.
    pub(crate) async fn keep_deliveries(
        &mut self,
        events: &[GatewayEvent],
        tick: Tick,
    ) -> Result<Vec<Known>, PipelineError> {
        let (mut rows, mut known) = (Rows::default(), Vec::new());
        for event in events {
            match event {
                GatewayEvent::Delivery(delivery) => {
                    let now = tick.at(delivery.inbound.at);
                    known.push(self.keep_delivery(delivery, now, &mut rows).await?);
                }
                GatewayEvent::Connection(ConnectionEvent::Answered {
                    gateway,
                    connection,
                    deliveries,
                }) => {
                    for (print, number) in deliveries {
                        rows.remove(gateway, key(*print, *connection, *number));
                    }
                }
                GatewayEvent::Connection(ConnectionEvent::Ended { gateway, connection }) => {
                    self.connections.remove(&(gateway.clone(), *connection));
                }
                GatewayEvent::Receipt(_) | GatewayEvent::Late(_) | GatewayEvent::Inbound(_) => {}
            }
        }
        if !rows.ops.is_empty() {
            self.work_with(Vec::new(), rows.ops).await?;
        }
        Ok(known)
    }

    async fn keep_delivery(
        &mut self,
        delivery: &Delivery,
        now: Timestamp,
        rows: &mut Rows,
    ) -> Result<Known, PipelineError> {
        let Delivery { gateway, connection, number, print, .. } = delivery;
        self.connections.insert((gateway.clone(), *connection));
        let own = key(*print, *connection, *number);
        let prefix = format!("{print:032x}/");
        let alike = rows.like(self, (Kept::Unanswered, gateway, &prefix), ALIKE_MAX).await?;
        let own_id = format!("{connection:016x}-{number:x}");
        let part = delivery.part.as_ref().filter(|part| parts::is_part(part));
        let mut place = part.map(|part| parts::place(delivery, part));
        let same = rows.like(self, (Kept::Unanswered, gateway, &own), 1).await?;
        let found = match same.iter().find(|row| row.key == own) {
            // What could not be taken just now, once more.
            Some(row) => Some(row),
            None => alike
                .iter()
                .filter(|row| self.may_come_again(row, delivery, now))
                .min_by_key(|row| (row.came_at, &row.key)),
        };
        let id = found.and_then(|row| serde_json::from_str::<Body>(&row.body).ok());
        if let (Some(row), Some(Body { id })) = (found, id) {
            if row.key != own {
                // From now on it is this delivery that wants an answer.
                let again = KeptText { key: own, came_at: now, ..row.clone() };
                rows.remove(gateway, row.key.clone());
                rows.keep(again);
            }
            let own_id = Some(own_id).filter(|own| *own != id);
            return Ok(Known { id, own_id, place });
        }
        let id = own_id;
        let body = serde_json::to_string(&Body { id: id.clone() }).unwrap_or_default();
        let (why, gateway) = (Kept::Unanswered, gateway.clone());
        rows.keep(KeptText { why, gateway, key: own, came_at: now, body });
        if let Some(place) = &mut place {
            self.keep_part(delivery, place, now, rows).await?;
        }
        Ok(Known { id, own_id: None, place })
    }

    /// Whether a delivery that was not answered can be this one: its connection has ended, or is of an earlier run, or
    /// the carrier has opened this one since.
    fn may_come_again(&self, row: &KeptText, delivery: &Delivery, now: Timestamp) -> bool {
        let of = row.key.split('/').nth(1).and_then(|it| u64::from_str_radix(it, 16).ok());
        let Some(of) = of.filter(|of| *of != delivery.connection) else { return false };
        let is_open = self.connections.contains(&(row.gateway.clone(), of));
        let is_newer = row.came_at < delivery.since;
        let age = now - row.came_at;
        if is_open { is_newer && age < TOLD_AGAIN_WITHIN } else { age < UNANSWERED_KEPT }
    }
}
