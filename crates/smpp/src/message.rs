//! What is submitted, and the PDUs it becomes.
//!
//! The parts come in already encoded; here they get their header or parameters. Must never cut a
//! part or change its bytes, apart from packing where that was asked for.

use std::time::Duration;

use bytes::Bytes;
use rusmpp_core::pdus::owned::{CancelSm, Pdu, QuerySm, ReplaceSm, SubmitSm};
use rusmpp_core::tlvs::TlvTag;
use rusmpp_core::tlvs::owned::MessageSubmissionRequestTlvValue as SubmitTlv;
use rusmpp_core::types::owned::{AnyOctetString, EmptyOrFullCOctetString, OctetString};
use rusmpp_core::values::owned::{MessagePayload, ServiceType};
use rusmpp_core::values::{
    DataCoding, EsmClass, Npi, PriorityFlag, RegisteredDelivery, ReplaceIfPresentFlag, Ton,
};

use crate::address::Address;
use crate::delivery::UDHI;
use crate::event::MessageRef;
use crate::field::{BadField, c_string};
use crate::septets;

/// Bytes that the short message of one PDU carries, its header included.
pub const SHORT_MESSAGE_MAX: usize = 254;
/// Parts that one message may have: their number is one byte.
pub const PARTS_MAX: usize = 255;
/// Bytes that the payload parameter carries.
pub const PAYLOAD_MAX: usize = 65_535;
/// The longest relative validity: its days are two digits, and carriers check them as days.
pub const VALIDITY_MAX: Duration = Duration::from_secs(31 * 24 * 3600 - 1);

/// How parts say that they belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Concatenation {
    /// A header of 6 octets with an 8-bit reference: 153 septets or 67 units a part.
    Udh8,
    /// A header of 7 octets with a 16-bit reference: 152 septets or 66 units a part.
    Udh16,
    /// Three optional parameters; the carrier makes the header.
    Sar,
    /// No parts: the whole text in one optional parameter, and the carrier cuts it.
    Payload,
}

/// Which parts of a message ask for a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReceiptsWanted {
    /// Each one.
    All,
    /// Only the last.
    Last,
    /// None.
    None,
}

/// How long the carrier may try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validity {
    /// From when it takes the message; at most [`VALIDITY_MAX`].
    For(Duration),
    /// In the notation of SMPP, 16 characters: `YYMMDDhhmmsstnnp`.
    Text(String),
}

/// One message, its text encoded and split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// From whom.
    pub source: Address,
    /// To whom.
    pub destination: Address,
    /// The encoded text of each part, without headers. One for a text that needs no joining.
    pub parts: Vec<Vec<u8>>,
    /// How the text is encoded, as the carrier calls it.
    pub data_coding: u8,
    /// Pack 7-bit text (one septet per octet in `parts`) as phones do. Few carriers want it.
    pub packed: bool,
    /// How the parts say that they belong together.
    pub concatenation: Concatenation,
    /// Which joined message this is: should differ between messages to one person that are on
    /// their way at once. [`Concatenation::Udh8`] takes its low byte.
    pub reference: u16,
    /// Which parts ask for a receipt.
    pub receipts: ReceiptsWanted,
    /// How long the carrier may try; its own rule if none.
    pub validity: Option<Validity>,
    /// Mode and type bits; the header bit is set here where a header is.
    pub esm_class: u8,
    /// GSM protocol id.
    pub protocol_id: u8,
    /// 0 to 3.
    pub priority: u8,
    /// Mostly empty, at most 5 characters.
    pub service_type: String,
    /// Take the place of a message of this sender to this person that is not delivered yet.
    pub replace_if_present: bool,
    /// More optional parameters, for every part: tag and value.
    pub tlvs: Vec<(u16, Bytes)>,
}

/// One PDU to submit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitPart {
    pdu: Pdu,
}

impl SubmitPart {
    pub(crate) fn pdu(&self) -> &Pdu {
        &self.pdu
    }
}

/// A message that no PDU can carry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// There is no part at all.
    #[error("a message needs at least one part; give an empty part for an empty text")]
    NoParts,
    /// More parts than can be numbered.
    #[error("{given} parts are too many: at most {PARTS_MAX} can be numbered")]
    TooManyParts {
        /// How many.
        given: usize,
    },
    /// A part does not fit.
    #[error(
        "part {part} takes {bytes} bytes with its header; at most {max} fit: split the text smaller"
    )]
    PartTooLong {
        /// Which one, from 1.
        part: usize,
        /// How long.
        bytes: usize,
        /// How much fits.
        max: usize,
    },
    /// A validity that the notation does not carry.
    #[error("the validity {given:?} cannot be written: give 1 second to 31 days, or 16 characters")]
    Validity {
        /// What was given.
        given: Validity,
    },
    /// An optional parameter that is too long.
    #[error("optional parameter {tag:#06x} is longer than 65535 bytes")]
    Tlv {
        /// Which one.
        tag: u16,
    },
    /// A text that does not fit its field.
    #[error(transparent)]
    Field(#[from] BadField),
}

