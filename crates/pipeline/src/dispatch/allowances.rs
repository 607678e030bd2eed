//! What senders, campaigns and brands may send, nested: sender a second, campaign a minute, brand a day.
//!
//! The rates are data of the core. What a brand has used today is kept in the store; the rest in memory. Must never let
//! a start of the program forget how much of a day is used.

use super::pace::Pace;
use crate::advance::{Pipeline, PipelineError};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use wayline_core::evaluate::earliest;
use wayline_core::ids::WorkspaceId;
use wayline_core::message::Message;
use wayline_core::policy::rates::{Rates, carrier_day};
use wayline_core::policy::settings::Sender;
use wayline_core::time::Timestamp;
use wayline_store::batch::{Batch, Op};

/// The store counts hundredths of parts: a part to a number whose carrier is not known counts in part.
const UNITS: f64 = 100.0;

/// What limits one sender: its own pace, its campaign's, its brand's day.
#[derive(Default)]
pub(super) struct Allowances {
    senders: BTreeMap<(WorkspaceId, String), Pace>,
    campaigns: BTreeMap<String, Pace>,
    /// Units used, by scope and day.
    brands: BTreeMap<(String, Timestamp), u64>,
    /// Units of brands that were promised in this turn and are not counted yet.
    promised: BTreeMap<String, f64>,
    /// When the next one that had no place has one, as found in this turn.
    opens_at: Option<Timestamp>,
}

/// Whether a sender may send now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum May {
    Send,
    /// In a moment.
    NotYet,
    /// Its brand has used up the carrier's day, which ends then.
    Tomorrow(Timestamp),
}

impl Allowances {
    /// A new turn.
    pub(super) fn begin(&mut self) {
        self.promised.clear();
        self.opens_at = None;
    }

    /// When the next sender that had no place in this turn has one.
    pub(super) fn opens_at(&self) -> Option<Timestamp> {
        self.opens_at
    }

    /// Whether a sender has a place for one part at this instant, which is taken then.
    pub(super) fn take(&mut self, workspace: WorkspaceId, sender: &Sender, now: Timestamp) -> May {
        let (rates, registration) = (Rates::builtin(), &sender.registration);
        let (day, next_day) = carrier_day(now);
        let brands = rates.brand_allowances(registration, now);
        for allowance in &brands {
            let scope = brand_scope(sender, &allowance.carrier);
            let promised = self.promised.get(&scope).copied().unwrap_or(0.0);
            let used = self.brands.get(&(scope, day)).copied().unwrap_or(0);
            let units = used as f64 + promised + allowance.share * UNITS;
            if units > allowance.parts_per_day as f64 * UNITS {
                return May::Tomorrow(next_day);
            }
        }
        let rate = sender.parts_per_second.map(f64::from);
        let rate = rate.or_else(|| rates.sender_parts_per_second(sender.kind, now));
        let own = self
            .senders
            .entry((workspace, sender.id.clone()))
            .or_insert_with(|| Pace::new(rate, now));
        own.set_ceiling(rate);
        let mut opens_at = if own.room(now) > 0 { None } else { own.opens_at(now) };
        let campaign = campaign(sender).zip(registration.class.as_deref());
        let allowance = campaign
            .and_then(|(campaign, class)| Some((campaign, rates.campaign_allowance(class, now)?)));
        if let Some((campaign, allowance)) = &allowance {
            let rate = Some(allowance.parts_per_minute as f64 / 60.0);
            let pace =
                self.campaigns.entry(campaign.clone()).or_insert_with(|| Pace::new(rate, now));
            pace.set_ceiling(rate);
            if pace.room(now) == 0 {
                opens_at = opens_at.max(pace.opens_at(now));
            }
        }
        if opens_at.is_some() {
            self.opens_at = earliest(self.opens_at, opens_at);
            return May::NotYet;
        }
        for allowance in brands {
            let scope = brand_scope(sender, &allowance.carrier);
            *self.promised.entry(scope).or_default() += allowance.share * UNITS;
        }
        self.count(workspace, sender, 1.0, now);
        May::Send
    }

    /// So many parts more are on their way.
    pub(super) fn count(
        &mut self,
        workspace: WorkspaceId,
        sender: &Sender,
        parts: f64,
        now: Timestamp,
    ) {
        if let Some(pace) = self.senders.get_mut(&(workspace, sender.id.clone())) {
            pace.hand_out(parts);
        }
        let class = sender.registration.class.as_deref();
        let share = class.and_then(|class| Rates::builtin().campaign_allowance(class, now));
        if let (Some(campaign), Some(allowance)) = (campaign(sender), share)
            && let Some(pace) = self.campaigns.get_mut(&campaign)
        {
            pace.hand_out(parts * allowance.share);
        }
    }

    /// Counts what was handed out for the days of brands; returns what the store has to remember.
    pub(super) fn use_of_brands(
        &mut self,
        handed_out: &[(&Message, &Sender)],
        now: Timestamp,
    ) -> Vec<Op> {
        let (day, _) = carrier_day(now);
        let mut used: BTreeMap<String, u64> = BTreeMap::new();
        for (message, sender) in handed_out {
            for allowance in Rates::builtin().brand_allowances(&sender.registration, now) {
                let units = f64::from(message.parts.max(1)) * allowance.share * UNITS;
                *used.entry(brand_scope(sender, &allowance.carrier)).or_default() += units as u64;
            }
        }
        self.brands.retain(|(_, kept), _| *kept >= day);
        let note = |(scope, parts): (String, u64)| {
            *self.brands.entry((scope.clone(), day)).or_default() += parts;
            Op::UseAllowance { scope, period: day, parts }
        };
        used.into_iter().map(note).collect()
    }
}

/// Campaigns are shared by numbers and workspaces alike: their id is the carriers' own.
fn campaign(sender: &Sender) -> Option<String> {
    sender.registration.campaign.clone()
}

fn brand_scope(sender: &Sender, carrier: &str) -> String {
    let brand = sender.registration.brand.as_deref().unwrap_or_default();
    format!("brand/{brand}/{carrier}")
}

impl Pipeline {
    /// Reads how much of today the brands of these senders have used, where that is not known yet.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) async fn read_allowances<'s>(
        &self,
        allowances: &mut Allowances,
        senders: impl Iterator<Item = &'s Sender>,
        now: Timestamp,
    ) -> Result<(), PipelineError> {
        let (day, _) = carrier_day(now);
        for sender in senders {
            for allowance in Rates::builtin().brand_allowances(&sender.registration, now) {
                let scope = brand_scope(sender, &allowance.carrier);
                if let Entry::Vacant(place) = allowances.brands.entry((scope, day)) {
                    let used = self.store.allowance(&place.key().0, day).await?;
                    place.insert(used);
                }
            }
        }
        Ok(())
    }

    /// Makes durable how much was used.
    ///
    /// # Errors
    /// When the store failed.
    pub(super) async fn keep_allowances(&mut self, ops: Vec<Op>) -> Result<(), PipelineError> {
        if ops.is_empty() {
            return Ok(());
        }
        Ok(self.store.commit(&Batch { ops }).await?)
    }
}
