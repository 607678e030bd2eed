//! Parts of long texts, kept until their others are there, and joined.
//!
//! Parts stand in the store, so that a carrier may be told that they are here before the text is whole, whichever of
//! its connections they come over. Must never lose what came: a text whose parts do not all come is given as it is.

use crate::advance::{Pipeline, PipelineError};
use crate::delivered::Rows;
use crate::gateway::{Delivery, Inbound, Part};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use wayline_core::ids::stable_hash_wide;
use wayline_core::text::{self, Alphabet};
use wayline_core::time::{Span, Timestamp};
use wayline_store::batch::{Kept, KeptText};

/// How long parts are waited for. Phones and carriers repeat what fails within minutes.
pub const PARTS_WITHIN: Span = Span::minutes(10);
/// Parts of a gateway that are kept; beyond them the oldest text goes as it is.
pub const PARTS_MAX: u64 = 10_000;
/// Texts given up at once.
const LATE_PER_TURN: usize = 50;
/// Stands where a part is missing.
pub const MISSING: &str = "[…]";
/// Parts one text can have.
const PARTS_OF_TEXT: usize = 255;
/// Bytes of a part; what is longer came in no SMS, and is a text of its own.
const PART_BYTES_MAX: usize = 1_024;
/// Texts by one reference that wait at once; beyond them the oldest goes as it is.
const TEXTS_AT_PLACE: u32 = 4;

/// Where a part waits.
pub(crate) struct Place {
    /// What all parts of its text, and of others by the same reference, are kept under.
    text: String,
    index: u8,
    /// Which of those texts it belongs to; `None`: it was kept before.
    which: Option<u32>,
}

impl Place {
    /// What the parts of one of its texts are kept under.
    fn of_text(&self, which: u32) -> String {
        format!("{}{which:010}/", self.text)
    }
}

/// What is kept of a part.
#[derive(PartialEq, Serialize, Deserialize)]
struct Body {
    inbound: Inbound,
    total: u8,
    index: u8,
    alphabet: Alphabet,
    /// Each as two hexadecimal digits.
    bytes: String,
}

/// Whether it can be a part of an SMS.
pub(crate) fn is_part(part: &Part) -> bool {
    part.bytes.len() <= PART_BYTES_MAX
}

