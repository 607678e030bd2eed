//! Bytes to frames, frames to fields, and PDUs to bytes.
//!
//! What goes out is written by the codec library, strictly. What comes in is read here, kindly:
//! the library refuses a whole PDU for one broken optional parameter, an address of 21 digits or
//! a message id that is not ASCII, and carriers send all of them; a receipt that is refused for
//! its form is an outcome that nobody learns. Must never panic, loop or reserve memory by a length
//! that a peer has claimed.

use bytes::{Buf, Bytes, BytesMut};
use rusmpp_core::CommandStatus;
use rusmpp_core::command::owned::Command;
use rusmpp_core::encode::Length;
use rusmpp_core::encode::owned::Encode;
use rusmpp_core::pdus::owned::Pdu;

/// Bytes of the header, and so of the shortest PDU.
pub(crate) const HEADER: usize = 16;

/// Optional parameters that are read of one PDU; a flood of empty ones would cost memory.
const TLVS_MAX: usize = 64;

/// One PDU as it came: header fields and the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) command: u32,
    pub(crate) status: u32,
    pub(crate) sequence: u32,
    pub(crate) body: Bytes,
}

/// Cuts a stream into frames. Holds at most one unfinished frame and what came after it in the
/// same push.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    buffer: BytesMut,
}

impl Framer {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame; the length field itself when no PDU can have it.
    pub(crate) fn frame(&mut self, bytes_max: usize) -> Result<Option<Frame>, u32> {
        let Some(length) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let claimed = u32::from_be_bytes(*length);
        let length = usize::try_from(claimed).unwrap_or(usize::MAX);
        if length < HEADER || length > bytes_max {
            return Err(claimed);
        }
        if self.buffer.len() < length {
            return Ok(None);
        }
        // Copied, so that a small PDU which is kept does not keep all that came with it.
        let mut head = &self.buffer[4..HEADER];
        let (command, status, sequence) = (head.get_u32(), head.get_u32(), head.get_u32());
        let body = Bytes::copy_from_slice(&self.buffer[HEADER..length]);
        self.buffer.advance(length);
        Ok(Some(Frame { command, status, sequence, body }))
    }

    /// Whether a frame is begun and not finished.
    pub(crate) fn half(&self) -> bool {
        !self.buffer.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.buffer = BytesMut::new();
    }
}

/// A PDU as bytes.
pub(crate) fn encode(status: u32, sequence: u32, pdu: Pdu) -> Bytes {
    let command = Command::new(CommandStatus::from(status), sequence, pdu);
    let length = 4 + command.length();
    let mut bytes = BytesMut::with_capacity(length);
    // A PDU of ours is a few hundred bytes, or one payload of at most 64 KiB.
    bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    command.encode(&mut bytes);
    bytes.freeze()
}

/// Reads fields one after the other. Each read says `None` at the end of the bytes.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    rest: Bytes,
}

impl Fields {
    pub(crate) fn new(body: Bytes) -> Fields {
        Fields { rest: body }
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.rest.has_remaining().then(|| self.rest.get_u8())
    }

    fn short(&mut self) -> Option<u16> {
        (self.rest.remaining() >= 2).then(|| self.rest.get_u16())
    }

    pub(crate) fn take(&mut self, length: usize) -> Option<Bytes> {
        (self.rest.remaining() >= length).then(|| self.rest.split_to(length))
    }

    /// A C string, without its end. Bytes above 127 read as Latin-1.
    pub(crate) fn text(&mut self) -> Option<String> {
        let end = self.rest.iter().position(|&byte| byte == 0)?;
        let text = latin1(&self.rest.split_to(end));
        self.rest.advance(1);
        Some(text)
    }

    /// The same, but the end of the body also ends it.
    pub(crate) fn text_or_rest(&mut self) -> String {
        match self.text() {
            Some(text) => text,
            None => latin1(&self.rest.split_off(0)),
        }
    }

    pub(crate) fn tlvs(&mut self) -> Tlvs {
        let mut list = Vec::new();
        while list.len() < TLVS_MAX
            && let (Some(tag), Some(length)) = (self.short(), self.short())
        {
            // A parameter that claims more than there is ends the list: what follows is no longer
            // where it says it is.
            let Some(value) = self.take(usize::from(length)) else { break };
            list.push((tag, value));
        }
        Tlvs { list }
    }
}

pub(crate) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// The optional parameters of a PDU, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tlvs {
    list: Vec<(u16, Bytes)>,
}

impl Tlvs {
    /// Made by hand, for tests and for callers that keep a delivery elsewhere.
    #[must_use]
    pub fn of(list: Vec<(u16, Bytes)>) -> Tlvs {
        Tlvs { list }
    }

    /// The value of the first parameter with this tag.
    #[must_use]
    pub fn get(&self, tag: u16) -> Option<&Bytes> {
        self.list.iter().find(|(known, _)| *known == tag).map(|(_, value)| value)
    }

    /// All of them: tag and value.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &Bytes)> {
        self.list.iter().map(|(tag, value)| (*tag, value))
    }

    pub(crate) fn byte(&self, tag: u16) -> Option<u8> {
        // Some carriers send numbers wider than the standard has them; the low byte is last.
        self.get(tag)?.last().copied()
    }

    pub(crate) fn short(&self, tag: u16) -> Option<u16> {
        match self.get(tag)?[..] {
            [byte] => Some(u16::from(byte)),
            [.., high, low] => Some(u16::from_be_bytes([high, low])),
            [] => None,
        }
    }

    pub(crate) fn text(&self, tag: u16) -> Option<String> {
        self.get(tag).map(|value| Fields::new(value.clone()).text_or_rest())
    }
}

/// Tags of optional parameters that this crate reads or writes.
pub mod tag {
    /// The interface version of the peer, in its answer to a bind.
    pub const SC_INTERFACE_VERSION: u16 = 0x0210;
    /// A number of the submitter's own, copied into the receipt.
    pub const USER_MESSAGE_REFERENCE: u16 = 0x0204;
    /// Which joined message a part belongs to.
    pub const SAR_MSG_REF_NUM: u16 = 0x020C;
    /// How many parts it has.
    pub const SAR_TOTAL_SEGMENTS: u16 = 0x020E;
    /// Which part this is, from 1.
    pub const SAR_SEGMENT_SEQNUM: u16 = 0x020F;
    /// The text, where it is longer than 254 bytes or the carrier likes it so.
    pub const MESSAGE_PAYLOAD: u16 = 0x0424;
    /// Network and error of a failed delivery.
    pub const NETWORK_ERROR_CODE: u16 = 0x0423;
    /// The id that a receipt is about.
    pub const RECEIPTED_MESSAGE_ID: u16 = 0x001E;
    /// What became of the message.
    pub const MESSAGE_STATE: u16 = 0x0427;
}