impl Outgoing {
    /// A message with the usual settings: 16 bits of reference are used as far as the
    /// concatenation has room, every part asks for a receipt.
    #[must_use]
    pub fn new(
        source: Address,
        destination: Address,
        data_coding: u8,
        parts: Vec<Vec<u8>>,
    ) -> Self {
        Outgoing {
            source,
            destination,
            parts,
            data_coding,
            packed: false,
            concatenation: Concatenation::Udh8,
            reference: 0,
            receipts: ReceiptsWanted::All,
            validity: None,
            esm_class: 0,
            protocol_id: 0,
            priority: 0,
            service_type: String::new(),
            replace_if_present: false,
            tlvs: Vec::new(),
        }
    }

    /// The PDUs, one for each part, in order; one for [`Concatenation::Payload`].
    ///
    /// # Errors
    /// A message that no PDU can carry; nothing of it should be submitted.
    pub fn submits(&self) -> Result<Vec<SubmitPart>, BadMessage> {
        let base = self.base()?;
        let total = match self.parts.len() {
            0 => return Err(BadMessage::NoParts),
            parts if self.concatenation == Concatenation::Payload => {
                return Ok(vec![self.payload(base, parts)?]);
            }
            parts => u8::try_from(parts).map_err(|_| BadMessage::TooManyParts { given: parts })?,
        };
        let numbered = (1..=total).zip(&self.parts);
        numbered.map(|(index, part)| self.part(base.clone(), part, index, total)).collect()
    }

    fn part(
        &self,
        mut submit: SubmitSm,
        part: &[u8],
        index: u8,
        total: u8,
    ) -> Result<SubmitPart, BadMessage> {
        let [high, low] = self.reference.to_be_bytes();
        let header: &[u8] = match self.concatenation {
            _ if total == 1 => &[],
            Concatenation::Udh8 => &[0x05, 0x00, 0x03, low, total, index],
            Concatenation::Udh16 => &[0x06, 0x08, 0x04, high, low, total, index],
            Concatenation::Sar | Concatenation::Payload => &[],
        };
        if !header.is_empty() {
            submit.esm_class = EsmClass::from(self.esm_class | UDHI);
        }
        let mut text = header.to_vec();
        if self.packed {
            text.extend(septets::pack(part, septets::fill_bits(header.len())));
        } else {
            text.extend_from_slice(part);
        }
        let bytes = text.len();
        let too_long =
            BadMessage::PartTooLong { part: usize::from(index), bytes, max: SHORT_MESSAGE_MAX };
        if bytes > SHORT_MESSAGE_MAX {
            return Err(too_long);
        }
        submit.set_short_message(OctetString::from_vec(text).map_err(|_| too_long)?);
        if total > 1 && self.concatenation == Concatenation::Sar {
            submit.push_tlv(SubmitTlv::SarMsgRefNum(self.reference));
            submit.push_tlv(SubmitTlv::SarTotalSegments(total));
            submit.push_tlv(SubmitTlv::SarSegmentSeqnum(index));
        }
        submit.registered_delivery = RegisteredDelivery::from(u8::from(match self.receipts {
            ReceiptsWanted::All => true,
            ReceiptsWanted::Last => index == total,
            ReceiptsWanted::None => false,
        }));
        self.finish(submit)
    }

    fn payload(&self, mut submit: SubmitSm, parts: usize) -> Result<SubmitPart, BadMessage> {
        let mut text = self.parts.concat();
        if self.packed {
            text = septets::pack(&text, 0);
        }
        if text.len() > PAYLOAD_MAX {
            return Err(BadMessage::PartTooLong {
                part: parts,
                bytes: text.len(),
                max: PAYLOAD_MAX,
            });
        }
        let payload = MessagePayload::new(AnyOctetString::from_vec(text));
        submit.push_tlv(SubmitTlv::MessagePayload(payload));
        submit.registered_delivery =
            RegisteredDelivery::from(u8::from(self.receipts != ReceiptsWanted::None));
        self.finish(submit)
    }

