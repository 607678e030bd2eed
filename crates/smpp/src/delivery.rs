//! What a peer delivers: a deliver_sm or a data_sm, read field by field.
//!
//! Must never interpret: whether it is a receipt says [`crate::Receipt`], what the text is says
//! [`crate::Inbound`].

use bytes::Bytes;

use crate::address::Address;
use crate::wire::{Fields, Tlvs, tag};

/// The bit of `esm_class` that says that the text begins with a header.
pub(crate) const UDHI: u8 = 0x40;

/// A receipt or a text, as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Mostly empty.
    pub service_type: String,
    /// For a text the person; for a receipt the person too (who got the message).
    pub source: Address,
    /// Our sender.
    pub destination: Address,
    /// What this is, and whether the text has a header.
    pub esm_class: u8,
    /// GSM protocol id; 0 in a data_sm.
    pub protocol_id: u8,
    /// 0 in a data_sm.
    pub priority: u8,
    /// How the text is written.
    pub data_coding: u8,
    /// The text: of the short message, or of the payload parameter if the short one is empty.
    pub text: Bytes,
    /// Optional parameters.
    pub tlvs: Tlvs,
}

impl Delivery {
    /// A number of our own, if we put one into the message and the carrier copies it.
    #[must_use]
    pub fn user_message_reference(&self) -> Option<u16> {
        self.tlvs.short(tag::USER_MESSAGE_REFERENCE)
    }

    pub(crate) fn read_deliver(body: Bytes) -> Option<Delivery> {
        let mut fields = Fields::new(body);
        let service_type = fields.text()?;
        let source = address(&mut fields)?;
        let destination = address(&mut fields)?;
        let esm_class = fields.byte()?;
        let protocol_id = fields.byte()?;
        let priority = fields.byte()?;
        let _schedule = fields.text()?;
        let _validity = fields.text()?;
        let _registered = fields.byte()?;
        let _replace = fields.byte()?;
        let data_coding = fields.byte()?;
        let _default_message = fields.byte()?;
        let length = fields.byte()?;
        let text = fields.take(usize::from(length))?;
        let tlvs = fields.tlvs();
        let text = payload(text, &tlvs);
        Some(Delivery {
            service_type,
            source,
            destination,
            esm_class,
            protocol_id,
            priority,
            data_coding,
            text,
            tlvs,
        })
    }

    pub(crate) fn read_data(body: Bytes) -> Option<Delivery> {
        let mut fields = Fields::new(body);
        let service_type = fields.text()?;
        let source = address(&mut fields)?;
        let destination = address(&mut fields)?;
        let esm_class = fields.byte()?;
        let _registered = fields.byte()?;
        let data_coding = fields.byte()?;
        let tlvs = fields.tlvs();
        let text = payload(Bytes::new(), &tlvs);
        Some(Delivery {
            service_type,
            source,
            destination,
            esm_class,
            data_coding,
            text,
            tlvs,
            ..Delivery::default()
        })
    }
}

fn payload(short: Bytes, tlvs: &Tlvs) -> Bytes {
    match tlvs.get(tag::MESSAGE_PAYLOAD) {
        Some(payload) if short.is_empty() => payload.clone(),
        _ => short,
    }
}

fn address(fields: &mut Fields) -> Option<Address> {
    let (ton, npi) = (fields.byte()?, fields.byte()?);
    Some(Address { ton, npi, number: fields.text()? })
}
