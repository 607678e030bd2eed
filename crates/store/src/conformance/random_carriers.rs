//! Random operations of carriers.
//!
//! Must never draw from anything but the seed.

use super::random::Draw;
use super::samples;
use crate::Store;
use crate::batch::{GatewayStanding, Op};

/// One of them.
pub(super) async fn carriers(draw: &mut Draw, model: &Store) -> Op {
    let workspace = (!draw.one_in(3)).then(|| draw.workspace());
    let id = format!("g{}", draw.below(3));
    match draw.below(5) {
        0 | 1 => {
            let found = model.gateway(workspace, &id).await.expect("the model answers");
            let found = found.map_or(0, |row| row.revision);
            let revision = if draw.one_in(6) { draw.below(4) } else { found + 1 };
            let mut row = samples::gateway(&id, revision);
            row.workspace = workspace;
            row.standing = GatewayStanding::ALL[draw.below(3) as usize];
            row.secrets = draw.next().to_be_bytes().to_vec();
            Op::PutGateway(row)
        }
        2 => Op::RemoveGateway { workspace, id },
        _ => Op::UseAllowance {
            scope: format!("a{}", draw.below(3)),
            period: samples::PERIODS[draw.below(3) as usize],
            parts: draw.below(5),
        },
    }
}
