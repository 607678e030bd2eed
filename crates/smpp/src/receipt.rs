//! Delivery receipts in every form that carriers send.
//!
//! Optional parameters count first, the text second. Whatever is missing is `None` and never a
//! guess. Must never panic, and never call a person's text a receipt unless it is one beyond doubt.

mod id;
mod text;

pub use id::{IdBase, canonical};
pub use text::CarrierDate;

use crate::address::Address;
use crate::delivery::{Delivery, UDHI};
use crate::wire::{latin1, tag};
use text::{Key, ReceiptText};

/// The bits of `esm_class` that say what kind of delivery this is.
const KIND_BITS: u8 = 0x3C;
const KIND_RECEIPT: u8 = 0x04;
const KIND_INTERMEDIATE: u8 = 0x20;

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReceiptState {
    /// Waits for its time.
    Scheduled,
    /// On its way.
    Enroute,
    /// With the person.
    Delivered,
    /// Not in time.
    Expired,
    /// Taken out by somebody.
    Deleted,
    /// Cannot be delivered.
    Undeliverable,
    /// Taken by the network, or read by an operator for the person: carriers mean either, so
    /// something may follow.
    Accepted,
    /// The carrier does not know, or does not say.
    Unknown,
    /// Refused on the way.
    Rejected,
    /// Not tried.
    Skipped,
    /// A word of the carrier's own, in capitals.
    Other(String),
}

impl ReceiptState {
    /// From the number in `message_state`.
    #[must_use]
    pub fn of_code(code: u8) -> ReceiptState {
        match code {
            0 => ReceiptState::Scheduled,
            1 => ReceiptState::Enroute,
            2 => ReceiptState::Delivered,
            3 => ReceiptState::Expired,
            4 => ReceiptState::Deleted,
            5 => ReceiptState::Undeliverable,
            6 => ReceiptState::Accepted,
            7 => ReceiptState::Unknown,
            8 => ReceiptState::Rejected,
            9 => ReceiptState::Skipped,
            code => ReceiptState::Other(format!("STATE {code}")),
        }
    }

    /// From the word after `stat:`, in any case.
    #[must_use]
    pub fn of_word(word: &str) -> ReceiptState {
        let word = word.trim().to_ascii_uppercase();
        match word.as_str() {
            "SCHEDULED" | "SCHEDLD" => ReceiptState::Scheduled,
            "ENROUTE" | "BUFFERED" | "BUFFRED" | "BUFFERD" | "PENDING" => ReceiptState::Enroute,
            "DELIVRD" | "DELIVERED" | "DELIVERD" => ReceiptState::Delivered,
            "EXPIRED" => ReceiptState::Expired,
            "DELETED" => ReceiptState::Deleted,
            "UNDELIV" | "UNDELIVERABLE" | "UNDELIVERED" | "UNDELVD" | "FAILED" => {
                ReceiptState::Undeliverable
            }
            "ACCEPTD" | "ACCEPTED" | "ACKED" => ReceiptState::Accepted,
            "UNKNOWN" | "UNKNOWD" | "" => ReceiptState::Unknown,
            "REJECTD" | "REJECTED" | "REJCTED" => ReceiptState::Rejected,
            "SKIPPED" => ReceiptState::Skipped,
            _ => ReceiptState::Other(word),
        }
    }

    /// Whether nothing else should follow. A word of the carrier's own is taken as final: only
    /// the caller's table can know better.
    #[must_use]
    pub fn is_final(&self) -> bool {
        !matches!(
            self,
            ReceiptState::Scheduled
                | ReceiptState::Enroute
                | ReceiptState::Accepted
                | ReceiptState::Unknown
        )
    }
}

