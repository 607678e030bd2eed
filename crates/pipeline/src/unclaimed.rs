//! Texts to senders that nobody has: kept for the operator, who pays for that number.
//!
//! Must never keep more than a bounded number for each gateway: whoever finds such a number can write to it for ever.

use crate::advance::{Pipeline, PipelineError};
use crate::gateway::{Destination, Inbound};
use wayline_core::ids::stable_hash_wide;
use wayline_core::limits;
use wayline_core::time::{Span, Timestamp};
use wayline_store::batch::{Kept, KeptText, Op};

/// Texts of a gateway that are kept; a newer one takes the place of the oldest.
pub const UNCLAIMED_MAX: u64 = 1_000;
/// How long they are kept.
pub const UNCLAIMED_KEPT: Span = Span::days(30);

impl Pipeline {
    /// Keeps a text that belongs to nobody, and tells it.
    pub(crate) async fn nobodys(
        &mut self,
        inbound: &Inbound,
        now: Timestamp,
    ) -> Result<(), PipelineError> {
        let Destination::Sender { gateway, number } = &inbound.destination else { return Ok(()) };
        if self.set_aside.len() < limits::SET_ASIDE_TOLD_MAX {
            let (why, what) = if self.workspaces_of(inbound).is_empty() {
                ("belongs to no workspace", "name that number as a sender of one")
            } else {
                ("is a START of somebody whom none of its workspaces knows", "record their consent")
            };
            self.set_aside.push(format!(
                "a text to {number} by gateway {gateway} {why}; {what}; `wayline gateways unclaimed` lists such texts"
            ));
        }
        let mut ops = Vec::new();
        let count = self.store.texts_count(Kept::Unclaimed, gateway).await?;
        if count >= UNCLAIMED_MAX {
            let limit = usize::try_from(count - UNCLAIMED_MAX + 1).unwrap_or(usize::MAX);
            let limit = limit.min(limits::PAGE_ROWS_MAX);
            let oldest = self.store.texts_of(Kept::Unclaimed, gateway, None, limit).await?;
            ops.extend(oldest.into_iter().map(KeptText::removed));
        }
        let at = inbound.at.0.to_string();
        let which = stable_hash_wide(&[
            inbound.from.as_bytes(),
            number.as_bytes(),
            // One that is told twice is kept once.
            inbound.id.as_deref().unwrap_or(&at).as_bytes(),
            if inbound.id.is_some() { b"" } else { inbound.text.as_bytes() },
        ]);
        let mut kept = inbound.clone();
        kept.text = kept.text.chars().take(limits::INBOUND_CHARS_MAX).collect();
        kept.media.truncate(limits::MEDIA_MAX);
        ops.push(Op::KeepText(KeptText {
            why: Kept::Unclaimed,
            gateway: gateway.clone(),
            key: format!("{which:032x}"),
            came_at: now,
            body: serde_json::to_string(&kept).unwrap_or_default(),
        }));
        self.work_with(Vec::new(), ops).await?;
        Ok(())
    }
}
