//! Random operations of the program that serves people.
//!
//! Must never draw from anything but the seed.

use super::observe::IDS;
use super::random::Draw;
use super::samples;
use crate::Store;
use crate::batch::{IdempotencyRow, Op};
use wayline_core::ids::JourneyId;

/// One of them.
pub(super) async fn live(draw: &mut Draw, model: &Store) -> Op {
    let workspace = draw.workspace();
    let slug = format!("s{}", draw.below(3));
    match draw.below(5) {
        0 => {
            let id = draw.below(IDS);
            let mut row = samples::api_key(id);
            row.workspace = (!id.is_multiple_of(3) || draw.one_in(9)).then_some(workspace);
            row.hash[0] = u8::from(draw.one_in(9));
            row.revoked_at = draw.one_in(2).then(|| draw.instant());
            Op::PutApiKey(row)
        }
        1 => Op::PutIdempotency(IdempotencyRow {
            key: draw.below(IDS),
            token: if draw.one_in(2) { "a" } else { "b" }.to_owned(),
            fingerprint: u128::from(draw.next()) << 64 | 1,
            at: draw.instant(),
            status: 201,
            body: draw.next().to_string(),
        }),
        2 => {
            let found = model.draft(workspace, &slug).await.expect("the model answers");
            let found = found.map_or(0, |draft| draft.revision);
            let revision = if draw.one_in(6) { draw.below(4) } else { found + 1 };
            let mut row = samples::draft(&slug, revision);
            row.workspace = workspace;
            row.text = draw.next().to_string();
            Op::PutDraft(row)
        }
        3 => Op::RemoveDraft { workspace, slug },
        _ => {
            let journey = JourneyId(draw.below(3) as u32);
            Op::SetPaused { workspace, journey, paused: draw.one_in(2) }
        }
    }
}