    fn finish(&self, mut submit: SubmitSm) -> Result<SubmitPart, BadMessage> {
        for (tag, value) in &self.tlvs {
            if value.len() > usize::from(u16::MAX) {
                return Err(BadMessage::Tlv { tag: *tag });
            }
            let value = AnyOctetString::from_bytes(value.clone());
            submit.push_tlv(SubmitTlv::Other { tag: TlvTag::from(*tag), value });
        }
        Ok(SubmitPart { pdu: submit.into() })
    }

    /// What all parts have in common.
    fn base(&self) -> Result<SubmitSm, BadMessage> {
        let replace = if self.replace_if_present {
            ReplaceIfPresentFlag::Replace
        } else {
            ReplaceIfPresentFlag::default()
        };
        Ok(SubmitSm::builder()
            .service_type(ServiceType::new(c_string("service_type", &self.service_type)?))
            .source_addr_ton(Ton::from(self.source.ton))
            .source_addr_npi(Npi::from(self.source.npi))
            .source_addr(c_string("source address", &self.source.number)?)
            .dest_addr_ton(Ton::from(self.destination.ton))
            .dest_addr_npi(Npi::from(self.destination.npi))
            .destination_addr(c_string("destination address", &self.destination.number)?)
            .esm_class(EsmClass::from(self.esm_class))
            .protocol_id(self.protocol_id)
            .priority_flag(PriorityFlag::from(self.priority))
            .validity_period(validity(self.validity.as_ref())?)
            .replace_if_present_flag(replace)
            .data_coding(DataCoding::from(self.data_coding))
            .build())
    }
}

/// What a message that is not delivered yet shall say instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The encoded text; how it is encoded stays as it was.
    pub text: Vec<u8>,
    /// A new validity.
    pub validity: Option<Validity>,
    /// Whether a receipt is wanted.
    pub receipt: bool,
}

impl Replacement {
    pub(crate) fn pdu(&self, message: &MessageRef) -> Result<Pdu, BadField> {
        let too_long = |max| BadField::TooLong {
            field: "replacement",
            shown: format!("{} bytes", self.text.len()),
            max,
        };
        if self.text.len() > SHORT_MESSAGE_MAX {
            return Err(too_long(SHORT_MESSAGE_MAX));
        }
        let text = OctetString::from_slice(&self.text).map_err(|_| too_long(SHORT_MESSAGE_MAX))?;
        let validity = validity(self.validity.as_ref()).map_err(|_| BadField::TooLong {
            field: "validity",
            shown: format!("{:?}", self.validity),
            max: 16,
        })?;
        Ok(ReplaceSm::builder()
            .message_id(c_string("message_id", &message.message_id)?)
            .source_addr_ton(Ton::from(message.source.ton))
            .source_addr_npi(Npi::from(message.source.npi))
            .source_addr(c_string("source address", &message.source.number)?)
            .validity_period(validity)
            .registered_delivery(RegisteredDelivery::from(u8::from(self.receipt)))
            .short_message(text)
            .build()
            .into())
    }
}

pub(crate) fn query_pdu(message: &MessageRef) -> Result<Pdu, BadField> {
    Ok(QuerySm::new(
        c_string("message_id", &message.message_id)?,
        Ton::from(message.source.ton),
        Npi::from(message.source.npi),
        c_string("source address", &message.source.number)?,
    )
    .into())
}

pub(crate) fn cancel_pdu(message: &MessageRef, destination: &Address) -> Result<Pdu, BadField> {
    Ok(CancelSm {
        service_type: ServiceType::null(),
        message_id: c_string("message_id", &message.message_id)?,
        source_addr_ton: Ton::from(message.source.ton),
        source_addr_npi: Npi::from(message.source.npi),
        source_addr: c_string("source address", &message.source.number)?,
        dest_addr_ton: Ton::from(destination.ton),
        dest_addr_npi: Npi::from(destination.npi),
        destination_addr: c_string("destination address", &destination.number)?,
    }
    .into())
}

fn validity(given: Option<&Validity>) -> Result<EmptyOrFullCOctetString<17>, BadMessage> {
    let Some(given) = given else { return Ok(EmptyOrFullCOctetString::empty()) };
    let bad = || BadMessage::Validity { given: given.clone() };
    let text = match given {
        Validity::For(time) if time.as_secs() == 0 || *time > VALIDITY_MAX => return Err(bad()),
        Validity::For(time) => {
            let seconds = time.as_secs();
            let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
            let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
            format!("0000{days:02}{hours:02}{minutes:02}{seconds:02}000R")
        }
        Validity::Text(text) if text.len() != 16 || !text.is_ascii() => return Err(bad()),
        Validity::Text(text) => text.clone(),
    };
    EmptyOrFullCOctetString::from_string(text).map_err(|_| bad())
}

#[cfg(test)]
mod tests;
