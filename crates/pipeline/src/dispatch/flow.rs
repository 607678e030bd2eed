//! What is known about the gateways from what they answered: how fast they may go, whether they work, what they refuse.
//!
//! Kept in memory only: after a start a gateway is trusted, and learns again. Must never decide what becomes of a
//! message: that is the core's.

use super::breaker::{Breaker, Passage};
use super::pace::Pace;
use crate::gateway::{Connection, Gateways};
use std::collections::BTreeMap;
use wayline_core::carrier::ErrorClass;
use wayline_core::evaluate::earliest;
use wayline_core::event::SubmitOutcome;
use wayline_core::message::Message;
use wayline_core::time::Timestamp;
use wayline_store::batch::GatewayStanding;

/// What is known about one gateway.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pace: Pace,
    breaker: Breaker,
    /// Answers since the start, by class; accepted ones aside.
    errors: BTreeMap<ErrorClass, u64>,
    accepted: u64,
    unknown: u64,
    /// The last error, and when.
    last_error: Option<(Timestamp, String)>,
}

/// Whether a refusal says that the account is closed to us: by its status in HTTP or its bind in SMPP.
fn is_of_account(outcome: &SubmitOutcome) -> bool {
    let SubmitOutcome::Rejected { error, .. } = outcome else { return false };
    matches!(error.code.as_str(), "" | "401" | "402" | "403" | "0x0D" | "0x0E" | "0x0F")
}

/// What is known about one gateway, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowView {
    /// Key.
    pub gateway: String,
    /// Parts taken in the last second.
    pub parts_last_second: u32,
    /// Parts a second it may be given now; `None`: any number.
    pub rate: Option<f64>,
    /// Until when it is left alone; `None`: it is not.
    pub left_alone_until: Option<Timestamp>,
    /// Messages it took since the start.
    pub accepted: u64,
    /// Messages whose answer was lost since the start.
    pub unknown: u64,
    /// Refusals since the start, by class.
    pub errors: Vec<(ErrorClass, u64)>,
    /// The last one, and when.
    pub last_error: Option<(Timestamp, String)>,
}

/// All gateways, by key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flows {
    by_key: BTreeMap<String, Flow>,
}

impl Flows {
    fn of(&mut self, key: &str, ceiling: Option<f64>, now: Timestamp) -> &mut Flow {
        let flow = self.by_key.entry(key.to_owned()).or_insert_with(|| Flow {
            pace: Pace::new(ceiling, now),
            breaker: Breaker::default(),
            errors: BTreeMap::new(),
            accepted: 0,
            unknown: 0,
            last_error: None,
        });
        flow.pace.set_ceiling(ceiling);
        flow
    }

    /// Messages a gateway may be given now.
    pub(super) fn room(&mut self, key: &str, connection: &Connection, now: Timestamp) -> usize {
        if connection.standing != GatewayStanding::Active {
            return 0;
        }
        let free = connection.gateway.room();
        if free == 0 {
            return 0;
        }
        let flow = self.of(key, connection.parts_per_second, now);
        let passes = match flow.breaker.passage(now) {
            Passage::Closed => usize::MAX,
            Passage::HalfOpen => 1,
            Passage::Open(_) => 0,
        };
        free.min(passes).min(flow.pace.room(now))
    }

    /// Whether messages should rather take another route than wait for this one.
    pub(super) fn is_shut(&self, key: &str, connection: &Connection, now: Timestamp) -> bool {
        let open = self.by_key.get(key).map(|flow| flow.breaker.passage(now));
        connection.standing != GatewayStanding::Active
            || !connection.gateway.is_up()
            || matches!(open, Some(Passage::Open(_)))
    }

    /// When time alone opens a gateway that is not open now.
    pub(super) fn opens_at(&self, gateways: &Gateways, now: Timestamp) -> Option<Timestamp> {
        gateways.iter().fold(None, |next, (key, connection)| {
            let is_open =
                connection.standing == GatewayStanding::Active && connection.gateway.room() > 0;
            let Some(flow) = self.by_key.get(key).filter(|_| is_open) else {
                return next;
            };
            let at = match flow.breaker.passage(now) {
                Passage::Open(until) => Some(until),
                _ => flow.pace.opens_at(now),
            };
            earliest(next, at)
        })
    }

    /// A message was handed out.
    pub(super) fn hand_out(&mut self, key: &str, ceiling: Option<f64>, message: &Message) {
        let at = message.handed_out_at.unwrap_or(message.due_at);
        let flow = self.of(key, ceiling, at);
        flow.pace.hand_out(f64::from(message.parts.max(1)));
        flow.breaker.hand_out(at);
    }

    /// A gateway answered.
    pub(crate) fn heard(&mut self, message: &Message, outcome: &SubmitOutcome, now: Timestamp) {
        let Some(flow) = self.by_key.get_mut(&message.gateway) else { return };
        let class = match outcome {
            SubmitOutcome::Accepted { .. } => {
                flow.accepted += 1;
                flow.pace.accepted(message.parts.max(1), now);
                flow.breaker.succeeded();
                return;
            }
            SubmitOutcome::Unknown => {
                flow.unknown += 1;
                flow.last_error = Some((now, "no answer".to_owned()));
                flow.breaker.failed(now);
                return;
            }
            SubmitOutcome::Rejected { error, .. } => {
                flow.last_error = Some((now, error.line()));
                error.class
            }
            SubmitOutcome::Retry { throttled: true, .. } => ErrorClass::Throttle,
            SubmitOutcome::Retry { .. } => ErrorClass::Retry,
            SubmitOutcome::Refused { .. } => ErrorClass::BadRequest,
        };
        *flow.errors.entry(class).or_default() += 1;
        let handed_out_at = message.handed_out_at.unwrap_or(now);
        match class {
            // Whoever asks to slow down is there.
            ErrorClass::Throttle => {
                flow.pace.throttled(handed_out_at, now);
                flow.breaker.succeeded();
            }
            ErrorClass::Retry => _ = flow.breaker.failed(now),
            // A closed route mostly is about one message, sender or region; a closed account is about all of them.
            ErrorClass::StopRoute if is_of_account(outcome) => _ = flow.breaker.failed(now),
            // What is wrong with a message or a number shows that the gateway works.
            _ => flow.breaker.succeeded(),
        }
    }

    /// What is known, by key.
    pub(crate) fn view(&mut self, now: Timestamp) -> Vec<FlowView> {
        let view = |(key, flow): (&String, &mut Flow)| FlowView {
            gateway: key.clone(),
            parts_last_second: flow.pace.measure(now),
            rate: flow.pace.rate(now),
            left_alone_until: match flow.breaker.passage(now) {
                Passage::Open(until) => Some(until),
                _ => None,
            },
            accepted: flow.accepted,
            unknown: flow.unknown,
            errors: flow.errors.iter().map(|(class, count)| (*class, *count)).collect(),
            last_error: flow.last_error.clone(),
        };
        self.by_key.iter_mut().map(view).collect()
    }
}
