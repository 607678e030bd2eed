//! What a person wrote: its place in a joined message, its encoding, its bytes.
//!
//! Must never decode characters (which alphabet is the carrier's default, only the caller knows),
//! and never lose a text for a header that makes no sense: then the whole is the text.

use bytes::Bytes;

use crate::address::Address;
use crate::delivery::{Delivery, UDHI};
use crate::septets;
use crate::wire::tag;

/// What alphabet a `data_coding` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// The carrier's default, mostly the GSM 7-bit alphabet in one octet each.
    Default,
    /// ASCII.
    Ascii,
    /// Latin-1.
    Latin1,
    /// UTF-16, high byte first.
    Utf16,
    /// No text.
    Binary,
    /// One that is not used for texts (JIS, Cyrillic, Hebrew, …).
    Other(u8),
}

impl Coding {
    /// What a `data_coding` means: the values of SMPP up to 15, those of GSM above.
    #[must_use]
    pub fn of(data_coding: u8) -> Coding {
        match data_coding {
            0 => Coding::Default,
            1 => Coding::Ascii,
            2 | 4 => Coding::Binary,
            3 => Coding::Latin1,
            8 => Coding::Utf16,
            // General group: bits 2 and 3 name the alphabet.
            0x10..=0x3F => match data_coding >> 2 & 3 {
                0 => Coding::Default,
                1 => Coding::Binary,
                2 => Coding::Utf16,
                _ => Coding::Other(data_coding),
            },
            // A message waits: 0xE0 with UTF-16.
            0xC0..=0xDF => Coding::Default,
            0xE0..=0xEF => Coding::Utf16,
            // With a class: bit 2 means data.
            0xF0..=0xFF if data_coding & 4 == 0 => Coding::Default,
            0xF0..=0xFF => Coding::Binary,
            other => Coding::Other(other),
        }
    }
}

/// The place of a part in a joined message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Which message of this person: 8 or 16 bits.
    pub reference: u16,
    /// Whether the reference has 16 bits: 5 and 0005 are two messages.
    pub wide: bool,
    /// How many parts there are, 1 or more.
    pub total: u8,
    /// Which one this is, from 1 to `total`.
    pub index: u8,
}

/// One delivery that a person wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inbound {
    /// The person.
    pub from: Address,
    /// Our sender.
    pub to: Address,
    /// Where it stands, if it is a part of something.
    pub place: Option<Place>,
    /// What it says.
    pub piece: Piece,
    /// The port it is for, if one is named: then it is for a program, not for people.
    pub port: Option<u16>,
}

/// Bytes of a text and how to read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The text without its header.
    pub bytes: Bytes,
    /// How it is encoded.
    pub data_coding: u8,
    /// Octets of the header that stood before it; [`Piece::unpacked`] needs them.
    pub header_octets: usize,
    /// National language tables (locking, single shift) that the header asks for; 0 is none.
    pub languages: (u8, u8),
}

impl Piece {
    /// The septets of a packed 7-bit text, one per octet, for carriers that deliver them so.
    #[must_use]
    pub fn unpacked(&self) -> Vec<u8> {
        septets::unpack(&self.bytes, septets::fill_bits(self.header_octets))
    }
}

impl Inbound {
    /// Reads a delivery as a text. Ask [`crate::Receipt::read`] first.
    #[must_use]
    pub fn read(delivery: &Delivery) -> Inbound {
        let header =
            (delivery.esm_class & UDHI != 0).then(|| Header::read(&delivery.text)).flatten();
        let header = header.unwrap_or_default();
        let sar = || {
            let tlvs = &delivery.tlvs;
            let reference = tlvs.short(tag::SAR_MSG_REF_NUM)?;
            let total = tlvs.byte(tag::SAR_TOTAL_SEGMENTS)?;
            place(reference, true, total, tlvs.byte(tag::SAR_SEGMENT_SEQNUM)?)
        };
        Inbound {
            from: delivery.source.clone(),
            to: delivery.destination.clone(),
            place: header.place.or_else(sar),
            piece: Piece {
                // `read` has checked that the header ends inside.
                bytes: delivery.text.slice(header.octets..),
                data_coding: delivery.data_coding,
                header_octets: header.octets,
                languages: header.languages,
            },
            port: header.port,
        }
    }
}

#[derive(Debug, Default)]
struct Header {
    octets: usize,
    place: Option<Place>,
    port: Option<u16>,
    languages: (u8, u8),
}

impl Header {
    /// `None` when the header claims to be longer than the text.
    fn read(text: &[u8]) -> Option<Header> {
        let (&length, rest) = text.split_first()?;
        let mut elements = rest.get(..usize::from(length))?;
        let mut header = Header { octets: usize::from(length) + 1, ..Header::default() };
        while let [kind, length, rest @ ..] = elements {
            // An element that runs over the end makes the rest meaningless, not the text.
            let Some((value, rest)) = rest.split_at_checked(usize::from(*length)) else { break };
            match (kind, value) {
                (0x00, &[reference, total, index]) => {
                    let found = place(u16::from(reference), false, total, index);
                    header.place = header.place.or(found);
                }
                (0x08, &[high, low, total, index]) => {
                    let found = place(u16::from_be_bytes([high, low]), true, total, index);
                    header.place = header.place.or(found);
                }
                (0x04, &[destination, _source]) => header.port = Some(u16::from(destination)),
                (0x05, &[high, low, _, _]) => header.port = Some(u16::from_be_bytes([high, low])),
                (0x24, &[table]) => header.languages.1 = table,
                (0x25, &[table]) => header.languages.0 = table,
                _ => {}
            }
            elements = rest;
        }
        Some(header)
    }
}

fn place(reference: u16, wide: bool, total: u8, index: u8) -> Option<Place> {
    // A message of one part is whole already.
    (total > 1 && (1..=total).contains(&index)).then_some(Place { reference, wide, total, index })
}

#[cfg(test)]
mod tests;
