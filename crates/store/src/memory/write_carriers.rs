//! Operations of carriers: gateways and allowances.
//!
//! Must never open what is sealed: secrets pass through as they are.

use super::model::Model;
use super::write::put_back;
use crate::batch::{GatewayRow, Op};
use crate::error::Assertion;
use wayline_core::ids::WorkspaceId;
use wayline_core::time::Timestamp;

/// What one applied operation replaced.
pub(super) enum UndoCarriers {
    Gateway((Option<WorkspaceId>, String), Option<Box<GatewayRow>>),
    Allowance((Timestamp, String), Option<u64>),
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

    pub(super) fn take_back_carriers(&mut self, step: UndoCarriers) {
        match step {
            UndoCarriers::Gateway(key, before) => {
                put_back(&mut self.gateways, key, before.map(|row| *row));
            }
            UndoCarriers::Allowance(key, before) => put_back(&mut self.allowances, key, before),
            UndoCarriers::Nothing => {}
        }
    }
}
