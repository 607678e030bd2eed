//! Random operations of carriers.
//!
//! Must never draw from anything but the seed.

use super::random::Draw;
use super::samples;
use crate::Store;
use crate::batch::{GatewayStanding, Kept, KeptText, Op};

/// One of them.
pub(super) async fn carriers(draw: &mut Draw, model: &Store) -> Op {
    let workspace = (!draw.one_in(3)).then(|| draw.workspace());
    let id = format!("g{}", draw.below(3));
    match draw.below(8) {
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
        3 | 4 => {
            let (why, gateway, key) = place(draw);
            let body = draw.next().to_string();
            Op::KeepText(KeptText { why, gateway, key, came_at: draw.instant(), body })
        }
        5 => {
            let (why, gateway, key) = place(draw);
            Op::RemoveText(why, gateway, key)
        }
        _ => Op::UseAllowance {
            scope: format!("a{}", draw.below(3)),
            period: samples::PERIODS[draw.below(3) as usize],
            parts: draw.below(5),
        },
    }
}

fn place(draw: &mut Draw) -> (Kept, String, String) {
    let gateway = if draw.one_in(2) { "gw" } else { "other" }.to_owned();
    (Kept::ALL[draw.below(3) as usize], gateway, format!("k{}", draw.below(3)))
}
