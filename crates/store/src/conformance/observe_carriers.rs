//! What a store answers about carriers, as text.
//!
//! Must never leave a read out: two stores are the same when they answer the same.

use super::observe::Seen;
use super::samples::{PERIODS, message_id};
use crate::Store;
use crate::batch::Kept;
use wayline_core::ids::WorkspaceId;
use wayline_core::time::Timestamp;

const PAGE: usize = 2;

pub(super) async fn everywhere(store: &Store, seen: &mut Seen) {
    lanes(store, seen).await;
    for gateway in ["gw", "other"] {
        unknown(store, seen, gateway).await;
        for address in ["", "+0", "+1"] {
            seen.add("unknown to", store.messages_unknown_to(gateway, address, PAGE).await);
            seen.add("orphans to", store.orphan_receipts_to(gateway, address, PAGE).await);
        }
    }
    for why in Kept::ALL {
        for gateway in ["gw", "other"] {
            for prefix in ["", "k1"] {
                seen.add("texts like", store.texts_like(why, gateway, prefix, PAGE).await);
            }
            for after in [None, Some((Timestamp(10), "k1"))] {
                seen.add("texts of", store.texts_of(why, gateway, after, PAGE).await);
            }
            seen.add("texts", store.texts_count(why, gateway).await);
        }
        seen.add("old texts", store.texts_before(why, Timestamp(12), PAGE).await);
    }
    for workspace in [None, Some(1), Some(2), Some(3)] {
        let workspace = workspace.map(WorkspaceId);
        for after in [None, Some(""), Some("g0")] {
            seen.add("gateways", store.gateways(workspace, after, PAGE).await);
        }
        for id in ["g0", "g1", "g2"] {
            seen.add("gateway", store.gateway(workspace, id).await);
            seen.add("all gateways", store.gateways_all(Some((workspace, id)), PAGE).await);
        }
    }
    seen.add("all gateways", store.gateways_all(None, 9).await);
    for scope in ["a0", "a1", "a2"] {
        for period in PERIODS {
            seen.add("allowance", store.allowance(scope, period).await);
        }
    }
}

async fn lanes(store: &Store, seen: &mut Seen) {
    let mut after = None;
    loop {
        let page = store.lanes_queued(after.as_ref(), PAGE).await;
        let lanes = page.as_ref().map(Clone::clone).unwrap_or_default();
        seen.add("lanes", page);
        let Some((last, _)) = lanes.last() else { break };
        for (lane, due) in &lanes {
            for now in [*due, Timestamp(20), Timestamp(1_000)] {
                seen.add("due in lane", store.messages_due_in_lane(lane, None, now, 3).await);
            }
        }
        after = Some(last.clone());
    }
}

async fn unknown(store: &Store, seen: &mut Seen, gateway: &str) {
    let mut after = None;
    loop {
        let from = after.as_ref().map(|(address, id): &(String, _)| (address.as_str(), *id));
        let page = store.messages_unknown(gateway, from, PAGE).await;
        let last = page.as_ref().ok().and_then(|rows| rows.last());
        after = last.map(|last| (last.to.clone(), last.id));
        seen.add("unknown", page);
        if after.is_none() {
            break;
        }
    }
    let from = Some(("+0", message_id(4)));
    seen.add("unknown", store.messages_unknown(gateway, from, PAGE).await);
}