/// A receipt, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Under which ids ([`canonical`]) the message may be known, the likeliest first. Empty when
    /// the receipt names none.
    pub ids: Vec<String>,
    /// What became of it.
    pub state: ReceiptState,
    /// The error in the carrier's notation; `000` mostly means none.
    pub error: Option<String>,
    /// The network of the error: 1 ANSI-136, 2 IS-95, 3 GSM; only from the optional parameter.
    pub error_network: Option<u8>,
    /// When it was submitted, as it stands there.
    pub submitted_at: Option<String>,
    /// When it came to its state, as it stands there. [`CarrierDate::read`] reads it.
    pub done_at: Option<String>,
    /// The beginning of the message, where the carrier repeats it.
    pub text: Option<String>,
    /// Something may follow: an intermediate notification, or a state that is not final.
    pub intermediate: bool,
    /// The person the message went to.
    pub from: Address,
    /// Our sender.
    pub to: Address,
    /// A number of our own, if one was given with the message and the carrier copies it.
    pub user_message_reference: Option<u16>,
}

impl Receipt {
    /// Reads a delivery as a receipt; `None` when it is a text that a person wrote.
    #[must_use]
    pub fn read(delivery: &Delivery, ids: IdBase) -> Option<Receipt> {
        let kind = delivery.esm_class & KIND_BITS;
        let plain = readable(delivery);
        let text = ReceiptText::read(&plain);
        let tlv_id = delivery.tlvs.text(tag::RECEIPTED_MESSAGE_ID);
        let marked = kind == KIND_RECEIPT || kind == KIND_INTERMEDIATE;
        if !marked && tlv_id.is_none() && !clearly(&text) {
            return None;
        }
        let named = [tlv_id.as_deref(), text.word(Key::Id)];
        let state = match (delivery.tlvs.byte(tag::MESSAGE_STATE), text.word(Key::Stat)) {
            (Some(code), _) => ReceiptState::of_code(code),
            (None, Some(word)) => ReceiptState::of_word(word),
            (None, None) => ReceiptState::Unknown,
        };
        let network =
            delivery.tlvs.get(tag::NETWORK_ERROR_CODE).and_then(|value| match value[..] {
                [network, high, low] => Some((network, u16::from_be_bytes([high, low]))),
                _ => None,
            });
        let said = |key| text.value(key).map(str::to_owned);
        Some(Receipt {
            ids: id::candidates(named.into_iter().flatten(), ids),
            intermediate: kind == KIND_INTERMEDIATE || !state.is_final(),
            state,
            error: network
                .map(|(_, code)| code.to_string())
                .or_else(|| text.word(Key::Err).map(str::to_owned)),
            error_network: network.map(|(network, _)| network),
            submitted_at: said(Key::Submitted),
            done_at: said(Key::Done),
            text: said(Key::Text),
            from: delivery.source.clone(),
            to: delivery.destination.clone(),
            user_message_reference: delivery.user_message_reference(),
        })
    }
}

/// A text that no person would write: an id, a known state, and one more field.
fn clearly(text: &ReceiptText) -> bool {
    let known = |word| !matches!(ReceiptState::of_word(word), ReceiptState::Other(_));
    text.word(Key::Id).is_some()
        && text.word(Key::Stat).is_some_and(known)
        && [Key::Sub, Key::Delivered, Key::Submitted, Key::Done, Key::Err]
            .into_iter()
            .any(|key| text.value(key).is_some())
}

/// The text as characters. Receipts are ASCII in one byte or in two.
fn readable(delivery: &Delivery) -> String {
    let mut bytes = &delivery.text[..];
    if delivery.esm_class & UDHI != 0
        && let Some((&length, rest)) = bytes.split_first()
        && let Some(rest) = rest.get(usize::from(length)..)
    {
        bytes = rest;
    }
    let wide = bytes.len() >= 4 && bytes[0] == 0 && bytes[2] == 0;
    if wide || delivery.data_coding == 8 && bytes.len() >= 2 && bytes[0] == 0 {
        let units = bytes.chunks_exact(2).map(|two| u16::from_be_bytes([two[0], two[1]]));
        return char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
    }
    latin1(bytes)
}

#[cfg(test)]
mod tests;
