//! Operations of carriers: gateways, allowances, texts that are kept.
//!
//! Must never open what is sealed: secrets pass through as they are.

use super::columns::{int, uint};
use super::fault::Fault;
use super::write::Writing;
use crate::batch::{GatewayRow, KeptText, Op};
use crate::error::Assertion;
use rusqlite::{OptionalExtension, params};
use wayline_core::ids::WorkspaceId;

impl Writing<'_> {
    pub(super) fn write_carriers(&self, op: &Op) -> Result<(), Fault> {
        match op {
            Op::PutGateway(row) => self.put_gateway(row),
            Op::RemoveGateway { workspace, id } => {
                let sql = "DELETE FROM gateway WHERE ifnull(workspace, -1) = ifnull(?1, -1) \
                    AND id = ?2";
                self.run(sql, params![workspace.map(|WorkspaceId(id)| id), id])?;
                Ok(())
            }
            Op::UseAllowance { scope, period, parts } => {
                let sql = "INSERT INTO allowance (period, scope, used) VALUES (?1, ?2, ?3) \
                    ON CONFLICT DO UPDATE SET used = used + excluded.used";
                self.run(sql, params![period.0, scope, int(*parts)])?;
                Ok(())
            }
            Op::KeepText(row) => {
                let sql = "INSERT INTO kept_text (why, gateway, key, came_at, body) \
                    VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET \
                    came_at = excluded.came_at, body = excluded.body";
                let KeptText { why, gateway, key, came_at, body } = row;
                self.run(sql, params![why.as_str(), gateway, key, came_at.0, body])?;
                Ok(())
            }
            Op::RemoveText(why, gateway, key) => {
                let sql = "DELETE FROM kept_text WHERE why = ?1 AND gateway = ?2 AND key = ?3";
                self.run(sql, params![why.as_str(), gateway, key])?;
                Ok(())
            }
            // Every other operation was taken before this one was asked.
            _ => Ok(()),
        }
    }

    fn put_gateway(&self, row: &GatewayRow) -> Result<(), Fault> {
        if let Some(workspace) = row.workspace {
            self.workspace_exists(workspace)?;
        }
        let workspace = row.workspace.map(|WorkspaceId(id)| id);
        let sql = "SELECT revision FROM gateway WHERE ifnull(workspace, -1) = ifnull(?1, -1) \
            AND id = ?2";
        let found = self
            .conn
            .prepare_cached(sql)?
            .query_row(params![workspace, row.id], |row| uint(row, 0))
            .optional()?
            .unwrap_or(0);
        if row.revision.checked_sub(1) != Some(found) {
            let (id, asked) = (row.id.clone(), row.revision);
            return Err(Assertion::GatewayRevision { id, asked, found }.into());
        }
        let sql = "INSERT INTO gateway (workspace, id, kind, settings, secrets, standing, \
            revision, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
            ON CONFLICT (ifnull(workspace, -1), id) DO UPDATE SET kind = excluded.kind, \
            settings = excluded.settings, secrets = excluded.secrets, \
            standing = excluded.standing, revision = excluded.revision, \
            updated_at = excluded.updated_at";
        let values = params![
            workspace,
            row.id,
            row.kind,
            row.settings,
            row.secrets,
            row.standing.as_str(),
            int(row.revision),
            row.updated_at.0,
        ];
        self.run(sql, values)?;
        Ok(())
    }
}