/// What it says by itself.
pub(crate) fn words(part: &Part) -> String {
    text::decode(&part.bytes, part.alphabet)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Vec<u8> {
    let pairs = (0..digits.len()).step_by(2).filter_map(|at| digits.get(at..at + 2));
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

/// Where a part belongs.
pub(crate) fn place(delivery: &Delivery, part: &Part) -> Place {
    let to = delivery.inbound.destination.number();
    let text = stable_hash_wide(&[
        delivery.inbound.from.as_bytes(),
        to.as_bytes(),
        &part.reference.to_be_bytes(),
        &[u8::from(part.wide), part.total],
    ]);
    Place { text: format!("{text:032x}/"), index: part.index, which: None }
}

/// Which text of those by one reference a row belongs to, and everything before its index.
fn text_of(row: &KeptText) -> &str {
    row.key.rfind('/').and_then(|end| row.key.get(..=end)).unwrap_or(&row.key)
}

impl Pipeline {
    /// Keeps a part. Another one in its place means that the phone has begun a new text with the same reference.
    pub(crate) async fn keep_part(
        &self,
        delivery: &Delivery,
        place: &mut Place,
        now: Timestamp,
        rows: &mut Rows,
    ) -> Result<(), PipelineError> {
        let Some(part) = &delivery.part else { return Ok(()) };
        let gateway = delivery.gateway.clone();
        let here = (gateway.clone(), place.text.clone());
        let newest = match rows.newest.get(&here) {
            Some(newest) => *newest,
            None => self.texts_at(&gateway, place, rows).await?.last().copied().unwrap_or(0),
        };
        let key = |which| format!("{}{:03}", place.of_text(which), place.index);
        let there = rows.like(self, (Kept::Part, &gateway, &key(newest)), 1).await?;
        let bytes = hex(&part.bytes);
        let is_here = |row: &KeptText| read(row).is_some_and(|body| body.bytes == bytes);
        let which = if there.is_empty() || there.iter().any(is_here) { newest } else { newest + 1 };
        let key = key(which);
        place.which = Some(which);
        rows.newest.insert(here, which);
        if which == newest && !there.is_empty() {
            return Ok(());
        }
        let Part { total, index, alphabet, .. } = *part;
        let body = Body { inbound: delivery.inbound.clone(), total, index, alphabet, bytes };
        let body = serde_json::to_string(&body).unwrap_or_default();
        rows.keep(KeptText { why: Kept::Part, gateway, key, came_at: now, body });
        Ok(())
    }

    /// The texts at a place, oldest first. Few, and each new one has the number after the last: only one row of each is
    /// read.
    async fn texts_at(
        &self,
        gateway: &str,
        place: &Place,
        rows: &Rows,
    ) -> Result<Vec<u32>, PipelineError> {
        let first = rows.like(self, (Kept::Part, gateway, &place.text), 1).await?;
        let Some(first) = first.first().map(|row| number_of(text_of(row))) else {
            return Ok(Vec::new());
        };
        let (mut texts, mut next) = (vec![first], first + 1);
        // Those in between may have gone, being whole.
        while next - texts.last().copied().unwrap_or(next) < TEXTS_AT_PLACE {
            let prefix = place.of_text(next);
            if !rows.like(self, (Kept::Part, gateway, &prefix), 1).await?.is_empty() {
                texts.push(next);
            }
            next += 1;
        }
        Ok(texts)
    }

    /// Takes the texts at this place that are whole, and those that are too many.
    pub(crate) async fn join(
        &mut self,
        gateway: &str,
        place: &Place,
        now: Timestamp,
    ) -> Result<(), PipelineError> {
        let there = self.texts_at(gateway, place, &Rows::default()).await?;
        let newest = there.last().copied().unwrap_or(0);
        for which in there {
            let is_too_old = newest - which >= TEXTS_AT_PLACE;
            if !is_too_old && place.which.is_some_and(|own| own != which) {
                continue;
            }
            let prefix = place.of_text(which);
            let rows = self.store.texts_like(Kept::Part, gateway, &prefix, PARTS_OF_TEXT).await?;
            let total = rows.first().and_then(read).map(|body| usize::from(body.total));
            if is_too_old || total.is_some_and(|total| rows.len() >= total) {
                self.take_joined(&rows, now).await?;
            }
        }
        Ok(())
    }

    /// Takes texts as they are whose parts have been waited for too long. Returns how many.
    ///
    /// # Errors
    /// When the store failed; they are taken later.
    pub async fn join_late(&mut self, now: Timestamp) -> Result<usize, PipelineError> {
        // After a start the carriers are heard first: what has been waited for may be with them.
        if now < *self.parts_due.get_or_insert(now + PARTS_WITHIN) {
            return Ok(0);
        }
        let before = now - PARTS_WITHIN;
        let late = self.store.texts_before(Kept::Part, before, LATE_PER_TURN).await?;
        let did = self.give_up(&late, now).await?;
        if late.len() < LATE_PER_TURN {
            let oldest = self.store.texts_before(Kept::Part, Timestamp::MAX, 1).await?;
            let oldest = oldest.first().map_or(now, |row| row.came_at);
            // One millisecond later, because what is as old as that is waited for still.
            self.parts_due = Some(oldest + PARTS_WITHIN + Span(1));
        }
        Ok(did)
    }

    /// Makes room among the parts of a gateway.
    pub(crate) async fn bound_parts(
        &mut self,
        gateway: &str,
        now: Timestamp,
    ) -> Result<(), PipelineError> {
        let count = self.store.texts_count(Kept::Part, gateway).await?;
        let excess = usize::try_from(count.saturating_sub(PARTS_MAX)).unwrap_or(usize::MAX);
        if excess > 0 {
            let limit = excess.min(wayline_core::limits::PAGE_ROWS_MAX);
            let oldest = self.store.texts_of(Kept::Part, gateway, None, limit).await?;
            self.give_up(&oldest, now).await?;
        }
        Ok(())
    }

    /// Takes the texts that these parts are of, whole or not.
    async fn give_up(
        &mut self,
        parts: &[KeptText],
        now: Timestamp,
    ) -> Result<usize, PipelineError> {
        let texts = parts.iter().map(|row| (row.gateway.clone(), text_of(row).to_owned()));
        let texts: BTreeSet<(String, String)> = texts.collect();
        for (gateway, text) in &texts {
            let rows = self.store.texts_like(Kept::Part, gateway, text, PARTS_OF_TEXT).await?;
            self.take_joined(&rows, now).await?;
        }
        Ok(texts.len())
    }

    /// Takes what there is of a text, and keeps its parts no longer. Should we die in between, the id tells it.
    async fn take_joined(
        &mut self,
        rows: &[KeptText],
        now: Timestamp,
    ) -> Result<(), PipelineError> {
        let bodies: Vec<Body> = rows.iter().filter_map(read).collect();
        let since = rows.iter().map(|row| row.came_at).min().unwrap_or(now);
        if let (Some(row), Some(first)) = (rows.first(), bodies.first()) {
            let mut inbound = first.inbound.clone();
            inbound.text = joined(&bodies);
            inbound.id = Some(format!("{}{}", text_of(row), since.0));
            self.inbound(inbound, now).await?;
        }
        let gone = rows.iter().cloned().map(KeptText::removed);
        self.work_with(Vec::new(), gone.collect()).await?;
        Ok(())
    }
}

fn read(row: &KeptText) -> Option<Body> {
    serde_json::from_str(&row.body).ok()
}

fn number_of(text: &str) -> u32 {
    text.trim_end_matches('/').rsplit('/').next().and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// The words of parts in order, with a mark where some are missing. Bytes are joined before they are read as long as the
/// alphabet stays the same: a character that a careless phone cut in two is whole again.
fn joined(bodies: &[Body]) -> String {
    let total = bodies.first().map_or(0, |body| body.total);
    let (mut words, mut run): (String, Option<(Alphabet, Vec<u8>)>) = (String::new(), None);
    let end = |words: &mut String, run: &mut Option<(Alphabet, Vec<u8>)>| {
        if let Some((alphabet, bytes)) = run.take() {
            words.push_str(&text::decode(&bytes, alphabet));
        }
    };
    let mut expected = 1;
    for body in bodies {
        let index = u16::from(body.index);
        if index > expected {
            end(&mut words, &mut run);
            words.push_str(MISSING);
        }
        let more = unhex(&body.bytes);
        match &mut run {
            Some((alphabet, bytes)) if *alphabet == body.alphabet => bytes.extend(more),
            _ => {
                end(&mut words, &mut run);
                run = Some((body.alphabet, more));
            }
        }
        expected = index + 1;
    }
    end(&mut words, &mut run);
    if expected <= u16::from(total) {
        words.push_str(MISSING);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use wayline_core::ids::WorkspaceId;

    fn part(index: u8, total: u8, alphabet: Alphabet, bytes: &[u8]) -> Body {
        let (from, at) = ("+1".to_owned(), Timestamp(1));
        Body {
            inbound: Inbound::to_workspace(WorkspaceId(1), None, from, String::new(), at),
            total,
            index,
            alphabet,
            bytes: hex(bytes),
        }
    }

    #[test]
    fn what_is_missing_is_marked_once_for_each_gap() {
        let gsm = |index, total| part(index, total, Alphabet::Gsm7, b"x");
        let said = |bodies: &[Body]| joined(bodies);
        assert_eq!(said(&[gsm(1, 2), gsm(2, 2)]), "xx");
        assert_eq!(said(&[gsm(2, 6), gsm(5, 6)]), "[…]x[…]x[…]");
        assert_eq!(said(&[]), "");
        let all: Vec<Body> = (1..=255).map(|index| gsm(index, 255)).collect();
        assert_eq!(said(&all), "x".repeat(255));
        assert_eq!(said(&all[..254]), format!("{}{MISSING}", "x".repeat(254)));
    }

    #[test]
    fn each_alphabet_is_read_by_itself_and_a_cut_character_is_whole() {
        let smile = text::encode("😀", Alphabet::Utf16).unwrap_or_default();
        let bodies = [
            part(1, 3, Alphabet::Latin1, &[0xE9]),
            part(2, 3, Alphabet::Utf16, &smile[..2]),
            part(3, 3, Alphabet::Utf16, &smile[2..]),
        ];
        assert_eq!(joined(&bodies), "é😀");
    }
}
