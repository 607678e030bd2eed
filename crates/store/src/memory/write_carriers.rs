//! Operations of carriers: gateways, allowances, texts that are kept.
//!
//! Must never open what is sealed: secrets pass through as they are.

use super::model::Model;
use super::write::put_back;
use crate::batch::{GatewayRow, Kept, KeptText, Op};
use crate::error::Assertion;
use wayline_core::ids::WorkspaceId;
use wayline_core::time::Timestamp;

/// What one applied operation replaced.
pub(super) enum UndoCarriers {
    Gateway((Option<WorkspaceId>, String), Option<Box<GatewayRow>>),
    Allowance((Timestamp, String), Option<u64>),
    Text((Kept, String, String), Option<Box<KeptText>>),
    Nothing,
}

impl Model {
    pub(super) fn apply_carriers(&mut self, op: &Op) -> Result<UndoCarriers, Assertion> {
        Ok(match op {
            Op::PutGateway(row) => self.put_gateway(row)?,
            Op::RemoveGateway { workspace, id } => {
                let key = (*workspace, id.clone());
                let before = self.gateways.remove(&key);
                UndoCarriers::Gateway(key, before.map(Box::new))
            }
            Op::UseAllowance { scope, period, parts } => {
                let key = (*period, scope.clone());
                let before = self.allowances.get(&key).copied();
                self.allowances.insert(key.clone(), before.unwrap_or(0).saturating_add(*parts));
                UndoCarriers::Allowance(key, before)
            }
            Op::KeepText(row) => {
                let key = (row.why, row.gateway.clone(), row.key.clone());
                let before = self.set_text(&key, Some(row.clone()));
                UndoCarriers::Text(key, before.map(Box::new))
            }
            Op::RemoveText(why, gateway, key) => {
                let key = (*why, gateway.clone(), key.clone());
                let before = self.set_text(&key, None);
                UndoCarriers::Text(key, before.map(Box::new))
            }
            // Every other operation was taken before this one was asked.
            _ => UndoCarriers::Nothing,
        })
    }

    fn put_gateway(&mut self, row: &GatewayRow) -> Result<UndoCarriers, Assertion> {
        if let Some(workspace) = row.workspace {
            self.workspace_exists(workspace)?;
        }
        let key = (row.workspace, row.id.clone());
        let found = self.gateways.get(&key).map_or(0, |found| found.revision);
        if row.revision.checked_sub(1) != Some(found) {
            let (id, asked) = (row.id.clone(), row.revision);
            return Err(Assertion::GatewayRevision { id, asked, found });
        }
        let before = self.gateways.insert(key.clone(), row.clone());
        Ok(UndoCarriers::Gateway(key, before.map(Box::new)))
    }

    /// Puts a text where it is kept, or with `None` takes it away; returns what was there.
    pub(super) fn set_text(
        &mut self,
        key: &(Kept, String, String),
        row: Option<KeptText>,
    ) -> Option<KeptText> {
        let place = |row: &KeptText| (row.why, row.came_at, row.gateway.clone(), row.key.clone());
        let before = self.texts.remove(key);
        if let Some(before) = &before {
            self.texts_by_time.remove(&place(before));
        }
        if let Some(row) = row {
            self.texts_by_time.insert(place(&row));
            self.texts.insert(key.clone(), row);
        }
        before
    }

    pub(super) fn take_back_carriers(&mut self, step: UndoCarriers) {
        match step {
            UndoCarriers::Gateway(key, before) => {
                put_back(&mut self.gateways, key, before.map(|row| *row));
            }
            UndoCarriers::Allowance(key, before) => put_back(&mut self.allowances, key, before),
            UndoCarriers::Text(key, before) => {
                self.set_text(&key, before.map(|row| *row));
            }
            UndoCarriers::Nothing => {}
        }
    }
}
